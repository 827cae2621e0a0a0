/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A sequence lock with one writer: whoever reads, from any thread and at any time, gets all words as of one moment,
 * and the writer never waits. The sequence is odd while the words are being written.
 *
 * Words are released and acquired one by one, instead of between two fences: on x86 both are plain moves, and
 * ThreadSanitizer, which knows no fences, can follow. A reader that sees a word of a new round synchronizes with its
 * store, so it also sees that the sequence has moved on, and reads again.
 */
#ifndef SUPERPACKET_SEQLOCK_H
#define SUPERPACKET_SEQLOCK_H

#include <stddef.h>
#include <stdint.h>

static inline void seqlock_write(uint32_t *sequence, uint64_t *to, const uint64_t *from, size_t words)
{
	const uint32_t begin = __atomic_load_n(sequence, __ATOMIC_RELAXED) + 1;

	__atomic_store_n(sequence, begin, __ATOMIC_RELAXED);
	for (size_t i = 0; i < words; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
	__atomic_store_n(sequence, begin + 1, __ATOMIC_RELEASE);
}

/* Waits only while the writer is in the middle of it: some tens of nanoseconds, unless its thread is preempted just
 * there. */
static inline void seqlock_read(const uint32_t *sequence, uint64_t *to, const uint64_t *from, size_t words)
{
	uint32_t before;

	do {
		before = __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
		for (size_t i = 0; i < words; i++)
			to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	} while (before & 1 || before != __atomic_load_n(sequence, __ATOMIC_RELAXED));
}

#endif
