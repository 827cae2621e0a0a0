/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The Internet checksum (RFC 1071): one's complement sums over bytes.
 *
 * A *sum* here is an unfolded accumulator of 16-bit words, read in memory order. RFC 1071 arithmetic does
 * not depend on byte order as long as reading and writing agree, so the result of checksum_fold() is stored
 * into the packet as it is, with store_u16(). The sum of a range that starts at an odd offset of the whole
 * goes through checksum_odd() before it is added.
 *
 * checksum_add() and checksum_copy() use the fastest version that this CPU can run, chosen once, before
 * main. The sums of all versions fold to the same value; the scalar version is the tests' reference.
 *
 * If words are removed from a sum and others added, the checksum is bit by bit the one summed from
 * scratch: a sum other than 0 folds to 1-0xffff, never to 0, with one value for each residue modulo
 * 0xffff. Only an all-zero range sums to 0, and no header is all zero.
 */
#ifndef SUPERPACKET_CHECKSUM_H
#define SUPERPACKET_CHECKSUM_H

#include "base/bytes.h"

/* Sum of len bytes at data, any alignment and length, added to sum. An odd last byte counts
 * as if a zero byte followed. */
uint32_t checksum_add(const void *data, size_t len, uint32_t sum);

/* The same, and copies data to dst (no overlap) in the same pass. */
uint32_t checksum_copy(void *dst, const void *data, size_t len, uint32_t sum);

/* One version of the two functions above; the tests and benchmarks compare them. */
struct checksum_version {
	const char *name;     /* "scalar", "avx2", ... */
	bool (*usable)(void); /* this CPU and OS can run it */
	uint32_t (*add)(const void *data, size_t len, uint32_t sum);
	uint32_t (*copy)(void *dst, const void *data, size_t len, uint32_t sum);
};

/* All versions built in, slowest (the scalar reference) first; *cnt receives how many. */
const struct checksum_version *checksum_versions(size_t *cnt);

/* The version that checksum_add() and checksum_copy() use. */
const struct checksum_version *checksum_chosen(void);

/* Adds two sums with the end-around carry (RFC 1071 section 1). */
static inline uint32_t checksum_combine(uint32_t a, uint32_t b)
{
	uint32_t sum = a + b;

	return sum + (sum < a);
}

/* A sum folded to 16 bits, not complemented: what a partial checksum field holds. */
static inline uint16_t checksum_fold_partial(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A sum folded and complemented: the checksum itself. */
static inline uint16_t checksum_fold(uint32_t sum)
{
	return (uint16_t)~checksum_fold_partial(sum);
}

/* The sum of a range that starts at an odd offset of the whole, as it counts in the sum of the whole (RFC 1071
 * section 2 B). */
static inline uint32_t checksum_odd(uint32_t sum)
{
	return __builtin_bswap16(checksum_fold_partial(sum));
}

/* Removes one 16-bit word of a packet from a sum (RFC 1624: adds its complement). */
static inline uint32_t checksum_remove(uint32_t sum, uint16_t word)
{
	return checksum_combine(sum, (uint16_t)~word);
}

/* Sum of the pseudo-header of RFC 9293 section 3.1 / RFC 8200 section 8.1, from an IP header at
 * l3 of the given version (4 or 6), for an upper-layer length in bytes (host order). */
static inline uint32_t checksum_pseudo(const uint8_t *l3, unsigned int version, uint8_t protocol, uint32_t l4_len)
{
	uint64_t sum = (uint64_t)__builtin_bswap32(l4_len) + ((uint32_t)protocol << 8);
	unsigned int off = version == 4 ? 12 : 8;
	unsigned int end = version == 4 ? 20 : 40;

	for (; off < end; off += 4)
		sum += load_u32(l3 + off);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)sum;
}

/* Sum of the 20 bytes of an option-less IPv4 header. */
static inline uint64_t checksum_ipv4_sum(const uint8_t *l3)
{
	return (uint64_t)load_u32(l3) + load_u32(l3 + 4) + load_u32(l3 + 8) + load_u32(l3 + 12) + load_u32(l3 + 16);
}

/* Whether an option-less IPv4 header has a right checksum (rule R3). A sum folds to 0xffff if 0xffff
 * divides it (except 0, which no header sums to). That test is one multiplication. */
static inline bool checksum_ipv4_right(const uint8_t *l3)
{
	return checksum_ipv4_sum(l3) % 0xffff == 0;
}

/* The checksum of an option-less IPv4 header whose checksum field is 0. */
static inline uint16_t checksum_ipv4(const uint8_t *l3)
{
	uint64_t sum = checksum_ipv4_sum(l3);

	return checksum_fold(checksum_combine((uint32_t)sum, (uint32_t)(sum >> 32)));
}

#endif
