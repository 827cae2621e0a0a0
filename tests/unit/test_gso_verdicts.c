// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What gso_open() cuts, what it takes for an ordinary packet and what it refuses: TCP, UDP and tunnels. A case is a
 * good superpacket of 3000 bytes of payload, 1000 a segment, with one thing changed.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "gso_book.h"

struct verdict_case {
	const char *says;
	enum gso_verdict want;
	struct packet (*from)(void);
	void (*packet)(struct packet *p);
	void (*request)(struct gso_request *r);
	void (*tunnel)(struct packet_tunnel *t); /* NULL: in no tunnel */
	enum packet_tunnel_kind kind;
};

static void p_plain(struct packet *p) { (void)p; }
static void p_options(struct packet *p)
{
	p->ip_options = nop_options;
	p->ip_options_len = 8;
}
static void p_fragment(struct packet *p) { p->mf = true; }
static void p_doff_4(struct packet *p) { p->doff = 4; }
static void p_cut(struct packet *p) { p->ip_len = 39; }
static void p_ip_len_0(struct packet *p) { p->ip_len = 0; }
static void p_short(struct packet *p) { p->ip_len = 2000; }
static void p_short_udp(struct packet *p) { p->udp_len = 2000; }
static void p_arp(struct packet *p)
{
	p->l3 = PACKET_L3_NONE;
	p->ethertype = 0x806;
	p->payload_len = 100;
}
static void p_small(struct packet *p) { p->payload_len = 1000; }
static void p_empty(struct packet *p) { p->payload_len = 0; }
static void p_longest(struct packet *p) { p->payload_len = 1514 - 54; }
static void p_longer(struct packet *p) { p->payload_len = 1514 - 53; }
static void p_128(struct packet *p) { p->payload_len = 1280; }
static void p_129(struct packet *p) { p->payload_len = 1281; }
static void p_six_tags(struct packet *p)
{
	for (int i = 0; i < 6; i++)
		packet_push_vlan(p, 0, 1);
}
static void p_long_header(struct packet *p) { packet_push_ext(p, PACKET_EXT_DSTOPTS, 200); }

static void p_header_254(struct packet *p)
{
	packet_push_ext(p, PACKET_EXT_DSTOPTS, 144);
	packet_push_vlan(p, 0, 1);
	p->tcp_options = nop_options;
	p->tcp_options_len = 32;
}

static void r_plain(struct gso_request *r) { (void)r; }
static void r_scratch(struct gso_request *r)
{
	r->needs_csum = false;
	r->csum_start = r->csum_offset = 9;
}
static void r_no_csum(struct gso_request *r) { r->needs_csum = false; }
static void r_none(struct gso_request *r) { r->type = GSO_NONE; }
static void r_v4(struct gso_request *r) { r->type = GSO_TCPV4; }
static void r_v6(struct gso_request *r) { r->type = GSO_TCPV6; }
static void r_udp(struct gso_request *r)
{
	r->type = GSO_UDP;
	r->csum_offset = 6;
}
static void r_unknown(struct gso_request *r) { r->type = GSO_UDP + 1; }
static void r_size_0(struct gso_request *r) { r->size = 0; }
static void r_size_10(struct gso_request *r) { r->size = 10; }
static void r_size_all(struct gso_request *r) { r->size = 3000; }
/* The longest that a frame of 1514 bytes takes, and a byte more. */
static void r_tcp_exact(struct gso_request *r) { r->size = 1514 - 54; }
static void r_tcp_more(struct gso_request *r) { r->size = 1514 - 53; }
static void r_udp_exact(struct gso_request *r) { r->size = 1514 - 42; }
static void r_udp_more(struct gso_request *r) { r->size = 1514 - 41; }
static void r_vxlan_exact(struct gso_request *r) { r->size = 1514 - 104; }
static void r_vxlan_more(struct gso_request *r) { r->size = 1514 - 103; }
static void r_start(struct gso_request *r) { r->csum_start -= 2; }
static void r_tcp_offset(struct gso_request *r) { r->csum_offset = 16; }
static void r_udp_offset(struct gso_request *r) { r->csum_offset = 6; }
static void r_start_beyond(struct gso_request *r)
{
	r_none(r);
	r->csum_start = 0xffff;
}
static void r_offset_beyond(struct gso_request *r)
{
	r_none(r);
	r->csum_offset = 0xffff;
}
static void r_not_ip(struct gso_request *r)
{
	r_v4(r);
	r->needs_csum = false;
}
static void r_none_not_ip(struct gso_request *r)
{
	r_none(r);
	r->needs_csum = false;
}
static void r_wrong_outer(struct gso_request *r)
{
	r->outer_l4_off = 3;
	r->outer_version = 9;
	r->outer_csum = true;
}
static void r_outer_csum(struct gso_request *r)
{
	r->csum_start = 34;
	r->csum_offset = 6;
}
static void r_no_tunnel(struct gso_request *r) { r->inner_l3_off = 0; }
static void r_odd(struct gso_request *r) { r->inner_l3_off++; }
static void r_before(struct gso_request *r) { r->inner_l3_off = 14; }
static void r_within(struct gso_request *r) { r->inner_l3_off = 36; }
static void r_beyond(struct gso_request *r) { r->inner_l3_off = 0xffff; }

static void t_plain(struct packet_tunnel *t) { (void)t; }
static void t_fragment(struct packet_tunnel *t) { t->outer.mf = true; }
static void t_options(struct packet_tunnel *t) { p_options(&t->outer); }
static void t_length(struct packet_tunnel *t) { t->outer.ip_len = 5000; }
static void t_udp_length(struct packet_tunnel *t) { t->outer.udp_len = 500; }
static void t_long(struct packet_tunnel *t) { t->options_len = 200; }
static void t_sequence(struct packet_tunnel *t) { t->sequence = true; }
static void t_version(struct packet_tunnel *t) { t->version = 1; }
static void t_routing(struct packet_tunnel *t) { t->gre_flags = 0x4000; }

#define TCP4 packet_tcp4
#define TCP6 packet_tcp6
#define UDP4 packet_udp4
#define UDP6 packet_udp6
#define NO_TUNNEL NULL, PACKET_VXLAN
#define IN_VXLAN t_plain, PACKET_VXLAN

static const struct verdict_case verdicts[] = {
	{ "a good superpacket", GSO_CUT, TCP4, p_plain, r_plain, NO_TUNNEL },
	{ "a good superpacket, IPv6", GSO_CUT, TCP6, p_plain, r_plain, NO_TUNNEL },
	{ "V4: without NEEDS_CSUM; its fields are then ignored", GSO_CUT, TCP4, p_plain, r_scratch, NO_TUNNEL },
	{ "S2: IPv4 options", GSO_CUT, TCP4, p_options, r_plain, NO_TUNNEL },
	{ "R1: six VLAN tags", GSO_CUT, TCP4, p_six_tags, r_plain, NO_TUNNEL },
	{ "a header of 254 bytes still fits its slot", GSO_CUT, TCP6, p_header_254, r_plain, NO_TUNNEL },
	{ "a header longer than its slot", GSO_MALFORMED, TCP6, p_long_header, r_plain, NO_TUNNEL },
	{ "V4: the type is IPv6, the packet IPv4", GSO_MALFORMED, TCP4, p_plain, r_v6, NO_TUNNEL },
	{ "V4: the type is IPv4, the packet IPv6", GSO_MALFORMED, TCP6, p_plain, r_v4, NO_TUNNEL },
	{ "V4: the type is TCP, the packet UDP", GSO_MALFORMED, UDP4, p_plain, r_v4, NO_TUNNEL },
	{ "V4: the type is TCP, the packet ARP", GSO_MALFORMED, TCP4, p_arp, r_not_ip, NO_TUNNEL },
	{ "V1: size 0", GSO_MALFORMED, TCP4, p_plain, r_size_0, NO_TUNNEL },
	{ "S1: a data offset of 4", GSO_MALFORMED, TCP4, p_doff_4, r_plain, NO_TUNNEL },
	{ "S1: the IP length ends within the TCP header", GSO_MALFORMED, TCP4, p_cut, r_plain, NO_TUNNEL },
	{ "an IP length of 0", GSO_MALFORMED, TCP4, p_ip_len_0, r_plain, NO_TUNNEL },
	{ "an IP length of 0, IPv6", GSO_MALFORMED, TCP6, p_ip_len_0, r_plain, NO_TUNNEL },
	{ "R5: a fragment", GSO_MALFORMED, TCP4, p_fragment, r_plain, NO_TUNNEL },
	{ "V5: csum_start is not the TCP header", GSO_MALFORMED, TCP4, p_plain, r_start, NO_TUNNEL },
	{ "V3: csum_offset is UDP's", GSO_MALFORMED, TCP4, p_plain, r_udp_offset, NO_TUNNEL },
	{ "V5: csum_start beyond an ordinary packet", GSO_MALFORMED, TCP4, p_small, r_start_beyond, NO_TUNNEL },
	{ "V5: csum_offset beyond an ordinary packet", GSO_MALFORMED, TCP4, p_small, r_offset_beyond, NO_TUNNEL },
	{ "V2: payload as long as the size", GSO_ORDINARY, TCP4, p_small, r_plain, NO_TUNNEL },
	{ "V2: no payload", GSO_ORDINARY, TCP6, p_empty, r_plain, NO_TUNNEL },
	{ "an ordinary packet", GSO_ORDINARY, TCP4, p_small, r_none, NO_TUNNEL },
	{ "an ordinary packet that is not IP", GSO_ORDINARY, TCP4, p_arp, r_none_not_ip, NO_TUNNEL },
	{ "S8: a segment of exactly the longest frame", GSO_CUT, TCP4, p_plain, r_tcp_exact, NO_TUNNEL },
	{ "S8: a segment a byte longer", GSO_TOO_LONG, TCP4, p_plain, r_tcp_more, NO_TUNNEL },
	{ "S8: an ordinary packet of exactly the longest frame", GSO_ORDINARY, TCP4, p_longest, r_none, NO_TUNNEL },
	{ "S8: an ordinary packet a byte longer", GSO_TOO_LONG, TCP4, p_longer, r_none, NO_TUNNEL },
	{ "S8: an ordinary packet too long", GSO_TOO_LONG, TCP4, p_plain, r_none, NO_TUNNEL },
	{ "S8, V2: one segment too long", GSO_TOO_LONG, TCP4, p_plain, r_size_all, NO_TUNNEL },

	{ "good datagrams", GSO_CUT, UDP4, p_plain, r_plain, NO_TUNNEL },
	{ "good datagrams, IPv6", GSO_CUT, UDP6, p_plain, r_plain, NO_TUNNEL },
	{ "S6: without NEEDS_CSUM", GSO_MALFORMED, UDP4, p_plain, r_no_csum, NO_TUNNEL },
	{ "S6: without NEEDS_CSUM, IPv6", GSO_MALFORMED, UDP6, p_plain, r_no_csum, NO_TUNNEL },
	{ "S6: one datagram without NEEDS_CSUM", GSO_MALFORMED, UDP4, p_small, r_no_csum, NO_TUNNEL },
	{ "V3: csum_offset is TCP's", GSO_MALFORMED, UDP4, p_plain, r_tcp_offset, NO_TUNNEL },
	{ "V5: csum_start is not the UDP header", GSO_MALFORMED, UDP4, p_plain, r_start, NO_TUNNEL },
	{ "V4: the type is UDP, the packet TCP", GSO_MALFORMED, TCP4, p_plain, r_udp, NO_TUNNEL },
	{ "an unknown type", GSO_MALFORMED, UDP4, p_plain, r_unknown, NO_TUNNEL },
	{ "V1: UDP of size 0", GSO_MALFORMED, UDP4, p_plain, r_size_0, NO_TUNNEL },
	{ "R7: a UDP length below the IP length's", GSO_MALFORMED, UDP4, p_short_udp, r_plain, NO_TUNNEL },
	{ "R5: a fragment of UDP", GSO_MALFORMED, UDP4, p_fragment, r_plain, NO_TUNNEL },
	{ "S6: 128 datagrams", GSO_CUT, UDP4, p_128, r_size_10, NO_TUNNEL },
	{ "S6: 129 datagrams", GSO_MALFORMED, UDP4, p_129, r_size_10, NO_TUNNEL },
	{ "S6: 129 datagrams, IPv6", GSO_MALFORMED, UDP6, p_129, r_size_10, NO_TUNNEL },
	{ "V2: UDP payload as long as the size", GSO_ORDINARY, UDP4, p_small, r_plain, NO_TUNNEL },
	{ "V2: UDP without payload", GSO_ORDINARY, UDP6, p_empty, r_plain, NO_TUNNEL },
	{ "S8: a datagram of exactly the longest frame", GSO_CUT, UDP4, p_plain, r_udp_exact, NO_TUNNEL },
	{ "S8: a datagram a byte longer", GSO_TOO_LONG, UDP4, p_plain, r_udp_more, NO_TUNNEL },

	{ "a good superpacket in a tunnel", GSO_CUT, TCP4, p_plain, r_plain, IN_VXLAN },
	{ "V4: in a tunnel, without NEEDS_CSUM", GSO_CUT, TCP4, p_plain, r_scratch, IN_VXLAN },
	{ "S7: fields about the tunnel are ignored", GSO_CUT, TCP4, p_plain, r_wrong_outer, IN_VXLAN },
	{ "S2: IPv4 options outside", GSO_CUT, TCP4, p_plain, r_plain, t_options, PACKET_VXLAN },
	{ "S2: IPv4 options inside", GSO_CUT, TCP4, p_options, r_plain, t_plain, PACKET_IPIP },
	{ "V5: the checksum is the tunnel's", GSO_MALFORMED, TCP4, p_plain, r_outer_csum, IN_VXLAN },
	{ "V4: the type is IPv6 inside", GSO_MALFORMED, TCP4, p_plain, r_v6, IN_VXLAN },
	{ "V4: the type is IPv4 inside", GSO_MALFORMED, TCP6, p_plain, r_v4, IN_VXLAN },
	{ "V4: the type is UDP inside", GSO_MALFORMED, TCP4, p_plain, r_udp, IN_VXLAN },
	{ "TCP in a tunnel that the request does not mention", GSO_MALFORMED, TCP4, p_plain, r_no_tunnel, IN_VXLAN },
	{ "an inner packet at an odd offset", GSO_MALFORMED, TCP4, p_plain, r_odd, IN_VXLAN },
	{ "an inner packet that is the outer one", GSO_MALFORMED, TCP4, p_plain, r_before, IN_VXLAN },
	{ "an inner packet within the UDP header", GSO_MALFORMED, TCP4, p_plain, r_within, IN_VXLAN },
	{ "an inner packet beyond the frame", GSO_MALFORMED, TCP4, p_plain, r_beyond, IN_VXLAN },
	{ "R5: a fragment outside", GSO_MALFORMED, TCP4, p_plain, r_plain, t_fragment, PACKET_GRE },
	{ "R5: a fragment inside", GSO_MALFORMED, TCP4, p_fragment, r_plain, t_plain, PACKET_GRE },
	{ "an outer IP length beyond the frame", GSO_MALFORMED, TCP4, p_plain, r_plain, t_length, PACKET_IPIP },
	{ "R7: an outer UDP length that is not the IP length's", GSO_MALFORMED, TCP4, p_plain, r_plain, t_udp_length,
	  PACKET_GENEVE },
	{ "S10: an inner packet shorter than the tunnel's", GSO_MALFORMED, TCP4, p_short, r_plain, IN_VXLAN },
	{ "headers in a tunnel longer than their slot", GSO_MALFORMED, TCP4, p_plain, r_plain, t_long, PACKET_GENEVE },
	{ "S7: GRE with sequence numbers", GSO_MALFORMED, TCP4, p_plain, r_plain, t_sequence, PACKET_GRE },
	{ "S7: GRE of another version", GSO_MALFORMED, TCP4, p_plain, r_plain, t_version, PACKET_GRE },
	{ "S7: GRE with routing", GSO_MALFORMED, TCP4, p_plain, r_plain, t_routing, PACKET_GRE },
	{ "V2: in a tunnel, payload as long as the size", GSO_ORDINARY, TCP4, p_small, r_plain, IN_VXLAN },
	{ "S8: in a tunnel, exactly the longest frame", GSO_CUT, TCP4, p_plain, r_vxlan_exact, IN_VXLAN },
	{ "S8: in a tunnel, a byte longer", GSO_TOO_LONG, TCP4, p_plain, r_vxlan_more, IN_VXLAN },
};

Test(gso_verdicts, table, .description = "S1, S2, S6-S8, V1-V5: what is cut, what is ordinary, what is refused")
{
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict_case *c = &verdicts[i];
		struct packet p = c->from();
		enum gso_verdict got;
		struct super s;
		struct gso gso;

		p.payload_len = 3000;
		c->packet(&p);
		if (c->tunnel) {
			struct packet_tunnel t = packet_tunnel(c->kind, PACKET_L3_IPV4);

			c->tunnel(&t);
			super_build_in(&s, &t, &p, 1000, true);
		} else {
			super_build(&s, &p, 1000, true);
		}
		c->request(&s.request);
		got = gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL);
		cr_expect_eq(got, c->want, "%s: verdict %d", c->says, got);
		super_free(&s);
	}
}

/* ---- hostile input ---- */

static void hostile_request(uint64_t *state, const struct packet_layout *at, struct gso_request *r)
{
	static const uint16_t sizes[] = { 1, 2, 100, 536, 1000, 1448, 0, 0xffff, 65000 };

	if (random_next(state) % 4 == 0)
		r->size = sizes[random_next(state) % ARRAY_SIZE(sizes)];
	if (random_next(state) % 4 == 0)
		r->type = random_next(state) % 5;
	if (random_next(state) % 4 == 0)
		r->inner_l3_off = (uint16_t)(random_next(state) % (at->payload_off + 8));
	if (random_next(state) % 8 == 0)
		r->csum_start = (uint16_t)random_next(state);
	if (random_next(state) % 8 == 0)
		r->csum_offset = (uint16_t)random_next(state);
	r->needs_csum = random_next(state) % 4;
	r->outer_csum = random_next(state) % 2;
}

Test(gso_verdicts, hostile,
     .description = "S1, S7, S8, V1-V5: 300000 made-up packets, tunnels and requests; no byte beyond them is touched "
		    "(sanitizers)")
{
	uint32_t verdict_cnt[4] = { 0 }, i, flips;
	uint64_t state = 12;

	for (i = 0; i < 300000; i++) {
		struct packet_tunnel t = packet_tunnel((enum packet_tunnel_kind)(random_next(&state) % 4),
						       random_next(&state) % 2 ? PACKET_L3_IPV6 : PACKET_L3_IPV4);
		struct packet p = packet_of(random_next(&state));
		uint16_t size = 1 + (uint16_t)(random_next(&state) % 1000);
		uint32_t frame_max = random_next(&state) % 2 ? 1518 : 60 + random_next(&state) % 4000;
		enum gso_verdict verdict;
		struct super s;
		struct gso gso;

		add_ip_extras(&t.outer, random_next(&state) % 2);
		t.csum = random_next(&state) % 2;
		t.key = random_next(&state) % 2;
		t.outer.l4_csum = random_next(&state) % 2 ? PACKET_CSUM_FULL : PACKET_CSUM_ZERO;
		add_ip_extras(&p, random_next(&state) % 3);
		p.tcp_options = nop_options;
		p.tcp_options_len = random_next(&state) % 11 * 4;
		p.payload_len = random_next(&state) % 2000;
		if (random_next(&state) % 3) {
			super_build_in(&s, &t, &p, size, true);
		} else {
			add_vlans(&p, random_next(&state) % 3);
			super_build(&s, &p, size, true);
		}
		hostile_request(&state, &s.at, &s.request);
		for (flips = random_next(&state) % 3; flips; flips--)
			s.data[random_next(&state) % s.at.payload_off] = (uint8_t)random_next(&state);
		if (random_next(&state) % 4 == 0) {
			s.len = random_next(&state) % (s.len + 1);
			s.data = realloc(s.data, s.len + !s.len);
		}
		verdict = gso_open(&gso, &s.request, s.data, s.len, frame_max,
				   random_next(&state) % 2 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL);
		verdict_cnt[verdict]++;
		if (verdict == GSO_CUT)
			drain(&gso, s.len, frame_max, random_next(&state) % 2);
		else if (verdict == GSO_ORDINARY)
			gso_complete(&s.request, s.data, s.len);
		super_free(&s);
	}
	for (i = 0; i < 4; i++)
		cr_assert_gt(verdict_cnt[i], 1000, "verdict %u came up %u times only", i, verdict_cnt[i]);
}
