/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Watches what may happen to the NIC while the daemon runs: it is deleted or moved away, or its
 * MTU changes. Looks ten times a second, which costs two system calls.
 */
#ifndef SUPERPACKET_WATCH_H
#define SUPERPACKET_WATCH_H

#include <net/if.h>

#include "engine/bytes.h"

struct watch {
	int socket;      /* for ioctl() in the network namespace we were started in */
	uint32_t ifindex;
	uint32_t mtu;    /* as last seen */
	uint64_t looked_ns;
};

enum watch_event { WATCH_NOTHING, WATCH_MTU, WATCH_GONE };

/* Begins to watch an interface with this MTU. Returns 0 or -errno. */
int watch_open(struct watch *watch, uint32_t ifindex, uint32_t mtu);
void watch_close(struct watch *watch);

/* What has happened since it was asked last; WATCH_MTU: watch->mtu is the new one. */
enum watch_event watch_look(struct watch *watch, uint64_t now_ns);

#endif
