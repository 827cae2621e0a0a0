/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Headers of segments: one template a superpacket, a few fields patched per segment.
 *
 * The template is the header of a full segment from the middle of the superpacket, with the
 * sums that belong to it; so most segments cost one copy, three or four stores, and (in
 * software) the sum of their payload. Only the first and the last differ in more.
 *
 *      field                   rule  first          middle         last
 *      IPv4 total / v6 payload S4    template       template       its own length
 *      IPv4 ID                 S4    id             id + i         id + i
 *      IPv4 header checksum    S4    from ip.sum, the length and the ID
 *      TCP sequence number     S2    seq            seq + i·size   seq + i·size
 *      TCP FIN, PSH            S3    -              -              as in the superpacket
 *      TCP CWR                 S3    as in the sp.  - (AccECN: as in the superpacket)
 *      TCP checksum            S5    from l4_sum, the length, seq and flags, and the payload's sum
 *      UDP length              S6    template       template       its own length
 *      UDP checksum            S6    from l4_sum, the length, and the payload's sum; never 0
 *      all else, options too   S2    template       template       template
 *
 * In a tunnel (S7) that is what happens to the packet inside; the outer IP header is patched by the
 * same rules, and
 *
 *      outer UDP length        S7    template       template       its own length
 *      outer UDP, GRE checksum S7    template       template       from the outer headers
 *
 * The outer checksum is the same in all full segments, whatever they carry. A finished TCP or UDP
 * packet and its pseudo-header sum to 0 (modulo 0xffff, as everything here), so within a longer range
 * it counts as its pseudo-header's complement; a finished IPv4 header counts as 0. What remains are
 * headers that do not change but for lengths. Linux calls that local checksum offload. It is right, too,
 * where the NIC finishes the inner checksum later.
 */
#ifndef SUPERPACKET_HEADER_H
#define SUPERPACKET_HEADER_H

#include "checksum.h"
#include "parse.h"

/*
 * Bytes of a header slot: 16 slots to a 4 KiB chunk. A long header is Ethernet 14 + 4
 * VLAN tags 16 + IPv6 40 + extension headers 64 + TCP 60 = 194; one that does not fit a slot is
 * not cut (malformed). A multiple of 64, so that slots do not share cache lines.
 */
#define HEADER_SLOT_LEN 256u

enum header_checksum {
	HEADER_CSUM_FULL,    /* L4 checksum over header and payload, in software */
	HEADER_CSUM_PARTIAL, /* the field holds the pseudo-header sum; the NIC does the rest */
	HEADER_CSUM_NIC,     /* PARTIAL where any NIC can do the rest (header_plain()), else FULL */
};

/*
 * Whether TCP or UDP comes right behind an IPv4 header without options or an IPv6 header without extensions,
 * in no tunnel. Every NIC that sums at all sums that, though some go by the headers instead of
 * by where they are told to begin. What else there is, is rare: it is summed here.
 */
static inline bool header_plain(const struct packet_view *view)
{
	return (view->class == PARSE_TCP || view->class == PARSE_UDP) && view->tunnel == PARSE_NO_TUNNEL &&
	       view->l4_off - view->l3_off == (view->ip_version == 4 ? 20 : 40);
}

/* How the segments of one superpacket are to be headed. */
struct header_job {
	uint16_t size;       /* payload bytes of all segments but the last */
	uint8_t checksum;    /* enum header_checksum */
	bool from_partial;   /* the checksum field holds the pseudo-header sum: start from it (S5) */
	bool fixed_id;       /* S4: all segments share the IPv4 ID (RFC 6864: only with DF) */
	bool outer_fixed_id; /* the same of the tunnel's IPv4 header */
	bool accecn;         /* R13: CWR stays on all segments */
};

/* One of the IP headers of a template. */
struct header_ip {
	uint16_t off;
	uint8_t version;   /* 0: there is none */
	uint16_t sum;      /* IPv4: header of a full segment without ID and checksum, folded */
	uint16_t id;       /* IPv4 ID of the first segment, host order */
	uint16_t id_step;  /* 1, or 0 when all segments share the ID */
};

struct header_template {
	uint8_t bytes[HEADER_SLOT_LEN];
	struct header_ip ip;
	uint32_t seq;      /* of the first segment, host order */
	uint16_t l4_sum;   /* pseudo-header of a full segment, folded; with HEADER_CSUM_FULL also its
			    * L4 header without sequence number and checksum */
	uint16_t size;     /* payload bytes of a full segment */
	uint16_t len;      /* bytes of header in all */
	uint16_t l4_off;
	uint8_t checksum;  /* HEADER_CSUM_FULL or HEADER_CSUM_PARTIAL */
	uint8_t flags;     /* TCP flags of the superpacket */
	bool accecn;
	bool other;        /* UDP or a tunnel: header_patch_other() */

	/* Only read for UDP, tunnels, and by the first and the last segment. */
	uint8_t protocol;
	uint8_t tunnel;    /* enum parse_tunnel */
	uint16_t pseudo;   /* pseudo-header without the length, folded */
	struct header_ip outer;
	uint16_t outer_l4_off;
	uint16_t outer_csum_off; /* tunnel's checksum field, from the frame's start; 0: none is wanted */
};

/*
 * S7: where the checksum of the tunnel of view is; 0 where its packets carry none. Its value is not
 * looked at, but that a UDP checksum of 0 is none (RFC 768, RFC 6935).
 */
uint16_t header_outer_csum_off(const uint8_t *data, const struct packet_view *view);

/* Where the checksum is in a TCP or UDP header. */
static inline uint16_t header_csum_offset(uint8_t protocol)
{
	return protocol == TCP_PROTOCOL ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
}

/* A UDP checksum: one that comes out as 0 is sent as 0xffff (RFC 768, S6). */
static inline uint16_t header_udp_csum(uint32_t sum)
{
	uint16_t csum = checksum_fold(sum);

	return csum ? csum : 0xffff;
}

/*
 * Makes the template from the headers of a superpacket at data, viewed by view, whose class is
 * PARSE_TCP or PARSE_UDP and whose payload_off is at most HEADER_SLOT_LEN. IPv4 options and IPv6
 * extension headers are copied to every segment like all else. In a tunnel the headers from the outer
 * L4 header to the inner IP header have an even length.
 */
void header_prepare(struct header_template *t, const uint8_t *data, const struct packet_view *view,
		    const struct header_job *job);

/* For header_patch_tcp(): what the first and the last segment have of their own. */
void header_patch_end(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len,
		      bool last, uint32_t *ip_sum, uint32_t *l4_sum);

/* header_patch() for UDP and tunnels. */
void header_patch_other(const struct header_template *t, uint8_t *slot, uint32_t idx, uint32_t len,
			uint32_t payload_sum, bool last);

/* S4: the IPv4 ID of segment idx and the header checksum; sum is of the header without the two. */
static inline void header_patch_id(const struct header_ip *ip, uint8_t *slot, uint32_t idx, uint32_t sum)
{
	uint16_t id;

	if (ip->version != 4)
		return;
	id = __builtin_bswap16((uint16_t)(ip->id + idx * ip->id_step));
	store_u16(slot + ip->off + 4, id); /* modulo 2^16 */
	store_u16(slot + ip->off + 10, checksum_fold(sum + id));
}

/* The TCP header of a segment and the IP header right before it. */
static inline void header_patch_tcp(const struct header_template *t, uint8_t *slot, uint32_t idx,
				    uint32_t len, uint32_t payload_sum, bool last)
{
	uint8_t *l4 = slot + t->l4_off;
	uint32_t seq = __builtin_bswap32(t->seq + idx * t->size); /* S2, modulo 2^32 */
	uint32_t ip_sum = t->ip.sum, l4_sum = t->l4_sum;

	if (unlikely(idx == 0 || last))
		header_patch_end(t, slot, idx, len, last, &ip_sum, &l4_sum);
	header_patch_id(&t->ip, slot, idx, ip_sum);
	store_u32(l4 + 4, seq);
	if (t->checksum == HEADER_CSUM_FULL) {
		l4_sum = checksum_combine(l4_sum + (seq & 0xffff) + (seq >> 16), payload_sum);
		store_u16(l4 + TCP_CSUM_OFFSET, checksum_fold(l4_sum)); /* S5 */
	}
}

/*
 * The header of a segment is written in two steps: header_copy(), then header_patch(). Exactly
 * t->len bytes of the slot are written.
 *
 * Copies of fixed 64 or 128 bytes were no faster than memcpy() of the length (both 7-8 ns a
 * segment in all), and asked for slots with room to spare.
 */
static inline void header_copy(const struct header_template *t, uint8_t *slot)
{
	memcpy(slot, t->bytes, t->len);
}

/*
 * Patches the header of segment idx, which carries len bytes of payload whose sum is payload_sum
 * (ignored with HEADER_CSUM_PARTIAL). All but the last carry t->size bytes.
 */
static inline void header_patch(const struct header_template *t, uint8_t *slot, uint32_t idx,
				uint32_t len, uint32_t payload_sum, bool last)
{
	if (unlikely(t->other))
		header_patch_other(t, slot, idx, len, payload_sum, last);
	else
		header_patch_tcp(t, slot, idx, len, payload_sum, last);
}

#endif
