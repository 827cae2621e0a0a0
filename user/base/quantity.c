// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/quantity.h"

#include <stddef.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit counts[] = { { "", 1 }, { NULL, 0 } };
static const struct unit sizes[] = { { "", 1 }, { "K", 1u << 10 }, { "M", 1u << 20 }, { NULL, 0 } };
static const struct unit times[] = { { "", 1 }, { "us", 1 }, { "ms", 1000 }, { "s", 1000000 }, { NULL, 0 } };

/* Returns 0 when there is no such unit. */
static uint64_t factor_of(const char *name, const struct unit *units)
{
	while (units->name && strcmp(name, units->name))
		units++;
	return units->factor;
}

static bool parse(const char *value, const struct unit *units, uint64_t min, uint64_t max, uint64_t *result)
{
	const char *unit = value;
	uint64_t number = 0, factor;

	for (; *unit >= '0' && *unit <= '9'; unit++)
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*unit - '0'), &number))
			return false;
	factor = factor_of(unit, units);
	if (unit == value || !factor || __builtin_mul_overflow(number, factor, &number) || number < min || number > max)
		return false;
	*result = number;
	return true;
}

bool quantity_count(const char *value, uint64_t min, uint64_t max, uint64_t *count)
{
	return parse(value, counts, min, max, count);
}

bool quantity_bytes(const char *value, uint64_t min, uint64_t max, uint64_t *bytes)
{
	return parse(value, sizes, min, max, bytes);
}

bool quantity_us(const char *value, uint64_t min, uint64_t max, uint64_t *us)
{
	return parse(value, times, min, max, us);
}
