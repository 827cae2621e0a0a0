// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/arrivals.h"

static void begin(struct arrivals *arrivals, uint64_t redirected, uint64_t arrived, uint64_t now_ns)
{
	*arrivals = (struct arrivals){
		.begun = true,
		.looked_ns = now_ns,
		.arrived = arrived,
		.redirected = redirected,
		.ahead = redirected - arrived,
		.window_ns = now_ns,
		.missing_min = UINT64_MAX,
		.lost = arrivals->lost,
	};
}

/* Whether frames were redirected after the last arrival, and nothing has come since for too long. */
static bool is_silent(struct arrivals *arrivals, uint64_t redirected, uint64_t arrived, uint64_t step_ns)
{
	if (arrived != arrivals->arrived) {
		arrivals->any = true;
		arrivals->arrived = arrived;
		arrivals->redirected = redirected;
		arrivals->silent_ns = 0;
	} else if ((int64_t)(redirected - arrivals->redirected) > 0) {
		arrivals->silent_ns += step_ns;
	}
	return arrivals->silent_ns >= ARRIVALS_SILENCE_NS;
}

static void forget_lost(struct arrivals *arrivals, uint64_t now_ns)
{
	if (arrivals->missing < arrivals->missing_min)
		arrivals->missing_min = arrivals->missing;
	if (now_ns - arrivals->window_ns < ARRIVALS_WINDOW_NS)
		return;
	arrivals->lost += arrivals->missing_min;
	arrivals->ahead += arrivals->missing_min;
	arrivals->missing_min = UINT64_MAX;
	arrivals->window_ns = now_ns;
}

enum arrivals_verdict arrivals_update(struct arrivals *arrivals, uint64_t redirected, uint64_t arrived, uint64_t now_ns)
{
	const uint64_t ahead = redirected - arrived;
	uint64_t step_ns = now_ns - arrivals->looked_ns;

	if (!arrivals->begun) {
		begin(arrivals, redirected, arrived, now_ns);
		return ARRIVALS_FINE;
	}
	arrivals->looked_ns = now_ns;
	if (step_ns > ARRIVALS_STEP_MAX_NS)
		step_ns = ARRIVALS_STEP_MAX_NS;
	/* Frames were on their way at the first look; or the program has missed some (generic mode), or somebody has
	 * reset its counters. */
	if ((int64_t)(ahead - arrivals->ahead) < 0)
		arrivals->ahead = ahead;
	arrivals->missing = ahead - arrivals->ahead;
	if (arrivals->missing > ARRIVALS_MISSING_MAX)
		arrivals->looks++;
	else
		arrivals->looks = 0;
	if (is_silent(arrivals, redirected, arrived, step_ns))
		return ARRIVALS_NONE;
	if (arrivals->looks >= ARRIVALS_LOOKS)
		return ARRIVALS_SOME;
	forget_lost(arrivals, now_ns);
	return ARRIVALS_FINE;
}

void arrivals_restart(struct arrivals *arrivals)
{
	arrivals->lost += arrivals->missing;
	arrivals->missing = 0;
	arrivals->begun = false;
}
