/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The results of bench-engine: one row per comparison, in the order of their groups. The reports of several processes
 * are joined, then printed as a table of medians or written as JSON.
 *
 * A report is plain memory and valid when zeroed, so that children can send it to their parent.
 */
#ifndef TOOLS_BENCH_REPORT_H
#define TOOLS_BENCH_REPORT_H

#include <stdbool.h>

#include "bench/measure.h"

#define BENCH_ROWS_MAX 48u

struct bench_row {
	char group[24], name[48], unit[16];
	struct bench_samples ours;
	char rival_name[32]; /* empty: there is nothing to compare with */
	struct bench_samples rival;
	double ours_merge, rival_merge; /* packets per superpacket; 0: not applicable */
	double goal;                    /* highest ratio; 0: none */
};

struct bench_report {
	bool dpdk; /* DPDK takes part */
	char dpdk_version[32];
	uint32_t row_cnt;
	struct bench_row rows[BENCH_ROWS_MAX];
};

/* Adds a row with our samples; the caller may add a rival. */
struct bench_row *bench_row_add(struct bench_report *report, const char *group, const char *name, const char *unit,
				const struct bench_contender *ours);

/* Adds the samples of a rival; goal is the highest ratio that is good enough, or 0. */
void bench_row_beside(struct bench_row *row, const char *name, const struct bench_contender *rival, double goal);

/* Adds the samples of another process, whose report has the same rows. */
void bench_report_join(struct bench_report *report, const struct bench_report *more);

/* Prints to stdout; processes and cpu are for the first line. */
void bench_report_print(const struct bench_report *report, uint32_t processes, int cpu);

void bench_report_json(const struct bench_report *report, uint32_t processes, const char *path);

#endif
