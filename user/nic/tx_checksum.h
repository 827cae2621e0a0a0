/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether the NIC or the engine finishes the L4 checksums of sent packets.
 *
 * An AF_XDP sender can put a request in front of a packet (TX metadata: kernel documentation,
 * networking/xsk-tx-metadata.rst). The NIC is asked only if all of these conditions hold:
 *
 *   kernel      It takes a umem with room for requests (Linux 6.11).
 *   zero copy   The driver says that it takes requests (netdev generic netlink: xsk-features).
 *   copy        The NIC's own offload is on. Otherwise the kernel would compute the sum, after the engine has
 *               touched every byte already. On veth nobody computes it then: the peer gets unfinished checksums,
 *               as it does from the kernel.
 *   driver      In copy mode: it uses csum_start and csum_offset alone. The kernel tells it neither where the
 *               network header is nor which protocol it has (net/xdp/xsk.c, xsk_build_skb(), seen up to 6.18), but
 *               most drivers program their NIC by those. igb, igc and ixgbe would have it sum from somewhere
 *               else, which a test packet cannot show.
 *   layout      Not aligned chunks with several descriptors a packet. In such a umem every descriptor, not only
 *               the first, needs the room in front of it in its own chunk (net/xdp/xsk_queue.h,
 *               xp_aligned_validate_desc()). A slice that continues behind a chunk border does not have it.
 *   proof       A test packet with a request was sent (prove.h).
 *
 * XDP_UMEM_TX_SW_CSUM, with which the kernel sums while it copies, is never used: it is wrong with several
 * descriptors a packet, and no faster than the engine.
 */
#ifndef SUPERPACKET_TX_CHECKSUM_H
#define SUPERPACKET_TX_CHECKSUM_H

#include "base/bytes.h"

/* Bytes of a request: those of struct xsk_tx_metadata. */
#define TX_CHECKSUM_METADATA_LEN 24u

/* The room for one in front of a packet: a whole cache line, so that the packet begins on one. */
#define TX_CHECKSUM_HEADROOM 64u

enum tx_checksum_ask {
	TX_CHECKSUM_AUTO,
	TX_CHECKSUM_NIC, /* required; whoever opens the socket checks that it came to be so */
	TX_CHECKSUM_SOFTWARE,
};

/* What decides, besides the way the socket is bound. */
struct tx_checksum_facts {
	enum tx_checksum_ask ask;
	bool zerocopy;  /* the driver takes requests in zero copy */
	bool offload;   /* the NIC's own offload is on, for any protocol (tx-checksum-ip-generic) */
	bool by_offset; /* tx_checksum_by_offset() */
};

/* Whether the driver of this name (ethtool's) is known to use csum_start and csum_offset alone. */
bool tx_checksum_by_offset(const char *driver);

/* The longest reason, with its final '\0'. */
#define TX_CHECKSUM_WHY_LEN 128

/* Whether a socket that is bound like this may be opened with room for requests; why says the reason. Pure. */
bool tx_checksum_offered(const struct tx_checksum_facts *facts, bool zerocopy, bool aligned_chains,
			 char why[TX_CHECKSUM_WHY_LEN]);

#endif
