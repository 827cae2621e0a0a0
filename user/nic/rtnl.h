/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One request to rtnetlink and its answer. Requests are rare (start, stop, a change of the
 * interface), so each has a socket of its own and nothing is kept.
 */
#ifndef SUPERPACKET_RTNL_H
#define SUPERPACKET_RTNL_H

#include <libmnl/libmnl.h>

/* Room for any request we make. */
#define RTNL_REQUEST_LEN 1024

/*
 * Sends the request, asking for an acknowledgement, and hands the answer to parse (may be
 * NULL; see mnl_cb_run()). Returns 0, the kernel's -errno, or -ETIMEDOUT.
 */
int rtnl_talk(struct nlmsghdr *request, mnl_cb_t parse, void *data);

#endif
