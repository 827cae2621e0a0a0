// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Completion (D7): what is written into the first header of a superpacket, and where the old value is kept.
 *
 *      field                       becomes                             old value
 *      IPv4 total length           that of the superpacket             saved_ip_len
 *      IPv4 header checksum        computed anew                       saved_ip_csum
 *      IPv6 payload length         that of the superpacket             saved_ip_len
 *      TCP FIN and PSH             OR-ed with the last packet's (R17)  saved_flags
 *      UDP length                  that of the superpacket             saved_l4_len
 *      TCP or UDP checksum         pseudo-header sum, NEEDS_CSUM       saved_l4_csum
 *      a tunnel's IP and UDP       the same, but a UDP checksum of 0   saved_outer_...
 *                                  stays 0 (SKB_GSO_UDP_TUNNEL_CSUM)
 *      GRE checksum                right for the finished superpacket; saved_outer_csum
 *                                  Linux leaves the first packet's
 *
 * The header of an IPv6 packet has no room for a length beyond 65535 (R16). Then all headers up to and including the
 * IPv6 header move 8 bytes to the front, into the headroom, and a jumbo payload option (RFC 2675) follows, in the
 * form in which Linux 4.19 to 6.x builds and accepts BIG TCP (ipv6_gro_complete()):
 *
 *      | Eth VLAN | IPv6, length 0, next 0 | next: TCP, 0, 0xc2, 4, length (32 bits) | TCP | payload
 *                                            \_ IPv6 payload, these 8 bytes included
 */
#include "gro_complete.h"

#include "gro_tunnel.h"

/* The header is read from the superpacket's copy, which is in the cache, and written where it came, which mostly
 * is not in the cache: nothing waits for a write. */

/* Writes an IP header's length, and in IPv4 its checksum. from: the header as it came. */
static void write_ip_length(uint8_t *ip, const uint8_t *from, unsigned int version, uint32_t l3_len,
			    uint16_t *saved_len, uint16_t *saved_csum)
{
	if (version == 4) {
		uint8_t header[20];

		*saved_len = load_u16(from + 2);
		*saved_csum = load_u16(from + 10);
		memcpy(header, from, sizeof header);
		store_be16(header + 2, (uint16_t)l3_len);
		store_u16(header + 10, 0);
		store_be16(ip + 2, (uint16_t)l3_len);
		store_u16(ip + 10, checksum_ipv4(header));
	} else {
		*saved_len = load_u16(from + 4);
		store_be16(ip + 4, (uint16_t)(l3_len - IPV6_LEN));
	}
}

static void restore_ip_length(uint8_t *ip, unsigned int version, uint16_t saved_len, uint16_t saved_csum)
{
	store_u16(ip + (version == 4 ? 2 : 4), saved_len);
	if (version == 4)
		store_u16(ip + 10, saved_csum);
}

static uint32_t inner_pseudo_sum(const struct gro_super *super)
{
	return checksum_pseudo(super->head + super->l3_off, super->ip_version, super->protocol,
			       super->len - super->l4_off);
}

static void write_l4(struct gro_super *super)
{
	const uint8_t *from = super->head + super->l4_off;
	uint8_t *l4 = super->first.data + super->l4_off;
	uint16_t pseudo = checksum_fold_partial(inner_pseudo_sum(super));

	if (super->protocol == UDP_PROTOCOL) {
		super->saved_l4_len = load_u16(from + 4);
		super->saved_l4_csum = load_u16(from + UDP_CSUM_OFFSET);
		store_be16(l4 + 4, (uint16_t)(super->len - super->l4_off));
		store_u16(l4 + UDP_CSUM_OFFSET, pseudo);
	} else {
		super->saved_flags = from[13];
		super->saved_l4_csum = load_u16(from + TCP_CSUM_OFFSET);
		l4[13] = from[13] | super->later_flags;
		store_u16(l4 + TCP_CSUM_OFFSET, pseudo);
	}
}

static void restore_l4(const struct gro_super *super)
{
	uint8_t *l4 = super->first.data + super->l4_off;

	if (super->protocol == UDP_PROTOCOL) {
		store_u16(l4 + 4, super->saved_l4_len);
		store_u16(l4 + UDP_CSUM_OFFSET, super->saved_l4_csum);
	} else {
		l4[13] = super->saved_flags;
		store_u16(l4 + TCP_CSUM_OFFSET, super->saved_l4_csum);
	}
}

/* ---- BIG TCP (R16) ---- */

static bool is_jumbo(const struct gro_super *super)
{
	return super->ip_version == 6 && super->len - super->l3_off - IPV6_LEN > 65535;
}

/* Inserts the jumbo option between the IPv6 header and TCP. There are no other extension headers. */
static void insert_jumbo(struct gro_super *super)
{
	uint32_t payload_len = super->len - super->l3_off - IPV6_LEN + JUMBO_LEN;
	uint8_t *data = super->first.data - JUMBO_LEN, *ip = data + super->l3_off, *option = ip + IPV6_LEN;

	memmove(data, super->first.data, super->l3_off + IPV6_LEN);
	super->saved_ip_len = load_u16(ip + 4);
	option[0] = ip[6];
	option[1] = 0;
	option[2] = JUMBO_OPTION;
	option[3] = 4;
	store_u32(option + 4, __builtin_bswap32(payload_len));
	ip[6] = 0; /* hop-by-hop options */
	store_u16(ip + 4, 0);
	super->lead = JUMBO_LEN;
	super->len += JUMBO_LEN;
}

static void remove_jumbo(struct gro_super *super)
{
	uint8_t *ip = super->first.data + super->l3_off;

	memmove(super->first.data, super->first.data - JUMBO_LEN, super->l3_off + IPV6_LEN);
	ip[6] = super->protocol;
	store_u16(ip + 4, super->saved_ip_len);
	super->len -= JUMBO_LEN;
	super->lead = 0;
}

/* ---- tunnels ---- */

static void write_gre_csum(struct gro_super *super, uint8_t *gre)
{
	uint16_t rest = (uint16_t)~checksum_fold_partial(inner_pseudo_sum(super));

	super->saved_outer_csum = load_u16(gre + GRE_CSUM_OFFSET);
	store_u16(gre + GRE_CSUM_OFFSET, 0);
	store_u16(gre + GRE_CSUM_OFFSET,
		  checksum_fold(checksum_add(gre, (uint32_t)super->l4_off - super->outer_l4_off, rest)));
}

/* The inner headers have been rewritten before. */
static void write_outer(struct gro_super *super)
{
	uint8_t *ip = super->first.data + super->outer_l3_off, *l4 = super->first.data + super->outer_l4_off;
	uint32_t l4_len = super->len - super->outer_l4_off;

	write_ip_length(ip, super->head + super->outer_l3_off, super->outer_version, super->len - super->outer_l3_off,
			&super->saved_outer_len, &super->saved_outer_ip_csum);
	if (has_gre_csum(super->tunnel, l4))
		write_gre_csum(super, l4);
	if (!parse_over_udp(super->tunnel))
		return;
	super->saved_outer_l4_len = load_u16(l4 + 4);
	super->saved_outer_csum = load_u16(l4 + UDP_CSUM_OFFSET);
	store_be16(l4 + 4, (uint16_t)l4_len);
	if (super->saved_outer_csum)
		store_u16(l4 + UDP_CSUM_OFFSET,
			  checksum_fold_partial(checksum_pseudo(ip, super->outer_version, UDP_PROTOCOL, l4_len)));
}

static void restore_outer(const struct gro_super *super)
{
	uint8_t *ip = super->first.data + super->outer_l3_off, *l4 = super->first.data + super->outer_l4_off;

	restore_ip_length(ip, super->outer_version, super->saved_outer_len, super->saved_outer_ip_csum);
	if (has_gre_csum(super->tunnel, l4))
		store_u16(l4 + GRE_CSUM_OFFSET, super->saved_outer_csum);
	if (!parse_over_udp(super->tunnel))
		return;
	store_u16(l4 + 4, super->saved_outer_l4_len);
	store_u16(l4 + UDP_CSUM_OFFSET, super->saved_outer_csum);
}

static void describe_outer(struct gro_super *super)
{
	super->request.inner_l3_off = super->l3_off;
	super->request.outer_l4_off = super->outer_l4_off;
	super->request.outer_version = super->outer_version;
	super->request.outer_udp = parse_over_udp(super->tunnel);
	super->request.outer_csum = has_outer_csum(super->tunnel, super->first.data + super->outer_l4_off);
	super->request.outer_fixed_id = super->outer_id_mode == GRO_ID_FIXED;
}

/* ---- all of it ---- */

static uint8_t type_of(const struct gro_super *super)
{
	if (super->protocol == UDP_PROTOCOL)
		return GSO_UDP;
	return super->ip_version == 4 ? GSO_TCPV4 : GSO_TCPV6;
}

/* Rewrites the first header of a superpacket of two or more packets, and describes the result in super->request.
 * What is overwritten is kept in super. */
static void complete_header(struct gro_super *super)
{
	uint8_t *ip = super->first.data + super->l3_off;
	bool tcp = super->protocol == TCP_PROTOCOL;

	write_l4(super);
	super->lead = 0;
	if (unlikely(is_jumbo(super)))
		insert_jumbo(super);
	else
		write_ip_length(ip, super->head + super->l3_off, super->ip_version, super->len - super->l3_off,
				&super->saved_ip_len, &super->saved_ip_csum);
	super->request = (struct gso_request){
		.type = type_of(super),
		.size = super->size,
		.needs_csum = true,
		.csum_start = super->l4_off + super->lead,
		.csum_offset = header_csum_offset(super->protocol),
		.hdr_len = super->payload_off + super->lead,
		.fixed_id = super->id_mode == GRO_ID_FIXED,
		.accecn = tcp && (super->head[super->l4_off + 13] & TCP_CWR), /* R13: all packets have it */
	};
	if (super->tunnel != PARSE_NO_TUNNEL) {
		write_outer(super);
		describe_outer(super);
	}
}

/* Length of the one packet, with its padding (D5). */
static uint32_t frame_len(const struct gro *gro, const struct gro_super *super)
{
	const struct gro_block *block = &gro->blocks[super->first_block];
	uint32_t len = super->first.len;

	for (uint32_t i = 0; i + 1 < super->fragment_cnt; i++) {
		if (i && i % GRO_BLOCK_SEGMENTS == 0)
			block = &gro->blocks[block->next];
		len += block->segments[i % GRO_BLOCK_SEGMENTS].len;
	}
	return len;
}

void gro_complete_delivery(struct gro *gro, struct gro_super *super)
{
	if (super->packet_cnt > 1) {
		complete_header(super);
		gro->flushes[super->reason]++;
	} else {
		super->len = frame_len(gro, super);
		describe_packet(super);
		gro->singles[super->reason]++;
	}
}

void gro_restore_header(struct gro_super *super)
{
	if (super->lead)
		remove_jumbo(super);
	else
		restore_ip_length(super->first.data + super->l3_off, super->ip_version, super->saved_ip_len,
				  super->saved_ip_csum);
	restore_l4(super);
	if (super->tunnel != PARSE_NO_TUNNEL)
		restore_outer(super);
	describe_packet(super);
}
