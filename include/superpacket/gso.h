/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libsuperpacket: segmentation. One superpacket, many wire packets: each a freshly written header
 * and slices of the untouched payload.
 *
 *      sp_gso_open()      the headers, and as much payload as there is
 *      sp_gso_add()       more of it, as it comes (each fragment stays where it is)
 *      sp_gso_next()      the next segment: header into the caller's slot, payload as slices
 *      sp_gso_complete()  a packet that needs no cutting: its checksum, where that is unfinished
 *
 * A whole superpacket in one piece of memory, cut and sent:
 *
 *      struct sp_gso gso;
 *      switch (sp_gso_open(&gso, &request, packet, len, len, mtu + 14, SP_GSO_CHECKSUM_FULL)) {
 *      case SP_GSO_CUT:
 *              while ((cnt = sp_gso_next(&gso, slot, &header_len, slices, SP_GSO_SLICES_MAX)) > 0)
 *                      send(slot, header_len, slices, cnt);
 *              break;
 *      case SP_GSO_ORDINARY:
 *              sp_gso_complete(&request, packet, len);
 *              send(packet, len, NULL, 0);
 *              break;
 *      default:
 *              drop and count
 *      }
 *
 * No allocation, no global state, no clock, no I/O. A cursor may be used by one thread at a time;
 * different cursors by different threads. Nothing needs to be closed. Lengths and offsets are in
 * bytes, offsets count from the Ethernet header; numbers are in host order unless said otherwise.
 * Nothing is assumed of packets and requests: a guest may have made them up. Pointers must be valid.
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
#pragma GCC visibility push(default)

/* Of the memory of cursors and engines: cache lines. */
#define SP_ALIGNMENT 64u

enum sp_gso_type {
	SP_GSO_NONE,  /* an ordinary packet */
	SP_GSO_TCPV4, /* TCP over IPv4: payload is cut, headers as RFC 9293 has them */
	SP_GSO_TCPV6,
	SP_GSO_UDP    /* UDP over either: each segment is a datagram of its own */
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
	SP_GSO_TOO_LONG   /* a segment would exceed frame_max */
};

enum sp_gso_checksum {
	SP_GSO_CHECKSUM_FULL,    /* checksums of segments are complete */
	SP_GSO_CHECKSUM_PARTIAL  /* the L4 field holds the pseudo-header sum: the NIC does the rest */
};

/* Bytes that a header slot must have. */
#define SP_GSO_SLOT_LEN 256u

/* Slices that one segment can have at most. */
#define SP_GSO_SLICES_MAX 64u

/* For sp_gso_open(): the superpacket's length is not known yet. */
#define SP_LEN_UNKNOWN 0u

/* A cursor over one superpacket. Opaque; lives wherever the caller puts it, aligned as its type says
 * (malloc() does not do that: aligned_alloc(SP_ALIGNMENT, ...) does), and may be moved. Its content means
 * something from sp_gso_open() on. */
struct sp_gso {
	uint64_t opaque[256];
} __attribute__((aligned(64)));

/*
 * Opens a superpacket, of which head_len bytes lie at head: all headers, and perhaps the begin of the
 * payload. len is the length of all of it, headers included; SP_LEN_UNKNOWN: sp_gso_end() will tell (then
 * length fields mean nothing, and the pseudo-header is summed from scratch).
 * frame_max is the longest frame that the wire takes: MTU, Ethernet header and VLAN tags.
 *
 * Ownership: head stays the caller's; it is read, never written, until the last segment was taken that
 * has payload of it. *request is not needed after the call.
 *
 * Anything but SP_GSO_CUT leaves nothing to take:
 *      SP_GSO_ORDINARY   type SP_GSO_NONE, or no more payload than size
 *      SP_GSO_MALFORMED  size is 0; type, csum_start or csum_offset is not what the headers are; headers
 *                        are cut off, contradict each other or exceed SP_GSO_SLOT_LEN; head_len > len;
 *                        UDP without needs_csum, or of more than 128 segments
 *      SP_GSO_TOO_LONG   headers and size exceed frame_max; or an ordinary packet does
 *
 * Rules: virtio 1.2 section 5.1.6.2 (what a request may say); RFC 9293 sections 3.1 and 3.8.6 (sequence
 * numbers, FIN and PSH on the last segment only), RFC 3168 section 6.1.2 (CWR on the first only), RFC 6864
 * (IPv4 IDs), RFC 1624 and 1071 (checksums); Linux net/ipv4/tcp_offload.c and udp_offload.c.
 */
enum sp_gso_result sp_gso_open(struct sp_gso *gso, const struct sp_gso_request *request,
			       const void *head, uint32_t head_len, uint32_t len,
			       uint32_t frame_max, enum sp_gso_checksum checksum);

/*
 * Adds the next len bytes of payload; 0 bytes add nothing, bytes beyond the superpacket's length or
 * behind its end are ignored. The memory stays the caller's; it is read until the segments that need it were
 * taken, and is not to be changed before. Returns 0, or -ENOBUFS, taking nothing, when SP_GSO_SLICES_MAX
 * fragments wait: take segments first. (If none is ready even so, the fragments are too small for this size:
 * join some of them. And UDP of unknown length ends at 128 segments: no superpacket has more.)
 */
int sp_gso_add(struct sp_gso *gso, const void *data, uint32_t len);

/* The same for cnt pieces, as sp_gro_slices() gives them; returns how many were added: fewer than cnt when no
 * more fit. The array is not needed after the call. */
uint32_t sp_gso_add_slices(struct sp_gso *gso, const struct iovec *slices, uint32_t cnt);

/* Says that no more will come: what is there makes the last segment, with FIN and PSH. Needed only
 * where len was SP_LEN_UNKNOWN; if it was not, bytes that are missing are waited for in vain, and sp_gso_done()
 * never becomes true. */
void sp_gso_end(struct sp_gso *gso);

/* Whether the next segment can be taken: its bytes are all there, and whether it is the last (which
 * alone has FIN and PSH) is known. False, too, when there is none. */
bool sp_gso_ready(const struct sp_gso *gso);

/* Whether all segments were taken; true, too, where sp_gso_open() has found nothing to cut. */
bool sp_gso_done(const struct sp_gso *gso);

/*
 * Takes the next segment: writes its headers into slot, at most SP_GSO_SLOT_LEN bytes, and how many to
 * *header_len; fills in slices, of which there is room for max: its payload, in order, where the caller
 * has put it; one of length 0 where there is none. The packet on the wire is the header and these
 * slices. slot is the caller's; it may be memory that a NIC reads.
 *
 * Returns the number of slices; 0 when no segment is ready (or none is left: sp_gso_done());
 * -ENOBUFS when max is too small (SP_GSO_SLICES_MAX never is). With both nothing was taken. Between
 * two calls nothing happens: it can be resumed at any point.
 */
int sp_gso_next(struct sp_gso *gso, void *slot, uint32_t *header_len, struct iovec *slices, uint32_t max);

/*
 * Finishes an ordinary packet of len bytes, all in one place, there: where needs_csum says that its L4
 * checksum is unfinished, sums from csum_start to the end and stores it (RFC 1071; a UDP sum of 0 is sent as
 * 0xffff, RFC 768). Within a tunnel (inner_l3_off), of a superpacket that was none, or with needs_csum, the
 * checksum of the outer UDP or GRE header is made anew, if it has one. Else does nothing.
 * Returns 0, or -EINVAL, writing nothing, when csum_start and csum_offset do not lie within the packet
 * (virtio 1.2 section 5.1.6.2).
 */
int sp_gso_complete(const struct sp_gso_request *request, void *packet, uint32_t len);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
