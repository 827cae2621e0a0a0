/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The features of a network interface that affect what AF_XDP receives and sends, by the names that `ethtool -k` shows.
 */
#ifndef SUPERPACKET_FEATURES_H
#define SUPERPACKET_FEATURES_H

#include "base/bytes.h"

enum feature {
	FEATURE_LRO,                /* the NIC joins TCP packets, and forgets their boundaries */
	FEATURE_GRO_HW,             /* the same, but they can be cut again as they were */
	FEATURE_VLAN,               /* the NIC takes 802.1Q tags out of frames and passes them beside the packet */
	FEATURE_VLAN_STAG,          /* the same with 802.1ad tags */
	FEATURE_GRO,                /* the kernel's own merging, which comes before generic XDP */
	FEATURE_UDP_GRO_FORWARDING, /* GRO also merges UDP packets that no local socket asked to be merged */
	FEATURE_TX_CHECKSUM,        /* the NIC finishes the checksum of any packet that is sent */
	FEATURE_CNT
};

/* Sets of features: bits 1 << enum feature. */
struct features {
	uint32_t on;         /* in force */
	uint32_t wanted;     /* requested, whether in force or not */
	uint32_t changeable; /* can be switched; ethtool calls the others [fixed] */
};

/* Reads them. Returns 0, or -errno (-ENODEV) with empty sets. */
int features_read(const char *interface, struct features *features);

/* Switches the features of the set `which` on, if they are in `on`, or off. Needs CAP_NET_ADMIN. Returns 0 or -errno;
 * -EOPNOTSUPP when the driver has left one of them as it was. */
int features_set(const char *interface, uint32_t which, uint32_t on);

/* The name that `ethtool -k` shows and `ethtool -K` takes. */
const char *features_name(enum feature feature);

/* The feature of this name; FEATURE_CNT if it is none of them. */
enum feature features_find(const char *name);

#endif
