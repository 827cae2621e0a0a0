/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet in hand while the engine decides about it. Private to the gro files.
 *
 * Functions of other files that are called on the way of plain TCP packets take an arrival by value: its address
 * would force it out of registers.
 */
#ifndef SUPERPACKET_GRO_ARRIVAL_H
#define SUPERPACKET_GRO_ARRIVAL_H

#include "gro.h"

struct arrival {
	const struct gro_packet *packet; /* its first fragment, which has all headers */
	uint32_t fragment_cnt;
	uint32_t len; /* of all fragments */
	struct packet_view view;
	uint8_t outer_protocol; /* of the outermost IP header; view.protocol without a tunnel */
	uint8_t csum;           /* enum gro_csum: what is known of it now */
	bool unfinished;        /* its L4 checksum field holds the pseudo-header sum only */
};

/* Where its IP packet ends (the one inside a tunnel): padding is not part of it (R4). */
static inline uint32_t packet_end(const struct packet_view *view)
{
	return view->payload_off + view->payload_len;
}

#endif
