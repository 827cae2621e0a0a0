/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The DPDK side of bench-engine, and what both sides of it share: the packets, the clock,
 * the form in which results are compared.
 *
 * Built without libdpdk (no HAVE_DPDK), dpdk_open() says no and nothing else is called.
 */
#ifndef TOOLS_BENCH_DPDK_H
#define TOOLS_BENCH_DPDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A segment of a usual connection: Ethernet, IPv4, TCP with timestamps; MTU 1500. */
#define BENCH_MSS 1448u
#define BENCH_L2_LEN 14u
#define BENCH_L3_LEN 20u
#define BENCH_L4_LEN 32u
#define BENCH_HDR_LEN (BENCH_L2_LEN + BENCH_L3_LEN + BENCH_L4_LEN)
#define BENCH_FRAME_LEN (BENCH_HDR_LEN + BENCH_MSS)
#define BENCH_IP_CSUM_OFF (BENCH_L2_LEN + 10u)
#define BENCH_TCP_CSUM_OFF (BENCH_L2_LEN + BENCH_L3_LEN + 16u)

/* The largest superpacket of whole segments that fits 64 KB, and how many of them take turns:
 * together they fit a second-level cache, as data does that was just read from a TAP. */
#define BENCH_SEGMENTS 45u
#define BENCH_SUPER_LEN (BENCH_HDR_LEN + BENCH_SEGMENTS * BENCH_MSS)
#define BENCH_SUPERS 4u

/* Superpackets cut in one timed pass. */
#define BENCH_GSO_PASS 16u

/* Packets offered at a time, as a NIC queue is polled. */
#define BENCH_BURST 64u

/*
 * Packets to be reassembled: groups of flows * per_flow, in which the flows take turns in a
 * scattered order; everything is flushed when a group ends. Both counts are powers of two.
 */
struct bench_load {
	uint32_t flows;
	uint32_t per_flow; /* packets of a flow in a group; flows * per_flow ≥ BENCH_BURST */
	uint32_t packets;  /* in all: whole groups */
};

/* Writes packet idx of a load (BENCH_FRAME_LEN bytes), as the NIC or the kernel would. */
void bench_arrive(const struct bench_load *load, uint32_t idx, uint8_t *frame);

/* A reassembled superpacket, for comparison: checksums in the header are zeroed. */
struct bench_super {
	uint8_t header[BENCH_HDR_LEN];
	uint32_t packets;
	uint32_t len;
};

uint64_t bench_now_ns(void);

/* What bench_now_ns() itself adds to a section that it encloses. */
extern uint64_t bench_clock_ns;

#ifdef HAVE_DPDK

#define DPDK_MISSING "DPDK did not start"

/* Starts DPDK's environment on one CPU, without huge pages and devices. */
bool dpdk_open(unsigned int cpu);
void dpdk_close(void);
const char *dpdk_version_text(void);

/* Contenders; a pass returns how many ns it took. */
struct dpdk_gso;
struct dpdk_gso *dpdk_gso_open(uint8_t *const supers[BENCH_SUPERS]);
void dpdk_gso_close(struct dpdk_gso *gso);
uint64_t dpdk_gso_pass(void *gso);      /* headers only */
uint64_t dpdk_gso_sums_pass(void *gso); /* software checksums */

/* Cuts superpacket 0; segment i goes, flat, to out + i * BENCH_FRAME_LEN. Returns how many. */
uint32_t dpdk_gso_cut(struct dpdk_gso *gso, bool sums, uint8_t *out);

struct dpdk_gro;
struct dpdk_gro *dpdk_gro_open(const struct bench_load *load, bool context);
void dpdk_gro_close(struct dpdk_gro *gro);
uint64_t dpdk_gro_pass(void *gro);

/* Runs the first group and describes what came out; room for one entry a packet. */
uint32_t dpdk_gro_collect(struct dpdk_gro *gro, struct bench_super *out);

/* Packets per superpacket of all passes. */
double dpdk_gro_merge(const struct dpdk_gro *gro);

uint32_t dpdk_checksum(const void *data, size_t len);

#else

#define DPDK_MISSING "built without libdpdk (Debian: libdpdk-dev)"

struct dpdk_gso;
struct dpdk_gro;
static inline bool dpdk_open(unsigned int cpu) { (void)cpu; return false; }
static inline void dpdk_close(void) { }
static inline const char *dpdk_version_text(void) { return ""; }
static inline struct dpdk_gso *dpdk_gso_open(uint8_t *const s[BENCH_SUPERS]) { (void)s; return NULL; }
static inline void dpdk_gso_close(struct dpdk_gso *g) { (void)g; }
static inline uint64_t dpdk_gso_pass(void *g) { (void)g; return 0; }
static inline uint64_t dpdk_gso_sums_pass(void *g) { (void)g; return 0; }
static inline uint32_t dpdk_gso_cut(struct dpdk_gso *g, bool sums, uint8_t *out)
{
	(void)g, (void)sums, (void)out;
	return 0;
}
static inline struct dpdk_gro *dpdk_gro_open(const struct bench_load *l, bool c)
{
	(void)l, (void)c;
	return NULL;
}
static inline void dpdk_gro_close(struct dpdk_gro *g) { (void)g; }
static inline uint64_t dpdk_gro_pass(void *g) { (void)g; return 0; }
static inline uint32_t dpdk_gro_collect(struct dpdk_gro *g, struct bench_super *out)
{
	(void)g, (void)out;
	return 0;
}
static inline double dpdk_gro_merge(const struct dpdk_gro *g) { (void)g; return 0; }
static inline uint32_t dpdk_checksum(const void *d, size_t len) { (void)d, (void)len; return 0; }

#endif
#endif
