/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fail-open: the BPF programs leave all traffic to the kernel unless they see a heartbeat. The main thread shows it,
 * and only while every worker moves and can carry packets and no program is missing. So a worker that hangs or is
 * away, a main thread that hangs, or a program that was taken away gives all traffic to the kernel.
 *
 * So the main thread must not wait for anything long by itself: see beside.h.
 */
#ifndef SUPERPACKET_HEARTBEAT_H
#define SUPERPACKET_HEARTBEAT_H

#include "daemon/guard.h"
#include "daemon/service.h"
#include "daemon/state.h"
#include "daemon/workers.h"
#include "nic/steer.h"

/* Well below STEER_HEARTBEAT_LIMIT_NS: one beat may be lost and the next come late. */
#define HEARTBEAT_NS 20000000u

struct heartbeat {
	struct workers *workers; /* and those of members */
	struct steer *steer;     /* of the interface; NULL: there are no programs now */
	const struct guard *guard;
	struct state *state;
	struct service service;
	bool withheld;     /* see heartbeat_withhold() */
	uint64_t shown_ns; /* when heartbeat_show() was called last */
};

/* Call it every HEARTBEAT_NS, and between the steps of anything that takes longer; calling it more often is cheap and
 * does no harm. */
void heartbeat_show(struct heartbeat *heartbeat);

/* Shows none any more, so that the kernel carries all traffic from this moment on, and not only when the last one has
 * lapsed; or shows them again. */
void heartbeat_withhold(struct heartbeat *heartbeat, bool withheld);

#endif
