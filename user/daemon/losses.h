/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets that are lost on our way, whoever has counted them: the workers, their sockets, the TAP. A loss now and then
 * is the way of networks. One that goes on is `degraded`, with the place where most are lost and what helps:
 *
 *      it begins   in the last LOSSES_SECONDS, more than 1/1000 of one direction was lost, in half of these seconds
 *      it ends     less than 1/2000 was lost, or in fewer than two of these seconds
 *
 * 1/1000, because it shows: a TCP connection over a path of 10 ms comes to some 45 Mbit/s with that. Half of the
 * seconds, because a burst that is over needs no operator: TCP fills a queue once when it starts.
 */
#ifndef SUPERPACKET_LOSSES_H
#define SUPERPACKET_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#define LOSSES_SECONDS 10u
#define LOSSES_BEGIN 1000u /* one in so many */
#define LOSSES_END 2000u
/* Fewer in all of these seconds say nothing about a rate. */
#define LOSSES_LEAST 10u

enum loss {
	LOSS_NIC,      /* in: no room in the NIC, or no buffer of its ring */
	LOSS_RING,     /* in: no room in the receive ring, or no frame in the fill ring: the worker is too late */
	LOSS_FRAME,    /* in: dropped by the socket or by us, for its length */
	LOSS_ARRIVAL,  /* in: steered and not arrived */
	LOSS_LATE,     /* in: stale */
	LOSS_OVERLOAD, /* in: dropped by the XDP program, on its way to the kernel */
	LOSS_TAP_IN,   /* in: not taken by the TAP, or lost behind it */
	LOSS_TAP_OUT,  /* out: dropped by the TAP's queue */
	LOSS_FORM,     /* out: refused for its form */
	LOSS_LATE_OUT, /* out: stale, or being cut when the socket was made anew */
	LOSS_CNT
};

/* Since the start: counters that only grow, but for a moment in which one begins anew. */
struct losses_count {
	uint64_t in, out; /* packets that came, those that were lost among them */
	uint64_t lost[LOSS_CNT];
};

struct losses {
	bool begun;
	struct losses_count last;
	struct losses_count seconds[LOSSES_SECONDS]; /* what came in each */
	uint32_t at;
	uint64_t next_ns;
	bool lossy;
};

/* Takes the counters of a second later. Returns whether a loss goes on, and if so the direction and place of most. */
bool losses_update(struct losses *losses, const struct losses_count *now, enum loss *most, double *percent);

/* Where, and what helps. */
const char *losses_where(enum loss loss);

#endif
