/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For the tests of libsuperpacket: an engine, and a run of packets that are offered to it, with copies to compare
 * with.
 */
#ifndef TESTS_LIBRARY_RUN_H
#define TESTS_LIBRARY_RUN_H

#include <superpacket/gro.h>
#include <superpacket/gso.h>

#include "fixtures/packet_builder.h"

#define PACKETS_MAX 64u
#define FRAME_MAX 2048u
#define HEADROOM 64u
#define MSS 1448u
#define COOKIE 0xc00c1e0000000000u

struct run {
	uint8_t before[PACKETS_MAX][FRAME_MAX];
	uint8_t memory[PACKETS_MAX][HEADROOM + FRAME_MAX]; /* the packet behind its headroom */
	struct sp_fragment fragments[PACKETS_MAX];
	uint32_t cnt;
};

extern struct run run;
extern struct iovec iov[SP_GRO_PACKETS_MAX];
extern uint64_t cookies[SP_GRO_PACKETS_MAX];

/* The defaults, except 16 flows and PACKETS_MAX fragments. */
struct sp_gro_config usual(void);

/* An engine of this configuration. Its memory is not zero before; nothing behind it may be written. */
struct sp_gro *engine(const struct sp_gro_config *config);

/* Adds a packet; its cookie is COOKIE and its index. */
void run_add(const struct packet *p);
void run_add_in(const struct packet_tunnel *tunnel, const struct packet *p);

/* Makes it cnt packets of one flow, the last with PSH (TCP) and half the payload; IDs and sequence numbers
 * count up. tunnel may be NULL. */
void run_stream(struct packet p, const struct packet_tunnel *tunnel, uint32_t cnt);

/* Offers the run, and checks that all of it is taken. */
void offer_all(struct sp_gro *gro, uint64_t now_ns);

/* Takes the next delivery, and checks its number of packets and its reason. */
struct sp_delivery next_expect(struct sp_gro *gro, uint32_t segs, const char *reason);

/* Cuts a delivery, and checks that its segments are the packets of the run from first on, byte for byte (S10). */
void cut_expect(struct sp_gro *gro, const struct sp_delivery *delivery, uint32_t first);

/* Releases it, and checks that its cookies are those of the run's fragments from first on. */
void release_expect(struct sp_gro *gro, struct sp_delivery *delivery, uint32_t first);

/* Copies slices to one place; returns their length. */
uint32_t gathered(const struct iovec *slices, uint32_t cnt, uint8_t *to);

#endif
