/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The virtio network header: the layout that front ends carry and the engine reads and writes (engine/vnet.h). All
 * fields are little-endian (virtio 1.2 section 5.1.6; TUNSETVNETLE on a TAP).
 */
#ifndef SUPERPACKET_VNET_HEADER_H
#define SUPERPACKET_VNET_HEADER_H

#include <linux/virtio_net.h>
#include <stdint.h>

/* The form of 24 bytes, whose last fields are for tunnels (V8; virtio_net_hdr_v1_hash_tunnel of Linux
 * 6.17). Kernels that do not know tunnels skip what is behind the first twelve bytes. */
struct vnet_header {
	uint8_t flags;
	uint8_t gso_type;
	__le16 hdr_len;
	__le16 gso_size;
	__le16 csum_start;
	__le16 csum_offset;
	__le16 num_buffers;
	uint8_t hash[8];        /* value, report, padding: not used here */
	__le16 outer_th_offset; /* the tunnel's UDP header, from the Ethernet header */
	__le16 inner_nh_offset; /* the IP header of the packet inside */
};

#define VNET_HDR_LEN ((uint32_t)sizeof(struct vnet_header))

_Static_assert(sizeof(struct vnet_header) == 24, "virtio_net_hdr_v1_hash_tunnel");

/* Bits of gso_type and flags that older headers do not have. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 0x20
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 0x40
#endif
#ifndef VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM
#define VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM 8
#endif

#endif
