// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/workers_close.h"

#include <stdlib.h>

#include "daemon/beside.h"
#include "daemon/front.h"

/* ---- stopping ---- */

void workers_tell_stop(struct workers *workers, uint32_t drain_ms)
{
	for (uint32_t q = 0; q < workers->cnt; q++)
		if (workers->worker[q].running)
			worker_tell_stop(&workers->worker[q], drain_ms);
}

void workers_join(struct workers *workers, struct heartbeat *heartbeat)
{
	for (uint32_t q = 0; q < workers->cnt; q++) {
		if (workers->worker[q].running)
			beside_join(heartbeat, workers->worker[q].thread);
		workers->worker[q].running = false;
	}
}

void workers_stop(struct workers *workers, uint32_t drain_ms, struct heartbeat *heartbeat)
{
	workers_tell_stop(workers, drain_ms);
	workers_join(workers, heartbeat);
}

/* ---- closing ---- */

static int close_one(void *worker)
{
	worker_close(worker);
	return 0;
}

void workers_close_last(struct workers *workers, struct heartbeat *heartbeat)
{
	(void)beside_call(heartbeat, close_one, &workers->worker[--workers->opened_cnt]);
}

static int close_all(void *arg)
{
	struct workers *closing = arg;

	while (closing->opened_cnt)
		worker_close(&closing->worker[--closing->opened_cnt]);
	free(closing->progress);
	free(closing->worker);
	return 0;
}

/* The kernel takes some milliseconds for each socket. */
void workers_close(struct workers *workers, struct heartbeat *heartbeat)
{
	struct workers closing = *workers;

	workers->progress = NULL;
	workers->worker = NULL;
	workers->cnt = workers->opened_cnt = 0;
	(void)beside_call(heartbeat, close_all, &closing);
}

/* ---- one queue less ---- */

struct use {
	struct frontend *front;
	uint32_t cnt;
};

static int use_queues(void *arg)
{
	const struct use *use = arg;

	return front_use_queues(use->front, use->cnt);
}

int workers_use_queues(const struct workers *workers, struct frontend *front, uint32_t cnt, struct heartbeat *heartbeat)
{
	struct use use = { front, cnt };

	return workers->member ? 0 : beside_call(heartbeat, use_queues, &use);
}

/* First nothing more comes from the NIC, then what is held goes up and out, and only then are the stack's packets
 * spread over the other queues: so the order in each flow is kept. */
void workers_remove_last(struct workers *workers, struct frontend *front, struct heartbeat *heartbeat)
{
	const uint32_t queue = --workers->cnt;
	struct worker *worker = &workers->worker[queue];

	steer_remove_socket(workers->steer, queue);
	worker_tell_stop(worker, WORKERS_DRAIN_MS);
	if (workers->member)
		beside_join(heartbeat, worker->thread);
	else
		pthread_join(worker->thread, NULL);
	worker->running = false;
	steer_remove_socket(workers->steer, queue); /* the worker may just have made a new one */
	workers_close_last(workers, heartbeat);
	(void)workers_use_queues(workers, front, queue, heartbeat);
}
