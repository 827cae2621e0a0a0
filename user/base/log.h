/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages to the operator, on stderr, one line each: what, which thing, what to do next.
 * Never per packet. The engine does not log.
 */
#ifndef SUPERPACKET_LOG_H
#define SUPERPACKET_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above this level are left out; set once at start (-q, -v). Default INFO. */
void log_set_level(enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A broken invariant: prints the numbers in hand and aborts. */
void log_abort(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
