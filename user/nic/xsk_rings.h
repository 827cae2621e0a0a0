/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An AF_XDP socket, the registration of its umem, and the four rings that it shares with the kernel.
 *
 * libxdp has functions for this, but in its present versions none of them registers room for requests to the NIC in
 * front of packets. So the system calls are made here. The rings have libxdp's layout (xdp/xsk.h), so that its verbs
 * work on them.
 */
#ifndef SUPERPACKET_XSK_RINGS_H
#define SUPERPACKET_XSK_RINGS_H

#include <xdp/xsk.h>

#include "base/bytes.h"

/* What xsk_rings_close() needs. */
struct xsk_rings {
	int fd;
	struct xsk_mapping {
		void *addr; /* NULL: not mapped */
		size_t len;
	} maps[4];
};

struct xsk_rings_config {
	void *area; /* the umem, page-aligned */
	uint64_t area_len;
	uint32_t chunk_len;
	bool unaligned;
	uint32_t tx_metadata_len; /* a multiple of 8 below 256; 0: none */
	uint32_t ring_size;       /* entries of each ring, a power of two */
	uint32_t ifindex, queue;
	uint16_t bind_flags;             /* XDP_COPY, ... */
	struct xsk_ring_prod *fill, *tx; /* filled in */
	struct xsk_ring_cons *completion, *rx;
};

/*
 * Opens the socket with its rings and binds it to its queue. Returns 0, or -errno of the call that failed, with nothing
 * left to close. Kernels before 6.11 refuse a tx_metadata_len with -EINVAL, which also has other reasons.
 */
int xsk_rings_open(struct xsk_rings *rings, const struct xsk_rings_config *config);

/* Unmaps the rings (a mapping left over would keep the queue bound) and closes the socket. */
void xsk_rings_close(struct xsk_rings *rings);

#endif
