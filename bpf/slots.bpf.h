/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slots of steer.bpf.c: may this frame go to the socket? What slots are, and why the order
 * within a slot holds: steer_slots.h.
 */
#ifndef SUPERPACKET_SLOTS_BPF_H
#define SUPERPACKET_SLOTS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "steer_slots.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, STEER_SLOT_QUEUES_MAX);
	__type(key, __u32);
	__type(value, struct steer_slots);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} steer_slots SEC(".maps");

enum slot_verdict {
	SLOT_STEER,
	SLOT_PASS,
	SLOT_DROP,
};

static __always_inline enum slot_verdict slot_pass(struct steer_slot *slot, __u64 now_ns, __u32 len)
{
	slot->passed_ns = now_ns;
	slot->bytes += len;
	slot->frames++;
	return SLOT_PASS;
}

/* The kernel shall have the slot. */
static __always_inline enum slot_verdict slot_leave(const struct steer_slots *slots, struct steer_slot *slot, __u32 len)
{
	if (!slot->passed_ns && (__s32)(slots->delivered - slot->last) < 0)
		return slots->draining ? SLOT_DROP : SLOT_STEER;
	return slot_pass(slot, bpf_ktime_get_ns(), len);
}

/* The slot was with the kernel, and the daemon wants it again. */
static __always_inline enum slot_verdict slot_return(struct steer_slot *slot, __u32 len)
{
	const __u64 now_ns = bpf_ktime_get_ns();

	if (now_ns - slot->passed_ns < STEER_SLOT_SILENCE_NS)
		return slot_pass(slot, now_ns, len);
	slot->passed_ns = 0;
	return SLOT_STEER;
}

/* The slot of a frame on this queue; NULL: the queue has none. */
static __always_inline struct steer_slot *slot_find(struct steer_slots *slots, const __u32 addresses[8])
{
	return slots ? &slots->slot[steer_slot_index(slots->key, addresses) % STEER_SLOT_CNT] : NULL;
}

static __always_inline enum slot_verdict slot_verdict(const struct steer_slots *slots, struct steer_slot *slot,
						      __u32 len)
{
	if (slot->kernel)
		return slot_leave(slots, slot, len);
	return slot->passed_ns ? slot_return(slot, len) : SLOT_STEER;
}

#endif
