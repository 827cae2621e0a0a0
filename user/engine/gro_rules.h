/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The rules of merging that look at headers, each stated once, in the order in which they are asked:
 *
 *      reason_to_pass()    is the packet a candidate at all?              R6, R7, R9
 *      same_flow()         is it of the flow of a held superpacket?      R10
 *      reason_to_flush()   why does it not append to it?                 R2, R11-R16, R18
 *
 * Elsewhere: R1, R4, R5 and R20 in parse.c, R3 and R8 in gro_checksum.h, R17 where superpackets begin and
 * grow (gro_held.h), R19 in gro_tunnel.h. RULES.md has them all in words. Private to the gro files.
 *
 * Fields that must be equal are compared as differences, which are OR-ed: 0 says that all are equal.
 *
 * How to add a rule (RULES.md says what else belongs to it):
 *  1. Does it disqualify packets of whatever flow? Add it to reason_to_pass(). Does it tell flows apart? To
 *     same_flow(), and to key_of(). Does it end a superpacket? To headers_differ() or reason_not_next().
 *  2. Return an existing gro_reason, or add one to gro.h and to the names in gro_config.c.
 *  3. A field that same_headers() does not compare (gro_same.h) has to be asked for there, too, and in the
 *     masks. test_gro_rules and prop_engine fail where the short way says yes and the long way does not.
 *  4. Can cutting give back what was merged (S10)? Else the field must be equal, or be kept in gso_request.
 */
#ifndef SUPERPACKET_GRO_RULES_H
#define SUPERPACKET_GRO_RULES_H

#include "gro_arrival.h"
#include "gro_tunnel.h"

#define IPV4_DF 0x4000u

/* TCP flags in the word {data offset, reserved, flags, window} as loaded, little-endian. */
#define TCP_FLAGS_WORD(flags) ((uint32_t)(flags) << 8)

/* How far a superpacket reaches. A copy, so that a run of packets has it in registers. */
struct reach {
	uint32_t fragment_cnt, len, next_seq, last_block;
	uint16_t last_id, outer_last_id;
	uint8_t id_mode, outer_id_mode, fill, later_flags;
};

/* ---- is it a candidate? ---- */

/* A checksum of 0xffff adds up as well as the 0 of the same sum (RFC 1624 section 3). Linux itself sends it
 * (CSUM_MANGLED_0), but not from segmentation, so cutting would give back 0 (S10). In UDP it is the normal
 * form, since 0 says there that no checksum was sent. */
static inline bool has_ffff_checksum(const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	return (view->protocol == TCP_PROTOCOL && !arrival->unfinished &&
		load_u16(data + view->l4_off + TCP_CSUM_OFFSET) == 0xffff) ||
	       (view->ip_version == 4 && load_u16(data + view->l3_off + 10) == 0xffff);
}

static inline bool is_pass_port(const struct gro *gro, const uint8_t *l4)
{
	uint16_t src = load_be16(l4), dst = load_be16(l4 + 2);

	for (uint32_t i = 0; i < gro->pass_port_cnt; i++)
		if (gro->config.pass_ports[i] == src || gro->config.pass_ports[i] == dst)
			return true;
	return false;
}

/* Why a packet of a known flow passes, whatever that flow holds; GRO_REASON_CNT: it may append or be held. */
static inline enum gro_reason reason_to_pass(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *l4 = arrival->packet->data + view->l4_off;

	if (view->protocol == TCP_PROTOCOL && unlikely(l4[13] & (TCP_SYN | TCP_RST | TCP_URG))) /* R9 */
		return GRO_FLAGS;
	if (unlikely(!view->payload_len)) /* R6, R7 */
		return GRO_NO_DATA;
	if (view->protocol == UDP_PROTOCOL && unlikely(!load_u16(l4 + UDP_CSUM_OFFSET))) /* R7 */
		return GRO_NOT_SERVED;
	if (unlikely(has_ffff_checksum(arrival)) || (view->tunnel && gro_tunnel_has_ffff_checksum(*arrival)))
		return GRO_HEADER;
	if (unlikely(view->payload_len < gro->config.min_payload) ||
	    unlikely(gro->pass_port_cnt && is_pass_port(gro, l4)))
		return GRO_EXEMPT;
	if (unlikely(arrival->fragment_cnt > 1 && arrival->fragment_cnt >= gro->config.max_packets))
		return GRO_COUNT;
	return GRO_REASON_CNT;
}

/* ---- is it of the same flow (R10)? a is the head of what is held, b the packet in hand ---- */

/* Both MAC addresses, the ethertype, and 4 bytes a VLAN tag. always_inline: gcc then inlines it before other functions,
 * which saves 1 to 2 % of the instructions for IPv6, UDP and VLAN tags. */
static inline __attribute__((always_inline)) uint64_t link_diff(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint64_t diff = (load_u64(a) ^ load_u64(b)) | (load_u64(a + 6) ^ load_u64(b + 6));

	for (uint32_t off = 14; unlikely(off < len); off += 4)
		diff |= load_u32(a + off) ^ load_u32(b + off);
	return diff;
}

static inline uint64_t address_diff(const uint8_t *a, const uint8_t *b, unsigned int version)
{
	if (version == 4)
		return load_u64(a + 12) ^ load_u64(b + 12);
	return (load_u64(a + 8) ^ load_u64(b + 8)) | (load_u64(a + 16) ^ load_u64(b + 16)) |
	       (load_u64(a + 24) ^ load_u64(b + 24)) | (load_u64(a + 32) ^ load_u64(b + 32));
}

static inline uint32_t port_diff(const uint8_t *a, const uint8_t *b)
{
	return load_u32(a) ^ load_u32(b);
}

static inline uint32_t flow_label(const uint8_t *ip, unsigned int version)
{
	return version == 4 ? 0 : load_u32(ip) & __builtin_bswap32(0x000fffff);
}

/* The comparison that is cheapest and tells most comes first. */
static inline bool same_flow(const struct gro_super *super, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->head, *b = arrival->packet->data;
	const uint8_t *ip_a = a + super->l3_off, *ip_b = b + view->l3_off;

	return !port_diff(a + super->l4_off, b + view->l4_off) && super->ip_version == view->ip_version &&
	       super->protocol == view->protocol && super->tunnel == view->tunnel &&
	       !address_diff(ip_a, ip_b, view->ip_version) &&
	       flow_label(ip_a, view->ip_version) == flow_label(ip_b, view->ip_version) &&
	       (view->tunnel ? gro_tunnel_same_flow(super, *arrival) :
			       super->l3_off == view->l3_off && !link_diff(a, b, view->l3_off));
}

/* ---- does it append? what must be equal ---- */

/* R11: the IP header but for length, ID, checksum and addresses. R2: IPv6 extension headers. */
static inline uint64_t ip_diff(const uint8_t *a, const uint8_t *b, unsigned int version, uint32_t header_len)
{
	if (version == 4)
		return (load_u16(a) ^ load_u16(b)) | (load_u32(a + 6) ^ load_u32(b + 6));
	return (load_u32(a) ^ load_u32(b)) | (load_u16(a + 6) ^ load_u16(b + 6)) |
	       (header_len > IPV6_LEN && memcmp(a + IPV6_LEN, b + IPV6_LEN, header_len - IPV6_LEN));
}

/* R13: {data offset, reserved, flags, window} but for FIN and PSH, ACK number, urgent pointer, all option
 * bytes. marks: CWR may be there, if both have it. */
static inline uint64_t tcp_diff(const uint8_t *a, const uint8_t *b, uint32_t header_len, bool marks)
{
	uint64_t diff = (load_u32(a + 12) ^ load_u32(b + 12)) & ~TCP_FLAGS_WORD(TCP_FIN | TCP_PSH);

	if (!marks)
		diff |= load_u32(b + 12) & TCP_FLAGS_WORD(TCP_CWR);
	diff |= load_u32(a + 8) ^ load_u32(b + 8);
	diff |= load_u16(a + 18) ^ load_u16(b + 18);
	if (likely(header_len == 32)) /* timestamps, on nearly every connection */
		return diff | (load_u64(a + 20) ^ load_u64(b + 20)) | (load_u32(a + 28) ^ load_u32(b + 28));
	return diff | (header_len > TCP_MIN_LEN && memcmp(a + 20, b + 20, header_len - 20));
}

/* Whether a packet of the same flow differs in a header field that must be equal (R2, R11, R13, R19). */
static inline bool headers_differ(const struct gro_super *super, const struct arrival *arrival, bool marks)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *a = super->head, *b = arrival->packet->data;
	uint32_t l3_a = super->l3_off, l4_a = super->l4_off, l3_b = view->l3_off, l4_b = view->l4_off;

	return l4_a - l3_a != l4_b - l3_b || super->payload_off - l4_a != view->payload_off - l4_b ||
	       super->unfinished != arrival->unfinished || ip_diff(a + l3_a, b + l3_b, view->ip_version, l4_b - l3_b) ||
	       (view->protocol == TCP_PROTOCOL && tcp_diff(a + l4_a, b + l4_b, view->payload_off - l4_b, marks));
}

/* ---- does it append? what must follow ---- */

/* R12. marks: fixed IDs without DF can be told. */
static inline bool id_follows(uint16_t last_id, uint8_t id_mode, const uint8_t *ip, bool marks)
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

/* R16: BIG TCP has a form only for TCP directly behind an IPv6 header. */
static inline const struct gro_limits *limits_of(const struct gro *gro, const struct packet_view *view)
{
	return view->ip_version == 6 && view->protocol == TCP_PROTOCOL && !view->tunnel &&
			       view->l4_off - view->l3_off == IPV6_LEN ?
		       &gro->big_limits :
		       &gro->limits;
}

/* Why a packet with equal headers is not the next one of the superpacket, whose gso_size is size;
 * GRO_REASON_CNT: it is. */
static inline enum gro_reason reason_not_next(const struct reach *reach, uint32_t size, const struct arrival *arrival,
					      const struct gro_limits *limits, bool marks)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->l3_off;
	const uint8_t *l4 = arrival->packet->data + view->l4_off;
	uint32_t behind_link = view->tunnel ? view->outer_l3_off : view->l3_off;

	if (view->protocol == TCP_PROTOCOL && unlikely(load_be32(l4 + 4) != reach->next_seq)) /* R14 */
		return GRO_OUT_OF_SEQUENCE;
	if (view->ip_version == 4 && unlikely(!id_follows(reach->last_id, reach->id_mode, ip, marks))) /* R12 */
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

/* Why a packet of the flow of a held superpacket does not append to it; GRO_REASON_CNT: it does. */
static inline enum gro_reason reason_to_flush(const struct gro *gro, const struct gro_super *super,
					      const struct reach *reach, const struct arrival *arrival)
{
	bool marks = gro->config.marks;

	if (headers_differ(super, arrival, marks) ||
	    (arrival->view.tunnel &&
	     gro_tunnel_headers_differ(super, reach->outer_last_id, reach->outer_id_mode, *arrival, marks)))
		return GRO_HEADER;
	if (unlikely(arrival->fragment_cnt > 1) &&
	    reach->fragment_cnt + arrival->fragment_cnt > gro->config.max_packets)
		return GRO_COUNT;
	return reason_not_next(reach, super->size, arrival, limits_of(gro, &arrival->view), marks);
}

#endif
