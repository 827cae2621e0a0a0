/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A request to the kernel over netlink, and its answer. Requests are rare (start, stop, a change of the interface), so
 * each has a socket of its own, and there is no state.
 */
#ifndef SUPERPACKET_NETLINK_H
#define SUPERPACKET_NETLINK_H

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

/* Room for any of our requests. */
#define NETLINK_REQUEST_LEN 1024

/*
 * Sends a request to a bus (NETLINK_ROUTE, NETLINK_GENERIC), with a request for an acknowledgement, and passes the
 * answer to parse (see mnl_cb_run(); may be NULL). Returns 0, the kernel's -errno, or -ETIMEDOUT.
 */
int netlink_talk(int bus, struct nlmsghdr *request, mnl_cb_t parse, void *data);

static inline int rtnl_talk(struct nlmsghdr *request, mnl_cb_t parse, void *data)
{
	return netlink_talk(NETLINK_ROUTE, request, parse, data);
}

/* Begins a request to a family of generic netlink in buffer. */
struct nlmsghdr *genl_request(char *buffer, uint16_t family, uint8_t command, uint8_t version);

/* The number of a family of generic netlink. Returns 0 or -errno; -ENOENT when the kernel does not have it. */
int genl_family(const char *name, uint16_t *id);

/* The number of a multicast group of a family, for NETLINK_ADD_MEMBERSHIP; errors as genl_family(). */
int genl_group(const char *family, const char *name, uint32_t *id);

#endif
