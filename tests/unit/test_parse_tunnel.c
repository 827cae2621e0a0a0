// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Stepping into tunnels (R19): each case is a good tunnel with one thing changed, and has a sentence. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "fixtures/exact.h"
#include "fixtures/packet_builder.h"
#include "fixtures/view_check.h"
#include "prop/random.h"

#define FRAME_MAX 4096u

static const struct parse_tunnels all = {
	.enter = PARSE_TUNNEL_BIT(PARSE_VXLAN) | PARSE_TUNNEL_BIT(PARSE_GENEVE) | PARSE_TUNNEL_BIT(PARSE_GRE) |
		 PARSE_TUNNEL_BIT(PARSE_IPIP),
	.vxlan_port = VXLAN_PORT,
	.geneve_port = GENEVE_PORT,
};

static const uint8_t nop_options[4] = { 1, 1, 1, 1 };

#define NO_L4(p, number) ((p)->l4 = PACKET_L4_NONE, (p)->protocol = (number))

/* Changes of the tunnel and of the packet inside. */
typedef void change(struct packet_tunnel *t, struct packet *p);

static void plain(struct packet_tunnel *t, struct packet *p) { (void)t, (void)p; }
static void frame_inside(struct packet_tunnel *t, struct packet *p) { (void)p, t->ethernet = true; }
static void packet_inside(struct packet_tunnel *t, struct packet *p) { (void)p, t->ethernet = false; }
static void no_csum(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.l4_csum = PACKET_CSUM_ZERO; }

static void vlan_outside(struct packet_tunnel *t, struct packet *p) { (void)p, packet_push_vlan(&t->outer, 0x8100, 7); }
static void qinq_outside(struct packet_tunnel *t, struct packet *p)
{
	packet_push_vlan(&t->outer, 0x88a8, 8), vlan_outside(t, p);
}
static void vlan_inside(struct packet_tunnel *t, struct packet *p) { (void)t, packet_push_vlan(p, 0x8100, 9); }
static void qinq_inside(struct packet_tunnel *t, struct packet *p)
{
	packet_push_vlan(p, 0x88a8, 8), vlan_inside(t, p);
}
static void vlan_both(struct packet_tunnel *t, struct packet *p) { qinq_outside(t, p), qinq_inside(t, p); }
static void vlan_9100_inside(struct packet_tunnel *t, struct packet *p) { (void)t, packet_push_vlan(p, 0x9100, 9); }

static void ext_outside(struct packet_tunnel *t, struct packet *p)
{
	(void)p, packet_push_ext(&t->outer, PACKET_EXT_DSTOPTS, 8);
}
static void exts_outside(struct packet_tunnel *t, struct packet *p)
{
	packet_push_ext(&t->outer, PACKET_EXT_HOPOPTS, 16), ext_outside(t, p);
}
static void frag6_outside(struct packet_tunnel *t, struct packet *p)
{
	(void)p, packet_push_ext(&t->outer, PACKET_EXT_FRAGMENT, 8);
}
static void ah_outside(struct packet_tunnel *t, struct packet *p)
{
	(void)p, packet_push_ext(&t->outer, PACKET_EXT_AH, 24);
}
static void options_outside(struct packet_tunnel *t, struct packet *p)
{
	(void)p, t->outer.ip_options = nop_options, t->outer.ip_options_len = 4;
}
static void fragment_outside(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.mf = true; }
static void length_outside(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.ip_len = 1000; }
static void padding_outside(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.pad_to = 1500; }
static void udp_length(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.udp_len = 60; }
static void other_port(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.dport = 4790; }
static void port_backwards(struct packet_tunnel *t, struct packet *p)
{
	(void)p, t->outer.sport = t->outer.dport, t->outer.dport = 999;
}
static void tcp_to_port(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.l4 = PACKET_L4_TCP; }

static void ext_inside(struct packet_tunnel *t, struct packet *p)
{
	(void)t, packet_push_ext(p, PACKET_EXT_HOPOPTS, 8);
}
static void frag6_inside(struct packet_tunnel *t, struct packet *p)
{
	(void)t, packet_push_ext(p, PACKET_EXT_FRAGMENT, 8);
}
static void options_inside(struct packet_tunnel *t, struct packet *p)
{
	(void)t, p->ip_options = nop_options, p->ip_options_len = 4;
}
static void options_both(struct packet_tunnel *t, struct packet *p) { options_outside(t, p), options_inside(t, p); }
static void fragment_inside(struct packet_tunnel *t, struct packet *p) { (void)t, p->mf = true; }
static void options_and_fragment(struct packet_tunnel *t, struct packet *p)
{
	options_outside(t, p), fragment_inside(t, p);
}
static void later_fragment(struct packet_tunnel *t, struct packet *p) { (void)t, p->frag_off = 185; }
static void padding_inside(struct packet_tunnel *t, struct packet *p) { (void)t, p->payload_len = 0, p->pad_to = 60; }
static void trailer_inside(struct packet_tunnel *t, struct packet *p) { (void)t, p->pad_to = 200; }
static void ip_len_less(struct packet_tunnel *t, struct packet *p) { (void)t, p->ip_len = 130; }
static void ip_len_beyond(struct packet_tunnel *t, struct packet *p) { (void)t, p->ip_len = 141; }
static void beyond_tunnel(struct packet_tunnel *t, struct packet *p)
{
	(void)p, t->outer.pad_to = 600, p->ip_len = 141;
}
static void ip_len_zero(struct packet_tunnel *t, struct packet *p) { (void)t, p->ip_len = 0; }
static void no_payload(struct packet_tunnel *t, struct packet *p) { (void)t, p->payload_len = 0; }
static void udp_len_more(struct packet_tunnel *t, struct packet *p) { (void)t, p->udp_len = 109; }
static void doff_4(struct packet_tunnel *t, struct packet *p) { (void)t, p->doff = 4; }
static void version_5(struct packet_tunnel *t, struct packet *p) { (void)t, p->ip_version = 5; }
static void icmp(struct packet_tunnel *t, struct packet *p) { (void)t, NO_L4(p, 1); }
static void gre_inside(struct packet_tunnel *t, struct packet *p) { (void)t, NO_L4(p, 47); }
static void ipip_inside(struct packet_tunnel *t, struct packet *p) { (void)t, NO_L4(p, 4); }
static void vxlan_inside(struct packet_tunnel *t, struct packet *p) { (void)t, p->dport = VXLAN_PORT; }
static void arp(struct packet_tunnel *t, struct packet *p) { (void)t, p->l3 = PACKET_L3_NONE, p->ethertype = 0x0806; }
static void lied_type(struct packet_tunnel *t, struct packet *p) { (void)t, p->ethertype = 0x86dd; }

static void vni_0(struct packet_tunnel *t, struct packet *p) { (void)p, t->vni = 0; }
static void no_i(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags = 0; }
static void gpe_p(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags |= 0x04; }
static void gpe_o(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags |= 0x01; }
static void gpe_b(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags |= 0x02; }
static void gpe_version(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags |= 0x10; }
static void gbp(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags |= 0x80; }

static void options_8(struct packet_tunnel *t, struct packet *p) { (void)p, t->options_len = 8, t->options[3] = 1; }
static void options_252(struct packet_tunnel *t, struct packet *p) { (void)p, t->options_len = 252; }
static void options_beyond(struct packet_tunnel *t, struct packet *p)
{
	(void)t, p->payload_len = 0, t->options_words = 63;
}
static void critical(struct packet_tunnel *t, struct packet *p) { options_8(t, p), t->flags = 0x40; }
static void geneve_o(struct packet_tunnel *t, struct packet *p) { (void)p, t->flags = 0x80; }
static void version_1(struct packet_tunnel *t, struct packet *p) { (void)p, t->version = 1; }
static void version_2(struct packet_tunnel *t, struct packet *p) { (void)p, t->version = 2; }
static void mpls(struct packet_tunnel *t, struct packet *p) { (void)p, t->protocol = 0x8847; }
static void announced_v6(struct packet_tunnel *t, struct packet *p) { packet_inside(t, p), t->protocol = 0x86dd; }

static void gre_csum(struct packet_tunnel *t, struct packet *p) { (void)p, t->csum = true; }
static void gre_key(struct packet_tunnel *t, struct packet *p) { (void)p, t->key = true; }
static void gre_both(struct packet_tunnel *t, struct packet *p) { gre_csum(t, p), gre_key(t, p); }
static void gre_all_frame(struct packet_tunnel *t, struct packet *p) { gre_both(t, p), frame_inside(t, p); }
static void gre_sequence(struct packet_tunnel *t, struct packet *p) { (void)p, t->sequence = true; }
static void gre_routing(struct packet_tunnel *t, struct packet *p) { (void)p, t->gre_flags = 0x4000; }
static void gre_strict(struct packet_tunnel *t, struct packet *p) { (void)p, t->gre_flags = 0x0800; }
static void gre_recursion(struct packet_tunnel *t, struct packet *p) { (void)p, t->gre_flags = 0x0100; }
static void gre_ack(struct packet_tunnel *t, struct packet *p) { (void)p, t->gre_flags = 0x0080; }
static void wccp(struct packet_tunnel *t, struct packet *p) { (void)p, t->protocol = 0x883e; }
static void protocol_4(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.protocol = 4; }
static void protocol_41(struct packet_tunnel *t, struct packet *p) { (void)p, t->outer.protocol = 41; }

#define REFUSED (-1)

struct tunnel_case {
	const char *says;
	enum packet_tunnel_kind kind;
	enum packet_l3 outer;
	struct packet (*from)(void);
	change *change;
	int class; /* REFUSED: not entered */
	enum parse_obstacle obstacle;
};

#define V4 PACKET_L3_IPV4
#define V6 PACKET_L3_IPV6
#define TCP4 packet_tcp4
#define TCP6 packet_tcp6
#define UDP4 packet_udp4
#define UDP6 packet_udp6

static const struct tunnel_case cases[] = {
	{ "R19: VXLAN", PACKET_VXLAN, V4, TCP4, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: VXLAN, IPv6 inside", PACKET_VXLAN, V4, TCP6, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: VXLAN over IPv6", PACKET_VXLAN, V6, TCP4, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: VXLAN, IPv6 in IPv6, UDP", PACKET_VXLAN, V6, UDP6, plain, PARSE_UDP, PARSE_CLEAR },
	{ "R19: VXLAN without outer UDP checksum", PACKET_VXLAN, V4, TCP4, no_csum, PARSE_TCP, PARSE_CLEAR },
	{ "R19: VNI 0", PACKET_VXLAN, V4, TCP4, vni_0, PARSE_TCP, PARSE_CLEAR },
	{ "VXLAN-GBP: a policy is a label", PACKET_VXLAN, V4, TCP4, gbp, PARSE_TCP, PARSE_CLEAR },
	{ "VXLAN without the I bit", PACKET_VXLAN, V4, TCP4, no_i, REFUSED, 0 },
	{ "VXLAN-GPE: the P bit", PACKET_VXLAN, V4, TCP4, gpe_p, REFUSED, 0 },
	{ "VXLAN-GPE: the O bit", PACKET_VXLAN, V4, TCP4, gpe_o, REFUSED, 0 },
	{ "VXLAN-GPE: the B bit", PACKET_VXLAN, V4, TCP4, gpe_b, REFUSED, 0 },
	{ "VXLAN-GPE: another version", PACKET_VXLAN, V4, TCP4, gpe_version, REFUSED, 0 },
	{ "VXLAN to another port", PACKET_VXLAN, V4, TCP4, other_port, REFUSED, 0 },
	{ "VXLAN from its port", PACKET_VXLAN, V4, TCP4, port_backwards, REFUSED, 0 },
	{ "TCP to VXLAN's port", PACKET_VXLAN, V4, TCP4, tcp_to_port, REFUSED, 0 },
	{ "VXLAN, UDP length wrong", PACKET_VXLAN, V4, TCP4, udp_length, REFUSED, 0 },

	{ "R19: GENEVE", PACKET_GENEVE, V4, TCP4, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GENEVE over IPv6, IPv6 inside", PACKET_GENEVE, V6, TCP6, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GENEVE with options", PACKET_GENEVE, V4, TCP4, options_8, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GENEVE with the most options", PACKET_GENEVE, V4, UDP4, options_252, PARSE_UDP, PARSE_CLEAR },
	{ "R19: GENEVE with critical options", PACKET_GENEVE, V4, TCP4, critical, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GENEVE, an IP packet inside", PACKET_GENEVE, V4, TCP4, packet_inside, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GENEVE, an IPv6 packet inside", PACKET_GENEVE, V6, TCP6, packet_inside, PARSE_TCP, PARSE_CLEAR },
	{ "GENEVE: options beyond the tunnel", PACKET_GENEVE, V4, TCP4, options_beyond, REFUSED, 0 },
	{ "GENEVE: a control packet", PACKET_GENEVE, V4, TCP4, geneve_o, REFUSED, 0 },
	{ "GENEVE: version 1", PACKET_GENEVE, V4, TCP4, version_1, REFUSED, 0 },
	{ "GENEVE: version 2", PACKET_GENEVE, V4, TCP4, version_2, REFUSED, 0 },
	{ "GENEVE: MPLS inside", PACKET_GENEVE, V4, TCP4, mpls, REFUSED, 0 },
	{ "GENEVE: IPv4 announced as IPv6", PACKET_GENEVE, V4, TCP4, announced_v6, PARSE_FOREIGN, PARSE_NOT_IP },

	{ "R19: GRE", PACKET_GRE, V4, TCP4, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GRE, IPv6 in IPv6", PACKET_GRE, V6, TCP6, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GRE, an Ethernet frame inside", PACKET_GRE, V4, TCP4, frame_inside, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GRE with a checksum", PACKET_GRE, V4, TCP4, gre_csum, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GRE with a key", PACKET_GRE, V4, UDP4, gre_key, PARSE_UDP, PARSE_CLEAR },
	{ "R19: GRE with both", PACKET_GRE, V4, TCP4, gre_both, PARSE_TCP, PARSE_CLEAR },
	{ "R19: GRE with both and a frame", PACKET_GRE, V6, UDP6, gre_all_frame, PARSE_UDP, PARSE_CLEAR },
	{ "GRE with sequence numbers", PACKET_GRE, V4, TCP4, gre_sequence, REFUSED, 0 },
	{ "GRE with routing", PACKET_GRE, V4, TCP4, gre_routing, REFUSED, 0 },
	{ "GRE with a strict source route", PACKET_GRE, V4, TCP4, gre_strict, REFUSED, 0 },
	{ "GRE with recursion control", PACKET_GRE, V4, TCP4, gre_recursion, REFUSED, 0 },
	{ "GRE version 1 (PPTP)", PACKET_GRE, V4, TCP4, version_1, REFUSED, 0 },
	{ "GRE with PPTP's acknowledgment", PACKET_GRE, V4, TCP4, gre_ack, REFUSED, 0 },
	{ "GRE: WCCP inside", PACKET_GRE, V4, TCP4, wccp, REFUSED, 0 },

	{ "R19: 4in4", PACKET_IPIP, V4, TCP4, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: 6in4", PACKET_IPIP, V4, TCP6, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: 4in6", PACKET_IPIP, V6, TCP4, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: 6in6", PACKET_IPIP, V6, TCP6, plain, PARSE_TCP, PARSE_CLEAR },
	{ "R19: 4in6, UDP", PACKET_IPIP, V6, UDP4, plain, PARSE_UDP, PARSE_CLEAR },
	{ "IPv6 announced as 4in4", PACKET_IPIP, V4, TCP6, protocol_4, PARSE_FOREIGN, PARSE_NOT_IP },
	{ "IPv4 announced as 6in4", PACKET_IPIP, V4, TCP4, protocol_41, PARSE_FOREIGN, PARSE_NOT_IP },

	{ "R1: a tag outside", PACKET_VXLAN, V4, TCP4, vlan_outside, PARSE_TCP, PARSE_CLEAR },
	{ "R1: two tags outside", PACKET_IPIP, V4, TCP4, qinq_outside, PARSE_TCP, PARSE_CLEAR },
	{ "R1: a tag inside", PACKET_VXLAN, V6, TCP4, vlan_inside, PARSE_TCP, PARSE_CLEAR },
	{ "R1: two tags inside", PACKET_GENEVE, V4, UDP6, qinq_inside, PARSE_UDP, PARSE_CLEAR },
	{ "R1: two tags on either side", PACKET_VXLAN, V4, TCP6, vlan_both, PARSE_TCP, PARSE_CLEAR },
	{ "R1: the kernel knows no 0x9100 tag inside either", PACKET_VXLAN, V4, TCP4, vlan_9100_inside, PARSE_FOREIGN,
	  PARSE_NOT_IP },

	{ "R2: an extension header outside", PACKET_VXLAN, V6, TCP4, ext_outside, PARSE_TCP, PARSE_CLEAR },
	{ "R2: two of them", PACKET_IPIP, V6, TCP4, exts_outside, PARSE_TCP, PARSE_CLEAR },
	{ "R2: GRE behind them", PACKET_GRE, V6, TCP4, exts_outside, PARSE_TCP, PARSE_CLEAR },
	{ "R5: a fragment outside, IPv6", PACKET_VXLAN, V6, TCP4, frag6_outside, REFUSED, 0 },
	{ "R5: a fragment outside, IPv6, 4in6", PACKET_IPIP, V6, TCP4, frag6_outside, REFUSED, 0 },
	{ "R5: a fragment outside", PACKET_GRE, V4, TCP4, fragment_outside, REFUSED, 0 },
	{ "R20: AH outside", PACKET_IPIP, V6, TCP4, ah_outside, REFUSED, 0 },
	{ "R2: a length beyond the frame outside", PACKET_IPIP, V4, TCP4, length_outside, REFUSED, 0 },
	{ "R4: padding outside", PACKET_VXLAN, V4, TCP4, padding_outside, PARSE_TCP, PARSE_CLEAR },
	{ "R4: padding outside, IPIP", PACKET_IPIP, V6, TCP6, padding_outside, PARSE_TCP, PARSE_CLEAR },
	{ "R2, S2: IPv4 options outside", PACKET_VXLAN, V4, TCP4, options_outside, PARSE_TCP, PARSE_IP_OPTIONS },
	{ "R2, S2: the same, GRE", PACKET_GRE, V4, TCP6, options_outside, PARSE_TCP, PARSE_IP_OPTIONS },
	{ "R2, S2: the same, 4in4", PACKET_IPIP, V4, TCP4, options_outside, PARSE_TCP, PARSE_IP_OPTIONS },

	{ "R2: IPv4 options inside", PACKET_VXLAN, V4, TCP4, options_inside, PARSE_TCP, PARSE_IP_OPTIONS },
	{ "R2: IPv4 options on either side", PACKET_IPIP, V4, TCP4, options_both, PARSE_TCP, PARSE_IP_OPTIONS },
	{ "R5: a fragment inside", PACKET_VXLAN, V4, TCP4, fragment_inside, PARSE_ADDRESSED, PARSE_IP_FRAGMENT },
	{ "R5: a later fragment inside", PACKET_IPIP, V6, TCP4, later_fragment, PARSE_ADDRESSED, PARSE_IP_FRAGMENT },
	{ "R5: options outside, a fragment inside", PACKET_IPIP, V4, TCP4, options_and_fragment, PARSE_ADDRESSED,
	  PARSE_IP_FRAGMENT },
	{ "R5: an IPv6 fragment inside", PACKET_GRE, V4, TCP6, frag6_inside, PARSE_ADDRESSED, PARSE_IP_FRAGMENT },
	{ "R2: an extension header inside", PACKET_IPIP, V4, TCP6, ext_inside, PARSE_TCP, PARSE_CLEAR },
	{ "R6: no payload inside", PACKET_GRE, V4, TCP4, no_payload, PARSE_TCP, PARSE_CLEAR },
	{ "R6: a data offset of 4 inside", PACKET_VXLAN, V4, TCP4, doff_4, PARSE_PORTS, PARSE_L4_HEADER },
	{ "R7: a UDP length too long inside", PACKET_VXLAN, V4, UDP4, udp_len_more, PARSE_PORTS, PARSE_L4_HEADER },
	{ "R1: IP version 5 inside", PACKET_GRE, V4, TCP4, version_5, PARSE_FOREIGN, PARSE_NOT_IP },
	{ "R1: ARP inside", PACKET_VXLAN, V4, TCP4, arp, PARSE_FOREIGN, PARSE_NOT_IP },
	{ "R1: IPv4 announced as IPv6 inside", PACKET_GENEVE, V4, TCP4, lied_type, PARSE_FOREIGN, PARSE_NOT_IP },
	{ "R20: ICMP inside", PACKET_VXLAN, V4, TCP4, icmp, PARSE_ADDRESSED, PARSE_L4_OTHER },
	{ "S10: Ethernet padding inside", PACKET_VXLAN, V4, TCP4, padding_inside, PARSE_TCP, PARSE_IP_LENGTH },
	{ "S10: a trailer inside", PACKET_GENEVE, V6, UDP6, trailer_inside, PARSE_UDP, PARSE_IP_LENGTH },
	{ "S10: an IP length below the tunnel's", PACKET_GRE, V4, TCP4, ip_len_less, PARSE_TCP, PARSE_IP_LENGTH },
	{ "R2: an IP length beyond the frame", PACKET_VXLAN, V4, TCP4, ip_len_beyond, PARSE_ADDRESSED,
	  PARSE_IP_LENGTH },
	{ "R2: beyond the tunnel, within the frame", PACKET_IPIP, V6, TCP4, beyond_tunnel, PARSE_ADDRESSED,
	  PARSE_IP_LENGTH },
	{ "R2: a jumbogram inside", PACKET_VXLAN, V4, TCP6, ip_len_zero, PARSE_ADDRESSED, PARSE_IP_LENGTH },

	{ "R19: one level: VXLAN in VXLAN is UDP", PACKET_VXLAN, V4, UDP4, vxlan_inside, PARSE_UDP, PARSE_CLEAR },
	{ "R19: one level: GRE in VXLAN", PACKET_VXLAN, V4, TCP4, gre_inside, PARSE_ADDRESSED, PARSE_L4_OTHER },
	{ "R19: one level: 4in4in4", PACKET_IPIP, V4, TCP4, ipip_inside, PARSE_ADDRESSED, PARSE_L4_OTHER },
};

struct built {
	uint8_t frame[FRAME_MAX];
	uint32_t len;
	struct packet_tunnel t;
	struct packet p;
	struct packet_layout at;
};

static void build(const struct tunnel_case *c, struct built *b)
{
	b->t = packet_tunnel(c->kind, c->outer);
	b->p = c->from();
	c->change(&b->t, &b->p);
	b->len = (uint32_t)packet_build_in(&b->t, &b->p, b->frame, sizeof b->frame, &b->at);
	cr_assert_gt(b->len, 0, "%s: cannot be built", c->says);
}

/* Parses the outer packet into *outer, then the packet inside into *view. */
static bool enter(const uint8_t *data, uint32_t linear, uint32_t len, struct packet_view *outer,
		  struct packet_view *view)
{
	parse_packet(data, linear, len, outer);
	*view = *outer;
	return parse_inner(data, linear, len, &all, view);
}

static enum parse_tunnel kind_of(enum packet_tunnel_kind kind)
{
	static const uint8_t kinds[] = {
		[PACKET_VXLAN] = PARSE_VXLAN,
		[PACKET_GENEVE] = PARSE_GENEVE,
		[PACKET_GRE] = PARSE_GRE,
		[PACKET_IPIP] = PARSE_IPIP,
	};

	return kinds[kind];
}

static void compare(const struct tunnel_case *c, const struct built *b, const struct packet_view *view)
{
	cr_expect_eq(view->class, c->class, "%s: class %u", c->says, view->class);
	cr_expect_eq(view->obstacle, c->obstacle, "%s: obstacle %u", c->says, view->obstacle);
	cr_expect_eq(view->tunnel, kind_of(c->kind), "%s: tunnel %u", c->says, view->tunnel);
	cr_expect_eq(view->outer_version, c->outer == V4 ? 4 : 6, "%s", c->says);
	cr_expect_eq(view->outer_l3_off, b->at.outer_l3_off, "%s: outer l3", c->says);
	cr_expect_eq(view->outer_l4_off, b->at.outer_l4_off, "%s: outer l4", c->says);
	if (c->class >= PARSE_ADDRESSED) {
		cr_expect_eq(view->l3_off, b->at.l3_off, "%s: l3 at %u", c->says, view->l3_off);
		cr_expect_eq(view->ip_version, b->p.l3 == V4 ? 4 : 6, "%s", c->says);
	}
	if (c->class >= PARSE_PORTS)
		cr_expect_eq(view->l4_off, b->at.l4_off, "%s: l4 at %u", c->says, view->l4_off);
	if (c->class >= PARSE_TCP) {
		cr_expect_eq(view->payload_off, b->at.payload_off, "%s: payload", c->says);
		if (c->obstacle == PARSE_CLEAR)
			cr_expect_eq(view->payload_len, b->p.payload_len, "%s: payload of %u", c->says,
				     view->payload_len);
	}
}

Test(parse_tunnel, table, .description = "R19, R1, R2, R4-R7, R20: class, obstacle and offsets of each case")
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct tunnel_case *c = &cases[i];
		struct packet_view outer, view;
		struct built b;
		bool entered;

		build(c, &b);
		entered = enter(b.frame, b.len, b.len, &outer, &view);
		cr_expect_eq(entered, c->class != REFUSED, "%s", c->says);
		if (c->class == REFUSED)
			cr_expect_arr_eq(&view, &outer, sizeof view, "%s: the view has changed", c->says);
		else
			compare(c, &b, &view);
		/* R19: never a second level. */
		outer = view;
		if (entered)
			cr_expect_not(parse_inner(b.frame, b.len, b.len, &all, &view), "%s", c->says);
		cr_expect_arr_eq(&view, &outer, sizeof view, "%s", c->says);
	}
}

Test(parse_tunnel, at, .description = "R19: with the offset of the IP header inside, the result is the same")
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct tunnel_case *c = &cases[i];
		struct packet_view outer, view, found_at;
		struct built b;

		build(c, &b);
		if (c->class < PARSE_TCP || !enter(b.frame, b.len, b.len, &outer, &view))
			continue;
		if (view.tunnel == PARSE_GENEVE)
			view.tunnel = PARSE_VXLAN; /* the kind over UDP is not known */
		for (uint32_t off = 0; off <= b.len + 1; off++) {
			bool found;

			found_at = outer;
			found = parse_inner_at(b.frame, b.len, b.len, (uint16_t)off, &found_at);
			if (off == b.at.l3_off)
				cr_expect_arr_eq(&found_at, &view, sizeof found_at, "%s", c->says);
			cr_expect(found || off != b.at.l3_off, "%s", c->says);
			/* Nothing is found before the end of the outer L4 header. */
			cr_expect(!found || off >= b.at.outer_l4_off + (view.tunnel == PARSE_VXLAN ? 8 : 0u));
			if (!found)
				cr_expect_arr_eq(&found_at, &outer, sizeof found_at, "%s: %u", c->says, off);
			else
				cr_expect_not(parse_inner_at(b.frame, b.len, b.len, b.at.l3_off, &found_at),
					      "%s: a second level", c->says);
		}
	}
}

Test(parse_tunnel, at_refused,
     .description = "no tunnel: TCP, UDP cut off, a fragment, ICMP; IPIP elsewhere or of another version")
{
	static const struct tunnel_case ipip = { "", PACKET_IPIP, V4, TCP6, plain, 0, 0 };
	static const struct tunnel_case lied = { "", PACKET_IPIP, V4, TCP6, protocol_4, 0, 0 };
	static const struct tunnel_case tcp = { "", PACKET_VXLAN, V4, TCP4, tcp_to_port, 0, 0 };
	static const struct tunnel_case frag = { "", PACKET_GRE, V4, TCP4, fragment_outside, 0, 0 };
	const struct tunnel_case *const refused[] = { &lied, &tcp, &frag };
	struct packet_view view;
	struct built b;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		build(refused[i], &b);
		parse_packet(b.frame, b.len, b.len, &view);
		cr_expect_not(parse_inner_at(b.frame, b.len, b.len, (uint16_t)b.at.l3_off, &view), "%zu", i);
	}
	build(&ipip, &b);
	parse_packet(b.frame, b.len, b.len, &view);
	cr_expect_not(parse_inner_at(b.frame, b.len, b.len, (uint16_t)(b.at.l3_off + 4), &view));
	cr_expect(parse_inner_at(b.frame, b.len, b.len, (uint16_t)b.at.l3_off, &view));
}

Test(parse_tunnel, only_what_is_asked,
     .description = "R19: a tunnel is entered if its bit is set, at the configured ports")
{
	static const struct tunnel_case kinds[] = {
		{ "vxlan", PACKET_VXLAN, V4, TCP4, plain, 0, 0 },
		{ "geneve", PACKET_GENEVE, V6, TCP4, plain, 0, 0 },
		{ "gre", PACKET_GRE, V4, TCP4, plain, 0, 0 },
		{ "ipip", PACKET_IPIP, V6, TCP6, plain, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (uint32_t bits = 0; bits < 64; bits++) {
			struct parse_tunnels some = all;
			struct packet_view outer, view;
			struct built b;

			some.enter = bits;
			build(&kinds[i], &b);
			parse_packet(b.frame, b.len, b.len, &outer);
			view = outer;
			cr_expect_eq(parse_inner(b.frame, b.len, b.len, &some, &view),
				     (bits & PARSE_TUNNEL_BIT(kind_of(kinds[i].kind))) != 0, "%s, 0x%x", kinds[i].says,
				     bits);
			some = all;
			/* The port decides between the two, and neither's header is a valid one of the other. */
			some.vxlan_port = GENEVE_PORT, some.geneve_port = VXLAN_PORT;
			view = outer;
			cr_expect_eq(parse_inner(b.frame, b.len, b.len, &some, &view), i >= 2, "%s: ports exchanged",
				     kinds[i].says);
			some.vxlan_port = 8472, some.geneve_port = 6082;
			cr_expect_eq(parse_inner(b.frame, b.len, b.len, &some, &view), false,
				     "%s: other ports, or twice", kinds[i].says);
		}
}

Test(parse_tunnel, vxlan_bits,
     .description = "RFC 7348: in the first word, I must be set, the bits of GBP may be, no others")
{
	static const struct tunnel_case vxlan = { "", PACKET_VXLAN, V4, TCP4, plain, 0, 0 };
	const uint32_t gbp_bits = 0x8048ffff;

	for (uint32_t bit = 0; bit < 64; bit++) {
		struct packet_view outer, view;
		struct built b;

		build(&vxlan, &b);
		b.frame[b.at.tunnel_off + bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		cr_expect_eq(enter(b.frame, b.len, b.len, &outer, &view),
			     bit >= 32 || (gbp_bits & 0x80000000u >> bit) != 0, "bit %u", bit);
	}
}

Test(parse_tunnel, gre_bits, .description = "RFC 2784, 2890: in the first word, only C and K may be set")
{
	for (uint32_t word = 0; word < 0x10000; word++) {
		static const struct tunnel_case gre = { "", PACKET_GRE, V4, TCP4, gre_both, 0, 0 };
		struct packet_view outer, view;
		static struct built b;

		if (word == 0)
			build(&gre, &b);
		b.frame[b.at.tunnel_off] = (uint8_t)(word >> 8);
		b.frame[b.at.tunnel_off + 1] = (uint8_t)word;
		cr_expect_eq(enter(b.frame, b.len, b.len, &outer, &view), (word & ~0xa000u) == 0, "0x%04x", word);
	}
}

/* The class of a tunnel without extension headers, of which the first n bytes are there. */
static int class_at(const struct built *b, uint32_t n)
{
	if (n < b->at.inner_off)
		return REFUSED;
	if (n < b->at.l3_off + (b->p.l3 == V4 ? 20u : 40u))
		return PARSE_FOREIGN;
	if (n < b->at.l4_off + 4)
		return PARSE_ADDRESSED;
	if (n < b->at.payload_off)
		return PARSE_PORTS;
	return b->p.l4 == PACKET_L4_TCP ? PARSE_TCP : PARSE_UDP;
}

Test(parse_tunnel, truncated, .description = "R19: cut off at every length: nothing beyond is read or claimed")
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct tunnel_case *c = &cases[i];
		struct packet_view outer, view, whole;
		struct built b;

		build(c, &b);
		enter(b.frame, b.len, b.len, &outer, &whole);
		for (uint32_t n = 0; n <= b.len; n++) {
			uint8_t *exact = exact_copy(b.frame, n);
			bool entered = enter(exact, n, b.len, &outer, &view);

			/* The rest is not linear: the view is the same, as far as the linear part reaches. */
			if (c->obstacle == PARSE_CLEAR && c->class >= PARSE_TCP && !b.p.ext_cnt) {
				cr_assert_eq(entered ? view.class : REFUSED, class_at(&b, n), "%s: %u linear", c->says,
					     n);
				if (view.class == c->class && entered)
					cr_assert_arr_eq(&view, &whole, sizeof view, "%s: %u linear", c->says, n);
			}
			/* Cut off: the outer length shows it, except in padding. */
			entered = enter(exact, n, n, &outer, &view);
			if (!b.t.outer.pad_to && n < b.len)
				cr_assert_not(entered, "%s: cut to %u", c->says, n);
			free(exact);
		}
	}
}

Test(parse_tunnel, mutated,
     .description = "R19: hostile bytes: views stay consistent, nothing beyond the packet is read")
{
	struct random r = { 7 };

	for (uint32_t i = 0; i < 200000; i++) {
		struct packet_view outer, view, found_at;
		struct built b;
		uint8_t *exact;
		uint32_t n, len;

		build(&cases[below(&r, ARRAY_SIZE(cases))], &b);
		for (uint32_t flips = below(&r, 4); flips; flips--)
			b.frame[12 + below(&r, 130)] = (uint8_t)random_u64(&r);
		n = one_in(&r, 4) ? below(&r, b.len + 1) : b.len;
		len = one_in(&r, 2) ? n : b.len;
		exact = exact_copy(b.frame, n);
		if (enter(exact, n, len, &outer, &view))
			cr_assert_null(view_flaw(&view, n, len));
		found_at = outer;
		if (parse_inner_at(exact, n, len, (uint16_t)below(&r, b.len + 8), &found_at))
			cr_assert_null(view_flaw(&found_at, n, len));
		free(exact);
	}
}

Test(parse_tunnel, offsets_fit, .description = "R1: tags up to the last offset, outside or inside: offsets do not wrap")
{
	const uint32_t len = 65535 + 4096;
	uint8_t *data = calloc(1, len);

	cr_assert_not_null(data);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const uint8_t tag[4] = { 0x81, 0, 0, 1 };
		struct packet_view outer, view;
		struct built b;

		if (cases[i].class < PARSE_TCP)
			continue;
		build(&cases[i], &b);
		for (uint32_t tags = 16200; tags < 16384; tags++) {
			const uint32_t at = 12 + tags * 4;

			for (uint32_t off = 12; off < at; off += 4)
				memcpy(data + off, tag, sizeof tag);
			memcpy(data + at, b.frame + 12, b.len - 12);
			if (!enter(data, len, len, &outer, &view))
				continue;
			if (view.class >= PARSE_TCP)
				cr_assert_eq(view.payload_off, b.at.payload_off + tags * 4);
			cr_assert_null(view_flaw(&view, len, len));
		}
	}
	free(data);
}
