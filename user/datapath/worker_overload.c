// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* How a worker fares, for overload.c; and what it says about that. */
#include "base/log.h"
#include "datapath/worker_internal.h"

/* A worker that is overloaded again and again says so this often at most. */
#define LOG_NS 60000000000ull

/* Packets that the kernel has lost since the socket was opened. What the caller reads next is read after it. */
static uint64_t lost_packets(struct worker *worker)
{
	struct xdp_statistics kernel = { 0 };

	(void)xsk_statistics(&worker->xsk, &kernel); /* zeros when it fails */
	return __atomic_load_n(&kernel.rx_dropped, __ATOMIC_ACQUIRE) +
	       __atomic_load_n(&kernel.rx_ring_full, __ATOMIC_ACQUIRE);
}

static struct overload_frames frames_now(struct worker *worker)
{
	struct overload_frames frames = { .gone = lost_packets(worker) }; /* first: see overload.c */

	frames.redirected = steer_redirected(worker->config.steer, worker->config.queue);
	frames.taken = worker->stats.rx_packets;
	return frames;
}

void worker_new_socket(struct worker *worker)
{
	struct overload_frames frames;

	if (!worker->overload.slots)
		return;
	frames = frames_now(worker);
	overload_socket(&worker->overload, &frames);
}

static void say(struct worker *worker, enum overload_change change, uint64_t now_ns)
{
	char name[WORKER_NAME_LEN];

	if (change == OVERLOAD_SAME || (worker->overload_said_ns && now_ns - worker->overload_said_ns < LOG_NS))
		return;
	worker->overload_said_ns = now_ns;
	if (change == OVERLOAD_BEGINS)
		log_warning("%s: its worker cannot keep up; the kernel carries what merges least, %u of %u slots of "
			    "addresses for now (more CPU time, or more queues, would help)",
			    worker_name(worker, name), worker->overload.given, STEER_SLOT_CNT);
	else
		log_info("%s: its worker keeps up again, and has all traffic", worker_name(worker, name));
}

static void end_period(struct worker *worker, uint64_t now_ns)
{
	struct overload *overload = &worker->overload;
	const struct overload_period period = { .lost = lost_packets(worker), .waiting = worker->receive.waiting_most };

	say(worker, overload_end_period(overload, &period, now_ns), now_ns);
	worker->receive.waiting_most = 0;
	worker->stats.overloads = overload->episodes;
	worker->stats.overload_slots = overload->given;
}

void worker_check_overload(struct worker *worker, uint64_t now_ns)
{
	if (overload_due(&worker->overload, now_ns)) {
		end_period(worker, now_ns);
		/* With --hold, or under a load that never pauses, there would always be something held. */
		if (overload_is_giving(&worker->overload) && worker->held_packets) {
			gro_flush(&worker->gro, GRO_RECONFIGURE);
			worker_deliver(worker);
		}
	}
	if (overload_is_giving(&worker->overload) && !worker->held_packets) {
		const struct overload_frames frames = frames_now(worker);

		overload_show_delivered(&worker->overload, &frames, now_ns);
	}
}
