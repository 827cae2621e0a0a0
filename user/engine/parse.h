/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One bounded walk from the Ethernet header to the TCP or UDP payload.
 *
 * Everything in user space that looks at a packet looks at it through this view,
 * reassembly and segmentation alike. The walk reads no byte beyond the length it
 * was given, checks structure only (no checksum), and judges nothing: whether a
 * packet may be merged is decided in gro.c, whether it can be cut in gso.c.
 *
 * Its answer has two halves. The *class* says how far the walk came, hence which
 * fields are valid. The *obstacle* names the first thing that bars the packet from
 * being merged, or stopped the walk. They are independent: a packet with IPv4 options
 * is PARSE_TCP (it can be cut, S2) with PARSE_IP_OPTIONS (it cannot be merged, R2).
 * A candidate for merging is PARSE_TCP or PARSE_UDP with PARSE_CLEAR, nothing else.
 *
 * Tunnels (R19): parse_packet() sees the outermost packet only. Who merges or cuts within tunnels
 * asks parse_inner() next, which turns the view into that of the packet inside; one level, no more.
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
	PARSE_TCP,       /* a whole TCP header within the IP payload: all offsets valid */
	PARSE_UDP,       /* a whole UDP header within the IP payload: all offsets valid */
};

/* What makes the packet no candidate. Behind IPv4 options the walk goes on, and a later obstacle
 * that stops it is named instead; at all others it stops. */
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

/* What the engine's modules need of the headers beside the view. */
#define TCP_PROTOCOL 6u
#define UDP_PROTOCOL 17u
#define GRE_PROTOCOL 47u
#define IPV4_PROTOCOL 4u /* IP in IP */
#define IPV6_PROTOCOL 41u
#define TCP_CSUM_OFFSET 16u /* of the checksum field in its header */
#define UDP_CSUM_OFFSET 6u

#define TCP_FIN 0x01u /* in byte 13 of the TCP header */
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_URG 0x20u
#define TCP_CWR 0x80u

/* IPv6 extension headers walked at most. RFC 8200 section 4.1 lists five that may stand before the
 * upper layer; a chain longer than this is an attack or a test, and is PARSE_IP_EXTENSION. */
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

/* Which tunnels parse_inner() enters, and the UDP ports that say so. */
struct parse_tunnels {
	uint32_t enter;       /* PARSE_TUNNEL_BIT() of each; 0: none */
	uint16_t vxlan_port;  /* destination ports, host order */
	uint16_t geneve_port;
};

/* IANA's. */
#define VXLAN_PORT 4789u
#define GENEVE_PORT 6081u

/* Offsets count from the first byte of the frame. Within a tunnel all fields but tunnel and the outer
 * ones describe the packet inside. In this order nothing is padding. */
struct packet_view {
	uint8_t class;       /* enum parse_class */
	uint8_t obstacle;    /* enum parse_obstacle */
	uint8_t ip_version;  /* 4 or 6; valid from PARSE_ADDRESSED on, 0 before */
	uint8_t protocol;    /* upper-layer protocol, the fragment header's too; 0: unknown, any */
	uint16_t l3_off;     /* IP header; everything before it is Ethernet and VLAN tags, or the tunnel */
	uint16_t l4_off;     /* TCP or UDP header; valid from PARSE_PORTS on */
	uint16_t payload_off; /* first payload byte; valid for PARSE_TCP and PARSE_UDP */
	uint8_t tunnel;      /* enum parse_tunnel; PARSE_NO_TUNNEL: the three outer fields are 0 */
	uint8_t outer_version; /* 4 or 6 */
	uint32_t payload_len; /* to the end of the IP packet: Ethernet padding is no payload (R4) */
	uint16_t outer_l3_off; /* IP header of the tunnel */
	uint16_t outer_l4_off; /* UDP or GRE header; PARSE_IPIP: l3_off of the packet inside */
};

/*
 * Parses the frame of frame_len bytes at data, of which the first linear_len lie there.
 * linear_len may be smaller when the payload lies elsewhere; headers must be linear.
 * A superpacket's IP length field counts like any other's: the view ends where it says.
 */
void parse_packet(const uint8_t *data, uint32_t linear_len, uint32_t frame_len,
		  struct packet_view *view);

/*
 * Steps into the tunnel: view is what parse_packet() said of the same bytes. Where it is a tunnel that
 * is to be entered, view becomes that of the packet inside, and true is returned: its class and obstacle
 * are those of the walk within (PARSE_FOREIGN with PARSE_NOT_IP: an ARP frame, say), its outer fields
 * are set. False, and view as it was: no such tunnel; one already (one level, R19); or one whose own
 * header is cut off, of another version, or marked as something else than data (GENEVE's O bit,
 * VXLAN-GPE's bits, GRE's routing and sequence bits), or that carries neither frames nor IP.
 *
 * Obstacles of two levels: IPv4 options of the outer packet are PARSE_IP_OPTIONS unless the walk within
 * meets something else. The packet inside must end where the tunnel does, else a TCP or UDP packet,
 * still of that class, has the obstacle PARSE_IP_LENGTH: the bytes behind it (Ethernet padding
 * inside, mostly) would be lost (S10). No checksum is looked at.
 */
bool parse_inner(const uint8_t *data, uint32_t linear_len, uint32_t frame_len,
		 const struct parse_tunnels *tunnels, struct packet_view *view);

/*
 * The same where somebody else says where the IP header inside begins (a virtio header, a request):
 * whatever stands between the outer UDP header and it belongs to the tunnel. The outer packet must be
 * UDP, GRE or IP-in-IP, and the IP header behind its header; view->tunnel is PARSE_VXLAN for any kind
 * over UDP. The version of the packet inside is what its first byte says.
 */
bool parse_inner_at(const uint8_t *data, uint32_t linear_len, uint32_t frame_len,
		    uint16_t inner_l3_off, struct packet_view *view);

/*
 * parse_packet() for the packets that nearly all are, TCP over IPv4 or IPv6 with neither tags nor options
 * nor extension headers, in a few comparisons; false for any other, which is to be walked. Here to be
 * inlined: most of the view are constants.
 */
static inline bool parse_plain_tcp(const uint8_t *data, uint32_t len, uint8_t version, uint16_t l4_off,
				   uint32_t end, struct packet_view *view)
{
	uint32_t payload_off = l4_off + (data[l4_off + 12] >> 4) * 4u;

	if (unlikely(payload_off < l4_off + 20u || payload_off > end || end > len))
		return false;
	*view = (struct packet_view){
		.class = PARSE_TCP, .obstacle = PARSE_CLEAR, .ip_version = version, .protocol = TCP_PROTOCOL,
		.l3_off = 14, .l4_off = l4_off, .payload_off = (uint16_t)payload_off,
		.payload_len = end - payload_off,
	};
	return true;
}

/* Ethertype, version, IPv4 header length; MF, offset, reserved bit (R5); protocol. */
static inline bool parse_plain_ipv4(const uint8_t *data, uint32_t len, struct packet_view *view)
{
	return len >= 14 + 20 + 20 && (load_u32(data + 12) & 0xffffff) == 0x450008 &&
	       (load_u32(data + 20) & 0xff00ffbf) == 0x06000000 &&
	       parse_plain_tcp(data, len, 4, 14 + 20, 14u + load_be16(data + 16), view);
}

static inline bool parse_plain_ipv6(const uint8_t *data, uint32_t len, struct packet_view *view)
{
	return len >= 14 + 40 + 20 && (load_u32(data + 12) & 0xf0ffff) == 0x60dd86 && data[20] == TCP_PROTOCOL &&
	       parse_plain_tcp(data, len, 6, 14 + 40, 14u + 40u + load_be16(data + 18), view);
}

static inline bool parse_plain(const uint8_t *data, uint32_t len, struct packet_view *view)
{
	return parse_plain_ipv4(data, len, view) || parse_plain_ipv6(data, len, view);
}

/* Bytes of the link-layer header of a frame, VLAN tags included; 0 when it is cut off. */
uint32_t parse_link_len(const uint8_t *data, uint32_t len);

#endif
