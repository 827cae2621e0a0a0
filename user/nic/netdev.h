/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a network interface is: asked once at start through rtnetlink (libmnl) and ethtool.
 */
#ifndef SUPERPACKET_NETDEV_H
#define SUPERPACKET_NETDEV_H

#include <net/if.h>

#include "engine/bytes.h"

struct netdev {
	char name[IFNAMSIZ];
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t rx_queues;  /* in use now (ethtool channels; else what rtnetlink says) */
	uint32_t tx_queues;  /* likewise; a socket on a queue at or beyond it cannot send (ENXIO) */
	uint8_t mac[6];
	bool up, carrier;
	char kind[32];       /* rtnetlink's IFLA_INFO_KIND: "veth", "" for hardware */
	char driver[32];     /* ethtool's driver name */
	char alias[256];     /* rtnetlink's IFLA_IFALIAS, "" for none (256: the kernel's IFALIASZ) */
	bool rx_vlan_offload; /* takes VLAN tags out of what it receives; false where ethtool fails */
};

/*
 * Asks for the interface of this name, or of this alternative name (dev->name then has the real
 * one). Returns 0, -ENODEV when there is none, -EMEDIUMTYPE when it is not Ethernet, or -errno.
 */
int netdev_open(struct netdev *dev, const char *name);

/* Sets up an interface of ours (the TAP): MAC, MTU, queue length, alias, IPv6 autoconfiguration
 * off (hidden: nobody shall address it), up. Returns 0 or -errno. */
struct netdev_settings {
	const uint8_t *mac;   /* NULL: left alone */
	uint32_t mtu;         /* 0: left alone */
	uint32_t txqueuelen;  /* 0: left alone */
	bool no_addresses;    /* no IPv6 link-local address, no router solicitations; before up */
	const char *alias;    /* what `ip link` shows as alias; at most 255 bytes; NULL: left alone */
	bool up;
};
int netdev_set(uint32_t ifindex, const struct netdev_settings *settings);

#endif
