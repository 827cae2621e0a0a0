// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Credits of flows; habit.h has the states and the reasons of the numbers. */
#include "habit.h"

_Static_assert(sizeof(struct habit_entry) == 8, "eight to a cache line");

void habit_init(struct habit *habit, uint32_t entry_cnt, void *memory)
{
	*habit = (struct habit){ .entries = memory, .mask = entry_cnt - 1 };
	memset(memory, 0, habit_memory_size(entry_cnt));
}

static bool is_of(const struct habit_entry *entry, uint32_t hash)
{
	return entry->tenure && entry->hash == hash;
}

/* An event of the entry's own flow makes its place safer. */
static void renew_tenure(struct habit_entry *entry)
{
	if (entry->tenure < HABIT_TENURE_MAX)
		entry->tenure++;
}

/* A flow that fails takes the place if it is free. If not, the place ages: a flow that has ended loses it
 * after 15 failures of others, a busy flow renews it with each packet. Returns false if another flow has it. */
static bool take_place(struct habit_entry *entry, uint32_t hash)
{
	if (entry->tenure && --entry->tenure)
		return false;
	*entry = (struct habit_entry){ .hash = hash, .credit = HABIT_TRUST };
	return true;
}

static void leave_alone(struct habit_entry *entry)
{
	uint32_t packets = HABIT_ALONE_MIN << entry->rounds;

	if (packets < HABIT_ALONE_MAX)
		entry->rounds++;
	entry->alone = (uint16_t)packets;
	entry->credit = HABIT_TRY; /* for afterwards */
}

void habit_gained(struct habit *habit, uint32_t hash, uint32_t packet_cnt)
{
	struct habit_entry *entry = &habit->entries[hash & habit->mask];
	uint32_t room;

	if (!is_of(entry, hash))
		return;
	room = HABIT_CREDIT_MAX - entry->credit;
	if (packet_cnt - 1 <= room / HABIT_EARNED)
		entry->credit = (uint8_t)(entry->credit + (packet_cnt - 1) * HABIT_EARNED);
	else
		entry->credit = HABIT_CREDIT_MAX;
	entry->rounds = 0;
	entry->alone = 0; /* another flow with this hash may have been left alone */
	renew_tenure(entry);
}

void habit_failed(struct habit *habit, uint32_t hash)
{
	struct habit_entry *entry = &habit->entries[hash & habit->mask];

	if (!is_of(entry, hash) && !take_place(entry, hash))
		return;
	renew_tenure(entry);
	if (entry->alone) /* held before another packet of this hash ended the credit */
		return;
	if (--entry->credit == 0)
		leave_alone(entry);
}
