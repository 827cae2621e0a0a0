// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/adjust.h"

static const struct {
	const char *off, *fixed; /* why it is switched off; what to say when it cannot be */
	bool generic_only;
} reasons[FEATURE_CNT] = {
	[FEATURE_LRO ... FEATURE_GRO_HW] = { /* neighbours */
		.off = "it joins packets before XDP sees them",
		.fixed = "it joins packets before XDP sees them, and its driver cannot switch it off: the kernel "
			 "carries what is longer than the MTU; see 'ethtool -k'",
	},
	[FEATURE_VLAN] = {
		.off = "the VLAN tags that it takes out of frames would be lost",
		.fixed = "the VLAN tags that it takes out of frames are lost, and its driver cannot switch it off: use "
			 "no VLANs on this NIC",
	},
	[FEATURE_VLAN_STAG] = {
		.off = "the VLAN tags that it takes out of frames would be lost",
		.fixed = "the VLAN tags that it takes out of frames are lost, and its driver cannot switch it off: use "
			 "no 802.1ad VLANs on this NIC",
	},
	[FEATURE_GRO] = {
		.off = "it comes before generic XDP, and packets that it joins would overtake those that are held",
		.fixed = "it comes before generic XDP and cannot be switched off: packets that it joins may overtake "
			 "those that are held; use a NIC with native XDP",
		.generic_only = true,
	},
};

/* On veth the peer passes the tag beside the frame, whatever feature this end has. */
static struct adjust on_veth(enum feature feature)
{
	static const struct adjust tags = {
		ADJUST_EXPLAIN, "a VLAN tag that travels beside its packet is lost; with VLANs, switch that off at "
				"the veth peer: 'ethtool -K PEER txvlan off'"
	};

	return feature == FEATURE_VLAN ? tags : (struct adjust){ ADJUST_LEAVE, NULL };
}

struct adjust adjust_decide(const struct adjust_facts *facts, enum feature feature)
{
	const uint32_t bit = 1u << feature;

	if (!(facts->features.on & bit) || !reasons[feature].off || (reasons[feature].generic_only && !facts->generic))
		return (struct adjust){ ADJUST_LEAVE, NULL };
	if (facts->veth && (feature == FEATURE_VLAN || feature == FEATURE_VLAN_STAG))
		return on_veth(feature);
	if (facts->features.changeable & bit)
		return (struct adjust){ ADJUST_OFF, reasons[feature].off };
	return (struct adjust){ ADJUST_EXPLAIN, reasons[feature].fixed };
}

uint32_t adjust_off(const struct adjust_facts *facts)
{
	uint32_t off = 0;

	for (int f = 0; f < FEATURE_CNT; f++)
		if (adjust_decide(facts, (enum feature)f).what == ADJUST_OFF)
			off |= 1u << f;
	return off;
}
