/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packets of bench-engine, the same for both sides: full segments of common TCP/IPv4 connections, and superpackets
 * of them. All have the same payload, so that any result can be proved right by plain sums which do not use the engine.
 *
 * Nothing here runs while time is measured.
 */
#ifndef TOOLS_BENCH_PACKETS_H
#define TOOLS_BENCH_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

/* A segment of a common connection: Ethernet, IPv4, TCP with timestamps; MTU 1500. */
#define BENCH_MSS 1448u
#define BENCH_L2_LEN 14u
#define BENCH_L3_LEN 20u
#define BENCH_L4_LEN 32u
#define BENCH_HDR_LEN (BENCH_L2_LEN + BENCH_L3_LEN + BENCH_L4_LEN)
#define BENCH_FRAME_LEN (BENCH_HDR_LEN + BENCH_MSS)
#define BENCH_IP_CSUM_OFF (BENCH_L2_LEN + 10u)
#define BENCH_TCP_CSUM_OFF (BENCH_L2_LEN + BENCH_L3_LEN + 16u)

/* The largest superpacket of whole segments that fits 64 KB. Several take turns; together they fit the second-level
 * cache, like data that has just been read from a TAP. */
#define BENCH_SEGMENTS 45u
#define BENCH_SUPER_LEN (BENCH_HDR_LEN + BENCH_SEGMENTS * BENCH_MSS)
#define BENCH_SUPERS 4u

/* A chunk of the daemon's UMEM: a receive frame, or a slot in which a segment is built. */
#define BENCH_CHUNK_LEN 4096u

/* Superpackets cut in one timed pass. */
#define BENCH_GSO_PASS 16u

/* Packets offered at a time, as many as one poll of a NIC queue delivers. */
#define BENCH_BURST 64u

/*
 * Packets to merge, in groups of flows * per_flow packets. Within a group the flows take turns in a scattered
 * order; everything is flushed at its end. Both counts are powers of two.
 */
struct bench_load {
	uint32_t flows;
	uint32_t per_flow; /* packets of a flow in a group; flows * per_flow ≥ BENCH_BURST */
	uint32_t packets;  /* in all: whole groups */
};

/* A merged superpacket for comparison, with zeroed checksums. */
struct bench_super {
	uint8_t header[BENCH_HDR_LEN];
	uint32_t packets;
	uint32_t len;
};

/* The payload of every segment; bench_packets_init() fills it. */
extern uint8_t bench_payload[BENCH_MSS];

/* Must be called before any of the functions below. */
void bench_packets_init(void);

/* Writes packet idx of a load (BENCH_FRAME_LEN bytes), as a NIC or the kernel does. */
void bench_arrive(const struct bench_load *load, uint32_t idx, uint8_t *frame);

/* Writes a superpacket (BENCH_SUPER_LEN bytes) as a stack sends it to a NIC with TSO: with PSH and an unfinished
 * checksum. */
void bench_hand_down(uint8_t *super);

/* The plain sum of bench_payload, folded, in memory order. */
uint16_t bench_payload_csum(void);

/* Whether the IPv4 and TCP checksums of a packet with bench_payload are right. */
bool bench_sums_right(const uint8_t *frame);

/* Zeroes both checksums, for comparison. */
void bench_forget_sums(uint8_t *hdr);

#endif
