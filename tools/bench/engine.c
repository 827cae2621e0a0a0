// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * bench-engine measures what the engine costs per segment, per packet and per byte, beside DPDK's rte_gso
 * and rte_gro on the same packets in the same run. README.md has the results.
 *
 * How it measures:
 *  - The contenders of a comparison take turns (A B A B ...), so that whatever else the machine does affects all of
 *    them. The result is the median of the rounds; their span is printed beside it.
 *  - Everything runs in three processes, one after the other, and their rounds are joined, because the addresses of
 *    a process's stack and heap matter much (DPDK's burst reassembly is twice as slow in one process of three).
 *  - Before anything is timed, the results of both sides are compared, byte for byte where DPDK is right. Wrong
 *    results end the program with 1; slow ones never do.
 *
 *      engine.c      this file: options, the three processes
 *      measure.h     clock, passes, rounds, turns, CPU
 *      packets.h     the packets that both sides get, and the plain sums that prove results right
 *      gso.c, gro.c, checksum.c    the comparisons (groups.h)
 *      dpdk.c        DPDK's side of them
 *      report.h      rows of results, medians, table, JSON
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/dpdk.h"
#include "bench/groups.h"
#include "base/bytes.h"

struct options {
	const char *json;
	const char *only; /* only groups whose name contains this */
	bool no_dpdk;
	int cpu;
	uint32_t processes;
	int result_fd; /* a child's pipe to its parent, else -1 */
};

static struct options options = { .cpu = -1, .processes = BENCH_PROCESSES, .result_fd = -1 };

/* ---- command line ---- */

/* clang-format off */
static const char usage[] =
	"usage: bench-engine [--json FILE] [--only GROUP] [--no-dpdk] [--cpu N]\n"
	"                    [--processes N]\n"
	"  --json FILE    also write the results to FILE\n"
	"  --only GROUP   gso, gro-burst, gro-hold, gro-scale or checksum, or part of a name\n"
	"  --no-dpdk      do not measure DPDK\n"
	"  --cpu N        run on this CPU (default: the last one allowed)\n"
	"  --processes N  1 to 3 (default 3); 1 runs in this process, for a profiler\n";
/* clang-format on */

static void parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "only", required_argument, NULL, 'o' },
		{ "no-dpdk", no_argument, NULL, 'n' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "processes", required_argument, NULL, 'p' },
		{ "result-fd", required_argument, NULL, 'r' }, /* a child's; not for users */
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'j':
			options.json = optarg;
			break;
		case 'o':
			options.only = optarg;
			break;
		case 'n':
			options.no_dpdk = true;
			break;
		case 'c':
			options.cpu = atoi(optarg);
			break;
		case 'p':
			options.processes = (uint32_t)atoi(optarg);
			break;
		case 'r':
			options.result_fd = atoi(optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc || !options.processes || options.processes > BENCH_PROCESSES) {
		fputs(usage, stderr);
		exit(2);
	}
}

/* ---- one process: everything once ---- */

static void run(struct bench_report *report)
{
	static const struct {
		const char *group;
		void (*run)(struct bench_report *report);
	} groups[] = {
		{ "gso", bench_gso_run },           { "gro-burst", bench_gro_burst_run },
		{ "gro-hold", bench_gro_hold_run }, { "gro-scale", bench_gro_scale_run },
		{ "checksum", bench_checksum_run },
	};

	bench_pin(options.cpu);
	report->dpdk = !options.no_dpdk && dpdk_open((unsigned int)options.cpu);
	if (report->dpdk)
		snprintf(report->dpdk_version, sizeof(report->dpdk_version), "%s", dpdk_version_text());
	bench_clock_calibrate();
	bench_packets_init();
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (!options.only || strstr(groups[i].group, options.only))
			groups[i].run(report);
	if (report->dpdk)
		dpdk_close();
}

/* ---- the processes together ---- */

static bool write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static size_t read_all(int fd, void *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (uint8_t *)data + got, len - got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

/* This program again, in a process of its own, so that memory lies elsewhere each time. */
static pid_t start_child(char **argv, int argc, int *fd)
{
	char cpu[32], result[32];
	char **args = calloc((size_t)argc + 3, sizeof(*args));
	int ends[2];
	pid_t pid;

	if (!args || pipe(ends))
		bench_die("pipe: %s", strerror(errno));
	snprintf(cpu, sizeof(cpu), "--cpu=%d", options.cpu);
	snprintf(result, sizeof(result), "--result-fd=%d", ends[1]);
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	args[argc] = cpu;
	args[argc + 1] = result;
	pid = fork();
	if (pid < 0)
		bench_die("fork: %s", strerror(errno));
	if (!pid) {
		close(ends[0]);
		execv("/proc/self/exe", args);
		bench_die("/proc/self/exe: %s", strerror(errno));
	}
	close(ends[1]);
	free(args);
	*fd = ends[0];
	return pid;
}

static void run_child(char **argv, int argc, struct bench_report *report)
{
	static struct bench_report more;
	int fd, status;
	pid_t pid = start_child(argv, argc, &fd);
	bool whole = read_all(fd, &more, sizeof(more)) == sizeof(more);

	close(fd);
	if (waitpid(pid, &status, 0) != pid || status || !whole)
		bench_die("a measuring process failed");
	bench_report_join(report, &more);
}

int main(int argc, char **argv)
{
	static struct bench_report report;

	parse_options(argc, argv);
	if (options.cpu < 0)
		options.cpu = bench_last_cpu();
	if (options.result_fd >= 0) {
		run(&report);
		if (!write_all(options.result_fd, &report, sizeof(report)))
			bench_die("results: %s", strerror(errno));
		return 0;
	}
	if (options.processes == 1)
		run(&report);
	for (uint32_t i = 0; options.processes > 1 && i < options.processes; i++)
		run_child(argv, argc, &report);
	bench_report_print(&report, options.processes, options.cpu);
	if (!report.dpdk)
		printf("\nNo comparison: %s.\n", options.no_dpdk ? "--no-dpdk" : DPDK_MISSING);
	if (options.json)
		bench_report_json(&report, options.processes, options.json);
	return 0;
}
