// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/tap_queue.h"

#include <errno.h>

#include "daemon/beside.h"
#include "frontend/tap.h"
#include "nic/netdev.h"

/* At most 8 MB, at the average length below which packets are small. 16 busy loops on two CPUs keep a worker waiting for
 * 25 ms, in which 1000 packets come; with 1024, a quarter of all had to be sent again. */
#define SMALL_LEN 4096u

/* Small packets on average, and superpackets. What is between leaves the length as it is. */
#define SMALL_BYTES 2048u
#define LARGE_BYTES 8192u

#define LOOK_NS 250000000u

/* Fewer packets in this time tell nothing, and find room in any queue. */
#define PACKETS_LEAST 256u

static void sum(const struct workers *workers, uint64_t *packets, uint64_t *bytes)
{
	struct worker_stats stats;

	*packets = *bytes = 0;
	for (; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->cnt; q++) {
			stats_read(&workers->worker[q].published, &stats);
			*packets += stats.tap_packets;
			*bytes += stats.tap_bytes;
		}
}

/* Until something large is seen, packets are small. */
static uint32_t wanted_len(const struct tap_queue *queue, uint64_t packets, uint64_t bytes)
{
	if (!queue->len)
		return SMALL_LEN;
	if (packets < PACKETS_LEAST)
		return queue->len;
	return bytes < packets * SMALL_BYTES ? SMALL_LEN : bytes > packets * LARGE_BYTES ? TAP_QUEUE_LEN : queue->len;
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
		      uint64_t now_ns)
{
	struct change change = { .frontend = frontend };
	uint64_t packets, bytes;
	uint32_t len;

	if (now_ns - queue->looked_ns < LOOK_NS)
		return;
	if (queue->ifindex != frontend->ifindex)
		*queue = (struct tap_queue){ .ifindex = frontend->ifindex };
	queue->looked_ns = now_ns;
	sum(heartbeat->workers, &packets, &bytes);
	/* The counters begin again with new workers; then one look tells nothing. */
	len = packets < queue->packets ? queue->len : wanted_len(queue, packets - queue->packets, bytes - queue->bytes);
	queue->packets = packets;
	queue->bytes = bytes;
	change.settings.txqueuelen = len;
	if (len != queue->len && !beside_call(heartbeat, set_len, &change))
		queue->len = len;
}
