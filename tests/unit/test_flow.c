// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The flow table, compared with a naive model: an array of what was inserted, in that order. The table's
 * memory has exactly the size that it asks for, so that a sanitizer sees every step outside.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/flow.h"

static const uint64_t secret[2] = { 0x243f6a8885a308d3, 0x13198a2e03707344 };

static uint64_t random_state = 88172645463325252;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * n >> 32);
}

static void *table_open(struct flow_table *table, uint32_t capacity)
{
	void *memory = aligned_alloc(64, flow_memory_size(capacity));

	cr_assert_not_null(memory);
	flow_init(table, capacity, secret, memory);
	return memory;
}

static uint32_t put(struct flow_table *table, uint32_t hash, uint32_t pair)
{
	uint32_t entry = flow_alloc(table);

	cr_assert_neq(entry, FLOW_NONE);
	flow_insert(table, entry, hash, pair);
	return entry;
}

static void drop(struct flow_table *table, uint32_t entry)
{
	flow_remove(table, entry);
	flow_free(table, entry);
}

static uint32_t free_count(const struct flow_table *table)
{
	uint32_t cnt = 0;

	for (uint32_t e = table->free_head; e != FLOW_NONE; e = table->links[e].next)
		cr_assert_leq(++cnt, table->capacity, "the free list is a ring");
	return cnt;
}

/* ---- places ---- */

Test(flow, every_entry_is_handed_out_once)
{
	struct flow_table table;
	void *memory = table_open(&table, 37);

	for (uint32_t i = 0; i < 37; i++)
		cr_assert_eq(flow_alloc(&table), i, "neighbours in time are neighbours in memory");
	cr_assert_eq(flow_alloc(&table), FLOW_NONE);
	flow_free(&table, 17);
	flow_free(&table, 4);
	cr_assert_eq(free_count(&table), 2);
	cr_assert_eq(flow_alloc(&table), 4, "the one used last is the warm one");
	cr_assert_eq(flow_alloc(&table), 17);
	cr_assert_eq(flow_alloc(&table), FLOW_NONE);
	free(memory);
}

Test(flow, memory_is_exactly_what_was_asked_for)
{
	static const uint32_t capacities[] = { 1, 2, 3, 7, 8, 15, 16, 17, 63, 64, 100, 1000, 4608 };

	for (size_t c = 0; c < ARRAY_SIZE(capacities); c++) {
		uint32_t capacity = capacities[c];
		struct flow_table table;
		void *memory = table_open(&table, capacity);

		cr_assert_eq(flow_memory_size(capacity) % 64, 0);
		cr_assert_eq((uintptr_t)table.heads % 64, 0);
		cr_assert_eq((uintptr_t)table.pair_heads % 64, 0);
		cr_assert_eq(table.mask & (table.mask + 1), 0, "the mask is a power of two less one");
		cr_assert_geq(table.mask + 1, 2 * capacity, "two heads an entry");
		for (uint32_t i = 0; i < capacity; i++)
			put(&table, i * 2654435761u, ~i * 2654435761u);
		while (table.oldest != FLOW_NONE)
			drop(&table, table.oldest);
		for (uint32_t i = 0; i < capacity; i++) /* all in one chain */
			put(&table, 0xffffffff, 0xffffffff);
		while (table.newest != FLOW_NONE)
			drop(&table, table.newest);
		cr_assert_eq(free_count(&table), capacity);
		free(memory);
	}
}

/* ---- find ---- */

Test(flow, finds_by_the_whole_hash_not_by_the_chain)
{
	struct flow_table table;
	void *memory = table_open(&table, 8);
	uint32_t chain = table.mask + 1; /* hashes this far apart share a chain */
	uint32_t a = put(&table, 5, 1), b = put(&table, 5 + chain, 2);

	cr_assert_eq(flow_find(&table, 5), a);
	cr_assert_eq(flow_find_next(&table, a), FLOW_NONE);
	cr_assert_eq(flow_find(&table, 5 + chain), b);
	cr_assert_eq(flow_find_next(&table, b), FLOW_NONE);
	cr_assert_eq(flow_find(&table, 5 + 2 * chain), FLOW_NONE);
	cr_assert_eq(flow_find(&table, 6), FLOW_NONE);
	drop(&table, a);
	cr_assert_eq(flow_find(&table, 5), FLOW_NONE);
	cr_assert_eq(flow_find(&table, 5 + chain), b, "the rest of the chain stays");
	free(memory);
}

Test(flow, finds_all_of_one_hash)
{
	struct flow_table table;
	void *memory = table_open(&table, 8);
	uint32_t chain = table.mask + 1, seen = 0;

	for (uint32_t i = 0; i < 8; i++) /* every other one has another hash in the same chain */
		put(&table, i % 2 ? 9 : 9 + chain, 0);
	for (uint32_t e = flow_find(&table, 9); e != FLOW_NONE; e = flow_find_next(&table, e))
		seen |= 1u << e;
	cr_assert_eq(seen, 0xaa);
	free(memory);
}

/* ---- order ---- */

static void expect_age(const struct flow_table *table, const uint32_t *want, uint32_t cnt)
{
	uint32_t e = table->oldest, before = FLOW_NONE;

	cr_assert_eq(table->held_cnt, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		cr_assert_eq(e, want[i], "place %u of the age list: %u, want %u", i, e, want[i]);
		cr_assert_eq(table->links[e].age_prev, before);
		before = e;
		e = table->links[e].age_next;
	}
	cr_assert_eq(e, FLOW_NONE);
	cr_assert_eq(table->newest, before);
}

Test(flow, age_list_runs_from_the_oldest_to_the_newest)
{
	struct flow_table table;
	void *memory = table_open(&table, 6);

	for (uint32_t i = 0; i < 6; i++)
		put(&table, i * 77, i);
	expect_age(&table, (uint32_t[]){ 0, 1, 2, 3, 4, 5 }, 6);
	drop(&table, 0); /* at the front */
	expect_age(&table, (uint32_t[]){ 1, 2, 3, 4, 5 }, 5);
	drop(&table, 3); /* in the middle */
	expect_age(&table, (uint32_t[]){ 1, 2, 4, 5 }, 4);
	drop(&table, 5); /* at the end */
	expect_age(&table, (uint32_t[]){ 1, 2, 4 }, 3);
	put(&table, 0, 0); /* reuses 5, and is young again */
	expect_age(&table, (uint32_t[]){ 1, 2, 4, 5 }, 4);
	while (table.oldest != FLOW_NONE)
		drop(&table, table.oldest);
	expect_age(&table, NULL, 0);
	put(&table, 1, 1);
	cr_assert_eq(table.oldest, table.newest);
	free(memory);
}

static void expect_pair(struct flow_table *table, uint32_t pair, const uint32_t *want, uint32_t cnt)
{
	uint32_t e = flow_find_pair(table, pair);

	for (uint32_t i = 0; i < cnt; i++, e = flow_find_pair_newer(table, e))
		cr_assert_eq(e, want[i], "place %u of pair %u: %u, want %u", i, pair, e, want[i]);
	cr_assert_eq(e, FLOW_NONE);
}

Test(flow, pairs_run_from_the_oldest_to_the_newest)
{
	struct flow_table table;
	void *memory = table_open(&table, 8);
	uint32_t chain = table.mask + 1;

	for (uint32_t i = 0; i < 8; i++) /* two pairs that share a chain, alternating */
		put(&table, i, i % 2 ? 3 : 3 + chain);
	expect_pair(&table, 3, (uint32_t[]){ 1, 3, 5, 7 }, 4);
	expect_pair(&table, 3 + chain, (uint32_t[]){ 0, 2, 4, 6 }, 4);
	expect_pair(&table, 3 + 2 * chain, NULL, 0);
	expect_pair(&table, 4, NULL, 0);
	drop(&table, 7);
	drop(&table, 3);
	expect_pair(&table, 3, (uint32_t[]){ 1, 5 }, 2);
	drop(&table, 0);
	expect_pair(&table, 3, (uint32_t[]){ 1, 5 }, 2);
	expect_pair(&table, 3 + chain, (uint32_t[]){ 2, 4, 6 }, 3);
	free(memory);
}

Test(flow, a_pair_can_be_emptied_while_walking_it)
{
	struct flow_table table;
	void *memory = table_open(&table, 16);
	uint32_t newer, want = 0;

	for (uint32_t i = 0; i < 16; i++)
		put(&table, i, 7);
	for (uint32_t e = flow_find_pair(&table, 7); e != FLOW_NONE; e = newer) {
		newer = flow_find_pair_newer(&table, e);
		cr_assert_eq(e, want++);
		drop(&table, e);
	}
	cr_assert_eq(want, 16);
	cr_assert_eq(table.held_cnt, 0);
	cr_assert_eq(free_count(&table), 16);
	free(memory);
}

/* Entries that are inserted after a lookup by pair are indexed by the next lookup. */
Test(flow, the_pair_index_is_lazy)
{
	struct flow_table table;
	void *memory = table_open(&table, 8);

	put(&table, 0, 7);
	put(&table, 1, 7);
	drop(&table, 0); /* never was in the pair index */
	cr_assert_eq(table.links[1].pair_prev, FLOW_UNPAIRED);
	expect_pair(&table, 7, (uint32_t[]){ 1 }, 1);
	cr_assert_eq(table.links[1].pair_prev, FLOW_NONE);
	put(&table, 0, 7); /* entry 0 again */
	put(&table, 2, 8);
	put(&table, 3, 7);
	drop(&table, 1); /* is in it, while newer ones are not */
	drop(&table, 2);
	expect_pair(&table, 7, (uint32_t[]){ 0, 3 }, 2);
	expect_pair(&table, 8, NULL, 0);
	free(memory);
}

Test(flow, all_are_removed_at_once)
{
	struct flow_table table;
	void *memory = table_open(&table, 64);

	for (uint32_t held = 1; held <= 64; held++) { /* from one to so many that all heads are cleared */
		uint32_t e, i = 0;

		for (uint32_t n = 0; n < held; n++) {
			put(&table, 2 * n, n % 3); /* all over the 128 chains */
			if (n == held / 2)
				cr_assert_neq(flow_find_pair(&table, 0), FLOW_NONE);
		}
		for (e = flow_remove_all(&table); e != FLOW_NONE; i++) {
			uint32_t next = table.links[e].age_next;

			cr_assert_eq(table.links[e].hash, 2 * i, "oldest first");
			flow_free(&table, e);
			e = next;
		}
		cr_assert_eq(i, held);
		cr_assert_eq(free_count(&table), 64);
		expect_age(&table, NULL, 0);
		for (uint32_t n = 0; n < held; n++) {
			cr_assert_eq(flow_find(&table, 2 * n), FLOW_NONE);
			cr_assert_eq(flow_find_pair(&table, n), FLOW_NONE);
		}
	}
	cr_assert_eq(flow_remove_all(&table), FLOW_NONE);
	free(memory);
}

/* ---- random operations beside a model ---- */

#define MODEL_MAX 40

/* Entries in the order of their insertion, and those that were taken but not given back. */
struct model {
	struct {
		uint32_t entry, hash, pair;
	} held[MODEL_MAX];
	uint32_t held_cnt;
	uint32_t taken[MODEL_MAX];
	uint32_t taken_cnt;
};

static void model_compare_hash(const struct flow_table *table, const struct model *model, uint32_t hash)
{
	uint64_t seen = 0, want = 0;

	for (uint32_t e = flow_find(table, hash); e != FLOW_NONE; e = flow_find_next(table, e)) {
		cr_assert(!(seen >> e & 1), "hash %u finds entry %u twice", hash, e);
		seen |= 1ull << e;
	}
	for (uint32_t i = 0; i < model->held_cnt; i++)
		if (model->held[i].hash == hash)
			want |= 1ull << model->held[i].entry;
	cr_assert_eq(seen, want);
}

static void model_compare(struct flow_table *table, const struct model *model, const uint32_t *keys, uint32_t key_cnt,
			  bool pairs)
{
	uint32_t order[MODEL_MAX], cnt;

	for (cnt = 0; cnt < model->held_cnt; cnt++)
		order[cnt] = model->held[cnt].entry;
	expect_age(table, order, cnt);
	for (uint32_t k = 0; k < key_cnt; k++) {
		model_compare_hash(table, model, keys[k]);
		cnt = 0;
		for (uint32_t i = 0; i < model->held_cnt; i++)
			if (model->held[i].pair == keys[k])
				order[cnt++] = model->held[i].entry;
		if (pairs)
			expect_pair(table, keys[k], order, cnt);
	}
	cr_assert_eq(free_count(table) + model->held_cnt + model->taken_cnt, table->capacity,
		     "an entry is lost or in two places");
}

static void model_insert(struct flow_table *table, struct model *model, uint32_t hash, uint32_t pair)
{
	uint32_t entry = flow_alloc(table), i = model->held_cnt;

	if (model->held_cnt + model->taken_cnt == table->capacity) {
		cr_assert_eq(entry, FLOW_NONE);
		return;
	}
	cr_assert_lt(entry, table->capacity);
	flow_insert(table, entry, hash, pair);
	model->held[i].entry = entry;
	model->held[i].hash = hash;
	model->held[i].pair = pair;
	model->held_cnt++;
}

static void model_take(struct flow_table *table, struct model *model, uint32_t place)
{
	flow_remove(table, model->held[place].entry);
	model->taken[model->taken_cnt++] = model->held[place].entry;
	model->held_cnt--;
	memmove(&model->held[place], &model->held[place + 1], (model->held_cnt - place) * sizeof model->held[0]);
}

static void model_give(struct flow_table *table, struct model *model, uint32_t place)
{
	flow_free(table, model->taken[place]);
	model->taken[place] = model->taken[--model->taken_cnt];
}

Test(flow, random_operations_agree_with_a_model)
{
	for (uint32_t round = 0; round < 60; round++) {
		uint32_t capacity = 1 + random_below(MODEL_MAX), keys[6];
		struct model model = { 0 };
		struct flow_table table;
		void *memory = table_open(&table, capacity);

		/* Few keys, most in one chain: collisions of every kind. */
		for (uint32_t k = 0; k < 6; k++)
			keys[k] = random_below(3) + (table.mask + 1) * random_below(3);
		for (uint32_t step = 0; step < 2000; step++) {
			uint32_t what = random_below(5);

			if (what < 2)
				model_insert(&table, &model, keys[random_below(6)], keys[random_below(6)]);
			else if (what < 4 && model.held_cnt)
				model_take(&table, &model, random_below(2) ? 0 : random_below(model.held_cnt));
			else if (model.taken_cnt)
				model_give(&table, &model, random_below(model.taken_cnt));
			model_compare(&table, &model, keys, 6, random_below(4) == 0);
		}
		free(memory);
	}
}

/* ---- hashes ---- */

/* The bytes by which flows differ (R10). */
struct key {
	uint8_t addrs[32];
	uint32_t addr_len;
	uint32_t ports, label;
	uint8_t l2[14 + 4 * 3];
	uint32_t l2_len;
};

static struct key key_v4(void)
{
	return (struct key){ .addrs = { 192, 0, 2, 1, 192, 0, 2, 2 },
			     .addr_len = 4,
			     .ports = 0x51140050,
			     .l2 = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8 },
			     .l2_len = 14 };
}

static uint32_t key_hash(const struct flow_table *table, const struct key *key)
{
	uint32_t pair = flow_hash_pair(table, key->addrs, key->addr_len);

	return flow_hash(table, pair, key->ports, key->label, key->l2, key->l2_len);
}

Test(flow, every_byte_of_a_flow_counts)
{
	struct key key = { .addr_len = 16, .l2_len = sizeof key.l2 };
	struct flow_table table;
	void *memory = table_open(&table, 1);
	uint32_t hash = key_hash(&table, &key), bit;

	for (bit = 0; bit < 8 * sizeof key.addrs; bit++) {
		struct key other = key;

		other.addrs[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert_neq(key_hash(&table, &other), hash, "bit %u of the addresses", bit);
		cr_assert_neq(flow_hash_pair(&table, other.addrs, 16), flow_hash_pair(&table, key.addrs, 16));
	}
	for (bit = 0; bit < 8 * sizeof key.l2; bit++) {
		struct key other = key;

		other.l2[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert_neq(key_hash(&table, &other), hash, "bit %u of the link layer", bit);
	}
	for (bit = 0; bit < 32; bit++) {
		struct key other = key, labelled = key;

		other.ports ^= 1u << bit;
		labelled.label ^= 1u << bit;
		cr_assert_neq(key_hash(&table, &other), hash, "bit %u of the ports", bit);
		cr_assert_neq(key_hash(&table, &labelled), hash, "bit %u of the flow label", bit);
	}
	table.secret[0] ^= 1;
	cr_assert_neq(key_hash(&table, &key), hash, "the first half of the secret");
	table.secret[0] ^= 1;
	table.secret[1] ^= 1;
	cr_assert_neq(key_hash(&table, &key), hash, "the second half of the secret");
	free(memory);
}

Test(flow, hash_reads_nothing_behind_the_bytes_it_is_given)
{
	struct flow_table table;
	void *memory = table_open(&table, 1);

	for (uint32_t tags = 0; tags < 4; tags++) {
		uint8_t *l2 = calloc(1, 14 + 4 * tags), *v4 = calloc(1, 8), *v6 = calloc(1, 32);

		flow_hash(&table, flow_hash_pair(&table, v4, 4), 0, 0, l2, 14 + 4 * tags);
		flow_hash(&table, flow_hash_pair(&table, v6, 16), 0, 0, l2, 14 + 4 * tags);
		free(l2);
		free(v4);
		free(v6);
	}
	free(memory);
}

/* Families of flows as they come in practice, each varied by a plain counter. */
static void vary_port(struct key *key, uint32_t i) { key->ports += i << 16; }
static void vary_label(struct key *key, uint32_t i) { key->label = __builtin_bswap32(i); }
static void vary_mac(struct key *key, uint32_t i) { memcpy(key->l2 + 8, &i, 4); }
static void vary_last_address_bytes(struct key *key, uint32_t i) { memcpy(key->addrs + 6, &i, 2); }

static void vary_hosts_and_ports(struct key *key, uint32_t i)
{
	key->addrs[3] = (uint8_t)i;
	key->ports += i >> 8 << 24;
}

static void vary_vlan(struct key *key, uint32_t i)
{
	key->l2_len = 22;
	memcpy(key->l2 + 14, &i, 2);
}

static void vary_v6_host(struct key *key, uint32_t i)
{
	key->addr_len = 16;
	memcpy(key->addrs + 14, &i, 2);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

Test(flow, hashes_of_similar_flows_spread)
{
	static const struct {
		const char *name;
		void (*vary)(struct key *key, uint32_t i);
	} families[] = {
		{ "consecutive ports", vary_port },
		{ "consecutive flow labels", vary_label },
		{ "consecutive MAC addresses", vary_mac },
		{ "consecutive IPv4 addresses", vary_last_address_bytes },
		{ "hosts times ports", vary_hosts_and_ports },
		{ "VLANs", vary_vlan },
		{ "consecutive IPv6 addresses", vary_v6_host },
	};
	enum { FLOWS = 65536, HEADS = 1 << 17 };
	struct flow_table table;
	void *memory = table_open(&table, 1);
	uint32_t *hashes = malloc(FLOWS * sizeof *hashes);
	uint8_t *chains = malloc(HEADS);

	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		uint32_t longest = 0, same = 0;

		memset(chains, 0, HEADS);
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct key key = key_v4();

			families[f].vary(&key, i);
			hashes[i] = key_hash(&table, &key);
			if (++chains[hashes[i] & (HEADS - 1)] > longest)
				longest = chains[hashes[i] & (HEADS - 1)];
		}
		qsort(hashes, FLOWS, sizeof *hashes, by_value);
		for (uint32_t i = 1; i < FLOWS; i++)
			same += hashes[i] == hashes[i - 1];
		/* Balls into bins at load 1/2: 8 in one has a chance of 1e-2 (7 is common);
		 * equal hashes: 0.5 expected of 2^31 pairs in 2^32, 10 are out of the question. */
		cr_expect_leq(longest, 10, "%s: a chain of %u", families[f].name, longest);
		cr_expect_leq(same, 10, "%s: %u equal hashes", families[f].name, same);
	}
	free(chains);
	free(hashes);
	free(memory);
}
