/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A daemon's status for people: a page of 80 columns on stdout, without escape sequences unless colour is
 * asked for.
 *
 *	eth0  ok  ...             the daemon
 *	  label     text ...      how it is attached, its sockets
 *	            in    out     the traffic of all queues
 *	  label     name n, ...   counters by reason, largest first
 */
#ifndef TOOLS_SUPERPACKET_TABLE_H
#define TOOLS_SUPERPACKET_TABLE_H

#include <jansson.h>
#include <stdbool.h>

struct table_style {
	bool verbose; /* each queue by itself too, and counters that are zero */
	bool colour;
};

/* Shows one answer to "status". */
void table_show(const struct table_style *style, const json_t *daemon);

#endif
