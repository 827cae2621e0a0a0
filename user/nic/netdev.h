/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a network interface is and can do: asked once at start through rtnetlink and generic netlink
 * (libmnl), and ethtool.
 */
#ifndef SUPERPACKET_NETDEV_H
#define SUPERPACKET_NETDEV_H

#include <net/if.h>

#include "base/bytes.h"
#include "nic/features.h"

/* What the driver says of itself. A bit that is not in `told` was not answered: the kernel is too old
 * to know the question (6.3 has features, 6.6 zc_max_segs, 6.8 the others). */
enum netdev_told {
	NETDEV_TOLD_FEATURES = 1,
	NETDEV_TOLD_ZC_MAX_SEGS = 2, /* also not told by a driver without zero copy */
	NETDEV_TOLD_RX_METADATA = 4,
	NETDEV_TOLD_XSK_FEATURES = 8,
};

struct netdev_xdp {
	uint32_t told;         /* NETDEV_TOLD_ */
	uint64_t features;     /* COMPAT_NETDEV_XDP_ of nic/uapi_compat.h */
	uint32_t zc_max_segs;  /* descriptors of a packet in zero copy; 1: no multi-buffer there */
	uint64_t rx_metadata;  /* what an XDP program may ask about a received packet */
	uint64_t xsk_features; /* what a sender on AF_XDP may ask for: COMPAT_NETDEV_XSK_ */
};

/* The names that the kernel's specification (netdev.yaml) gives to the bits of each, lowest first; NULL
 * beyond those we know. */
const char *netdev_xdp_name(uint32_t bit);
const char *netdev_rx_metadata_name(uint32_t bit);
const char *netdev_xsk_name(uint32_t bit);

struct netdev {
	char name[IFNAMSIZ];
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t rx_queues;  /* in use now (ethtool channels; else what rtnetlink says) */
	uint32_t rx_queues_max; /* that there can ever be (rtnetlink) */
	uint32_t tx_queues;  /* likewise; a socket on a queue at or beyond it cannot send (ENXIO) */
	uint8_t mac[6];
	bool up, carrier;
	char kind[32];       /* rtnetlink's IFLA_INFO_KIND: "veth", "" for hardware */
	char parent[64];     /* the hardware device behind it on its bus, "" for none (veth, ...) */
	char parent_bus[32]; /* "pci", "virtio", ... */
	char driver[32];     /* ethtool's driver name */
	char alias[256];     /* rtnetlink's IFLA_IFALIAS, "" for none (256: the kernel's IFALIASZ) */
	struct features features; /* empty where ethtool fails */
	struct netdev_xdp xdp;
};

/*
 * Asks for the interface of this name, or of this alternative name (dev->name then has the real
 * one). Returns 0, -ENODEV when there is none, -EMEDIUMTYPE when it is not Ethernet, or -errno.
 */
int netdev_open(struct netdev *dev, const char *name);

/* Asks again, for what has changed: by index, as the name may have, too. As netdev_open(). */
int netdev_look(struct netdev *dev, uint32_t ifindex);

/* Whether its peer may send what was never summed or tagged: there is no wire. */
bool netdev_is_veth(const struct netdev *dev);

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
