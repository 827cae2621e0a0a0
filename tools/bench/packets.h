/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packets of bench-engine, the same for both sides: full segments of usual TCP/IPv4
 * connections, and superpackets of them. All carry the same payload, so that any result can be
 * proved right by plain sums that are not the engine's own.
 *
 * Nothing here runs while the clock does.
 */
#ifndef TOOLS_BENCH_PACKETS_H
#define TOOLS_BENCH_PACKETS_H

#include <stdbool.h>
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

/* A chunk of the daemon's UMEM: a receive frame, or a slot in which a segment is built whole. */
#define BENCH_CHUNK_LEN 4096u

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

/* A reassembled superpacket, for comparison: checksums in the header are zeroed. */
struct bench_super {
	uint8_t header[BENCH_HDR_LEN];
	uint32_t packets;
	uint32_t len;
};

/* Behind every header; bench_packets_init() fills it. */
extern uint8_t bench_payload[BENCH_MSS];

/* Comes before all that follows. */
void bench_packets_init(void);

/* Writes packet idx of a load (BENCH_FRAME_LEN bytes), as the NIC or the kernel would. */
void bench_arrive(const struct bench_load *load, uint32_t idx, uint8_t *frame);

/* Writes a superpacket (BENCH_SUPER_LEN bytes), as a stack with TSO hands it down: PSH, an
 * unfinished checksum. */
void bench_hand_down(uint8_t *super);

/* The plain sum of bench_payload, folded, in memory order. */
uint16_t bench_payload_csum(void);

/* Whether the IPv4 and TCP checksums of a packet that carries bench_payload are right. */
bool bench_sums_right(const uint8_t *frame);

/* Zeroes both, for a comparison. */
void bench_forget_sums(uint8_t *hdr);

#endif
