/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The flow table: finds the held superpacket of a flow, or of a pair of hosts, in
 * constant time, and keeps all held ones in the order of their first packets.
 *
 * A fixed pool of entries and two hash indexes over it (by flow; by pair of addresses
 * and protocol, for rule D2) with chains as linked lists, so that the table never grows, never
 * rehashes and costs the same at one flow and at its limit. Both hashes are keyed with
 * a secret. An entry is in one of three places:
 *
 *      free list  --flow_insert-->  index + age list (held)
 *          ^                             | flow_remove
 *          '------- flow_free -------  taken (delivered by the owner of the table)
 *
 * Few packets ask for a pair, so entries come into that index when one does: all that are not in it
 * yet, the youngest of the age list. Each comes into it once at most, as it would have at its insertion, and
 * where nobody asks, none does.
 *
 * The verbs of every packet are inline; those of every superpacket are in flow.c.
 *
 * The table compares hashes only; whether an entry really is the flow of a packet is the
 * caller's to say, who has the packets (gro.c).
 */
#ifndef SUPERPACKET_FLOW_H
#define SUPERPACKET_FLOW_H

#include "base/bytes.h"

#define FLOW_NONE UINT32_MAX
#define FLOW_UNPAIRED (FLOW_NONE - 1) /* as pair_prev: not in the index by pair yet */

/* Links of one entry; the caller keeps an array of its own state beside, same index. */
struct flow_links {
	uint32_t hash, pair;            /* what the entry was inserted under */
	uint32_t next;                  /* flow chain, or free list */
	uint32_t pair_next, pair_prev;  /* pair chain, newest first; prev FLOW_NONE at its head */
	uint32_t age_next, age_prev;    /* age list, oldest first; next: also the owner's list of taken ones */
	uint32_t born;                  /* number of its insertion, modulo 2^32 */
};

/* A flow chain: its first entry, and that one's hash, so that most look-ups need no links. */
struct flow_head {
	uint32_t hash, entry;
};

struct flow_table {
	struct flow_links *links;       /* [capacity] */
	struct flow_head *heads;        /* [mask + 1] flow chains */
	uint32_t *pair_heads;           /* [mask + 1] pair chains */
	uint32_t mask;
	uint32_t capacity;
	uint32_t held_cnt;
	uint32_t free_head, free_cnt;
	uint32_t oldest, newest;
	uint32_t born;                  /* insertions so far, modulo 2^32 */
	uint64_t secret[2];
};

/* Bytes of memory (64-byte aligned) that a table of capacity entries needs. */
size_t flow_memory_size(uint32_t capacity);

/* Lays the table out in memory, which the caller owns and keeps until it is done with it. */
void flow_init(struct flow_table *table, uint32_t capacity, const uint64_t secret[2], void *memory);

/* One step of the hash: a folded 64x64->128 bit multiplication (the construction of wyhash). A few
 * cycles, and who does not know the secret cannot choose keys that meet in one chain. */
static inline uint64_t flow_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keyed hash of a pair of addresses (addr_len bytes each, 4 or 16, adjacent at addrs). */
static inline uint32_t flow_hash_pair(const struct flow_table *table, const uint8_t *addrs,
				      uint32_t addr_len)
{
	uint64_t h = flow_fold(load_u64(addrs) ^ table->secret[0], table->secret[1]);

	for (uint32_t off = 8; off < 2 * addr_len; off += 8)
		h = flow_fold(h ^ load_u64(addrs + off), table->secret[1] + off);
	return (uint32_t)(h >> 32);
}

/* Keyed hash of a flow: its pair's hash, ports, flow label and protocol, and all link-layer bytes. Everything by
 * which flows differ goes in, so that no field is left to an attacker for free. */
static inline uint32_t flow_hash(const struct flow_table *table, uint32_t pair, uint32_t ports,
				 uint32_t label, const uint8_t *l2, uint32_t l2_len)
{
	uint64_t h = flow_fold(((uint64_t)pair << 32 | ports) ^ table->secret[0],
			       load_u64(l2) ^ table->secret[1]);

	/* The rest of the MAC addresses and the ethertype; then 4 bytes a VLAN tag. */
	h = flow_fold(h ^ load_u64(l2 + 6), ((uint64_t)label << 32) ^ table->secret[1]);
	for (uint32_t off = 14; off + 4 <= l2_len; off += 4)
		h = flow_fold(h ^ load_u32(l2 + off), table->secret[1]);
	return (uint32_t)(h >> 32);
}

/* The same of len more bytes. */
static inline uint32_t flow_hash_more(const struct flow_table *table, uint32_t hash, const uint8_t *bytes,
				      uint32_t len)
{
	uint64_t h = flow_fold(((uint64_t)len << 32 | hash) ^ table->secret[0], table->secret[1]), word;

	for (uint32_t off = 0; off < len; off += 8) {
		word = 0;
		memcpy(&word, bytes + off, len - off < 8 ? len - off : 8);
		h = flow_fold(h ^ word, table->secret[1] + off);
	}
	return (uint32_t)(h >> 32);
}

/* An entry from the free list, FLOW_NONE when all are in use. */
static inline uint32_t flow_alloc(struct flow_table *table)
{
	uint32_t entry = table->free_head;

	if (entry != FLOW_NONE) {
		table->free_head = table->links[entry].next;
		table->free_cnt--;
	}
	return entry;
}

/* Gives a taken or never inserted entry back. */
static inline void flow_free(struct flow_table *table, uint32_t entry)
{
	table->links[entry].next = table->free_head;
	table->free_head = entry;
	table->free_cnt++;
}

/* Puts an allocated entry under both hashes, as the newest. */
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

/* Takes a held entry out of both indexes and the age list. */
void flow_remove(struct flow_table *table, uint32_t entry);

/* Takes all held entries out at once. Returns the oldest; each leads to the next younger one by
 * links->age_next, the youngest to FLOW_NONE. FLOW_NONE when none was held. */
uint32_t flow_remove_all(struct flow_table *table);

static inline uint32_t flow_same_hash(const struct flow_table *table, uint32_t entry, uint32_t hash)
{
	while (entry != FLOW_NONE && table->links[entry].hash != hash)
		entry = table->links[entry].next;
	return entry;
}

/* First and next held entry of exactly this hash; FLOW_NONE at the end. */
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

/* The same over the entries of a pair of hosts, oldest first (D6). Fetch the newer one before
 * removing the current, and insert none meanwhile. */
uint32_t flow_find_pair(struct flow_table *table, uint32_t pair);
uint32_t flow_find_pair_newer(const struct flow_table *table, uint32_t entry);

/* Whether held entry a is older than b. */
static inline bool flow_is_older(const struct flow_table *table, uint32_t a, uint32_t b)
{
	return (int32_t)(table->links[a].born - table->links[b].born) < 0;
}

#endif
