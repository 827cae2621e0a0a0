// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/tags.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/beside.h"

/* All interfaces are asked about, which may be many, and on a host with containers they change all the time. */
#define READ_AGAIN_NS 1000000000ull

static const char awaited[] =
	"a VLAN rests on this veth, and no frame with a VLAN tag in it has come yet; tags that the "
	"peer sends beside its packets would be lost, so the kernel carries what arrives: "
	"'ethtool -K PEER txvlan off' where the peer is";

static void look(struct tags *tags, const struct netdev *dev, struct heartbeat *heartbeat)
{
	struct netdev_stack stack;

	if (tags->read_ns && (!tags->stale || clock_ns() - tags->read_ns < READ_AGAIN_NS))
		return;
	tags->read_ns = clock_ns();
	tags->stale = false;
	if (!beside_read_stack(heartbeat, &stack, dev->ifindex))
		tags->vlan_above = stack.vlan_above;
}

void tags_follow(struct tags *tags, const struct netdev *dev, struct steer *steer, bool others, struct state *state,
		 struct heartbeat *heartbeat)
{
	const char *why;

	if (!netdev_is_veth(dev))
		return;
	tags->stale |= others;
	look(tags, dev, heartbeat);
	why = tags->vlan_above && !steer_saw_tag(steer) ? awaited : NULL;
	if (why == state->tags)
		return;
	state->tags = why;
	steer_await_tag(steer, why);
	if (why)
		log_warning("%s: %s", dev->name, why);
	else
		log_info("%s: VLAN tags are in the frames; what arrives is served", dev->name);
	state_tell(state);
}
