// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Nothing is lost, nothing is reordered: properties of random packet streams through the engine (prove.c lists them).
 *
 *      prop_engine                       as many packets as `make test` needs, then faults that must be found and
 *                                        shrunk
 *      prop_engine --seconds=N           new seeds for N seconds, with progress (make soak)
 *      prop_engine --seed=N              one seed again
 *
 *      --packets=N    at least so many        --first=N     the first seed
 *      --fault=NAME   breaks the engine, to see that it is found: flip, swap, lose or write
 *
 * The streams run in a child process, so that a crash is found and shrunk like any other failure. A failure is printed
 * as the fewest packets that still fail, with the command that repeats it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "random.h"
#include "scenario.h"

#define STEPS_MAX 40000u
#define BYTES_MAX (24u << 20)
#define FEW_PACKETS 8u
/* Seconds after which a scenario hangs; the longest takes a tenth of one. */
#define HANGS 120u

#if defined(__SANITIZE_ADDRESS__)
#define PACKETS_USUAL 500000u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PACKETS_USUAL 500000u
#endif
#endif
#ifndef PACKETS_USUAL
#define PACKETS_USUAL 10000000u
#endif

static const char *const fault_names[FAULT_CNT] = { "none", "flip", "swap", "lose", "write" };

static struct {
	uint64_t seed, first, packets, seconds;
	bool one, quiet;
	enum fault fault;
	const char *program;
} options = { .first = 1, .packets = PACKETS_USUAL };

/* What the child tells. */
struct news {
	struct totals totals;
	uint64_t seed; /* which runs now */
	uint64_t scenarios;
	uint32_t step;
	char failure[200];
};

static struct news *news;
static struct scenario scenario;
static unsigned int test_cnt, failed_cnt;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Returns whether it holds; else news has the failure. */
static bool prove(const struct scenario *s)
{
	const char *failure = scenario_prove(s, options.fault, &news->totals, &news->step);

	if (failure)
		snprintf(news->failure, sizeof news->failure, "%s", failure);
	return !failure;
}

/* ---- children ---- */

/* While shrinking, only the failure that was found counts, not others that appear on the way. */
static char wanted[sizeof news->failure];

static void say_death(int status)
{
	if (WIFSIGNALED(status))
		snprintf(news->failure, sizeof news->failure, "ended by signal %d%s", WTERMSIG(status),
			 WTERMSIG(status) == SIGALRM ? ": it hangs" : "");
	else if (!*news->failure)
		snprintf(news->failure, sizeof news->failure, "ended with %d: a sanitizer's report is above",
			 WEXITSTATUS(status));
}

static int wait_for(pid_t pid)
{
	int status = 1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("prop");
		exit(2);
	}
	return status;
}

static bool fails(const struct scenario *s, void *loud)
{
	pid_t pid;
	int status;

	fflush(NULL);
	*news->failure = 0;
	pid = fork();
	if (pid == 0) {
		if (!loud && !freopen("/dev/null", "w", stderr))
			_exit(1);
		alarm(HANGS / 10);
		_exit(prove(s) ? 0 : 1);
	}
	status = wait_for(pid);
	if (status)
		say_death(status);
	return status != 0 && (!*wanted || !strcmp(wanted, news->failure));
}

static void progress(double begin, double *shown)
{
	double t = now();

	if (!options.seconds || t - *shown < 10)
		return;
	*shown = t;
	fprintf(stderr, "%6.0f s: %" PRIu64 " scenarios, %.1f million packets, %.0f %% merged, seed %" PRIu64 "\n",
		t - begin, news->scenarios, (double)news->totals.packets / 1e6,
		100.0 * (double)news->totals.merged / (double)(news->totals.packets + 1), news->seed);
}

static bool enough(double begin)
{
	if (options.seconds)
		return now() - begin >= (double)options.seconds;
	return news->totals.packets >= options.packets;
}

/* Runs seeds until something fails, or it was enough. Returns whether all held. */
static bool run_seeds(void)
{
	double begin = now(), shown = begin;
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (options.quiet && !freopen("/dev/null", "w", stderr))
			_exit(2);
		for (news->seed = options.first; !enough(begin); news->seed++) {
			alarm(HANGS);
			scenario_generate(&scenario, news->seed);
			if (!prove(&scenario))
				_exit(1);
			news->scenarios++;
			progress(begin, &shown);
		}
		_exit(0);
	}
	status = wait_for(pid);
	if (status)
		say_death(status);
	return status == 0;
}

/* ---- reports ---- */

static void report(bool ok, const char *what)
{
	test_cnt++;
	failed_cnt += !ok;
	printf("%s: %s\n", ok ? "ok" : "FAILED", what);
}

static bool shrink(uint64_t seed)
{
	scenario_generate(&scenario, seed);
	if (!fails(&scenario, NULL)) {
		printf("seed %" PRIu64 " failed, and does not alone: run it from --first=1\n", seed);
		return false;
	}
	memcpy(wanted, news->failure, sizeof wanted);
	scenario_shrink(&scenario, fails, NULL);
	fails(&scenario, NULL);
	*wanted = 0;
	return true;
}

static void explain(uint64_t seed)
{
	uint32_t had;

	scenario_generate(&scenario, seed);
	had = scenario.step_cnt;
	printf("seed %" PRIu64 ": %s\n", seed, news->failure);
	if (!shrink(seed))
		return;
	fails(&scenario, &scenario);
	printf("\nof %u packets, %u are enough; %s (packet %u):\n", had, scenario.step_cnt, news->failure, news->step);
	scenario_print(&scenario);
	printf("\nto repeat it: %s --seed=%" PRIu64 "%s%s\n", options.program, seed, options.fault ? " --fault=" : "",
	       options.fault ? fault_names[options.fault] : "");
}

static void print_totals(double seconds)
{
	const struct totals *t = &news->totals;

	printf("%" PRIu64 " packets in %" PRIu64 " scenarios, %.1f s; %" PRIu64 " of unknown flow, %" PRIu64
	       " of none; %" PRIu64 " merged into %" PRIu64 ", %" PRIu64 " taken apart again\n",
	       t->packets, news->scenarios, seconds, t->kinds[2], t->kinds[0], t->merged, t->superpackets, t->unmerged);
	printf("superpackets: TCP/IPv4 %" PRIu64 ", TCP/IPv6 %" PRIu64 ", UDP %" PRIu64 "; in VXLAN %" PRIu64
	       ", GENEVE %" PRIu64 ", GRE %" PRIu64 ", IPIP %" PRIu64 "; BIG TCP %" PRIu64 "; streamed %" PRIu64
	       "; fragments %" PRIu64 "; crowds %" PRIu64 "\n",
	       t->types[GSO_TCPV4], t->types[GSO_TCPV6], t->types[GSO_UDP], t->tunnels[PARSE_VXLAN],
	       t->tunnels[PARSE_GENEVE], t->tunnels[PARSE_GRE], t->tunnels[PARSE_IPIP], t->big, t->streamed,
	       t->fragments, t->crowds);
}

/* What never happened in a run was not tested. */
static bool saw_everything(void)
{
	const struct totals *t = &news->totals;
	bool all = t->merged > t->packets / 5 && t->unmerged > t->packets / 10000;

	for (uint32_t i = 0; i < GRO_REASON_CNT; i++)
		if (!t->reasons[i]) {
			printf("never seen: %s\n", gro_reason_names[i]);
			all = false;
		}
	all &= t->types[GSO_TCPV4] && t->types[GSO_TCPV6] && t->types[GSO_UDP];
	for (uint32_t i = PARSE_VXLAN; i <= PARSE_IPIP; i++)
		all &= t->tunnels[i] > 0;
	return all && t->fragments && t->streamed && ((t->big && t->crowds) || t->packets < 3000000);
}

static void test_streams(void)
{
	double begin = now();
	bool ok;

	memset(news, 0, sizeof *news);
	ok = run_seeds();
	print_totals(now() - begin);
	if (!ok)
		explain(news->seed);
	report(ok, "random streams: bytes, order, conservation, time, memory, counters");
	if (ok && news->totals.packets >= 300000)
		report(saw_everything(), "everything was seen");
}

/* Tests the test: a broken engine must be found, and shrunk to a few packets. */
static void test_fault(enum fault fault)
{
	char what[100];
	bool found;

	memset(news, 0, sizeof *news);
	options.fault = fault;
	options.packets = 1000000;
	options.quiet = true; /* a sanitizer finds one of them first, and has much to say */
	found = !run_seeds() && shrink(news->seed);
	options.fault = FAULT_NONE;
	options.quiet = false;
	printf("fault %s: %s, %u packets (%s)\n", fault_names[fault], found ? "found" : "NOT found", scenario.step_cnt,
	       news->failure);
	snprintf(what, sizeof what, "a broken engine (%s) is found, and shrunk to a few packets", fault_names[fault]);
	report(found && scenario.step_cnt <= FEW_PACKETS, what);
}

static void test_one(void)
{
	memset(news, 0, sizeof *news);
	news->seed = options.seed;
	scenario_generate(&scenario, options.seed);
	if (!fails(&scenario, &scenario)) {
		report(true, "this seed");
		return;
	}
	explain(options.seed);
	report(false, "this seed");
}

static enum fault fault_of(const char *name)
{
	for (uint32_t i = 0; i < FAULT_CNT; i++)
		if (!strcmp(name, fault_names[i]))
			return i;
	fprintf(stderr, "no such fault: %s\n", name);
	exit(2);
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seed", required_argument, NULL, 's' },    { "first", required_argument, NULL, 'f' },
		{ "packets", required_argument, NULL, 'p' }, { "seconds", required_argument, NULL, 't' },
		{ "fault", required_argument, NULL, 'x' },   { 0 },
	};
	int c;

	options.program = argv[0];
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 's':
			options.one = true;
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'f': options.first = strtoull(optarg, NULL, 0); break;
		case 'p': options.packets = strtoull(optarg, NULL, 0); break;
		case 't': options.seconds = strtoull(optarg, NULL, 0); break;
		case 'x': options.fault = fault_of(optarg); break;
		default: exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	news = mmap(NULL, sizeof *news, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (news == MAP_FAILED)
		return 2;
	scenario_alloc(&scenario, STEPS_MAX, BYTES_MAX);
	if (options.one) {
		test_one();
	} else {
		test_streams();
		for (enum fault f = FAULT_FLIP; f < FAULT_CNT && !options.fault && !options.seconds; f++)
			test_fault(f);
	}
	scenario_free(&scenario);
	return failed_cnt ? 1 : 0;
}
