/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * VLAN tags on a veth. By default its peer sends them beside its packets, where an AF_XDP socket does not get them: what
 * belongs to a VLAN would come up without its tag, in the wrong network. Whether the peer does that cannot be asked, for it
 * may be in any namespace. So if a VLAN rests on a veth that is served inline, the kernel has what arrives until a frame
 * with a tag in it shows that the peer puts them there ('ethtool -K PEER txvlan off').
 */
#ifndef SUPERPACKET_TAGS_H
#define SUPERPACKET_TAGS_H

#include "daemon/heartbeat.h"
#include "daemon/state.h"
#include "nic/netdev.h"
#include "nic/steer.h"

/* Zeroed memory is valid: nothing is known yet. */
struct tags {
	bool stale;       /* interfaces have changed since they were looked at */
	uint64_t read_ns; /* when they were; 0: never */
	bool vlan_above;
};

/* Looks at what rests on dev, when others have changed, and at what has come; serves what arrives, or leaves it. */
void tags_follow(struct tags *tags, const struct netdev *dev, struct steer *steer, bool others, struct state *state,
		 struct heartbeat *heartbeat);

#endif
