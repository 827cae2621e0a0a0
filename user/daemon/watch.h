/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Notifications about interfaces of our network namespace: rtnetlink's groups of links and of qdiscs and filters, and
 * the "monitor" group of ethtool's generic netlink, which alone reports a changed number of queues.
 *
 * News only say where to look: what the interface is now is asked afterwards (netdev_reread()), so that an
 * old message, or one that was lost in a flood, does no harm.
 */
#ifndef SUPERPACKET_WATCH_H
#define SUPERPACKET_WATCH_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

struct watch {
	struct mnl_socket *links;
	struct mnl_socket *ethtool; /* NULL: this kernel tells nothing (before 5.6) */
};

struct watch_news {
	uint32_t ifindex;   /* of the interface we care for */
	bool changed;       /* it may be another than it was */
	bool gone, moved;   /* no more in this namespace; moved: but in another */
	bool others;        /* some other interface has come, changed or gone */
	bool egress;        /* a qdisc or a filter of it may have come or gone */
	bool egress_others; /* ... of another interface */
};

/* Begins to listen; before the interface is first asked about, so that no change is missed. Returns 0
 * or -errno. */
int watch_open(struct watch *watch);
void watch_close(struct watch *watch);

/* For poll(), readable when something has changed; -1 for the second where there is none. */
int watch_links_fd(const struct watch *watch);
int watch_ethtool_fd(const struct watch *watch);

/* Everything since it was asked last, of the interface of this index (0: of none). Never waits. */
struct watch_news watch_read(const struct watch *watch, uint32_t ifindex);

#endif
