// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Start and end of a worker's thread, both called by the main thread, which joins it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "datapath/worker_internal.h"

int worker_thread(pthread_t *thread, int cpu, void *(*function)(void *), void *arg)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET(cpu, &set);
		err = pthread_attr_setaffinity_np(&attr, sizeof set, &set);
	}
	if (!err)
		err = pthread_create(thread, &attr, function, arg);
	pthread_attr_destroy(&attr);
	return -err;
}

int worker_start(struct worker *worker)
{
	struct worker_config *config = &worker->config;
	int err = worker_thread(&worker->thread, config->cpu, worker_run, worker);

	if (err && config->cpu >= 0) {
		log_warning("%s queue %u: its thread cannot run on CPU %d (%s); it runs on any CPU", config->interface,
			    config->queue, config->cpu, strerror(-err));
		config->cpu = -1;
		err = worker_thread(&worker->thread, -1, worker_run, worker);
	}
	if (err) {
		log_error("%s queue %u: creating its thread: %s", config->interface, config->queue, strerror(-err));
		return err;
	}
	worker->running = true;
	return 0;
}

void worker_tell_stop(struct worker *worker, uint32_t drain_ms)
{
	const uint64_t one = 1;

	worker->drain_ms = drain_ms;
	__atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
	if (write(worker->wake_fd, &one, sizeof one) < 0)
		log_warning("%s queue %u: waking its thread: %s", worker->config.interface, worker->config.queue,
			    strerror(errno));
}
