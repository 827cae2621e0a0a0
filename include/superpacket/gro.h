/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libsuperpacket: reassembly. Packets of a flow are queued where they lie; the first one's header
 * is amended to cover all; the superpacket is delivered once. It is lossless: cutting a delivery
 * (gso.h) gives back the very bytes that came in; within a flow nothing overtakes; what is not
 * understood passes unchanged.
 *
 *      sp_gro_offer(burst)    packets join the superpacket of their flow, or flush it
 *      sp_gro_burst_end()     nothing more is being received
 *      sp_gro_next()          deliveries, in the order in which they must go up
 *      sp_gro_release()       what a delivery consists of goes back to whoever owns it
 *
 * The loop of a receiver; receive() fills buf[] with whole packets and leaves none incomplete:
 *
 *      n = receive(buf, BURST);
 *      for (done = 0; done < n;) {
 *              done += sp_gro_offer(gro, buf + done, n - done, now_ns);
 *              if (done == n)
 *                      sp_gro_burst_end(gro, now_ns);
 *              while (sp_gro_next(gro, &delivery)) {
 *                      cnt = sp_gro_slices(gro, &delivery, iov);
 *                      pass_up(&delivery, iov, cnt);
 *                      cnt = sp_gro_release(gro, &delivery, cookies);
 *                      give_back(cookies, cnt);
 *              }
 *      }
 *
 * No allocation, ever: the caller gives memory once. No global state, no clock (time is an argument,
 * in nanoseconds from any origin, never backwards), no I/O. An engine may be used by one thread at
 * a time, different engines by different threads. Lengths and offsets are in bytes, offsets count from
 * the Ethernet header; numbers are in host order. Nothing is assumed of packets; pointers must be valid.
 */
#ifndef SUPERPACKET_PUBLIC_GRO_H
#define SUPERPACKET_PUBLIC_GRO_H

#include "gso.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What is merged: protocols, and tunnels within which TCP is (and UDP, where that is named too). */
#define SP_MERGE_TCP (1u << 0)    /* IPv4 without options, IPv6; behind any VLAN tags */
#define SP_MERGE_UDP (1u << 1)    /* of equal length; receivers differ in whether they can take it */
#define SP_MERGE_VXLAN (1u << 2)  /* RFC 7348 */
#define SP_MERGE_GENEVE (1u << 3) /* RFC 8926 */
#define SP_MERGE_GRE (1u << 4)    /* RFC 2784, RFC 2890 */
#define SP_MERGE_IPIP (1u << 5)   /* 4in4, 6in4, 4in6, 6in6 */

/* sp_gro_config.flags */
#define SP_GRO_ACCEPT_UNFINISHED (1u << 0) /* the L4 checksum field may hold the pseudo-header sum
					    * alone, as veth peers send it; hand it on as unfinished */
#define SP_GRO_MARKS (1u << 1)     /* deliveries are read with fixed_id and accecn: merge where only
				    * these marks can tell (fixed IDs without DF, equal CWR) */
#define SP_GRO_ADAPTIVE (1u << 2)  /* leave flows alone for a while whose merging keeps failing */
#define SP_GRO_FLUSH_ALL (1u << 3) /* when `flows` are held: flush all, not the oldest only */

/* Highest values. */
#define SP_GRO_PACKETS_MAX 512u            /* of one superpacket; fragments count */
#define SP_GRO_BYTES_MAX (8u * 65535u)     /* of one superpacket */
#define SP_GRO_FRAGMENTS_MAX 18u           /* of one packet */
#define SP_GRO_PASS_PORTS 16u

struct sp_gro_config {
	uint32_t struct_size; /* sizeof(struct sp_gro_config), as the caller knows it */
	uint32_t merge;       /* SP_MERGE_*; 0: nothing */
	uint32_t flags;       /* SP_GRO_* */
	uint32_t flows;       /* superpackets held at the same time: 1 to 2^24 */
	uint32_t packets;     /* fragments in the engine's hands at the same time, deliveries included:
			       * 1 to 2^24. Fewer than are offered in a burst cost merging */
	uint32_t max_packets; /* of one superpacket: 2 to SP_GRO_PACKETS_MAX */
	uint32_t max_bytes;   /* of one superpacket, without link layer: at most 65535; beyond it, to
			       * SP_GRO_BYTES_MAX, for TCP over IPv6 only, as BIG TCP (RFC 2675) */
	uint32_t min_payload; /* packets with less pass untouched; 0: none does for that */
	uint64_t hold_ns;     /* longest hold across bursts; 0: to the end of the burst */
	uint64_t idle_ns;     /* with hold_ns: flush all when nothing came for this long; 0: off */
	uint16_t headroom;    /* bytes before a packet that may be written; BIG TCP wants 8 */
	uint16_t vxlan_port, geneve_port; /* UDP; 0: 4789 and 6081 */
	uint16_t pass_ports[SP_GRO_PASS_PORTS]; /* TCP or UDP ports, either end, that pass untouched */
	uint64_t secret[2];   /* keys the flow hash: random, so that nobody can aim at it */
};

/* Fills in struct_size bytes: TCP, 4096 flows, 8192 packets, 512 a superpacket, 65535 bytes, to the end of
 * the burst. The secret is left at 0: fill it, with getrandom() for example. */
void sp_gro_config_defaults(struct sp_gro_config *config, uint32_t struct_size);

/* The same, with the size that the caller was compiled with. Later versions may append fields, of which 0
 * always means: as before. So a caller made against an older version works with a newer library; the
 * other way round too, unless he sets a field that the library does not know: that is refused. */
static inline void sp_gro_config_init(struct sp_gro_config *config)
{
	sp_gro_config_defaults(config, (uint32_t)sizeof *config);
}

struct sp_gro; /* opaque, in the caller's memory */

/* Bytes of memory that an engine of this configuration takes; 0: a field is out of its range, or
 * struct_size covers fields that are not known here and not 0. Grows with flows and packets; it never
 * changes afterwards. */
size_t sp_gro_memory_size(const struct sp_gro_config *config);

/*
 * Lays an engine out in memory of that size, aligned to SP_ALIGNMENT. Ownership: the memory is the
 * engine's until the caller is done with it; there is nothing to close. It is not to be moved. *config is
 * not needed after the call. NULL: sp_gro_memory_size() is 0, or memory is not aligned.
 */
struct sp_gro *sp_gro_init(const struct sp_gro_config *config, void *memory);

/*
 * A fragment of a packet; nearly always all of it. A packet in several is a run of these, all but the
 * last with more set. The first fragment begins with the Ethernet header and has all headers, else the
 * packet passes unmerged.
 */
struct sp_fragment {
	void *data;
	uint32_t len;
	bool verified;   /* somebody has verified the packet's L4 checksum (in its first fragment) */
	bool more;       /* the packet goes on in the next fragment */
	uint64_t cookie; /* the caller's name for this memory; comes back from sp_gro_release() */
};

/*
 * Offers cnt fragments in the order of their arrival at now_ns. Returns how many were taken, whole packets
 * only. Fewer than cnt:
 *      - there is no room: take and release deliveries, then offer the rest;
 *      - the last packet is not complete: offer it again with its end;
 *      - a packet has more than SP_GRO_FRAGMENTS_MAX fragments: it is never taken; handle it yourself.
 *
 * Ownership: the memory of packets taken is the engine's until sp_gro_release() gives back their cookies;
 * the array of fragments is not needed after the call. Packet memory is written at one moment only:
 * when a superpacket of two or more packets is taken (sp_gro_next()), its first header is amended (and, for BIG TCP,
 * moved down by 8 bytes into the headroom).
 *
 * Rules: Linux net/core/gro.c and net/ipv4/tcp_offload.c, and where those would lose something, stricter:
 * RFC 9293 (sequence numbers), RFC 7323 (timestamps: any option that differs begins anew), RFC 3168
 * (ECN), RFC 6864 (IPv4 IDs), RFC 8200 (extension headers). Checksums are verified (RFC 1071) unless the
 * caller says that somebody has; a wrong one passes unmerged, unchanged and in order.
 */
uint32_t sp_gro_offer(struct sp_gro *gro, const struct sp_fragment *fragments, uint32_t cnt, uint64_t now_ns);

/* Nothing more is being received at now_ns. hold_ns 0: flushes all, as Linux does at the end of a poll
 * (net/core/gro.c). Else: flushes what has been held for hold_ns, counted from its first packet, and all when
 * nothing came for idle_ns (two of the conditions of US patent 9,225,807). */
void sp_gro_burst_end(struct sp_gro *gro, uint64_t now_ns);

/* Flushes everything that is held, oldest first; the reason is "shutdown". */
void sp_gro_flush(struct sp_gro *gro);

/* When sp_gro_burst_end() should be called at the latest, in nanoseconds of the caller's clock; 0 or
 * past: now. UINT64_MAX: nothing is held. */
uint64_t sp_gro_deadline(const struct sp_gro *gro);

enum sp_csum_state {
	SP_CSUM_UNKNOWN,  /* nobody has looked: the packet was passed without being understood */
	SP_CSUM_VERIFIED, /* right, and complete in the packet */
	SP_CSUM_PARTIAL,  /* verified; the field holds the pseudo-header sum (request.needs_csum) */
	SP_CSUM_WRONG     /* the IPv4 header's or the L4 checksum; the receiver is to see that himself */
};

/* A superpacket, or a packet alone, to be passed up. */
struct sp_delivery {
	struct sp_gso_request request; /* type SP_GSO_NONE: a packet as it came */
	uint32_t segs;       /* packets merged */
	uint32_t fragments;  /* pieces of memory it consists of */
	uint32_t len;        /* bytes in all: one header and all payloads */
	uint32_t header_len; /* of which these are headers; 0 for a packet alone */
	uint8_t csum;        /* enum sp_csum_state */
	uint8_t reason;      /* why it was flushed; see sp_gro_reason_name() */
	uint8_t reserved8[6]; /* 0 */
	void *handle;        /* the engine's */
	uint64_t reserved[4]; /* 0: room for later versions */
};

/*
 * Fills in *delivery with the next one; false: there is none, *delivery is left alone. Deliveries come in
 * the order in which they must go up: within a flow that of arrival. Ownership: *delivery is the caller's,
 * what it refers to is the engine's, valid until sp_gro_release(). Any number may be taken before
 * the first is released, and they may be released in any order.
 */
bool sp_gro_next(struct sp_gro *gro, struct sp_delivery *delivery);

/*
 * Describes it for a gathering write: the first packet with its amended header, then the payload of
 * each other; delivery->len bytes in all. iov has room for delivery->fragments; returns how many were
 * filled. The slices lie in the packets' memory: read them before sp_gro_release().
 * What request says of them is what a virtio header says (virtio 1.2 section 5.1.6.4), so it can be
 * handed to a TAP, a guest, or sp_gso_open().
 */
uint32_t sp_gro_slices(const struct sp_gro *gro, const struct sp_delivery *delivery, struct iovec *iov);

/*
 * Takes the merging back, for a receiver that refuses the superpacket: restores the first header and
 * describes every fragment as it came, byte for byte, one iov each; returns how many (delivery->fragments,
 * for which iov has room). more, unless it is NULL, has room for as many: whether fragment i's packet
 * goes on in the next one. *delivery then describes each of the packets alone (len: of all together);
 * it is still to be released, and not to be asked for slices again.
 */
uint32_t sp_gro_unmerge(struct sp_gro *gro, struct sp_delivery *delivery, struct iovec *iov, bool *more);

/* Gives the packets' memory back to the caller: the cookies of its fragments in order of arrival (room
 * for delivery->fragments); returns how many there are. The delivery is invalid afterwards. */
uint32_t sp_gro_release(struct sp_gro *gro, struct sp_delivery *delivery, uint64_t *cookies);

/* Reasons are numbered from 0; their names, e.g. "out_of_sequence", are those of status and replay.
 * NULL behind the last. The string is constant. */
const char *sp_gro_reason_name(unsigned int reason);

struct sp_gro_counters {
	uint64_t held_packets;    /* fragments in the engine's hands now */
	uint64_t checksum_errors; /* packets with a wrong IP or L4 checksum so far */
	uint64_t reserved[6];     /* 0: room for later versions */
};

/* Fills in *counters. */
void sp_gro_counters(const struct sp_gro *gro, struct sp_gro_counters *counters);

/* Deliveries taken so far for this reason: superpackets of two or more packets; packets that went alone.
 * 0 for a reason that there is not. */
uint64_t sp_gro_flushes(const struct sp_gro *gro, unsigned int reason);
uint64_t sp_gro_singles(const struct sp_gro *gro, unsigned int reason);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
