/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state of the daemon as a whole, and telling it: to `superpacket status` and, in the same words, to systemd.
 *
 *      ok          it carries what it should
 *      degraded    it does not; inline, the kernel carries the traffic, and in port mode it is lost
 *      waiting     the interface is gone, or the network namespace of the TAP
 */
#ifndef SUPERPACKET_STATE_H
#define SUPERPACKET_STATE_H

#include <stdbool.h>

struct state {
	bool port;           /* port mode: what the daemon does not carry, nobody does */
	char ready[128];     /* what is served, in one line */
	const char *waiting; /* why there is no interface to serve; everything of it is released. NULL: it is there */
	bool mtu_too_large;
	struct trouble {
		bool hung;   /* a worker does not move */
		bool away;   /* a worker cannot carry packets now */
		bool deaf;   /* what is steered to a worker does not arrive */
	} trouble;           /* heartbeat.c */
	const char *members; /* of a bond: why some of its traffic is not carried; NULL: all is (members.c) */
	const char *front;   /* the TAP carries nothing; NULL: it does (follow.c) */
	const char *tags;    /* VLAN tags may be lost, so the kernel has what arrives; NULL: they are not (tags.c) */
	const char *link;    /* the NIC is down; NULL: it is up (status_ready()) */
	char lossy[320];   /* packets get lost all the time: where, and what helps (losses_follow.c); "": they do not */
	char missing[320]; /* which program was taken away, and what helps (guard.c); "": none */
};

/* "ok", "degraded" or "waiting". */
const char *state_name(const struct state *state);

/* Why it is not ok, "" where it is. */
const char *state_why(const struct state *state);

/* Tells systemd. */
void state_tell(const struct state *state);

#endif
