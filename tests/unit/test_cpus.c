// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <stdio.h>

#include "daemon/cpus.h"

static struct cpus cpus;

static void expect_cpus(const uint16_t *cpu, uint32_t cnt)
{
	cr_assert_eq(cpus.cnt, cnt, "%u CPUs, not %u", cpus.cnt, cnt);
	for (uint32_t i = 0; i < cnt; i++)
		cr_expect_eq(cpus.cpu[i], cpu[i], "entry %u is %u, not %u", i, cpus.cpu[i], cpu[i]);
}

Test(cpus, lists_keep_their_order)
{
	cr_assert(cpus_parse(&cpus, "7,0-2,5-5"));
	expect_cpus((const uint16_t[]){ 7, 0, 1, 2, 5 }, 5);
	cr_assert(cpus_parse(&cpus, "1023"));
	expect_cpus((const uint16_t[]){ 1023 }, 1);
	cr_assert(cpus_parse(&cpus, "0-1\n"), "as sysfs has it");
	expect_cpus((const uint16_t[]){ 0, 1 }, 2);
}

Test(cpus, anything_else_is_refused)
{
	static const char *const wrong[] = {
		"",    "\n", "-1",  "1-",    "2-1",  "1,",         ",1",     "1,,2", "1 2",
		"0x1", "a",  "1,1", "0-3,2", "1024", "4294967296", "0-1024", "1\n2", "1;2"
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		cr_expect_not(cpus_parse(&cpus, wrong[i]), "'%s'", wrong[i]);
}

Test(cpus, queues_take_turns_when_there_are_fewer_cpus)
{
	cr_assert(cpus_parse(&cpus, "4,9"));
	cr_expect_eq(cpus_of(&cpus, 0), 4);
	cr_expect_eq(cpus_of(&cpus, 1), 9);
	cr_expect_eq(cpus_of(&cpus, 2), 4);
	cpus.cnt = 0;
	cr_expect_eq(cpus_of(&cpus, 0), -1, "none: any");
}

Test(cpus, what_is_not_allowed_is_left_out)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	CPU_SET(2, &allowed);
	CPU_SET(7, &allowed);
	cr_assert(cpus_parse(&cpus, "7,0-3"));
	cpus_restrict(&cpus, &allowed);
	expect_cpus((const uint16_t[]){ 7, 2 }, 2);
}

Test(cpus, an_interface_without_device_is_near_to_none_and_one_with_to_what_we_may_use)
{
	struct netdev dev = { 0 };
	cpu_set_t allowed;

	cpus_near(&cpus, &dev);
	cr_expect_eq(cpus.cnt, 0);
	snprintf(dev.parent, sizeof dev.parent, "no-such-device");
	snprintf(dev.parent_bus, sizeof dev.parent_bus, "pci");
	cpus_near(&cpus, &dev);
	cpus_allowed(&allowed);
	cr_expect_eq(cpus.cnt, (uint32_t)CPU_COUNT(&allowed), "%s", cpus.why);
	for (uint32_t i = 0; i < cpus.cnt; i++)
		cr_expect(CPU_ISSET(cpus.cpu[i], &allowed));
}
