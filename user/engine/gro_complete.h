/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion: the first header of a superpacket is rewritten to cover all its packets (D7), and restored when the
 * superpacket is taken apart (V9). Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_COMPLETE_H
#define SUPERPACKET_GRO_COMPLETE_H

#include "checksum.h"
#include "gro.h"

/* A request for a single packet, or for each packet of a superpacket that was taken apart: it only says whether the
 * checksum is unfinished. */
static inline void describe_packet(struct gro_super *super)
{
	super->request = (struct gso_request){ .type = GSO_NONE };
	if (unlikely(super->unfinished)) {
		super->request.needs_csum = true;
		super->request.csum_start = super->l4_off;
		super->request.csum_offset = header_csum_offset(super->protocol);
	}
}

/* Restores what completion has overwritten in the first header. The request then describes each packet. */
void gro_restore_header(struct gro_super *super);

#endif
