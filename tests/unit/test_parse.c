// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The parser: each case is a good packet with one thing changed, and has a sentence. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "fixtures/exact.h"
#include "fixtures/packet_builder.h"
#include "fixtures/view_check.h"
#include "prop/random.h"

#define FRAME_MAX 4096u

static const uint8_t nop_options[40] = { [0 ... 39] = 1 };

/* Where packet_build() puts the payload when there is no TCP or UDP header of its own to write. */
#define NO_L4(p, number) ((p)->l4 = PACKET_L4_NONE, (p)->protocol = (number))

static void plain(struct packet *p) { (void)p; }
static void vlan(struct packet *p) { packet_push_vlan(p, 0x8100, 0x2001); }
static void qinq(struct packet *p) { packet_push_vlan(p, 0x88a8, 5), vlan(p); }
static void vlan_six(struct packet *p) { qinq(p), qinq(p), qinq(p); }
static void vlan_9100(struct packet *p) { packet_push_vlan(p, 0x9100, 5); }
static void vlan_priority(struct packet *p) { packet_push_vlan(p, 0x8100, 0xf000); }
static void no_payload(struct packet *p) { p->payload_len = 0; }
static void padded(struct packet *p) { p->payload_len = 1, p->pad_to = 60; }
static void padded_ack(struct packet *p) { p->payload_len = 0, p->pad_to = 60; }
static void trailer(struct packet *p) { p->pad_to = 400; }

static void arp(struct packet *p) { p->l3 = PACKET_L3_NONE, p->ethertype = 0x0806; }
static void ieee_802_3(struct packet *p) { p->l3 = PACKET_L3_NONE, p->ethertype = 100; }
static void type_of_v6(struct packet *p) { p->ethertype = 0x86dd; }
static void type_of_v4(struct packet *p) { p->ethertype = 0x0800; }
static void version_5(struct packet *p) { p->ip_version = 5; }

static void ihl_4(struct packet *p) { p->ihl = 4; }
static void ip_len_below_header(struct packet *p) { p->ip_len = 19; }
static void ip_len_zero(struct packet *p) { p->ip_len = 0; }
static void ip_len_beyond(struct packet *p) { p->ip_len = 141; }
static void ip6_len_beyond(struct packet *p) { p->ip_len = 121; }
static void ip_len_less(struct packet *p) { p->ip_len = 130; }
static void ip6_len_less(struct packet *p) { p->ip_len = 110; }
static void ip_len_in_tcp(struct packet *p) { p->ip_len = 39; }
static void ip_len_no_ports(struct packet *p) { p->ip_len = 23; }
static void ip_len_ports(struct packet *p) { p->ip_len = 24; }
static void ip_len_header_only(struct packet *p) { p->ip_len = 20; }
static void ip6_len_in_tcp(struct packet *p) { p->ip_len = 19; }
static void ip6_len_no_ports(struct packet *p) { p->ip_len = 3; }

static void options_4(struct packet *p) { p->ip_options = nop_options, p->ip_options_len = 4; }
static void options_40(struct packet *p) { p->ip_options = nop_options, p->ip_options_len = 40; }
static void options_and_udp(struct packet *p) { options_4(p), p->l4 = PACKET_L4_UDP; }
static void options_and_icmp(struct packet *p) { options_4(p), NO_L4(p, 1); }
static void options_and_bad_tcp(struct packet *p) { options_4(p), p->doff = 4; }
static void ihl_beyond(struct packet *p) { p->ihl = 15, p->ip_len = 59; }

static void more_fragments(struct packet *p) { p->mf = true; }
static void later_fragment(struct packet *p) { p->frag_off = 185; }
static void reserved_bit(struct packet *p) { p->ip_reserved = true; }
static void not_df(struct packet *p) { p->df = false; }
static void fragment_and_options(struct packet *p) { options_4(p), p->mf = true; }

static void icmp(struct packet *p) { NO_L4(p, 1); }
static void esp4(struct packet *p) { NO_L4(p, 50); }
static void proto_hopopts(struct packet *p) { NO_L4(p, 0); }

static void doff_4(struct packet *p) { p->doff = 4; }
static void doff_15_short(struct packet *p) { p->doff = 15, p->payload_len = 39; }
static void doff_15_fits(struct packet *p) { p->doff = 15, p->payload_len = 40; }
static void tcp_options(struct packet *p) { p->tcp_options = nop_options, p->tcp_options_len = 40; }

static void udp_len_less(struct packet *p) { p->udp_len = 107; }
static void udp_len_more(struct packet *p) { p->udp_len = 109; }
static void udp_len_zero(struct packet *p) { p->udp_len = 0; }

static void hopopts(struct packet *p) { packet_push_ext(p, PACKET_EXT_HOPOPTS, 8); }
static void routing(struct packet *p) { packet_push_ext(p, PACKET_EXT_ROUTING, 24); }
static void dstopts(struct packet *p) { packet_push_ext(p, PACKET_EXT_DSTOPTS, 16); }
static void all_three(struct packet *p) { hopopts(p), routing(p), dstopts(p); }
static void frag6(struct packet *p) { packet_push_ext(p, PACKET_EXT_FRAGMENT, 8)->more = true; }
static void frag6_atomic(struct packet *p) { packet_push_ext(p, PACKET_EXT_FRAGMENT, 8); }
static void hop_frag6(struct packet *p) { hopopts(p), frag6(p); }
static void frag6_dst(struct packet *p) { frag6(p), dstopts(p); }
static void ah6(struct packet *p) { packet_push_ext(p, PACKET_EXT_AH, 24); }
static void dst_ah6(struct packet *p) { dstopts(p), ah6(p); }
static void esp6(struct packet *p) { NO_L4(p, 50); }
static void no_next(struct packet *p) { NO_L4(p, 59); }
static void icmp6(struct packet *p) { NO_L4(p, 58); }
static void mobility(struct packet *p) { packet_push_ext(p, PACKET_EXT_MOBILITY, 8); }
static void hop_udp(struct packet *p) { hopopts(p), p->l4 = PACKET_L4_UDP; }
static void ext_beyond(struct packet *p) { packet_push_ext(p, PACKET_EXT_DSTOPTS, 8)->hdr_len = 200; }
static void ext_len_cut(struct packet *p) { dstopts(p), p->ip_len = 7; }
static void ext_swallows_tcp(struct packet *p) { dstopts(p), p->ip_len = 16; }
static void jumbo_unknown(struct packet *p) { hopopts(p), p->ip_len = 0; }

static void exts(struct packet *p, unsigned int cnt)
{
	while (cnt--)
		packet_push_ext(p, PACKET_EXT_DSTOPTS, 8);
}

static void exts_most(struct packet *p) { exts(p, PARSE_MAX_EXTENSIONS); }
static void exts_too_many(struct packet *p) { exts(p, PARSE_MAX_EXTENSIONS + 1); }

struct parse_case {
	const char *says;
	struct packet (*from)(void);
	void (*change)(struct packet *p);
	enum parse_class class;
	enum parse_obstacle obstacle;
	uint8_t protocol;
	int payload_len; /* -1: that of the packet */
};

#define TCP4 packet_tcp4
#define TCP6 packet_tcp6
#define UDP4 packet_udp4
#define UDP6 packet_udp6

static const struct parse_case cases[] = {
	{ "R1: TCP over IPv4", TCP4, plain, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: TCP over IPv6", TCP6, plain, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: UDP over IPv4", UDP4, plain, PARSE_UDP, PARSE_CLEAR, 17, -1 },
	{ "R1: UDP over IPv6", UDP6, plain, PARSE_UDP, PARSE_CLEAR, 17, -1 },
	{ "R1: one VLAN tag", TCP4, vlan, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: one VLAN tag, IPv6", TCP6, vlan, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: a priority tag", TCP4, vlan_priority, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: service tag and customer tag", TCP4, qinq, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: both, IPv6", TCP6, qinq, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: both, UDP", UDP6, qinq, PARSE_UDP, PARSE_CLEAR, 17, -1 },
	{ "R1: six tags", TCP4, vlan_six, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R1: the kernel knows no 0x9100 tag", TCP4, vlan_9100, PARSE_FOREIGN, PARSE_NOT_IP, 0, -1 },
	{ "R1: ARP", TCP4, arp, PARSE_FOREIGN, PARSE_NOT_IP, 0, -1 },
	{ "R1: an 802.3 length", TCP4, ieee_802_3, PARSE_FOREIGN, PARSE_NOT_IP, 0, -1 },
	{ "R1: IPv4 announced as IPv6", TCP4, type_of_v6, PARSE_FOREIGN, PARSE_NOT_IP, 0, -1 },
	{ "R1: IPv6 announced as IPv4", TCP6, type_of_v4, PARSE_FOREIGN, PARSE_NOT_IP, 0, -1 },
	{ "R1: IP version 5", TCP4, version_5, PARSE_FOREIGN, PARSE_NOT_IP, 0, -1 },
	{ "R1: IP version 5 for 6", TCP6, version_5, PARSE_FOREIGN, PARSE_NOT_IP, 0, -1 },

	{ "R2: IPv4 header of 4 words", TCP4, ihl_4, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6, -1 },
	{ "R2: IP length below its header", TCP4, ip_len_below_header, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6, -1 },
	{ "R2: IPv4 length 0", TCP4, ip_len_zero, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6, -1 },
	{ "R2: IPv6 length 0", TCP6, ip_len_zero, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6, -1 },
	{ "R2: IPv6 length 0 behind hop-by-hop: a jumbogram", TCP6, jumbo_unknown, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6,
	  -1 },
	{ "R2: IPv4 length a byte beyond the frame", TCP4, ip_len_beyond, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6, -1 },
	{ "R2: IPv6 length a byte beyond the frame", TCP6, ip6_len_beyond, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6, -1 },
	{ "R2: IHL 15, length for 14", TCP4, ihl_beyond, PARSE_ADDRESSED, PARSE_IP_LENGTH, 6, -1 },

	{ "R4: Ethernet padding behind 1 byte", TCP4, padded, PARSE_TCP, PARSE_CLEAR, 6, 1 },
	{ "R4: Ethernet padding behind no byte", TCP4, padded_ack, PARSE_TCP, PARSE_CLEAR, 6, 0 },
	{ "R4: a long trailer", TCP6, trailer, PARSE_TCP, PARSE_CLEAR, 6, 100 },
	{ "R4: IPv4 length shorter than the frame", TCP4, ip_len_less, PARSE_TCP, PARSE_CLEAR, 6, 90 },
	{ "R4: IPv6 length shorter than the frame", TCP6, ip6_len_less, PARSE_TCP, PARSE_CLEAR, 6, 90 },
	{ "R7, R4: a UDP length beyond the IP length", UDP4, ip_len_ports, PARSE_PORTS, PARSE_L4_HEADER, 17, -1 },

	{ "R2, S2: one word of IPv4 options, TCP found behind", TCP4, options_4, PARSE_TCP, PARSE_IP_OPTIONS, 6, -1 },
	{ "R2, S2: the most IPv4 options", TCP4, options_40, PARSE_TCP, PARSE_IP_OPTIONS, 6, -1 },
	{ "R2: UDP behind IPv4 options", TCP4, options_and_udp, PARSE_UDP, PARSE_IP_OPTIONS, 17, -1 },
	{ "R20: ICMP behind IPv4 options", TCP4, options_and_icmp, PARSE_ADDRESSED, PARSE_L4_OTHER, 1, -1 },
	{ "R6: bad TCP behind IPv4 options", TCP4, options_and_bad_tcp, PARSE_PORTS, PARSE_L4_HEADER, 6, -1 },

	{ "R5: a first fragment", TCP4, more_fragments, PARSE_ADDRESSED, PARSE_IP_FRAGMENT, 6, -1 },
	{ "R5: a later fragment", TCP4, later_fragment, PARSE_ADDRESSED, PARSE_IP_FRAGMENT, 6, -1 },
	{ "R5: the reserved bit", TCP4, reserved_bit, PARSE_ADDRESSED, PARSE_IP_FRAGMENT, 6, -1 },
	{ "R5: DF alone is none of them, nor is its absence", TCP4, not_df, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R5: a fragment with options", TCP4, fragment_and_options, PARSE_ADDRESSED, PARSE_IP_FRAGMENT, 6, -1 },

	{ "R20: ICMP", TCP4, icmp, PARSE_ADDRESSED, PARSE_L4_OTHER, 1, -1 },
	{ "R20: ESP over IPv4", TCP4, esp4, PARSE_ADDRESSED, PARSE_L4_OTHER, 50, -1 },
	{ "R20: protocol 0 over IPv4 is no extension header", TCP4, proto_hopopts, PARSE_ADDRESSED, PARSE_L4_OTHER, 0,
	  -1 },

	{ "R6: a data offset of 4", TCP4, doff_4, PARSE_PORTS, PARSE_L4_HEADER, 6, -1 },
	{ "R6: a data offset of 4, IPv6", TCP6, doff_4, PARSE_PORTS, PARSE_L4_HEADER, 6, -1 },
	{ "R6: a TCP header longer than the packet", TCP4, doff_15_short, PARSE_PORTS, PARSE_L4_HEADER, 6, -1 },
	{ "R6: a TCP header that just fits", TCP4, doff_15_fits, PARSE_TCP, PARSE_CLEAR, 6, 0 },
	{ "R6: all TCP options", TCP4, tcp_options, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R6: all TCP options, IPv6", TCP6, tcp_options, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R6: a pure ACK is a whole packet", TCP4, no_payload, PARSE_TCP, PARSE_CLEAR, 6, 0 },
	{ "R6: the IP packet ends within the TCP header", TCP4, ip_len_in_tcp, PARSE_PORTS, PARSE_L4_HEADER, 6, -1 },
	{ "R6: the same, IPv6", TCP6, ip6_len_in_tcp, PARSE_PORTS, PARSE_L4_HEADER, 6, -1 },
	{ "R6: it ends behind the ports", TCP4, ip_len_ports, PARSE_PORTS, PARSE_L4_HEADER, 6, -1 },
	{ "R6: it ends within the ports", TCP4, ip_len_no_ports, PARSE_ADDRESSED, PARSE_L4_HEADER, 6, -1 },
	{ "R6: the same, IPv6", TCP6, ip6_len_no_ports, PARSE_ADDRESSED, PARSE_L4_HEADER, 6, -1 },
	{ "R6: it ends behind the IP header", TCP4, ip_len_header_only, PARSE_ADDRESSED, PARSE_L4_HEADER, 6, -1 },

	{ "R7: UDP without data", UDP4, no_payload, PARSE_UDP, PARSE_CLEAR, 17, 0 },
	{ "R7: a UDP length below what is there", UDP4, udp_len_less, PARSE_PORTS, PARSE_L4_HEADER, 17, -1 },
	{ "R7: a UDP length above what is there", UDP4, udp_len_more, PARSE_PORTS, PARSE_L4_HEADER, 17, -1 },
	{ "R7: a UDP length of 0", UDP6, udp_len_zero, PARSE_PORTS, PARSE_L4_HEADER, 17, -1 },
	{ "R7: Ethernet padding is none of UDP's", UDP4, padded, PARSE_UDP, PARSE_CLEAR, 17, 1 },

	{ "R2: hop-by-hop options", TCP6, hopopts, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R2: a routing header", TCP6, routing, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R2: destination options", TCP6, dstopts, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R2: all three", TCP6, all_three, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R2: UDP behind hop-by-hop options", TCP6, hop_udp, PARSE_UDP, PARSE_CLEAR, 17, -1 },
	{ "R2: as many extension headers as are walked", TCP6, exts_most, PARSE_TCP, PARSE_CLEAR, 6, -1 },
	{ "R2: one more", TCP6, exts_too_many, PARSE_ADDRESSED, PARSE_IP_EXTENSION, 0, -1 },
	{ "R2: an extension header longer than the packet", TCP6, ext_beyond, PARSE_ADDRESSED, PARSE_IP_EXTENSION, 6,
	  -1 },
	{ "R2: the packet ends within an extension header", TCP6, ext_len_cut, PARSE_ADDRESSED, PARSE_IP_EXTENSION, 0,
	  -1 },
	{ "R2: the packet ends behind it", TCP6, ext_swallows_tcp, PARSE_ADDRESSED, PARSE_L4_HEADER, 6, -1 },
	{ "R2, D2: a fragment header shows the protocol", TCP6, frag6, PARSE_ADDRESSED, PARSE_IP_FRAGMENT, 6, -1 },
	{ "R2: an atomic fragment is one too", TCP6, frag6_atomic, PARSE_ADDRESSED, PARSE_IP_FRAGMENT, 6, -1 },
	{ "R2: a fragment header behind hop-by-hop options", TCP6, hop_frag6, PARSE_ADDRESSED, PARSE_IP_FRAGMENT, 6,
	  -1 },
	{ "D2: destination options behind a fragment header: protocol unknown", TCP6, frag6_dst, PARSE_ADDRESSED,
	  PARSE_IP_FRAGMENT, 0, -1 },
	{ "R20: AH", TCP6, ah6, PARSE_ADDRESSED, PARSE_IP_EXTENSION, 51, -1 },
	{ "R20: AH behind destination options", TCP6, dst_ah6, PARSE_ADDRESSED, PARSE_IP_EXTENSION, 51, -1 },
	{ "R20: ESP", TCP6, esp6, PARSE_ADDRESSED, PARSE_IP_EXTENSION, 50, -1 },
	{ "R20: no next header", TCP6, no_next, PARSE_ADDRESSED, PARSE_L4_OTHER, 59, -1 },
	{ "R20: ICMPv6", TCP6, icmp6, PARSE_ADDRESSED, PARSE_L4_OTHER, 58, -1 },
	{ "R20: a mobility header", TCP6, mobility, PARSE_ADDRESSED, PARSE_L4_OTHER, 135, -1 },
};

struct built {
	uint8_t frame[FRAME_MAX];
	size_t len;
	struct packet p;
	struct packet_layout at;
};

static void build(const struct parse_case *c, struct built *b)
{
	b->p = c->from();
	c->change(&b->p);
	b->len = packet_build(&b->p, b->frame, sizeof b->frame, &b->at);
	cr_assert_gt(b->len, 0, "%s: cannot be built", c->says);
}

static void compare(const struct parse_case *c, const struct built *b, const struct packet_view *view)
{
	cr_expect_eq(view->class, c->class, "%s: class %u", c->says, view->class);
	cr_expect_eq(view->obstacle, c->obstacle, "%s: obstacle %u", c->says, view->obstacle);
	cr_expect_eq(view->protocol, c->protocol, "%s: protocol %u", c->says, view->protocol);
	if (c->class >= PARSE_ADDRESSED) {
		cr_expect_eq(view->ip_version, b->p.l3 == PACKET_L3_IPV4 ? 4 : 6, "%s", c->says);
		cr_expect_eq(view->l3_off, b->at.l3_off, "%s: l3 at %u", c->says, view->l3_off);
	}
	if (c->class >= PARSE_PORTS)
		cr_expect_eq(view->l4_off, b->at.l4_off, "%s: l4 at %u", c->says, view->l4_off);
	if (c->class >= PARSE_TCP) {
		uint32_t want = c->payload_len < 0 ? (uint32_t)b->p.payload_len : (uint32_t)c->payload_len;
		uint32_t hdr = c->class == PARSE_UDP ? 8 : (b->frame[b->at.l4_off + 12] >> 4) * 4u;

		cr_expect_eq(view->payload_off, b->at.l4_off + hdr, "%s: payload at %u", c->says, view->payload_off);
		cr_expect_eq(view->payload_len, want, "%s: payload of %u", c->says, view->payload_len);
	}
}

Test(parse, table, .description = "R1, R2, R4-R7, R20, D2: class, obstacle and offsets of each case")
{
	struct packet_view view;
	struct built b;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		build(&cases[i], &b);
		parse_packet(b.frame, (uint32_t)b.len, (uint32_t)b.len, &view);
		compare(&cases[i], &b, &view);
	}
}

Test(parse, payload_elsewhere, .description = "only headers must be linear")
{
	struct packet_view view;
	struct built b;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].class < PARSE_TCP)
			continue;
		build(&cases[i], &b);
		parse_packet(b.frame, (uint32_t)b.at.payload_off + 40, (uint32_t)b.len, &view);
		compare(&cases[i], &b, &view);
	}
}

/* The first n bytes in memory of n bytes, so that AddressSanitizer sees a read beyond them. */
static void parse_prefix(const uint8_t *frame, uint32_t n, uint32_t len, struct packet_view *view)
{
	uint8_t *exact = exact_copy(frame, n);

	parse_packet(exact + (n ? 0 : 1), n, len, view);
	cr_assert_null(view_flaw(view, n, len));
	free(exact);
}

Test(parse, truncated,
     .description = "R2, R4, R6: cut off at every length: nothing beyond is read, no more is claimed than is there")
{
	struct packet_view whole, cut, linear;
	struct built b;
	size_t i;
	uint32_t n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		build(&cases[i], &b);
		parse_packet(b.frame, (uint32_t)b.len, (uint32_t)b.len, &whole);
		for (n = 0; n <= b.len; n++) {
			parse_prefix(b.frame, n, n, &cut);
			parse_prefix(b.frame, n, (uint32_t)b.len, &linear);
			cr_assert_leq(cut.class, whole.class, "%s: cut to %u", cases[i].says, n);
			cr_assert_leq(linear.class, whole.class, "%s: %u linear", cases[i].says, n);
			/* The cut-off bytes belong to the packet, unless they were padding. */
			if (whole.class == PARSE_TCP && n < whole.payload_off + whole.payload_len)
				cr_assert_lt(cut.class, PARSE_PORTS, "%s: cut to %u", cases[i].says, n);
			if (linear.class >= PARSE_TCP)
				cr_assert_arr_eq(&linear, &whole, sizeof whole);
		}
	}
}

Test(parse, linear_beyond_frame, .description = "a linear length beyond the frame counts as the frame")
{
	struct packet p = packet_tcp4();
	struct packet_view a, b;
	uint8_t frame[FRAME_MAX];
	uint32_t len = (uint32_t)packet_build(&p, frame, sizeof frame, NULL);

	parse_packet(frame, len, len, &a);
	parse_packet(frame, sizeof frame, len, &b);
	cr_assert_arr_eq(&a, &b, sizeof a);
	parse_packet(frame, sizeof frame, len - 1, &b);
	cr_assert_eq(b.obstacle, PARSE_IP_LENGTH);
}

Test(parse, offsets_fit, .description = "R1: 64 KB of VLAN tags, or tags up to the last offset: offsets do not wrap")
{
	uint32_t len = 65535 + 4096, tags, at;
	uint8_t *data = malloc(len);
	struct packet_view view;
	struct built b;

	cr_assert_not_null(data);
	for (at = 12; at + 4 <= len; at += 4)
		memcpy(data + at, "\x81\0\0\1", 4);
	parse_packet(data, len, len, &view);
	cr_assert_eq(view.class, PARSE_FOREIGN);

	build(&(struct parse_case){ "", TCP4, options_40, 0, 0, 0, 0 }, &b);
	for (tags = 16200; tags < 16384; tags++) {
		at = 12 + tags * 4;
		memcpy(data + at, b.frame + 12, b.len - 12);
		parse_packet(data, at + (uint32_t)b.len - 12, at + (uint32_t)b.len - 12, &view);
		if (view.class == PARSE_TCP)
			cr_assert_eq(view.payload_off, at + 2 + 60 + 20);
		else
			cr_assert_eq(view.obstacle, PARSE_NOT_IP);
		memcpy(data + at, "\x81\0\0\1", 4);
	}
	free(data);
}

Test(parse, mutated,
     .description = "hostile bytes: views stay consistent, nothing beyond the packet is read (sanitizers)")
{
	struct random r = { 1 };
	struct packet_view view;
	struct built b;

	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t n;

		build(&cases[below(&r, ARRAY_SIZE(cases))], &b);
		for (uint32_t flips = below(&r, 4); flips; flips--)
			b.frame[12 + below(&r, 70)] = (uint8_t)random_u64(&r);
		n = one_in(&r, 4) ? below(&r, (uint32_t)b.len + 1) : (uint32_t)b.len;
		parse_prefix(b.frame, n, one_in(&r, 2) ? n : (uint32_t)b.len, &view);
	}
}
