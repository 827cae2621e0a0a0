/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Slots: parts of a queue's traffic that can be left to the kernel one by one. The XDP program and the daemon share this.
 *
 * A slot is all traffic between some pairs of addresses: its number is a keyed hash of source and destination. Ports are
 * not in it, because fragments lack them and must not take another path than the rest of their flow. The table has no
 * entries that could be allocated, so nobody can fill it; and without the key nobody can choose whose slot to share.
 *
 * The order within a slot holds when it changes sides:
 *
 *   to the kernel   when the daemon has delivered everything of the slot. Each frame that goes to the socket has a number,
 *                   counted by queue; the slot keeps that of its last one; and the worker publishes up to which number
 *                   all have been delivered (or lost, for a full ring loses, too). One CPU at a time handles the frames
 *                   of a queue, in the order of these numbers.
 *   to the daemon   when the kernel has had nothing of the slot for STEER_SLOT_SILENCE_NS
 *
 * A queue that is always busy may never get to the end of a slot's frames. Then the frames of a slot that is on its way
 * to the kernel are dropped, until what is in the ring has been delivered (draining).
 */
#ifndef SUPERPACKET_STEER_SLOTS_H
#define SUPERPACKET_STEER_SLOTS_H

#include <linux/types.h>

#define STEER_SLOT_CNT 256 /* of a queue: those who share one with a victim are 1/256 of a random attack */

/* Queues beyond these have no slots, and all their traffic stays with the daemon. */
#define STEER_SLOT_QUEUES_MAX 256

/* GRO of the kernel may hold a frame for as long as a round of its polling takes, some 100 us, and at most until the next
 * tick of 1000 Hz; so longer than that. Where gro_flush_timeout makes it longer, there are no slots (open.c). The longer, the less often a busy slot has a gap like
 * this: 600 packets a second at random have a gap of 2 ms after every third packet, and one of 20 ms never. */
#define STEER_SLOT_SILENCE_NS 2000000ull

struct steer_slot {
	/* written by the program */
	__u64 passed_ns; /* when the kernel had its last frame; 0: it is with the daemon */
	__u32 last;      /* the number of the last frame that went to the socket */
	__u32 bytes;     /* that the kernel has had; wraps, as does the next */
	__u32 frames;
	/* written by the daemon */
	__u32 kernel; /* 1: the kernel shall have it */
};

struct steer_slots {
	__u32 key[8];    /* of the hash; written once */
	__u32 delivered; /* frames up to this number are not with the daemon any more */
	__u32 draining;
	__u32 reserved[6];
	struct steer_slot slot[STEER_SLOT_CNT];
};

/* NH, the hash of UMAC (RFC 4418 section 5.2), with a product more to bring the sum's bits to its top. IPv4 has its
 * addresses in the first two words, as they are in the packet. */
static inline __u32 steer_slot_index(const __u32 key[8], const __u32 addresses[8])
{
	__u64 sum = 0;

	for (int i = 0; i < 8; i += 2)
		sum += (__u64)(__u32)(addresses[i] + key[i]) * (__u32)(addresses[i + 1] + key[i + 1]);
	return (__u32)(sum * 0x9e3779b97f4a7c15ull >> 56);
}

#endif
