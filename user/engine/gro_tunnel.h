/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a tunnel adds to the rules (R19): the outer IP header obeys R3, R11 and R12 as the inner one does,
 * and between the two all bytes are the flow's (R10), but for lengths and checksums:
 *
 *      | Eth VLAN | outer IP ext | UDP: ports, length, checksum | VXLAN ... Eth VLAN | IP TCP | payload
 *      |  equal   | R11, R12     |      equal      differ       |       equal        |  as ever
 *                                | GRE: flags, checksum, key    | Eth VLAN           |
 *                                |      equal  differs   equal  |       equal        |
 *
 * For gro_rules.h and gro.c alone.
 */
#ifndef SUPERPACKET_GRO_TUNNEL_H
#define SUPERPACKET_GRO_TUNNEL_H

#include "checksum.h"
#include "gro.h"

#define GRE_CSUM_BIT 0x80u /* in the first byte */
#define GRE_CSUM_OFFSET 4u

static inline bool is_over_udp(uint8_t tunnel)
{
	return tunnel == PARSE_VXLAN || tunnel == PARSE_GENEVE;
}

static inline bool has_gre_csum(uint8_t tunnel, const uint8_t *gre)
{
	return tunnel == PARSE_GRE && (gre[0] & GRE_CSUM_BIT);
}

/* Bytes behind the first four of the tunnel's header that differ from packet to packet. */
static inline uint32_t tunnel_gap(uint8_t tunnel, const uint8_t *outer_l4)
{
	if (is_over_udp(tunnel))
		return 4;
	return has_gre_csum(tunnel, outer_l4) ? 2 : 0;
}

/* R10: everything from the outer UDP or GRE header to the IP header inside, len bytes. */
static inline bool same_tunnel_header(uint8_t tunnel, const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t rest;

	if (len < 4) /* IP in IP: 0 */
		return true;
	rest = 4 + tunnel_gap(tunnel, a);
	return load_u32(a) == load_u32(b) && !memcmp(a + rest, b + rest, len - rest);
}

/* The same bytes in a hash. */
static inline uint32_t hash_tunnel_header(const struct flow_table *table, uint32_t hash, uint8_t tunnel,
					  const uint8_t *outer_l4, uint32_t len)
{
	uint32_t rest;

	if (len < 4)
		return hash;
	rest = 4 + tunnel_gap(tunnel, outer_l4);
	hash = flow_hash_more(table, hash, outer_l4, 4);
	return flow_hash_more(table, hash, outer_l4 + rest, len - rest);
}

/* R19: whether the outer UDP checksum is there. */
static inline bool has_outer_csum(uint8_t tunnel, const uint8_t *outer_l4)
{
	return is_over_udp(tunnel) && load_u16(outer_l4 + UDP_CSUM_OFFSET);
}

#endif
