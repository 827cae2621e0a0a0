// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly of UDP (R18, R7). gro_bench.h says how to read the expected results.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gro_bench.h"
#include "gro_changes.h"

static struct bench *bench_udp(void)
{
	struct gro_config config = config_plain();

	config.merge = GRO_MERGE_TCP | GRO_MERGE_UDP;
	return bench_open(&config);
}

static void no_csum(struct packet *p) { p->l4_csum = PACKET_CSUM_ZERO; }
static void udp_len_more(struct packet *p) { p->udp_len = 109, p->pad_to = 300; }
static void udp_len_less(struct packet *p) { p->udp_len = 107; }
static void tcp(struct packet *p) { p->l4 = PACKET_L4_TCP; }
static void tcp_fragment(struct packet *p) { p->l4 = PACKET_L4_TCP, p->mf = true; }

static const struct {
	const char *sentence;
	int version;                      /* 4, 6; 0: both */
	void (*first)(struct packet *p);  /* of both packets */
	void (*change)(struct packet *p); /* of the second */
	const char *want;
} changes[] = {
	{ "R18: equal length appends", 0, nothing, nothing, "0+1:burst_end" },
	{ "R18: shorter appends and delivers", 0, nothing, shorter, "0+1:short" },
	{ "R18: one byte", 0, nothing, one_byte, "0+1:short" },
	{ "R18: longer flushes and starts anew", 0, nothing, longer, "0:larger 1:burst_end" },
	{ "R4: padding is no payload", 0, one_byte_and_padding, nothing, "0+1:burst_end" },
	{ "R4: nor are bytes behind the packet", 0, nothing, trailer, "0+1:burst_end" },

	{ "R7: a datagram without data", 0, nothing, no_data, "0:no_data 1:no_data" },
	{ "R7: no checksum", 0, nothing, no_csum, "0:not_served 1:not_served" },
	{ "R7: a length field beyond the packet", 0, nothing, udp_len_more, "0:not_served 1:not_served" },
	{ "R7: a length field that leaves bytes over", 0, nothing, udp_len_less, "0:not_served 1:not_served" },
	{ "R8: wrong checksum", 0, nothing, bad_l4_csum, "0:checksum 1:checksum" },
	{ "R3: wrong IP header checksum", 4, nothing, bad_ip_csum, "0:checksum 1:checksum" },
	{ "R5: MF", 4, nothing, more_fragments, "0:fragment 1:fragment" },
	{ "R2: IPv4 options", 4, nothing, with_ip_options, "0:ip_options 1:ip_options" },
	{ "R2: equal extension headers", 6, with_extensions, nothing, "0+1:burst_end" },
	{ "R2: a byte of them differs", 6, with_extensions, ext_fill, "0:header 1:burst_end" },

	{ "R10: another port", 0, nothing, sport, "0:burst_end 1:burst_end" },
	{ "R10: another address", 0, nothing, daddr, "0:burst_end 1:burst_end" },
	{ "R10: another flow label", 6, nothing, label, "0:burst_end 1:burst_end" },
	{ "R10: tagged", 0, nothing, one_tag, "0:burst_end 1:burst_end" },
	{ "R10: TCP of the same ports", 0, nothing, tcp, "0:burst_end 1:burst_end" },
	{ "D2: a fragment of TCP", 4, nothing, tcp_fragment, "1:fragment 0:burst_end" },

	{ "R11: another TTL", 0, nothing, ttl, "0:header 1:burst_end" },
	{ "R11: CE", 0, nothing, ecn_ce, "0:header 1:burst_end" },
	{ "R12: the same ID with DF", 4, nothing, id_same, "0+1:burst_end" },
	{ "R12: the same ID without DF", 4, without_df, id_same_without_df, "0:header 1:burst_end" },
	{ "R12: a jump", 4, nothing, id_by_two, "0:header 1:burst_end" },
};

static void run_change(size_t i, struct packet first, bool burst)
{
	struct bench *b = bench_udp();
	struct packet p[3] = { first };
	char want[80];

	changes[i].first(&p[0]);
	p[1] = behind(&p[0]);
	p[2] = p[1];
	if (burst) { /* two that merge come first: the third goes the short way */
		p[2] = behind(&p[1]);
		if (changes[i].change == id_same || changes[i].change == id_same_without_df)
			return bench_close(b);
	}
	changes[i].change(&p[2]);
	if (!burst) {
		offer(b, &p[0]);
		offer(b, &p[2]);
		expect_end(b, changes[i].want, changes[i].sentence);
		return bench_close(b);
	}
	offer_burst(b, p, 3, GRO_CSUM_UNKNOWN);
	if (changes[i].want[0] == '1')
		snprintf(want, sizeof want, "2:fragment 0+1:burst_end");
	else if (changes[i].want[1] == '+')
		snprintf(want, sizeof want, "0+1+2%s", changes[i].want + 3);
	else
		snprintf(want, sizeof want, "0+1%.*s2%s", (int)(strchr(changes[i].want, ' ') - changes[i].want),
			 changes[i].want + 1, strchr(changes[i].want, ' ') + 2);
	expect_end(b, want, changes[i].sentence);
	bench_close(b);
}

Test(gro_udp, one_changed_field)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		for (int burst = 0; burst < 2; burst++) {
			if (changes[i].version != 6)
				run_change(i, packet_udp4(), burst);
			if (changes[i].version != 4)
				run_change(i, packet_udp6(), burst);
		}
}

Test(gro_udp, superpacket_is_the_first_packet_grown)
{
	static const size_t sizes[] = { 1, 2, 99, 1000 };
	static void (*const shapes[])(struct packet * p) = {
		nothing,
		with_tags,
		without_df,
		id_about_to_wrap,
	};

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(sizes) * ARRAY_SIZE(shapes); i++) {
		struct packet first = i % 2 ? packet_udp6() : packet_udp4(), p;
		struct bench *b = bench_udp();
		uint32_t cnt = 2 + i % 43;

		shapes[i / 2 % ARRAY_SIZE(shapes)](&first);
		first.payload_len = sizes[i / 2 / ARRAY_SIZE(shapes)];
		first.pad_to = 60;
		p = first;
		offer_run(b, &p, cnt);
		gro_burst_end(&b->gro, b->now_ns);
		expect_superpacket(b, &first, cnt, cnt * first.payload_len, 0);
		bench_close(b);
	}
}

Test(gro_udp, last_packet_may_be_short)
{
	struct packet first = packet_udp4(), p = first;
	struct bench *b = bench_udp();

	offer_run(b, &p, 3);
	p.payload_len = 37;
	offer(b, &p); /* delivers at once */
	expect_superpacket(b, &first, 4, 337, 0);
	bench_close(b);
}

/* R18: receivers on Linux take no more than 64. */
Test(gro_udp, at_most_64_packets)
{
	struct packet p = packet_udp4(), burst[8];
	struct bench *b = bench_udp();

	for (uint32_t i = 0; i < 9; i++) {
		for (uint32_t j = 0; j < 8; j++, p = behind(&p))
			burst[j] = p;
		offer_burst(b, burst, 8, GRO_CSUM_UNKNOWN);
	}
	take_all(b);
	cr_assert_not_null(strstr(b->line, "+62+63:count"), "%s", b->line);
	b->line[0] = 0;
	expect_end(b, "64+65+66+67+68+69+70+71:burst_end", "the 65th is a new one's first");
	bench_close(b);
}

/* R18 counts packets, also of those that come in several fragments. */
Test(gro_udp, fragments_are_no_packets)
{
	struct packet p = packet_udp4();
	struct bench *b = bench_udp();
	struct gro_super *super;
	uint8_t buf[300];

	for (uint32_t i = 0; i < 64; i++, p = behind(&p)) {
		const uint32_t cuts[] = { 60, 70, 80 };

		cr_assert_null(gro_next(&b->gro));
		offer_in_fragments(b, buf, packet_build(&p, buf, sizeof buf, NULL), cuts, i % 2 ? 3 : 1);
	}
	super = gro_next(&b->gro);
	cr_assert_eq(super->packet_cnt, 64);
	cr_assert_eq(super->fragment_cnt, 192);
	cr_assert_eq(super->reason, GRO_COUNT);
	take(b, super);
	bench_close(b);
}

Test(gro_udp, is_opt_in)
{
	struct bench *b = bench_plain();
	struct packet p = packet_udp4();

	offer_run(b, &p, 2);
	expect_end(b, "0:not_served 1:not_served", "receivers differ");
	bench_close(b);
}

Test(gro_udp, without_tcp)
{
	struct gro_config config = config_plain();
	struct packet p = packet_udp4(), q = packet_tcp4();
	struct bench *b;

	config.merge = GRO_MERGE_UDP;
	b = bench_open(&config);
	offer_run(b, &p, 2);
	offer_run(b, &q, 2);
	expect_end(b, "2:not_served 3:not_served 0+1:burst_end", "R18");
	bench_close(b);
}

/* In UDP a computed checksum of 0 is sent as 0xffff, which cutting gives back. */
Test(gro_udp, checksum_ffff_is_as_good_as_any)
{
	struct packet p = packet_udp4(), q = behind(&p);
	struct bench *b = bench_udp();
	uint8_t payload[100] = { 0 }, buf[300];
	struct packet_layout at;

	q.payload = payload;
	packet_build(&q, buf, sizeof buf, &at);
	memcpy(payload + 98, buf + at.l4_off + 6, 2);
	packet_build(&q, buf, sizeof buf, &at);
	cr_assert_eq(buf[at.l4_off + 6] & buf[at.l4_off + 7], 0xff);
	offer(b, &p);
	offer(b, &q);
	expect_end(b, "0+1:burst_end", "RFC 768");
	bench_close(b);
}

Test(gro_udp, no_spoiled_bit_is_merged)
{
	struct packet p = packet_udp4(), q = behind(&p);
	uint8_t buf[300];
	size_t len = packet_build(&q, buf, sizeof buf, NULL);

	for (size_t at = 0; at < 8 * len; at++) {
		struct bench *b = bench_udp();

		offer(b, &p);
		buf[at / 8] ^= (uint8_t)(1 << at % 8);
		offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
		buf[at / 8] ^= (uint8_t)(1 << at % 8);
		burst_end(b);
		cr_assert_null(strchr(b->line, '+'), "bit %zu: %s", at, b->line);
		bench_close(b);
	}
}

/* D2: only of its protocol, if that is known. */
Test(gro_udp, garbage_of_one_protocol_leaves_the_other_alone)
{
	static const struct {
		struct packet (*make)(void);
		void (*change)(struct packet *p);
		const char *want;
	} cases[] = {
		{ packet_udp4, bad_l4_csum, "1:checksum 2:checksum 0:burst_end" },
		{ packet_udp4, fragment_offset, "1:fragment 2:fragment 0:burst_end" },
		{ packet_tcp4, bad_l4_csum, "0:checksum 2:checksum 1:burst_end" },
		{ packet_tcp4, fragment_offset, "0:fragment 2:fragment 1:burst_end" },
		{ packet_udp4, icmp, "2:not_served 0:burst_end 1:burst_end" },
		{ packet_udp6, nine_extensions, "0:ip_options 1:ip_options 2:ip_options" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool v6 = cases[i].make == packet_udp6;
		struct packet t = v6 ? packet_tcp6() : packet_tcp4(), u = v6 ? packet_udp6() : packet_udp4();
		struct packet p = cases[i].make();
		struct bench *b = bench_udp();

		offer(b, &t);
		offer(b, &u);
		p.sport = 9;
		cases[i].change(&p);
		offer(b, &p);
		expect_end(b, cases[i].want, "D2");
		bench_close(b);
	}
}

Test(gro_udp, unfinished_ones_merge_among_themselves)
{
	struct gro_config config = config_plain();
	struct packet first = packet_udp4(), p;
	struct bench *b;

	config.merge = GRO_MERGE_UDP;
	config.accept_unfinished = true;
	b = bench_open(&config);
	unfinished(&first);
	p = first;
	offer_run(b, &p, 3);
	p.l4_csum = PACKET_CSUM_FULL;
	offer(b, &p);
	expect_superpacket(b, &first, 3, 300, 0);
	b->line[0] = 0;
	expect_end(b, "3:burst_end", "finished and unfinished ones do not mix");
	bench_close(b);
}

/* Packets without a checksum do not show whether their sender finishes checksums. */
Test(gro_udp, packets_without_checksum_are_no_evidence)
{
	struct bench *b = bench_unfinished();
	struct packet u = packet_udp4(), t = packet_tcp4();

	no_csum(&u);
	offer_run(b, &u, 40);
	take_all(b);
	b->line[0] = 0;
	unfinished(&t);
	offer_run(b, &t, 2);
	expect_end(b, "40+41:burst_end", "R8");
	bench_close(b);
}
