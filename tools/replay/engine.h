/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Merges the packets of a capture. The engine is driven as the daemon drives it, with the timestamps of the
 * capture as its clock.
 *
 *      engine_offer(packet)   offers a packet; on false take all deliveries and offer it again
 *      engine_end()           the capture has ended; on true take all deliveries and call it again
 *      engine_take(delivery)  the next delivery, in order, and the packets it consists of
 *      engine_give(delivery)  releases the memory of these packets
 *
 * A burst ends after a fixed number of packets. A superpacket that is held longer (hold_ns) is delivered at its
 * deadline, before any packet that comes later. Time never steps back: a packet with an earlier timestamp
 * counts as coming at the same time as the one before.
 *
 * Packets are copied to a pool of fixed size, so memory is bounded. When 65536 packets are in it, the superpacket held
 * longest is flushed (D3). When the memory for packets longer than a slot is used up, everything is flushed.
 */
#ifndef TOOLS_REPLAY_ENGINE_H
#define TOOLS_REPLAY_ENGINE_H

#include <superpacket/gro.h>

#include "replay/capture.h"

#define ENGINE_BURST_DEFAULT 64u
#define ENGINE_BURST_MAX 1000000000u

struct engine_config {
	struct sp_gro_config gro; /* by sp_gro_config_init(); engine_init() sizes it to the pool, and makes a secret */
	uint32_t burst;           /* packets; 1 to ENGINE_BURST_MAX */
	bool keep_copies;         /* keep engine_packet.copy, to compare with later */
};

/* A packet in the pool. */
struct engine_packet {
	uint8_t *data;       /* captured_len bytes; the engine may have rewritten the header */
	const uint8_t *copy; /* the same bytes as they were read; NULL without keep_copies */
	uint32_t captured_len, len;
	uint64_t index; /* in the capture, from 0 */
	/* private */
	uint8_t *large; /* memory of its own, if it is longer than a slot */
	uint32_t large_len;
};

struct engine_delivery {
	struct sp_delivery what;
	uint64_t time_ns; /* when it was delivered */
	struct iovec iov[SP_GRO_PACKETS_MAX];
	uint32_t iov_cnt;
	struct engine_packet *packets[SP_GRO_PACKETS_MAX];
	uint32_t packet_cnt;
	/* private */
	uint64_t cookies[SP_GRO_PACKETS_MAX];
};

struct engine {
	struct engine_config config;
	struct sp_gro *gro;
	void *gro_memory;
	uint8_t *slots;
	size_t slots_len;
	struct engine_packet *packets;
	uint32_t *free_packets; /* a stack, because the slot used last is in the cache */
	uint32_t free_cnt;
	uint64_t large_bytes;
	uint64_t clock_ns;
	uint32_t in_burst;

	/* read */
	const struct engine_packet *last; /* the packet taken last */
	uint64_t packet_cnt, byte_cnt;
	uint64_t merged_cnt; /* packets delivered in superpackets */
	uint64_t first_ns;
	uint64_t stepped_back; /* packets with a timestamp earlier than that of a packet before */
	uint64_t truncated;    /* packets truncated by a snap length: never merged */
	uint64_t pool_flushes; /* how often the pool was full */
};

/* Returns 0, -EINVAL (the library does not accept a limit) or -ENOMEM. */
int engine_init(struct engine *engine, const struct engine_config *config);
void engine_fini(struct engine *engine);

bool engine_offer(struct engine *engine, const struct capture_packet *packet);
bool engine_end(struct engine *engine);
bool engine_take(struct engine *engine, struct engine_delivery *delivery);
void engine_give(struct engine *engine, const struct engine_delivery *delivery);

/* The index of a packet in the pool: 0 to engine_pool_size() - 1. */
uint32_t engine_slot(const struct engine *engine, const struct engine_packet *packet);
uint32_t engine_pool_size(void);

#endif
