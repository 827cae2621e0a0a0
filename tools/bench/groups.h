/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The groups of comparisons in bench-engine. Each compares the results of both sides, times them, and adds
 * its rows to the report; DPDK takes part if report->dpdk is set. Wrong results end the program.
 *
 *      group       in            what differs between its rows
 *      gso         gso.c         how a segment is made; with and without checksums
 *      gro-burst   gro.c         the number of flows; everything is flushed at the end of each burst
 *      gro-hold    gro.c         the number of flows, held across bursts
 *      gro-scale   gro.c         the number of flows only: all superpackets have 8 packets
 *      checksum    checksum.c    sum, or copy and sum; in the second-level cache or in memory
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
