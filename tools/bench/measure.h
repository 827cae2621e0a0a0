/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How bench-engine measures: contenders take turns on one CPU, and each adds one sample per round. Any
 * failure ends the program.
 *
 *      pass     one call of a contender, which times itself with bench_now_ns()
 *      round    as many passes as make 16384 units (segments, packets, ...); one sample, in ns per unit
 *      race     one round of each contender to warm up, then BENCH_ROUNDS of each in turns (A B A B ...)
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
	uint64_t (*pass)(void *ctx); /* returns the ns it took; NULL: the contender does not take part */
	void *ctx;
	uint32_t units; /* segments, packets, ... per pass */
	struct bench_samples samples;
};

/* Prints the message to stderr and ends the program with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *format, ...);

/* Zeroed pages; the caller frees them with munmap(). */
void *bench_memory(size_t len);

/* The last CPU that we may use, because the first ones take most interrupts. */
int bench_last_cpu(void);
void bench_pin(int cpu);

uint64_t bench_now_ns(void);

/* The time that bench_now_ns() itself adds to a measured section; 0 before bench_clock_calibrate(). */
extern uint64_t bench_clock_ns;
void bench_clock_calibrate(void);

/* Adds BENCH_ROUNDS samples to each contender that takes part. */
void bench_race(struct bench_contender *contenders, size_t cnt);

#endif
