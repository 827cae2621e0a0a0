// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Time is an argument, so that a minute takes no time. */
#include <criterion/criterion.h>

#include "datapath/arrivals.h"
#include "base/bytes.h"

#define MS 1000000ull

struct bed {
	struct arrivals arrivals;
	uint64_t redirected, arrived, now_ns;
};

/* 20 ms in which so many frames are redirected, and so many arrive. */
static enum arrivals_verdict step(struct bed *bed, uint64_t redirected, uint64_t arrived)
{
	bed->redirected += redirected;
	bed->arrived += arrived;
	bed->now_ns += 20 * MS;
	return arrivals_update(&bed->arrivals, bed->redirected, bed->arrived, bed->now_ns);
}

/* It has looked before, and all was fine. */
static struct bed make_bed(void)
{
	struct bed bed = { .redirected = 12345, .arrived = 45, .now_ns = 7000 * MS };

	for (int i = 0; i < 10; i++)
		cr_assert_eq(step(&bed, 100, 100), ARRIVALS_FINE);
	return bed;
}

Test(arrivals, one_lost_frame_is_seen_within_100_ms)
{
	struct bed bed = make_bed();
	uint64_t begin_ns = bed.now_ns;

	cr_expect_eq(step(&bed, 1, 0), ARRIVALS_FINE);
	while (bed.now_ns - begin_ns < 100 * MS)
		if (step(&bed, 0, 0) == ARRIVALS_NONE)
			break;
	cr_expect_leq(bed.now_ns - begin_ns, 80 * MS);
	arrivals_restart(&bed.arrivals);
	cr_expect_eq(bed.arrivals.lost, 1);
	cr_expect_eq(step(&bed, 0, 0), ARRIVALS_FINE, "it begins anew");
}

Test(arrivals, what_is_late_is_no_loss)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 1000; i++) {
		cr_expect_eq(step(&bed, 64, 0), ARRIVALS_FINE);
		cr_expect_eq(step(&bed, 0, 0), ARRIVALS_FINE);
		cr_expect_eq(step(&bed, 0, 64), ARRIVALS_FINE);
	}
	cr_expect_eq(bed.arrivals.lost, 0);
}

/* What was on its way at the first look would be missing for ever. */
Test(arrivals, the_first_look_may_come_in_the_midst)
{
	struct bed bed = { .redirected = 1000, .arrived = 900 };

	for (int i = 0; i < 3000; i++)
		cr_expect_eq(step(&bed, 300, i == 1 ? 400 : 300), ARRIVALS_FINE);
	cr_expect_eq(bed.arrivals.lost, 0);
}

Test(arrivals, an_idle_queue_is_fine)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 3000; i++)
		cr_expect_eq(step(&bed, 0, 0), ARRIVALS_FINE);
}

/* Of two interfaces that share a queue's number, one arrives. */
Test(arrivals, some_that_are_lost_are_seen)
{
	struct bed bed = make_bed();
	int looks = 0;

	while (looks < 100 && step(&bed, 600, 300) == ARRIVALS_FINE)
		looks++;
	cr_expect_lt(looks, 10, "after %d looks", looks);
	arrivals_restart(&bed.arrivals);
	cr_expect_eq(bed.arrivals.lost, 300u * (uint64_t)(looks + 1));
}

/* An interruption between the two readings: for one look, far more seem to be on their way. */
Test(arrivals, an_interrupted_look_is_no_loss)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 100; i++) {
		for (int j = 0; j < 4; j++)
			cr_expect_eq(step(&bed, j ? 100 : 5000, 100), ARRIVALS_FINE);
		cr_expect_eq(step(&bed, 0, 4900), ARRIVALS_FINE);
	}
	cr_expect_eq(bed.arrivals.lost, 0);
}

/* A few now and then are counted, and never become many. */
Test(arrivals, rare_losses_are_counted)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 60 * 50; i++)
		cr_expect_eq(step(&bed, 100 + (i % 500 == 0), 100), ARRIVALS_FINE);
	cr_expect(bed.arrivals.lost >= 4 && bed.arrivals.lost <= 6, "%lu of 6", (unsigned long)bed.arrivals.lost);
}

Test(arrivals, a_time_without_looks_does_not_count)
{
	struct bed bed = make_bed();

	cr_expect_eq(step(&bed, 10, 0), ARRIVALS_FINE);
	bed.now_ns += 3600 * 1000 * MS;
	cr_expect_eq(step(&bed, 10, 0), ARRIVALS_FINE, "stopped for an hour");
	cr_expect_eq(step(&bed, 0, 20), ARRIVALS_FINE);
}

/* Counters of an adopted program may be reset by others, in either direction. */
Test(arrivals, reset_counters_are_no_loss)
{
	struct bed bed = make_bed();

	bed.redirected = 0;
	for (int i = 0; i < 100; i++)
		cr_expect_eq(step(&bed, i % 2 ? 100 : 0, i % 2 ? 100 : 0), ARRIVALS_FINE);
	for (int i = 0; i < 10; i++)
		if (step(&bed, 10, 0) == ARRIVALS_NONE)
			return;
	cr_expect(false, "it sees no loss any more");
}
