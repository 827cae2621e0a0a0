/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reassembly: packets of a flow are queued where they lie; the first one's header is
 * amended to cover all; the superpacket is delivered once (rules R1-R20, D1-D7).
 *
 *      gro_offer(burst)      packets join the held superpacket of their flow, or flush it
 *      gro_burst_end()       nothing more is being received: flush by age (D4)
 *      gro_next()            deliveries, in the order in which they must go up
 *      gro_release()         the packets of a delivery go back to whoever owns them
 *
 * Ownership: an offered packet belongs to the engine until gro_release() gives back its
 * cookie. Packet memory is written at one moment only: when a superpacket of two or more
 * packets is completed, in gro_next(), some fields of its first header are rewritten (D7), and
 * gro_unmerge() can write the original ones back.
 *
 * No syscall, no clock (time is an argument), no allocation after gro_init().
 */
#ifndef SUPERPACKET_GRO_H
#define SUPERPACKET_GRO_H

#include <sys/uio.h>

#include "flow.h"
#include "gso.h"
#include "habit.h"
#include "parse.h"

/* What is known of the L4 checksum of an offered packet (R8). */
enum gro_csum {
	GRO_CSUM_UNKNOWN,  /* to be verified in software */
	GRO_CSUM_VERIFIED, /* somebody else has verified it; of a tunnel's packet, the outer one */
	GRO_CSUM_WRONG,    /* of deliveries only */
};

/*
 * One fragment of a packet; nearly always all of it. A packet in several is a run of these, all but the
 * last with `more` set, as AF_XDP has it (XDP_PKT_CONTD). The headers lie in its first fragment, else
 * it passes as PARSE_FOREIGN. A packet has at most GRO_FRAGMENTS_MAX.
 */
struct gro_packet {
	uint8_t *data;   /* of the first fragment: the Ethernet header */
	uint32_t len;    /* of this fragment */
	uint8_t csum;    /* enum gro_csum, of the packet; in its first fragment */
	bool more;       /* the packet goes on in the next one */
	uint64_t cookie; /* the caller's name for the fragment's memory */
};

/* As many as one AF_XDP packet can have in copy mode (MAX_SKB_FRAGS + 1). */
#define GRO_FRAGMENTS_MAX 18u

/* What is merged: protocols, and tunnels within which TCP is (and UDP, where that is named too). */
#define GRO_MERGE_TCP (1u << 0)
#define GRO_MERGE_UDP (1u << 1) /* R18: receivers differ, so it is opt-in */
#define GRO_MERGE_VXLAN (1u << 2)
#define GRO_MERGE_GENEVE (1u << 3)
#define GRO_MERGE_GRE (1u << 4)
#define GRO_MERGE_IPIP (1u << 5)
#define GRO_MERGE_ALL ((1u << 6) - 1)

/* R18: packets of one UDP superpacket at most (UDP_GRO_CNT_MAX). */
#define GRO_UDP_PACKETS_MAX 64u

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
	GRO_LEFT_ALONE,     /* adaptive: merging this flow has kept failing */
	GRO_EXEMPT,         /* pass_ports, min_payload */
	GRO_REASON_CNT,
};

/* Names of the reasons as status and metrics print them, e.g. "out_of_sequence". */
extern const char *const gro_reason_names[GRO_REASON_CNT];

/* R16: what Linux takes (GRO_MAX_SIZE). */
#define GRO_BIG_BYTES_MAX (8u * 65535u)

#define BIG_TCP_HEADROOM 8u /* bytes of the header that such a superpacket has more */

#define GRO_PASS_PORTS 16u

struct gro_config {
	uint32_t flows;       /* superpackets held at the same time; oldest goes first when full (D3) */
	uint32_t packets;     /* fragments in the engine's hands at the same time, deliveries included */
	uint32_t max_packets; /* of one superpacket, 2 to GRO_MAX_PACKETS; fragments count */
	uint32_t max_bytes;   /* of one superpacket behind the link-layer header; beyond 65535, to
			       * GRO_BIG_BYTES_MAX, only TCP over IPv6 goes, in BIG TCP form (R16) */
	uint32_t min_payload; /* packets with less pass untouched; 0: all may merge */
	uint64_t hold_ns;     /* longest hold across bursts; 0: to the end of the burst (D4) */
	uint64_t idle_ns;     /* with hold_ns: all is flushed when nothing has come for this long; 0: off */
	uint32_t merge;       /* GRO_MERGE_*; 0: nothing */
	uint16_t vxlan_port, geneve_port; /* 0: IANA's */
	uint16_t pass_ports[GRO_PASS_PORTS]; /* TCP and UDP ports, either end, that pass untouched; 0: none */
	uint16_t headroom;    /* bytes before a packet's data that may be written; BIG TCP wants 8 */
	bool flush_all_when_full; /* D3: the patent's policy; else the oldest goes */
	bool adaptive;        /* flows whose merging keeps failing are left alone for a while */
	bool marks;           /* who takes deliveries reads fixed_id and accecn: then fixed IDs without DF
			       * (R12) and equal CWR (R13) merge too. Never over a virtio header */
	/* Accept packets whose L4 checksum field holds just the pseudo-header sum, as the kernel does
	 * on veth, where a peer sends them so; they are handed on as unfinished. Nowhere else. */
	bool accept_unfinished;
	uint64_t secret[2];   /* keys the hashes; random */
};

/* Iovecs of a superpacket at most: one write takes 1024 (IOV_MAX), the caller adds a header. */
#define GRO_MAX_PACKETS 512u

/* One fragment in the engine's hands. Where its payload lies follows from its superpacket: behind
 * payload_off bytes of a packet's first fragment, and size bytes in all but for the last packet's. */
struct gro_segment {
	uint8_t *data;
	uint64_t cookie;
	uint32_t len; /* of the fragment as it came */
	bool more;    /* its packet goes on in the next one */
};

/* The fragments behind the first one of a superpacket, in order. In blocks of two cache lines: a list
 * would miss the cache once a packet. */
#define GRO_BLOCK_SEGMENTS 5u

struct gro_block {
	struct gro_segment segments[GRO_BLOCK_SEGMENTS];
	uint32_t next; /* block of the same superpacket; stale in the last one */
} __attribute__((aligned(64)));

/* How the IPv4 ID moves from packet to packet; the second one decides (R12). */
enum gro_id_mode { GRO_ID_UNDECIDED, GRO_ID_INCREMENTING, GRO_ID_FIXED };

/* Bytes of its first header that a superpacket has a copy of: TCP over IPv4 or IPv6 with timestamps, four VLAN
 * tags and more; of tunnels only GRE and IP-in-IP. */
#define GRO_HEAD_LEN 99u

/* A superpacket, held or delivered; of one packet (D5) or many. Four cache lines, of which an append to
 * TCP over IPv4 needs the first two: what is compared lies beside what is changed, since first headers
 * themselves, one a page and all at the same place in it, would miss the cache and the TLB beyond some
 * hundred flows. Private, but for what is marked. */
struct gro_super {
	const uint8_t *head;      /* against it others are compared: copy, or the first packet where longer */
	uint32_t len;             /* read: bytes in all, one header and all payloads */
	uint32_t next_seq;        /* TCP (R14) */
	uint32_t last_block;      /* valid from two fragments on */
	uint32_t packet_cnt;      /* read */
	uint32_t fragment_cnt;    /* read: iovecs and cookies; packet_cnt unless packets came in several */
	uint16_t l3_off, l4_off, payload_off; /* of the innermost packet */
	uint16_t size;            /* payload of the first packet */
	uint16_t last_id, outer_last_id;  /* R12 */
	uint8_t id_mode, outer_id_mode;   /* enum gro_id_mode */
	uint8_t ip_version, protocol;
	uint8_t tunnel;           /* enum parse_tunnel */
	uint8_t fill;             /* segments in the last block; GRO_BLOCK_SEGMENTS: a new one is due */
	uint8_t later_flags;      /* FIN and PSH of the packets behind the first (R17) */
	bool unfinished;          /* the packets' L4 checksums are unfinished (accept_unfinished) */
	bool long_way;            /* headers do not tell what belongs to it (gro.c) */
	uint8_t outer_version, outer_protocol; /* D2 */
	uint8_t reason;           /* read: enum gro_reason; while held, gro->time_reason */
	uint8_t csum;             /* read: enum gro_csum; GRO_CSUM_UNKNOWN: nobody has looked. What was
				   * accepted as unfinished counts as verified: request.needs_csum */

	uint8_t copy[GRO_HEAD_LEN];

	struct gro_segment first;
	uint64_t first_ns;
	uint32_t first_block;     /* valid from two fragments on */
	uint16_t outer_l3_off, outer_l4_off; /* of the tunnel; without one, those of the packet */

	/* read: what it is, as the front end must be told; type GSO_NONE with packet_cnt 1 */
	struct gso_request request;

	/* what completion overwrites in the first header, for gro_unmerge() */
	uint16_t saved_ip_len, saved_ip_csum, saved_l4_len, saved_l4_csum;
	uint16_t saved_outer_len, saved_outer_ip_csum, saved_outer_l4_len, saved_outer_csum;
	uint8_t saved_flags;
	uint8_t lead; /* bytes put before the first packet's data (BIG TCP) */
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct gro_super, copy) + 14 + 20 + 32 <= 128, "an append touches two cache lines");
_Static_assert(offsetof(struct gro_super, request) == 192, "a packet alone touches three");
_Static_assert(sizeof(struct gro_super) == 256, "four cache lines");

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

/* How long a superpacket may become, and how short a packet in it may be. */
struct gro_limits {
	uint32_t max_bytes, min_payload;
};

struct gro {
	struct flow_table table;
	struct gro_super *supers;       /* [table.capacity], beside the table's links */
	struct gro_block *blocks;
	uint32_t *free_blocks;          /* stack */
	uint32_t free_block_cnt;
	uint32_t owned_cnt;             /* fragments offered and not released */
	uint32_t ready_head, ready_tail; /* waiting for gro_next(), by age_next; tail: valid unless empty */
	uint32_t ready_ahead;           /* of those, the next that is asked for in advance; FLOW_NONE: none */
	uint32_t recent;                /* held, tried first for the next packet; FLOW_NONE: none */
	struct gro_limits limits, big_limits; /* of all, but of what may become BIG TCP (R16) */
	uint8_t time_reason;            /* why what is held goes up as it is given no more time (D4) */
	uint32_t pass_port_cnt;         /* of config.pass_ports, which begin with them */
	uint64_t last_ns;               /* when packets last came */
	struct parse_tunnels tunnels;   /* those entered */
	struct habit habit;             /* with config.adaptive */
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
 * Offers cnt fragments in the order of their arrival at now_ns. Takes ownership of as many as it
 * returns, whole packets only: fewer than cnt when gro_next() and gro_release() must make room first,
 * when the last packet is not complete, or when one exceeds GRO_FRAGMENTS_MAX (or config.packets),
 * which is never taken.
 */
uint32_t gro_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns);

/* Nothing more is being received for now: flushes all (hold_ns 0) or what is old enough (D4). */
void gro_burst_end(struct gro *gro, uint64_t now_ns);

/* Flushes everything held, oldest first (D6). */
void gro_flush(struct gro *gro, enum gro_reason reason);

/* When gro_burst_end() should be called at the latest; UINT64_MAX: nothing held. */
uint64_t gro_deadline(const struct gro *gro);

/* Fragments in the engine's hands: held by flows, or in deliveries that were not released. */
uint32_t gro_owned_packets(const struct gro *gro);

/* Private: what is not plain of a delivery, below. */
void gro_complete_delivery(struct gro *gro, struct gro_super *super);
void gro_ask_ahead(struct gro *gro);
uint32_t gro_iovecs_many(const struct gro *gro, const struct gro_super *super, struct iovec *iov);
void gro_release_many(struct gro *gro, const struct gro_super *super, uint64_t *cookies);

/* The next delivery, NULL when there is none; valid until it is released. Here it is completed and counted. */
static inline struct gro_super *gro_next(struct gro *gro)
{
	uint32_t entry = gro->ready_head;
	struct gro_super *super;

	if (entry == FLOW_NONE)
		return NULL;
	super = &gro->supers[entry];
	gro->ready_head = gro->table.links[entry].age_next;
	if (unlikely(gro->ready_ahead != FLOW_NONE))
		gro_ask_ahead(gro);
	if (super->fragment_cnt > 1 || unlikely(super->unfinished)) {
		gro_complete_delivery(gro, super);
	} else {
		super->len = super->first.len; /* D5 */
		super->request = (struct gso_request){ .type = GSO_NONE };
		gro->singles[super->reason]++;
	}
	return super;
}

/* Describes a delivery for a gathering write: the first packet with its (amended) header, then the
 * payload of each other. iov has room for fragment_cnt entries; returns how many were filled. */
static inline uint32_t gro_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	if (super->fragment_cnt > 1)
		return gro_iovecs_many(gro, super, iov);
	iov[0] = (struct iovec){ super->first.data, super->first.len };
	return 1;
}

/*
 * Takes the merging of a delivery back: restores the first header, and describes each fragment
 * as it came, one iovec each, in order (for V9: a front end that refuses the superpacket).
 * super->request then describes each packet. more, if it is not NULL, says of each fragment whether
 * its packet goes on in the next one.
 */
uint32_t gro_unmerge(struct gro *gro, struct gro_super *super, struct iovec *iov, bool *more);

/* Gives the packets of a delivery back: the cookies of their fragments in order of arrival (room for
 * fragment_cnt). Returns fragment_cnt. super is invalid afterwards. */
static inline uint32_t gro_release(struct gro *gro, struct gro_super *super, uint64_t *cookies)
{
	uint32_t cnt = super->fragment_cnt;

	cookies[0] = super->first.cookie;
	if (cnt > 1)
		gro_release_many(gro, super, cookies);
	gro->owned_cnt -= cnt;
	flow_free(&gro->table, (uint32_t)(super - gro->supers));
	return cnt;
}

#endif
