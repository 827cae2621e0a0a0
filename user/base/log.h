/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages to the operator on stderr, from any thread. Each is one line that says what happened, to which thing and
 * what to do next. Nothing is logged per packet, and the engine does not log.
 *
 * Each function takes a printf format without a newline; a line is cut off at 1 KiB. If stderr is the journal, the
 * line carries its priority.
 */
#ifndef SUPERPACKET_LOG_H
#define SUPERPACKET_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Leaves out messages above this level. To be set at start (-q, -v), before there are threads. Default INFO. */
void log_set_level(enum log_level level);

/* true: what this thread logs from now on was logged before, so that only -v shows it. */
void log_repeats(bool repeats);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For a broken invariant: logs an error, with the numbers in hand, and aborts. */
void log_abort(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
