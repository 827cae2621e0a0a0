/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The daemon's share of a busy CPU.
 *
 * A worker that waits for a CPU cannot empty its rings, and what does not fit into them is lost, where the kernel would
 * have handled the packets in the softirq of whoever is running. So the daemon asks for more than an equal share. Two
 * things decide about that share, and both are set here:
 *
 *      nice         of each thread, against threads of the same group
 *      autogroup    of the whole session, against other sessions (CONFIG_SCHED_AUTOGROUP, sched(7)): where it is in
 *                   force, nice alone does nothing against a busy loop in another terminal
 *
 * Where processes are in cgroups that have CPU shares, these decide instead, and the unit file sets CPUWeight=.
 *
 * More is not better. At nice -10 and in real time the worker interrupts the applications for every single packet, has
 * nothing to merge, and takes the CPU that they need to read what it delivers.
 */
#ifndef SUPERPACKET_PRIORITY_H
#define SUPERPACKET_PRIORITY_H

#include <stdbool.h>

#define PRIORITY_NICE (-5) /* the default */

struct priority {
	char text[192]; /* what is in force, in words, for status */
};

/*
 * Sets it for the calling thread and those that it will start. Logs a warning where it may not. asked: nice was given
 * on the command line; if not, a value other than 0 that the process was started with is kept: somebody has chosen it.
 */
void priority_set(struct priority *priority, int nice, bool asked);

#endif
