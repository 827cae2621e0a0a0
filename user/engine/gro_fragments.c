// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets in several fragments.
 */
#include "gro_fragments.h"

#include "gro_held.h"

uint32_t gro_fragments_count(const struct gro_packet *packets, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt && i < GRO_FRAGMENTS_MAX; i++)
		if (!packets[i].more)
			return i + 1;
	return 0;
}

/* Behind an odd number of bytes, what follows is summed as if it began on an odd byte, which it does. */
uint32_t gro_fragments_sum(const struct gro_packet *packets, uint32_t cnt, uint32_t off, uint32_t end)
{
	uint32_t sum = 0, at = 0, part;
	bool odd = false;

	for (uint32_t i = 0; i < cnt; i++) {
		uint32_t from = off > at ? off - at : 0, to = end > at ? end - at : 0;

		at += packets[i].len;
		if (to > packets[i].len)
			to = packets[i].len;
		if (from >= to)
			continue;
		part = checksum_add(packets[i].data + from, to - from, 0);
		sum = checksum_combine(sum, odd ? checksum_odd(part) : part);
		odd ^= (to - from) & 1;
	}
	return sum;
}

void gro_fragments_append(struct gro *gro, struct gro_super *super, struct reach *reach,
			  const struct gro_packet *packets, uint32_t cnt)
{
	for (uint32_t i = 1; i < cnt; i++)
		*next_segment(gro, super, reach) = segment_of(&packets[i], packets[i].more);
}

void gro_fragments_begin(struct gro *gro, struct gro_super *super, const struct gro_packet *packets, uint32_t cnt)
{
	struct reach reach = { .fragment_cnt = 1, .fill = GRO_BLOCK_SEGMENTS };

	gro_fragments_append(gro, super, &reach, packets, cnt);
	super->fragment_cnt = reach.fragment_cnt;
	super->last_block = reach.last_block;
	super->fill = reach.fill;
}
