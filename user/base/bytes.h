/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Loads and stores of wire fields at any alignment, each of which compiles to one instruction; and a few
 * helpers that all modules use.
 *
 * Packet headers are not aligned (the IP header is 14 bytes into a frame), so no header is ever accessed
 * through a struct pointer: that would be undefined behaviour in C and a trap under UBSan.
 */
#ifndef SUPERPACKET_BYTES_H
#define SUPERPACKET_BYTES_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* clang-format off: a load or store a line */
static inline uint16_t load_u16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return v;
}
static inline uint32_t load_u32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}
static inline uint64_t load_u64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline void store_u16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof v);
}
static inline void store_u32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline uint16_t load_be16(const void *p)
{
	return __builtin_bswap16(load_u16(p));
}
static inline uint32_t load_be32(const void *p)
{
	return __builtin_bswap32(load_u32(p));
}

static inline void store_be16(void *p, uint16_t v)
{
	store_u16(p, __builtin_bswap16(v));
}
static inline void store_be32(void *p, uint32_t v)
{
	store_u32(p, __builtin_bswap32(v));
}
/* clang-format on */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian hosts are not supported");

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Rounds up to whole cache lines, so that the parts of one block of memory do not share any. */
static inline size_t align_up(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

#endif
