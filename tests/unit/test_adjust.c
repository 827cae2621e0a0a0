// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <string.h>

#include "nic/adjust.h"

#define LRO (1u << FEATURE_LRO)
#define GRO_HW (1u << FEATURE_GRO_HW)
#define VLAN (1u << FEATURE_VLAN)
#define STAG (1u << FEATURE_VLAN_STAG)
#define GRO (1u << FEATURE_GRO)
#define UDP_FORWARDING (1u << FEATURE_UDP_GRO_FORWARDING)
#define TX_CHECKSUM (1u << FEATURE_TX_CHECKSUM)
#define ALL ((1u << FEATURE_CNT) - 1)

static const struct {
	const char *what;
	struct adjust_facts facts;
	uint32_t off, explained;
} cases[] = {
	{ "a NIC with nothing on is not touched", { .features = { .on = 0, .changeable = ALL } }, 0, 0 },
	{ "LRO", { .features = { .on = LRO, .changeable = ALL } }, LRO, 0 },
	{ "GRO in hardware", { .features = { .on = GRO_HW, .changeable = ALL } }, GRO_HW, 0 },
	{ "LRO that is fixed", { .features = { .on = LRO, .changeable = ALL & ~LRO } }, 0, LRO },
	{ "tags beside the frame", { .features = { .on = VLAN | STAG, .changeable = ALL } }, VLAN | STAG, 0 },
	{ "which cannot be switched off", { .features = { .on = VLAN, .changeable = 0 } }, 0, VLAN },
	{ "on veth it is the peer", { .features = { .on = VLAN | STAG, .changeable = ALL }, .veth = true }, 0, VLAN },
	{ "GRO behind native XDP hurts nobody",
	  { .features = { .on = GRO | UDP_FORWARDING, .changeable = ALL } },
	  0,
	  0 },
	{ "GRO in front of generic XDP",
	  { .features = { .on = GRO | UDP_FORWARDING, .changeable = ALL }, .generic = true },
	  GRO,
	  0 },
	{ "on veth, too", { .features = { .on = GRO, .changeable = ALL }, .generic = true, .veth = true }, GRO, 0 },
	{ "which is fixed", { .features = { .on = GRO, .changeable = 0 }, .generic = true }, 0, GRO },
	{ "everything at once",
	  { .features = { .on = ALL, .changeable = ALL }, .generic = true },
	  ALL & ~(UDP_FORWARDING | TX_CHECKSUM),
	  0 },
	{ "what is wanted and not in force does not hurt",
	  { .features = { .on = 0, .wanted = ALL, .changeable = ALL }, .generic = true },
	  0,
	  0 },
};

Test(adjust, what_hurts_is_switched_off_or_explained)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t explained = 0;

		for (int f = 0; f < FEATURE_CNT; f++) {
			const struct adjust adjust = adjust_decide(&cases[i].facts, (enum feature)f);

			explained |= (uint32_t)(adjust.what == ADJUST_EXPLAIN) << f;
			cr_expect_eq(adjust.why == NULL, adjust.what == ADJUST_LEAVE, "%s: %s", cases[i].what,
				     features_name((enum feature)f));
		}
		cr_expect_eq(adjust_off(&cases[i].facts), cases[i].off, "%s: 0x%x", cases[i].what,
			     adjust_off(&cases[i].facts));
		cr_expect_eq(explained, cases[i].explained, "%s: 0x%x", cases[i].what, explained);
	}
}

Test(adjust, the_peer_of_a_veth_is_named_with_its_command)
{
	const struct adjust_facts facts = { .features = { .on = VLAN }, .veth = true };

	cr_expect(strstr(adjust_decide(&facts, FEATURE_VLAN).why, "ethtool -K PEER txvlan off"));
}
