// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "bench/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checksum.h"

/* ---- rows ---- */

struct bench_row *bench_row_add(struct bench_report *report, const char *group, const char *name, const char *unit,
				const struct bench_contender *ours)
{
	struct bench_row *row = &report->rows[report->row_cnt];

	if (report->row_cnt++ == BENCH_ROWS_MAX)
		bench_die("more than %u rows", BENCH_ROWS_MAX);
	snprintf(row->group, sizeof(row->group), "%s", group);
	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->unit, sizeof(row->unit), "%s", unit);
	row->ours = ours->samples;
	return row;
}

void bench_row_beside(struct bench_row *row, const char *name, const struct bench_contender *rival, double goal)
{
	snprintf(row->rival_name, sizeof(row->rival_name), "%s", name);
	row->rival = rival->samples;
	row->goal = goal;
}

static void samples_join(struct bench_samples *all, const struct bench_samples *more)
{
	for (uint32_t i = 0; i < more->cnt && all->cnt < ARRAY_SIZE(all->value); i++)
		all->value[all->cnt++] = more->value[i];
}

void bench_report_join(struct bench_report *report, const struct bench_report *more)
{
	if (!report->row_cnt) {
		*report = *more;
		return;
	}
	if (more->row_cnt != report->row_cnt)
		bench_die("processes measured different things");
	report->dpdk = more->dpdk;
	memcpy(report->dpdk_version, more->dpdk_version, sizeof(report->dpdk_version));
	for (uint32_t i = 0; i < more->row_cnt; i++) {
		samples_join(&report->rows[i].ours, &more->rows[i].ours);
		samples_join(&report->rows[i].rival, &more->rows[i].rival);
	}
}

/* ---- figures ---- */

struct figure {
	double median, min, max;
};

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figure figure_of(const struct bench_samples *samples)
{
	double sorted[ARRAY_SIZE(samples->value)];
	uint32_t cnt = samples->cnt;

	if (!cnt)
		return (struct figure){ 0, 0, 0 };
	memcpy(sorted, samples->value, cnt * sizeof(sorted[0]));
	qsort(sorted, cnt, sizeof(sorted[0]), compare_double);
	return (struct figure){ sorted[cnt / 2], sorted[0], sorted[cnt - 1] };
}

static double ratio_of(const struct bench_row *row)
{
	return figure_of(&row->ours).median / figure_of(&row->rival).median;
}

/* ---- the table ---- */

static void print_figure(const struct bench_samples *samples)
{
	struct figure f = figure_of(samples);
	char span[32];

	snprintf(span, sizeof(span), "(%.1f-%.1f)", f.min, f.max);
	printf(" %8.1f %-17s", f.median, span);
}

static void print_row(const struct bench_row *row)
{
	printf("  %-36s", row->name);
	print_figure(&row->ours);
	if (row->ours_merge > 0)
		printf(" x%-5.1f", row->ours_merge);
	if (!row->rival_name[0]) {
		putchar('\n');
		return;
	}
	print_figure(&row->rival);
	if (row->rival_merge > 0)
		printf(" x%-5.1f", row->rival_merge);
	printf(" %7.3f", ratio_of(row));
	if (row->goal > 0)
		printf("  %s %g", ratio_of(row) <= row->goal ? "met:   <=" : "MISSED:<=", row->goal);
	printf("  %s\n", row->rival_name);
}

static const struct {
	const char *group, *title;
} titles[] = {
	{ "gso", "Segmentation: 64 KB TCP/IPv4 superpacket, MSS 1448, 45 segments; ns per segment" },
	{ "gro-burst", "Reassembly within bursts of 64 packets of 1448 bytes; ns per packet" },
	{ "gro-hold", "Reassembly across bursts, flows take turns; ns per packet" },
	{ "gro-scale", "Reassembly across bursts, number of flows only; ns per packet" },
	{ "checksum", "Checksums; ns per 1448 bytes" },
};

static const char *title_of(const char *group)
{
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (!strcmp(titles[i].group, group))
			return titles[i].title;
	return group;
}

void bench_report_print(const struct bench_report *report, uint32_t processes, int cpu)
{
	bool missed = false;

	printf("bench-engine: medians of %u rounds in %u processes (and their span), CPU %d, checksums: %s",
	       processes * BENCH_ROUNDS, processes, cpu, checksum_chosen()->name);
	printf(report->dpdk ? ", beside %s\n" : "%s\n", report->dpdk_version);
	printf("xN: packets per superpacket; ratio: first figure / second\n");
	for (uint32_t i = 0; i < report->row_cnt; i++) {
		const struct bench_row *row = &report->rows[i];

		if (!i || strcmp(row->group, row[-1].group))
			printf("\n%s\n", title_of(row->group));
		print_row(row);
		missed |= row->goal > 0 && ratio_of(row) > row->goal;
	}
	if (missed)
		printf("\nA missed goal is no error: tools/bench/README.md has reasons, and a busy machine is one.\n");
}

/* ---- JSON ---- */

static void json_figure(FILE *f, const char *name, const struct bench_samples *samples, double merge)
{
	struct figure figure = figure_of(samples);

	fprintf(f, "\"%s\": {\"median\": %.3f, \"min\": %.3f, \"max\": %.3f, \"rounds\": %u", name, figure.median,
		figure.min, figure.max, samples->cnt);
	if (merge > 0)
		fprintf(f, ", \"packets_per_superpacket\": %.2f", merge);
	fputc('}', f);
}

static void json_row(FILE *f, const struct bench_row *row)
{
	fprintf(f, "    {\"group\": \"%s\", \"name\": \"%s\", \"unit\": \"%s\", ", row->group, row->name, row->unit);
	json_figure(f, "ours", &row->ours, row->ours_merge);
	if (row->rival_name[0]) {
		fprintf(f, ", \"beside\": \"%s\", ", row->rival_name);
		json_figure(f, "theirs", &row->rival, row->rival_merge);
		fprintf(f, ", \"ratio\": %.4f", ratio_of(row));
	}
	if (row->goal > 0)
		fprintf(f, ", \"goal\": %g, \"met\": %s", row->goal, ratio_of(row) <= row->goal ? "true" : "false");
	fputc('}', f);
}

void bench_report_json(const struct bench_report *report, uint32_t processes, const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		bench_die("%s: %s", path, strerror(errno));
	fprintf(f, "{\n  \"checksum_version\": \"%s\",\n  \"dpdk\": ", checksum_chosen()->name);
	fprintf(f, report->dpdk ? "\"%s\",\n" : "null%s,\n", report->dpdk ? report->dpdk_version : "");
	fprintf(f, "  \"processes\": %u,\n  \"rounds\": %u,\n  \"results\": [\n", processes, BENCH_ROUNDS);
	for (uint32_t i = 0; i < report->row_cnt; i++) {
		json_row(f, &report->rows[i]);
		fputs(i + 1 < report->row_cnt ? ",\n" : "\n", f);
	}
	fputs("  ]\n}\n", f);
	if (fclose(f))
		bench_die("%s: %s", path, strerror(errno));
}
