/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets that are delivered alone, unmodified (D5). Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_PASS_H
#define SUPERPACKET_GRO_PASS_H

#include "gro_arrival.h"

/* What its flow holds has been flushed (D1). */
void gro_pass(struct gro *gro, struct arrival arrival, enum gro_reason reason);

/* A packet that is no candidate, behind everything that may be of its flow (D2). */
void gro_pass_foreign(struct gro *gro, struct arrival arrival);

/* A packet with a wrong checksum. Its addresses or ports may be what is wrong, so everything between its hosts goes
 * first (D2). */
void gro_pass_wrong(struct gro *gro, struct arrival arrival);

#endif
