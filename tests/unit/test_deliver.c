// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Delivery to a front end that the test plays. It records what is written, and refuses what it is told to refuse (V9).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "datapath/deliver.h"
#include "fixtures/packet_builder.h"

#define PACKETS 5u
#define PIECES_MAX 2u
#define ROOM 2048u

static struct {
	bool refuse_superpackets, refuse_all;
	int error; /* with which it refuses; 0: EINVAL */
	unsigned int written;
	struct vnet_header headers[16];
	uint8_t bytes[16][16384];
	size_t lens[16];
} front;

static int note_write(struct frontend_queue *queue, const struct iovec *iov, uint32_t iov_cnt)
{
	const struct vnet_header *header = iov[0].iov_base;

	(void)queue;
	cr_assert_eq(iov[0].iov_len, VNET_HDR_LEN);
	if (front.refuse_all || (front.refuse_superpackets && header->gso_type))
		return front.error ? -front.error : -EINVAL;
	front.headers[front.written] = *header;
	front.lens[front.written] = 0;
	for (uint32_t i = 1; i < iov_cnt; i++) {
		memcpy(front.bytes[front.written] + front.lens[front.written], iov[i].iov_base, iov[i].iov_len);
		front.lens[front.written] += iov[i].iov_len;
	}
	front.written++;
	return 0;
}

static struct frontend_queue queue = { .write = note_write };

struct bed {
	struct gro gro;
	void *memory;
	struct deliver deliver;
	struct worker_stats stats;
	struct overload overload;
	struct steer_slots slots;
	struct frame_stack frames;
	uint64_t addrs[PACKETS * PIECES_MAX];
	uint8_t sent[PACKETS][ROOM], copies[PACKETS][ROOM];
	size_t lens[PACKETS];
};

/* Offers a packet in this many fragments, of which all but the last have 600 bytes. */
static void offer_in_pieces(struct bed *bed, uint32_t packet, uint32_t pieces)
{
	struct gro_packet fragments[PIECES_MAX];

	for (uint32_t i = 0; i < pieces; i++) {
		bool last = i + 1 == pieces;

		fragments[i] = (struct gro_packet){
			.data = bed->sent[packet] + 600 * i,
			.len = last ? (uint32_t)bed->lens[packet] - 600 * i : 600,
			.more = !last,
			.cookie = 0x1000 * (packet * pieces + i + 1),
		};
	}
	cr_assert_eq(gro_offer(&bed->gro, fragments, pieces, 0), pieces);
}

/* Offers PACKETS packets of one flow, which make one superpacket, and delivers it. */
static struct bed *deliver_superpacket_in(uint32_t pieces)
{
	struct gro_config config = { .flows = 8,
				     .packets = 32,
				     .max_packets = 32,
				     .max_bytes = 65535,
				     .merge = GRO_MERGE_TCP,
				     .secret = { 1, 2 } };
	struct bed *bed = calloc(1, sizeof *bed);
	struct packet p = packet_tcp4();

	bed->memory = aligned_alloc(64, gro_memory_size(&config));
	cr_assert_eq(gro_init(&bed->gro, &config, bed->memory), 0);
	bed->frames = (struct frame_stack){ .addrs = bed->addrs, .capacity = ARRAY_SIZE(bed->addrs) };
	overload_init(&bed->overload, &bed->slots, 4096);
	deliver_init(&bed->deliver, &queue, &bed->frames, &bed->stats, &bed->overload);
	p.payload_len = 1000;
	for (uint32_t i = 0; i < PACKETS; i++) {
		bed->lens[i] = packet_build(&p, bed->sent[i], ROOM, NULL);
		memcpy(bed->copies[i], bed->sent[i], ROOM);
		offer_in_pieces(bed, i, pieces);
		p.seq += 1000;
		p.ip_id++;
	}
	gro_burst_end(&bed->gro, 0);
	cr_assert_eq(deliver_next(&bed->deliver, &bed->gro, false), PACKETS);
	return bed;
}

/* What it is told decides which slots are left to the kernel. */
static void expect_told(const struct bed *bed, uint32_t packets, uint32_t writes)
{
	uint32_t told_packets = 0, told_writes = 0;

	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++) {
		told_packets += bed->overload.slot[i].packets;
		told_writes += bed->overload.slot[i].writes;
	}
	cr_expect_eq(told_packets, packets, "%u packets", told_packets);
	cr_expect_eq(told_writes, writes, "%u writes", told_writes);
}

static struct bed *deliver_one_superpacket(void) { return deliver_superpacket_in(1); }

static void expect_frames_back(struct bed *bed, uint32_t frames)
{
	cr_assert_eq(bed->frames.cnt, frames);
	for (uint32_t i = 0; i < frames; i++)
		cr_expect_eq(bed->addrs[i], 0x1000 * (i + 1));
	cr_expect_eq(gro_owned_packets(&bed->gro), 0);
	free(bed->memory);
	free(bed);
}

Test(deliver, one_write_of_header_and_slices)
{
	struct bed *bed = deliver_one_superpacket();

	cr_assert_eq(front.written, 1);
	cr_expect_eq(front.headers[0].gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	cr_expect_eq(front.headers[0].gso_size, 1000);
	cr_expect_eq(front.lens[0], bed->lens[0] + (PACKETS - 1) * 1000);
	cr_expect_eq(bed->stats.rx_superpackets, 1);
	cr_expect_eq(bed->stats.rx_segments, PACKETS);
	cr_expect_eq(bed->stats.rx_delivered_packets, PACKETS);
	cr_expect_eq(bed->stats.rx_cut_again, 0);
	expect_told(bed, PACKETS, 1);
	expect_frames_back(bed, PACKETS);
}

/* V9: when a superpacket is refused, each packet is delivered as it was received, in order, with an ordinary header. */
Test(deliver, a_refused_superpacket_goes_up_as_the_packets_that_came)
{
	struct bed *bed;

	front.refuse_superpackets = true;
	bed = deliver_one_superpacket();
	cr_assert_eq(front.written, PACKETS);
	for (uint32_t i = 0; i < PACKETS; i++) {
		static const struct vnet_header plain;

		cr_expect_eq(front.lens[i], bed->lens[i]);
		cr_expect_arr_eq(front.bytes[i], bed->copies[i], bed->lens[i], "packet %u", i);
		cr_expect_eq(front.headers[i].gso_type, plain.gso_type);
		cr_expect_eq(front.headers[i].gso_size, plain.gso_size);
		cr_expect_eq(front.headers[i].flags, plain.flags);
	}
	cr_expect_eq(bed->stats.rx_cut_again, 1);
	cr_expect_eq(bed->stats.rx_superpackets, 0);
	cr_expect_eq(bed->stats.rx_delivered_packets, PACKETS);
	cr_expect_eq(bed->stats.rx_drop_tap, 0);
	expect_told(bed, PACKETS, 1 + PACKETS);
	expect_frames_back(bed, PACKETS);
}

/* Jumbo packets: each write has all fragments of its packet, and every fragment's frame comes back. */
Test(deliver, packets_in_several_fragments)
{
	struct bed *bed = deliver_superpacket_in(2);

	cr_assert_eq(front.written, 1);
	cr_expect_eq(front.lens[0], bed->lens[0] + (PACKETS - 1) * 1000);
	cr_expect_eq(bed->stats.rx_segments, PACKETS);
	expect_frames_back(bed, PACKETS * 2);
}

Test(deliver, a_refused_superpacket_of_packets_in_several_fragments)
{
	struct bed *bed;

	front.refuse_superpackets = true;
	bed = deliver_superpacket_in(2);
	cr_assert_eq(front.written, PACKETS);
	for (uint32_t i = 0; i < PACKETS; i++) {
		cr_expect_eq(front.lens[i], bed->lens[i], "packet %u", i);
		cr_expect_arr_eq(front.bytes[i], bed->copies[i], bed->lens[i], "packet %u", i);
	}
	cr_expect_eq(bed->stats.rx_delivered_packets, PACKETS);
	cr_expect_eq(bed->stats.rx_delivered_bytes, PACKETS * bed->lens[0]);
	expect_frames_back(bed, PACKETS * 2);
}

/* When the packets are refused as well, each one is counted as dropped, and no frame is lost. */
Test(deliver, what_is_taken_neither_way_is_counted_packet_by_packet)
{
	struct bed *bed;

	front.refuse_all = true;
	bed = deliver_one_superpacket();
	cr_expect_eq(bed->stats.rx_drop_tap, PACKETS);
	cr_expect_eq(bed->stats.rx_delivered_packets, 0);
	cr_expect_eq(bed->stats.rx_cut_again, 1);
	expect_frames_back(bed, PACKETS);
}

/* A front end without room, or one that is down or gone, would not take the packets either: they are not tried. */
Test(deliver, a_front_end_that_takes_nothing_is_asked_once)
{
	static const int errors[] = { EAGAIN, ENODEV };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct bed *bed;

		front.refuse_all = true;
		front.error = errors[i];
		bed = deliver_one_superpacket();
		cr_expect_eq(bed->stats.rx_tap_unready, 1);
		cr_expect_eq(bed->stats.rx_drop_tap, PACKETS);
		cr_expect_eq(bed->stats.rx_cut_again, 0);
		cr_expect_not(deliver_probe(&bed->deliver));
		front.refuse_all = false;
		cr_expect(deliver_probe(&bed->deliver));
		cr_expect_eq(bed->stats.rx_delivered_packets, 0, "a probe is no packet");
		expect_frames_back(bed, PACKETS);
	}
}

/* Where there is no memory for a large packet, there may be some for small ones. */
Test(deliver, without_memory_packets_are_tried_one_by_one)
{
	struct bed *bed;

	front.refuse_superpackets = true;
	front.error = ENOMEM;
	bed = deliver_one_superpacket();
	cr_expect_eq(bed->stats.rx_tap_unready, 1);
	cr_expect_eq(bed->stats.rx_cut_again, 1);
	cr_expect_eq(bed->stats.rx_delivered_packets, PACKETS);
	expect_frames_back(bed, PACKETS);
}

/* A packet that is refused for its form says nothing about the state of the front end. */
Test(deliver, a_refused_packet_is_no_fault_of_the_front_end)
{
	struct bed *bed;

	front.refuse_all = true;
	bed = deliver_one_superpacket();
	cr_expect_eq(bed->stats.rx_tap_unready, 0);
	expect_frames_back(bed, PACKETS);
}

/* Stale packets are dropped and counted, and their frames come back. */
Test(deliver, stale_packets_are_dropped)
{
	struct bed *bed = deliver_one_superpacket();

	bed->frames.cnt = 0;
	offer_in_pieces(bed, 0, 1);
	gro_flush(&bed->gro, GRO_RECONFIGURE);
	cr_expect_eq(deliver_next(&bed->deliver, &bed->gro, true), 1);
	cr_expect_eq(front.written, 1, "the one before");
	cr_expect_eq(bed->stats.rx_drop_stale, 1);
	cr_expect_eq(bed->stats.rx_delivered_packets, PACKETS);
	expect_frames_back(bed, 1);
}
