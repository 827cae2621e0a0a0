// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "daemon/devices.h"

int netdev_stack_read(uint32_t ifindex, struct netdev_stack *stack)
{
	(void)ifindex;
	*stack = (struct netdev_stack){ 0 };
	return 0;
}

bool netdev_is_veth(const struct netdev *dev) { return !strcmp(dev->kind, "veth"); }

#define PORTS(...) \
	{ \
		.ports = {.cnt = sizeof((const char[][IFNAMSIZ]){ __VA_ARGS__ }) / IFNAMSIZ, .name = { __VA_ARGS__ } } \
	}
#define MERGED "which gets what its ports have merged already; name a port instead: "

static const struct {
	const char *sentence, *kind, *driver;
	struct netdev_stack stack;
	const char *text; /* NULL: served */
	bool not_ethernet, vnet_hdr, loopback;
	struct features features;
} cases[] = {
	{ "hardware has no kind", "", "mlx5_core", .text = NULL },
	{ "hardware that is a port", "", "ice", .stack = { .above = { .cnt = 1, .name = { "br0" } } }, .text = NULL },
	{ "VLANs on a NIC that leaves the tags in, when told to", "", "ixgbe", .stack = { .vlan_above = true },
	  .text = NULL, .features = { .on = 1 << FEATURE_VLAN, .changeable = 1 << FEATURE_VLAN } },
	{ "VLANs on a NIC that does not", "", "vmxnet3", .stack = { .vlan_above = true },
	  .features = { .on = 1 << FEATURE_VLAN },
	  .text = "has a VLAN on it, and its driver always takes the tags out of frames (rx-vlan-offload is fixed): "
		  "the "
		  "traffic of the VLAN would be lost" },
	{ "such a NIC without VLANs", "", "vmxnet3", .features = { .on = 1 << FEATURE_VLAN }, .text = NULL },
	{ "virtio_net", "", "virtio_net", .text = NULL },
	{ "a kind that we do not know", "hsr2", "", .text = NULL },
	{ "a veth, whose parent is its peer", "veth", "veth", .stack = { .parent_elsewhere = true }, .text = NULL },
	{ "netvsc without a VF", "", "hv_netvsc", .text = NULL },
	{ "netvsc with a VF", "", "hv_netvsc", .stack = PORTS("enP1s1"),
	  .text = "is the synthetic side of a VF, " MERGED "enP1s1" },
	{ "the VF behind it", "", "mana", .stack = { .above = { .cnt = 1, .name = { "eth0" } } }, .text = NULL },
	{ "net_failover", "", "net_failover", .stack = PORTS("eth0nsby", "ens5"),
	  .text = "is a failover pair, " MERGED "eth0nsby, ens5" },
	{ "a master of a kind that we do not know", "rmnet9", "", .stack = PORTS("a", "b"),
	  .text = "is a master of other interfaces, " MERGED "a, b" },
	{ "one on another, of a kind that we do not know", "virt_wifi", "", .stack = { .parent = "eth0" },
	  .text = "is an interface on another one, which gets what eth0 has merged already; name eth0 instead" },
	{ "a bridge without ports", "bridge", "bridge",
	  .text = "is a bridge, and has no port yet that could be named instead" },
	{ "a parent elsewhere", "macvlan", "macvlan", .stack = { .parent_elsewhere = true },
	  .text = "is a macvlan, which gets what its parent has merged already; name its parent instead, which is in "
		  "another "
		  "network namespace" },
	{ "a hint", "vlan", "802.1Q VLAN Support", .stack = { .parent = "eth0" },
	  .text = "is a VLAN, which gets what eth0 has merged already; name eth0 instead; VLAN tags are carried "
		  "along" },
	{ "a tunnel bound to a NIC", "vxlan", "vxlan", .stack = { .parent = "eth0" },
	  .text = "is a VXLAN tunnel; name the NIC that carries it instead: eth0; --merge vxlan merges inside the "
		  "tunnel" },
	{ "a tunnel bound to none, not Ethernet", "wireguard", "wireguard",
	  .text = "is a WireGuard tunnel; name the NIC that carries it instead", .not_ethernet = true },
	{ "not Ethernet, of no known kind", "gtp", "gtp",
	  .text = "is not Ethernet (gtp); superpacketd serves Ethernet only, so name a NIC", .not_ethernet = true },
	{ "not Ethernet, without a kind", "", "ib_ipoib",
	  .text = "is not Ethernet; superpacketd serves Ethernet only, so name a NIC", .not_ethernet = true },
	{ "lo", "", "", .text = "is the loopback interface, which has no wire; name a NIC", .not_ethernet = true,
	  .loopback = true },
	{ "a TAP of plain frames", "tun", "tun", .text = NULL },
	{ "a TAP of superpackets", "tun", "tun",
	  .text = "is a TAP of a virtual machine, which superpackets cross whole; name a NIC", .vnet_hdr = true },
};

Test(devices, each_kind_has_its_verdict)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct netdev dev = { .name = "it",
				      .ethernet = !cases[i].not_ethernet,
				      .loopback = cases[i].loopback,
				      .vnet_hdr = cases[i].vnet_hdr,
				      .features = cases[i].features };
		char text[DEVICES_TEXT] = "";
		bool served;

		snprintf(dev.kind, sizeof(dev.kind), "%s", cases[i].kind);
		snprintf(dev.driver, sizeof(dev.driver), "%s", cases[i].driver);
		served = devices_served(&dev, &cases[i].stack, text);
		cr_expect_eq(served, !cases[i].text, "%s: %s", cases[i].sentence, text);
		if (cases[i].text)
			cr_expect_str_eq(text, cases[i].text, "%s: %s", cases[i].sentence, text);
	}
}

Test(devices, many_ports_are_counted)
{
	const struct netdev dev = { .name = "it", .ethernet = true, .kind = "bridge" };
	struct netdev_stack stack = { .ports.cnt = 2000 };
	char text[DEVICES_TEXT];

	for (int i = 0; i < NETDEV_NAMES_MAX; i++)
		snprintf(stack.ports.name[i], IFNAMSIZ, "veth-%010d", i);
	cr_expect(!devices_served(&dev, &stack, text));
	cr_expect(strstr(text, ", veth-0000000007 and 1992 more"), "%s", text);
}

/* Of a member, the VLANs are on its bond. */
Test(devices, a_member_loses_the_tags_of_its_bond_s_vlans_if_its_driver_always_takes_them)
{
	const struct netdev_stack vlan = { .vlan_above = true }, none = { 0 };
	const struct features fixed = { .on = 1 << FEATURE_VLAN };
	const struct features told = { .on = 1 << FEATURE_VLAN, .changeable = 1 << FEATURE_VLAN };
	const struct netdev member = { .features = fixed }, other = { .features = told };

	cr_expect(devices_loses_tags(&member, &vlan));
	cr_expect_not(devices_loses_tags(&member, &none));
	cr_expect_not(devices_loses_tags(&other, &vlan));
}
