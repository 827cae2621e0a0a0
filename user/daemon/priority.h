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
 * Two CPUs, 200 TCP connections, 39 MB/s in messages of 1 KB, busy loops beside them; retransmits of 195,000 segments and
 * p99 of the delay, inward and outward:
 *
 *              4 loops                       16 loops
 *   kernel     0, 4 ms     60, 5 ms          105, 7 ms       60, 10 ms
 *   nice -5    50, 9 ms    100, 9 ms         9000, 670 ms    90, 29 ms
 *   nice -10   20, 15 ms   0, 7 ms           0, 14 ms        0, 11 ms
 *
 * More is not better: at nice -20 and in real time the worker interrupts the applications for every single packet, has
 * nothing to merge, and takes the CPU that they need to read what it delivers (p99 of 2 to 5 s).
 */
#ifndef SUPERPACKET_PRIORITY_H
#define SUPERPACKET_PRIORITY_H

#include <stdbool.h>

#define PRIORITY_NICE (-10) /* the default */

struct priority {
	char text[192]; /* what is in force, in words, for status */
};

/*
 * Sets it for the calling thread and those that it will start. Logs a warning where it may not. asked: nice was given
 * on the command line; if not, a value other than 0 that the process was started with is kept: somebody has chosen it.
 */
void priority_set(struct priority *priority, int nice, bool asked);

#endif
