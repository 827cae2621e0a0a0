/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The results of bench-engine: a row for each comparison, in the order of their groups. Reports of
 * several processes are joined, then printed as a table of medians or written as JSON.
 *
 * A report is plain memory, valid when zeroed: children send it to their parent as it is.
 */
#ifndef TOOLS_BENCH_REPORT_H
#define TOOLS_BENCH_REPORT_H

#include <stdbool.h>

#include "bench/measure.h"

#define BENCH_ROWS_MAX 48u

struct bench_row {
	char group[24], name[48], unit[16];
	struct bench_samples ours;
	char rival_name[32]; /* "": nothing to compare with */
	struct bench_samples rival;
	double ours_merge, rival_merge; /* packets per superpacket; 0: none */
	double goal;                    /* highest ratio; 0: none */
};

struct bench_report {
	bool dpdk; /* it takes part */
	char dpdk_version[32];
	uint32_t row_cnt;
	struct bench_row rows[BENCH_ROWS_MAX];
};

/* A row of our samples alone; the caller may add to it. */
struct bench_row *bench_row_add(struct bench_report *report, const char *group, const char *name,
				const char *unit, const struct bench_contender *ours);

/* Puts a rival beside them; goal is the highest ratio that is good enough, 0 for none. */
void bench_row_beside(struct bench_row *row, const char *name, const struct bench_contender *rival,
		      double goal);

/* Adds the samples of another process, which has the same rows. */
void bench_report_join(struct bench_report *report, const struct bench_report *more);

/* On stdout; processes and cpu are for its first line. */
void bench_report_print(const struct bench_report *report, uint32_t processes, int cpu);

void bench_report_json(const struct bench_report *report, uint32_t processes, const char *path);

#endif
