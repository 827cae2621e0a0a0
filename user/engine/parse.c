// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The walk: Ethernet, VLAN tags, IP, extension headers, TCP or UDP.
 *
 * Each step gets the offset where its header begins and two bounds: `linear`, how many
 * bytes may be read, and `end`, where the packet ends according to the layer above it
 * (the frame at first, the IP length afterwards; R4). Nothing is read before the step
 * has seen that it lies below `linear`.
 */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "parse.h"

#define IPV4_MIN_LEN 20u
#define IPV6_LEN 40u
#define TCP_MIN_LEN 20u
#define UDP_LEN 8u
#define EXTENSION_MIN_LEN 8u
#define PORTS_LEN 4u
#define VLAN_TAG_LEN 4u

/* MF, the offset and the reserved bit: everything of the word but DF (R5). */
#define IPV4_NOT_DF 0xbfffu

/* Offsets of the view are 16 bits wide. No header begins behind this one, so that an IPv4 and a
 * TCP header of 60 bytes each still end within them. */
#define LAST_HEADER_OFF (UINT16_MAX - 128u)

/* How an ethertype looks when it is loaded as it lies on the wire. */
#define WIRE16(x) ((uint16_t)((x) >> 8 | ((x) & 0xff) << 8))

static void stop(struct packet_view *view, enum parse_class class, enum parse_obstacle obstacle)
{
	view->class = (uint8_t)class;
	view->obstacle = (uint8_t)obstacle;
}

static inline void accept(struct packet_view *view, enum parse_class class, uint32_t payload_off,
			  uint32_t end)
{
	view->class = (uint8_t)class;
	view->payload_off = (uint16_t)payload_off;
	view->payload_len = end - payload_off;
}

/* R6: data offset at least 5, the header within the IP packet. */
static inline bool walk_tcp(const uint8_t *data, uint32_t off, uint32_t bound, uint32_t end,
			    struct packet_view *view)
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

/* R7: the length field is what remains of the IP packet. A datagram without data is a whole one. */
static inline bool walk_udp(const uint8_t *data, uint32_t off, uint32_t bound, uint32_t end,
			    struct packet_view *view)
{
	if (off + UDP_LEN > bound || load_be16(data + off + 4) != end - off)
		return false;
	accept(view, PARSE_UDP, off + UDP_LEN, end);
	return true;
}

static inline void walk_l4(const uint8_t *data, uint32_t off, uint32_t linear, uint32_t end,
			   struct packet_view *view)
{
	uint32_t bound = linear < end ? linear : end;
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

static inline void walk_ipv4(const uint8_t *data, uint32_t off, uint32_t linear, uint32_t end,
			     struct packet_view *view)
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

/* Headers that say how long they are in units of 8 bytes (RFC 8200 section 4). */
static bool is_walkable(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS;
}

/*
 * Steps over extension headers, from *off and *next to the upper-layer header and its
 * protocol. Returns what it met. Where the walk cannot go on, *next becomes the
 * upper-layer protocol as far as it is known, else 0.
 */
static enum parse_obstacle walk_extensions(const uint8_t *data, uint32_t *off, uint32_t bound,
					   uint8_t *next)
{
	uint32_t cnt;

	for (cnt = 0; is_walkable(*next) && cnt < PARSE_MAX_EXTENSIONS; cnt++) {
		uint32_t at = *off;

		/* Cut off, or so far back that the next header's offset would not fit the view. */
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
		/* What follows in the first fragment may be one more extension header, which other
		 * fragments do not show: then nobody can tell the protocol (D2). */
		*next = *off + EXTENSION_MIN_LEN <= bound ? data[*off] : 0;
		if (is_walkable(*next))
			*next = 0;
		return PARSE_IP_FRAGMENT;
	}
	if (*next == IPPROTO_AH || *next == IPPROTO_ESP)
		return PARSE_IP_EXTENSION;
	return PARSE_CLEAR;
}

static inline void walk_ipv6(const uint8_t *data, uint32_t off, uint32_t linear, uint32_t end,
			     struct packet_view *view)
{
	enum parse_obstacle met = PARSE_CLEAR;
	uint32_t ip_end, l4_off = off + IPV6_LEN;
	bool bad_len;

	if (unlikely(l4_off > linear || data[off] >> 4 != 6))
		return stop(view, PARSE_FOREIGN, PARSE_NOT_IP);
	view->ip_version = 6;
	view->protocol = data[off + 6];

	/* R2: 0 announces a jumbogram, or nothing at all. Even then the protocol is looked for, in
	 * what lies there, since order (D2) depends on it. */
	ip_end = l4_off + load_be16(data + off + 4);
	bad_len = ip_end == l4_off || ip_end > end;
	if (unlikely(bad_len))
		ip_end = end;
	if (unlikely(view->protocol != IPPROTO_TCP))
		met = walk_extensions(data, &l4_off, linear < ip_end ? linear : ip_end, &view->protocol);
	if (unlikely(bad_len))
		return stop(view, PARSE_ADDRESSED, PARSE_IP_LENGTH);
	if (unlikely(met != PARSE_CLEAR))
		return stop(view, PARSE_ADDRESSED, met);
	walk_l4(data, l4_off, linear, ip_end, view);
}

/*
 * R1: any number of tags. Only 0x8100 and 0x88a8 count as tags: the kernel, to which merged
 * packets go and which may have to cut them again, knows no others (eth_type_vlan()), so
 * what stands behind an 0x9100 tag must pass as it is.
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

void parse_packet(const uint8_t *data, uint32_t linear_len, uint32_t frame_len,
		  struct packet_view *view)
{
	uint32_t linear = linear_len < frame_len ? linear_len : frame_len;
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

bool parse_inner(const uint8_t *data, uint32_t linear_len, uint32_t frame_len,
		 const struct parse_tunnels *tunnels, struct packet_view *view)
{
	(void)data, (void)linear_len, (void)frame_len, (void)tunnels, (void)view;
	return false;
}

bool parse_inner_at(const uint8_t *data, uint32_t linear_len, uint32_t frame_len,
		    uint16_t inner_l3_off, struct packet_view *view)
{
	(void)data, (void)linear_len, (void)frame_len, (void)inner_l3_off, (void)view;
	return false;
}
