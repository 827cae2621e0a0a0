/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The headers of a superpacket, as a template can be made from them: found, and compared with what
 * the request says about them (S1, S6, S7, V1-V5). All judgement of the packet is here.
 */
#ifndef SUPERPACKET_GSO_HEAD_H
#define SUPERPACKET_GSO_HEAD_H

#include "gso.h"

/* The hop-by-hop header of a jumbogram, with nothing in it but its length. */
#define GSO_JUMBO_LEN 8u

struct gso_head {
	const uint8_t *data;     /* the headers: those of the superpacket, or the copy */
	struct packet_view view; /* of data; payload_len is that of the superpacket */
	uint32_t payload_off;    /* of the superpacket */
	uint32_t payload_len;    /* GSO_UNKNOWN: not known */
	/* Where lengths say nothing or a header is left out, the headers are copied and mended. */
	uint8_t copy[HEADER_SLOT_LEN + GSO_JUMBO_LEN];
};

/*
 * Reads the headers at data, where the first linear_len of len bytes are (len GSO_UNKNOWN: not known);
 * the request has a type. False: malformed. The head points into itself: it is not to be copied.
 */
bool gso_head_read(struct gso_head *head, const struct gso_request *request, const uint8_t *data,
		   uint32_t linear_len, uint32_t len);

/* S7: the view of the packet that request describes, in a tunnel or not. */
bool gso_head_view(const struct gso_request *request, const uint8_t *data, uint32_t linear_len,
		   uint32_t len, struct packet_view *view);

#endif
