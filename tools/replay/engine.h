/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reassembly of a capture: the engine as a daemon would drive it, with the capture's time for a clock.
 *
 *      engine_offer(packet)   as it comes; false: first take what is delivered, then offer again
 *      engine_end()           the capture is over; true: take what is delivered, then ask again
 *      engine_take(delivery)  what goes up, in order; the packets it consists of
 *      engine_give(delivery)  their memory is free again
 *
 * A burst ends after so many packets. What is held longer (hold_ns) goes when its deadline has come, at
 * that time, before a packet that comes later. Time never steps back: packets that claim so come at
 * the time of the one before.
 *
 * Packets lie in a fixed pool, so that memory is bounded whatever comes: 65536 of them, then the flow
 * held longest makes room (D3); when memory for large ones is used up, everything held is flushed.
 */
#ifndef TOOLS_REPLAY_ENGINE_H
#define TOOLS_REPLAY_ENGINE_H

#include <superpacket/gro.h>

#include "replay/capture.h"

#define ENGINE_BURST_DEFAULT 64u
#define ENGINE_BURST_MAX 1000000000u

struct engine_config {
	uint32_t merge; /* SP_MERGE_* */
	uint32_t burst; /* packets; 1 to ENGINE_BURST_MAX */
	uint32_t max_packets, max_bytes; /* 0: the library's default */
	uint64_t hold_ns;
	bool adaptive;
	bool keep_copies; /* engine_packet.copy: to compare with */
};

/* A packet in the pool. */
struct engine_packet {
	uint8_t *data;       /* captured_len bytes; the engine may have amended the header */
	const uint8_t *copy; /* the same as they were read; NULL without keep_copies */
	uint32_t captured_len, len;
	uint64_t index;      /* in the capture, from 0 */
	/* private */
	uint8_t *large;      /* memory of its own, for what a slot does not hold */
	uint32_t large_len;
};

struct engine_delivery {
	struct sp_delivery what;
	uint64_t time_ns;  /* when it was delivered */
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
	uint32_t *free_packets; /* stack: what was used last is in the cache */
	uint32_t free_cnt;
	uint64_t large_bytes;
	uint64_t clock_ns;
	uint32_t in_burst;

	/* read */
	const struct engine_packet *last; /* the packet taken last */
	uint64_t packet_cnt, byte_cnt;
	uint64_t merged_cnt;   /* packets that went up in superpackets */
	uint64_t first_ns;
	uint64_t stepped_back; /* packets whose time was before that of one before */
	uint64_t cut_off;      /* packets that a snap length has cut off: never merged */
	uint64_t pool_flushes; /* times that the pool had no room */
};

/* 0, -EINVAL (a limit that the library does not take) or -ENOMEM. */
int engine_init(struct engine *engine, const struct engine_config *config);
void engine_fini(struct engine *engine);

bool engine_offer(struct engine *engine, const struct capture_packet *packet);
bool engine_end(struct engine *engine);
bool engine_take(struct engine *engine, struct engine_delivery *delivery);
void engine_give(struct engine *engine, const struct engine_delivery *delivery);

/* Where a packet lies in the pool: 0 to engine_pool_size() - 1. */
uint32_t engine_slot(const struct engine *engine, const struct engine_packet *packet);
uint32_t engine_pool_size(void);

#endif
