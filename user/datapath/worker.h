/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One worker: one thread that carries the packets of one NIC queue in both directions.
 *
 *      in :  NIC queue -> parse, flow, gro -> deliver -> front end's queue
 *      out:  front end's queue -> parse, gso, header -> transmit -> NIC queue
 *
 * A worker owns its socket, its umem, its queue of the front end and its flow table. It shares nothing writable
 * with other workers. The main thread reads what the worker publishes, and tells it to stop.
 *
 * The files, in reading order:
 *
 *      worker.c          the loop: in, out, rest
 *      receive.c         receive ring -> packets for the engine; free frames -> fill ring
 *      deliver.c         the engine's superpackets -> front end
 *      transmit.c        packets of the front end -> segments -> transmit ring
 *      overload.c        what is left to the kernel when the worker cannot keep up
 *      worker_overload.c how it is told of that
 *      worker_stale.c    packets that newer ones have overtaken are dropped
 *      worker_arrivals.c what the XDP program gives to the socket must arrive, or the kernel gets it
 *      arrivals.c        whether it does
 *      worker_recover.c  checks that nothing is lost or waited for in vain; makes the socket anew
 *      watchdog.c        how long something is waited for
 *      worker_sizes.c    how much memory it needs
 *      worker_open.c     memory, engine and socket: opened, opened again, closed
 *      worker_thread.c   start and end of the thread
 */
#ifndef SUPERPACKET_WORKER_H
#define SUPERPACKET_WORKER_H

#include <pthread.h>

#include "datapath/arrivals.h"
#include "datapath/counters.h"
#include "datapath/deliver.h"
#include "datapath/facts.h"
#include "datapath/overload.h"
#include "datapath/receive.h"
#include "datapath/transmit.h"
#include "datapath/watchdog.h"
#include "engine/gro.h"
#include "frontend/frontend.h"
#include "nic/steer.h"
#include "nic/umem.h"
#include "nic/xsk.h"

/* How much memory a worker gets. Full sizes, and why they are so large, are in worker_sizes.c. */
struct worker_sizes {
	uint32_t ring;    /* entries of each ring, a power of two */
	uint32_t held;    /* packets that the engine may hold; then it completes its oldest superpacket (D3) */
	uint32_t slots;   /* most segments in flight */
	uint32_t buffers; /* superpackets of 64 KiB in flight */
};

extern const struct worker_sizes worker_sizes_full;

struct worker_config {
	const char *interface; /* its name at opening; copied */
	uint32_t queue;
	struct frontend_queue *front;
	const char *front_name; /* for messages */
	struct steer *steer;    /* has the worker's socket, and gets the new one after a rebuild */
	int cpu;                /* the CPU that the thread runs on; -1: any */
	uint32_t mtu;
	struct worker_sizes sizes;
	bool shared_id;        /* see transmit.h */
	struct gro_config gro; /* packets, headroom and secret are filled in by the worker */
	struct xsk_config xsk;
	bool quiet; /* worker_open() does not log why it fails */
	/* How long the worker polls its rings before it sleeps; UINT64_MAX: it never sleeps. The queue is left to
	 * interrupts meanwhile. SO_PREFER_BUSY_POLL is not used: with it, the kernel answers each wake-up in zero
	 * copy by polling the receiving NAPI instead (net/xdp/xsk.c xsk_no_wakeup()), and a driver that sends from
	 * another NAPI (virtio_net) would never send. */
	uint64_t spin_ns;
};

/* Whether frames that are steered to the socket arrive (worker_arrivals.c). */
enum worker_hearing {
	WORKER_HEARS,
	WORKER_DOUBTS, /* none has come for too long; the kernel has the queue's frames until it is clear why */
	WORKER_DEAF,   /* they do not arrive; the kernel has them until the next attempt */
	WORKER_TRIES,  /* with a new socket, it takes frames again, to see whether they arrive */
};

struct worker {
	struct worker_config config;
	char interface[IFNAMSIZ]; /* config.interface points here */
	struct umem umem;
	struct xsk xsk;
	struct xsk_choice chosen; /* of the first socket; a rebuild binds the same way */
	struct gro gro;
	void *gro_memory;
	struct receive receive;
	struct deliver deliver;
	struct transmit transmit;
	uint32_t frame_max;        /* the longest frame that the first socket can carry */
	uint32_t held_packets;     /* received and not delivered yet */
	uint32_t burst_packets;    /* received since gro_burst_end() was last called */
	uint64_t moved_ns;         /* when a packet was carried last */
	uint64_t lapsed;           /* the last heartbeat before the present lapse; while stale */
	bool stale, stale_out;     /* what is carried now, or out, comes too late: see worker_stale.c */
	struct worker_stats stats; /* private; others use stats_read(&published) */

	struct overload overload;  /* what is left to the kernel because of it */
	uint64_t overload_said_ns; /* when that was logged last */

	/* worker_recover.c */
	struct watchdog watchdog;
	bool missing;           /* frames, slots or buffers are missing; this has been logged */
	uint64_t front_taken;   /* packets the front end had taken when it last took one */
	uint64_t front_unready; /* writes that it had not taken by then */
	uint64_t probed_ns;     /* when a front end that takes nothing was probed last */
	bool closed;            /* there is no socket: a new one could not be bound yet */

	/* worker_arrivals.c */
	struct arrivals arrivals;
	enum worker_hearing hearing;
	uint64_t hearing_ns; /* when that began */
	uint64_t pause_ns;   /* before the next attempt to hear; 0: none was needed lately */

	/* Shared with the main thread, by atomics. Written by the worker: */
	struct stats_page published;
	struct facts_page facts; /* of xsk and umem; others use facts_read(&facts) */
	uint64_t tick;           /* advances with every round of the loop */
	bool away;               /* it cannot carry packets: the main thread leaves the traffic to the kernel */
	bool deaf;               /* frames that are steered to it do not arrive */
	uint64_t caught_up;      /* nothing older than the lapse of this heartbeat is left (worker_stale.c) */
	bool emptied_out;        /* the same, of the outgoing direction, while that is left to the kernel */
	int front_error;         /* -errno when the front end's queue is gone; the main thread ends then */
	bool front_emptied;      /* nothing was in the front end's queue; the main thread clears it, to ask again */
	/* Written by the main thread: */
	bool stop;         /* the worker drains, and its thread ends */
	uint32_t drain_ms; /* how long draining may take; written before stop */

	int wake_fd; /* eventfd that ends a sleep */
	pthread_t thread;
	bool running; /* of the main thread alone */
};

/* Bytes that a worker of these sizes needs, and, included in that, what the kernel needs for it. */
uint64_t worker_memory(const struct worker_sizes *sizes, const struct gro_config *gro, uint64_t *kernel);

/*
 * Opens memory, socket and engine of a queue. Logs why it fails (unless quiet) and returns -errno; nothing has to be
 * closed then.
 */
int worker_open(struct worker *worker, const struct worker_config *config);

/* Creates a thread that runs on one CPU (-1: any) from its first instruction on, so that the memory it touches
 * first is near that CPU. Returns 0 or -errno. */
int worker_thread(pthread_t *thread, int cpu, void *(*function)(void *), void *arg);

/* Starts the thread. Where its CPU cannot be used (a seccomp filter, a cpuset that has shrunk), it runs on any
 * CPU, with a warning. Returns 0 or -errno. */
int worker_start(struct worker *worker);

/*
 * Tells the worker to stop. It first delivers what its socket and the engine hold, sends what the front end holds and
 * waits for the completions, all within drain_ms (0: nothing of this, because the NIC is gone). Then its thread ends.
 */
void worker_tell_stop(struct worker *worker, uint32_t drain_ms);

void worker_close(struct worker *worker);

#endif
