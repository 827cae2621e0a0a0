/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libsuperpacket: segmentation. One superpacket becomes many wire packets, each of which is a freshly
 * written header and slices of the untouched payload.
 *
 *      sp_gso_open()      the headers, and the payload that is there already
 *      sp_gso_add()       more payload, as it comes (each fragment stays where it is)
 *      sp_gso_next()      the next segment: header into the caller's slot, payload as slices
 *      sp_gso_complete()  for a packet that needs no cutting: finishes its checksum
 *
 * Cutting and sending a superpacket that is in one piece of memory:
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
 * The library allocates nothing, has no global state and no clock, and does no I/O. One thread at a time may
 * use a cursor; different threads may use different cursors. Nothing needs to be closed. Lengths and offsets
 * are in bytes, offsets count from the Ethernet header, numbers are in host byte order. Packets and requests
 * may come from a hostile guest: any content is safe. Pointers must be valid.
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

/* Alignment of cursors and of the memory of engines: a cache line. */
#define SP_ALIGNMENT 64u

enum sp_gso_type {
	SP_GSO_NONE,  /* an ordinary packet */
	SP_GSO_TCPV4, /* TCP over IPv4: the segments continue the sequence numbers (RFC 9293) */
	SP_GSO_TCPV6,
	SP_GSO_UDP /* UDP over IPv4 or IPv6: each segment is a datagram of its own */
};

/*
 * What a packet is, or is to become. sp_gro_next() fills it for deliveries; the caller fills it for
 * sp_gso_open(). Fields with the name of a virtio network header's field have its meaning (virtio 1.2,
 * section 5.1.6). "For receivers" means that sp_gro_next() sets the field and sp_gso_open() ignores it.
 */
struct sp_gso_request {
	uint8_t type;          /* enum sp_gso_type; within a tunnel, of the packet inside */
	bool needs_csum;       /* the L4 checksum field holds the sum of the pseudo-header only */
	bool fixed_id;         /* all segments share one IPv4 ID (RFC 6864: only with DF) */
	bool accecn;           /* CWR is set in every segment (accurate ECN), not only in the first */
	bool outer_fixed_id;   /* as fixed_id, for the tunnel's IPv4 header */
	bool outer_csum;       /* the tunnel has a UDP checksum (for receivers) */
	uint8_t outer_version; /* of the tunnel's IP header: 4 or 6; 0: no tunnel (for receivers) */
	uint8_t reserved;      /* 0 */
	uint16_t size;         /* payload bytes of every segment but the last (the MSS) */
	uint16_t csum_start;   /* with needs_csum: where the sum begins */
	uint16_t csum_offset;  /* with needs_csum: where it goes, counted from csum_start */
	uint16_t hdr_len;      /* bytes of all headers (for receivers) */
	uint16_t inner_l3_off; /* IP header of the packet inside a tunnel; 0: no tunnel */
	uint16_t outer_l4_off; /* UDP or GRE header of the tunnel; 0: no tunnel (for receivers) */
};

enum sp_gso_result {
	SP_GSO_CUT,       /* take segments with sp_gso_next() */
	SP_GSO_ORDINARY,  /* a single segment: send the packet as it is, after sp_gso_complete() */
	SP_GSO_MALFORMED, /* the headers contradict the request */
	SP_GSO_TOO_LONG   /* a segment would exceed frame_max */
};

enum sp_gso_checksum {
	SP_GSO_CHECKSUM_FULL,   /* checksums of segments are complete */
	SP_GSO_CHECKSUM_PARTIAL /* the L4 field holds the pseudo-header sum: the NIC does the rest */
};

/* Room that a header slot must have, in bytes. */
#define SP_GSO_SLOT_LEN 256u

/* Most slices that one segment can have. */
#define SP_GSO_SLICES_MAX 64u

/* For sp_gso_open(): the superpacket's length is not known yet. */
#define SP_LEN_UNKNOWN 0u

/* A cursor over one superpacket. Opaque, in memory of the caller's, aligned to SP_ALIGNMENT (by
 * aligned_alloc(); malloc() does not guarantee it). It may be moved. sp_gso_open() initializes it. */
struct sp_gso {
	uint64_t opaque[256];
} __attribute__((aligned(64)));

/*
 * Opens a superpacket. The first head_len bytes of it are at head: all headers, and perhaps the beginning of
 * the payload. len is the length of the whole superpacket, headers included. With SP_LEN_UNKNOWN the end is
 * where sp_gso_end() is called; then the length fields of the headers are ignored, and the pseudo-header is
 * summed from scratch. frame_max is the longest frame that the wire takes: MTU, Ethernet header and VLAN
 * tags.
 *
 * Ownership: head stays the caller's. It is read, never written, until the last segment that has payload
 * from it was taken. *request is not needed after the call.
 *
 * Any result but SP_GSO_CUT leaves nothing to take:
 *      SP_GSO_ORDINARY   the type is SP_GSO_NONE, or the payload is not longer than size
 *      SP_GSO_MALFORMED  size is 0; type, csum_start or csum_offset contradict the headers; headers are cut
 *                        off, contradict each other or exceed SP_GSO_SLOT_LEN; head_len > len; UDP
 *                        without needs_csum, or with more than 128 segments
 *      SP_GSO_TOO_LONG   headers plus size exceed frame_max; or an ordinary packet does
 *
 * Rules: virtio 1.2 section 5.1.6.2 (what a request may say); RFC 9293 sections 3.1 and 3.8.6 (sequence
 * numbers, FIN and PSH on the last segment only), RFC 3168 section 6.1.2 (CWR on the first only), RFC 6864
 * (IPv4 IDs), RFC 1624 and 1071 (checksums); Linux net/ipv4/tcp_offload.c and udp_offload.c.
 */
enum sp_gso_result sp_gso_open(struct sp_gso *gso, const struct sp_gso_request *request, const void *head,
			       uint32_t head_len, uint32_t len, uint32_t frame_max, enum sp_gso_checksum checksum);

/*
 * Adds the next len bytes of payload. 0 bytes add nothing; bytes beyond the superpacket's length, or after its
 * end, are ignored. The memory stays the caller's. It is read, and must not change, until the segments that
 * need it were taken and sent. Returns 0; or -ENOBUFS, and takes nothing, when SP_GSO_SLICES_MAX fragments are
 * waiting: take segments first. (If no segment is ready then, the fragments are too small for this size:
 * join some of them.) UDP of unknown length also returns -ENOBUFS beyond 128 segments: no superpacket has
 * more.
 */
int sp_gso_add(struct sp_gso *gso, const void *data, uint32_t len);

/* The same for cnt slices, as sp_gro_slices() describes them. Returns how many were added: fewer than cnt when
 * no more fit. The array is not needed after the call. */
uint32_t sp_gso_add_slices(struct sp_gso *gso, const struct iovec *slices, uint32_t cnt);

/* Says that no more payload will come: the bytes that are there are the last segment, with FIN and PSH. Only
 * needed with SP_LEN_UNKNOWN. If len was given and bytes are missing, the rest never gets ready, and
 * sp_gso_done() never becomes true. */
void sp_gso_end(struct sp_gso *gso);

/* Whether the next segment can be taken: all its bytes are there, and it is known whether it is the last one
 * (only that has FIN and PSH). False if there is no next segment. */
bool sp_gso_ready(const struct sp_gso *gso);

/* Whether all segments were taken. True as well if sp_gso_open() did not return SP_GSO_CUT. */
bool sp_gso_done(const struct sp_gso *gso);

/*
 * Takes the next segment: writes its headers into slot, at most SP_GSO_SLOT_LEN bytes, and their length to
 * *header_len; and describes its payload, in order and where the caller has put it, in slices (room for max).
 * A segment without payload has one slice of length 0. The packet on the wire is the header followed by
 * these slices. slot is the caller's; it may be memory that a NIC reads.
 *
 * Returns the number of slices. Returns 0 if no segment is ready, or none is left (sp_gso_done()); -ENOBUFS
 * if max is too small (SP_GSO_SLICES_MAX is always enough). In both cases nothing was taken. There may be any
 * time between two calls.
 */
int sp_gso_next(struct sp_gso *gso, void *slot, uint32_t *header_len, struct iovec *slices, uint32_t max);

/*
 * Finishes an ordinary packet of len contiguous bytes in place. With needs_csum, its L4 checksum is unfinished:
 * sums from csum_start to the end and stores the checksum (RFC 1071; a UDP checksum of 0 becomes 0xffff,
 * RFC 768). In a tunnel (inner_l3_off), with needs_csum or a type other than SP_GSO_NONE, the checksum of the
 * outer UDP or GRE header is computed anew if that header has one. Else nothing is written.
 * Returns 0; or -EINVAL, and writes nothing, when csum_start and csum_offset do not lie within the packet
 * (virtio 1.2 section 5.1.6.2).
 */
int sp_gso_complete(const struct sp_gso_request *request, void *packet, uint32_t len);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
