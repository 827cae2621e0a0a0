// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/fault.h"

#ifdef SUPERPACKET_FAULTS

#include <stdio.h>
#include <string.h>

static const char *const names[FAULT_CNT] = {
	[FAULT_COMPLETION] = "completion", [FAULT_WAKE] = "wake",	[FAULT_FILL] = "fill",
	[FAULT_TAP_WRITE] = "tap-write",   [FAULT_BIND] = "bind",	[FAULT_FRAME] = "frame",
};

static unsigned int left[FAULT_CNT];

bool fault_strikes(enum fault fault)
{
	unsigned int cnt = __atomic_load_n(&left[fault], __ATOMIC_RELAXED);

	while (cnt > 0)
		if (__atomic_compare_exchange_n(&left[fault], &cnt, cnt - 1, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

bool fault_command(const char *request)
{
	unsigned int cnt;
	char name[16];

	if (sscanf(request, "fault %15s %u", name, &cnt) != 2)
		return false;
	for (int i = 0; i < FAULT_CNT; i++) {
		if (strcmp(name, names[i]))
			continue;
		__atomic_store_n(&left[i], cnt, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

#endif
