// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Merging: packets of 1 to 65536 flows are offered in bursts and flushed at the end of each burst or held across
 * bursts, beside rte_gro (its burst call and its call with a context).
 *
 * Merging changes packets, so each burst is written again before it is offered, as the kernel or a NIC writes it; only
 * the engine's calls are timed. Headers and payload are therefore in the cache, on both sides. The cost of many flows
 * is that of the state in the table and of the first header of each held superpacket.
 *
 * Our times include parsing, merging, delivery as an array of iovecs, and releasing the packets. For DPDK's see dpdk.c.
 */
#include "bench/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/dpdk.h"
#include "engine/checksum.h"
#include "engine/gro.h"

/* A receive frame is a chunk with the packet behind 256 bytes, as in the daemon. */
#define FRAME_HEADROOM 256u

/* The number of frames for small loads, that of a receive ring. */
#define RING_PACKETS 2048u

/* Packets of a flow until it is flushed, if flows are held across bursts. */
#define HOLD_PACKETS 8u
#define HOLD_NS 50000u

/* The receive frames, enough for the largest load. */
static uint8_t *frames;

struct ours_gro {
	const struct bench_load *load;
	struct gro gro;
	enum gro_csum csum;
	uint64_t now_ns; /* its own clock: bursts are 1 ns apart, groups HOLD_NS */
	uint64_t packets, supers;
	void *memory;
	size_t memory_len;
};

static uint32_t group_of(const struct bench_load *load)
{
	return load->flows * load->per_flow;
}

static uint8_t *frame_at(uint32_t idx)
{
	return frames + (size_t)idx * BENCH_CHUNK_LEN + FRAME_HEADROOM;
}

static void ours_gro_open(struct ours_gro *ours, const struct bench_load *load, uint64_t hold_ns, uint32_t max_packets,
			  enum gro_csum csum)
{
	struct gro_config config = {
		.flows = load->flows < 4096 ? 4096 : load->flows,
		.packets = load->packets + BENCH_BURST,
		.max_packets = max_packets,
		.max_bytes = 65535,
		.hold_ns = hold_ns,
		.merge = GRO_MERGE_TCP,
		.secret = { 0x243f6a8885a308d3u, 0x13198a2e03707344u },
	};

	memset(ours, 0, sizeof(*ours));
	ours->load = load;
	ours->csum = csum;
	ours->memory_len = gro_memory_size(&config);
	ours->memory = bench_memory(ours->memory_len);
	(void)madvise(ours->memory, ours->memory_len, MADV_HUGEPAGE); /* as the daemon does */
	if (gro_init(&ours->gro, &config, ours->memory))
		bench_die("gro_init() refuses the configuration");
}

static void ours_gro_close(struct ours_gro *ours)
{
	munmap(ours->memory, ours->memory_len);
}

/* Takes deliveries as a worker does: makes their iovecs, then releases their frames. */
static inline uint32_t take_deliveries(struct ours_gro *ours)
{
	struct iovec iov[GRO_MAX_PACKETS];
	uint64_t cookies[GRO_MAX_PACKETS];
	struct gro_super *super;
	uint32_t cnt = 0;

	for (; (super = gro_next(&ours->gro)); cnt++) {
		gro_iovecs(&ours->gro, super, iov);
		__asm__ volatile("" ::"r"(iov) : "memory");
		gro_release(&ours->gro, super, cookies);
		__asm__ volatile("" ::"r"(cookies) : "memory");
	}
	return cnt;
}

static void receive_burst(const struct ours_gro *ours, uint32_t first, struct gro_packet *burst)
{
	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		uint8_t *frame = frame_at(first + i);

		bench_arrive(ours->load, first + i, frame);
		burst[i] = (struct gro_packet){
			.data = frame,
			.len = BENCH_FRAME_LEN,
			.csum = (uint8_t)ours->csum,
			.cookie = (uint64_t)(frame - frames),
		};
	}
}

/* The timed part, without taking deliveries. */
static inline void offer_burst(struct ours_gro *ours, const struct gro_packet *burst, bool group_end)
{
	if (gro_offer(&ours->gro, burst, BENCH_BURST, ours->now_ns) != BENCH_BURST)
		bench_die("gro_offer() has no room");
	ours->now_ns += group_end ? HOLD_NS : 1;
	gro_burst_end(&ours->gro, ours->now_ns);
}

static uint64_t ours_gro_pass(void *arg)
{
	struct ours_gro *ours = arg;
	const struct bench_load *load = ours->load;
	struct gro_packet burst[BENCH_BURST];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < load->packets; i += BENCH_BURST) {
		bool group_end = (i + BENCH_BURST) % group_of(load) == 0;
		uint64_t start;

		receive_burst(ours, i, burst);
		start = bench_now_ns();
		offer_burst(ours, burst, group_end);
		ours->supers += take_deliveries(ours);
		sum += bench_now_ns() - start - bench_clock_ns;
	}
	ours->packets += load->packets;
	if (gro_owned_packets(&ours->gro))
		bench_die("gro: %u packets left after the last flush", gro_owned_packets(&ours->gro));
	return sum;
}

static double ours_gro_merge(const struct ours_gro *ours)
{
	return ours->supers ? (double)ours->packets / (double)ours->supers : 0;
}

/* Checks that a superpacket contains the data that was sent, and that its first header is right. */
static void delivery_check(const struct ours_gro *ours, const struct gro_super *super, struct bench_super *out)
{
	struct iovec iov[GRO_MAX_PACKETS];
	uint32_t cnt = gro_iovecs(&ours->gro, super, iov);
	const uint8_t *head = iov[0].iov_base;

	for (uint32_t i = 0; i < cnt; i++) {
		const uint8_t *data = (uint8_t *)iov[i].iov_base + (i ? 0 : BENCH_HDR_LEN);

		if (iov[i].iov_len != BENCH_MSS + (i ? 0 : BENCH_HDR_LEN) || memcmp(data, bench_payload, BENCH_MSS))
			bench_die("gro: packet %u of %u has other data", i, cnt);
	}
	if (cnt != super->packet_cnt || super->len != BENCH_HDR_LEN + cnt * BENCH_MSS ||
	    load_be16(head + 16) != super->len - BENCH_L2_LEN || !checksum_ipv4_right(head + 14))
		bench_die("gro: wrong length or header of a superpacket of %u", cnt);
	if (cnt == 1 ? !bench_sums_right(head) : super->request.size != BENCH_MSS)
		bench_die("gro: wrong checksum or segment size");
	memcpy(out->header, head, BENCH_HDR_LEN);
	bench_forget_sums(out->header);
	out->packets = cnt;
	out->len = super->len;
}

static uint32_t ours_gro_collect(struct ours_gro *ours, struct bench_super *out)
{
	struct gro_packet burst[BENCH_BURST];
	uint64_t cookies[GRO_MAX_PACKETS];
	struct gro_super *super;
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < group_of(ours->load); i += BENCH_BURST) {
		receive_burst(ours, i, burst);
		offer_burst(ours, burst, i + BENCH_BURST == group_of(ours->load));
		while ((super = gro_next(&ours->gro))) {
			delivery_check(ours, super, &out[cnt++]);
			gro_release(&ours->gro, super, cookies);
		}
	}
	return cnt;
}

static int compare_supers(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct bench_super));
}

/* Checks that both sides make the same superpackets of the same packets, in any order. */
static void gro_check(struct ours_gro *ours, struct dpdk_gro *rival)
{
	size_t len = group_of(ours->load) * sizeof(struct bench_super);
	struct bench_super *mine = bench_memory(len), *theirs = bench_memory(len);
	uint32_t cnt = ours_gro_collect(ours, mine), packets = 0;

	for (uint32_t i = 0; i < cnt; i++)
		packets += mine[i].packets;
	if (packets != group_of(ours->load))
		bench_die("gro: %u packets of %u delivered", packets, group_of(ours->load));
	if (rival) {
		uint32_t other_cnt = dpdk_gro_collect(rival, theirs);

		if (cnt != other_cnt)
			bench_die("gro: %u superpackets, DPDK makes %u", cnt, other_cnt);
		qsort(mine, cnt, sizeof(*mine), compare_supers);
		qsort(theirs, cnt, sizeof(*theirs), compare_supers);
		if (memcmp(mine, theirs, cnt * sizeof(*mine)))
			bench_die("gro: superpackets differ from DPDK's");
	}
	munmap(mine, len);
	munmap(theirs, len);
}

/* Measures one number of flows: ours, DPDK's, and ours with checksum verification, in turns. */
static void gro_compare(struct bench_report *report, const char *group, const struct bench_load *load, uint64_t hold_ns,
			double goal)
{
	struct dpdk_gro *rival = NULL;
	struct ours_gro ours, verifying;
	char name[48];
	struct bench_row *row;

	if (report->dpdk)
		rival = dpdk_gro_open(load, hold_ns != 0);
	ours_gro_open(&ours, load, hold_ns, GRO_MAX_PACKETS, GRO_CSUM_VERIFIED);
	ours_gro_open(&verifying, load, hold_ns, GRO_MAX_PACKETS, GRO_CSUM_UNKNOWN);
	gro_check(&ours, rival);
	gro_check(&verifying, NULL);

	struct bench_contender c[] = {
		{ ours_gro_pass, &ours, load->packets, { 0 } },
		{ rival ? dpdk_gro_pass : NULL, rival, load->packets, { 0 } },
		{ ours_gro_pass, &verifying, load->packets, { 0 } },
	};
	bench_race(c, ARRAY_SIZE(c));

	snprintf(name, sizeof(name), "%u flow%s", load->flows, load->flows > 1 ? "s" : "");
	row = bench_row_add(report, group, name, "ns/packet", &c[0]);
	row->ours_merge = ours_gro_merge(&ours);
	if (rival) {
		bench_row_beside(row, hold_ns ? "rte_gro with context" : "rte_gro burst", &c[1], goal);
		row->rival_merge = dpdk_gro_merge(rival);
		dpdk_gro_close(rival);
	}
	snprintf(name, sizeof(name), "%u flow%s, checksums verified", load->flows, load->flows > 1 ? "s" : "");
	row = bench_row_add(report, group, name, "ns/packet", &c[2]);
	row->ours_merge = ours_gro_merge(&verifying);
	ours_gro_close(&ours);
	ours_gro_close(&verifying);
}

static struct bench_load load_of(uint32_t flows, uint32_t per_flow)
{
	struct bench_load load = { flows, per_flow, 0 };

	if (load.flows * load.per_flow < BENCH_BURST)
		load.per_flow = BENCH_BURST / flows;
	load.packets = group_of(&load) > RING_PACKETS ? group_of(&load) : RING_PACKETS;
	return load;
}

static void frames_open(uint32_t cnt)
{
	frames = bench_memory((size_t)cnt * BENCH_CHUNK_LEN);
}

static void frames_close(uint32_t cnt)
{
	munmap(frames, (size_t)cnt * BENCH_CHUNK_LEN);
}

void bench_gro_burst_run(struct bench_report *report)
{
	static const struct {
		uint32_t flows;
		double goal;
	} lines[] = {
		{ 1, 0.5 },
		{ 4, 0 },
		{ 16, 0 },
		{ 64, 0.15 },
	};

	frames_open(RING_PACKETS);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bench_load load = load_of(lines[i].flows, 1);

		gro_compare(report, "gro-burst", &load, 0, lines[i].goal);
	}
	frames_close(RING_PACKETS);
}

void bench_gro_hold_run(struct bench_report *report)
{
	static const struct {
		uint32_t flows;
		double goal;
	} lines[] = {
		{ 1, 0 },
		{ 64, 0 },
		{ 1024, 0 },
		{ 4096, 0.01 },
	};
	uint32_t frame_cnt = 4096 * HOLD_PACKETS;

	frames_open(frame_cnt);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bench_load load = load_of(lines[i].flows, HOLD_PACKETS);

		gro_compare(report, "gro-hold", &load, HOLD_NS, lines[i].goal);
	}
	frames_close(frame_cnt);
}

/* How many of the given numbers of flows have frames that fit half of the free memory. */
static size_t flows_that_fit(const uint32_t *flows, size_t cnt)
{
	uint64_t room = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;

	while (cnt > 1 && (uint64_t)flows[cnt - 1] * HOLD_PACKETS * BENCH_CHUNK_LEN > room)
		cnt--;
	return cnt;
}

static void gro_scale_row(struct bench_report *report, const struct bench_contender *c,
			  const struct bench_contender *one_flow)
{
	const struct ours_gro *ours = c->ctx, *one = one_flow->ctx;
	uint32_t flows = ours->load->flows;
	char name[48];
	struct bench_row *row;

	snprintf(name, sizeof(name), "%u flow%s", flows, flows > 1 ? "s" : "");
	row = bench_row_add(report, "gro-scale", name, "ns/packet", c);
	row->ours_merge = ours_gro_merge(ours);
	if (flows > 1) {
		bench_row_beside(row, "itself, 1 flow", one_flow, flows == 65536 ? 3 : 0);
		row->rival_merge = ours_gro_merge(one);
	}
}

void bench_gro_scale_run(struct bench_report *report)
{
	static const uint32_t flows[] = { 1, 64, 1024, 4096, 16384, 65536 };
	size_t cnt = flows_that_fit(flows, ARRAY_SIZE(flows));
	uint32_t frame_cnt = flows[cnt - 1] * HOLD_PACKETS;
	struct bench_load loads[ARRAY_SIZE(flows)];
	struct ours_gro ours[ARRAY_SIZE(flows)];
	struct bench_contender c[ARRAY_SIZE(flows)];

	if (frame_cnt < RING_PACKETS)
		frame_cnt = RING_PACKETS;
	frames_open(frame_cnt);
	/* Huge pages, as for the daemon's UMEM; not in comparisons with DPDK, whose mbufs lie on small pages here. */
	(void)madvise(frames, (size_t)frame_cnt * BENCH_CHUNK_LEN, MADV_HUGEPAGE);
	for (size_t i = 0; i < cnt; i++) {
		loads[i] = load_of(flows[i], HOLD_PACKETS);
		ours_gro_open(&ours[i], &loads[i], HOLD_NS, HOLD_PACKETS, GRO_CSUM_VERIFIED);
		gro_check(&ours[i], NULL);
		c[i] = (struct bench_contender){ ours_gro_pass, &ours[i], loads[i].packets, { 0 } };
	}
	bench_race(c, cnt);
	for (size_t i = 0; i < cnt; i++)
		gro_scale_row(report, &c[i], &c[0]);
	for (size_t i = 0; i < cnt; i++)
		ours_gro_close(&ours[i]);
	frames_close(frame_cnt);
}
