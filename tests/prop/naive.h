/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Segmentation in the simplest way: copies all headers, sets each field anew, computes each checksum from scratch. It
 * shares no code with gso.c, which is compared with it (S2-S7).
 */
#ifndef TESTS_NAIVE_H
#define TESTS_NAIVE_H

#include "judge.h"

/*
 * Sets all lengths and checksums of a frame of len bytes, innermost first, as its sender would. first says where the
 * headers are. outer_csum: whether a tunnel's UDP header has a checksum.
 */
void naive_finish(uint8_t *frame, const struct judged *first, uint32_t len, bool outer_csum);

/* The same of the headers of a tunnel alone. */
void naive_finish_outer(uint8_t *frame, const struct judged_level *outer, uint32_t len, bool csum);

/*
 * Makes the checksums of a frame right again, innermost first. found: what judge() says of it as it is. A UDP
 * checksum of 0 stays, and so does what is not whole.
 */
void naive_repair(uint8_t *frame, const struct judged *found);

/*
 * Segment idx of the superpacket of len bytes at super, whose headers lie where those of its first
 * packet were. Written to frame; returns its length.
 */
uint32_t naive_segment(const uint8_t *super, uint32_t len, const struct judged *first,
		       const struct gso_request *request, uint32_t idx, uint8_t *frame);

#endif
