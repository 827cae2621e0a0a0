/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Kernel constants younger than the headers of Debian 12 (6.1). The values are ABI; whether the
 * running kernel knows them is probed, never derived from a version.
 */
#ifndef SUPERPACKET_UAPI_COMPAT_H
#define SUPERPACKET_UAPI_COMPAT_H

#include <linux/if_xdp.h>

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)           /* bind flag: multi-buffer (6.6) */
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)        /* descriptor option: the packet goes on in the next one (6.6) */
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9       /* socket option: descriptors a sendto() takes in copy mode */
#endif

/* The family "netdev" of generic netlink (6.3; xdp-zc-max-segs 6.6, the two below it 6.8), under names
 * of our own: the header that has them (linux/netdev.h) is missing altogether. */
#define COMPAT_NETDEV_FAMILY "netdev"
#define COMPAT_NETDEV_CMD_DEV_GET 1
enum compat_netdev_attr {
	COMPAT_NETDEV_A_IFINDEX = 1,
	COMPAT_NETDEV_A_XDP_FEATURES = 3,
	COMPAT_NETDEV_A_XDP_ZC_MAX_SEGS = 4,
	COMPAT_NETDEV_A_XDP_RX_METADATA = 5,
	COMPAT_NETDEV_A_XSK_FEATURES = 6,
};
#define COMPAT_NETDEV_XDP_BASIC (1u << 0)
#define COMPAT_NETDEV_XDP_REDIRECT (1u << 1)
#define COMPAT_NETDEV_XDP_XSK_ZEROCOPY (1u << 3)
#define COMPAT_NETDEV_XDP_RX_SG (1u << 5)
#define COMPAT_NETDEV_XSK_TX_CHECKSUM (1u << 1)

/* Attach types of tcx links (6.6); libbpf 1.1 has no names for them. */
#define COMPAT_BPF_TCX_INGRESS 46
#define COMPAT_BPF_TCX_EGRESS 47

#endif
