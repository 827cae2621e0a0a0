// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The page to read first: how packets cross this program.
 *
 *      in :  receive ring --receive_burst--> gro_offer --deliver_next--> front end
 *                ^                                           |
 *                '---- fill ring <--receive_refill-- free frames
 *
 *      out:  front end --read--> superpacket buffer --transmit_packet--> transmit ring
 *                                      ^                                     |
 *                                      '------- transmit_complete <----------'
 *
 * Each round, a worker carries one burst in and some packets out. It sleeps when there was neither; or, if it is
 * told to spin, it first polls for a while. The engine holds superpackets while packets of their flows keep
 * coming, at most BURST_PACKETS_MAX of them, and completes them when the receive ring is empty (or, with a hold
 * time, when that is over). When the NIC takes no more descriptors, nothing more is read from the front end: that
 * is back pressure, not loss.
 *
 * Every wait has a limit (watchdog.h). When a completion or the frames of the fill ring do not come back, the
 * kernel and this program no longer agree on who owns what. The socket is then closed, so that the kernel has
 * nothing of ours, and a new one is opened with new memory. A front end that takes nothing cannot be cured that
 * way: the worker is "away", and the kernel carries the traffic, until the front end takes packets again.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/fault.h"
#include "base/log.h"
#include "datapath/worker_internal.h"
#include "engine/vnet.h"

/* The longest burst. A receive ring that never runs empty ends a burst all the same, so that no packet waits
 * for more than a few hundred microseconds of our own work. */
#define BURST_PACKETS_MAX 1024u

/* Packets read from the front end before the other direction has its turn. */
#define FRONT_BATCH 32u

/* Descriptors that are worth a system call of their own: the NIC begins while we cut the next packet. */
#define WAKE_DESCRIPTORS 32u

/* A worker shows life at least this often; see STEER_HEARTBEAT_LIMIT_NS. */
#define SLEEP_MAX_NS 20000000ull

/* While descriptors are outstanding, completions may make room without any event to wait for. */
#define SLEEP_TRANSMITTING_NS 1000000ull

/* ---- in ---- */

bool worker_deliver(struct worker *worker)
{
	uint32_t before = worker->held_packets, packets;

	do {
		worker_check_stale(worker, clock_ns());
		packets = deliver_next(&worker->deliver, &worker->gro, worker->stale);
		worker->held_packets -= packets;
	} while (packets);
	return worker->held_packets != before;
}

static void offer_all(struct worker *worker, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns)
{
	uint32_t offered = 0;

	for (uint32_t i = 0; i < cnt; i++)
		worker->held_packets += !packets[i].more;
	for (;;) {
		offered += gro_offer(&worker->gro, packets + offered, cnt - offered, now_ns);
		if (offered == cnt)
			return;
		worker_deliver(worker);
	}
}

bool worker_carry_in(struct worker *worker, uint64_t now_ns)
{
	struct gro_packet packets[RECEIVE_BATCH];
	bool more;
	uint32_t cnt = receive_burst(&worker->receive, packets, &more);

	if (cnt)
		offer_all(worker, packets, cnt, now_ns);
	worker->burst_packets += cnt;
	if (!more || worker->burst_packets >= BURST_PACKETS_MAX) {
		gro_burst_end(&worker->gro, now_ns);
		worker->burst_packets = 0;
	}
	more |= worker_deliver(worker);
	receive_refill(&worker->receive);
	return cnt || more;
}

/* ---- out ---- */

/* Reads one packet of the front end into the umem and hands it to transmission. Returns false when there is
 * none. */
static bool carry_one_out(struct worker *worker, uint8_t *buffer)
{
	struct frontend_queue *front = worker->config.front;
	struct vnet_header header;
	struct gso_request request;
	int len = front->read(front, &header, buffer, UMEM_SUPERPACKET_ROOM);

	if (len < 0) {
		if (len == -EAGAIN)
			__atomic_store_n(&worker->front_emptied, true, __ATOMIC_RELAXED);
		else
			__atomic_store_n(&worker->front_error, len, __ATOMIC_RELAXED);
		return false;
	}
	worker->stats.tap_packets++;
	worker->stats.tap_bytes += (uint64_t)len;
	worker_check_stale(worker, clock_ns());
	if (worker->stale_out) {
		worker->stats.tx_drop_stale++;
	} else if (vnet_read(&header, (uint32_t)len, &request)) {
		vnet_correct_tunnel(&request, buffer, (uint32_t)len);
		transmit_packet(&worker->transmit, &request, (uint32_t)len);
	} else {
		worker->stats.tx_drop_vnet++;
	}
	return true;
}

/* Carries some packets out. Returns whether there was anything to do. */
static bool carry_out(struct worker *worker)
{
	struct transmit *transmit = &worker->transmit;
	uint32_t cnt = 0, unwoken = transmit->outstanding;
	bool moved = transmit_complete(transmit) > 0;

	if (worker->stale_out)
		worker->stats.tx_drop_stale += transmit_drop_rest(transmit);
	if (!transmit_resume(transmit)) {
		transmit_wake(transmit);
		return moved;
	}
	while (cnt < FRONT_BATCH) {
		uint8_t *buffer = transmit_buffer(transmit);

		if (!buffer || !carry_one_out(worker, buffer))
			break;
		cnt++;
		if (transmit->outstanding - unwoken >= WAKE_DESCRIPTORS) {
			transmit_wake(transmit);
			transmit_complete(transmit);
			unwoken = transmit->outstanding;
		}
	}
	transmit_wake(transmit);
	return transmit_complete(transmit) || moved || cnt;
}

/* ---- rest ---- */

/* How long nothing has to be done, in nanoseconds from now. */
static uint64_t sleep_limit(const struct worker *worker, uint64_t now_ns)
{
	uint64_t limit = worker->transmit.outstanding ? SLEEP_TRANSMITTING_NS : SLEEP_MAX_NS;
	uint64_t deadline = gro_deadline(&worker->gro);

	if (deadline <= now_ns)
		return 0;
	return deadline - now_ns < limit ? deadline - now_ns : limit;
}

static void sleep_until_event(struct worker *worker)
{
	struct pollfd fds[] = {
		/* In copy mode, polling the socket also transmits. */
		{ .fd = fault_strikes(FAULT_WAKE) ? -1 : worker->xsk.fd, .events = POLLIN },
		{ .fd = worker->wake_fd, .events = POLLIN },
		/* Left out while there is no buffer to read into: it would end the sleep at once. */
		{ .fd = worker->config.front->fd, .events = POLLIN },
	};
	uint64_t limit = sleep_limit(worker, clock_ns());
	struct timespec timeout = { .tv_nsec = (long)limit };

	worker->stats.polls++;
	ppoll(fds, transmit_can_take(&worker->transmit) ? 3 : 2, &timeout, NULL);
}

static void refresh_gauges(struct worker *worker)
{
	struct worker_stats *stats = &worker->stats;

	for (int i = 0; i < GRO_REASON_CNT; i++) {
		stats->flushes[i] = worker->gro.flushes[i];
		stats->singles[i] = worker->gro.singles[i];
	}
	stats->rx_checksum_errors = worker->gro.checksum_errors;
	stats->rx_held_packets = worker->held_packets;
	stats->frames_free = worker->umem.frames.cnt;
	stats->frames_kernel = worker->receive.frames_in_kernel;
	stats->frames_held = gro_owned_packets(&worker->gro);
	stats->slots_used = worker->umem.slots.used;
	stats->buffers_used = worker->umem.buffers.used;
}

void worker_publish(struct worker *worker)
{
	refresh_gauges(worker);
	stats_publish(&worker->published, &worker->stats);
	__atomic_store_n(&worker->tick, worker->tick + 1, __ATOMIC_RELAXED);
}

/* ---- the thread ---- */

/* Carries what is still on its way, until nothing is, or the time is up. Nothing is stale now: the heartbeat has
 * ended for good, and with it the kernel's part. */
static void drain(struct worker *worker)
{
	char name[WORKER_NAME_LEN];
	uint64_t end_ns = clock_ns() + (uint64_t)worker->drain_ms * 1000000;
	uint64_t now_ns;

	worker->stale = false;
	if (worker->closed)
		return;
	while ((now_ns = clock_ns()) < end_ns) {
		bool moved = worker_carry_in(worker, now_ns);

		moved |= carry_out(worker);
		gro_flush(&worker->gro, GRO_SHUTDOWN);
		moved |= worker_deliver(worker);
		worker_publish(worker);
		if (!moved && !worker->transmit.outstanding && !transmit_paused(&worker->transmit))
			return;
	}
	log_warning("%s: after draining for %u ms, %u descriptors were still outstanding and %u packets held; they "
		    "are lost",
		    worker_name(worker, name), worker->drain_ms, worker->transmit.outstanding,
		    gro_owned_packets(&worker->gro));
}

void *worker_run(void *arg)
{
	struct worker *worker = arg;
	char name[16];

	snprintf(name, sizeof name, "queue %u", worker->config.queue);
	(void)pthread_setname_np(pthread_self(), name); /* for top and ps; another thread may not be allowed to */
	confine_enter(CONFINE_WORKER);
	while (!worker_is_stopping(worker)) {
		uint64_t now_ns = clock_ns();
		bool in, out;

		worker_check_stale(worker, now_ns);
		if (fault_strikes(FAULT_STOP))
			raise(SIGSTOP);
		in = worker_carry_in(worker, now_ns);
		out = carry_out(worker);
		worker_check_caught_up(worker, in, out);
		worker_check_overload(worker, now_ns);
		worker_publish(worker);
		if (watchdog_due(&worker->watchdog, now_ns))
			worker_check_health(worker, now_ns);
		if (in || out)
			worker->moved_ns = now_ns;
		else if (now_ns - worker->moved_ns >= worker->config.spin_ns)
			sleep_until_event(worker);
	}
	if (worker->drain_ms)
		drain(worker);
	return NULL;
}
