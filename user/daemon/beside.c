// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/beside.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "datapath/worker.h"

/* Longer than any step of ours waits by itself: binding a socket 2 s, a carrier 3 s, an answer of netlink 5 s. */
#define LIMIT_NS 10000000000ull

static bool ends_in_time(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += HEARTBEAT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_timedjoin_np(thread, NULL, &until) != ETIMEDOUT;
}

void beside_join(struct heartbeat *heartbeat, pthread_t thread)
{
	const uint64_t end_ns = clock_ns() + LIMIT_NS;

	do {
		heartbeat_show(heartbeat);
		if (ends_in_time(thread))
			return;
	} while (clock_ns() < end_ns);
	log_warning(
		"what the main thread waits for has taken %llu s; the kernel carries all traffic until it has ended",
		LIMIT_NS / 1000000000);
	pthread_join(thread, NULL);
}

struct beside {
	int (*call)(void *arg);
	void *arg;
	int result;
};

static void *run(void *arg)
{
	struct beside *beside = arg;

	beside->result = beside->call(beside->arg);
	return NULL;
}

int beside_call(struct heartbeat *heartbeat, int (*call)(void *arg), void *arg)
{
	struct beside beside = { .call = call, .arg = arg };
	pthread_t thread;

	if (worker_thread(&thread, -1, run, &beside))
		return call(arg);
	beside_join(heartbeat, thread);
	return beside.result;
}

/* ---- what is asked most ---- */

struct reading {
	uint32_t ifindex;
	const struct netdev *of;
	union {
		struct netdev *dev;
		struct bond *bond;
		struct netdev_stack *stack;
	};
};

static int reread(void *arg)
{
	const struct reading *reading = arg;

	return netdev_reread(reading->dev, reading->ifindex);
}

int beside_reread(struct heartbeat *heartbeat, struct netdev *dev, uint32_t ifindex)
{
	struct reading reading = { .ifindex = ifindex, .dev = dev };

	return beside_call(heartbeat, reread, &reading);
}

static int read_bond(void *arg)
{
	const struct reading *reading = arg;

	return bond_read(reading->bond, reading->of);
}

int beside_read_bond(struct heartbeat *heartbeat, struct bond *bond, const struct netdev *dev)
{
	struct reading reading = { .of = dev, .bond = bond };

	return beside_call(heartbeat, read_bond, &reading);
}

static int read_stack(void *arg)
{
	const struct reading *reading = arg;

	return netdev_stack_read(reading->ifindex, reading->stack);
}

int beside_read_stack(struct heartbeat *heartbeat, struct netdev_stack *stack, uint32_t ifindex)
{
	struct reading reading = { .ifindex = ifindex, .stack = stack };

	return beside_call(heartbeat, read_stack, &reading);
}
