// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel's numbers of features differ between versions. Features are found by the names in its string set
 * (net/ethtool/common.c netdev_features_strings). ethtool shows some of them by older names.
 */
#include "nic/features.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "nic/ethtool.h"

static const struct {
	const char *shown, *kernel;
} names[FEATURE_CNT] = {
	[FEATURE_LRO] = { "large-receive-offload", "rx-lro" },
	[FEATURE_GRO_HW] = { "rx-gro-hw", "rx-gro-hw" },
	[FEATURE_VLAN] = { "rx-vlan-offload", "rx-vlan-hw-parse" },
	[FEATURE_VLAN_STAG] = { "rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse" },
	[FEATURE_GRO] = { "generic-receive-offload", "rx-gro" },
	[FEATURE_TX_CHECKSUM] = { "tx-checksum-ip-generic", "tx-checksum-ip-generic" },
	[FEATURE_UDP_GRO_FORWARDING] = { "rx-udp-gro-forwarding", "rx-udp-gro-forwarding" },
};

/* The kernel's number of each feature; -1 if this kernel does not know it. */
struct places {
	uint32_t block_cnt; /* blocks of 32 features each */
	int at[FEATURE_CNT];
};

const char *features_name(enum feature feature)
{
	return names[feature].shown;
}

enum feature features_find(const char *name)
{
	enum feature f = 0;

	while (f < FEATURE_CNT && strcmp(names[f].shown, name) != 0)
		f++;
	return f;
}

static int count(int fd, const char *interface, uint32_t *cnt)
{
	struct ethtool_sset_info *set = calloc(1, sizeof(*set) + sizeof(set->data[0]));
	int err;

	*cnt = 0;
	if (!set)
		return -ENOMEM;
	set->cmd = ETHTOOL_GSSET_INFO;
	set->sset_mask = 1ull << ETH_SS_FEATURES;
	err = ethtool_command(fd, interface, set);
	if (!err && set->sset_mask)
		*cnt = set->data[0];
	free(set);
	return err ? err : *cnt ? 0 : -EOPNOTSUPP;
}

static int find_places(int fd, const char *interface, struct places *places)
{
	struct ethtool_gstrings *strings;
	uint32_t cnt;
	int err = count(fd, interface, &cnt);

	if (err)
		return err;
	strings = calloc(1, sizeof(*strings) + (size_t)cnt * ETH_GSTRING_LEN);
	if (!strings)
		return -ENOMEM;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = cnt;
	err = ethtool_command(fd, interface, strings);
	places->block_cnt = (cnt + 31) / 32;
	for (int f = 0; f < FEATURE_CNT; f++) {
		places->at[f] = -1;
		for (uint32_t i = 0; !err && i < cnt; i++)
			if (!strncmp((const char *)strings->data + (size_t)i * ETH_GSTRING_LEN, names[f].kernel,
				     ETH_GSTRING_LEN))
				places->at[f] = (int)i;
	}
	free(strings);
	return err;
}

static bool bit(uint32_t block, int at)
{
	return block >> at % 32 & 1;
}

static int read_blocks(int fd, const char *interface, const struct places *places, struct features *features)
{
	struct ethtool_gfeatures *get = calloc(1, sizeof(*get) + places->block_cnt * sizeof(get->features[0]));
	int err;

	if (!get)
		return -ENOMEM;
	get->cmd = ETHTOOL_GFEATURES;
	get->size = places->block_cnt;
	err = ethtool_command(fd, interface, get);
	for (int f = 0; !err && f < FEATURE_CNT; f++) {
		const int at = places->at[f];
		const struct ethtool_get_features_block *block;

		if (at < 0)
			continue;
		block = &get->features[at / 32];
		features->on |= (uint32_t)bit(block->active, at) << f;
		features->wanted |= (uint32_t)bit(block->requested, at) << f;
		features->changeable |= (uint32_t)(bit(block->available, at) && !bit(block->never_changed, at)) << f;
	}
	free(get);
	return err;
}

static int write_blocks(int fd, const char *interface, const struct places *places, uint32_t which, uint32_t on)
{
	struct ethtool_sfeatures *set = calloc(1, sizeof(*set) + places->block_cnt * sizeof(set->features[0]));
	int err;

	if (!set)
		return -ENOMEM;
	set->cmd = ETHTOOL_SFEATURES;
	set->size = places->block_cnt;
	for (int f = 0; f < FEATURE_CNT; f++) {
		const int at = places->at[f];

		if (!(which >> f & 1) || at < 0)
			continue;
		set->features[at / 32].valid |= 1u << at % 32;
		set->features[at / 32].requested |= (on >> f & 1) << at % 32;
	}
	/* The ioctl also succeeds when not all could be switched: the caller reads them afterwards. */
	err = ethtool_command(fd, interface, set);
	free(set);
	return err;
}

int features_read(const char *interface, struct features *features)
{
	const int fd = ethtool_open();
	struct places places;
	int err;

	*features = (struct features){ 0 };
	if (fd < 0)
		return fd;
	err = find_places(fd, interface, &places);
	if (!err)
		err = read_blocks(fd, interface, &places, features);
	close(fd);
	if (fault_strikes(FAULT_TAGS)) {
		features->on |= 1u << FEATURE_VLAN;
		features->changeable &= ~(1u << FEATURE_VLAN);
	}
	return err;
}

int features_set(const char *interface, uint32_t which, uint32_t on)
{
	const int fd = ethtool_open();
	struct features now = { 0 };
	struct places places;
	int err;

	if (fd < 0)
		return fd;
	err = find_places(fd, interface, &places);
	if (!err)
		err = write_blocks(fd, interface, &places, which, on);
	if (!err)
		err = read_blocks(fd, interface, &places, &now);
	close(fd);
	if (!err && (now.on ^ on) & which)
		err = -EOPNOTSUPP;
	return err;
}
