// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The flow table; flow.h describes its lists. */
#include "flow.h"

/* Two heads for each entry, so a chain has half an entry on average. */
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
	       align_up(head_count(capacity) * sizeof(struct flow_head)) +
	       align_up(head_count(capacity) * sizeof(uint32_t));
}

void flow_init(struct flow_table *table, uint32_t capacity, const uint64_t secret[2], void *memory)
{
	uint32_t heads = head_count(capacity);
	uint8_t *at = memory;

	memset(table, 0, sizeof *table);
	table->links = (struct flow_links *)at;
	at += align_up(capacity * sizeof(struct flow_links));
	table->heads = (struct flow_head *)at;
	at += align_up(heads * sizeof(struct flow_head));
	table->pair_heads = (uint32_t *)at;
	table->mask = heads - 1;
	table->capacity = capacity;
	table->secret[0] = secret[0];
	table->secret[1] = secret[1];
	table->oldest = table->newest = FLOW_NONE;
	memset(table->heads, 0xff, heads * sizeof(struct flow_head));
	memset(table->pair_heads, 0xff, heads * sizeof(uint32_t));

	/* The free list begins with the first entry, so that entries used one after the other are neighbours
	 * in memory. */
	table->free_head = FLOW_NONE;
	for (uint32_t i = capacity; i-- > 0;)
		flow_free(table, i);
}

uint32_t flow_hash_more(const struct flow_table *table, uint32_t hash, const uint8_t *bytes, uint32_t len)
{
	uint64_t h = flow_fold(((uint64_t)len << 32 | hash) ^ table->secret[0], table->secret[1]), word;

	for (uint32_t off = 0; off < len; off += 8) {
		word = 0;
		memcpy(&word, bytes + off, len - off < 8 ? len - off : 8);
		h = flow_fold(h ^ word, table->secret[1] + off);
	}
	return (uint32_t)(h >> 32);
}

static void remove_hash(struct flow_table *table, uint32_t entry)
{
	const struct flow_links *links = &table->links[entry];
	struct flow_head *head = &table->heads[links->hash & table->mask];
	uint32_t *at;

	if (likely(head->entry == entry)) {
		head->entry = links->next;
		if (links->next != FLOW_NONE)
			head->hash = table->links[links->next].hash;
		return;
	}
	for (at = &table->links[head->entry].next; *at != entry;)
		at = &table->links[*at].next;
	*at = links->next;
}

static void remove_pair(struct flow_table *table, const struct flow_links *links)
{
	if (links->pair_prev != FLOW_NONE)
		table->links[links->pair_prev].pair_next = links->pair_next;
	else
		table->pair_heads[links->pair & table->mask] = links->pair_next;
	if (links->pair_next != FLOW_NONE)
		table->links[links->pair_next].pair_prev = links->pair_prev;
}

void flow_remove(struct flow_table *table, uint32_t entry)
{
	struct flow_links *links = &table->links[entry];

	remove_hash(table, entry);
	if (links->pair_prev != FLOW_UNPAIRED)
		remove_pair(table, links);
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

/* The heads of chains are scattered over memory. If at least this share of them is in use (one in 16), all
 * are cleared in order of memory. */
#define CLEAR_ALL_SHARE 16u

uint32_t flow_remove_all(struct flow_table *table)
{
	const struct flow_links *links = table->links;
	uint32_t oldest = table->oldest, entry;

	/* Every chain becomes empty. The entries that are in the pair index are the oldest. */
	for (entry = oldest; entry != FLOW_NONE && links[entry].pair_prev != FLOW_UNPAIRED;
	     entry = links[entry].age_next)
		table->pair_heads[links[entry].pair & table->mask] = FLOW_NONE;
	if (table->held_cnt > table->mask / CLEAR_ALL_SHARE)
		memset(table->heads, 0xff, (table->mask + 1) * sizeof(struct flow_head));
	else
		for (entry = oldest; entry != FLOW_NONE; entry = links[entry].age_next)
			table->heads[links[entry].hash & table->mask].entry = FLOW_NONE;
	table->oldest = table->newest = FLOW_NONE;
	table->held_cnt = 0;
	return oldest;
}

/* Brings the newest entries of the age list, those that are not there yet, into the pair index. */
static void index_pairs(struct flow_table *table)
{
	struct flow_links *links = table->links;
	uint32_t first = FLOW_NONE, entry;

	for (entry = table->newest; entry != FLOW_NONE && links[entry].pair_prev == FLOW_UNPAIRED;
	     entry = links[entry].age_prev)
		first = entry;
	for (entry = first; entry != FLOW_NONE; entry = links[entry].age_next) {
		uint32_t *head = &table->pair_heads[links[entry].pair & table->mask];

		links[entry].pair_next = *head;
		links[entry].pair_prev = FLOW_NONE;
		if (*head != FLOW_NONE)
			links[*head].pair_prev = entry;
		*head = entry;
	}
}

/* Chains grow at the head, so entries are newer towards the head. */
static uint32_t same_pair_newer(const struct flow_table *table, uint32_t entry, uint32_t pair)
{
	while (entry != FLOW_NONE && table->links[entry].pair != pair)
		entry = table->links[entry].pair_prev;
	return entry;
}

uint32_t flow_find_pair(struct flow_table *table, uint32_t pair)
{
	uint32_t entry;

	index_pairs(table);
	entry = table->pair_heads[pair & table->mask];
	while (entry != FLOW_NONE && table->links[entry].pair_next != FLOW_NONE)
		entry = table->links[entry].pair_next;
	return same_pair_newer(table, entry, pair);
}

uint32_t flow_find_pair_newer(const struct flow_table *table, uint32_t entry)
{
	return same_pair_newer(table, table->links[entry].pair_prev, table->links[entry].pair);
}
