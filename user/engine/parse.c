// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The walk: Ethernet, VLAN tags, IP, extension headers, TCP or UDP; and the same again in a tunnel.
 *
 * Each step gets the offset at which its header begins and two bounds: `linear`, how many bytes may be
 * read, and `end`, where the packet ends according to the layer around it (the frame at first, the IP
 * length afterwards; R4). No step reads a byte before it has checked that the byte lies below `linear`.
 */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "parse.h"

#define EXTENSION_MIN_LEN 8u
#define PORTS_LEN 4u

/* MF, the offset and the reserved bit: the whole word but DF (R5). */
#define IPV4_NOT_DF 0xbfffu

/* Offsets in the view have 16 bits. No header may begin behind this one, so that an IPv4 and a TCP
 * header of 60 bytes each still end within 16 bits. */
#define LAST_HEADER_OFF (UINT16_MAX - 128u)

/* A constant in wire order, to compare with what load_u16() reads. */
#define WIRE16(x) ((uint16_t)((x) >> 8 | ((x)&0xff) << 8))

static inline uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void stop(struct packet_view *view, enum parse_class class, enum parse_obstacle obstacle)
{
	view->class = (uint8_t) class;
	view->obstacle = (uint8_t)obstacle;
}

static inline void accept(struct packet_view *view, enum parse_class class, uint32_t payload_off, uint32_t end)
{
	view->class = (uint8_t) class;
	view->payload_off = (uint16_t)payload_off;
	view->payload_len = end - payload_off;
}

/* R6: data offset at least 5, the header within the IP packet. */
static inline bool walk_tcp(const uint8_t *data, uint32_t off, uint32_t bound, uint32_t end, struct packet_view *view)
{
	uint32_t len;

	if (unlikely(off + TCP_MIN_LEN > bound))
		return false;
	len = (data[off + 12] >> 4) * 4u;
	if (unlikely(len < TCP_MIN_LEN || off + len > bound))
		return false;
	accept(view, PARSE_TCP, off + len, end);
	return true;
}

/* R7: the length field must cover the rest of the IP packet. A datagram without data is complete. */
static inline bool walk_udp(const uint8_t *data, uint32_t off, uint32_t bound, uint32_t end, struct packet_view *view)
{
	if (off + UDP_LEN > bound || load_be16(data + off + 4) != end - off)
		return false;
	accept(view, PARSE_UDP, off + UDP_LEN, end);
	return true;
}

static inline void walk_l4(const uint8_t *data, uint32_t off, uint32_t linear, uint32_t end, struct packet_view *view)
{
	uint32_t bound = least(linear, end);
	bool whole;

	view->l4_off = (uint16_t)off;
	if (likely(view->protocol == IPPROTO_TCP))
		whole = walk_tcp(data, off, bound, end, view);
	else if (view->protocol == IPPROTO_UDP)
		whole = walk_udp(data, off, bound, end, view);
	else
		return stop(view, PARSE_ADDRESSED, PARSE_L4_OTHER);
	if (unlikely(!whole))
		stop(view, off + PORTS_LEN <= bound ? PARSE_PORTS : PARSE_ADDRESSED, PARSE_L4_HEADER);
}

static inline void walk_ipv4(const uint8_t *data, uint32_t off, uint32_t linear, uint32_t end, struct packet_view *view)
{
	uint32_t header_len, ip_len;

	if (unlikely(off + IPV4_MIN_LEN > linear || data[off] >> 4 != 4))
		return stop(view, PARSE_FOREIGN, PARSE_NOT_IP);
	view->ip_version = 4;
	view->protocol = data[off + 9];

	header_len = (data[off] & 0xf) * 4u;
	ip_len = load_be16(data + off + 2);
	if (unlikely(header_len < IPV4_MIN_LEN || ip_len < header_len || off + ip_len > end))
		return stop(view, PARSE_ADDRESSED, PARSE_IP_LENGTH);
	if (unlikely(load_u16(data + off + 6) & WIRE16(IPV4_NOT_DF)))
		return stop(view, PARSE_ADDRESSED, PARSE_IP_FRAGMENT);
	if (unlikely(header_len > IPV4_MIN_LEN))
		view->obstacle = PARSE_IP_OPTIONS;
	walk_l4(data, off + header_len, linear, off + ip_len, view);
}

/* Extension headers whose length field counts units of 8 bytes (RFC 8200 section 4). */
static bool is_walkable(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS;
}

/*
 * Steps over extension headers: moves *off and *next from the first one to the upper-layer header and
 * its protocol. Returns the obstacle it met. If it cannot go on, *next becomes the upper-layer protocol
 * if that is known, else 0.
 */
static enum parse_obstacle walk_extensions(const uint8_t *data, uint32_t *off, uint32_t bound, uint8_t *next)
{
	uint32_t cnt;

	for (cnt = 0; is_walkable(*next) && cnt < PARSE_MAX_EXTENSIONS; cnt++) {
		uint32_t at = *off;

		/* Cut off, or so far back that the offset of the next header might exceed 16 bits. */
		if (at + EXTENSION_MIN_LEN > bound || at > LAST_HEADER_OFF) {
			*next = 0;
			return PARSE_IP_EXTENSION;
		}
		*next = data[at];
		*off = at + (data[at + 1] + 1u) * 8;
	}
	if (is_walkable(*next) || *off > bound || *off > LAST_HEADER_OFF) {
		*next = is_walkable(*next) ? 0 : *next;
		return PARSE_IP_EXTENSION;
	}
	if (*next == IPPROTO_FRAGMENT) {
		/* The first fragment may continue with another extension header, which the other
		 * fragments do not show. Then the protocol is unknown (D2). */
		*next = *off + EXTENSION_MIN_LEN <= bound ? data[*off] : 0;
		if (is_walkable(*next))
			*next = 0;
		return PARSE_IP_FRAGMENT;
	}
	if (*next == IPPROTO_AH || *next == IPPROTO_ESP)
		return PARSE_IP_EXTENSION;
	return PARSE_CLEAR;
}

static inline void walk_ipv6(const uint8_t *data, uint32_t off, uint32_t linear, uint32_t end, struct packet_view *view)
{
	enum parse_obstacle met = PARSE_CLEAR;
	uint32_t ip_end, l4_off = off + IPV6_LEN;
	bool bad_len;

	if (unlikely(l4_off > linear || data[off] >> 4 != 6))
		return stop(view, PARSE_FOREIGN, PARSE_NOT_IP);
	view->ip_version = 6;
	view->protocol = data[off + 6];

	/* R2: a length of 0 announces a jumbogram, or is an error. The protocol is determined even
	 * then, from the bytes that are there, because order (D2) depends on it. */
	ip_end = l4_off + load_be16(data + off + 4);
	bad_len = ip_end == l4_off || ip_end > end;
	if (unlikely(bad_len))
		ip_end = end;
	if (unlikely(view->protocol != IPPROTO_TCP))
		met = walk_extensions(data, &l4_off, least(linear, ip_end), &view->protocol);
	if (unlikely(bad_len))
		return stop(view, PARSE_ADDRESSED, PARSE_IP_LENGTH);
	if (unlikely(met != PARSE_CLEAR))
		return stop(view, PARSE_ADDRESSED, met);
	walk_l4(data, l4_off, linear, ip_end, view);
}

/*
 * R1: any number of tags. Only 0x8100 and 0x88a8 count as tags. The kernel receives merged packets and
 * may have to cut them again, and it knows no other tags (eth_type_vlan()). So a packet behind an 0x9100
 * tag must pass as it is.
 */
static inline bool is_vlan(uint16_t type)
{
	return type == WIRE16(ETH_P_8021Q) || type == WIRE16(ETH_P_8021AD);
}

uint32_t parse_link_len(const uint8_t *data, uint32_t len)
{
	uint32_t off = ETH_HLEN;

	if (unlikely(len < ETH_HLEN))
		return 0;
	while (unlikely(is_vlan(load_u16(data + off - 2)))) {
		off += VLAN_TAG_LEN;
		if (off > len || off > LAST_HEADER_OFF)
			return 0;
	}
	return off;
}

void parse_packet(const uint8_t *data, uint32_t linear_len, uint32_t frame_len, struct packet_view *view)
{
	uint32_t linear = least(linear_len, frame_len);
	uint32_t off = parse_link_len(data, linear);
	uint16_t type;

	memset(view, 0, sizeof *view);
	if (unlikely(!off))
		return stop(view, PARSE_FOREIGN, PARSE_NOT_IP);
	type = load_u16(data + off - 2);
	view->l3_off = (uint16_t)off;
	if (likely(type == WIRE16(ETH_P_IP)))
		walk_ipv4(data, off, linear, frame_len, view);
	else if (type == WIRE16(ETH_P_IPV6))
		walk_ipv6(data, off, linear, frame_len, view);
	else
		stop(view, PARSE_FOREIGN, PARSE_NOT_IP);
}

/* ---- tunnels: from the view of the outer packet to that of the packet inside ---- */

#define ETH_P_BRIDGED 0x6558u /* "transparent Ethernet bridging": a frame, in GRE and GENEVE */

#define VXLAN_LEN 8u
#define GENEVE_LEN 8u

/* RFC 7348 defines the I bit. VXLAN-GBP adds a policy ID with its G, D and A bits, which are a label like
 * the VNI and do not matter here. All other bits change what follows (VXLAN-GPE's version, P and O; the
 * remote checksum's) and must be 0. */
#define VXLAN_I 0x08000000u
#define VXLAN_FIXED_BITS 0x7fb70000u

#define GENEVE_VERSION 0xc0u
#define GENEVE_OPTIONS 0x3fu /* in words of 4 bytes */
#define GENEVE_O 0x80u       /* a control packet (RFC 8926 section 3.4) */

/* What the tunnel's header says about its content. */
struct inner {
	uint32_t off;  /* first byte behind the tunnel's header */
	uint32_t type; /* ETH_P_IP, ETH_P_IPV6, or ETH_P_BRIDGED for a frame */
};

static bool enter_vxlan(const uint8_t *data, uint32_t off, uint32_t bound, struct inner *inner)
{
	if (off + VXLAN_LEN > bound || (load_be32(data + off) & VXLAN_FIXED_BITS) != VXLAN_I)
		return false;
	*inner = (struct inner){ off + VXLAN_LEN, ETH_P_BRIDGED };
	return true;
}

static bool enter_geneve(const uint8_t *data, uint32_t off, uint32_t bound, struct inner *inner)
{
	if (off + GENEVE_LEN > bound || data[off] & GENEVE_VERSION || data[off + 1] & GENEVE_O)
		return false;
	inner->off = off + GENEVE_LEN + (data[off] & GENEVE_OPTIONS) * 4u;
	inner->type = load_be16(data + off + 2);
	return true;
}

uint32_t parse_gre_len(const uint8_t *gre)
{
	uint32_t flags = load_be16(gre);

	if (flags & ~(GRE_CSUM | GRE_KEY))
		return 0;
	return GRE_MIN_LEN + (flags & GRE_CSUM ? 4 : 0) + (flags & GRE_KEY ? 4 : 0);
}

static bool enter_gre(const uint8_t *data, uint32_t off, uint32_t bound, struct inner *inner)
{
	uint32_t len = off + GRE_MIN_LEN <= bound ? parse_gre_len(data + off) : 0;

	if (!len)
		return false;
	*inner = (struct inner){ off + len, load_be16(data + off + 2) };
	return true;
}

/* Which tunnel the outer packet can be. PARSE_VXLAN stands for all kinds over UDP. */
static enum parse_tunnel tunnel_of(const struct packet_view *outer)
{
	if (outer->tunnel != PARSE_NO_TUNNEL)
		return PARSE_NO_TUNNEL;
	if (outer->class == PARSE_UDP)
		return PARSE_VXLAN;
	if (outer->obstacle != PARSE_L4_OTHER)
		return PARSE_NO_TUNNEL;
	if (outer->protocol == IPPROTO_GRE)
		return PARSE_GRE;
	if (outer->protocol == IPPROTO_IPIP || outer->protocol == IPPROTO_IPV6)
		return PARSE_IPIP;
	return PARSE_NO_TUNNEL;
}

uint32_t parse_ip_end(const uint8_t *data, uint32_t l3_off, uint8_t version)
{
	const uint8_t *ip = data + l3_off;

	return l3_off + (version == 4 ? load_be16(ip + 2) : IPV6_LEN + load_be16(ip + 4));
}

/* Steps over Ethernet header and VLAN tags: *inner then has the offset behind them and the ethertype. */
static void walk_link(const uint8_t *data, uint32_t bound, struct inner *inner)
{
	uint32_t len = parse_link_len(data + inner->off, bound - inner->off);

	if (len)
		inner->type = load_be16(data + inner->off + len - 2);
	inner->off += len;
}

/*
 * Makes *view that of the packet inside, which lies between inner.off and end. Of the outer packet it
 * keeps the offsets, and whether it has IPv4 options.
 */
static bool walk_inner(const uint8_t *data, uint32_t linear, uint32_t end, struct inner inner, enum parse_tunnel tunnel,
		       struct packet_view *view)
{
	uint32_t bound = least(linear, end);
	bool options = view->ip_version == 4 && (data[view->l3_off] & 0xf) * 4u > IPV4_MIN_LEN;

	if (inner.off > bound)
		return false; /* the tunnel's header is cut off */
	if (inner.type == ETH_P_BRIDGED)
		walk_link(data, bound, &inner);
	else if (inner.type != ETH_P_IP && inner.type != ETH_P_IPV6)
		return false;
	if (inner.off > LAST_HEADER_OFF)
		return false;
	*view = (struct packet_view){
		.obstacle = options ? PARSE_IP_OPTIONS : PARSE_CLEAR,
		.l3_off = (uint16_t)inner.off,
		.tunnel = (uint8_t)tunnel,
		.outer_version = view->ip_version,
		.outer_l3_off = view->l3_off,
		.outer_l4_off = view->l4_off,
	};
	if (inner.type == ETH_P_IP)
		walk_ipv4(data, inner.off, bound, end, view);
	else if (inner.type == ETH_P_IPV6)
		walk_ipv6(data, inner.off, bound, end, view);
	else
		stop(view, PARSE_FOREIGN, PARSE_NOT_IP);
	if (view->class >= PARSE_TCP && view->payload_off + view->payload_len != end)
		view->obstacle = PARSE_IP_LENGTH;
	return true;
}

bool parse_inner(const uint8_t *data, uint32_t linear_len, uint32_t frame_len, const struct parse_tunnels *tunnels,
		 struct packet_view *view)
{
	enum parse_tunnel tunnel = tunnel_of(view);
	uint32_t linear = least(linear_len, frame_len), end, bound;
	struct inner inner;
	bool entered;

	if (tunnel == PARSE_NO_TUNNEL)
		return false;
	if (tunnel == PARSE_VXLAN) {
		uint16_t port = load_be16(data + view->l4_off + 2);

		if (port != tunnels->vxlan_port)
			tunnel = port == tunnels->geneve_port ? PARSE_GENEVE : PARSE_NO_TUNNEL;
	}
	if (!(tunnels->enter & PARSE_TUNNEL_BIT(tunnel)) || tunnel == PARSE_NO_TUNNEL)
		return false;
	end = parse_ip_end(data, view->l3_off, view->ip_version);
	bound = least(linear, end);
	if (tunnel == PARSE_VXLAN) {
		entered = enter_vxlan(data, view->payload_off, bound, &inner);
	} else if (tunnel == PARSE_GENEVE) {
		entered = enter_geneve(data, view->payload_off, bound, &inner);
	} else if (tunnel == PARSE_GRE) {
		entered = enter_gre(data, view->l4_off, bound, &inner);
	} else {
		inner.off = view->l4_off;
		inner.type = view->protocol == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6;
		entered = true;
	}
	return entered && walk_inner(data, linear, end, inner, tunnel, view);
}

bool parse_inner_at(const uint8_t *data, uint32_t linear_len, uint32_t frame_len, uint16_t inner_l3_off,
		    struct packet_view *view)
{
	enum parse_tunnel tunnel = tunnel_of(view);
	uint32_t linear = least(linear_len, frame_len), end, least_off = view->l4_off;
	struct inner inner = { .off = inner_l3_off };

	if (tunnel == PARSE_NO_TUNNEL)
		return false;
	if (tunnel == PARSE_VXLAN)
		least_off += UDP_LEN;
	else if (tunnel == PARSE_GRE)
		least_off += GRE_MIN_LEN;
	end = parse_ip_end(data, view->l3_off, view->ip_version);
	if (inner.off < least_off || inner.off >= least(linear, end))
		return false;
	inner.type = data[inner.off] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
	if (tunnel == PARSE_IPIP &&
	    (inner.off != least_off || (inner.type == ETH_P_IP) != (view->protocol == IPPROTO_IPIP)))
		return false;
	return walk_inner(data, linear, end, inner, tunnel, view);
}
