// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The flow table with a million flows, as they come in practice and as an attacker chooses them who knows the
 * code but not the secret. The cost of a packet is the length of the chain that it walks, so the test checks the
 * lengths of chains; times are only printed. The engine allocates nothing.
 */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "engine/gro.h"
#include "fixtures/packet_builder.h"
#include "prop/random.h"
#include "prop/wire.h"

#if defined(__SANITIZE_ADDRESS__)
#define FLOWS 131072u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FLOWS 131072u
#endif
#endif
#ifndef FLOWS
#define FLOWS 1000000u
#endif

#define HELD 16384u
#define SLOTS (2 * HELD)
#define SLOT_LEN 96u
#define BURST 64u

/* With at least two heads an entry, a chain has half an entry on average. The longest of so many random chains has
 * six or seven; nine does not happen in a thousand runs. */
#define LONGEST 9u
#define MEAN_STEPS 1.5

/* What the attacker believes the secret to be. */
static const uint64_t believed[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };

/* One flow's packet: Ethernet, IPv4 or IPv6, TCP, one byte. */
struct flow_bytes {
	uint8_t bytes[SLOT_LEN];
	uint32_t len;
};

struct attack {
	const char *name;
	void (*choose)(struct flow_bytes *f, uint32_t i);
	unsigned int version;
	bool pairs_differ; /* nearly every flow is between other hosts */
	uint32_t most;     /* flows at most; 0: FLOWS */
	double steps;      /* of a lookup, on average, at most */
};

static uint8_t *addresses(struct flow_bytes *f, unsigned int version)
{
	return f->bytes + 14 + (version == 4 ? 12 : 8);
}

static uint8_t *ports(struct flow_bytes *f, unsigned int version) { return f->bytes + 14 + (version == 4 ? 20 : 40); }

static void begin_flow(struct flow_bytes *f, unsigned int version)
{
	static struct flow_bytes good[2];
	struct flow_bytes *from = &good[version == 6];
	struct packet p = version == 4 ? packet_tcp4() : packet_tcp6();

	if (!from->len) {
		p.payload_len = 1;
		from->len = (uint32_t)packet_build(&p, from->bytes, sizeof from->bytes, NULL);
	}
	*f = *from;
}

/* ---- the attacks ---- */

static void count_ports(struct flow_bytes *f, uint32_t i) { set32(ports(f, 4), i); }

static void count_addresses(struct flow_bytes *f, uint32_t i) { set32(addresses(f, 4), 0x0a000000 + i); }

static void count_low_address_bytes_high(struct flow_bytes *f, uint32_t i)
{
	set32(addresses(f, 4), __builtin_bswap32(i));
}

static void count_ipv6_addresses(struct flow_bytes *f, uint32_t i) { set32(addresses(f, 6) + 12, i); }

static void count_labels(struct flow_bytes *f, uint32_t i) { set32(f->bytes + 14, 0x60000000 | i); /* 20 bits */ }

static void count_mac_addresses(struct flow_bytes *f, uint32_t i) { set32(f->bytes + 8, i); }

/* A tag enters the last step of the hash only: consecutive tags spread less evenly than at random. */
static void count_vlans(struct flow_bytes *f, uint32_t i)
{
	memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
	f->len += 4;
	set32(f->bytes + 12, 0x81000000 | i);
}

/* Changes of one field that cancel those of another. */
static void cancel_addresses(struct flow_bytes *f, uint32_t i)
{
	set32(addresses(f, 4), 0x0a000000 + i);
	set32(addresses(f, 4) + 4, 0x0a800000 - i);
}

static void cancel_bits(struct flow_bytes *f, uint32_t i)
{
	set32(addresses(f, 4), 0x0a000000 ^ i);
	set32(addresses(f, 4) + 4, 0x0a800000 ^ i);
	set32(ports(f, 4), 0x9c4001bb ^ i);
}

static void cancel_ports(struct flow_bytes *f, uint32_t i)
{
	set32(addresses(f, 4), 0x0a000000 + (i >> 8));
	set32(ports(f, 4), (i & 0xffff) << 16 | (~i & 0xffff));
}

/* Flips the i'th set of up to four bits. */
static void flip_few(uint8_t *at, uint32_t bit_cnt, uint32_t i)
{
	uint32_t n = bit_cnt + 1, bits[4] = { i % n, i / n % n, i / n / n % n, i / n / n / n % n };

	for (uint32_t k = 0; k < 4; k++)
		if (bits[k])
			at[(bits[k] - 1) / 8] ^= (uint8_t)(1 << (bits[k] - 1) % 8);
}

static void few_bits_ipv4(struct flow_bytes *f, uint32_t i)
{
	flip_few(addresses(f, 4), 96, i); /* addresses and ports are neighbours */
}

static void few_bits_ipv6(struct flow_bytes *f, uint32_t i) { flip_few(addresses(f, 6), 256 + 32, i); }

static void high_bits_ipv6(struct flow_bytes *f, uint32_t i)
{
	set32(addresses(f, 6), i);
	set32(addresses(f, 6) + 8, ~i);
	set32(addresses(f, 6) + 16, i << 12);
}

/* With the believed secret, or without one, a factor of the first product is 0, so all these hashes would be 0. */
static void zero_factor(struct flow_bytes *f, uint32_t i)
{
	memcpy(f->bytes, &believed[1], 8);
	set32(addresses(f, 4), 0x0a000000 + i);
}

static void zero_factor_without_secret(struct flow_bytes *f, uint32_t i)
{
	memset(f->bytes, 0, 8);
	set32(ports(f, 4), i);
	set32(addresses(f, 4), 0x0a000000 + i);
}

static void zero_pair_factor(struct flow_bytes *f, uint32_t i)
{
	memcpy(addresses(f, 6), &believed[0], 8);
	memset(addresses(f, 6) + 8, 0, 24);
	set32(addresses(f, 6) + 28, i);
}

/* Found by trying: with the believed secret, these flows fall into 16 chains. */
static void meet_when_believed(struct flow_bytes *f, uint32_t i)
{
	static struct flow_table table;
	static uint32_t tried;
	uint32_t hash;

	table.secret[0] = believed[0];
	table.secret[1] = believed[1];
	if (i == 0)
		tried = 0;
	do {
		uint32_t pair;

		tried++;
		set32(addresses(f, 4), 0x0a000000 + (tried >> 12));
		set16(ports(f, 4), 1024 + (tried & 0xfff));
		pair = flow_hash_pair(&table, addresses(f, 4), 4);
		hash = flow_hash(&table, pair, load_u32(ports(f, 4)), 0, f->bytes, 14);
	} while (hash & 0x3ff0);
}

static const struct attack attacks[] = {
	{ "ports count up", count_ports, 4, false, 0, MEAN_STEPS },
	{ "addresses count up", count_addresses, 4, true, 0, MEAN_STEPS },
	{ "addresses count up from the other end", count_low_address_bytes_high, 4, true, 0, MEAN_STEPS },
	{ "IPv6 addresses count up", count_ipv6_addresses, 6, true, 0, MEAN_STEPS },
	{ "flow labels count up", count_labels, 6, false, 0, MEAN_STEPS },
	{ "MAC addresses count up", count_mac_addresses, 4, false, 0, MEAN_STEPS },
	{ "VLAN tags count up", count_vlans, 4, false, 65536, 2 },
	{ "addresses cancel", cancel_addresses, 4, true, 0, MEAN_STEPS },
	{ "bits cancel", cancel_bits, 4, true, 0, MEAN_STEPS },
	{ "ports cancel", cancel_ports, 4, false, 0, MEAN_STEPS },
	{ "few bits, IPv4", few_bits_ipv4, 4, false, 0, MEAN_STEPS },
	{ "few bits, IPv6", few_bits_ipv6, 6, false, 0, MEAN_STEPS },
	{ "high bits, IPv6", high_bits_ipv6, 6, true, 0, MEAN_STEPS },
	{ "a factor is 0 under the believed secret", zero_factor, 4, true, 0, MEAN_STEPS },
	{ "a factor is 0 without a secret", zero_factor_without_secret, 4, true, 0, MEAN_STEPS },
	{ "a pair's factor is 0 under the believed secret", zero_pair_factor, 6, true, 0, MEAN_STEPS },
	{ "tried under the believed secret", meet_when_believed, 4, false, 30000, MEAN_STEPS },
};

/* ---- the engine under attack ---- */

struct target {
	struct gro gro;
	void *memory;
	size_t memory_len;
	struct flow_bytes *slots;
	uint32_t free_slots[SLOTS], free_cnt;
	uint64_t released;
	uint32_t longest, longest_pair;
	double mean_steps;
};

static void target_open(struct target *t, const uint64_t secret[2])
{
	struct gro_config config = {
		.flows = HELD,
		.packets = SLOTS,
		.max_packets = 64,
		.max_bytes = 65535,
		.hold_ns = 1000000000,
		.merge = GRO_MERGE_TCP,
		.secret = { secret[0], secret[1] },
	};

	memset(t, 0, sizeof *t);
	t->memory_len = gro_memory_size(&config);
	t->memory = aligned_alloc(64, t->memory_len + 64);
	t->slots = malloc(SLOTS * sizeof *t->slots);
	cr_assert(t->memory && t->slots);
	memset((uint8_t *)t->memory + t->memory_len, 0xc5, 64);
	cr_assert_eq(gro_init(&t->gro, &config, t->memory), 0);
	for (uint32_t i = 0; i < SLOTS; i++)
		t->free_slots[t->free_cnt++] = i;
}

static void target_close(struct target *t)
{
	free(t->memory);
	free(t->slots);
}

static void take_all(struct target *t)
{
	struct gro_super *super;
	uint64_t cookies[64];

	while ((super = gro_next(&t->gro))) {
		uint32_t cnt = gro_release(&t->gro, super, cookies);

		for (uint32_t i = 0; i < cnt; i++)
			t->free_slots[t->free_cnt++] = (uint32_t)cookies[i];
		t->released += cnt;
	}
}

/* The average and longest walk of a lookup, over all held flows. */
static void count_chains(struct target *t)
{
	struct flow_table *table = &t->gro.table;
	uint64_t steps = 0;

	flow_find_pair(table, 0); /* brings all into the pair index */
	for (uint32_t head = 0; head <= table->mask; head++) {
		uint32_t len = 0, pairs = 0, last = 0;

		for (uint32_t e = table->heads[head].entry; e != FLOW_NONE; e = table->links[e].next)
			steps += ++len;
		for (uint32_t e = table->pair_heads[head]; e != FLOW_NONE; e = table->links[e].pair_next) {
			pairs += !pairs || table->links[e].pair != last;
			last = table->links[e].pair;
		}
		if (len > t->longest)
			t->longest = len;
		if (pairs > t->longest_pair)
			t->longest_pair = pairs;
	}
	if (table->held_cnt)
		t->mean_steps = (double)steps / table->held_cnt;
}

/* The checksum of an IPv4 header that was changed. */
static void finish_flow(struct flow_bytes *f)
{
	uint8_t *ip = f->bytes + 14;

	if (get16(f->bytes + 12) != 0x0800)
		return;
	set16(ip + 10, 0);
	set16(ip + 10, ~wire_sum(ip, 20, 0));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Returns seconds in the engine. */
static double send_burst(struct target *t, const struct attack *a, uint32_t from, uint32_t cnt)
{
	struct gro_packet packets[BURST];
	double begin;

	cr_assert_geq(t->free_cnt, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		uint32_t slot = t->free_slots[--t->free_cnt];
		struct flow_bytes *f = &t->slots[slot];

		begin_flow(f, a->version);
		a->choose(f, from + i);
		finish_flow(f);
		packets[i] = (struct gro_packet){
			.data = f->bytes, .len = f->len, .cookie = slot, .csum = GRO_CSUM_VERIFIED
		};
	}
	begin = now();
	cr_assert_eq(gro_offer(&t->gro, packets, cnt, from), cnt);
	take_all(t);
	return now() - begin;
}

static void attack(struct target *t, const struct attack *a)
{
	uint32_t most = a->most ? a->most : FLOWS, cnt;
	size_t allocated = mallinfo2().uordblks;
	double seconds = 0;

	t->released = 0;
	t->longest = t->longest_pair = 0;
	for (uint32_t i = 0, next_count = HELD; i < most; i += cnt) {
		cnt = most - i < BURST ? most - i : BURST;
		seconds += send_burst(t, a, i, cnt);
		if (i + cnt < next_count && i + cnt < most)
			continue;
		count_chains(t);
		cr_expect_lt(t->mean_steps, a->steps, "%s: %g steps", a->name, t->mean_steps);
		next_count += most / 8;
	}
	cr_expect_eq(t->gro.table.held_cnt, HELD, "%s: flows are held, each of its own", a->name);
	gro_flush(&t->gro, GRO_SHUTDOWN);
	take_all(t);
	cr_expect_eq(t->released, most, "%s: all come out", a->name);
	cr_expect_leq(t->longest, LONGEST, "%s: a chain of %u flows", a->name, t->longest);
	if (a->pairs_differ)
		cr_expect_leq(t->longest_pair, LONGEST, "%s: a chain of %u pairs", a->name, t->longest_pair);
	cr_expect_eq(mallinfo2().uordblks, allocated, "%s: memory was allocated", a->name);
	cr_log_info("%-48s %3.0f ns a packet, %.2f steps, longest %u and %u", a->name, seconds / most * 1e9,
		    t->mean_steps, t->longest, t->longest_pair);
}

Test(flow_attack, chains_stay_short)
{
	struct random random = { 7 };
	static struct target t;

	for (uint32_t i = 0; i < ARRAY_SIZE(attacks); i++) {
		uint64_t secret[2] = { random_u64(&random), random_u64(&random) };

		target_open(&t, secret);
		attack(&t, &attacks[i]);
		for (uint32_t k = 0; k < 64; k++)
			cr_assert_eq(((uint8_t *)t.memory)[t.memory_len + k], 0xc5);
		target_close(&t);
	}
}

/* The counting itself: with the right secret, a chain gets as long as the table. */
Test(flow_attack, with_the_secret_chains_get_long)
{
	static const struct attack known = { "known", zero_factor, 4, true, 0, MEAN_STEPS };
	static struct target t;

	target_open(&t, believed);
	for (uint32_t i = 0; i < 1024; i += BURST)
		send_burst(&t, &known, i, BURST);
	count_chains(&t);
	cr_expect_eq(t.longest, 1024);
	gro_flush(&t.gro, GRO_SHUTDOWN);
	take_all(&t);
	target_close(&t);
}
