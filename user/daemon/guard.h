/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Others may take away what we have attached, or what was adopted: `xdp-loader unload`, `ip link set IF xdp off`,
 * `bpftool link detach`. Nothing fails then; packets just stop coming, or (tc on the TAP's ingress) what we send up
 * vanishes. So the programs are looked at four times a second, by a thread of its own: the kernel answers under the
 * lock of all interfaces, which others hold for long, and the heartbeat must not wait for that. The kernel sends no
 * notification about links that one could listen to instead.
 *
 * What is found missing twice is logged, and inline the heartbeat stops: the kernel carries all. What somebody took
 * off on purpose is not put back. A program that is loaded again, with the maps that were adopted, is served again.
 */
#ifndef SUPERPACKET_GUARD_H
#define SUPERPACKET_GUARD_H

#include <pthread.h>

#include "daemon/config.h"
#include "daemon/state.h"
#include "nic/steer.h"

struct guard {
	pthread_t thread;
	bool running;
	int stop_fd;
	struct steer *steer;
	enum steer_presence found; /* written by the thread */
	enum steer_presence told;  /* what the log says */
};

/* After steer_start(). Failure is logged, and nothing is looked at then. */
void guard_open(struct guard *guard, struct steer *steer, const char *interface);

/* Before steer_stop(). */
void guard_close(struct guard *guard, const char *interface);

/* Logs, and notes in state->missing, what was found since the last call. */
void guard_follow(struct guard *guard, const struct config *config, const char *interface, struct state *state);

/* Whether a program is missing, so that traffic is to be left to the kernel. */
bool guard_misses(const struct guard *guard);

#endif
