/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Numbers of a command line, with the unit behind them: 64K, 50us. Digits and at most one unit: no sign, no
 * blank, no fraction, nothing that overflows. A number out of min to max (which are in the smallest unit) is
 * refused like one that is none: false, and the result is as it was.
 */
#ifndef SUPERPACKET_QUANTITY_H
#define SUPERPACKET_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* No unit at all. */
bool quantity_count(const char *value, uint64_t min, uint64_t max, uint64_t *count);

/* Bytes; K: 1024 of them, M: 1048576. */
bool quantity_bytes(const char *value, uint64_t min, uint64_t max, uint64_t *bytes);

/* us, ms, s; a plain number is microseconds. */
bool quantity_us(const char *value, uint64_t min, uint64_t max, uint64_t *us);

#endif
