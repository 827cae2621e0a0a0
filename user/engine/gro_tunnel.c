// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly inside tunnels (R19).
 */
#include "gro_tunnel.h"

#include "gro_key.h"

/* ---- entering ---- */

/* Where unfinished checksums are accepted, all tunnels are entered: the packet inside has to be handed on as
 * unfinished whether it merges or not. */
struct parse_tunnels gro_tunnels_of(const struct gro_config *config)
{
	uint32_t merge = config->accept_unfinished ? GRO_MERGE_ALL : config->merge;
	struct parse_tunnels tunnels = {
		.vxlan_port = config->vxlan_port ? config->vxlan_port : VXLAN_PORT,
		.geneve_port = config->geneve_port ? config->geneve_port : GENEVE_PORT,
	};

	for (uint8_t tunnel = PARSE_VXLAN; tunnel <= PARSE_IPIP; tunnel++)
		if (merge & tunnel_merge_bit(tunnel))
			tunnels.enter |= PARSE_TUNNEL_BIT(tunnel);
	return tunnels;
}

/* A tunnel's unfinished UDP checksum has to be handed on as such, and a packet has room for one such checksum
 * only. (One in 65536 of the right ones looks so.) */
static bool is_outer_unfinished(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	uint16_t field;

	if (!gro->config.accept_unfinished || view->class != PARSE_UDP)
		return false;
	field = load_u16(arrival->packet->data + view->l4_off + UDP_CSUM_OFFSET);
	return field && field == checksum_fold_partial(pseudo_sum(arrival));
}

/* Of a packet in several fragments, whose inner headers may go on in the second. */
static bool may_be_tunnel(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	uint16_t port;

	if (view->class != PARSE_UDP)
		return view->obstacle == PARSE_L4_OTHER;
	port = load_be16(arrival->packet->data + view->l4_off + 2);
	return port == gro->tunnels.vxlan_port || port == gro->tunnels.geneve_port;
}

bool gro_tunnel_enter(const struct gro *gro, struct arrival *arrival)
{
	const struct gro_packet *packet = arrival->packet;
	struct packet_view inner;

	if (arrival->view.class == PARSE_UDP) {
		const uint8_t *udp = packet->data + arrival->view.l4_off;

		if ((arrival->fragment_cnt == 1 && !is_to_tunnel_port(gro, udp)) || is_pass_port(gro, udp))
			return true;
	}
	inner = arrival->view;
	if (!parse_inner(packet->data, packet->len, arrival->len, &gro->tunnels, &inner) ||
	    (arrival->fragment_cnt > 1 && inner.class < PARSE_TCP))
		return arrival->fragment_cnt == 1 || !may_be_tunnel(gro, arrival);
	if (is_outer_unfinished(gro, arrival))
		return false;
	arrival->view = inner;
	return true;
}

/* ---- flows (R10) ---- */

/* Bytes behind the first four of the tunnel's header that differ from packet to packet. */
static uint32_t differing_len(uint8_t tunnel, const uint8_t *outer_l4)
{
	if (parse_over_udp(tunnel))
		return 4;
	return has_gre_csum(tunnel, outer_l4) ? 2 : 0;
}

/* Everything from the outer UDP or GRE header to the IP header inside, len bytes. */
static bool same_tunnel_header(uint8_t tunnel, const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t rest;

	if (len < 4) /* IP in IP: 0 */
		return true;
	rest = 4 + differing_len(tunnel, a);
	return load_u32(a) == load_u32(b) && !memcmp(a + rest, b + rest, len - rest);
}

bool gro_tunnel_same_flow(const struct gro_super *super, struct arrival arrival)
{
	const struct packet_view *view = &arrival.view;
	const uint8_t *a = super->head, *b = arrival.packet->data;
	const uint8_t *ip_a = a + super->outer_l3_off, *ip_b = b + view->outer_l3_off;
	unsigned int version = view->outer_version;
	uint32_t len = (uint32_t)view->l3_off - view->outer_l4_off;

	return super->outer_version == version && super->outer_l3_off == view->outer_l3_off &&
	       !address_diff(ip_a, ip_b, version) && flow_label(ip_a, version) == flow_label(ip_b, version) &&
	       !link_diff(a, b, view->outer_l3_off) && (uint32_t)super->l3_off - super->outer_l4_off == len &&
	       same_tunnel_header(view->tunnel, a + super->outer_l4_off, b + view->outer_l4_off, len);
}

static uint8_t outer_protocol(const struct packet_view *view)
{
	if (view->tunnel == PARSE_GRE)
		return GRE_PROTOCOL;
	if (view->tunnel == PARSE_IPIP)
		return view->ip_version == 4 ? IPV4_PROTOCOL : IPV6_PROTOCOL;
	return UDP_PROTOCOL;
}

/* The bytes that gro_tunnel_same_flow() and same_flow() compare, in as few pieces as possible. */
struct flow_key gro_tunnel_key(const struct gro *gro, const uint8_t *data, struct packet_view view)
{
	const uint8_t *outer = data + view.outer_l3_off, *outer_l4 = data + view.outer_l4_off, *ip = data + view.l3_off;
	uint32_t pair = pair_hash(gro, outer, view.outer_version), len = (uint32_t)view.l3_off - view.outer_l4_off;
	uint32_t hash = flow_hash(&gro->table, pair, load_u32(data + view.l4_off),
				  flow_label(ip, view.ip_version) | view.protocol, data, view.outer_l3_off);
	uint32_t rest = 4 + differing_len(view.tunnel, outer_l4);
	uint8_t piece[8 + 32];

	store_u32(piece, flow_label(outer, view.outer_version) | view.tunnel);
	store_u32(piece + 4, len ? load_u32(outer_l4) : 0); /* IP in IP has no header */
	if (view.ip_version == 4)
		memcpy(piece + 8, ip + 12, 8);
	else
		memcpy(piece + 8, ip + 8, 32);
	hash = flow_hash_more(&gro->table, hash, piece, view.ip_version == 4 ? 16 : 40);
	if (len)
		hash = flow_hash_more(&gro->table, hash, outer_l4 + rest, len - rest);
	return (struct flow_key){ hash, pair_key(pair, outer_protocol(&view)) };
}

/* ---- headers ---- */

bool gro_tunnel_headers_differ(const struct gro_super *super, uint16_t outer_last_id, uint8_t outer_id_mode,
			       struct arrival arrival, bool marks)
{
	const struct packet_view *view = &arrival.view;
	const uint8_t *a = super->head, *b = arrival.packet->data;
	const uint8_t *l4_a = a + super->outer_l4_off, *l4_b = b + view->outer_l4_off;
	const uint8_t *ip = b + view->outer_l3_off;

	return super->outer_l4_off != view->outer_l4_off ||
	       ip_diff(a + super->outer_l3_off, ip, view->outer_version,
		       (uint32_t)view->outer_l4_off - view->outer_l3_off) || /* R11 */
	       has_outer_csum(view->tunnel, l4_a) != has_outer_csum(view->tunnel, l4_b) ||
	       (view->outer_version == 4 && !id_follows(outer_last_id, outer_id_mode, ip, marks)); /* R12 */
}

/* ---- checksums ---- */

bool gro_tunnel_has_ffff_checksum(struct arrival arrival)
{
	const struct packet_view *view = &arrival.view;
	const uint8_t *data = arrival.packet->data, *l4 = data + view->outer_l4_off;

	return (view->outer_version == 4 && load_u16(data + view->outer_l3_off + 10) == 0xffff) ||
	       (has_gre_csum(view->tunnel, l4) && load_u16(l4 + GRE_CSUM_OFFSET) == 0xffff);
}

/*
 * Where the checksum inside is right, or will be once it is finished, the bytes from the inner L4 header on sum
 * to the complement of its pseudo-header sum, and need not be summed again (local checksum offload, as Linux
 * calls it). An inner UDP packet without a checksum tells nothing of its bytes.
 */
static bool outer_checksums_right(const struct arrival *arrival, enum csum_state inner)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->outer_l3_off;
	const uint8_t *l4 = arrival->packet->data + view->outer_l4_off;
	uint32_t headers_len = (uint32_t)view->l4_off - view->outer_l4_off, sum;

	if (view->outer_version == 4 && !checksum_ipv4_right(ip)) /* R3 */
		return false;
	if (!has_outer_csum(view->tunnel, l4) && !has_gre_csum(view->tunnel, l4))
		return true;
	if (arrival->packet->csum == GRO_CSUM_VERIFIED)
		return true;
	if (inner == CSUM_NONE)
		sum = sum_bytes(arrival, view->outer_l4_off, packet_end(view));
	else
		sum = checksum_add(l4, headers_len, (uint16_t)~checksum_fold_partial(pseudo_sum(arrival)));
	if (parse_over_udp(view->tunnel))
		sum = checksum_combine(sum, checksum_pseudo(ip, view->outer_version, UDP_PROTOCOL,
							    packet_end(view) - view->outer_l4_off));
	return checksum_fold(sum) == 0;
}

enum csum_state gro_tunnel_checksum_state(struct arrival arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival.view;
	enum csum_state state;

	if (view->ip_version == 4 && !checksum_ipv4_right(arrival.packet->data + view->l3_off)) /* R3 */
		return CSUM_WRONG;
	state = l4_checksum(&arrival, accept_unfinished);
	if (state != CSUM_WRONG && !outer_checksums_right(&arrival, state))
		return CSUM_WRONG;
	return state;
}
