/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The workers, one for each queue that is served. workers_open.h opens and starts them, workers_close.h stops and closes
 * them.
 */
#ifndef SUPERPACKET_WORKERS_H
#define SUPERPACKET_WORKERS_H

#include "datapath/worker.h"
#include "frontend/frontend.h"

/* What the main thread has seen of a worker (heartbeat.c). */
struct progress {
	uint64_t tick;     /* the worker's, when it was seen last */
	uint64_t moved_ns; /* when it was last seen to have advanced */
	bool hung;         /* it has not for too long */
	bool away;         /* the worker cannot carry packets now */
	bool deaf;         /* frames that are steered to its socket do not arrive; the kernel has them */
};

/* Those of one NIC. A bond has none of its own: those of its members follow by next. */
struct workers {
	struct worker *worker; /* room entries, as the next one */
	struct progress *progress;
	struct steer *steer; /* the NIC's; NULL: not open */
	struct workers *next;
	uint32_t cnt;         /* queues that are served; before workers_open(): that are to be */
	uint32_t opened_cnt;  /* workers that are open, running or not */
	uint32_t room;        /* the most queues there can ever be */
	uint32_t front_first; /* the front end's queue that belongs to the first one */
	bool member;          /* of a bond: all queues of the front end are in use, and a program chooses among them */
	bool idle;            /* a member that its bond does not use now: nobody waits for its workers */
	bool cut;             /* a member without a carrier: what waits to be sent by it is stale */
};

/* The longest frame that the sockets of all NICs take. Those of one are alike, since each binds in the best way of its
 * driver. */
uint32_t workers_frame_max(const struct workers *workers);

/* The first one that is open, of whatever NIC. */
const struct worker *workers_any(const struct workers *workers);

/* Queues that are served, of all NICs. */
uint32_t workers_total(const struct workers *workers);

/* Of all NICs. */
void workers_set_mtu(struct workers *workers, uint32_t mtu);

/* How the socket of a queue was bound. */
struct xsk_choice workers_choice(const struct workers *workers, uint32_t queue);

#endif
