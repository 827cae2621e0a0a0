// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/fault.h"

#ifdef SUPERPACKET_FAULTS

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char *const names[FAULT_CNT] = {
	[FAULT_COMPLETION] = "completion",
	[FAULT_WAKE] = "wake",
	[FAULT_FILL] = "fill",
	[FAULT_TAP_WRITE] = "tap-write",
	[FAULT_BIND] = "bind",
	[FAULT_FRAME] = "frame",
	[FAULT_STOP] = "stop",
	[FAULT_EARLY_REUSE] = "early-reuse",
	[FAULT_CLOCK] = "clock",
	[FAULT_RTNL] = "rtnl",
	[FAULT_TAP_NAME] = "tap-name",
	[FAULT_NIC_MISSED] = "nic-missed",
	[FAULT_TAGS] = "tags",
};

static unsigned int left[FAULT_CNT];

bool fault_strikes(enum fault fault)
{
	unsigned int cnt = __atomic_load_n(&left[fault], __ATOMIC_RELAXED);

	while (cnt > 0)
		if (__atomic_compare_exchange_n(&left[fault], &cnt, cnt - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

static _Thread_local bool rtnl_forbidden;

void fault_forbid_rtnl(bool forbid)
{
	rtnl_forbidden = forbid;
}

void fault_rtnl(void)
{
	if (rtnl_forbidden)
		log_error("the thread that shows the heartbeat waits for the lock of all interfaces");
	if (fault_strikes(FAULT_RTNL))
		poll(NULL, 0, FAULT_RTNL_MS);
}

static bool set_fault(const char *text)
{
	unsigned int cnt;
	char name[16];

	if (sscanf(text, "%15s %u", name, &cnt) != 2)
		return false;
	for (int i = 0; i < FAULT_CNT; i++) {
		if (strcmp(name, names[i]))
			continue;
		__atomic_store_n(&left[i], cnt, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

bool fault_command(const char *request)
{
	static const char verb[] = "fault ";

	return !strncmp(request, verb, sizeof verb - 1) && set_fault(request + sizeof verb - 1);
}

__attribute__((constructor)) static void read_environment(void)
{
	for (const char *text = getenv("SUPERPACKET_FAULTS"); text && *text; text = strchr(text, ',')) {
		text += *text == ',';
		if (!set_fault(text))
			log_abort("SUPERPACKET_FAULTS: '%s' is not a fault with a count", text);
	}
}

#endif
