// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The slots of a queue are plain memory here, and time is an argument. The kernel's side is played by the test. */
#include <criterion/criterion.h>

#include "base/bytes.h"
#include "datapath/overload.h"

#define RING 4096u
#define SECOND 1000000000ull

struct bed {
	struct steer_slots slots;
	struct overload overload;
	struct overload_period period;
	uint64_t now_ns;
};

/* IPv4 from 10.0.0.from to 10.0.0.2. */
static void make_packet(uint8_t packet[34], uint8_t from)
{
	static const uint8_t head[34] = { [12] = 8, [14] = 0x45, [26] = 10, [29] = 0, [30] = 10, [33] = 2 };

	memcpy(packet, head, sizeof head);
	packet[29] = from;
}

static struct bed make_bed(void)
{
	struct bed bed = { .now_ns = SECOND };

	return bed;
}

static void open_bed(struct bed *bed)
{
	const struct overload_frames none = { 0 };

	overload_init(&bed->overload, &bed->slots, RING);
	cr_assert_not_null(bed->overload.slots);
	overload_socket(&bed->overload, &none);
	bed->overload.period_ns = bed->now_ns;
}

static void deliver(struct bed *bed, uint8_t from, uint32_t writes, uint32_t packets_each)
{
	uint8_t packet[34];

	make_packet(packet, from);
	for (uint32_t i = 0; i < writes; i++)
		overload_delivered(&bed->overload, packet, sizeof packet, packets_each, 1);
}

/* The slot of an address: the one whose counters grow. */
static struct steer_slot *slot_of(struct bed *bed, uint8_t from)
{
	uint32_t before[STEER_SLOT_CNT], found = STEER_SLOT_CNT;

	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++)
		before[i] = bed->overload.slot[i].writes;
	deliver(bed, from, 1, 40);
	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++)
		if (bed->overload.slot[i].writes != before[i])
			found = i;
	cr_assert_lt(found, STEER_SLOT_CNT);
	return &bed->slots.slot[found];
}

/* An address whose slot is another one than that of 1. */
static uint8_t other_than(struct bed *bed)
{
	uint8_t from = 2;

	while (slot_of(bed, from) == slot_of(bed, 1))
		from++;
	return from;
}

static enum overload_change end_period(struct bed *bed)
{
	const struct overload_period period = bed->period;

	bed->now_ns += OVERLOAD_PERIOD_NS;
	bed->period.waiting = 0;
	return overload_end_period(&bed->overload, &period, bed->now_ns);
}

static enum overload_change end_periods(struct bed *bed, uint64_t length_ns)
{
	enum overload_change last = OVERLOAD_SAME;

	for (uint64_t end_ns = bed->now_ns + length_ns; bed->now_ns < end_ns;) {
		enum overload_change change = end_period(bed);

		last = change == OVERLOAD_SAME ? last : change;
	}
	return last;
}

/* What comes from address 1 merges, what comes from the other does not. */
static void flood(struct bed *bed, uint8_t other)
{
	deliver(bed, 1, 100, 40);
	deliver(bed, other, 1000, 1);
}

/* The flood makes the worker late, for as long as it takes until it is overloaded. */
static void overload_it(struct bed *bed, uint8_t other)
{
	for (uint32_t i = 1; i <= OVERLOAD_TROUBLE_PERIODS; i++) {
		flood(bed, other);
		bed->period.waiting = RING / 4;
		cr_assert_eq(end_period(bed), i < OVERLOAD_TROUBLE_PERIODS ? OVERLOAD_SAME : OVERLOAD_BEGINS, "%u", i);
	}
}

Test(overload, a_worker_that_is_late_leaves_what_does_not_merge_to_the_kernel)
{
	struct bed bed = make_bed();
	uint8_t other;

	open_bed(&bed);
	other = other_than(&bed);
	flood(&bed, other);
	cr_expect_eq(end_period(&bed), OVERLOAD_SAME, "it keeps up");
	overload_it(&bed, other);
	cr_expect_eq(bed.overload.given, 1);
	cr_expect(slot_of(&bed, other)->kernel);
	cr_expect_not(slot_of(&bed, 1)->kernel, "it merges");
	cr_expect_eq(bed.overload.episodes, 1);
}

Test(overload, one_that_keeps_up_with_what_cannot_be_merged_has_all)
{
	struct bed bed = make_bed();

	open_bed(&bed);
	for (uint32_t i = 0; i < 100; i++) {
		flood(&bed, other_than(&bed));
		cr_expect_eq(end_period(&bed), OVERLOAD_SAME, "%u", i);
	}
	cr_expect_eq(bed.overload.given, 0);
}

/* The NIC's polling brings 64 at once, which are a quarter of the shortest ring. */
Test(overload, a_round_or_two_of_polling_are_no_lateness)
{
	static const struct {
		uint32_t ring, late;
	} cases[] = { { 256, 128 }, { 512, 128 }, { 1024, 256 }, { 4096, 1024 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (uint32_t less = 0; less < 2; less++) {
			struct bed bed = make_bed();

			open_bed(&bed);
			bed.overload.ring_size = cases[i].ring;
			for (uint32_t period = 0; period < OVERLOAD_TROUBLE_PERIODS; period++) {
				deliver(&bed, 1, 1000, 1);
				bed.period.waiting = cases[i].late - less;
				end_period(&bed);
			}
			cr_expect_eq(bed.overload.given, !less, "a ring of %u, %u waiting", cases[i].ring,
				     cases[i].late - less);
		}
}

Test(overload, bursts_that_fill_the_ring_are_no_overload)
{
	struct bed bed = make_bed();

	open_bed(&bed);
	for (uint32_t i = 0; i < 100; i++) {
		flood(&bed, other_than(&bed));
		bed.period.lost += i % OVERLOAD_TROUBLE_PERIODS ? 100 : 0;
		cr_expect_eq(end_period(&bed), OVERLOAD_SAME, "%u", i);
	}
	cr_expect_eq(bed.overload.given, 0);
}

Test(overload, what_merges_is_not_to_blame)
{
	struct bed bed = make_bed();

	open_bed(&bed);
	for (int i = 0; i < 100; i++) {
		deliver(&bed, 1, 100, 40);
		deliver(&bed, 1, 20, 1); /* its handshakes and acknowledgements */
		bed.period.waiting = RING;
		cr_expect_eq(end_period(&bed), OVERLOAD_SAME);
	}
	cr_expect_eq(bed.overload.given, 0);
}

Test(overload, losses_that_go_on_cost_those_who_merge_least)
{
	struct bed bed = make_bed();
	uint64_t begin_ns;

	open_bed(&bed);
	begin_ns = bed.now_ns;
	while (!bed.overload.given) {
		deliver(&bed, 1, 100, 12);
		bed.period.lost += 10;
		end_period(&bed);
		cr_assert_lt(bed.now_ns - begin_ns, SECOND);
	}
	cr_expect_eq(bed.overload.level, 3, "12 packets a write are fewer than 16: level %u", bed.overload.level);
	cr_expect_geq(bed.now_ns - begin_ns, 2 * OVERLOAD_SETTLE_NS, "each step has its time");
}

/* What the kernel has of a slot in a period. */
static void kernel_gets(struct steer_slot *slot, uint32_t frames, uint32_t bytes)
{
	slot->passed_ns = 1;
	slot->frames += frames;
	slot->bytes += bytes;
}

static struct steer_slot *overloaded(struct bed *bed, uint8_t *other)
{
	open_bed(bed);
	*other = other_than(bed);
	overload_it(bed, *other);
	return slot_of(bed, *other);
}

Test(overload, it_lasts_a_second_and_longer_each_time_that_the_flood_goes_on)
{
	struct bed bed = make_bed();
	struct steer_slot *slot;
	uint8_t other;

	slot = overloaded(&bed, &other);
	for (uint64_t stay_ns = OVERLOAD_STAY_NS; stay_ns <= OVERLOAD_STAY_MAX_NS; stay_ns *= 2) {
		for (uint64_t end_ns = bed.now_ns + stay_ns * 9 / 10; bed.now_ns < end_ns;) {
			kernel_gets(slot, 900, 1000);
			cr_expect_eq(end_period(&bed), OVERLOAD_SAME);
		}
		cr_expect(slot->kernel);
		cr_expect_eq(end_periods(&bed, stay_ns / 5), OVERLOAD_ENDS);
		cr_expect_not(slot->kernel);
		cr_expect_eq(bed.overload.given, 0);
		overload_it(&bed, other);
	}
}

Test(overload, an_end_too_early_makes_the_next_time_twice_as_long)
{
	struct bed bed = make_bed();
	uint8_t other;

	overloaded(&bed, &other);
	cr_expect_eq(end_periods(&bed, OVERLOAD_STAY_NS * 11 / 10), OVERLOAD_ENDS);
	overload_it(&bed, other);
	cr_expect_eq(end_periods(&bed, OVERLOAD_STAY_NS * 19 / 10), OVERLOAD_SAME);
	cr_expect_eq(end_periods(&bed, OVERLOAD_STAY_NS / 5), OVERLOAD_ENDS);
}

Test(overload, bulk_that_begins_with_the_kernel_gets_a_trial_and_stays_if_it_merges)
{
	struct bed bed = make_bed();
	struct steer_slot *slot;
	uint8_t other;

	slot = overloaded(&bed, &other);
	kernel_gets(slot, 600, OVERLOAD_BULK);
	end_period(&bed);
	cr_expect_not(slot->kernel, "a trial");
	deliver(&bed, other, 1, 1); /* too few to tell */
	end_period(&bed);
	deliver(&bed, other, 100, 30);
	end_period(&bed);
	cr_expect_not(slot->kernel, "it merges");
}

Test(overload, a_trial_ends_whose_sender_falls_silent)
{
	struct bed bed = make_bed();
	struct steer_slot *slot;
	uint8_t other;

	slot = overloaded(&bed, &other);
	kernel_gets(slot, 600, OVERLOAD_BULK);
	end_period(&bed);
	cr_expect_not(slot->kernel, "a trial");
	cr_expect_eq(end_periods(&bed, 3 * OVERLOAD_STAY_NS), OVERLOAD_ENDS);
	cr_expect_eq(bed.overload.trials, 0);
}

/* The flood was not what began it: a few packets of somebody else do not keep it up. */
Test(overload, a_little_traffic_with_the_kernel_does_not_keep_it_up)
{
	struct bed bed = make_bed();
	struct steer_slot *slot;
	uint8_t other;

	open_bed(&bed);
	slot = slot_of(&bed, 1);
	other = other_than(&bed);
	for (uint32_t i = 0; i < OVERLOAD_TROUBLE_PERIODS + 1; i++) {
		deliver(&bed, other, 1000, 40);
		deliver(&bed, 1, 10, 1);
		bed.period.lost += 10;
		end_period(&bed);
	}
	cr_assert(slot->kernel);
	for (uint32_t i = 0; i < 200 && bed.overload.level; i++) {
		kernel_gets(slot, 1, 100);
		end_period(&bed);
	}
	cr_expect_eq(bed.overload.level, 0);
}

Test(overload, trials_that_fail_become_rare)
{
	struct bed bed = make_bed();
	struct steer_slot *slot;
	uint32_t trials = 0;
	uint8_t other;

	slot = overloaded(&bed, &other);
	for (uint64_t end_ns = bed.now_ns + 30 * SECOND; bed.overload.level && bed.now_ns < end_ns;) {
		if (slot->kernel) {
			kernel_gets(slot, 1000, 4 * OVERLOAD_BULK);
		} else {
			trials++;
			/* a large part of it merges, but it is too much all the same */
			deliver(&bed, other, 1000, 1);
			deliver(&bed, other, 100, 40);
		}
		end_period(&bed);
	}
	cr_expect(trials >= 1 && trials <= 3, "%u trials", trials);
	cr_expect_eq(bed.overload.level, 0, "trials do not keep it up");
}

Test(overload, a_slot_that_cannot_leave_makes_the_queue_drain)
{
	struct bed bed = make_bed();
	struct steer_slot *slot;
	uint8_t other;

	slot = overloaded(&bed, &other);
	cr_assert(slot->kernel && !slot->passed_ns);
	for (uint32_t i = 0; i < OVERLOAD_STUCK_PERIODS; i++) {
		cr_expect_not(bed.slots.draining);
		deliver(&bed, other, 1000, 1); /* still coming */
		end_period(&bed);
	}
	cr_expect(bed.slots.draining);
	kernel_gets(slot, 1000, 1000);
	end_period(&bed);
	cr_expect_not(bed.slots.draining);
}

Test(overload, draining_ends_with_the_overload)
{
	struct bed bed = make_bed();
	enum overload_change change = OVERLOAD_SAME;
	uint8_t other;

	overloaded(&bed, &other);
	for (uint64_t end_ns = bed.now_ns + 2 * OVERLOAD_STAY_NS; change == OVERLOAD_SAME && bed.now_ns < end_ns;) {
		deliver(&bed, other, 10, 1); /* never leaves, and is not too much any more */
		change = end_period(&bed);
		cr_expect(change != OVERLOAD_SAME || bed.now_ns < SECOND * 3 / 2 || bed.slots.draining);
	}
	cr_expect_eq(change, OVERLOAD_ENDS);
	cr_expect_not(bed.slots.draining);
}

/* ---- what has been delivered ---- */

Test(overload, only_what_was_taken_counts_as_delivered)
{
	static const struct {
		const char *what;
		struct overload_frames target, now; /* redirected, taken, gone */
		uint32_t delivered;
	} cases[] = {
		{ "an empty ring", { 0 }, { 100, 100, 0 }, 100 },
		{ "one is in the ring", { 0 }, { 100, 99, 0 }, 0 },
		{ "all of the target are taken", { 100, 60, 0 }, { 150, 100, 0 }, 100 },
		{ "one of the target is not", { 100, 60, 0 }, { 150, 99, 0 }, 0 },
		{ "ten were lost before the target was set", { 100, 60, 10 }, { 150, 90, 10 }, 100 },
		{ "ten were lost after it: which, is not known", { 100, 60, 0 }, { 150, 90, 10 }, 0 },
		{ "ten were lost after it, and newer ones are taken", { 100, 60, 0 }, { 150, 100, 10 }, 100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bed bed = make_bed();

		open_bed(&bed);
		bed.overload.target = cases[i].target;
		bed.overload.target_ns = bed.now_ns;
		overload_show_delivered(&bed.overload, &cases[i].now, bed.now_ns);
		cr_expect_eq(bed.slots.delivered, cases[i].delivered, "%s: %u", cases[i].what, bed.slots.delivered);
	}
}

Test(overload, a_new_socket_begins_anew)
{
	const struct overload_frames before = { 1000, 900, 50 }, opened = { 1000, 900, 0 }, now = { 1010, 910, 0 };
	struct bed bed = make_bed();

	open_bed(&bed);
	overload_show_delivered(&bed.overload, &before, bed.now_ns);
	cr_expect_eq(bed.slots.delivered, 0);
	overload_socket(&bed.overload, &opened);
	cr_expect_eq(bed.slots.delivered, 1000, "what the old one had is lost");
	overload_show_delivered(&bed.overload, &now, bed.now_ns);
	cr_expect_eq(bed.slots.delivered, 1010);
}

Test(overload, frames_that_are_lost_and_counted_nowhere_are_given_up)
{
	const struct overload_frames stuck = { 100, 90, 0 };
	struct bed bed = make_bed();

	open_bed(&bed);
	overload_show_delivered(&bed.overload, &stuck, bed.now_ns);
	overload_show_delivered(&bed.overload, &stuck, bed.now_ns + 5000000);
	cr_expect_eq(bed.slots.delivered, 0);
	overload_show_delivered(&bed.overload, &stuck, bed.now_ns + 20000000);
	cr_expect_eq(bed.slots.delivered, 100, "nothing came for 20 ms: %u", bed.slots.delivered);
}

Test(overload, a_queue_without_slots_is_left_alone)
{
	struct overload overload;
	uint8_t packet[34];

	overload_init(&overload, NULL, RING);
	make_packet(packet, 1);
	overload_delivered(&overload, packet, sizeof packet, 1, 1);
	cr_expect_not(overload_due(&overload, 100 * SECOND));
	cr_expect_not(overload_is_giving(&overload));
}
