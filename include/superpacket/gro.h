/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libsuperpacket: reassembly. Packets of a flow are queued where they are in memory. The first packet's
 * header is amended to cover all of them, and the resulting superpacket is delivered once. Merging is
 * lossless: cutting a delivery (gso.h) gives back the very bytes that came in. Within a flow no packet
 * overtakes another. A packet that the engine does not understand passes unchanged.
 *
 *      sp_gro_offer(burst)    packets join the superpacket of their flow, or flush it
 *      sp_gro_burst_end()     nothing more is being received
 *      sp_gro_next()          deliveries, in the order in which they must go up
 *      sp_gro_release()       the packets of a delivery go back to their owner
 *
 * The loop of a receiver. receive() fills buf[] with complete packets:
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
 * The library allocates nothing: the caller provides memory once. It has no global state, no clock (time is
 * an argument, in nanoseconds from any origin, and never goes backwards), and does no I/O. One thread at a
 * time may use an engine; different threads may use different engines. Lengths and offsets are in bytes,
 * offsets count from the Ethernet header, numbers are in host byte order. Packets may have any content;
 * pointers must be valid.
 */
#ifndef SUPERPACKET_PUBLIC_GRO_H
#define SUPERPACKET_PUBLIC_GRO_H

#include "gso.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What is merged: protocols outside tunnels, and tunnels inside which TCP is merged (and UDP, with
 * SP_MERGE_UDP). */
#define SP_MERGE_TCP (1u << 0)    /* IPv4 without options, IPv6; behind any VLAN tags */
#define SP_MERGE_UDP (1u << 1)    /* datagrams of equal length; not every receiver can take them merged */
#define SP_MERGE_VXLAN (1u << 2)  /* RFC 7348 */
#define SP_MERGE_GENEVE (1u << 3) /* RFC 8926 */
#define SP_MERGE_GRE (1u << 4)    /* RFC 2784, RFC 2890 */
#define SP_MERGE_IPIP (1u << 5)   /* 4in4, 6in4, 4in6, 6in6 */

/* sp_gro_config.flags */
#define SP_GRO_ACCEPT_UNFINISHED \
	(1u << 0) /* accept packets whose L4 checksum field holds only the
					    * pseudo-header sum, as veth peers send them; they are
					    * delivered as unfinished */
#define SP_GRO_MARKS \
	(1u << 1)                  /* the caller reads fixed_id and accecn of deliveries: also merge packets
				    * that only these marks can describe (fixed IDs without DF, equal CWR) */
#define SP_GRO_ADAPTIVE (1u << 2)  /* leave flows alone for a while whose packets do not merge */
#define SP_GRO_FLUSH_ALL (1u << 3) /* when `flows` are held: flush all, not only the oldest */

/* Highest values. */
#define SP_GRO_PACKETS_MAX 512u        /* of one superpacket; each fragment counts */
#define SP_GRO_BYTES_MAX (8u * 65535u) /* of one superpacket */
#define SP_GRO_FRAGMENTS_MAX 18u       /* of one packet */
#define SP_GRO_PASS_PORTS 16u

struct sp_gro_config {
	uint32_t struct_size;             /* sizeof(struct sp_gro_config) in the caller's version */
	uint32_t merge;                   /* SP_MERGE_*; 0: nothing */
	uint32_t flags;                   /* SP_GRO_* */
	uint32_t flows;                   /* superpackets held at the same time: 1 to 2^24 */
	uint32_t packets;                 /* fragments that the engine owns at the same time, deliveries included:
			       * 1 to 2^24. With fewer than are offered in a burst, less is merged */
	uint32_t max_packets;             /* of one superpacket: 2 to SP_GRO_PACKETS_MAX */
	uint32_t max_bytes;               /* of one superpacket, without link layer: usually up to 65535. Values above
			       * that, up to SP_GRO_BYTES_MAX, are for TCP over IPv6 only, which is then
			       * delivered as BIG TCP (RFC 2675) */
	uint32_t min_payload;             /* packets with less payload pass untouched; 0: no such limit */
	uint64_t hold_ns;                 /* longest hold across bursts; 0: to the end of the burst */
	uint64_t idle_ns;                 /* with hold_ns: flush all when nothing came for this long; 0: off */
	uint16_t headroom;                /* writable bytes before the data of each packet; BIG TCP needs 8 */
	uint16_t vxlan_port, geneve_port; /* UDP; 0: 4789 and 6081 */
	uint16_t pass_ports[SP_GRO_PASS_PORTS]; /* packets from or to these TCP or UDP ports pass untouched */
	uint64_t secret[2]; /* keys of the flow hash: random, so that nobody can provoke collisions */
};

/*
 * Fills the struct_size bytes at config with the defaults: merge TCP; 4096 flows; 8192 packets; superpackets
 * of up to 512 packets and 65535 bytes; hold to the end of the burst. The secret is 0: fill it, with
 * getrandom() for example.
 */
void sp_gro_config_defaults(struct sp_gro_config *config, uint32_t struct_size);

/*
 * The same, with the size that the caller was compiled with. Later versions may append fields, in which 0
 * always means the earlier behaviour. So a program compiled against an older version works with a newer
 * library. A program compiled against a newer version works with an older library too, unless it sets a
 * field that the library does not know; that is refused.
 */
static inline void sp_gro_config_init(struct sp_gro_config *config)
{
	sp_gro_config_defaults(config, (uint32_t)sizeof *config);
}

struct sp_gro; /* opaque, in the caller's memory */

/* Bytes of memory that an engine of this configuration needs. They depend on flows and packets, and never
 * change afterwards. Returns 0 if a field is out of its range, or if fields that this version does not
 * know are not 0. */
size_t sp_gro_memory_size(const struct sp_gro_config *config);

/*
 * Sets up an engine in memory of that size, aligned to SP_ALIGNMENT. Ownership: the engine uses the memory
 * until the caller stops using the engine; there is nothing to close. The memory must not be moved. *config
 * is not needed after the call. Returns NULL if sp_gro_memory_size() returns 0, or memory is not aligned.
 */
struct sp_gro *sp_gro_init(const struct sp_gro_config *config, void *memory);

/*
 * A fragment of a packet; nearly always the whole packet. A packet in several fragments is a run of these,
 * all but the last with `more` set. The first fragment begins with the Ethernet header and contains all
 * headers, else the packet passes unmerged.
 */
struct sp_fragment {
	void *data;
	uint32_t len;
	bool verified;   /* the packet's L4 checksum was verified already; read from its first fragment */
	bool more;       /* the packet continues in the next fragment */
	uint64_t cookie; /* the caller's name for this memory; sp_gro_release() returns it */
};

/*
 * Offers cnt fragments in the order in which they arrived, at now_ns. Returns how many were taken: complete
 * packets only. Fewer than cnt means:
 *      - there is no room: take and release deliveries, then offer the rest; or
 *      - the last packet is not complete: offer it again together with its end; or
 *      - a packet has more than SP_GRO_FRAGMENTS_MAX fragments. It is never taken: handle it yourself.
 *
 * Ownership: the engine owns the memory of the packets that were taken until sp_gro_release() returns their
 * cookies. The array of fragments is not needed after the call. The engine writes packet memory at one
 * moment only: when a superpacket of two or more packets is delivered (sp_gro_next()), its first header is
 * amended, and for BIG TCP also moved into the headroom, by 8 bytes.
 *
 * Rules: those of Linux net/core/gro.c and net/ipv4/tcp_offload.c, and stricter ones where Linux would lose
 * something: RFC 9293 (sequence numbers), RFC 7323 (timestamps: a packet with other options begins a new
 * superpacket), RFC 3168 (ECN), RFC 6864 (IPv4 IDs), RFC 8200 (extension headers). Checksums are verified
 * (RFC 1071) unless the fragment says that they were. A packet with a wrong one passes unmerged, unchanged
 * and in order.
 */
uint32_t sp_gro_offer(struct sp_gro *gro, const struct sp_fragment *fragments, uint32_t cnt, uint64_t now_ns);

/*
 * Says that nothing more is being received at now_ns. With hold_ns 0 this flushes everything, as Linux does
 * at the end of a poll (net/core/gro.c). Else it flushes superpackets whose first packet is older than
 * hold_ns, and everything if nothing came for idle_ns (both are conditions of US patent 9,225,807).
 */
void sp_gro_burst_end(struct sp_gro *gro, uint64_t now_ns);

/* Flushes everything that is held, oldest first. The reason is "shutdown". */
void sp_gro_flush(struct sp_gro *gro);

/* The latest time at which sp_gro_burst_end() should be called, in nanoseconds of the caller's clock. 0, or a
 * time that has passed, means now. UINT64_MAX: nothing is held. */
uint64_t sp_gro_deadline(const struct sp_gro *gro);

enum sp_csum_state {
	SP_CSUM_UNKNOWN,  /* not verified: the packet passed without being understood */
	SP_CSUM_VERIFIED, /* right, and complete in the packet */
	SP_CSUM_PARTIAL,  /* verified; the field holds the pseudo-header sum (request.needs_csum) */
	SP_CSUM_WRONG     /* the IPv4 header checksum or the L4 checksum is wrong; leave it to the receiver */
};

/* A superpacket, or a single packet, to be passed up. */
struct sp_delivery {
	struct sp_gso_request request; /* type SP_GSO_NONE: a packet as it came */
	uint32_t segs;                 /* packets merged */
	uint32_t fragments;            /* pieces of memory it consists of */
	uint32_t len;                  /* total bytes: one header and all payloads */
	uint32_t header_len;           /* bytes of headers in len; 0 for a single packet */
	uint8_t csum;                  /* enum sp_csum_state */
	uint8_t reason;                /* why it was flushed; see sp_gro_reason_name() */
	uint8_t reserved8[6];          /* 0 */
	void *handle;                  /* private to the engine */
	uint64_t reserved[4];          /* 0: room for later versions */
};

/*
 * Fills *delivery with the next delivery. Returns false, and leaves *delivery alone, if there is none.
 * Deliveries come in the order in which they must go up; within a flow that is the order of arrival.
 * Ownership: *delivery is the caller's; the memory it refers to is the engine's, and valid until
 * sp_gro_release(). Any number of deliveries may be taken before one is released, and they may be released
 * in any order.
 */
bool sp_gro_next(struct sp_gro *gro, struct sp_delivery *delivery);

/*
 * Describes a delivery for a gathering write: the first packet with its amended header, then the payload of
 * each other packet; delivery->len bytes in total. iov has room for delivery->fragments; returns how many
 * entries were filled. The slices point into the memory of the packets: read them before sp_gro_release().
 * delivery->request says of these bytes what a virtio header says (virtio 1.2 section 5.1.6.4), so they can
 * go to a TAP, to a guest, or to sp_gso_open().
 */
uint32_t sp_gro_slices(const struct sp_gro *gro, const struct sp_delivery *delivery, struct iovec *iov);

/*
 * Undoes the merging, for a receiver that refuses the superpacket: restores the first header and describes
 * every fragment as it came, byte for byte, one iov entry each. Returns how many there are
 * (delivery->fragments, for which iov has room). more may be NULL; else it has as many entries, and more[i]
 * says whether the packet of fragment i continues in the next one. *delivery then describes single packets
 * (len is their total). It must still be released, and sp_gro_slices() must not be called for it again.
 */
uint32_t sp_gro_unmerge(struct sp_gro *gro, struct sp_delivery *delivery, struct iovec *iov, bool *more);

/* Ends a delivery: returns the memory of its packets to the caller. Writes the cookies of its fragments in
 * order of arrival (cookies has room for delivery->fragments) and returns their number. The delivery is
 * invalid afterwards. */
uint32_t sp_gro_release(struct sp_gro *gro, struct sp_delivery *delivery, uint64_t *cookies);

/* Reasons are numbered from 0. Their names, for example "out_of_sequence", are those that `superpacket status`
 * and replay print. Returns a constant string; NULL for numbers beyond the last reason. */
const char *sp_gro_reason_name(unsigned int reason);

struct sp_gro_counters {
	uint64_t held_packets;    /* fragments that the engine owns now */
	uint64_t checksum_errors; /* packets with a wrong IP or L4 checksum so far */
	uint64_t reserved[6];     /* 0: room for later versions */
};

/* Fills *counters. */
void sp_gro_counters(const struct sp_gro *gro, struct sp_gro_counters *counters);

/* Deliveries taken so far with this reason: superpackets of two or more packets; single packets.
 * 0 for numbers beyond the last reason. */
uint64_t sp_gro_flushes(const struct sp_gro *gro, unsigned int reason);
uint64_t sp_gro_singles(const struct sp_gro *gro, unsigned int reason);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
