/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * DPDK's side of bench-engine: contenders that do the same as ours, on the same packets, with DPDK's libraries.
 *
 * Without libdpdk (no HAVE_DPDK), dpdk_open() returns false and nothing else is called.
 */
#ifndef TOOLS_BENCH_DPDK_H
#define TOOLS_BENCH_DPDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/packets.h"

#ifdef HAVE_DPDK

#define DPDK_MISSING "DPDK did not start"

/* Starts DPDK's environment on one CPU, without huge pages or devices. */
bool dpdk_open(unsigned int cpu);
void dpdk_close(void);
const char *dpdk_version_text(void);

/* The contenders. A pass returns the ns that it took. */
struct dpdk_gso;
struct dpdk_gso *dpdk_gso_open(uint8_t *const supers[BENCH_SUPERS]);
void dpdk_gso_close(struct dpdk_gso *gso);
uint64_t dpdk_gso_pass(void *gso);      /* headers only */
uint64_t dpdk_gso_sums_pass(void *gso); /* software checksums */

/* Cuts superpacket 0 and copies segment i to out + i * BENCH_FRAME_LEN. Returns the number of segments. */
uint32_t dpdk_gso_cut(struct dpdk_gso *gso, bool sums, uint8_t *out);

struct dpdk_gro;
struct dpdk_gro *dpdk_gro_open(const struct bench_load *load, bool context);
void dpdk_gro_close(struct dpdk_gro *gro);
uint64_t dpdk_gro_pass(void *arg);

/* Runs the first group and describes the superpackets in supers, which has room for one entry per packet. */
uint32_t dpdk_gro_collect(struct dpdk_gro *gro, struct bench_super *supers);

/* Packets per superpacket, over all passes. */
double dpdk_gro_merge(const struct dpdk_gro *gro);

uint32_t dpdk_checksum(const void *data, size_t len);

#else

#define DPDK_MISSING "built without libdpdk (Debian: libdpdk-dev)"

struct dpdk_gso;
struct dpdk_gro;
static inline bool dpdk_open(unsigned int cpu)
{
	(void)cpu;
	return false;
}
static inline void dpdk_close(void)
{
}
static inline const char *dpdk_version_text(void)
{
	return "";
}
static inline struct dpdk_gso *dpdk_gso_open(uint8_t *const s[BENCH_SUPERS])
{
	(void)s;
	return NULL;
}
static inline void dpdk_gso_close(struct dpdk_gso *g)
{
	(void)g;
}
static inline uint64_t dpdk_gso_pass(void *g)
{
	(void)g;
	return 0;
}
static inline uint64_t dpdk_gso_sums_pass(void *g)
{
	(void)g;
	return 0;
}
static inline uint32_t dpdk_gso_cut(struct dpdk_gso *g, bool sums, uint8_t *out)
{
	(void)g, (void)sums, (void)out;
	return 0;
}
static inline struct dpdk_gro *dpdk_gro_open(const struct bench_load *l, bool c)
{
	(void)l, (void)c;
	return NULL;
}
static inline void dpdk_gro_close(struct dpdk_gro *g)
{
	(void)g;
}
static inline uint64_t dpdk_gro_pass(void *g)
{
	(void)g;
	return 0;
}
static inline uint32_t dpdk_gro_collect(struct dpdk_gro *g, struct bench_super *out)
{
	(void)g, (void)out;
	return 0;
}
static inline double dpdk_gro_merge(const struct dpdk_gro *g)
{
	(void)g;
	return 0;
}
static inline uint32_t dpdk_checksum(const void *d, size_t len)
{
	(void)d, (void)len;
	return 0;
}

#endif
#endif
