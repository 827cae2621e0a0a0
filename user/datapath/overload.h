/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Overload: a worker that cannot keep up leaves to the kernel what gains least by it.
 *
 * A packet that cannot be merged costs a write of its own to the front end, several times what the kernel needs for it.
 * So a flood of such packets, or CPUs that others keep busy, fill the receive ring, and then packets are lost of all
 * flows alike. The worker therefore counts, slot by slot (steer_slots.h), how many packets a write delivers. While it
 * cannot keep up, the XDP program passes the slots with the fewest to the kernel:
 *
 *   level   gives slots with           goes up when
 *     1     under 4 packets a write    packets are being lost; or the worker is late, and such slots are to blame
 *     2     under 8                    packets were lost although the last change has had its effect
 *     3     under 16                   the same
 *
 * A slot with the kernel that has bulk gets a trial: a large transfer may have begun there. If it does not gain either,
 * the next trial comes later. All slots come back when the worker has kept up for a while. If that was too early, the
 * next time it takes twice as long.
 *
 * This file decides; it knows numbers and times only. The worker tells it what it delivers, and every
 * OVERLOAD_PERIOD_NS how it fares.
 */
#ifndef SUPERPACKET_OVERLOAD_H
#define SUPERPACKET_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/steer.h"

#define OVERLOAD_PERIOD_NS 10000000ull

/* The time after which a change has had its effect: the ring, full at the time of the change, is empty again. */
#define OVERLOAD_SETTLE_NS 50000000ull

/* Periods in a row in which the worker must fail to keep up before anything is given: a burst that fills the ring is
 * over sooner. */
#define OVERLOAD_TROUBLE_PERIODS 3u

/* How long slots stay with the kernel at least, and at most after several failed attempts in a row. */
#define OVERLOAD_STAY_NS 1000000000ull
#define OVERLOAD_STAY_MAX_NS 64000000000ull

/* 64 KiB are 44 packets of 1500 bytes, so nothing could reach a higher level and a trial's beyond it. */
#define OVERLOAD_LEVEL_MAX 3u

/* Bytes of a period that make bulk, 26 Mbit/s; and packets by which a trial is judged. */
#define OVERLOAD_BULK (32u << 10)
#define OVERLOAD_TRIAL_PACKETS 64u

/* To pass it takes a level more than to stay: of a slot that large transfers share with a flood, a good part merges, and
 * yet all of it is too much. */
#define OVERLOAD_TRIAL_LEVELS 1u

/* Periods in a row after which the frames of a slot that cannot leave are dropped, until it can: some hundred. */
#define OVERLOAD_STUCK_PERIODS 2u

/* How the worker has fared in a period. */
struct overload_period {
	uint64_t lost;    /* packets that the full ring has lost since the socket was opened */
	uint32_t waiting; /* the most that were in the ring when the worker looked */
};

/* What is known about the frames of the socket at one moment. */
struct overload_frames {
	uint64_t redirected; /* their number; to be read after `gone` */
	uint64_t taken;      /* packets that the worker has taken from the ring */
	uint64_t gone;       /* packets that the kernel has lost */
};

struct overload {
	struct steer_slots *slots; /* NULL: this queue has none, and nothing below is used */
	uint32_t ring_size;
	struct overload_slot {
		uint32_t packets, writes; /* delivered in this period, or trial */
		uint32_t bytes;           /* that the kernel had had by the end of the last period */
		bool trial;               /* it has come back to be judged */
		uint8_t failures;         /* of trials, in a row */
		uint64_t trial_ns;        /* when it did */
		uint64_t next_ns;         /* when the next one may begin */
	} slot[STEER_SLOT_CNT];
	uint64_t period_ns;         /* when it began */
	uint64_t lost;              /* at that time */
	uint32_t trials;            /* that are not judged yet */
	uint32_t stuck, stuck_cnt;  /* slots that cannot leave, as their frames keep coming; periods in a row */
	uint32_t level, given;      /* given: slots that shall be with the kernel */
	uint64_t raised_ns;         /* when the level went up */
	uint64_t trouble_ns;        /* when the worker last failed to keep up */
	uint32_t trouble_cnt;       /* periods in a row in which it did */
	uint64_t ended_ns, stay_ns; /* when all came back; how long they stay away at least */
	bool begun;                 /* some have been given since the level was 0 */
	uint64_t episodes;          /* times that it was so */

	struct overload_frames base;   /* when the socket was opened */
	struct overload_frames target; /* the moment whose frames are waited for */
	uint64_t target_ns;            /* when that was */
};

enum overload_change {
	OVERLOAD_SAME,
	OVERLOAD_BEGINS, /* slots are left to the kernel now */
	OVERLOAD_ENDS,
};

/* slots: those of the queue, or NULL. */
void overload_init(struct overload *overload, struct steer_slots *slots, uint32_t ring_size);

/* A new socket, of which nothing has been taken: what was redirected to another one is not with the daemon any more. */
void overload_socket(struct overload *overload, const struct overload_frames *now);

/* These packets were delivered by so many writes: one, or more where the superpacket was refused and written apart. They
 * are counted in packets of an Ethernet MTU of 1500, for a jumbo frame gains as many merged ones do. This is the first of
 * them, which is len bytes from its link-layer header on. */
void overload_delivered(struct overload *overload, const uint8_t *packet, uint32_t len, uint32_t packets,
			uint32_t writes);

static inline bool overload_due(const struct overload *overload, uint64_t now_ns)
{
	return overload->slots && now_ns - overload->period_ns >= OVERLOAD_PERIOD_NS;
}

/* Ends a period. */
enum overload_change overload_end_period(struct overload *overload, const struct overload_period *period,
					 uint64_t now_ns);

/* Whether overload_show_delivered() is of use now: slots are on their way to the kernel. */
static inline bool overload_is_giving(const struct overload *overload)
{
	return overload->slots && overload->level;
}

/* Tells the XDP program what has been delivered. To be called when the worker holds no packet. */
void overload_show_delivered(struct overload *overload, const struct overload_frames *now, uint64_t now_ns);

#endif
