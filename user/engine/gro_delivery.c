// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Deliveries: taken in order, described as slices of memory, taken apart again, given back.
 */
#include "gro_complete.h"

/* The fragments of a delivery, in order. */
struct fragment_walk {
	const struct gro *gro;
	const struct gro_super *super;
	uint32_t idx, block; /* of the next one */
};

static inline struct fragment_walk walk_fragments(const struct gro *gro, const struct gro_super *super)
{
	return (struct fragment_walk){ gro, super, 0, super->first_block };
}

static inline const struct gro_segment *next_fragment(struct fragment_walk *walk)
{
	uint32_t idx = walk->idx++, place = (idx - 1) % GRO_BLOCK_SEGMENTS;

	if (idx == 0)
		return &walk->super->first;
	if (idx > 1 && place == 0)
		walk->block = walk->gro->blocks[walk->block].next;
	return &walk->gro->blocks[walk->block].segments[place];
}

static inline void prefetch_lines(const void *p, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++)
		__builtin_prefetch((const uint8_t *)p + i * 64, 1);
}

/* For the delivery that has its turn some deliveries later: prefetches the header that will be rewritten, and the
 * first and last blocks. Its own lines were prefetched one delivery ago. */
void gro_prefetch_delivery(struct gro *gro)
{
	const struct gro_super *super = &gro->supers[gro->ready_ahead];

	__builtin_prefetch(super->first.data, 1);
	if (super->fragment_cnt > 1) {
		prefetch_lines(&gro->blocks[super->first_block], sizeof(struct gro_block) / 64);
		prefetch_lines(&gro->blocks[super->last_block], sizeof(struct gro_block) / 64);
	}
	gro->ready_ahead = gro->table.links[gro->ready_ahead].age_next;
	if (gro->ready_ahead != FLOW_NONE)
		prefetch_lines(&gro->supers[gro->ready_ahead], sizeof(*super) / 64);
}

/* D5: each fragment as it came, with padding. */
static uint32_t whole_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	struct fragment_walk walk = walk_fragments(gro, super);

	for (uint32_t i = 0; i < super->fragment_cnt; i++) {
		const struct gro_segment *fragment = next_fragment(&walk);

		iov[i] = (struct iovec){ fragment->data, fragment->len };
	}
	return super->fragment_cnt;
}

/* Packets in several fragments: the payload of each, which begins in the packet's first fragment or behind it,
 * and ends before the padding. */
static uint32_t fragment_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	uint32_t left = super->len - super->lead, packet_left = 0, cnt = 0, skip;
	struct fragment_walk walk = walk_fragments(gro, super);
	bool begins = true;

	for (uint32_t i = 0; i < super->fragment_cnt; i++) {
		const struct gro_segment *fragment = next_fragment(&walk);
		uint32_t len = fragment->len;

		skip = 0;
		if (begins) {
			skip = i ? super->payload_off : 0;
			packet_left = super->size + (i ? 0u : super->payload_off);
			if (packet_left > left)
				packet_left = left;
		}
		begins = !fragment->more;
		len -= skip;
		if (len > packet_left)
			len = packet_left;
		packet_left -= len;
		left -= len;
		if (len)
			iov[cnt++] = (struct iovec){ fragment->data + skip, len };
	}
	return cnt;
}

/* Packets in one fragment each, which nearly all are. */
static uint32_t plain_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	uint32_t cnt = super->packet_cnt, size = super->size, idx = super->first_block;
	uint32_t header_len = super->payload_off;

	iov[0] = (struct iovec){ super->first.data, header_len + size };
	for (uint32_t i = 1; i < cnt;) {
		const struct gro_block *block = &gro->blocks[idx];

		idx = block->next;
		for (uint32_t j = 0; j < GRO_BLOCK_SEGMENTS && i < cnt; j++, i++) {
			iov[i].iov_base = block->segments[j].data + header_len;
			iov[i].iov_len = size;
		}
	}
	iov[cnt - 1].iov_len = super->len - super->lead - header_len - (cnt - 1) * size;
	return cnt;
}

uint32_t gro_iovecs_many(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	uint32_t cnt;

	if (super->packet_cnt == 1)
		return whole_iovecs(gro, super, iov);
	cnt = super->fragment_cnt == super->packet_cnt ? plain_iovecs(gro, super, iov) :
							 fragment_iovecs(gro, super, iov);
	iov[0].iov_base = (uint8_t *)iov[0].iov_base - super->lead;
	iov[0].iov_len += super->lead;
	return cnt;
}

uint32_t gro_unmerge(struct gro *gro, struct gro_super *super, struct iovec *iov, bool *more)
{
	struct fragment_walk walk = walk_fragments(gro, super);

	if (super->request.type != GSO_NONE)
		gro_restore_header(super);
	if (more)
		for (uint32_t i = 0; i < super->fragment_cnt; i++)
			more[i] = next_fragment(&walk)->more;
	return whole_iovecs(gro, super, iov);
}

void gro_release_many(struct gro *gro, const struct gro_super *super, uint64_t *cookies)
{
	uint32_t cnt = super->fragment_cnt, idx = super->first_block;

	for (uint32_t i = 1; i < cnt;) {
		const struct gro_block *block = &gro->blocks[idx];

		gro->free_blocks[gro->free_block_cnt++] = idx;
		idx = block->next;
		for (uint32_t j = 0; j < GRO_BLOCK_SEGMENTS && i < cnt; j++, i++)
			cookies[i] = block->segments[j].cookie;
	}
}

uint32_t gro_owned_packets(const struct gro *gro)
{
	return gro->owned_cnt;
}
