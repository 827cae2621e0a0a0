/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Segmentation of a superpacket that comes in fragments (S11): segments are taken as soon as
 * their bytes are there, while the rest is still on its way; what only the last segment carries
 * (FIN, PSH, a short length) waits for it.
 *
 *      gso_stream_open(head)    the headers, and what of the payload came with them
 *      gso_stream_add(fragment) some more payload, in any memory
 *      gso_stream_ready()       whether the next segment's bytes are all there
 *      gso_stream_next(slot)    its header into the slot, its payload as slices of the fragments
 *      gso_stream_end()         where the length was not known before: this was all
 *
 * Nothing is copied but headers; fragments stay where they are until the segments that need them
 * have left. The segments are byte for byte those that gso.h cuts from the whole superpacket.
 */
#ifndef SUPERPACKET_GSO_STREAM_H
#define SUPERPACKET_GSO_STREAM_H

#include <sys/uio.h>

#include "gso.h"

/* Fragments added and not yet used up by segments, at most. */
#define GSO_STREAM_FRAGMENTS 64u

struct gso_stream {
	struct gso gso;           /* private: template and progress; data is unused */
	struct iovec fragments[GSO_STREAM_FRAGMENTS]; /* private: ring, of what is not yet cut */
	uint32_t first, cnt;      /* private: of the ring */
	uint32_t have;            /* private: payload bytes added and not yet cut */
	uint32_t left;            /* private: payload bytes not yet cut, to come ones too, if known */
	uint32_t limit;           /* private: while that is not known, how many they may be at most */
	bool ended;               /* private */
};

/*
 * Opens a superpacket whose headers, and perhaps the begin of its payload, are the head_len bytes at
 * head. len is the length of the whole superpacket, headers included; 0: not known, the IP length
 * field says nothing and gso_stream_end() will tell. Verdicts are those of gso_open(); GSO_ORDINARY
 * only where len says that one segment is enough, and GSO_MALFORMED where nobody says of what type
 * a packet of unknown length is. With len unknown the pseudo-header is summed from scratch: see
 * gso_open_head().
 */
enum gso_verdict gso_stream_open(struct gso_stream *stream, const struct gso_request *request,
				 const uint8_t *head, uint32_t head_len, uint32_t len,
				 uint32_t frame_max, enum header_checksum mode);

/*
 * Adds the next fragment of payload; len 0 adds nothing. Bytes beyond the superpacket's length, or
 * behind its end, are ignored, as gso_open() ignores them. Returns false, taking nothing, while no more
 * fragments fit: take segments first. Where the length is not known, also when payload would come
 * to more than GSO_UDP_SEGMENTS_MAX datagrams (S6), or with TCP to more than sequence numbers tell apart:
 * taking segments does not help then, since whoever sends so much did not send one superpacket.
 */
bool gso_stream_add(struct gso_stream *stream, const void *data, uint32_t len);

/* No more will come. Where the length was known and bytes are missing, the rest is never ready. */
void gso_stream_end(struct gso_stream *stream);

/* Whether the next segment can be taken. Where the length is not known, a full segment waits for a
 * byte more or the end: only then can be told whether it is the last. */
bool gso_stream_ready(const struct gso_stream *stream);

/* Whether all segments were taken. */
bool gso_stream_done(const struct gso_stream *stream);

/*
 * Takes the next segment, which is ready: writes its header (stream->gso.hdr_len bytes) into slot, and
 * the slices of its payload, in order, into slices (room for max). Returns how many, or 0 when max is
 * too small: then nothing was taken. Headers that ended without payload are one segment, with one
 * slice of length 0.
 */
uint32_t gso_stream_next(struct gso_stream *stream, uint8_t *slot, struct iovec *slices, uint32_t max);

#endif
