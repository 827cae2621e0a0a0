/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Those features of a network interface that bear on what AF_XDP receives and sends: read and switched by
 * ethtool's ioctl, which every kernel and driver knows, by the names that `ethtool -k` shows.
 */
#ifndef SUPERPACKET_FEATURES_H
#define SUPERPACKET_FEATURES_H

#include "base/bytes.h"

enum feature {
	FEATURE_LRO,                /* the NIC joins TCP packets before anybody sees them */
	FEATURE_GRO_HW,             /* the same, so that they can be told apart again */
	FEATURE_VLAN,               /* takes 802.1Q tags out and hands them beside the packet */
	FEATURE_VLAN_STAG,          /* the same with 802.1ad tags */
	FEATURE_GRO,                /* the kernel's own, in front of generic XDP */
	FEATURE_UDP_GRO_FORWARDING, /* which GRO then also does to UDP that nobody here asked for */
	FEATURE_TX_CHECKSUM,        /* finishes the checksum of any packet that is sent */
	FEATURE_CNT
};

/* Sets of features, 1 << enum feature. */
struct features {
	uint32_t on;         /* in force */
	uint32_t wanted;     /* asked for, in force or not */
	uint32_t changeable; /* can be switched; what cannot, ethtool calls [fixed] */
};

/* Asks for them. Returns 0, -ENODEV, or -errno where ethtool fails; *features is empty then. */
int features_read(const char *interface, struct features *features);

/* Switches those of the set `which` to what `on` says. Needs CAP_NET_ADMIN. Returns 0, -errno, or
 * -EOPNOTSUPP when the driver has left one of them as it was. */
int features_set(const char *interface, uint32_t which, uint32_t on);

/* As `ethtool -k` shows it, and `ethtool -K` takes it. */
const char *features_name(enum feature feature);

/* The feature of this name, FEATURE_CNT: it is none of them. */
enum feature features_find(const char *name);

#endif
