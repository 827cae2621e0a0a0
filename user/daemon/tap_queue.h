/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The length of the TAP's queue, by what is in it (inline mode; in port mode the TAP is the operator's interface).
 *
 * A queue is as long as a worker may be late: what the stack sends meanwhile has to find room, or is lost. But it is
 * counted in packets. 256 superpackets are 16 MiB, and that is more than enough (tap.c); 256 packets of 1 KB are 6 ms of
 * 39 MB/s, which is not long for a worker that waits for a CPU. Four busy loops beside 200 TCP connections that send
 * messages of 1 KB gave 28,000 retransmits with 256, and 2 at most with 512 and more.
 */
#ifndef SUPERPACKET_TAP_QUEUE_H
#define SUPERPACKET_TAP_QUEUE_H

#include "daemon/heartbeat.h"

struct tap_queue {
	uint32_t ifindex;        /* of the TAP that was set last */
	uint32_t len;            /* to this */
	uint64_t looked_ns;      /* when the workers' counters were read last */
	uint64_t packets, bytes; /* and what they were */
};

/* Sets the length that suits what the workers read from the TAP. To be called now and then; most calls do nothing. */
void tap_queue_follow(struct tap_queue *queue, struct heartbeat *heartbeat, const struct frontend *frontend,
		      uint64_t now_ns);

#endif
