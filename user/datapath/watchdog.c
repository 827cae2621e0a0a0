// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/watchdog.h"

static uint64_t limit_ns(uint32_t in_row)
{
	return WATCHDOG_LIMIT_NS << (in_row < WATCHDOG_DOUBLINGS ? in_row : WATCHDOG_DOUBLINGS);
}

uint32_t watchdog_look(struct watchdog *watchdog, const struct watchdog_sight sights[WATCHDOG_CNT],
		       uint64_t now_ns)
{
	uint64_t step_ns = watchdog->looked_ns ? now_ns - watchdog->looked_ns : 0;
	uint32_t over = 0;

	watchdog->looked_ns = now_ns;
	if (step_ns > WATCHDOG_STEP_MAX_NS)
		step_ns = WATCHDOG_STEP_MAX_NS;
	for (uint32_t i = 0; i < WATCHDOG_CNT; i++) {
		const struct watchdog_sight *sight = &sights[i];

		if (sight->progress != watchdog->waits[i].progress) {
			watchdog->waits[i].progress = sight->progress;
			watchdog->waits[i].in_row = 0;
			watchdog->waits[i].waited_ns = 0;
		} else if (!sight->waiting) {
			watchdog->waits[i].waited_ns = 0;
		} else {
			watchdog->waits[i].waited_ns += step_ns;
		}
		if (watchdog->waits[i].waited_ns < limit_ns(watchdog->waits[i].in_row))
			continue;
		watchdog->waits[i].waited_ns = 0;
		watchdog->waits[i].in_row++;
		over |= 1u << i;
	}
	return over;
}

bool watchdog_nudges(const struct watchdog *watchdog, enum watchdog_wait wait)
{
	const uint64_t waited_ns = watchdog->waits[wait].waited_ns;

	return waited_ns >= WATCHDOG_NUDGE_NS && waited_ns < WATCHDOG_NUDGE_NS + WATCHDOG_STEP_MAX_NS;
}

bool watchdog_is_news(const struct watchdog *watchdog, enum watchdog_wait wait)
{
	return watchdog->waits[wait].in_row == 1;
}
