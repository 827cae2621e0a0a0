// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets in several fragments, as AF_XDP delivers them (XDP_PKT_CONTD): all headers are in the first one.
 * gro_bench.h says how to read the expected results.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gro_bench.h"
#include "gro_changes.h"

/* Builds p and offers it in fragments that are cut at these places. */
static void offer_cut(struct bench *b, const struct packet *p, const uint32_t *cuts, uint32_t cut_cnt)
{
	static uint8_t buf[70000];

	offer_in_fragments(b, buf, packet_build(p, buf, sizeof buf, NULL), cuts, cut_cnt);
}

/* Cuts at each place behind the headers, at odd and even ones, and behind the payload. */
Test(gro_fragments, superpacket_is_the_same_wherever_packets_are_cut)
{
	for (uint32_t version = 4; version <= 6; version += 2)
		for (uint32_t cut = version == 4 ? 54 : 74; cut <= (version == 4 ? 166u : 186u); cut++) {
			struct packet first = version == 4 ? packet_tcp4() : packet_tcp6(), p;
			struct bench *b = bench_plain();

			first.payload_len = 101;
			first.pad_to = 220;
			p = first;
			for (uint32_t i = 0; i < 5; i++, p = behind(&p)) {
				const uint32_t cuts[] = { cut, cut + 3 * i, cut + 7 * i };

				offer_cut(b, &p, cuts, i % 4);
			}
			gro_burst_end(&b->gro, b->now_ns);
			expect_superpacket(b, &first, 5, 505, 0);
			expect_line(b, "0+1.2+3.4.5+6.7.8.9+10:burst_end", "0 to 3 cuts");
			bench_close(b);
		}
}

Test(gro_fragments, payload_slices_lie_where_the_fragments_came)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_plain();
	const uint32_t cuts[] = { 54, 100, 154 };
	struct gro_super *super;
	struct iovec iov[8];

	p.pad_to = 160;
	offer_cut(b, &p, cuts, 3); /* headers | 46 | 54 | padding */
	p = behind(&p);
	offer_cut(b, &p, cuts, 3);
	gro_burst_end(&b->gro, b->now_ns);
	super = gro_next(&b->gro);
	cr_assert_eq(super->packet_cnt, 2);
	cr_assert_eq(super->fragment_cnt, 8);
	cr_assert_eq(super->len, 254);
	cr_assert_eq(gro_iovecs(&b->gro, super, iov), 5, "what holds no payload is no slice");
	cr_assert_eq(iov[0].iov_base, b->frames[0].data);
	cr_assert_eq(iov[0].iov_len, 54);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert_eq(iov[1 + 2 * i].iov_base, b->frames[1 + 4 * i].data);
		cr_assert_eq(iov[1 + 2 * i].iov_len, 46);
		cr_assert_eq(iov[2 + 2 * i].iov_base, b->frames[2 + 4 * i].data);
		cr_assert_eq(iov[2 + 2 * i].iov_len, 54);
	}
	take(b, super);
	bench_close(b);
}

/* Packets that pass for any reason are delivered as they came (D5). */
Test(gro_fragments, packet_alone_is_its_fragments)
{
	static const struct {
		void (*change)(struct packet *p);
		const char *want;
	} cases[] = {
		{ nothing, "0.1.2:burst_end" },
		{ padded, "0.1.2:burst_end" },
		{ syn, "0.1.2:flags" },
		{ psh, "0.1.2:push_fin" },
		{ udp, "0.1.2:not_served" },
		{ bad_l4_csum, "0.1.2:checksum" },
		{ more_fragments, "0.1.2:fragment" },
		{ ip_too_long, "0.1.2:not_served" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const uint32_t cuts[] = { 54, 57 };
		struct bench *b = bench_plain();
		struct packet p = packet_tcp4();

		cases[i].change(&p);
		offer_cut(b, &p, cuts, 2);
		expect_end(b, cases[i].want, "D5");
		bench_close(b);
	}
}

/* The IP length counts the bytes of all fragments (R4). */
Test(gro_fragments, lengths_are_of_the_whole_packet)
{
	struct packet p = packet_tcp4(), q;
	struct bench *b = bench_plain();
	const uint32_t cuts[] = { 60 };
	uint8_t buf[300];
	size_t len;

	offer(b, &p);
	q = behind(&p);
	len = packet_build(&q, buf, sizeof buf, NULL);
	offer_in_fragments(b, buf, len - 1, cuts, 1);
	expect_end(b, "0:not_served 1.2:not_served", "one byte is missing");
	bench_close(b);
}

Test(gro_fragments, headers_must_be_in_the_first)
{
	struct packet p = packet_tcp4();

	for (uint32_t cut = 1; cut < 54; cut++) {
		struct bench *b = bench_plain();
		struct packet q = behind(&p);

		offer(b, &p);
		offer_cut(b, &q, &cut, 1);
		burst_end(b);
		/* If even the addresses are cut off, its flow is not known; else D2 holds. */
		cr_assert_str_eq(b->line, cut < 34 ? "1.2:not_served 0:burst_end" : "0:not_served 1.2:not_served",
				 "%u: %s", cut, b->line);
		bench_close(b);
	}
}

/* The checksum covers each bit of the payload, in whichever fragment it is. */
Test(gro_fragments, no_spoiled_bit_is_merged)
{
	struct packet p = packet_tcp4(), q = behind(&p);
	const uint32_t cuts[] = { 61, 62, 99 };
	uint8_t buf[300];
	size_t len = packet_build(&q, buf, sizeof buf, NULL);

	for (size_t at = 0; at < 8 * len; at++) {
		struct bench *b = bench_plain();

		offer(b, &p);
		buf[at / 8] ^= (uint8_t)(1 << at % 8);
		offer_in_fragments(b, buf, len, cuts, 3);
		buf[at / 8] ^= (uint8_t)(1 << at % 8);
		burst_end(b);
		cr_assert_null(strchr(b->line, '+'), "bit %zu: %s", at, b->line);
		bench_close(b);
	}
}

Test(gro_fragments, unfinished_checksums)
{
	const uint32_t cuts[] = { 61, 62, 99 };
	struct bench *b = bench_unfinished();
	struct packet first = packet_tcp4(), p;

	unfinished(&first);
	p = first;
	for (uint32_t i = 0; i < 3; i++, p = behind(&p))
		offer_cut(b, &p, cuts, 3);
	gro_burst_end(&b->gro, b->now_ns);
	expect_superpacket(b, &first, 3, 300, 0);
	bench_close(b);
}

/* ---- counts ---- */

Test(gro_fragments, count_against_max_packets)
{
	static const struct {
		const char *sentence;
		uint32_t cuts[5];
		const char *want;
	} cases[] = {
		{ "four fill it", { 1, 1 }, "0.1+2.3:count" },
		{ "three and two do not fit", { 2, 1 }, "0.1.2:count 3.4:burst_end" },
		{ "one and three do", { 0, 2 }, "0+1.2.3:count" },
		{ "three and one", { 2, 0 }, "0.1.2+3:count" },
		{ "four by themselves", { 3, 0 }, "0.1.2.3:count 4:burst_end" },
		{ "more than there may be", { 4, 0 }, "0.1.2.3.4:count 5:burst_end" },
		{ "more behind one", { 0, 4 }, "0:count 1.2.3.4.5:count" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const uint32_t cuts[] = { 60, 70, 80, 90 };
		struct gro_config config = config_plain();
		struct packet p = packet_tcp4();
		struct bench *b;

		config.max_packets = 4;
		b = bench_open(&config);
		for (uint32_t n = 0; n < 2; n++, p = behind(&p))
			offer_cut(b, &p, cuts, cases[i].cuts[n]);
		expect_end(b, cases[i].want, cases[i].sentence);
		bench_close(b);
	}
}

/* Up to the number of iovecs that one write takes, through all blocks. */
Test(gro_fragments, many)
{
	struct packet first = packet_tcp4(), p;
	struct bench *b = bench_plain();
	uint32_t cuts[GRO_FRAGMENTS_MAX - 1];

	first.payload_len = 1000;
	p = first;
	for (uint32_t i = 0; i < ARRAY_SIZE(cuts); i++)
		cuts[i] = 54 + 50 * i;
	for (uint32_t i = 0; i < 28; i++, p = behind(&p))
		offer_cut(b, &p, cuts, ARRAY_SIZE(cuts));
	cr_assert_eq(gro_owned_packets(&b->gro), 28 * GRO_FRAGMENTS_MAX, "504 of 512");
	offer_cut(b, &p, cuts, ARRAY_SIZE(cuts));
	expect_superpacket(b, &first, 28, 28000, 0);
	cr_assert_eq(b->flushes[GRO_COUNT], 1);
	bench_close(b);
}

/* ---- taking whole packets only ---- */

static uint32_t make_fragments(struct bench *b, struct gro_packet *packets, uint32_t cnt, const struct packet *p)
{
	uint8_t buf[300];
	size_t len = packet_build(p, buf, sizeof buf, NULL), part = (len - 60) / (cnt > 1 ? cnt - 1 : 1), at = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		size_t end = i + 1 == cnt ? len : 60 + i * part;

		packets[i] = frame_packet(b, frame_add(b, buf + at, end - at), GRO_CSUM_UNKNOWN);
		packets[i].more = i + 1 < cnt;
		at = end;
	}
	return cnt;
}

Test(gro_fragments, incomplete_packet_is_left_to_the_next_offer)
{
	struct gro_packet packets[5];
	struct packet p = packet_tcp4(), q = behind(&p);
	struct bench *b = bench_plain();

	make_fragments(b, packets, 2, &p);
	make_fragments(b, packets + 2, 3, &q);
	for (uint32_t cnt = 1; cnt < 5; cnt++) {
		uint32_t from = cnt > 2 ? 2 : 0;

		cr_assert_eq(gro_offer(&b->gro, packets + from, cnt - from, b->now_ns), cnt == 2 ? 2u : 0u);
	}
	cr_assert_eq(gro_offer(&b->gro, packets + 2, 3, b->now_ns), 3);
	expect_end(b, "0.1+2.3.4:burst_end", "");
	bench_close(b);
}

Test(gro_fragments, packet_of_too_many_is_never_taken)
{
	struct gro_packet packets[GRO_FRAGMENTS_MAX + 1];
	struct packet p = packet_tcp4();
	struct bench *b = bench_plain();

	make_fragments(b, packets, GRO_FRAGMENTS_MAX + 1, &p);
	cr_assert_eq(gro_offer(&b->gro, packets, GRO_FRAGMENTS_MAX + 1, b->now_ns), 0);
	packets[GRO_FRAGMENTS_MAX - 1].more = false; /* a shorter one is taken */
	cr_assert_eq(gro_offer(&b->gro, packets, GRO_FRAGMENTS_MAX, b->now_ns), GRO_FRAGMENTS_MAX);
	b->offered_cnt--;
	burst_end(b);
	free(b->frames[b->offered_cnt].memory);
	free(b->frames[b->offered_cnt].copy);
	bench_close(b);
}

/* Pools of all small sizes: whichever runs out, a delivery can be taken, and then more can be offered. */
Test(gro_fragments, short_pools_always_make_progress)
{
	for (uint32_t room = 5; room <= 20; room++)
		for (uint32_t flows = 1; flows <= 5; flows++) {
			struct gro_config config = config_plain();
			struct gro_packet packets[200];
			struct gro_super *super;
			struct bench *b;
			uint32_t total = 0, done = 0, rounds = 0;

			config.packets = room;
			config.flows = flows;
			config.hold_ns = 1000000;
			b = bench_open(&config);
			for (uint32_t i = 0; i < 60; i++) {
				struct packet p = packet_tcp4();

				p.sport = (uint16_t)(i * i % 7);
				p.seq += i / 7 * 100;
				total += make_fragments(b, packets + total, 1 + i % 5, &p);
			}
			while (done < total) {
				uint32_t cnt = done + 16 < total ? 16 : total - done;
				uint32_t taken = gro_offer(&b->gro, packets + done, cnt, b->now_ns);

				done += taken;
				cr_assert_leq(gro_owned_packets(&b->gro), room);
				super = gro_next(&b->gro);
				cr_assert(super || taken, "neither way forward");
				if (super)
					take(b, super);
				cr_assert_lt(rounds++, 900u, "no progress");
			}
			bench_close(b);
		}
}

/* D2: it is not known what the tunnel carries, so the packet must not be merged as UDP of another flow and overtake
 * its own flow. */
Test(gro_fragments, tunnels_whose_headers_go_on_in_the_second_fragment_overtake_nothing)
{
	for (enum packet_tunnel_kind kind = PACKET_VXLAN; kind <= PACKET_IPIP; kind++) {
		struct packet_tunnel tunnel = packet_tunnel(kind, PACKET_L3_IPV4);
		struct gro_config config = config_plain();
		struct packet p = packet_tcp4();
		struct packet_layout at;
		uint8_t buf[1000];
		struct bench *b;

		config.merge = GRO_MERGE_ALL;
		b = bench_open(&config);
		offer_frame(b, buf, packet_build_in(&tunnel, &p, buf, sizeof buf, &at), GRO_CSUM_UNKNOWN);
		for (uint32_t i = 0; i < 2; i++) {
			uint32_t cut = (uint32_t)(i ? at.outer_l4_off + 8 : at.payload_off - 1);

			p = behind(&p);
			tunnel.outer.ip_id++;
			offer_in_fragments(b, buf, packet_build_in(&tunnel, &p, buf, sizeof buf, NULL), &cut, 1);
		}
		expect_end(b, "0:not_served 1.2:not_served 3.4:not_served", "in order, alone");
		bench_close(b);
	}
}
