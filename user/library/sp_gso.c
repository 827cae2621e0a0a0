// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * sp_gso_*: the public functions for engine/gso_stream.h. After any result of sp_gso_open() but SP_GSO_CUT
 * there is nothing to take, whatever is called.
 */
#include <errno.h>

#include <superpacket/gso.h>

#include "engine/gso_stream.h"

struct cursor {
	struct gso_stream stream;
	bool open;
};

_Static_assert(sizeof(struct cursor) <= sizeof(struct sp_gso), "struct sp_gso is too small");
_Static_assert(_Alignof(struct cursor) <= _Alignof(struct sp_gso), "struct sp_gso is not aligned enough");
_Static_assert(SP_GSO_SLOT_LEN == HEADER_SLOT_LEN, "SP_GSO_SLOT_LEN");
_Static_assert(SP_GSO_SLICES_MAX >= GSO_STREAM_FRAGMENTS, "SP_GSO_SLICES_MAX");
_Static_assert((int)SP_GSO_CUT == GSO_CUT && (int)SP_GSO_ORDINARY == GSO_ORDINARY &&
		       (int)SP_GSO_MALFORMED == GSO_MALFORMED && (int)SP_GSO_TOO_LONG == GSO_TOO_LONG,
	       "enum sp_gso_result");

static struct cursor *cursor_of(struct sp_gso *gso)
{
	return (struct cursor *)gso;
}

static const struct cursor *const_cursor_of(const struct sp_gso *gso)
{
	return (const struct cursor *)gso;
}

static struct gso_request read_request(const struct sp_gso_request *request)
{
	return (struct gso_request){
		.type = request->type,
		.needs_csum = request->needs_csum,
		.fixed_id = request->fixed_id,
		.accecn = request->accecn,
		.outer_fixed_id = request->outer_fixed_id,
		.outer_csum = request->outer_csum,
		.outer_version = request->outer_version,
		.size = request->size,
		.csum_start = request->csum_start,
		.csum_offset = request->csum_offset,
		.hdr_len = request->hdr_len,
		.inner_l3_off = request->inner_l3_off,
		.outer_l4_off = request->outer_l4_off,
	};
}

enum sp_gso_result sp_gso_open(struct sp_gso *gso, const struct sp_gso_request *request, const void *head,
			       uint32_t head_len, uint32_t len, uint32_t frame_max, enum sp_gso_checksum checksum)
{
	enum header_checksum mode = checksum == SP_GSO_CHECKSUM_PARTIAL ? HEADER_CSUM_PARTIAL : HEADER_CSUM_FULL;
	struct gso_request asked = read_request(request);
	struct cursor *cursor = cursor_of(gso);
	enum gso_verdict verdict = GSO_MALFORMED;

	/* V1; and the head is not longer than the whole. */
	if (request->type <= SP_GSO_UDP && (len == 0 || head_len <= len))
		verdict = gso_stream_open(&cursor->stream, &asked, head, head_len, len, frame_max, mode);
	cursor->open = verdict == GSO_CUT;
	return (enum sp_gso_result)verdict;
}

int sp_gso_add(struct sp_gso *gso, const void *data, uint32_t len)
{
	struct cursor *cursor = cursor_of(gso);

	if (!cursor->open)
		return 0;
	return gso_stream_add(&cursor->stream, data, len) ? 0 : -ENOBUFS;
}

uint32_t sp_gso_add_slices(struct sp_gso *gso, const struct iovec *slices, uint32_t cnt)
{
	uint32_t i = 0;

	while (i < cnt && sp_gso_add(gso, slices[i].iov_base, (uint32_t)slices[i].iov_len) == 0)
		i++;
	return i;
}

void sp_gso_end(struct sp_gso *gso)
{
	struct cursor *cursor = cursor_of(gso);

	if (cursor->open)
		gso_stream_end(&cursor->stream);
}

bool sp_gso_ready(const struct sp_gso *gso)
{
	const struct cursor *cursor = const_cursor_of(gso);

	return cursor->open && gso_stream_ready(&cursor->stream);
}

bool sp_gso_done(const struct sp_gso *gso)
{
	const struct cursor *cursor = const_cursor_of(gso);

	return !cursor->open || gso_stream_done(&cursor->stream);
}

int sp_gso_next(struct sp_gso *gso, void *slot, uint32_t *header_len, struct iovec *slices, uint32_t max)
{
	struct cursor *cursor = cursor_of(gso);
	uint32_t cnt;

	if (!sp_gso_ready(gso))
		return 0;
	cnt = gso_stream_next(&cursor->stream, slot, slices, max);
	if (cnt == 0)
		return -ENOBUFS;
	*header_len = cursor->stream.gso.hdr_len;
	return (int)cnt;
}

int sp_gso_complete(const struct sp_gso_request *request, void *packet, uint32_t len)
{
	struct gso_request asked = read_request(request);

	if (request->needs_csum && (uint32_t)request->csum_start + request->csum_offset + 2 > len) /* V5 */
		return -EINVAL;
	gso_complete(&asked, packet, len);
	return 0;
}
