// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the XDP program steers to this queue's socket must arrive there, or the kernel must have it. When it does not
 * arrive (arrivals.h), the socket is taken out of the program's map, so that the program passes the queue's frames:
 *
 *      HEARS --nothing arrives--> DOUBTS --still nothing--> DEAF --pause--> TRIES --frames arrive--> HEARS
 *        |                          '--it was late: HEARS    ^                |
 *        '--------- some arrive, too many do not ------------'--- again ------'
 *
 * In doubt, nothing is said: a CPU that was held back in the midst of receiving may have been the reason, and for that
 * moment the kernel carries the frames as well as we do. Each attempt is made with a new socket, which cures one that
 * was bound to what is another interface or queue by now. An attempt costs the frames of up to 100 ms, so
 * the pauses grow.
 *
 * In port mode the kernel has nobody to give the frames to: there, the socket stays in the map until the next attempt.
 */
#include "base/log.h"
#include "datapath/worker_internal.h"

/* What is late comes as soon as its CPU runs again. */
#define DOUBT_NS 100000000ull
/* An attempt has worked if frames arrive, and nothing is lost for so long. */
#define TRIAL_NS 1000000000ull
#define PAUSE_FIRST_NS 1000000000ull
#define PAUSE_MAX_NS 64000000000ull
/* After this long without a loss, the next one is a new one: it is logged, and its pauses begin with the first. */
#define FORGET_NS 60000000000ull

/* What is known of the frames for this socket: taken, waiting in the ring, or dropped and counted by the kernel. A drop
 * for want of a receive frame is among rx_dropped, or was made by the NIC before the program ran (zero copy). */
static uint64_t arrived(const struct worker *worker)
{
	const struct worker_stats *stats = &worker->stats;

	return stats->rx_packets + receive_waiting(&worker->receive) + stats->kernel_rx_dropped +
	       stats->kernel_rx_ring_full;
}

static void enter(struct worker *worker, enum worker_hearing hearing, uint64_t now_ns)
{
	worker->hearing = hearing;
	worker->hearing_ns = now_ns;
}

static void set_deaf(struct worker *worker, bool deaf)
{
	__atomic_store_n(&worker->deaf, deaf, __ATOMIC_RELAXED);
}

static void give_back(const struct worker *worker)
{
	if (steer_gives_back(worker->config.steer))
		steer_remove_socket(worker->config.steer, worker->config.queue);
}

/* Only the first of a series is logged. */
static void become_deaf(struct worker *worker, uint64_t now_ns)
{
	const struct worker_config *config = &worker->config;
	char name[WORKER_NAME_LEN];

	if (!worker->pause_ns)
		log_warning("%s: %lu frames that were steered to its socket have not arrived; %s; it is tried again "
			    "after pauses of 1 to 64 s (is the interface a part of another one, or were queues moved?)",
			    worker_name(worker, name), (unsigned long)worker->arrivals.missing,
			    steer_gives_back(config->steer) ? "the kernel carries what this queue receives" :
							      "what this queue receives is lost");
	worker->stats.stalls_arrival++;
	worker->pause_ns = worker->pause_ns ? worker->pause_ns * 2 : PAUSE_FIRST_NS;
	if (worker->pause_ns > PAUSE_MAX_NS)
		worker->pause_ns = PAUSE_MAX_NS;
	set_deaf(worker, true);
	arrivals_restart(&worker->arrivals);
	enter(worker, WORKER_DEAF, now_ns);
}

static void hear(struct worker *worker, enum arrivals_verdict verdict, uint64_t now_ns)
{
	if (worker->pause_ns && now_ns - worker->hearing_ns > FORGET_NS)
		worker->pause_ns = 0;
	if (verdict == ARRIVALS_FINE)
		return;
	give_back(worker);
	enter(worker, WORKER_DOUBTS, now_ns);
	if (verdict == ARRIVALS_SOME)
		become_deaf(worker, now_ns);
}

static void doubt(struct worker *worker, enum arrivals_verdict verdict, uint64_t now_ns)
{
	const struct worker_config *config = &worker->config;

	if (verdict != ARRIVALS_NONE) {
		if (!steer_add_socket(config->steer, config->queue, worker->xsk.fd))
			enter(worker, WORKER_HEARS, now_ns);
	} else if (now_ns - worker->hearing_ns >= DOUBT_NS) {
		become_deaf(worker, now_ns);
	}
}

static void try_again(struct worker *worker, uint64_t now_ns)
{
	if (now_ns - worker->hearing_ns >= worker->pause_ns)
		(void)worker_make_socket_anew(worker);
}

static void judge_attempt(struct worker *worker, enum arrivals_verdict verdict, uint64_t now_ns)
{
	char name[WORKER_NAME_LEN];

	if (verdict != ARRIVALS_FINE) {
		give_back(worker);
		become_deaf(worker, now_ns);
	} else if (now_ns - worker->hearing_ns >= TRIAL_NS && worker->arrivals.any) {
		log_info("%s: frames that are steered to its socket arrive again", worker_name(worker, name));
		set_deaf(worker, false);
		enter(worker, WORKER_HEARS, now_ns);
	}
}

void worker_watch_new_socket(struct worker *worker, uint64_t now_ns)
{
	arrivals_restart(&worker->arrivals);
	if (worker->hearing != WORKER_HEARS)
		enter(worker, worker->deaf ? WORKER_TRIES : WORKER_HEARS, now_ns);
}

void worker_check_arrivals(struct worker *worker, uint64_t now_ns)
{
	const uint64_t came = arrived(worker); /* first: see arrivals.h */
	const uint64_t redirected = steer_redirected(worker->config.steer, worker->config.queue);
	enum arrivals_verdict verdict = ARRIVALS_FINE;

	if (worker->hearing != WORKER_DEAF)
		verdict = arrivals_update(&worker->arrivals, redirected, came, now_ns);
	worker->stats.kernel_rx_lost = worker->arrivals.lost;
	switch (worker->hearing) {
	case WORKER_HEARS:
		hear(worker, verdict, now_ns);
		break;
	case WORKER_DOUBTS:
		doubt(worker, verdict, now_ns);
		break;
	case WORKER_DEAF:
		try_again(worker, now_ns);
		break;
	case WORKER_TRIES:
		judge_attempt(worker, verdict, now_ns);
		break;
	}
}
