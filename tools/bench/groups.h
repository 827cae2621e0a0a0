/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The groups of comparisons in bench-engine. Each compares the results of both sides, lets them
 * race, and adds its rows to the report; DPDK takes part if report->dpdk. Results that are wrong
 * end the program.
 *
 *      group       in                  what differs between its rows
 *      gso         bench_gso.c         how a segment is made; with and without checksums
 *      gro-burst   bench_gro.c         flows; everything is flushed at the end of each burst
 *      gro-hold    bench_gro.c         flows, held across bursts
 *      gro-scale   bench_gro.c         flows only: superpackets are of 8 packets throughout
 *      checksum    bench_checksum.c    sum, or copy and sum; in the second-level cache, in memory
 */
#ifndef TOOLS_BENCH_GROUPS_H
#define TOOLS_BENCH_GROUPS_H

#include "bench/report.h"

void bench_gso_run(struct bench_report *report);
void bench_gro_burst_run(struct bench_report *report);
void bench_gro_hold_run(struct bench_report *report);
void bench_gro_scale_run(struct bench_report *report);
void bench_checksum_run(struct bench_report *report);

#endif
