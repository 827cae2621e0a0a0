/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* TAPs as rtnetlink tells of them: found, moved, deleted. All in the network namespace of the calling thread. */
#ifndef SUPERPACKET_NETDEV_TAP_H
#define SUPERPACKET_NETDEV_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct netdev_tap {
	char name[IFNAMSIZ];
	uint32_t ifindex, mtu;
	uint32_t held; /* so many queues are open, used or not: 0: by no process */
	bool persistent;
	uint8_t mac[6];
	char alias[256]; /* "": none */
};

/* Visits every TAP, some perhaps twice, until visit() returns false. Returns 0 or -errno. */
int netdev_tap_each(bool (*visit)(const struct netdev_tap *tap, void *data), void *data);

/* The same in namespaces that we may not enter, but administer, as far as ours has numbers for them ('ip netns list-id'):
 * one into which something was moved from here has one. */
int netdev_tap_each_elsewhere(bool (*visit)(const struct netdev_tap *tap, void *data), void *data);

/* Moves it into the namespace of a descriptor, under this name, and sets it up there. Returns 0 or -errno; -EEXIST: the
 * name is taken there, and the TAP has been moved all the same. */
int netdev_tap_move(uint32_t ifindex, int netns_fd, const char *name);

/* Deletes an interface. Returns 0 or -errno. */
int netdev_tap_delete(uint32_t ifindex);

#endif
