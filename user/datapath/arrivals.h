/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether what the XDP program gives to a queue's socket arrives there. It knows times and numbers only; what to do
 * when it does not is decided in worker_arrivals.c.
 *
 * The program counts a frame when it returns the redirect. If the kernel drops the frame after that, because the socket
 * is bound to another interface or queue, or not bound at all, no counter shows it. So two numbers are compared:
 *
 *      redirected   by the program's count
 *      arrived      taken from the receive ring, waiting in it, or dropped by the socket and counted there
 *
 * They differ for a moment, while frames are on their way: a NAPI poll handles up to 64 frames before it shows them in
 * the ring. For good they differ by what was lost. `arrived` must be read first: then an interruption between the two
 * readings makes more frames seem to be on their way, for this one look, and never fewer.
 *
 * Only time in which the worker ran counts: while it did not, nobody looked.
 */
#ifndef SUPERPACKET_ARRIVALS_H
#define SUPERPACKET_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

/* A frame takes microseconds, unless the CPU that handles it is held back: 50 ms is beyond what a hypervisor does to a
 * guest that works. A worker that sleeps looks every 20 ms, so that the kernel has the traffic within 100 ms. */
#define ARRIVALS_SILENCE_NS 50000000ull
/* A longer time between two looks counts as this much. */
#define ARRIVALS_STEP_MAX_NS 20000000ull
/* Four polls of NAPI: far more than is ever on its way on one queue. */
#define ARRIVALS_MISSING_MAX 256
#define ARRIVALS_LOOKS 5u
/* Fewer that are missing all of this time are counted as lost, and no longer as missing. */
#define ARRIVALS_WINDOW_NS 10000000000ull

enum arrivals_verdict {
	ARRIVALS_FINE,
	ARRIVALS_NONE, /* frames were redirected after the last arrival, and none has come for ARRIVALS_SILENCE_NS */
	ARRIVALS_SOME, /* more than ARRIVALS_MISSING_MAX were missing at ARRIVALS_LOOKS looks in a row */
};

/* Zeroed memory is valid: the first look begins. */
struct arrivals {
	bool begun;
	bool any; /* something has arrived since */
	uint64_t looked_ns;
	uint64_t arrived;     /* at the last look */
	uint64_t redirected;  /* at the look that saw the last arrival */
	uint64_t silent_ns;   /* how long frames have been redirected and none has arrived */
	uint64_t missing;     /* at the last look: on their way, or lost */
	uint64_t ahead;       /* of arrived: by how much redirected is, when no frame is missing */
	uint32_t looks;       /* in a row, at which too many were missing */
	uint64_t window_ns;   /* when this one began */
	uint64_t missing_min; /* at a look of this window */
	uint64_t lost;        /* frames, in all windows */
};

/* A look: takes both numbers. */
enum arrivals_verdict arrivals_update(struct arrivals *arrivals, uint64_t redirected, uint64_t arrived,
				      uint64_t now_ns);

/* After a verdict: what is missing is lost, and the next look begins anew. */
void arrivals_restart(struct arrivals *arrivals);

#endif
