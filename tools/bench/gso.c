// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Cutting: the engine's cursor cuts superpackets of 64 KB, with header slots or built frames, with and without
 * software checksums, beside rte_gso.
 *
 * Our times include writing a header to its slot and AF_XDP descriptors to a ring, or building the segment in its
 * slot and writing one descriptor. For DPDK's see dpdk.c.
 */
#include "bench/groups.h"

#include <linux/if_xdp.h>
#include <sys/mman.h>

#include "bench/dpdk.h"
#include "engine/gso.h"
#include "nic/uapi_compat.h"

/*
 * Slots form a ring, with as many as in the daemon (SLOTS_MAX). 16 times as many headers, 4 MB, would leave the
 * second-level cache before they are used again, and cost 14 ns more each. DPDK's mbufs come from a stack, which
 * is best for the cache.
 *
 * A segment takes two descriptors, so the ring holds all that can be in flight. The daemon's transmit ring has twice
 * as many entries (RING_SIZE), which cost less than half a nanosecond with header slots.
 */
#define SLOT_CNT 1024u
#define DESC_CNT (2 * SLOT_CNT)

struct ours_gso {
	uint8_t *const *supers;
	enum header_checksum mode;
	bool built;
	uint8_t *slots; /* [SLOT_CNT] of slot_len */
	uint32_t slot_len;
	struct xdp_desc *ring; /* [DESC_CNT] */
	uint32_t slot, desc;
};

static struct ours_gso ours_gso_open(uint8_t *const *supers, enum header_checksum mode, bool built)
{
	uint32_t slot_len = built ? BENCH_CHUNK_LEN : HEADER_SLOT_LEN;

	return (struct ours_gso){
		.supers = supers,
		.mode = mode,
		.built = built,
		.slots = bench_memory((size_t)SLOT_CNT * slot_len),
		.slot_len = slot_len,
		.ring = bench_memory(DESC_CNT * sizeof(struct xdp_desc)),
	};
}

static inline void put_descriptor(struct ours_gso *ours, const uint8_t *at, uint32_t len, uint32_t options)
{
	ours->ring[ours->desc++ & (DESC_CNT - 1)] = (struct xdp_desc){
		.addr = (uint64_t)(uintptr_t)at,
		.len = len,
		.options = options,
	};
}

/* As in transmit.c with unaligned chunks, a descriptor is no longer than a chunk. */
static inline void put_slices(struct ours_gso *ours, const uint8_t *at, uint32_t len)
{
	for (; len > BENCH_CHUNK_LEN; at += BENCH_CHUNK_LEN, len -= BENCH_CHUNK_LEN)
		put_descriptor(ours, at, BENCH_CHUNK_LEN, XDP_PKT_CONTD);
	put_descriptor(ours, at, len, 0);
}

static inline void cut_segment(struct ours_gso *ours, struct gso *gso, const uint8_t *super)
{
	uint8_t *slot = ours->slots + (size_t)(ours->slot++ & (SLOT_CNT - 1)) * ours->slot_len;
	struct gso_slice slice;

	if (ours->built) {
		put_descriptor(ours, slot, gso_next_built(gso, slot), 0);
		return;
	}
	slice = gso_next(gso, slot);
	put_descriptor(ours, slot, gso->hdr_len, XDP_PKT_CONTD);
	put_slices(ours, super + slice.off, slice.len);
}

static uint32_t cut_super(struct ours_gso *ours, const uint8_t *super)
{
	const struct gso_request request = {
		.type = GSO_TCPV4,
		.needs_csum = true,
		.size = BENCH_MSS,
		.csum_start = BENCH_L2_LEN + BENCH_L3_LEN,
		.csum_offset = 16,
	};
	struct gso gso;

	if (gso_open(&gso, &request, super, BENCH_SUPER_LEN, BENCH_FRAME_LEN, ours->mode) != GSO_CUT)
		bench_die("gso_open() refuses the superpacket");
	while (!gso_done(&gso))
		cut_segment(ours, &gso, super);
	return gso.seg_cnt;
}

static uint64_t ours_gso_pass(void *arg)
{
	struct ours_gso *ours = arg;
	uint64_t start = bench_now_ns();

	for (uint32_t i = 0; i < BENCH_GSO_PASS; i++)
		cut_super(ours, ours->supers[i % BENCH_SUPERS]);
	return bench_now_ns() - start - bench_clock_ns;
}

/* Copies segment i, as it would be sent, from its descriptors. */
static void flatten(const struct ours_gso *ours, uint32_t i, uint8_t *out)
{
	const struct xdp_desc *desc = &ours->ring[ours->built ? i : 2 * i];
	uint32_t cnt = ours->built ? 1 : 2;

	for (; cnt; cnt--, desc++) {
		memcpy(out, (const void *)(uintptr_t)desc->addr, desc->len);
		out += desc->len;
	}
}

/* Compares every variant of ours with plain checksums and DPDK's segments. Without checksums DPDK leaves those of the
 * superpacket in the headers, so they are not compared. */
static void gso_check(struct ours_gso *ours, struct dpdk_gso *rival)
{
	bool sums = ours->mode == HEADER_CSUM_FULL;
	uint8_t frame[BENCH_FRAME_LEN];
	uint8_t *theirs = bench_memory(BENCH_SEGMENTS * BENCH_FRAME_LEN);

	if (cut_super(ours, ours->supers[0]) != BENCH_SEGMENTS)
		bench_die("gso: not %u segments", BENCH_SEGMENTS);
	if (rival && dpdk_gso_cut(rival, sums, theirs) != BENCH_SEGMENTS)
		bench_die("gso: DPDK cut otherwise");
	for (uint32_t i = 0; i < BENCH_SEGMENTS; i++) {
		uint8_t *other = theirs + i * BENCH_FRAME_LEN;

		flatten(ours, i, frame);
		if (sums && !bench_sums_right(frame))
			bench_die("gso: segment %u has wrong checksums", i);
		if (!sums)
			bench_forget_sums(frame), bench_forget_sums(other);
		if (rival && memcmp(frame, other, BENCH_FRAME_LEN))
			bench_die("gso: segment %u differs from DPDK's", i);
	}
	munmap(theirs, BENCH_SEGMENTS * BENCH_FRAME_LEN);
}

enum { GSO_OURS, GSO_DPDK, GSO_OURS_SUMS, GSO_DPDK_SUMS, GSO_BUILT, GSO_BUILT_SUMS, GSO_CNT };

static void gso_rows(struct bench_report *report, const struct bench_contender *c)
{
	static const struct {
		const char *name;
		uint32_t ours, rival;
		double goal;
	} lines[] = {
		{ "headers + descriptors", GSO_OURS, GSO_DPDK, 0.25 },
		{ "the same, software checksums", GSO_OURS_SUMS, GSO_DPDK_SUMS, 0.35 },
		{ "built whole (payload copied)", GSO_BUILT, GSO_DPDK, 0 },
		{ "built whole, software checksums", GSO_BUILT_SUMS, GSO_DPDK_SUMS, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bench_row *row = bench_row_add(report, "gso", lines[i].name, "ns/segment", &c[lines[i].ours]);
		const char *rival = lines[i].rival == GSO_DPDK ? "rte_gso" : "rte_gso + checksums";

		if (report->dpdk)
			bench_row_beside(row, rival, &c[lines[i].rival], lines[i].goal);
	}
}

void bench_gso_run(struct bench_report *report)
{
	uint8_t *supers[BENCH_SUPERS];
	struct dpdk_gso *rival = NULL;
	struct ours_gso ours[4];

	for (uint32_t i = 0; i < BENCH_SUPERS; i++) {
		supers[i] = bench_memory(BENCH_SUPER_LEN);
		bench_hand_down(supers[i]);
	}
	if (report->dpdk)
		rival = dpdk_gso_open(supers);
	for (uint32_t i = 0; i < ARRAY_SIZE(ours); i++) {
		ours[i] = ours_gso_open(supers, i & 1 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL, i & 2);
		gso_check(&ours[i], rival);
	}

	const uint32_t units = BENCH_GSO_PASS * BENCH_SEGMENTS;
	struct bench_contender c[GSO_CNT] = {
		[GSO_OURS] = { ours_gso_pass, &ours[0], units, { 0 } },
		[GSO_DPDK] = { rival ? dpdk_gso_pass : NULL, rival, units, { 0 } },
		[GSO_OURS_SUMS] = { ours_gso_pass, &ours[1], units, { 0 } },
		[GSO_DPDK_SUMS] = { rival ? dpdk_gso_sums_pass : NULL, rival, units, { 0 } },
		[GSO_BUILT] = { ours_gso_pass, &ours[2], units, { 0 } },
		[GSO_BUILT_SUMS] = { ours_gso_pass, &ours[3], units, { 0 } },
	};
	bench_race(c, GSO_CNT);
	gso_rows(report, c);
	if (rival)
		dpdk_gso_close(rival);
}
