/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reassembly: consecutive packets of a flow become one superpacket, which is delivered once (rules R1-R20 and
 * D1-D7 in RULES.md). Packets are not copied: they stay where they are in memory, and the header of the
 * first one is rewritten to cover all.
 *
 *      gro_offer()           takes a burst of packets: each joins the superpacket that its flow holds, or flushes it
 *      gro_burst_end()       nothing more is being received: flushes what is old enough (D4)
 *      gro_next()            returns deliveries, in the order in which they must be passed on
 *      gro_release()         gives the packets of a delivery back to their owner
 *
 * Ownership: an offered packet belongs to the engine until gro_release() returns its cookie. The engine writes
 * to packets at one moment only: when gro_next() completes a superpacket of two or more packets, it rewrites
 * some fields of the first header (D7). gro_unmerge() can write the original ones back.
 *
 * No system call, no clock (time is an argument), no allocation after gro_init().
 */
#ifndef SUPERPACKET_GRO_H
#define SUPERPACKET_GRO_H

#include <sys/uio.h>

#include "flow.h"
#include "gso.h"
#include "habit.h"
#include "parse.h"

/* What is known about the L4 checksum of an offered packet (R8). */
enum gro_csum {
	GRO_CSUM_UNKNOWN,  /* to be verified in software */
	GRO_CSUM_VERIFIED, /* somebody else has verified it; in a tunnel, the outer one */
	GRO_CSUM_WRONG,    /* in deliveries only */
};

/*
 * One fragment of a packet, which nearly always is the whole packet. A packet in several fragments is a
 * sequence of these, all but the last with `more` set, as AF_XDP has it (XDP_PKT_CONTD). Its headers must be
 * in the first fragment, else it passes as PARSE_FOREIGN. It has at most GRO_FRAGMENTS_MAX fragments.
 */
struct gro_packet {
	uint8_t *data;   /* in the first fragment: the Ethernet header */
	uint32_t len;    /* of this fragment */
	uint8_t csum;    /* enum gro_csum of the packet; read in its first fragment */
	bool more;       /* the packet goes on in the next fragment */
	uint64_t cookie; /* the caller's name for the fragment's memory */
};

/* As many as one AF_XDP packet can have in copy mode (MAX_SKB_FRAGS + 1). */
#define GRO_FRAGMENTS_MAX 18u

/* What is merged. The bit of a tunnel is for TCP inside it; for UDP inside it, GRO_MERGE_UDP is needed too. */
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
	GRO_COUNT,           /* max_packets reached */
	GRO_BYTES,           /* the next packet would exceed max_bytes (R16) */
	GRO_AGE,             /* held for hold_ns (D4) */
	GRO_BURST_END,       /* nothing more is being received (D4) */
	GRO_OUT_OF_SEQUENCE, /* R14 */
	GRO_NO_DATA,         /* R6: a pure ACK */
	GRO_FLAGS,           /* R9: SYN, RST or URG */
	GRO_PUSH_FIN,        /* R17 */
	GRO_SHORT,           /* R17: payload shorter than gso_size ends a superpacket */
	GRO_LARGER,          /* R15: payload longer than gso_size starts a new one */
	GRO_HEADER,          /* R11-R13, R2: a header field differs */
	GRO_CHECKSUM,        /* R3, R8: wrong IP or L4 checksum */
	GRO_FRAGMENT,        /* R5 */
	GRO_IP_OPTIONS,      /* R2: IPv4 options, IPv6 headers that cannot be walked */
	GRO_TABLE_FULL,      /* D3 */
	GRO_RECONFIGURE,
	GRO_SHUTDOWN,
	GRO_NOT_SERVED, /* R20: another protocol, malformed, or merging switched off */
	GRO_LEFT_ALONE, /* adaptive: merging this flow has kept failing */
	GRO_EXEMPT,     /* pass_ports or min_payload says so */
	GRO_REASON_CNT,
};

/* The reasons as status and metrics print them, "out_of_sequence" for example. */
extern const char *const gro_reason_names[GRO_REASON_CNT];

/* R16: the most that Linux takes (GRO_MAX_SIZE). */
#define GRO_BIG_BYTES_MAX (8u * 65535u)

#define BIG_TCP_HEADROOM 8u /* the header of a superpacket beyond 65535 bytes is this much longer */

#define GRO_PASS_PORTS 16u

struct gro_config {
	uint32_t flows;       /* superpackets held at the same time; when full, the oldest is flushed (D3) */
	uint32_t packets;     /* fragments that the engine owns at the same time, deliveries included */
	uint32_t max_packets; /* in one superpacket, 2 to GRO_MAX_PACKETS; counted in fragments */
	uint32_t max_bytes;   /* of one superpacket without its link-layer header. Beyond 65535, up to
			       * GRO_BIG_BYTES_MAX, only TCP over IPv6 grows, in BIG TCP form (R16) */
	uint32_t min_payload; /* packets with less payload pass; 0: none do */
	uint64_t hold_ns;     /* longest time to hold across bursts; 0: to the end of the burst (D4) */
	uint64_t idle_ns;     /* with hold_ns: all is flushed when nothing has come for this long; 0: off */
	uint32_t merge;       /* GRO_MERGE_*; 0: nothing */
	uint16_t vxlan_port, geneve_port;    /* 0: the port that IANA has assigned */
	uint16_t pass_ports[GRO_PASS_PORTS]; /* TCP and UDP ports, at either end, that pass; 0: none */
	uint16_t headroom;        /* writable bytes in front of a packet's data; BIG TCP needs BIG_TCP_HEADROOM */
	bool flush_all_when_full; /* D3: the patent's policy, instead of flushing the oldest */
	bool adaptive;            /* flows whose merging keeps failing are left alone for a while (habit.h) */
	bool marks;               /* the consumer of deliveries reads fixed_id and accecn. Then fixed IDs without DF
			       * (R12) and equal CWR (R13) merge too. Not with a virtio header */
	/* Accept packets whose L4 checksum field has just the pseudo-header sum, and hand them on as
	 * unfinished, as the kernel does on veth, where a peer sends them so. Use it nowhere else. */
	bool accept_unfinished;
	uint64_t secret[2]; /* keys of the hashes; must be random */
};

/* Most iovecs of a superpacket: one write takes 1024 (IOV_MAX), and the caller adds a header. */
#define GRO_MAX_PACKETS 512u

/* One fragment that the engine owns. Where its payload is follows from its superpacket: behind payload_off bytes
 * of a packet's first fragment, and size bytes of each packet but the last. */
struct gro_segment {
	uint8_t *data;
	uint64_t cookie;
	uint32_t len; /* of the fragment as it came */
	bool more;    /* its packet goes on in the next one */
};

/* The fragments behind the first one of a superpacket, in order, in blocks of two cache lines. A linked list
 * would miss the cache once a packet. */
#define GRO_BLOCK_SEGMENTS 5u

struct gro_block {
	struct gro_segment segments[GRO_BLOCK_SEGMENTS];
	uint32_t next; /* block of the same superpacket; stale in the last one */
} __attribute__((aligned(64)));

/* How the IPv4 ID moves from packet to packet; the second one decides (R12). */
enum gro_id_mode { GRO_ID_UNDECIDED, GRO_ID_INCREMENTING, GRO_ID_FIXED };

/* A superpacket has a copy of its first header, if that is no longer than this: enough for TCP over IPv4 or IPv6
 * with timestamps and three VLAN tags, and for most headers in GRE and IP in IP. */
#define GRO_HEAD_LEN 99u

/*
 * A superpacket, held or delivered, of one packet (D5) or many. It is four cache lines, of which an append to TCP
 * over IPv4 needs the first two. There the copy of the first header is beside the fields that change. The headers
 * themselves are at the same place in a page each, so that with more than some hundred flows they would miss the
 * cache and the TLB. Private, but for the fields marked "read".
 */
struct gro_super {
	const uint8_t *head;   /* to compare others with: the copy, or the first packet if that is longer */
	uint32_t len;          /* read: bytes in all, one header and all payloads */
	uint32_t next_seq;     /* TCP (R14) */
	uint32_t last_block;   /* valid from two fragments on */
	uint32_t packet_cnt;   /* read */
	uint32_t fragment_cnt; /* read: iovecs and cookies; packet_cnt unless packets came in several */
	uint16_t l3_off, l4_off, payload_off; /* of the innermost packet */
	uint16_t size;                        /* payload of the first packet */
	uint16_t last_id, outer_last_id;      /* R12 */
	uint8_t id_mode, outer_id_mode;       /* enum gro_id_mode */
	uint8_t ip_version, protocol;
	uint8_t tunnel;                        /* enum parse_tunnel */
	uint8_t fill;                          /* segments in the last block; GRO_BLOCK_SEGMENTS: a new one is due */
	uint8_t later_flags;                   /* FIN and PSH of the packets behind the first (R17) */
	bool unfinished;                       /* its packets' L4 checksums are unfinished (accept_unfinished) */
	bool long_way;                         /* equal headers do not tell what belongs to it (gro.c) */
	uint8_t outer_version, outer_protocol; /* D2 */
	uint8_t reason;                        /* read: enum gro_reason; while held, gro->time_reason */
	uint8_t csum; /* read: enum gro_csum; GRO_CSUM_UNKNOWN: not verified. A checksum that was
				   * accepted as unfinished counts as verified, with request.needs_csum */

	uint8_t copy[GRO_HEAD_LEN];

	struct gro_segment first;
	uint64_t first_ns;
	uint32_t first_block;                /* valid from two fragments on */
	uint16_t outer_l3_off, outer_l4_off; /* of the tunnel; without one, those of the packet */

	/* read: what a front end must be told about it; type GSO_NONE if packet_cnt is 1 */
	struct gso_request request;

	/* what completion has overwritten in the first header, for gro_unmerge() */
	uint16_t saved_ip_len, saved_ip_csum, saved_l4_len, saved_l4_csum;
	uint16_t saved_outer_len, saved_outer_ip_csum, saved_outer_l4_len, saved_outer_csum;
	uint8_t saved_flags;
	uint8_t lead; /* bytes by which the header has grown into the headroom (BIG TCP) */
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct gro_super, copy) + 14 + 20 + 32 <= 128, "an append touches two cache lines");
_Static_assert(offsetof(struct gro_super, request) == 192, "a single packet touches three");
_Static_assert(sizeof(struct gro_super) == 256, "four cache lines");

/* Senders whose packets have been seen where unfinished checksums are accepted (gro_unfinished.h). A pair of
 * hosts has one place, which a later pair may take. */
#define GRO_SENDERS 1024u

struct gro_sender {
	uint32_t pair;     /* hash of the addresses */
	uint32_t finished; /* packets with payload and a finished checksum, up to a limit */
};

/* How long a superpacket may become, and how short a packet in it may be. */
struct gro_limits {
	uint32_t max_bytes, min_payload;
};

struct gro {
	struct flow_table table;
	struct gro_super *supers; /* [table.capacity], beside the table's links */
	struct gro_block *blocks;
	uint32_t *free_blocks; /* stack */
	uint32_t free_block_cnt;
	uint32_t owned_cnt;              /* fragments offered and not released */
	uint32_t ready_head, ready_tail; /* wait for gro_next(), linked by age_next; tail: valid unless empty */
	uint32_t ready_ahead;            /* the next of those to be prefetched; FLOW_NONE: none */
	uint32_t recent;                 /* the held superpacket that the next packet is tried with; FLOW_NONE: none */
	struct gro_limits limits, big_limits; /* big_limits: of what may become BIG TCP (R16) */
	uint8_t time_reason;                  /* the reason of a flush by time (D4) */
	uint32_t pass_port_cnt;               /* ports at the front of config.pass_ports */
	uint64_t last_ns;                     /* when packets last came */
	struct parse_tunnels tunnels;         /* which are entered */
	struct habit habit;                   /* with config.adaptive */
	struct gro_config config;
	uint64_t flushes[GRO_REASON_CNT]; /* read: superpackets of two or more packets, by reason */
	uint64_t singles[GRO_REASON_CNT]; /* read: packets that were delivered alone, by reason */
	struct gro_sender senders[GRO_SENDERS];
	uint64_t checksum_errors; /* read: packets with a wrong IP or L4 checksum */
};

/* Bytes of memory (64-byte aligned) that an engine of this configuration needs. */
size_t gro_memory_size(const struct gro_config *config);

/* Lays the engine out in memory, which the caller owns and keeps as long as it uses the engine. Returns 0, or
 * -EINVAL if a limit is zero or beyond what gro_config allows. */
int gro_init(struct gro *gro, const struct gro_config *config, void *memory);

/*
 * Offers cnt fragments in the order of their arrival at now_ns. Takes ownership of as many as it returns, whole
 * packets only. Returns fewer than cnt in these cases: gro_next() and gro_release() must make room first; the
 * last packet is not complete; or a packet has more than GRO_FRAGMENTS_MAX (or config.packets) fragments, and
 * is never taken.
 */
uint32_t gro_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns);

/* Nothing more is being received for now: flushes all (hold_ns 0) or what is old enough (D4). */
void gro_burst_end(struct gro *gro, uint64_t now_ns);

/* Flushes all that is held, oldest first (D6). */
void gro_flush(struct gro *gro, enum gro_reason reason);

/* The latest time for the next gro_burst_end(); UINT64_MAX: nothing is held. */
uint64_t gro_deadline(const struct gro *gro);

/* Fragments that the engine owns: held by flows, or in deliveries that were not released. */
uint32_t gro_owned_packets(const struct gro *gro);

/* Private: the rare parts of the functions below. */
void gro_complete_delivery(struct gro *gro, struct gro_super *super);
void gro_prefetch_delivery(struct gro *gro);
uint32_t gro_iovecs_many(const struct gro *gro, const struct gro_super *super, struct iovec *iov);
void gro_release_many(struct gro *gro, const struct gro_super *super, uint64_t *cookies);

/* Completes, counts and returns the next delivery, which is valid until it is released; NULL: there is none. */
static inline struct gro_super *gro_next(struct gro *gro)
{
	uint32_t entry = gro->ready_head;
	struct gro_super *super;

	if (entry == FLOW_NONE)
		return NULL;
	super = &gro->supers[entry];
	gro->ready_head = gro->table.links[entry].age_next;
	if (unlikely(gro->ready_ahead != FLOW_NONE))
		gro_prefetch_delivery(gro);
	if (super->fragment_cnt > 1 || unlikely(super->unfinished)) {
		gro_complete_delivery(gro, super);
	} else {
		super->len = super->first.len; /* D5 */
		super->request = (struct gso_request){ .type = GSO_NONE };
		gro->singles[super->reason]++;
	}
	return super;
}

/* Describes a delivery for a gathering write: the first packet with its (rewritten) header, then the payload of
 * each other packet. iov has room for fragment_cnt entries; returns how many were filled. */
static inline uint32_t gro_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	if (super->fragment_cnt > 1)
		return gro_iovecs_many(gro, super, iov);
	iov[0] = (struct iovec){ super->first.data, super->first.len };
	return 1;
}

/*
 * Takes a delivery apart again (V9: a front end refuses the superpacket). Restores the first header, and describes
 * each fragment as it came, one iovec each, in order. super->request then describes each of the packets. more[i],
 * if more is not NULL, says whether the packet of fragment i goes on in the next one.
 */
uint32_t gro_unmerge(struct gro *gro, struct gro_super *super, struct iovec *iov, bool *more);

/* Gives the packets of a delivery back: writes the cookies of their fragments in order of arrival (room for
 * fragment_cnt), and returns fragment_cnt. super is invalid afterwards. */
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
