/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reassembly: packets of a flow are queued where they lie; the first one's header is
 * amended to cover all; the superpacket is delivered once (rules R1-R17, D1-D7).
 *
 *      gro_offer(burst)      packets join the held superpacket of their flow, or flush it
 *      gro_burst_end()       nothing more is being received: flush by age (D4)
 *      gro_next()            deliveries, in the order in which they must go up
 *      gro_release()         the packets of a delivery go back to whoever owns them
 *
 * Ownership: an offered packet belongs to the engine until gro_release() gives back its
 * cookie. Packet memory is written at one moment only: when a superpacket of two or more
 * packets is completed, some fields of its first header are rewritten (D7), and
 * gro_unmerge() can write the original ones back.
 *
 * No syscall, no clock (time is an argument), no allocation after gro_init().
 */
#ifndef SUPERPACKET_GRO_H
#define SUPERPACKET_GRO_H

#include <sys/uio.h>

#include "flow.h"
#include "gso.h"
#include "parse.h"

/* What is known of the L4 checksum of an offered packet (R8). */
enum gro_csum {
	GRO_CSUM_UNKNOWN,  /* to be verified in software */
	GRO_CSUM_VERIFIED, /* somebody else has verified it */
};

struct gro_packet {
	uint8_t *data;   /* the whole frame, linear */
	uint32_t len;
	uint8_t csum;    /* enum gro_csum */
	uint64_t cookie; /* the caller's name for the packet's memory */
};

/* Why a superpacket, or a packet alone, was delivered. */
enum gro_reason {
	GRO_COUNT,          /* max_packets reached */
	GRO_BYTES,          /* the next packet would exceed max_bytes (R16) */
	GRO_AGE,            /* held for hold_ns (D4) */
	GRO_BURST_END,      /* nothing more is being received (D4) */
	GRO_OUT_OF_SEQUENCE, /* R14 */
	GRO_NO_DATA,        /* R6: a pure ACK */
	GRO_FLAGS,          /* R9: SYN, RST or URG */
	GRO_PUSH_FIN,       /* R17 */
	GRO_SHORT,          /* R17: payload shorter than gso_size ends a superpacket */
	GRO_LARGER,         /* R15: payload longer than gso_size starts a new one */
	GRO_HEADER,         /* R11-R13, R2: a header field differs */
	GRO_CHECKSUM,       /* R3, R8: wrong IP or L4 checksum */
	GRO_FRAGMENT,       /* R5 */
	GRO_IP_OPTIONS,     /* R2: IPv4 options, IPv6 headers that cannot be walked */
	GRO_TABLE_FULL,     /* D3 */
	GRO_RECONFIGURE,
	GRO_SHUTDOWN,
	GRO_NOT_SERVED,     /* R20: another protocol, malformed, or merging switched off */
	GRO_REASON_CNT,
};

/* Names of the reasons as status and metrics print them, e.g. "out_of_sequence". */
extern const char *const gro_reason_names[GRO_REASON_CNT];

struct gro_config {
	uint32_t flows;       /* superpackets held at the same time; oldest goes first when full (D3) */
	uint32_t packets;     /* packets in the engine's hands at the same time, deliveries included */
	uint32_t max_packets; /* of one superpacket, 2 to GRO_MAX_PACKETS */
	uint32_t max_bytes;   /* of one superpacket behind the link-layer header, at most 65535 (R16) */
	uint64_t hold_ns;     /* longest hold across bursts; 0: to the end of the burst (D4) */
	bool merge_tcp;
	/* Accept packets whose L4 checksum field holds just the pseudo-header sum, as the kernel does
	 * on veth, where a peer sends them so; they are handed on as unfinished. Nowhere else. */
	bool accept_unfinished;
	uint64_t secret[2];   /* keys the hashes; random */
};

/* Iovecs of a superpacket at most: one write takes 1024 (IOV_MAX), the caller adds a header. */
#define GRO_MAX_PACKETS 512u

/* One packet in the engine's hands. Where its payload lies follows from its superpacket: behind
 * payload_off bytes, and request.size bytes long but for the last packet's. */
struct gro_segment {
	uint8_t *data;
	uint64_t cookie;
	uint32_t len; /* of the frame as it came */
};

/* The packets behind the first one of a superpacket, in order. In blocks of two cache lines: a list
 * would miss the cache once a packet. */
#define GRO_BLOCK_SEGMENTS 5u

struct gro_block {
	struct gro_segment segments[GRO_BLOCK_SEGMENTS];
	uint32_t next; /* block of the same superpacket; stale in the last one */
} __attribute__((aligned(64)));

/* A superpacket, held or delivered; of one packet (D5) or many. Two cache lines, of which an append
 * needs the first. */
struct gro_super {
	struct gro_segment first; /* private: against its header others are compared */

	/* read: what it is, as the front end must be told; type GSO_NONE with packet_cnt 1 */
	struct gso_request request;
	uint32_t packet_cnt;   /* read */
	uint32_t len;          /* read: bytes in all, one header and all payloads */

	/* private */
	uint32_t next_seq;
	uint16_t l3_off, l4_off, payload_off;
	uint16_t last_id;
	uint8_t ip_version;
	uint8_t id_mode;
	uint8_t later_flags;   /* FIN and PSH of the packets behind the first (R17) */
	uint8_t fill;          /* segments in the last block; GRO_BLOCK_SEGMENTS: a new one is due */

	uint32_t first_block, last_block; /* valid from two packets on */
	uint64_t first_ns;
	/* private: what completion overwrites in the first header, for gro_unmerge() */
	uint16_t saved_ip_len, saved_ip_csum, saved_l4_csum;
	uint8_t saved_flags;
	bool unfinished;       /* the packets' L4 checksums are unfinished (accept_unfinished) */
	uint8_t reason;        /* read: enum gro_reason */
} __attribute__((aligned(64)));

/*
 * How the packets between two hosts came so far, where unfinished checksums are accepted: a sender
 * finishes all or none. Good packets whose checksum happens to equal the pseudo-header sum (1 in
 * 65536) look unfinished once they are damaged; from a sender that finishes, they are wrong.
 */
#define GRO_SENDERS 1024u

struct gro_sender {
	uint32_t pair;     /* hash of the addresses; a later pair takes the place of another */
	uint32_t finished; /* evidence: packets with data and a right checksum, saturating */
};

struct gro {
	struct flow_table table;
	struct gro_super *supers;       /* [table.capacity], beside the table's links */
	struct gro_block *blocks;
	uint32_t *free_blocks;          /* stack */
	uint32_t free_block_cnt;
	uint32_t owned_cnt;             /* packets offered and not released */
	uint32_t ready_head, ready_tail; /* completed, waiting for gro_next() */
	uint32_t recent;                /* held by the flow of the packet before, FLOW_NONE: none */
	struct gro_config config;
	uint64_t flushes[GRO_REASON_CNT]; /* read: superpackets of two or more packets, by reason */
	uint64_t singles[GRO_REASON_CNT]; /* read: packets that went up alone, by reason */
	struct gro_sender senders[GRO_SENDERS];
	uint64_t checksum_errors; /* read: packets with a wrong IP or L4 checksum */
};

/* Bytes of memory (64-byte aligned) that an engine of this configuration needs. */
size_t gro_memory_size(const struct gro_config *config);

/* Lays the engine out in memory, which the caller owns and keeps until it is done with it.
 * Returns 0, or -EINVAL when a limit is zero or beyond what is stated above. */
int gro_init(struct gro *gro, const struct gro_config *config, void *memory);

/*
 * Offers cnt packets in the order of their arrival at now_ns. Takes ownership of as many as it
 * returns: fewer than cnt only when gro_next() and gro_release() must make room first.
 */
uint32_t gro_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns);

/* Nothing more is being received for now: flushes all (hold_ns 0) or what is old enough (D4). */
void gro_burst_end(struct gro *gro, uint64_t now_ns);

/* Flushes everything held, oldest first (D6). */
void gro_flush(struct gro *gro, enum gro_reason reason);

/* When the oldest held superpacket must be flushed by gro_burst_end(); UINT64_MAX: nothing held. */
uint64_t gro_deadline(const struct gro *gro);

/* Packets in the engine's hands: held by flows, or in deliveries that were not released. */
uint32_t gro_owned_packets(const struct gro *gro);

/* The next delivery, NULL when there is none; valid until it is released. */
struct gro_super *gro_next(struct gro *gro);

/* Describes a delivery for a gathering write: the first packet with its (amended) header, then the
 * payload of each other. iov has room for packet_cnt entries; returns how many were filled. */
uint32_t gro_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov);

/*
 * Takes the merging of a delivery back: restores the first header, and describes each packet
 * as it came, one iovec each, in order (for V9: a front end that refuses the superpacket).
 * super->request then describes each of them.
 */
uint32_t gro_unmerge(struct gro *gro, struct gro_super *super, struct iovec *iov);

/* Gives the packets of a delivery back: their cookies in order of arrival (room for packet_cnt).
 * Returns packet_cnt. super is invalid afterwards. */
uint32_t gro_release(struct gro *gro, struct gro_super *super, uint64_t *cookies);

#endif
