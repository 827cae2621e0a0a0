// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Superpackets that end though no packet of their flow followed: for time (D4), for the sake of order (D2),
 * for room (D3), or because the caller says so; and in which order (D6).
 */
#include "gro_flush.h"

#include "gro_held.h"
#include "gro_key.h"

/* ---- adaptive: does merging this flow gain anything? ---- */

/* The reasons which say, of a packet that was held and ends alone, that its flow may go on like this (habit.h). */
#define REASONS_IN_VAIN \
	(1u << GRO_OUT_OF_SEQUENCE | 1u << GRO_NO_DATA | 1u << GRO_LARGER | 1u << GRO_HEADER | 1u << GRO_CHECKSUM | \
	 1u << GRO_BURST_END | 1u << GRO_AGE)

void gro_learn_habit(struct gro *gro, const struct gro_super *super, enum gro_reason reason)
{
	uint32_t hash = gro->table.links[super - gro->supers].hash;

	if (super->packet_cnt > 1)
		habit_gained(&gro->habit, hash, super->packet_cnt);
	else if (REASONS_IN_VAIN >> reason & 1)
		habit_failed(&gro->habit, hash);
}

/* ---- all ---- */

/* From this many held superpackets on, deliveries are prefetched, this far ahead. Fewer are in the cache. */
#define FLUSH_AHEAD_FLOWS 512u
#define FLUSH_AHEAD 4u

/* Writes the reason into a list of superpackets, where it is not the one that was foreseen. */
static void give_reason(struct gro *gro, uint32_t entry, enum gro_reason reason)
{
	for (; entry != FLOW_NONE; entry = gro->table.links[entry].age_next) {
		gro->supers[entry].reason = (uint8_t)reason;
		if (gro->config.adaptive)
			gro_learn_habit(gro, &gro->supers[entry], reason);
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

	/* D6: the list of ages becomes the list of deliveries. */
	if (gro->ready_head != FLOW_NONE)
		links[gro->ready_tail].age_next = oldest;
	else
		gro->ready_head = oldest;
	gro->ready_tail = newest;
}

/* ---- by time (D4) ---- */

/* a + b, but no more than UINT64_MAX. */
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
	while (hold_end(gro, gro->table.oldest) <= now_ns) /* ends at the newest */
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

/* ---- for room (D3) ---- */

void gro_flush_for_room(struct gro *gro)
{
	if (gro->config.flush_all_when_full)
		gro_flush(gro, GRO_TABLE_FULL);
	else
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
}

/* ---- for order (D2) ---- */

/* Protocols of outermost packets for which anything can be held. */
static const uint8_t held_protocols[] = { TCP_PROTOCOL, UDP_PROTOCOL, GRE_PROTOCOL, IPV4_PROTOCOL, IPV6_PROTOCOL };

/* The outermost packet, whose addresses and protocol decide. */
struct outermost {
	const uint8_t *ip;
	unsigned int version;
	uint8_t protocol; /* 0: unknown, could be any */
};

static struct outermost outermost_of(const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	if (view->tunnel)
		return (struct outermost){ data + view->outer_l3_off, view->outer_version, arrival->outer_protocol };
	return (struct outermost){ data + view->l3_off, view->ip_version, view->protocol };
}

/* Hashes of pairs may meet. */
static bool is_between(const struct gro_super *super, const struct outermost *outer)
{
	return super->outer_version == outer->version &&
	       (super->outer_protocol == outer->protocol || !outer->protocol) &&
	       !address_diff(super->head + super->outer_l3_off, outer->ip, outer->version);
}

/* Takes the oldest entry of the chains, and moves its chain one further; FLOW_NONE: all are at their end. */
static uint32_t take_oldest(const struct flow_table *table, uint32_t *chains, uint32_t cnt)
{
	uint32_t entry = FLOW_NONE, from = 0;

	for (uint32_t i = 0; i < cnt; i++)
		if (chains[i] != FLOW_NONE && (entry == FLOW_NONE || flow_is_older(table, chains[i], entry))) {
			entry = chains[i];
			from = i;
		}
	if (entry != FLOW_NONE)
		chains[from] = flow_find_pair_newer(table, entry);
	return entry;
}

/* Each protocol has a chain of its own. If the packet's is unknown, all are walked together (D6). */
void gro_flush_pair(struct gro *gro, const struct arrival *arrival, enum gro_reason reason)
{
	struct outermost outer = outermost_of(arrival);
	uint32_t chains[ARRAY_SIZE(held_protocols)], cnt = 0, pair, entry;

	if (!gro->table.held_cnt)
		return;
	pair = pair_hash(gro, outer.ip, outer.version);
	for (uint32_t i = 0; i < ARRAY_SIZE(held_protocols); i++)
		if (!outer.protocol || outer.protocol == held_protocols[i])
			chains[cnt++] = flow_find_pair(&gro->table, pair_key(pair, held_protocols[i]));
	while ((entry = take_oldest(&gro->table, chains, cnt)) != FLOW_NONE)
		if (is_between(&gro->supers[entry], &outer))
			complete(gro, entry, reason);
}
