// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chooses the TAP's queue for a packet of the stack that goes out on a bond: the queue belongs to a worker of the
 * member that the bond itself would have chosen.
 *
 * Theory of operation
 *
 * The kernel asks this program for each packet that it puts into the TAP (drivers/net/tun.c tun_ebpf_select_queue();
 * TUNSETSTEERINGEBPF). The packet begins with its Ethernet header; a VLAN tag may still be beside it. Whatever is
 * returned is taken modulo the number of queues, so nothing here can do more harm than a packet on the wrong member.
 *
 * The bond hashes some fields, by xmit_hash_policy, and takes the member at hash % count of those that can send
 * (bond_xmit_3ad_xor_slave_get()). We do the same. The hash is computed on words as they are in memory, so it depends
 * on the byte order of the machine, as the bond's does.
 *
 * Of the member's queues, another hash chooses one: of addresses and ports, so that a flow keeps its queue.
 *
 * While there is no member to send by, a packet must not wait in any queue: whose worker would send it, on a member
 * that the bond does not use, or send it later, when it is long out of date. The bond itself drops such a packet
 * (bond_tx_drop()). A program that chooses a queue cannot drop, so the kernel asks a second one (TUNSETFILTEREBPF), which
 * says how much of the packet is kept.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "choose_abi.h"

#define IPV4_FRAGMENT_MASK 0x3fff /* more fragments, offset */

/* RFC 792, RFC 4443. Not linux/icmp.h, which includes what is not for BPF. */
#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO 8
#define ICMPV6_ECHO 128
#define ICMPV6_ECHO_REPLY 129

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct choose_state);
} choose_state SEC(".maps");

/* What the hashes are made of. */
struct keys {
	struct ethhdr eth;
	bool ip;         /* the rest is there */
	__u32 addresses; /* both, XOR-ed */
	__u32 ports;     /* 0 for fragments, and where there are none */
	__u32 icmp;      /* type, code and ID of an echo; 0: none */
};

/* As the kernel has it: XOR of all words (ipv6_addr_hash()). */
static __always_inline __u32 fold(const struct in6_addr *address)
{
	const __u32 *words = address->in6_u.u6_addr32;

	return words[0] ^ words[1] ^ words[2] ^ words[3];
}

/* net/core/flow_dissector.c __skb_flow_get_ports(), ip_proto-s of proto_ports_offset() */
static __always_inline __u32 read_ports(struct __sk_buff *skb, __u32 off, __u8 protocol)
{
	__u32 ports = 0;

	switch (protocol) {
	case IPPROTO_AH:
		off += 4;
		break;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_ESP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		break;
	default:
		return 0;
	}
	return bpf_skb_load_bytes(skb, off, &ports, sizeof(ports)) ? 0 : ports;
}

/* skb_flow_get_icmp_tci(); an ID of 0 counts as 1. */
static __always_inline __u32 read_echo(struct __sk_buff *skb, __u32 off, __u8 protocol)
{
	struct {
		__u8 type, code;
		__be16 checksum, id, sequence;
	} icmp;
	bool echo;

	if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
		return 0;
	if (bpf_skb_load_bytes(skb, off, &icmp, sizeof(icmp)))
		return 0;
	echo = icmp.type == ICMP_ECHO || icmp.type == ICMP_ECHO_REPLY || icmp.type == ICMPV6_ECHO ||
	       icmp.type == ICMPV6_ECHO_REPLY;
	if (!echo)
		return 0;
	if (!icmp.id)
		icmp.id = 1;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return icmp.type | (__u32)icmp.code << 8 | (__u32)icmp.id << 16;
#else
	return (__u32)icmp.type << 24 | (__u32)icmp.code << 16 | icmp.id;
#endif
}

static __always_inline void read_ipv4(struct __sk_buff *skb, struct keys *keys)
{
	struct iphdr ip;
	__u32 off;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return;
	keys->ip = true;
	keys->addresses = ip.saddr ^ ip.daddr;
	if (ip.frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
		return;
	off = ETH_HLEN + ip.ihl * 4;
	keys->ports = read_ports(skb, off, ip.protocol);
	keys->icmp = read_echo(skb, off, ip.protocol);
}

/* Ports right behind the header only: the bond walks no extension headers either. */
static __always_inline void read_ipv6(struct __sk_buff *skb, struct keys *keys)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return;
	keys->ip = true;
	keys->addresses = fold(&ip.saddr) ^ fold(&ip.daddr);
	keys->ports = read_ports(skb, ETH_HLEN + sizeof(ip), ip.nexthdr);
	keys->icmp = read_echo(skb, ETH_HLEN + sizeof(ip), ip.nexthdr);
}

static __always_inline bool read_keys(struct __sk_buff *skb, struct keys *keys)
{
	if (bpf_skb_load_bytes(skb, 0, &keys->eth, sizeof(keys->eth)))
		return false;
	/* The protocol behind a tag that is beside the packet. */
	if (skb->protocol == bpf_htons(ETH_P_IP))
		read_ipv4(skb, keys);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		read_ipv6(skb, keys);
	return true;
}

static __always_inline __u32 eth_hash(const struct keys *keys)
{
	return keys->eth.h_dest[5] ^ keys->eth.h_source[5] ^ bpf_ntohs(keys->eth.h_proto);
}

static __always_inline __u32 ip_hash(__u32 hash, const struct keys *keys)
{
	hash ^= keys->addresses;
	hash ^= hash >> 16;
	hash ^= hash >> 8;
	return hash;
}

static __always_inline __u32 vlan_srcmac_hash(struct __sk_buff *skb, const struct keys *keys)
{
	const __u8 *mac = keys->eth.h_source;
	const __u32 vlan = skb->vlan_present ? skb->vlan_tci : 0;

	return vlan ^ ((__u32)mac[0] << 16 | mac[1] << 8 | mac[2]) ^ ((__u32)mac[3] << 16 | mac[4] << 8 | mac[5]);
}

static __always_inline __u32 member_hash(struct __sk_buff *skb, const struct keys *keys, __u32 policy)
{
	switch (policy) {
	case CHOOSE_VLAN_SRCMAC:
		return vlan_srcmac_hash(skb, keys);
	case CHOOSE_LAYER23:
		return keys->ip ? ip_hash(eth_hash(keys), keys) : eth_hash(keys);
	case CHOOSE_LAYER34:
		/* The lowest bit is left out, as ports are even as a rule. */
		return keys->ip ? ip_hash(keys->icmp ? keys->icmp : keys->ports, keys) >> 1 : eth_hash(keys);
	case CHOOSE_LAYER2:
		return eth_hash(keys);
	}
	return 0;
}

/* Every bit of the result depends on every bit of the word (MurmurHash3's last step), so that it says nothing about the
 * member, which the same word has chosen. */
static __always_inline __u32 queue_hash(const struct keys *keys)
{
	__u32 hash = keys->ip ? keys->addresses ^ keys->ports : eth_hash(keys);

	hash ^= hash >> 16;
	hash *= 0x85ebca6b;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35;
	return hash ^ hash >> 16;
}

SEC("socket")
int choose(struct __sk_buff *skb)
{
	const struct choose_state *state = bpf_map_lookup_elem(&choose_state, &(__u32){ 0 });
	const struct choose_set *set;
	const struct choose_member *member;
	struct keys keys = { 0 };
	__u32 cnt;

	if (!state)
		return 0; /* impossible: the map is an array */
	set = &state->set[state->current & 1];
	cnt = set->cnt;
	if (!cnt || !read_keys(skb, &keys))
		return 0; /* without a member, admit() drops it */
	member = &set->member[member_hash(skb, &keys, set->policy) % cnt & (CHOOSE_MEMBERS_MAX - 1)];
	return member->cnt ? member->first + queue_hash(&keys) % member->cnt : member->first;
}

/* All of the packet, or nothing. */
SEC("socket")
int admit(struct __sk_buff *skb)
{
	struct choose_state *state = bpf_map_lookup_elem(&choose_state, &(__u32){ 0 });

	if (!state || state->set[state->current & 1].cnt)
		return (int)skb->len;
	__sync_fetch_and_add(&state->no_member, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
