// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/memory.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/confine.h"
#include "base/log.h"
#include "daemon/tap_queue.h"
#include "frontend/tap.h"

#define HALVINGS 4 /* from the full sizes to the floor */

#define DEFAULT_SHARE 4 /* one in so many bytes that are available */

#define NO_LIMIT UINT64_MAX

static struct worker_sizes sizes_at(uint32_t halvings)
{
	const struct worker_sizes *full = &worker_sizes_full;

	return (struct worker_sizes){ .ring = full->ring >> halvings,
				      .held = full->held >> halvings,
				      .slots = full->slots >> halvings,
				      .buffers = full->buffers >> halvings };
}

/* ---- limits ---- */

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void limit(struct memory_plan *plan, uint64_t bytes, const char *why)
{
	if (bytes >= plan->cap)
		return;
	plan->cap = bytes;
	plan->cap_why = why;
}

static void find_cap(struct memory_plan *plan, const struct memory_limits *limits)
{
	const uint64_t share = limits->asked ? 1 : DEFAULT_SHARE;

	plan->cap = NO_LIMIT;
	plan->cap_why = "nothing limits it";
	if (limits->asked)
		limit(plan, limits->asked, "--memory");
	if (limits->available != NO_LIMIT)
		limit(plan, limits->available / share,
		      limits->asked ? "what the machine has available" : "a quarter of what the machine has available");
	if (limits->cgroup != NO_LIMIT)
		limit(plan, limits->cgroup / share,
		      limits->asked ? "what is left to its cgroup" : "a quarter of what is left to its cgroup");
	if (limits->locked < NO_LIMIT - MEMORY_PROCESS) /* only the queues' memory is locked */
		limit(plan, limits->locked + MEMORY_PROCESS, "the limit of locked memory, 'ulimit -l'");
}

/* A number behind a word, at the beginning of a line: "MemAvailable:   123 kB". NO_LIMIT when it is not there. */
static uint64_t number_behind(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	unsigned long long number;
	uint64_t found = NO_LIMIT;
	char line[256];

	while (file && found == NO_LIMIT && fgets(line, sizeof line, file))
		if (!strncmp(line, word, strlen(word)) && sscanf(line + strlen(word), " %llu", &number) == 1)
			found = number;
	if (file)
		fclose(file);
	return found;
}

/* The names of files in version 2 of cgroups, and in version 1. */
struct cgroup_names {
	const char *mount, *controller, *max, *used, *cache;
};

static const struct cgroup_names versions[] = {
	{ "/sys/fs/cgroup", "0::", "memory.max", "memory.current", "inactive_file" },
	{ "/sys/fs/cgroup/memory", "memory:", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file" },
};

/* What is left below one cgroup's limit. Files that nobody has used for long make room. */
static uint64_t left_in(const char *directory, const struct cgroup_names *names)
{
	uint64_t max, used, cache;
	char path[1200];

	snprintf(path, sizeof path, "%s/%s", directory, names->max);
	max = number_behind(path, "");
	snprintf(path, sizeof path, "%s/%s", directory, names->used);
	used = number_behind(path, "");
	snprintf(path, sizeof path, "%s/memory.stat", directory);
	cache = number_behind(path, names->cache);
	if (max == NO_LIMIT || max > NO_LIMIT / 4 || used == NO_LIMIT) /* version 1 has a large number for none */
		return NO_LIMIT;
	if (cache != NO_LIMIT)
		used -= at_most(cache, used);
	return max - at_most(used, max);
}

/* Ours in this hierarchy: "" at its root. Returns false when there is none that we could see. */
static bool find_cgroup(const char *root, const char *controller, char *path, size_t room)
{
	char file_name[256], line[1024];
	bool found = false;
	FILE *file;

	snprintf(file_name, sizeof file_name, "%s/proc/self/cgroup", root);
	file = fopen(file_name, "re");
	while (file && !found && fgets(line, sizeof line, file)) {
		char *here = strstr(line, controller);

		if (!here)
			continue;
		here += strlen(controller);
		here[strcspn(here, "\n")] = '\0';
		snprintf(path, room, "%s", strcmp(here, "/") ? here : "");
		found = !strstr(path, "..");
	}
	if (file)
		fclose(file);
	return found;
}

/* Of our cgroup and all above it. */
static uint64_t cgroup_left(const char *root, const struct cgroup_names *names)
{
	char path[1024], directory[1100];
	uint64_t left = NO_LIMIT;
	char *slash;

	if (!find_cgroup(root, names->controller, path, sizeof path - 256))
		return left;
	for (;;) {
		snprintf(directory, sizeof directory, "%.60s%s%.700s", root, names->mount, path);
		left = at_most(left, left_in(directory, names));
		slash = strrchr(path, '/');
		if (!slash)
			return left;
		*slash = '\0';
	}
}

/* With CAP_IPC_LOCK the limit does not count. Without it, the soft one is raised to the hard one (rights.c). */
static uint64_t locked_limit(void)
{
	struct rlimit limit;

	if (confine_capabilities() >> CAP_IPC_LOCK & 1 || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    limit.rlim_max == RLIM_INFINITY)
		return NO_LIMIT;
	return limit.rlim_max;
}

void memory_read_limits(struct memory_limits *limits, const char *root)
{
	char path[256];
	uint64_t kib;

	snprintf(path, sizeof path, "%s/proc/meminfo", root);
	kib = number_behind(path, "MemAvailable:");
	limits->available = kib == NO_LIMIT ? kib : kib << 10;
	limits->cgroup = NO_LIMIT;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		limits->cgroup = at_most(limits->cgroup, cgroup_left(root, &versions[i]));
	limits->locked = locked_limit();
}

/* ---- the plan ---- */

uint64_t memory_tap(const struct memory_plan *plan)
{
	return (uint64_t)plan->queues * plan->tap_len * UMEM_SUPERPACKET_ROOM;
}

static void set_queues(struct memory_plan *plan, const struct memory_need *need, uint32_t queues)
{
	plan->queues = queues;
	plan->total = MEMORY_PROCESS + queues * plan->queue_bytes;
	plan->tap_len = need->port ? TAP_QUEUE_LEN : TAP_QUEUE_LONG;
	while (plan->tap_len > TAP_QUEUE_LEN && plan->total + memory_tap(plan) > plan->cap)
		plan->tap_len /= 2;
}

int memory_make(struct memory_plan *plan, const struct memory_limits *limits, const struct memory_need *need)
{
	uint64_t room;

	*plan = (struct memory_plan){ 0 };
	find_cap(plan, limits);
	room = plan->cap > MEMORY_PROCESS ? plan->cap - MEMORY_PROCESS : 0;
	for (uint32_t halvings = 0; halvings <= HALVINGS; halvings++) {
		plan->sizes = sizes_at(halvings);
		plan->queue_bytes = worker_memory(&plan->sizes, &need->gro, &plan->kernel_bytes);
		if (need->queues * plan->queue_bytes <= room) {
			set_queues(plan, need, need->queues);
			return 0;
		}
	}
	if (need->all || room < plan->queue_bytes)
		return -EDQUOT;
	set_queues(plan, need, (uint32_t)(room / plan->queue_bytes));
	return 0;
}

#define MIB(bytes) ((double)(bytes) / (1 << 20))

int memory_check(struct memory_plan *plan, const struct config *config, const char *interface, uint32_t queues,
		 bool all)
{
	const struct memory_need need = {
		.gro = config->gro, .queues = queues, .all = all, .port = config->mode == CONFIG_PORT
	};
	struct memory_limits limits = { .asked = config->memory };
	int err;

	memory_read_limits(&limits, "");
	err = memory_make(plan, &limits, &need);
	if (err) {
		log_error(
			"%s: %u queue%s need%s %.1f MiB at least, and may have %.1f MiB (%s); give more with --memory, "
			"or serve fewer with --queues",
			interface, queues, queues == 1 ? "" : "s", queues == 1 ? "s" : "",
			MIB(MEMORY_PROCESS + queues * plan->queue_bytes), MIB(plan->cap), plan->cap_why);
		return err;
	}
	if (plan->queues < queues)
		log_warning("%s: of its %u queues the first %u are served, and the kernel carries the rest: all would "
			    "need %.1f MiB, and may have %.1f MiB (%s); give more with --memory",
			    interface, queues, plan->queues, MIB(MEMORY_PROCESS + queues * plan->queue_bytes),
			    MIB(plan->cap), plan->cap_why);
	return 0;
}

void memory_say(const struct memory_plan *plan, const char *interface)
{
	log_info("%s: memory: %.1f MiB, for %u queue%s of %.1f MiB (%.1f MiB of it the kernel's) and %.1f MiB beside; "
		 "up to %u packets a queue may wait in the TAP, which takes %.0f MiB more at most",
		 interface, MIB(plan->total), plan->queues, plan->queues == 1 ? "" : "s", MIB(plan->queue_bytes),
		 MIB(plan->kernel_bytes), MIB(MEMORY_PROCESS), plan->tap_len, MIB(memory_tap(plan)));
	if (plan->sizes.ring < worker_sizes_full.ring)
		log_warning(
			"%s: rings have %u entries instead of %u, so that all fits into %.1f MiB (%s); longer bursts "
			"are lost; give more with --memory, or serve fewer queues with --queues",
			interface, plan->sizes.ring, worker_sizes_full.ring, MIB(plan->cap), plan->cap_why);
}

uint64_t memory_used(const struct workers *workers, const struct gro_config *gro)
{
	uint64_t used = MEMORY_PROCESS, kernel;

	for (; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->opened_cnt; q++)
			used += worker_memory(&workers->worker[q].config.sizes, gro, &kernel);
	return used;
}

int memory_fit(const struct memory_plan *plan, const struct workers *workers, const struct gro_config *gro,
	       uint32_t more, struct worker_sizes *sizes)
{
	const uint64_t used = memory_used(workers, gro);
	uint64_t kernel;

	for (uint32_t halvings = 0; halvings <= HALVINGS; halvings++) {
		*sizes = sizes_at(halvings);
		if (sizes->ring <= plan->sizes.ring && used + more * worker_memory(sizes, gro, &kernel) <= plan->cap)
			return 0;
	}
	return -EDQUOT;
}
