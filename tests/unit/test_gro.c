// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly, rule by rule: which packets append to which (R1-R17, R20), and that no hostile frame is merged
 * by mistake. gro_bench.h says how to read the expected results.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gro_bench.h"
#include "gro_changes.h"

/* ---- one field of a good second packet is changed ---- */

struct change {
	const char *sentence;
	int version;                      /* 4, 6; 0: both */
	void (*first)(struct packet *p);  /* of both packets; NULL: a good packet as it is */
	void (*change)(struct packet *p); /* of the second */
	const char *want;
};

#define APPENDS "0+1:burst_end"
#define DELIVERS(reason) "0+1:" reason
#define FLUSHES(reason) "0:" reason " 1:burst_end"
#define OTHER_FLOW "0:burst_end 1:burst_end" /* the held superpacket is left alone */
#define PASSES "1:not_served 0:burst_end"    /* held is left alone */
#define PASSES_BEHIND(reason) "0:" reason " 1:" reason

static const struct change changes[] = {
	{ "R14: the next segment appends", 0, NULL, nothing, APPENDS },

	/* R1-R7: candidates */
	{ "R1: another ethertype is nothing of ours", 0, NULL, other_ethertype, PASSES },
	{ "R1: 802.3 is nothing of ours", 0, NULL, llc_length, PASSES },
	{ "R1: a version that the ethertype does not say", 0, NULL, wrong_version, PASSES },
	{ "R2: IPv4 options", 4, NULL, with_ip_options, PASSES_BEHIND("ip_options") },
	{ "R2: an extension header held does not have", 6, NULL, hop_by_hop, FLUSHES("header") },
	{ "R2: the same, destination options", 6, NULL, destination, FLUSHES("header") },
	{ "R2: extension headers byte-equal", 6, with_extensions, nothing, APPENDS },
	{ "R2: a byte of the last one differs", 6, with_extensions, ext_fill, FLUSHES("header") },
	{ "R2: a byte of the first differs", 6, with_extensions, ext_fill_first, FLUSHES("header") },
	{ "R2: a longer one", 6, with_extensions, ext_length, FLUSHES("header") },
	{ "R2: a much shorter one, in a frame shorter than held's headers", 6, with_long_extension, ext_short,
	  FLUSHES("header") },
	{ "R2: another in the same place", 6, with_extensions, ext_other_type, FLUSHES("header") },
	{ "R2: none any more", 6, with_extensions, ext_none, FLUSHES("header") },
	{ "R2: an IPv6 fragment header", 6, NULL, fragment_header, PASSES_BEHIND("fragment") },
	{ "R2: nine extension headers: what comes behind is unknown (D2)", 6, NULL, nine_extensions,
	  PASSES_BEHIND("ip_options") },
	{ "R2: a jumbogram", 6, NULL, ip_zero_length, PASSES_BEHIND("not_served") },
	{ "R3: wrong IP header checksum", 4, NULL, bad_ip_csum, PASSES_BEHIND("checksum") },
	{ "R4: IP length beyond the frame", 0, NULL, ip_too_long, PASSES_BEHIND("not_served") },
	{ "R4: IP length cuts the TCP header off", 0, NULL, ip_too_short, PASSES_BEHIND("not_served") },
	{ "R4: 1 byte in a 60-byte frame appends (and is short, R17)", 4, NULL, padded, DELIVERS("short") },
	{ "R4: a 1-byte segment behind a 1-byte segment, both padded", 4, one_byte_and_padding, nothing, APPENDS },
	{ "R4: bytes behind the IP packet are no payload", 0, NULL, trailer, APPENDS },
	{ "R5: MF", 4, NULL, more_fragments, PASSES_BEHIND("fragment") },
	{ "R5: offset", 4, NULL, fragment_offset, PASSES_BEHIND("fragment") },
	{ "R5: reserved bit", 4, NULL, reserved_bit, PASSES_BEHIND("fragment") },
	{ "R6: data offset 4", 0, NULL, short_data_offset, PASSES_BEHIND("not_served") },
	{ "R6: data offset beyond the packet", 0, NULL, long_data_offset, PASSES_BEHIND("not_served") },
	{ "R6: a pure ACK flushes, then passes", 0, NULL, no_data, PASSES_BEHIND("no_data") },
	{ "R6, R4: padding does not make it data", 0, NULL, no_data_padded, PASSES_BEHIND("no_data") },
	{ "R6: a FIN without data", 0, NULL, no_data_fin, PASSES_BEHIND("no_data") },
	{ "R8: wrong TCP checksum (D2)", 0, NULL, bad_l4_csum, PASSES_BEHIND("checksum") },
	{ "R8: an unfinished checksum where none is accepted", 0, NULL, unfinished, PASSES_BEHIND("checksum") },
	{ "R8: 0xffff adds up (Linux sends it), but cutting would give 0x0000 back", 0, NULL, csum_ffff,
	  PASSES_BEHIND("header") },
	{ "R9: SYN", 0, NULL, syn, PASSES_BEHIND("flags") },
	{ "R9: RST", 0, NULL, rst, PASSES_BEHIND("flags") },
	{ "R9: URG", 0, NULL, urg, PASSES_BEHIND("flags") },

	/* R10: whose flow */
	{ "R10: another destination MAC address", 0, NULL, dst_mac, OTHER_FLOW },
	{ "R10: its last byte", 0, NULL, dst_mac_end, OTHER_FLOW },
	{ "R10: another source MAC address", 0, NULL, src_mac, OTHER_FLOW },
	{ "R10: its last byte", 0, NULL, src_mac_end, OTHER_FLOW },
	{ "R10: tagged instead of untagged", 0, NULL, one_tag, OTHER_FLOW },
	{ "R10: the same tags", 0, with_tags, nothing, APPENDS },
	{ "R10: another VLAN", 0, with_tags, vlan_id, OTHER_FLOW },
	{ "R10: another priority", 0, with_tags, vlan_priority, OTHER_FLOW },
	{ "R10: drop eligible", 0, with_tags, vlan_dei, OTHER_FLOW },
	{ "R10: another outer tag type", 0, with_tags, vlan_type, OTHER_FLOW },
	{ "R10: another inner tag type", 0, with_tags, vlan_inner_type, OTHER_FLOW },
	{ "R10: one tag less", 0, with_tags, vlan_fewer, OTHER_FLOW },
	{ "R10: one tag more", 0, with_tags, vlan_more, OTHER_FLOW },
	{ "R1: a tag type nobody can cut behind", 0, with_tags, vlan_foreign, PASSES },
	{ "R10: another source address", 0, NULL, saddr, OTHER_FLOW },
	{ "R10: another destination address", 0, NULL, daddr, OTHER_FLOW },
	{ "R10: the last byte of the source", 6, NULL, addr_end, OTHER_FLOW },
	{ "R10: the last byte of the destination", 6, NULL, daddr_end, OTHER_FLOW },
	{ "R10: another source port", 0, NULL, sport, OTHER_FLOW },
	{ "R10: another destination port", 0, NULL, dport, OTHER_FLOW },
	{ "R10: another flow label", 6, NULL, label, OTHER_FLOW },
	{ "R10: its top bit", 6, NULL, label_top, OTHER_FLOW },

	/* R11, R12: the IP header */
	{ "R11: another TTL", 0, NULL, ttl, FLUSHES("header") },
	{ "R11: another DSCP", 0, NULL, dscp, FLUSHES("header") },
	{ "R11: CE", 0, NULL, ecn_ce, FLUSHES("header") },
	{ "R11: another DF", 4, NULL, df, FLUSHES("header") },
	{ "R11: another DF, none before", 4, without_df, df, FLUSHES("header") },
	{ "R12: the same ID with DF", 4, NULL, id_same, APPENDS },
	{ "R12: the same ID without DF", 4, without_df, id_same_without_df, FLUSHES("header") },
	{ "R12: the next ID without DF", 4, without_df, nothing, APPENDS },
	{ "R12: the next but one ID", 4, NULL, id_by_two, FLUSHES("header") },
	{ "R12: the ID before", 4, NULL, id_back, FLUSHES("header") },
	{ "R12: the next ID, modulo 2^16", 4, id_about_to_wrap, nothing, APPENDS },

	/* R13: the TCP header */
	{ "R13: another ACK number", 0, NULL, ack, FLUSHES("header") },
	{ "R13: another window", 0, NULL, window, FLUSHES("header") },
	{ "R13: a reserved bit", 0, NULL, reserved_tcp, FLUSHES("header") },
	{ "R13: AE", 0, NULL, accurate_ecn, FLUSHES("header") },
	{ "R13: ECE", 0, NULL, ece, FLUSHES("header") },
	{ "R13: ECE on both", 0, with_ece, nothing, APPENDS },
	{ "R13: no ACK flag", 0, NULL, no_ack_flag, FLUSHES("header") },
	{ "R13: CWR", 0, NULL, cwr, FLUSHES("header") },
	{ "R13: CWR on both", 0, with_cwr, nothing, FLUSHES("header") },
	{ "R13: another urgent pointer, though URG is not set", 0, NULL, urgent_pointer, FLUSHES("header") },
	{ "R13: the same urgent pointer", 0, with_urgent_pointer, nothing, APPENDS },
	{ "R13: equal options", 0, with_timestamp, nothing, APPENDS },
	{ "R13: a new timestamp", 0, with_timestamp, options_tsval, FLUSHES("header") },
	{ "R13: a new timestamp echo", 0, with_timestamp, options_tsecr, FLUSHES("header") },
	{ "R13: the same options otherwise laid out", 0, with_timestamp, options_layout, FLUSHES("header") },
	{ "R13: no options any more", 0, with_timestamp, options_none, FLUSHES("header") },
	{ "R13: fewer options", 0, with_timestamp, options_shorter, FLUSHES("header") },
	{ "R13: equal options, not timestamps", 0, with_sack, nothing, APPENDS },
	{ "R13: their last byte differs", 0, with_sack, options_sack, FLUSHES("header") },

	/* R14, R15 */
	{ "R14: a gap", 0, NULL, gap, FLUSHES("out_of_sequence") },
	{ "R14: an overlap", 0, NULL, overlap, FLUSHES("out_of_sequence") },
	{ "R14: a retransmission", 0, NULL, retransmission, FLUSHES("out_of_sequence") },
	{ "R14: half the sequence space away", 0, NULL, far_back, FLUSHES("out_of_sequence") },
	{ "R14: only the high byte differs", 0, NULL, high_seq_bits, FLUSHES("out_of_sequence") },
	{ "R14: modulo 2^32", 0, seq_about_to_wrap, nothing, APPENDS },
	{ "R15: one byte more than gso_size", 0, NULL, longer, FLUSHES("larger") },

	/* R17 */
	{ "R17: one byte less appends and delivers", 0, NULL, shorter, DELIVERS("short") },
	{ "R17: one byte appends and delivers", 0, NULL, one_byte, DELIVERS("short") },
	{ "R17: PSH appends and delivers", 0, NULL, psh, DELIVERS("push_fin") },
	{ "R17: FIN appends and delivers", 0, NULL, fin, DELIVERS("push_fin") },
	{ "R17: PSH and FIN", 0, NULL, psh_and_fin, DELIVERS("push_fin") },

	/* R20 */
	{ "R20: UDP passes", 0, NULL, udp, PASSES },
	{ "R20: ICMP passes", 0, NULL, icmp, PASSES },
	{ "R20: ESP passes", 4, NULL, esp, PASSES },
	{ "R20: ESP passes, in IPv6 as an extension that cannot be walked", 6, NULL, esp, "1:ip_options 0:burst_end" },
	{ "R20: AH passes", 6, NULL, authenticated, "1:ip_options 0:burst_end" },
	{ "D2: a fragment of another protocol flushes nothing", 4, NULL, udp_fragment, "1:fragment 0:burst_end" },
	{ "D2: a fragment of another protocol flushes nothing", 6, NULL, udp_of_another_fragment,
	  "1:fragment 0:burst_end" },
};

static void run_change(const struct change *c, const struct packet *good, const struct gro_config *config)
{
	struct bench *b = bench_open(config);
	struct packet first = *good, second;

	if (c->first)
		c->first(&first);
	second = behind(&first);
	c->change(&second);
	offer(b, &first);
	offer(b, &second);
	expect_end(b, c->want, c->sentence);
	bench_close(b);
}

/* If the held superpacket was left alone, the segment that follows it must still append to it. */
static void run_left_alone(const struct change *c, const struct packet *good, const struct gro_config *config)
{
	struct bench *b = bench_open(config);
	struct packet first = *good, second, third;
	bool passes = c->want[0] == '1';
	char want[80];

	if (!passes && strcmp(c->want, OTHER_FLOW))
		return bench_close(b);
	if (c->first)
		c->first(&first);
	second = third = behind(&first);
	c->change(&second);
	offer(b, &first);
	offer(b, &second);
	offer(b, &third);
	if (passes)
		snprintf(want, sizeof want, "%.*s 0+2:burst_end", (int)strcspn(c->want, " "), c->want);
	else
		snprintf(want, sizeof want, "0+2:burst_end 1:burst_end");
	expect_end(b, want, c->sentence);
	bench_close(b);
}

static void run_changes(const struct gro_config *config)
{
	struct packet v4 = packet_tcp4(), v6 = packet_tcp6();

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		if (changes[i].version != 6) {
			run_change(&changes[i], &v4, config);
			run_left_alone(&changes[i], &v4, config);
		}
		if (changes[i].version != 4) {
			run_change(&changes[i], &v6, config);
			run_left_alone(&changes[i], &v6, config);
		}
	}
}

Test(gro, one_changed_field)
{
	struct gro_config config = config_plain();

	run_changes(&config);
}

Test(gro, one_changed_field_when_hashes_are_equal)
{
	struct gro_config config = config_plain();

	make_flow_hashes_equal(&config);
	run_changes(&config);
	make_pair_hashes_equal(&config);
	run_changes(&config);
}

Test(gro, one_changed_field_when_one_flow_is_held_at_most)
{
	struct gro_config config = config_plain();

	config.flows = 1;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct packet v4 = packet_tcp4();
		struct change c = changes[i];

		if (!strcmp(c.want, OTHER_FLOW))
			c.want = "0:table_full 1:burst_end"; /* D3 */
		if (c.version != 6)
			run_change(&c, &v4, &config);
	}
}

/* The same fields one packet later: a superpacket of two must be as particular as one. */
static void run_third(const struct change *c, bool burst)
{
	struct gro_config config = config_plain();
	struct packet p[3] = { c->version == 6 ? packet_tcp6() : packet_tcp4() };
	struct bench *b = bench_open(&config);
	char want[80];

	if (c->first)
		c->first(&p[0]);
	/* CWR never merges; a fixed ID cannot come after incrementing ones (R12). */
	if (c->first == with_cwr || c->change == id_same)
		return bench_close(b);
	p[1] = behind(&p[0]);
	p[2] = behind(&p[1]);
	c->change(&p[2]);
	if (burst) {
		offer_burst(b, p, 3, GRO_CSUM_UNKNOWN);
	} else {
		offer(b, &p[0]);
		offer(b, &p[1]);
		offer(b, &p[2]);
	}
	if (c->want[0] == '1')
		snprintf(want, sizeof want, "2%.*s 0+1:burst_end", (int)strcspn(c->want, " ") - 1, c->want + 1);
	else if (c->want[1] == '+')
		snprintf(want, sizeof want, "0+1+2%s", c->want + 3);
	else
		snprintf(want, sizeof want, "0+1%.*s2%s", (int)(strchr(c->want, ' ') - c->want), c->want + 1,
			 strchr(c->want, ' ') + 2);
	expect_end(b, want, c->sentence);
	bench_close(b);
}

Test(gro, one_changed_field_of_the_third_packet)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		run_third(&changes[i], false);
}

Test(gro, one_changed_field_within_a_burst)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		run_third(&changes[i], true);
}

/* R4: if a packet's checksum is said to be verified and its IP length is that of the held packet, only the frame's
 * length tells that it is cut off. */
Test(gro, cut_off_packet_within_a_burst)
{
	struct gro_config config = config_plain();
	struct packet good[] = { packet_tcp4(), packet_tcp6() };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct packet p[3] = { good[i], behind(&good[i]) };
		struct bench *b = bench_open(&config);

		p[2] = behind(&p[1]);
		p[2].ip_len = i ? 20 + p[2].tcp_options_len + p[2].payload_len :
				  40 + p[2].tcp_options_len + p[2].payload_len;
		p[2].payload_len -= 10;
		offer_burst(b, p, 3, GRO_CSUM_VERIFIED);
		expect_end(b, "0+1:not_served 2:not_served", "cut off");
		bench_close(b);
	}
}

/* ---- R12: the second packet decides how IDs move ---- */

Test(gro, ip_id_mode_sticks)
{
	static const struct {
		const char *sentence;
		bool df;
		uint16_t ids[4];
		const char *want;
		bool fixed; /* of the first superpacket */
	} cases[] = {
		{ "incrementing", true, { 7, 8, 9, 10 }, "0+1+2+3:burst_end", false },
		{ "fixed", true, { 7, 7, 7, 7 }, "0+1+2+3:burst_end", true },
		{ "zero is an ID like any other", true, { 0, 0, 0, 0 }, "0+1+2+3:burst_end", true },
		{ "incrementing, then fixed", true, { 7, 8, 8, 8 }, "0+1:header 2+3:burst_end", false },
		{ "fixed, then incrementing", true, { 7, 7, 8, 9 }, "0+1:header 2+3:burst_end", true },
		{ "a jump", true, { 7, 8, 10, 11 }, "0+1:header 2+3:burst_end", false },
		{ "over the end", true, { 65534, 65535, 0, 1 }, "0+1+2+3:burst_end", false },
		{ "incrementing without DF", false, { 7, 8, 9, 10 }, "0+1+2+3:burst_end", false },
		{ "back to the first one's", true, { 7, 8, 7, 8 }, "0+1:header 2+3:burst_end", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b = bench_plain();
		struct packet p = packet_tcp4();
		struct gro_super *super;

		p.df = cases[i].df;
		for (uint32_t n = 0; n < 4; n++) {
			p.ip_id = cases[i].ids[n];
			offer(b, &p);
			p = behind(&p);
		}
		gro_burst_end(&b->gro, b->now_ns);
		super = gro_next(&b->gro);
		cr_assert_eq(super->request.fixed_id, cases[i].fixed, "%s", cases[i].sentence);
		take(b, super);
		expect_end(b, cases[i].want, cases[i].sentence);
		bench_close(b);
	}
}

/* The entry of a delivered superpacket is reused at once. Its ID mode must not be. */
Test(gro, ip_id_mode_is_forgotten_with_the_superpacket)
{
	struct bench *b = bench_plain();
	struct packet p = packet_tcp4();

	p.ip_id--;
	for (uint32_t i = 0; i < 6; i++) {
		p.ip_id += i / 2 % 2 ? i % 2 : 0; /* two alike, two that follow, two alike */
		offer(b, &p);
		p.seq += 100;
		if (i % 2)
			burst_end(b);
	}
	expect_line(b, "0+1:burst_end 2+3:burst_end 4+5:burst_end", "R12");
	bench_close(b);
}

/* ---- R15-R17: limits ---- */

Test(gro, max_packets_delivers_at_once)
{
	struct gro_config config = config_plain();
	struct packet p = packet_tcp4();
	struct bench *b;

	config.max_packets = 3;
	b = bench_open(&config);
	offer_run(b, &p, 7);
	expect_out(b, "0+1+2:count 3+4+5:count", "the third completes it");
	expect_end(b, "6:burst_end", "the seventh is a new one's first");
	bench_close(b);
}

Test(gro, max_bytes_counts_from_the_ip_header)
{
	static const struct {
		const char *sentence;
		int version;
		bool tagged;
		uint32_t max_bytes;
		const char *want;
	} cases[] = {
		{ "40 and 3 * 100 bytes just fit", 4, false, 340, "0+1+2:bytes 3:burst_end" },
		{ "one less: the third does not", 4, false, 339, "0+1:bytes 2+3:burst_end" },
		{ "tags do not count", 4, true, 340, "0+1+2:bytes 3:burst_end" },
		{ "60 and 3 * 100 bytes just fit", 6, false, 360, "0+1+2:bytes 3:burst_end" },
		{ "one less: the third does not", 6, false, 359, "0+1:bytes 2+3:burst_end" },
		{ "a packet that is too long by itself passes", 4, false, 139, "0:bytes 1:bytes 2:bytes 3:burst_end" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet p = cases[i].version == 4 ? packet_tcp4() : packet_tcp6();
		struct gro_config config = config_plain();
		struct bench *b;

		if (cases[i].tagged)
			with_tags(&p);
		config.max_bytes = cases[i].max_bytes;
		b = bench_open(&config);
		offer_run(b, &p, 4);
		expect_end(b, cases[i].want, cases[i].sentence);
		bench_close(b);
	}
}

/* R16: up to the largest value of the 16-bit length field, and not a byte more. */
Test(gro, ip_length_reaches_65535_and_no_further)
{
	static const struct {
		int version;
		size_t size, rest; /* 13 full segments and a last one */
		const char *want;
	} cases[] = {
		{ 4, 5000, 495, ":short" },
		{ 4, 5000, 496, ":bytes 13:burst_end" },
		{ 6, 5000, 475, ":short" },
		{ 6, 5000, 476, ":bytes 13:burst_end" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet first = cases[i].version == 4 ? packet_tcp4() : packet_tcp6(), p;
		struct bench *b = bench_plain();

		first.payload_len = cases[i].size;
		p = first;
		offer_run(b, &p, 13);
		p.payload_len = cases[i].rest;
		offer(b, &p);
		if (cases[i].want[1] == 's')
			expect_superpacket(b, &first, 14, 65000 + cases[i].rest, 0);
		b->line[0] = 0;
		burst_end(b);
		if (cases[i].want[1] == 'b')
			cr_assert_not_null(strstr(b->line, cases[i].want), "%s", b->line);
		bench_close(b);
	}
}

/* 65,535 bytes of payload in one IPv6 packet: nothing can append, nothing may wrap. */
Test(gro, longest_ip_packets_pass_alone)
{
	for (int version = 4; version <= 6; version += 2) {
		struct packet p = version == 4 ? packet_tcp4() : packet_tcp6();
		struct bench *b = bench_plain();

		p.payload_len = 65535 - (version == 4 ? 40 : 20);
		offer_run(b, &p, 2);
		p.payload_len = 1;
		offer(b, &p);
		expect_end(b, "0:bytes 1:bytes 2:burst_end", "R16");
		bench_close(b);
	}
}

Test(gro, first_packet_with_psh_or_fin_is_not_held)
{
	static void (*const flags[])(struct packet * p) = { psh, fin, psh_and_fin };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct packet p = packet_tcp4(), flagged = p;
		struct bench *b = bench_plain();

		flags[i](&flagged);
		offer(b, &flagged);
		expect_out(b, "0:push_fin", "R17: its PSH would move to the last segment");
		p = behind(&p);
		offer_run(b, &p, 2);
		expect_end(b, "1+2:burst_end", "the next one begins a superpacket");

		/* D1: a packet that cannot append is delivered behind what its flow holds */
		offer(b, &p);
		flags[i](&p);
		p.ttl = 9;
		offer(b, &p);
		expect_out(b, "3:header 4:push_fin", "D1");
		bench_close(b);
	}
}

/* R15: gso_size is the length of the first payload. A larger payload begins a new superpacket. */
Test(gro, larger_segment_sets_a_new_size)
{
	struct packet p = packet_tcp4(), first;
	struct bench *b = bench_plain();

	offer_run(b, &p, 2);
	p.payload_len = 200;
	first = p;
	offer_run(b, &p, 2);
	take_all(b);
	expect_line(b, "0+1:larger", "R15");
	gro_burst_end(&b->gro, b->now_ns);
	expect_superpacket(b, &first, 2, 400, 0);
	bench_close(b);
}

/* ---- hostile frames ---- */

/* Builds the packet behind so many VLAN tags, at most 70,000 bytes. */
static void offer_tagged(struct bench *b, const struct packet *p, uint32_t tags)
{
	static uint8_t frame[70000];
	uint8_t inner[300];
	size_t len = packet_build(p, inner, sizeof inner, NULL), tags_len = 4 * tags;

	if (tags_len + len > sizeof frame)
		len = sizeof frame - tags_len;
	memcpy(frame, inner, 12);
	for (size_t at = 12; at < 12 + tags_len; at += 4)
		memcpy(frame + at, "\x81\x00\x00\x07", 4);
	memcpy(frame + 12 + tags_len, inner + 12, len - 12);
	offer_frame(b, frame, len + tags_len, GRO_CSUM_UNKNOWN);
}

/* R20: packets whose headers are longer than a header slot cannot be cut again, so they must not be merged. */
Test(gro, packets_behind_endless_headers_pass)
{
	static const struct {
		uint32_t tags;
		const char *want;
	} cases[] = {
		{ 50, "0+1:burst_end" },             /* 14 + 200 + 40 = 254 bytes of header */
		{ 51, "0:not_served 1:not_served" }, /* 258 */
		{ 1000, "0:not_served 1:not_served" },
		{ 16000, "0:not_served 1:not_served" },
		{ 16340, "0:not_served 1:not_served" }, /* where offsets end */
		{ 17000, "0:not_served 1:not_served" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet p = packet_tcp4(), next = behind(&p);
		struct bench *b = bench_plain();

		offer_tagged(b, &p, cases[i].tags);
		offer_tagged(b, &next, cases[i].tags);
		expect_end(b, cases[i].want, "R1, and the length of a header slot");
		bench_close(b);
	}
}

/* When a short frame is compared with a long one, nothing behind its end is read. */
Test(gro, many_tags_beside_none)
{
	struct packet p = packet_tcp4(), next;
	struct bench *b = bench_plain();

	p.payload_len = 1;
	next = behind(&p);
	offer(b, &p);
	offer_tagged(b, &next, 50);
	offer(b, &next);
	expect_end(b, "0+2:burst_end 1:burst_end", "R10");
	bench_close(b);
}

/* A good packet cut off at every length: read within bounds, never merged, never lost. */
Test(gro, truncated_frames_pass)
{
	for (int version = 4; version <= 6; version += 2) {
		struct packet p = version == 4 ? packet_tcp4() : packet_tcp6();
		struct bench *b = bench_plain();
		uint8_t buf[300];
		size_t len;

		with_tags(&p);
		with_timestamp(&p);
		if (version == 6)
			with_extensions(&p);
		offer(b, &p);
		p = behind(&p);
		len = packet_build(&p, buf, sizeof buf, NULL);
		for (size_t cut = 0; cut < len; cut++)
			offer_frame(b, buf, cut, cut % 2 ? GRO_CSUM_VERIFIED : GRO_CSUM_UNKNOWN);
		burst_end(b);
		cr_assert_null(strchr(b->line, '+'));
		bench_close(b);
	}
}

static bool same_view(const struct packet_view *a, const struct packet_view *b)
{
	return a->class == b->class && a->obstacle == b->obstacle && a->ip_version == b->ip_version &&
	       a->protocol == b->protocol && a->l3_off == b->l3_off && a->l4_off == b->l4_off &&
	       a->payload_off == b->payload_off && a->payload_len == b->payload_len;
}

/* parse_plain() gives the same view as the walk. */
Test(gro, plain_walk_says_what_the_walk_says)
{
	struct packet good[] = { packet_tcp4(), packet_tcp6() };
	uint32_t random = 1, plain_cnt = 0;

	for (uint32_t i = 0; i < 500000; i++) {
		struct packet_view plain, walked;
		uint8_t frame[300];
		uint32_t len = (uint32_t)packet_build(&good[i & 1], frame, sizeof frame, NULL);

		/* Up to two bits of the headers are flipped, or the frame is cut off. */
		for (uint32_t cnt = i % 3; cnt > 0; cnt--) {
			random = random * 1664525 + 1013904223;
			if (random >> 30)
				frame[(random >> 8) % 74] ^= 1u << (random >> 27 & 7);
			else
				len = (random >> 8) % (len + 1);
		}
		if (!parse_plain(frame, len, &plain))
			continue;
		plain_cnt++;
		parse_packet(frame, len, len, &walked);
		cr_assert(same_view(&plain, &walked), "round %u", i);
	}
	cr_assert_gt(plain_cnt, 250000, "good packets are plain (%u)", plain_cnt);
}
