/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets that come in several fragments (XDP_PKT_CONTD), as few do: the parts of checksums and superpackets that
 * concern the fragments behind the first. Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_FRAGMENTS_H
#define SUPERPACKET_GRO_FRAGMENTS_H

#include "gro_arrival.h"

struct reach;

/* Fragments of the packet that begins here; 0: it is not complete, or has too many. */
uint32_t gro_fragments_count(const struct gro_packet *packets, uint32_t cnt);

/* Checksum over the bytes of a packet from off to end. */
uint32_t gro_fragments_sum(const struct gro_packet *packets, uint32_t cnt, uint32_t off, uint32_t end);

/* Gives a superpacket that has just begun with a packet's first fragment the others. */
void gro_fragments_begin(struct gro *gro, struct gro_super *super, const struct gro_packet *packets, uint32_t cnt);

/* Appends the fragments behind the first one of a packet. */
void gro_fragments_append(struct gro *gro, struct gro_super *super, struct reach *reach,
			  const struct gro_packet *packets, uint32_t cnt);

#endif
