/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Prefetching for bursts of many flows. With many flows held, what a packet needs is in no cache. So it is prefetched
 * for AHEAD_PACKETS packets at once, each step on the way to it for all of them, and the misses of different packets
 * overlap. It only asks for memory and decides nothing. Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_AHEAD_H
#define SUPERPACKET_GRO_AHEAD_H

#include "gro_key.h"

/* 16 at once are 5 % slower; more than 64 would push each other out of the first-level cache. */
#define AHEAD_PACKETS 64u

/* With fewer flows held it costs more than it gains. */
#define AHEAD_FLOWS 512u

/* What is known of packets from..end of a burst. */
struct ahead {
	uint32_t from, end;
	struct flow_key keys[AHEAD_PACKETS]; /* of plain TCP (parse_plain()); of others 0 */
};

/* Prefetches for the packets that begin with from, at most AHEAD_PACKETS of them. */
void gro_ahead_prefetch(const struct gro *gro, const struct gro_packet *packets, uint32_t from, uint32_t end,
			struct ahead *ahead);

#endif
