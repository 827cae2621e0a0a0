/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The offloads that a kernel claims for a TAP (TUNSETOFFLOAD) are tested with packets, one in each direction for each
 * offload, on a TAP that nobody else uses:
 *
 *      in    written to the TAP: has to come out of its interface unchanged
 *      out   sent through its interface: has to be read from the TAP unchanged, not cut
 *
 *                         | a superpacket, to the MAC address of nobody: no stack takes it
 *      packet socket ==== interface |TAP| fd
 *
 * Unchanged means: in one piece, with the same length, type and segment size, and an unfinished checksum. The packet
 * socket shows all of that (PACKET_VNET_HDR), except for tunnels, which it does not know. Of an incoming tunnel, only
 * the length is compared; outgoing tunnels are not tested, since the packet socket cannot send any.
 *
 * The interface has no address, and an MTU too small for IPv6, so that no stack sends anything through it. This needs
 * CAP_NET_ADMIN and CAP_NET_RAW, as the daemon does anyway.
 */
#ifndef SUPERPACKET_TAP_PROVE_H
#define SUPERPACKET_TAP_PROVE_H

#include "frontend/frontend.h"

/*
 * Tests the offloads of the TAP behind fd, whose interface has this name, is down and used by nobody else, and fills in
 * proofs. If big_len is more than 65535, a superpacket of that many bytes behind the link-layer header is tested, too.
 * Returns 0, or -errno when nothing could be tested; proofs are unchanged then.
 */
int tap_prove(int fd, const char *name, uint32_t offloads, uint32_t big_len,
	      struct frontend_proof proofs[FRONTEND_PROOF_CNT]);

#endif
