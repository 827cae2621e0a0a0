/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A way of binding is proved with a packet before it is believed: some drivers bind what they cannot do.
 * One frame goes out through the socket, in the shape in which the datapath will send its longest
 * segments, and all its descriptors have to come back as completions, none of them invalid.
 *
 *   built            | frame, in one chunk |
 *   slices, or       | header slot | CONTD + | slice across a chunk border |          unaligned chunks
 *   longer than a    | header slot | CONTD + | ... to the border | CONTD + | rest |   aligned chunks
 *   chunk
 *
 * The frame harms nobody: an EtherType for local experiments (0x88B5), which no stack takes, from the NIC's
 * own MAC address to the same, which no switch floods and none learns anything wrong from. It is
 * counted by the NIC, but not by us: it is no traffic of the worker's, and slots and buffers that it
 * lies in are as free as before.
 *
 * What this cannot prove:
 *
 *   - That the frame was on the wire. A completion says that the NIC is done with it; where the kernel
 *     copies, that the kernel is. (Drivers that complete what they do not send are known to do so where
 *     they have promised one descriptor a packet; there, several are not even tried: modes.c.)
 *   - Receiving. For that somebody has to send: nobody need be there, and who is owes us no
 *     answer. A frame that the kernel lets run through the XDP program (BPF_PROG_TEST_RUN) passes program,
 *     map and fill ring, but nothing of the NIC, about which the question is. Until a frame comes, a
 *     queue that receives nothing looks like one to which nothing is sent.
 *   - Anything without a carrier.
 */
#ifndef SUPERPACKET_PROVE_H
#define SUPERPACKET_PROVE_H

#include "nic/netdev.h"
#include "nic/xsk.h"

/* How long completions may take. On a NIC it is microseconds; a late one, which interrupts us seldom, some
 * milliseconds; on a busy host an emulated NIC may wait for its processor. Only what fails takes all of
 * it: each way of binding may, one after the other. */
#define PROVE_LIMIT_MS 500u

enum prove_verdict {
	PROVE_SENT,
	PROVE_SILENT,  /* completions are missing */
	PROVE_INVALID, /* the kernel has counted invalid descriptors */
};

/*
 * Sends one packet of cnt descriptors through a socket that has nothing under way, and waits for its
 * completions; they are taken out of the ring. After anything but PROVE_SENT the socket is of no more use,
 * for some may come yet: close it.
 */
enum prove_verdict prove_send(struct xsk *xsk, const struct xdp_desc *descs, uint32_t cnt);

/*
 * Sends the test frame, as long as the MTU of dev has it or the socket takes it. All slots and buffers of
 * the umem are free, and are so again after PROVE_SENT. As prove_send().
 */
enum prove_verdict prove_transmit(struct xsk *xsk, const struct netdev *dev);

/* Asks for the interface, and waits until it has a carrier, at most so long: some drivers drop the link when
 * a program is attached or a socket bound. False: it has none, or is gone. */
bool prove_can(struct netdev *dev, const char *interface, uint32_t limit_ms);

#endif
