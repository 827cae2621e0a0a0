// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The template of a superpacket's segments, and the two segments that are not like it.
 *
 * Sums here are corrected, not made anew, where a word of the header changes: the old word is
 * taken out, the new one added (RFC 1624, with its equation 3 in sums instead of checksums).
 */
#include "header.h"

/* Offsets within the TCP header. */
enum {
	TCP_SEQ = 4,
	TCP_WORD = 12, /* data offset, reserved bits and flags */
	TCP_FLAGS = 13,
	TCP_CSUM = 16,
};

/* S3: FIN and PSH belong to the last segment, CWR to the first, the others to all. */
static uint8_t flags_of(uint8_t flags, bool first, bool last)
{
	if (!first)
		flags &= (uint8_t)~TCP_CWR;
	if (!last)
		flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
	return flags;
}

/* Where the IP header says how long the packet is, and what it says for len payload bytes. */
static uint8_t *length_field(const struct header_template *t, uint8_t *slot)
{
	return slot + t->l3_off + (t->ip_version == 4 ? 2 : 4);
}

static uint16_t ip_len(const struct header_template *t, uint32_t len)
{
	/* S4: the IPv6 payload length counts the extension headers, but not the IPv6 header. */
	uint32_t from = t->ip_version == 4 ? t->l3_off : t->l3_off + 40u;

	return (uint16_t)(t->len - from + len);
}

/* The length of TCP header and payload as it enters the pseudo-header: as it would lie there. */
static uint16_t pseudo_len(const struct header_template *t, uint32_t len)
{
	return __builtin_bswap16((uint16_t)(t->len - t->l4_off + len));
}

/* S5: the pseudo-header of a segment of len payload bytes. The field of the superpacket is right
 * even where the addresses are not those of the IP header (IPv6 routing headers, IPv4 source
 * routes), but it is the producer's only if he says so. */
static uint32_t pseudo_sum(const struct header_template *t, const uint8_t *data,
			   const struct packet_view *view, bool from_partial, uint32_t len)
{
	uint32_t sum;

	if (from_partial)
		sum = checksum_remove(load_u16(data + t->l4_off + TCP_CSUM),
				      pseudo_len(t, view->payload_len));
	else
		sum = checksum_pseudo(data + t->l3_off, t->ip_version, view->protocol, 0);
	return checksum_combine(sum, pseudo_len(t, len));
}

static void prepare_ipv4(struct header_template *t, bool fixed_id)
{
	uint8_t *l3 = t->bytes + t->l3_off;

	t->id = load_be16(l3 + 4);
	t->id_step = !fixed_id;
	store_u16(l3 + 4, 0);
	store_u16(l3 + 10, 0);
	t->ip_sum = checksum_fold_partial(checksum_add(l3, (l3[0] & 0xf) * 4u, 0));
}

static void prepare_tcp(struct header_template *t, uint32_t pseudo)
{
	uint8_t *l4 = t->bytes + t->l4_off;

	t->seq = load_be32(l4 + TCP_SEQ);
	t->flags = l4[TCP_FLAGS];
	l4[TCP_FLAGS] = flags_of(t->flags, false, false);
	store_u32(l4 + TCP_SEQ, 0);
	store_u16(l4 + TCP_CSUM, 0);
	if (t->checksum == HEADER_CSUM_FULL)
		pseudo = checksum_add(l4, (size_t)t->len - t->l4_off, pseudo);
	t->l4_sum = checksum_fold_partial(pseudo);
	if (t->checksum == HEADER_CSUM_PARTIAL)
		store_u16(l4 + TCP_CSUM, t->l4_sum);
}

void header_prepare(struct header_template *t, const uint8_t *data, const struct packet_view *view,
		    const struct header_job *job)
{
	t->len = view->payload_off;
	t->l3_off = view->l3_off;
	t->l4_off = view->l4_off;
	t->ip_version = view->ip_version;
	t->checksum = job->checksum;
	t->size = job->size;

	memcpy(t->bytes, data, t->len);
	store_be16(length_field(t, t->bytes), ip_len(t, t->size));
	if (t->ip_version == 4)
		prepare_ipv4(t, job->fixed_id);
	prepare_tcp(t, pseudo_sum(t, data, view, job->from_partial, t->size));
}

/* A word of the header becomes another; its sum follows. */
static void replace(uint8_t *at, uint16_t word, uint32_t *sum)
{
	*sum = checksum_combine(checksum_remove(*sum, load_u16(at)), word);
	store_u16(at, word);
}

void header_patch_end(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len,
		      bool last, uint32_t *ip_sum, uint32_t *l4_sum)
{
	uint8_t *l4 = slot + t->l4_off;
	uint16_t flags = __builtin_bswap16((uint16_t)(l4[TCP_WORD] << 8 |
						      flags_of(t->flags, idx == 0, last)));
	uint32_t sum;

	replace(length_field(t, slot), __builtin_bswap16(ip_len(t, len)), ip_sum);
	*ip_sum = checksum_fold_partial(*ip_sum);

	sum = checksum_remove(*l4_sum, pseudo_len(t, t->size));
	sum = checksum_combine(sum, pseudo_len(t, len));
	if (t->checksum == HEADER_CSUM_PARTIAL) {
		store_u16(l4 + TCP_CSUM, checksum_fold_partial(sum));
		sum = 0;
	}
	replace(l4 + TCP_WORD, flags, &sum);
	*l4_sum = checksum_fold_partial(sum);
}
