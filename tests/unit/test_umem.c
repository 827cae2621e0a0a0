// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Spans, frames and regions of the umem, in plain memory. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "nic/umem.h"

#define SIZE 10

/* Reserves and takes len; the result must begin at off. */
static struct span take(struct span_ring *ring, uint32_t len, uint32_t off)
{
	struct span span;

	cr_assert(span_reserve(ring, len, &span), "no room for %u", len);
	cr_assert_eq(span.off, off, "at %u instead of %u", span.off, off);
	cr_assert_eq(span.len, len);
	span_take(ring, &span, len);
	return span;
}

static bool fits(const struct span_ring *ring, uint32_t len)
{
	struct span span;

	return span_reserve(ring, len, &span);
}

Test(umem, span_of_whole_ring_fits_once)
{
	struct span_ring ring = { .size = SIZE };
	struct span all = take(&ring, SIZE, 0);

	cr_expect(!fits(&ring, 1));
	span_give(&ring, &all);
	cr_expect(fits(&ring, SIZE), "given back: all is free again");
	cr_expect(!fits(&ring, SIZE + 1));
}

Test(umem, span_zeroed_ring_is_empty_and_has_no_room)
{
	struct span_ring ring = { 0 };

	cr_expect(!fits(&ring, 1));
}

Test(umem, span_reserving_takes_nothing)
{
	struct span_ring ring = { .size = SIZE };

	cr_expect(fits(&ring, SIZE));
	cr_expect(fits(&ring, SIZE));
	cr_expect_eq(ring.used, 0);
}

Test(umem, span_takes_less_than_reserved)
{
	struct span_ring ring = { .size = SIZE };
	struct span span;

	cr_assert(span_reserve(&ring, SIZE, &span));
	span_take(&ring, &span, 3);
	cr_expect_eq(span.len, 3);
	cr_expect_eq(ring.used, 3);
	take(&ring, 7, 3);
}

Test(umem, span_ring_ending_exactly_at_its_end_goes_on_at_0)
{
	struct span_ring ring = { .size = SIZE };
	struct span a = take(&ring, 6, 0);
	struct span b = take(&ring, 4, 6);

	cr_expect(!fits(&ring, 1), "full, although head equals tail");
	span_give(&ring, &a);
	take(&ring, 6, 0);
	span_give(&ring, &b);
}

Test(umem, span_skips_an_end_that_is_too_short)
{
	struct span_ring ring = { .size = SIZE };
	struct span a = take(&ring, 4, 0);
	struct span b = take(&ring, 4, 4);
	struct span c;

	cr_expect(!fits(&ring, 3), "2 at the end, none in front");
	span_give(&ring, &a);
	c = take(&ring, 3, 0);
	cr_expect_eq(c.skipped, 2);
	cr_expect_eq(ring.used, 4 + 2 + 3);
	cr_expect(fits(&ring, 1));
	cr_expect(!fits(&ring, 2), "only up to b");
	span_give(&ring, &b);
	span_give(&ring, &c);
	cr_expect_eq(ring.used, 0);
	take(&ring, SIZE, 0);
}

Test(umem, span_empty_ring_starts_again_at_0)
{
	struct span_ring ring = { .size = SIZE };

	for (int i = 0; i < 5; i++) {
		struct span span = take(&ring, 3, 0);

		span_give(&ring, &span);
	}
}

Test(umem, span_giving_more_than_is_out_aborts, .signal = SIGABRT)
{
	struct span_ring ring = { .size = SIZE };
	struct span a = take(&ring, 4, 0);

	span_give(&ring, &a);
	span_give(&ring, &a);
}

Test(umem, span_taking_more_than_reserved_aborts, .signal = SIGABRT)
{
	struct span_ring ring = { .size = SIZE };
	struct span span;

	cr_assert(span_reserve(&ring, 4, &span));
	span_take(&ring, &span, 5);
}

/*
 * A property, checked against a map of single units: spans in use never share a unit; a span is refused only if neither
 * the end of the ring nor its front has so many free units in one piece; when all came back, all is free.
 */
enum { MODEL_SIZE = 64 };

struct model {
	bool out[MODEL_SIZE];
	struct span queue[MODEL_SIZE];
	uint32_t first, cnt;
};

static uint32_t run_from(const struct model *m, uint32_t at)
{
	uint32_t len = 0;

	while (at + len < MODEL_SIZE && !m->out[at + len])
		len++;
	return len;
}

static void model_mark_range(struct model *m, uint32_t off, uint32_t len, bool out)
{
	for (uint32_t i = 0; i < len; i++) {
		cr_assert_neq(m->out[off + i], out, "unit %u twice", off + i);
		m->out[off + i] = out;
	}
}

/* The units that a span has skipped at the ring's end are in use with it. */
static void model_mark(struct model *m, const struct span *span, bool out)
{
	model_mark_range(m, span->off, span->len, out);
	model_mark_range(m, MODEL_SIZE - span->skipped, span->skipped, out);
}

static void step_take(struct model *m, struct span_ring *ring, uint32_t len, uint32_t taken)
{
	struct span span;

	if (!span_reserve(ring, len, &span)) {
		const uint32_t behind = ring->head < MODEL_SIZE ? run_from(m, ring->head) : 0;
		/* Free units at the front count only if head has not wrapped around to them. */
		const uint32_t front = m->cnt == 0 || ring->head > ring->tail ? run_from(m, 0) : 0;

		cr_assert_lt(behind, len, "%u free at %u refused %u", behind, ring->head, len);
		cr_assert_lt(front, len, "%u free at 0 refused %u", front, len);
		return;
	}
	cr_assert_leq(span.off + len, MODEL_SIZE);
	span_take(ring, &span, taken);
	model_mark(m, &span, true);
	m->queue[(m->first + m->cnt++) % MODEL_SIZE] = span;
}

static void step_give(struct model *m, struct span_ring *ring)
{
	struct span *oldest = &m->queue[m->first];

	if (m->cnt == 0)
		return;
	model_mark(m, oldest, false);
	span_give(ring, oldest);
	m->first = (m->first + 1) % MODEL_SIZE;
	m->cnt--;
}

Test(umem, span_property)
{
	static struct model m;
	struct span_ring ring = { .size = MODEL_SIZE };

	srand(1);
	for (int i = 0; i < 200000; i++) {
		const uint32_t len = 1 + rand() % (i % 2000 < 1000 ? 8 : 40);

		if (rand() % 2)
			step_take(&m, &ring, len, 1 + rand() % len);
		else
			step_give(&m, &ring);
		if (m.cnt == 0)
			cr_assert(fits(&ring, MODEL_SIZE), "empty, and yet not all free");
	}
	while (m.cnt > 0)
		step_give(&m, &ring);
	cr_expect_eq(ring.used, 0);
}

static const struct umem_config config = {
	.rx_frames = 16,
	.slots = 40,
	.slot_len = 256,
	.buffers_len = 2 * UMEM_SUPERPACKET_ROOM,
};

Test(umem, regions_lie_behind_one_another)
{
	struct umem umem;

	cr_assert_eq(umem_open(&umem, &config), 0);
	cr_expect_eq(umem.slots_off, 16 * UMEM_CHUNK_LEN);
	cr_expect_eq(umem.buffers_off, (16 + 3) * UMEM_CHUNK_LEN, "40 slots fill 2.5 chunks");
	cr_expect_geq(umem.area_len, umem.buffers_off + config.buffers_len);
	cr_expect_eq(umem_slot_addr(&umem, 17), umem.slots_off + 17 * 256);
	cr_expect_eq(umem_buffer_addr(&umem, 64), umem.buffers_off + 64);
	/* Touch the ends of each region. */
	*umem_data(&umem, 0) = 1;
	*umem_data(&umem, umem_slot_addr(&umem, umem.slots.size) - 1) = 1;
	*umem_data(&umem, umem_buffer_addr(&umem, config.buffers_len) - 1) = 1;
	umem_close(&umem);
}

Test(umem, every_frame_is_on_the_stack_once)
{
	bool seen[16] = { 0 };
	struct umem umem;

	cr_assert_eq(umem_open(&umem, &config), 0);
	cr_assert_eq(umem.frames.cnt, 16);
	while (umem.frames.cnt > 0) {
		const uint64_t addr = frame_take(&umem.frames);

		cr_assert_eq(addr % UMEM_CHUNK_LEN, 0);
		cr_assert_lt(addr, umem.slots_off);
		cr_assert(!seen[addr / UMEM_CHUNK_LEN]);
		seen[addr / UMEM_CHUNK_LEN] = true;
	}
	frame_give(&umem.frames, 5 * UMEM_CHUNK_LEN);
	cr_expect_eq(frame_take(&umem.frames), 5 * UMEM_CHUNK_LEN, "last in, first out: still warm");
	umem_close(&umem);
}

Test(umem, slots_are_divided_anew)
{
	struct umem umem;

	cr_assert_eq(umem_open(&umem, &config), 0);
	cr_expect_eq(umem.slots.size, 48, "what the region holds, not only what was asked for");
	umem_set_slots(&umem, UMEM_CHUNK_LEN, UINT32_MAX);
	cr_expect_eq(umem.slots.size, 3);
	cr_expect_eq(umem.config.slots, 3);
	cr_expect_eq(umem_slot_addr(&umem, 2), umem.slots_off + 2 * UMEM_CHUNK_LEN);
	cr_expect_leq(umem_slot_addr(&umem, 3), umem.buffers_off);
	umem_set_slots(&umem, UMEM_CHUNK_LEN / 16, 5);
	cr_expect_eq(umem.slots.size, 5, "no more than can be in flight");
	umem_close(&umem);
}

Test(umem, dividing_anew_with_slots_out_aborts, .signal = SIGABRT)
{
	struct umem umem;

	cr_assert_eq(umem_open(&umem, &config), 0);
	take(&umem.slots, 1, 0);
	umem_set_slots(&umem, UMEM_CHUNK_LEN, UINT32_MAX);
}

Test(umem, impossible_sizes_are_refused)
{
	static const struct {
		const char *what;
		struct umem_config config;
	} cases[] = {
		{ "no frames", { 0, 16, 256, 2 * UMEM_SUPERPACKET_ROOM } },
		{ "no slots", { 16, 0, 256, 2 * UMEM_SUPERPACKET_ROOM } },
		{ "room for one superpacket only", { 16, 16, 256, UMEM_SUPERPACKET_ROOM } },
		{ "buffers not whole chunks", { 16, 16, 256, 2 * UMEM_SUPERPACKET_ROOM + 64 } },
	};
	struct umem umem;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_expect_neq(umem_open(&umem, &cases[i].config), 0, "%s", cases[i].what);
}
