/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the fuzz targets share: bytes of the input, one after the other, and what must hold.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, as a crash does, unless the condition holds. */
#define holds(condition, sentence)                                                   \
	do {                                                                         \
		if (!(condition)) {                                                  \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, sentence); \
			abort();                                                     \
		}                                                                    \
	} while (0)

struct input {
	const uint8_t *at;
	size_t left;
};

/* Behind the end there are zeros. */
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

/* Memory of exactly len bytes, so that a step outside does not go unseen. */
static inline uint8_t *exact_room(size_t len)
{
	uint8_t *room = malloc(len ? len : 1);

	if (!room)
		exit(0);
	return room;
}

static inline uint8_t *exact_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = exact_room(len);

	if (len)
		memcpy(copy, data, len);
	return copy;
}

#endif
