// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/tap_queue.h"

#include "frontend/tap.h"

/* Small packets on average, and superpackets. What is between leaves the length as it is. */
#define SMALL_BYTES 2048u
#define LARGE_BYTES 8192u

/* Fewer packets in this time tell nothing, and find room in any queue. */
#define PACKETS_LEAST 256u

/* A queue that was empty this long ago does not have 256 superpackets by now, unless the kernel is slow to set it. A worker
 * comes round more often. */
#define EMPTY_NS 50000000u

/* How long to wait for an empty queue, and between halvings of one that never is. */
#define PATIENCE_NS 1000000000u
#define HALVING_NS 250000000u

/* Until something large is seen, packets are small. */
static uint32_t suitable_len(const struct tap_queue *queue, uint64_t packets, uint64_t bytes, uint32_t most)
{
	if (!queue->wanted)
		return most;
	if (packets < PACKETS_LEAST)
		return queue->wanted;
	return bytes < packets * SMALL_BYTES ? most : bytes > packets * LARGE_BYTES ? TAP_QUEUE_LEN : queue->wanted;
}

static void look(struct tap_queue *queue, const struct tap_queue_seen *seen, uint32_t most, uint64_t now_ns)
{
	queue->looked_ns = now_ns;
	/* The counters begin again with new workers; then one look tells nothing. */
	if (seen->packets >= queue->packets)
		queue->wanted = suitable_len(queue, seen->packets - queue->packets, seen->bytes - queue->bytes, most);
	queue->packets = seen->packets;
	queue->bytes = seen->bytes;
}

static enum tap_queue_step shrink(struct tap_queue *queue, bool emptied, uint64_t now_ns, uint32_t *len)
{
	if (!queue->shrink_ns)
		queue->shrink_ns = now_ns;
	if (emptied && queue->asked_ns >= queue->shrink_ns && now_ns - queue->asked_ns < EMPTY_NS) {
		*len = queue->wanted;
		return TAP_QUEUE_SET;
	}
	if (now_ns - queue->shrink_ns >= PATIENCE_NS) {
		queue->shrink_ns += HALVING_NS;
		*len = queue->len / 2 > queue->wanted ? queue->len / 2 : queue->wanted;
		return TAP_QUEUE_FORCE;
	}
	if (queue->asked_ns >= queue->shrink_ns && now_ns - queue->asked_ns < EMPTY_NS)
		return TAP_QUEUE_LEAVE;
	queue->asked_ns = now_ns;
	return TAP_QUEUE_ASK;
}

enum tap_queue_step tap_queue_decide(struct tap_queue *queue, const struct tap_queue_seen *seen, uint32_t most,
				     uint64_t now_ns, uint32_t *len)
{
	if (!queue->wanted || now_ns - queue->looked_ns >= TAP_QUEUE_LOOK_NS)
		look(queue, seen, most, now_ns);
	if (queue->wanted < queue->len)
		return shrink(queue, seen->emptied, now_ns, len);
	queue->shrink_ns = 0;
	*len = queue->wanted;
	return queue->wanted > queue->len ? TAP_QUEUE_SET : TAP_QUEUE_LEAVE;
}
