/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Part of steer: the clock of heartbeats. BPF programs read the kernel's CLOCK_MONOTONIC. A process in a time namespace
 * (unshare --time, a restored container) is shown another one, ahead or behind by a constant. A heartbeat by that clock
 * would never lapse, or never count. So what is written into steer_state is the kernel's time.
 *
 * The shift is found by running a BPF program that reads the clock, between two readings of our own. That tests what
 * matters; /proc/self/timens_offsets would tell the same, but is about the children's namespace, and may be hidden.
 */
#ifndef SUPERPACKET_STEER_CLOCK_H
#define SUPERPACKET_STEER_CLOCK_H

#include <stdint.h>

/* How far clock_ns() is ahead of the clock that BPF programs read; negative: behind. 0 where it is the same, and where
 * the program cannot be run: then a warning is logged. It is found once, since no process changes its time namespace
 * while it runs. Any thread may ask. */
int64_t steer_clock_ahead_ns(void);

/* A time of clock_ns() by the clock of BPF programs. */
uint64_t steer_clock_bpf_ns(uint64_t now_ns);

#endif
