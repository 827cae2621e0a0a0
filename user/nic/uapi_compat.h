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

/* Attach types of tcx links (6.6); libbpf 1.1 has no names for them. */
#define COMPAT_BPF_TCX_INGRESS 46
#define COMPAT_BPF_TCX_EGRESS 47

#endif
