/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which features of a NIC hurt what AF_XDP receives, and what is done about each: switched off while
 * we run and restored afterwards, or explained. A decision only; nothing is asked or changed here.
 *
 *   feature                  hurts                                        where
 *   large-receive-offload    joins packets before XDP: longer than the     everywhere
 *   rx-gro-hw                MTU, their boundaries forgotten; some
 *                            drivers refuse XDP with them
 *   rx-vlan-offload, -stag-  the tag comes beside the frame, and AF_XDP    everywhere but on veth, where it
 *                            has no place for it                           is the peer's tx-vlan-offload
 *   generic-receive-offload  comes before the program: joined packets      generic XDP only
 *                            go past us, single ones do not: out of order
 *   rx-udp-gro-forwarding    the same to UDP                               goes with GRO
 *
 * The kernel switches LRO and rx-gro-hw off by itself where generic XDP is attached, and leaves them
 * off (net/core/dev.c generic_xdp_install): restoring them is ours in any case.
 */
#ifndef SUPERPACKET_ADJUST_H
#define SUPERPACKET_ADJUST_H

#include "nic/features.h"

struct adjust_facts {
	struct features features;
	bool veth;
	bool generic; /* the program runs in generic mode */
};

enum adjust_what {
	ADJUST_LEAVE,
	ADJUST_OFF,     /* it is on, hurts, and can be switched off */
	ADJUST_EXPLAIN, /* it hurts, and we can do nothing about it */
};

struct adjust {
	enum adjust_what what;
	const char *why; /* with the command that helps, where there is one; NULL: ADJUST_LEAVE */
};

struct adjust adjust_decide(const struct adjust_facts *facts, enum feature feature);

/* The set of those with ADJUST_OFF. */
uint32_t adjust_off(const struct adjust_facts *facts);

#endif
