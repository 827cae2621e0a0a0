/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Segmentation of a superpacket that comes in fragments (S11): each segment can be taken as soon as its
 * bytes are there, while the rest is still on its way. What only the last segment carries (FIN, PSH, a
 * short length) waits for the end.
 *
 *      gso_stream_open(head)    the headers, and the payload that came with them
 *      gso_stream_add(fragment) some more payload, in any memory
 *      gso_stream_ready()       whether the next segment's bytes are all there
 *      gso_stream_next(slot)    its header into the slot, its payload as slices of the fragments
 *      gso_stream_end()         no more will come, if the length was not known before
 *
 * Only headers are copied. Fragments must stay unchanged where they are until the segments that need them
 * have been sent. The segments are byte for byte those that gso.h cuts from the whole superpacket.
 */
#ifndef SUPERPACKET_GSO_STREAM_H
#define SUPERPACKET_GSO_STREAM_H

#include <sys/uio.h>

#include "gso.h"

/* Most fragments that can be waiting: added, and not yet used up by segments. */
#define GSO_STREAM_FRAGMENTS 64u

struct gso_stream {
	struct gso gso;                               /* private: template and progress; data is unused */
	struct iovec fragments[GSO_STREAM_FRAGMENTS]; /* private: ring of those that are not yet cut */
	uint32_t first, cnt;                          /* private: of the ring */
	uint32_t have;                                /* private: payload bytes added and not yet cut */
	uint32_t left;  /* private: length known: payload bytes not yet cut, added or still to come */
	uint32_t limit; /* private: length unknown: most payload bytes that may still be cut */
	bool ended;     /* private */
};

/*
 * Opens a superpacket. Its headers, and perhaps the beginning of its payload, are the head_len bytes at
 * head. len is the length of the whole superpacket, headers included. 0 means that it is not known: then
 * the IP length field is ignored, gso_stream_end() marks the end, and the pseudo-header is summed from
 * scratch (see gso_open_head()). The verdicts are those of gso_open(); GSO_ORDINARY is only possible with
 * a known length, and a request without a type needs one, else it is GSO_MALFORMED.
 */
enum gso_verdict gso_stream_open(struct gso_stream *stream, const struct gso_request *request, const uint8_t *head,
				 uint32_t head_len, uint32_t len, uint32_t frame_max, enum header_checksum mode);

/*
 * Adds the next fragment of payload; len 0 adds nothing. Bytes beyond the superpacket's length, or after
 * its end, are ignored, as gso_open() ignores them. Returns false, and takes nothing, in two cases: no more
 * fragments fit (take segments first); or the length is not known and the payload would exceed
 * GSO_UDP_SEGMENTS_MAX datagrams (S6), or the range of TCP sequence numbers. Taking segments does not help
 * in the second case: so much data is not one superpacket.
 */
bool gso_stream_add(struct gso_stream *stream, const void *data, uint32_t len);

/* Says that no more will come. If the length was known and bytes are missing, the rest never gets ready. */
void gso_stream_end(struct gso_stream *stream);

/* Whether the next segment can be taken. If the length is not known, a full segment waits for one more byte
 * or the end, because only then is it known whether it is the last. */
bool gso_stream_ready(const struct gso_stream *stream);

/* Whether all segments were taken. */
bool gso_stream_done(const struct gso_stream *stream);

/*
 * Takes the next segment, which must be ready: writes its header (stream->gso.hdr_len bytes) into slot, and
 * the slices of its payload, in order, into slices (room for max). Returns the number of slices, or 0 when
 * max is too small; then nothing was taken. Headers that end without payload are one segment, with one
 * slice of length 0.
 */
uint32_t gso_stream_next(struct gso_stream *stream, uint8_t *slot, struct iovec *slices, uint32_t max);

#endif
