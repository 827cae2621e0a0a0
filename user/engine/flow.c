// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The flow table; see flow.h for its places and lists. */
#include "flow.h"


/* Chains are half an entry long on average with two heads per entry. */
static uint32_t head_count(uint32_t capacity)
{
	uint32_t cnt = 16;

	while (cnt < 2 * (uint64_t)capacity && cnt < 1u << 31)
		cnt *= 2;
	return cnt;
}

size_t flow_memory_size(uint32_t capacity)
{
	return align_up(capacity * sizeof(struct flow_links)) +
	       2 * align_up(head_count(capacity) * sizeof(uint32_t));
}

void flow_init(struct flow_table *table, uint32_t capacity, const uint64_t secret[2], void *memory)
{
	uint32_t heads = head_count(capacity);
	uint8_t *at = memory;

	memset(table, 0, sizeof *table);
	table->links = (struct flow_links *)at;
	at += align_up(capacity * sizeof(struct flow_links));
	table->heads = (uint32_t *)at;
	at += align_up(heads * sizeof(uint32_t));
	table->pair_heads = (uint32_t *)at;
	table->mask = heads - 1;
	table->capacity = capacity;
	table->secret[0] = secret[0];
	table->secret[1] = secret[1];
	table->oldest = table->newest = FLOW_NONE;
	memset(table->heads, 0xff, heads * sizeof(uint32_t));
	memset(table->pair_heads, 0xff, heads * sizeof(uint32_t));

	/* Handed out from the first to the last: neighbours in time are neighbours in memory. */
	table->free_head = FLOW_NONE;
	for (uint32_t i = capacity; i-- > 0;)
		flow_free(table, i);
}

void flow_remove(struct flow_table *table, uint32_t entry)
{
	struct flow_links *links = &table->links[entry];
	uint32_t *at = &table->heads[links->hash & table->mask];

	while (*at != entry)
		at = &table->links[*at].next;
	*at = links->next;

	if (links->pair_prev != FLOW_NONE)
		table->links[links->pair_prev].pair_next = links->pair_next;
	else
		table->pair_heads[links->pair & table->mask] = links->pair_next;
	if (links->pair_next != FLOW_NONE)
		table->links[links->pair_next].pair_prev = links->pair_prev;

	if (links->age_prev != FLOW_NONE)
		table->links[links->age_prev].age_next = links->age_next;
	else
		table->oldest = links->age_next;
	if (links->age_next != FLOW_NONE)
		table->links[links->age_next].age_prev = links->age_prev;
	else
		table->newest = links->age_prev;
	table->held_cnt--;
}

/* How far ahead the heads of chains are asked for, which lie anywhere in memory. */
#define REMOVE_AHEAD 8u

uint32_t flow_remove_all(struct flow_table *table)
{
	struct flow_links *links = table->links;
	uint32_t oldest = table->oldest, ahead = oldest;

	for (uint32_t i = 0; i < REMOVE_AHEAD && ahead != FLOW_NONE; i++)
		ahead = links[ahead].age_next;
	for (uint32_t entry = oldest; entry != FLOW_NONE; entry = links[entry].next) {
		if (ahead != FLOW_NONE) {
			__builtin_prefetch(&table->heads[links[ahead].hash & table->mask], 1);
			__builtin_prefetch(&table->pair_heads[links[ahead].pair & table->mask], 1);
			ahead = links[ahead].age_next;
		}
		/* All that these chains hold goes. */
		table->heads[links[entry].hash & table->mask] = FLOW_NONE;
		table->pair_heads[links[entry].pair & table->mask] = FLOW_NONE;
		links[entry].next = links[entry].age_next;
	}
	table->oldest = table->newest = FLOW_NONE;
	table->held_cnt = 0;
	return oldest;
}

/* Chains grow at the head, so towards the head is towards the newer. */
static uint32_t same_pair_newer(const struct flow_table *table, uint32_t entry, uint32_t pair)
{
	while (entry != FLOW_NONE && table->links[entry].pair != pair)
		entry = table->links[entry].pair_prev;
	return entry;
}

uint32_t flow_find_pair(const struct flow_table *table, uint32_t pair)
{
	uint32_t entry = table->pair_heads[pair & table->mask];

	while (entry != FLOW_NONE && table->links[entry].pair_next != FLOW_NONE)
		entry = table->links[entry].pair_next;
	return same_pair_newer(table, entry, pair);
}

uint32_t flow_find_pair_newer(const struct flow_table *table, uint32_t entry)
{
	return same_pair_newer(table, table->links[entry].pair_prev, table->links[entry].pair);
}
