/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The length of the TAP's queue, by what is in it (inline mode; in port mode the TAP is the operator's interface).
 *
 * A queue is as long as a worker may be late: what the stack sends meanwhile has to find room, or is lost. But it is
 * counted in packets. 256 superpackets are 17 MiB, and that is more than enough (tap.c); 256 packets of 1 KB are 6 ms of
 * 39 MB/s, which is not long for a worker that waits for a CPU. Four busy loops beside 200 TCP connections that send
 * messages of 1 KB gave 28,000 retransmits with 256, and 2 at most with 512 and more.
 *
 * A long queue is shortened when the workers have just found it empty. For what does not fit into the shorter one the
 * kernel throws away, the newest packets, and counts it nowhere (include/linux/ptr_ring.h __ptr_ring_swap_queue(), from
 * drivers/net/tun.c tun_queue_resize()). Where it never is empty, as many senders keep it full, it is shortened all the
 * same, by halves: they lose packets by a queue that is full in any case, and the log says so.
 */
#ifndef SUPERPACKET_TAP_QUEUE_H
#define SUPERPACKET_TAP_QUEUE_H

#include "daemon/heartbeat.h"

/* For small packets. At the average length below which packets are small, this is 8 MB. 16 busy loops on two CPUs keep a
 * worker waiting for 25 ms, in which 1000 packets come; with 1024, a quarter of all had to be sent again. */
#define TAP_QUEUE_LONG 4096u

#define TAP_QUEUE_LOOK_NS 250000000u

struct tap_queue {
	uint32_t ifindex;        /* of the TAP that was set last */
	uint32_t len;            /* to this */
	uint32_t wanted;         /* the length that suits what was seen last */
	uint64_t looked_ns;      /* when the workers' counters were read last */
	uint64_t packets, bytes; /* and what they were */
	uint64_t shrink_ns;      /* since when it shall be shorter; 0: it need not */
	uint64_t asked_ns;       /* when the workers were asked last to say whether it is empty */
	uint64_t said_ns;        /* when packets were last said to be lost by it */
};

/* What the workers have read from the TAP, and whether each has found its queue empty since it was asked. */
struct tap_queue_seen {
	uint64_t packets, bytes;
	bool emptied;
};

enum tap_queue_step {
	TAP_QUEUE_LEAVE, /* it has the right length, or must wait */
	TAP_QUEUE_ASK,   /* the workers are to be asked now */
	TAP_QUEUE_SET,   /* it shall have *len, and what is in it fits */
	TAP_QUEUE_FORCE, /* it shall have *len, and packets may be lost by that */
};

/* Whether there is something to decide. */
static inline bool tap_queue_due(const struct tap_queue *queue, uint64_t now_ns)
{
	return queue->shrink_ns || now_ns - queue->looked_ns >= TAP_QUEUE_LOOK_NS;
}

/* most: the longest that may be. */
enum tap_queue_step tap_queue_decide(struct tap_queue *queue, const struct tap_queue_seen *seen, uint32_t most,
				     uint64_t now_ns, uint32_t *len);

/* Sets the length that suits what the workers read from the TAP. To be called often; most calls do nothing. */
void tap_queue_follow(struct tap_queue *queue, struct heartbeat *heartbeat, const struct frontend *frontend,
		      uint32_t most, uint64_t now_ns);

#endif
