// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/workers.h"

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
