/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How an interface stands among others of its network namespace:
 *
 *      above    what rests on it: VLANs, macvlans, the bridge whose port it is
 *      eth0     the interface
 *      below    what it rests on: the parent of a VLAN, the ports of a bridge
 */
#ifndef SUPERPACKET_NETDEV_STACK_H
#define SUPERPACKET_NETDEV_STACK_H

#include <net/if.h>

#include "base/bytes.h"

/* As many names as a message may have; of more, cnt tells. */
#define NETDEV_NAMES_MAX 8

struct netdev_names {
	uint32_t cnt;
	char name[NETDEV_NAMES_MAX][IFNAMSIZ]; /* the first of them */
};

struct netdev_stack {
	struct netdev_names ports; /* interfaces that have it as their master */
	struct netdev_names above;
	char parent[IFNAMSIZ];    /* of a VLAN, a macvlan, or a tunnel that is bound to it; "": none, or elsewhere */
	bool parent_elsewhere;    /* it has one, in another network namespace */
	char xdp_above[IFNAMSIZ]; /* one of those above that has an XDP program; "": none */
	bool vlan_above;          /* one of those above is a VLAN */
};

/* Asks for all interfaces of the namespace. Returns 0 or -errno. */
int netdev_stack_read(uint32_t ifindex, struct netdev_stack *stack);

#endif
