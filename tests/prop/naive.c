// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "naive.h"

static void set_length(uint8_t *frame, const struct judged_level *level, uint32_t len)
{
	if (level->version == 4)
		set16(frame + level->l3 + 2, len - level->l3);
	else
		set16(frame + level->l3 + 4, len - level->l3 - 40);
}

static void set_ip_sum(uint8_t *frame, const struct judged_level *level)
{
	uint8_t *ip = frame + level->l3;

	if (level->version != 4)
		return;
	set16(ip + 10, 0);
	set16(ip + 10, ~wire_sum(ip, 20, 0));
}

static void set_l4_sum(uint8_t *frame, const struct judged_level *level, uint32_t len, uint32_t field)
{
	uint8_t *l4 = frame + level->l4;
	uint32_t l4_len = len - level->l4, sum;

	set16(l4 + field, 0);
	sum = wire_sum(l4, l4_len, wire_pseudo(frame + level->l3, level->version, level->protocol, l4_len));
	sum = ~sum & 0xffff;
	if (level->protocol == WIRE_UDP && !sum)
		sum = 0xffff;
	set16(l4 + field, sum);
}

static void set_gre_sum(uint8_t *frame, const struct judged_level *outer, uint32_t len)
{
	uint8_t *gre = frame + outer->l4;

	if (!(gre[0] & 0x80))
		return;
	set16(gre + 4, 0);
	set16(gre + 4, ~wire_sum(gre, len - outer->l4, 0));
}

void naive_finish_outer(uint8_t *frame, const struct judged_level *outer, uint32_t len, bool csum)
{
	uint8_t *l4 = frame + outer->l4;

	set_length(frame, outer, len);
	set_ip_sum(frame, outer);
	if (outer->protocol == WIRE_UDP) {
		set16(l4 + 4, len - outer->l4);
		set16(l4 + 6, 0);
		if (csum)
			set_l4_sum(frame, outer, len, 6);
	} else if (outer->protocol == WIRE_GRE) {
		set_gre_sum(frame, outer, len);
	}
}

void naive_finish(uint8_t *frame, const struct judged *first, uint32_t len, bool outer_csum)
{
	const struct judged_level *level = &first->level;

	set_length(frame, level, len);
	set_ip_sum(frame, level);
	if (level->protocol == WIRE_UDP)
		set16(frame + level->l4 + 4, len - level->l4);
	set_l4_sum(frame, level, len, level->protocol == WIRE_UDP ? 6 : 16);
	if (first->outer.version)
		naive_finish_outer(frame, &first->outer, len, outer_csum);
}

static void repair_udp(uint8_t *frame, const struct judged_level *level)
{
	if (get16(frame + level->l4 + 6))
		set_l4_sum(frame, level, level->end, 6);
}

void naive_repair(uint8_t *frame, const struct judged *found)
{
	const struct judged_level *level = &found->level, *outer = &found->outer;

	set_ip_sum(frame, level);
	if (found->whole && level->protocol == WIRE_TCP)
		set_l4_sum(frame, level, level->end, 16);
	else if (found->whole)
		repair_udp(frame, level);
	if (!outer->version)
		return;
	set_ip_sum(frame, outer);
	if (outer->protocol == WIRE_UDP)
		repair_udp(frame, outer);
	else if (outer->protocol == WIRE_GRE)
		set_gre_sum(frame, outer, outer->end);
}

static void step_id(uint8_t *frame, const struct judged_level *level, bool fixed, uint32_t idx)
{
	uint8_t *id = frame + level->l3 + 4;

	if (level->version == 4 && !fixed)
		set16(id, get16(id) + idx);
}

uint32_t naive_segment(const uint8_t *super, uint32_t len, const struct judged *first,
		       const struct gso_request *request, uint32_t idx, uint8_t *frame)
{
	const struct judged_level *level = &first->level;
	uint32_t off = level->payload + idx * request->size;
	uint32_t payload_len = len - off < request->size ? len - off : request->size;
	uint8_t *l4 = frame + level->l4;

	memcpy(frame, super, level->payload);
	memcpy(frame + level->payload, super + off, payload_len);
	step_id(frame, level, request->fixed_id, idx);
	step_id(frame, &first->outer, request->outer_fixed_id, idx);
	if (level->protocol == WIRE_TCP) {
		set32(l4 + 4, get32(l4 + 4) + idx * request->size);
		if (off + payload_len < len)
			l4[13] &= (uint8_t)~0x09; /* S3 */
		if (idx && !request->accecn)
			l4[13] &= (uint8_t)~0x80;
	}
	naive_finish(frame, first, level->payload + payload_len, request->outer_csum);
	return level->payload + payload_len;
}
