// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The cursor: what may be cut, and the steps of cutting.
 *
 * gso_open() makes all checks, once a superpacket; those of the headers are in gso_head.c. After it every
 * offset is known to lie within the superpacket, and taking a segment cannot fail.
 */
#include "gso.h"
#include "gso_head.h"
#include "header_patch.h"

/* V5: the field and the first byte to sum lie within the packet. */
static bool csum_within(const struct gso_request *request, uint32_t len)
{
	return (uint32_t)request->csum_start + request->csum_offset + 2 <= len;
}

/* S1: an ordinary packet, if it fits the wire (S8). */
static enum gso_verdict open_ordinary(const struct gso_request *request, uint32_t len, uint32_t frame_max)
{
	if (request->needs_csum && !csum_within(request, len))
		return GSO_MALFORMED;
	return len <= frame_max ? GSO_ORDINARY : GSO_TOO_LONG;
}

/* S8: whether a segment is too long for the wire, or for the length field of its outermost IP header
 * (possible only for jumbograms and unknown lengths). */
static bool too_long(const struct packet_view *view, uint32_t size, uint32_t frame_max)
{
	bool tunnel = view->tunnel != PARSE_NO_TUNNEL;
	uint32_t l3_off = tunnel ? view->outer_l3_off : view->l3_off;
	uint32_t version = tunnel ? view->outer_version : view->ip_version;
	uint32_t from = version == 4 ? l3_off : l3_off + IPV6_LEN;

	return view->payload_off + size > frame_max || view->payload_off - from + size > UINT16_MAX;
}

static void start(struct gso *gso, const struct gso_request *request, const uint8_t *data, const struct gso_head *head,
		  enum header_checksum mode)
{
	const struct header_job job = {
		.size = request->size,
		.checksum = (uint8_t)mode,
		.from_partial = request->needs_csum && head->payload_len != GSO_UNKNOWN,
		.fixed_id = request->fixed_id,
		.outer_fixed_id = request->outer_fixed_id,
		.accecn = request->accecn,
	};

	header_prepare(&gso->header, head->data, &head->view, &job);
	gso->data = data;
	gso->next_off = head->payload_off;
	gso->next_seg = 0;
	gso->hdr_len = head->view.payload_off;
	if (head->payload_len == GSO_UNKNOWN) {
		gso->end = gso->seg_cnt = GSO_UNKNOWN;
		return;
	}
	gso->end = head->payload_off + head->payload_len;
	gso->seg_cnt = (head->payload_len - 1) / request->size + 1;
}

enum gso_verdict gso_open_head(struct gso *gso, const struct gso_request *request, const uint8_t *head,
			       uint32_t head_len, uint32_t len, uint32_t frame_max, enum header_checksum mode)
{
	struct gso_head h;

	if (head_len > len)
		head_len = len;
	if (request->type == GSO_NONE)
		return len == GSO_UNKNOWN ? GSO_MALFORMED : open_ordinary(request, len, frame_max);
	if (!gso_head_read(&h, request, head, head_len, len))
		return GSO_MALFORMED;
	if (h.payload_len <= request->size) /* V2 */
		return open_ordinary(request, len, frame_max);
	if (too_long(&h.view, request->size, frame_max))
		return GSO_TOO_LONG;
	start(gso, request, head, &h, mode);
	return GSO_CUT;
}

enum gso_verdict gso_open(struct gso *gso, const struct gso_request *request, const uint8_t *data, uint32_t len,
			  uint32_t frame_max, enum header_checksum mode)
{
	return gso_open_head(gso, request, data, len, len, frame_max, mode);
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

/* S7: the tunnel's checksum, if it has one, over the packet inside, which is finished now. */
static void complete_outer(const struct gso_request *request, uint8_t *data, uint32_t len)
{
	struct packet_view view;
	uint32_t off, l4_len, sum;

	if (!gso_head_view(request, data, len, len, &view))
		return;
	off = header_outer_csum_off(data, &view);
	if (!off)
		return;
	store_u16(data + off, 0);
	l4_len = parse_ip_end(data, view.outer_l3_off, view.outer_version) - view.outer_l4_off;
	sum = checksum_add(data + view.outer_l4_off, l4_len, 0);
	if (view.tunnel == PARSE_GRE) {
		store_u16(data + off, checksum_fold(sum));
		return;
	}
	sum = checksum_combine(sum,
			       checksum_pseudo(data + view.outer_l3_off, view.outer_version, UDP_PROTOCOL, l4_len));
	store_u16(data + off, header_udp_csum(sum));
}

static void complete_inner(const struct gso_request *request, uint8_t *data, uint32_t len)
{
	uint8_t *at = data + request->csum_start;
	uint32_t sum = checksum_add(at, len - request->csum_start, 0);

	store_u16(at + request->csum_offset,
		  request->csum_offset == UDP_CSUM_OFFSET ? header_udp_csum(sum) : checksum_fold(sum));
}

void gso_complete(const struct gso_request *request, uint8_t *data, uint32_t len)
{
	if (request->needs_csum)
		complete_inner(request, data, len);
	if (request->inner_l3_off && (request->needs_csum || request->type != GSO_NONE))
		complete_outer(request, data, len);
}

/* Whether every NIC can finish the checksum: the packet is of that kind, and the request agrees with its
 * headers about what is to be summed. */
static bool any_nic_completes(const struct gso_request *request, const uint8_t *data, uint32_t len)
{
	struct packet_view view;

	if (!request->needs_csum || request->inner_l3_off)
		return false;
	if (!parse_plain(data, len, &view))
		parse_packet(data, len, len, &view);
	return header_any_nic_sums(&view) && request->csum_start == view.l4_off &&
	       request->csum_offset == header_csum_offset(view.protocol);
}

struct gso_left gso_complete_rest(const struct gso_request *request, uint8_t *data, uint32_t len)
{
	if (any_nic_completes(request, data, len))
		return (struct gso_left){ request->csum_start, request->csum_offset };
	gso_complete(request, data, len);
	return (struct gso_left){ 0 };
}
