// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/tx_checksum.h"

#include <stdio.h>

static bool say(char why[TX_CHECKSUM_WHY_LEN], bool offered, const char *text)
{
	snprintf(why, TX_CHECKSUM_WHY_LEN, "%s", text);
	return offered;
}

bool tx_checksum_offered(const struct tx_checksum_facts *facts, bool zerocopy, bool aligned_chains,
			 char why[TX_CHECKSUM_WHY_LEN])
{
	if (facts->ask == TX_CHECKSUM_SOFTWARE)
		return say(why, false, "asked for with --tx-checksum");
	if (zerocopy && !facts->zerocopy)
		return say(why, false, "its driver takes no requests for checksums in zero copy");
	if (!zerocopy && !facts->offload)
		return say(why, false, "the NIC's own offload is off, so the kernel would sum "
				       "(ethtool -k: tx-checksum-ip-generic)");
	if (aligned_chains)
		return say(why, false, "slices in aligned chunks leave no room for requests");
	return say(why, true, "offered");
}
