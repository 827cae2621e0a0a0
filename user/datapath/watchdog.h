/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The watchdog of a worker: whether it waits for something that will not come. It knows time and
 * numbers, nothing else; what to do about it is the worker's business.
 *
 *   wait          is for                                  progress is
 *   COMPLETION    the last completion of the oldest unit  a finished unit
 *   FILL          a frame, where the kernel has none      a received packet
 *   TAP           the TAP to take a packet                a packet that it took
 *
 * A wait without progress for WATCHDOG_LIMIT_NS is over, and begins anew; each time in a row it may
 * last twice as long, up to 16 times, so that what cannot be cured is not tried all the time.
 *
 * Only time in which the worker ran counts: a process that was stopped, or a machine that slept, has
 * waited for nothing.
 */
#ifndef SUPERPACKET_WATCHDOG_H
#define SUPERPACKET_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

/* A completion comes within microseconds, or milliseconds where interrupts are moderated; the longest
 * that a driver at work was seen to take is its transmit timeout, 5 s, after which it resets the NIC and
 * all is lost anyway. Recovery is to be over within 2 s, and binding anew may take a second of that. */
#define WATCHDOG_LIMIT_NS 500000000ull
/* In between the kernel is told once more: some drivers look after their queue only then. */
#define WATCHDOG_NUDGE_NS 250000000ull
#define WATCHDOG_DOUBLINGS 4u
/* Looking more often than this tells nothing more. */
#define WATCHDOG_LOOK_NS 10000000ull
/* What is not believed of the time between two looks. */
#define WATCHDOG_STEP_MAX_NS 50000000ull

enum watchdog_wait { WATCHDOG_COMPLETION, WATCHDOG_FILL, WATCHDOG_TAP, WATCHDOG_CNT };

/* What the worker sees. */
struct watchdog_sight {
	bool waiting;
	uint64_t progress; /* any number that changes when there is some */
};

struct watchdog {
	uint64_t looked_ns;
	struct {
		uint64_t progress, waited_ns;
		uint32_t in_row; /* times it was over without progress since */
	} waits[WATCHDOG_CNT];
};

/* Whether it is time to look. */
static inline bool watchdog_due(const struct watchdog *watchdog, uint64_t now_ns)
{
	return now_ns - watchdog->looked_ns >= WATCHDOG_LOOK_NS;
}

/* Notes what is seen. Returns a bit (1 << wait) for every wait that is over. */
uint32_t watchdog_look(struct watchdog *watchdog, const struct watchdog_sight sights[WATCHDOG_CNT],
		       uint64_t now_ns);

/* Whether this wait has just come so far that the kernel should be reminded. */
bool watchdog_nudges(const struct watchdog *watchdog, enum watchdog_wait wait);

/* Whether a wait that is over is the first in a row: the one to tell the operator of. */
bool watchdog_is_news(const struct watchdog *watchdog, enum watchdog_wait wait);

#endif
