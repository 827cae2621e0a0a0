/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libsuperpacket: segmentation. One superpacket, many wire packets: each a freshly written header
 * and slices of the untouched payload.
 *
 *      sp_gso_open()     the headers, and as much payload as there is
 *      sp_gso_add()      more of it, as it comes (each fragment stays where it is)
 *      sp_gso_next()     the next segment: header into the caller's slot, payload as slices
 *
 * No allocation, no global state, no clock, no I/O. A cursor may be used by one thread at a time;
 * different cursors by different threads. Nothing needs to be closed. Lengths and offsets are in
 * bytes, offsets count from the Ethernet header; numbers are in host order unless said otherwise.
 */
#ifndef SUPERPACKET_PUBLIC_GSO_H
#define SUPERPACKET_PUBLIC_GSO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sp_gso_type {
	SP_GSO_NONE,  /* an ordinary packet */
	SP_GSO_TCPV4, /* TCP over IPv4: payload is cut, headers as RFC 9293 has them */
	SP_GSO_TCPV6,
	SP_GSO_UDP,   /* UDP over either: each segment is a datagram of its own */
};

/*
 * What a packet is, or is to become. The library fills it in for deliveries of sp_gro_next();
 * the caller for sp_gso_open(). It means what the virtio network header means by it (virtio 1.2,
 * section 5.1.6), and a little more.
 */
struct sp_gso_request {
	uint8_t type;           /* enum sp_gso_type; within a tunnel, of the packet inside */
	bool needs_csum;        /* the L4 checksum field holds the sum of the pseudo-header only */
	bool fixed_id;          /* all segments share one IPv4 ID (RFC 6864: only with DF) */
	bool accecn;            /* CWR is part of every segment (accurate ECN), not of the first alone */
	bool outer_fixed_id;    /* as fixed_id, for the tunnel's IPv4 header */
	bool outer_csum;        /* the tunnel's UDP checksum is there (told by the library, ignored by it) */
	uint8_t outer_version;  /* of the tunnel's IP header: 4, 6; 0 without one (told, ignored) */
	uint8_t reserved;       /* 0 */
	uint16_t size;          /* payload bytes of every segment but the last (the MSS) */
	uint16_t csum_start;    /* with needs_csum: where the sum begins */
	uint16_t csum_offset;   /* with needs_csum: where it goes, counted from csum_start */
	uint16_t hdr_len;       /* bytes of all headers (told, never believed) */
	uint16_t inner_l3_off;  /* IP header of the packet inside a tunnel; 0: no tunnel */
	uint16_t outer_l4_off;  /* UDP or GRE header of the tunnel; 0: no tunnel (told, ignored) */
};

enum sp_gso_result {
	SP_GSO_CUT,       /* take segments with sp_gso_next() */
	SP_GSO_ORDINARY,  /* no more than one segment: send it as it is, after sp_gso_complete() */
	SP_GSO_MALFORMED, /* the headers contradict the request */
	SP_GSO_TOO_LONG,  /* a segment would exceed frame_max */
};

enum sp_gso_checksum {
	SP_GSO_CHECKSUM_FULL,    /* checksums of segments are complete */
	SP_GSO_CHECKSUM_PARTIAL, /* the L4 field holds the pseudo-header sum: the NIC does the rest */
};

/* Bytes that a header slot must have. */
#define SP_GSO_SLOT_LEN 256u

/* Slices that one segment can have at most. */
#define SP_GSO_SLICES_MAX 64u

/* A cursor over one superpacket. Opaque; lives wherever the caller puts it, and may be moved. */
struct sp_gso {
	uint64_t opaque[224];
};

/*
 * Opens a superpacket. head: its headers, linear, and perhaps payload behind them, head_len bytes;
 * read until the last segment was taken. len: bytes of the whole superpacket; 0 when it is not known
 * yet, to be told by sp_gso_end(). frame_max: the longest frame that the wire takes, Ethernet header
 * included. Anything but SP_GSO_CUT leaves nothing to take. Rules: virtio 1.2 section 5.1.6.2,
 * RFC 9293, RFC 6864, RFC 3168 section 6.1.2.
 */
enum sp_gso_result sp_gso_open(struct sp_gso *gso, const struct sp_gso_request *request,
			       const void *head, uint32_t head_len, uint32_t len,
			       uint32_t frame_max, enum sp_gso_checksum checksum);

/* Adds a fragment of payload; it is read until the segments that need it were taken. Returns 0, or
 * -ENOBUFS, taking nothing, when SP_GSO_SLICES_MAX fragments wait: take segments first. */
int sp_gso_add(struct sp_gso *gso, const void *data, uint32_t len);

/* Says that no more will come. Needed only where len was 0. */
void sp_gso_end(struct sp_gso *gso);

/* Whether all bytes of the next segment are there. False, too, when there is none. */
bool sp_gso_ready(const struct sp_gso *gso);

/* Whether all segments were taken. */
bool sp_gso_done(const struct sp_gso *gso);

/*
 * Takes the next segment. Writes its header into slot (SP_GSO_SLOT_LEN bytes), its length to
 * *header_len; its payload is the returned number of slices, in order. Returns 0 when no segment is
 * ready, -ENOBUFS when max slices are too few; then nothing was taken. It can be resumed at any
 * point: between two calls nothing happens.
 */
int sp_gso_next(struct sp_gso *gso, void *slot, uint32_t *header_len, struct iovec *slices, uint32_t max);

/*
 * Finishes an ordinary packet in place: where request says that its checksum is unfinished, sums and
 * stores it (RFC 1071; a UDP sum of 0 is sent as 0xffff, RFC 768). Returns 0, or -EINVAL when the
 * fields of request do not lie within the packet.
 */
int sp_gso_complete(const struct sp_gso_request *request, void *packet, uint32_t len);

#ifdef __cplusplus
}
#endif

#endif
