/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which superpackets end because of other packets than their flow's. Private to the gro files; gro.h has the
 * flushes that callers ask for.
 */
#ifndef SUPERPACKET_GRO_FLUSH_H
#define SUPERPACKET_GRO_FLUSH_H

#include "gro_arrival.h"

/* D2: a packet of unknown flow must not overtake any flow that may be its own. Flushes what is held between its
 * (outermost) addresses under its protocol, or under any if its protocol is unknown; in order of age (D6). */
void gro_flush_pair(struct gro *gro, const struct arrival *arrival, enum gro_reason reason);

/* D3: the table is full. Flushes the oldest, or all if the configuration says so. */
void gro_flush_for_room(struct gro *gro);

/* With gro_config.adaptive: what the end of a superpacket says of its flow (habit.h). */
void gro_learn_habit(struct gro *gro, const struct gro_super *super, enum gro_reason reason);

#endif
