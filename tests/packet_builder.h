/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets for tests: describe one with a struct, get its bytes.
 *
 * A test starts from a good packet and changes one field:
 *
 *	struct packet p = packet_tcp4();
 *	p.ttl = 1;
 *	p.payload_len = 1448;
 *	len = packet_build(&p, buf, sizeof(buf), NULL);
 *
 * Whatever is not overridden comes out right: lengths, next-header chain, IP and L4
 * checksums. The checksums are plain byte-pair code of its own, so that a test which
 * compares with the engine does not compare the engine with itself.
 *
 *   Ethernet | VLAN * vlan_cnt | IPv4 + ip_options or IPv6 + ext * ext_cnt | L4 | payload | padding
 *
 * A packet goes into a tunnel as the payload of another one (packet_build_in()).
 *
 * Multi-byte numbers are in host order here and in wire order in the buffer.
 * A struct may be copied freely; it only points to option and payload bytes of the caller.
 */
#ifndef TESTS_PACKET_BUILDER_H
#define TESTS_PACKET_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_VLAN_MAX 8
#define PACKET_EXT_MAX 12
/* Length fields and the like: "work it out". */
#define PACKET_AUTO (-1)

/* TCP flags as they sit in the header's 16-bit word {data offset, reserved, flags}. */
#define PACKET_FIN 0x001
#define PACKET_SYN 0x002
#define PACKET_RST 0x004
#define PACKET_PSH 0x008
#define PACKET_ACK 0x010
#define PACKET_URG 0x020
#define PACKET_ECE 0x040
#define PACKET_CWR 0x080
#define PACKET_AE 0x100 /* once NS */

/* IPv6 extension headers by their protocol number. */
#define PACKET_EXT_HOPOPTS 0
#define PACKET_EXT_ROUTING 43
#define PACKET_EXT_FRAGMENT 44
#define PACKET_EXT_AH 51
#define PACKET_EXT_DSTOPTS 60
#define PACKET_EXT_MOBILITY 135

enum packet_l3 {
	PACKET_L3_NONE, /* payload directly behind Ethernet; set ethertype */
	PACKET_L3_IPV4,
	PACKET_L3_IPV6,
};

enum packet_l4 {
	PACKET_L4_NONE, /* payload directly behind IP; set protocol (later fragments, ESP, ...) */
	PACKET_L4_TCP,
	PACKET_L4_UDP,
};

enum packet_l4_csum {
	PACKET_CSUM_FULL,    /* right */
	PACKET_CSUM_PARTIAL, /* unfinished: the folded pseudo-header sum, as with NEEDS_CSUM */
	PACKET_CSUM_ZERO,    /* the field is 0 (UDP: none) */
};

struct packet_vlan {
	uint16_t tpid; /* 0: 0x8100 */
	uint16_t tci;  /* PCP, DEI and VID */
};

struct packet_ext {
	uint8_t type; /* PACKET_EXT_... */
	/*
	 * Length in bytes, 0 = 8; a multiple of 8 (AH: of 4). Options are filled with PadN,
	 * a routing header is type 253 with segments left 0.
	 */
	uint16_t len;
	uint8_t fill;	   /* into the options' padding data: makes two headers differ */
	int hdr_len;	   /* the header's own length field, raw; packet_push_ext: PACKET_AUTO */
	uint16_t frag_off; /* fragment header: offset in units of 8 bytes */
	bool more;	   /* fragment header: M flag */
	uint32_t frag_id;
};

struct packet {
	/* Ethernet */
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	struct packet_vlan vlan[PACKET_VLAN_MAX]; /* outermost first */
	unsigned int vlan_cnt;
	int ethertype; /* of what follows the tags; PACKET_AUTO by l3; < 1536 is an 802.3 length */
	size_t pad_to; /* zero bytes behind the packet up to this frame length (60: Ethernet) */

	/* IP */
	enum packet_l3 l3;
	int ip_version;	 /* the nibble in the header; PACKET_AUTO by l3 */
	int protocol;	 /* IPv4 protocol, IPv6 last next header; PACKET_AUTO by l4 */
	uint8_t tos;	 /* IPv4 TOS or IPv6 traffic class, all 8 bits */
	uint8_t ttl;	 /* IPv6: hop limit */
	int ip_len;	 /* IPv4 total length, IPv6 payload length; PACKET_AUTO */
	uint8_t saddr[16], daddr[16]; /* IPv4: the first 4 bytes */
	/* IPv4 only */
	uint16_t ip_id;
	bool df, mf, ip_reserved;
	uint16_t frag_off;   /* in units of 8 bytes */
	int ihl;	     /* in words; PACKET_AUTO counts ip_options */
	const void *ip_options;
	size_t ip_options_len; /* multiple of 4, at most 40 */
	uint16_t ip_csum_xor;  /* spoils the header checksum */
	/* IPv6 only */
	uint32_t flow_label;
	struct packet_ext ext[PACKET_EXT_MAX];
	unsigned int ext_cnt;

	/* TCP and UDP */
	enum packet_l4 l4;
	uint16_t sport, dport;
	enum packet_l4_csum l4_csum;
	uint16_t l4_csum_xor; /* spoils the checksum */
	/* TCP only */
	uint32_t seq, ack;
	uint16_t tcp_flags; /* PACKET_FIN ... PACKET_AE */
	uint8_t tcp_reserved; /* the 3 bits between data offset and AE */
	uint16_t window;
	uint16_t urgent;
	int doff; /* in words; PACKET_AUTO counts tcp_options */
	const void *tcp_options;
	size_t tcp_options_len; /* multiple of 4, at most 40 */
	/* UDP only */
	int udp_len; /* PACKET_AUTO */

	/*
	 * NULL: byte i is packet_pattern(seq + i), so that consecutive TCP segments carry one
	 * continuous stream and a lost or doubled byte shows.
	 */
	const void *payload;
	size_t payload_len;
};

enum packet_tunnel_kind {
	PACKET_VXLAN,
	PACKET_GENEVE,
	PACKET_GRE,
	PACKET_IPIP, /* 4in4, 6in4, 4in6, 6in6: outer.l3 and the packet inside say which */
};

/*
 * What goes around a packet. The outer packet is a struct packet like any other: its MAC addresses,
 * VLAN tags, TTL, TOS, DF, ID, extension headers, ports and UDP checksum are used, its payload is not.
 */
struct packet_tunnel {
	enum packet_tunnel_kind kind;
	struct packet outer;
	bool ethernet; /* an Ethernet frame inside, else an IP packet; VXLAN: always, IPIP: never */
	/* VXLAN and GENEVE */
	uint32_t vni;
	uint8_t flags; /* first byte of VXLAN; second one of GENEVE (O and C bits) */
	/* GENEVE */
	uint8_t options[252];
	size_t options_len; /* multiple of 4 */
	int options_words;  /* the header's own field; PACKET_AUTO */
	/* GRE */
	bool csum, key, sequence; /* which fields are there */
	uint32_t key_value, sequence_value;
	uint16_t csum_xor;        /* damage */
	uint16_t gre_flags;       /* OR-ed into the first word */
	/* GENEVE and GRE */
	uint8_t version;
	int protocol; /* ethertype of what is inside; PACKET_AUTO */
};

/* Where the parts of a built packet begin. Within a tunnel, those of the packet inside. */
struct packet_layout {
	size_t l3_off;
	size_t l4_off;
	size_t payload_off;
	size_t ip_end;	/* end of the payload, before Ethernet padding */
	/* Of packets in tunnels, else 0. */
	size_t outer_l3_off;
	size_t outer_l4_off; /* UDP or GRE header; IPIP: l3_off */
	size_t tunnel_off;   /* VXLAN, GENEVE or GRE header */
	size_t inner_off;    /* Ethernet header inside, or l3_off */
};

/*
 * Good packets to start from: 100 bytes of payload, DF set, TTL 64, ACK flag,
 * 192.0.2.1:40000 -> 192.0.2.2:5201 or 2001:db8::1 -> 2001:db8::2.
 */
struct packet packet_tcp4(void);
struct packet packet_tcp6(void);
struct packet packet_udp4(void);
struct packet packet_udp6(void);

/* The usual 12 bytes: NOP, NOP, timestamp. They are written to @opt, which @p then points to. */
void packet_timestamp(struct packet *p, uint8_t opt[12], uint32_t tsval, uint32_t tsecr);

/* Append a VLAN tag (inside those already there). */
void packet_push_vlan(struct packet *p, uint16_t tpid, uint16_t tci);

/* Append an IPv6 extension header of @len bytes and return it for more changes. */
struct packet_ext *packet_push_ext(struct packet *p, uint8_t type, uint16_t len);

/*
 * Write the frame to @buf and return its length, 0 if it does not fit @cap. @layout may be
 * NULL. 16-bit length fields wrap silently for packets longer than they can say.
 */
size_t packet_build(const struct packet *p, void *buf, size_t cap, struct packet_layout *layout);

/*
 * A good tunnel from 198.51.100.1 to 198.51.100.2, or 2001:db8:1::1 to 2001:db8:1::2, VNI 42, IANA's
 * ports. An Ethernet frame inside but for IPIP and GRE; no GRE fields, no options. The outer UDP
 * checksum is right; PACKET_CSUM_ZERO in outer.l4_csum leaves it out.
 */
struct packet_tunnel packet_tunnel(enum packet_tunnel_kind kind, enum packet_l3 outer);

/* As packet_build(), of a packet within a tunnel. The Ethernet header of @p is used where the tunnel
 * carries frames. Checksums are right at all levels; an unfinished one inside is summed as it is. */
size_t packet_build_in(const struct packet_tunnel *tunnel, const struct packet *p, void *buf,
		       size_t cap, struct packet_layout *layout);

/* The byte of the test stream at position @pos; its period is no power of two. */
uint8_t packet_pattern(uint32_t pos);

/* Plain RFC 1071 sum of @len bytes, added to @sum; not folded, not complemented. */
uint64_t packet_sum(const void *data, size_t len, uint64_t sum);

/* Folded to 16 bits, host order, not complemented. */
uint16_t packet_fold(uint64_t sum);

/*
 * Are all the checksums of a good Ethernet frame right: IPv4 header, TCP, UDP? Frames it
 * cannot read to the end (not IP, fragments, ...) are judged as far as they can be read;
 * a broken length is "no".
 */
bool packet_csums_ok(const void *frame, size_t len);

/*
 * The same of a packet within a tunnel, at all levels: outer IP, outer UDP, GRE, and the packet inside,
 * whose Ethernet frame, or IP packet, begins @inner_off bytes into the frame (packet_layout).
 */
bool packet_tunnel_csums_ok(const void *frame, size_t len, size_t inner_off);

#endif
