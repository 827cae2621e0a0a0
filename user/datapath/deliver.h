/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Delivery: what the engine has completed goes up, one gathering write each, straight from
 * the receive frames; then the frames are free again.
 *
 * A superpacket that the front end refuses is taken apart and delivered as the packets that
 * came (V9): they still lie in their frames. What a front end without room, or one that is down, does not
 * take is dropped and counted: nothing would become better by waiting with full hands, and what comes next
 * is newer.
 */
#ifndef SUPERPACKET_DELIVER_H
#define SUPERPACKET_DELIVER_H

#include "datapath/counters.h"
#include "engine/gro.h"
#include "frontend/frontend.h"
#include "nic/umem.h"

struct deliver {
	struct frontend_queue *front;
	struct frame_stack *frames;
	struct worker_stats *stats;
	bool stale;              /* what comes now is dropped: newer packets have gone up already */
	struct vnet_header header;
	struct iovec iov[1 + GRO_MAX_PACKETS]; /* the first is the virtio header */
	bool more[GRO_MAX_PACKETS];            /* the packet of this fragment goes on in the next one */
	uint64_t cookies[GRO_MAX_PACKETS];     /* frame addresses */
};

/* Prepares delivery to this queue; frames go back to the stack. */
void deliver_init(struct deliver *deliver, struct frontend_queue *front, struct frame_stack *frames,
		  struct worker_stats *stats);

/* Delivers what gro_next() has, one superpacket or packet. Returns how many packets that was made of; 0: it had
 * none. One a call, since the caller may have to ask between two of them whether it is too late (stale). */
uint32_t deliver_next(struct deliver *deliver, struct gro *gro);

/* Whether the front end takes packets: writes it one that is nobody's, and that the stack drops. */
bool deliver_probe(struct deliver *deliver);

#endif
