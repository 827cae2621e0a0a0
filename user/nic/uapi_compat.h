/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Constants that the kernel headers of Debian 12 (6.1) do not have. Their values are ABI. Whether the running kernel
 * knows them is tested, never derived from its version.
 */
#ifndef SUPERPACKET_UAPI_COMPAT_H
#define SUPERPACKET_UAPI_COMPAT_H

#include <linux/if_xdp.h>

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4) /* bind flag: multi-buffer (6.6) */
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0) /* descriptor option: the packet continues in the next one (6.6) */
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* socket option: descriptors a sendto() takes in copy mode */
#endif

/* A request to the NIC, in front of a packet's first byte (6.8; in this form 6.11). */
#ifndef XDP_TX_METADATA
#define XDP_TX_METADATA (1 << 1) /* descriptor option: it is there */
#endif
#ifndef XDP_UMEM_TX_METADATA_LEN
#define XDP_UMEM_TX_METADATA_LEN (1 << 2) /* flag of XDP_UMEM_REG: its last field is valid */
#endif
#ifndef XDP_TXMD_FLAGS_CHECKSUM
#define XDP_TXMD_FLAGS_TIMESTAMP (1 << 0) /* write the time of sending there */
#define XDP_TXMD_FLAGS_CHECKSUM (1 << 1)  /* sum from csum_start to the end, into csum_start + csum_offset */
#endif

/* struct xdp_umem_reg with its last field. */
struct compat_xdp_umem_reg {
	__u64 addr, len;
	__u32 chunk_size, headroom, flags, tx_metadata_len;
};
_Static_assert(sizeof(struct compat_xdp_umem_reg) == 32, "xdp_umem_reg since 6.11");

/* struct xsk_tx_metadata. */
struct compat_xsk_tx_metadata {
	__u64 flags;
	union {
		struct {
			__u16 csum_start, csum_offset;
			__u64 launch_time; /* 6.15; not used here */
		} request;
		__u64 tx_timestamp; /* on completion */
	};
};
_Static_assert(sizeof(struct compat_xsk_tx_metadata) == 24, "xsk_tx_metadata since 6.15");

/* The family "netdev" of generic netlink (6.3; xdp-zc-max-segs 6.6, the two below it 6.8). The names are our own, since
 * the header linux/netdev.h is missing altogether. */
#define COMPAT_NETDEV_FAMILY "netdev"
#define COMPAT_NETDEV_CMD_DEV_GET 1
enum compat_netdev_attr {
	COMPAT_NETDEV_A_IFINDEX = 1,
	COMPAT_NETDEV_A_XDP_FEATURES = 3,
	COMPAT_NETDEV_A_XDP_ZC_MAX_SEGS = 4,
	COMPAT_NETDEV_A_XDP_RX_METADATA = 5,
	COMPAT_NETDEV_A_XSK_FEATURES = 6,
};
#define COMPAT_NETDEV_CMD_NAPI_GET 11 /* 6.8; its timeout 6.13 */
enum compat_netdev_napi_attr {
	COMPAT_NETDEV_A_NAPI_IFINDEX = 1,
	COMPAT_NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT = 6,
};
#define COMPAT_NETDEV_XDP_BASIC (1u << 0)
#define COMPAT_NETDEV_XDP_REDIRECT (1u << 1)
#define COMPAT_NETDEV_XDP_XSK_ZEROCOPY (1u << 3)
#define COMPAT_NETDEV_XDP_RX_SG (1u << 5)
#define COMPAT_NETDEV_XSK_TX_CHECKSUM (1u << 1)

/* Attach types of tcx links (6.6), which libbpf 1.1 does not know. */
#define COMPAT_BPF_TCX_INGRESS 46
#define COMPAT_BPF_TCX_EGRESS 47

#endif
