/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who finishes the L4 checksums of what is sent: the NIC, or we.
 *
 * An AF_XDP sender can put a request in front of a packet (TX metadata: kernel documentation,
 * networking/xsk-tx-metadata.rst). The NIC is asked only where all of this holds:
 *
 *   kernel      takes a umem with room for requests (Linux 6.11)
 *   zero copy   the driver says so (netdev generic netlink: xsk-features)
 *   copy        the NIC's own offload is on. Else the kernel would sum, after we have touched every byte
 *               already. On veth nobody sums then: its peer gets unfinished checksums, as it does from
 *               the kernel
 *   driver      in copy mode, one that goes by csum_start and csum_offset alone. The kernel tells it neither
 *               where the network header is nor which protocol it has (net/xdp/xsk.c, xsk_build_skb(), seen
 *               up to 6.18), but most drivers program their NIC by those: igb, igc and ixgbe would
 *               have it sum from somewhere else, which no test packet shows
 *   layout      not aligned chunks with several descriptors a packet: every descriptor of such a umem,
 *               and not the first alone, has to have the room in front of it in its own chunk
 *               (net/xdp/xsk_queue.h, xp_aligned_validate_desc()), which a slice that goes on behind a
 *               chunk border does not have
 *   proof       a test packet with a request was sent
 *
 * XDP_UMEM_TX_SW_CSUM, by which the kernel sums while it copies, is never asked for: it is wrong with
 * several descriptors a packet, and no faster than we are.
 */
#ifndef SUPERPACKET_TX_CHECKSUM_H
#define SUPERPACKET_TX_CHECKSUM_H

#include "base/bytes.h"

/* Bytes of a request: those of struct xsk_tx_metadata. */
#define TX_CHECKSUM_METADATA_LEN 24u

/* Room left for one in front of a packet: a cache line, so that what follows begins on one, too. */
#define TX_CHECKSUM_HEADROOM 64u

enum tx_checksum_ask {
	TX_CHECKSUM_AUTO,
	TX_CHECKSUM_NIC,      /* or not at all: whoever opens looks whether it came to be so */
	TX_CHECKSUM_SOFTWARE,
};

/* What decides, beside the way the socket is bound. */
struct tx_checksum_facts {
	enum tx_checksum_ask ask;
	bool zerocopy;   /* the driver takes requests in zero copy */
	bool offload;    /* the NIC's own offload is on, for any protocol (tx-checksum-ip-generic) */
	bool by_offset;  /* tx_checksum_by_offset() */
};

/* Whether the driver of this name (ethtool's) goes by csum_start and csum_offset alone. */
bool tx_checksum_by_offset(const char *driver);

/* Longest reason, its end included. */
#define TX_CHECKSUM_WHY_LEN 128

/* Whether a socket of this kind may be opened with room for requests, and why (not). Pure. */
bool tx_checksum_offered(const struct tx_checksum_facts *facts, bool zerocopy, bool aligned_chains,
			 char why[TX_CHECKSUM_WHY_LEN]);

struct xsk;

/*
 * Sends the test packet through a socket that has just been opened with room for requests (prove.h:
 * prove_send()): UDP to the discard port, from the NIC's address to itself, which no switch forwards.
 * Returns whether the kernel has sent it and, in copy mode, has read the request: it is asked for the time,
 * too, and must have written it (before Linux 6.18 it reads no requests to devices that take no linear
 * packets, virtio among them, and says nothing). In zero copy the driver's word has to do. False: the
 * socket must be closed; why says what was wrong, and why it is proved otherwise.
 */
bool tx_checksum_prove(struct xsk *xsk, const uint8_t mac[6], char why[TX_CHECKSUM_WHY_LEN]);

#endif
