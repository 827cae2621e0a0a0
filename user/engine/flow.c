// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The flow table; see flow.h for its places and lists.
 *
 * The hash is a folded 64x64->128 bit multiplication of the key, whitened with a secret (the
 * construction of wyhash): a few cycles, and who does not know the secret cannot choose keys
 * that meet in one chain.
 * Everything by which flows differ goes in, so that no field is left to an attacker for free.
 */
#include "flow.h"

#define FLOW_ALIGN 64u

static size_t align_up(size_t n)
{
	return (n + FLOW_ALIGN - 1) & ~(size_t)(FLOW_ALIGN - 1);
}

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

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint32_t flow_hash_pair(const struct flow_table *table, const uint8_t *addrs, uint32_t addr_len)
{
	uint64_t h = fold(load_u64(addrs) ^ table->secret[0], table->secret[1]);

	for (uint32_t off = 8; off < 2 * addr_len; off += 8)
		h = fold(h ^ load_u64(addrs + off), table->secret[1] + off);
	return (uint32_t)(h >> 32);
}

uint32_t flow_hash(const struct flow_table *table, uint32_t pair, uint32_t ports, uint32_t label,
		   const uint8_t *l2, uint32_t l2_len)
{
	uint64_t h = fold(((uint64_t)pair << 32 | ports) ^ table->secret[0],
			  load_u64(l2) ^ table->secret[1]);

	/* The rest of the MAC addresses and the ethertype; then 4 bytes a VLAN tag. */
	h = fold(h ^ load_u64(l2 + 6), ((uint64_t)label << 32) ^ table->secret[1]);
	for (uint32_t off = 14; off + 4 <= l2_len; off += 4)
		h = fold(h ^ load_u32(l2 + off), table->secret[1]);
	return (uint32_t)(h >> 32);
}

uint32_t flow_alloc(struct flow_table *table)
{
	uint32_t entry = table->free_head;

	if (entry != FLOW_NONE)
		table->free_head = table->links[entry].next;
	return entry;
}

void flow_free(struct flow_table *table, uint32_t entry)
{
	table->links[entry].next = table->free_head;
	table->free_head = entry;
}

void flow_insert(struct flow_table *table, uint32_t entry, uint32_t hash, uint32_t pair)
{
	struct flow_links *links = &table->links[entry];
	uint32_t *head = &table->heads[hash & table->mask];
	uint32_t *pair_head = &table->pair_heads[pair & table->mask];

	links->hash = hash;
	links->next = *head;
	*head = entry;

	links->pair = pair;
	links->pair_next = *pair_head;
	links->pair_prev = FLOW_NONE;
	if (*pair_head != FLOW_NONE)
		table->links[*pair_head].pair_prev = entry;
	*pair_head = entry;

	links->age_next = FLOW_NONE;
	links->age_prev = table->newest;
	if (table->newest != FLOW_NONE)
		table->links[table->newest].age_next = entry;
	else
		table->oldest = entry;
	table->newest = entry;
	table->held_cnt++;
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

static uint32_t same_hash(const struct flow_table *table, uint32_t entry, uint32_t hash)
{
	while (entry != FLOW_NONE && table->links[entry].hash != hash)
		entry = table->links[entry].next;
	return entry;
}

uint32_t flow_find(const struct flow_table *table, uint32_t hash)
{
	return same_hash(table, table->heads[hash & table->mask], hash);
}

uint32_t flow_find_next(const struct flow_table *table, uint32_t entry)
{
	return same_hash(table, table->links[entry].next, table->links[entry].hash);
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
