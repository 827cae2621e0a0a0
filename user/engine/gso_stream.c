// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The ring holds the fragments that were added and not cut yet, in order; the first one shrinks as
 * segments take from it. Which segment is the last is known when the number of segments is: from the start
 * if the length was given, else from the end on.
 */
#include "gso_stream.h"
#include "header_patch.h"

static bool len_known(const struct gso_stream *stream)
{
	return stream->gso.seg_cnt != GSO_UNKNOWN;
}

/* Callers write 0 for an unknown length, the engine GSO_UNKNOWN. A caller's length of that value is merely
 * too large, not unknown. */
static uint32_t engine_len(uint32_t len)
{
	if (len == 0)
		return GSO_UNKNOWN;
	return len == GSO_UNKNOWN ? GSO_UNKNOWN - 1 : len;
}

enum gso_verdict gso_stream_open(struct gso_stream *stream, const struct gso_request *request, const uint8_t *head,
				 uint32_t head_len, uint32_t len, uint32_t frame_max, enum header_checksum mode)
{
	struct gso *gso = &stream->gso;
	enum gso_verdict verdict = gso_open_head(gso, request, head, head_len, engine_len(len), frame_max, mode);

	if (verdict != GSO_CUT)
		return verdict;
	stream->first = stream->cnt = stream->have = 0;
	stream->ended = false;
	stream->limit = request->type == GSO_UDP ? (uint32_t)request->size * GSO_UDP_SEGMENTS_MAX : UINT32_MAX;
	if (len_known(stream))
		stream->left = gso->end - gso->next_off;
	gso_stream_add(stream, head + gso->next_off, head_len - gso->next_off);
	return GSO_CUT;
}

bool gso_stream_add(struct gso_stream *stream, const void *data, uint32_t len)
{
	struct iovec *fragment;

	if (stream->ended)
		return true;
	if (len_known(stream)) {
		if (len > stream->left - stream->have)
			len = stream->left - stream->have;
	} else if (len > stream->limit - stream->have) {
		return false;
	}
	if (len == 0)
		return true;
	if (stream->cnt == GSO_STREAM_FRAGMENTS)
		return false;
	fragment = &stream->fragments[(stream->first + stream->cnt++) % GSO_STREAM_FRAGMENTS];
	/* Read only; struct iovec has no way to say so. */
	*fragment = (struct iovec){ .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	stream->have += len;
	return true;
}

void gso_stream_end(struct gso_stream *stream)
{
	struct gso *gso = &stream->gso;

	if (!len_known(stream)) {
		stream->left = stream->have;
		/* Something is left, or nothing came at all: headers alone are a packet too. */
		gso->seg_cnt = gso->next_seg + 1;
		if (stream->left)
			gso->seg_cnt += (stream->left - 1) / gso->header.size;
	}
	stream->ended = true;
}

/* S2: payload bytes of the next segment. */
static inline uint32_t next_len(const struct gso_stream *stream)
{
	uint32_t size = stream->gso.header.size;

	return len_known(stream) && stream->left < size ? stream->left : size;
}

bool gso_stream_done(const struct gso_stream *stream)
{
	return gso_done(&stream->gso);
}

bool gso_stream_ready(const struct gso_stream *stream)
{
	uint32_t len = next_len(stream);

	if (len_known(stream))
		return stream->have >= len && !gso_done(&stream->gso);
	return stream->have > len; /* S11: one byte more, and it is not the last */
}

/*
 * Describes the next len bytes as slices. Returns how many, or 0 when there are more than max. Copies field
 * by field: copying a struct iovec is one wide load, which waits until the two narrow stores of take() have
 * reached the cache (35 ns a segment with checksums instead of 28).
 */
static inline uint32_t slice(const struct gso_stream *stream, uint32_t len, struct iovec *slices, uint32_t max)
{
	uint32_t cnt, at = stream->first;

	for (cnt = 0; cnt < max; cnt++) {
		const struct iovec *fragment = &stream->fragments[at];
		size_t fragment_len = fragment->iov_len;

		slices[cnt].iov_base = fragment->iov_base;
		if (likely(len <= fragment_len)) {
			slices[cnt].iov_len = len;
			return cnt + 1;
		}
		slices[cnt].iov_len = fragment_len;
		len -= (uint32_t)fragment_len;
		at = (at + 1) % GSO_STREAM_FRAGMENTS;
	}
	return 0;
}

/* The sum of the slices, as if they were contiguous (RFC 1071 section 2 B). */
static inline uint32_t sum_slices(const struct iovec *slices, uint32_t cnt)
{
	uint32_t sum = checksum_add(slices[0].iov_base, slices[0].iov_len, 0), i;
	size_t at = slices[0].iov_len;

	for (i = 1; i < cnt; at += slices[i++].iov_len) {
		uint32_t part = checksum_add(slices[i].iov_base, slices[i].iov_len, 0);

		sum = checksum_combine(sum, at % 2 ? checksum_odd(part) : part);
	}
	return sum;
}

/* Removes len bytes, described by cnt slices, from the ring. */
static inline void take(struct gso_stream *stream, const struct iovec *slices, uint32_t cnt, uint32_t len)
{
	uint32_t whole = cnt - 1, last = (stream->first + whole) % GSO_STREAM_FRAGMENTS;
	struct iovec *fragment = &stream->fragments[last];

	fragment->iov_base = (uint8_t *)fragment->iov_base + slices[whole].iov_len;
	fragment->iov_len -= slices[whole].iov_len;
	if (fragment->iov_len == 0) {
		last = (last + 1) % GSO_STREAM_FRAGMENTS;
		whole++;
	}
	stream->first = last;
	stream->cnt -= whole;
	stream->have -= len;
	if (len_known(stream))
		stream->left -= len;
	else
		stream->limit -= len;
}

uint32_t gso_stream_next(struct gso_stream *stream, uint8_t *slot, struct iovec *slices, uint32_t max)
{
	struct gso *gso = &stream->gso;
	uint32_t len = next_len(stream), cnt, sum = 0;

	if (max == 0)
		return 0;
	if (unlikely(len == 0)) {
		slices[0] = (struct iovec){ .iov_base = slot, .iov_len = 0 };
		cnt = 1;
	} else {
		cnt = slice(stream, len, slices, max);
		if (cnt == 0)
			return 0;
		if (gso->header.checksum == HEADER_CSUM_FULL)
			sum = sum_slices(slices, cnt);
		take(stream, slices, cnt, len);
	}
	header_copy(&gso->header, slot);
	gso->next_seg++;
	header_patch(&gso->header, slot, gso->next_seg - 1, len, sum, gso_done(gso));
	return cnt;
}
