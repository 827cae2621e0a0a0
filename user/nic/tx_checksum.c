// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/tx_checksum.h"

#include <stdio.h>

static bool verdict(char why[TX_CHECKSUM_WHY_LEN], bool offered, const char *text)
{
	snprintf(why, TX_CHECKSUM_WHY_LEN, "%s", text);
	return offered;
}

/* virtio_net is not in the list: if its offload is switched off later, the kernel cannot compute the sum of its
 * packets, which have no linear part, and drops them (skb_checksum_help()). */
bool tx_checksum_by_offset(const char *driver)
{
	static const char *const known[] = { "veth", "tun" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], driver))
			return true;
	return false;
}

bool tx_checksum_offered(const struct tx_checksum_facts *facts, bool zerocopy, bool aligned_chains,
			 char why[TX_CHECKSUM_WHY_LEN])
{
	if (facts->ask == TX_CHECKSUM_SOFTWARE)
		return verdict(why, false, "asked for with --tx-checksum");
	if (zerocopy && !facts->zerocopy)
		return verdict(why, false, "its driver takes no requests for checksums in zero copy");
	if (!zerocopy && !facts->offload)
		return verdict(why, false,
			       "the NIC's own offload is off, so the kernel would sum "
			       "(ethtool -k: tx-checksum-ip-generic)");
	if (!zerocopy && !facts->by_offset)
		return verdict(why, false, "in copy mode the kernel does not tell its driver where the headers are");
	if (aligned_chains)
		return verdict(why, false, "slices in aligned chunks leave no room for requests");
	return verdict(why, true, "offered");
}
