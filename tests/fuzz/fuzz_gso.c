// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Segmentation of what a hostile VM may write: a virtio header and a packet of any bytes. Everything that is
 * accepted is cut in three ways (header and slice, built, and as a stream in fragments), which must give the
 * same segments, with all of the payload once.
 *
 *      input: virtio header (24), frame_max (2), mode (1), head length (2), piece length (2), packet
 */
#include "engine/gso_stream.h"
#include "engine/vnet.h"
#include "fuzz.h"

struct job {
	const struct gso_request *request;
	const uint8_t *data;
	uint32_t len, frame_max;
	enum header_checksum mode;
	uint32_t head_len, piece;
};

/* The next segment as a whole frame; next_reference() returns its length. */
static uint8_t reference[70000];

static uint32_t next_reference(struct gso *gso, const struct job *job)
{
	uint8_t *slot = exact_room(gso->hdr_len);
	struct gso_slice slice = gso_next(gso, slot);

	holds((uint64_t)slice.off + slice.len <= job->len, "a slice lies within");
	holds(gso->hdr_len + slice.len <= job->frame_max, "a segment fits the wire (S8)");
	memcpy(reference, slot, gso->hdr_len);
	memcpy(reference + gso->hdr_len, job->data + slice.off, slice.len);
	free(slot);
	return gso->hdr_len + slice.len;
}

/* Returns the length of the next segment of the stream, which is ready. */
static uint32_t next_streamed(struct gso_stream *stream, uint8_t *frame)
{
	struct iovec slices[GSO_STREAM_FRAGMENTS];
	uint32_t len = stream->gso.hdr_len, cnt;
	uint8_t *slot = exact_room(len);

	cnt = gso_stream_next(stream, slot, slices, GSO_STREAM_FRAGMENTS);
	holds(cnt, "a segment that is ready can be taken");
	memcpy(frame, slot, len);
	for (uint32_t i = 0; i < cnt; i++) {
		holds(len + slices[i].iov_len <= sizeof reference, "a streamed segment has an end");
		memcpy(frame + len, slices[i].iov_base, slices[i].iov_len);
		len += (uint32_t)slices[i].iov_len;
	}
	free(slot);
	return len;
}

static void check_stream(struct gso gso, const struct job *job)
{
	static uint8_t frame[sizeof reference];
	struct gso_stream stream;
	uint32_t off = job->head_len;
	uint8_t *head = exact_copy(job->data, job->head_len);

	holds(gso_stream_open(&stream, job->request, head, job->head_len, job->len, job->frame_max, job->mode) ==
		      GSO_CUT,
	      "what can be cut can be cut as a stream");
	while (!gso_done(&gso)) {
		uint32_t piece = job->piece < job->len - off ? job->piece : job->len - off;

		if (gso_stream_ready(&stream)) {
			uint32_t len = next_streamed(&stream, frame);

			holds(len == next_reference(&gso, job) && !memcmp(frame, reference, len),
			      "a stream's segments are those of the whole (S11)");
		} else {
			holds(piece, "all is there, and no segment is ready");
			holds(gso_stream_add(&stream, job->data + off, piece), "there is room for a fragment");
			off += piece;
		}
	}
	holds(gso_stream_done(&stream) && !gso_stream_ready(&stream), "a stream ends where the whole does");
	free(head);
}

static void check_cut(struct gso gso, const struct job *job)
{
	struct gso built = gso, again = gso;
	uint8_t *frame = exact_room(job->frame_max);
	uint32_t hdr_len = gso.hdr_len, payload = 0;

	holds(hdr_len <= HEADER_SLOT_LEN, "a header fits its slot");
	while (!gso_done(&gso)) {
		uint32_t len = next_reference(&gso, job);

		holds(gso_next_built(&built, frame) == len && !memcmp(frame, reference, len),
		      "segments are the same, built or not");
		payload += len - hdr_len;
	}
	holds(gso_done(&built), "as many built as not");
	holds(payload > job->request->size && payload < job->len, "the payload is in the segments");
	free(frame);
	if (job->head_len >= hdr_len + 8u)
		check_stream(again, job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gso_request request;
	struct vnet_header hdr;
	struct input in = { data, size };
	struct job job = { .request = &request };
	struct gso gso;
	uint8_t *bytes;

	if (size < sizeof hdr)
		return 0;
	memcpy(&hdr, data, sizeof hdr);
	in.at += sizeof hdr;
	in.left -= sizeof hdr;
	job.frame_max = 1 + take16(&in);
	job.mode = take8(&in) & 1 ? HEADER_CSUM_PARTIAL : HEADER_CSUM_FULL;
	job.head_len = take16(&in);
	job.piece = take16(&in);
	job.len = (uint32_t)in.left;
	if (!vnet_read(&hdr, job.len, &request))
		return 0;
	bytes = exact_copy(in.at, in.left);
	job.data = bytes;
	if (job.head_len > job.len)
		job.head_len = job.len;
	if (job.piece < request.size / 32u + 1)
		job.piece = request.size / 32u + 1; /* as many fragments as a segment may need fit */
	switch (gso_open(&gso, &request, bytes, job.len, job.frame_max, job.mode)) {
	case GSO_CUT: check_cut(gso, &job); break;
	case GSO_ORDINARY: gso_complete(&request, bytes, job.len); break;
	default: break;
	}
	free(bytes);
	return 0;
}
