/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a kernel says of a TAP's offloads (TUNSETOFFLOAD) is proved with packets, one each way for each
 * offload, on a TAP of its own that nobody else uses:
 *
 *      in    written to the TAP: it has to come out of its interface as it is
 *      out   sent through its interface: it has to be read from the TAP as it is, not cut
 *
 *                         | a superpacket, to the MAC address of nobody: no stack takes it
 *      packet socket ==== interface |TAP| fd
 *
 * "As it is": in one piece, of its length, type, segment size, and with its checksum left to be finished.
 * The packet socket tells all of that (PACKET_VNET_HDR), but of tunnels, which it does not know: of one that
 * comes in only the length is compared, and going out none can be sent by it; there the kernel's word
 * has to do.
 *
 * The interface has an MTU too small for IPv6, so that no stack greets anybody by it, and no address.
 * Needed: CAP_NET_ADMIN and CAP_NET_RAW, as by all we do.
 */
#ifndef SUPERPACKET_TAP_PROVE_H
#define SUPERPACKET_TAP_PROVE_H

#include "frontend/frontend.h"

/*
 * Proves the offloads that are asked of the TAP behind fd, whose interface of this name is down and nobody
 * else's, and fills in proofs; big_len: a superpacket of that many bytes, behind the link-layer header, too,
 * if it is more than 65535. Returns 0, or -errno when nothing could be tried; then proofs are as they were.
 */
int tap_prove(int fd, const char *name, uint32_t offloads, uint32_t big_len,
	      struct frontend_proof proofs[FRONTEND_PROOF_CNT]);

#endif
