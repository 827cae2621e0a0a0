/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Segmentation: a cursor over one superpacket that yields wire packets, each as a freshly written header
 * and a slice of the untouched payload (rules S1-S10). gso_stream.h does the same for a superpacket that
 * comes in fragments (S11).
 *
 * The caller opens a superpacket, then takes segments one by one, at whatever pace its descriptors allow.
 * The cursor can pause between any two segments and is never short of anything (S9). Nothing is allocated
 * and nothing needs closing. The superpacket's memory is only read; it must stay unchanged until the last
 * segment was taken, and until the NIC is done with the slices.
 *
 * The headers decide where the payload ends, as with any packet (R4): bytes of the frame behind the IP
 * length are not payload and go into no segment. Linux cuts the whole frame instead. The two differ only
 * for producers that pad superpackets, which the kernel never does. An IP length of 0, or beyond the frame,
 * makes a superpacket malformed. The exception is a jumbogram (BIG TCP: IPv6 with a payload length of 0
 * and only the jumbo option of RFC 2675 in a hop-by-hop header, as Linux makes it); its segments do not
 * have that header. No length can lead beyond the len bytes that were given.
 *
 * Requests that Linux would not make are refused (GSO_MALFORMED), because the intent is ambiguous: UDP
 * with a finished checksum or with more than GSO_UDP_SEGMENTS_MAX segments (S6), jumbograms in tunnels,
 * GRE with sequence numbers or routing, IPv4 with a length of 0 (BIG TCP over IPv4).
 *
 *      superpacket   | Eth VLAN IP TCP |  payload ....................................... |
 *                      \_ hdr_len ___/    \_ size _/ \_ size _/ \_ size _/    \_ rest ___/
 *      segment i     header slot i      +          slice i
 */
#ifndef SUPERPACKET_GSO_H
#define SUPERPACKET_GSO_H

#include "base/bytes.h"
#include "header.h"

/* What the producer of a packet asks for; vnet.h makes one from a virtio header. */
enum gso_type {
	GSO_NONE, /* an ordinary packet */
	GSO_TCPV4,
	GSO_TCPV6,
	GSO_UDP, /* IPv4 or IPv6, as the headers say (S6) */
};

/* S6: segments of one UDP superpacket at most, as in Linux (UDP_MAX_SEGMENTS). */
#define GSO_UDP_SEGMENTS_MAX 128u

struct gso_request {
	uint8_t type;          /* enum gso_type; within a tunnel, of the packet inside */
	bool needs_csum;       /* the L4 checksum field holds the pseudo-header sum only (S5) */
	bool fixed_id;         /* S4, R12: the segments share one IPv4 ID. A virtio header cannot express
			       * this; our own reassembly and callers of the library can */
	bool accecn;           /* R13: CWR belongs to every segment, not only to the first (S3). A virtio
			       * header cannot express this either */
	bool outer_fixed_id;   /* as fixed_id, for the tunnel's IPv4 header */
	bool outer_csum;       /* the tunnel has a UDP checksum; for receivers, ignored by segmentation (S7) */
	uint8_t outer_version; /* of the tunnel's IP header, 4 or 6; for receivers, ignored by segmentation */
	bool outer_udp;        /* the tunnel is over UDP, the only kind that a virtio header can express (V8) */
	uint16_t size;         /* payload bytes of each segment, the MSS; unused with GSO_NONE */
	uint16_t csum_start;   /* with needs_csum: first byte to sum, from the frame's start */
	uint16_t csum_offset;  /* with needs_csum: where the sum goes, from csum_start */
	uint16_t hdr_len;      /* bytes of header: a hint for receivers, ignored by segmentation (V6) */
	uint16_t inner_l3_off; /* S7: IP header of the packet inside a tunnel; 0: no tunnel */
	uint16_t outer_l4_off; /* UDP or GRE header of the tunnel; 0: no tunnel */
};

enum gso_verdict {
	GSO_CUT,       /* take segments with gso_next() or gso_next_built() */
	GSO_ORDINARY,  /* S1, V2: a single segment; send the packet as it is, after gso_complete() */
	GSO_MALFORMED, /* the headers contradict the request (S1, V1, V3-V5): drop and count */
	GSO_TOO_LONG,  /* S8: a segment, or the ordinary packet, exceeds frame_max: drop and count */
};

struct gso_slice {
	uint32_t off; /* from the first byte of the superpacket, Ethernet header included */
	uint32_t len;
};

/* The cursor, in memory of the caller's. All fields are private except the three that callers may read. */
struct gso {
	struct header_template header;
	const uint8_t *data;
	uint32_t next_off; /* of the next slice */
	uint32_t end;      /* of the payload */
	uint32_t next_seg; /* read: segments taken so far */
	uint32_t seg_cnt;  /* read: segments in all; GSO_UNKNOWN in a stream whose length is not known */
	uint16_t hdr_len;  /* read: bytes of header of every segment */
};

/*
 * Opens the superpacket of len bytes at data. frame_max is the longest frame that the wire takes
 * (MTU + Ethernet header + VLAN tags). mode says how the checksums of segments are made.
 * data, len and request may come from a hostile VM: any content is safe. Any verdict but GSO_CUT leaves
 * nothing to take.
 */
enum gso_verdict gso_open(struct gso *gso, const struct gso_request *request, const uint8_t *data, uint32_t len,
			  uint32_t frame_max, enum header_checksum mode);

/* A length, or a number of segments, that is not known yet. */
#define GSO_UNKNOWN UINT32_MAX

/*
 * gso_open() for gso_stream.h: only the first head_len bytes of the superpacket, its headers and perhaps
 * some of its payload, are at head, and len may be GSO_UNKNOWN. In that case the length fields of the
 * headers are ignored, and so is a partial checksum, which contains the length: the pseudo-header is summed
 * from scratch, with the addresses of the IP header (S5: wrong for a source-routed superpacket). A
 * superpacket of unknown length is always cut, so it must have a type.
 */
enum gso_verdict gso_open_head(struct gso *gso, const struct gso_request *request, const uint8_t *head,
			       uint32_t head_len, uint32_t len, uint32_t frame_max, enum header_checksum mode);

/* Whether all segments were taken. */
static inline bool gso_done(const struct gso *gso)
{
	return gso->next_seg == gso->seg_cnt;
}

/*
 * Takes the next segment: writes exactly gso->hdr_len bytes of header (at most HEADER_SLOT_LEN) into slot,
 * and returns the slice of the payload that follows it. Must not be called when gso_done().
 */
struct gso_slice gso_next(struct gso *gso, uint8_t *slot);

/*
 * Takes the next segment as one piece: writes header and payload into frame; the payload is copied and
 * summed in one pass. Returns the length of the segment, at most frame_max. Nothing behind it is written.
 */
uint32_t gso_next_built(struct gso *gso, uint8_t *frame);

/*
 * The checksum work that is left to the NIC: sum all bytes from start to the end of the packet, with the
 * partial sum that is in the field at start + offset, and store the checksum in that field (S5; S6: a NIC
 * does not send 0 for UDP either). start 0: nothing is left, the checksum is finished.
 */
struct gso_left {
	uint16_t start;
	uint16_t offset;
};

/* The work left of each segment that is taken from gso. */
static inline struct gso_left gso_left(const struct gso *gso)
{
	const struct header_template *t = &gso->header;

	if (t->checksum != HEADER_CSUM_PARTIAL)
		return (struct gso_left){ 0 };
	return (struct gso_left){ t->l4_off, header_csum_offset(t->protocol) };
}

/*
 * Finishes an ordinary packet in place, after gso_open() has accepted the request. If the request says that
 * the checksum is unfinished, sums and stores it (a UDP sum of 0 becomes 0xffff). In a tunnel
 * (inner_l3_off) that is the inner checksum; the checksum of an outer UDP header (unless it is 0) or GRE
 * header (if it has one) is then computed anew, because Linux leaves it unfinished in a packet that it
 * hands down for cutting, even if that is a single segment.
 */
void gso_complete(const struct gso_request *request, uint8_t *data, uint32_t len);

/* The same, but a checksum that every NIC can compute is left to the NIC (HEADER_CSUM_NIC). Then the packet
 * is not written. */
struct gso_left gso_complete_rest(const struct gso_request *request, uint8_t *data, uint32_t len);

#endif
