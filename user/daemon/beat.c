// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Fail-open: the heartbeat that the BPF programs ask for is shown here, and only while every
 * worker moves and can carry, and the programs are where they were put. A worker that hangs or is away
 * (worker.c), this thread that hangs, or a program that is missing (guard.c) gives all traffic to the kernel.
 */
#include "daemon/daemon.h"
#include "base/log.h"

_Static_assert(DAEMON_HEARTBEAT_NS <= STEER_HEARTBEAT_LIMIT_NS / 4, "steer.h asks for this");

/* A worker sleeps 20 ms at most. One that has not come round for this long hangs, or is starved so
 * badly that the kernel serves its traffic better. With the heartbeat's own limit, traffic is lost
 * for 0.2 s. */
#define WORKER_STALL_NS 100000000u

/* Returns whether the worker moves; says when that changes. */
static bool feel_pulse(struct daemon *d, uint32_t queue, uint64_t now)
{
	struct pulse *pulse = &d->pulses[queue];
	uint64_t tick = __atomic_load_n(&d->workers[queue].tick, __ATOMIC_RELAXED);

	if (tick != pulse->tick) {
		pulse->tick = tick;
		pulse->moved_ns = now;
		if (pulse->hung) {
			log_warning("%s queue %u: its worker moves again", d->dev.name, queue);
			service_status(d->ready);
		}
		pulse->hung = false;
	} else if (!pulse->hung && now > pulse->moved_ns + WORKER_STALL_NS) {
		log_warning("%s queue %u: its worker hangs; all traffic goes through the kernel until "
			    "it moves again", d->dev.name, queue);
		service_status("degraded: a worker hangs, the kernel carries the traffic");
		pulse->hung = true;
	}
	return !pulse->hung;
}

/* Time in which this thread did not run says nothing about the workers: the whole process may
 * have been stopped. */
static void forgive_absence(struct daemon *d, uint64_t now)
{
	uint64_t away_ns = d->beat_ns ? now - d->beat_ns : 0;

	d->beat_ns = now;
	if (away_ns <= 2 * DAEMON_HEARTBEAT_NS)
		return;
	for (uint32_t q = 0; q < d->opened_cnt; q++)
		d->pulses[q].moved_ns += away_ns;
}

/* Once the kernel has carried the traffic, it goes on until no worker has anything older left. */
static bool all_caught_up(const struct daemon *d, uint64_t now)
{
	if (!steer_lapsed(d->steer, now))
		return true;
	for (uint32_t q = 0; q < d->opened_cnt; q++)
		if (d->workers[q].running && !__atomic_load_n(&d->workers[q].caught_up, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

void beat_show(struct daemon *d)
{
	uint64_t now = clock_ns();
	bool alive = true, carrying = true;

	forgive_absence(d, now);
	/* The one that is being opened belongs to the thread that opens it. */
	for (uint32_t q = 0; q < d->opened_cnt; q++) {
		if (!d->workers[q].running)
			continue;
		alive &= feel_pulse(d, q, now);
		carrying &= !__atomic_load_n(&d->workers[q].away, __ATOMIC_RELAXED);
	}
	if (!alive)
		return;
	if (d->steer && carrying && !guard_misses(d) && all_caught_up(d, now))
		steer_heartbeat(d->steer, now);
	service_feed_watchdog(&d->service, now);
}
