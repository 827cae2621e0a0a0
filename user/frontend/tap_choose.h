/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * On a bond, a BPF program chooses the TAP's queue for each packet (bpf/choose.bpf.c), since the queue decides which
 * member the packet goes out on; while there is no member to send by, another one drops it. Without them, the TAP spreads
 * packets as it likes.
 */
#ifndef SUPERPACKET_TAP_CHOOSE_H
#define SUPERPACKET_TAP_CHOOSE_H

#include "choose_abi.h"
#include "frontend/frontend.h"

struct choose_bpf;

struct tap_choose {
	struct choose_bpf *object;  /* NULL: not open */
	struct choose_state *state; /* mapped */
};

/* Loads the programs and gives them to the TAP, before there are workers: what its queues hold is dropped. No member is
 * in force. Returns 0, or -errno with nothing left to close. */
int tap_choose_open(struct tap_choose *choose, struct frontend *tap);

/* The TAP spreads packets as it likes again: a persistent one may still have the programs of a daemon that was killed. */
void tap_choose_clear(struct frontend *tap);

/* The TAP's program and our map go with their last user: after the TAP, or before. */
void tap_choose_close(struct tap_choose *choose);

/* From now on, packets go as the set says; one without members drops them. */
void tap_choose_set(struct tap_choose *choose, const struct choose_set *set);

/* How many packets were dropped because there was no member. */
uint64_t tap_choose_no_member(const struct tap_choose *choose);

#endif
