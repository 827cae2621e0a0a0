// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Transmission over rings in plain memory. The test plays the kernel: it takes descriptors from the transmit ring,
 * keeps them as long as it likes, and completes them in any order. It copies their bytes just before the completion, so
 * that a frame that is reused too early shows up as wrong bytes.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "datapath/transmit.h"
#include "nic/uapi_compat.h"
#include "fixtures/packet_builder.h"

#define RING 256u
#define MSS 1448u
#define MTU 1500u
#define FRAME_MAX (MTU + 14)
#define JUMBO_MTU 9000u
#define JUMBO_MSS 8948u

/* ---- the stand-in for the socket ---- */

static uint32_t tx_producer, tx_consumer, completion_producer, completion_consumer;
static struct xdp_desc tx_descs[RING];
static uint64_t completion_addrs[RING];
static uint32_t flags;
static unsigned int wakeups;

/* The functions of xsk.c that transmit.c calls. They only count. */
int xsk_wake_tx(struct xsk *xsk)
{
	(void)xsk;
	wakeups++;
	return 0;
}

void xsk_nudge(struct xsk *xsk)
{
	(void)xsk;
	wakeups++;
}

struct bed {
	struct umem umem;
	struct xsk xsk;
	struct worker_stats stats;
	struct transmit transmit;
};

static struct xsk plain_xsk(struct umem *umem, bool slices, bool unaligned)
{
	struct xsk xsk = { .umem = umem, .ring_size = RING, .slices = slices, .unaligned = unaligned };

	tx_producer = tx_consumer = completion_producer = completion_consumer = 0;
	xsk.tx = (struct xsk_ring_prod){ .cached_cons = RING,
					 .mask = RING - 1,
					 .size = RING,
					 .producer = &tx_producer,
					 .consumer = &tx_consumer,
					 .ring = tx_descs,
					 .flags = &flags };
	xsk.completion = (struct xsk_ring_cons){ .mask = RING - 1,
						 .size = RING,
						 .producer = &completion_producer,
						 .consumer = &completion_consumer,
						 .ring = completion_addrs };
	return xsk;
}

/* nic: the NIC finishes checksums, so there is room for requests. */
static struct bed *make_bed_for(bool slices, bool unaligned, uint32_t slots, bool nic)
{
	struct bed *bed = calloc(1, sizeof *bed);
	const struct umem_config config = {
		.rx_frames = 1,
		.slots = slots,
		.slot_len = slices ? HEADER_SLOT_LEN + nic * TX_CHECKSUM_HEADROOM : UMEM_CHUNK_LEN,
		.buffers_len = 4 * UMEM_SUPERPACKET_ROOM,
	};

	cr_assert_not_null(bed);
	cr_assert_eq(umem_open(&bed->umem, &config), 0);
	bed->xsk = plain_xsk(&bed->umem, slices, unaligned);
	bed->xsk.tx_headroom = nic ? TX_CHECKSUM_HEADROOM : 0;
	bed->xsk.choice.tx_checksum = nic;
	cr_assert_eq(transmit_slot_len(&bed->xsk), config.slot_len);
	cr_assert_eq(transmit_init(&bed->transmit, &bed->xsk, &bed->umem, MTU, &bed->stats), 0);
	return bed;
}

static struct bed *make_bed(bool slices, bool unaligned, uint32_t slots)
{
	return make_bed_for(slices, unaligned, slots, false);
}

static void free_bed(struct bed *bed)
{
	transmit_fini(&bed->transmit);
	umem_close(&bed->umem);
	free(bed);
}

/* ---- the stand-in for the kernel ---- */

struct wire {
	struct xdp_desc held[RING]; /* taken, but not completed yet */
	uint32_t held_cnt;
	uint8_t *bytes; /* the packets that the NIC has read, one behind the other */
	uint32_t len, packets;
	bool within;          /* the present packet has further descriptors */
	uint32_t begin;       /* of the present packet */
	struct gso_left left; /* what the NIC has to finish of it */
	uint32_t asked;       /* packets with a request */
};

static void wire_take(struct wire *wire)
{
	while (tx_consumer != __atomic_load_n(&tx_producer, __ATOMIC_ACQUIRE))
		wire->held[wire->held_cnt++] = tx_descs[tx_consumer++ & (RING - 1)];
}

static void complete_addr(uint64_t addr)
{
	completion_addrs[completion_producer & (RING - 1)] = addr;
	__atomic_store_n(&completion_producer, completion_producer + 1, __ATOMIC_RELEASE);
}

/* The kernel's conditions when there is room for requests: it counts that room with every descriptor, although only a
 * packet's first has a request (net/xdp/xsk_queue.h, xp_unaligned_validate_desc()). */
static void wire_check_room(const struct bed *bed, const struct xdp_desc *desc)
{
	const uint64_t from = desc->addr - TX_CHECKSUM_METADATA_LEN, len = desc->len + TX_CHECKSUM_METADATA_LEN;

	cr_assert_geq(desc->addr, TX_CHECKSUM_METADATA_LEN);
	if (bed->xsk.unaligned)
		cr_assert_leq(len, UMEM_CHUNK_LEN, "a descriptor and room for a request exceed a chunk");
	else
		cr_assert_leq(from % UMEM_CHUNK_LEN + len, UMEM_CHUNK_LEN, "no room in the chunk for a request");
}

/* The request, read as late as the packet. A driver may read it even if the descriptor does not have the option. */
static void wire_read_request(struct bed *bed, struct wire *wire, const struct xdp_desc *desc, bool first)
{
	const struct compat_xsk_tx_metadata *request;
	const bool option = desc->options & XDP_TX_METADATA;

	if (!bed->xsk.tx_headroom) {
		cr_assert_not(option, "the ring is wedged for ever");
		return;
	}
	wire_check_room(bed, desc);
	if (!first) {
		cr_assert_not(option);
		return;
	}
	request = (const void *)umem_data(&bed->umem, desc->addr - sizeof *request);
	cr_assert_eq(request->flags, option ? XDP_TXMD_FLAGS_CHECKSUM : 0);
	wire->begin = wire->len;
	wire->left = (struct gso_left){ request->request.csum_start, request->request.csum_offset };
	cr_assert_eq(wire->left.start != 0, option);
	if (option)
		cr_assert_leq(wire->left.start + wire->left.offset + 2, desc->len);
	wire->asked += option;
}

static void wire_finish(struct wire *wire)
{
	uint8_t *from = wire->bytes + wire->begin + wire->left.start;
	const uint32_t len = wire->len - wire->begin - wire->left.start;

	if (wire->left.start)
		store_be16(from + wire->left.offset, (uint16_t)~packet_fold(packet_sum(from, len, 0)));
	wire->left.start = 0;
}

/* Reads the oldest cnt descriptors, then completes them, in reverse order if asked. */
static void wire_send(struct bed *bed, struct wire *wire, uint32_t cnt, bool reverse)
{
	uint32_t chain = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		struct xdp_desc *desc = &wire->held[i];
		uint64_t border = desc->addr / UMEM_CHUNK_LEN;

		chain = i && wire->held[i - 1].options & XDP_PKT_CONTD ? chain + 1 : 1;
		cr_assert_leq(chain, XSK_CHAIN_MAX, "the kernel drops the packet");

		cr_assert(desc->addr + desc->len <= bed->umem.area_len);
		cr_assert(desc->len > 0 && desc->len <= UMEM_CHUNK_LEN);
		if (!bed->xsk.unaligned)
			cr_assert_eq((desc->addr + desc->len - 1) / UMEM_CHUNK_LEN, border,
				     "a descriptor crosses a chunk border in aligned mode");
		wire_read_request(bed, wire, desc, !wire->within);
		memcpy(wire->bytes + wire->len, umem_data(&bed->umem, desc->addr), desc->len);
		wire->len += desc->len;
		wire->within = desc->options & XDP_PKT_CONTD;
		wire->packets += !wire->within;
		if (!wire->within)
			wire_finish(wire);
	}
	for (uint32_t i = 0; i < cnt; i++)
		complete_addr(wire->held[reverse ? cnt - 1 - i : i].addr);
	wire->held_cnt -= cnt;
	memmove(wire->held, wire->held + cnt, wire->held_cnt * sizeof wire->held[0]);
}

/* ---- packets ---- */

static uint32_t build(uint8_t *buf, size_t room, uint32_t payload_len, uint32_t seq)
{
	struct packet p = packet_tcp4();

	p.payload_len = payload_len;
	p.seq = seq;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	return (uint32_t)packet_build(&p, buf, room, NULL);
}

static struct gso_request request_of(uint32_t payload_len, uint32_t mss)
{
	return (struct gso_request){
		.type = payload_len > mss ? GSO_TCPV4 : GSO_NONE,
		.needs_csum = true,
		.size = payload_len > mss ? (uint16_t)mss : 0,
		.csum_start = 34,
		.csum_offset = 16,
	};
}

/* What must be on the wire: the same packet, cut by the engine alone. */
static uint32_t expected_bytes(uint8_t *out, const uint8_t *packet, uint32_t len, const struct gso_request *request,
			       uint32_t mtu)
{
	uint8_t *copy = malloc(len), slot[HEADER_SLOT_LEN];
	uint32_t at = 0;
	struct gso gso;

	memcpy(copy, packet, len);
	if (gso_open(&gso, request, copy, len, mtu + 14, HEADER_CSUM_FULL) == GSO_ORDINARY) {
		gso_complete(request, copy, len);
		memcpy(out, copy, len);
		free(copy);
		return len;
	}
	while (!gso_done(&gso)) {
		struct gso_slice slice = gso_next(&gso, slot);

		memcpy(out + at, slot, gso.hdr_len);
		memcpy(out + at + gso.hdr_len, copy + slice.off, slice.len);
		at += gso.hdr_len + slice.len;
	}
	free(copy);
	return at;
}

/*
 * Sends packets of these payload lengths, while the wire lags behind and completes odd numbers of descriptors. The
 * bytes on the wire must be the expected ones, and at the end everything must be free again.
 */
static void carry(struct bed *bed, const uint32_t *payload_lens, uint32_t cnt, bool reverse)
{
	const uint32_t mss = bed->transmit.mtu - (MTU - MSS);
	static uint8_t packet[UMEM_SUPERPACKET_ROOM];
	uint8_t *expected = malloc(cnt * 80000u);
	struct wire wire = { .bytes = malloc(cnt * 80000u) };
	uint32_t sent = 0, expected_len = 0, rounds = 0;

	while (sent < cnt || bed->transmit.outstanding || transmit_paused(&bed->transmit)) {
		uint8_t *buffer;

		cr_assert(rounds++ < 100000, "stuck: %u outstanding, %u of %u sent", bed->transmit.outstanding, sent,
			  cnt);
		transmit_resume(&bed->transmit);
		buffer = sent < cnt ? transmit_buffer(&bed->transmit) : NULL;
		if (buffer) {
			struct gso_request request = request_of(payload_lens[sent], mss);
			uint32_t len = build(packet, sizeof packet, payload_lens[sent], sent * 100000);

			memcpy(buffer, packet, len);
			expected_len += expected_bytes(expected + expected_len, packet, len, &request,
						       bed->transmit.mtu);
			transmit_packet(&bed->transmit, &request, len);
			sent++;
		}
		wire_take(&wire);
		if (!buffer || rounds % 3 == 0) {
			/* A NIC reads the descriptors of a packet together. 7 divides nothing here. */
			uint32_t portion = reverse || wire.held_cnt < 7 ? wire.held_cnt : 7;

			wire_send(bed, &wire, portion, reverse);
		}
		transmit_complete(&bed->transmit);
	}
	cr_assert_eq(wire.len, expected_len);
	cr_assert_eq(memcmp(wire.bytes, expected, expected_len), 0, "wrong bytes on the wire");
	cr_assert_eq(bed->umem.slots.used, 0);
	cr_assert_eq(bed->umem.buffers.used, 0);
	cr_assert_eq(bed->stats.tx_segments + bed->stats.tx_ordinary, wire.packets);
	cr_assert_eq(bed->stats.tx_bytes, wire.len);
	cr_assert_eq(wire.asked, bed->xsk.choice.tx_checksum ? wire.packets : 0);
	free(wire.bytes);
	free(expected);
}

static const uint32_t mixed[] = {
	64000, 0,     1, 1448,  1449,  65000, 2896, 100,  30000, 0,     0,     64000, 64000, 64000, 5000,
	1448,  65000, 7, 64000, 64000, 64000, 0,    1449, 64000, 43440, 64000, 0,     12,    64000, 64000,
};

Test(transmit, slices_unaligned_late_reader)
{
	struct bed *bed = make_bed(true, true, 1024);

	carry(bed, mixed, ARRAY_SIZE(mixed), false);
	free_bed(bed);
}

Test(transmit, slices_aligned_never_cross_a_chunk_border)
{
	struct bed *bed = make_bed(true, false, 1024);

	carry(bed, mixed, ARRAY_SIZE(mixed), false);
	free_bed(bed);
}

Test(transmit, built_frames)
{
	struct bed *bed = make_bed(false, false, 128);

	carry(bed, mixed, ARRAY_SIZE(mixed), false);
	free_bed(bed);
}

/* With checksums finished by the NIC, the bytes are the same in the end, even if it reads late. */
Test(transmit, checksums_by_the_nic)
{
	for (int slices = 0; slices <= 1; slices++) {
		struct bed *bed = make_bed_for(slices, true, slices ? 1024 : 128, true);

		carry(bed, mixed, ARRAY_SIZE(mixed), false);
		free_bed(bed);
	}
}

/* In zero copy with one descriptor a packet, chunks may be aligned. */
Test(transmit, checksums_by_the_nic_in_aligned_chunks)
{
	struct bed *bed = make_bed_for(false, false, 128, true);

	carry(bed, mixed, ARRAY_SIZE(mixed), true);
	free_bed(bed);
}

/* When the test packet has failed, or a packet has no checksum to finish, the room for the request says so, even if
 * there was another request in the same slot before. */
Test(transmit, nothing_is_asked_of_a_nic_that_is_not_to_do_it)
{
	struct bed *bed = make_bed_for(false, true, 128, true);

	memset(bed->umem.area, 0xff, bed->umem.area_len);
	bed->xsk.choice.tx_checksum = false;
	carry(bed, mixed, ARRAY_SIZE(mixed), false);
	free_bed(bed);
}

/* S4: one identifier for all segments, but only with DF. IPv6 has none. */
Test(transmit, shared_id_with_df_only)
{
	static uint8_t sent[2 * MTU * 4];
	struct bed *bed = make_bed(false, false, 128);

	bed->transmit.shared_id = true;
	for (uint32_t df = 0; df < 2; df++) {
		const struct gso_request request = request_of(4 * MSS, MSS);
		struct wire wire = { .bytes = sent };
		struct packet p = packet_tcp4();
		uint32_t id;

		p.payload_len = 4 * MSS;
		p.df = df;
		p.l4_csum = PACKET_CSUM_PARTIAL;
		transmit_packet(
			&bed->transmit, &request,
			(uint32_t)packet_build(&p, transmit_buffer(&bed->transmit), UMEM_SUPERPACKET_ROOM, NULL));
		wire_take(&wire);
		cr_assert_eq(wire.held_cnt, 4);
		wire_send(bed, &wire, 4, false);
		transmit_complete(&bed->transmit);
		id = load_be16(sent + 18);
		for (uint32_t i = 1; i < 4; i++)
			cr_expect_eq(load_be16(sent + i * (wire.len / 4) + 18), id + (df ? 0 : i), "segment %u, DF %u",
				     i, df);
	}
	free_bed(bed);
}

/* Jumbo segments and packets do not fit a frame, so they are sent as slices, even through a socket for built frames. */
static const uint32_t jumbo[] = { 64000, 0, 8948, 8949, 4030, 4031, 4100, 3000, 65000, 8948, 100, 20000 };

static void carry_jumbo(bool slices, bool unaligned, bool nic)
{
	struct bed *bed = make_bed_for(slices, unaligned, slices ? 1024 : 128, nic);

	transmit_set_mtu(&bed->transmit, JUMBO_MTU);
	carry(bed, jumbo, ARRAY_SIZE(jumbo), false);
	free_bed(bed);
}

Test(transmit, jumbo_between_built_frames)
{
	carry_jumbo(false, true, false);
	carry_jumbo(false, false, false);
	carry_jumbo(false, true, true);
}

Test(transmit, jumbo_between_slices)
{
	carry_jumbo(true, true, false);
	carry_jumbo(true, false, false);
	carry_jumbo(true, true, true);
}

/* With the longest MTU, wherever in a chunk a packet begins, it never needs more descriptors than it may have. */
Test(transmit, longest_packets_keep_to_the_longest_chain)
{
	static const uint32_t longest[] = { 65400, 100, 65400, 1, 65400, 2000, 65400, 3000, 65400, 65400 };

	for (int slices = 0; slices <= 1; slices++)
		for (int layout = 0; layout <= 2; layout++) {
			struct bed *bed = make_bed_for(slices, layout, 128, layout == 2);

			transmit_set_mtu(&bed->transmit, 65521);
			carry(bed, longest, ARRAY_SIZE(longest), false);
			free_bed(bed);
		}
}

/* A frame of exactly a chunk is built; one of a byte more is not. */
Test(transmit, built_up_to_a_chunk)
{
	for (uint32_t len = UMEM_CHUNK_LEN - 1; len <= UMEM_CHUNK_LEN + 1; len++) {
		struct bed *bed = make_bed(false, true, 128);
		struct gso_request request = { .type = GSO_NONE };
		uint8_t *buffer = transmit_buffer(&bed->transmit);

		transmit_set_mtu(&bed->transmit, JUMBO_MTU);
		cr_assert_eq(build(buffer, UMEM_SUPERPACKET_ROOM, len - 54, 0), len);
		transmit_packet(&bed->transmit, &request, len);
		cr_expect_eq(bed->transmit.outstanding, len > UMEM_CHUNK_LEN ? 2 : 1, "%u bytes", len);
		cr_expect_eq(bed->umem.slots.used, len > UMEM_CHUNK_LEN ? 0 : 1, "%u bytes", len);
		free_bed(bed);
	}
}

Test(transmit, completions_out_of_order)
{
	struct bed *bed = make_bed(true, true, 1024);

	carry(bed, mixed, ARRAY_SIZE(mixed), true);
	free_bed(bed);
}

/* S9: a superpacket that can never fit at once is sent in several units, and nothing of it is lost. */
Test(transmit, few_slots_cut_in_several_units)
{
	struct bed *bed = make_bed(true, true, 16);

	carry(bed, mixed, ARRAY_SIZE(mixed), false);
	cr_assert_gt(bed->stats.tx_pauses, 0);
	free_bed(bed);
}

/* S9: while a superpacket waits for descriptors, nothing of it is submitted, and no other packet is read. */
Test(transmit, waits_whole_and_resumes)
{
	struct bed *bed = make_bed(true, true, 1024);
	uint8_t *buffer;
	uint32_t len;
	struct gso_request request = request_of(64000, MSS);

	for (int i = 0; i < 2; i++) {
		buffer = transmit_buffer(&bed->transmit);
		cr_assert_not_null(buffer);
		len = build(buffer, UMEM_SUPERPACKET_ROOM, 64000, 0);
		transmit_packet(&bed->transmit, &request, len);
	}
	cr_assert_not(transmit_paused(&bed->transmit));
	cr_assert_eq(bed->transmit.outstanding, 180); /* 45 segments of two descriptors, twice */

	buffer = transmit_buffer(&bed->transmit);
	len = build(buffer, UMEM_SUPERPACKET_ROOM, 64000, 0);
	transmit_packet(&bed->transmit, &request, len);
	cr_assert(transmit_paused(&bed->transmit), "the ring has no room for a third");
	cr_assert_eq(bed->transmit.outstanding, 180, "a part of the third was submitted");
	cr_assert_null(transmit_buffer(&bed->transmit), "nothing may overtake it");
	cr_assert_not(transmit_resume(&bed->transmit));
	cr_assert_eq(bed->stats.tx_pauses, 1, "one wait is counted once");

	for (uint32_t i = 0; i < 90; i++)
		complete_addr(tx_descs[i].addr);
	tx_consumer = 90;
	cr_assert_eq(transmit_complete(&bed->transmit), 90);
	cr_assert(transmit_resume(&bed->transmit));
	cr_assert_eq(bed->transmit.outstanding, 180);
	free_bed(bed);
}

/* Slots and buffer stay in use until the last completion has come. */
Test(transmit, nothing_is_free_before_the_last_completion)
{
	struct bed *bed = make_bed(true, true, 1024);
	struct gso_request request = request_of(64000, MSS);
	uint8_t *buffer = transmit_buffer(&bed->transmit);
	uint32_t len = build(buffer, UMEM_SUPERPACKET_ROOM, 64000, 0);

	transmit_packet(&bed->transmit, &request, len);
	tx_consumer = tx_producer;
	for (uint32_t i = 1; i < 90; i++)
		complete_addr(tx_descs[i].addr);
	cr_assert_eq(transmit_complete(&bed->transmit), 89);
	cr_assert_eq(bed->umem.slots.used, 45);
	cr_assert_geq(bed->umem.buffers.used, len);
	complete_addr(tx_descs[0].addr);
	cr_assert_eq(transmit_complete(&bed->transmit), 1);
	cr_assert_eq(bed->umem.slots.used, 0);
	cr_assert_eq(bed->umem.buffers.used, 0);
	free_bed(bed);
}

static void send_small(struct bed *bed)
{
	struct gso_request request = { .type = GSO_NONE };
	uint8_t *buffer = transmit_buffer(&bed->transmit);

	cr_assert_not_null(buffer);
	transmit_packet(&bed->transmit, &request, build(buffer, UMEM_SUPERPACKET_ROOM, 0, 0));
}

/* With a ring full of packets of one descriptor each, the next packet waits and overwrites no unit. */
Test(transmit, ring_full_of_small_packets)
{
	struct bed *bed = make_bed(true, true, 1024);

	for (uint32_t i = 0; i < RING; i++)
		send_small(bed);
	cr_assert_not(transmit_paused(&bed->transmit));
	send_small(bed);
	cr_assert(transmit_paused(&bed->transmit));
	tx_consumer = tx_producer;
	for (uint32_t i = 0; i < RING; i++)
		complete_addr(tx_descs[i].addr);
	cr_assert_eq(transmit_complete(&bed->transmit), RING);
	cr_assert(transmit_resume(&bed->transmit));
	complete_addr(tx_descs[0].addr);
	cr_assert_eq(transmit_complete(&bed->transmit), 1);
	cr_assert_eq(bed->umem.buffers.used, 0);
	free_bed(bed);
}

/* While the oldest packet is stuck and all later ones are finished, units run out before descriptors do. */
Test(transmit, units_used_up_behind_a_stuck_one)
{
	struct bed *bed = make_bed(true, true, 1024);

	for (uint32_t i = 0; i < RING; i++) {
		send_small(bed);
		tx_consumer = tx_producer;
		if (i > 0)
			complete_addr(tx_descs[i].addr);
		transmit_complete(&bed->transmit);
	}
	cr_assert_eq(bed->transmit.outstanding, 1);
	send_small(bed);
	cr_assert(transmit_paused(&bed->transmit), "there is no unit left");
	complete_addr(tx_descs[0].addr);
	cr_assert_eq(transmit_complete(&bed->transmit), 1);
	cr_assert(transmit_resume(&bed->transmit));
	cr_assert_eq(bed->transmit.unit_head - bed->transmit.unit_tail, 1);
	free_bed(bed);
}

/* S8, S1: a packet that cannot be sent is dropped and counted, and the next one gets its buffer. */
Test(transmit, drops_are_counted_and_take_nothing)
{
	struct bed *bed = make_bed(true, true, 1024);
	struct gso_request too_long = { .type = GSO_NONE };
	struct gso_request malformed = request_of(64000, MSS);
	uint8_t *buffer = transmit_buffer(&bed->transmit);
	uint32_t len = build(buffer, UMEM_SUPERPACKET_ROOM, 3000, 0);

	transmit_packet(&bed->transmit, &too_long, len);
	cr_assert_eq(bed->stats.tx_drop_too_long, 1);
	malformed.type = GSO_TCPV6; /* on an IPv4 packet */
	transmit_packet(&bed->transmit, &malformed, len);
	cr_assert_eq(bed->stats.tx_drop_malformed, 1);
	cr_assert_eq(bed->umem.buffers.used, 0);
	cr_assert_eq(bed->transmit.outstanding, 0);
	cr_assert_not(transmit_paused(&bed->transmit));
	free_bed(bed);
}

/* A completion of an address that is not under way means a broken kernel or driver, so the process aborts. */
Test(transmit, foreign_completion_aborts, .signal = SIGABRT)
{
	struct bed *bed = make_bed(true, true, 1024);

	complete_addr(12345);
	transmit_complete(&bed->transmit);
}

/* Every slot and every byte in use belongs to a unit, or to the packet that is being sent. */
static void expect_nothing_missing(const struct bed *bed)
{
	uint32_t slots, buffers;

	transmit_missing(&bed->transmit, &slots, &buffers);
	cr_expect_eq(slots, 0, "%u slots are missing", slots);
	cr_expect_eq(buffers, 0, "%u bytes of buffers are missing", buffers);
}

/* Sends superpackets, which wrap around both rings, until the next one has to wait. */
Test(transmit, slots_and_buffers_add_up)
{
	struct bed *bed = make_bed(true, true, 100);
	struct gso_request request = request_of(30000, MSS);
	uint32_t slots, buffers;

	for (uint32_t i = 0; i < 40; i++) {
		uint8_t *buffer = transmit_buffer(&bed->transmit);

		while (!buffer) {
			expect_nothing_missing(bed);
			complete_addr(tx_descs[tx_consumer++ & (RING - 1)].addr);
			transmit_complete(&bed->transmit);
			transmit_resume(&bed->transmit);
			buffer = transmit_buffer(&bed->transmit);
		}
		transmit_packet(&bed->transmit, &request, build(buffer, UMEM_SUPERPACKET_ROOM, 30000, 0));
		expect_nothing_missing(bed);
	}
	bed->umem.slots.used += 3;
	bed->umem.buffers.used += 64;
	transmit_missing(&bed->transmit, &slots, &buffers);
	cr_expect_eq(slots, 3);
	cr_expect_eq(buffers, 64);
	free_bed(bed);
}

/* With a new socket and new memory, what was under way is counted as lost, and both rings are free. */
Test(transmit, reset_forgets_what_was_under_way)
{
	struct bed *bed = make_bed(true, true, 64);
	struct gso_request request = request_of(64000, MSS);
	const struct umem_config config = bed->umem.config;
	uint64_t finished;

	send_small(bed);
	complete_addr(tx_descs[tx_consumer++].addr);
	cr_assert_eq(transmit_complete(&bed->transmit), 1);
	finished = bed->transmit.finished;
	for (int i = 0; i < 2; i++)
		transmit_packet(&bed->transmit, &request,
				build(transmit_buffer(&bed->transmit), UMEM_SUPERPACKET_ROOM, 64000, 0));
	cr_assert(transmit_paused(&bed->transmit), "64 slots are not enough for two");

	umem_close(&bed->umem);
	cr_assert_eq(umem_open(&bed->umem, &config), 0);
	bed->xsk = plain_xsk(&bed->umem, true, true);
	transmit_reset(&bed->transmit);
	cr_expect_not(transmit_paused(&bed->transmit));
	cr_expect_eq(bed->stats.tx_drop_rebuilt, 1);
	cr_expect_eq(bed->stats.tx_waiting, 0);
	cr_expect_gt(bed->stats.tx_lost_descriptors, 0);
	cr_expect_eq(bed->transmit.outstanding, 0);
	cr_expect_eq(bed->transmit.finished, finished, "what is lost is no progress");
	cr_expect_eq(bed->transmit.mtu, MTU, "the wire is the same");
	expect_nothing_missing(bed);
	send_small(bed);
	cr_expect_eq(bed->transmit.outstanding, 1);
	complete_addr(tx_descs[0].addr);
	cr_expect_eq(transmit_complete(&bed->transmit), 1);
	cr_expect_eq(bed->umem.buffers.used, 0);
	free_bed(bed);
}

/* A packet that waits while the kernel takes over is not sent later, and its buffer is free behind those before it. */
Test(transmit, what_waits_can_be_dropped)
{
	struct bed *bed = make_bed(true, true, 1024);
	const struct gso_request request = request_of(64000, MSS);
	uint32_t used;

	cr_expect_not(transmit_drop_rest(&bed->transmit), "nothing waits");
	while (!transmit_paused(&bed->transmit)) {
		used = bed->umem.buffers.used;
		transmit_packet(&bed->transmit, &request,
				build(transmit_buffer(&bed->transmit), UMEM_SUPERPACKET_ROOM, 64000, 0));
	}
	cr_expect(transmit_drop_rest(&bed->transmit));
	cr_expect_not(transmit_paused(&bed->transmit));
	cr_expect_eq(bed->stats.tx_waiting, 0);
	cr_expect_gt(bed->umem.buffers.used, used, "it is freed in its turn");
	expect_nothing_missing(bed);
	for (uint32_t i = 0; i < 180; i++)
		complete_addr(tx_descs[i].addr);
	tx_consumer = 180;
	cr_assert_eq(transmit_complete(&bed->transmit), 180);
	cr_expect_eq(bed->transmit.outstanding, 0);
	cr_expect_eq(bed->umem.buffers.used, 0);
	cr_expect_eq(bed->umem.slots.used, 0);
	send_small(bed);
	cr_expect_eq(bed->transmit.outstanding, 1);
}
