// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdlib.h>

#include "replay/order.h"

#define NO_SLOT UINT32_MAX

bool order_init(struct order *order, uint32_t slot_cnt)
{
	order->entries = calloc(slot_cnt, sizeof *order->entries);
	order->lists = malloc(slot_cnt * sizeof *order->lists);
	order->list_mask = slot_cnt - 1;
	if (!order->entries || !order->lists) {
		order_fini(order);
		return false;
	}
	memset(order->lists, 0xff, slot_cnt * sizeof *order->lists);
	return true;
}

void order_fini(struct order *order)
{
	free(order->entries);
	free(order->lists);
	*order = (struct order){ 0 };
}

static struct order_list *list_of(const struct order *order, uint64_t flow)
{
	return &order->lists[(flow >> 32) & order->list_mask];
}

void order_arrive(struct order *order, uint32_t slot, uint64_t flow)
{
	struct order_list *list = list_of(order, flow);

	order->entries[slot] = (struct order_entry){ flow, NO_SLOT };
	if (list->first == NO_SLOT)
		list->first = slot;
	else
		order->entries[list->last].next = slot;
	list->last = slot;
}

bool order_leave(struct order *order, uint32_t slot, uint32_t *older)
{
	struct order_entry *entries = order->entries;
	uint64_t flow = entries[slot].flow;
	struct order_list *list = list_of(order, flow);
	uint32_t at = list->first, before = NO_SLOT;

	*older = NO_SLOT;
	for (; at != slot; before = at, at = entries[at].next)
		if (entries[at].flow == flow && *older == NO_SLOT)
			*older = at;
	if (before == NO_SLOT)
		list->first = entries[slot].next;
	else
		entries[before].next = entries[slot].next;
	if (list->last == slot)
		list->last = before;
	return *older == NO_SLOT;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, const uint8_t *data, uint32_t len)
{
	for (; len >= 8; data += 8, len -= 8)
		hash = mix(hash, load_u64(data));
	while (len--)
		hash = mix(hash, *data++);
	return hash;
}

/* Hashes addresses, IPv6 flow label, protocol, and ports if they are known, of the packet in the view. */
static uint64_t mix_packet(uint64_t hash, const uint8_t *data, const struct packet_view *view)
{
	const uint8_t *ip = data + view->l3_off;

	if (view->class == PARSE_FOREIGN)
		return hash;
	if (view->ip_version == 4)
		hash = mix_bytes(hash, ip + 12, 8);
	else
		hash = mix(mix_bytes(hash, ip + 8, 32), load_be32(ip) & 0xfffff);
	hash = mix(hash, view->protocol);
	if (view->class >= PARSE_PORTS && view->obstacle != PARSE_IP_FRAGMENT)
		hash = mix(hash, load_u32(data + view->l4_off));
	return hash;
}

/* Hashes the tunnel header without lengths and checksums, and the inner Ethernet header: VNI, key, options and VLANs
 * distinguish flows as addresses do. */
static uint64_t mix_tunnel(uint64_t hash, const uint8_t *data, const struct packet_view *view)
{
	uint32_t off = view->outer_l4_off;

	if (view->tunnel == PARSE_GRE) {
		hash = mix_bytes(hash, data + off, 4);
		off += data[off] & 0x80 ? 8 : 4; /* RFC 2784: the checksum-present bit */
	} else if (view->tunnel != PARSE_IPIP) {
		off += 8; /* UDP; its ports are in the hash already */
	}
	return off < view->l3_off ? mix_bytes(hash, data + off, view->l3_off - off) : hash;
}

uint64_t order_flow(const uint8_t *data, uint32_t len, const struct parse_tunnels *tunnels)
{
	uint32_t link_len = parse_link_len(data, len);
	struct packet_view view;
	uint64_t hash;

	parse_packet(data, len, len, &view);
	hash = mix_bytes(0, data, link_len);
	hash = mix_packet(hash, data, &view);
	if (tunnels->enter && parse_inner(data, len, len, tunnels, &view))
		hash = mix_packet(mix_tunnel(hash, data, &view), data, &view);
	return mix(hash, 0);
}
