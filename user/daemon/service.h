/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Notifications to systemd (sd_notify). Without systemd, every call does nothing. */
#ifndef SUPERPACKET_SERVICE_H
#define SUPERPACKET_SERVICE_H

#include <stdint.h>

struct service {
	uint64_t interval_ns; /* between watchdog messages; 0: none wanted */
	uint64_t fed_ns;
};

void service_init(struct service *service);
void service_ready(const char *status);
void service_status(const char *status);
void service_stopping(void);

/* Call it often, and only while every worker moves: systemd restarts a daemon that stops calling. */
void service_feed_watchdog(struct service *service, uint64_t now_ns);

#endif
