/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The time since some moment in the past (CLOCK_MONOTONIC), which all waits and heartbeats use; BPF programs read the
 * same clock with bpf_ktime_get_ns(), unless this process is in a time namespace (nic/steer_clock.h). The engine reads no clock: it gets the time as an argument.
 */
#ifndef SUPERPACKET_CLOCK_H
#define SUPERPACKET_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_ms(void)
{
	return clock_ns() / 1000000u;
}

#endif
