/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Opens the AF_XDP socket of a NIC queue in the best variant of a plan (modes.h) that works: the kernel binds it,
 * and it sends a test frame (prove.h).
 */
#ifndef SUPERPACKET_XSK_OPEN_H
#define SUPERPACKET_XSK_OPEN_H

#include "nic/xsk.h"

/*
 * Opens the socket over umem, which is mapped already, and stocks the fill ring. Retries for up to bind_timeout_ms
 * while the queue is busy. The variant decides how the slots region is used, so the caller calls umem_set_slots()
 * afterwards. No slot may be in use, because test packets are sent from there. Logs nothing. Returns 0, or -errno
 * with nothing left to close (but xsk->choice is filled in):
 *
 *   -EBUSY         another socket owns the queue (or a dying one of ours: then a longer wait helps)
 *   -EPERM         no CAP_NET_RAW
 *   -EAFNOSUPPORT  a kernel without AF_XDP
 *   -ENETDOWN      the interface is down
 *   -ENOBUFS       memory lock limit: raise it (LimitMEMLOCK=infinity) or give CAP_IPC_LOCK
 *   -EINVAL        no such queue; zero copy: MTU too large for the frame
 *   -EOPNOTSUPP    the device cannot do it, or the plan has nothing to try
 *   -ENOSYS        the kernel binds it, but the test frame failed in every variant of the plan
 */
int xsk_open(struct xsk *xsk, const struct xsk_config *config, struct umem *umem);

#endif
