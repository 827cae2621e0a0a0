/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a network interface is and can do, as rtnetlink, generic netlink (by libmnl) and ethtool tell. */
#ifndef SUPERPACKET_NETDEV_H
#define SUPERPACKET_NETDEV_H

#include <net/if.h>

#include "base/bytes.h"
#include "nic/features.h"
#include "nic/netdev_xdp.h"

struct netdev {
	char name[IFNAMSIZ];
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t rx_queues;     /* in use now (ethtool channels; else what rtnetlink says) */
	uint32_t rx_queues_max; /* as many as there can ever be (rtnetlink) */
	uint32_t tx_queues;     /* in use now; a socket on a queue beyond them cannot send (ENXIO) */
	uint8_t mac[6];
	bool up, carrier;
	bool ethernet, loopback;
	bool vnet_hdr;            /* a TAP whose user exchanges virtio headers, and so superpackets, with the kernel */
	char kind[32];            /* rtnetlink's IFLA_INFO_KIND: "veth"; "" for hardware */
	char parent[64];          /* the hardware device behind it, on its bus; "" for none (veth, ...) */
	char parent_bus[32];      /* "pci", "virtio", ... */
	char driver[32];          /* ethtool's driver name */
	char alias[256];          /* rtnetlink's IFLA_IFALIAS, "" for none (256: the kernel's IFALIASZ) */
	struct features features; /* empty if ethtool fails */
	struct netdev_xdp xdp;
};

/*
 * Reads the state of the interface of this name, or alternative name (dev->name is the real one then).
 * Returns 0, -ENODEV when there is none, or -errno; -EMEDIUMTYPE when it is not Ethernet: then it tells what it is
 * (ifindex, name, kind, loopback), and no more.
 */
int netdev_open(struct netdev *dev, const char *name);

/* Reads it again, by index, since the name may have changed. Otherwise as netdev_open(). */
int netdev_reread(struct netdev *dev, uint32_t ifindex);

/* Whether it is a veth. There is no wire then, so its peer may send packets with unfinished checksums, or with their
 * VLAN tags beside them. */
bool netdev_is_veth(const struct netdev *dev);

/* Sets up an interface of ours (the TAP). Returns 0 or -errno. */
struct netdev_settings {
	const uint8_t *mac;  /* NULL: left alone */
	uint32_t mtu;        /* 0: left alone */
	uint32_t txqueuelen; /* 0: left alone */
	bool no_addresses;   /* before up: no IPv6 link-local address, no router solicitations */
	const char *alias;   /* what `ip link` shows as alias; at most 255 bytes; NULL: left alone */
	bool up;
};
int netdev_set(uint32_t ifindex, const struct netdev_settings *settings);

#endif
