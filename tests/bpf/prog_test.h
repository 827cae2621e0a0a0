/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For the tests of BPF programs: a network namespace of their own, skips that say why, the
 * clock of the heartbeat, and the counters that one test run has changed.
 *
 * Each Criterion test is a process; its namespace, links, sockets and maps go with it, so
 * nothing needs to be cleaned up and nothing can be left behind. No map is ever pinned.
 */
#ifndef TESTS_BPF_PROG_TEST_H
#define TESTS_BPF_PROG_TEST_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "steer_abi.h"

#define PROG_TEST_CPUS_MAX 1024
/* A frame or packet of the tests, and what a program may have put in front of it. */
#define PROG_TEST_BUF 65536

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline void sleep_ms(long ms) { nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL); }

/* Enter a network namespace of our own, or skip the test. */
static inline void own_netns(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	if (unshare(CLONE_NEWNET))
		cr_skip_test("needs its own network namespace: %s", strerror(errno));
}

/* After a failed load: skips the test if the kernel does not permit loading. */
static inline void loaded_or_skip(int err)
{
	if (err == -EPERM || err == -EACCES)
		cr_skip_test("loading BPF programs is not permitted here");
	cr_assert_eq(err, 0, "load: %s", strerror(-err));
}

static inline void no_pins(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
		bpf_map__set_pin_path(map, NULL);
}

/* The daemon's view of steer_state: mapped, so that a heartbeat is a store. */
static inline struct steer_state *map_state(const struct bpf_map *map)
{
	struct steer_state *state = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
					 bpf_map__fd(map), 0);

	cr_assert_neq((void *)state, MAP_FAILED, "mmap of steer_state: %s", strerror(errno));
	return state;
}

/* Sum over the CPUs of each of the @cnt entries of a PERCPU_ARRAY. */
static inline void read_counters(const struct bpf_map *map, uint64_t *sum, uint32_t cnt)
{
	static uint64_t values[PROG_TEST_CPUS_MAX];
	int cpus = libbpf_num_possible_cpus();

	cr_assert(cpus > 0 && cpus <= PROG_TEST_CPUS_MAX);
	for (uint32_t i = 0; i < cnt; i++) {
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &i, values), 0);
		sum[i] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			sum[i] += values[cpu];
	}
}

/* The one counter that went up by one; -1 if none did, -2 if it was anything else. */
static inline int counted(const uint64_t *before, const uint64_t *after, uint32_t cnt)
{
	int reason = -1;

	for (uint32_t i = 0; i < cnt; i++) {
		if (after[i] == before[i])
			continue;
		if (after[i] != before[i] + 1 || reason != -1)
			return -2;
		reason = (int)i;
	}
	return reason;
}

#endif
