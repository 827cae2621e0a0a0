/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Others may take away what we have attached, or what was adopted: `xdp-loader unload`, `ip link set IF xdp off`,
 * `bpftool link detach`. Nothing fails then; packets just stop coming, or (tc on the TAP's ingress) what we send up
 * vanishes. So the programs are looked at four times a second, by a thread of its own: the kernel answers under the
 * lock of all interfaces, which others hold for long, and the heartbeat must not wait for that. The kernel sends no
 * notification about links that one could listen to instead.
 *
 * The same thread looks at the NIC's egress policy (egress.h), at once when guard_look_now() says so.
 * And it reads the counters of TAP and NIC once a second: what the TAP's own queue or the NIC's ring had no room for,
 * only the kernel knows. With them comes whether the TAP is up, of which nobody tells where it is in another namespace.
 *
 * What is found missing twice is logged, and inline the heartbeat stops: the kernel carries all. What somebody took
 * off on purpose is not put back. A program that is loaded again, with the maps that were adopted, is served again.
 */
#ifndef SUPERPACKET_GUARD_H
#define SUPERPACKET_GUARD_H

#include <pthread.h>

#include "daemon/config.h"
#include "daemon/egress.h"
#include "daemon/front.h"
#include "daemon/state.h"
#include "nic/steer.h"

/* What the kernel has counted of TAP and NIC, a second ago at most. */
struct guard_links {
	struct netdev_stats tap, nic;
	bool tap_told, nic_told; /* it could be read */
};

struct guard {
	pthread_t thread;
	bool running;
	int wake_fd;
	bool stop; /* atomic */
	struct steer *steer;
	struct egress *egress;
	const struct frontend *front; /* whose counters are read, and those of ifindex; NULL: neither */
	uint32_t ifindex;
	enum steer_presence found; /* written by the thread, and these: */
	uint32_t links_sequence;
	struct guard_links links;
	enum steer_presence told; /* what the log says */
};

/* After steer_start(). egress and front are NULL for a member of a bond, whose counters are in those of the bond. Failure
 * is logged, and nothing is looked at then. */
void guard_open(struct guard *guard, struct steer *steer, struct egress *egress, const struct frontend *front,
		const struct netdev *dev);

/* Something may have changed on the NIC's way out, or about the TAP. */
void guard_look_now(struct guard *guard);

/* As the thread has seen them last. */
struct guard_links guard_links(const struct guard *guard);

/* Before steer_stop(). */
void guard_close(struct guard *guard);

/* Logs, and notes in state->missing, what was found since the last call. */
void guard_follow(struct guard *guard, const struct config *config, const char *interface, struct state *state);

/* Whether a program is missing, so that traffic is to be left to the kernel. */
bool guard_misses(const struct guard *guard);

#endif
