/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What choose.bpf.c and the daemon share: which member of a bond a packet of the stack goes out on, and so, which
 * queue of the TAP it waits in. Each member has a range of the TAP's queues, one a worker.
 *
 * The daemon fills in the set that is not in force, then switches `current`: one store, and the next packet goes
 * another way. While the set in force has no member, packets are dropped and counted.
 */
#ifndef SUPERPACKET_CHOOSE_ABI_H
#define SUPERPACKET_CHOOSE_ABI_H

#include <linux/types.h>

#define CHOOSE_MEMBERS_MAX 32 /* a power of two */

/* How the bond chooses among the members of a set: xmit_hash_policy (drivers/net/bonding/bond_main.c
 * __bond_xmit_hash()). */
enum choose_policy {
	CHOOSE_FIRST, /* active-backup: there is only one */
	CHOOSE_LAYER2,
	CHOOSE_LAYER23,
	CHOOSE_LAYER34,
	CHOOSE_VLAN_SRCMAC,
};

struct choose_member {
	__u16 first, cnt; /* queues of the TAP; cnt is not 0 */
};

struct choose_set {
	__u32 policy;
	__u32 cnt;                                       /* members; 0: packets are dropped */
	struct choose_member member[CHOOSE_MEMBERS_MAX]; /* in the bond's order */
};

struct choose_state {
	__u64 no_member; /* packets that were dropped because the set in force had no member */
	__u32 current;   /* 0 or 1: the set in force */
	struct choose_set set[2];
};

#endif
