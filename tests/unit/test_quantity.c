// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>

#include "base/quantity.h"

typedef bool parser(const char *value, uint64_t min, uint64_t max, uint64_t *result);

/* With limits of 1 to a billion. */
static const struct {
	parser *parse;
	const char *value;
	uint64_t result; /* 0: refused */
} cases[] = {
	{ quantity_count, "1", 1 },
	{ quantity_count, "007", 7 },
	{ quantity_count, "1000000000", 1000000000 },
	{ quantity_count, "1000000001", 0 },
	{ quantity_count, "0", 0 },
	{ quantity_count, "", 0 },
	{ quantity_count, "5K", 0 },
	{ quantity_count, "+5", 0 },
	{ quantity_count, "-5", 0 },
	{ quantity_count, " 5", 0 },
	{ quantity_count, "5 ", 0 },
	{ quantity_count, "0x5", 0 },
	{ quantity_count, "18446744073709551617", 0 },

	{ quantity_bytes, "65535", 65535 },
	{ quantity_bytes, "64K", 65536 },
	{ quantity_bytes, "2M", 2097152 },
	{ quantity_bytes, "953M", 999292928 },
	{ quantity_bytes, "954M", 0 },
	{ quantity_bytes, "0K", 0 },
	{ quantity_bytes, "K", 0 },
	{ quantity_bytes, "64k", 0 },
	{ quantity_bytes, "64KB", 0 },
	{ quantity_bytes, "64KK", 0 },
	{ quantity_bytes, "64 K", 0 },
	{ quantity_bytes, "1.5M", 0 },
	{ quantity_bytes, "64us", 0 },
	{ quantity_bytes, "18014398509481985K", 0 }, /* 2^54 + 1: without a check it is 1024 */

	{ quantity_us, "50", 50 },
	{ quantity_us, "50us", 50 },
	{ quantity_us, "3ms", 3000 },
	{ quantity_us, "2s", 2000000 },
	{ quantity_us, "1001s", 0 },
	{ quantity_us, "us", 0 },
	{ quantity_us, "5m", 0 },
	{ quantity_us, "5ns", 0 },
	{ quantity_us, "5S", 0 },
	{ quantity_us, "1s500ms", 0 },
	{ quantity_us, "64K", 0 },
};

Test(quantity, cases)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t result = 12345;
		bool right = cases[i].parse(cases[i].value, 1, 1000000000, &result);

		cr_expect_eq(right, cases[i].result > 0, "'%s'", cases[i].value);
		cr_expect_eq(result, right ? cases[i].result : 12345, "'%s': %lu", cases[i].value, result);
	}
}

/* An unknown unit would give 0. */
Test(quantity, where_zero_is_allowed_a_wrong_unit_is_refused_still)
{
	uint64_t result;

	cr_expect(quantity_us("0", 0, 10, &result));
	cr_expect_eq(result, 0);
	cr_expect(quantity_us("0ms", 0, 10, &result));
	cr_expect_not(quantity_us("0m", 0, 10, &result));
	cr_expect_not(quantity_us("7x", 0, 10, &result));
}
