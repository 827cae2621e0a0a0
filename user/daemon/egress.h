/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The host's egress policy holds, inline: what it has set up on the NIC's way out comes before our program, or the
 * outgoing direction is left to the kernel until it is gone.
 *
 *   on the NIC                                    our program             the outgoing direction
 *   nothing, or tcx programs                      last of these           served
 *   egress filters in clsact                      last of those           served
 *   such filters, where ours cannot be added      last tcx program        left to the kernel
 *   a qdisc that may shape, police or order       last tcx program        left to the kernel
 *   whatever, with --egress ignore                last tcx program        served
 *
 * It is looked at when the kernel tells of a change of qdiscs, filters or the link, and the chain of tcx programs, of
 * which the kernel does not tell, four times a second. That is done by the guard's thread, because the kernel answers
 * under its lock of all interfaces; what it finds is acted upon by the main thread.
 *
 * The direction is left at once. What the TAP and the workers still hold is dropped then (worker_stale.c). It is served
 * again when they hold nothing any more, and not before a second has passed, so that somebody who rebuilds a qdisc step
 * by step does not have it switched at each step.
 *
 * What a bond sends passes the way out of a member, too. Ours cannot go behind what stands there, so there any filter,
 * tcx program, or qdisc as above leaves the direction to the kernel; on each member, used or not, as a failover would
 * not wait for a look.
 *
 * It is no fault of the daemon that an operator shapes: the state stays ok, and status, the log and systemd's status
 * tell who has the direction, and why.
 */
#ifndef SUPERPACKET_EGRESS_FOLLOW_H
#define SUPERPACKET_EGRESS_FOLLOW_H

#include <pthread.h>

#include "daemon/config.h"
#include "daemon/workers.h"
#include "nic/steer.h"

#define EGRESS_MEMBERS_MAX 16u

struct egress_verdict {
	enum steer_place place;
	char obstacle[160]; /* why the direction is left to the kernel; "": it is served */
	bool moved;         /* ours had to be made the last tcx program again */
};

struct egress {
	struct steer *steer; /* NULL: port mode, in which the TAP has the policy and nothing is looked at */
	uint32_t ifindex;
	bool ignore;
	const char *interface; /* for messages */

	/* The guard's thread: */
	uint32_t programs; /* tcx programs on members, when it was looked last */
	struct egress_verdict found;

	/* Shared, by atomics or under the lock: */
	bool look; /* main thread: look at everything again */
	pthread_mutex_t lock;
	struct egress_verdict published;
	uint32_t member_cnt, member[EGRESS_MEMBERS_MAX]; /* of a bond: ifindex */

	/* The main thread: */
	struct egress_verdict told;
	bool left;        /* the direction is left to the kernel */
	uint64_t left_ns; /* when */
};

/* Before steer_start(): the direction is left until egress_begin(). */
void egress_open(struct egress *egress, const struct config *config, const struct netdev *dev, struct steer *steer);

/* The main thread: members of the bond, by their ifindex. */
void egress_set_members(struct egress *egress, const uint32_t *ifindex, uint32_t cnt);

/* After steer_start(), before the guard's thread: looks for the first time, and serves the direction or logs why not. */
void egress_begin(struct egress *egress);

/* The guard's thread: looks, and moves the program. */
void egress_watch(struct egress *egress);

/* The main thread: the kernel has told of a change; egress_watch() looks at everything when it is called next. */
void egress_look_again(struct egress *egress);

/* The main thread: acts upon what was found. Returns whether the direction was left, or is served again. */
bool egress_follow(struct egress *egress, const struct workers *workers);

/* "daemon" or "kernel": who has the outgoing direction; and why, "" in port mode. */
const char *egress_who(const struct egress *egress, const char **why);

#endif
