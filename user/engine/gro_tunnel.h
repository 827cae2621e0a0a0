/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reassembly inside tunnels (R19): what the other gro files ask when a packet's view says that it is in one. The
 * outer IP header obeys R3, R11 and R12 as the inner one does, and between the two all bytes are part of the flow
 * (R10), but for lengths and checksums:
 *
 *      | Eth VLAN | outer IP ext | UDP: ports, length, checksum | VXLAN ... Eth VLAN | IP TCP   | payload
 *      |  equal   | R11, R12     |      equal      differ       |       equal        | as ever
 *                                | GRE: flags, checksum, key    | Eth VLAN           |
 *                                |      equal  differs   equal  |       equal        |
 *
 * Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_TUNNEL_H
#define SUPERPACKET_GRO_TUNNEL_H

#include "gro.h"
#include "gro_checksum.h"

struct flow_key;

static inline bool has_gre_csum(uint8_t tunnel, const uint8_t *gre)
{
	return tunnel == PARSE_GRE && (load_be16(gre) & GRE_CSUM);
}

/* R19: whether the outer UDP checksum is there. */
static inline bool has_outer_csum(uint8_t tunnel, const uint8_t *outer_l4)
{
	return parse_over_udp(tunnel) && load_u16(outer_l4 + UDP_CSUM_OFFSET);
}

/* The bit of gro_config.merge that merges within a tunnel of this kind. */
static inline uint32_t tunnel_merge_bit(uint8_t tunnel)
{
	static const uint8_t bits[] = {
		[PARSE_NO_TUNNEL] = 0,       [PARSE_VXLAN] = GRO_MERGE_VXLAN, [PARSE_GENEVE] = GRO_MERGE_GENEVE,
		[PARSE_GRE] = GRO_MERGE_GRE, [PARSE_IPIP] = GRO_MERGE_IPIP,
	};

	return bits[tunnel];
}

/* The tunnels that an engine of this configuration enters. */
struct parse_tunnels gro_tunnels_of(const struct gro_config *config);

/*
 * Makes the arrival that of the packet inside, if it is in a tunnel that is entered; else leaves it as it is.
 * False where it cannot be told what is inside, or cannot be handed on as such: then arrival is the outer
 * packet, and may be of any flow in this tunnel.
 */
bool gro_tunnel_enter(const struct gro *gro, struct arrival *arrival);

/* Whether a datagram's payload decides if it is a tunnel's packet. */
static inline bool is_to_tunnel_port(const struct gro *gro, const uint8_t *udp)
{
	const struct parse_tunnels *tunnels = &gro->tunnels;
	uint16_t port = load_be16(udp + 2);

	return (port == tunnels->vxlan_port && tunnels->enter & PARSE_TUNNEL_BIT(PARSE_VXLAN)) ||
	       (port == tunnels->geneve_port && tunnels->enter & PARSE_TUNNEL_BIT(PARSE_GENEVE));
}

/* key_of() a packet in a tunnel. */
struct flow_key gro_tunnel_key(const struct gro *gro, const uint8_t *data, struct packet_view view);

/* The part of same_flow() that the tunnel is. */
bool gro_tunnel_same_flow(const struct gro_super *super, struct arrival arrival);

/* R19: R11 and R12 of the outer IP header; its UDP checksum there on both or on none. */
bool gro_tunnel_headers_differ(const struct gro_super *super, uint16_t outer_last_id, uint8_t outer_id_mode,
			       struct arrival arrival, bool marks);

/* As has_ffff_checksum(), of the outer headers. */
bool gro_tunnel_has_ffff_checksum(struct arrival arrival);

/* As checksum_state(), of both packets (R3, R8, R19). Nobody else has verified anything of the packet inside. */
enum csum_state gro_tunnel_checksum_state(struct arrival arrival, bool accept_unfinished);

#endif
