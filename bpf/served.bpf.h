/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packets does the daemon serve? One answer for both directions: steer.bpf.c asks
 * it for frames that arrive, inline.bpf.c for packets that the stack sends.
 *
 * Theory of operation
 *
 * Order within a flow must be kept. A packet that takes the daemon's path may overtake a
 * neighbour that takes the kernel's, so the decision looks at nothing that differs between
 * two packets of one flow, but only at the protocol. Hence the rule:
 *
 *	everything of a served protocol is served, as soon as the protocol can be told.
 *
 * So these are served, too: SYN, RST, pure ACKs; TCP headers that are cut short or have a
 * wrong length; IP lengths that contradict the frame; wrong checksums; IPv4 options. The
 * daemon passes on what it does not understand, unchanged and in order.
 *
 * Fragments: only the first has ports, and none of them needs to have a whole TCP header. So
 * the decision uses what all of them carry: the IPv4 protocol field, or the next header of
 * the IPv6 fragment header. What follows an IPv6 fragment header is therefore never looked
 * at: destination options there mean "not served" for every fragment alike.
 *
 * Malformed (and left to the kernel, which drops it): the frame ends before the IP header
 * and its options or extension headers do, the header length is below its minimum, or the
 * version contradicts the EtherType. No protocol can be told from such bytes.
 *
 * Tunnels are decided by the outer protocol, too, for the same reason. A UDP port would tell
 * VXLAN from the rest, but not in a fragment; so if a tunnel over UDP is served, all of UDP is.
 *
 *	Ethernet | 0..4 VLAN tags | IPv4 | *
 *	                          | IPv6 | 0..8 of {hop-by-hop, routing, destination} | *
 *	                                   | fragment | *
 *
 * Headers in the linear part are read in place. Not all are there: a driver may hand over a
 * jumbo frame with an empty linear part (mlx5's striding receive queue), and the stack a
 * forwarded packet with its headers in a page fragment. Those bytes are copied to the
 * program's stack; the walk does not see the difference.
 */
#ifndef SUPERPACKET_SERVED_BPF_H
#define SUPERPACKET_SERVED_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer_abi.h"

/* Provider tag, customer tag and two to spare; with one more the frame is "not IP". */
#define SERVED_VLAN_MAX 4
/* RFC 8200 recommends at most 4 in this place; the bound is for the verifier. */
#define SERVED_EXT_MAX 8

#define IPV4_FRAGMENT_MASK 0x3fff /* more fragments, offset */

/*
 * The state's map, without its name and pinning. Each object has one of its own; only that of
 * steer.bpf.o is pinned.
 */
#define STEER_STATE_MAP \
	__uint(type, BPF_MAP_TYPE_ARRAY); \
	__uint(map_flags, BPF_F_MMAPABLE); \
	__uint(max_entries, 1); \
	__type(key, __u32); \
	__type(value, struct steer_state)

enum served_verdict {
	SERVED,
	SERVED_FRAGMENT,
	SERVED_NOT_IP,
	SERVED_MALFORMED,
	SERVED_NOT_PROTOCOL,
	SERVED_NOT_SERVING,
	SERVED_NO_HEARTBEAT,
};

/* The bytes of a packet, whatever the program's kind of context is. */
struct packet {
	void *ctx;
	void *data, *data_end; /* the linear part */
	__u32 tags_outside;    /* VLAN tags that are not in the bytes (skb metadata) */
	bool tagged;           /* filled in by the walk: a VLAN tag is in the bytes */
	__u32 addresses[8];    /* filled in by the walk: source and destination; IPv4 in the first two words */
};

/* The largest header that is read in one piece. */
union header_copy {
	struct iphdr ip4;
	struct ipv6hdr ip6;
};

/* Each program defines these two for its context. */
static long packet_load(void *ctx, __u32 off, void *to, __u32 len);
static __u32 packet_len(void *ctx);

/* RFC 8200, 4.2 to 4.6: what the walked extension headers and the fragment header share. */
struct ipv6_ext {
	__u8 next;
	__u8 hdr_len; /* in 8 bytes, without the first 8 */
	__u8 rest[6];
};

/*
 * @len bytes at @off, NULL if the packet ends before. Points into the packet or to @copy,
 * so it is good until the next call with the same @copy.
 */
static __always_inline const void *packet_at(const struct packet *pkt, __u32 off, __u32 len, union header_copy *copy)
{
	const void *at = pkt->data + off;

	if (at + len <= pkt->data_end)
		return at;
	if (packet_load(pkt->ctx, off, copy, len))
		return NULL;
	return copy;
}

static __always_inline bool packet_reaches(const struct packet *pkt, __u32 off)
{
	return pkt->data + off <= pkt->data_end || off <= packet_len(pkt->ctx);
}

/* The bit of steer_state.serve that this protocol needs, 0: no bit serves it. */
static __always_inline __u32 protocol_bit(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return STEER_SERVE_TCP;
	case IPPROTO_UDP:
		return STEER_SERVE_UDP;
	case IPPROTO_GRE:
		return STEER_SERVE_GRE;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return STEER_SERVE_IPIP;
	default:
		return 0;
	}
}

static __always_inline enum served_verdict protocol_verdict(__u32 serve, __u8 protocol, bool fragment)
{
	if (!(serve & protocol_bit(protocol)))
		return SERVED_NOT_PROTOCOL;
	return fragment ? SERVED_FRAGMENT : SERVED;
}

static __always_inline enum served_verdict served_ipv4(struct packet *pkt, __u32 off, __u32 serve)
{
	union header_copy copy;
	const struct iphdr *ip = packet_at(pkt, off, sizeof(*ip), &copy);
	bool fragment;
	__u8 protocol;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return SERVED_MALFORMED;
	pkt->addresses[0] = ip->saddr;
	pkt->addresses[1] = ip->daddr;
	fragment = ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK);
	protocol = ip->protocol;
	if (ip->ihl > 5 && !packet_reaches(pkt, off + ip->ihl * 4))
		return SERVED_MALFORMED;
	return protocol_verdict(serve, protocol, fragment);
}

static __always_inline bool is_walked_ext(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS;
}

static __always_inline enum served_verdict served_ipv6(struct packet *pkt, __u32 off, __u32 serve)
{
	union header_copy copy;
	const struct ipv6hdr *ip = packet_at(pkt, off, sizeof(*ip), &copy);
	const struct ipv6_ext *ext;
	__u8 next;

	if (!ip || ip->version != 6)
		return SERVED_MALFORMED;
	__builtin_memcpy(pkt->addresses, &ip->saddr, sizeof(pkt->addresses));
	next = ip->nexthdr;
	off += sizeof(*ip);
	for (int i = 0; i < SERVED_EXT_MAX && is_walked_ext(next); i++) {
		ext = packet_at(pkt, off, sizeof(*ext), &copy);
		if (!ext)
			return SERVED_MALFORMED;
		next = ext->next;
		off += 8 + ext->hdr_len * 8;
	}
	if (next == IPPROTO_FRAGMENT) {
		ext = packet_at(pkt, off, sizeof(*ext), &copy);
		if (!ext)
			return SERVED_MALFORMED;
		return protocol_verdict(serve, ext->next, true);
	}
	/* The last extension header may claim to be longer than the packet. */
	if (!packet_reaches(pkt, off))
		return SERVED_MALFORMED;
	return protocol_verdict(serve, next, false);
}

static __always_inline bool is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* Whether, and why not, a daemon that serves @serve wants @pkt. */
static __always_inline enum served_verdict served_protocol(struct packet *pkt, __u32 serve)
{
	union header_copy copy;
	__u32 off = offsetof(struct ethhdr, h_proto);
	const __be16 *type = packet_at(pkt, off, sizeof(*type), &copy);
	__be16 proto;

	if (!type)
		return SERVED_MALFORMED;
	proto = *type;
	off += sizeof(*type);
	for (__u32 tag = pkt->tags_outside; tag < SERVED_VLAN_MAX && is_vlan(proto); tag++) {
		type = packet_at(pkt, off + 2, sizeof(*type), &copy);
		if (!type)
			return SERVED_MALFORMED;
		proto = *type;
		off += 4;
		pkt->tagged = true;
	}
	if (proto == bpf_htons(ETH_P_IP))
		return served_ipv4(pkt, off, serve);
	if (proto == bpf_htons(ETH_P_IPV6))
		return served_ipv6(pkt, off, serve);
	return SERVED_NOT_IP;
}

/* LACP and its like (IEEE 802.3 annex 57A). They are never tagged. */
static __always_inline bool is_slow_protocol(const struct packet *pkt)
{
	union header_copy copy;
	const __be16 *type = packet_at(pkt, offsetof(struct ethhdr, h_proto), sizeof(*type), &copy);

	return type && *type == bpf_htons(ETH_P_SLOW);
}

/*
 * Whether the daemon was alive a moment ago.
 *
 * The coarse clock costs a load instead of a clock read. It lags behind the daemon's by up to a
 * tick, and on a virtual CPU that its host has held back by more. So when the heartbeat seems to be
 * ahead by more than a tick, the exact clock decides. A heartbeat that is ahead of that one, too,
 * would not lapse for as long as it is ahead.
 */
static __always_inline bool heartbeat_is_fresh(__u64 heartbeat_ns)
{
	__s64 age_ns = bpf_ktime_get_coarse_ns() - heartbeat_ns;

	if (age_ns < -(__s64)STEER_HEARTBEAT_AHEAD_NS)
		age_ns = bpf_ktime_get_ns() - heartbeat_ns;
	return age_ns >= -(__s64)STEER_HEARTBEAT_AHEAD_NS && age_ns <= (__s64)STEER_HEARTBEAT_LIMIT_NS;
}

/* The whole decision: is there a daemon, is it alive, does it want this packet? */
static __always_inline enum served_verdict served(struct packet *pkt, const struct steer_state *state)
{
	__u32 serve = state->serve;

	if (!serve)
		return SERVED_NOT_SERVING;
	if (!heartbeat_is_fresh(state->heartbeat_ns))
		return SERVED_NO_HEARTBEAT;
	if (serve & STEER_LEAVE_SLOW && is_slow_protocol(pkt))
		return SERVED_NOT_IP;
	if (serve & STEER_SERVE_ALL)
		return SERVED;
	return served_protocol(pkt, serve);
}

#endif
