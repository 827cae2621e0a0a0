/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The counters that the kernel has of an interface, wherever it is, and whether it is up: what `ip -s -s link` shows. */
#ifndef SUPERPACKET_NETDEV_STATS_H
#define SUPERPACKET_NETDEV_STATS_H

#include <stdbool.h>
#include <stdint.h>

struct netdev_stats {
	uint64_t rx_packets, rx_errors, rx_dropped;
	uint64_t rx_missed,
		rx_fifo; /* the NIC had no buffer for them, or no room; some drivers have both of the same */
	uint64_t tx_packets, tx_errors, tx_dropped;
	bool up, carrier;
};

/* Of an interface in our network namespace. Returns 0 or -errno. May take long: the kernel answers under its lock of all
 * interfaces. */
int netdev_stats(const char *name, struct netdev_stats *stats);

/* The same by its index, which it keeps when it is renamed. */
int netdev_stats_of(uint32_t ifindex, struct netdev_stats *stats);

/* Of an interface in another namespace, which netns_fd is of, by its name there. -ENOENT: nothing has ever been moved
 * there from here, so that the kernel has no number for it; -EPERM without CAP_NET_ADMIN there. */
int netdev_stats_elsewhere(int netns_fd, const char *name, struct netdev_stats *stats);

#endif
