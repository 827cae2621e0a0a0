// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Everything that the engine can do is available through the library: each field and flag of the configuration has
 * its effect, each protocol and tunnel is merged and cut again, packets may come in several fragments, and marks are
 * set that no virtio header has.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "library_run.h"

/* ---- configuration ---- */

static void c_default(struct sp_gro_config *c) { (void)c; }
static void c_udp(struct sp_gro_config *c) { c->merge = SP_MERGE_UDP; }
static void c_vxlan_port(struct sp_gro_config *c)
{
	c->merge |= SP_MERGE_VXLAN;
	c->vxlan_port = 8472;
}
static void c_geneve_port(struct sp_gro_config *c)
{
	c->merge |= SP_MERGE_GENEVE;
	c->geneve_port = 8472;
}
static void c_flows(struct sp_gro_config *c) { c->flows = 3; }
static void c_flush_all(struct sp_gro_config *c)
{
	c->flows = 3;
	c->flags = SP_GRO_FLUSH_ALL;
}
static void c_first_port(struct sp_gro_config *c) { c->pass_ports[0] = 5201; }
static void c_last_port(struct sp_gro_config *c) { c->pass_ports[SP_GRO_PASS_PORTS - 1] = 5201; }
static void c_min_payload(struct sp_gro_config *c) { c->min_payload = MSS; }
static void c_max_packets(struct sp_gro_config *c) { c->max_packets = 4; }
static void c_max_bytes(struct sp_gro_config *c) { c->max_bytes = 3 * MSS; }
static void c_no_headroom(struct sp_gro_config *c) { c->max_bytes = SP_GRO_BYTES_MAX; }

static void r_tcp_3(void) { run_stream(packet_tcp4(), NULL, 3); }
static void r_tcp_9(void) { run_stream(packet_tcp4(), NULL, 9); }
static void r_tcp6_60(void) { run_stream(packet_tcp6(), NULL, 60); }
static void r_udp(void) { run_stream(packet_udp4(), NULL, 3); }

static void r_tunnel_to_8472(enum packet_tunnel_kind kind)
{
	struct packet_tunnel tunnel = packet_tunnel(kind, PACKET_L3_IPV4);

	tunnel.outer.dport = 8472;
	run_stream(packet_tcp4(), &tunnel, 10);
}

static void r_vxlan(void) { r_tunnel_to_8472(PACKET_VXLAN); }
static void r_geneve(void) { r_tunnel_to_8472(PACKET_GENEVE); }

/* Four packets, each of a flow of its own. */
static void r_flows(void)
{
	struct packet p = packet_tcp4();

	for (run.cnt = 0; run.cnt < 4; p.sport++)
		run_add(&p);
}

static void r_fixed_ids(void)
{
	struct packet p = packet_tcp4();

	p.df = false;
	for (run.cnt = 0; run.cnt < 4; p.seq += (uint32_t)p.payload_len)
		run_add(&p);
}

static const struct {
	const char *says;
	void (*config)(struct sp_gro_config *config);
	void (*run)(void);
	struct {
		uint32_t segs;
		const char *reason;
	} want[5]; /* these deliveries before the burst ends, no more */
} cases[] = {
	{ "R18: UDP is not merged by default",
	  c_default,
	  r_udp,
	  { { 1, "not_served" }, { 1, "not_served" }, { 1, "not_served" } } },
	{ "R18: UDP that is asked for", c_udp, r_udp, { { 3, "short" } } },
	{ "a VXLAN port", c_vxlan_port, r_vxlan, { { 10, "push_fin" } } },
	{ "a GENEVE port", c_geneve_port, r_geneve, { { 10, "push_fin" } } },
	{ "D3: a full table flushes the oldest", c_flows, r_flows, { { 1, "table_full" } } },
	{ "D3: or all", c_flush_all, r_flows, { { 1, "table_full" }, { 1, "table_full" }, { 1, "table_full" } } },
	{ "a port that passes", c_first_port, r_tcp_3, { { 1, "exempt" }, { 1, "exempt" }, { 1, "exempt" } } },
	{ "the last of the ports", c_last_port, r_tcp_3, { { 1, "exempt" }, { 1, "exempt" }, { 1, "exempt" } } },
	{ "a small payload that passes", c_min_payload, r_tcp_3, { { 2, "exempt" }, { 1, "exempt" } } },
	{ "max_packets", c_max_packets, r_tcp_9, { { 4, "count" }, { 4, "count" }, { 1, "push_fin" } } },
	{ "max_bytes", c_max_bytes, r_tcp_9, { { 2, "bytes" }, { 2, "bytes" }, { 2, "bytes" }, { 3, "push_fin" } } },
	{ "R16: no BIG TCP without headroom", c_no_headroom, r_tcp6_60, { { 45, "bytes" }, { 15, "push_fin" } } },
	{ "R12: fixed IDs without DF need marks",
	  c_default,
	  r_fixed_ids,
	  { { 1, "header" }, { 1, "header" }, { 1, "header" } } },
};

Test(library_engine, each_field_of_the_configuration_has_its_effect)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sp_gro_config config = usual();
		struct sp_delivery delivery;
		struct sp_gro *gro;

		cases[i].config(&config);
		cases[i].run();
		gro = engine(&config);
		offer_all(gro, 1);
		for (int k = 0; k < 5 && cases[i].want[k].segs; k++) {
			cr_assert(sp_gro_next(gro, &delivery), "%s: delivery %d", cases[i].says, k);
			cr_expect_eq(delivery.segs, cases[i].want[k].segs, "%s: %u packets", cases[i].says,
				     delivery.segs);
			cr_expect_str_eq(sp_gro_reason_name(delivery.reason), cases[i].want[k].reason, "%s",
					 cases[i].says);
		}
		cr_expect_not(sp_gro_next(gro, &delivery), "%s: one more", cases[i].says);
	}
}

/* ---- protocols ---- */

Test(library_engine, udp_is_merged_and_cut)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	run_stream(packet_udp4(), NULL, 10);
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

/* R12, S4: the IDs of each level stay or count, independently. */
Test(library_engine, ids_of_a_tunnel_and_of_the_packets_inside)
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

/* ---- marks, BIG TCP ---- */

Test(library_engine, marks_let_fixed_ids_without_df_merge) /* R12 */
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.flags = SP_GRO_MARKS;
	gro = engine(&config);
	r_fixed_ids();
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

/* R16: with headroom for the jumbo option, TCP over IPv6 is merged beyond 64 KB, and cut again. */
Test(library_engine, big_tcp_is_merged_and_cut)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.max_bytes = SP_GRO_BYTES_MAX;
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
				.data = at,
				.len = len,
				.more = j < PIECES - 1,
				.cookie = COOKIE + cnt,
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
			.data = (uint8_t *)run.fragments[0].data + 60 * i,
			.len = 60,
			.more = true,
		};
	pieces[SP_GRO_FRAGMENTS_MAX].more = false;
	cr_assert_eq(sp_gro_offer(gro, pieces, SP_GRO_FRAGMENTS_MAX + 1, 1), 0);
	pieces[SP_GRO_FRAGMENTS_MAX - 1].more = false;
	cr_assert_eq(sp_gro_offer(gro, pieces, SP_GRO_FRAGMENTS_MAX, 1), SP_GRO_FRAGMENTS_MAX);
}

/* ---- time ---- */

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

/* One packet a burst: each hold is in vain. */
Test(library_engine, flows_that_do_not_merge_are_left_alone_if_adaptive)
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

/* ---- a secret of 0 ---- */

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

/* It was 200 times slower once; a factor of 2 is noise. */
Test(library_engine, without_a_secret_flows_are_not_in_one_chain)
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
