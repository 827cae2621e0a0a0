// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Time is an argument, so that half a minute takes no time. */
#include <criterion/criterion.h>

#include "datapath/watchdog.h"
#include "base/bytes.h"

#define MS 1000000ull

struct bed {
	struct watchdog watchdog;
	struct watchdog_input inputs[WATCHDOG_CNT];
	uint64_t now_ns;
};

/* Updates every 10 ms for some time. Returns how often the wait has expired, and when it did last. */
static uint32_t run_for(struct bed *bed, enum watchdog_wait wait, uint64_t ms, uint64_t *last_ms)
{
	uint64_t begin_ns = bed->now_ns;
	uint32_t cnt = 0;

	while (bed->now_ns < begin_ns + ms * MS) {
		uint32_t expired;

		bed->now_ns += WATCHDOG_PERIOD_NS;
		expired = watchdog_update(&bed->watchdog, bed->inputs, bed->now_ns);
		cr_expect_eq(expired & ~(1u << wait), 0, "another wait has expired");
		if (expired && last_ms)
			*last_ms = (bed->now_ns - begin_ns) / MS;
		cnt += expired != 0;
	}
	return cnt;
}

/* There was progress before, and now nothing to wait for, for 10 s. */
static struct bed make_bed(void)
{
	struct bed bed = { .now_ns = 5000 * MS };

	for (int i = 0; i < WATCHDOG_CNT; i++)
		bed.inputs[i].progress = 7;
	cr_assert_eq(run_for(&bed, WATCHDOG_TAP, 10000, NULL), 0);
	return bed;
}

Test(watchdog, each_wait_expires_within_a_second)
{
	for (int wait = 0; wait < WATCHDOG_CNT; wait++) {
		struct bed bed = make_bed();
		uint64_t ms = 0;

		bed.inputs[wait].waiting = true;
		cr_expect_eq(run_for(&bed, (enum watchdog_wait)wait, 1000, &ms), 1);
		cr_expect(ms >= 490 && ms <= 520, "expired after %lu ms", (unsigned long)ms);
		cr_expect(watchdog_is_first_expiry(&bed.watchdog, (enum watchdog_wait)wait));
	}
}

Test(watchdog, progress_begins_the_wait_anew)
{
	struct bed bed = make_bed();

	bed.inputs[WATCHDOG_COMPLETION].waiting = true;
	for (int i = 0; i < 100; i++) {
		bed.inputs[WATCHDOG_COMPLETION].progress++;
		cr_assert_eq(run_for(&bed, WATCHDOG_COMPLETION, 480, NULL), 0);
	}
}

Test(watchdog, nothing_to_wait_for_ends_the_wait)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 10; i++) {
		bed.inputs[WATCHDOG_FILL].waiting = true;
		cr_assert_eq(run_for(&bed, WATCHDOG_FILL, 400, NULL), 0);
		bed.inputs[WATCHDOG_FILL].waiting = false;
		cr_assert_eq(run_for(&bed, WATCHDOG_FILL, 10, NULL), 0);
	}
}

/* The limits are 0.5, 1, 2, 4, 8, 8, 8 ... s; after progress 0.5 s again. */
Test(watchdog, further_expiries_in_a_row_take_longer)
{
	static const uint64_t limits[] = { 500, 1000, 2000, 4000, 8000, 8000, 8000 };
	struct bed bed = make_bed();
	uint64_t ms = 0;

	bed.inputs[WATCHDOG_COMPLETION].waiting = true;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		cr_expect_eq(run_for(&bed, WATCHDOG_COMPLETION, limits[i] - 10, NULL), 0);
		cr_expect_eq(run_for(&bed, WATCHDOG_COMPLETION, 10, NULL), 1);
		cr_expect_eq(watchdog_is_first_expiry(&bed.watchdog, WATCHDOG_COMPLETION), i == 0);
	}
	bed.inputs[WATCHDOG_COMPLETION].progress++;
	cr_expect_eq(run_for(&bed, WATCHDOG_COMPLETION, 600, &ms), 1);
	cr_expect(watchdog_is_first_expiry(&bed.watchdog, WATCHDOG_COMPLETION), "a new episode");
}

/* A process that was stopped for a minute has not waited for one. */
Test(watchdog, time_away_does_not_count)
{
	struct bed bed = make_bed();

	bed.inputs[WATCHDOG_COMPLETION].waiting = true;
	cr_assert_eq(run_for(&bed, WATCHDOG_COMPLETION, 400, NULL), 0);
	bed.now_ns += 60000 * MS;
	cr_expect_eq(watchdog_update(&bed.watchdog, bed.inputs, bed.now_ns), 0);
	cr_expect_eq(run_for(&bed, WATCHDOG_COMPLETION, 30, NULL), 0);
	cr_expect_eq(run_for(&bed, WATCHDOG_COMPLETION, 40, NULL), 1);
}

/* Half way to the limit the kernel is woken a few times, but not all the time. */
Test(watchdog, nudges_half_way)
{
	struct bed bed = make_bed();
	uint32_t nudges = 0;

	bed.inputs[WATCHDOG_COMPLETION].waiting = true;
	for (int i = 0; i < 49; i++) {
		cr_assert_eq(run_for(&bed, WATCHDOG_COMPLETION, 10, NULL), 0);
		if (watchdog_needs_nudge(&bed.watchdog, WATCHDOG_COMPLETION))
			cr_expect_geq(i, 24);
		nudges += watchdog_needs_nudge(&bed.watchdog, WATCHDOG_COMPLETION);
	}
	cr_expect(nudges >= 1 && nudges <= 6, "%u nudges", nudges);
}
