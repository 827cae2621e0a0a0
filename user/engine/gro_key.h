/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Under which hashes a flow is held (R10, D2). Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_KEY_H
#define SUPERPACKET_GRO_KEY_H

#include "gro_rules.h"

struct flow_key {
	uint32_t hash; /* of all that R10 wants equal */
	uint32_t pair; /* of the outermost addresses and protocol (D2) */
};

static inline uint32_t pair_hash(const struct gro *gro, const uint8_t *ip, unsigned int version)
{
	return version == 4 ? flow_hash_pair(&gro->table, ip + 12, 4) : flow_hash_pair(&gro->table, ip + 8, 16);
}

/* D2 looks for what two hosts hold of one protocol, and must find that alone. If it had to walk past their
 * other flows, a sender of UDP fragments, say, could make it do so for each of them. */
static inline uint32_t pair_key(uint32_t pair, uint8_t protocol)
{
	return pair ^ protocol * 0x9e3779b1u;
}

static inline struct flow_key key_of(const struct gro *gro, const uint8_t *data, const struct packet_view *view)
{
	const uint8_t *ip = data + view->l3_off;
	uint32_t pair;

	if (view->tunnel)
		return gro_tunnel_key(gro, data, *view);
	pair = pair_hash(gro, ip, view->ip_version);
	return (struct flow_key){
		flow_hash(&gro->table, pair, load_u32(data + view->l4_off),
			  flow_label(ip, view->ip_version) | view->protocol, data, view->l3_off),
		pair_key(pair, view->protocol),
	};
}

#endif
