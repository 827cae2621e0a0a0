/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What all verbs of the superpacket command share: exit codes and error messages.
 */
#ifndef TOOLS_SUPERPACKET_SAY_H
#define TOOLS_SUPERPACKET_SAY_H

#include <stdbool.h>

enum exit_code {
	EXIT_OK,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_NOT_RUNNING,
	EXIT_DEGRADED,
	EXIT_PERMISSION,
};

struct say_style {
	bool json;  /* messages are JSON objects */
	bool quiet; /* no messages; the exit code has the answer */
};

/* One line on stderr, or one JSON object there: stdout holds data and nothing else. Returns code. */
enum exit_code say_error(struct say_style style, enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether stdout is a terminal that shows colours, and NO_COLOR is not set. */
bool say_in_colour(void);

#endif
