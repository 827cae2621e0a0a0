/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A TAP that outlives its process, and the network namespaces that it may be in (drivers/net/tun.c).
 *
 * A persistent TAP stays when its last queue is closed, without a carrier, with everything else that it has. Whoever
 * opens /dev/net/tun in its namespace, and has the right, may open queues again, as many as they like.
 *
 *      /dev/net/tun opened   TUNSETIFF finds the TAP        the namespace goes
 *      here                  only if it is here             when nothing else keeps it, and the TAP with it
 *      in its namespace      there                          never before the descriptor is closed
 */
#ifndef SUPERPACKET_TAP_PERSIST_H
#define SUPERPACKET_TAP_PERSIST_H

#include "frontend/frontend.h"

/* Opens /dev/net/tun in a namespace, or here (-1). Returns the descriptor or -errno. */
int tap_device(int netns_fd);

/* Whether the TAP outlives us. Returns 0 or -errno. */
int tap_set_persistent(const struct frontend *front, bool persistent);
bool tap_is_persistent(const struct frontend *front);

/*
 * Only root, and who administers the TAP's network, may open a queue of it: without an owner, the kernel lets everybody
 * who may open /dev/net/tun take packets of a multi-queue TAP. Failure is no error.
 */
void tap_own(int fd);

/* The name that it has now; it may have been renamed. Returns false: the TAP is gone. */
bool tap_name(const struct frontend *front, char name[IFNAMSIZ]);

/* The namespace in which the TAP is now: a descriptor, or -errno; -EBADFD: the TAP is gone. */
int tap_netns(const struct frontend *front);

/* Its inode; 0: the TAP is gone, or it is not told. */
uint64_t tap_netns_inode(const struct frontend *front);

#endif
