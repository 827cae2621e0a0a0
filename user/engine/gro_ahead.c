// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Prefetching for bursts of many flows.
 */
#include "gro_ahead.h"

/* The two cache lines that an append needs. */
static void prefetch_super(const struct gro_super *super)
{
	__builtin_prefetch(super, 1);
	__builtin_prefetch((const uint8_t *)super + 64, 1);
}

/* Where each packet will be put: behind others in a block, into a new block, or into a new entry. */
static void prefetch_places(const struct gro *gro, const uint32_t *entries, uint32_t cnt)
{
	uint32_t next_entry = gro->table.free_head, block_cnt = gro->free_block_cnt;

	for (uint32_t i = 0; i < cnt; i++) {
		uint32_t entry = entries[i] != FLOW_NONE ? entries[i] : next_entry;
		const struct gro_super *super;

		if (entry == FLOW_NONE)
			continue;
		super = &gro->supers[entry];
		if (entries[i] == FLOW_NONE) {
			prefetch_super(super);
			__builtin_prefetch(&super->first, 1);
			next_entry = gro->table.links[next_entry].next;
		} else if (super->fill < GRO_BLOCK_SEGMENTS) {
			__builtin_prefetch(&gro->blocks[super->last_block].segments[super->fill], 1);
		} else if (block_cnt) {
			__builtin_prefetch(&gro->blocks[gro->free_blocks[--block_cnt]], 1);
		}
	}
}

void gro_ahead_prefetch(const struct gro *gro, const struct gro_packet *packets, uint32_t from, uint32_t end,
			struct ahead *ahead)
{
	const struct flow_table *table = &gro->table;
	uint32_t entries[AHEAD_PACKETS], cnt = end - from < AHEAD_PACKETS ? end - from : AHEAD_PACKETS;

	packets += from;
	ahead->from = from;
	ahead->end = from + cnt;
	for (uint32_t i = 0; i < cnt; i++) {
		struct packet_view view;

		ahead->keys[i] = (struct flow_key){ 0, 0 };
		if (parse_plain(packets[i].data, packets[i].len, &view))
			ahead->keys[i] = key_of(gro, packets[i].data, &view);
		__builtin_prefetch(&table->heads[ahead->keys[i].hash & table->mask], 1);
	}
	for (uint32_t i = 0; i < cnt; i++) {
		entries[i] = flow_find(table, ahead->keys[i].hash);
		if (entries[i] != FLOW_NONE)
			prefetch_super(&gro->supers[entries[i]]);
	}
	/* The compiler sees no effect in the loops above and would move them behind, or drop them. */
	__asm__ volatile("" ::: "memory");
	prefetch_places(gro, entries, cnt);
}
