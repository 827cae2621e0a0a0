/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For all fuzz targets: reading the input byte by byte, and conditions that must hold.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixtures/exact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, which libFuzzer reports as a crash, unless the condition holds. */
#define holds(condition, sentence) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, sentence); \
			abort(); \
		} \
	} while (0)

struct input {
	const uint8_t *at;
	size_t left;
};

/* The input continues with zeros behind its end. */
static inline uint32_t take8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint32_t take16(struct input *in)
{
	uint32_t low = take8(in);

	return low | take8(in) << 8;
}

#endif
