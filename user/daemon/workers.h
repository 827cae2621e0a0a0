/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The workers, one for each queue that is served: started, stopped and closed, all together or the last one. They are
 * opened by workers_open.h. Functions that return int return 0 or -errno and have logged why.
 */
#ifndef SUPERPACKET_WORKERS_H
#define SUPERPACKET_WORKERS_H

#include "datapath/worker.h"
#include "frontend/frontend.h"

#define WORKERS_DRAIN_MS 500u /* how long a worker may drain at its end */

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

void workers_close(struct workers *workers);
void workers_close_last(struct workers *workers);

/* Starts or stops all that are open, or starts one. drain_ms: as worker_stop() has it. */
int workers_start(struct workers *workers);
int workers_start_one(struct workers *workers, uint32_t queue);
void workers_stop(struct workers *workers, uint32_t drain_ms);

/* One queue less. While it drains, the heartbeat may lapse and the kernel carry the traffic of all. */
void workers_remove_last(struct workers *workers, struct frontend *front);

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
