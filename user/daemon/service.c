// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <systemd/sd-daemon.h>

#include "daemon/service.h"

void service_init(struct service *service)
{
	uint64_t limit_us = 0;

	*service = (struct service){ 0 };
	/* A third of the limit: two messages may come late. */
	if (sd_watchdog_enabled(0, &limit_us) > 0)
		service->interval_ns = limit_us * 1000 / 3;
}

void service_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

void service_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=draining");
}

void service_feed_watchdog(struct service *service, uint64_t now_ns)
{
	if (!service->interval_ns || now_ns - service->fed_ns < service->interval_ns)
		return;
	service->fed_ns = now_ns;
	sd_notify(0, "WATCHDOG=1");
}
