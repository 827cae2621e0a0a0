// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <string.h>

#include "daemon/losses.h"

struct bed {
	struct losses losses;
	struct losses_count count;
	enum loss most;
	double percent;
};

static struct bed make_bed(void)
{
	struct bed bed = { .count = { .in = 5000000, .out = 70000, .lost = { [LOSS_RING] = 300 } } };

	cr_assert_not(losses_update(&bed.losses, &bed.count, &bed.most, &bed.percent));
	return bed;
}

/* A second, in which so many packets come each way, and so many are lost at one place. */
static bool second(struct bed *bed, uint64_t came, enum loss loss, uint64_t lost)
{
	bed->count.in += came;
	bed->count.out += came;
	bed->count.lost[loss] += lost;
	return losses_update(&bed->losses, &bed->count, &bed->most, &bed->percent);
}

Test(losses, what_goes_on_is_seen_and_ends)
{
	for (int loss = 0; loss < LOSS_CNT; loss++) {
		struct bed bed = make_bed();
		uint32_t seconds = 0;

		while (seconds < 30 && !second(&bed, 10000, (enum loss)loss, 50))
			seconds++;
		cr_expect(seconds + 1 == LOSSES_SECONDS / 2, "%d: after %u seconds", loss, seconds + 1);
		cr_expect_eq(bed.most, (enum loss)loss);
		cr_expect(bed.percent > 0.4 && bed.percent < 0.6, "%f %%", bed.percent);
		cr_expect(strstr(losses_where(bed.most), "are lost"), "a sentence that goes on behind a percentage");
		for (seconds = 0; seconds < 30 && second(&bed, 10000, (enum loss)loss, 0);)
			seconds++;
		cr_expect_leq(seconds, LOSSES_SECONDS, "%d: it has not ended after %u seconds", loss, seconds);
	}
}

Test(losses, one_burst_is_none)
{
	struct bed bed = make_bed();

	cr_expect_not(second(&bed, 1000, LOSS_RING, 900));
	for (int i = 0; i < 60; i++)
		cr_expect_not(second(&bed, 1000, LOSS_RING, 0));
}

Test(losses, few_are_none)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 60; i++)
		cr_expect_not(second(&bed, 10000, LOSS_RING, 9), "0.09 %%");
	for (int i = 0; i < 60; i++)
		cr_expect_not(second(&bed, 0, LOSS_TAP_OUT, i % 2), "5 in all that time");
}

/* Around the limit, it does not come and go. */
Test(losses, it_ends_later_than_it_begins)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 20; i++)
		second(&bed, 10000, LOSS_RING, 12);
	for (int i = 0; i < 60; i++)
		cr_expect(second(&bed, 10000, LOSS_RING, 7), "0.07 %%");
	for (int i = 0; i < 20; i++)
		second(&bed, 10000, LOSS_RING, 4);
	cr_expect_not(second(&bed, 10000, LOSS_RING, 4), "0.04 %%");
}

/* The kernel's counters of a socket begin anew with the next one. */
Test(losses, a_counter_may_begin_anew)
{
	struct bed bed = make_bed();

	for (int i = 0; i < 60; i++) {
		bed.count.lost[LOSS_RING] = 0;
		cr_expect_not(second(&bed, 10000, LOSS_RING, 0));
	}
}

Test(losses, the_place_of_most_is_named)
{
	struct bed bed = make_bed();
	bool goes_on = false;

	for (int i = 0; i < 20; i++) {
		bed.count.lost[LOSS_LATE] += 20;
		goes_on = second(&bed, 10000, LOSS_TAP_IN, 30);
	}
	cr_expect(goes_on);
	cr_expect_eq(bed.most, LOSS_TAP_IN);
	cr_expect(bed.percent > 0.45 && bed.percent < 0.55, "both together: %f %%", bed.percent);
}
