// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * When what is held goes up though nothing followed it: time and order (D4, D6).
 */
#include "gro_held.h"

/* How far ahead the headers that will be amended are asked for. */
#define FLUSH_AHEAD 4u

void gro_flush(struct gro *gro, enum gro_reason reason)
{
	uint32_t oldest = gro->table.oldest, newest = gro->table.newest, ahead = oldest;
	const struct flow_links *links = gro->table.links;

	if (oldest == FLOW_NONE)
		return;
	flow_remove_all(&gro->table);
	for (uint32_t i = 0; i < FLUSH_AHEAD && ahead != FLOW_NONE; i++)
		ahead = links[ahead].next;
	for (uint32_t entry = oldest; entry != FLOW_NONE; entry = links[entry].next) {
		if (ahead != FLOW_NONE) {
			__builtin_prefetch(gro->supers[ahead].first.data);
			ahead = links[ahead].next;
		}
		finish(gro, &gro->supers[entry], reason);
	}
	gro->recent = FLOW_NONE;

	/* D6: as they were in the list of ages, they become deliveries. */
	if (gro->ready_tail != FLOW_NONE)
		gro->table.links[gro->ready_tail].next = oldest;
	else
		gro->ready_head = oldest;
	gro->ready_tail = newest;
}

/* a + b, as far as that goes. */
static uint64_t later_by(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t hold_end(const struct gro *gro, uint32_t entry)
{
	return later_by(gro->supers[entry].first_ns, gro->config.hold_ns);
}

static uint64_t idle_end(const struct gro *gro)
{
	return gro->config.idle_ns ? later_by(gro->last_ns, gro->config.idle_ns) : UINT64_MAX;
}

void gro_burst_end(struct gro *gro, uint64_t now_ns)
{
	if (gro->table.oldest == FLOW_NONE)
		return;
	if (!gro->config.hold_ns) {
		gro_flush(gro, GRO_BURST_END);
		return;
	}
	if (hold_end(gro, gro->table.newest) <= now_ns) {
		gro_flush(gro, GRO_AGE);
		return;
	}
	while (hold_end(gro, gro->table.oldest) <= now_ns) /* not so is the newest */
		complete(gro, gro->table.oldest, GRO_AGE);
	if (idle_end(gro) <= now_ns)
		gro_flush(gro, GRO_BURST_END);
}

uint64_t gro_deadline(const struct gro *gro)
{
	uint64_t hold, idle;

	if (gro->table.oldest == FLOW_NONE)
		return UINT64_MAX;
	hold = hold_end(gro, gro->table.oldest);
	idle = gro->config.hold_ns ? idle_end(gro) : UINT64_MAX;
	return hold < idle ? hold : idle;
}

uint32_t gro_owned_packets(const struct gro *gro)
{
	return gro->owned_cnt;
}
