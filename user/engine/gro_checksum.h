/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether the checksums of a packet are right (R3, R8). In tunnels: gro_tunnel.h. Whether a sender's unfinished ones
 * are believed: gro_unfinished.h. Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_CHECKSUM_H
#define SUPERPACKET_GRO_CHECKSUM_H

#include "checksum.h"
#include "gro_arrival.h"
#include "gro_fragments.h"

enum csum_state {
	CSUM_RIGHT,
	CSUM_WRONG,
	CSUM_UNFINISHED, /* the field holds the pseudo-header sum */
	CSUM_NONE,       /* a UDP checksum of 0: none was sent (R7) */
};

static inline uint32_t sum_bytes(const struct arrival *arrival, uint32_t off, uint32_t end)
{
	if (likely(arrival->fragment_cnt == 1))
		return checksum_add(arrival->packet->data + off, end - off, 0);
	return gro_fragments_sum(arrival->packet, arrival->fragment_cnt, off, end);
}

static inline uint32_t pseudo_sum(const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;

	return checksum_pseudo(arrival->packet->data + view->l3_off, view->ip_version, view->protocol,
			       packet_end(view) - view->l4_off);
}

static inline enum csum_state l4_checksum(const struct arrival *arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival->view;
	uint32_t csum_offset = view->protocol == UDP_PROTOCOL ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET;
	uint16_t field = load_u16(arrival->packet->data + view->l4_off + csum_offset);
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

/* Of a packet outside tunnels. An L4 checksum that somebody else has verified is not summed again. */
static inline enum csum_state checksum_state(const struct arrival *arrival, bool accept_unfinished)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	if (view->ip_version == 4 && unlikely(!checksum_ipv4_right(data + view->l3_off))) /* R3 */
		return CSUM_WRONG;
	if (arrival->packet->csum != GRO_CSUM_VERIFIED) /* R8 */
		return l4_checksum(arrival, accept_unfinished);
	return view->protocol == UDP_PROTOCOL && !load_u16(data + view->l4_off + UDP_CSUM_OFFSET) ? CSUM_NONE :
												    CSUM_RIGHT;
}

#endif
