/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The flow table: finds the held superpacket of a flow, or those of a pair of hosts, in constant time, and
 * keeps all held superpackets in the order of their first packets (D1, D6).
 *
 * It is a fixed pool of entries with two hash indexes (by flow; by pair of addresses and protocol, for rule
 * D2) whose chains are linked lists. So the table never grows, never rehashes, and costs the same with one
 * flow as at its limit. Both hashes are keyed with a secret. An entry is in one of three places:
 *
 *      free list  --flow_insert-->  index + age list (held)
 *          ^                             | flow_remove
 *          '------- flow_free -------  taken (delivered by the owner of the table)
 *
 * The pair index is lazy, because few packets need it: a lookup first indexes all entries inserted since
 * the last one. These are the newest of the age list.
 *
 * Functions that run once a packet are inline; those that run once a superpacket are in flow.c.
 *
 * The table compares hashes only. The caller has the packets, and decides whether an entry of the right
 * hash really is the packet's flow (R10).
 */
#ifndef SUPERPACKET_FLOW_H
#define SUPERPACKET_FLOW_H

#include "base/bytes.h"

#define FLOW_NONE UINT32_MAX
#define FLOW_UNPAIRED (FLOW_NONE - 1) /* as pair_prev: not in the pair index yet */

/* Links of one entry. The caller keeps its own state in an array with the same index. */
struct flow_links {
	uint32_t hash, pair;           /* of flow_insert() */
	uint32_t next;                 /* flow chain, or free list */
	uint32_t pair_next, pair_prev; /* pair chain, newest first; prev FLOW_NONE at its head */
	uint32_t age_next, age_prev;   /* age list, oldest first; the owner also links taken entries with next */
	uint32_t born;                 /* number of its insertion, modulo 2^32 */
};

/* Head of a flow chain: its first entry, and the hash of that entry, so that most lookups read no links. */
struct flow_head {
	uint32_t hash, entry;
};

struct flow_table {
	struct flow_links *links; /* [capacity] */
	struct flow_head *heads;  /* [mask + 1] flow chains */
	uint32_t *pair_heads;     /* [mask + 1] pair chains */
	uint32_t mask;
	uint32_t capacity;
	uint32_t held_cnt;
	uint32_t free_head, free_cnt;
	uint32_t oldest, newest;
	uint32_t born; /* insertions so far, modulo 2^32 */
	uint64_t secret[2];
};

/* Bytes of memory (64-byte aligned) that a table of capacity entries needs. */
size_t flow_memory_size(uint32_t capacity);

/* Lays the table out in memory, which the caller owns and keeps until it is done with it. */
void flow_init(struct flow_table *table, uint32_t capacity, const uint64_t secret[2], void *memory);

/* One step of the hash: a folded 64x64->128 bit multiplication, as in wyhash. It costs a few cycles, and
 * without the secret nobody can choose keys that fall into one chain. */
static inline uint64_t flow_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keyed hash of a pair of addresses (addr_len bytes each, 4 or 16, adjacent at addrs). */
static inline uint32_t flow_hash_pair(const struct flow_table *table, const uint8_t *addrs, uint32_t addr_len)
{
	uint64_t h = flow_fold(load_u64(addrs) ^ table->secret[0], table->secret[1]);

	for (uint32_t off = 8; off < 2 * addr_len; off += 8)
		h = flow_fold(h ^ load_u64(addrs + off), table->secret[1] + off);
	return (uint32_t)(h >> 32);
}

/* Keyed hash of a flow: its pair's hash, its ports, its flow label and protocol, and all link-layer bytes.
 * Every field of R10 is part of it, so that an attacker cannot vary one without changing the hash. */
static inline uint32_t flow_hash(const struct flow_table *table, uint32_t pair, uint32_t ports, uint32_t label,
				 const uint8_t *l2, uint32_t l2_len)
{
	uint64_t h = flow_fold(((uint64_t)pair << 32 | ports) ^ table->secret[0], load_u64(l2) ^ table->secret[1]);

	/* The rest of the MAC addresses and the ethertype; then 4 bytes a VLAN tag. */
	h = flow_fold(h ^ load_u64(l2 + 6), ((uint64_t)label << 32) ^ table->secret[1]);
	for (uint32_t off = 14; off + 4 <= l2_len; off += 4)
		h = flow_fold(h ^ load_u32(l2 + off), table->secret[1]);
	return (uint32_t)(h >> 32);
}

/* Extends the hash of a flow by len more bytes. */
uint32_t flow_hash_more(const struct flow_table *table, uint32_t hash, const uint8_t *bytes, uint32_t len);

/* Takes an entry from the free list; FLOW_NONE when all are in use. */
static inline uint32_t flow_alloc(struct flow_table *table)
{
	uint32_t entry = table->free_head;

	if (entry != FLOW_NONE) {
		table->free_head = table->links[entry].next;
		table->free_cnt--;
	}
	return entry;
}

/* Gives back an entry that was taken, or never inserted. */
static inline void flow_free(struct flow_table *table, uint32_t entry)
{
	table->links[entry].next = table->free_head;
	table->free_head = entry;
	table->free_cnt++;
}

/* Inserts an allocated entry as the newest. It is found under hash and, in the pair index, under pair. */
static inline void flow_insert(struct flow_table *table, uint32_t entry, uint32_t hash, uint32_t pair)
{
	struct flow_links *links = &table->links[entry];
	struct flow_head *head = &table->heads[hash & table->mask];
	uint32_t newest = table->newest;

	links->hash = hash;
	links->pair = pair;
	links->next = head->entry;
	*head = (struct flow_head){ hash, entry };

	links->pair_prev = FLOW_UNPAIRED;
	links->age_next = FLOW_NONE;
	links->age_prev = newest;
	links->born = table->born++;
	*(newest != FLOW_NONE ? &table->links[newest].age_next : &table->oldest) = entry;
	table->newest = entry;
	table->held_cnt++;
}

/* Removes a held entry from both indexes and the age list. */
void flow_remove(struct flow_table *table, uint32_t entry);

/* Removes all held entries at once. Returns the oldest, or FLOW_NONE when none was held; links->age_next of
 * each is the next newer one, and FLOW_NONE for the newest. */
uint32_t flow_remove_all(struct flow_table *table);

static inline uint32_t flow_same_hash(const struct flow_table *table, uint32_t entry, uint32_t hash)
{
	while (entry != FLOW_NONE && table->links[entry].hash != hash)
		entry = table->links[entry].next;
	return entry;
}

/* First and next held entry with exactly this hash; FLOW_NONE at the end. */
static inline uint32_t flow_find(const struct flow_table *table, uint32_t hash)
{
	const struct flow_head *head = &table->heads[hash & table->mask];

	if (likely(head->entry == FLOW_NONE || head->hash == hash))
		return head->entry;
	return flow_same_hash(table, table->links[head->entry].next, hash);
}

static inline uint32_t flow_find_next(const struct flow_table *table, uint32_t entry)
{
	return flow_same_hash(table, table->links[entry].next, table->links[entry].hash);
}

/* The same for the entries of a pair of hosts, oldest first (D2, D6). Fetch the next newer one before the
 * current one is removed, and insert nothing meanwhile. */
uint32_t flow_find_pair(struct flow_table *table, uint32_t pair);
uint32_t flow_find_pair_newer(const struct flow_table *table, uint32_t entry);

/* Whether held entry a is older than b. */
static inline bool flow_is_older(const struct flow_table *table, uint32_t a, uint32_t b)
{
	return (int32_t)(table->links[a].born - table->links[b].born) < 0;
}

#endif
