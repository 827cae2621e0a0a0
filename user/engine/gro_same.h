/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The short way's question: has this packet the headers of a certain superpacket, but for the fields that differ
 * from packet to packet? If so, it is of the same flow and as much a candidate as the first packet (R1, R2, R5,
 * R9, R10, R11, R13), and the walk (parse.h) would say of it what it has said of the first one, but for the payload's
 * length. No other packet needs to be recognised: the long way takes whatever this one refuses.
 *
 *      same_headers()        any headers outside tunnels, by the comparisons of gro_rules.h
 *      same_plain_headers()  the same for TCP over IPv4 in its usual form, 16 bytes at a time
 *
 * test_gro_rules proves that both say the same of every bit and of every two bytes of a header, and that where they
 * say yes, gro_rules.h does too. Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_SAME_H
#define SUPERPACKET_GRO_SAME_H

#include "gro_rules.h"

/* The view of the first packet held, which came without a tunnel. */
static inline struct packet_view first_view(const struct gro_super *super)
{
	return (struct packet_view){
		.class = super->protocol == TCP_PROTOCOL ? PARSE_TCP : PARSE_UDP,
		.obstacle = PARSE_CLEAR,
		.ip_version = super->ip_version,
		.protocol = super->protocol,
		.l3_off = super->l3_off,
		.l4_off = super->l4_off,
		.payload_off = super->payload_off,
		.payload_len = super->size,
	};
}

/* Sets the payload's length. False when the IP length is wrong (R4) or leaves no payload (R6, R7), or when
 * the packet goes on in another fragment. */
static inline bool set_payload_len(struct packet_view *view, uint32_t end, const struct gro_packet *packet)
{
	view->payload_len = end - view->payload_off;
	return likely(end > view->payload_off && end <= packet->len) && likely(!packet->more);
}

/*
 * a: the headers of the first packet, view: what they are. Not compared are IP length, ID and checksum; sequence
 * number, FIN, PSH and TCP checksum; UDP length and checksum. On success view has the payload's length.
 */
static inline bool same_headers(const uint8_t *a, const struct gro_packet *packet, struct packet_view *view)
{
	const uint8_t *b = packet->data;
	uint32_t l3 = view->l3_off, l4 = view->l4_off, end;
	unsigned int version = view->ip_version;

	if (packet->len <= view->payload_off || port_diff(a + l4, b + l4)) /* most other flows */
		return false;
	if (link_diff(a, b, l3) | address_diff(a + l3, b + l3, version) | ip_diff(a + l3, b + l3, version, l4 - l3))
		return false;
	if (view->protocol == TCP_PROTOCOL && tcp_diff(a + l4, b + l4, view->payload_off - l4, false))
		return false;
	end = l3 + (version == 4 ? load_be16(b + l3 + 2) : IPV6_LEN + load_be16(b + l3 + 4));
	if (view->protocol == UDP_PROTOCOL && load_be16(b + l4 + 4) != end - l4) /* R7 */
		return false;
	return set_payload_len(view, end, packet);
}

/* ---- the plain form: no VLAN tags, TCP over IPv4, timestamps or no options, no CWR ---- */

#define PLAIN_L3 14u
#define PLAIN_L4 (PLAIN_L3 + IPV4_MIN_LEN)
#define PLAIN_LEN (PLAIN_L4 + TCP_MIN_LEN)
#define PLAIN_STAMPS_LEN (PLAIN_LEN + 12u)

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* By where they begin. 255: this byte must be equal, 0: it may differ, or is compared by itself. */
static const bytes16 plain_mask_16 = {
	/* IP length and ID, and checksum */
	0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 255, 255, 255, 255,
};
static const bytes16 plain_mask_32 = {
	/* sequence number; data offset and flags */
	255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0,
};
static const bytes16 plain_mask_38 = {
	/* the same, and TCP checksum */
	0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255,
};
static const bytes16 plain_mask_50 = {
	/* TCP checksum */
	0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

static inline bytes16 diff_16(const uint8_t *a, const uint8_t *b)
{
	bytes16 v, w;

	memcpy(&v, a, sizeof v);
	memcpy(&w, b, sizeof w);
	return v ^ w;
}

/* Whether same_plain_headers() can be asked instead of same_headers(). */
static inline bool is_plain(const struct gro_super *super)
{
	return super->ip_version == 4 && super->l3_off == PLAIN_L3 && super->protocol == TCP_PROTOCOL &&
	       (super->payload_off == PLAIN_STAMPS_LEN || super->payload_off == PLAIN_LEN) &&
	       !(super->head[super->l4_off + 13] & TCP_CWR);
}

/* As same_headers(). The last 16 bytes overlap those before. */
static inline bool same_plain_headers(const uint8_t *a, const struct gro_packet *packet, struct packet_view *view)
{
	const uint8_t *b = packet->data;
	uint32_t len = view->payload_off, tail = len - 16;
	bytes16 diff;
	uint64_t halves[2];

	if (packet->len <= len)
		return false;
	diff = diff_16(a, b) | (diff_16(a + 16, b + 16) & plain_mask_16) | (diff_16(a + 32, b + 32) & plain_mask_32) |
	       (diff_16(a + tail, b + tail) & (len == PLAIN_LEN ? plain_mask_38 : plain_mask_50));
	memcpy(halves, &diff, sizeof diff);
	if (halves[0] | halves[1] |
	    ((load_u32(a + PLAIN_L4 + 12) ^ load_u32(b + PLAIN_L4 + 12)) & ~TCP_FLAGS_WORD(TCP_FIN | TCP_PSH)))
		return false;
	return set_payload_len(view, PLAIN_L3 + load_be16(b + PLAIN_L3 + 2), packet);
}

#endif
