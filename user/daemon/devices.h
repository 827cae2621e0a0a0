/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which kinds of interfaces are served, and which one to name instead of one that is not.
 *
 * An interface is served where packets arrive one by one: at the NIC. An interface that rests on another one gets
 * packets after that one's GRO has merged them, so there is nothing left to merge, and the few packets that were not
 * merged would be overtaken by those that were (see bpf/steer.bpf.c). Whatever rests on a NIC that is served gets its
 * traffic as before: superpackets are delivered at the NIC's ingress, where bridges, VLANs and macvlans take packets
 * from, and what they send leaves by the NIC's egress.
 *
 * The section DEVICES of superpacketd(8) has the same table; tests/tree/test_devices.py compares them.
 */
#ifndef SUPERPACKET_DEVICES_H
#define SUPERPACKET_DEVICES_H

#include "nic/netdev.h"
#include "nic/netdev_stack.h"

#define DEVICES_TEXT 512

/* Whether dev can be served. If not, text has a sentence without its subject: "is a bridge; name ... instead". */
bool devices_served(const struct netdev *dev, const struct netdev_stack *stack, char text[DEVICES_TEXT]);

/* Whether the VLANs there would lose their traffic if dev were served. above: of dev itself, or of its bond. */
bool devices_loses_tags(const struct netdev *dev, const struct netdev_stack *above);

/* The same as devices_served() for an interface that is there; warns of what rests on it and would not get its traffic. Returns 0 or
 * -errno, and has logged why: -EOPNOTSUPP if it is not served. */
int devices_check(const struct netdev *dev, bool is_inline);

#endif
