/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A bond as its driver tells: mode, hash policy, and its members in the order in which it chooses among them
 * (drivers/net/bonding/bond_main.c bond_update_slave_arr()). What is said here about which member receives or sends
 * is what the bond itself does.
 */
#ifndef SUPERPACKET_BOND_H
#define SUPERPACKET_BOND_H

#include <net/if.h>

#include "choose_abi.h"
#include "nic/netdev.h"

#define BOND_MEMBERS_MAX 16u /* members that are served; with more, the kernel carries what goes out */

struct bond_member {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool up, carrier;
	bool link_up; /* the bond's monitor says so (MII status) */
	bool active;  /* the bond uses it; else it is a backup */
	uint32_t aggregator;
	uint32_t queue_id; /* not 0: packets of a queue of the bond go out here, whatever its policy says */
};

struct bond {
	uint32_t mode, policy; /* BOND_MODE_ and BOND_XMIT_POLICY_ of linux/if_bonding.h */
	uint32_t active;       /* ifindex of the active member; 0: none, or the mode has none */
	uint32_t aggregator;   /* 802.3ad: the active one; 0: none */
	uint32_t arp_interval; /* ms; not 0: links are watched by ARP */
	uint32_t cnt;          /* of members, in the bond's order */
	bool more;             /* there are more than fit here */
	struct bond_member member[BOND_MEMBERS_MAX];
};

bool bond_is(const struct netdev *dev);

/* Whether the interface is a member of a bond, and of which. */
bool bond_of(const struct netdev *dev, char name[IFNAMSIZ]);

/* Reads it anew. Returns 0 or -errno. */
int bond_read(struct bond *bond, const struct netdev *dev);

/* Whether the bond takes the frames that this member receives. In balance-alb, its answer depends on addresses: no. */
bool bond_receives(const struct bond *bond, const struct bond_member *member);

/* Whether it is among those that the bond chooses from, to send. */
bool bond_sends(const struct bond *bond, const struct bond_member *member);

/* How the bond chooses a member to send: 0, with *policy; or -EOPNOTSUPP, with *why in words. */
int bond_choice(const struct bond *bond, enum choose_policy *policy, const char **why);

/*
 * In port mode, where nobody else sends. Any member that the bond sends by will do, so a policy that cannot be computed
 * is replaced by layer3+4. Returns 0, with *policy, and *why in words if that is not all of what the bond was told, else
 * NULL; or -EOPNOTSUPP, with *why: the mode has no such rule.
 */
int bond_choice_port(const struct bond *bond, enum choose_policy *policy, const char **why);

/* For messages: "802.3ad", "layer3+4". */
const char *bond_mode_name(uint32_t mode);
const char *bond_policy_name(uint32_t policy);

#endif
