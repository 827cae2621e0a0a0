/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of a worker share; worker.h lists them. Nobody else includes this. */
#ifndef SUPERPACKET_WORKER_INTERNAL_H
#define SUPERPACKET_WORKER_INTERNAL_H

#include "datapath/worker.h"

/* Enough to keep the fill ring full whatever the engine holds. In full size 32 MiB. */
static inline uint32_t worker_rx_frames(const struct worker_sizes *sizes)
{
	return sizes->ring + sizes->held;
}

static inline bool worker_is_stopping(const struct worker *worker)
{
	return __atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE);
}

#define WORKER_NAME_LEN (IFNAMSIZ + sizeof " queue 4294967295")

/* "eth0 queue 3", for messages, by the name that the interface has now. */
const char *worker_name(const struct worker *worker, char name[WORKER_NAME_LEN]);

/* ---- worker.c ---- */

/* The thread's function; arg is the worker. */
void *worker_run(void *arg);

/* Carries one batch of packets from the NIC to the front end. Returns whether there was anything to do. */
bool worker_carry_in(struct worker *worker, uint64_t now_ns);

/* Delivers all that the engine has completed. Returns whether there was anything. */
bool worker_deliver(struct worker *worker);

/* Publishes the counters and advances the tick. */
void worker_publish(struct worker *worker);

/* ---- worker_stale.c ---- */

/* Updates worker->stale. When it is set, the engine is flushed. */
void worker_check_stale(struct worker *worker, uint64_t now_ns);

/* At the end of a round in which packets were carried in or out, or not: sets caught_up and emptied_out once no stale
 * packet is left. */
void worker_check_caught_up(struct worker *worker, bool in, bool out);

/* ---- worker_overload.c ---- */

/* There is a new socket, which gets no frames yet. */
void worker_new_socket(struct worker *worker);

/* At the end of each round: leaves traffic to the kernel, or takes it again, and moves such traffic on. */
void worker_check_overload(struct worker *worker, uint64_t now_ns);

/* ---- worker_recover.c ---- */

/* Checks that every frame, slot and buffer is where it belongs and that no wait has expired, and recovers. To be
 * called when watchdog_due() says so. */
void worker_check_health(struct worker *worker, uint64_t now_ns);

/* Steers new packets to the kernel, delivers what has been received, and makes socket and memory anew. Returns whether
 * there is a socket; there is none if the worker has to stop. */
bool worker_make_socket_anew(struct worker *worker);

/* ---- worker_arrivals.c ---- */

/* Looks whether what is steered here arrives, and acts if it does not. To be called when watchdog_due() says so, with
 * the kernel's counters just read. */
void worker_check_arrivals(struct worker *worker, uint64_t now_ns);

/* There is a new socket, and it is in the program's map. */
void worker_watch_new_socket(struct worker *worker, uint64_t now_ns);

/* ---- worker_sizes.c ---- */

struct umem_config worker_umem_config(const struct worker_sizes *sizes);

struct gro_config worker_engine_config(const struct worker_sizes *sizes, const struct gro_config *gro);

/* ---- worker_open.c ---- */

/* Closes the socket and its memory. Descriptors under way are lost, and counted. */
void worker_close_socket(struct worker *worker);

/* Opens new memory and a new socket, bound as the first one was. Returns 0 or -errno; without a log line. */
int worker_reopen_socket(struct worker *worker);

#endif
