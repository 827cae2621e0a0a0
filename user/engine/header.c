// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Making the template of a superpacket's segments, and patching the segments that differ from it in more
 * than a few fields.
 *
 * Where a word of a header changes, its sum is corrected instead of computed anew: the old word is
 * removed, the new one is added (RFC 1624, equation 3, in sums instead of checksums).
 */
#include "header_patch.h"

#define UDP_LENGTH 4u /* offset within the UDP header */

/* Offsets within the TCP header. */
enum {
	TCP_SEQ = 4,
	TCP_WORD = 12, /* data offset, reserved bits and flags */
	TCP_FLAGS = 13,
};

/* S3: FIN and PSH belong to the last segment, CWR to the first (R13: or to all), the others to all. */
static uint8_t flags_of(const struct header_template *t, bool first, bool last)
{
	uint8_t flags = t->flags;

	if (!first && !t->accecn)
		flags &= (uint8_t)~TCP_CWR;
	if (!last)
		flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	return flags;
}

static uint8_t *length_field(const struct header_ip *ip, uint8_t *slot)
{
	return slot + ip->off + (ip->version == 4 ? 2 : 4);
}

/* The value of the length field for a segment of len payload bytes. */
static uint16_t ip_len(const struct header_template *t, const struct header_ip *ip, uint32_t len)
{
	/* S4: the IPv6 payload length counts the extension headers, but not the IPv6 header. */
	uint32_t from = ip->version == 4 ? ip->off : ip->off + IPV6_LEN;

	return (uint16_t)(t->len - from + len);
}

static uint32_t l4_len(const struct header_template *t, uint32_t len)
{
	return t->len - t->l4_off + len;
}

static uint32_t outer_l4_len(const struct header_template *t, uint32_t len)
{
	return t->len - t->outer_l4_off + len;
}

/* The length of L4 header and payload, in wire order, as it enters the pseudo-header of a segment. It
 * fits 16 bits for every segment. */
static uint16_t pseudo_len(const struct header_template *t, uint32_t len)
{
	return __builtin_bswap16((uint16_t)l4_len(t, len));
}

static uint32_t csum_off(const struct header_template *t)
{
	return t->l4_off + header_csum_offset(t->protocol);
}

/* S5: the sum of the pseudo-header without the length. The superpacket's checksum field is right even
 * when the final addresses are not those of the IP header (IPv6 routing headers, IPv4 source routes), but
 * it holds the pseudo-header sum only if the request says so. Its length has 32 bits in a jumbogram. */
static uint16_t pseudo_base(const struct header_template *t, const uint8_t *data, const struct packet_view *view,
			    bool from_partial)
{
	uint32_t len = __builtin_bswap32(l4_len(t, view->payload_len)), sum;

	if (!from_partial)
		return checksum_fold_partial(checksum_pseudo(data + t->ip.off, t->ip.version, view->protocol, 0));
	sum = checksum_remove(load_u16(data + csum_off(t)), (uint16_t)len);
	return checksum_fold_partial(checksum_remove(sum, (uint16_t)(len >> 16)));
}

static void prepare_ip(struct header_template *t, struct header_ip *ip, uint16_t off, uint8_t version, bool fixed_id)
{
	uint8_t *l3 = t->bytes + off;

	ip->off = off;
	ip->version = version;
	store_be16(length_field(ip, t->bytes), ip_len(t, ip, t->size));
	if (version != 4)
		return;
	ip->id = load_be16(l3 + 4);
	ip->id_step = !fixed_id;
	store_u16(l3 + 4, 0);
	store_u16(l3 + 10, 0);
	ip->sum = checksum_fold_partial(checksum_add(l3, (l3[0] & 0xf) * 4u, 0));
}

static void prepare_l4(struct header_template *t)
{
	uint8_t *l4 = t->bytes + t->l4_off, *csum = t->bytes + csum_off(t);
	uint32_t sum = checksum_combine(t->pseudo, pseudo_len(t, t->size));

	if (t->protocol == TCP_PROTOCOL) {
		t->seq = load_be32(l4 + TCP_SEQ);
		t->flags = l4[TCP_FLAGS];
		l4[TCP_FLAGS] = flags_of(t, false, false);
		store_u32(l4 + TCP_SEQ, 0);
	} else {
		store_be16(l4 + UDP_LENGTH, (uint16_t)l4_len(t, t->size));
	}
	store_u16(csum, 0);
	if (t->checksum == HEADER_CSUM_FULL)
		sum = checksum_add(l4, l4_len(t, 0), sum);
	t->l4_sum = checksum_fold_partial(sum);
	if (t->checksum == HEADER_CSUM_PARTIAL)
		store_u16(csum, t->l4_sum);
}

/*
 * S7: writes the tunnel's checksum of a segment of len payload bytes, whose length fields are already
 * right. It sums the tunnel's headers and the headers inside; the inner L4 packet counts as the complement
 * of its pseudo-header (see header.h).
 */
static void patch_outer_csum(const struct header_template *t, uint8_t *slot, uint32_t len)
{
	uint32_t pseudo = checksum_combine(t->pseudo, pseudo_len(t, len));
	uint32_t sum = (uint16_t)~checksum_fold_partial(pseudo);

	store_u16(slot + t->outer_csum_off, 0);
	sum = checksum_add(slot + t->outer_l4_off, (size_t)t->ip.off - t->outer_l4_off, sum);
	if (t->ip.version == 6)
		sum = checksum_add(slot + t->ip.off, (size_t)t->l4_off - t->ip.off, sum);
	if (t->tunnel == PARSE_GRE) {
		store_u16(slot + t->outer_csum_off, checksum_fold(sum));
		return;
	}
	sum = checksum_combine(
		sum, checksum_pseudo(slot + t->outer.off, t->outer.version, UDP_PROTOCOL, outer_l4_len(t, len)));
	store_u16(slot + t->outer_csum_off, header_udp_csum(sum));
}

uint16_t header_outer_csum_off(const uint8_t *data, const struct packet_view *view)
{
	uint16_t off = view->outer_l4_off;

	if (view->tunnel == PARSE_GRE)
		return load_be16(data + off) & GRE_CSUM ? off + GRE_CSUM_OFFSET : 0;
	if (view->tunnel == PARSE_IPIP || load_u16(data + off + UDP_CSUM_OFFSET) == 0)
		return 0;
	return off + UDP_CSUM_OFFSET;
}

static void prepare_outer(struct header_template *t, const uint8_t *data, const struct packet_view *view, bool fixed_id)
{
	prepare_ip(t, &t->outer, view->outer_l3_off, view->outer_version, fixed_id);
	t->outer_l4_off = view->outer_l4_off;
	t->outer_csum_off = header_outer_csum_off(data, view);
	if (parse_over_udp(t->tunnel))
		store_be16(t->bytes + t->outer_l4_off + UDP_LENGTH, (uint16_t)outer_l4_len(t, t->size));
	if (t->outer_csum_off)
		patch_outer_csum(t, t->bytes, t->size);
}

void header_prepare(struct header_template *t, const uint8_t *data, const struct packet_view *view,
		    const struct header_job *job)
{
	t->len = view->payload_off;
	t->l4_off = view->l4_off;
	t->checksum = job->checksum;
	if (t->checksum == HEADER_CSUM_NIC)
		t->checksum = header_any_nic_sums(view) ? HEADER_CSUM_PARTIAL : HEADER_CSUM_FULL;
	t->size = job->size;
	t->accecn = job->accecn;
	t->protocol = view->protocol;
	t->tunnel = view->tunnel;
	t->udp_or_tunnel = view->class != PARSE_TCP || view->tunnel != PARSE_NO_TUNNEL;

	memcpy(t->bytes, data, t->len);
	prepare_ip(t, &t->ip, view->l3_off, view->ip_version, job->fixed_id);
	t->pseudo = pseudo_base(t, data, view, job->from_partial);
	prepare_l4(t);
	if (t->tunnel != PARSE_NO_TUNNEL)
		prepare_outer(t, data, view, job->outer_fixed_id);
}

/* Replaces a word of a header, and corrects the sum that contains it. */
static void replace(uint8_t *at, uint16_t word, uint32_t *sum)
{
	*sum = checksum_combine(checksum_remove(*sum, load_u16(at)), word);
	store_u16(at, word);
}

/* Writes the length of the last segment into its IP header; returns the corrected sum of that header. */
static uint32_t patch_ip_len(const struct header_template *t, const struct header_ip *ip, uint8_t *slot, uint32_t len)
{
	uint32_t sum = ip->sum;

	replace(length_field(ip, slot), __builtin_bswap16(ip_len(t, ip, len)), &sum);
	return checksum_fold_partial(sum);
}

/* Replaces the length of a full segment by that of another, within the sum of a pseudo-header. */
static uint32_t replace_pseudo_len(const struct header_template *t, uint32_t sum, uint32_t len)
{
	return checksum_combine(checksum_remove(sum, pseudo_len(t, t->size)), pseudo_len(t, len));
}

void header_patch_first_or_last(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len, bool last,
				uint32_t *ip_sum, uint32_t *l4_sum)
{
	uint8_t *l4 = slot + t->l4_off;
	uint16_t flags = __builtin_bswap16((uint16_t)(l4[TCP_WORD] << 8 | flags_of(t, idx == 0, last)));
	uint32_t sum;

	*ip_sum = patch_ip_len(t, &t->ip, slot, len);
	sum = replace_pseudo_len(t, *l4_sum, len);
	if (t->checksum == HEADER_CSUM_PARTIAL) {
		store_u16(l4 + TCP_CSUM_OFFSET, checksum_fold_partial(sum));
		sum = 0;
	}
	replace(l4 + TCP_WORD, flags, &sum);
	*l4_sum = checksum_fold_partial(sum);
}

/* S6: the UDP header of a segment, and the IP header right before it. */
static void patch_udp(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len, uint32_t payload_sum,
		      bool last)
{
	uint8_t *l4 = slot + t->l4_off;
	uint32_t ip_sum = t->ip.sum, l4_sum = t->l4_sum, unused = 0;

	if (last) {
		bool full = t->checksum == HEADER_CSUM_FULL;

		ip_sum = patch_ip_len(t, &t->ip, slot, len);
		l4_sum = replace_pseudo_len(t, l4_sum, len);
		replace(l4 + UDP_LENGTH, pseudo_len(t, len), full ? &l4_sum : &unused);
		if (!full)
			store_u16(l4 + UDP_CSUM_OFFSET, checksum_fold_partial(l4_sum));
	}
	header_patch_id(&t->ip, slot, idx, ip_sum);
	if (t->checksum == HEADER_CSUM_FULL)
		store_u16(l4 + UDP_CSUM_OFFSET, header_udp_csum(checksum_combine(l4_sum, payload_sum)));
}

/* S7: the outer headers of a segment whose inner headers are finished. */
static void patch_outer(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len, bool last)
{
	uint32_t ip_sum = t->outer.sum;

	if (last) {
		ip_sum = patch_ip_len(t, &t->outer, slot, len);
		if (parse_over_udp(t->tunnel))
			store_be16(slot + t->outer_l4_off + UDP_LENGTH, (uint16_t)outer_l4_len(t, len));
		if (t->outer_csum_off)
			patch_outer_csum(t, slot, len);
	}
	header_patch_id(&t->outer, slot, idx, ip_sum);
}

void header_patch_udp_or_tunnel(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len,
				uint32_t payload_sum, bool last)
{
	if (t->protocol == TCP_PROTOCOL)
		header_patch_tcp(t, slot, idx, len, payload_sum, last);
	else
		patch_udp(t, slot, idx, len, payload_sum, last);
	if (t->tunnel != PARSE_NO_TUNNEL)
		patch_outer(t, slot, idx, len, last);
}
