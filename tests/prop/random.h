/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random numbers that follow from a seed alone (splitmix64): the same on every machine.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* A number that depends on v alone and looks random. */
static inline uint64_t random_mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static inline uint64_t random_u64(struct random *r) { return random_mix(r->state += 0x9e3779b97f4a7c15); }

static inline uint32_t below(struct random *r, uint32_t n) { return (uint32_t)((random_u64(r) >> 32) * n >> 32); }

static inline bool one_in(struct random *r, uint32_t n) { return below(r, n) == 0; }

/* 1 to most, with each number of digits equally likely. */
static inline uint32_t of_any_size(struct random *r, uint32_t most)
{
	uint32_t bits = 32 - (uint32_t)__builtin_clz(most), v;

	do
		v = 1 + below(r, 1u << below(r, bits + 1));
	while (v > most);
	return v;
}

#endif
