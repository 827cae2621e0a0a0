/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Something that failed and is tried again, after pauses that double. */
#ifndef SUPERPACKET_RETRY_H
#define SUPERPACKET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define RETRY_PAUSE_FIRST_NS 500000000ull
#define RETRY_PAUSE_MAX_NS 32000000000ull

struct retry {
	bool wanted;
	uint64_t next_ns, pause_ns;
};

static inline void retry_later(struct retry *retry)
{
	if (!retry->pause_ns)
		retry->pause_ns = RETRY_PAUSE_FIRST_NS;
	else if (retry->pause_ns < RETRY_PAUSE_MAX_NS)
		retry->pause_ns *= 2;
	retry->wanted = true;
	retry->next_ns = clock_ns() + retry->pause_ns;
}

static inline bool retry_is_due(const struct retry *retry)
{
	return retry->wanted && clock_ns() >= retry->next_ns;
}

#endif
