/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The rules by which a packet joins a held superpacket: R2, R3, R7, R8, R10-R16 and R18, as pure
 * functions of the packet and of what is held. For gro.c and gro_held.h alone.
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
#include "gro_tunnel.h"

#define IPV4_DF 0x4000u

/* TCP flags in the word {data offset, reserved, flags, window} as loaded, little-endian. */
#define TCP_FLAGS_WORD(flags) ((uint32_t)(flags) << 8)

/* What is known of a packet stays in registers only where all that asks is one function. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* What few packets need stays out of the way of the others. */
#define COLD __attribute__((noinline, cold, unused))

/* What is known of the packet in hand. */
struct arrival {
	const struct gro_packet *packet; /* its first fragment, in which all headers are */
	uint32_t fragment_cnt;
	uint32_t len;           /* of all fragments */
	struct packet_view view;
	uint8_t outer_protocol; /* of the outermost IP header; view.protocol without a tunnel */
	uint8_t csum;           /* enum gro_csum: what is known of it now */
	bool unfinished;        /* its L4 checksum field holds the pseudo-header sum only */
};

/* How far a superpacket reaches. A copy, so that a run of packets has it in registers. */
struct reach {
	uint32_t fragment_cnt, len, next_seq, last_block;
	uint16_t last_id, outer_last_id;
	uint8_t id_mode, outer_id_mode, fill, later_flags;
};


/* ---- whose flow (R10); a is the head of what is held, b the packet in hand ---- */

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

/* The same of the tunnel around it. */
static COLD bool same_tunnel(const struct gro_super *super, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->head, *b = arrival->packet->data;
	const uint8_t *ip_a = a + super->outer_l3_off, *ip_b = b + view->outer_l3_off;
	unsigned int version = view->outer_version;
	uint32_t len = (uint32_t)view->l3_off - view->outer_l4_off;

	return super->outer_version == version && super->outer_l3_off == view->outer_l3_off &&
	       !address_diff(ip_a, ip_b, version) &&
	       flow_label(ip_a, version) == flow_label(ip_b, version) &&
	       !link_diff(a, b, view->outer_l3_off) &&
	       (uint32_t)super->l3_off - super->outer_l4_off == len &&
	       same_tunnel_header(view->tunnel, a + super->outer_l4_off, b + view->outer_l4_off, len);
}

/* The cheapest and most telling comparison comes first. */
static ALWAYS_INLINE bool same_flow(const struct gro_super *super, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->head, *b = arrival->packet->data;
	const uint8_t *ip_a = a + super->l3_off, *ip_b = b + view->l3_off;

	return !port_diff(a + super->l4_off, b + view->l4_off) &&
	       super->ip_version == view->ip_version && super->protocol == view->protocol &&
	       super->tunnel == view->tunnel && !address_diff(ip_a, ip_b, view->ip_version) &&
	       flow_label(ip_a, view->ip_version) == flow_label(ip_b, view->ip_version) &&
	       (view->tunnel ? same_tunnel(super, arrival) :
			       super->l3_off == view->l3_off && !link_diff(a, b, view->l3_off));
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
 * back. CWR appends only where it can be told that all had it. */
static ALWAYS_INLINE uint64_t tcp_diff(const uint8_t *a, const uint8_t *b, uint32_t header_len, bool marks)
{
	uint64_t diff = (load_u32(a + 12) ^ load_u32(b + 12)) & ~TCP_FLAGS_WORD(TCP_FIN | TCP_PSH);

	if (!marks)
		diff |= load_u32(b + 12) & TCP_FLAGS_WORD(TCP_CWR);
	diff |= load_u32(a + 8) ^ load_u32(b + 8);
	diff |= load_u16(a + 18) ^ load_u16(b + 18);
	if (likely(header_len == 32)) /* timestamps, on nearly every connection */
		return diff | (load_u64(a + 20) ^ load_u64(b + 20)) | (load_u32(a + 28) ^ load_u32(b + 28));
	return diff | (header_len > 20 && memcmp(a + 20, b + 20, header_len - 20));
}

/* The view of the first packet held, where it came without a tunnel. */
static ALWAYS_INLINE struct packet_view first_view(const struct gro_super *super)
{
	return (struct packet_view){
		.class = super->protocol == TCP_PROTOCOL ? PARSE_TCP : PARSE_UDP,
		.obstacle = PARSE_CLEAR,
		.ip_version = super->ip_version, .protocol = super->protocol,
		.l3_off = super->l3_off, .l4_off = super->l4_off,
		.payload_off = super->payload_off, .payload_len = super->size,
	};
}

/*
 * Whether a packet in one fragment has the headers of the first one held, whose view is given, byte for
 * byte but for what may differ: IP length, ID and checksum; sequence number, FIN, PSH and TCP checksum;
 * UDP length and checksum. It is then of the same flow (R10) and as much a candidate as the first (R1,
 * R2, R5, R9), R11 and R13 hold, and the walk would say of it what it has said of the first, but for
 * the payload's length. That is set here; false, too, when it is wrong (R4, R7) or 0 (R6).
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
	    ip_diff(a + l3, b + l3, version, l4 - l3))
		return false;
	if (view->protocol == TCP_PROTOCOL && tcp_diff(a + l4, b + l4, view->payload_off - l4, false))
		return false;
	end = l3 + (version == 4 ? load_be16(b + l3 + 2) : 40u + load_be16(b + l3 + 4));
	if (view->protocol == UDP_PROTOCOL && load_be16(b + l4 + 4) != end - l4)
		return false;
	view->payload_len = end - view->payload_off;
	return likely(end > view->payload_off && end <= packet->len) && likely(!packet->more);
}

/*
 * The same for TCP over IPv4 without tags and either timestamps or no options, as most is, in 16 bytes at a
 * time. What a byte has to do with the rules is said above; 0 here: it may differ.
 */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

#define PLAIN_LEN (14u + 20u + 20u)
#define PLAIN_STAMPS_LEN (PLAIN_LEN + 12u)

static const bytes16 plain_mask_16 = { /* IP length and ID, and checksum, may differ */
	0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 255, 255, 255, 255,
};
static const bytes16 plain_mask_32 = { /* sequence number; offset and flags are looked at apart */
	255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0,
};
static const bytes16 plain_mask_38 = { /* the same, and TCP checksum */
	0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255,
};
static const bytes16 plain_mask_50 = { /* TCP checksum */
	0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

static ALWAYS_INLINE bytes16 diff_16(const uint8_t *a, const uint8_t *b)
{
	bytes16 v, w;

	memcpy(&v, a, sizeof v);
	memcpy(&w, b, sizeof w);
	return v ^ w;
}

/* a has no CWR, and its view is one of those above. */
static ALWAYS_INLINE bool same_plain_headers(const uint8_t *a, const struct gro_packet *packet,
					     struct packet_view *view)
{
	const uint8_t *b = packet->data;
	uint32_t len = view->payload_off, tail = len - 16, end;
	bytes16 diff;
	uint64_t halves[2];

	if (packet->len <= len)
		return false;
	diff = diff_16(a, b) | (diff_16(a + 16, b + 16) & plain_mask_16) |
	       (diff_16(a + 32, b + 32) & plain_mask_32) |
	       (diff_16(a + tail, b + tail) & (len == PLAIN_LEN ? plain_mask_38 : plain_mask_50));
	memcpy(halves, &diff, sizeof diff);
	if (halves[0] | halves[1] |
	    ((load_u32(a + 46) ^ load_u32(b + 46)) & ~TCP_FLAGS_WORD(TCP_FIN | TCP_PSH)))
		return false;
	end = 14u + load_be16(b + 16);
	view->payload_len = end - len;
	return likely(end > len && end <= packet->len) && likely(!packet->more);
}

/* ---- what may differ (R12, R14-R16, R18) ---- */

/* R12. Fixed IDs with DF = 0 could not be told through a virtio header. */
static ALWAYS_INLINE bool id_follows(uint16_t last_id, uint8_t id_mode, const uint8_t *ip, bool marks)
{
	uint16_t step = (uint16_t)(load_be16(ip + 4) - last_id);
	bool df = load_be16(ip + 6) & IPV4_DF;

	switch (id_mode) {
	case GRO_ID_INCREMENTING:
		return step == 1;
	case GRO_ID_FIXED:
		return step == 0;
	default:
		return step == 1 || (step == 0 && (df || marks));
	}
}

/* Why a packet of the same headers cannot append; GRO_REASON_CNT: it can. UDP has nothing but its
 * lengths and its place in the order of arrival (R18). marks: fixed IDs without DF can be told. */
static ALWAYS_INLINE enum gro_reason sequel_obstacle(const struct reach *reach, uint32_t size,
						     const struct arrival *arrival,
						     const struct gro_limits *limits, bool marks)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->l3_off;
	const uint8_t *l4 = arrival->packet->data + view->l4_off;
	uint32_t behind_link = view->tunnel ? view->outer_l3_off : view->l3_off;

	if (view->protocol == TCP_PROTOCOL && unlikely(load_be32(l4 + 4) != reach->next_seq)) /* R14 */
		return GRO_OUT_OF_SEQUENCE;
	if (view->ip_version == 4 &&
	    unlikely(!id_follows(reach->last_id, reach->id_mode, ip, marks)))
		return GRO_HEADER;
	if (unlikely(view->payload_len != size)) {
		if (view->payload_len > size) /* R15, R18 */
			return GRO_LARGER;
		if (view->payload_len < limits->min_payload)
			return GRO_EXEMPT;
	}
	if (unlikely(reach->len - behind_link + view->payload_len > limits->max_bytes)) /* R16 */
		return GRO_BYTES;
	return GRO_REASON_CNT;
}

/* R19: R11 and R12 of the outer IP header; its UDP checksum there on both or on none. */
static COLD bool other_tunnel(const struct gro_super *super, const struct reach *reach,
			      const struct arrival *arrival, bool marks)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->head, *b = arrival->packet->data;
	const uint8_t *l4_a = a + super->outer_l4_off, *l4_b = b + view->outer_l4_off;
	const uint8_t *ip = b + view->outer_l3_off;

	return super->outer_l4_off != view->outer_l4_off ||
	       ip_diff(a + super->outer_l3_off, ip, view->outer_version,
		       (uint32_t)view->outer_l4_off - view->outer_l3_off) ||
	       has_outer_csum(view->tunnel, l4_a) != has_outer_csum(view->tunnel, l4_b) ||
	       (view->outer_version == 4 &&
		!id_follows(reach->outer_last_id, reach->outer_id_mode, ip, marks));
}

/* Whether a packet of the same flow differs in what must be equal. */
static ALWAYS_INLINE bool other_headers(const struct gro_super *super, const struct arrival *arrival,
					bool marks)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->head, *b = arrival->packet->data;
	uint32_t l3_a = super->l3_off, l4_a = super->l4_off, l3_b = view->l3_off, l4_b = view->l4_off;

	return l4_a - l3_a != l4_b - l3_b || super->payload_off - l4_a != view->payload_off - l4_b ||
	       super->unfinished != arrival->unfinished ||
	       ip_diff(a + l3_a, b + l3_b, view->ip_version, l4_b - l3_b) ||
	       (view->protocol == TCP_PROTOCOL &&
		tcp_diff(a + l4_a, b + l4_b, view->payload_off - l4_b, marks));
}

/* ---- checksums (R3, R8) ---- */

enum csum_state {
	CSUM_RIGHT,
	CSUM_WRONG,
	CSUM_UNFINISHED,
	CSUM_NONE, /* a UDP checksum of 0: none was sent (R7) */
};

/* Sum of a packet's bytes from off to end, over its fragments: behind an odd number of bytes, what
 * follows is summed as if it began on an odd byte, which it does. */
static COLD uint32_t sum_fragments(const struct arrival *arrival, uint32_t off, uint32_t end)
{
	uint32_t sum = 0, at = 0, part;
	bool odd = false;

	for (uint32_t i = 0; i < arrival->fragment_cnt; i++) {
		const struct gro_packet *fragment = &arrival->packet[i];
		uint32_t from = off > at ? off - at : 0, to = end > at ? end - at : 0;

		at += fragment->len;
		if (to > fragment->len)
			to = fragment->len;
		if (from >= to)
			continue;
		part = checksum_add(fragment->data + from, to - from, 0);
		sum = checksum_combine(sum, odd ? checksum_odd(part) : part);
		odd ^= (to - from) & 1;
	}
	return sum;
}

static ALWAYS_INLINE uint32_t sum_bytes(const struct arrival *arrival, uint32_t off, uint32_t end)
{
	if (likely(arrival->fragment_cnt == 1))
		return checksum_add(arrival->packet->data + off, end - off, 0);
	return sum_fragments(arrival, off, end);
}

static ALWAYS_INLINE uint32_t packet_end(const struct packet_view *view)
{
	return view->payload_off + view->payload_len;
}

static ALWAYS_INLINE uint32_t pseudo_sum(const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;

	return checksum_pseudo(arrival->packet->data + view->l3_off, view->ip_version, view->protocol,
			       packet_end(view) - view->l4_off);
}

static ALWAYS_INLINE uint32_t csum_offset(const struct packet_view *view)
{
	return view->protocol == UDP_PROTOCOL ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET;
}

static ALWAYS_INLINE enum csum_state l4_checksum(const struct arrival *arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival->view;
	uint16_t field = load_u16(arrival->packet->data + view->l4_off + csum_offset(view));
	uint32_t pseudo = pseudo_sum(arrival), sum;

	if (view->protocol == UDP_PROTOCOL && !field)
		return CSUM_NONE;
	sum = sum_bytes(arrival, view->l4_off, packet_end(view));
	if (checksum_fold(checksum_combine(sum, pseudo)) == 0)
		return CSUM_RIGHT;
	if (accept_unfinished && field == checksum_fold_partial(pseudo))
		return CSUM_UNFINISHED;
	return CSUM_WRONG;
}

/* R3, R8 */
static ALWAYS_INLINE enum csum_state checksum_state(const struct arrival *arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	if (view->ip_version == 4 && unlikely(!checksum_ipv4_right(data + view->l3_off)))
		return CSUM_WRONG;
	if (arrival->packet->csum != GRO_CSUM_VERIFIED)
		return l4_checksum(arrival, accept_unfinished);
	return view->protocol == UDP_PROTOCOL && !load_u16(data + view->l4_off + UDP_CSUM_OFFSET) ?
		       CSUM_NONE : CSUM_RIGHT;
}

/* R19, where the packet inside is right, or, as on veth, to be finished: then its bytes from the L4
 * header on sum to the complement of its pseudo-header sum, and need not be summed again. An inner UDP
 * packet without a checksum tells nothing. */
static COLD bool tunnel_checksums_right(const struct arrival *arrival, enum csum_state inner)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->outer_l3_off;
	const uint8_t *l4 = arrival->packet->data + view->outer_l4_off;
	uint32_t headers_len = (uint32_t)view->l4_off - view->outer_l4_off, sum;

	if (view->outer_version == 4 && !checksum_ipv4_right(ip))
		return false;
	if (!has_outer_csum(view->tunnel, l4) && !has_gre_csum(view->tunnel, l4))
		return true;
	if (arrival->packet->csum == GRO_CSUM_VERIFIED)
		return true;
	if (inner == CSUM_NONE)
		sum = sum_bytes(arrival, view->outer_l4_off, packet_end(view));
	else
		sum = checksum_add(l4, headers_len, (uint16_t)~checksum_fold_partial(pseudo_sum(arrival)));
	if (is_over_udp(view->tunnel))
		sum = checksum_combine(sum, checksum_pseudo(ip, view->outer_version, UDP_PROTOCOL,
							    packet_end(view) - view->outer_l4_off));
	return checksum_fold(sum) == 0;
}

/* R3, R8, R19. Of the packet inside nobody else has verified anything. */
static COLD enum csum_state tunnel_checksum_state(const struct arrival *arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival->view;
	enum csum_state state;

	if (view->ip_version == 4 && !checksum_ipv4_right(arrival->packet->data + view->l3_off))
		return CSUM_WRONG;
	state = l4_checksum(arrival, accept_unfinished);
	if (state != CSUM_WRONG && !tunnel_checksums_right(arrival, state))
		return CSUM_WRONG;
	return state;
}

/* As other_zero(), of the outer headers. */
static COLD bool tunnel_other_zero(const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data, *l4 = data + view->outer_l4_off;

	return (view->outer_version == 4 && load_u16(data + view->outer_l3_off + 10) == 0xffff) ||
	       (has_gre_csum(view->tunnel, l4) && load_u16(l4 + GRE_CSUM_OFFSET) == 0xffff);
}

/* A checksum of 0xffff adds up as well as the 0 of the same sum (RFC 1624 section 3). Linux itself
 * sends it (CSUM_MANGLED_0), but not from segmentation: it would come back from cutting as 0. In UDP
 * it is the 0 that nobody sends, since there it says that there is no checksum. */
static ALWAYS_INLINE bool other_zero(const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	return (view->protocol == TCP_PROTOCOL && !arrival->unfinished &&
		load_u16(data + view->l4_off + TCP_CSUM_OFFSET) == 0xffff) ||
	       (view->ip_version == 4 && load_u16(data + view->l3_off + 10) == 0xffff);
}

#endif
