// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Adaptive merging: the numbers, flows that share a place, and the effect on whole flows. */
#include <criterion/criterion.h>

#include "engine/habit.h"
#include "prop/random.h"

#define ENTRIES 64u
#define FLOW 0x12345600u /* place 0 */

static struct habit_entry memory[ENTRIES];
static struct habit habit;

static void set_up(void)
{
	memset(memory, 0xee, sizeof memory);
	cr_assert_eq(habit_memory_size(ENTRIES), sizeof memory);
	habit_init(&habit, ENTRIES, memory);
}

TestSuite(habit, .init = set_up);

static void fail(uint32_t hash, uint32_t cnt)
{
	while (cnt--)
		habit_failed(&habit, hash);
}

/* How many packets the flow is left alone for, from now on. */
static uint32_t alone(uint32_t hash)
{
	uint32_t cnt = 0;

	while (habit_leave_alone(&habit, hash))
		cr_assert_lt(cnt++, 100000u);
	return cnt;
}

Test(habit, trusted_at_first, .description = "after 15 holds in vain a flow is still held, after 16 it is left alone")
{
	cr_expect_eq(alone(FLOW), 0);
	fail(FLOW, HABIT_TRUST - 1);
	cr_expect_eq(alone(FLOW), 0);
	fail(FLOW, 1);
	cr_expect_eq(alone(FLOW), HABIT_ALONE_MIN);
	cr_expect_eq(alone(FLOW), 0, "then it may try");
}

Test(habit, each_try_in_vain_doubles, .description = "64, 128 ... 4096, and no more")
{
	uint32_t want = HABIT_ALONE_MIN;

	fail(FLOW, HABIT_TRUST);
	for (uint32_t round = 0; round < 40; round++) {
		cr_assert_eq(alone(FLOW), want, "round %u", round);
		fail(FLOW, HABIT_TRY - 1);
		cr_assert_eq(alone(FLOW), 0, "round %u: the try is not over", round);
		fail(FLOW, 1);
		want = want < HABIT_ALONE_MAX ? 2 * want : HABIT_ALONE_MAX;
	}
	cr_assert_eq(want, HABIT_ALONE_MAX);
}

Test(habit, a_gain_ends_it, .description = "a try that gains earns credit, and the next pause is 64 packets again")
{
	fail(FLOW, HABIT_TRUST);
	alone(FLOW);
	fail(FLOW, HABIT_TRY);
	alone(FLOW);
	fail(FLOW, HABIT_TRY - 1);
	habit_gained(&habit, FLOW, 2);
	fail(FLOW, HABIT_EARNED); /* and one hold of the try was left */
	cr_expect_eq(alone(FLOW), 0);
	fail(FLOW, 1);
	cr_expect_eq(alone(FLOW), HABIT_ALONE_MIN);
}

Test(habit, credit_has_a_maximum, .description = "gains are worth 16 a packet merged, up to 240, whatever their size")
{
	static const uint32_t sizes[] = { 2, 3, 14, 15, 16, 17, 512, 0x10000001u, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t hash = FLOW + (uint32_t)i;
		uint64_t want = (uint64_t)(sizes[i] - 1) * HABIT_EARNED + 1;

		want = want < HABIT_CREDIT_MAX ? want : HABIT_CREDIT_MAX;
		fail(hash, HABIT_TRUST - 1);
		habit_gained(&habit, hash, sizes[i]);
		fail(hash, (uint32_t)want - 1);
		cr_expect_eq(alone(hash), 0, "%u packets", sizes[i]);
		fail(hash, 1);
		cr_expect_eq(alone(hash), HABIT_ALONE_MIN, "%u packets", sizes[i]);
	}
	/* Many gains in a row. */
	fail(FLOW, 1);
	for (uint32_t i = 0; i < 1000; i++)
		habit_gained(&habit, FLOW, 2 + i % 3);
	fail(FLOW, HABIT_CREDIT_MAX - 1);
	cr_expect_eq(alone(FLOW), 0);
	fail(FLOW, 1);
	cr_expect_neq(alone(FLOW), 0);
}

Test(habit, gains_take_no_place, .description = "a flow that only gains leaves the table as it is")
{
	static const struct habit_entry none[ENTRIES];

	for (uint32_t hash = 0; hash < 1000; hash++)
		habit_gained(&habit, hash, 2);
	cr_expect_arr_eq(memory, none, sizeof memory);
}

Test(habit, every_hash_alike, .description = "0 and the largest hash are treated like any other")
{
	static const uint32_t hashes[] = { 0, 1, ENTRIES, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		set_up();
		habit_gained(&habit, hashes[i], 2);
		cr_expect_eq(alone(hashes[i]), 0);
		fail(hashes[i], HABIT_TRUST - 1);
		cr_expect_eq(alone(hashes[i]), 0, "0x%x", hashes[i]);
		fail(hashes[i], 1);
		cr_expect_eq(alone(hashes[i]), HABIT_ALONE_MIN, "0x%x", hashes[i]);
	}
}

Test(habit, neighbours, .description = "flows in other places, and other hashes in this one, are not affected")
{
	fail(FLOW, HABIT_TRUST);
	for (uint32_t i = 1; i < 2 * ENTRIES; i++)
		cr_assert_eq(alone(FLOW + i), 0, "%u", i);
	habit_gained(&habit, FLOW + ENTRIES, 100);
	cr_expect_eq(alone(FLOW), HABIT_ALONE_MIN, "nor does their gain count");
}

Test(habit, the_busier_keeps_the_place,
     .description = "one failure of another flow a packet does not take the place; 15 without a packet in between do")
{
	const uint32_t other = FLOW + ENTRIES;

	fail(FLOW, HABIT_TRUST);
	for (uint32_t i = 0; i < HABIT_ALONE_MIN; i++) {
		cr_assert(habit_leave_alone(&habit, FLOW), "packet %u", i);
		fail(other, 1);
	}
	cr_assert_not(habit_leave_alone(&habit, FLOW));
	fail(FLOW, HABIT_TRY);
	cr_assert(habit_leave_alone(&habit, FLOW));
	fail(other, HABIT_TENURE_MAX - 1);
	cr_assert(habit_leave_alone(&habit, FLOW), "still there");
	fail(other, HABIT_TENURE_MAX + HABIT_TRUST - 1);
	cr_assert_not(habit_leave_alone(&habit, FLOW));
	cr_expect_eq(alone(other), HABIT_ALONE_MIN, "it is the other's now");
}

Test(habit, shared_hash, .description = "a hold that began before its hash was left alone does not change the pause")
{
	fail(FLOW, HABIT_TRUST);
	cr_assert(habit_leave_alone(&habit, FLOW));
	fail(FLOW, 10);
	cr_expect_eq(alone(FLOW), HABIT_ALONE_MIN - 1);
	fail(FLOW, HABIT_TRY);
	habit_gained(&habit, FLOW, 2);
	cr_expect_eq(alone(FLOW), 0, "but a gain of its twin ends it");
}

/* A flow in which one hold of `in` gains one packet: how many of a million packets are left alone. */
static uint32_t flow_of(uint32_t in)
{
	uint32_t left_alone = 0, packets;
	struct random r = { in };

	set_up();
	for (packets = 0; packets < 1000000; packets++) {
		if (habit_leave_alone(&habit, FLOW)) {
			left_alone++;
		} else if (in && one_in(&r, in)) {
			habit_gained(&habit, FLOW, 2);
			packets++; /* the second of it */
		} else {
			habit_failed(&habit, FLOW);
		}
	}
	return left_alone;
}

Test(habit, whole_flows,
     .description = "a flow that gains less than one packet in 16 holds is left alone, one that gains more is not; the "
		    "line is sharp")
{
	cr_expect_gt(flow_of(0), 998000);
	cr_expect_gt(flow_of(100), 990000, "%u", flow_of(100));
	cr_expect_gt(flow_of(24), 900000, "%u", flow_of(24));
	cr_expect_lt(flow_of(12), 50000, "%u", flow_of(12));
	cr_expect_lt(flow_of(8), 1000, "%u", flow_of(8));
	cr_expect_lt(flow_of(4), 1000, "%u", flow_of(4));
	cr_expect_eq(flow_of(1), 0);
}

Test(habit, any_order,
     .description = "in any order of calls, with many flows: no flow is left alone for more than 4096 packets")
{
	struct random r = { 11 };

	for (uint32_t i = 0; i < 3000000; i++) {
		uint32_t hash = FLOW + below(&r, 3 * ENTRIES), what = below(&r, 16);

		if (what == 0)
			habit_gained(&habit, hash, 2 + below(&r, 40));
		else if (what < 8)
			habit_failed(&habit, hash);
		else if (what < 15)
			habit_leave_alone(&habit, hash);
		else if (i % 64 == 0)
			cr_assert_leq(alone(hash), HABIT_ALONE_MAX);
		cr_assert(!memory[hash % ENTRIES].tenure || memory[hash % ENTRIES].credit);
	}
}
