/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which CPU a worker runs on. A list gives queue 0 its first entry, queue 1 its second, and starts over
 * at its end: with fewer CPUs than queues, workers share.
 */
#ifndef SUPERPACKET_CPUS_H
#define SUPERPACKET_CPUS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic/netdev.h"

#define CPUS_MAX CPU_SETSIZE /* 1024: what sched_setaffinity() of glibc knows without allocating */

struct cpus {
	uint32_t cnt; /* 0: nothing is pinned */
	uint16_t cpu[CPUS_MAX];
	const char *why; /* in words, for status */
};

enum cpus_how {
	CPUS_AUTO, /* near the NIC */
	CPUS_NONE,
	CPUS_LIST,
};

/* Reads "0,4-7", in that order, as --cpus and sysfs have it (a newline may end it). Returns false for
 * anything else: no number, a range that falls, a CPU named twice, or beyond CPUS_MAX. */
bool cpus_parse(struct cpus *cpus, const char *text);

/* Leaves out those that are not in the set. */
void cpus_restrict(struct cpus *cpus, const cpu_set_t *allowed);

/* The CPU of a queue's worker; -1: any. */
int cpus_of(const struct cpus *cpus, uint32_t queue);

/*
 * CPUS_AUTO: the CPUs of the NIC's NUMA node; all CPUs, if the machine has one node or does not say; none for an
 * interface without a device (veth, ...), which is near no CPU, as its frames arrive on the sender's.
 * Only those that this process may use. Says why in cpus->why.
 */
void cpus_near(struct cpus *cpus, const struct netdev *dev);

/* The CPUs that this process may use. */
void cpus_allowed(cpu_set_t *allowed);

#endif
