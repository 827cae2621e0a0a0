// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The cursor: what may be cut, and the steps of cutting.
 *
 * All judgement is in gso_open(), once a superpacket; behind it every offset is known to lie
 * within the superpacket, and taking a segment cannot fail.
 */
#include "gso.h"


/* V5: the field and the first byte to sum lie within the packet. */
static bool csum_within(const struct gso_request *request, uint32_t len)
{
	return (uint32_t)request->csum_start + request->csum_offset + 2 <= len;
}

/* S1: an ordinary packet, as far as it fits the wire (S8). */
static enum gso_verdict open_ordinary(const struct gso_request *request, uint32_t len,
				      uint32_t frame_max)
{
	if (request->needs_csum && !csum_within(request, len))
		return GSO_MALFORMED;
	return len <= frame_max ? GSO_ORDINARY : GSO_TOO_LONG;
}

/*
 * Whether the headers are what the request says. IPv4 options do not matter here (S2 copies
 * them), so the view's obstacle is not looked at: a view of class PARSE_TCP has all its offsets.
 */
static bool agrees(const struct gso_request *request, const struct packet_view *view)
{
	if (view->class != PARSE_TCP || request->size == 0) /* S1, V1 */
		return false;
	if (view->ip_version != (request->type == GSO_TCPV4 ? 4 : 6)) /* V4 */
		return false;
	if (request->needs_csum && (request->csum_start != view->l4_off ||
				    request->csum_offset != TCP_CSUM_OFFSET)) /* V3, V5 */
		return false;
	return view->payload_off <= HEADER_SLOT_LEN;
}

enum gso_verdict gso_open(struct gso *gso, const struct gso_request *request, const uint8_t *data,
			  uint32_t len, uint32_t frame_max, enum header_checksum mode)
{
	struct header_job job = {
		.size = request->size,
		.checksum = (uint8_t)mode,
		.from_partial = request->needs_csum,
		.fixed_id = request->fixed_id,
	};
	struct packet_view view;

	if (request->type == GSO_NONE)
		return open_ordinary(request, len, frame_max);
	parse_packet(data, len, len, &view);
	if (!agrees(request, &view))
		return GSO_MALFORMED;
	if (view.payload_len <= request->size) /* V2 */
		return open_ordinary(request, len, frame_max);
	if ((uint32_t)view.payload_off + request->size > frame_max) /* S8 */
		return GSO_TOO_LONG;

	header_prepare(&gso->header, data, &view, &job);
	gso->data = data;
	gso->next_off = view.payload_off;
	gso->end = view.payload_off + view.payload_len;
	gso->next_seg = 0;
	gso->seg_cnt = (view.payload_len + request->size - 1) / request->size;
	gso->hdr_len = view.payload_off;
	return GSO_CUT;
}

/* S2, S9: the next slice in order; only the last may be short. */
static inline struct gso_slice take(struct gso *gso)
{
	struct gso_slice slice = { gso->next_off, gso->header.size };

	if (slice.len > gso->end - slice.off)
		slice.len = gso->end - slice.off;
	gso->next_off += slice.len;
	gso->next_seg++;
	return slice;
}

static inline void patch(const struct gso *gso, uint8_t *slot, uint32_t len, uint32_t payload_sum)
{
	header_patch(&gso->header, slot, gso->next_seg - 1, len, payload_sum, gso_done(gso));
}

struct gso_slice gso_next(struct gso *gso, uint8_t *slot)
{
	struct gso_slice slice = take(gso);
	uint32_t sum = 0;

	header_copy(&gso->header, slot);
	if (gso->header.checksum == HEADER_CSUM_FULL)
		sum = checksum_add(gso->data + slice.off, slice.len, 0);
	patch(gso, slot, slice.len, sum);
	return slice;
}

uint32_t gso_next_built(struct gso *gso, uint8_t *frame)
{
	struct gso_slice slice = take(gso);
	uint8_t *payload = frame + gso->hdr_len;
	uint32_t sum = 0;

	header_copy(&gso->header, frame);
	if (gso->header.checksum == HEADER_CSUM_FULL)
		sum = checksum_copy(payload, gso->data + slice.off, slice.len, 0);
	else
		memcpy(payload, gso->data + slice.off, slice.len);
	patch(gso, frame, slice.len, sum);
	return gso->hdr_len + slice.len;
}

void gso_complete(const struct gso_request *request, uint8_t *data, uint32_t len)
{
	uint16_t csum;

	if (!request->needs_csum)
		return;
	csum = checksum_fold(checksum_add(data + request->csum_start, len - request->csum_start, 0));
	if (csum == 0 && request->csum_offset == UDP_CSUM_OFFSET)
		csum = 0xffff; /* RFC 768: 0 would say that there is no checksum */
	store_u16(data + request->csum_start + request->csum_offset, csum);
}
