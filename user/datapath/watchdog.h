/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The watchdog of a worker decides whether the worker waits for something that will not come. It knows times
 * and numbers only; what to do about an expired wait is decided in worker_recover.c.
 *
 *   wait          waits for                               progress means
 *   COMPLETION    the last completion of the oldest unit  a unit has finished
 *   FILL          a frame, when the kernel has none left  a packet was received
 *   TAP           the TAP to take a packet                the TAP has taken a packet
 *
 * A wait without progress expires after WATCHDOG_LIMIT_NS and then starts again. Each further expiry in a row
 * takes twice as long, up to 16 times the limit, so that a fault that cannot be cured is not treated all the
 * time.
 *
 * Only time in which the worker ran counts. A process that was stopped, or a machine that slept, has not waited.
 */
#ifndef SUPERPACKET_WATCHDOG_H
#define SUPERPACKET_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

/* A completion takes microseconds, or milliseconds where interrupts are moderated. The longest that a working
 * driver was seen to take is its transmit timeout of 5 s, after which it resets the NIC and all packets are lost
 * anyway. Recovery shall take less than 2 s, and binding a new socket may need 1 s of that. */
#define WATCHDOG_LIMIT_NS 500000000ull
/* Half way, the kernel is woken once more: some drivers look at their queue only then. */
#define WATCHDOG_NUDGE_NS 250000000ull
#define WATCHDOG_DOUBLINGS 4u
/* The time between two updates. Shorter periods tell nothing more. */
#define WATCHDOG_PERIOD_NS 10000000ull
/* A longer time between two updates counts as this much: the worker did not run all of it. */
#define WATCHDOG_STEP_MAX_NS 50000000ull

enum watchdog_wait { WATCHDOG_COMPLETION, WATCHDOG_FILL, WATCHDOG_TAP, WATCHDOG_CNT };

/* The state of one wait, as the worker sees it now. */
struct watchdog_input {
	bool waiting;
	uint64_t progress; /* any number that changes with progress */
};

struct watchdog {
	uint64_t updated_ns;
	struct {
		uint64_t progress, waited_ns;
		uint32_t expiries; /* in a row, since the last progress */
	} waits[WATCHDOG_CNT];
};

/* Whether it is time for watchdog_update(). */
static inline bool watchdog_due(const struct watchdog *watchdog, uint64_t now_ns)
{
	return now_ns - watchdog->updated_ns >= WATCHDOG_PERIOD_NS;
}

/* Takes the present state of all waits. Returns a set of bits (1 << wait), one for each wait that has expired. */
uint32_t watchdog_update(struct watchdog *watchdog, const struct watchdog_input inputs[WATCHDOG_CNT], uint64_t now_ns);

/* Whether this wait is half way to its limit, where the kernel should be woken once more. */
bool watchdog_needs_nudge(const struct watchdog *watchdog, enum watchdog_wait wait);

/* Whether an expired wait has expired for the first time in a row. Only that one is reported to the operator. */
bool watchdog_is_first_expiry(const struct watchdog *watchdog, enum watchdog_wait wait);

#endif
