/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Headers of segments: one template per superpacket, a few fields patched per segment.
 *
 * The template is the header of a full segment from the middle of the superpacket, with the sums that
 * belong to it. So most segments cost one copy, three or four stores and, in software, the sum of their
 * payload. Only the first and the last segment differ in more. header_patch.h has the code that runs
 * once a segment.
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
 * In a tunnel (S7) this applies to the packet inside. The outer IP header is patched by the same rules,
 * and in addition
 *
 *      outer UDP length        S7    template       template       its own length
 *      outer UDP, GRE checksum S7    template       template       from the outer headers
 *
 * The outer checksum is the same in all full segments, whatever they carry. A finished TCP or UDP packet
 * and its pseudo-header sum to 0 (modulo 0xffff, like all sums here), so within a longer range the packet
 * counts as the complement of its pseudo-header; a finished IPv4 header counts as 0. What remains are
 * headers in which only lengths change. Linux calls this local checksum offload. It also holds when the
 * NIC finishes the inner checksum later.
 */
#ifndef SUPERPACKET_HEADER_H
#define SUPERPACKET_HEADER_H

#include "checksum.h"
#include "parse.h"

/*
 * Bytes of a header slot: 16 slots to a 4 KiB chunk. A long header is Ethernet 14 + 4 VLAN tags 16 +
 * IPv6 40 + extension headers 64 + TCP 60 = 194. A superpacket whose header does not fit a slot is not
 * cut (malformed). A multiple of 64, so that slots do not share cache lines.
 */
#define HEADER_SLOT_LEN 256u

enum header_checksum {
	HEADER_CSUM_FULL,    /* L4 checksum over header and payload, in software */
	HEADER_CSUM_PARTIAL, /* the field holds the pseudo-header sum; the NIC does the rest */
	HEADER_CSUM_NIC,     /* PARTIAL where header_any_nic_sums(), else FULL */
};

/*
 * Whether every NIC that computes checksums can compute this packet's: TCP or UDP directly behind an IPv4
 * header without options or an IPv6 header without extensions, in no tunnel. (Some NICs go by the headers
 * and ignore where they are told to begin.) All other packets are rare, and are summed in software.
 */
static inline bool header_any_nic_sums(const struct packet_view *view)
{
	return (view->class == PARSE_TCP || view->class == PARSE_UDP) && view->tunnel == PARSE_NO_TUNNEL &&
	       view->l4_off == view->l3_off + (view->ip_version == 4 ? IPV4_MIN_LEN : IPV6_LEN);
}

/* How the segments of one superpacket are to be headed. */
struct header_job {
	uint16_t size;       /* payload bytes of all segments but the last */
	uint8_t checksum;    /* enum header_checksum */
	bool from_partial;   /* the checksum field holds the pseudo-header sum: start from it (S5) */
	bool fixed_id;       /* S4: all segments share the IPv4 ID (RFC 6864: only with DF) */
	bool outer_fixed_id; /* the same for the tunnel's IPv4 header */
	bool accecn;         /* R13: CWR stays on all segments */
};

/* One of the IP headers of a template. */
struct header_ip {
	uint16_t off;
	uint8_t version;  /* 0: there is none */
	uint16_t sum;     /* IPv4: header of a full segment without ID and checksum, folded */
	uint16_t id;      /* IPv4 ID of the first segment, host order */
	uint16_t id_step; /* 1, or 0 when all segments share the ID */
};

struct header_template {
	uint8_t bytes[HEADER_SLOT_LEN];
	struct header_ip ip;
	uint32_t seq;    /* of the first segment, host order */
	uint16_t l4_sum; /* pseudo-header of a full segment, folded; with HEADER_CSUM_FULL also its
			    * L4 header without sequence number and checksum */
	uint16_t size;   /* payload bytes of a full segment */
	uint16_t len;    /* bytes of all headers together */
	uint16_t l4_off;
	uint8_t checksum; /* HEADER_CSUM_FULL or HEADER_CSUM_PARTIAL */
	uint8_t flags;    /* TCP flags of the superpacket */
	bool accecn;
	bool udp_or_tunnel; /* header_patch_udp_or_tunnel() patches the segments */

	/* Only read for UDP, for tunnels, and by the first and the last segment. */
	uint8_t protocol;
	uint8_t tunnel;  /* enum parse_tunnel */
	uint16_t pseudo; /* pseudo-header without the length, folded */
	struct header_ip outer;
	uint16_t outer_l4_off;
	uint16_t outer_csum_off; /* tunnel's checksum field, from the frame's start; 0: it carries none */
};

/*
 * S7: the offset of the checksum field of the tunnel in view; 0 if its packets carry none. The value of
 * the checksum is not looked at, except that a UDP checksum of 0 means none (RFC 768, RFC 6935).
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
 * Makes the template from the headers of a superpacket at data. Its view has the class PARSE_TCP or
 * PARSE_UDP and a payload_off of at most HEADER_SLOT_LEN. IPv4 options and IPv6 extension headers are
 * copied to every segment like everything else. In a tunnel, the headers from the outer L4 header to the
 * inner IP header have an even length.
 */
void header_prepare(struct header_template *t, const uint8_t *data, const struct packet_view *view,
		    const struct header_job *job);

#endif
