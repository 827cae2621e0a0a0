/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion: the first header of a superpacket is amended to cover all (D7), and made what it was
 * again (V9). For gro.c and gro_delivery.c alone.
 */
#ifndef SUPERPACKET_GRO_COMPLETE_H
#define SUPERPACKET_GRO_COMPLETE_H

#include "gro.h"

/* Amends the first header of a superpacket of two packets or more, and says in super->request what it
 * has become. What is overwritten is kept in super. */
void gro_complete_header(struct gro_super *super);

/* Takes that back. The request then describes each packet. */
void gro_restore_header(struct gro_super *super);

#endif
