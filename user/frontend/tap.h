/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The TAP front end: a network interface whose other end is this program. It has one queue a worker, a virtio header
 * in front of every packet, and every offload that the kernel takes.
 *
 * The TAP goes with its last file descriptor, and so with the process, unless it is made persistent (tap_persist.h).
 */
#ifndef SUPERPACKET_TAP_H
#define SUPERPACKET_TAP_H

#include "frontend/frontend.h"

/* The most packets that a TAP queue holds before it stops the sender; see tap.c for the measurement. */
#define TAP_QUEUE_LEN 256u
#define TAP_QUEUES_MAX 256u        /* drivers/net/tun.c MAX_TAP_QUEUES */
#define TAP_MTU_MAX (65535u - 14u) /* drivers/net/tun.c MAX_MTU less the Ethernet header */

/*
 * Creates the TAP with queue_cnt queues; name may have a %d. It is not up yet: see netdev_set(). Offloads are asked for
 * one by one, and those that the kernel refuses stay off; those of UDP (USO, tunnels) are asked for only with udp. What
 * the kernel claims is tested (tap_prove.h), also with a superpacket of big_len bytes if that is more than 65535.
 * Returns 0, or -errno with nothing left to close:
 *
 *   -EEXIST   an interface has this name
 *   -ENOENT   there is no /dev/net/tun
 *   -EPERM    CAP_NET_ADMIN is missing
 *   -EINVAL   this cannot be a name
 */
int tap_open(struct frontend **opened, const char *name, uint32_t queue_cnt, bool udp, uint32_t big_len);

/* A persistent TAP that no process holds. */
struct tap_left {
	const char *name;
	uint32_t ifindex;
	int netns_fd; /* the network namespace that it is in; -1: ours */
};

/* The same with a TAP that is there: all of it stays but its offloads. -EPERM: CAP_SYS_ADMIN is missing, too, which it
 * takes to enter another namespace; -EINVAL: what is there is no TAP of several queues. */
int tap_take(struct frontend **opened, const struct tap_left *left, uint32_t queue_cnt, bool udp, uint32_t big_len);

#endif
