// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/memory.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define NONE UINT64_MAX

static const struct gro_config gro = { .flows = 4096, .max_packets = 512, .max_bytes = 65535, .merge = GRO_MERGE_TCP };

static const struct memory_limits free_of_limits = { .available = NONE, .cgroup = NONE, .locked = NONE };

struct row {
	const char *what;
	struct memory_limits limits;
	uint32_t queues;
	bool all;
	uint32_t ring, served; /* 0: refused */
	const char *why;       /* a part of cap_why */
};

/* clang-format off: a row a line */
static const struct row rows[] = {
	{ "nothing limits it", { 0, NONE, NONE, NONE }, 64, false, 4096, 64, "nothing" },
	{ "a large machine", { 0, MIB(16384), NONE, NONE }, 16, false, 4096, 16, "a quarter of what the machine" },
	{ "a guest of 768 MiB, one queue", { 0, MIB(600), NONE, NONE }, 1, false, 4096, 1, "machine" },
	{ "a guest of 768 MiB, 16 queues", { 0, MIB(600), NONE, NONE }, 16, false, 512, 16, "machine" },
	{ "a small cgroup on a large machine", { 0, MIB(16384), MIB(256), NONE }, 16, false, 256, 16, "cgroup" },
	{ "asked for", { MIB(64), MIB(16384), NONE, NONE }, 16, false, 256, 16, "--memory" },
	{ "asked for more than a quarter", { MIB(800), MIB(1000), NONE, NONE }, 16, false, 4096, 16, "--memory" },
	{ "asked for more than there is", { MIB(800), MIB(100), NONE, NONE }, 16, false, 512, 16, "has available" },
	{ "asked for more than the cgroup has",
	  { MIB(800), MIB(1000), MIB(64), NONE },
	  16,
	  false,
	  256,
	  16,
	  "left to its" },
	{ "locked memory is limited", { 0, MIB(16384), NONE, MIB(64) }, 16, false, 256, 16, "ulimit -l" },
	{ "fewer queues", { MIB(30), MIB(16384), NONE, NONE }, 16, false, 256, 7, "--memory" },
	{ "all or none", { MIB(30), MIB(16384), NONE, NONE }, 16, true, 0, 0, "--memory" },
	{ "not even one", { MIB(10), MIB(16384), NONE, NONE }, 1, false, 0, 0, "--memory" },
	{ "nothing is left", { 0, 0, NONE, NONE }, 1, false, 0, 0, "machine" },
	{ "most queues, on a small machine", { 0, MIB(2048), NONE, NONE }, 256, false, 256, 177, "machine" },
};
/* clang-format on */

Test(memory, sizes_shrink_until_all_queues_fit)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		const struct memory_need need = { .gro = gro, .queues = row->queues, .all = row->all };
		struct memory_plan plan;
		int err = memory_make(&plan, &row->limits, &need);

		cr_expect_eq(err, row->served ? 0 : -EDQUOT, "%s: %d", row->what, err);
		cr_expect_eq(plan.queues, row->served, "%s: %u queues, not %u", row->what, plan.queues, row->served);
		cr_expect(strstr(plan.cap_why, row->why), "%s: %s", row->what, plan.cap_why);
		if (err)
			continue;
		cr_expect_eq(plan.sizes.ring, row->ring, "%s: rings of %u, not %u", row->what, plan.sizes.ring,
			     row->ring);
		cr_expect_leq(plan.total, plan.cap, "%s: over the cap", row->what);
		cr_expect_eq(plan.total, MEMORY_PROCESS + plan.queues * plan.queue_bytes);
		cr_expect_lt(plan.kernel_bytes, plan.queue_bytes / 10);
	}
}

/* The numbers of memory.h and of the manual. */
Test(memory, what_a_queue_needs)
{
	static const struct {
		uint64_t cap, least, most;
	} sizes[] = { { NONE, MIB(43), MIB(45) }, { MIB(30), MIB(2), MIB(3) } };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct memory_need need = { .gro = gro, .queues = i ? 7 : 1 };
		struct memory_limits limits = free_of_limits;
		struct memory_plan plan;

		limits.asked = sizes[i].cap == NONE ? 0 : sizes[i].cap;
		cr_assert_eq(memory_make(&plan, &limits, &need), 0);
		cr_expect(plan.queue_bytes >= sizes[i].least && plan.queue_bytes <= sizes[i].most, "%lu bytes",
			  (unsigned long)plan.queue_bytes);
	}
}

Test(memory, a_refusal_has_the_numbers_of_the_floor)
{
	const struct memory_need need = { .gro = gro, .queues = 16, .all = true };
	struct memory_limits limits = free_of_limits;
	struct memory_plan plan;

	limits.asked = MIB(20);
	cr_assert_eq(memory_make(&plan, &limits, &need), -EDQUOT);
	cr_expect_eq(plan.cap, MIB(20));
	cr_expect(plan.queue_bytes > MIB(2) && plan.queue_bytes < MIB(3));
}

/* What waits in the TAP is bounded by the cap as well, as far as a short queue allows. */
Test(memory, the_queue_of_the_tap)
{
	static const struct {
		const char *what;
		uint64_t asked;
		uint32_t queues;
		bool port;
		uint32_t len;
		uint64_t bytes;
	} rows[] = {
		{ "nothing limits it", 0, 2, false, 4096, MIB(2 * 272) },
		{ "port mode: it is the operator's", 0, 2, true, 256, MIB(2 * 17) },
		{ "52 MiB of 128 are taken", MIB(128), 1, false, 1024, MIB(68) },
		{ "52 MiB of 70 are taken", MIB(70), 1, false, 256, MIB(17) },
		{ "all is taken, but not less than this", MIB(53), 1, false, 256, MIB(17) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct memory_need need = { .gro = gro, .queues = rows[i].queues, .port = rows[i].port };
		struct memory_limits limits = free_of_limits;
		struct memory_plan plan;

		limits.asked = rows[i].asked;
		cr_assert_eq(memory_make(&plan, &limits, &need), 0);
		cr_expect_eq(plan.tap_len, rows[i].len, "%s: %u", rows[i].what, plan.tap_len);
		cr_expect_eq(memory_tap(&plan), rows[i].bytes, "%s: %lu", rows[i].what,
			     (unsigned long)memory_tap(&plan));
	}
}

/* A queue that comes later gets what is left, and no more than the others. */
Test(memory, a_queue_more)
{
	const struct memory_need need = { .gro = gro, .queues = 1 };
	static struct worker worker[2];
	struct workers workers = { .worker = worker };
	struct memory_limits limits = free_of_limits;
	struct memory_plan plan;
	struct worker_sizes sizes;

	limits.asked = MIB(8 + 33);
	cr_assert_eq(memory_make(&plan, &limits, &need), 0);
	cr_expect_eq(plan.sizes.ring, 2048);
	cr_assert_eq(memory_fit(&plan, &workers, &gro, 1, &sizes), 0);
	cr_expect_eq(sizes.ring, 2048, "the first is as planned");
	worker[0].config.sizes = sizes;
	workers.opened_cnt = 1;
	cr_assert_eq(memory_fit(&plan, &workers, &gro, 1, &sizes), 0);
	cr_expect_eq(sizes.ring, 512, "rings of %u", sizes.ring);
	worker[1].config.sizes = plan.sizes;
	workers.opened_cnt = 2;
	cr_expect_eq(memory_fit(&plan, &workers, &gro, 1, &sizes), -EDQUOT);
}

/* ---- what the machine says ---- */

static char root[] = "/tmp/sptest-memory-XXXXXX";

static void write_file(const char *path, const char *text)
{
	char name[256], *slash;
	FILE *file;

	snprintf(name, sizeof name, "%s%s", root, path);
	for (slash = strchr(name + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(name, 0755);
		*slash = '/';
	}
	file = fopen(name, "w");
	cr_assert_not_null(file, "%s", name);
	fputs(text, file);
	fclose(file);
}

static void begin(void) { cr_assert_not_null(mkdtemp(root)); }

static void end(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", root);
	cr_expect_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

static struct memory_limits read_limits(void)
{
	struct memory_limits limits = { 0 };

	memory_read_limits(&limits, root);
	return limits;
}

TestSuite(memory_limits, .init = begin, .fini = end);

Test(memory_limits, none_are_known)
{
	const struct memory_limits limits = read_limits();

	cr_expect_eq(limits.available, NONE);
	cr_expect_eq(limits.cgroup, NONE);
}

Test(memory_limits, what_the_machine_has_available)
{
	write_file("/proc/meminfo",
		   "MemTotal:       24684288 kB\nMemFree:         200 kB\nMemAvailable:     1024 kB\n");
	cr_expect_eq(read_limits().available, MIB(1));
}

/* The least of our cgroup and those above it, and old cache makes room. */
Test(memory_limits, version_2)
{
	write_file("/proc/self/cgroup", "0::/a/b\n");
	write_file("/sys/fs/cgroup/a/memory.max", "1000000\n");
	write_file("/sys/fs/cgroup/a/memory.current", "600000\n");
	write_file("/sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 100000\n");
	write_file("/sys/fs/cgroup/a/b/memory.max", "max\n");
	write_file("/sys/fs/cgroup/a/b/memory.current", "5\n");
	cr_expect_eq(read_limits().cgroup, 500000);
	write_file("/sys/fs/cgroup/a/b/memory.max", "300000\n");
	cr_expect_eq(read_limits().cgroup, 299995);
	write_file("/sys/fs/cgroup/a/b/memory.current", "400000\n");
	cr_expect_eq(read_limits().cgroup, 0);
}

Test(memory_limits, version_2_in_a_namespace)
{
	write_file("/proc/self/cgroup", "0::/\n");
	write_file("/sys/fs/cgroup/memory.max", "4096\n");
	write_file("/sys/fs/cgroup/memory.current", "96\n");
	cr_expect_eq(read_limits().cgroup, 4000);
	write_file("/proc/self/cgroup", "0::/../other\n");
	cr_expect_eq(read_limits().cgroup, NONE, "outside of it, nothing is seen");
}

Test(memory_limits, version_1)
{
	write_file("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/x\n0::/\n");
	write_file("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "5000\n");
	write_file("/sys/fs/cgroup/memory/x/memory.usage_in_bytes", "1000\n");
	write_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	write_file("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
	cr_expect_eq(read_limits().cgroup, 4000);
}
