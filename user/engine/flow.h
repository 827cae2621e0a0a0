/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The flow table: finds the held superpacket of a flow, or of a pair of hosts, in
 * constant time, and keeps all held ones in the order of their first packets.
 *
 * A fixed pool of entries and two hash indexes over it (by flow; by pair of addresses,
 * for rule D2) with chains as linked lists, so that the table never grows, never
 * rehashes and costs the same at one flow and at its limit. Both hashes are keyed with
 * a secret. An entry is in one of three places:
 *
 *      free list  --flow_insert-->  indexes + age list (held)
 *          ^                             | flow_remove
 *          '------- flow_free -------  taken (delivered by the owner of the table)
 *
 * The table compares hashes only; whether an entry really is the flow of a packet is the
 * caller's to say, who has the packets (gro.c).
 */
#ifndef SUPERPACKET_FLOW_H
#define SUPERPACKET_FLOW_H

#include "bytes.h"

#define FLOW_NONE UINT32_MAX

/* Links of one entry; the caller keeps an array of its own state beside, same index. */
struct flow_links {
	uint32_t hash, pair;            /* what the entry was inserted under */
	uint32_t next;                  /* flow chain, free list, or the owner's list of taken ones */
	uint32_t pair_next, pair_prev;  /* pair chain, newest first; prev FLOW_NONE at its head */
	uint32_t age_next, age_prev;    /* age list, oldest first */
};

struct flow_table {
	struct flow_links *links;       /* [capacity] */
	uint32_t *heads;                /* [mask + 1] flow chains */
	uint32_t *pair_heads;           /* [mask + 1] pair chains */
	uint32_t mask;
	uint32_t capacity;
	uint32_t held_cnt;
	uint32_t free_head;
	uint32_t oldest, newest;
	uint64_t secret[2];
};

/* Bytes of memory (64-byte aligned) that a table of capacity entries needs. */
size_t flow_memory_size(uint32_t capacity);

/* Lays the table out in memory, which the caller owns and keeps until it is done with it. */
void flow_init(struct flow_table *table, uint32_t capacity, const uint64_t secret[2], void *memory);

/* Keyed hash of a pair of addresses (addr_len bytes each, 4 or 16, adjacent at addrs). */
uint32_t flow_hash_pair(const struct flow_table *table, const uint8_t *addrs, uint32_t addr_len);

/* Keyed hash of a flow: its pair's hash, ports, flow label, and all link-layer bytes. */
uint32_t flow_hash(const struct flow_table *table, uint32_t pair, uint32_t ports, uint32_t label,
		   const uint8_t *l2, uint32_t l2_len);

/* An entry from the free list, FLOW_NONE when all are in use. */
uint32_t flow_alloc(struct flow_table *table);

/* Gives a taken or never inserted entry back. */
void flow_free(struct flow_table *table, uint32_t entry);

/* Puts an allocated entry under both hashes, as the newest. */
void flow_insert(struct flow_table *table, uint32_t entry, uint32_t hash, uint32_t pair);

/* Takes a held entry out of both indexes and the age list. */
void flow_remove(struct flow_table *table, uint32_t entry);

/* First and next held entry of exactly this hash; FLOW_NONE at the end. */
uint32_t flow_find(const struct flow_table *table, uint32_t hash);
uint32_t flow_find_next(const struct flow_table *table, uint32_t entry);

/* The same over the entries of a pair of hosts, oldest first (D6). Fetch the newer one before
 * removing the current. */
uint32_t flow_find_pair(const struct flow_table *table, uint32_t pair);
uint32_t flow_find_pair_newer(const struct flow_table *table, uint32_t entry);

#endif
