// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "bench/measure.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "base/bytes.h"

/* The smallest number of units (segments, packets, ...) in a round. */
#define ROUND_UNITS 16384u

#define LONG_PASS_NS 3000000u

uint64_t bench_clock_ns;

/* Which time is measured. A long pass will be interrupted by other processes, so it is measured in CPU time of this
 * thread. Reading that is a system call, so short passes, which can be repeated, use the monotonic clock. */
static clockid_t clock_in_use = CLOCK_MONOTONIC;
static uint64_t monotonic_ns, cpu_time_ns; /* the time that reading each clock takes */

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench-engine: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void *bench_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_die("%zu MB of memory: %s", len >> 20, strerror(errno));
	return p;
}

/* ---- the CPU ---- */

int bench_last_cpu(void)
{
	cpu_set_t set;
	int cpu = CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	while (cpu && !CPU_ISSET(cpu, &set))
		cpu--;
	return cpu;
}

void bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("CPU %d: %s", cpu, strerror(errno));
}

/* ---- clock and rounds ---- */

uint64_t bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(clock_in_use, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = load_u64(a), y = load_u64(b);

	return (x > y) - (x < y);
}

static uint64_t clock_cost(clockid_t clock)
{
	uint64_t took[1001];

	clock_in_use = clock;
	for (size_t i = 0; i < ARRAY_SIZE(took); i++) {
		uint64_t start = bench_now_ns();

		took[i] = bench_now_ns() - start;
	}
	qsort(took, ARRAY_SIZE(took), sizeof(took[0]), compare_u64);
	return took[ARRAY_SIZE(took) / 2];
}

static void use_clock(clockid_t clock)
{
	clock_in_use = clock;
	bench_clock_ns = clock == CLOCK_MONOTONIC ? monotonic_ns : cpu_time_ns;
}

void bench_clock_calibrate(void)
{
	cpu_time_ns = clock_cost(CLOCK_THREAD_CPUTIME_ID);
	monotonic_ns = clock_cost(CLOCK_MONOTONIC);
	use_clock(CLOCK_MONOTONIC);
}

/* How often this thread has lost its CPU to another. */
static long preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

/* A pass that another process has interrupted is repeated. A long one would be interrupted again, and is measured in
 * CPU time. */
static uint64_t undisturbed_pass(const struct bench_contender *c)
{
	uint64_t ns = 0;

	for (int tries = 0; tries < 5; tries++) {
		long before = preemptions();

		ns = c->pass(c->ctx);
		if (preemptions() == before)
			break;
		if (ns >= LONG_PASS_NS) {
			use_clock(CLOCK_THREAD_CPUTIME_ID);
			ns = c->pass(c->ctx);
			use_clock(CLOCK_MONOTONIC);
			break;
		}
	}
	return ns;
}

/* Runs as many passes as make ROUND_UNITS. Returns ns per unit. */
static double measure_round(const struct bench_contender *c)
{
	uint64_t units = 0, ns = 0;

	for (; units < ROUND_UNITS; units += c->units)
		ns += undisturbed_pass(c);
	return (double)ns / (double)units;
}

void bench_race(struct bench_contender *contenders, size_t cnt)
{
	for (uint32_t r = 0; r < 1 + BENCH_ROUNDS; r++)
		for (size_t i = 0; i < cnt; i++) {
			struct bench_contender *c = &contenders[i];
			double ns = c->pass ? measure_round(c) : 0;

			if (r && c->pass)
				c->samples.value[c->samples.cnt++] = ns;
		}
}
