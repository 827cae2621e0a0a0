/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef TESTS_LONG_WAY_H
#define TESTS_LONG_WAY_H

#include "engine/gro.h"

/* gro_offer(), but every packet is walked by parse_packet() and judged by the rules as they are written in
 * words: no packet is guessed to continue a superpacket, none is parsed as plain, no key is made in advance. */
uint32_t long_way_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns);

#endif
