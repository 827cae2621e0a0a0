/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From the template to the header of a segment: what runs once a segment, inline in gso.c and
 * gso_stream.c. A header is written in two steps, header_copy() and header_patch(); together they write
 * exactly t->len bytes of the slot. header.h has the table of fields.
 */
#ifndef SUPERPACKET_HEADER_PATCH_H
#define SUPERPACKET_HEADER_PATCH_H

#include "header.h"

/* For header_patch_tcp(): the fields in which the first and the last segment differ from the template.
 * The sums become those of this segment's IP and L4 header. */
void header_patch_first_or_last(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len, bool last,
				uint32_t *ip_sum, uint32_t *l4_sum);

/* header_patch() for UDP and tunnels. */
void header_patch_udp_or_tunnel(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len,
				uint32_t payload_sum, bool last);

/* S4: the IPv4 ID of segment idx (modulo 2^16), and the header checksum. sum covers the header without
 * the two. */
static inline void header_patch_id(const struct header_ip *ip, uint8_t *slot, uint32_t idx, uint32_t sum)
{
	uint16_t id;

	if (ip->version != 4)
		return;
	id = __builtin_bswap16((uint16_t)(ip->id + idx * ip->id_step));
	store_u16(slot + ip->off + 4, id);
	store_u16(slot + ip->off + 10, checksum_fold(sum + id));
}

/* The TCP header of a segment, and the IP header right before it. */
static inline void header_patch_tcp(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len,
				    uint32_t payload_sum, bool last)
{
	uint8_t *l4 = slot + t->l4_off;
	uint32_t seq = __builtin_bswap32(t->seq + idx * t->size); /* S2, modulo 2^32 */
	uint32_t ip_sum = t->ip.sum, l4_sum = t->l4_sum;

	if (unlikely(idx == 0 || last))
		header_patch_first_or_last(t, slot, idx, len, last, &ip_sum, &l4_sum);
	header_patch_id(&t->ip, slot, idx, ip_sum);
	store_u32(l4 + 4, seq);
	if (t->checksum == HEADER_CSUM_FULL) {
		l4_sum = checksum_combine(l4_sum + (seq & 0xffff) + (seq >> 16), payload_sum);
		store_u16(l4 + TCP_CSUM_OFFSET, checksum_fold(l4_sum)); /* S5 */
	}
}

/* Copies of fixed 64 or 128 bytes were no faster than memcpy() of the length (7-8 ns a segment, all
 * steps together, in both cases), and would need slots with room to spare. */
static inline void header_copy(const struct header_template *t, uint8_t *slot)
{
	memcpy(slot, t->bytes, t->len);
}

/*
 * Patches the header of segment idx, which carries len bytes of payload with the sum payload_sum (ignored
 * with HEADER_CSUM_PARTIAL). All segments but the last carry t->size bytes.
 */
static inline void header_patch(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len,
				uint32_t payload_sum, bool last)
{
	if (unlikely(t->udp_or_tunnel))
		header_patch_udp_or_tunnel(t, slot, idx, len, payload_sum, last);
	else
		header_patch_tcp(t, slot, idx, len, payload_sum, last);
}

#endif
