/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether packets of a flow leave in the order in which they came (D1), told without the engine.
 *
 * Only packets that are in hand at the same time can change places, so no more than these are
 * remembered: each waits in a list of its flow's hash, oldest first, and may leave only when no
 * older one of its flow waits. Exact, and in memory that does not grow.
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
	} *entries;
	struct order_list {
		uint32_t first, last;
	} *lists;
	uint32_t list_mask;
};

/* For slots 0 to slot_cnt - 1, a power of two. False: no memory. */
bool order_init(struct order *order, uint32_t slot_cnt);
void order_fini(struct order *order);

/* A packet of this flow has come, and is in this slot until it leaves. */
void order_arrive(struct order *order, uint32_t slot, uint64_t flow);

/* It leaves. False: an older packet of its flow is still there (its slot: *older). */
bool order_leave(struct order *order, uint32_t slot, uint32_t *older);

/* A hash of what makes a flow (R10); packets without ports are one flow a pair of hosts and
 * protocol. tunnels: those whose inside makes the flow. */
uint64_t order_flow(const uint8_t *data, uint32_t len, const struct parse_tunnels *tunnels);

#endif
