/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads and writes fields of packets. This is code of the tests' own, so that the engine is not compared with itself.
 */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { WIRE_IPIP4 = 4, WIRE_TCP = 6, WIRE_UDP = 17, WIRE_IPIP6 = 41, WIRE_FRAGMENT = 44, WIRE_GRE = 47 };

static inline uint32_t get16(const uint8_t *at) { return (uint32_t)(at[0] << 8 | at[1]); }
static inline uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

static inline void set16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void set32(uint8_t *at, uint32_t v)
{
	set16(at, v >> 16);
	set16(at + 2, v);
}

static inline uint32_t wire_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

/* RFC 1071, folded, in host order; begin is added. Memory order within, as the RFC allows. */
static inline uint32_t wire_sum(const uint8_t *at, uint32_t len, uint32_t begin)
{
	uint64_t sum = __builtin_bswap16((uint16_t)wire_fold(begin));

	for (; len >= 4; len -= 4, at += 4) {
		uint32_t word;

		memcpy(&word, at, 4);
		sum += word;
	}
	if (len >= 2) {
		sum += (uint32_t)(at[0] | at[1] << 8);
		at += 2;
	}
	if (len & 1)
		sum += at[0];
	return __builtin_bswap16((uint16_t)wire_fold(sum));
}

/* Of the pseudo-header; version 4 or 6. */
static inline uint32_t wire_pseudo(const uint8_t *ip, unsigned int version, uint32_t protocol, uint32_t len)
{
	uint32_t sum = version == 4 ? wire_sum(ip + 12, 8, 0) : wire_sum(ip + 8, 32, 0);

	return wire_fold((uint64_t)sum + protocol + (len >> 16) + (len & 0xffff));
}

#endif
