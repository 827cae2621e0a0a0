/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The rules by which a packet joins a held superpacket: R2, R3, R8 and R10-R16, as pure
 * functions of the packet and of what is held. For gro.c alone.
 *
 * Rules that want bytes equal are written as differences: 0 says that the rule holds. Each
 * is stated once and serves both ways through gro.c:
 *
 *      the long way    the headers are walked (parse.h), the flow is looked up (same_flow()),
 *                      then the rules are asked one after the other, for the reason why not
 *      the short way   the packet is guessed to continue a certain superpacket: all differences
 *                      are OR-ed, and where they are 0, the walk would only say again what it has
 *                      said of the first packet (same_headers())
 */
#ifndef SUPERPACKET_GRO_RULES_H
#define SUPERPACKET_GRO_RULES_H

#include "checksum.h"
#include "gro.h"

#define IPV4_DF 0x4000u

/* TCP flags in the word {data offset, reserved, flags, window} as loaded, little-endian. */
#define TCP_FLAGS_WORD(flags) ((uint32_t)(flags) << 8)

/* What is known of a packet stays in registers only where all that asks is one function. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* How the IPv4 ID moves from packet to packet; the second one decides (R12). */
enum id_mode { ID_UNDECIDED, ID_INCREMENTING, ID_FIXED };

/* What is known of the packet in hand. */
struct arrival {
	const struct gro_packet *packet;
	struct packet_view view;
	bool unfinished; /* its L4 checksum field holds the pseudo-header sum only */
};

/* How far a superpacket reaches. A copy, so that a run of packets has it in registers. */
struct reach {
	uint32_t packet_cnt, len, next_seq, last_block;
	uint16_t last_id;
	uint8_t id_mode, fill, later_flags;
};

/* ---- whose flow (R10); a is the first packet held, b the one in hand ---- */

/* Both MAC addresses, the ethertype, and 4 bytes a VLAN tag. */
static ALWAYS_INLINE uint64_t link_diff(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint64_t diff = (load_u64(a) ^ load_u64(b)) | (load_u64(a + 6) ^ load_u64(b + 6));

	for (uint32_t off = 14; unlikely(off < len); off += 4)
		diff |= load_u32(a + off) ^ load_u32(b + off);
	return diff;
}

static ALWAYS_INLINE uint64_t address_diff(const uint8_t *a, const uint8_t *b, unsigned int version)
{
	if (version == 4)
		return load_u64(a + 12) ^ load_u64(b + 12);
	return (load_u64(a + 8) ^ load_u64(b + 8)) | (load_u64(a + 16) ^ load_u64(b + 16)) |
	       (load_u64(a + 24) ^ load_u64(b + 24)) | (load_u64(a + 32) ^ load_u64(b + 32));
}

static ALWAYS_INLINE uint32_t port_diff(const uint8_t *a, const uint8_t *b)
{
	return load_u32(a) ^ load_u32(b);
}

static ALWAYS_INLINE uint32_t flow_label(const uint8_t *ip, unsigned int version)
{
	return version == 4 ? 0 : load_u32(ip) & __builtin_bswap32(0x000fffff);
}

/* The cheapest and most telling comparison comes first. */
static ALWAYS_INLINE bool same_flow(const struct gro_super *super, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->first.data, *b = arrival->packet->data;
	const uint8_t *ip_a = a + super->l3_off, *ip_b = b + view->l3_off;

	return !port_diff(a + super->l4_off, b + view->l4_off) &&
	       super->ip_version == view->ip_version && super->l3_off == view->l3_off &&
	       !address_diff(ip_a, ip_b, view->ip_version) &&
	       flow_label(ip_a, view->ip_version) == flow_label(ip_b, view->ip_version) &&
	       !link_diff(a, b, view->l3_off);
}

/* ---- headers (R2, R11, R13) ---- */

/* R11, and what the walk looks at: the IP header but for length, ID, checksum and addresses.
 * R2: IPv6 extension headers byte-equal. */
static ALWAYS_INLINE uint64_t ip_diff(const uint8_t *a, const uint8_t *b, unsigned int version,
			       uint32_t header_len)
{
	if (version == 4)
		return (load_u16(a) ^ load_u16(b)) | (load_u32(a + 6) ^ load_u32(b + 6));
	return (load_u32(a) ^ load_u32(b)) | (load_u16(a + 6) ^ load_u16(b + 6)) |
	       (header_len > 40 && memcmp(a + 40, b + 40, header_len - 40));
}

/* R13: {offset, reserved, flags, window} but for FIN and PSH, the ACK number, all option bytes.
 * The urgent pointer too, which means nothing without URG but is part of the bytes that must come
 * back. CWR never appends. */
static ALWAYS_INLINE uint64_t tcp_diff(const uint8_t *a, const uint8_t *b, uint32_t header_len)
{
	uint64_t diff = (load_u32(a + 12) ^ load_u32(b + 12)) & ~TCP_FLAGS_WORD(TCP_FIN | TCP_PSH);

	diff |= load_u32(b + 12) & TCP_FLAGS_WORD(TCP_CWR);
	diff |= load_u32(a + 8) ^ load_u32(b + 8);
	diff |= load_u16(a + 18) ^ load_u16(b + 18);
	if (likely(header_len == 32)) /* timestamps, on nearly every connection */
		return diff | (load_u64(a + 20) ^ load_u64(b + 20)) | (load_u32(a + 28) ^ load_u32(b + 28));
	return diff | (header_len > 20 && memcmp(a + 20, b + 20, header_len - 20));
}

/* The view of the first packet held. */
static ALWAYS_INLINE struct packet_view first_view(const struct gro_super *super)
{
	return (struct packet_view){
		.class = PARSE_TCP, .obstacle = PARSE_CLEAR,
		.ip_version = super->ip_version, .protocol = TCP_PROTOCOL,
		.l3_off = super->l3_off, .l4_off = super->l4_off,
		.payload_off = super->payload_off, .payload_len = super->request.size,
	};
}

/*
 * Whether a packet has the headers of the first one held, whose view is given, byte for byte but for
 * what may differ: IP length, ID and checksum; sequence number, FIN, PSH and TCP checksum. It is
 * then TCP of the same flow (R10) and as much a candidate as the first (R1, R2, R5, R9), R11 and R13
 * hold, and the walk would say of it what it has said of the first, but for the payload's length.
 * That is set here; false, too, when it is wrong (R4) or 0 (R6).
 */
static ALWAYS_INLINE bool same_headers(const uint8_t *a, const struct gro_packet *packet,
				       struct packet_view *view)
{
	const uint8_t *b = packet->data;
	uint32_t l3 = view->l3_off, l4 = view->l4_off, end;
	unsigned int version = view->ip_version;

	if (packet->len <= view->payload_off || port_diff(a + l4, b + l4)) /* most other flows */
		return false;
	if (link_diff(a, b, l3) | address_diff(a + l3, b + l3, version) |
	    ip_diff(a + l3, b + l3, version, l4 - l3) |
	    tcp_diff(a + l4, b + l4, view->payload_off - l4))
		return false;
	end = l3 + (version == 4 ? load_be16(b + l3 + 2) : 40u + load_be16(b + l3 + 4));
	view->payload_len = end - view->payload_off;
	return likely(end > view->payload_off && end <= packet->len);
}

/* ---- what may differ (R12, R14-R16) ---- */

/* R12. Fixed IDs with DF = 0 could not be told through a virtio header. */
static ALWAYS_INLINE bool id_follows(const struct reach *reach, const uint8_t *ip)
{
	uint16_t step = (uint16_t)(load_be16(ip + 4) - reach->last_id);
	bool df = load_be16(ip + 6) & IPV4_DF;

	switch (reach->id_mode) {
	case ID_INCREMENTING:
		return step == 1;
	case ID_FIXED:
		return step == 0;
	default:
		return step == 1 || (step == 0 && df);
	}
}

/* Why a packet of the same headers cannot append; GRO_REASON_CNT: it can. */
static ALWAYS_INLINE enum gro_reason sequel_obstacle(const struct reach *reach, uint32_t size,
						     const struct arrival *arrival, uint32_t max_bytes)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->l3_off;
	const uint8_t *tcp = arrival->packet->data + view->l4_off;

	if (unlikely(load_be32(tcp + 4) != reach->next_seq)) /* R14 */
		return GRO_OUT_OF_SEQUENCE;
	if (view->ip_version == 4 && unlikely(!id_follows(reach, ip)))
		return GRO_HEADER;
	if (unlikely(view->payload_len > size)) /* R15 */
		return GRO_LARGER;
	if (unlikely(reach->len - view->l3_off + view->payload_len > max_bytes)) /* R16 */
		return GRO_BYTES;
	return GRO_REASON_CNT;
}

/* Whether a packet of the same flow differs in what must be equal. */
static ALWAYS_INLINE bool other_headers(const struct gro_super *super, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->first.data, *b = arrival->packet->data;
	uint32_t l3 = view->l3_off, l4 = view->l4_off;

	return super->l4_off != l4 || super->payload_off != view->payload_off ||
	       super->unfinished != arrival->unfinished ||
	       ip_diff(a + l3, b + l3, view->ip_version, l4 - l3) ||
	       tcp_diff(a + l4, b + l4, view->payload_off - l4);
}

/* ---- checksums (R3, R8) ---- */

enum csum_state { CSUM_RIGHT, CSUM_WRONG, CSUM_UNFINISHED };

static ALWAYS_INLINE enum csum_state l4_checksum(const struct arrival *arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data, *l4 = data + view->l4_off;
	uint32_t l4_len = view->payload_off - view->l4_off + view->payload_len;
	uint32_t pseudo = checksum_pseudo(data + view->l3_off, view->ip_version, view->protocol, l4_len);
	uint16_t field = load_u16(l4 + (view->protocol == UDP_PROTOCOL ? 6 : 16));

	if (view->protocol == UDP_PROTOCOL && !field)
		return CSUM_RIGHT; /* none was sent */
	if (checksum_fold(checksum_add(l4, l4_len, pseudo)) == 0)
		return CSUM_RIGHT;
	if (accept_unfinished && field == checksum_fold_partial(pseudo))
		return CSUM_UNFINISHED;
	return CSUM_WRONG;
}

/* R3, R8 */
static ALWAYS_INLINE enum csum_state checksum_state(const struct arrival *arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival->view;

	if (view->ip_version == 4 && unlikely(!checksum_ipv4_right(arrival->packet->data + view->l3_off)))
		return CSUM_WRONG;
	if (arrival->packet->csum == GRO_CSUM_VERIFIED)
		return CSUM_RIGHT;
	return l4_checksum(arrival, accept_unfinished);
}

/* A checksum of 0xffff adds up as well as the 0 of the same sum (RFC 1624 section 3). Linux itself
 * sends it (CSUM_MANGLED_0), but not from segmentation: it would come back from cutting as 0. */
static ALWAYS_INLINE bool other_zero(const struct arrival *arrival)
{
	const uint8_t *data = arrival->packet->data;

	return (!arrival->unfinished && load_u16(data + arrival->view.l4_off + 16) == 0xffff) ||
	       (arrival->view.ip_version == 4 && load_u16(data + arrival->view.l3_off + 10) == 0xffff);
}

#endif
