// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Checksums: every version gives the sum of plain byte-pair code, for all lengths, alignments and bytes. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/checksum.h"
#include "fixtures/packet_builder.h"
#include "prop/random.h"

#define MAX_LEN 2100u
#define ALIGNMENTS 64u
#define GUARD 64u

enum fill { FILL_RANDOM, FILL_ONES, FILL_ZERO, FILL_CNT };

static void fill_bytes(uint8_t *p, size_t len, enum fill fill)
{
	struct random r = { 42 };
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = fill == FILL_RANDOM ? (uint8_t)random_u64(&r) : fill == FILL_ONES ? 0xff : 0;
}

/* Plain code sums big-endian words; the engine sums words in memory order. */
static uint16_t reference(const void *data, size_t len)
{
	return __builtin_bswap16(packet_fold(packet_sum(data, len, 0)));
}

static uint8_t *aligned_bytes(size_t len)
{
	uint8_t *p = aligned_alloc(64, (len + 63) / 64 * 64);

	cr_assert_not_null(p);
	return p;
}

/* Runs check on every version that this machine can run, the scalar one at least. */
static void each_version(void (*check)(const struct checksum_version *version))
{
	size_t cnt, i, ran = 0;
	const struct checksum_version *versions = checksum_versions(&cnt);

	for (i = 0; i < cnt; i++) {
		if (!versions[i].usable())
			continue;
		check(&versions[i]);
		ran++;
	}
	cr_assert_geq(ran, 1);
}

static void check_add(const struct checksum_version *version)
{
	uint8_t *data = aligned_bytes(MAX_LEN + ALIGNMENTS);
	uint32_t fill, align, len;

	for (fill = 0; fill < FILL_CNT; fill++) {
		fill_bytes(data, MAX_LEN + ALIGNMENTS, fill);
		for (align = 0; align < ALIGNMENTS; align++) {
			const uint8_t *p = data + align;
			uint64_t sum = 0;

			for (len = 0; len <= MAX_LEN; len++) {
				uint16_t want, got;

				if (len) /* the sum of one byte more */
					sum += (uint32_t)p[len - 1] << (len % 2 ? 8 : 0);
				want = __builtin_bswap16(packet_fold(sum));
				got = checksum_fold_partial(version->add(p, len, 0));
				cr_assert_eq(got, want, "%s: fill %u alignment %u length %u: %#x, not %#x",
					     version->name, fill, align, len, got, want);
			}
		}
	}
	free(data);
}

Test(checksum, add_equals_plain_code, .description = "S5, R8: every length 0-2100 at every alignment 0-63")
{
	each_version(check_add);
}

/* Source and destination alignments differ from each other, and from length to length. */
static void check_copy(const struct checksum_version *version)
{
	size_t room = MAX_LEN + ALIGNMENTS + 2 * GUARD;
	uint8_t *data = aligned_bytes(room), *to = aligned_bytes(room);
	uint32_t fill, align, len, i;

	for (fill = 0; fill < FILL_CNT; fill++) {
		fill_bytes(data, room, fill);
		for (align = 0; align < ALIGNMENTS; align++) {
			for (len = 0; len <= MAX_LEN; len += 1 + (len > 300) * 6) {
				const uint8_t *p = data + align;
				uint8_t *dst = to + GUARD + (align * 7 + len) % ALIGNMENTS;
				uint32_t sum;

				memset(to, 0xa5, room);
				sum = version->copy(dst, p, len, 0);
				cr_assert_eq(checksum_fold_partial(sum), checksum_fold_partial(version->add(p, len, 0)),
					     "%s: sum of fill %u alignment %u length %u", version->name, fill, align,
					     len);
				cr_assert_arr_eq(dst, p, len, "%s: bytes of fill %u alignment %u length %u",
						 version->name, fill, align, len);
				for (i = 0; i < GUARD; i++)
					cr_assert(dst[-1 - (int)i] == 0xa5 && dst[len + i] == 0xa5,
						  "%s: alignment %u length %u wrote outside", version->name, align,
						  len);
			}
		}
	}
	free(data);
	free(to);
}

Test(checksum, copy_equals_add_and_memcpy, .description = "S5: bytes and sum are right, and nothing outside is written")
{
	each_version(check_copy);
}

/* Memory that ends where the range ends, so that AddressSanitizer sees every byte read beyond it. */
static void check_bounds(const struct checksum_version *version)
{
	uint32_t len;

	for (len = 1; len <= 700; len++) {
		uint8_t *p = malloc(len), *to = malloc(len);

		cr_assert(p && to);
		fill_bytes(p, len, FILL_RANDOM);
		cr_assert_eq(checksum_fold_partial(version->add(p, len, 0)), reference(p, len));
		cr_assert_eq(checksum_fold_partial(version->copy(to, p, len, 0)), reference(p, len));
		free(p);
		free(to);
	}
}

Test(checksum, stays_inside, .description = "nothing outside the range is read or written (sanitizers)")
{
	each_version(check_bounds);
}

static void check_long(const struct checksum_version *version)
{
	static const size_t
		lens[] = {
			(1 << 20) - 1,  1 << 20,         (1 << 20) + 1,   (1 << 20) + 32,
			(1 << 20) + 33, (1 << 20) + 65,  (2 << 20) - 31,  (2 << 20) + 32,
			(2 << 20) + 33, (3 << 20) + 127, (8 << 20) + 127, /* twice what the widest vector's lanes hold */
		};
	size_t room = (8 << 20) + 128, i;
	uint8_t *p = aligned_bytes(room), *to = aligned_bytes(room);
	uint32_t fill;

	for (fill = 0; fill < FILL_CNT; fill++) {
		fill_bytes(p, room, fill);
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			uint16_t want = reference(p, lens[i]);

			cr_assert_eq(checksum_fold_partial(version->add(p, lens[i], 0)), want, "%s: fill %u length %zu",
				     version->name, fill, lens[i]);
			cr_assert_eq(checksum_fold_partial(version->copy(to, p, lens[i], 0)), want,
				     "%s: copy, fill %u length %zu", version->name, fill, lens[i]);
			cr_assert_eq(memcmp(to, p, lens[i]), 0);
		}
	}
	free(p);
	free(to);
}

Test(checksum, long_ranges_do_not_overflow, .description = "megabytes of 0xff: lanes are added up before they overflow")
{
	each_version(check_long);
}

static void check_seed(const struct checksum_version *version)
{
	static const uint32_t seeds[] = { 0, 1, 0xffff, 0x10000, 0x7fffffff, 0xfffffffe, 0xffffffff };
	static const uint32_t lens[] = { 0, 1, 2, 20, 40, 95, 96, 97, 1448 };
	uint8_t data[1448], to[1448];
	size_t i, k;

	fill_bytes(data, sizeof data, FILL_ONES);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		for (k = 0; k < ARRAY_SIZE(lens); k++) {
			uint32_t apart = checksum_combine(version->add(data, lens[k], 0), seeds[i]);

			cr_assert_eq(checksum_fold_partial(version->add(data, lens[k], seeds[i])),
				     checksum_fold_partial(apart));
			cr_assert_eq(checksum_fold_partial(version->copy(to, data, lens[k], seeds[i])),
				     checksum_fold_partial(apart));
		}
}

Test(checksum, seed_counts, .description = "a sum that was passed in is added with its carries")
{
	each_version(check_seed);
}

Test(checksum, chosen_is_usable, .description = "the version in use runs here, and is the last of the usable ones")
{
	size_t cnt, i, last = 0;
	const struct checksum_version *versions = checksum_versions(&cnt);

	for (i = 0; i < cnt; i++)
		if (versions[i].usable())
			last = i;
	cr_assert_eq(checksum_chosen(), &versions[last]);
	cr_assert_str_eq(versions[0].name, "scalar");
}

Test(checksum, public_functions, .description = "checksum_add() and checksum_copy() are the chosen version")
{
	uint8_t data[512], to[512];
	uint32_t len;

	fill_bytes(data, sizeof data, FILL_RANDOM);
	for (len = 0; len <= sizeof data; len++) {
		cr_assert_eq(checksum_fold_partial(checksum_add(data, len, 0)), reference(data, len));
		cr_assert_eq(checksum_fold_partial(checksum_copy(to, data, len, 0)), reference(data, len));
		cr_assert_arr_eq(to, data, len);
	}
}

Test(checksum, pieces_add_up,
     .description = "RFC 1071 section 2: the sums of two parts add up, cut at any offset, odd ones too")
{
	uint8_t data[200];
	uint32_t cut;

	fill_bytes(data, sizeof data, FILL_RANDOM);
	for (cut = 0; cut <= sizeof data; cut++) {
		uint32_t rest = checksum_add(data + cut, sizeof data - cut, 0);
		uint32_t sum = checksum_add(data, cut, 0);

		sum = checksum_combine(sum, cut % 2 ? checksum_odd(rest) : rest);
		cr_assert_eq(checksum_fold_partial(sum), reference(data, sizeof data), "cut at %u", cut);
	}
}

Test(checksum, words_are_replaced,
     .description = "RFC 1624: removing a word and adding another gives the same as a new sum")
{
	struct random r = { 7 };
	uint8_t data[40];
	int i;

	fill_bytes(data, sizeof data, FILL_RANDOM);
	for (i = 0; i < 100000; i++) {
		uint32_t at = below(&r, 20) * 2;
		uint16_t word = (uint16_t)random_u64(&r);
		uint32_t sum = checksum_remove(checksum_add(data, sizeof data, 0), load_u16(data + at));

		/* Words that are 0 in one's complement. */
		if (i % 4 == 0)
			word = i % 8 ? 0xffff : 0;
		store_u16(data + at, word);
		sum = checksum_combine(sum, word);
		cr_assert_eq(checksum_fold_partial(sum), reference(data, sizeof data));
	}
}

Test(checksum, pseudo_header, .description = "S5: RFC 9293 3.1, RFC 8200 8.1, byte by byte")
{
	uint8_t frame[2048], pseudo[40] = { 0 };
	struct packet_layout at;
	struct packet p = packet_tcp4();

	packet_build(&p, frame, sizeof frame, &at);
	memcpy(pseudo, frame + at.l3_off + 12, 8);
	pseudo[9] = 6;
	pseudo[10] = 0x05;
	pseudo[11] = 0xa8;
	cr_assert_eq(checksum_fold_partial(checksum_pseudo(frame + at.l3_off, 4, 6, 0x5a8)), reference(pseudo, 12));

	p = packet_tcp6();
	packet_build(&p, frame, sizeof frame, &at);
	memcpy(pseudo, frame + at.l3_off + 8, 32);
	memset(pseudo + 32, 0, 8);
	pseudo[33] = 0x01; /* a jumbogram's length has more than 16 bits */
	pseudo[35] = 0x07;
	pseudo[39] = 6;
	cr_assert_eq(checksum_fold_partial(checksum_pseudo(frame + at.l3_off, 6, 6, 0x10007)), reference(pseudo, 40));
}

Test(checksum, ipv4_header, .description = "R3: right as it is, wrong with any bit flipped")
{
	struct packet p = packet_tcp4();
	struct packet_layout at;
	uint8_t frame[2048];
	uint32_t bit;

	packet_build(&p, frame, sizeof frame, &at);
	cr_assert(checksum_ipv4_right(frame + at.l3_off));
	for (bit = 0; bit < 160; bit++) {
		frame[at.l3_off + bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert_not(checksum_ipv4_right(frame + at.l3_off), "bit %u", bit);
		frame[at.l3_off + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

Test(checksum, ipv4_header_only_one_sum_is_right,
     .description = "R3: of all values of the checksum field only the right one is (and 0xffff for 0)")
{
	struct packet p = packet_tcp4();
	struct packet_layout at;
	uint8_t frame[2048], *ip;
	uint32_t value;
	uint16_t right;

	packet_build(&p, frame, sizeof frame, &at);
	ip = frame + at.l3_off;
	right = (uint16_t)(ip[10] << 8 | ip[11]);
	cr_assert(right != 0 && right != 0xffff);
	for (value = 0; value <= 0xffff; value++) {
		ip[10] = (uint8_t)(value >> 8);
		ip[11] = (uint8_t)value;
		cr_assert_eq(checksum_ipv4_right(ip), value == right, "%#x, right is %#x", value, right);
	}
}
