/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion: the first header of a superpacket is amended to cover all (D7), and made what it was
 * again (V9). For gro.c and gro_delivery.c alone.
 */
#ifndef SUPERPACKET_GRO_COMPLETE_H
#define SUPERPACKET_GRO_COMPLETE_H

#include "checksum.h"
#include "gro.h"

/* The request of a packet alone, or of each, says no more than whether its checksum is unfinished. */
static inline void describe_packet(struct gro_super *super)
{
	super->request = (struct gso_request){ .type = GSO_NONE };
	if (unlikely(super->unfinished)) {
		super->request.needs_csum = true;
		super->request.csum_start = super->l4_off;
		super->request.csum_offset = super->protocol == UDP_PROTOCOL ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET;
	}
}

/* Takes back what completion has written into the first header. The request then describes each packet. */
void gro_restore_header(struct gro_super *super);

#endif
