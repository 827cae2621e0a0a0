// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Lengths of the TAP's queue are decided here, and set by nobody; what the workers see is played by the test. */
#include <criterion/criterion.h>

#include "daemon/tap_queue.h"

#define SHORT 256u
#define MS 1000000ull

struct bed {
	struct tap_queue queue;
	struct tap_queue_seen seen;
	uint64_t now_ns;
	uint32_t most;
	uint32_t asked, forced; /* so many times */
	bool empties;           /* the workers find it empty when they are asked */
};

static void step(struct bed *bed)
{
	uint32_t len = 0;

	bed->now_ns += 20 * MS;
	switch (tap_queue_decide(&bed->queue, &bed->seen, bed->most, bed->now_ns, &len)) {
	case TAP_QUEUE_LEAVE: break;
	case TAP_QUEUE_ASK:
		bed->asked++;
		bed->seen.emptied = bed->empties;
		break;
	case TAP_QUEUE_FORCE:
		bed->forced++;
		cr_expect_geq(len, bed->queue.len / 2, "by halves");
		bed->queue.len = len;
		break;
	case TAP_QUEUE_SET:
		cr_expect(len > bed->queue.len || bed->seen.emptied, "%u to %u", bed->queue.len, len);
		bed->queue.len = len;
	}
}

static void carry(struct bed *bed, uint32_t packet_len, uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i += 20) {
		bed->seen.packets += 100;
		bed->seen.bytes += 100 * packet_len;
		step(bed);
	}
}

static struct bed make_bed(uint32_t most, bool empties)
{
	struct bed bed = { .queue = { .len = SHORT }, .now_ns = 1000 * MS, .most = most, .empties = empties };

	step(&bed);
	cr_assert_eq(bed.queue.len, most, "packets are small until something large is seen");
	return bed;
}

Test(tap_queue, superpackets_have_a_short_one_and_small_packets_a_long_one)
{
	struct bed bed = make_bed(TAP_QUEUE_LONG, true);

	for (int i = 0; i < 3; i++) {
		carry(&bed, 60000, 600);
		cr_expect_eq(bed.queue.len, SHORT);
		carry(&bed, 4000, 600);
		cr_expect_eq(bed.queue.len, SHORT, "between both, it stays");
		carry(&bed, 500, 600);
		cr_expect_eq(bed.queue.len, TAP_QUEUE_LONG);
		carry(&bed, 4000, 600);
		cr_expect_eq(bed.queue.len, TAP_QUEUE_LONG, "between both, it stays");
	}
	cr_expect_eq(bed.forced, 0);
}

/* The kernel throws away what does not fit. */
Test(tap_queue, it_is_not_shortened_before_it_was_empty)
{
	struct bed bed = make_bed(TAP_QUEUE_LONG, false);

	bed.seen.emptied = true; /* long ago */
	carry(&bed, 60000, 900);
	cr_expect_eq(bed.queue.len, TAP_QUEUE_LONG);
	cr_expect_geq(bed.asked, 5, "asked again and again, for an answer must be a new one");
	bed.empties = true;
	carry(&bed, 60000, 120);
	cr_expect_eq(bed.queue.len, SHORT);
	cr_expect_eq(bed.forced, 0);
}

Test(tap_queue, one_that_is_never_empty_is_shortened_by_halves)
{
	struct bed bed = make_bed(TAP_QUEUE_LONG, false);

	carry(&bed, 60000, 3000);
	cr_expect_eq(bed.queue.len, SHORT);
	cr_expect_eq(bed.forced, 4);
	carry(&bed, 60000, 3000);
	cr_expect_eq(bed.forced, 4, "and stays so");
}

Test(tap_queue, small_packets_again_before_it_was_shortened)
{
	struct bed bed = make_bed(TAP_QUEUE_LONG, false);

	carry(&bed, 60000, 600);
	carry(&bed, 500, 3000);
	cr_expect_eq(bed.queue.len, TAP_QUEUE_LONG);
	cr_expect_eq(bed.forced, 0);
}

Test(tap_queue, never_longer_than_there_is_memory_for)
{
	struct bed bed = make_bed(1024, true);

	carry(&bed, 500, 600);
	cr_expect_eq(bed.queue.len, 1024);
	carry(&bed, 60000, 600);
	cr_expect_eq(bed.queue.len, SHORT);
}

Test(tap_queue, counters_that_begin_again_tell_nothing)
{
	struct bed bed = make_bed(TAP_QUEUE_LONG, true);

	carry(&bed, 60000, 600);
	bed.seen.packets = bed.seen.bytes = 0;
	carry(&bed, 60000, 600);
	cr_expect_eq(bed.queue.len, SHORT);
}
