/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The seam to front ends: what hands superpackets down to us and takes them from us. It has two levels:
 *
 *      datapath    a queue, one a worker: read a packet, write a packet, sleep until there is one
 *      daemon      the front end: its queues, offloads, MTU, address, carrier, end
 *
 * There is one, the TAP (tap.h). Only opening is a front end's own, as each is told something else then;
 * whoever opens gets a struct frontend, and uses it as it is described here.
 *
 * A packet has a virtio header in front, as a guest and the kernel write it. The other side may be
 * hostile: a front end hands headers on unread, and its user checks them (vnet_read()). What is read is
 * copied into the caller's buffer, what is written has been copied, or used up, on return: nothing is lent
 * to the other side, which might change it after it was checked, or keep it for ever.
 *
 * How others would fit:
 *
 * vhost-user: a queue is a pair of virtqueues, its fd the kick of the one that the guest sends by. read()
 * copies a chain out of the guest's memory and marks it used at once; the buffer is in our umem, where the
 * NIC reads it, so that no completion ever has to go back to the guest. write() fills as many chains as a
 * superpacket takes and counts them in num_buffers. No chain is -EAGAIN, a superpacket that fits none,
 * without mergeable buffers, -EINVAL. A guest that has gone may come back: -EAGAIN meanwhile, and its worker
 * leaves the traffic to the kernel, as with a TAP that is down. The guest is to be told of a burst once:
 * of what it sent, when read() finds nothing more; of what it gets, only the caller knows the end, so that
 * would take one more function of a queue, called behind the last write of a burst. It has no interface
 * (ifindex 0), so it is for port mode; offloads are what was negotiated, set_mtu() what cannot be done later.
 *
 * A library's callback: write() calls the program, in the worker's thread, with the pieces where they lie;
 * it returns what write() does. read() takes from a queue of the program's, whose fd is an eventfd.
 */
#ifndef SUPERPACKET_FRONTEND_H
#define SUPERPACKET_FRONTEND_H

#include <net/if.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "base/vnet_header.h"

/* ---- for the datapath ---- */

/* A front end whose queues are more than this has it as a part of its own. A queue's worker alone reads
 * and writes. */
struct frontend_queue {
	/*
	 * Reads one packet: its virtio header to *hdr, the rest to buffer, which must hold the longest
	 * superpacket (UMEM_SUPERPACKET_ROOM): what does not fit is cut off without notice. Returns the
	 * packet's length without the header, or
	 *
	 *   -EAGAIN   there is none now
	 *   -ENODEV   the queue is no more, and so for any other -errno
	 */
	int (*read)(struct frontend_queue *queue, struct vnet_header *hdr, void *buffer, uint32_t room);

	/*
	 * Writes one packet: iov[0] is the virtio header (filled in by the caller), the rest the packet.
	 * Returns 0 or
	 *
	 *   -EAGAIN   nothing is taken now, nor would another packet be: there is no room, or it is down
	 *   -EINVAL   this one is refused, for its form or length: cut again, it may be taken (V9)
	 *   -ENODEV   the queue is no more
	 *   -errno    this one cannot be taken now (-ENOMEM): cut again, it may be
	 */
	int (*write)(struct frontend_queue *queue, const struct iovec *iov, uint32_t iov_cnt);

	int fd; /* readable when there may be something to read, and when the queue is no more */
};

/* ---- for the daemon ---- */

/* What may be left to the other side, in both directions: features of virtio, each without its HOST_ or
 * GUEST_ (VIRTIO_NET_F_GUEST_TSO4 and HOST_TSO4 are FRONTEND_TSO4). */
enum frontend_offload {
	FRONTEND_CSUM = 1,
	FRONTEND_TSO4 = 2,
	FRONTEND_TSO6 = 4,
	FRONTEND_ECN = 8,              /* TSO with CWR */
	FRONTEND_USO = 16,             /* both families */
	FRONTEND_UDP_TUNNEL_GSO = 32,
	FRONTEND_UDP_TUNNEL_GSO_CSUM = 64, /* with a checksum of the outer UDP header */
};

/* What a packet each way has shown of an offload that was claimed. */
enum frontend_proof_verdict {
	FRONTEND_UNASKED,  /* it is not claimed, or of no use in this direction */
	FRONTEND_KEPT,     /* the packet was carried as it is */
	FRONTEND_REFUSED,
	FRONTEND_CHANGED,  /* cut, shortened, or not as it was described */
	FRONTEND_LOST,
	FRONTEND_BELIEVED, /* there is no packet that could prove it */
};

struct frontend_proof {
	enum frontend_proof_verdict in, out; /* in: of what we write; out: of what we read */
};

enum frontend_proved {
	FRONTEND_PROOF_CSUM,
	FRONTEND_PROOF_TSO4,
	FRONTEND_PROOF_TSO6,
	FRONTEND_PROOF_ECN,
	FRONTEND_PROOF_USO4,
	FRONTEND_PROOF_USO6,
	FRONTEND_PROOF_TUNNEL,
	FRONTEND_PROOF_TUNNEL_CSUM,
	FRONTEND_PROOF_BIG, /* superpackets of more than 65535 bytes */
	FRONTEND_PROOF_CNT,
};

struct frontend;

/* Called while workers read and write. What returns int returns 0 or -errno. */
struct frontend_ops {
	/* Its queue q, of queue_cnt; stays where it is until close(). */
	struct frontend_queue *(*queue)(struct frontend *front, uint32_t q);

	/* Uses the first cnt of its queues from now on (at first: all); the others neither take nor give
	 * packets, and what they held is lost. */
	int (*use)(struct frontend *front, uint32_t cnt);

	/* What the other side shall see of the NIC. Where the MTU is not ours to set any more (see
	 * is_here()), it is left alone, and no error. */
	int (*set_mtu)(const struct frontend *front, uint32_t mtu);
	int (*set_mac)(const struct frontend *front, const uint8_t mac[6]);
	int (*set_carrier)(const struct frontend *front, bool carrier);

	/* Whether its interface is still in our network namespace (under its index), and not moved. */
	bool (*is_here)(const struct frontend *front);

	/* The end of it; front and its queues are gone. */
	void (*close)(struct frontend *front);
};

struct frontend {
	const struct frontend_ops *ops;
	char name[IFNAMSIZ];   /* of its interface, or for messages */
	uint32_t ifindex;      /* of its interface */
	uint32_t queue_cnt;
	uint32_t offloads;     /* FRONTEND_ bits in force, without those not kept on their way to us */
	struct frontend_proof proofs[FRONTEND_PROOF_CNT];
	int unproved;          /* 0, or why nothing was proved (-errno): what is claimed is believed */
};

/* For messages: by the names that ethtool shows them by on the TAP, where it has one. */
extern const char *const frontend_proof_names[FRONTEND_PROOF_CNT];
const char *frontend_verdict_name(enum frontend_proof_verdict verdict);

/* Claimed, but not kept: it must not be used. */
static inline bool frontend_is_broken(enum frontend_proof_verdict verdict)
{
	return verdict == FRONTEND_REFUSED || verdict == FRONTEND_CHANGED || verdict == FRONTEND_LOST;
}

#endif
