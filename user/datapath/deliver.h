/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Delivery: the superpackets that the engine has completed are written to the front end, each by one gathering
 * write straight from the receive frames. Then the frames are free again.
 *
 * A superpacket that the front end refuses is taken apart and delivered as the packets that
 * were received (V9), which still lie in their frames. When the front end has no room, or is down, the packet is
 * dropped and counted. Holding it back would not help: it would only grow old, with newer packets behind it.
 */
#ifndef SUPERPACKET_DELIVER_H
#define SUPERPACKET_DELIVER_H

#include "datapath/counters.h"
#include "datapath/overload.h"
#include "engine/gro.h"
#include "frontend/frontend.h"
#include "nic/umem.h"

struct deliver {
	struct frontend_queue *front;
	struct frame_stack *frames;
	struct worker_stats *stats;
	struct overload *overload; /* is told what was delivered */
	struct vnet_header header;
	struct iovec iov[1 + GRO_MAX_PACKETS]; /* the first is the virtio header */
	bool more[GRO_MAX_PACKETS];            /* the packet of this fragment continues in the next one */
	uint64_t cookies[GRO_MAX_PACKETS];     /* frame addresses */
};

/* Prepares delivery to this queue; frames go back to the stack. */
void deliver_init(struct deliver *deliver, struct frontend_queue *front, struct frame_stack *frames,
		  struct worker_stats *stats, struct overload *overload);

/* Delivers what gro_next() returns, one superpacket or packet; or drops it, if it is stale (worker_stale.c).
 * Returns how many packets it was made of, 0 when there was none. It is one a call because the caller checks
 * before each of them whether it has become stale. */
uint32_t deliver_next(struct deliver *deliver, struct gro *gro, bool stale);

/* Whether the front end takes packets now. Writes a frame that is addressed to nobody, which the stack drops. */
bool deliver_probe(struct deliver *deliver);

#endif
