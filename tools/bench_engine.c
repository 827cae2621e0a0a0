// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * bench-engine: what the engine costs per segment, per packet and per byte, beside DPDK's
 * rte_gso and rte_gro on the same packets in the same run.
 *
 * How it measures:
 *  - The contenders of a comparison take turns (A B A B ...), so that a change of the machine's
 *    mood hits all of them; the figure is the median of the rounds, with their span beside it.
 *  - Everything runs in three processes, one after the other, and the rounds are put together:
 *    where a process's stack and heap happen to lie decides much (DPDK's burst reassembly is
 *    twice as slow in one process of three).
 *  - Reassembly changes packets, so each burst is written anew before it is offered, as the
 *    kernel or the NIC would write it; only the engine's calls are timed. Headers and payload
 *    are therefore in the cache, for both sides alike; what many flows cost is the state that
 *    lies in the table and the first header of each held superpacket.
 *  - Results of both sides are compared, byte for byte where DPDK is right, before anything is
 *    timed. Wrong results end the program with 1; figures never do.
 *
 * What is in our figures: for segmentation, a header in its slot and AF_XDP descriptors in a
 * ring; for reassembly, parsing, merging, delivery as an array of iovecs, and giving the
 * packets back. What is in DPDK's: see bench_dpdk.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <linux/if_xdp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "bench_dpdk.h"
#include "engine/checksum.h"
#include "engine/gro.h"
#include "engine/gso.h"
#include "nic/uapi_compat.h"

/* 15 in all: 5 in each of 3 processes. Odd, so that a median is a sample. */
#define PROCESSES 3u
#define ROUNDS 5u

/* Segments or packets in a round at least. */
#define ROUND_UNITS 16384u

#define LONG_PASS_NS 3000000u

#define CHUNK_LEN 4096u

/* A receive frame as the daemon has it: a chunk with the packet behind 256 bytes. */
#define FRAME_HEADROOM 256u

struct samples {
	uint32_t cnt;
	double value[PROCESSES * ROUNDS];
};

/* A line of the table. Plain memory: children send it to their parent as it is. */
struct row {
	char group[24], name[48], unit[16];
	struct samples ours;
	char rival_name[32]; /* "": nothing to compare with */
	struct samples rival;
	double ours_merge, rival_merge; /* packets per superpacket; 0: none */
	double goal;                    /* highest ratio; 0: none */
};

struct options {
	const char *json;
	const char *only; /* rows whose group contains this */
	bool no_dpdk;
	int cpu;
	uint32_t processes;
	int result_fd; /* a child's pipe to its parent, else -1 */
};

static struct options options = { .cpu = -1, .processes = PROCESSES, .result_fd = -1 };
static bool dpdk;
static char dpdk_text[32];

uint64_t bench_clock_ns;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench-engine: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static void *memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("%zu MB of memory: %s", len >> 20, strerror(errno));
	return p;
}

/* ---- clock and rounds ---- */

uint64_t bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = load_u64(a), y = load_u64(b);

	return (x > y) - (x < y);
}

static void clock_calibrate(void)
{
	uint64_t took[1001];

	for (size_t i = 0; i < ARRAY_SIZE(took); i++) {
		uint64_t start = bench_now_ns();

		took[i] = bench_now_ns() - start;
	}
	qsort(took, ARRAY_SIZE(took), sizeof(took[0]), compare_u64);
	bench_clock_ns = took[ARRAY_SIZE(took) / 2];
}

struct contender {
	uint64_t (*pass)(void *ctx); /* ns it took; NULL: does not take part */
	void *ctx;
	uint32_t units;              /* segments, packets, ... of a pass */
	struct samples samples;
};

/* How often somebody else got this CPU. */
static long preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

/* A pass that another process interrupted is measured again; a long one would be interrupted
 * again, too, and matters less. */
static uint64_t undisturbed_pass(const struct contender *c)
{
	uint64_t ns = 0;

	for (int tries = 0; tries < 5 && ns < LONG_PASS_NS; tries++) {
		long before = preemptions();

		ns = c->pass(c->ctx);
		if (preemptions() == before)
			break;
	}
	return ns;
}

/* As many passes as make ROUND_UNITS. Returns ns per unit. */
static double measure_round(const struct contender *c)
{
	uint64_t units = 0, ns = 0;

	for (; units < ROUND_UNITS; units += c->units)
		ns += undisturbed_pass(c);
	return (double)ns / (double)units;
}

/* One round each to warm up, then in turns. */
static void race(struct contender *contenders, size_t cnt)
{
	for (uint32_t r = 0; r < 1 + ROUNDS; r++)
		for (size_t i = 0; i < cnt; i++) {
			struct contender *c = &contenders[i];
			double ns = c->pass ? measure_round(c) : 0;

			if (r && c->pass)
				c->samples.value[c->samples.cnt++] = ns;
		}
}

/* ---- results ---- */

#define ROWS_MAX 48u

static struct row rows[ROWS_MAX];
static uint32_t row_cnt;

static struct row *row_add(const char *group, const char *name, const char *unit,
			   const struct contender *ours)
{
	struct row *row = &rows[row_cnt++];

	if (row_cnt > ROWS_MAX)
		die("more than %u rows", ROWS_MAX);
	snprintf(row->group, sizeof(row->group), "%s", group);
	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->unit, sizeof(row->unit), "%s", unit);
	row->ours = ours->samples;
	return row;
}

static void row_beside(struct row *row, const char *name, const struct contender *rival, double goal)
{
	snprintf(row->rival_name, sizeof(row->rival_name), "%s", name);
	row->rival = rival->samples;
	row->goal = goal;
}

static bool wanted(const char *group)
{
	return !options.only || strstr(group, options.only);
}

/* ---- packets ---- */

static uint8_t payload[BENCH_MSS];

static void payload_fill(void)
{
	for (uint32_t i = 0; i < BENCH_MSS; i++)
		payload[i] = (uint8_t)(i * 167 + (i >> 8));
}

/* Ethernet, IPv4 (DF) and TCP (ACK, timestamps); addresses, ID, lengths and numbers are patched. */
static const uint8_t header_bytes[BENCH_HDR_LEN] = {
	0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, 0x02, 0x00, 0x5e, 0x10, 0x00, 0x02, 0x08, 0x00,
	0x45, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00,
	10,   0,    0,    0,    192,  0,    2,    2,
	0x9c, 0x40, 0x14, 0x51, 0x00, 0x00, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78,
	0x80, 0x10, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x01, 0x08, 0x0a, 0x00, 0x11, 0x22, 0x33, 0x00, 0x44, 0x55, 0x66,
};

/* One's complement sums in 64 bits; folded by csum_field(). */
static uint64_t plain_sum(const uint8_t *p, uint32_t len, uint64_t sum)
{
	for (uint32_t i = 0; i < len; i += 4)
		sum += load_u32(p + i);
	return sum;
}

static uint16_t csum_field(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t pseudo_sum(const uint8_t *hdr, uint32_t payload_len)
{
	uint16_t rest[2] = { __builtin_bswap16(6), __builtin_bswap16((uint16_t)(BENCH_L4_LEN + payload_len)) };

	return plain_sum(hdr + BENCH_L2_LEN + 12, 8, (uint64_t)rest[0] + rest[1]);
}

/* Completes the checksums of a header; payload_sum is that of len bytes behind it. Plain, and not
 * the engine's own way, so that nothing is compared with itself. */
static void header_sums(uint8_t *hdr, uint32_t len, uint64_t payload_sum)
{
	uint64_t tcp = pseudo_sum(hdr, len) + payload_sum;

	store_u16(hdr + BENCH_IP_CSUM_OFF, 0);
	store_u16(hdr + BENCH_TCP_CSUM_OFF, 0);
	store_u16(hdr + BENCH_IP_CSUM_OFF,
		  (uint16_t)~csum_field(plain_sum(hdr + BENCH_L2_LEN, BENCH_L3_LEN, 0)));
	tcp = plain_sum(hdr + BENCH_L2_LEN + BENCH_L3_LEN, BENCH_L4_LEN, tcp);
	store_u16(hdr + BENCH_TCP_CSUM_OFF, (uint16_t)~csum_field(tcp));
}

static uint64_t payload_sum(void)
{
	static uint64_t sum;

	if (!sum)
		sum = plain_sum(payload, BENCH_MSS, 0);
	return sum;
}

/* Which flow has its turn: scattered, or the table would be walked in order, which is faster. */
static uint32_t flow_of_turn(const struct bench_load *load, uint32_t turn)
{
	uint32_t round = turn / load->flows;

	return (turn * 40503u + round * 25717u) & (load->flows - 1);
}

void bench_arrive(const struct bench_load *load, uint32_t idx, uint8_t *frame)
{
	uint32_t group = load->flows * load->per_flow;
	uint32_t turn = idx % group;
	uint32_t nth = turn / load->flows;
	uint32_t flow = flow_of_turn(load, turn);

	memcpy(frame, header_bytes, BENCH_HDR_LEN);
	memcpy(frame + BENCH_HDR_LEN, payload, BENCH_MSS);
	store_be16(frame + 16, BENCH_FRAME_LEN - BENCH_L2_LEN);
	store_be16(frame + 18, (uint16_t)(1000 + nth));
	store_be32(frame + 26, 0x0a000000u + flow / 16); /* 16 connections of each host */
	store_be16(frame + 34, (uint16_t)(40000 + flow % 16));
	store_be32(frame + 38, 0xfffff000u + nth * BENCH_MSS); /* wraps on the way */
	header_sums(frame, BENCH_MSS, payload_sum());
}

/* ---- segmentation ---- */

/* Descriptors and slots are rings, as in the daemon: a segment takes two descriptors, so no more
 * slots than half as many can be out. (16 times as many headers, 4 MB, would fall out of the
 * second-level cache before they come round, and cost 14 ns more each.) DPDK's mbufs come from a
 * stack, which is as warm as can be. */
#define DESC_CNT 2048u
#define SLOT_CNT (DESC_CNT / 2)

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
	uint32_t slot_len = built ? CHUNK_LEN : HEADER_SLOT_LEN;

	return (struct ours_gso){
		.supers = supers,
		.mode = mode,
		.built = built,
		.slots = memory((size_t)SLOT_CNT * slot_len),
		.slot_len = slot_len,
		.ring = memory(DESC_CNT * sizeof(struct xdp_desc)),
	};
}

static inline void put_descriptor(struct ours_gso *ours, const uint8_t *at, uint32_t len,
				  uint32_t options)
{
	ours->ring[ours->desc++ & (DESC_CNT - 1)] = (struct xdp_desc){
		.addr = (uint64_t)(uintptr_t)at, .len = len, .options = options,
	};
}

/* Like transmit.c with unaligned chunks: a descriptor is no longer than a chunk. */
static inline void put_slices(struct ours_gso *ours, const uint8_t *at, uint32_t len)
{
	for (; len > CHUNK_LEN; at += CHUNK_LEN, len -= CHUNK_LEN)
		put_descriptor(ours, at, CHUNK_LEN, XDP_PKT_CONTD);
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
		die("gso_open() refuses the superpacket");
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

/* As a stack with TSO hands it down: PSH, an unfinished checksum. */
static void super_fill(uint8_t *super)
{
	memcpy(super, header_bytes, BENCH_HDR_LEN);
	for (uint32_t i = 0; i < BENCH_SEGMENTS; i++)
		memcpy(super + BENCH_HDR_LEN + i * BENCH_MSS, payload, BENCH_MSS);
	store_be16(super + 16, BENCH_SUPER_LEN - BENCH_L2_LEN);
	store_be16(super + 18, 0xfff0); /* wraps on the way */
	store_be32(super + 38, 0xffffff00u);
	super[47] |= 0x08;
	header_sums(super, 0, 0); /* for the IPv4 checksum */
	store_u16(super + BENCH_TCP_CSUM_OFF,
		  csum_field(pseudo_sum(super, BENCH_SEGMENTS * BENCH_MSS)));
}

/* Segment i as it would go out, from its descriptors, flat. */
static void flatten(const struct ours_gso *ours, uint32_t i, uint8_t *out)
{
	const struct xdp_desc *desc = &ours->ring[ours->built ? i : 2 * i];
	uint32_t cnt = ours->built ? 1 : 2;

	for (; cnt; cnt--, desc++) {
		memcpy(out, (const void *)(uintptr_t)desc->addr, desc->len);
		out += desc->len;
	}
}

static bool sums_right(const uint8_t *frame)
{
	uint8_t hdr[BENCH_HDR_LEN];

	memcpy(hdr, frame, BENCH_HDR_LEN);
	header_sums(hdr, BENCH_MSS, payload_sum());
	return !memcmp(hdr, frame, BENCH_HDR_LEN);
}

static void forget_sums(uint8_t *hdr)
{
	memset(hdr + BENCH_IP_CSUM_OFF, 0, 2);
	memset(hdr + BENCH_TCP_CSUM_OFF, 0, 2);
}

/* Every variant of ours against plain checksums and DPDK's segments. Without checksums DPDK leaves
 * the superpacket's in the headers, so those are not compared. */
static void gso_check(struct ours_gso *ours, struct dpdk_gso *rival)
{
	bool sums = ours->mode == HEADER_CSUM_FULL;
	uint8_t frame[BENCH_FRAME_LEN];
	uint8_t *theirs = memory(BENCH_SEGMENTS * BENCH_FRAME_LEN);

	if (cut_super(ours, ours->supers[0]) != BENCH_SEGMENTS)
		die("gso: not %u segments", BENCH_SEGMENTS);
	if (rival && dpdk_gso_cut(rival, sums, theirs) != BENCH_SEGMENTS)
		die("gso: DPDK cut otherwise");
	for (uint32_t i = 0; i < BENCH_SEGMENTS; i++) {
		uint8_t *other = theirs + i * BENCH_FRAME_LEN;

		flatten(ours, i, frame);
		if (sums && !sums_right(frame))
			die("gso: segment %u has wrong checksums", i);
		if (!sums)
			forget_sums(frame), forget_sums(other);
		if (rival && memcmp(frame, other, BENCH_FRAME_LEN))
			die("gso: segment %u differs from DPDK's", i);
	}
	munmap(theirs, BENCH_SEGMENTS * BENCH_FRAME_LEN);
}

enum { GSO_OURS, GSO_DPDK, GSO_OURS_SUMS, GSO_DPDK_SUMS, GSO_BUILT, GSO_BUILT_SUMS, GSO_CNT };

static void gso_rows(const struct contender *c)
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
		struct row *row = row_add("gso", lines[i].name, "ns/segment", &c[lines[i].ours]);

		if (dpdk)
			row_beside(row, lines[i].rival == GSO_DPDK ? "rte_gso" : "rte_gso + checksums",
				   &c[lines[i].rival], lines[i].goal);
	}
}

static void gso_run(void)
{
	uint8_t *supers[BENCH_SUPERS];
	struct dpdk_gso *rival = NULL;
	struct ours_gso ours[4];

	for (uint32_t i = 0; i < BENCH_SUPERS; i++) {
		supers[i] = memory(BENCH_SUPER_LEN);
		super_fill(supers[i]);
	}
	if (dpdk && !(rival = dpdk_gso_open(supers)))
		die("no memory for rte_gso");
	for (uint32_t i = 0; i < ARRAY_SIZE(ours); i++) {
		ours[i] = ours_gso_open(supers, i & 1 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL, i & 2);
		gso_check(&ours[i], rival);
	}

	const uint32_t units = BENCH_GSO_PASS * BENCH_SEGMENTS;
	struct contender c[GSO_CNT] = {
		[GSO_OURS] = { ours_gso_pass, &ours[0], units, { 0 } },
		[GSO_DPDK] = { rival ? dpdk_gso_pass : NULL, rival, units, { 0 } },
		[GSO_OURS_SUMS] = { ours_gso_pass, &ours[1], units, { 0 } },
		[GSO_DPDK_SUMS] = { rival ? dpdk_gso_sums_pass : NULL, rival, units, { 0 } },
		[GSO_BUILT] = { ours_gso_pass, &ours[2], units, { 0 } },
		[GSO_BUILT_SUMS] = { ours_gso_pass, &ours[3], units, { 0 } },
	};
	race(c, GSO_CNT);
	gso_rows(c);
	if (rival)
		dpdk_gso_close(rival);
}

/* ---- reassembly ---- */

/* Frames that take turns when a load is small: the receive ring of a NIC queue. */
#define RING_PACKETS 2048u

/* Packets of a flow until a flush, where flows are held across bursts. */
#define HOLD_PACKETS 8u
#define HOLD_NS 50000u

/* Receive frames of all loads; as large as the largest. */
static uint8_t *frames;

struct ours_gro {
	const struct bench_load *load;
	struct gro gro;
	enum gro_csum csum;
	uint64_t now_ns; /* a clock of its own: bursts are 1 ns apart, groups HOLD_NS */
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
	return frames + (size_t)idx * CHUNK_LEN + FRAME_HEADROOM;
}

static void ours_gro_open(struct ours_gro *ours, const struct bench_load *load, uint64_t hold_ns,
			  uint32_t max_packets, enum gro_csum csum)
{
	struct gro_config config = {
		.flows = load->flows < 4096 ? 4096 : load->flows,
		.packets = load->packets + BENCH_BURST,
		.max_packets = max_packets,
		.max_bytes = 65535,
		.hold_ns = hold_ns,
		.merge_tcp = true,
		.secret = { 0x243f6a8885a308d3u, 0x13198a2e03707344u },
	};

	memset(ours, 0, sizeof(*ours));
	ours->load = load;
	ours->csum = csum;
	ours->memory_len = gro_memory_size(&config);
	ours->memory = memory(ours->memory_len);
	if (gro_init(&ours->gro, &config, ours->memory))
		die("gro_init() refuses the configuration");
}

static void ours_gro_close(struct ours_gro *ours)
{
	munmap(ours->memory, ours->memory_len);
}

/* What comes up, as a worker takes it: described, then its frames given back. */
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
			.data = frame, .len = BENCH_FRAME_LEN, .csum = (uint8_t)ours->csum,
			.cookie = (uint64_t)(frame - frames),
		};
	}
}

/* The timed part, but for taking deliveries. */
static inline void offer_burst(struct ours_gro *ours, const struct gro_packet *burst, bool group_end)
{
	if (gro_offer(&ours->gro, burst, BENCH_BURST, ours->now_ns) != BENCH_BURST)
		die("gro_offer() has no room");
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
		die("gro: %u packets left after the last flush", gro_owned_packets(&ours->gro));
	return sum;
}

static double ours_gro_merge(const struct ours_gro *ours)
{
	return ours->supers ? (double)ours->packets / (double)ours->supers : 0;
}

/* The superpacket's data is what was sent, and its first header says so. */
static void delivery_check(const struct ours_gro *ours, const struct gro_super *super,
			   struct bench_super *out)
{
	struct iovec iov[GRO_MAX_PACKETS];
	uint32_t cnt = gro_iovecs(&ours->gro, super, iov);
	const uint8_t *head = iov[0].iov_base;

	for (uint32_t i = 0; i < cnt; i++) {
		const uint8_t *data = (uint8_t *)iov[i].iov_base + (i ? 0 : BENCH_HDR_LEN);

		if (iov[i].iov_len != BENCH_MSS + (i ? 0 : BENCH_HDR_LEN) ||
		    memcmp(data, payload, BENCH_MSS))
			die("gro: packet %u of %u has other data", i, cnt);
	}
	if (cnt != super->packet_cnt || super->len != BENCH_HDR_LEN + cnt * BENCH_MSS ||
	    load_be16(head + 16) != super->len - BENCH_L2_LEN || !checksum_ipv4_right(head + 14))
		die("gro: wrong length or header of a superpacket of %u", cnt);
	if (cnt == 1 ? !sums_right(head) : super->request.size != BENCH_MSS)
		die("gro: wrong checksum or segment size");
	memcpy(out->header, head, BENCH_HDR_LEN);
	forget_sums(out->header);
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

/* Both sides made the same superpackets of the same packets; their order may differ. */
static void gro_check(struct ours_gro *ours, struct dpdk_gro *rival)
{
	size_t len = group_of(ours->load) * sizeof(struct bench_super);
	struct bench_super *mine = memory(len), *theirs = memory(len);
	uint32_t cnt = ours_gro_collect(ours, mine), packets = 0;

	for (uint32_t i = 0; i < cnt; i++)
		packets += mine[i].packets;
	if (packets != group_of(ours->load))
		die("gro: %u packets of %u delivered", packets, group_of(ours->load));
	if (rival) {
		uint32_t other_cnt = dpdk_gro_collect(rival, theirs);

		if (cnt != other_cnt)
			die("gro: %u superpackets, DPDK makes %u", cnt, other_cnt);
		qsort(mine, cnt, sizeof(*mine), compare_supers);
		qsort(theirs, cnt, sizeof(*theirs), compare_supers);
		if (memcmp(mine, theirs, cnt * sizeof(*mine)))
			die("gro: superpackets differ from DPDK's");
	}
	munmap(mine, len);
	munmap(theirs, len);
}

/* One number of flows: ours, DPDK's, and ours verifying checksums, in turns. */
static void gro_compare(const char *group, const struct bench_load *load, uint64_t hold_ns, double goal)
{
	struct dpdk_gro *rival = NULL;
	struct ours_gro ours, verifying;
	char name[48];
	struct row *row;

	if (dpdk && !(rival = dpdk_gro_open(load, hold_ns != 0)))
		die("no memory for rte_gro");
	ours_gro_open(&ours, load, hold_ns, GRO_MAX_PACKETS, GRO_CSUM_VERIFIED);
	ours_gro_open(&verifying, load, hold_ns, GRO_MAX_PACKETS, GRO_CSUM_UNKNOWN);
	gro_check(&ours, rival);
	gro_check(&verifying, NULL);

	struct contender c[] = {
		{ ours_gro_pass, &ours, load->packets, { 0 } },
		{ rival ? dpdk_gro_pass : NULL, rival, load->packets, { 0 } },
		{ ours_gro_pass, &verifying, load->packets, { 0 } },
	};
	race(c, ARRAY_SIZE(c));

	snprintf(name, sizeof(name), "%u flow%s", load->flows, load->flows > 1 ? "s" : "");
	row = row_add(group, name, "ns/packet", &c[0]);
	row->ours_merge = ours_gro_merge(&ours);
	if (rival) {
		row_beside(row, hold_ns ? "rte_gro with context" : "rte_gro burst", &c[1], goal);
		row->rival_merge = dpdk_gro_merge(rival);
		dpdk_gro_close(rival);
	}
	snprintf(name, sizeof(name), "%u flow%s, checksums verified", load->flows,
		 load->flows > 1 ? "s" : "");
	row = row_add(group, name, "ns/packet", &c[2]);
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
	frames = memory((size_t)cnt * CHUNK_LEN);
}

static void frames_close(uint32_t cnt)
{
	munmap(frames, (size_t)cnt * CHUNK_LEN);
}

/* The burst call, and ours flushing at the end of each burst. */
static void gro_burst_run(void)
{
	static const struct { uint32_t flows; double goal; } lines[] = {
		{ 1, 0.5 }, { 4, 0 }, { 16, 0 }, { 64, 0.15 },
	};

	frames_open(RING_PACKETS);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bench_load load = load_of(lines[i].flows, 1);

		gro_compare("gro-burst", &load, 0, lines[i].goal);
	}
	frames_close(RING_PACKETS);
}

/* Flows held across bursts. */
static void gro_hold_run(void)
{
	static const struct { uint32_t flows; double goal; } lines[] = {
		{ 1, 0 }, { 64, 0 }, { 1024, 0 }, { 4096, 0.01 },
	};
	uint32_t frame_cnt = 4096 * HOLD_PACKETS;

	frames_open(frame_cnt);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bench_load load = load_of(lines[i].flows, HOLD_PACKETS);

		gro_compare("gro-hold", &load, HOLD_NS, lines[i].goal);
	}
	frames_close(frame_cnt);
}

/* How many of the given numbers of flows fit half of the memory that is free, in frames. */
static size_t flows_that_fit(const uint32_t *flows, size_t cnt)
{
	uint64_t room = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;

	while (cnt > 1 && (uint64_t)flows[cnt - 1] * HOLD_PACKETS * CHUNK_LEN > room)
		cnt--;
	return cnt;
}

static void gro_scale_row(const struct contender *c, const struct contender *one_flow)
{
	const struct ours_gro *ours = c->ctx, *one = one_flow->ctx;
	uint32_t flows = ours->load->flows;
	char name[48];
	struct row *row;

	snprintf(name, sizeof(name), "%u flow%s", flows, flows > 1 ? "s" : "");
	row = row_add("gro-scale", name, "ns/packet", c);
	row->ours_merge = ours_gro_merge(ours);
	if (flows > 1) {
		row_beside(row, "itself, 1 flow", one_flow, flows == 65536 ? 3 : 0);
		row->rival_merge = ours_gro_merge(one);
	}
}

/* The number of flows alone: superpackets are of HOLD_PACKETS packets throughout. */
static void gro_scale_run(void)
{
	static const uint32_t flows[] = { 1, 64, 1024, 4096, 16384, 65536 };
	size_t cnt = flows_that_fit(flows, ARRAY_SIZE(flows));
	uint32_t frame_cnt = flows[cnt - 1] * HOLD_PACKETS;
	struct bench_load loads[ARRAY_SIZE(flows)];
	struct ours_gro ours[ARRAY_SIZE(flows)];
	struct contender c[ARRAY_SIZE(flows)];

	if (frame_cnt < RING_PACKETS)
		frame_cnt = RING_PACKETS;
	frames_open(frame_cnt);
	for (size_t i = 0; i < cnt; i++) {
		loads[i] = load_of(flows[i], HOLD_PACKETS);
		ours_gro_open(&ours[i], &loads[i], HOLD_NS, HOLD_PACKETS, GRO_CSUM_VERIFIED);
		gro_check(&ours[i], NULL);
		c[i] = (struct contender){ ours_gro_pass, &ours[i], loads[i].packets, { 0 } };
	}
	race(c, cnt);
	for (size_t i = 0; i < cnt; i++)
		gro_scale_row(&c[i], &c[0]);
	for (size_t i = 0; i < cnt; i++)
		ours_gro_close(&ours[i]);
	frames_close(frame_cnt);
}

/* ---- checksums ---- */

enum csum_kind { CSUM_ADD, CSUM_COPY, CSUM_MEMCPY, CSUM_PLAIN, CSUM_DPDK, CSUM_KINDS };

struct csum_work {
	enum csum_kind kind;
	const uint8_t *data;
	const uint32_t *order; /* of blocks */
	uint32_t blocks;       /* in data, CSUM_STRIDE apart; a power of two */
	uint32_t at;           /* goes on where the last pass ended */
};

#define CSUM_STRIDE 2048u
#define CSUM_PASS 1024u

/* Destination of copies: stays in the first-level cache. */
static uint8_t csum_dst[4 * CSUM_STRIDE];

#ifdef __x86_64__
/* What anybody would write: 16-bit words widened to 32 bits and added. */
__attribute__((target("avx2"))) static uint32_t plain_avx2(const uint8_t *p, size_t len)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i low = zero, high = zero;
	uint32_t lanes[8], sum = 0;

	for (; len >= 32; p += 32, len -= 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)p);

		low = _mm256_add_epi32(low, _mm256_unpacklo_epi16(v, zero));
		high = _mm256_add_epi32(high, _mm256_unpackhi_epi16(v, zero));
	}
	_mm256_storeu_si256((__m256i *)lanes, _mm256_add_epi32(low, high));
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		sum = checksum_combine(sum, lanes[i]);
	for (; len >= 2; p += 2, len -= 2)
		sum = checksum_combine(sum, load_u16(p));
	return sum;
}

static bool plain_usable(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
static uint32_t plain_avx2(const uint8_t *p, size_t len)
{
	(void)p, (void)len;
	return 0;
}

static bool plain_usable(void)
{
	return false;
}
#endif

static inline uint32_t csum_once(enum csum_kind kind, const uint8_t *p, uint32_t i)
{
	uint8_t *dst = csum_dst + (i & 3) * CSUM_STRIDE;

	switch (kind) {
	case CSUM_ADD:
		return checksum_add(p, BENCH_MSS, 0);
	case CSUM_COPY:
		return checksum_copy(dst, p, BENCH_MSS, 0);
	case CSUM_MEMCPY:
		memcpy(dst, p, BENCH_MSS);
		__asm__ volatile("" ::"r"(dst) : "memory");
		return 0;
	case CSUM_PLAIN:
		return plain_avx2(p, BENCH_MSS);
	default:
		return dpdk_checksum(p, BENCH_MSS);
	}
}

static inline uint64_t csum_blocks(struct csum_work *work, enum csum_kind kind)
{
	uint64_t start = bench_now_ns();
	uint32_t sum = 0;

	for (uint32_t i = 0; i < CSUM_PASS; i++) {
		uint32_t block = work->order[(work->at + i) & (work->blocks - 1)];

		sum ^= csum_once(kind, work->data + (size_t)block * CSUM_STRIDE, i);
	}
	__asm__ volatile("" ::"r"(sum));
	work->at += CSUM_PASS;
	return bench_now_ns() - start - bench_clock_ns;
}

static uint64_t csum_pass(void *arg)
{
	struct csum_work *work = arg;

	switch (work->kind) { /* one loop for each, without a branch in it */
	case CSUM_ADD:
		return csum_blocks(work, CSUM_ADD);
	case CSUM_COPY:
		return csum_blocks(work, CSUM_COPY);
	case CSUM_MEMCPY:
		return csum_blocks(work, CSUM_MEMCPY);
	case CSUM_PLAIN:
		return csum_blocks(work, CSUM_PLAIN);
	default:
		return csum_blocks(work, CSUM_DPDK);
	}
}

/* Scattered, so that no prefetcher helps between blocks. */
static uint32_t *shuffled(uint32_t cnt)
{
	uint32_t *order = memory(cnt * sizeof(*order));
	uint64_t state = 88172645463325252u;

	for (uint32_t i = 0; i < cnt; i++)
		order[i] = i;
	for (uint32_t i = cnt - 1; i; i--) {
		uint32_t j, other;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		j = (uint32_t)(state % (i + 1));
		other = order[i];
		order[i] = order[j];
		order[j] = other;
	}
	return order;
}

static void csum_check(const uint8_t *data)
{
	uint16_t want = csum_field(payload_sum());

	for (int kind = 0; kind < CSUM_KINDS; kind++) {
		if (kind == CSUM_MEMCPY || (kind == CSUM_PLAIN && !plain_usable()) ||
		    (kind == CSUM_DPDK && !dpdk))
			continue;
		if (checksum_fold_partial(csum_once((enum csum_kind)kind, data, 0)) != want)
			die("checksum: contender %d is wrong", kind);
	}
}

static void csum_place(const char *place, uint32_t blocks)
{
	uint8_t *data = memory((size_t)blocks * CSUM_STRIDE);
	uint32_t *order = shuffled(blocks);
	struct csum_work work[CSUM_KINDS];
	struct contender c[CSUM_KINDS];
	char name[48];
	struct row *row;

	for (uint32_t i = 0; i < blocks; i++)
		memcpy(data + (size_t)i * CSUM_STRIDE, payload, BENCH_MSS);
	csum_check(data);
	for (int i = 0; i < CSUM_KINDS; i++) {
		bool there = i == CSUM_DPDK ? dpdk : i == CSUM_PLAIN ? plain_usable() : true;

		work[i] = (struct csum_work){ (enum csum_kind)i, data, order, blocks,
					     (uint32_t)i * (blocks / CSUM_KINDS) };
		c[i] = (struct contender){ there ? csum_pass : NULL, &work[i], CSUM_PASS, { 0 } };
	}
	race(c, ARRAY_SIZE(c));

	snprintf(name, sizeof(name), "sum of 1448 bytes, %s", place);
	row = row_add("checksum", name, "ns", &c[CSUM_ADD]);
	if (dpdk)
		row_beside(row, "rte_raw_cksum", &c[CSUM_DPDK], 0);
	if (plain_usable()) {
		row = row_add("checksum", name, "ns", &c[CSUM_ADD]);
		row_beside(row, "a plain AVX2 loop", &c[CSUM_PLAIN], 0);
	}
	snprintf(name, sizeof(name), "copy and sum of 1448 bytes, %s", place);
	row = row_add("checksum", name, "ns", &c[CSUM_COPY]);
	row_beside(row, "memcpy", &c[CSUM_MEMCPY], 0);
	munmap(data, (size_t)blocks * CSUM_STRIDE);
	munmap(order, blocks * sizeof(*order));
}

static void csum_run(void)
{
	csum_place("L2", 64);              /* 128 KB, 90 of them touched */
	csum_place("memory", 1u << 17);    /* 256 MB */
}

/* ---- one process: everything once ---- */

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("CPU %d: %s", cpu, strerror(errno));
}

static void run(void)
{
	pin(options.cpu);
	dpdk = !options.no_dpdk && dpdk_open((unsigned int)options.cpu);
	if (dpdk)
		snprintf(dpdk_text, sizeof(dpdk_text), "%s", dpdk_version_text());
	clock_calibrate();
	payload_fill();
	if (wanted("gso"))
		gso_run();
	if (wanted("gro-burst"))
		gro_burst_run();
	if (wanted("gro-hold"))
		gro_hold_run();
	if (wanted("gro-scale"))
		gro_scale_run();
	if (wanted("checksum"))
		csum_run();
	if (dpdk)
		dpdk_close();
}

/* ---- the processes together ---- */

static bool write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static size_t read_all(int fd, void *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (uint8_t *)data + got, len - got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

static void samples_join(struct samples *all, const struct samples *more)
{
	for (uint32_t i = 0; i < more->cnt && all->cnt < ARRAY_SIZE(all->value); i++)
		all->value[all->cnt++] = more->value[i];
}

static void rows_join(const struct row *more, uint32_t cnt, bool first)
{
	if (first) {
		memcpy(rows, more, cnt * sizeof(*more));
		row_cnt = cnt;
		return;
	}
	if (cnt != row_cnt)
		die("processes measured different things");
	for (uint32_t i = 0; i < cnt; i++) {
		samples_join(&rows[i].ours, &more[i].ours);
		samples_join(&rows[i].rival, &more[i].rival);
	}
}

/* This program again, in a process of its own, so that memory lies elsewhere each time. */
static pid_t start_child(char **argv, int argc, int *fd)
{
	char cpu[32], result[32];
	char **args = calloc((size_t)argc + 3, sizeof(*args));
	int ends[2];
	pid_t pid;

	if (!args || pipe(ends))
		die("pipe: %s", strerror(errno));
	snprintf(cpu, sizeof(cpu), "--cpu=%d", options.cpu);
	snprintf(result, sizeof(result), "--result-fd=%d", ends[1]);
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	args[argc] = cpu;
	args[argc + 1] = result;
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		close(ends[0]);
		execv("/proc/self/exe", args);
		die("/proc/self/exe: %s", strerror(errno));
	}
	close(ends[1]);
	free(args);
	*fd = ends[0];
	return pid;
}

/* What a child sends before its rows. */
struct result_head {
	uint32_t row_cnt;
	bool dpdk;
	char dpdk_version[32];
};

static void run_child(char **argv, int argc, bool first)
{
	static struct row more[ROWS_MAX];
	struct result_head head;
	int fd, status;
	pid_t pid = start_child(argv, argc, &fd);
	bool whole;

	whole = read_all(fd, &head, sizeof(head)) == sizeof(head) && head.row_cnt <= ROWS_MAX &&
		read_all(fd, more, head.row_cnt * sizeof(*more)) == head.row_cnt * sizeof(*more);
	close(fd);
	if (waitpid(pid, &status, 0) != pid || status || !whole)
		die("a measuring process failed");
	dpdk = head.dpdk;
	snprintf(dpdk_text, sizeof(dpdk_text), "%s", head.dpdk_version);
	rows_join(more, head.row_cnt, first);
}

static void send_results(void)
{
	struct result_head head = { .row_cnt = row_cnt, .dpdk = dpdk };

	snprintf(head.dpdk_version, sizeof(head.dpdk_version), "%s", dpdk_text);
	if (!write_all(options.result_fd, &head, sizeof(head)) ||
	    !write_all(options.result_fd, rows, row_cnt * sizeof(rows[0])))
		die("results: %s", strerror(errno));
}

/* ---- figures ---- */

struct figure {
	double median, min, max;
};

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figure figure_of(const struct samples *samples)
{
	double sorted[ARRAY_SIZE(samples->value)];
	uint32_t cnt = samples->cnt;

	if (!cnt)
		return (struct figure){ 0, 0, 0 };
	memcpy(sorted, samples->value, cnt * sizeof(sorted[0]));
	qsort(sorted, cnt, sizeof(sorted[0]), compare_double);
	return (struct figure){ sorted[cnt / 2], sorted[0], sorted[cnt - 1] };
}

static double ratio_of(const struct row *row)
{
	return figure_of(&row->ours).median / figure_of(&row->rival).median;
}

static void print_figure(const struct samples *samples)
{
	struct figure f = figure_of(samples);
	char span[32];

	snprintf(span, sizeof(span), "(%.1f-%.1f)", f.min, f.max);
	printf(" %8.1f %-17s", f.median, span);
}

static void print_row(const struct row *row)
{
	printf("  %-36s", row->name);
	print_figure(&row->ours);
	if (row->ours_merge > 0)
		printf(" x%-5.1f", row->ours_merge);
	if (!row->rival_name[0]) {
		putchar('\n');
		return;
	}
	print_figure(&row->rival);
	if (row->rival_merge > 0)
		printf(" x%-5.1f", row->rival_merge);
	printf(" %7.3f", ratio_of(row));
	if (row->goal > 0)
		printf("  %s %g", ratio_of(row) <= row->goal ? "met:   <=" : "MISSED:<=", row->goal);
	printf("  %s\n", row->rival_name);
}

static const struct {
	const char *group, *title;
} titles[] = {
	{ "gso", "Segmentation: 64 KB TCP/IPv4 superpacket, MSS 1448, 45 segments; ns per segment" },
	{ "gro-burst", "Reassembly within bursts of 64 packets of 1448 bytes; ns per packet" },
	{ "gro-hold", "Reassembly across bursts, flows take turns; ns per packet" },
	{ "gro-scale", "Reassembly across bursts, number of flows only; ns per packet" },
	{ "checksum", "Checksums; ns per 1448 bytes" },
};

static const char *title_of(const char *group)
{
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (!strcmp(titles[i].group, group))
			return titles[i].title;
	return group;
}

static void print_table(void)
{
	printf("bench-engine: medians of %u rounds in %u processes (and their span), CPU %d, checksums: %s",
	       options.processes * ROUNDS, options.processes, options.cpu, checksum_chosen()->name);
	printf(dpdk ? ", beside %s\n" : "%s\n", dpdk_text);
	printf("xN: packets per superpacket; ratio: first figure / second\n");
	for (uint32_t i = 0; i < row_cnt; i++) {
		if (!i || strcmp(rows[i].group, rows[i - 1].group))
			printf("\n%s\n", title_of(rows[i].group));
		print_row(&rows[i]);
	}
}

static void json_figure(FILE *f, const char *name, const struct samples *samples, double merge)
{
	struct figure figure = figure_of(samples);

	fprintf(f, "\"%s\": {\"median\": %.3f, \"min\": %.3f, \"max\": %.3f, \"rounds\": %u", name,
		figure.median, figure.min, figure.max, samples->cnt);
	if (merge > 0)
		fprintf(f, ", \"packets_per_superpacket\": %.2f", merge);
	fputc('}', f);
}

static void json_row(FILE *f, const struct row *row)
{
	fprintf(f, "    {\"group\": \"%s\", \"name\": \"%s\", \"unit\": \"%s\", ", row->group, row->name,
		row->unit);
	json_figure(f, "ours", &row->ours, row->ours_merge);
	if (row->rival_name[0]) {
		fprintf(f, ", \"beside\": \"%s\", ", row->rival_name);
		json_figure(f, "theirs", &row->rival, row->rival_merge);
		fprintf(f, ", \"ratio\": %.4f", ratio_of(row));
	}
	if (row->goal > 0)
		fprintf(f, ", \"goal\": %g, \"met\": %s", row->goal,
			ratio_of(row) <= row->goal ? "true" : "false");
	fputc('}', f);
}

static void write_json(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("%s: %s", path, strerror(errno));
	fprintf(f, "{\n  \"checksum_version\": \"%s\",\n  \"dpdk\": ", checksum_chosen()->name);
	fprintf(f, dpdk ? "\"%s\",\n" : "null%s,\n", dpdk ? dpdk_text : "");
	fprintf(f, "  \"processes\": %u,\n  \"rounds\": %u,\n  \"results\": [\n", options.processes, ROUNDS);
	for (uint32_t i = 0; i < row_cnt; i++) {
		json_row(f, &rows[i]);
		fputs(i + 1 < row_cnt ? ",\n" : "\n", f);
	}
	fputs("  ]\n}\n", f);
	if (fclose(f))
		die("%s: %s", path, strerror(errno));
}

/* ---- command line ---- */

static const char usage[] =
	"usage: bench-engine [--json FILE] [--only GROUP] [--no-dpdk] [--cpu N] [--processes N]\n"
	"  --json FILE    write the figures to FILE too\n"
	"  --only GROUP   gso, gro-burst, gro-hold, gro-scale or checksum (or a part of the name)\n"
	"  --no-dpdk      our figures alone\n"
	"  --cpu N        run on this CPU (default: the last one allowed)\n"
	"  --processes N  1 to 3 (default 3); 1 runs in this process, for a profiler\n";

static void parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "only", required_argument, NULL, 'o' },
		{ "no-dpdk", no_argument, NULL, 'n' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "processes", required_argument, NULL, 'p' },
		{ "result-fd", required_argument, NULL, 'r' }, /* a child's; not for users */
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'j': options.json = optarg; break;
		case 'o': options.only = optarg; break;
		case 'n': options.no_dpdk = true; break;
		case 'c': options.cpu = atoi(optarg); break;
		case 'p': options.processes = (uint32_t)atoi(optarg); break;
		case 'r': options.result_fd = atoi(optarg); break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (optind != argc || !options.processes || options.processes > PROCESSES) {
		fputs(usage, stderr);
		exit(2);
	}
}

/* The last CPU that we may use: the first ones take most interrupts. */
static int last_cpu(void)
{
	cpu_set_t set;
	int cpu = CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	while (cpu && !CPU_ISSET(cpu, &set))
		cpu--;
	return cpu;
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	if (options.cpu < 0)
		options.cpu = last_cpu();
	if (options.result_fd >= 0) {
		run();
		send_results();
		return 0;
	}
	if (options.processes == 1)
		run();
	for (uint32_t i = 0; options.processes > 1 && i < options.processes; i++)
		run_child(argv, argc, i == 0);
	print_table();
	if (!dpdk)
		printf("\nNo comparison: %s.\n", options.no_dpdk ? "--no-dpdk" : DPDK_MISSING);
	if (options.json)
		write_json(options.json);
	return 0;
}
