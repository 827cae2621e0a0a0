/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How long the kernel's own GRO may hold a packet of an interface. */
#ifndef SUPERPACKET_NETDEV_GRO_H
#define SUPERPACKET_NETDEV_GRO_H

#include <stdint.h>

/*
 * By the settings of the interface's NAPIs now: of each NAPI since Linux 6.13, of the interface before. 0: to the end of
 * a round of polling, which is so unless gro_flush_timeout was set. Then napi_complete_done() leaves in GRO what came in
 * the present jiffy, and looks again at gro_flush_timeout (net/core/dev.c, net/core/gro.c).
 */
uint64_t netdev_gro_held_ns(uint32_t ifindex, const char *name);

#endif
