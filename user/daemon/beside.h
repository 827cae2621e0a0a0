/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What may take long is done in a thread of its own, while the main thread shows the heartbeat: opening a queue, waiting
 * for a worker that drains, and everything that the kernel does under its lock of all interfaces (RTNL). Others hold
 * that lock for as long as it pleases them (a driver that resets its NIC: for seconds), and all who ask wait.
 *
 * The main thread does nothing else meanwhile. So the call may read all that belongs to the main thread, and may write
 * what heartbeat_show() does not look at: not the list of workers, nor the state.
 */
#ifndef SUPERPACKET_BESIDE_H
#define SUPERPACKET_BESIDE_H

#include <pthread.h>

#include "daemon/heartbeat.h"
#include "nic/bond.h"
#include "nic/netdev.h"
#include "nic/netdev_stack.h"

/* Waits for the end of the thread. After 10 s the heartbeat is not shown any more, as if the main thread hung. */
void beside_join(struct heartbeat *heartbeat, pthread_t thread);

/* Returns what call(arg) returns. Where there can be no more threads, the main thread calls it. */
int beside_call(struct heartbeat *heartbeat, int (*call)(void *arg), void *arg);

/* As netdev_reread(), bond_read() and netdev_stack_read() do. */
int beside_reread(struct heartbeat *heartbeat, struct netdev *dev, uint32_t ifindex);
int beside_read_bond(struct heartbeat *heartbeat, struct bond *bond, const struct netdev *dev);
int beside_read_stack(struct heartbeat *heartbeat, struct netdev_stack *stack, uint32_t ifindex);

#endif
