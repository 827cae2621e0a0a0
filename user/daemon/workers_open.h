/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Opens and starts workers while the heartbeat goes on. Functions that return int return 0 or -errno and have logged why.
 */
#ifndef SUPERPACKET_WORKERS_OPEN_H
#define SUPERPACKET_WORKERS_OPEN_H

#include "daemon/cpus.h"
#include "daemon/heartbeat.h"
#include "daemon/plan.h"
#include "daemon/workers.h"

/* What workers are opened with. */
struct workers_setup {
	struct worker_config common; /* of all: without queue, CPU and the front end's queue */
	const struct plan *plan;
	const struct cpus *cpus;
	struct frontend *front;
	struct heartbeat *heartbeat; /* goes on while opening takes its time */
};

/* Opens cnt workers; none is left open, and cnt is 0, on failure. again: it was tried before, so a failure is not logged,
 * and a socket that is busy is not waited for. */
int workers_open(struct workers *workers, const struct workers_setup *setup, bool again);

/* Starts all that are open, or one. */
int workers_start(struct workers *workers, struct heartbeat *heartbeat);
int workers_start_one(struct workers *workers, uint32_t queue);

/* One more queue, while the others go on. again: the same. */
int workers_add(struct workers *workers, const struct workers_setup *setup, bool again);

#endif
