/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The TAP front end: a network interface whose other end we are, with a virtio header in
 * front of every packet, multi-queue (one queue a worker), every offload that the kernel takes.
 *
 * The TAP is not persistent: it goes with the last file descriptor, so with the process.
 */
#ifndef SUPERPACKET_TAP_H
#define SUPERPACKET_TAP_H

#include "frontend/frontend.h"

/* Longest TAP queue before the sender is told to wait: see tap.c for the measurement. */
#define TAP_QUEUE_LEN 256u
#define TAP_QUEUES_MAX 256u /* drivers/net/tun.c MAX_TAP_QUEUES */
#define TAP_MTU_MAX (65535u - 14u) /* drivers/net/tun.c MAX_MTU less the Ethernet header */

/* Creates the TAP with queue_cnt queues; name may hold a %d. Offloads are asked one by one, those refused
 * stay off; those of UDP (USO, tunnels) only with udp. What is claimed is proved (tap_prove.h), with a
 * superpacket of big_len bytes, too, if that is more than 65535. Not up yet: see netdev_set(). Returns 0,
 * -EEXIST when the name is taken (by any interface), -ENOENT without /dev/net/tun, -EPERM, -EINVAL for what
 * cannot be a name, or -errno; nothing is left behind then. */
int tap_open(struct frontend **front, const char *name, uint32_t queue_cnt, bool udp, uint32_t big_len);

#endif
