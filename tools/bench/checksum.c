// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Checksums: the engine's sum, and its copy and sum, of the payload of a segment, in the second-level cache and in
 * memory, beside rte_raw_cksum, a plain AVX2 loop and memcpy.
 */
#include "bench/groups.h"

#include <stdio.h>
#include <sys/mman.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "bench/dpdk.h"
#include "engine/checksum.h"

enum csum_kind { CSUM_ADD, CSUM_COPY, CSUM_MEMCPY, CSUM_PLAIN, CSUM_DPDK, CSUM_KINDS };

struct csum_work {
	enum csum_kind kind;
	const uint8_t *data;
	const uint32_t *order; /* of blocks */
	uint32_t blocks;       /* in data, CSUM_STRIDE apart; a power of two */
	uint32_t at;           /* continues where the last pass ended */
};

#define CSUM_STRIDE 2048u
#define CSUM_PASS 1024u

/* The destination of copies; it stays in the first-level cache. */
static uint8_t csum_dst[4 * CSUM_STRIDE];

#ifdef __x86_64__
/* The obvious way: 16-bit words are widened to 32 bits and added. */
__attribute__((target("avx2"))) static uint32_t plain_avx2(const uint8_t *p, size_t len)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i low = zero, high = zero;
	uint32_t lanes[8], sum = 0;

	for (; len >= 32; p += 32, len -= 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)p);

		low = _mm256_add_epi32(low, _mm256_unpacklo_epi16(v, zero));
		high = _mm256_add_epi32(high, _mm256_unpackhi_epi16(v, zero));
	}
	_mm256_storeu_si256((__m256i *)lanes, _mm256_add_epi32(low, high));
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		sum = checksum_combine(sum, lanes[i]);
	for (; len >= 2; p += 2, len -= 2)
		sum = checksum_combine(sum, load_u16(p));
	return sum;
}

static bool plain_usable(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
static uint32_t plain_avx2(const uint8_t *p, size_t len)
{
	(void)p, (void)len;
	return 0;
}

static bool plain_usable(void)
{
	return false;
}
#endif

static inline uint32_t csum_once(enum csum_kind kind, const uint8_t *p, uint32_t i)
{
	uint8_t *dst = csum_dst + (i & 3) * CSUM_STRIDE;

	switch (kind) {
	case CSUM_ADD:
		return checksum_add(p, BENCH_MSS, 0);
	case CSUM_COPY:
		return checksum_copy(dst, p, BENCH_MSS, 0);
	case CSUM_MEMCPY:
		memcpy(dst, p, BENCH_MSS);
		__asm__ volatile("" ::"r"(dst) : "memory");
		return 0;
	case CSUM_PLAIN:
		return plain_avx2(p, BENCH_MSS);
	default:
		return dpdk_checksum(p, BENCH_MSS);
	}
}

static inline uint64_t csum_blocks(struct csum_work *work, enum csum_kind kind)
{
	uint64_t start = bench_now_ns();
	uint32_t sum = 0;

	for (uint32_t i = 0; i < CSUM_PASS; i++) {
		uint32_t block = work->order[(work->at + i) & (work->blocks - 1)];

		sum ^= csum_once(kind, work->data + (size_t)block * CSUM_STRIDE, i);
	}
	__asm__ volatile("" ::"r"(sum));
	work->at += CSUM_PASS;
	return bench_now_ns() - start - bench_clock_ns;
}

static uint64_t csum_pass(void *arg)
{
	struct csum_work *work = arg;

	switch (work->kind) { /* one loop for each kind, without a branch in it */
	case CSUM_ADD:
		return csum_blocks(work, CSUM_ADD);
	case CSUM_COPY:
		return csum_blocks(work, CSUM_COPY);
	case CSUM_MEMCPY:
		return csum_blocks(work, CSUM_MEMCPY);
	case CSUM_PLAIN:
		return csum_blocks(work, CSUM_PLAIN);
	default:
		return csum_blocks(work, CSUM_DPDK);
	}
}

/* In scattered order, so that the hardware prefetcher does not help between blocks. */
static uint32_t *shuffled(uint32_t cnt)
{
	uint32_t *order = bench_memory(cnt * sizeof(*order));
	uint64_t state = 88172645463325252u;

	for (uint32_t i = 0; i < cnt; i++)
		order[i] = i;
	for (uint32_t i = cnt - 1; i; i--) {
		uint32_t j, other;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		j = (uint32_t)(state % (i + 1));
		other = order[i];
		order[i] = order[j];
		order[j] = other;
	}
	return order;
}

static void csum_check(const uint8_t *data, bool dpdk)
{
	uint16_t want = bench_payload_csum();

	for (int kind = 0; kind < CSUM_KINDS; kind++) {
		if (kind == CSUM_MEMCPY || (kind == CSUM_PLAIN && !plain_usable()) || (kind == CSUM_DPDK && !dpdk))
			continue;
		if (checksum_fold_partial(csum_once((enum csum_kind)kind, data, 0)) != want)
			bench_die("checksum: contender %d is wrong", kind);
	}
}

/* copy_goal: the highest ratio to memcpy, or 0. */
static void csum_place(struct bench_report *report, const char *place, uint32_t blocks, double copy_goal)
{
	uint8_t *data = bench_memory((size_t)blocks * CSUM_STRIDE);
	uint32_t *order = shuffled(blocks);
	struct csum_work work[CSUM_KINDS];
	struct bench_contender c[CSUM_KINDS];
	char name[48];
	struct bench_row *row;

	for (uint32_t i = 0; i < blocks; i++)
		memcpy(data + (size_t)i * CSUM_STRIDE, bench_payload, BENCH_MSS);
	csum_check(data, report->dpdk);
	for (int i = 0; i < CSUM_KINDS; i++) {
		bool there = i == CSUM_DPDK ? report->dpdk : i == CSUM_PLAIN ? plain_usable() : true;

		work[i] = (struct csum_work){ (enum csum_kind)i, data, order, blocks,
					      (uint32_t)i * (blocks / CSUM_KINDS) };
		c[i] = (struct bench_contender){ there ? csum_pass : NULL, &work[i], CSUM_PASS, { 0 } };
	}
	bench_race(c, ARRAY_SIZE(c));

	snprintf(name, sizeof(name), "sum of 1448 bytes, %s", place);
	row = bench_row_add(report, "checksum", name, "ns", &c[CSUM_ADD]);
	if (report->dpdk)
		bench_row_beside(row, "rte_raw_cksum", &c[CSUM_DPDK], 0);
	if (plain_usable()) {
		row = bench_row_add(report, "checksum", name, "ns", &c[CSUM_ADD]);
		bench_row_beside(row, "a plain AVX2 loop", &c[CSUM_PLAIN], 1);
	}
	snprintf(name, sizeof(name), "copy and sum of 1448 bytes, %s", place);
	row = bench_row_add(report, "checksum", name, "ns", &c[CSUM_COPY]);
	bench_row_beside(row, "memcpy", &c[CSUM_MEMCPY], copy_goal);
	munmap(data, (size_t)blocks * CSUM_STRIDE);
	munmap(order, blocks * sizeof(*order));
}

void bench_checksum_run(struct bench_report *report)
{
	csum_place(report, "L2", 64, 0);             /* 128 KB, 90 of them touched */
	csum_place(report, "memory", 1u << 17, 1.3); /* 256 MB */
}
