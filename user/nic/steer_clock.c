// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/steer_clock.h"

#include <bpf/bpf.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "clock.skel.h"

/* The narrowest pair of readings counts: in a wider one, this thread was interrupted. */
#define TRIES 5

/* Shorter packets are refused by a test run. */
#define PACKET_LEN 64

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int64_t ahead_ns;

/* Reads both clocks. Returns how far apart the two readings of ours were, in which *ahead is in error by half at most;
 * or -errno. */
static int64_t compare(const struct clock_bpf *object, int64_t *ahead)
{
	static const uint8_t packet[PACKET_LEN];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof packet);
	const uint64_t before_ns = clock_ns();
	const int err = bpf_prog_test_run_opts(bpf_program__fd(object->progs.clock_read), &opts);
	const uint64_t after_ns = clock_ns(), bpf_ns = object->bss->clock_now_ns;

	if (err)
		return err;
	*ahead = (int64_t)(before_ns + (after_ns - before_ns) / 2 - bpf_ns);
	if (bpf_ns >= before_ns && bpf_ns <= after_ns)
		*ahead = 0;
	return (int64_t)(after_ns - before_ns);
}

static int compare_often(const struct clock_bpf *object)
{
	int64_t narrowest = INT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		int64_t ahead = 0, width = compare(object, &ahead);

		if (width < 0)
			return (int)width;
		if (width < narrowest) {
			narrowest = width;
			ahead_ns = ahead;
		}
	}
	return 0;
}

static void find(void)
{
	struct clock_bpf *object = clock_bpf__open_and_load();
	int err = object ? compare_often(object) : -errno;

	clock_bpf__destroy(object);
	if (err)
		log_warning("the clock of BPF programs cannot be read (%s); in a time namespace the kernel would keep "
			    "the traffic, or get it too late from a daemon that hangs",
			    strerror(-err));
	else if (ahead_ns)
		log_info("in a time namespace: the monotonic clock is shifted by %.1f s against the kernel's; "
			 "heartbeats are shown by the kernel's",
			 (double)ahead_ns / 1e9);
	if (fault_strikes(FAULT_CLOCK))
		ahead_ns += FAULT_CLOCK_SHIFT_NS;
}

int64_t steer_clock_ahead_ns(void)
{
	pthread_once(&once, find);
	return ahead_ns;
}

uint64_t steer_clock_bpf_ns(uint64_t now_ns)
{
	return now_ns - (uint64_t)steer_clock_ahead_ns();
}
