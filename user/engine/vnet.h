/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * virtio_net_hdr, the header in front of every packet of a TAP (or a VM): what it asks
 * for, checked (rules V1-V8; the other side may be hostile), and what we tell with it.
 * Always little-endian (virtio 1.2 section 5.1.6; TUNSETVNETLE on a TAP).
 *
 *      flags         gso_type     gso_size   csum_start, csum_offset   in a request
 *      0             NONE         -          -                         an ordinary, finished packet
 *      NEEDS_CSUM    NONE         -          the sum's range and place  ordinary, unfinished
 *      NEEDS_CSUM    TCPV4/6      MSS        of the TCP header, 16     a superpacket
 *      0             TCPV4/6      MSS        -                         the same, sum from scratch
 *      NEEDS_CSUM    UDP_L4       length     of the UDP header, 6      datagrams of one length (S6)
 *      NEEDS_CSUM    one of these | TUNNEL   of the header inside      a superpacket in a UDP tunnel
 *
 * With a tunnel, outer_th_offset and inner_nh_offset lead to the outer UDP header and to the IP header
 * inside, and the flag UDP_TUNNEL_CSUM says that the outer checksum field is not zero. Without, they mean
 * nothing: kernels before the end of 2025 leave there what lay on their stack.
 */
#ifndef SUPERPACKET_VNET_H
#define SUPERPACKET_VNET_H

#include <linux/virtio_net.h>

#include "gso.h"

/* The 24-byte form, whose last fields are for tunnels (V8; virtio_net_hdr_v1_hash_tunnel of Linux
 * 6.17). Kernels that know nothing of tunnels skip what is behind the first twelve bytes. */
struct vnet_header {
	uint8_t flags;
	uint8_t gso_type;
	__le16 hdr_len;
	__le16 gso_size;
	__le16 csum_start;
	__le16 csum_offset;
	__le16 num_buffers;
	uint8_t hash[8];         /* value, report, padding: not ours */
	__le16 outer_th_offset;  /* tunnel's UDP header, from the Ethernet header */
	__le16 inner_nh_offset;  /* IP header of the packet inside */
};

#define VNET_HDR_LEN ((uint32_t)sizeof(struct vnet_header))

_Static_assert(sizeof(struct vnet_header) == 24, "virtio_net_hdr_v1_hash_tunnel");

/* Bits of gso_type and flags that the installed headers do not know yet. */
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

/*
 * Reads the header of a packet of len bytes (without the header) into *request.
 * Returns false when the header is invalid by itself (V1, V3, V5, V8) or asks for what nobody
 * offers (UFO): the packet is dropped and counted. What only the packet's own headers
 * can tell (V2, V4) is left to gso_open(), and so are the place and the version of the headers of a
 * tunnel: their order is checked, not what is there. hdr_len is never used (V6).
 */
bool vnet_read(const struct vnet_header *hdr, uint32_t len, struct gso_request *request);

/*
 * Puts right what Linux tells wrongly of a tunnel (6.18: virtio_net_hdr_tnl_from_skb()): a VLAN tag that the
 * TAP puts into the frame while it is read is counted in csum_start, but in neither of the tunnel's offsets.
 * Where the outer UDP header really lies a tag behind, both are moved. To be called once vnet_read() has
 * accepted; a request without a tunnel is left as it is, after one look at it.
 */
void vnet_correct_tunnel(struct gso_request *request, const uint8_t *data, uint32_t len);

/*
 * Writes the header that describes a packet as *request does (V7). A tunnel over UDP (outer_udp) is told
 * with its offsets. Others (GRE, IP in IP) cannot be: their superpackets look like what is inside, of its
 * type and with its csum_start. That does for a host that terminates them, where the type is looked at
 * behind the tunnel only; a host that forwards them could not cut them rightly.
 */
void vnet_write(struct vnet_header *hdr, const struct gso_request *request);

#endif
