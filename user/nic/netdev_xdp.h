/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a driver says about its XDP and AF_XDP capabilities: the family "netdev" of generic netlink (Linux 6.3). */
#ifndef SUPERPACKET_NETDEV_XDP_H
#define SUPERPACKET_NETDEV_XDP_H

#include <stdint.h>

/* Which questions were answered. Older kernels do not know all of them (6.3 knows features, 6.6 zc_max_segs,
 * 6.8 the others). */
enum netdev_told {
	NETDEV_TOLD_FEATURES = 1,
	NETDEV_TOLD_ZC_MAX_SEGS = 2, /* nor is it answered by a driver without zero copy */
	NETDEV_TOLD_RX_METADATA = 4,
	NETDEV_TOLD_XSK_FEATURES = 8,
};

struct netdev_xdp {
	uint32_t told;         /* NETDEV_TOLD_ bits; what is not told is 0 below */
	uint64_t features;     /* COMPAT_NETDEV_XDP_ of nic/uapi_compat.h */
	uint32_t zc_max_segs;  /* descriptors of a packet in zero copy; 1: no multi-buffer there */
	uint64_t rx_metadata;  /* what an XDP program may ask about a received packet */
	uint64_t xsk_features; /* what a sender on AF_XDP may ask for: COMPAT_NETDEV_XSK_ */
};

/* Asks the driver. A kernel or driver that does not answer is no error: nothing is told then. */
void netdev_xdp_read(uint32_t ifindex, struct netdev_xdp *xdp);

/* The names that the kernel's specification (netdev.yaml) gives to the bits of each, lowest first; NULL
 * beyond those we know. */
const char *netdev_xdp_name(uint32_t bit);
const char *netdev_rx_metadata_name(uint32_t bit);
const char *netdev_xsk_name(uint32_t bit);

#endif
