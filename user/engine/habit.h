/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Leave alone what does not gain: remembers of which flows holding the first packet has kept being in vain,
 * and says for how many packets not to try again.
 *
 * A packet that is held costs its place in the flow table and its checksum, some 30 ns; a packet that
 * is saved the way through the stack because it was merged repays 16 of those and more. So each flow has
 * a purse: a hold in vain takes one out, a merged packet puts 16 in. Whose purse is empty is left alone for
 * a number of packets, then may try a few; each try in vain doubles the time, a gain ends it.
 *
 *      trusted    --habit_failed() x 16-->          alone for 64 packets, by habit_leave_alone()
 *      alone      --the packets have passed-->       trying, 4 holds
 *      trying     --habit_failed() x 4-->           alone for 128, 256 ... 4096
 *      any        --habit_gained()-->               trusted, by what was gained
 *
 * (The drivers of the patent's holder, sfc and sfxge, go by another reason: they merge only after 2000
 * packets in order, and 20 after a loss, to keep up the rate of ACKs while the sender needs them. Here
 * ACKs are the receiving stack's business, which sees the number of segments.)
 *
 * Whoever reassembles uses it so:
 *  - habit_leave_alone() where a packet would begin to be held, and only there: not for appends, which
 *    so pay nothing, nor for what passes anyway. True: it passes untouched. Nothing of its flow is held
 *    then, so order is kept (D1); its checksum was looked at, for the order of others (D2).
 *  - habit_gained() when a superpacket of two or more packets ends, however.
 *  - habit_failed() when a held packet ends alone, for a reason that says something of its flow: out of
 *    sequence, no data (an ACK between), larger, header differs, checksum, end of burst, age. Not when
 *    others are to blame or the flow is at its end: table full, fragment, IP options, flags, push/fin,
 *    reconfiguration, shutdown. And when a packet that would have been held has a wrong checksum.
 *
 * A table of fixed size, one place a hash; nothing is searched, nothing is allocated. Flows that share a
 * hash share a purse; of flows that share a place the busier one has it, and the other is served as
 * if there were no habits. A flow that was never held in vain takes no place. The hash is keyed
 * (flow.h), so nobody can choose whom to share with.
 */
#ifndef SUPERPACKET_HABIT_H
#define SUPERPACKET_HABIT_H

#include "base/bytes.h"

/* Enough that 400 flows without gain at a time have nine chances in ten of a place of their own; 32 KiB,
 * which stays in the second-level cache. */
#define HABIT_ENTRIES 4096u

/* Holds in vain before a new flow is left alone. Fewer would judge flows by one idle moment: of those where
 * every fourth hold gains, 8 in a row fail for one in ten at the start, 16 for one in a hundred. More
 * costs a flow that never gains 30 ns each, once. */
#define HABIT_TRUST 16u

/* What one merged packet is worth, in holds: 500 ns or more through a TAP and the stack to 30. A flow that
 * merges one packet in 16 holds just keeps its purse; one in 24, and 99 % of its packets are left alone; one
 * in 12, and it is 0.3 % (test_habit.c). */
#define HABIT_EARNED 16u

/* The purse holds no more, so that a bulk flow that has turned into requests and responses is found out
 * after 240 holds, some 7 us of work. */
#define HABIT_PURSE_MAX 240u

/* Holds of a try. One alone would find a flow that gains every fourth time only after several rounds. */
#define HABIT_TRY 4u

/* Packets a flow is left alone, at first and at most. From the first, trying is at most one packet in 17; at the
 * most, one in a thousand, and a flow that begins to gain waits for at most 4096 packets: 6 MB at 1448
 * bytes each, 5 ms at 10 Gbit/s. */
#define HABIT_ALONE_MIN 64u
#define HABIT_ALONE_MAX 4096u

/* Private. All zero: free. */
struct habit_entry {
	uint32_t hash;
	uint16_t alone;      /* packets still to be left alone */
	uint8_t purse;       /* holds left */
	uint8_t rounds : 4;  /* tries in vain since the last gain: the next time is 64 << rounds */
	uint8_t tenure : 4;  /* foreign failures until the place is another's; 0: the entry is free */
};

struct habit {
	struct habit_entry *entries; /* [mask + 1] */
	uint32_t mask;
};

/* Bytes of memory that a table of entry_cnt entries needs, a power of two. */
static inline size_t habit_memory_size(uint32_t entry_cnt)
{
	return entry_cnt * sizeof(struct habit_entry);
}

/* An empty table in memory (8-byte aligned), which the caller owns and keeps until it is done with it. */
void habit_init(struct habit *habit, uint32_t entry_cnt, void *memory);

/* A superpacket of packet_cnt packets, two or more, of this flow has ended. */
void habit_gained(struct habit *habit, uint32_t hash, uint32_t packet_cnt);

/* A packet of this flow was held in vain. */
void habit_failed(struct habit *habit, uint32_t hash);

/* Foreign failures that the place of a busy flow survives. */
#define HABIT_TENURE_MAX 15u

/* Whether this packet is to pass without being held; counts it if so. */
static inline bool habit_leave_alone(struct habit *habit, uint32_t hash)
{
	struct habit_entry *entry = &habit->entries[hash & habit->mask];

	if (likely(entry->hash != hash || !entry->alone))
		return false;
	entry->alone--;
	entry->tenure = HABIT_TENURE_MAX;
	return true;
}

#endif
