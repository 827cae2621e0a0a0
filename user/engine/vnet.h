/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * virtio_net_hdr, the header in front of every packet of a TAP (or a VM). Reading turns it into a request
 * and checks it (rules V1-V8), because the other side may be hostile; writing turns a request into the
 * header. It is always little-endian (virtio 1.2 section 5.1.6; TUNSETVNETLE on a TAP).
 *
 *      flags         gso_type     gso_size   csum_start, csum_offset   in a request
 *      0             NONE         -          -                         an ordinary, finished packet
 *      NEEDS_CSUM    NONE         -          the sum's range and place  ordinary, unfinished
 *      NEEDS_CSUM    TCPV4/6      MSS        of the TCP header, 16     a superpacket
 *      0             TCPV4/6      MSS        -                         the same, sum from scratch
 *      NEEDS_CSUM    UDP_L4       length     of the UDP header, 6      datagrams of one length (S6)
 *      NEEDS_CSUM    one of these | TUNNEL   of the header inside      a superpacket in a UDP tunnel
 *
 * With a tunnel, outer_th_offset and inner_nh_offset are the offsets of the outer UDP header and of the IP
 * header inside, and the flag UDP_TUNNEL_CSUM says that the outer checksum field is not zero. Without a
 * tunnel the two fields are ignored: kernels before the end of 2025 leave bytes of their stack there.
 */
#ifndef SUPERPACKET_VNET_H
#define SUPERPACKET_VNET_H

#include "base/vnet_header.h"
#include "gso.h"

/*
 * Reads the header of a packet of len bytes (without the header) into *request. Returns false when the
 * header is invalid by itself (V1, V3, V5, V8) or asks for an offload that is never offered (UFO); the
 * caller drops and counts the packet. gso_open() checks what depends on the packet's own headers (V2, V4).
 * Of a tunnel, only the order of the offsets is checked here; gso_open() looks at the headers there.
 * hdr_len is never used (V6).
 */
bool vnet_read(const struct vnet_header *hdr, uint32_t len, struct gso_request *request);

/*
 * Corrects the tunnel offsets that Linux gets wrong (6.18: virtio_net_hdr_tnl_from_skb()): a VLAN tag that
 * the TAP inserts into the frame while it is read is counted in csum_start, but in neither of the tunnel's
 * offsets. If the outer UDP header really is one tag further on, both offsets are moved. To be called after
 * vnet_read() has accepted the header. A request without a tunnel is not changed.
 */
void vnet_correct_tunnel(struct gso_request *request, const uint8_t *data, uint32_t len);

/*
 * Writes the header that describes a packet as *request does (V7). A tunnel over UDP (outer_udp) is described
 * by its offsets. Other tunnels (GRE, IP in IP) cannot be described: their superpackets get the type and the
 * csum_start of the packet inside. That is enough for a host that terminates the tunnel, because it looks at
 * the type only after it has removed the tunnel's headers. A host that forwards them could not cut them
 * correctly.
 */
void vnet_write(struct vnet_header *hdr, const struct gso_request *request);

#endif
