// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/watchdog.h"

static uint64_t limit_ns(uint32_t expiries)
{
	return WATCHDOG_LIMIT_NS << (expiries < WATCHDOG_DOUBLINGS ? expiries : WATCHDOG_DOUBLINGS);
}

uint32_t watchdog_update(struct watchdog *watchdog, const struct watchdog_input inputs[WATCHDOG_CNT], uint64_t now_ns)
{
	uint64_t step_ns = watchdog->updated_ns ? now_ns - watchdog->updated_ns : 0;
	uint32_t expired = 0;

	watchdog->updated_ns = now_ns;
	if (step_ns > WATCHDOG_STEP_MAX_NS)
		step_ns = WATCHDOG_STEP_MAX_NS;
	for (uint32_t i = 0; i < WATCHDOG_CNT; i++) {
		const struct watchdog_input *input = &inputs[i];

		if (input->progress != watchdog->waits[i].progress) {
			watchdog->waits[i].progress = input->progress;
			watchdog->waits[i].expiries = 0;
			watchdog->waits[i].waited_ns = 0;
		} else if (!input->waiting) {
			watchdog->waits[i].waited_ns = 0;
		} else {
			watchdog->waits[i].waited_ns += step_ns;
		}
		if (watchdog->waits[i].waited_ns < limit_ns(watchdog->waits[i].expiries))
			continue;
		watchdog->waits[i].waited_ns = 0;
		watchdog->waits[i].expiries++;
		expired |= 1u << i;
	}
	return expired;
}

bool watchdog_needs_nudge(const struct watchdog *watchdog, enum watchdog_wait wait)
{
	const uint64_t waited_ns = watchdog->waits[wait].waited_ns;

	return waited_ns >= WATCHDOG_NUDGE_NS && waited_ns < WATCHDOG_NUDGE_NS + WATCHDOG_STEP_MAX_NS;
}

bool watchdog_is_first_expiry(const struct watchdog *watchdog, enum watchdog_wait wait)
{
	return watchdog->waits[wait].expiries == 1;
}
