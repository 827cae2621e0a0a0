/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Checks, independently of the engine, that the packets of a flow leave in the order in which they came (D1).
 *
 * Only packets that the engine owns at the same time can overtake each other, so only these are remembered. Each one
 * is in a list chosen by the hash of its flow, oldest first, and may leave only if no older one of its flow is in the
 * list. The check is exact, and its memory does not grow.
 */
#ifndef TOOLS_REPLAY_ORDER_H
#define TOOLS_REPLAY_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/parse.h"

struct order {
	struct order_entry {
		uint64_t flow;
		uint32_t next;
	} * entries;
	struct order_list {
		uint32_t first, last;
	} * lists;
	uint32_t list_mask;
};

/* For slots 0 to slot_cnt - 1; slot_cnt is a power of two. Returns false if there is no memory. */
bool order_init(struct order *order, uint32_t slot_cnt);
void order_fini(struct order *order);

/* A packet of this flow has arrived, and uses this slot until it leaves. */
void order_arrive(struct order *order, uint32_t slot, uint64_t flow);

/* The packet leaves. Returns false if an older packet of its flow is still there, in slot *older. */
bool order_leave(struct order *order, uint32_t slot, uint32_t *older);

/* A hash of all fields that distinguish flows (R10). Packets without ports form one flow per pair of hosts and
 * protocol. In the given tunnels the inner packet decides. */
uint64_t order_flow(const uint8_t *data, uint32_t len, const struct parse_tunnels *tunnels);

#endif
