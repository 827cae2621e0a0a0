/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The parser: one bounded walk from the Ethernet header to the TCP or UDP payload.
 *
 * Everything in user space that looks at a packet uses this view of it, reassembly and segmentation
 * alike. The walk reads no byte beyond the length it was given. It checks structure only, no checksums,
 * and makes no decision: gro.c decides whether a packet may be merged, gso.c whether it can be cut.
 *
 * The result has two independent halves. The *class* says how far the walk came, hence which fields
 * are valid. The *obstacle* names the first thing that bars the packet from being merged, or that
 * stopped the walk. A packet with IPv4 options, for example, is PARSE_TCP (it can be cut, S2) with
 * PARSE_IP_OPTIONS (it cannot be merged, R2). A candidate for merging is PARSE_TCP or PARSE_UDP with
 * PARSE_CLEAR, nothing else.
 *
 * Tunnels (R19): parse_packet() sees the outermost packet only. A caller that merges or cuts inside
 * tunnels calls parse_inner() next, which turns the view into that of the packet inside. Only one level
 * of encapsulation is entered.
 *
 *      plain     | Eth VLAN | IP ext | TCP or UDP | payload
 *      tunnel    | Eth VLAN | IP ext | UDP, GRE or nothing | VXLAN, GENEVE | Eth VLAN | IP ext | TCP | payload
 *                           ^ outer_l3_off  ^ outer_l4_off                           ^ l3_off
 */
#ifndef SUPERPACKET_PARSE_H
#define SUPERPACKET_PARSE_H

#include "base/bytes.h"

/* How far the walk came. Later classes know more. */
enum parse_class {
	PARSE_FOREIGN,   /* not IPv4 or IPv6, or its IP header is cut off: nothing is known */
	PARSE_ADDRESSED, /* the addresses are known, the ports are not */
	PARSE_PORTS,     /* TCP or UDP whose ports are known, but whose header is bad */
	PARSE_TCP,       /* a whole TCP header within the IP payload: all offsets are valid */
	PARSE_UDP,       /* a whole UDP header within the IP payload: all offsets are valid */
};

/* Why the packet is no candidate for merging. After IPv4 options the walk goes on, and an obstacle that
 * stops it later replaces this one. Every other obstacle stops the walk. */
enum parse_obstacle {
	PARSE_CLEAR,
	PARSE_NOT_IP,       /* R1: another ethertype, or 802.3 length, or cut off within the IP header */
	PARSE_IP_LENGTH,    /* IP length beyond the frame, below its header, or 0 in IPv6 (R2) */
	PARSE_IP_OPTIONS,   /* R2: IPv4 header longer than 20 bytes; the class may still be PARSE_TCP */
	PARSE_IP_FRAGMENT,  /* R5, R2: MF, an offset, the reserved bit, or an IPv6 fragment header */
	PARSE_IP_EXTENSION, /* R2: an IPv6 extension header that cannot be walked (AH, ESP, cut off) */
	PARSE_L4_OTHER,     /* neither TCP nor UDP */
	PARSE_L4_HEADER,    /* R6, R7: the TCP or UDP header is cut off or its lengths are wrong */
};

/* Lengths of headers in bytes; the shortest, where they vary. */
#define VLAN_TAG_LEN 4u
#define IPV4_MIN_LEN 20u
#define IPV6_LEN 40u
#define TCP_MIN_LEN 20u
#define UDP_LEN 8u
#define GRE_MIN_LEN 4u
#define JUMBO_LEN 8u /* the hop-by-hop header with the jumbo option alone (RFC 2675 section 2) */
#define JUMBO_OPTION 0xc2u

#define TCP_PROTOCOL 6u
#define UDP_PROTOCOL 17u
#define GRE_PROTOCOL 47u
#define IPV4_PROTOCOL 4u /* IP in IP */
#define IPV6_PROTOCOL 41u

/* Where the checksum field is in a header. */
#define TCP_CSUM_OFFSET 16u
#define UDP_CSUM_OFFSET 6u
#define GRE_CSUM_OFFSET 4u

/* Flags in byte 13 of the TCP header. */
#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_URG 0x20u
#define TCP_CWR 0x80u

/* Flags in the first two bytes of the GRE header (RFC 2784, 2890): a field of 4 bytes is present. */
#define GRE_CSUM 0x8000u
#define GRE_KEY 0x2000u

/* Longest chain of IPv6 extension headers that is walked. RFC 8200 section 4.1 lists five that may
 * precede the upper layer. A longer chain is an attack or a test, and gives PARSE_IP_EXTENSION. */
#define PARSE_MAX_EXTENSIONS 8u

/* What carries the packet that the view describes. */
enum parse_tunnel {
	PARSE_NO_TUNNEL,
	PARSE_VXLAN,  /* RFC 7348: UDP, 8 bytes, an Ethernet frame */
	PARSE_GENEVE, /* RFC 8926: UDP, 8 bytes and options, an Ethernet frame or an IP packet */
	PARSE_GRE,    /* RFC 2784, 2890: an Ethernet frame (0x6558) or an IP packet */
	PARSE_IPIP,   /* RFC 2003, 4213, 2473: IPv4 or IPv6 in either */
};

#define PARSE_TUNNEL_BIT(tunnel) (1u << (tunnel))

static inline bool parse_over_udp(uint8_t tunnel)
{
	return tunnel == PARSE_VXLAN || tunnel == PARSE_GENEVE;
}

/* Which tunnels parse_inner() enters, and the UDP ports that identify them. */
struct parse_tunnels {
	uint32_t enter;      /* PARSE_TUNNEL_BIT() of each; 0: none */
	uint16_t vxlan_port; /* destination ports, host order */
	uint16_t geneve_port;
};

/* The destination ports that IANA has assigned. */
#define VXLAN_PORT 4789u
#define GENEVE_PORT 6081u

/* Offsets count from the first byte of the frame. Inside a tunnel, all fields but `tunnel` and the outer
 * ones describe the packet inside. The fields are ordered so that there is no padding. */
struct packet_view {
	uint8_t class;         /* enum parse_class */
	uint8_t obstacle;      /* enum parse_obstacle */
	uint8_t ip_version;    /* 4 or 6; valid from PARSE_ADDRESSED on, 0 before */
	uint8_t protocol;      /* upper-layer protocol, the fragment header's too; 0: unknown, could be any */
	uint16_t l3_off;       /* IP header; everything before it is Ethernet and VLAN tags, or the tunnel */
	uint16_t l4_off;       /* TCP or UDP header; valid from PARSE_PORTS on */
	uint16_t payload_off;  /* first payload byte; valid for PARSE_TCP and PARSE_UDP */
	uint8_t tunnel;        /* enum parse_tunnel; PARSE_NO_TUNNEL: the three outer fields are 0 */
	uint8_t outer_version; /* 4 or 6 */
	uint32_t payload_len;  /* to the end of the IP packet: Ethernet padding is no payload (R4) */
	uint16_t outer_l3_off; /* IP header of the tunnel */
	uint16_t outer_l4_off; /* UDP or GRE header; PARSE_IPIP: l3_off of the packet inside */
};

/*
 * Parses the frame of frame_len bytes at data, of which the first linear_len are in memory there.
 * linear_len may be smaller when the payload is elsewhere; headers must be linear.
 * The IP length field of a superpacket counts like any other's: the view ends where it says.
 */
void parse_packet(const uint8_t *data, uint32_t linear_len, uint32_t frame_len, struct packet_view *view);

/*
 * Steps into the tunnel. view is the result of parse_packet() for the same bytes. If it shows a tunnel
 * that is to be entered, view becomes that of the packet inside, and true is returned: class and obstacle
 * are those of the walk inside (PARSE_FOREIGN with PARSE_NOT_IP for an ARP frame, for example), and the
 * outer fields are set. Returns false, and leaves view as it was, in these cases: it shows no such tunnel;
 * it is already inside one (R19); or the tunnel's own header is cut off, is of another version, is marked
 * as something else than data (GENEVE's O bit, VXLAN-GPE's bits, GRE's routing and sequence bits), or
 * carries neither Ethernet frames nor IP.
 *
 * IPv4 options of the outer packet give PARSE_IP_OPTIONS, unless the walk inside meets another obstacle.
 * The packet inside must end where the tunnel does. Else a TCP or UDP packet keeps its class and gets the
 * obstacle PARSE_IP_LENGTH, because merging would lose the bytes behind it (S10); mostly these are
 * Ethernet padding inside the tunnel. No checksum is looked at.
 */
bool parse_inner(const uint8_t *data, uint32_t linear_len, uint32_t frame_len, const struct parse_tunnels *tunnels,
		 struct packet_view *view);

/*
 * The same when a virtio header or a request says where the IP header inside begins. Everything between
 * the outer UDP header and that offset belongs to the tunnel. The outer packet must be UDP, GRE or IP in
 * IP, and the IP header must lie behind its header. view->tunnel is PARSE_VXLAN for any kind over UDP.
 * The first byte inside gives the IP version.
 */
bool parse_inner_at(const uint8_t *data, uint32_t linear_len, uint32_t frame_len, uint16_t inner_l3_off,
		    struct packet_view *view);

/* Bytes of the link-layer header of a frame, VLAN tags included; 0 when it is cut off. */
uint32_t parse_link_len(const uint8_t *data, uint32_t len);

/* Offset at which the IP packet ends whose header, of this version, is at l3_off, by its length field. */
uint32_t parse_ip_end(const uint8_t *data, uint32_t l3_off, uint8_t version);

/* Length of a GRE header with all its fields; 0 for one with other fields than checksum and key: sequence
 * numbers, routing, another version. GRE_MIN_LEN bytes are readable. */
uint32_t parse_gre_len(const uint8_t *gre);

/*
 * parse_packet() in a few comparisons, for what nearly all packets are: TCP over IPv4 or IPv6 without
 * VLAN tags, options or extension headers. Returns false for any other packet, which must be walked. It is
 * inline because most fields of the view are then constants. A test compares it with the walk.
 */
static inline bool parse_plain_tcp(const uint8_t *data, uint32_t len, uint8_t version, uint16_t l4_off, uint32_t end,
				   struct packet_view *view)
{
	uint32_t payload_off = l4_off + (data[l4_off + 12] >> 4) * 4u;

	if (unlikely(payload_off < l4_off + TCP_MIN_LEN || payload_off > end || end > len))
		return false;
	*view = (struct packet_view){
		.class = PARSE_TCP,
		.obstacle = PARSE_CLEAR,
		.ip_version = version,
		.protocol = TCP_PROTOCOL,
		.l3_off = 14,
		.l4_off = l4_off,
		.payload_off = (uint16_t)payload_off,
		.payload_len = end - payload_off,
	};
	return true;
}

/* One load compares ethertype, version and header length; the other MF, offset and reserved bit (R5), and
 * the protocol. */
static inline bool parse_plain_ipv4(const uint8_t *data, uint32_t len, struct packet_view *view)
{
	return len >= 14 + IPV4_MIN_LEN + TCP_MIN_LEN && (load_u32(data + 12) & 0xffffff) == 0x450008 &&
	       (load_u32(data + 20) & 0xff00ffbf) == 0x06000000 &&
	       parse_plain_tcp(data, len, 4, 14 + IPV4_MIN_LEN, 14 + load_be16(data + 16), view);
}

static inline bool parse_plain_ipv6(const uint8_t *data, uint32_t len, struct packet_view *view)
{
	return len >= 14 + IPV6_LEN + TCP_MIN_LEN && (load_u32(data + 12) & 0xf0ffff) == 0x60dd86 &&
	       data[20] == TCP_PROTOCOL &&
	       parse_plain_tcp(data, len, 6, 14 + IPV6_LEN, 14 + IPV6_LEN + load_be16(data + 18), view);
}

static inline bool parse_plain(const uint8_t *data, uint32_t len, struct packet_view *view)
{
	return parse_plain_ipv4(data, len, view) || parse_plain_ipv6(data, len, view);
}

#endif
