// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the main thread does with the workers of a bond: stops those of a member, and reads the counters of all. */
#include <criterion/criterion.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/tap_queue.h"
#include "daemon/workers_close.h"
#include "nic_bed.h"

#define CNT 2u
#define MS 1000000ull

TestSuite(workers, .init = set_up, .timeout = 60);

struct bed {
	struct worker worker[CNT];
	struct progress progress[CNT];
	struct workers bond, member; /* the bond's own are none */
	struct guard guard;
	struct state state;
	struct heartbeat heartbeat;
	bool all_told[CNT], beats[CNT];
};

static struct bed *make_bed(void)
{
	static struct bed bed;

	bed = (struct bed){ .heartbeat = { .workers = &bed.bond, .guard = &bed.guard, .state = &bed.state } };
	bed.bond.next = &bed.member;
	bed.member = (struct workers){ .worker = bed.worker,
				       .progress = bed.progress,
				       .cnt = CNT,
				       .opened_cnt = CNT,
				       .room = CNT,
				       .member = true };
	return &bed;
}

/* ---- stopping ---- */

struct drain {
	struct bed *bed;
	uint32_t queue;
};

static bool is_told(const struct worker *worker) { return __atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE); }

/* A worker that ends only when the other one was told to stop, too, and the heartbeat was shown after that. */
static void *drain(void *arg)
{
	const struct drain *drain = arg;
	struct bed *bed = drain->bed;
	const uint64_t end_ms = now_ms() + 10000;
	uint64_t shown_ns;

	while (!(is_told(&bed->worker[0]) && is_told(&bed->worker[1])) && now_ms() < end_ms)
		poll(NULL, 0, 1);
	bed->all_told[drain->queue] = is_told(&bed->worker[0]) && is_told(&bed->worker[1]);
	shown_ns = __atomic_load_n(&bed->heartbeat.shown_ns, __ATOMIC_RELAXED);
	while (__atomic_load_n(&bed->heartbeat.shown_ns, __ATOMIC_RELAXED) == shown_ns && now_ms() < end_ms)
		poll(NULL, 0, 1);
	bed->beats[drain->queue] = __atomic_load_n(&bed->heartbeat.shown_ns, __ATOMIC_RELAXED) != shown_ns;
	return NULL;
}

Test(workers, all_are_told_to_stop_before_one_is_waited_for_and_the_heartbeat_goes_on)
{
	struct bed *bed = make_bed();
	struct drain drains[CNT];

	for (uint32_t q = 0; q < CNT; q++) {
		struct worker *worker = &bed->worker[q];

		drains[q] = (struct drain){ bed, q };
		worker->wake_fd = eventfd(0, EFD_CLOEXEC);
		worker->running = true;
		bed->progress[q].moved_ns = clock_ns();
		cr_assert_eq(pthread_create(&worker->thread, NULL, drain, &drains[q]), 0);
	}
	workers_stop(&bed->member, WORKERS_DRAIN_MS, &bed->heartbeat);
	for (uint32_t q = 0; q < CNT; q++) {
		cr_expect(bed->all_told[q], "queue %u ended before the other one was told", q);
		cr_expect(bed->beats[q], "no heartbeat while queue %u drained", q);
		cr_expect_not(bed->worker[q].running);
		close(bed->worker[q].wake_fd);
	}
}

/* ---- counters ---- */

static bool is_here(const struct frontend *front)
{
	(void)front;
	return true;
}

static uint32_t txqueuelen(const char *name)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	cr_assert_eq(ioctl(fd, SIOCGIFTXQLEN, &ifr), 0);
	close(fd);
	return (uint32_t)ifr.ifr_qlen;
}

Test(workers, what_a_member_reads_counts_for_the_length_of_the_tap_s_queue)
{
	static const struct frontend_ops ops = { .is_here = is_here };
	struct bed *bed = make_bed();
	const struct frontend front = { .ops = &ops, .ifindex = device("nic").ifindex };
	const struct worker_stats large = { .tap_packets = 1000, .tap_bytes = 60000000 };
	struct tap_queue queue = { 0 };

	tap_queue_follow(&queue, &bed->heartbeat, &front, TAP_QUEUE_LONG, 1000 * MS);
	cr_expect_eq(txqueuelen("nic"), TAP_QUEUE_LONG, "before anything is known: %u", txqueuelen("nic"));
	stats_publish(&bed->worker[1].published, &large);
	tap_queue_follow(&queue, &bed->heartbeat, &front, TAP_QUEUE_LONG, 2000 * MS);
	cr_expect_eq(txqueuelen("nic"), TAP_QUEUE_LONG, "before it is known to be empty: %u", txqueuelen("nic"));
	for (uint32_t q = 0; q < CNT; q++)
		bed->worker[q].front_emptied = true;
	tap_queue_follow(&queue, &bed->heartbeat, &front, TAP_QUEUE_LONG, 2010 * MS);
	cr_expect_eq(txqueuelen("nic"), TAP_QUEUE_LEN, "superpackets: %u", txqueuelen("nic"));
}
