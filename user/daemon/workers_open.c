// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/workers_open.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/log.h"
#include "daemon/beside.h"
#include "daemon/workers_close.h"

struct opening {
	struct worker *worker;
	struct worker_config config;
	int err;
};

static void *open_in_thread(void *arg)
{
	struct opening *opening = arg;

	confine_enter(CONFINE_WORKER);
	opening->err = worker_open(opening->worker, &opening->config);
	return NULL;
}

/* Opening takes its time, for the memory alone. So a thread of its own does it, while this one shows the heartbeat,
 * as others may carry traffic; and it runs on the worker's own CPU, so that the memory is near it. */
static int open_beside_heartbeat(struct heartbeat *heartbeat, struct opening *opening)
{
	pthread_t thread;
	int err = worker_thread(&thread, opening->config.cpu, open_in_thread, opening);

	if (err && opening->config.cpu >= 0)
		err = worker_thread(&thread, -1, open_in_thread, opening);
	if (err) {
		log_error("%s queue %u: thread: %s", opening->config.interface, opening->config.queue, strerror(-err));
		return err;
	}
	beside_join(heartbeat, thread);
	return opening->err;
}

static int open_one(struct workers *workers, const struct workers_setup *setup, uint32_t queue, bool again)
{
	struct opening opening = { .worker = &workers->worker[queue], .config = setup->common };
	const char *interface = setup->common.interface;
	struct xsk_choice choice;
	int err;

	opening.config.queue = queue;
	opening.config.cpu = cpus_of(setup->cpus, workers->front_first + queue);
	opening.config.front = setup->front->ops->queue(setup->front, workers->front_first + queue);
	if (again) {
		opening.config.quiet = true;
		opening.config.xsk.bind_timeout_ms = 0;
	}
	err = open_beside_heartbeat(setup->heartbeat, &opening);
	choice = workers_choice(workers, queue);
	if (err) {
		if (!again)
			plan_explain_failure(setup->plan, interface, &choice, err);
		return err;
	}
	plan_say_unproved(setup->plan, interface, queue, &choice);
	workers->opened_cnt++;
	err = steer_add_socket(setup->common.steer, queue, workers->worker[queue].xsk.fd);
	if (err)
		log_error("%s queue %u: giving its socket to the XDP program: %s", interface, queue, strerror(-err));
	return err;
}

int workers_open(struct workers *workers, const struct workers_setup *setup, bool again)
{
	int err = 0;

	workers->worker = calloc(workers->room, sizeof *workers->worker);
	workers->progress = calloc(workers->room, sizeof *workers->progress);
	if (!workers->worker || !workers->progress) {
		log_error("%s: no memory for %u workers", setup->common.interface, workers->cnt);
		err = -ENOMEM;
	}
	for (uint32_t q = 0; !err && q < workers->cnt; q++)
		err = open_one(workers, setup, q, again);
	if (err)
		workers_close(workers, setup->heartbeat);
	return err;
}

int workers_start_one(struct workers *workers, uint32_t queue)
{
	workers->progress[queue] = (struct progress){ .moved_ns = clock_ns() };
	return worker_start(&workers->worker[queue]); /* it has logged why */
}

int workers_start(struct workers *workers, struct heartbeat *heartbeat)
{
	for (uint32_t q = 0; q < workers->cnt; q++) {
		int err = workers_start_one(workers, q);

		if (err) {
			workers_stop(workers, WORKERS_DRAIN_MS, heartbeat);
			return err;
		}
	}
	return 0;
}

int workers_add(struct workers *workers, const struct workers_setup *setup, bool again)
{
	const uint32_t queue = workers->cnt;
	int err = open_one(workers, setup, queue, again);

	/* Only now: packets that the front end has spread to a queue are lost if the queue is given up again. */
	if (!err)
		err = workers_use_queues(workers, setup->front, queue + 1, setup->heartbeat);
	if (!err)
		err = workers_start_one(workers, queue);
	if (!err) {
		workers->cnt++;
		return 0;
	}
	steer_remove_socket(setup->common.steer, queue);
	if (workers->opened_cnt > queue)
		workers_close_last(workers, setup->heartbeat);
	(void)workers_use_queues(workers, setup->front, queue, setup->heartbeat);
	return err;
}
