// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly inside tunnels (R19): each level obeys R3, R5, R11 and R12; the tunnel is part of the flow (R10); a
 * packet of unknown flow flushes all that may be of its flow (D2); and superpackets come apart again (D7, V9:
 * gro_bench.h unmerges each of them).
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gro_bench.h"
#include "gro_changes.h"

static struct bench *bench_merging(uint32_t merge)
{
	struct gro_config config = config_plain();

	config.merge = merge;
	return bench_open(&config);
}

static void offer_in(struct bench *b, const struct packet_tunnel *t, const struct packet *p)
{
	static uint8_t buf[70000];
	size_t len = packet_build_in(t, p, buf, sizeof buf, NULL);

	cr_assert_gt(len, 0);
	offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
}

/* The next segment of the connection, in the next packet of the tunnel. */
static void step(struct packet_tunnel *t, struct packet *p)
{
	*p = behind(p);
	t->outer.ip_id++;
}

/* ---- every kind of tunnel ---- */

struct kind {
	const char *name;
	struct packet_tunnel tunnel;
};

static void gre_key(struct packet_tunnel *t) { t->key = true, t->key_value = 0xdeadbeef; }
static void gre_csum(struct packet_tunnel *t) { t->csum = true; }
static void gre_frame(struct packet_tunnel *t) { t->ethernet = true, gre_csum(t), gre_key(t); }
static void udp_zero(struct packet_tunnel *t) { t->outer.l4_csum = PACKET_CSUM_ZERO; }
static void plain(struct packet_tunnel *t) { (void)t; }

static void geneve_options(struct packet_tunnel *t)
{
	t->options_len = 12;
	t->options[4] = 7;
	t->ethernet = false;
}

static void outer_tags(struct packet_tunnel *t)
{
	packet_push_vlan(&t->outer, 0x88a8, 12);
	packet_push_vlan(&t->outer, 0, 13);
}

static const struct {
	const char *name;
	enum packet_tunnel_kind kind;
	void (*change)(struct packet_tunnel *t);
} kinds[] = {
	{ "VXLAN", PACKET_VXLAN, plain },
	{ "VXLAN without outer checksum", PACKET_VXLAN, udp_zero },
	{ "VXLAN behind tags", PACKET_VXLAN, outer_tags },
	{ "GENEVE", PACKET_GENEVE, plain },
	{ "GENEVE with options, an IP packet inside", PACKET_GENEVE, geneve_options },
	{ "GRE", PACKET_GRE, plain },
	{ "GRE with a key", PACKET_GRE, gre_key },
	{ "GRE with a checksum", PACKET_GRE, gre_csum },
	{ "GRE with both, an Ethernet frame inside", PACKET_GRE, gre_frame },
	{ "IP in IP", PACKET_IPIP, plain },
};

static const enum packet_l3 versions[] = { PACKET_L3_IPV4, PACKET_L3_IPV6 };

static struct packet inside(uint32_t which)
{
	switch (which) {
	case 0: return packet_tcp4();
	case 1: return packet_tcp6();
	case 2: return packet_udp4();
	default: return packet_udp6();
	}
}

/* Builds the expected superpacket. Its GRE checksum is that of the finished superpacket. */
static size_t build_whole(const struct packet_tunnel *t, const struct packet *first, size_t payload_len, uint8_t *want,
			  size_t cap, struct packet_layout *at)
{
	struct packet_tunnel outer = *t;
	struct packet whole = *first;
	uint16_t gre_sum;
	size_t len;

	whole.payload_len = payload_len;
	packet_build_in(t, &whole, want, cap, at);
	memcpy(&gre_sum, want + at->tunnel_off + 4, 2);
	whole.l4_csum = PACKET_CSUM_PARTIAL;
	if (outer.outer.l4_csum == PACKET_CSUM_FULL)
		outer.outer.l4_csum = PACKET_CSUM_PARTIAL;
	len = packet_build_in(&outer, &whole, want, cap, at);
	if (t->kind == PACKET_GRE && t->csum)
		memcpy(want + at->tunnel_off + 4, &gre_sum, 2);
	return len;
}

static void expect_whole(struct bench *b, const struct packet_tunnel *t, const struct packet *first, uint32_t cnt,
			 size_t payload_len, const char *name)
{
	bool over_udp = t->kind == PACKET_VXLAN || t->kind == PACKET_GENEVE;
	struct gro_super *super = gro_next(&b->gro);
	static uint8_t want[70000];
	struct packet_layout at;
	size_t len = build_whole(t, first, payload_len, want, sizeof want, &at);

	cr_assert_not_null(super, "%s", name);
	cr_assert_eq(super->packet_cnt, cnt, "%s: %u packets", name, super->packet_cnt);
	cr_assert_eq(super->request.type, first->l4 == PACKET_L4_UDP  ? GSO_UDP :
					  first->l3 == PACKET_L3_IPV4 ? GSO_TCPV4 :
									GSO_TCPV6);
	cr_assert_eq(super->request.size, first->payload_len);
	cr_assert_eq(super->request.csum_start, at.l4_off);
	cr_assert_eq(super->request.hdr_len, at.payload_off);
	cr_assert_eq(super->request.inner_l3_off, at.l3_off);
	cr_assert_eq(super->request.outer_l4_off, at.outer_l4_off, "%s", name);
	cr_assert_eq(super->request.outer_version, t->outer.l3 == PACKET_L3_IPV4 ? 4 : 6);
	cr_assert_eq(super->request.outer_udp, over_udp);
	cr_assert_eq(super->request.outer_csum, over_udp && t->outer.l4_csum == PACKET_CSUM_FULL);
	expect_bytes(b, super, want, len);
	take(b, super);
}

static void run_kind(size_t kind, enum packet_l3 outer, struct packet first)
{
	struct packet_tunnel t = packet_tunnel(kinds[kind].kind, outer), first_tunnel;
	struct bench *b = bench_merging(GRO_MERGE_ALL);
	struct packet p;

	kinds[kind].change(&t);
	first_tunnel = t;
	first.payload_len = 101; /* odd, so that a sum that is off by one byte is wrong */
	for (p = first; p.ip_id != (uint16_t)(first.ip_id + 7); step(&t, &p))
		offer_in(b, &t, &p);
	p.payload_len = 50;
	offer_in(b, &t, &p);
	expect_whole(b, &first_tunnel, &first, 8, 7 * 101 + 50, kinds[kind].name);
	expect_line(b, "0+1+2+3+4+5+6+7:short", kinds[kind].name);
	bench_close(b);
}

Test(gro_tunnel, superpacket_is_the_first_packet_grown_at_every_level)
{
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		for (size_t v = 0; v < ARRAY_SIZE(versions); v++)
			for (uint32_t in = 0; in < 4; in++)
				run_kind(kind, versions[v], inside(in));
}

/* ---- which bits of gro_config.merge it takes ---- */

Test(gro_tunnel, each_kind_has_a_bit_of_its_own)
{
	static const uint32_t bits[] = {
		[PACKET_VXLAN] = GRO_MERGE_VXLAN,
		[PACKET_GENEVE] = GRO_MERGE_GENEVE,
		[PACKET_GRE] = GRO_MERGE_GRE,
		[PACKET_IPIP] = GRO_MERGE_IPIP,
	};

	for (uint32_t kind = PACKET_VXLAN; kind <= PACKET_IPIP; kind++)
		for (uint32_t merge = 0; merge <= GRO_MERGE_ALL; merge++) {
			struct packet_tunnel t = packet_tunnel((enum packet_tunnel_kind)kind, PACKET_L3_IPV4);
			struct packet p = packet_tcp4(), q = packet_tcp4(), u = packet_udp4();
			struct packet_tunnel s = t;
			struct bench *b = bench_merging(merge);
			bool in = merge & bits[kind], over_udp = kind <= PACKET_GENEVE;
			char line[200];

			offer_in(b, &t, &p), step(&t, &p), offer_in(b, &t, &p);
			offer(b, &q), q = behind(&q), offer(b, &q);
			s.outer.daddr[3] = 77;
			offer_in(b, &s, &u), step(&s, &u), offer_in(b, &s, &u);
			burst_end(b);
			snprintf(line, sizeof line, " %.150s ", b->line);
			cr_assert_eq(strstr(line, "0+1:") != NULL, in || (over_udp && merge & GRO_MERGE_UDP), "%x: %s",
				     merge, line);
			cr_assert_eq(strstr(line, "2+3:") != NULL, !!(merge & GRO_MERGE_TCP));
			cr_assert_eq(strstr(line, "4+5:") != NULL, (in || over_udp) && (merge & GRO_MERGE_UDP),
				     "%x: %s", merge, line);
			bench_close(b);
		}
}

Test(gro_tunnel, other_ports_are_told)
{
	struct gro_config config = config_plain();
	struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
	struct packet p = packet_tcp4();
	struct bench *b;

	config.merge = GRO_MERGE_VXLAN;
	config.vxlan_port = 8472;
	b = bench_open(&config);
	offer_in(b, &t, &p), step(&t, &p), offer_in(b, &t, &p), step(&t, &p);
	t.outer.dport = 8472;
	offer_in(b, &t, &p), step(&t, &p), offer_in(b, &t, &p);
	expect_end(b, "0:not_served 1:not_served 2+3:burst_end", "IANA's is another then");
	bench_close(b);
}

/* ---- one field of a good second packet is changed ---- */

typedef void change_fn(struct packet_tunnel *t, struct packet *p);

static void same(struct packet_tunnel *t, struct packet *p) { (void)t, (void)p; }
static void outer_saddr(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.saddr[3]++; }
static void outer_mac(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.src_mac[5]++; }
static void outer_vlan(struct packet_tunnel *t, struct packet *p) { (void)p, packet_push_vlan(&t->outer, 0, 7); }
static void outer_sport(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.sport++; }
static void outer_label(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.flow_label++; }
static void outer_ttl(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.ttl--; }
static void outer_tos(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.tos ^= 3; }
static void outer_df(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.df = !t->outer.df; }
static void outer_id(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.ip_id++; }
static void outer_id_fixed(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.ip_id--; }
static void outer_ext(struct packet_tunnel *t, struct packet *p)
{
	(void)p;
	packet_push_ext(&t->outer, PACKET_EXT_DSTOPTS, 8);
}
static void outer_zero(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.l4_csum = PACKET_CSUM_ZERO; }
static void outer_bad_csum(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.l4_csum_xor = 4; }
static void outer_bad_ip(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.ip_csum_xor = 4; }
static void outer_fragment(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.mf = true; }
static void outer_options(struct packet_tunnel *t, struct packet *p) { (void)p, with_ip_options(&t->outer); }
static void vni(struct packet_tunnel *t, struct packet *p) { (void)p, t->vni++; }
static void key(struct packet_tunnel *t, struct packet *p) { (void)p, t->key = true; }
static void option_byte(struct packet_tunnel *t, struct packet *p) { (void)p, t->options_len = 8; }
static void gre_bad_csum(struct packet_tunnel *t, struct packet *p) { (void)p, t->csum_xor = 1; }
static void in_mac(struct packet_tunnel *t, struct packet *p) { (void)t, dst_mac(p); }
static void in_vlan(struct packet_tunnel *t, struct packet *p) { (void)t, one_tag(p); }
static void in_port(struct packet_tunnel *t, struct packet *p) { (void)t, sport(p); }
static void in_addr(struct packet_tunnel *t, struct packet *p) { (void)t, saddr(p); }
static void in_ttl(struct packet_tunnel *t, struct packet *p) { (void)t, ttl(p); }
static void in_id(struct packet_tunnel *t, struct packet *p) { (void)t, id_by_two(p); }
static void in_window(struct packet_tunnel *t, struct packet *p) { (void)t, window(p); }
static void in_gap(struct packet_tunnel *t, struct packet *p) { (void)t, gap(p); }
static void in_longer(struct packet_tunnel *t, struct packet *p) { (void)t, longer(p); }
static void in_no_data(struct packet_tunnel *t, struct packet *p) { (void)t, no_data(p); }
static void in_syn(struct packet_tunnel *t, struct packet *p) { (void)t, syn(p); }
static void in_psh(struct packet_tunnel *t, struct packet *p) { (void)t, psh(p); }
static void in_bad_csum(struct packet_tunnel *t, struct packet *p) { (void)t, bad_l4_csum(p); }
static void in_bad_ip(struct packet_tunnel *t, struct packet *p) { (void)t, bad_ip_csum(p); }
static void in_fragment(struct packet_tunnel *t, struct packet *p) { (void)t, more_fragments(p); }
static void in_options(struct packet_tunnel *t, struct packet *p) { (void)t, with_ip_options(p); }
static void in_padding(struct packet_tunnel *t, struct packet *p) { (void)t, p->pad_to = 200; }
static void in_icmp(struct packet_tunnel *t, struct packet *p) { (void)t, icmp(p); }
static void in_arp(struct packet_tunnel *t, struct packet *p) { (void)t, p->ethertype = 0x0806; }
static void vxlan_gpe(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags |= 4; }
static void gre_sequence(struct packet_tunnel *t, struct packet *p) { (void)p, t->sequence = true; }

static const struct {
	const char *sentence;
	enum packet_tunnel_kind kind;
	void (*shape)(struct packet_tunnel *t); /* of both */
	change_fn *change;
	const char *want;
} changes[] = {
	{ "R14: the next segment appends", PACKET_VXLAN, plain, same, "0+1:burst_end" },

	{ "R10: other outer addresses", PACKET_VXLAN, plain, outer_saddr, "0:burst_end 1:burst_end" },
	{ "R10: other outer MAC address", PACKET_IPIP, plain, outer_mac, "0:burst_end 1:burst_end" },
	{ "R10: another outer tag", PACKET_GRE, plain, outer_vlan, "0:burst_end 1:burst_end" },
	{ "R10: another outer port", PACKET_VXLAN, plain, outer_sport, "0:burst_end 1:burst_end" },
	{ "R10: another VNI", PACKET_VXLAN, plain, vni, "0:burst_end 1:burst_end" },
	{ "R10: another VNI", PACKET_GENEVE, plain, vni, "0:burst_end 1:burst_end" },
	{ "R10: a GRE key", PACKET_GRE, plain, key, "0:burst_end 1:burst_end" },
	{ "R10: other GENEVE options", PACKET_GENEVE, geneve_options, option_byte, "0:burst_end 1:burst_end" },
	{ "R19: another inner MAC address", PACKET_VXLAN, plain, in_mac, "0:burst_end 1:burst_end" },
	{ "R19: another inner tag", PACKET_VXLAN, plain, in_vlan, "0:burst_end 1:burst_end" },
	{ "R10: another inner port", PACKET_VXLAN, plain, in_port, "0:burst_end 1:burst_end" },
	{ "R10: other inner addresses", PACKET_IPIP, plain, in_addr, "0:burst_end 1:burst_end" },

	{ "R11: another outer TTL", PACKET_VXLAN, plain, outer_ttl, "0:header 1:burst_end" },
	{ "R11: outer CE", PACKET_GRE, plain, outer_tos, "0:header 1:burst_end" },
	{ "R11: another outer DF", PACKET_IPIP, plain, outer_df, "0:header 1:burst_end" },
	{ "R12: the outer ID jumps", PACKET_VXLAN, plain, outer_id, "0:header 1:burst_end" },
	{ "R12: a fixed outer ID with DF", PACKET_VXLAN, plain, outer_id_fixed, "0+1:burst_end" },
	{ "R19: an outer checksum on one only", PACKET_VXLAN, plain, outer_zero, "0:header 1:burst_end" },
	{ "R11: another inner TTL", PACKET_VXLAN, plain, in_ttl, "0:header 1:burst_end" },
	{ "R12: the inner ID jumps", PACKET_VXLAN, plain, in_id, "0:header 1:burst_end" },
	{ "R13: another inner window", PACKET_GENEVE, plain, in_window, "0:header 1:burst_end" },
	{ "R14: a gap inside", PACKET_GRE, plain, in_gap, "0:out_of_sequence 1:burst_end" },
	{ "R15: longer", PACKET_GRE, plain, in_longer, "0:larger 1:burst_end" },
	{ "R6: no data", PACKET_VXLAN, plain, in_no_data, "0:no_data 1:no_data" },
	{ "R9: SYN", PACKET_VXLAN, plain, in_syn, "0:flags 1:flags" },
	{ "R17: PSH", PACKET_VXLAN, plain, in_psh, "0+1:push_fin" },

	{ "R8: wrong inside", PACKET_VXLAN, plain, in_bad_csum, "0:checksum 1:checksum" },
	{ "R8: wrong inside, none outside", PACKET_VXLAN, udp_zero, in_bad_csum, "0:checksum 1:checksum" },
	{ "R19: wrong outside", PACKET_VXLAN, plain, outer_bad_csum, "0:checksum 1:checksum" },
	{ "R19: wrong GRE checksum", PACKET_GRE, gre_csum, gre_bad_csum, "0:checksum 1:checksum" },
	{ "R3: wrong outer IP checksum", PACKET_IPIP, plain, outer_bad_ip, "0:checksum 1:checksum" },
	{ "R3: wrong inner IP checksum", PACKET_IPIP, plain, in_bad_ip, "0:checksum 1:checksum" },

	{ "R5, D2: an outer fragment", PACKET_VXLAN, plain, outer_fragment, "0:fragment 1:fragment" },
	{ "R5, D2: an outer fragment", PACKET_GRE, plain, outer_fragment, "0:fragment 1:fragment" },
	{ "R5, D2: an inner fragment", PACKET_VXLAN, plain, in_fragment, "0:fragment 1:fragment" },
	{ "R2, D2: outer options", PACKET_IPIP, plain, outer_options, "0:ip_options 1:ip_options" },
	{ "R2, D2: outer options", PACKET_VXLAN, plain, outer_options, "0:ip_options 1:ip_options" },
	{ "R2, D2: inner options", PACKET_VXLAN, plain, in_options, "0:ip_options 1:ip_options" },
	{ "S10, D2: padding inside would be lost", PACKET_VXLAN, plain, in_padding, "0:not_served 1:not_served" },

	{ "R20: ICMP inside is no flow of ours", PACKET_VXLAN, plain, in_icmp, "1:not_served 0:burst_end" },
	{ "R20: ARP inside", PACKET_VXLAN, plain, in_arp, "1:not_served 0:burst_end" },
	{ "R20: another protocol than Ethernet in VXLAN", PACKET_VXLAN, plain, vxlan_gpe, "1:not_served 0:burst_end" },
	{ "R20: GRE that counts its packets", PACKET_GRE, plain, gre_sequence, "1:not_served 0:burst_end" },
};

static void run_changes(const struct gro_config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct packet_tunnel t = packet_tunnel(changes[i].kind, PACKET_L3_IPV4);
		struct bench *b = bench_open(config);
		struct packet p = packet_tcp4();

		changes[i].shape(&t);
		offer_in(b, &t, &p);
		step(&t, &p);
		changes[i].change(&t, &p);
		offer_in(b, &t, &p);
		expect_end(b, changes[i].want, changes[i].sentence);
		bench_close(b);
	}
}

Test(gro_tunnel, one_changed_field)
{
	struct gro_config config = config_plain();

	config.merge = GRO_MERGE_ALL & ~GRO_MERGE_UDP;
	run_changes(&config);
	make_flow_hashes_equal(&config);
	run_changes(&config);
	make_pair_hashes_equal(&config);
	run_changes(&config);
}

Test(gro_tunnel, one_changed_field_of_the_outer_ipv6_header)
{
	static const struct {
		change_fn *change;
		const char *want;
	} cases[] = {
		{ same, "0+1:burst_end" },
		{ outer_ttl, "0:header 1:burst_end" },
		{ outer_tos, "0:header 1:burst_end" },
		{ outer_ext, "0:header 1:burst_end" },
		{ outer_label, "0:burst_end 1:burst_end" },
		{ outer_saddr, "0:burst_end 1:burst_end" },
	};

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct packet_tunnel t = packet_tunnel(i % 2 ? PACKET_GENEVE : PACKET_IPIP, PACKET_L3_IPV6);
		struct bench *b = bench_merging(GRO_MERGE_ALL);
		struct packet p = packet_tcp6();

		offer_in(b, &t, &p);
		step(&t, &p);
		cases[i / 2].change(&t, &p);
		offer_in(b, &t, &p);
		expect_end(b, cases[i / 2].want, "R10, R11");
		bench_close(b);
	}
}

/* ---- order (D2) ---- */

/* Flushed are the flows between the same outer addresses with the same outer protocol, and no others. */
Test(gro_tunnel, packet_of_unknown_flow_goes_behind_its_tunnels)
{
	struct packet_tunnel vxlan = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4), other = vxlan, gre;
	struct bench *b = bench_merging(GRO_MERGE_ALL & ~GRO_MERGE_UDP);
	struct packet p = packet_tcp4(), between_ends = packet_tcp4(), q = p;

	gre = packet_tunnel(PACKET_GRE, PACKET_L3_IPV4);
	other.outer.daddr[3]++;
	memcpy(between_ends.saddr, vxlan.outer.saddr, 4);
	memcpy(between_ends.daddr, vxlan.outer.daddr, 4);
	offer_in(b, &vxlan, &p); /* 0 */
	q.sport++, vxlan.vni++;
	offer_in(b, &vxlan, &q); /* 1: another flow, in another network */
	offer_in(b, &other, &p); /* 2: to another host */
	offer_in(b, &gre, &p);   /* 3: in another tunnel */
	offer(b, &between_ends); /* 4: in none */
	offer(b, &p);            /* 5 */
	more_fragments(&p);
	offer_in(b, &vxlan, &p); /* 6 */
	expect_end(b, "0:fragment 1:fragment 6:fragment 2:burst_end 3:burst_end 4:burst_end 5:burst_end", "D2");
	bench_close(b);
}

/* Each bit is flipped in turn in packets that checksums cover completely: they are never merged. */
Test(gro_tunnel, no_spoiled_bit_is_merged)
{
	static const enum packet_tunnel_kind kind[] = { PACKET_VXLAN, PACKET_GENEVE, PACKET_GRE, PACKET_IPIP };

	for (uint32_t i = 0; i < ARRAY_SIZE(kind); i++) {
		struct packet_tunnel t = packet_tunnel(kind[i], PACKET_L3_IPV4), next = t;
		struct packet p = packet_tcp4(), q = p;
		uint8_t buf[300];
		size_t len;

		t.csum = next.csum = kind[i] == PACKET_GRE;
		step(&next, &q);
		len = packet_build_in(&next, &q, buf, sizeof buf, NULL);
		for (size_t at = 0; at < 8 * len; at++) {
			struct bench *b = bench_merging(GRO_MERGE_ALL);

			offer_in(b, &t, &p);
			buf[at / 8] ^= (uint8_t)(1 << at % 8);
			offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
			buf[at / 8] ^= (uint8_t)(1 << at % 8);
			burst_end(b);
			cr_assert_null(strchr(b->line, '+'), "kind %u, bit %zu: %s", i, at, b->line);
			bench_close(b);
		}
	}
}

/*
 * A datagram to a tunnel's port that is not a tunnel's packet merges as a datagram. The bytes behind the UDP header
 * distinguish the two, so equal headers are not enough (R10).
 */
Test(gro_tunnel, datagram_to_a_tunnel_port_is_no_packet_of_the_tunnel)
{
	static const struct {
		enum packet_tunnel_kind kind;
		uint32_t off; /* in the tunnel's header: the byte that says what follows */
	} cases[] = { { PACKET_VXLAN, 0 }, { PACKET_GENEVE, 2 } };
	static const struct {
		const char *datagrams; /* which of four packets are such */
		const char *want;
	} orders[] = {
		{ "1000", "0:burst_end 1+2+3:burst_end" },
		{ "0111", "0:burst_end 1+2+3:burst_end" },
		{ "1100", "0+1:burst_end 2+3:burst_end" },
		{ "0011", "0+1:burst_end 2+3:burst_end" },
	};

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(cases) * ARRAY_SIZE(orders); i++) {
		const char *datagrams = orders[i / 4].datagrams, *want = orders[i / 4].want;
		struct packet_tunnel t = packet_tunnel(cases[i / 2 % 2].kind, versions[i % 2]);
		struct bench *b = bench_merging(GRO_MERGE_ALL);
		struct packet p = packet_tcp4();
		struct packet_layout at;
		uint8_t buf[300];

		for (uint32_t n = 0; n < 4; n++, step(&t, &p)) {
			size_t len = packet_build_in(&t, &p, buf, sizeof buf, &at);

			if (datagrams[n] == '1')
				buf[at.tunnel_off + cases[i / 2 % 2].off] ^= 8;
			offer_frame(b, buf, len, GRO_CSUM_VERIFIED);
		}
		expect_end(b, want, datagrams);
		bench_close(b);
	}
}

/* ---- checksums ---- */

/* "Verified" is said about the outermost checksum only. */
Test(gro_tunnel, verified_is_the_outer_checksum_alone)
{
	for (int bad_inside = 0; bad_inside < 2; bad_inside++) {
		struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
		struct bench *b = bench_merging(GRO_MERGE_VXLAN);
		struct packet p = packet_tcp4();
		uint8_t buf[300];

		for (uint32_t i = 0; i < 2; i++, step(&t, &p)) {
			t.outer.l4_csum_xor = i ? 1 : 0;
			p.l4_csum_xor = i && bad_inside;
			offer_frame(b, buf, packet_build_in(&t, &p, buf, sizeof buf, NULL), GRO_CSUM_VERIFIED);
		}
		expect_end(b, bad_inside ? "0:checksum 1:checksum" : "0+1:burst_end", "R8");
		bench_close(b);
	}
}

/* On veth the inner checksum may be unfinished. The outer one is computed as if it were finished. */
Test(gro_tunnel, unfinished_inside_is_accepted_where_unfinished_are)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
		struct gro_config config = config_plain();
		struct packet p = packet_tcp4();
		struct gro_super *super;
		struct packet_layout at;
		uint8_t buf[300], right[300];
		struct bench *b;

		config.accept_unfinished = true;
		config.merge = i & 2 ? GRO_MERGE_VXLAN : GRO_MERGE_TCP;
		if (i & 1)
			t.outer.l4_csum = PACKET_CSUM_ZERO;
		b = bench_open(&config);
		for (uint32_t n = 0; n < 2; n++, step(&t, &p)) {
			size_t len = packet_build_in(&t, &p, right, sizeof right, &at);

			p.l4_csum = PACKET_CSUM_PARTIAL;
			packet_build_in(&t, &p, buf, sizeof buf, &at);
			p.l4_csum = PACKET_CSUM_FULL;
			memcpy(buf + at.outer_l4_off + 6, right + at.outer_l4_off + 6, 2);
			offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
		}
		gro_burst_end(&b->gro, b->now_ns);
		super = gro_next(&b->gro);
		cr_assert_eq(super->packet_cnt, i & 2 ? 2 : 1);
		cr_assert(super->request.needs_csum);
		cr_assert_eq(super->request.csum_start, at.l4_off);
		take(b, super);
		bench_close(b);
	}
}

Test(gro_tunnel, unfinished_outside_is_handed_on_behind_its_flow)
{
	struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
	struct gro_config config = config_plain();
	struct packet p = packet_tcp4();
	struct gro_super *super;
	struct bench *b;

	config.accept_unfinished = true;
	config.merge = GRO_MERGE_ALL;
	b = bench_open(&config);
	offer_in(b, &t, &p);
	step(&t, &p);
	t.outer.l4_csum = PACKET_CSUM_PARTIAL;
	offer_in(b, &t, &p);
	take(b, gro_next(&b->gro));
	super = gro_next(&b->gro);
	cr_assert(super->request.needs_csum);
	cr_assert_eq(super->request.csum_start, 34);
	cr_assert_eq(super->request.csum_offset, 6);
	take(b, super);
	expect_line(b, "0:not_served 1:not_served", "D2");
	bench_close(b);
}

/* ---- limits, fragments, ports ---- */

/* R16, of the outer packet. */
Test(gro_tunnel, outer_length_reaches_65535_and_no_further)
{
	static const struct {
		size_t rest;
		const char *end;
	} cases[] = {
		{ 445, ":short" },
		{ 446, ":bytes 13:burst_end" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* 20 + 8 + 8 + 14 + 20 + 20 = 90 bytes of header behind the outer Ethernet one */
		struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
		struct bench *b = bench_merging(GRO_MERGE_VXLAN);
		struct packet p = packet_tcp4();

		p.payload_len = 5000;
		for (uint32_t n = 0; n < 13; n++, step(&t, &p))
			offer_in(b, &t, &p);
		p.payload_len = cases[i].rest;
		offer_in(b, &t, &p);
		burst_end(b);
		cr_assert_not_null(strstr(b->line, cases[i].end), "%s", b->line);
		bench_close(b);
	}
}

Test(gro_tunnel, packets_in_fragments)
{
	struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4), first_tunnel = t;
	struct packet p = packet_tcp4(), first = p;
	struct bench *b = bench_merging(GRO_MERGE_VXLAN);
	uint8_t buf[300];

	for (uint32_t i = 0; i < 3; i++, step(&t, &p)) {
		const uint32_t cuts[] = { 107, 139 };

		offer_in_fragments(b, buf, packet_build_in(&t, &p, buf, sizeof buf, NULL), cuts, 2);
	}
	gro_burst_end(&b->gro, b->now_ns);
	expect_whole(b, &first_tunnel, &first, 3, 300, "fragments");
	expect_line(b, "0.1.2+3.4.5+6.7.8:burst_end", "R19");
	bench_close(b);
}

Test(gro_tunnel, pass_ports_are_looked_for_at_both_levels)
{
	static const uint16_t ports[] = { 4789, 5201 };

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
		struct gro_config config = config_plain();
		struct packet p = packet_tcp4();
		struct bench *b;

		config.merge = GRO_MERGE_ALL;
		config.pass_ports[3] = ports[i];
		b = bench_open(&config);
		offer_in(b, &t, &p), step(&t, &p), offer_in(b, &t, &p);
		expect_end(b, "0:exempt 1:exempt", "");
		bench_close(b);
	}
}
