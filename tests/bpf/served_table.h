/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packets that show what "served" means, one sentence each, for every program that
 * asks bpf/served.bpf.h: the XDP program and the tc egress program of inline mode.
 *
 * A row is a good packet with something changed, and cut to @keep bytes if that is not 0. Its
 * verdict depends on what the daemon serves: served_table() fills that in.
 */
#ifndef TESTS_BPF_SERVED_TABLE_H
#define TESTS_BPF_SERVED_TABLE_H

#include <stdlib.h>
#include <string.h>

#include "fixtures/packet_builder.h"
#include "steer_abi.h"

enum served_expect {
	EXPECT_SERVED,
	EXPECT_FRAGMENT, /* served, and counted as a fragment */
	EXPECT_NOT_IP,
	EXPECT_MALFORMED,
	EXPECT_PROTOCOL,
	/* Only in rows: served, or a fragment, if the daemon serves their bit; else not served. */
	EXPECT_UDP,
	EXPECT_UDP_FRAGMENT,
	EXPECT_GRE,
	EXPECT_GRE_FRAGMENT,
	EXPECT_IPIP,
	EXPECT_IPIP_FRAGMENT,
};

struct served_case {
	const char *what;
	enum served_expect expect;
	size_t keep; /* bytes of the frame that are left, 0 = all */
	struct packet packet;
};

/* A good packet, changed by the statements, in which @p is the packet. */
#define PACKET(base, ...) \
	({ \
		struct packet p = packet_##base(); \
		__VA_ARGS__; \
		p; \
	})

#define ETH 14u
#define TAG 4u
#define IP4 20u
#define IP6 40u

static const uint8_t served_nops[40] = { [0 ... 39] = 1 };
/* What follows IPv6 headers in rows that build their fields by hand: 256 zero bytes. */
static const uint8_t served_zeroes[256];

/* The packet's IPv6 payload is these bytes instead of TCP: extension headers by hand. */
static void served_raw6(struct packet *p, int first_next_header, const void *bytes, size_t len)
{
	p->l4 = PACKET_L4_NONE;
	p->protocol = first_next_header;
	p->payload = bytes;
	p->payload_len = len;
}

static void served_tags(struct packet *p, unsigned int cnt, uint16_t tpid)
{
	while (cnt--)
		packet_push_vlan(p, tpid, (uint16_t)(100 + cnt));
}

static void served_later_fragment4(struct packet *p, uint16_t off, bool more)
{
	p->df = false;
	p->l4 = PACKET_L4_NONE;
	p->protocol = 6;
	p->frag_off = off;
	p->mf = more;
}

static void served_fragment6(struct packet *p, uint16_t off, bool more)
{
	struct packet_ext *e = packet_push_ext(p, PACKET_EXT_FRAGMENT, 8);

	e->frag_off = off;
	e->more = more;
	e->frag_id = 0xabcd;
	if (off) {
		p->protocol = p->l4 == PACKET_L4_UDP ? 17 : 6;
		p->l4 = PACKET_L4_NONE;
	}
}

static void served_exts(struct packet *p, unsigned int cnt, uint8_t type)
{
	while (cnt--)
		packet_push_ext(p, type, 8);
}

static void served_not_ip(struct packet *p, int ethertype, size_t payload_len)
{
	p->l3 = PACKET_L3_NONE;
	p->ethertype = ethertype;
	p->payload_len = payload_len;
}

/* The verdict on a row for a daemon that serves these bits. */
static enum served_expect served_expect(enum served_expect row, uint32_t serve)
{
	static const struct {
		uint32_t bit;
		enum served_expect expect;
	} bits[] = {
		[EXPECT_SERVED] = { STEER_SERVE_TCP, EXPECT_SERVED },
		[EXPECT_FRAGMENT] = { STEER_SERVE_TCP, EXPECT_FRAGMENT },
		[EXPECT_UDP] = { STEER_SERVE_UDP, EXPECT_SERVED },
		[EXPECT_UDP_FRAGMENT] = { STEER_SERVE_UDP, EXPECT_FRAGMENT },
		[EXPECT_GRE] = { STEER_SERVE_GRE, EXPECT_SERVED },
		[EXPECT_GRE_FRAGMENT] = { STEER_SERVE_GRE, EXPECT_FRAGMENT },
		[EXPECT_IPIP] = { STEER_SERVE_IPIP, EXPECT_SERVED },
		[EXPECT_IPIP_FRAGMENT] = { STEER_SERVE_IPIP, EXPECT_FRAGMENT },
	};

	if (!bits[row].bit)
		return row;
	return bits[row].bit & serve ? bits[row].expect : EXPECT_PROTOCOL;
}

/* A copy of all rows on the heap, with the verdicts for a daemon that serves these bits; the caller
 * frees it. */
static struct served_case *served_table(uint32_t serve, size_t *cnt)
{
	const struct served_case rows[] = {
		/* What it is for. */
		{ "TCP over IPv4", EXPECT_SERVED, 0, PACKET(tcp4, (void)p) },
		{ "TCP over IPv6", EXPECT_SERVED, 0, PACKET(tcp6, (void)p) },
		{ "a full-sized segment", EXPECT_SERVED, 0, PACKET(tcp4, p.payload_len = 1460) },
		{ "a pure ACK over IPv4", EXPECT_SERVED, 0, PACKET(tcp4, p.payload_len = 0) },
		{ "a pure ACK over IPv6", EXPECT_SERVED, 0, PACKET(tcp6, p.payload_len = 0) },
		{ "a pure ACK padded to 60 bytes", EXPECT_SERVED, 0, PACKET(tcp4, p.payload_len = 0; p.pad_to = 60) },
		{ "SYN", EXPECT_SERVED, 0, PACKET(tcp4, p.tcp_flags = PACKET_SYN; p.payload_len = 0) },
		{ "SYN and ACK", EXPECT_SERVED, 0,
		  PACKET(tcp6, p.tcp_flags = PACKET_SYN | PACKET_ACK; p.payload_len = 0) },
		{ "FIN", EXPECT_SERVED, 0, PACKET(tcp4, p.tcp_flags = PACKET_FIN | PACKET_ACK) },
		{ "RST", EXPECT_SERVED, 0, PACKET(tcp4, p.tcp_flags = PACKET_RST; p.payload_len = 0) },
		{ "URG", EXPECT_SERVED, 0, PACKET(tcp4, p.tcp_flags |= PACKET_URG; p.urgent = 1) },
		{ "no TCP flag at all", EXPECT_SERVED, 0, PACKET(tcp4, p.tcp_flags = 0) },
		{ "every TCP flag and reserved bit", EXPECT_SERVED, 0,
		  PACKET(tcp4, p.tcp_flags = 0x1ff; p.tcp_reserved = 7) },
		{ "40 bytes of TCP options", EXPECT_SERVED, 0,
		  PACKET(tcp4, p.tcp_options = served_nops; p.tcp_options_len = 40) },
		{ "every ECN and DSCP bit", EXPECT_SERVED, 0, PACKET(tcp6, p.tos = 0xff) },
		{ "TTL 0: the kernel's to drop, but in order", EXPECT_SERVED, 0, PACKET(tcp4, p.ttl = 0) },
		{ "multicast destination MAC", EXPECT_SERVED, 0, PACKET(tcp4, p.dst_mac[0] = 1) },

		/* TCP that the daemon will not understand is served, too, so that it keeps its place in the flow. */
		{ "wrong TCP checksum", EXPECT_SERVED, 0, PACKET(tcp4, p.l4_csum_xor = 1) },
		{ "unfinished TCP checksum", EXPECT_SERVED, 0, PACKET(tcp4, p.l4_csum = PACKET_CSUM_PARTIAL) },
		{ "wrong IPv4 header checksum", EXPECT_SERVED, 0, PACKET(tcp4, p.ip_csum_xor = 1) },
		{ "TCP data offset below 5", EXPECT_SERVED, 0, PACKET(tcp4, p.doff = 4) },
		{ "TCP data offset behind the frame", EXPECT_SERVED, 0, PACKET(tcp4, p.doff = 15; p.payload_len = 0) },
		{ "IPv4 total length 0", EXPECT_SERVED, 0, PACKET(tcp4, p.ip_len = 0) },
		{ "IPv4 total length below its own header", EXPECT_SERVED, 0, PACKET(tcp4, p.ip_len = 19) },
		{ "IPv4 total length without room for TCP", EXPECT_SERVED, 0, PACKET(tcp4, p.ip_len = 30) },
		{ "IPv4 total length behind the frame", EXPECT_SERVED, 0, PACKET(tcp4, p.ip_len = 65535) },
		{ "IPv6 payload length 0", EXPECT_SERVED, 0, PACKET(tcp6, p.ip_len = 0) },
		{ "IPv6 payload length without room for TCP", EXPECT_SERVED, 0, PACKET(tcp6, p.ip_len = 10) },
		{ "IPv6 payload length behind the frame", EXPECT_SERVED, 0, PACKET(tcp6, p.ip_len = 65535) },
		{ "IPv4 ends where TCP should begin", EXPECT_SERVED, ETH + IP4, PACKET(tcp4, (void)p) },
		{ "TCP over IPv4 cut in the ports", EXPECT_SERVED, ETH + IP4 + 3, PACKET(tcp4, (void)p) },
		{ "TCP over IPv4 cut before its end", EXPECT_SERVED, ETH + IP4 + 19, PACKET(tcp4, (void)p) },
		{ "IPv6 ends where TCP should begin", EXPECT_SERVED, ETH + IP6, PACKET(tcp6, (void)p) },
		{ "TCP over IPv6 cut before its end", EXPECT_SERVED, ETH + IP6 + 19, PACKET(tcp6, (void)p) },
		{ "TCP options cut", EXPECT_SERVED, ETH + IP4 + 30,
		  PACKET(tcp4, p.tcp_options = served_nops; p.tcp_options_len = 40) },

		/* IPv4 options. */
		{ "4 bytes of IPv4 options", EXPECT_SERVED, 0,
		  PACKET(tcp4, p.ip_options = served_nops; p.ip_options_len = 4) },
		{ "40 bytes of IPv4 options", EXPECT_SERVED, 0,
		  PACKET(tcp4, p.ip_options = served_nops; p.ip_options_len = 40) },
		{ "IPv4 options, no TCP byte", EXPECT_SERVED, ETH + IP4 + 40,
		  PACKET(tcp4, p.ip_options = served_nops; p.ip_options_len = 40) },
		{ "IPv4 options cut by one byte", EXPECT_MALFORMED, ETH + IP4 + 39,
		  PACKET(tcp4, p.ip_options = served_nops; p.ip_options_len = 40) },
		{ "IPv4 options missing", EXPECT_MALFORMED, ETH + IP4, PACKET(tcp4, p.ihl = 6) },
		{ "UDP behind IPv4 options", EXPECT_UDP, 0,
		  PACKET(udp4, p.ip_options = served_nops; p.ip_options_len = 8) },

		/* VLAN tags. */
		{ "one tag, IPv4", EXPECT_SERVED, 0, PACKET(tcp4, served_tags(&p, 1, 0x8100)) },
		{ "one tag, IPv6", EXPECT_SERVED, 0, PACKET(tcp6, served_tags(&p, 1, 0x8100)) },
		{ "one provider tag", EXPECT_SERVED, 0, PACKET(tcp4, served_tags(&p, 1, 0x88a8)) },
		{ "priority tag (VID 0)", EXPECT_SERVED, 0, PACKET(tcp4, packet_push_vlan(&p, 0x8100, 0xe000)) },
		{ "provider and customer tag", EXPECT_SERVED, 0,
		  PACKET(tcp6, served_tags(&p, 1, 0x88a8); served_tags(&p, 1, 0x8100)) },
		{ "three tags", EXPECT_SERVED, 0, PACKET(tcp4, served_tags(&p, 3, 0x8100)) },
		{ "four tags", EXPECT_SERVED, 0, PACKET(tcp6, served_tags(&p, 4, 0x8100)) },
		{ "five tags are one more than we walk", EXPECT_NOT_IP, 0, PACKET(tcp4, served_tags(&p, 5, 0x8100)) },
		{ "a tag of an unknown kind (0x9100)", EXPECT_NOT_IP, 0, PACKET(tcp4, served_tags(&p, 1, 0x9100)) },
		{ "UDP behind two tags", EXPECT_UDP, 0, PACKET(udp4, served_tags(&p, 2, 0x8100)) },
		{ "ARP behind a tag", EXPECT_NOT_IP, 0,
		  PACKET(tcp4, served_tags(&p, 1, 0x8100); served_not_ip(&p, 0x0806, 28)) },
		{ "nothing behind the tag's type", EXPECT_MALFORMED, ETH, PACKET(tcp4, served_tags(&p, 1, 0x8100)) },
		{ "tag cut in its TCI", EXPECT_MALFORMED, ETH + 1, PACKET(tcp4, served_tags(&p, 1, 0x8100)) },
		{ "tag cut in the inner type", EXPECT_MALFORMED, ETH + 3, PACKET(tcp4, served_tags(&p, 1, 0x8100)) },
		{ "second tag cut", EXPECT_MALFORMED, ETH + TAG + 3, PACKET(tcp4, served_tags(&p, 2, 0x88a8)) },
		{ "IPv4 missing behind a tag", EXPECT_MALFORMED, ETH + TAG, PACKET(tcp4, served_tags(&p, 1, 0x8100)) },
		{ "IPv6 cut behind four tags", EXPECT_MALFORMED, ETH + 4 * TAG + IP6 - 1,
		  PACKET(tcp6, served_tags(&p, 4, 0x8100)) },

		/* IPv4 fragments are decided by the protocol field, which all of them have. */
		{ "IPv4: first fragment", EXPECT_FRAGMENT, 0, PACKET(tcp4, p.df = false; p.mf = true) },
		{ "IPv4: first fragment with a part of the TCP header", EXPECT_FRAGMENT, ETH + IP4 + 8,
		  PACKET(tcp4, p.df = false; p.mf = true; p.ip_len = 28) },
		{ "IPv4: middle fragment", EXPECT_FRAGMENT, 0, PACKET(tcp4, served_later_fragment4(&p, 185, true)) },
		{ "IPv4: last fragment", EXPECT_FRAGMENT, 0, PACKET(tcp4, served_later_fragment4(&p, 370, false)) },
		{ "IPv4: last fragment of one byte", EXPECT_FRAGMENT, 0,
		  PACKET(tcp4, served_later_fragment4(&p, 370, false); p.payload_len = 1) },
		{ "IPv4: fragment with the largest offset", EXPECT_FRAGMENT, 0,
		  PACKET(tcp4, served_later_fragment4(&p, 0x1fff, false)) },
		{ "IPv4: fragment with DF", EXPECT_FRAGMENT, 0, PACKET(tcp4, p.mf = true) },
		{ "IPv4: fragment behind two tags", EXPECT_FRAGMENT, 0,
		  PACKET(tcp4, served_tags(&p, 2, 0x8100); served_later_fragment4(&p, 1, true)) },
		{ "IPv4: fragment with options", EXPECT_FRAGMENT, 0,
		  PACKET(tcp4, served_later_fragment4(&p, 1, true); p.ip_options = served_nops;
			 p.ip_options_len = 12) },
		{ "IPv4: fragment with its options cut", EXPECT_MALFORMED, ETH + IP4 + 11,
		  PACKET(tcp4, served_later_fragment4(&p, 1, true); p.ip_options = served_nops;
			 p.ip_options_len = 12) },
		{ "IPv4: reserved bit is no fragment", EXPECT_SERVED, 0, PACKET(tcp4, p.ip_reserved = true) },
		{ "IPv4: first fragment of UDP", EXPECT_UDP_FRAGMENT, 0, PACKET(udp4, p.df = false; p.mf = true) },
		{ "IPv4: last fragment of UDP", EXPECT_UDP_FRAGMENT, 0,
		  PACKET(udp4, served_later_fragment4(&p, 185, false); p.protocol = 17) },

		/* IPv6 fragments are decided by the fragment header's next header, and by nothing behind it. */
		{ "IPv6: first fragment", EXPECT_FRAGMENT, 0, PACKET(tcp6, served_fragment6(&p, 0, true)) },
		{ "IPv6: middle fragment", EXPECT_FRAGMENT, 0, PACKET(tcp6, served_fragment6(&p, 181, true)) },
		{ "IPv6: last fragment", EXPECT_FRAGMENT, 0, PACKET(tcp6, served_fragment6(&p, 362, false)) },
		{ "IPv6: atomic fragment (the whole in one)", EXPECT_FRAGMENT, 0,
		  PACKET(tcp6, served_fragment6(&p, 0, false)) },
		{ "IPv6: fragment header and no byte more", EXPECT_FRAGMENT, ETH + IP6 + 8,
		  PACKET(tcp6, served_fragment6(&p, 181, true)) },
		{ "IPv6: fragment header cut", EXPECT_MALFORMED, ETH + IP6 + 7,
		  PACKET(tcp6, served_fragment6(&p, 181, true)) },
		{ "IPv6: fragment behind hop-by-hop and routing", EXPECT_FRAGMENT, 0,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8); packet_push_ext(&p, PACKET_EXT_ROUTING, 24);
			 served_fragment6(&p, 7, true)) },
		{ "IPv6: first fragment with destination options inside: as its later ones, not served",
		  EXPECT_PROTOCOL, 0,
		  PACKET(tcp6, served_fragment6(&p, 0, true); packet_push_ext(&p, PACKET_EXT_DSTOPTS, 8)) },
		{ "IPv6: later fragment of destination options", EXPECT_PROTOCOL, 0,
		  PACKET(tcp6, served_fragment6(&p, 181, false); p.protocol = PACKET_EXT_DSTOPTS) },
		{ "IPv6: first fragment of UDP", EXPECT_UDP_FRAGMENT, 0, PACKET(udp6, served_fragment6(&p, 0, true)) },
		{ "IPv6: later fragment of UDP whose bytes look like anything", EXPECT_UDP_FRAGMENT, 0,
		  PACKET(udp6, served_fragment6(&p, 181, true)) },
		{ "IPv6: fragment behind two tags", EXPECT_FRAGMENT, 0,
		  PACKET(tcp6, served_tags(&p, 2, 0x8100); served_fragment6(&p, 181, true)) },

		/* IPv6 extension headers. */
		{ "hop-by-hop options", EXPECT_SERVED, 0, PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8)) },
		{ "destination options of 2048 bytes", EXPECT_SERVED, 0,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_DSTOPTS, 2048)) },
		{ "routing header", EXPECT_SERVED, 0, PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_ROUTING, 24)) },
		{ "hop-by-hop, destination, routing and destination", EXPECT_SERVED, 0,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8); packet_push_ext(&p, PACKET_EXT_DSTOPTS, 16);
			 packet_push_ext(&p, PACKET_EXT_ROUTING, 24); packet_push_ext(&p, PACKET_EXT_DSTOPTS, 8)) },
		{ "eight extension headers", EXPECT_SERVED, 0, PACKET(tcp6, served_exts(&p, 8, PACKET_EXT_DSTOPTS)) },
		{ "nine extension headers are one more than we walk", EXPECT_PROTOCOL, 0,
		  PACKET(tcp6, served_exts(&p, 9, PACKET_EXT_DSTOPTS)) },
		{ "eight extension headers and a fragment header", EXPECT_FRAGMENT, 0,
		  PACKET(tcp6, served_exts(&p, 8, PACKET_EXT_DSTOPTS); served_fragment6(&p, 1, true)) },
		{ "four tags and eight extension headers", EXPECT_SERVED, 0,
		  PACKET(tcp6, served_tags(&p, 4, 0x88a8); served_exts(&p, 8, PACKET_EXT_HOPOPTS)) },
		{ "UDP behind hop-by-hop options", EXPECT_UDP, 0,
		  PACKET(udp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8)) },
		{ "extension header missing", EXPECT_MALFORMED, ETH + IP6,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8)) },
		{ "extension header cut in its first 8 bytes", EXPECT_MALFORMED, ETH + IP6 + 7,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8)) },
		{ "extension header cut behind its first 8 bytes", EXPECT_MALFORMED, ETH + IP6 + 23,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 24)) },
		{ "extension header whole, no TCP byte", EXPECT_SERVED, ETH + IP6 + 24,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 24)) },
		{ "extension header that claims to be longer than the frame", EXPECT_MALFORMED, 0,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8)->hdr_len = 255) },
		{ "second extension header cut", EXPECT_MALFORMED, ETH + IP6 + 8 + 4,
		  PACKET(tcp6, served_exts(&p, 2, PACKET_EXT_DSTOPTS)) },
		{ "authentication header in front of TCP", EXPECT_PROTOCOL, 0,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_AH, 24)) },
		{ "mobility header in front of TCP", EXPECT_PROTOCOL, 0,
		  PACKET(tcp6, packet_push_ext(&p, PACKET_EXT_MOBILITY, 8)) },
		{ "no next header", EXPECT_PROTOCOL, 0, PACKET(tcp6, served_raw6(&p, 59, NULL, 0)) },
		{ "extension headers of zeroes without an end", EXPECT_PROTOCOL, 0,
		  PACKET(tcp6, served_raw6(&p, 0, served_zeroes, sizeof(served_zeroes))) },

		/* Other protocols over IP. */
		{ "UDP over IPv4", EXPECT_UDP, 0, PACKET(udp4, (void)p) },
		{ "UDP over IPv6", EXPECT_UDP, 0, PACKET(udp6, (void)p) },
		{ "ICMP", EXPECT_PROTOCOL, 0, PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 1) },
		{ "ICMPv6", EXPECT_PROTOCOL, 0, PACKET(tcp6, p.l4 = PACKET_L4_NONE; p.protocol = 58) },
		{ "ESP over IPv4", EXPECT_PROTOCOL, 0, PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 50) },
		{ "ESP over IPv6", EXPECT_PROTOCOL, 0, PACKET(tcp6, p.l4 = PACKET_L4_NONE; p.protocol = 50) },
		{ "AH over IPv4", EXPECT_PROTOCOL, 0, PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 51) },
		{ "GRE", EXPECT_GRE, 0, PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 47) },
		{ "SCTP", EXPECT_PROTOCOL, 0, PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 132) },
		{ "IP in IP", EXPECT_IPIP, 0, PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 4) },
		{ "UDP header cut: by the protocol alone", EXPECT_UDP, ETH + IP4 + 3, PACKET(udp4, (void)p) },
		{ "UDP over IPv6 without a byte of it", EXPECT_UDP, ETH + IP6, PACKET(udp6, (void)p) },
		{ "UDP that says less than its header", EXPECT_UDP, 0, PACKET(udp4, p.udp_len = 4) },
		{ "VXLAN", EXPECT_UDP, 0, PACKET(udp4, p.dport = 4789) },
		{ "GENEVE over IPv6", EXPECT_UDP, 0, PACKET(udp6, p.dport = 6081) },
		{ "GRE over IPv6", EXPECT_GRE, 0, PACKET(tcp6, p.l4 = PACKET_L4_NONE; p.protocol = 47) },
		{ "GRE: last fragment", EXPECT_GRE_FRAGMENT, 0,
		  PACKET(tcp4, served_later_fragment4(&p, 185, false); p.protocol = 47) },
		{ "IPv6 in IPv4", EXPECT_IPIP, 0, PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 41) },
		{ "IPv6 in IPv6", EXPECT_IPIP, 0, PACKET(tcp6, p.l4 = PACKET_L4_NONE; p.protocol = 41) },
		{ "IPv4 in IPv6 behind destination options", EXPECT_IPIP, 0,
		  PACKET(tcp6, p.l4 = PACKET_L4_NONE; p.protocol = 4; packet_push_ext(&p, PACKET_EXT_DSTOPTS, 8)) },
		{ "IPv6 in IPv6: later fragment", EXPECT_IPIP_FRAGMENT, 0,
		  PACKET(tcp6, served_fragment6(&p, 181, true); p.protocol = 41) },
		{ "IPv4 protocol 44 is no IPv6 fragment", EXPECT_PROTOCOL, 0,
		  PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 44) },
		{ "IPv4 protocol 0 is no IPv6 extension", EXPECT_PROTOCOL, 0,
		  PACKET(tcp4, p.l4 = PACKET_L4_NONE; p.protocol = 0) },

		/* IP headers that cannot be read. */
		{ "IPv4 missing", EXPECT_MALFORMED, ETH, PACKET(tcp4, (void)p) },
		{ "IPv4 cut behind its first byte", EXPECT_MALFORMED, ETH + 1, PACKET(tcp4, (void)p) },
		{ "IPv4 cut behind its protocol field", EXPECT_MALFORMED, ETH + 10, PACKET(tcp4, (void)p) },
		{ "IPv4 cut by one byte", EXPECT_MALFORMED, ETH + IP4 - 1, PACKET(tcp4, (void)p) },
		{ "IPv4 header length 0", EXPECT_MALFORMED, 0, PACKET(tcp4, p.ihl = 0) },
		{ "IPv4 header length 4", EXPECT_MALFORMED, 0, PACKET(tcp4, p.ihl = 4) },
		{ "IPv4 header length 15, frame ends before", EXPECT_MALFORMED, ETH + IP4 + 20,
		  PACKET(tcp4, p.ihl = 15) },
		{ "version 6 behind the EtherType of IPv4", EXPECT_MALFORMED, 0, PACKET(tcp4, p.ip_version = 6) },
		{ "version 0 behind the EtherType of IPv4", EXPECT_MALFORMED, 0, PACKET(tcp4, p.ip_version = 0) },
		{ "IPv6 missing", EXPECT_MALFORMED, ETH, PACKET(tcp6, (void)p) },
		{ "IPv6 cut behind its next header", EXPECT_MALFORMED, ETH + 7, PACKET(tcp6, (void)p) },
		{ "IPv6 cut by one byte", EXPECT_MALFORMED, ETH + IP6 - 1, PACKET(tcp6, (void)p) },
		{ "version 4 behind the EtherType of IPv6", EXPECT_MALFORMED, 0, PACKET(tcp6, p.ip_version = 4) },

		/* Not IP. */
		{ "ARP", EXPECT_NOT_IP, 0, PACKET(tcp4, served_not_ip(&p, 0x0806, 28)) },
		{ "802.3 frame with a length (spanning tree)", EXPECT_NOT_IP, 0,
		  PACKET(tcp4, served_not_ip(&p, 38, 46)) },
		{ "802.3 frame whose length reads like nothing", EXPECT_NOT_IP, 0,
		  PACKET(tcp4, served_not_ip(&p, 0, 46)) },
		{ "LLDP", EXPECT_NOT_IP, 0, PACKET(tcp4, served_not_ip(&p, 0x88cc, 46)) },
		{ "MPLS", EXPECT_NOT_IP, 0, PACKET(tcp4, served_not_ip(&p, 0x8847, 46)) },
		{ "PPPoE session", EXPECT_NOT_IP, 0, PACKET(tcp4, served_not_ip(&p, 0x8864, 46)) },
		{ "an unknown type without a payload", EXPECT_NOT_IP, 0, PACKET(tcp4, served_not_ip(&p, 0x88b5, 0)) },
	};
	struct served_case *copy = malloc(sizeof(rows));

	if (!copy)
		abort();
	*cnt = sizeof(rows) / sizeof(rows[0]);
	memcpy(copy, rows, sizeof(rows));
	for (size_t i = 0; i < *cnt; i++)
		copy[i].expect = served_expect(rows[i].expect, serve);
	return copy;
}

/* Whether the daemon serves a row. */
static bool is_served(const struct served_case *c)
{
	return c->expect == EXPECT_SERVED || c->expect == EXPECT_FRAGMENT;
}

/* The frame of a row in @buf. */
static size_t served_case_build(const struct served_case *c, uint8_t *buf, size_t cap)
{
	size_t len = packet_build(&c->packet, buf, cap, NULL);

	return c->keep && c->keep < len ? c->keep : len;
}

#endif
