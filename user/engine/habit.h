/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Adaptive merging: leaves flows alone for a while whose packets do not merge.
 *
 * Holding the first packet of a superpacket costs a place in the flow table and a checksum, some 30 ns. If
 * nothing is appended, that was in vain. A packet that is merged avoids the way through the stack, which is
 * worth at least 16 such holds. So each flow has a credit: a hold in vain costs 1, a merged packet earns
 * 16. A flow without credit is left alone for a number of packets, then may try a few holds. Each try in
 * vain doubles that number; a gain ends it.
 *
 *      trusted    --habit_failed() x 16-->          alone for 64 packets, by habit_leave_alone()
 *      alone      --the packets have passed-->       trying, 4 holds
 *      trying     --habit_failed() x 4-->           alone for 128, 256 ... 4096
 *      any        --habit_gained()-->               trusted, by what was gained
 *
 * (The drivers of the patent's holder, sfc and sfxge, adapt for another reason: they merge only after 2000
 * packets in order, and 20 after a loss, to keep the rate of ACKs up while the sender needs them. Here the
 * receiving stack sends the ACKs, and it sees the number of segments.)
 *
 * Reassembly calls
 *  - habit_leave_alone() when a packet would begin to be held, and only then, so that appends and packets
 *    that pass anyway cost nothing. If it returns true, the packet passes untouched. Nothing of its flow is
 *    held at that moment, so order is kept (D1); its checksum was verified, for the order of others (D2).
 *  - habit_gained() when a superpacket of two or more packets ends, for any reason.
 *  - habit_failed() when a held packet ends alone, for a reason that tells something about its flow: out of
 *    sequence, no data (an ACK between), larger, header differs, checksum, end of burst, age. Not when the
 *    reason is another flow, or the end of this one: table full, fragment, IP options, flags, push/fin,
 *    reconfiguration, shutdown. Also when a packet that would have been held has a wrong checksum.
 *
 * The table has a fixed size and one place for each hash; nothing is searched or allocated. Flows with the
 * same hash share a credit. Of flows that compete for a place, the busier one has it, and the other is
 * always merged. A flow that was never held in vain takes no place. The hash is keyed (flow.h), so an
 * attacker cannot choose which flows share.
 */
#ifndef SUPERPACKET_HABIT_H
#define SUPERPACKET_HABIT_H

#include "base/bytes.h"

/* With 400 flows without gain at a time, each has a place of its own with a probability of 0.9. The table
 * takes 32 KiB, which stays in the second-level cache. */
#define HABIT_ENTRIES 4096u

/* Holds in vain before a new flow is left alone. Of flows in which every fourth hold gains, one in ten fails
 * 8 times in a row at its start, one in a hundred 16 times; so fewer would judge a flow by one idle moment.
 * Each one more costs a flow that never gains 30 ns, once. */
#define HABIT_TRUST 16u

/* What one merged packet is worth, in holds: 500 ns or more through a TAP and the stack, against 30. A flow
 * that merges one packet in 16 holds just keeps its credit. With one in 24, 99 % of its packets are left
 * alone; with one in 12, 0.3 % (test_habit.c). */
#define HABIT_EARNED 16u

/* Most credit, so that a bulk flow that turns into requests and responses is left alone after 240 holds in
 * vain, some 7 us of work. */
#define HABIT_CREDIT_MAX 240u

/* Holds of one try. With a single one, a flow that gains every fourth time would need several rounds. */
#define HABIT_TRY 4u

/* How many packets a flow is left alone for, at first and at most. At first, one packet in 17 is a try; at
 * the most, one in a thousand. A flow that begins to gain waits for at most 4096 packets: 6 MB of 1448 bytes
 * each, 5 ms at 10 Gbit/s. */
#define HABIT_ALONE_MIN 64u
#define HABIT_ALONE_MAX 4096u

/* Private. All zero: free. */
struct habit_entry {
	uint32_t hash;
	uint16_t alone;     /* packets still to be left alone */
	uint8_t credit;     /* holds left */
	uint8_t rounds : 4; /* tries in vain since the last gain: the next pause is 64 << rounds */
	uint8_t tenure : 4; /* failures of other flows until the place is lost; 0: the entry is free */
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

/* Failures of other flows that the place of a busy flow survives. */
#define HABIT_TENURE_MAX 15u

/* Whether this packet is to pass without being held. Counts it as passed if so. */
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
