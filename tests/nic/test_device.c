// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a device tells by generic netlink and ethtool, against the kernel.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "nic/netlink.h"
#include "nic/restore.h"
#include "nic/uapi_compat.h"
#include "nic_bed.h"

TestSuite(device, .init = set_up, .timeout = 240);

/* ---- generic netlink ----------------------------------------------------------------- */

static void needs_netdev_family(void)
{
	uint16_t family;

	if (genl_family(COMPAT_NETDEV_FAMILY, &family))
		cr_skip_test("a kernel without the family netdev (6.3)");
}

Test(device, a_family_that_is_not_there_is_enoent)
{
	uint16_t family;

	cr_expect_eq(genl_family("nosuchfamily", &family), -ENOENT);
}

Test(device, veth_says_what_it_can)
{
	struct netdev_xdp xdp;

	needs_netdev_family();
	xdp = device("nic").xdp;
	cr_expect(xdp.told & NETDEV_TOLD_FEATURES);
	cr_expect(xdp.features & COMPAT_NETDEV_XDP_BASIC);
	cr_expect(xdp.features & COMPAT_NETDEV_XDP_REDIRECT);
	cr_expect(xdp.features & COMPAT_NETDEV_XDP_RX_SG);
	cr_expect(!(xdp.features & COMPAT_NETDEV_XDP_XSK_ZEROCOPY));
	cr_expect(!(xdp.told & NETDEV_TOLD_ZC_MAX_SEGS), "told only by a driver with zero copy");
	if (xdp.told & NETDEV_TOLD_XSK_FEATURES)
		cr_expect(!(xdp.xsk_features & COMPAT_NETDEV_XSK_TX_CHECKSUM));
}

/* A device of another kind gives another answer. */
Test(device, a_device_without_xdp_says_so)
{
	struct netdev_xdp xdp;

	needs_netdev_family();
	run("ip link add name none type bridge");
	xdp = device("none").xdp;
	cr_expect(xdp.told & NETDEV_TOLD_FEATURES);
	cr_expect_eq(xdp.features, 0, "0x%llx", (unsigned long long)xdp.features);
}

Test(device, bits_have_the_names_of_the_specification)
{
	cr_expect_str_eq(netdev_xdp_name(0), "basic");
	cr_expect_str_eq(netdev_xdp_name(3), "xsk-zerocopy");
	cr_expect_str_eq(netdev_xdp_name(5), "rx-sg");
	cr_expect_str_eq(netdev_rx_metadata_name(2), "vlan-tag");
	cr_expect_str_eq(netdev_xsk_name(1), "tx-checksum");
	cr_expect_eq(netdev_xdp_name(7), NULL, "unknown bits have no name");
	cr_expect_eq(netdev_xsk_name(63), NULL);
}

/* ---- features ------------------------------------------------------------------------ */

#define SWITCHABLE (1u << FEATURE_VLAN | 1u << FEATURE_VLAN_STAG | 1u << FEATURE_GRO | 1u << FEATURE_UDP_GRO_FORWARDING)

/* One feature that veth can switch: ethtool sees what features_set() does, and the other way around. */
static void agrees_with_ethtool(enum feature f)
{
	const uint32_t before = device("nic").features.on;
	char command[128];

	for (int on = 0; on <= 1; on++) {
		snprintf(command, sizeof(command), "ethtool -K nic %s %s", features_name(f), on ? "on" : "off");
		run(command);
		cr_expect_eq(device("nic").features.on >> f & 1, on, "%s", command);
		cr_expect_eq(device("nic").features.wanted >> f & 1, on, "%s", command);
	}
	cr_expect(device("nic").features.changeable >> f & 1);
	for (int on = 0; on <= 1; on++) {
		cr_expect_eq(features_set("nic", 1u << f, (uint32_t)on << f), 0);
		snprintf(command, sizeof(command), "ethtool -k nic | grep -q '%s: %s$'", features_name(f),
			 on ? "on" : "off");
		run(command);
		cr_expect_eq((device("nic").features.on ^ before) & ~(1u << f), 0, "%s: others have changed",
			     features_name(f));
	}
}

Test(device, features_as_ethtool_says)
{
	for (int f = 0; f < FEATURE_CNT; f++)
		if (SWITCHABLE >> f & 1)
			agrees_with_ethtool((enum feature)f);
}

Test(device, several_features_at_once)
{
	const uint32_t both = 1u << FEATURE_VLAN | 1u << FEATURE_GRO;

	cr_expect_eq(features_set("nic", both, both), 0);
	cr_expect_eq(device("nic").features.on & both, both);
	cr_expect_eq(features_set("nic", both, 1u << FEATURE_GRO), 0);
	cr_expect_eq(device("nic").features.on & both, 1u << FEATURE_GRO);
	cr_expect_eq(features_set("nic", 0, both), 0, "an empty set changes nothing");
	cr_expect_eq(device("nic").features.on & both, 1u << FEATURE_GRO);
}

Test(device, what_is_fixed_stays_and_is_said)
{
	const uint32_t lro = 1u << FEATURE_LRO;

	cr_expect(!(device("nic").features.on & lro));
	cr_expect(!(device("nic").features.changeable & lro), "veth has none");
	cr_expect_neq(features_set("nic", lro, lro), 0);
	cr_expect(!(device("nic").features.on & lro));
}

Test(device, features_of_no_interface_are_enodev)
{
	struct features features;

	cr_expect_eq(features_read("missing", &features), -ENODEV);
	cr_expect_eq(features.on, 0);
	cr_expect_eq(features_read("longer-than-15-characters", &features), -ENODEV);
	cr_expect_eq(features_set("missing", 1u << FEATURE_VLAN, 0), -ENODEV);
}

Test(device, features_are_found_by_their_names)
{
	for (int f = 0; f < FEATURE_CNT; f++)
		cr_expect_eq(features_find(features_name((enum feature)f)), (enum feature)f);
	cr_expect_eq(features_find("rx-lro"), FEATURE_CNT, "not the name that is shown");
	cr_expect_eq(features_find(""), FEATURE_CNT);
}

/* ---- restoring ----------------------------------------------------------------------- */

static struct restore_note note_of(const char *name, uint32_t on)
{
	const struct netdev dev = device(name);
	struct restore_note note = { .ifindex = dev.ifindex, .on = on };

	strcpy(note.interface, dev.name);
	memcpy(note.mac, dev.mac, sizeof(note.mac));
	return note;
}

Test(device, what_is_noted_and_off_is_switched_on_again)
{
	const uint32_t gro = 1u << FEATURE_GRO, vlan = 1u << FEATURE_VLAN;
	const struct restore_note note = note_of("nic", gro | vlan);
	uint32_t restored = 0, others;

	run("ethtool -K nic gro off rxvlan on rx-udp-gro-forwarding off");
	others = device("nic").features.on & ~gro;
	cr_expect_eq(restore_apply(&note, &restored), 0);
	cr_expect_eq(restored, gro, "the other was on");
	cr_expect_eq(device("nic").features.on, others | gro);
	restored = 0;
	cr_expect_eq(restore_apply(&note, &restored), 0);
	cr_expect_eq(restored, 0);
}

Test(device, an_interface_is_known_again_by_its_name_or_its_address)
{
	const struct restore_note note = note_of("nic", 1u << FEATURE_GRO);
	uint32_t restored = 0;
	char name[IFNAMSIZ];

	cr_expect(restore_find(&note, name));
	cr_expect_str_eq(name, "nic");
	run("ip link set nic down; ip link set nic name new up");
	cr_expect(restore_find(&note, name));
	cr_expect_str_eq(name, "new");
	run("ip link set new address 02:00:00:00:00:55");
	cr_expect(!restore_find(&note, name), "neither");
	cr_expect_eq(restore_apply(&note, &restored), -ENODEV);
	run("ip link set new down; ip link set new name nic up");
	cr_expect(restore_find(&note, name));
}

Test(device, another_interface_of_the_same_name_is_another_one)
{
	const struct restore_note note = note_of("nic", 1u << FEATURE_GRO);
	uint32_t restored = 0;

	run("ip link del nic; ip link add name nic type veth peer name wire");
	run("ethtool -K nic gro off");
	cr_expect_eq(restore_apply(&note, &restored), -ENODEV);
	cr_expect(!(device("nic").features.on & 1u << FEATURE_GRO));
}
