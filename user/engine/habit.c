// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
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

static void settle(struct habit_entry *entry)
{
	if (entry->tenure < HABIT_TENURE_MAX)
		entry->tenure++;
}

/* A place goes to whoever fails when it is free. One in use only ages: a flow that has gone leaves it after 15
 * failures of others, a busy one takes it back with each packet. False: it is another's. */
static bool take_place(struct habit_entry *entry, uint32_t hash)
{
	if (entry->tenure && --entry->tenure)
		return false;
	*entry = (struct habit_entry){ .hash = hash, .purse = HABIT_TRUST };
	return true;
}

static void send_away(struct habit_entry *entry)
{
	uint32_t packets = HABIT_ALONE_MIN << entry->rounds;

	if (packets < HABIT_ALONE_MAX)
		entry->rounds++;
	entry->alone = (uint16_t)packets;
	entry->purse = HABIT_TRY; /* for afterwards */
}

void habit_gained(struct habit *habit, uint32_t hash, uint32_t packet_cnt)
{
	struct habit_entry *entry = &habit->entries[hash & habit->mask];
	uint32_t room;

	if (!is_of(entry, hash))
		return;
	room = HABIT_PURSE_MAX - entry->purse;
	if (packet_cnt - 1 <= room / HABIT_EARNED)
		entry->purse = (uint8_t)(entry->purse + (packet_cnt - 1) * HABIT_EARNED);
	else
		entry->purse = HABIT_PURSE_MAX;
	entry->rounds = 0;
	entry->alone = 0; /* of another flow with this hash */
	settle(entry);
}

void habit_failed(struct habit *habit, uint32_t hash)
{
	struct habit_entry *entry = &habit->entries[hash & habit->mask];

	if (!is_of(entry, hash) && !take_place(entry, hash))
		return;
	settle(entry);
	if (entry->alone) /* held before the others of its hash were sent away */
		return;
	if (--entry->purse == 0)
		send_away(entry);
}
