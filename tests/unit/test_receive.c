// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reception over rings in plain memory. The test plays the kernel and fills in descriptors and chains of them. Every
 * frame must be in exactly one place afterwards.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "datapath/receive.h"
#include "nic/uapi_compat.h"

#define RING 256u
#define FRAMES (2 * RING)

static uint32_t rx_producer, rx_consumer;
static struct xdp_desc rx_descs[RING];
static uint32_t fill_producer, fill_consumer;

/* The function of xsk.c that receive.c calls. This kernel takes nothing. */
void xsk_refill(struct xsk *xsk) { (void)xsk; }

struct bed {
	struct umem umem;
	struct xsk xsk;
	struct worker_stats stats;
	struct receive receive;
	struct gro_packet packets[RECEIVE_BATCH];
	uint32_t taken; /* frames of the packets that were taken so far */
};

static struct bed *make_bed(void)
{
	struct bed *bed = calloc(1, sizeof *bed);
	const struct umem_config config = {
		.rx_frames = FRAMES, .slots = 16, .slot_len = UMEM_CHUNK_LEN, .buffers_len = 2 * UMEM_SUPERPACKET_ROOM
	};

	cr_assert_not_null(bed);
	cr_assert_eq(umem_open(&bed->umem, &config), 0);
	rx_producer = rx_consumer = 0;
	bed->xsk.rx = (struct xsk_ring_cons){
		.mask = RING - 1, .size = RING, .producer = &rx_producer, .consumer = &rx_consumer, .ring = rx_descs
	};
	bed->xsk.fill = (struct xsk_ring_prod){ .producer = &fill_producer, .consumer = &fill_consumer };
	/* The kernel has one ring full of frames. */
	for (uint32_t i = 0; i < RING; i++)
		frame_take(&bed->umem.frames);
	receive_init(&bed->receive, &bed->xsk, &bed->umem, &bed->stats);
	cr_assert_eq(bed->receive.frames_in_kernel, RING);
	return bed;
}

static void free_bed(struct bed *bed)
{
	umem_close(&bed->umem);
	free(bed);
}

/* The kernel receives a packet in cnt frames, the last of which has len bytes. */
static void arrive(uint32_t cnt, uint32_t len)
{
	for (uint32_t i = 0; i < cnt; i++) {
		uint64_t frame = (uint64_t)(rx_producer % RING) * UMEM_CHUNK_LEN;
		bool last = i + 1 == cnt;

		rx_descs[rx_producer++ % RING] = (struct xdp_desc){ .addr = frame + UMEM_RX_HEADROOM,
								    .len = last ? len : XSK_FRAME_MAX,
								    .options = last ? 0 : XDP_PKT_CONTD };
	}
}

static uint32_t burst(struct bed *bed, bool *more)
{
	uint32_t cnt = receive_burst(&bed->receive, bed->packets, more);

	bed->taken += cnt;
	cr_assert_eq(bed->umem.frames.cnt + bed->receive.frames_in_kernel + bed->taken, FRAMES,
		     "%u free, %u in the kernel, %u taken", bed->umem.frames.cnt, bed->receive.frames_in_kernel,
		     bed->taken);
	return cnt;
}

Test(receive, packets_as_they_lie)
{
	struct bed *bed = make_bed();
	bool more;

	arrive(1, 60);
	arrive(1, 1514);
	cr_assert_eq(burst(bed, &more), 2);
	cr_expect_not(more);
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t frame = i * UMEM_CHUNK_LEN;

		cr_expect_eq(bed->packets[i].data, umem_data(&bed->umem, frame + UMEM_RX_HEADROOM));
		cr_expect_eq(bed->packets[i].cookie, frame);
		cr_expect_not(bed->packets[i].more);
	}
	cr_expect_eq(bed->packets[0].len, 60);
	cr_expect_eq(bed->packets[1].len, 1514);
	cr_expect_eq(bed->stats.rx_packets, 2);
	cr_expect_eq(bed->stats.rx_bytes, 1574);
	cr_expect_eq(burst(bed, &more), 0);
	free_bed(bed);
}

/* A jumbo packet comes in several fragments, of which all but the last have `more`. */
Test(receive, a_frame_in_several_descriptors_is_one_packet)
{
	struct bed *bed = make_bed();
	bool more;

	arrive(3, 362);
	arrive(1, 60);
	arrive(2, 100);
	cr_assert_eq(burst(bed, &more), 6);
	for (uint32_t i = 0; i < 6; i++)
		cr_expect_eq(bed->packets[i].more, i == 0 || i == 1 || i == 4, "fragment %u", i);
	cr_expect_eq(bed->packets[1].len, XSK_FRAME_MAX);
	cr_expect_eq(bed->packets[2].len, 362);
	cr_expect_eq(bed->stats.rx_packets, 3);
	cr_expect_eq(bed->stats.rx_bytes, 8042 + 60 + XSK_FRAME_MAX + 100);
	cr_expect_eq(bed->stats.rx_drop_multibuffer, 0);
	free_bed(bed);
}

/* A chain that reaches beyond a batch is taken as a whole, by the next call. */
Test(receive, a_chain_is_not_torn_apart_by_the_end_of_a_batch)
{
	for (uint32_t before = RECEIVE_BATCH - 3; before <= RECEIVE_BATCH; before++) {
		struct bed *bed = make_bed();
		uint32_t whole = before + 3 <= RECEIVE_BATCH ? before + 3 : before;
		bool more;

		for (uint32_t i = 0; i < before; i++)
			arrive(1, 60);
		arrive(3, 362);
		arrive(1, 70);
		cr_assert_eq(burst(bed, &more), whole, "%u before it", before);
		cr_expect(more, "%u before it: there is more", before);
		cr_expect_not(bed->packets[whole - 1].more);
		cr_assert_eq(burst(bed, &more), before + 4 - whole);
		cr_expect_not(more);
		cr_expect_eq(bed->stats.rx_packets, before + 2);
		cr_expect_eq(bed->stats.rx_drop_multibuffer, 0);
		free_bed(bed);
	}
}

/* A driver may put the descriptors of a chain into the ring one by one. */
Test(receive, a_chain_that_is_not_complete_yet_waits)
{
	struct bed *bed = make_bed();
	bool more;

	arrive(3, 362);
	rx_producer -= 1;
	cr_expect_eq(burst(bed, &more), 0);
	cr_expect_not(more);
	cr_expect_eq(bed->stats.rx_packets, 0);
	rx_producer += 1;
	cr_expect_eq(burst(bed, &more), 3);
	cr_expect_eq(bed->stats.rx_packets, 1);
	free_bed(bed);
}

/* A packet of more fragments than the engine takes is dropped. Its neighbours are not affected. */
Test(receive, a_packet_in_too_many_fragments_is_dropped_and_counted)
{
	struct bed *bed = make_bed();
	bool more;

	arrive(GRO_FRAGMENTS_MAX, 1);
	arrive(GRO_FRAGMENTS_MAX + 1, 1);
	arrive(1, 60);
	cr_assert_eq(burst(bed, &more), GRO_FRAGMENTS_MAX + 1);
	cr_expect_eq(bed->packets[GRO_FRAGMENTS_MAX].len, 60);
	cr_expect_eq(bed->stats.rx_packets, 3);
	cr_expect_eq(bed->stats.rx_drop_multibuffer, 1);
	free_bed(bed);
}

/* A packet of more descriptors than are taken at once is dropped piece by piece, and counted once. */
Test(receive, a_packet_longer_than_a_batch_is_dropped_once)
{
	struct bed *bed = make_bed();
	bool more;

	arrive(2 * RECEIVE_BATCH + 5, 1);
	arrive(1, 60);
	cr_expect_eq(burst(bed, &more), 0);
	cr_expect(more);
	cr_expect_eq(burst(bed, &more), 0);
	cr_expect(more);
	cr_expect_eq(burst(bed, &more), 1);
	cr_expect_eq(bed->packets[0].len, 60);
	cr_expect_eq(bed->stats.rx_packets, 2);
	cr_expect_eq(bed->stats.rx_drop_multibuffer, 1);
	arrive(1, 61);
	cr_expect_eq(burst(bed, &more), 1, "what follows is received again");
	free_bed(bed);
}

/* With chains of all lengths, many times around the ring, nothing is lost, doubled or out of order. */
Test(receive, many_chains)
{
	struct bed *bed = make_bed();
	uint32_t arrived = 0, seen = 0, fragments = 0;

	while (arrived < 5000) {
		uint32_t cnt;
		bool more;

		while (rx_producer - rx_consumer + GRO_FRAGMENTS_MAX <= RING && arrived < 5000) {
			arrive(1 + arrived % GRO_FRAGMENTS_MAX, 1 + arrived % 3000);
			arrived++;
		}
		do {
			cnt = burst(bed, &more);
			for (uint32_t i = 0; i < cnt; i++) {
				fragments++;
				frame_give(&bed->umem.frames, bed->packets[i].cookie);
				if (bed->packets[i].more)
					continue;
				cr_assert_eq(fragments, 1 + seen % GRO_FRAGMENTS_MAX);
				cr_assert_eq(bed->packets[i].len, 1 + seen % 3000);
				fragments = 0;
				seen++;
			}
			bed->taken -= cnt;
			/* The kernel gets as many frames again. */
			for (uint32_t i = 0; i < cnt; i++)
				frame_take(&bed->umem.frames);
			bed->receive.frames_in_kernel += cnt;
		} while (cnt || more);
	}
	cr_expect_eq(seen, 5000);
	cr_expect_eq(bed->stats.rx_packets, 5000);
	free_bed(bed);
}

/* Starved means that neither side has a frame, and that the kernel has lost packets since that was first seen. */
Test(receive, starved_without_frames_while_packets_are_lost)
{
	struct bed *bed = make_bed();
	const uint32_t free_frames = bed->umem.frames.cnt;

	bed->stats.kernel_fill_ring_empty = 7;
	cr_expect_not(receive_is_starved(&bed->receive), "there are free frames");
	bed->umem.frames.cnt = 0;
	fill_producer = 1;
	cr_expect_not(receive_is_starved(&bed->receive), "the kernel has not taken one yet");
	fill_consumer = 1;
	cr_expect_not(receive_is_starved(&bed->receive), "it has lost nothing since");
	cr_expect_not(receive_is_starved(&bed->receive));
	bed->stats.kernel_fill_ring_empty = 8;
	cr_expect(receive_is_starved(&bed->receive));
	cr_expect(receive_is_starved(&bed->receive), "and still");
	bed->umem.frames.cnt = free_frames;
	cr_expect_not(receive_is_starved(&bed->receive), "a frame has come back");
	bed->umem.frames.cnt = 0;
	cr_expect_not(receive_is_starved(&bed->receive), "again, nothing lost since");
	bed->umem.frames.cnt = free_frames;
	free_bed(bed);
}
