// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Now and then, a worker checks that it has lost nothing and waits for nothing in vain.
 *
 *   what is wrong                                     what is done
 *   a frame, slot or buffer is in no known place      counted, and logged once: it is a bug
 *   completions do not come                           the socket is made anew
 *   the kernel has no receive frame, and loses        the socket is made anew
 *   packets, because it gives none back
 *   the front end takes no packets                    the kernel carries the traffic, until a probe is taken
 *   frames that are steered here do not arrive        see worker_arrivals.c
 *
 * To make a socket anew: steer its traffic to the kernel, deliver what it has received, close it with its memory,
 * open both again. Until that succeeds, the kernel carries the traffic.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "datapath/worker_internal.h"

/* How often a front end that takes nothing is probed. */
#define PROBE_NS 100000000ull

/* How often a queue that is still busy, or an interface that is down, is tried again. */
#define REOPEN_NS 5000000

/* ---- checks ---- */

/*
 * Every frame, slot and buffer is in exactly one place (umem.h). One that is in none has no owner who could give
 * it back. That is counted and logged once; a test build ends there, with the numbers in hand.
 */
static void check_conservation(struct worker *worker)
{
	struct worker_stats *stats = &worker->stats;
	const uint32_t total = worker_rx_frames(&worker->config.sizes);
	uint32_t held = gro_owned_packets(&worker->gro), slots, buffers;
	char name[WORKER_NAME_LEN];

	transmit_missing(&worker->transmit, &slots, &buffers);
	stats->frames_missing = total - worker->umem.frames.cnt - worker->receive.frames_in_kernel - held;
	stats->slots_missing = slots;
	stats->buffers_missing = buffers;
	if (worker->missing || !(stats->frames_missing | slots | buffers))
		return;
	worker->missing = true;
	(FAULT_BUILD ? log_abort : log_error)(
		"%s: %u of %u frames are missing (%u free, %u in the kernel, %u held), %u slots and %u bytes of "
		"buffers; this is a bug in superpacketd: please report it",
		worker_name(worker, name), (uint32_t)stats->frames_missing, total, worker->umem.frames.cnt,
		worker->receive.frames_in_kernel, held, slots, buffers);
}

static void refresh_kernel_counters(struct worker *worker)
{
	struct xdp_statistics kernel = { 0 };

	(void)xsk_statistics(&worker->xsk, &kernel); /* zeros when it fails */
	worker->stats.kernel_rx_dropped = kernel.rx_dropped;
	worker->stats.kernel_rx_ring_full = kernel.rx_ring_full;
	worker->stats.kernel_fill_ring_empty = kernel.rx_fill_ring_empty_descs;
	worker->stats.kernel_tx_invalid = kernel.tx_invalid_descs;
}

/* Returns a set of bits, 1 << enum watchdog_wait: the waits that have expired. */
static uint32_t check_waits(struct worker *worker, uint64_t now_ns)
{
	const struct worker_stats *stats = &worker->stats;
	const struct watchdog_input inputs[WATCHDOG_CNT] = {
		[WATCHDOG_COMPLETION] = { worker->transmit.outstanding > 0, worker->transmit.finished },
		[WATCHDOG_FILL] = { receive_is_starved(&worker->receive), stats->rx_packets },
		[WATCHDOG_TAP] = { worker->front_unready != stats->rx_tap_unready, stats->rx_delivered_packets },
	};

	if (stats->rx_delivered_packets != worker->front_taken || worker->away) {
		worker->front_taken = stats->rx_delivered_packets;
		worker->front_unready = stats->rx_tap_unready;
	}
	return watchdog_update(&worker->watchdog, inputs, now_ns);
}

/* ---- the front end ---- */

static void set_away(struct worker *worker, bool away)
{
	__atomic_store_n(&worker->away, away, __ATOMIC_RELAXED);
}

/* Tries whether the front end takes packets (again). */
static void probe_front_end(struct worker *worker, uint64_t now_ns)
{
	char name[WORKER_NAME_LEN];

	worker->probed_ns = now_ns;
	if (deliver_probe(&worker->deliver)) {
		set_away(worker, false);
		return;
	}
	if (worker->away)
		return;
	set_away(worker, true);
	worker->stats.stalls_tap++;
	log_warning("%s: %s takes no packets; %s until it does (is it up? 'ip link')", worker_name(worker, name),
		    worker->config.front_name,
		    steer_gives_back(worker->config.steer) ? "the kernel carries all traffic" : "what arrives is lost");
}

/* ---- the socket ---- */

/* Leaves new packets to the kernel, and delivers all that the receive ring and the engine hold. */
static void deliver_rest(struct worker *worker)
{
	steer_remove_socket(worker->config.steer, worker->config.queue);
	for (uint32_t i = 0; i < worker->config.sizes.ring / RECEIVE_BATCH; i++)
		if (!worker_carry_in(worker, clock_ns()))
			break;
	gro_flush(&worker->gro, GRO_RECONFIGURE);
	worker_deliver(worker);
}

/* Tries until there is a socket again, or the worker has to stop. */
static void reopen_socket(struct worker *worker)
{
	struct pollfd wake = { .fd = worker->wake_fd, .events = POLLIN };
	char name[WORKER_NAME_LEN];
	bool logged = false;
	int err;

	set_away(worker, true);
	while ((err = worker_reopen_socket(worker)) && !worker_is_stopping(worker)) {
		if (err != -EBUSY && !logged) {
			logged = true;
			log_warning("%s: no new socket yet (%s); %s", worker_name(worker, name), strerror(-err),
				    steer_gives_back(worker->config.steer) ? "the kernel carries the traffic" :
									     "what arrives is lost until then");
		}
		worker_publish(worker);
		ppoll(&wake, 1, &(struct timespec){ .tv_nsec = REOPEN_NS }, NULL);
	}
	set_away(worker, false);
}

bool worker_make_socket_anew(struct worker *worker)
{
	deliver_rest(worker);
	worker_close_socket(worker);
	reopen_socket(worker);
	if (worker->closed)
		return false;
	worker_watch_new_socket(worker, clock_ns());
	worker->stats.rebuilds++;
	return true;
}

/* wait: the one that has expired. */
static void end_wait(struct worker *worker, enum watchdog_wait wait)
{
	uint64_t begin_ns = clock_ns();
	uint32_t descriptors = worker->transmit.outstanding, frames = worker->receive.frames_in_kernel, took_ms;
	bool taken = transmit_is_taken(&worker->transmit);
	bool first = watchdog_is_first_expiry(&worker->watchdog, wait);
	char name[WORKER_NAME_LEN];

	if (wait == WATCHDOG_FILL)
		worker->stats.stalls_fill++;
	else
		worker->stats.stalls_completion++;
	if (!worker_make_socket_anew(worker) || !first)
		return;
	worker_name(worker, name);
	took_ms = (uint32_t)((clock_ns() - begin_ns) / 1000000);
	if (wait == WATCHDOG_FILL)
		log_warning("%s: the kernel gave none of %u receive frames back; its socket was made anew in %u ms",
			    name, frames, took_ms);
	else
		log_warning("%s: %u descriptors were not %s for too long; its socket was made anew in %u ms", name,
			    descriptors, taken ? "completed" : "taken", took_ms);
}

void worker_check_health(struct worker *worker, uint64_t now_ns)
{
	uint32_t expired;

	refresh_kernel_counters(worker);
	expired = check_waits(worker, now_ns);
	check_conservation(worker);
	if (watchdog_needs_nudge(&worker->watchdog, WATCHDOG_COMPLETION))
		transmit_nudge(&worker->transmit);
	if (expired & 1u << WATCHDOG_TAP || (worker->away && now_ns - worker->probed_ns >= PROBE_NS))
		probe_front_end(worker, now_ns);
	if (expired & 1u << WATCHDOG_COMPLETION)
		end_wait(worker, WATCHDOG_COMPLETION);
	else if (expired & 1u << WATCHDOG_FILL)
		end_wait(worker, WATCHDOG_FILL);
	else
		worker_check_arrivals(worker, now_ns);
}
