// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/heartbeat.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

_Static_assert(HEARTBEAT_NS <= STEER_HEARTBEAT_LIMIT_NS / 4, "steer.h asks for this");

/* A worker sleeps 20 ms at most. One that has not come round for this long hangs, or is starved so badly that the
 * kernel serves its traffic better. With the heartbeat's own limit, traffic is lost for 0.2 s. */
#define WORKER_STALL_NS 100000000u

/* Notes whether the worker moves, and logs when that changes. */
static void check_progress(const struct workers *workers, uint32_t queue, uint64_t now)
{
	const struct worker *worker = &workers->worker[queue];
	struct progress *progress = &workers->progress[queue];
	uint64_t tick = __atomic_load_n(&worker->tick, __ATOMIC_RELAXED);

	progress->away = __atomic_load_n(&worker->away, __ATOMIC_RELAXED);
	progress->deaf = __atomic_load_n(&worker->deaf, __ATOMIC_RELAXED);
	if (tick != progress->tick) {
		progress->tick = tick;
		progress->moved_ns = now;
		if (progress->hung)
			log_warning("%s queue %u: its worker responds again", worker->interface, queue);
		progress->hung = false;
	} else if (!progress->hung && now > progress->moved_ns + WORKER_STALL_NS) {
		log_warning("%s queue %u: its worker hangs; %s until it responds", worker->interface, queue,
			    steer_gives_back(worker->config.steer) ? "the kernel carries all traffic" :
								     "what arrives is lost");
		progress->hung = true;
	}
}

/* While this thread did not run, the workers may not have run either: the whole process may have been stopped. That
 * time is not held against them. */
static void discount_own_absence(struct heartbeat *heartbeat, uint64_t now)
{
	uint64_t absent_ns = heartbeat->shown_ns ? now - heartbeat->shown_ns : 0;

	heartbeat->shown_ns = now;
	if (absent_ns <= 2 * HEARTBEAT_NS)
		return;
	for (const struct workers *workers = heartbeat->workers; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->opened_cnt; q++)
			workers->progress[q].moved_ns += absent_ns;
}

/* One that was told to stop is not waited for. */
static bool is_at_work(const struct worker *worker)
{
	return worker->running && !worker->stop;
}

/* Once the kernel has carried the traffic, it goes on until no worker has anything older left. That it had caught up in
 * an earlier lapse does not count: it may have received since. */
static bool all_caught_up(const struct heartbeat *heartbeat, uint64_t now)
{
	if (!steer_lapsed(heartbeat->steer, now))
		return true;
	for (const struct workers *workers = heartbeat->workers; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->opened_cnt && !workers->idle; q++)
			if (is_at_work(&workers->worker[q]) &&
			    __atomic_load_n(&workers->worker[q].caught_up, __ATOMIC_ACQUIRE) !=
				    steer_heartbeat_shown(workers->steer))
				return false;
	return true;
}

/* Of one NIC. A worker that is being opened belongs to the thread that opens it, and is not among these. */
static void check_workers(const struct workers *workers, uint64_t now, struct trouble *trouble)
{
	for (uint32_t q = 0; q < workers->opened_cnt; q++) {
		if (!is_at_work(&workers->worker[q]))
			continue;
		check_progress(workers, q, now);
		trouble->hung |= workers->progress[q].hung;
		trouble->away |= workers->progress[q].away && !workers->idle;
		trouble->deaf |= workers->progress[q].deaf && !workers->idle;
	}
}

static void show(const struct heartbeat *heartbeat, uint64_t now)
{
	steer_heartbeat(heartbeat->steer, now);
	for (const struct workers *workers = heartbeat->workers; workers; workers = workers->next)
		if (workers->steer && workers->steer != heartbeat->steer)
			steer_heartbeat(workers->steer, now);
}

void heartbeat_show(struct heartbeat *heartbeat)
{
	struct state *state = heartbeat->state;
	uint64_t now = clock_ns();
	struct trouble trouble = { 0 };

	discount_own_absence(heartbeat, now);
	for (const struct workers *workers = heartbeat->workers; workers; workers = workers->next)
		check_workers(workers, now, &trouble);
	if (memcmp(&trouble, &state->trouble, sizeof trouble)) {
		state->trouble = trouble;
		state_tell(state);
	}
	if (trouble.hung)
		return;
	if (heartbeat->steer && !heartbeat->withheld && !trouble.away && !guard_misses(heartbeat->guard) &&
	    all_caught_up(heartbeat, now))
		show(heartbeat, now);
	service_feed_watchdog(&heartbeat->service, now);
}

void heartbeat_withhold(struct heartbeat *heartbeat, bool withheld)
{
	heartbeat->withheld = withheld;
	if (withheld && heartbeat->steer)
		show(heartbeat, clock_ns() - 2 * STEER_HEARTBEAT_LIMIT_NS);
}
