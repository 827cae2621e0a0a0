/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Others may take away what we have attached, or what was adopted: `xdp-loader unload`, `ip link set IF xdp off`,
 * `bpftool link detach`. Nothing fails then; packets just stop coming, or (tc on the TAP's ingress) what we send up
 * vanishes. So the programs are looked at four times a second, by a thread of its own: the kernel answers under the
 * lock of all interfaces, which others hold for long, and the heartbeat must not wait for that. The kernel sends no
 * notification about links that one could listen to instead.
 *
 * The same thread looks at the NIC's egress policy (egress.h), at once when guard_look_now() says so.
 * And it reads the TAP's counters once a second: what the TAP's own queue has dropped, only the kernel knows.
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

/* What the kernel has counted of the TAP, a second ago at most. */
struct guard_tap {
	uint64_t told; /* 0: it cannot be read */
	struct netdev_stats stats;
};

struct guard {
	pthread_t thread;
	bool running;
	int wake_fd;
	bool stop; /* atomic */
	struct steer *steer;
	struct egress *egress;
	const struct frontend *front; /* whose counters are read; NULL: none */
	enum steer_presence found;    /* written by the thread, and these: */
	uint32_t tap_sequence;
	struct guard_tap tap;
	enum steer_presence told; /* what the log says */
};

/* After steer_start(). egress and front are NULL for a member of a bond. Failure is logged, and nothing is looked at
 * then. */
void guard_open(struct guard *guard, struct steer *steer, struct egress *egress, const struct frontend *front,
		const char *interface);

/* Something may have changed on the NIC's way out. */
void guard_look_now(struct guard *guard);

/* The TAP's counters, as the thread has seen them last. */
struct guard_tap guard_tap(const struct guard *guard);

/* Before steer_stop(). */
void guard_close(struct guard *guard);

/* Logs, and notes in state->missing, what was found since the last call. */
void guard_follow(struct guard *guard, const struct config *config, const char *interface, struct state *state);

/* Whether a program is missing, so that traffic is to be left to the kernel. */
bool guard_misses(const struct guard *guard);

#endif
