/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Numbers with units, as on a command line: 64K, 50us. They have digits and at most one unit behind them, and no
 * sign, blank or fraction. Each function returns false, and leaves its result alone, when the text is no such number,
 * overflows, or is not in min..max (in the smallest unit).
 */
#ifndef SUPERPACKET_QUANTITY_H
#define SUPERPACKET_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* A number without a unit. */
bool quantity_count(const char *value, uint64_t min, uint64_t max, uint64_t *count);

/* Bytes; K is 1024 bytes, M is 1024 K. */
bool quantity_bytes(const char *value, uint64_t min, uint64_t max, uint64_t *bytes);

/* Microseconds (us, or no unit), milliseconds (ms) or seconds (s). Returns microseconds. */
bool quantity_us(const char *value, uint64_t min, uint64_t max, uint64_t *us);

#endif
