/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parts of netdev_open(), by whom they ask. What they cannot learn stays as it is: a driver or a
 * kernel that does not answer is no error. */
#ifndef SUPERPACKET_NETDEV_ASK_H
#define SUPERPACKET_NETDEV_ASK_H

#include "nic/netdev.h"

/* ethtool's ioctl: driver, features, queues in use. */
void netdev_ask_ethtool(struct netdev *dev);

/* The family "netdev" of generic netlink: dev->xdp. */
void netdev_ask_xdp(struct netdev *dev);

#endif
