// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * An example of span_ring (size 10; letters are spans in use, '-' is free, '.' is skipped):
 *
 *      aaabbb----   take 3, take 3
 *      ---bbbcc--   take 2, give a
 *      dddbbbcc..   take 3: it does not fit behind c, so the end is skipped and d begins at 0
 *      ddd-----..   give b, give c: the skipped end belongs to d until d is given back
 *      ----------   give d: the ring is empty, so the next span begins at 0, where the cache is warm
 */
#include "nic/umem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"

#define HUGE_PAGE_LEN (2u << 20)

bool span_reserve(const struct span_ring *ring, uint32_t len, struct span *span)
{
	const bool wrapped = ring->used > 0 && ring->head <= ring->tail;
	const uint32_t behind = (wrapped ? ring->tail : ring->size) - ring->head;

	if (len <= behind) {
		*span = (struct span){ .off = ring->head, .len = len };
		return true;
	}
	if (wrapped || len > ring->tail)
		return false;
	*span = (struct span){ .off = 0, .len = len, .skipped = behind };
	return true;
}

void span_take(struct span_ring *ring, struct span *span, uint32_t len)
{
	if (len == 0 || len > span->len)
		log_abort("span_take: %u of %u reserved", len, span->len);
	span->len = len;
	ring->used += span->skipped + len;
	ring->head = span->off + len == ring->size ? 0 : span->off + len;
}

void span_give(struct span_ring *ring, const struct span *span)
{
	if (span->skipped + span->len > ring->used)
		log_abort("span_give: %u + %u skipped at %u, but only %u are in use", span->len, span->skipped,
			  span->off, ring->used);
	ring->used -= span->skipped + span->len;
	ring->tail = span->off + span->len == ring->size ? 0 : span->off + span->len;
	if (ring->used == 0)
		ring->head = ring->tail = 0;
}

static uint64_t round_up(uint64_t len, uint64_t to)
{
	return (len + to - 1) / to * to;
}

/* Huge pages must be set aside by the operator (vm.nr_hugepages). Without them the kernel may still use transparent
 * ones. */
static int map_area(struct umem *umem, uint64_t len)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	umem->area_len = round_up(len, HUGE_PAGE_LEN);
	umem->area = mmap(NULL, umem->area_len, prot, flags | MAP_HUGETLB, -1, 0);
	umem->huge_pages = umem->area != MAP_FAILED;
	if (umem->huge_pages)
		return 0;

	umem->area_len = len;
	umem->area = mmap(NULL, umem->area_len, prot, flags, -1, 0);
	if (umem->area == MAP_FAILED)
		return -errno;
	(void)madvise(umem->area, umem->area_len, MADV_HUGEPAGE); /* a hint only */
	return 0;
}

static int fill_frame_stack(struct frame_stack *stack, uint32_t cnt)
{
	stack->addrs = malloc(cnt * sizeof(stack->addrs[0]));
	if (!stack->addrs)
		return -ENOMEM;
	stack->capacity = cnt;
	while (cnt-- > 0)
		frame_give(stack, (uint64_t)cnt * UMEM_CHUNK_LEN);
	return 0;
}

int umem_open(struct umem *umem, const struct umem_config *config)
{
	const uint64_t slots_len = round_up((uint64_t)config->slots * config->slot_len, UMEM_CHUNK_LEN);
	int err;

	if (config->rx_frames == 0 || slots_len == 0 || config->buffers_len % UMEM_CHUNK_LEN != 0 ||
	    config->buffers_len < 2 * UMEM_SUPERPACKET_ROOM)
		return -EINVAL;

	*umem = (struct umem){ .config = *config };
	umem->slots_off = (uint64_t)config->rx_frames * UMEM_CHUNK_LEN;
	umem->buffers_off = umem->slots_off + slots_len;
	umem->buffers.size = config->buffers_len;
	umem_set_slots(umem, config->slot_len, UINT32_MAX);

	err = map_area(umem, umem->buffers_off + config->buffers_len);
	if (err)
		return err;
	err = fill_frame_stack(&umem->frames, config->rx_frames);
	if (err)
		umem_close(umem);
	return err;
}

void umem_set_slots(struct umem *umem, uint32_t slot_len, uint32_t most)
{
	const uint64_t room = (umem->buffers_off - umem->slots_off) / slot_len;

	if (umem->slots.used > 0)
		log_abort("umem_set_slots: %u slots are in use", umem->slots.used);
	umem->config.slot_len = slot_len;
	umem->config.slots = room < most ? (uint32_t)room : most;
	umem->slots = (struct span_ring){ .size = umem->config.slots };
}

void umem_close(struct umem *umem)
{
	free(umem->frames.addrs);
	munmap(umem->area, umem->area_len);
	*umem = (struct umem){ 0 };
}
