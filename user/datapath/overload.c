// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/overload.h"

#include <string.h>
#include <sys/random.h>

#include "engine/parse.h"

/* A ring of which this part is waiting is no harm yet, but the worker is late. With more, there is less time to react;
 * with less, it would be every burst of a TCP window. And what two rounds of the NIC's polling bring at once, 64 each, is
 * waiting in a short ring as well, without anybody being late. */
#define LATE_LEAST 128u
#define LATE(ring_size) ((ring_size) / 4 > LATE_LEAST ? (ring_size) / 4 : LATE_LEAST)

/* The share of all writes from which on slots that gain nothing are to blame. */
#define BLAME(writes) ((writes) / 4)

/* A target that is not reached for this long is set anew, with what has been lost meanwhile. */
#define TARGET_NS 10000000ull

void overload_init(struct overload *overload, struct steer_slots *slots, uint32_t ring_size)
{
	*overload = (struct overload){ .slots = slots, .ring_size = ring_size, .stay_ns = OVERLOAD_STAY_NS };
	if (!slots)
		return;
	if (!slots->key[0] && getrandom(slots->key, sizeof slots->key, 0) != sizeof slots->key)
		overload->slots = NULL; /* without a secret, whoever sends could choose the slot */
	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++)
		slots->slot[i].kernel = 0;
	slots->draining = 0;
}

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

void overload_socket(struct overload *overload, const struct overload_frames *now)
{
	if (!overload->slots)
		return;
	overload->base = overload->target = *now;
	overload->lost = now->gone;
	store(&overload->slots->delivered, (uint32_t)now->redirected);
}

/* ---- what gains ---- */

/* The slot of a packet; STEER_SLOT_CNT: it has none, as it is not IP. */
static uint32_t slot_of(const struct overload *overload, const uint8_t *packet, uint32_t len)
{
	const uint32_t l3_off = parse_link_len(packet, len);
	uint32_t addresses[8] = { 0 };

	if (l3_off && l3_off + IPV4_MIN_LEN <= len && packet[l3_off] >> 4 == 4)
		memcpy(addresses, packet + l3_off + 12, 8);
	else if (l3_off && l3_off + IPV6_LEN <= len && packet[l3_off] >> 4 == 6)
		memcpy(addresses, packet + l3_off + 8, 32);
	else
		return STEER_SLOT_CNT;
	return steer_slot_index(overload->slots->key, addresses) % STEER_SLOT_CNT;
}

void overload_delivered(struct overload *overload, const uint8_t *packet, uint32_t len, uint32_t packets,
			uint32_t writes)
{
	uint32_t slot;

	if (!overload->slots)
		return;
	slot = slot_of(overload, packet, len);
	if (slot == STEER_SLOT_CNT)
		return;
	overload->slot[slot].packets += packets;
	overload->slot[slot].writes += writes;
}

static bool gains(const struct overload_slot *slot, uint32_t level)
{
	return slot->packets >= slot->writes << (level + 1);
}

/* How many writes were for slots that gain nothing, if that is a good part of all; else 0. */
static uint32_t poor_writes(const struct overload *overload)
{
	uint32_t all = 0, poor = 0;

	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++) {
		all += overload->slot[i].writes;
		poor += gains(&overload->slot[i], 1) ? 0 : overload->slot[i].writes;
	}
	return poor >= BLAME(all) ? poor : 0;
}

/* ---- one slot ---- */

static void give(struct overload *overload, uint32_t i, uint64_t now_ns)
{
	struct overload_slot *slot = &overload->slot[i];

	if (slot->trial)
		slot->next_ns = now_ns + (OVERLOAD_STAY_NS << slot->failures);
	if (slot->trial && OVERLOAD_STAY_NS << slot->failures < OVERLOAD_STAY_MAX_NS)
		slot->failures++;
	slot->bytes = overload->slots->slot[i].bytes;
	store(&overload->slots->slot[i].kernel, 1);
	overload->given++;
}

/* Of a slot with the kernel. */
static void consider_trial(struct overload *overload, uint32_t i, uint64_t now_ns)
{
	struct overload_slot *slot = &overload->slot[i];
	const uint32_t bytes = __atomic_load_n(&overload->slots->slot[i].bytes, __ATOMIC_RELAXED);

	overload->stuck += !overload->slots->slot[i].passed_ns && slot->writes;
	slot->packets = slot->writes = 0;
	if (bytes - slot->bytes >= OVERLOAD_BULK && now_ns >= slot->next_ns) {
		slot->trial = true;
		slot->trial_ns = now_ns;
		overload->trials++;
		store(&overload->slots->slot[i].kernel, 0);
		overload->given--;
	}
	slot->bytes = bytes;
}

/* Of a slot with the daemon. */
static void judge(struct overload *overload, uint32_t i, uint64_t now_ns)
{
	struct overload_slot *slot = &overload->slot[i];

	/* A sender that has fallen silent is judged by what there was. */
	if (slot->trial && slot->packets < OVERLOAD_TRIAL_PACKETS && now_ns - slot->trial_ns < OVERLOAD_STAY_NS)
		return;
	if (slot->writes && !gains(slot, overload->level + (slot->trial ? OVERLOAD_TRIAL_LEVELS : 0)))
		give(overload, i, now_ns);
	else if (slot->trial)
		slot->failures = 0;
	overload->trials -= slot->trial;
	slot->trial = false;
	slot->packets = slot->writes = 0;
}

static void take_back(struct overload *overload)
{
	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++)
		store(&overload->slots->slot[i].kernel, 0);
	overload->given = 0;
}

/* ---- the level ---- */

static void forget(struct overload *overload)
{
	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++)
		overload->slot[i] = (struct overload_slot){ 0 };
}

/* The next time takes twice as long, if this one comes soon after the last. */
static void begin(struct overload *overload, uint64_t now_ns)
{
	const bool soon = overload->ended_ns && now_ns - overload->ended_ns < overload->stay_ns;

	if (soon && overload->stay_ns < OVERLOAD_STAY_MAX_NS)
		overload->stay_ns *= 2;
	else if (!soon)
		overload->stay_ns = OVERLOAD_STAY_NS;
}

static void raise_level(struct overload *overload, uint64_t now_ns)
{
	if (!overload->level)
		begin(overload, now_ns);
	if (overload->level < OVERLOAD_LEVEL_MAX)
		overload->level++;
	overload->raised_ns = now_ns;
}

static void find_level(struct overload *overload, bool lost, uint32_t poor, uint64_t now_ns)
{
	const bool flooded = poor;

	/* What the kernel has does not tell whether it would be too much again: that is tried, less and less often. */
	if (lost || flooded || overload->trials)
		overload->trouble_ns = now_ns;
	overload->trouble_cnt = lost || flooded ? overload->trouble_cnt + 1 : 0;
	if (!overload->level) {
		if (overload->trouble_cnt >= OVERLOAD_TROUBLE_PERIODS)
			raise_level(overload, now_ns);
	} else if (lost && now_ns - overload->raised_ns >= OVERLOAD_SETTLE_NS) {
		raise_level(overload, now_ns);
	} else if (now_ns - overload->trouble_ns >= overload->stay_ns) {
		overload->level = 0;
		overload->ended_ns = now_ns;
	}
}

/* Frames of slots that shall leave are dropped while others are lost, too, and when they have come for too long. */
static void drain(struct overload *overload, bool lost)
{
	overload->stuck_cnt = overload->stuck ? overload->stuck_cnt + 1 : 0;
	overload->stuck = 0;
	store(&overload->slots->draining, lost || overload->stuck_cnt >= OVERLOAD_STUCK_PERIODS);
}

enum overload_change overload_end_period(struct overload *overload, const struct overload_period *period,
					 uint64_t now_ns)
{
	const bool lost = period->lost > overload->lost, begun = overload->begun;

	find_level(overload, lost, period->waiting >= LATE(overload->ring_size) ? poor_writes(overload) : 0, now_ns);
	overload->lost = period->lost;
	overload->period_ns = now_ns;
	if (!overload->level) {
		store(&overload->slots->draining, 0);
		take_back(overload);
		forget(overload);
		overload->begun = false;
		overload->trials = 0;
		return begun ? OVERLOAD_ENDS : OVERLOAD_SAME;
	}
	for (uint32_t i = 0; i < STEER_SLOT_CNT; i++)
		if (overload->slots->slot[i].kernel)
			consider_trial(overload, i, now_ns);
		else
			judge(overload, i, now_ns);
	drain(overload, lost);
	if (begun || !overload->given)
		return OVERLOAD_SAME;
	overload->begun = true;
	overload->episodes++;
	return OVERLOAD_BEGINS;
}

/* ---- what has been delivered ---- */

/*
 * The frames that were redirected before the target was set, without those that had been lost by then, have come into
 * the ring, or they were lost later. Nothing comes into the ring in another order than it was redirected. So when the
 * worker has taken as many as these, it has taken all of them. (`gone` is read before `redirected`: else a frame that is
 * lost in between would make the target too low.)
 */
static bool is_reached(const struct overload *overload, const struct overload_frames *now)
{
	const struct overload_frames *base = &overload->base, *target = &overload->target;

	return now->taken - base->taken >= target->redirected - base->redirected - (target->gone - base->gone);
}

void overload_show_delivered(struct overload *overload, const struct overload_frames *now, uint64_t now_ns)
{
	bool reached = is_reached(overload, now);

	if (reached)
		store(&overload->slots->delivered, (uint32_t)overload->target.redirected);
	else if (now_ns - overload->target_ns < TARGET_NS)
		return;
	else if (now->taken == overload->target.taken) /* nothing comes of these: lost, and counted nowhere */
		overload->base = overload->target;
	overload->target = *now;
	overload->target_ns = now_ns;
	if (is_reached(overload, now)) /* the ring is empty */
		store(&overload->slots->delivered, (uint32_t)now->redirected);
}
