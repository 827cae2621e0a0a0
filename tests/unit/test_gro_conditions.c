// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What can be configured: when superpackets are flushed (the flush conditions of US patent 9,225,807), which
 * packets pass, and what merges only if the consumer reads marks (R12, R13) or takes BIG TCP (R16).
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gro_bench.h"
#include "gro_changes.h"

static struct packet connection(uint16_t port)
{
	struct packet p = packet_tcp4();

	p.sport = port;
	return p;
}

/* ---- time ---- */

Test(gro_conditions, all_is_flushed_when_nothing_has_come_for_long)
{
	struct gro_config config = config_plain();
	struct packet p = connection(1), q = connection(2);
	struct bench *b;

	config.hold_ns = 1000;
	config.idle_ns = 50;
	b = bench_open(&config);
	offer(b, &p); /* 0, at 1000 */
	cr_assert_eq(gro_deadline(&b->gro), 1050);
	b->now_ns = 1040;
	offer(b, &q); /* 1 */
	cr_assert_eq(gro_deadline(&b->gro), 1090, "something has come");
	b->now_ns = 1089;
	cr_assert_eq(gro_offer(&b->gro, NULL, 0, b->now_ns), 0);
	cr_assert_eq(gro_deadline(&b->gro), 1090, "nothing was offered");
	expect_end(b, "", "not yet");
	b->now_ns = 1090;
	expect_end(b, "0:burst_end 1:burst_end", "nothing more is being received (D4, D6)");
	cr_assert_eq(gro_deadline(&b->gro), UINT64_MAX);
	bench_close(b);
}

Test(gro_conditions, what_is_old_is_flushed_though_something_comes)
{
	struct gro_config config = config_plain();
	struct packet p = connection(1), q = connection(2);
	struct bench *b;

	config.hold_ns = 100;
	config.idle_ns = 50;
	b = bench_open(&config);
	offer(b, &p); /* 0, at 1000 */
	for (b->now_ns = 1030; b->now_ns < 1100; b->now_ns += 30) {
		offer(b, &q); /* 1 2 3: at 1030, 1060, 1090 */
		q = behind(&q);
		burst_end(b);
	}
	expect_line(b, "", "");
	b->now_ns = 1100;
	cr_assert_eq(gro_deadline(&b->gro), 1100, "the oldest's end is nearer");
	expect_end(b, "0:age", "D4");
	b->now_ns = 1130;
	expect_end(b, "1+2+3:age", "at both ends: it is old");
	bench_close(b);
}

/* An idle_ns without hold_ns changes nothing: all goes at the end of the burst. */
Test(gro_conditions, without_hold_time_there_is_no_idling)
{
	struct gro_config config = config_plain();
	struct packet p = connection(1);
	struct bench *b;

	config.idle_ns = 1000;
	b = bench_open(&config);
	offer(b, &p);
	cr_assert_eq(gro_deadline(&b->gro), b->now_ns);
	expect_end(b, "0:burst_end", "D4");
	bench_close(b);
}

Test(gro_conditions, deadlines_do_not_wrap)
{
	struct gro_config config = config_plain();
	struct packet p = connection(1);
	struct bench *b;

	config.hold_ns = UINT64_MAX;
	config.idle_ns = UINT64_MAX - 1;
	b = bench_open(&config);
	b->now_ns = 1000;
	offer(b, &p);
	cr_assert_eq(gro_deadline(&b->gro), UINT64_MAX);
	b->now_ns = UINT64_MAX / 2;
	expect_end(b, "", "for ever");
	gro_flush(&b->gro, GRO_SHUTDOWN);
	expect_out(b, "0:shutdown", "");
	bench_close(b);
}

/* ---- D3, the patent's policy ---- */

Test(gro_conditions, all_are_flushed_when_the_table_is_full)
{
	struct gro_config config = config_plain();
	struct bench *b;
	struct packet p;

	config.flows = 3;
	config.flush_all_when_full = true;
	b = bench_open(&config);
	for (uint16_t port = 1; port <= 4; port++) {
		p = connection(port);
		offer(b, &p);
	}
	expect_out(b, "0:table_full 1:table_full 2:table_full", "D3: in order of their first packets");
	p = connection(4);
	p = behind(&p);
	offer(b, &p);
	expect_end(b, "3+4:burst_end", "the newcomer has a place");
	bench_close(b);
}

/* ---- what passes untouched ---- */

static void fourth_port(struct gro_config *c) { c->pass_ports[0] = 7, c->pass_ports[15] = 5201; }
static void source_port(struct gro_config *c) { c->pass_ports[3] = 40000; }
static void other_port(struct gro_config *c) { c->pass_ports[3] = 80; }
static void ninety(struct gro_config *c) { c->min_payload = 90; }
static void hundred_one(struct gro_config *c) { c->min_payload = 101; }

Test(gro_conditions, exempt_packets_pass_behind_their_flow)
{
	static const struct {
		const char *sentence;
		void (*configure)(struct gro_config *c);
		void (*change)(struct packet *p); /* of the third */
		const char *want;
	} cases[] = {
		{ "a port, the other end's", fourth_port, nothing, "0:exempt 1:exempt 2:exempt" },
		{ "a port, this end's", source_port, nothing, "0:exempt 1:exempt 2:exempt" },
		{ "another port", other_port, nothing, "0+1+2:burst_end" },
		{ "enough payload", ninety, nothing, "0+1+2:burst_end" },
		{ "not enough", hundred_one, nothing, "0:exempt 1:exempt 2:exempt" },
		{ "enough, though short (R17)", ninety, shorter, "0+1+2:short" },
		{ "not enough: what is held goes first (D1)", ninety, one_byte, "0+1:exempt 2:exempt" },
		{ "a pure ACK is one first", ninety, no_data, "0+1:no_data 2:no_data" },
		{ "wrong checksums are wrong (D2)", ninety, bad_l4_csum, "0+1:checksum 2:checksum" },
	};

	for (uint32_t i = 0; i < 4 * ARRAY_SIZE(cases); i++) {
		struct packet p[3] = { i & 1 ? packet_tcp6() : packet_tcp4() };
		struct gro_config config = config_plain();
		struct bench *b;

		cases[i / 4].configure(&config);
		b = bench_open(&config);
		p[1] = behind(&p[0]);
		p[2] = behind(&p[1]);
		cases[i / 4].change(&p[2]);
		if (i & 2) {
			offer_burst(b, p, 3, GRO_CSUM_UNKNOWN);
		} else {
			offer(b, &p[0]);
			offer(b, &p[1]);
			offer(b, &p[2]);
		}
		expect_end(b, cases[i / 4].want, cases[i / 4].sentence);
		bench_close(b);
	}
}

/* ---- adaptive: flows that do not gain are left alone (habit.h has the numbers) ---- */

/* One packet a burst: nothing ever merges. */
static uint64_t left_alone(bool adaptive, struct bench **bench)
{
	struct gro_config config = config_plain();
	struct packet p = connection(1);
	struct bench *b;

	config.adaptive = adaptive;
	b = bench_open(&config);
	for (uint32_t i = 0; i < 40; i++, p = behind(&p)) {
		offer(b, &p);
		burst_end(b);
		b->line[0] = 0;
	}
	*bench = b;
	return b->singles[GRO_LEFT_ALONE];
}

Test(gro_conditions, flow_that_never_gains_is_left_alone)
{
	struct packet p = connection(2);
	struct bench *b;

	cr_assert_eq(left_alone(false, &b), 0);
	bench_close(b);
	cr_assert_eq(left_alone(true, &b), 40 - HABIT_TRUST);
	offer_run(b, &p, 3);
	p = connection(1);
	offer_run(b, &p, 2);
	expect_end(b, "43:left_alone 44:left_alone 40+41+42:burst_end", "no other is");
	bench_close(b);
}

Test(gro_conditions, flow_that_gains_again_is_merged_again)
{
	struct packet p = connection(1);
	struct bench *b;
	uint64_t before;

	left_alone(true, &b);
	before = b->singles[GRO_LEFT_ALONE];
	offer_run(b, &p, HABIT_ALONE_MIN - before);
	burst_end(b);
	cr_assert_eq(b->singles[GRO_LEFT_ALONE], HABIT_ALONE_MIN);
	b->line[0] = 0;
	offer_run(b, &p, 2);
	offer(b, &p);
	expect_end(b, "80+81+82:burst_end", "a try");
	offer_run(b, &p, 1);
	burst_end(b);
	cr_assert_eq(b->singles[GRO_LEFT_ALONE], HABIT_ALONE_MIN, "and trusted");
	bench_close(b);
}

/* D1: what a flow holds is delivered before its packets that are left alone. */
Test(gro_conditions, left_alone_in_order)
{
	struct gro_config config = config_plain();
	struct packet p = connection(1);
	struct bench *b;

	config.adaptive = true;
	b = bench_open(&config);
	for (uint32_t i = 0; i < 60; i++) { /* each is out of sequence: it is held, and flushed by the next */
		p.seq += 1000;
		offer(b, &p);
		take_all(b);
	}
	burst_end(b);
	for (uint32_t i = 0, at = 0; i < 60; i++) {
		char want[32];

		snprintf(want, sizeof want, "%u:", i);
		cr_assert_eq(strncmp(b->line + at, want, strlen(want)), 0, "%s", b->line + at);
		at += (uint32_t)strcspn(b->line + at, " ") + 1;
	}
	cr_assert_gt(b->singles[GRO_LEFT_ALONE], 40);
	bench_close(b);
}

/* ---- marks (R12, R13) ---- */

static void cwr_on_the_third(struct packet *p) { p[2].tcp_flags |= PACKET_CWR; }
static void cwr_on_all(struct packet *p)
{
	p[0].tcp_flags |= PACKET_CWR, p[1].tcp_flags |= PACKET_CWR, cwr_on_the_third(p);
}
static void cwr_on_two(struct packet *p) { cwr_on_all(p), p[2].tcp_flags &= ~PACKET_CWR & 0x1ff; }
static void one_id(struct packet *p) { p[1].ip_id = p[2].ip_id = p[0].ip_id; }
static void one_id_without_df(struct packet *p) { one_id(p), p[0].df = p[1].df = p[2].df = false; }

Test(gro_conditions, what_marks_can_tell_merges_where_they_are_read)
{
	static const struct {
		const char *sentence;
		void (*change)(struct packet *p); /* of three */
		const char *plain, *marked;
		bool accecn, fixed_id; /* of the first delivery with marks */
	} cases[] = {
		{ "R13: CWR on all", cwr_on_all, "0:header 1:header 2:burst_end", "0+1+2:burst_end", true, false },
		{ "R13: CWR on two", cwr_on_two, "0:header 1:header 2:burst_end", "0+1:header 2:burst_end", true,
		  false },
		{ "R13: CWR on the third", cwr_on_the_third, "0+1:header 2:burst_end", "0+1:header 2:burst_end", false,
		  false },
		{ "R12: one ID without DF", one_id_without_df, "0:header 1:header 2:burst_end", "0+1+2:burst_end",
		  false, true },
		{ "R12: one ID with DF", one_id, "0+1+2:burst_end", "0+1+2:burst_end", false, true },
	};

	for (uint32_t i = 0; i < 4 * ARRAY_SIZE(cases); i++) {
		struct packet p[3] = { packet_tcp4() };
		struct gro_config config = config_plain();
		struct gro_super *super;
		struct bench *b;

		p[1] = behind(&p[0]);
		p[2] = behind(&p[1]);
		cases[i / 4].change(p);
		config.marks = i & 1;
		b = bench_open(&config);
		if (i & 2)
			offer_burst(b, p, 3, GRO_CSUM_UNKNOWN);
		else
			offer(b, &p[0]), offer(b, &p[1]), offer(b, &p[2]);
		gro_burst_end(&b->gro, b->now_ns);
		super = gro_next(&b->gro);
		if (config.marks) {
			cr_assert_eq(super->request.accecn, cases[i / 4].accecn, "%s", cases[i / 4].sentence);
			cr_assert_eq(super->request.fixed_id, cases[i / 4].fixed_id, "%s", cases[i / 4].sentence);
		} else {
			cr_assert_not(super->request.accecn);
		}
		take(b, super);
		expect_out(b, config.marks ? cases[i / 4].marked : cases[i / 4].plain, cases[i / 4].sentence);
		bench_close(b);
	}
}

/* ---- csum of deliveries ---- */

Test(gro_conditions, deliveries_say_what_is_known_of_their_checksums)
{
	static const struct {
		const char *sentence;
		struct packet (*make)(void);
		void (*change)(struct packet *p);
		enum gro_csum offered, want;
	} cases[] = {
		{ "verified here", packet_tcp4, nothing, GRO_CSUM_UNKNOWN, GRO_CSUM_VERIFIED },
		{ "verified by somebody else", packet_tcp4, bad_l4_csum, GRO_CSUM_VERIFIED, GRO_CSUM_VERIFIED },
		{ "wrong", packet_tcp4, bad_l4_csum, GRO_CSUM_UNKNOWN, GRO_CSUM_WRONG },
		{ "wrong IP header", packet_tcp4, bad_ip_csum, GRO_CSUM_VERIFIED, GRO_CSUM_WRONG },
		{ "verified, though it passes", packet_tcp4, syn, GRO_CSUM_UNKNOWN, GRO_CSUM_VERIFIED },
		{ "not looked at", packet_udp4, nothing, GRO_CSUM_UNKNOWN, GRO_CSUM_UNKNOWN },
		{ "not looked at here", packet_udp4, nothing, GRO_CSUM_VERIFIED, GRO_CSUM_VERIFIED },
		{ "a fragment", packet_tcp4, fragment_offset, GRO_CSUM_UNKNOWN, GRO_CSUM_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet p = cases[i].make();
		struct bench *b = bench_plain();
		struct gro_super *super;

		cases[i].change(&p);
		offer_burst(b, &p, 1, cases[i].offered);
		gro_burst_end(&b->gro, b->now_ns);
		super = gro_next(&b->gro);
		cr_assert_eq(super->csum, cases[i].want, "%s", cases[i].sentence);
		take(b, super);
		bench_close(b);
	}
}

/* ---- BIG TCP (R16) ---- */

static struct bench *bench_big(uint32_t max_bytes, uint16_t headroom)
{
	struct gro_config config = config_plain();

	config.merge = GRO_MERGE_ALL;
	config.max_bytes = max_bytes;
	config.headroom = headroom;
	return bench_open(&config);
}

/* The form that Linux uses: the headers as they were, then a hop-by-hop header with the jumbo payload option. */
static void expect_big(struct bench *b, const struct packet *first, size_t payload_len, uint16_t flags)
{
	uint8_t *want = calloc(1, SUPER_LEN_MAX), *ip;
	struct gro_super *super = gro_next(&b->gro);
	struct packet whole = *first;
	struct packet_layout at;
	uint32_t jumbo_len, tcp_len;
	uint64_t sum;
	size_t len;

	whole.payload_len = payload_len;
	whole.tcp_flags |= flags;
	whole.l4_csum = PACKET_CSUM_PARTIAL;
	len = packet_build(&whole, want, SUPER_LEN_MAX - 8, &at);
	memmove(want + at.l4_off + 8, want + at.l4_off, len - at.l4_off);
	ip = want + at.l3_off;
	tcp_len = (uint32_t)(len - at.l4_off);
	jumbo_len = tcp_len + 8;
	memcpy(want + at.l4_off,
	       (uint8_t[8]){ 6, 0, 0xc2, 4, jumbo_len >> 24, jumbo_len >> 16 & 0xff, jumbo_len >> 8 & 0xff,
			     jumbo_len & 0xff },
	       8);
	ip[6] = ip[4] = ip[5] = 0;
	/* The packet builder cannot build 32-bit lengths. */
	sum = packet_sum(ip + 8, 32, (uint64_t)6 + (tcp_len >> 16) + (tcp_len & 0xffff));
	want[at.l4_off + 8 + 16] = (uint8_t)(packet_fold(sum) >> 8);
	want[at.l4_off + 8 + 17] = (uint8_t)packet_fold(sum);

	cr_assert_not_null(super);
	cr_assert_eq(super->request.type, GSO_TCPV6);
	cr_assert_eq(super->request.size, first->payload_len);
	cr_assert_eq(super->request.csum_start, at.l4_off + 8);
	cr_assert_eq(super->request.csum_offset, 16);
	cr_assert_eq(super->request.hdr_len, at.payload_off + 8);
	expect_bytes(b, super, want, len + 8);
	take(b, super);
	free(want);
}

Test(gro_conditions, big_tcp_has_a_jumbo_option)
{
	static void (*const shapes[])(struct packet * p) = { nothing, with_tags, with_timestamp };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct bench *b = bench_big(GRO_BIG_BYTES_MAX, 8);
		struct packet first = packet_tcp6(), p;

		shapes[i](&first);
		first.payload_len = 1428;
		p = first;
		offer_run(b, &p, 300);
		p.tcp_flags |= PACKET_PSH;
		p.payload_len = 700;
		offer(b, &p);
		expect_big(b, &first, 300 * 1428 + 700, PACKET_PSH);
		bench_close(b);
	}
}

/* While its length fits into 16 bits, it is an ordinary superpacket. */
Test(gro_conditions, big_tcp_begins_where_16_bits_end)
{
	for (size_t rest = 515; rest <= 516; rest++) { /* 20 + 13 * 5000 + 515 = 65535 */
		struct bench *b = bench_big(100000, 8);
		struct packet first = packet_tcp6(), p;

		first.payload_len = 5000;
		p = first;
		offer_run(b, &p, 13);
		p.payload_len = rest;
		offer(b, &p);
		if (rest == 515)
			expect_superpacket(b, &first, 14, 65515, 0);
		else
			expect_big(b, &first, 65516, 0);
		bench_close(b);
	}
}

Test(gro_conditions, big_tcp_ends_at_max_bytes)
{
	struct bench *b = bench_big(60 + 16 * 5000, 8);
	struct packet first = packet_tcp6(), p;

	first.payload_len = 5000;
	p = first;
	offer_run(b, &p, 17);
	expect_big(b, &first, 16 * 5000, 0);
	expect_end(b, "0+1+2+3+4+5+6+7+8+9+10+11+12+13+14+15:bytes 16:burst_end", "R16");
	bench_close(b);
}

static size_t build_plain(const struct packet *p, uint8_t *buf, size_t cap) { return packet_build(p, buf, cap, NULL); }

static size_t build_in_tunnel(const struct packet *p, uint8_t *buf, size_t cap)
{
	struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV6);

	return packet_build_in(&t, p, buf, cap, NULL);
}

/* Only TCP directly behind IPv6 has a BIG TCP form, and it needs headroom. */
Test(gro_conditions, all_else_ends_at_65535)
{
	static const struct {
		const char *sentence;
		struct packet (*make)(void);
		void (*change)(struct packet *p);
		size_t (*build)(const struct packet *p, uint8_t *buf, size_t cap);
		uint16_t headroom;
	} cases[] = {
		{ "no headroom", packet_tcp6, nothing, build_plain, 7 },
		{ "IPv4", packet_tcp4, nothing, build_plain, 64 },
		{ "UDP", packet_udp6, nothing, build_plain, 64 },
		{ "extension headers", packet_tcp6, with_extensions, build_plain, 64 },
		{ "within a tunnel", packet_tcp6, nothing, build_in_tunnel, 64 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b = bench_big(GRO_BIG_BYTES_MAX, cases[i].headroom);
		struct packet p = cases[i].make();
		static uint8_t buf[8000];

		cases[i].change(&p);
		p.payload_len = 5000;
		for (uint32_t n = 0; n < 14; n++, p = behind(&p))
			offer_frame(b, buf, cases[i].build(&p, buf, sizeof buf), GRO_CSUM_UNKNOWN);
		expect_end(b, "0+1+2+3+4+5+6+7+8+9+10+11+12:bytes 13:burst_end", cases[i].sentence);
		bench_close(b);
	}
}
