/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How bench-engine measures: contenders take turns on one CPU, round by round, and each leaves a
 * sample a round. Whatever fails ends the program.
 *
 *      pass     one call of a contender, which times itself with bench_now_ns()
 *      round    as many passes as make 16384 units (segments, packets, ...); one sample, ns a unit
 *      race     a round of each to warm up, then BENCH_ROUNDS of each in turns (A B A B ...)
 */
#ifndef TOOLS_BENCH_MEASURE_H
#define TOOLS_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/* 15 in all: 5 in each of 3 processes. Odd, so that a median is a sample. */
#define BENCH_PROCESSES 3u
#define BENCH_ROUNDS 5u

struct bench_samples {
	uint32_t cnt;
	double value[BENCH_PROCESSES * BENCH_ROUNDS];
};

struct bench_contender {
	uint64_t (*pass)(void *ctx); /* ns it took; NULL: does not take part */
	void *ctx;
	uint32_t units;              /* segments, packets, ... of a pass */
	struct bench_samples samples;
};

/* Says why on stderr and ends the program with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *format, ...);

/* Zeroed pages of their own; given back with munmap(). */
void *bench_memory(size_t len);

/* The last CPU that we may use: the first ones take most interrupts. */
int bench_last_cpu(void);
void bench_pin(int cpu);

uint64_t bench_now_ns(void);

/* What bench_now_ns() itself adds to a section that it encloses; 0 before bench_clock_calibrate(). */
extern uint64_t bench_clock_ns;
void bench_clock_calibrate(void);

/* Adds BENCH_ROUNDS samples to each contender that takes part. */
void bench_race(struct bench_contender *contenders, size_t cnt);

#endif
