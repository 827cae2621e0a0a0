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
 */
#ifndef SUPERPACKET_VNET_H
#define SUPERPACKET_VNET_H

#include <linux/virtio_net.h>

#include "gso.h"

/* The 12-byte form with num_buffers; tunnel offloads would need the 24-byte form (V8). */
#define VNET_HDR_LEN ((uint32_t)sizeof(struct virtio_net_hdr_v1))

/*
 * Reads the header of a packet of len bytes (without the header) into *request.
 * Returns false when the header is invalid by itself (V1, V3, V5) or asks for what was not
 * offered (UDP, tunnels): the packet is dropped and counted. What only the packet's own headers
 * can tell (V2, V4) is left to gso_open(). hdr_len is never used (V6).
 */
bool vnet_read(const struct virtio_net_hdr_v1 *hdr, uint32_t len, struct gso_request *request);

/* Writes the header that describes a packet as *request does (V7). */
void vnet_write(struct virtio_net_hdr_v1 *hdr, const struct gso_request *request);

#endif
