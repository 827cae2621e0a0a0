// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sums over long ranges, and the choice between the versions that make them.
 *
 * Each version is one kernel for both functions: `copy` is a constant wherever the kernel is
 * inlined, so the plain sum contains no trace of the copy.
 *
 * The vector kernels rest on one identity. Take a packet as 32-bit words v, each of which is two
 * 16-bit words of the checksum. Let A be the sum of all v, modulo 2^32, and H the sum of all v >> 16.
 * Then the sum of the low halves is A - (H << 16), exactly, as long as neither half's sum exceeds 32
 * bits: 65536 words a lane. That takes three operations a vector (add, shift, add), one less than
 * masking out both halves, and needs no widening to 64 bits.
 *
 * AVX-512 pays for data in memory. It needs five operations a cache line instead of ten, and the CPU
 * looks ahead over a fixed number of operations, so it starts the cache misses of the next packet
 * while it sums this one. Copying and summing 1448 bytes scattered over memory takes 0.92 of memcpy's
 * time (AVX2: 1.45). Prefetching all lines of a packet at its start is slower (1.64), because the
 * prefetches fill the same window. Measured on Zen 4; from the second-level cache it is 17 ns to 20.
 */
#include "checksum.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* Below this length the scalar loop (5 ns for 64 bytes) is faster than setting up and adding up the
 * lanes of a vector (5 ns, however little they summed). Headers are shorter, bulk payloads longer. */
#define VECTOR_MIN_LEN 96u

/* Bytes that a vector kernel sums before it adds up its 32-bit lanes; see above. The narrowest vector
 * has 8 lanes of 4 bytes and 65536 words each; this is half of that. */
#define VECTOR_PASS_LEN ((size_t)1 << 20)

/* Inlining is forced, so that `copy` is a constant in every step. Without it, compilers make calls of the steps:
 * 14 % more instructions for 1448 bytes with gcc 12, 37 % with clang 14. */
#define KERNEL static inline __attribute__((always_inline))

/* Brings a 128-bit accumulator of 64-bit words down to 32 bits, with its carries. */
static inline uint32_t reduce(unsigned __int128 acc)
{
	uint64_t sum = (uint64_t)acc;
	uint32_t low, high;

	sum += (uint64_t)(acc >> 64);
	sum += sum < (uint64_t)(acc >> 64);
	low = (uint32_t)sum;
	high = (uint32_t)(sum >> 32);
	return checksum_combine(low, high);
}

/* The last 0-7 bytes as one number, as if zero bytes followed. */
static inline uint64_t load_rest(const uint8_t *p, size_t len)
{
	uint64_t word = 0;
	size_t at = 0;

	if (len & 4) {
		word = load_u32(p);
		at = 4;
	}
	if (len & 2) {
		word |= (uint64_t)load_u16(p + at) << (at * 8);
		at += 2;
	}
	if (len & 1)
		word |= (uint64_t)p[at] << (at * 8);
	return word;
}

/* Carries collect in the upper half of the accumulator: an add and an adc for 8 bytes. */
static inline uint32_t scalar_sum(uint8_t *dst, const uint8_t *p, size_t len, uint32_t sum, bool copy)
{
	unsigned __int128 acc = sum;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word = load_u64(p);

		if (copy) {
			memcpy(dst, &word, sizeof word);
			dst += 8;
		}
		acc += word;
	}
	acc += load_rest(p, len);
	for (; copy && len; len--)
		*dst++ = *p++;
	return reduce(acc);
}

static uint32_t scalar_add(const void *data, size_t len, uint32_t sum)
{
	return scalar_sum(NULL, data, len, sum, false);
}

static uint32_t scalar_copy(void *dst, const void *data, size_t len, uint32_t sum)
{
	return scalar_sum(dst, data, len, sum, true);
}

static bool always(void)
{
	return true;
}

#ifdef __x86_64__

/* ---- AVX2: 32 bytes at a time ---- */

#define AVX2 __attribute__((target("avx2")))

/* Loaded from its nth byte, this is a mask of the last n bytes of a vector (n < 32). */
static const uint8_t avx2_last_mask[64] = { [32 ... 63] = 0xff };

struct avx2_sum {
	__m256i words, halves; /* A and H of each lane */
};

AVX2 static inline void avx2_step(struct avx2_sum *acc, __m256i v)
{
	/* Keeps v in a register. Without this, gcc 12 loads it from the packet twice: 22 instead of
	 * 18 ns for 1448 bytes. */
	__asm__("" : "+x"(v));
	acc->words = _mm256_add_epi32(acc->words, v);
	acc->halves = _mm256_add_epi32(acc->halves, _mm256_srli_epi32(v, 16));
}

/* Loads 32 bytes and, for the copy, stores them. */
AVX2 KERNEL __m256i avx2_move(uint8_t *dst, const uint8_t *p, size_t off, bool copy)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(p + off));

	if (copy)
		_mm256_storeu_si256((__m256i *)(dst + off), v);
	return v;
}

/* Folds each lane's two sums to less than 18 bits, then adds up the lanes. */
AVX2 static inline uint32_t avx2_total(const struct avx2_sum *acc, uint32_t sum)
{
	const __m256i mask = _mm256_set1_epi32(0xffff);
	__m256i low = _mm256_sub_epi32(acc->words, _mm256_slli_epi32(acc->halves, 16));
	__m256i lanes = _mm256_add_epi32(_mm256_and_si256(low, mask), _mm256_srli_epi32(low, 16));
	__m128i half;

	lanes = _mm256_add_epi32(lanes, _mm256_and_si256(acc->halves, mask));
	lanes = _mm256_add_epi32(lanes, _mm256_srli_epi32(acc->halves, 16));
	half = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
	return checksum_combine((uint32_t)_mm_cvtsi128_si32(half), sum);
}

/*
 * The rest of 0-31 bytes, with at least 32 bytes of the same range before it. The vector that ends with
 * the rest is loaded, and what was summed already is cleared, so there is no loop over bytes. An odd
 * last byte is added separately, so that the vector covers whole 16-bit words.
 */
AVX2 static inline __m256i avx2_rest(const uint8_t *p, size_t len, uint32_t *sum)
{
	size_t even = len & ~(size_t)1;
	__m256i mask = _mm256_loadu_si256((const __m256i *)(avx2_last_mask + even));

	if (len & 1)
		*sum = checksum_combine(*sum, p[even]);
	return _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(p + even - 32)), mask);
}

/* One pass over 32 bytes at least, VECTOR_PASS_LEN + 32 at most. */
AVX2 KERNEL uint32_t avx2_pass(uint8_t *dst, const uint8_t *p, size_t len, uint32_t sum, bool copy)
{
	const __m256i zero = _mm256_setzero_si256();
	struct avx2_sum a = { zero, zero }, b = { zero, zero };

	for (; len >= 128; p += 128, len -= 128) {
		avx2_step(&a, avx2_move(dst, p, 0, copy));
		avx2_step(&b, avx2_move(dst, p, 32, copy));
		avx2_step(&a, avx2_move(dst, p, 64, copy));
		avx2_step(&b, avx2_move(dst, p, 96, copy));
		if (copy)
			dst += 128;
	}
	for (; len >= 32; p += 32, len -= 32) {
		avx2_step(&a, avx2_move(dst, p, 0, copy));
		if (copy)
			dst += 32;
	}
	avx2_step(&b, avx2_rest(p, len, &sum));
	if (copy)
		avx2_move(dst + len - 32, p + len - 32, 0, true);
	a.words = _mm256_add_epi32(a.words, b.words);
	a.halves = _mm256_add_epi32(a.halves, b.halves);
	return avx2_total(&a, sum);
}

AVX2 KERNEL uint32_t avx2_all(uint8_t *dst, const uint8_t *p, size_t len, uint32_t sum, bool copy)
{
	if (len < VECTOR_MIN_LEN)
		return copy ? scalar_copy(dst, p, len, sum) : scalar_add(p, len, sum);
	for (; unlikely(len > VECTOR_PASS_LEN + 32); p += VECTOR_PASS_LEN, len -= VECTOR_PASS_LEN) {
		sum = avx2_pass(dst, p, VECTOR_PASS_LEN, sum, copy);
		if (copy)
			dst += VECTOR_PASS_LEN;
	}
	return avx2_pass(dst, p, len, sum, copy);
}

AVX2 static uint32_t avx2_add(const void *data, size_t len, uint32_t sum)
{
	return avx2_all(NULL, data, len, sum, false);
}

AVX2 static uint32_t avx2_copy(void *dst, const void *data, size_t len, uint32_t sum)
{
	return avx2_all(dst, data, len, sum, true);
}

static bool avx2_usable(void)
{
	return __builtin_cpu_supports("avx2");
}

/* ---- AVX-512: the same, 64 bytes at a time; a mask takes care of the rest ---- */

#define AVX512 __attribute__((target("avx512f,avx512bw")))

struct avx512_sum {
	__m512i words, halves;
};

AVX512 static inline void avx512_step(struct avx512_sum *acc, __m512i v)
{
	__asm__("" : "+v"(v)); /* as above */
	acc->words = _mm512_add_epi32(acc->words, v);
	acc->halves = _mm512_add_epi32(acc->halves, _mm512_srli_epi32(v, 16));
}

AVX512 KERNEL __m512i avx512_move(uint8_t *dst, const uint8_t *p, size_t off, bool copy)
{
	__m512i v = _mm512_loadu_si512(p + off);

	if (copy)
		_mm512_storeu_si512(dst + off, v);
	return v;
}

/* 0-63 bytes. What is masked out is neither read nor written, and is 0 in the sum. */
AVX512 KERNEL __m512i avx512_rest(uint8_t *dst, const uint8_t *p, size_t off, size_t len, bool copy)
{
	__mmask64 mask = ((__mmask64)1 << len) - 1;
	__m512i v = _mm512_maskz_loadu_epi8(mask, p + off);

	if (copy)
		_mm512_mask_storeu_epi8(dst + off, mask, v);
	return v;
}

AVX512 static inline uint32_t avx512_total(const struct avx512_sum *acc, uint32_t sum)
{
	const __m512i mask = _mm512_set1_epi32(0xffff);
	__m512i low = _mm512_sub_epi32(acc->words, _mm512_slli_epi32(acc->halves, 16));
	__m512i lanes = _mm512_add_epi32(_mm512_and_si512(low, mask), _mm512_srli_epi32(low, 16));

	lanes = _mm512_add_epi32(lanes, _mm512_and_si512(acc->halves, mask));
	lanes = _mm512_add_epi32(lanes, _mm512_srli_epi32(acc->halves, 16));
	return checksum_combine((uint32_t)_mm512_reduce_add_epi32(lanes), sum);
}

/* One pass over VECTOR_PASS_LEN bytes at most. */
AVX512 KERNEL uint32_t avx512_pass(uint8_t *dst, const uint8_t *p, size_t len, uint32_t sum, bool copy)
{
	const __m512i zero = _mm512_setzero_si512();
	struct avx512_sum a = { zero, zero }, b = { zero, zero };
	size_t off = 0;

	for (; len - off >= 128; off += 128) {
		avx512_step(&a, avx512_move(dst, p, off, copy));
		avx512_step(&b, avx512_move(dst, p, off + 64, copy));
	}
	if (len - off >= 64) {
		avx512_step(&a, avx512_move(dst, p, off, copy));
		off += 64;
	}
	avx512_step(&b, avx512_rest(dst, p, off, len - off, copy));
	a.words = _mm512_add_epi32(a.words, b.words);
	a.halves = _mm512_add_epi32(a.halves, b.halves);
	return avx512_total(&a, sum);
}

AVX512 KERNEL uint32_t avx512_all(uint8_t *dst, const uint8_t *p, size_t len, uint32_t sum, bool copy)
{
	if (len < VECTOR_MIN_LEN)
		return copy ? scalar_copy(dst, p, len, sum) : scalar_add(p, len, sum);
	for (; unlikely(len > VECTOR_PASS_LEN); p += VECTOR_PASS_LEN, len -= VECTOR_PASS_LEN) {
		sum = avx512_pass(dst, p, VECTOR_PASS_LEN, sum, copy);
		if (copy)
			dst += VECTOR_PASS_LEN;
	}
	return avx512_pass(dst, p, len, sum, copy);
}

AVX512 static uint32_t avx512_add(const void *data, size_t len, uint32_t sum)
{
	return avx512_all(NULL, data, len, sum, false);
}

AVX512 static uint32_t avx512_copy(void *dst, const void *data, size_t len, uint32_t sum)
{
	return avx512_all(dst, data, len, sum, true);
}

/* VBMI2 came with Ice Lake and Zen 4. On older CPUs, 512-bit registers lower the clock for everything
 * else that runs there. */
static bool avx512_usable(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2");
}

#endif /* __x86_64__ */

static const struct checksum_version versions[] = {
	{ "scalar", always, scalar_add, scalar_copy },
#ifdef __x86_64__
	{ "avx2", avx2_usable, avx2_add, avx2_copy },
	{ "avx512", avx512_usable, avx512_add, avx512_copy },
#endif
};

/* Written once, before main. Constructors that run earlier get the scalar version. */
static const struct checksum_version *chosen = &versions[0];

__attribute__((constructor)) static void choose(void)
{
	size_t i;

#ifdef __x86_64__
	__builtin_cpu_init();
#endif
	for (i = 0; i < ARRAY_SIZE(versions); i++)
		if (versions[i].usable())
			chosen = &versions[i];
}

const struct checksum_version *checksum_versions(size_t *cnt)
{
	*cnt = ARRAY_SIZE(versions);
	return versions;
}

const struct checksum_version *checksum_chosen(void)
{
	return chosen;
}

uint32_t checksum_add(const void *data, size_t len, uint32_t sum)
{
	if (len < VECTOR_MIN_LEN)
		return scalar_sum(NULL, data, len, sum, false);
	return chosen->add(data, len, sum);
}

uint32_t checksum_copy(void *dst, const void *data, size_t len, uint32_t sum)
{
	if (len < VECTOR_MIN_LEN)
		return scalar_sum(dst, data, len, sum, true);
	return chosen->copy(dst, data, len, sum);
}
