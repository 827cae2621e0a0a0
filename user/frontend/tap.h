/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The TAP front end: a network interface whose other end we are, with a virtio header in
 * front of every packet, multi-queue (one queue a worker), every offload that the kernel takes.
 *
 * The TAP is not persistent: it goes with the last file descriptor, so with the process.
 */
#ifndef SUPERPACKET_TAP_H
#define SUPERPACKET_TAP_H

#include <linux/if_tun.h>
#include <sys/uio.h>

#include "engine/vnet.h"

/* Younger than the headers of Debian 12 (6.1). */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* 6.2 */
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x80 /* 6.17 */
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif

/* Longest TAP queue before the sender is told to wait: see tap.c for the measurement. */
#define TAP_QUEUE_LEN 64u
#define TAP_QUEUE_LEN_UDP 256u
#define TAP_QUEUES_MAX 256u /* drivers/net/tun.c MAX_TAP_QUEUES */
#define TAP_MTU_MAX (65535u - 14u) /* drivers/net/tun.c MAX_MTU less the Ethernet header */

struct tap {
	char name[16];
	uint32_t ifindex;
	uint32_t queue_cnt;
	uint32_t used_cnt;       /* the first ones, which the kernel spreads packets over */
	int fds[TAP_QUEUES_MAX]; /* non-blocking, one a queue */
	uint32_t offloads;       /* TUN_F_ bits in force */
};

/* Creates the TAP with queue_cnt queues; name may hold a %d. Offloads are asked one by one, those
 * refused stay off; those of UDP (USO, tunnels) only with udp. Not up yet: see netdev_set(). Returns 0, -EEXIST when the name is taken (by
 * any interface), -ENOENT without /dev/net/tun, -EPERM, -EINVAL for what cannot be a name, or
 * -errno; nothing is left behind then. */
int tap_open(struct tap *tap, const char *name, uint32_t queue_cnt, bool udp);
void tap_close(struct tap *tap);

/* Uses the first cnt of its queues from now on (tap_open(): all); the others neither take nor give
 * packets, and what they held is lost. Returns 0 or -errno. */
int tap_use(struct tap *tap, uint32_t cnt);

/* These two work wherever the TAP has been moved to. They return 0 or -errno. */
int tap_set_carrier(const struct tap *tap, bool carrier);
int tap_set_mac(const struct tap *tap, const uint8_t mac[6]);

/* Whether the TAP is still in our network namespace (under its index), and not moved to another. */
bool tap_is_here(const struct tap *tap);

/*
 * Reads one packet from a queue: its virtio header to *hdr, the rest to buffer, which must hold
 * the longest superpacket (UMEM_SUPERPACKET_ROOM), because what does not fit is cut off without
 * notice. Returns the packet's length without the header, -EAGAIN when there is none, or -errno.
 */
int tap_read(int fd, struct vnet_header *hdr, void *buffer, uint32_t room);

/*
 * Writes one packet: iov[0] is the virtio header (filled in by the caller), the rest the packet.
 * Returns 0 or -errno (-EINVAL: the kernel refuses this header or packet; V9).
 */
int tap_write(int fd, const struct iovec *iov, uint32_t iov_cnt);

#endif
