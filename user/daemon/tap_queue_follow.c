// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Asks the workers what is in the TAP's queue, and sets its length as tap_queue.c decides. */
#include <errno.h>

#include "base/log.h"
#include "daemon/beside.h"
#include "daemon/tap_queue.h"
#include "frontend/tap.h"
#include "nic/netdev.h"

/* That packets may be lost is said this often at most. */
#define LOG_NS 60000000000u

static struct tap_queue_seen ask_workers(const struct workers *workers)
{
	struct tap_queue_seen seen = { .emptied = true };
	struct worker_stats stats;

	for (; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->cnt; q++) {
			stats_read(&workers->worker[q].published, &stats);
			seen.packets += stats.tap_packets;
			seen.bytes += stats.tap_bytes;
			seen.emptied &= __atomic_load_n(&workers->worker[q].front_emptied, __ATOMIC_RELAXED);
		}
	return seen;
}

static void forget_empty(const struct workers *workers)
{
	for (; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->cnt; q++)
			__atomic_store_n(&workers->worker[q].front_emptied, false, __ATOMIC_RELAXED);
}

static void say_forced(struct tap_queue *queue, const struct frontend *frontend, uint32_t len, uint64_t now_ns)
{
	if (queue->said_ns && now_ns - queue->said_ns < LOG_NS)
		return;
	queue->said_ns = now_ns;
	log_info("%s: its queue of %u superpackets is never empty, and is shortened to %u; what does not fit is lost",
		 frontend->name, queue->len, len);
}

struct change {
	const struct frontend *frontend;
	struct netdev_settings settings;
};

/* Where it is gone or was moved away, others say so. */
static int set_len(void *arg)
{
	const struct change *change = arg;
	const struct frontend *frontend = change->frontend;

	return frontend->ops->is_here(frontend) ? netdev_set(frontend->ifindex, &change->settings) : -ENODEV;
}

void tap_queue_follow(struct tap_queue *queue, struct heartbeat *heartbeat, const struct frontend *frontend,
		      uint32_t most, uint64_t now_ns)
{
	struct change change = { .frontend = frontend };
	struct tap_queue_seen seen;
	enum tap_queue_step step;

	if (queue->ifindex != frontend->ifindex)
		*queue = (struct tap_queue){ .ifindex = frontend->ifindex, .len = TAP_QUEUE_LEN };
	if (!tap_queue_due(queue, now_ns))
		return;
	seen = ask_workers(heartbeat->workers);
	step = tap_queue_decide(queue, &seen, most, now_ns, &change.settings.txqueuelen);
	if (step == TAP_QUEUE_ASK)
		forget_empty(heartbeat->workers);
	if (step != TAP_QUEUE_SET && step != TAP_QUEUE_FORCE)
		return;
	if (step == TAP_QUEUE_FORCE)
		say_forced(queue, frontend, change.settings.txqueuelen, now_ns);
	if (!beside_call(heartbeat, set_len, &change))
		queue->len = change.settings.txqueuelen;
}
