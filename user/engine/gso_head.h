/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The headers of a superpacket: finds them, checks them against the request (S1, S6, S7, V1-V5), and
 * gives them the form that header_prepare() makes a template from.
 */
#ifndef SUPERPACKET_GSO_HEAD_H
#define SUPERPACKET_GSO_HEAD_H

#include "gso.h"

struct gso_head {
	const uint8_t *data;     /* the headers: those of the superpacket, or the copy */
	struct packet_view view; /* of data; payload_len is that of the superpacket */
	uint32_t payload_off;    /* of the superpacket */
	uint32_t payload_len;    /* GSO_UNKNOWN: not known */
	/* Headers without valid lengths, or with the jumbo header, are copied here and corrected. */
	uint8_t copy[HEADER_SLOT_LEN + JUMBO_LEN];
};

/*
 * Reads the headers of a superpacket of len bytes (or GSO_UNKNOWN), of which the first linear_len are at
 * data. The request has a type other than GSO_NONE. Returns false if it is malformed. The head may point
 * into itself, so it must not be copied.
 */
bool gso_head_read(struct gso_head *head, const struct gso_request *request, const uint8_t *data, uint32_t linear_len,
		   uint32_t len);

/* S7: parses the packet that request describes, in a tunnel or not. Returns false if there is no tunnel
 * where the request says there is one. */
bool gso_head_view(const struct gso_request *request, const uint8_t *data, uint32_t linear_len, uint32_t len,
		   struct packet_view *view);

#endif
