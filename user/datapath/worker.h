/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One worker: one thread that carries one NIC queue, both ways. Read worker.c first.
 *
 *      in :  NIC queue -> parse, flow, gro -> deliver -> front end's queue
 *      out:  front end's queue -> parse, gso, header -> transmit -> NIC queue
 *
 * A worker owns its socket, its umem, its queue of the front end, its flow table; it shares nothing
 * writable with others. The main thread reads what it publishes (counters, facts) and its tick, and tells it to stop.
 */
#ifndef SUPERPACKET_WORKER_H
#define SUPERPACKET_WORKER_H

#include <pthread.h>

#include "datapath/counters.h"
#include "datapath/deliver.h"
#include "datapath/facts.h"
#include "datapath/receive.h"
#include "datapath/transmit.h"
#include "datapath/watchdog.h"
#include "engine/gro.h"
#include "frontend/frontend.h"
#include "nic/steer.h"
#include "nic/umem.h"
#include "nic/xsk.h"

struct worker_config {
	const char *interface;
	uint32_t queue;
	struct frontend_queue *front;
	const char *front_name;      /* for messages */
	struct steer *steer;         /* has the worker's socket, and is given the next one */
	int cpu;                     /* the thread runs on this one; -1: on any */
	uint32_t mtu;
	bool shared_id;              /* see transmit.h */
	struct gro_config gro;       /* the worker adds packets, headroom and secret */
	struct xsk_config xsk;
	bool quiet;                  /* worker_open() does not say why it fails */
	/* Looks on for so long before it sleeps; UINT64_MAX: never sleeps. It looks at rings alone, and leaves the
	 * queue to interrupts: with SO_PREFER_BUSY_POLL the kernel would leave out each wake-up in zero copy and
	 * poll the receiving NAPI instead (net/xdp/xsk.c xsk_no_wakeup()), so that a driver which sends from
	 * another one (virtio_net) would never send. */
	uint64_t spin_ns;
};

struct worker {
	struct worker_config config;
	char name[IFNAMSIZ];         /* of the interface when it was opened: the main thread's copy changes with it */
	struct umem umem;
	struct xsk xsk;
	struct xsk_choice chosen;    /* at first; a rebuild keeps to it */
	struct gro gro;
	void *gro_memory;
	struct receive receive;
	struct deliver deliver;
	struct transmit transmit;
	uint32_t held_packets;       /* in the engine's hands */
	uint32_t burst_packets;      /* received since the engine was last told of a burst's end */
	uint32_t frame_max;          /* the longest that the first socket takes */
	struct watchdog watchdog;
	bool starving;               /* the kernel has no frame, and there is none to give */
	uint64_t starved_frames;     /* that it had lost for want of one when that began */
	bool overtaken;              /* the kernel has the traffic; the main thread gives it back only then: */
	bool caught_up;              /* nothing is left that is older than what the kernel has carried */
	bool missing;                /* frames, slots or buffers: said once */
	/* Of the front end, when it was seen to take something: packets it had taken, and writes it had not. */
	uint64_t front_taken, front_unready;
	uint64_t probed_ns;          /* when a front end that takes nothing was tried last */
	bool away;                   /* cannot carry: the main thread leaves the traffic to the kernel */
	bool closed;                 /* there is no socket: a new one could not be bound yet */
	struct worker_stats stats;   /* private; others stats_read() what was published */
	struct stats_page published;
	struct facts_page facts;     /* of xsk and umem; others facts_read() it */
	uint64_t moved_ns;           /* when there was last anything to do */
	uint64_t tick;               /* advances every time round; the main thread watches it */
	bool stop;                   /* set by the main thread; then the worker drains and ends */
	uint32_t drain_ms;           /* how long that may take */
	int front_error;             /* -errno once the front end's queue is no more; the main thread ends then */
	int wake_fd;                 /* eventfd that ends a sleep */
	pthread_t thread;
	bool running;
};

/* Opens memory, socket and engine of a queue. Logs (unless quiet) and returns -errno; nothing is left behind. */
int worker_open(struct worker *worker, const struct worker_config *config);

/* A thread that runs on one CPU (-1: any) from its first instruction on, so that what it touches first is
 * near. Returns 0 or -errno. */
int worker_thread(pthread_t *thread, int cpu, void *(*function)(void *), void *arg);

/* Starts the thread. Where its CPU cannot be had (a seccomp filter, a smaller cpuset since), it runs on
 * any, with a warning. Returns 0 or -errno. */
int worker_start(struct worker *worker);

/*
 * Tells the worker to stop and waits for it: it carries up what the socket still holds, flushes
 * the engine, sends what the front end still holds, and waits for completions, all within drain_ms
 * (0: not at all, as the NIC is gone).
 */
void worker_stop(struct worker *worker, uint32_t drain_ms);

void worker_close(struct worker *worker);

#endif
