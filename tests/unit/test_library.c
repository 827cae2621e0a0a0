// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * libsuperpacket as its users have it: this test includes the public headers and links the shared library,
 * nothing else. The rules are tested with the engine. Here is what the library adds: configuration, memory,
 * ownership and errors. test_library_gso.c tests cutting, test_library_engine.c that everything in the engine is
 * available.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "library_run.h"

/* ---- configuration and memory ---- */

Test(library, defaults_are_those_of_the_header)
{
	struct sp_gro_config config;

	memset(&config, 0xff, sizeof config);
	sp_gro_config_init(&config);
	cr_assert_eq(config.struct_size, sizeof config);
	cr_assert_eq(config.merge, SP_MERGE_TCP);
	cr_assert_eq(config.flows, 4096);
	cr_assert_eq(config.packets, 8192);
	cr_assert_eq(config.max_packets, 512);
	cr_assert_eq(config.max_bytes, 65535);
	cr_assert_eq(config.hold_ns, 0);
	cr_assert_eq(config.secret[0] | config.secret[1], 0);
	cr_assert_gt(sp_gro_memory_size(&config), 0);
}

Test(library, a_field_out_of_its_range_is_refused)
{
	static uint8_t memory[1 << 20] __attribute__((aligned(64)));
	static const struct {
		const char *what;
		size_t off;
		uint32_t value;
	} cases[] = {
#define FIELD(field, value) { #field " " #value, offsetof(struct sp_gro_config, field), value }
		FIELD(struct_size, 0), FIELD(struct_size, 3),
		FIELD(merge, 1u << 6), FIELD(flags, 1u << 4),
		FIELD(flows, 0),       FIELD(flows, (1u << 24) + 1),
		FIELD(packets, 0),     FIELD(packets, (1u << 24) + 1),
		FIELD(max_packets, 1), FIELD(max_packets, 513),
		FIELD(max_bytes, 0),   FIELD(max_bytes, SP_GRO_BYTES_MAX + 1),
	};
	struct sp_gro_config config = usual();

	cr_assert_leq(sp_gro_memory_size(&config), sizeof memory);
	cr_assert_not_null(sp_gro_init(&config, memory));
	cr_assert_null(sp_gro_init(&config, memory + 8), "memory that is not aligned");
	cr_assert_null(sp_gro_init(&config, NULL));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		config = usual();
		memcpy((uint8_t *)&config + cases[i].off, &cases[i].value, sizeof cases[i].value);
		cr_assert_eq(sp_gro_memory_size(&config), 0, "%s", cases[i].what);
		cr_assert_null(sp_gro_init(&config, memory), "%s", cases[i].what);
	}
}

/* A caller compiled against an older header: the struct ends earlier, and nothing behind it is touched. */
Test(library, a_smaller_config_works)
{
	struct sp_gro_config whole = usual(), config;
	uint32_t size = offsetof(struct sp_gro_config, hold_ns);

	memset(&config, 0xff, sizeof config);
	sp_gro_config_defaults(&config, size);
	cr_assert_eq(config.struct_size, size);
	cr_assert_eq(config.hold_ns, UINT64_MAX, "defaults were written beyond the caller's struct");
	config.flows = whole.flows;
	config.packets = whole.packets;
	/* the bytes where this version has hold_ns are all ones; the library must take 0 */
	cr_assert_eq(sp_gro_memory_size(&config), sp_gro_memory_size(&whole));
	run_stream(packet_tcp4(), NULL, 3);
	run.cnt = 2;
	struct sp_gro *gro = engine(&config);
	struct sp_delivery delivery;
	offer_all(gro, 5);
	sp_gro_burst_end(gro, 5);
	cr_assert(sp_gro_next(gro, &delivery), "with hold_ns 0 the end of the burst flushes");
}

/* A caller compiled against a newer header works as long as the unknown fields are 0. */
Test(library, a_larger_config_works_while_its_tail_is_zero)
{
	struct {
		struct sp_gro_config config;
		uint8_t more[24];
	} later = { .config = usual() };
	size_t size = sp_gro_memory_size(&later.config);

	later.config.struct_size = sizeof later;
	cr_assert_eq(sp_gro_memory_size(&later.config), size);
	for (size_t i = 0; i < sizeof later.more; i++) {
		later.more[i] = 1;
		cr_assert_eq(sp_gro_memory_size(&later.config), 0, "byte %zu of the tail", i);
		later.more[i] = 0;
	}
}

/* ---- merging ---- */

static void merge_and_cut(struct packet p, uint8_t type)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_delivery delivery;

	run_stream(p, NULL, 40);
	offer_all(gro, 1);
	delivery = next_expect(gro, 40, "push_fin");
	cr_assert_eq(delivery.request.type, type);
	cr_assert_eq(delivery.request.size, MSS);
	cr_assert(delivery.request.needs_csum);
	cr_assert_eq(delivery.fragments, 40);
	cr_assert_eq(delivery.csum, SP_CSUM_PARTIAL);
	cr_assert_eq(delivery.request.hdr_len, delivery.header_len);
	cr_assert_eq(delivery.len, delivery.header_len + 39 * MSS + MSS / 2);
	cr_assert_eq(sp_gro_slices(gro, &delivery, iov), 40);
	cr_assert_eq(iov[0].iov_base, run.fragments[0].data, "packets stay where they are");
	cut_expect(gro, &delivery, 0);
	release_expect(gro, &delivery, 0);
	cr_assert_not(sp_gro_next(gro, &delivery));
}

Test(library, roundtrip_ipv4) { merge_and_cut(packet_tcp4(), SP_GSO_TCPV4); }
Test(library, roundtrip_ipv6) { merge_and_cut(packet_tcp6(), SP_GSO_TCPV6); }

Test(library, roundtrip_behind_two_vlan_tags_with_timestamps)
{
	struct packet p = packet_tcp4();
	uint8_t options[12];

	packet_push_vlan(&p, 0x88a8, 7);
	packet_push_vlan(&p, 0x8100, 42);
	packet_timestamp(&p, options, 1, 2);
	merge_and_cut(p, SP_GSO_TCPV4);
}

Test(library, unmerge_gives_back_what_came)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_delivery delivery;
	bool more[PACKETS_MAX];
	uint32_t cnt, len = 0;

	run_stream(packet_tcp4(), NULL, 5);
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_neq(memcmp(run.fragments[0].data, run.before[0], 54), 0, "the first header was amended");
	memset(more, 1, sizeof more);
	cnt = sp_gro_unmerge(gro, &delivery, iov, more);
	cr_assert_eq(cnt, 5);
	for (uint32_t i = 0; i < cnt; i++) {
		cr_assert_eq(iov[i].iov_base, run.fragments[i].data);
		cr_assert_eq(iov[i].iov_len, run.fragments[i].len);
		cr_assert_arr_eq(iov[i].iov_base, run.before[i], iov[i].iov_len, "packet %u (D5)", i);
		cr_assert_not(more[i]);
		len += (uint32_t)iov[i].iov_len;
	}
	cr_assert_eq(delivery.request.type, SP_GSO_NONE);
	cr_assert_not(delivery.request.needs_csum);
	cr_assert_eq(delivery.header_len, 0);
	cr_assert_eq(delivery.len, len);
	release_expect(gro, &delivery, 0);
}

/* D1: a packet that is not merged comes after what its flow holds. Deliveries may be released in any order. */
Test(library, deliveries_come_in_order)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_delivery first, second;
	struct sp_gro_counters counters;
	struct packet p;

	run_stream(packet_tcp4(), NULL, 4);
	run.cnt = 3;
	p = packet_tcp4();
	p.payload_len = 0;
	run_add(&p); /* R6: a pure ACK */
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &first));
	cr_assert(sp_gro_next(gro, &second));
	cr_assert_eq(first.segs, 3);
	cr_assert_str_eq(sp_gro_reason_name(first.reason), "no_data");
	cr_assert_eq(second.segs, 1);
	cr_assert_eq(second.request.type, SP_GSO_NONE);
	cr_assert_eq(second.header_len, 0);
	cr_assert_eq(sp_gro_slices(gro, &second, iov), 1);
	cr_assert_eq(iov[0].iov_base, run.fragments[3].data);
	cr_assert_arr_eq(iov[0].iov_base, run.before[3], run.fragments[3].len);
	sp_gro_counters(gro, &counters);
	cr_assert_eq(counters.held_packets, 4);
	release_expect(gro, &second, 3);
	release_expect(gro, &first, 0);
	sp_gro_counters(gro, &counters);
	cr_assert_eq(counters.held_packets, 0);
	cr_assert_eq(sp_gro_flushes(gro, first.reason), 1);
	cr_assert_eq(sp_gro_singles(gro, second.reason), 1);
}

/* Without room, fewer packets are taken than offered; nothing is lost when the rest is offered later. */
Test(library, a_full_engine_takes_the_rest_later)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	uint32_t done = 0, back = 0, calls = 0;
	struct sp_gro *gro;

	config.packets = 8;
	gro = engine(&config);
	run_stream(packet_tcp4(), NULL, 40);
	while (done < run.cnt) {
		done += sp_gro_offer(gro, run.fragments + done, run.cnt - done, 1);
		cr_assert_lt(calls++, 100, "no progress");
		while (sp_gro_next(gro, &delivery)) {
			uint32_t cnt = delivery.fragments;

			release_expect(gro, &delivery, back);
			back += cnt;
		}
	}
	sp_gro_flush(gro);
	while (sp_gro_next(gro, &delivery)) {
		uint32_t cnt = delivery.fragments;

		release_expect(gro, &delivery, back);
		back += cnt;
	}
	cr_assert_eq(back, run.cnt);
	cr_assert_geq(calls, 5);
}

Test(library, time_is_what_the_caller_says)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.hold_ns = 1000;
	gro = engine(&config);
	cr_assert_eq(sp_gro_deadline(gro), UINT64_MAX);
	run_stream(packet_tcp4(), NULL, 4);
	run.cnt = 3;
	offer_all(gro, 5000);
	cr_assert_eq(sp_gro_deadline(gro), 6000);
	sp_gro_burst_end(gro, 5999);
	cr_assert_not(sp_gro_next(gro, &delivery), "held for 999 of 1000 ns");
	sp_gro_burst_end(gro, 6000);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.segs, 3);
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "age");
	cr_assert_eq(sp_gro_deadline(gro), UINT64_MAX);
	release_expect(gro, &delivery, 0);

	run_stream(packet_tcp4(), NULL, 4);
	run.cnt = 3;
	offer_all(gro, 7000);
	sp_gro_flush(gro);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "shutdown");
}

Test(library, a_wrong_checksum_passes_and_is_counted)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_gro_counters counters;
	struct sp_delivery delivery;
	struct packet p = packet_tcp4();

	run.cnt = 0;
	p.l4_csum_xor = 0x0100;
	run_add(&p);
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.csum, SP_CSUM_WRONG);
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "checksum");
	cr_assert_arr_eq(run.fragments[0].data, run.before[0], run.fragments[0].len);
	sp_gro_counters(gro, &counters);
	cr_assert_eq(counters.checksum_errors, 1);
	release_expect(gro, &delivery, 0);
	cr_assert_eq(sp_gro_offer(gro, run.fragments, 0, 2), 0);

	run.fragments[0].verified = true; /* the caller has verified it (R8) */
	offer_all(gro, 3);
	sp_gro_flush(gro);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.csum, SP_CSUM_VERIFIED);
}

Test(library, checksum_states)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;
	struct packet p = packet_tcp4();

	config.flags = SP_GRO_ACCEPT_UNFINISHED;
	gro = engine(&config);
	run.cnt = 0;
	run_add(&p); /* right */
	p.l3 = PACKET_L3_NONE;
	p.ethertype = 0x0806;
	p.l4 = PACKET_L4_NONE;
	run_add(&p); /* ARP, more or less */
	offer_all(gro, 1);
	sp_gro_flush(gro);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert(sp_gro_next(gro, &delivery));
		cr_assert_eq(delivery.csum, delivery.len == run.fragments[0].len ? SP_CSUM_VERIFIED : SP_CSUM_UNKNOWN);
		sp_gro_release(gro, &delivery, cookies);
	}
	run.cnt = 0;
	p = packet_tcp6();
	p.l4_csum = PACKET_CSUM_PARTIAL;
	run_add(&p);
	offer_all(gro, 1);
	sp_gro_flush(gro);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.csum, SP_CSUM_PARTIAL);
	cr_assert(delivery.request.needs_csum);
	cr_assert_eq(sp_gso_complete(&delivery.request, run.fragments[0].data, delivery.len), 0);
	cr_assert(packet_csums_ok(run.fragments[0].data, delivery.len), "complete has finished it");
}

Test(library, reasons_have_names_of_their_own)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	unsigned int cnt = 0;

	for (; sp_gro_reason_name(cnt); cnt++)
		for (unsigned int i = 0; i < cnt; i++)
			cr_assert_str_neq(sp_gro_reason_name(i), sp_gro_reason_name(cnt));
	cr_assert_geq(cnt, 17, "the flush reasons of RULES");
	cr_assert_null(sp_gro_reason_name(UINT32_MAX));
	cr_assert_eq(sp_gro_flushes(gro, cnt) + sp_gro_singles(gro, UINT32_MAX), 0);
}
