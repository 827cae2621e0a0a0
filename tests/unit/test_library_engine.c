// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * That all of the engine can be reached through the library: each field and flag of the configuration does
 * something, each protocol and tunnel goes there and back, packets may come in several fragments, and
 * what only this interface can tell is told.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "library_run.h"

/* ---- protocols ---- */

Test(library_engine, udp_is_merged_where_it_is_asked_for)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	run_stream(packet_udp4(), NULL, 10);
	gro = engine(&config);
	offer_all(gro, 1);
	next_expect(gro, 1, "not_served");

	config.merge = SP_MERGE_UDP;
	gro = engine(&config);
	offer_all(gro, 1);
	delivery = next_expect(gro, 10, "short"); /* R18 */
	cr_assert_eq(delivery.request.type, SP_GSO_UDP);
	cut_expect(gro, &delivery, 0);
	release_expect(gro, &delivery, 0);
}

static void through_tunnel(enum packet_tunnel_kind kind, uint32_t merge)
{
	static const enum packet_l3 outer[] = { PACKET_L3_IPV4, PACKET_L3_IPV6 };
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	for (int i = 0; i < 4; i++) {
		struct packet p = i & 1 ? packet_tcp6() : packet_tcp4();
		struct packet_tunnel tunnel = packet_tunnel(kind, outer[i >> 1]);

		config.merge = SP_MERGE_TCP;
		run_stream(p, &tunnel, 10);
		gro = engine(&config);
		offer_all(gro, 1);
		next_expect(gro, 1, "not_served");

		config.merge = SP_MERGE_TCP | merge;
		gro = engine(&config);
		offer_all(gro, 1);
		delivery = next_expect(gro, 10, "push_fin");
		cr_assert_eq(delivery.request.type, i & 1 ? SP_GSO_TCPV6 : SP_GSO_TCPV4);
		cr_assert_eq(delivery.request.outer_version, i >> 1 ? 6 : 4);
		cr_assert_gt(delivery.request.inner_l3_off, 14);
		cr_assert_gt(delivery.request.outer_l4_off, 14);
		cr_assert_eq(delivery.request.outer_csum, kind == PACKET_VXLAN || kind == PACKET_GENEVE);
		cut_expect(gro, &delivery, 0);
		release_expect(gro, &delivery, 0);
	}
}

Test(library_engine, tcp_in_vxlan) { through_tunnel(PACKET_VXLAN, SP_MERGE_VXLAN); }
Test(library_engine, tcp_in_geneve) { through_tunnel(PACKET_GENEVE, SP_MERGE_GENEVE); }
Test(library_engine, tcp_in_gre) { through_tunnel(PACKET_GRE, SP_MERGE_GRE); }
Test(library_engine, tcp_in_ip) { through_tunnel(PACKET_IPIP, SP_MERGE_IPIP); }

Test(library_engine, tunnels_have_the_ports_that_they_are_told)
{
	static const struct {
		enum packet_tunnel_kind kind;
		uint32_t merge;
	} cases[] = { { PACKET_VXLAN, SP_MERGE_VXLAN }, { PACKET_GENEVE, SP_MERGE_GENEVE } };

	for (int i = 0; i < 2; i++) {
		struct packet_tunnel tunnel = packet_tunnel(cases[i].kind, PACKET_L3_IPV4);
		struct sp_gro_config config = usual();
		struct sp_gro *gro;

		tunnel.outer.dport = 8472;
		config.merge |= cases[i].merge;
		config.vxlan_port = i == 0 ? 8472 : 1;
		config.geneve_port = i == 1 ? 8472 : 1;
		run_stream(packet_tcp4(), &tunnel, 10);
		gro = engine(&config);
		offer_all(gro, 1);
		next_expect(gro, 10, "push_fin");
	}
}

/* R12, S4: each level's ID stands or counts by itself. */
Test(library_engine, a_tunnel_may_have_one_id_and_the_packets_in_it_many)
{
	struct packet_tunnel tunnel = packet_tunnel(PACKET_GRE, PACKET_L3_IPV4);
	struct sp_gro_config config = usual();
	struct packet p = packet_tcp4();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.merge |= SP_MERGE_GRE;
	config.flags = SP_GRO_MARKS;
	for (int i = 0; i < 2; i++) {
		p = packet_tcp4();
		run.cnt = 0;
		for (int j = 0; j < 4; j++) {
			run_add_in(&tunnel, &p);
			p.seq += (uint32_t)p.payload_len;
			*(i ? &p.ip_id : &tunnel.outer.ip_id) += 1;
		}
		gro = engine(&config);
		offer_all(gro, 1);
		sp_gro_burst_end(gro, 1);
		delivery = next_expect(gro, 4, "burst_end");
		cr_assert_eq(delivery.request.fixed_id, i == 0);
		cr_assert_eq(delivery.request.outer_fixed_id, i == 1);
		cut_expect(gro, &delivery, 0);
	}
}

/* ---- what only this interface can tell ---- */

Test(library_engine, marks_let_fixed_ids_without_df_merge) /* R12 */
{
	struct sp_gro_config config = usual();
	struct packet p = packet_tcp4();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	run.cnt = 0;
	p.df = false;
	for (int i = 0; i < 4; i++) {
		run_add(&p);
		p.seq += (uint32_t)p.payload_len;
	}
	gro = engine(&config);
	offer_all(gro, 1);
	next_expect(gro, 1, "header");

	config.flags = SP_GRO_MARKS;
	gro = engine(&config);
	offer_all(gro, 1);
	sp_gro_burst_end(gro, 1);
	delivery = next_expect(gro, 4, "burst_end");
	cr_assert(delivery.request.fixed_id);
	cut_expect(gro, &delivery, 0);
}

Test(library_engine, marks_let_equal_cwr_merge) /* R13 */
{
	struct sp_gro_config config = usual();
	struct packet p = packet_tcp6();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.flags = SP_GRO_MARKS;
	gro = engine(&config);
	p.tcp_flags |= PACKET_CWR;
	run_stream(p, NULL, 10);
	offer_all(gro, 1);
	delivery = next_expect(gro, 10, "push_fin");
	cr_assert(delivery.request.accecn);
	cut_expect(gro, &delivery, 0);
}

/* R16: with headroom for the jumbo option, IPv6 TCP goes beyond 64 KB, and comes back. */
Test(library_engine, big_tcp_goes_there_and_back)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.max_bytes = SP_GRO_BYTES_MAX;
	run_stream(packet_tcp6(), NULL, 60);
	gro = engine(&config);
	offer_all(gro, 1);
	next_expect(gro, 45, "bytes");

	config.headroom = 8;
	run_stream(packet_tcp6(), NULL, 60);
	gro = engine(&config);
	offer_all(gro, 1);
	delivery = next_expect(gro, 60, "push_fin");
	cr_assert_gt(delivery.len, 80000);
	cut_expect(gro, &delivery, 0);
	cr_assert_eq(sp_gro_unmerge(gro, &delivery, iov, NULL), 60);
	for (uint32_t i = 0; i < 60; i++)
		cr_assert_arr_eq(iov[i].iov_base, run.before[i], iov[i].iov_len, "packet %u", i);
}

/* ---- packets in fragments ---- */

#define PIECES 3u

/* The run's packets, each in PIECES fragments; the first has the headers and 1 byte of payload. */
static uint32_t in_pieces(struct sp_fragment *pieces, uint32_t header_len)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < run.cnt; i++) {
		uint8_t *at = run.fragments[i].data;
		uint32_t left = run.fragments[i].len;

		for (uint32_t j = 0; j < PIECES; j++, cnt++) {
			uint32_t len = j == 0 ? header_len + 1 : j == PIECES - 1 ? left : left / 2;

			pieces[cnt] = (struct sp_fragment){
				.data = at, .len = len, .more = j < PIECES - 1, .cookie = COOKIE + cnt,
			};
			at += len;
			left -= len;
		}
	}
	return cnt;
}

Test(library_engine, packets_may_come_in_fragments)
{
	struct sp_fragment pieces[PACKETS_MAX];
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_delivery delivery;
	uint8_t packet[FRAME_MAX];
	bool more[PACKETS_MAX];
	uint32_t cnt;

	run_stream(packet_tcp4(), NULL, 10);
	cnt = in_pieces(pieces, 54);
	/* the last packet's end has not come yet */
	cr_assert_eq(sp_gro_offer(gro, pieces, cnt - 1, 1), cnt - PIECES);
	cr_assert_eq(sp_gro_offer(gro, pieces + cnt - PIECES, PIECES, 2), PIECES);
	delivery = next_expect(gro, 10, "push_fin");
	cr_assert_eq(delivery.fragments, cnt);
	cut_expect(gro, &delivery, 0);

	cr_assert_eq(sp_gro_unmerge(gro, &delivery, iov, more), cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		cr_assert_eq(iov[i].iov_base, pieces[i].data);
		cr_assert_eq(more[i], pieces[i].more);
	}
	for (uint32_t i = 0; i < 10; i++) {
		cr_assert_eq(gathered(iov + i * PIECES, PIECES, packet), run.fragments[i].len);
		cr_assert_arr_eq(packet, run.before[i], run.fragments[i].len);
	}
	release_expect(gro, &delivery, 0);
}

Test(library_engine, a_packet_in_too_many_fragments_is_never_taken)
{
	struct sp_fragment pieces[SP_GRO_FRAGMENTS_MAX + 1];
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);

	run_stream(packet_tcp4(), NULL, 2);
	for (uint32_t i = 0; i <= SP_GRO_FRAGMENTS_MAX; i++)
		pieces[i] = (struct sp_fragment){
			.data = (uint8_t *)run.fragments[0].data + 60 * i, .len = 60, .more = true,
		};
	pieces[SP_GRO_FRAGMENTS_MAX].more = false;
	cr_assert_eq(sp_gro_offer(gro, pieces, SP_GRO_FRAGMENTS_MAX + 1, 1), 0);
	pieces[SP_GRO_FRAGMENTS_MAX - 1].more = false;
	cr_assert_eq(sp_gro_offer(gro, pieces, SP_GRO_FRAGMENTS_MAX, 1), SP_GRO_FRAGMENTS_MAX);
}

/* ---- conditions ---- */

/* cnt packets, each of a flow of its own. */
static void run_flows(uint32_t cnt)
{
	struct packet p = packet_tcp4();

	for (run.cnt = 0; run.cnt < cnt; p.sport++)
		run_add(&p);
}

Test(library_engine, a_full_table_flushes_the_oldest_or_all) /* D3 */
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.flows = 3;
	run_flows(4);
	gro = engine(&config);
	offer_all(gro, 1);
	next_expect(gro, 1, "table_full");
	cr_assert_not(sp_gro_next(gro, &delivery));

	config.flags = SP_GRO_FLUSH_ALL;
	gro = engine(&config);
	offer_all(gro, 1);
	for (int i = 0; i < 3; i++)
		next_expect(gro, 1, "table_full");
	cr_assert_not(sp_gro_next(gro, &delivery), "the newcomer is held");
}

Test(library_engine, some_packets_are_exempt)
{
	struct sp_gro_config config = usual();
	struct packet p = packet_tcp4();
	struct sp_gro *gro;

	config.pass_ports[0] = 22;
	config.pass_ports[SP_GRO_PASS_PORTS - 1] = p.dport;
	run_stream(p, NULL, 3);
	gro = engine(&config);
	offer_all(gro, 1);
	for (int i = 0; i < 3; i++)
		next_expect(gro, 1, "exempt");

	config = usual();
	config.min_payload = MSS;
	gro = engine(&config);
	offer_all(gro, 1);
	next_expect(gro, 2, "exempt");
	next_expect(gro, 1, "exempt");
}

Test(library_engine, silence_flushes_before_the_hold_time)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.hold_ns = 1000000;
	config.idle_ns = 500;
	gro = engine(&config);
	run_stream(packet_tcp4(), NULL, 3);
	run.cnt = 2;
	offer_all(gro, 10000);
	cr_assert_eq(sp_gro_offer(gro, run.fragments, 0, 10400), 0); /* nothing has come */
	sp_gro_burst_end(gro, 10499);
	cr_assert_not(sp_gro_next(gro, &delivery));
	cr_assert_leq(sp_gro_deadline(gro), 10500);
	sp_gro_burst_end(gro, 10500);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.segs, 2);
}

static uint64_t left_alone(const struct sp_gro *gro)
{
	for (unsigned int i = 0; sp_gro_reason_name(i); i++)
		if (!strcmp(sp_gro_reason_name(i), "left_alone"))
			return sp_gro_singles(gro, i);
	cr_assert_fail("there is no such reason");
	return 0;
}

/* A packet a burst: holding it is in vain each time. */
Test(library_engine, flows_that_do_not_gain_are_left_alone_where_that_is_asked_for)
{
	struct sp_gro_config config = usual();

	run_stream(packet_tcp4(), NULL, 50);
	for (int i = 0; i < 2; i++) {
		config.flags = i ? SP_GRO_ADAPTIVE : 0;
		struct sp_gro *gro = engine(&config);
		struct sp_delivery delivery;

		for (uint32_t j = 0; j < 50; j++) {
			cr_assert_eq(sp_gro_offer(gro, &run.fragments[j], 1, j), 1);
			sp_gro_burst_end(gro, j);
			cr_assert(sp_gro_next(gro, &delivery));
			release_expect(gro, &delivery, j);
		}
		cr_assert_eq(left_alone(gro) > 0, i == 1);
	}
}

/* ---- a secret that was forgotten ---- */

#define MANY_FLOWS 4096u

/* CPU seconds that it takes until so many flows, each between other hosts, are held. */
static double seconds_to_hold_many(struct sp_gro_config *config)
{
	static uint8_t packets[MANY_FLOWS][96], bytes[4u << 20] __attribute__((aligned(64)));
	struct packet p = packet_tcp6();
	struct timespec begin, end;
	struct sp_gro *gro;
	uint32_t len;

	p.payload_len = 1;
	len = (uint32_t)packet_build(&p, packets[0], sizeof packets[0], NULL);
	config->flows = config->packets = MANY_FLOWS;
	cr_assert_leq(sp_gro_memory_size(config), sizeof bytes);
	gro = sp_gro_init(config, bytes);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (uint32_t i = 0; i < MANY_FLOWS; i++) {
		struct sp_fragment fragment = { .data = packets[i], .len = len, .verified = true };

		memcpy(packets[i], packets[0], len);
		memcpy(packets[i] + 14 + 8, &i, sizeof i);
		cr_assert_eq(sp_gro_offer(gro, &fragment, 1, 1), 1);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

/* 200 times dearer it was; twice is noise. */
Test(library_engine, without_a_secret_flows_do_not_meet_in_one_chain)
{
	struct sp_gro_config none = usual(), some = usual();
	double without = 1e9, with = 1e9;

	memset(none.secret, 0, sizeof none.secret);
	some.secret[0] = 0x6a09e667f3bcc908;
	some.secret[1] = 0x3c6ef372fe94f82b;
	for (int i = 0; i < 5; i++) {
		double seconds = seconds_to_hold_many(&some);

		with = seconds < with ? seconds : with;
		seconds = seconds_to_hold_many(&none);
		without = seconds < without ? seconds : without;
	}
	cr_expect_lt(without, 10 * with, "%g s instead of %g", without, with);
}
