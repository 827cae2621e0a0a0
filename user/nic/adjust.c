// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/adjust.h"

static const struct {
	const char *off, *fixed;
	bool generic_only;
} reasons[FEATURE_CNT] = {
	[FEATURE_LRO] = {
		.off = "it joins packets before XDP sees them",
		.fixed = "it joins packets before XDP sees them, and its driver does not let it be switched "
			 "off: what is longer than the MTU is not ours; see 'ethtool -k'",
	},
	[FEATURE_GRO_HW] = {
		.off = "it joins packets before XDP sees them",
		.fixed = "it joins packets before XDP sees them, and its driver does not let it be switched "
			 "off: what is longer than the MTU is not ours; see 'ethtool -k'",
	},
	[FEATURE_VLAN] = {
		.off = "the VLAN tags that it takes out of frames would not reach us",
		.fixed = "the VLAN tags that it takes out of frames are lost, and its driver does not let it "
			 "be switched off: have no VLANs on this NIC",
	},
	[FEATURE_VLAN_STAG] = {
		.off = "the VLAN tags that it takes out of frames would not reach us",
		.fixed = "the VLAN tags that it takes out of frames are lost, and its driver does not let it "
			 "be switched off: have no 802.1ad VLANs on this NIC",
	},
	[FEATURE_GRO] = {
		.off = "it comes before generic XDP, and what it joins would overtake what we hold",
		.fixed = "it comes before generic XDP and cannot be switched off: what it joins may overtake "
			 "what we hold; use a NIC with native XDP",
		.generic_only = true,
	},
};

/* There it is the peer that puts the tag beside the frame, whatever this end says it takes. */
static struct adjust on_veth(enum feature feature)
{
	static const struct adjust tags = {
		ADJUST_EXPLAIN, "a VLAN tag that travels beside its packet is lost; with VLANs, switch that off at "
				"the veth peer: 'ethtool -K PEER txvlan off'" };

	return feature == FEATURE_VLAN ? tags : (struct adjust){ ADJUST_LEAVE, NULL };
}

struct adjust adjust_decide(const struct adjust_facts *facts, enum feature feature)
{
	const uint32_t bit = 1u << feature;

	if (!(facts->features.on & bit) || !reasons[feature].off ||
	    (reasons[feature].generic_only && !facts->generic))
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
