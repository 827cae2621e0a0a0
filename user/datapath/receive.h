/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reception: descriptors of the receive ring become packets for the engine, and free frames go back to the kernel by
 * the fill ring.
 *
 *      free frames --receive_refill--> fill ring -> kernel -> receive ring --receive_burst--> engine
 *
 * A jumbo packet lies in several frames of the umem, one descriptor each, of which all but the last are marked
 * XDP_PKT_CONTD. They are taken together or not at all.
 */
#ifndef SUPERPACKET_RECEIVE_H
#define SUPERPACKET_RECEIVE_H

#include "datapath/counters.h"
#include "engine/gro.h"
#include "nic/umem.h"
#include "nic/xsk.h"

/* Descriptors taken from the receive ring at a time, as many frames as NAPI delivers at a time. */
#define RECEIVE_BATCH 64u

struct receive {
	struct xsk *xsk;
	struct umem *umem;
	struct worker_stats *stats;
	uint32_t frames_in_kernel; /* given to the fill ring and not received yet */
	uint32_t waiting_most;   /* descriptors that were in the ring when a burst began, since the owner set it to 0 */
	bool dropping;           /* the next descriptor continues a packet that is being dropped */
	bool starved;            /* the kernel has no frame, and there is none to give it */
	uint64_t starved_losses; /* packets that it had lost for want of a frame when that began */
};

/* To be called with an open socket whose fill ring is stocked. */
void receive_init(struct receive *receive, struct xsk *xsk, struct umem *umem, struct worker_stats *stats);

/* Takes up to RECEIVE_BATCH descriptors of whole packets and counts them. Returns how many fragments it has written to
 * packets[]; their frames belong to the caller now. *more says that the ring may hold further descriptors. */
uint32_t receive_burst(struct receive *receive, struct gro_packet packets[RECEIVE_BATCH], bool *more);

/* How many packets wait in the receive ring. */
uint32_t receive_waiting(const struct receive *receive);

/* Gives free frames to the kernel, as many as its ring takes. */
void receive_refill(struct receive *receive);

/* Whether the kernel has no receive frame left, there is none to give it, and it has lost packets for that reason
 * since, by its counter in stats. */
bool receive_is_starved(struct receive *receive);

#endif
