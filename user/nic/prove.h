/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Capabilities are tested, not assumed: some drivers bind a socket in a mode that they cannot send in. So one test
 * frame is sent through a new socket, in the shape of the longest segments that the datapath will send. All its
 * descriptors have to come back as completions, and the kernel may count none of them as invalid.
 *
 *   built            | frame, in one chunk |
 *   slices, or       | header slot | CONTD + | slice across a chunk border |          unaligned chunks
 *   longer than a    | header slot | CONTD + | ... to the border | CONTD + | rest |   aligned chunks
 *   chunk
 *
 * The frame is harmless. Its EtherType is for local experiments (0x88B5), which no stack takes. It goes from the
 * NIC's own MAC address to the same address, so no switch floods it or learns anything wrong from it. The NIC counts
 * it, the worker does not. The slots and buffers that it used are free again afterwards.
 *
 * What this does not test:
 *
 *   - Whether the frame was on the wire. A completion says that the NIC is done with it or, where the kernel copies,
 *     that the kernel is. (The drivers known to complete what they do not send do so when they promise one
 *     descriptor a packet; modes.c does not even try several there.)
 *   - Receiving. Somebody would have to send; there may be nobody, and a neighbour need not answer. A frame that the
 *     kernel runs through the XDP program (BPF_PROG_TEST_RUN) passes the program, the map and the fill ring, but
 *     nothing of the NIC, which is what the question is about. Until a frame arrives, a queue that cannot receive
 *     looks like one to which nothing is sent.
 *   - Anything without a carrier.
 */
#ifndef SUPERPACKET_PROVE_H
#define SUPERPACKET_PROVE_H

#include "nic/netdev.h"
#include "nic/xsk.h"

/* How long completions may take. A NIC needs microseconds, or some milliseconds where it moderates interrupts; on a
 * busy host, an emulated NIC may have to wait for its processor. The whole time passes only when the test fails,
 * but then for each bind mode in turn. */
#define PROVE_LIMIT_MS 500u

enum prove_verdict {
	PROVE_SENT,
	PROVE_SILENT,  /* completions are missing */
	PROVE_INVALID, /* the kernel has counted invalid descriptors */
};

/*
 * Sends one packet of cnt descriptors through a socket with nothing outstanding, and waits for its completions,
 * which are taken out of the ring. After any verdict but PROVE_SENT the socket must be closed, because completions
 * may still come.
 */
enum prove_verdict prove_send(struct xsk *xsk, const struct xdp_desc *descs, uint32_t cnt);

/*
 * Sends the test frame. It is as long as the MTU of dev allows and the socket takes. All slots and buffers of the
 * umem are free, and are free again after PROVE_SENT. Otherwise as prove_send().
 */
enum prove_verdict prove_transmit(struct xsk *xsk, const struct netdev *dev);

/*
 * Tests whether checksum requests are carried out (tx_checksum.h), on a socket that was just opened with room for
 * them. The test packet is UDP to the discard port, from the NIC's address to itself, which no switch forwards. In
 * copy mode the kernel must also have read the request: it is asked for the time, too, and must have written it
 * (before Linux 6.18 it ignores requests on devices that take no linear packets, virtio among them). In zero
 * copy the driver's word has to do. Returns false when the socket must be closed; why says the reason either way.
 */
bool prove_tx_checksum(struct xsk *xsk, const uint8_t mac[6], char why[TX_CHECKSUM_WHY_LEN]);

/* Reads the state of the interface into *dev and waits until it has a carrier, for at most limit_ms: some drivers drop
 * the link when a program is attached or a socket bound. Returns false when it has none, or is gone. */
bool prove_wait_carrier(struct netdev *dev, const char *interface, uint32_t limit_ms);

#endif
