// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/workers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/front.h"

void workers_close_last(struct workers *workers)
{
	worker_close(&workers->worker[--workers->opened_cnt]);
}

void workers_close(struct workers *workers)
{
	while (workers->opened_cnt)
		workers_close_last(workers);
	free(workers->progress);
	free(workers->worker);
	workers->progress = NULL;
	workers->worker = NULL;
	workers->cnt = 0;
}

int workers_start_one(struct workers *workers, uint32_t queue)
{
	workers->progress[queue] = (struct progress){ .moved_ns = clock_ns() };
	return worker_start(&workers->worker[queue]); /* it has logged why */
}

int workers_start(struct workers *workers)
{
	for (uint32_t q = 0; q < workers->cnt; q++) {
		int err = workers_start_one(workers, q);

		if (err) {
			workers_stop(workers, WORKERS_DRAIN_MS);
			return err;
		}
	}
	return 0;
}

void workers_stop(struct workers *workers, uint32_t drain_ms)
{
	for (uint32_t q = workers->cnt; q--;)
		if (workers->worker[q].running)
			worker_stop(&workers->worker[q], drain_ms);
}

/* First nothing more comes from the NIC, then what is held goes up and out, and only then are the stack's packets
 * spread over the other queues: so the order in each flow is kept. */
void workers_remove_last(struct workers *workers, struct frontend *front)
{
	const uint32_t queue = --workers->cnt;

	steer_remove_socket(workers->steer, queue);
	worker_stop(&workers->worker[queue], WORKERS_DRAIN_MS);
	steer_remove_socket(workers->steer, queue); /* the worker may just have made a new one */
	workers_close_last(workers);
	if (!workers->member)
		(void)front_use_queues(front, queue);
}

const struct worker *workers_any(const struct workers *workers)
{
	while (workers && !workers->opened_cnt)
		workers = workers->next;
	return workers ? &workers->worker[0] : NULL;
}

uint32_t workers_total(const struct workers *workers)
{
	uint32_t cnt = 0;

	for (; workers; workers = workers->next)
		cnt += workers->cnt;
	return cnt;
}

uint32_t workers_frame_max(const struct workers *workers)
{
	uint32_t most = UINT32_MAX;

	for (; workers; workers = workers->next)
		if (workers->opened_cnt && workers->worker[0].frame_max < most)
			most = workers->worker[0].frame_max;
	return most;
}

void workers_set_mtu(struct workers *workers, uint32_t mtu)
{
	for (; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->cnt; q++)
			transmit_set_mtu(&workers->worker[q].transmit, mtu);
}

struct xsk_choice workers_choice(const struct workers *workers, uint32_t queue)
{
	return facts_read(&workers->worker[queue].facts).choice;
}
