/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The life of a superpacket: it begins with one packet, grows by others, and ends as a delivery. What may join it
 * is not decided here (gro_rules.h). Private to the gro files.
 *
 *      begin()     takes an entry of the pool for the first packet
 *      append()    gives one more packet a place in a block, and moves the reach; appended() stores the reach
 *      complete()  takes it out of the flow table to the end of the list of deliveries, from where gro_next()
 *                  takes it and has its header rewritten (gro_complete.c)
 */
#ifndef SUPERPACKET_GRO_HELD_H
#define SUPERPACKET_GRO_HELD_H

#include "gro_flush.h"
#include "gro_rules.h"

/* ---- it begins ---- */

static inline struct gro_segment segment_of(const struct gro_packet *packet, bool more)
{
	return (struct gro_segment){ packet->data, packet->cookie, packet->len, more };
}

/* A superpacket of one packet, in no list yet. gro_offer() made sure that there is room. */
static inline uint32_t begin(struct gro *gro, const struct arrival *arrival, uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	uint32_t entry = flow_alloc(&gro->table);
	struct gro_super *super = &gro->supers[entry];

	super->first = segment_of(arrival->packet, arrival->fragment_cnt > 1);
	super->packet_cnt = super->fragment_cnt = 1;
	super->len = arrival->len;
	super->l3_off = view->l3_off;
	super->l4_off = view->l4_off;
	super->payload_off = view->payload_off;
	super->size = 0;
	super->id_mode = super->outer_id_mode = GRO_ID_UNDECIDED;
	super->ip_version = view->ip_version;
	super->protocol = view->protocol;
	super->tunnel = view->tunnel;
	super->fill = GRO_BLOCK_SEGMENTS;
	super->later_flags = 0;
	super->unfinished = arrival->unfinished;

	super->first_ns = now_ns;
	super->outer_l3_off = view->tunnel ? view->outer_l3_off : view->l3_off;
	super->outer_l4_off = view->tunnel ? view->outer_l4_off : view->l4_off;
	super->outer_version = view->tunnel ? view->outer_version : view->ip_version;
	super->outer_protocol = arrival->outer_protocol;
	super->csum = arrival->csum;
	if (unlikely(arrival->fragment_cnt > 1))
		gro_fragments_begin(gro, super, arrival->packet, arrival->fragment_cnt);
	gro->owned_cnt += arrival->fragment_cnt;
	return entry;
}

/* In a few moves of 32 bytes, which overlap, instead of a loop. No header is shorter. */
static inline void copy_head(struct gro_super *super)
{
	const uint8_t *data = super->first.data;
	uint32_t len = super->payload_off;

	super->head = data;
	if (unlikely(len > GRO_HEAD_LEN))
		return;
	super->head = super->copy;
	memcpy(super->copy, data, 32);
	if (len > 64)
		memcpy(super->copy + 32, data + 32, 32);
	if (unlikely(len > 96))
		memcpy(super->copy + 64, data + 64, 32);
	memcpy(super->copy + len - 32, data + len - 32, 32);
}

/* ---- it grows ---- */

static inline struct reach reach_of(const struct gro_super *super)
{
	return (struct reach){
		.fragment_cnt = super->fragment_cnt,
		.len = super->len,
		.next_seq = super->next_seq,
		.last_block = super->last_block,
		.last_id = super->last_id,
		.outer_last_id = super->outer_last_id,
		.id_mode = super->id_mode,
		.outer_id_mode = super->outer_id_mode,
		.fill = super->fill,
		.later_flags = 0,
	};
}

/* The place of one more fragment; there is always a free block for it. */
static inline struct gro_segment *next_segment(struct gro *gro, struct gro_super *super, struct reach *reach)
{
	if (unlikely(reach->fill == GRO_BLOCK_SEGMENTS)) {
		uint32_t idx = gro->free_blocks[--gro->free_block_cnt];

		if (reach->fragment_cnt == 1)
			super->first_block = idx;
		else
			gro->blocks[reach->last_block].next = idx;
		reach->last_block = idx;
		reach->fill = 0;
	}
	reach->fragment_cnt++;
	return &gro->blocks[reach->last_block].segments[reach->fill++];
}

/* R12: the second packet decides how IDs move. */
static inline void follow_id(uint16_t *last_id, uint8_t *mode, const uint8_t *ip)
{
	uint16_t id = load_be16(ip + 4);

	*mode = id == *last_id ? GRO_ID_FIXED : GRO_ID_INCREMENTING;
	*last_id = id;
}

/* Packets up to the reach. Fragments behind a packet's first one are those that super has had, none of which
 * were added by a run, and those of the arrival. */
static inline uint32_t packets_reached(const struct gro_super *super, const struct reach *reach,
				       const struct arrival *arrival)
{
	return reach->fragment_cnt - (super->fragment_cnt - super->packet_cnt) - (arrival->fragment_cnt - 1);
}

/* Extends the reach by one packet. Returns the reason to complete the superpacket at once (R17, R18);
 * GRO_REASON_CNT: none. */
static inline enum gro_reason append(struct gro *gro, struct gro_super *super, struct reach *reach,
				     const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	*next_segment(gro, super, reach) = segment_of(arrival->packet, arrival->fragment_cnt > 1);
	if (unlikely(arrival->fragment_cnt > 1))
		gro_fragments_append(gro, super, reach, arrival->packet, arrival->fragment_cnt);
	reach->len += view->payload_len;
	if (view->protocol == TCP_PROTOCOL) {
		reach->next_seq += view->payload_len;
		reach->later_flags = data[view->l4_off + 13] & (TCP_FIN | TCP_PSH);
	}
	if (view->ip_version == 4)
		follow_id(&reach->last_id, &reach->id_mode, data + view->l3_off);
	if (view->tunnel && view->outer_version == 4)
		follow_id(&reach->outer_last_id, &reach->outer_id_mode, data + view->outer_l3_off);
	if (unlikely(reach->later_flags)) /* R17 */
		return GRO_PUSH_FIN;
	if (unlikely(view->payload_len < super->size)) /* R17, R18 */
		return GRO_SHORT;
	if (unlikely(reach->fragment_cnt >= gro->config.max_packets))
		return GRO_COUNT;
	if (view->protocol == UDP_PROTOCOL &&
	    unlikely(packets_reached(super, reach, arrival) >= GRO_UDP_PACKETS_MAX)) /* R18 */
		return GRO_COUNT;
	return GRO_REASON_CNT;
}

/* ---- it ends ---- */

static inline void make_ready(struct gro *gro, uint32_t entry)
{
	gro->table.links[entry].age_next = FLOW_NONE;
	if (gro->ready_head != FLOW_NONE)
		gro->table.links[gro->ready_tail].age_next = entry;
	else
		gro->ready_head = entry;
	gro->ready_tail = entry;
}

/* Takes a held superpacket out of the table and makes it the next delivery. */
static inline void complete(struct gro *gro, uint32_t entry, enum gro_reason reason)
{
	struct gro_super *super = &gro->supers[entry];

	flow_remove(&gro->table, entry);
	if (gro->recent == entry)
		gro->recent = FLOW_NONE;
	super->reason = (uint8_t)reason;
	if (unlikely(gro->config.adaptive))
		gro_learn_habit(gro, super, reason);
	make_ready(gro, entry);
}

/* Stores the reach after packets were appended, and completes the superpacket if there is a reason to. */
static inline void appended(struct gro *gro, uint32_t entry, const struct reach *reach, uint32_t packets, bool tunnel,
			    enum gro_reason reason)
{
	struct gro_super *super = &gro->supers[entry];

	gro->owned_cnt += reach->fragment_cnt - super->fragment_cnt;
	super->packet_cnt += packets;
	super->fragment_cnt = reach->fragment_cnt;
	super->len = reach->len;
	super->next_seq = reach->next_seq;
	super->last_block = reach->last_block;
	super->last_id = reach->last_id;
	super->id_mode = reach->id_mode;
	if (tunnel) {
		super->outer_last_id = reach->outer_last_id;
		super->outer_id_mode = reach->outer_id_mode;
	}
	super->fill = reach->fill;
	super->later_flags = reach->later_flags;
	if (unlikely(reason != GRO_REASON_CNT))
		complete(gro, entry, reason);
}

#endif
