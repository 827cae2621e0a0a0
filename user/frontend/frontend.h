/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Front ends exchange superpackets with the datapath. The interface has two levels:
 *
 *      datapath    a queue, one a worker: read a packet, write a packet, sleep until there is one
 *      daemon      the front end: its queues, offloads, MTU, address, carrier, end
 *
 * There is one front end, the TAP (tap.h). Each front end has its own function to open it, because each needs other
 * arguments. It returns a struct frontend, which is used as described here.
 *
 * Every packet has a virtio header in front, as guests and the kernel write it. The other side may be hostile. A front
 * end passes headers on without reading them, and the datapath checks them (vnet_read()). What is read has been copied
 * to the caller's buffer, and what is written has been copied or used up, before the function returns. So the other
 * side never has memory of ours that it could change after it was checked, or keep.
 *
 * How to add a front end:
 *
 *   1. user/frontend/NAME.c and NAME.h, as tap.c and tap.h are: a struct with a struct frontend and its queues in it.
 *   2. A queue has read(), write() and fd, with the error numbers below. -ENODEV ends the daemon.
 *   3. The front end has the functions of struct frontend_ops, and offloads that its other side really takes: test
 *      them, as tap_prove.c does, and fill in proofs.
 *   4. The daemon opens it where it opens the TAP (tap_open()), if an option asks for it.
 *   5. tests/unit/test_frontend.c runs a worker with a front end in memory: begin there.
 *
 * Two examples of what might be added:
 *
 * vhost-user: a queue is a pair of virtqueues, and its fd is the kick of the one that the guest sends with. read()
 * copies a chain out of the guest's memory and marks it used at once. The NIC reads the copy in our umem, so no
 * completion has to go back to the guest. write() fills as many chains as a superpacket needs and counts them in
 * num_buffers. It returns -EAGAIN when there is no chain, and -EINVAL when a superpacket fits none (without mergeable
 * buffers). A guest that has gone may come back, so it returns -EAGAIN meanwhile, and the worker leaves the traffic to
 * the kernel, as with a TAP that is down. The guest should be notified once a burst: of what it has sent, when read()
 * finds nothing more; of what it gets, only the caller knows the end of a burst, so a queue would need one more
 * function for that. It has no interface (ifindex 0), so it is for port mode. Its offloads are those negotiated, and
 * set_mtu() has to fail when that cannot be changed later.
 *
 * A callback of a library: write() calls the program in the worker's thread, with the pieces where they are, and
 * returns what the program returns. read() takes from a queue of the program, whose fd is an eventfd.
 */
#ifndef SUPERPACKET_FRONTEND_H
#define SUPERPACKET_FRONTEND_H

#include <net/if.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "base/vnet_header.h"

/* ---- for the datapath ---- */

/* May be a part of a larger struct of the front end. Only the queue's worker reads and writes. */
struct frontend_queue {
	/*
	 * Reads one packet: its virtio header to *hdr, the rest to buffer. The buffer must have room for the longest
	 * superpacket (UMEM_SUPERPACKET_ROOM), since what does not fit is cut off without notice. Returns the packet's
	 * length without the header, or
	 *
	 *   -EAGAIN   there is none now
	 *   -ENODEV   (or any other -errno) the queue is gone
	 */
	int (*read)(struct frontend_queue *queue, struct vnet_header *hdr, void *buffer, uint32_t room);

	/*
	 * Writes one packet: iov[0] is the virtio header (filled in by the caller), the rest is the packet. Returns 0
	 * or
	 *
	 *   -EAGAIN   no packet can be taken now: there is no room, or the other side is down
	 *   -EINVAL   this packet is refused, for its form or length; its parts may be taken (V9)
	 *   -ENODEV   the queue is gone
	 *   -errno    this packet cannot be taken now (-ENOMEM); its parts may be
	 */
	int (*write)(struct frontend_queue *queue, const struct iovec *iov, uint32_t iov_cnt);

	int fd; /* readable when there may be something to read, and when the queue is gone */
};

/* ---- for the daemon ---- */

/* What may be left to the other side, in both directions. These are the features of virtio without HOST_ or GUEST_:
 * FRONTEND_TSO4 is both VIRTIO_NET_F_GUEST_TSO4 and VIRTIO_NET_F_HOST_TSO4. */
enum frontend_offload {
	FRONTEND_CSUM = 1,
	FRONTEND_TSO4 = 2,
	FRONTEND_TSO6 = 4,
	FRONTEND_ECN = 8,  /* TSO with CWR */
	FRONTEND_USO = 16, /* both families */
	FRONTEND_UDP_TUNNEL_GSO = 32,
	FRONTEND_UDP_TUNNEL_GSO_CSUM = 64, /* with a checksum of the outer UDP header */
};

/* The result of a test packet with an offload that the other side claims. */
enum frontend_proof_verdict {
	FRONTEND_UNASKED, /* not tested: it is not claimed, or of no use in this direction */
	FRONTEND_KEPT,    /* the packet was carried unchanged */
	FRONTEND_REFUSED,
	FRONTEND_CHANGED, /* cut, shortened, or not as it was described */
	FRONTEND_LOST,
	FRONTEND_BELIEVED, /* claimed, and no packet can test it */
};

struct frontend_proof {
	enum frontend_proof_verdict in, out; /* in: a packet that is written; out: one that is read */
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

/* Called by the main thread while workers read and write. Functions that return int return 0 or -errno. */
struct frontend_ops {
	/* Queue q of queue_cnt; it stays where it is until close(). */
	struct frontend_queue *(*queue)(struct frontend *front, uint32_t q);

	/* Uses only the first cnt of its queues from now on (at first: all). The others neither take nor give packets,
	 * and what they hold is lost. */
	int (*use)(struct frontend *front, uint32_t cnt);

	/* What the other side is to see of the NIC. When the MTU cannot be set, because the interface is in a network
	 * namespace that we may not enter, it is left alone, and that is no error. */
	int (*set_mtu)(const struct frontend *front, uint32_t mtu);
	int (*set_mac)(const struct frontend *front, const uint8_t mac[6]);
	int (*set_carrier)(const struct frontend *front, bool carrier);

	/* Whether its interface is in our network namespace. */
	bool (*is_here)(const struct frontend *front);

	/* Closes it and frees front, with its queues. */
	void (*close)(struct frontend *front);
};

struct frontend {
	const struct frontend_ops *ops;
	char name[IFNAMSIZ]; /* of its interface; or any, for messages */
	uint32_t ifindex;    /* of its interface, in its namespace; 0: it has none, or that is not known */
	uint32_t queue_cnt;
	uint32_t offloads; /* FRONTEND_ bits in force: those claimed, without those whose test `out` failed */
	struct frontend_proof proofs[FRONTEND_PROOF_CNT];
	int unproved; /* 0, or why nothing was tested (-errno): then what is claimed is believed */
};

/* For messages: the name that ethtool shows on the TAP, if it has one. */
extern const char *const frontend_proof_names[FRONTEND_PROOF_CNT];
const char *frontend_verdict_name(enum frontend_proof_verdict verdict);

/* Whether an offload is claimed, but failed its test: it must not be used. */
static inline bool frontend_is_broken(enum frontend_proof_verdict verdict)
{
	return verdict == FRONTEND_REFUSED || verdict == FRONTEND_CHANGED || verdict == FRONTEND_LOST;
}

#endif
