// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <string.h>

#include "nic/netdev_stack.h"
#include "nic_bed.h"

TestSuite(netdev_stack, .init = set_up, .timeout = 240);

static struct netdev_stack stack_of(const char *name)
{
	struct netdev_stack stack;

	cr_assert_eq(netdev_stack_read(if_nametoindex(name), &stack), 0);
	return stack;
}

Test(netdev_stack, a_veth_has_a_peer_and_nothing_else)
{
	const struct netdev_stack stack = stack_of("nic");

	cr_expect_eq(stack.ports.cnt, 0);
	cr_expect_eq(stack.above.cnt, 0);
	cr_expect_str_eq(stack.parent, "");
}

Test(netdev_stack, ports_and_their_master)
{
	struct netdev_stack bridge;

	run("ip link add br0 type bridge; ip link set nic master br0; ip link set wire master br0");
	bridge = stack_of("br0");
	cr_assert_eq(bridge.ports.cnt, 2);
	cr_expect(!strcmp(bridge.ports.name[0], "nic") || !strcmp(bridge.ports.name[1], "nic"));
	cr_expect_eq(bridge.above.cnt, 0);
	cr_expect_eq(stack_of("nic").above.cnt, 1);
	cr_expect_str_eq(stack_of("nic").above.name[0], "br0");
	cr_expect_eq(stack_of("nic").ports.cnt, 0);
}

Test(netdev_stack, more_ports_than_are_named)
{
	run("ip link add br0 type bridge");
	run("for i in 0 1 2 3 4 5 6 7 8 9; do ip link add p$i master br0 type veth peer name q$i; done");
	cr_expect_eq(stack_of("br0").ports.cnt, 10);
}

Test(netdev_stack, parent_and_child)
{
	run("ip link add link nic name child type macvlan");
	cr_expect_str_eq(stack_of("child").parent, "nic");
	cr_expect(!stack_of("child").parent_elsewhere);
	cr_expect_eq(stack_of("nic").above.cnt, 1);
	cr_expect_str_eq(stack_of("nic").above.name[0], "child");
	cr_expect_eq(stack_of("wire").above.cnt, 0);
	cr_expect_str_eq(stack_of("nic").xdp_above, "");
}

Test(netdev_stack, a_tunnel_bound_to_a_nic)
{
	run("ip link add child type vxlan id 5 dstport 4789 remote 192.0.2.2 dev nic");
	cr_expect_str_eq(stack_of("child").parent, "nic");
}
