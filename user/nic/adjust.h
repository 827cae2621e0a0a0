/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which features of a NIC harm what AF_XDP receives, and what is done about each: it is switched off while the daemon
 * runs and restored afterwards, or the operator is told. This only decides; nothing is read or changed here.
 *
 *   feature                  harm                                          where
 *   large-receive-offload    joins packets before XDP, beyond the MTU      everywhere
 *   rx-gro-hw                and without their boundaries; some drivers
 *                            refuse XDP with them
 *   rx-vlan-offload, -stag-  the tag comes beside the frame, and AF_XDP    everywhere but on veth, where the
 *                            has no place for it                           peer's tx-vlan-offload does it
 *   generic-receive-offload  comes before the program: joined packets      generic XDP only
 *                            bypass the daemon, single ones do not, so
 *                            they get out of order
 *   rx-udp-gro-forwarding    the same for UDP                              with GRO
 *
 * When generic XDP is attached, the kernel itself switches LRO and rx-gro-hw off, and leaves them off afterwards
 * (net/core/dev.c generic_xdp_install). So the daemon restores them in any case.
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
	ADJUST_OFF,     /* it is on, does harm, and can be switched off */
	ADJUST_EXPLAIN, /* it does harm and cannot be switched off here: the operator is told */
};

struct adjust {
	enum adjust_what what;
	const char *why; /* with the command that helps, if there is one; NULL with ADJUST_LEAVE */
};

struct adjust adjust_decide(const struct adjust_facts *facts, enum feature feature);

/* The set of features with ADJUST_OFF. */
uint32_t adjust_off(const struct adjust_facts *facts);

#endif
