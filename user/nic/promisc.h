/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Promiscuous mode of a NIC for as long as a file descriptor is open. The kernel counts its users, so nothing has to be
 * restored, not even after kill -9.
 */
#ifndef SUPERPACKET_PROMISC_H
#define SUPERPACKET_PROMISC_H

#include <stdint.h>

/* Returns the descriptor, for close(), or -errno. */
int promisc_open(uint32_t ifindex);

#endif
