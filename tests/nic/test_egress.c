// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What is found on a NIC's way out: qdiscs, filters, programs. What the daemon makes of it is tests/net/test_egress.py.
 */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic/egress.h"
#include "nic/egress_filter.h"
#include "nic/uapi_compat.h"
#include "nic_bed.h"

TestSuite(egress, .init = set_up, .timeout = 120);

#define OTHERS "u32 match ip protocol 99 0xff action mirred egress redirect dev wire"

static uint32_t nic(void) { return device("nic").ifindex; }

static struct egress_found look(void)
{
	struct egress_found found;

	cr_assert_eq(egress_look(nic(), &found), 0);
	return found;
}

static int pass_program(void)
{
	const struct bpf_insn next[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "next", "GPL", next, 2, NULL);

	cr_assert_geq(fd, 0, "%s", strerror(errno));
	return fd;
}

Test(egress, qdiscs)
{
	static const struct {
		const char *qdisc, *obstacle;
	} cases[] = {
		{ "pfifo", "" },
		{ "bfifo", "" },
		{ "pfifo_fast", "" },
		{ "handle 5: htb", "root qdisc htb 5:" },
		{ "handle 6: tbf rate 10mbit burst 32k latency 50ms", "root qdisc tbf 6:" },
	};
	char command[128];

	cr_expect_str_eq(look().obstacle, "", "noqueue");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(command, sizeof(command), "tc qdisc replace dev nic root %s", cases[i].qdisc);
		run(command);
		cr_expect_str_eq(look().obstacle, cases[i].obstacle, "%s: '%s'", cases[i].qdisc, look().obstacle);
	}
	run("tc qdisc replace dev wire root handle 7: htb");
	run("tc qdisc del dev nic root");
	cr_expect_str_eq(look().obstacle, "", "the qdisc of another interface");
}

Test(egress, filters)
{
	struct egress_found found;

	run("tc qdisc add dev nic clsact");
	cr_expect(!look().filters);
	run("tc filter add dev nic ingress pref 3 protocol ip " OTHERS);
	cr_expect(!look().filters, "of the ingress");
	run("tc filter add dev nic egress pref 3 protocol ip " OTHERS);
	found = look();
	cr_expect(found.filters && !found.shared && !found.ours);
	cr_expect_str_eq(found.obstacle, "");
	run("tc filter del dev nic egress pref 3");
	cr_expect(!look().filters);
}

/* The qdisc "ingress" has the handle of clsact, and answers for its filters whichever side it is asked about. */
Test(egress, filters_of_the_qdisc_ingress)
{
	run("tc qdisc add dev nic ingress");
	run("tc filter add dev nic parent ffff: pref 3 protocol ip " OTHERS);
	cr_expect(!look().filters);
	cr_expect_neq(egress_filter_add(nic(), pass_program()), 0, "ours would be on the ingress");
	cr_expect_eq(egress_filter_remove(nic()), -ENOENT);
}

Test(egress, filters_in_a_shared_block)
{
	run("tc qdisc add dev nic egress_block 12 clsact");
	cr_expect(!look().filters);
	run("tc filter add block 12 pref 3 protocol ip " OTHERS);
	cr_expect(look().shared);
}

Test(egress, our_filter_is_last_and_goes)
{
	const int fd = pass_program();

	cr_expect_neq(egress_filter_add(nic(), fd), 0, "there is no clsact");
	cr_expect_eq(egress_filter_remove(nic()), -ENOENT);
	run("tc qdisc add dev nic clsact");
	cr_assert_eq(egress_filter_add(nic(), fd), 0);
	cr_expect_eq(egress_filter_add(nic(), fd), 0, "in place of itself");
	cr_expect(look().ours && !look().filters);
	run("tc filter add dev nic egress pref 65534 protocol ip " OTHERS);
	cr_expect(look().ours && look().filters);
	run("tc filter show dev nic egress | grep pref | tail -n 1 | grep -q 'pref 65535.*superpacketd'");
	cr_expect_eq(egress_filter_remove(nic()), 0);
	cr_expect(!look().ours && look().filters);
	cr_expect_eq(egress_filter_remove(nic()), -ENOENT);
}

/* Another kind of filter has the last priority: it is somebody's, and ours does not fit. */
Test(egress, last_priority_of_somebody_else)
{
	run("tc qdisc add dev nic clsact");
	run("tc filter add dev nic egress pref 65535 protocol ip " OTHERS);
	cr_expect(look().filters && !look().ours);
	cr_expect_neq(egress_filter_add(nic(), pass_program()), 0);
	cr_expect_eq(egress_filter_remove(nic()), -ENOENT);
	cr_expect(look().filters);
}

Test(egress, tcx_programs)
{
	const int link = bpf_link_create(pass_program(), (int)nic(), COMPAT_BPF_TCX_EGRESS, NULL);

	if (link < 0)
		cr_skip_test("this kernel has no tcx links");
	cr_expect_eq(egress_programs(nic()), 1);
	cr_expect_str_eq(look().obstacle, "");
	close(link);
	cr_expect_eq(egress_programs(nic()), 0);
}
