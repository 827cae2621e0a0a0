/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stops and closes workers, all of a NIC or the last one. The heartbeat is shown meanwhile, as others may carry traffic.
 */
#ifndef SUPERPACKET_WORKERS_CLOSE_H
#define SUPERPACKET_WORKERS_CLOSE_H

#include "daemon/heartbeat.h"
#include "daemon/workers.h"

#define WORKERS_DRAIN_MS 500u /* how long a worker may drain at its end */

/* Stops all that are open. drain_ms: as worker_tell_stop() has it; all drain at the same time. */
void workers_stop(struct workers *workers, uint32_t drain_ms, struct heartbeat *heartbeat);

/* The two halves of it: they drain, and nobody waits; and waiting for that. */
void workers_tell_stop(struct workers *workers, uint32_t drain_ms);
void workers_join(struct workers *workers, struct heartbeat *heartbeat);

/* After they were stopped. */
void workers_close(struct workers *workers, struct heartbeat *heartbeat);
void workers_close_last(struct workers *workers, struct heartbeat *heartbeat);

/* One queue less. While a NIC's drains, the heartbeat lapses and the kernel carries the traffic of all: else the stack
 * would go on giving packets to that queue. A bond's member gets no more by then (members.c), and all goes on. */
void workers_remove_last(struct workers *workers, struct frontend *front, struct heartbeat *heartbeat);

/* The front end spreads packets over the first cnt queues of a NIC. Of a bond's member: does nothing. Returns 0 or
 * -errno, and has logged why. */
int workers_use_queues(const struct workers *workers, struct frontend *front, uint32_t cnt,
		       struct heartbeat *heartbeat);

#endif
