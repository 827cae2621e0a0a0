// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/receive.h"

#include "base/fault.h"
#include "nic/uapi_compat.h"

void receive_init(struct receive *receive, struct xsk *xsk, struct umem *umem, struct worker_stats *stats)
{
	*receive = (struct receive){
		.xsk = xsk,
		.umem = umem,
		.stats = stats,
		.frames_in_kernel = umem->config.rx_frames - umem->frames.cnt,
	};
}

static bool continues(const struct xsk_ring_cons *rx, uint32_t idx)
{
	return xsk_ring_cons__rx_desc(rx, idx)->options & XDP_PKT_CONTD;
}

/* The number of descriptors of the packet that begins at idx; 0 if it does not end within the next cnt. */
static uint32_t packet_descriptors(const struct xsk_ring_cons *rx, uint32_t idx, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++)
		if (!continues(rx, idx + i))
			return i + 1;
	return 0;
}

static void give_back(struct receive *receive, uint32_t idx, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&receive->xsk->rx, idx + i);

		frame_give(&receive->umem->frames, xsk_rx_frame(desc->addr));
		receive->stats->rx_bytes += desc->len;
	}
}

/* Drops cnt descriptors: a whole packet, or the end of one. The packet is counted here, once. */
static void drop(struct receive *receive, uint32_t idx, uint32_t cnt)
{
	give_back(receive, idx, cnt);
	receive->stats->rx_packets++;
	receive->stats->rx_drop_multibuffer++;
	receive->dropping = false;
}

static void take(struct receive *receive, uint32_t idx, uint32_t cnt, struct gro_packet *packets)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&receive->xsk->rx, idx + i);

		packets[i] = (struct gro_packet){
			.data = umem_data(receive->umem, xsk_rx_data(desc->addr)),
			.len = desc->len,
			.csum = GRO_CSUM_UNKNOWN,
			.more = i + 1 < cnt,
			.cookie = xsk_rx_frame(desc->addr),
		};
		receive->stats->rx_bytes += desc->len;
	}
	receive->stats->rx_packets++;
}

/*
 * If the last packet is not complete yet, its descriptors stay in the ring for the next call. A packet with more
 * descriptors than are taken at once is dropped piece by piece. (No wire has such frames; something has merged it.)
 */
uint32_t receive_burst(struct receive *receive, struct gro_packet packets[RECEIVE_BATCH], bool *more)
{
	struct xsk_ring_cons *rx = &receive->xsk->rx;
	uint32_t idx, cnt, done = 0, taken = 0;

	/* libxdp's peek reads the producer index again only when all entries that it knows of are taken, which never
	 * happens while the end of a packet is missing. */
	rx->cached_prod = __atomic_load_n(rx->producer, __ATOMIC_ACQUIRE);
	if (rx->cached_prod - rx->cached_cons > receive->waiting_most)
		receive->waiting_most = rx->cached_prod - rx->cached_cons;
	cnt = xsk_ring_cons__peek(rx, RECEIVE_BATCH, &idx);
	*more = cnt == RECEIVE_BATCH;
	while (done < cnt) {
		uint32_t descs = packet_descriptors(rx, idx + done, cnt - done);

		if (descs == 0)
			break;
		if (receive->dropping || descs > GRO_FRAGMENTS_MAX) {
			drop(receive, idx + done, descs);
		} else {
			take(receive, idx + done, descs, packets + taken);
			taken += descs;
		}
		done += descs;
	}
	if (done < cnt && (receive->dropping || cnt - done == RECEIVE_BATCH)) {
		give_back(receive, idx + done, cnt - done);
		receive->dropping = true;
		done = cnt;
	}
	xsk_ring_cons__cancel(rx, cnt - done);
	if (done)
		xsk_ring_cons__release(rx, done);
	receive->frames_in_kernel -= done;
	return taken;
}

/* Looks at each descriptor: a jumbo frame has several, and is one frame. */
uint32_t receive_waiting(const struct receive *receive)
{
	const struct xsk_ring_cons *rx = &receive->xsk->rx;
	const uint32_t end = __atomic_load_n(rx->producer, __ATOMIC_ACQUIRE);
	uint32_t cnt = 0;

	for (uint32_t idx = rx->cached_cons; idx != end; idx++)
		cnt += !continues(rx, idx);
	return cnt;
}

void receive_refill(struct receive *receive)
{
	struct frame_stack *frames = &receive->umem->frames;
	uint32_t before = frames->cnt;

	while (frames->cnt && fault_strikes(FAULT_FILL))
		frame_take(frames);
	xsk_refill(receive->xsk);
	receive->frames_in_kernel += before - frames->cnt;
	if (frames->cnt && fault_strikes(FAULT_FRAME))
		frame_take(frames);
}

bool receive_is_starved(struct receive *receive)
{
	const uint64_t losses = receive->stats->kernel_fill_ring_empty;

	if (receive->umem->frames.cnt || !xsk_ring_is_taken(&receive->xsk->fill)) {
		receive->starved = false;
		return false;
	}
	if (!receive->starved)
		receive->starved_losses = losses;
	receive->starved = true;
	return losses > receive->starved_losses;
}
