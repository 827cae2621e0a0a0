// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/cpus.h"

#include <stdio.h>
#include <stdlib.h>

/* Digits only. Moves *text behind them. */
static bool parse_cpu(const char **text, uint32_t *cpu)
{
	const char *begin = *text;

	*cpu = 0;
	for (; **text >= '0' && **text <= '9' && *cpu < CPUS_MAX; ++*text)
		*cpu = *cpu * 10 + (uint32_t)(**text - '0');
	return *text != begin && *cpu < CPUS_MAX;
}

static bool add(struct cpus *cpus, cpu_set_t *seen, uint32_t cpu)
{
	if (CPU_ISSET(cpu, seen))
		return false;
	CPU_SET(cpu, seen);
	cpus->cpu[cpus->cnt++] = (uint16_t)cpu;
	return true;
}

bool cpus_parse(struct cpus *cpus, const char *text)
{
	cpu_set_t seen;
	uint32_t first, last;

	CPU_ZERO(&seen);
	cpus->cnt = 0;
	for (;;) {
		if (!parse_cpu(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!parse_cpu(&text, &last) || last < first)
				return false;
		}
		while (first <= last)
			if (!add(cpus, &seen, first++))
				return false;
		if (*text != ',')
			return !*text || (*text == '\n' && !text[1]);
		text++;
	}
}

void cpus_restrict(struct cpus *cpus, const cpu_set_t *allowed)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpus->cnt; i++)
		if (CPU_ISSET(cpus->cpu[i], allowed))
			cpus->cpu[kept++] = cpus->cpu[i];
	cpus->cnt = kept;
}

int cpus_of(const struct cpus *cpus, uint32_t queue)
{
	return cpus->cnt ? cpus->cpu[queue % cpus->cnt] : -1;
}

void cpus_allowed(cpu_set_t *allowed)
{
	CPU_ZERO(allowed);
	(void)sched_getaffinity(0, sizeof *allowed, allowed);
}

/* A line of a file; false when there is none. */
static bool read_line(const char *path, char *line, int room)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(line, room, file);

	if (file)
		fclose(file);
	return got;
}

/* The node of the NIC's device, or of the device that it is part of, as the PCI function is above that of virtio. Not
 * by /sys/class/net, which may show another network namespace. -1: the machine does not say. */
static int numa_node(const struct netdev *dev)
{
	static const char *const forms[] = { "/sys/bus/%s/devices/%s/numa_node",
					     "/sys/bus/%s/devices/%s/../numa_node" };
	char path[256], line[16];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, forms[i], dev->parent_bus, dev->parent);
		if (read_line(path, line, sizeof line))
			return atoi(line);
	}
	return -1;
}

static bool node_cpus(struct cpus *cpus, int node)
{
	char path[64], line[4096];

	snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
	return read_line(path, line, sizeof line) && cpus_parse(cpus, line);
}

static void all_cpus(struct cpus *cpus)
{
	for (cpus->cnt = 0; cpus->cnt < CPUS_MAX; cpus->cnt++)
		cpus->cpu[cpus->cnt] = (uint16_t)cpus->cnt;
}

void cpus_near(struct cpus *cpus, const struct netdev *dev)
{
	cpu_set_t allowed;
	int node;

	cpus->cnt = 0;
	cpus->why = "no device of hardware is behind the interface";
	if (!*dev->parent)
		return;
	cpus_allowed(&allowed);
	node = numa_node(dev);
	if (node >= 0 && node_cpus(cpus, node))
		cpus_restrict(cpus, &allowed);
	cpus->why = "those near the NIC";
	if (cpus->cnt)
		return;
	all_cpus(cpus);
	cpus_restrict(cpus, &allowed);
	cpus->why = "all: the machine names none near the NIC";
}
