/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Part of steer: BPF links, of XDP and of tcx, and the privileges that attaching needs. */
#ifndef SUPERPACKET_STEER_LINK_H
#define SUPERPACKET_STEER_LINK_H

#include <errno.h>
#include <stdbool.h>

/* Whether a link that was attached still is. True if the kernel does not say. */
bool steer_link_is_attached(int link_fd);

/* Detaches and closes a link; *link_fd is -1 afterwards. Does nothing if it was -1. */
void steer_link_close(int *link_fd);

/* The end of a message about -EPERM, or about -EACCES, with which the verifier answers when CAP_PERFMON is missing
 * (or a program is unsafe). "" for other errors. */
static inline const char *steer_needs(int err)
{
	if (err == -EPERM || err == -EACCES)
		return "; needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW";
	return "";
}

#endif
