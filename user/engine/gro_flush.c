// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * When what is held goes up though nothing followed it: time and order (D4, D6).
 */
#include "gro_held.h"

/* How far ahead deliveries are asked for, and from how many on: fewer are in the cache. */
#define FLUSH_AHEAD 4u
#define FLUSH_AHEAD_FLOWS 512u

/* Of the list that begins with entry, what gro_next() has to know and what was not foreseen. */
static void give_reason(struct gro *gro, uint32_t entry, enum gro_reason reason)
{
	for (; entry != FLOW_NONE; entry = gro->table.links[entry].age_next) {
		gro->supers[entry].reason = (uint8_t)reason;
		if (gro->config.adaptive)
			learn(gro, &gro->supers[entry], reason);
	}
}

void gro_flush(struct gro *gro, enum gro_reason reason)
{
	uint32_t oldest, newest = gro->table.newest;
	struct flow_links *links = gro->table.links;

	if (newest == FLOW_NONE)
		return;
	gro->ready_ahead = gro->table.held_cnt >= FLUSH_AHEAD_FLOWS ? gro->table.oldest : FLOW_NONE;
	for (uint32_t i = 0; i < FLUSH_AHEAD && gro->ready_ahead != FLOW_NONE; i++)
		gro->ready_ahead = links[gro->ready_ahead].age_next;
	oldest = flow_remove_all(&gro->table);
	gro->recent = FLOW_NONE;
	if (reason != gro->time_reason || gro->config.adaptive)
		give_reason(gro, oldest, reason);

	/* D6: as they were in the list of ages, they become deliveries. */
	if (gro->ready_head != FLOW_NONE)
		links[gro->ready_tail].age_next = oldest;
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
