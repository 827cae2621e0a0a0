/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A bench for tests of reassembly: offers packets to the engine, takes deliveries, checks both.
 *
 * Packets are numbered in the order in which they are offered. Deliveries are written as a line, one word for
 * each: its packets and its reason.
 *
 *      "0+1:header 2:burst_end"   0 and 1 were merged, and flushed because a header field of 2 differed; then
 *                                 2 was delivered alone at the end of the burst
 *      "0.1+2.3.4:push_fin"       a packet of two fragments and one of three: then fragments are numbered
 *
 * Each fragment is in memory of exactly its length (and the headroom that the engine was promised), with a copy
 * beside it, so that accesses outside and unexpected writes are noticed. Each superpacket is unmerged before it is
 * given back, and all bytes must be as they were (V9). bench_close() checks that all packets were given back,
 * and that the engine's counters agree with the deliveries.
 */
#ifndef TESTS_GRO_BENCH_H
#define TESTS_GRO_BENCH_H

#include "engine/gro.h"
#include "fixtures/packet_builder.h"

#define PACKETS_MAX 1600
#define LINE_LEN 16384
#define SUPER_LEN_MAX (GRO_BIG_BYTES_MAX + 1000)

struct frame {
	uint8_t *data; /* what the engine gets */
	uint8_t *copy; /* what it was */
	uint8_t *memory;
	uint32_t len;
};

struct bench {
	struct gro gro;
	struct gro_config config;
	void *memory;
	struct frame frames[PACKETS_MAX];
	uint32_t offered_cnt, released_cnt;
	char line[LINE_LEN];
	uint64_t flushes[GRO_REASON_CNT], singles[GRO_REASON_CNT];
	uint64_t now_ns;
};

/* Merges TCP, flushes at the end of a burst, and has room for all that a test may offer. */
struct gro_config config_plain(void);

/*
 * With a known secret, hash collisions can be forced. Flows: the first factor is the first 8 bytes of the frame
 * xor secret[1]; if these are equal, the product is 0 for all addresses and ports. Pairs: with secret[1] = 0 the
 * hashes of all IPv4 pairs are 0, and that of IPv6 from :: to ::.
 */
void make_flow_hashes_equal(struct gro_config *config);
void make_pair_hashes_equal(struct gro_config *config);

/* All assert that they succeed; bench_close() checks and frees what bench_open() returned. */
struct bench *bench_open(const struct gro_config *config);
struct bench *bench_plain(void);
/* One that accepts unfinished checksums. */
struct bench *bench_unfinished(void);
void bench_close(struct bench *b);

/* ---- in ---- */

/* Copies the bytes into a frame of exactly that length; returns the packet's number. */
uint32_t frame_add(struct bench *b, const void *data, size_t len);
/* The packet of this number as gro_offer() wants it. */
struct gro_packet frame_packet(const struct bench *b, uint32_t number, enum gro_csum csum);

void offer_frame(struct bench *b, const void *data, size_t len, enum gro_csum csum);
/* Its checksum is not known to be right. */
void offer(struct bench *b, const struct packet *p);
/* In one call, in fragments that are cut behind so many bytes each. */
void offer_in_fragments(struct bench *b, const void *data, size_t len, const uint32_t *cuts, uint32_t cut_cnt);
/* Several in one call. */
void offer_burst(struct bench *b, const struct packet *p, uint32_t cnt, enum gro_csum csum);
/* The segment behind p in its connection, of the same size. */
struct packet behind(const struct packet *p);
/* p and the cnt - 1 segments behind it; p is left as the segment that would be next. */
void offer_run(struct bench *b, struct packet *p, uint32_t cnt);

/* ---- out ---- */

/* Takes one delivery, writes it down, gives its packets back. */
void take(struct bench *b, struct gro_super *super);
void take_all(struct bench *b);
void burst_end(struct bench *b);

/* What came out since the last time. */
void expect_line(struct bench *b, const char *want, const char *sentence);
/* The same, after all waiting deliveries were taken. */
void expect_out(struct bench *b, const char *want, const char *sentence);
/* Ends the burst, and takes all deliveries. */
void expect_end(struct bench *b, const char *want, const char *sentence);

/* The bytes of a delivery in one piece, which the caller frees. */
uint8_t *super_bytes(struct bench *b, const struct gro_super *super, uint32_t *len);
/* They must be these. */
void expect_bytes(struct bench *b, const struct gro_super *super, const uint8_t *want, size_t want_len);

/*
 * The one delivery must be, byte for byte, what the packet builder makes when it is asked for
 * the first packet with all the payload, the flags, and an unfinished checksum.
 */
void expect_superpacket(struct bench *b, const struct packet *first, uint32_t cnt, size_t payload_len, uint16_t flags);

#endif
