/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * superpacket replay roundtrip checks on a capture what the engine promises. Each delivery is cut again; the
 * segments must be the packets that it was made of, byte for byte (S10), and leave in order (D1). Only Ethernet
 * padding is not part of a packet (R4).
 */
#ifndef TOOLS_REPLAY_ROUNDTRIP_H
#define TOOLS_REPLAY_ROUNDTRIP_H

#include "replay/engine.h"
#include "replay/order.h"

#define DIFFERENCE_LEN 256

/* The first difference that was found; text is empty as long as there is none. */
struct difference {
	uint64_t packet; /* in the capture, from 0 */
	uint32_t offset;
	char text[DIFFERENCE_LEN];
};

/* Compares the bytes of all pieces with the expected_len bytes of a packet. */
bool roundtrip_compare(const struct iovec *pieces, uint32_t cnt, const uint8_t *expected, uint32_t expected_len,
		       uint64_t packet, struct difference *difference);

/* Cuts a delivery and compares each segment with the copy of its packet. Returns false if a segment differs, or if
 * there are more or fewer segments than packets. */
bool roundtrip_check(struct sp_gso *gso, const struct engine_delivery *delivery, struct difference *difference);

#endif
