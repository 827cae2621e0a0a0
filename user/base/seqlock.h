/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A sequence lock with one writer. Any thread may read at any time and gets all words as of one moment; the writer
 * never waits. The sequence is odd while the words are being written.
 *
 * Each word is stored with release and loaded with acquire. A reader that has seen a word of the next round therefore
 * also sees that the sequence has changed, and reads again. On x86 both are plain moves. Two fences would do as well,
 * but ThreadSanitizer does not know fences.
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

/* Waits only while the writer is in the middle of a round: some tens of nanoseconds, unless its thread is preempted
 * just there. */
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
