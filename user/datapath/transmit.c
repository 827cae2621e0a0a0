// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A segment is sent in one of two forms:
 *
 *   slices   | header slot | CONTD  +  | slice of the buffer | [ + | rest behind a chunk border | ]
 *   built    | header and payload, copied and summed in one pass |
 *
 * Segments that fit a chunk are built, unless the socket is for slices. Jumbo segments and jumbo packets are sent as
 * slices, through any socket that takes several descriptors.
 *
 * When the NIC finishes checksums, the first descriptor of each packet has a request in front of it, in the slot or in
 * the buffer. The request belongs to the unit and is freed with what follows it. It is written for every packet, even
 * without anything to ask, because a driver in zero copy may read it whatever the descriptor says.
 *
 * There is one completion per descriptor, with its address. In copy mode it comes when the kernel frees the packet,
 * so completions may be out of order. Each is therefore matched to its unit by its address. Nearly always that is the
 * oldest unit.
 */
#include "datapath/transmit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/log.h"
#include "nic/uapi_compat.h"

/* Buffers begin at cache lines, so that no two packets in flight share one. */
#define BUFFER_STEP 64u

static uint32_t round_up(uint32_t n, uint32_t step)
{
	return (n + step - 1) / step * step;
}

int transmit_init(struct transmit *transmit, struct xsk *xsk, struct umem *umem, uint32_t mtu,
		  struct worker_stats *stats)
{
	*transmit = (struct transmit){
		.xsk = xsk,
		.umem = umem,
		.mtu = mtu,
		.stats = stats,
	};
	transmit->units = calloc(xsk->ring_size, sizeof transmit->units[0]);
	return transmit->units ? 0 : -ENOMEM;
}

void transmit_fini(struct transmit *transmit)
{
	free(transmit->units);
	transmit->units = NULL;
}

void transmit_reset(struct transmit *transmit)
{
	struct worker_stats *stats = transmit->stats;

	stats->tx_lost_descriptors += transmit->outstanding;
	stats->tx_drop_rebuilt += transmit_paused(transmit);
	stats->tx_waiting = 0;
	transmit->unit_head = transmit->unit_tail = transmit->outstanding = 0;
	transmit->state = TRANSMIT_IDLE;
}

static uint32_t room_for_packet(const struct transmit *transmit)
{
	return transmit->xsk->tx_headroom + UMEM_SUPERPACKET_ROOM;
}

/* Where the packet that is being sent begins. */
static uint64_t packet_addr(const struct transmit *transmit)
{
	return umem_buffer_addr(transmit->umem, transmit->buffer.off) + transmit->xsk->tx_headroom;
}

bool transmit_can_take(const struct transmit *transmit)
{
	struct span span;

	return !transmit_paused(transmit) && span_reserve(&transmit->umem->buffers, room_for_packet(transmit), &span);
}

uint8_t *transmit_buffer(struct transmit *transmit)
{
	struct umem *umem = transmit->umem;

	if (transmit_paused(transmit) || !span_reserve(&umem->buffers, room_for_packet(transmit), &transmit->buffer))
		return NULL;
	return umem_data(umem, packet_addr(transmit));
}

/* ---- descriptors ---- */

/* There is room in the completion ring for every outstanding descriptor, since it is as long as the transmit ring. So
 * the kernel never has to hold a completion back. */
static uint32_t free_descriptors(const struct transmit *transmit)
{
	return transmit->xsk->ring_size - transmit->outstanding;
}

/* The most descriptors that len bytes can take, wherever they begin. */
static uint32_t descriptors_for(const struct transmit *transmit, uint32_t len)
{
	const uint32_t most = xsk_slice_max(transmit->xsk, 0);

	return transmit->xsk->unaligned ? (len + most - 1) / most : len / UMEM_CHUNK_LEN + 2;
}

static bool by_slices(const struct transmit *transmit, uint32_t frame_len)
{
	return transmit->xsk->slices || transmit->xsk->tx_headroom + frame_len > UMEM_CHUNK_LEN;
}

/* Writes the request to the NIC for the packet that begins at addr. Returns the option for its descriptor. */
static uint32_t put_request(struct transmit *transmit, uint64_t addr)
{
	const struct gso_left *left = &transmit->left;
	struct compat_xsk_tx_metadata *request;

	if (!transmit->xsk->tx_headroom)
		return 0;
	request = (void *)umem_data(transmit->umem, addr - sizeof(*request));
	*request = (struct compat_xsk_tx_metadata){
		.flags = left->start ? XDP_TXMD_FLAGS_CHECKSUM : 0,
		.request = { .csum_start = left->start, .csum_offset = left->offset },
	};
	return left->start ? XDP_TX_METADATA : 0;
}

static void put_descriptor(struct transmit *transmit, uint64_t addr, uint32_t len, uint32_t options)
{
	struct xsk_ring_prod *tx = &transmit->xsk->tx;
	uint32_t idx;

	/* segments_now() or room_for_ordinary() has made sure that there is room. */
	if (xsk_ring_prod__reserve(tx, 1, &idx) != 1)
		log_abort("transmit: no descriptor, %u outstanding of %u", transmit->outstanding,
			  transmit->xsk->ring_size);
	*xsk_ring_prod__tx_desc(tx, idx) = (struct xdp_desc){ .addr = addr, .len = len, .options = options };
	transmit->outstanding++;
}

/* Describes the last len bytes of a packet, at addr, in several descriptors where one may not cross a chunk border
 * (aligned chunks) or be longer than a chunk. The first one gets the options. Returns how many there are. */
static uint32_t put_slices(struct transmit *transmit, uint64_t addr, uint32_t len, uint32_t options)
{
	uint32_t cnt = 0;

	for (;;) {
		uint32_t room = xsk_slice_max(transmit->xsk, addr);

		cnt++;
		if (len <= room) {
			put_descriptor(transmit, addr, len, options);
			return cnt;
		}
		put_descriptor(transmit, addr, room, options | XDP_PKT_CONTD);
		options = 0;
		addr += room;
		len -= room;
	}
}

/* ---- units ---- */

/* Units are freed in order: one that waits for its last completion keeps back all behind it, even finished ones. So
 * the ring of units may be full before the ring of descriptors is. */
static bool units_left(const struct transmit *transmit)
{
	return transmit->unit_head - transmit->unit_tail < transmit->xsk->ring_size;
}

/* To be called only when there is room for all that the unit needs: it overwrites its place in the ring. */
static struct transmit_unit *begin_unit(struct transmit *transmit)
{
	uint32_t mask = transmit->xsk->ring_size - 1;
	struct transmit_unit *unit = &transmit->units[transmit->unit_head & mask];

	*unit = (struct transmit_unit){ 0 };
	return unit;
}

static void give_back(struct transmit *transmit, struct transmit_unit *unit)
{
	if (unit->slots.len)
		span_give(&transmit->umem->slots, &unit->slots);
	if (unit->buffer.len)
		span_give(&transmit->umem->buffers, &unit->buffer);
	unit->slots = unit->buffer = (struct span){ 0 };
}

/* Publishes all descriptors of the unit at once, so that the kernel sees the whole unit. */
static void submit_unit(struct transmit *transmit, struct transmit_unit *unit, bool last)
{
	if (last) {
		unit->buffer = transmit->buffer;
		transmit->state = TRANSMIT_IDLE;
	}
	transmit->unit_head++;
	xsk_ring_prod__submit(&transmit->xsk->tx, unit->outstanding);
	transmit->stats->tx_descriptors += unit->outstanding;
	if (fault_strikes(FAULT_EARLY_REUSE))
		give_back(transmit, unit);
}

static void note_pause(struct transmit *transmit)
{
	if (!transmit->stats->tx_waiting)
		transmit->stats->tx_pauses++;
	transmit->stats->tx_waiting = 1;
}

/* ---- superpackets ---- */

static void segment_slices(struct transmit *transmit, struct transmit_unit *unit, uint32_t slot)
{
	struct umem *umem = transmit->umem;
	struct gso *gso = &transmit->gso;
	uint64_t header = umem_slot_addr(umem, slot) + transmit->xsk->tx_headroom;
	struct gso_slice slice = gso_next(gso, umem_data(umem, header));
	uint64_t addr = packet_addr(transmit) + slice.off;

	put_descriptor(transmit, header, gso->hdr_len, XDP_PKT_CONTD | put_request(transmit, header));
	unit->outstanding += 1 + put_slices(transmit, addr, slice.len, 0);
	if (!unit->slices_len)
		unit->slices_addr = addr;
	unit->slices_len += slice.len;
	transmit->stats->tx_bytes += gso->hdr_len + slice.len;
}

static void segment_built(struct transmit *transmit, struct transmit_unit *unit, uint32_t slot)
{
	struct umem *umem = transmit->umem;
	uint64_t frame = umem_slot_addr(umem, slot) + transmit->xsk->tx_headroom;
	uint32_t len = gso_next_built(&transmit->gso, umem_data(umem, frame));

	put_descriptor(transmit, frame, len, put_request(transmit, frame));
	unit->outstanding++;
	transmit->stats->tx_bytes += len;
}

/*
 * How many segments the next unit gets, for which it reserves the slots. All that are left, if they fit now; none (0:
 * wait), if they will fit later; if they can never fit at once, as many as half an empty ring takes.
 */
static uint32_t segments_now(struct transmit *transmit, uint32_t per_segment, struct span *slots)
{
	uint32_t left = transmit->gso.seg_cnt - transmit->gso.next_seg;
	uint32_t most = transmit->xsk->ring_size / 2 / per_segment;

	if (most > transmit->umem->slots.size / 2)
		most = transmit->umem->slots.size / 2;
	if (left > most)
		left = most;
	if (!units_left(transmit) || left * per_segment > free_descriptors(transmit) ||
	    !span_reserve(&transmit->umem->slots, left, slots))
		return 0;
	return left;
}

static bool cut(struct transmit *transmit)
{
	bool slices = by_slices(transmit, transmit->gso.hdr_len + transmit->request.size);
	uint32_t per_segment = slices ? 1 + descriptors_for(transmit, transmit->request.size) : 1;

	while (!gso_done(&transmit->gso)) {
		struct transmit_unit *unit;
		struct span slots;
		uint32_t cnt = segments_now(transmit, per_segment, &slots);

		if (!cnt) {
			note_pause(transmit);
			return false;
		}
		unit = begin_unit(transmit);
		span_take(&transmit->umem->slots, &slots, cnt);
		unit->slots = slots;
		for (uint32_t i = 0; i < cnt; i++)
			if (slices)
				segment_slices(transmit, unit, unit->slots.off + i);
			else
				segment_built(transmit, unit, unit->slots.off + i);
		submit_unit(transmit, unit, gso_done(&transmit->gso));
	}
	transmit->stats->tx_superpackets++;
	transmit->stats->tx_segments += transmit->gso.seg_cnt;
	return true;
}

/* ---- ordinary packets ---- */

static bool room_for_ordinary(const struct transmit *transmit, struct span *slot)
{
	if (!units_left(transmit) || descriptors_for(transmit, transmit->packet_len) > free_descriptors(transmit))
		return false;
	return by_slices(transmit, transmit->packet_len) || span_reserve(&transmit->umem->slots, 1, slot);
}

/* Copies the packet into a slot, where one descriptor within one chunk is enough. */
static void ordinary_built(struct transmit *transmit, struct transmit_unit *unit, struct span *slot)
{
	struct umem *umem = transmit->umem;
	uint64_t frame = umem_slot_addr(umem, slot->off) + transmit->xsk->tx_headroom;

	span_take(&umem->slots, slot, 1);
	unit->slots = *slot;
	unit->outstanding = 1;
	memcpy(umem_data(umem, frame), umem_data(umem, packet_addr(transmit)), transmit->packet_len);
	put_descriptor(transmit, frame, transmit->packet_len, put_request(transmit, frame));
}

static bool send_ordinary(struct transmit *transmit)
{
	uint64_t addr = packet_addr(transmit);
	struct transmit_unit *unit;
	struct span slot;

	if (!room_for_ordinary(transmit, &slot)) {
		note_pause(transmit);
		return false;
	}
	unit = begin_unit(transmit);
	if (by_slices(transmit, transmit->packet_len)) {
		unit->slices_addr = addr;
		unit->slices_len = transmit->packet_len;
		unit->outstanding = put_slices(transmit, addr, transmit->packet_len, put_request(transmit, addr));
	} else {
		ordinary_built(transmit, unit, &slot);
	}
	submit_unit(transmit, unit, true);
	transmit->stats->tx_ordinary++;
	transmit->stats->tx_bytes += transmit->packet_len;
	return true;
}

/* ---- packets of the front end ---- */

/* S8: the longest frame that this packet may be, with its link-layer header. */
static uint32_t frame_max(const struct transmit *transmit, const uint8_t *data, uint32_t len)
{
	uint32_t link_len = parse_link_len(data, len);

	return __atomic_load_n(&transmit->mtu, __ATOMIC_RELAXED) +
	       (link_len < TRANSMIT_LINK_MAX ? link_len : TRANSMIT_LINK_MAX);
}

/* S4: whether all segments may have the patent's one identifier. Only with DF (RFC 6864), and not in tunnels, whose
 * outer header the kernel has made. */
static bool may_share_id(const struct gso_request *request, const uint8_t *data, uint32_t len)
{
	uint32_t l3_off = parse_link_len(data, len);

	return request->type != GSO_NONE && !request->inner_l3_off && l3_off && l3_off + 20 <= len &&
	       data[l3_off] >> 4 == 4 && (load_be16(data + l3_off + 6) & 0x4000);
}

static struct gso_left finish(const struct gso_request *request, uint8_t *data, uint32_t len, bool nic)
{
	if (nic)
		return gso_complete_rest(request, data, len);
	gso_complete(request, data, len);
	return (struct gso_left){ 0 };
}

/* A packet that is dropped has not taken its buffer yet: the next one is read to the same place. */
void transmit_packet(struct transmit *transmit, const struct gso_request *asked, uint32_t len)
{
	struct umem *umem = transmit->umem;
	uint8_t *data = umem_data(umem, packet_addr(transmit));
	struct gso_request *request = &transmit->request;
	const bool nic = transmit->xsk->choice.tx_checksum;

	*request = *asked;
	if (transmit->shared_id)
		request->fixed_id = may_share_id(request, data, len);
	switch (gso_open(&transmit->gso, request, data, len, frame_max(transmit, data, len),
			 nic ? HEADER_CSUM_NIC : HEADER_CSUM_FULL)) {
	case GSO_MALFORMED:
		transmit->stats->tx_drop_malformed++;
		return;
	case GSO_TOO_LONG:
		transmit->stats->tx_drop_too_long++;
		return;
	case GSO_ORDINARY:
		transmit->left = finish(request, data, len, nic);
		transmit->state = TRANSMIT_ORDINARY;
		break;
	case GSO_CUT:
		transmit->left = gso_left(&transmit->gso);
		transmit->state = TRANSMIT_CUTTING;
		break;
	}
	transmit->packet_len = len;
	span_take(&umem->buffers, &transmit->buffer, round_up(transmit->xsk->tx_headroom + len, BUFFER_STEP));
	transmit_resume(transmit);
}

bool transmit_resume(struct transmit *transmit)
{
	bool done;

	if (transmit->state == TRANSMIT_IDLE)
		return true;
	done = transmit->state == TRANSMIT_CUTTING ? cut(transmit) : send_ordinary(transmit);
	if (done)
		transmit->stats->tx_waiting = 0;
	return done;
}

/* ---- the kernel's side ---- */

bool transmit_is_taken(const struct transmit *transmit)
{
	return xsk_ring_is_taken(&transmit->xsk->tx);
}

bool transmit_wake(struct transmit *transmit)
{
	struct xsk_ring_prod *tx = &transmit->xsk->tx;

	if (xsk_ring_is_taken(tx))
		return true;
	if (fault_strikes(FAULT_WAKE))
		return false;
	transmit->stats->tx_wakeups++;
	(void)xsk_wake_tx(transmit->xsk); /* descriptors that it does not take stay in the ring */
	return xsk_ring_is_taken(tx);
}

void transmit_nudge(struct transmit *transmit)
{
	if (fault_strikes(FAULT_WAKE))
		return;
	transmit->stats->tx_wakeups++;
	xsk_nudge(transmit->xsk);
}

static bool within(uint64_t addr, uint64_t start, uint64_t len)
{
	return addr - start < len;
}

static bool unit_has(const struct umem *umem, const struct transmit_unit *unit, uint64_t addr)
{
	return within(addr, umem_slot_addr(umem, unit->slots.off), (uint64_t)unit->slots.len * umem->config.slot_len) ||
	       within(addr, unit->slices_addr, unit->slices_len);
}

static struct transmit_unit *find_unit(struct transmit *transmit, uint64_t addr)
{
	uint32_t mask = transmit->xsk->ring_size - 1;

	for (uint32_t i = transmit->unit_tail; i != transmit->unit_head; i++) {
		struct transmit_unit *unit = &transmit->units[i & mask];

		if (unit->outstanding && unit_has(transmit->umem, unit, addr))
			return unit;
	}
	log_abort("transmit: completion of %#llx, which belongs to no unit (%u descriptors outstanding)",
		  (unsigned long long)addr, transmit->outstanding);
}

static void free_finished_units(struct transmit *transmit)
{
	uint32_t mask = transmit->xsk->ring_size - 1;

	while (transmit->unit_tail != transmit->unit_head) {
		struct transmit_unit *unit = &transmit->units[transmit->unit_tail & mask];

		if (unit->outstanding)
			return;
		give_back(transmit, unit);
		transmit->unit_tail++;
		transmit->finished++;
	}
}

uint32_t transmit_complete(struct transmit *transmit)
{
	struct xsk_ring_cons *completion = &transmit->xsk->completion;
	uint32_t idx, cnt = xsk_ring_cons__peek(completion, transmit->xsk->ring_size, &idx);

	if (!cnt)
		return 0;
	for (uint32_t i = 0; i < cnt; i++) {
		if (fault_strikes(FAULT_COMPLETION))
			continue;
		find_unit(transmit, *xsk_ring_cons__comp_addr(completion, idx + i))->outstanding--;
		transmit->outstanding--;
	}
	xsk_ring_cons__release(completion, cnt);
	free_finished_units(transmit);
	return cnt;
}

/* Segments that were sent may be slices of the buffer. A unit without descriptors frees it behind theirs. */
bool transmit_drop_rest(struct transmit *transmit)
{
	if (!transmit_paused(transmit) || !units_left(transmit))
		return false;
	submit_unit(transmit, begin_unit(transmit), true);
	free_finished_units(transmit);
	transmit->stats->tx_waiting = 0;
	return true;
}

void transmit_missing(const struct transmit *transmit, uint32_t *slots, uint32_t *buffers)
{
	const uint32_t mask = transmit->xsk->ring_size - 1;
	uint32_t in_slots = 0, in_buffers = 0;

	for (uint32_t i = transmit->unit_tail; i != transmit->unit_head; i++) {
		const struct transmit_unit *unit = &transmit->units[i & mask];

		in_slots += unit->slots.len + unit->slots.skipped;
		in_buffers += unit->buffer.len + unit->buffer.skipped;
	}
	/* The packet that is being sent has its buffer; its last unit will take it over. */
	if (transmit_paused(transmit))
		in_buffers += transmit->buffer.len + transmit->buffer.skipped;
	*slots = transmit->umem->slots.used - in_slots;
	*buffers = transmit->umem->buffers.used - in_buffers;
}
