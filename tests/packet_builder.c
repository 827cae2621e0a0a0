// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packet builder for tests, see packet_builder.h.
 *
 * Everything is written front to back through a cursor that knows the end of the buffer;
 * lengths and checksums are filled in afterwards, inside out, as a real stack does it.
 * Slow and plain on purpose: this is what the fast code is compared with.
 */
#include "packet_builder.h"

#include <stdlib.h>
#include <string.h>

#define ETH_P_IPV4 0x0800
#define ETH_P_VLAN 0x8100
#define ETH_P_QINQ 0x88a8
#define ETH_P_V6 0x86dd

#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_EXPERIMENT 253
#define PROTO_IPV4 4
#define PROTO_IPV6 41
#define PROTO_GRE 47

#define ETH_P_BRIDGED 0x6558 /* an Ethernet frame in GRE or GENEVE */
#define GRE_CSUM 0x8000u
#define GRE_KEY 0x2000u
#define GRE_SEQUENCE 0x1000u

struct cursor {
	uint8_t *base;
	size_t len, cap;
	bool overflow;
};

static uint8_t *put(struct cursor *c, size_t len)
{
	uint8_t *at = c->base + c->len;

	if (c->overflow || len > c->cap - c->len) {
		c->overflow = true;
		return NULL;
	}
	memset(at, 0, len);
	c->len += len;
	return at;
}

static void put_bytes(struct cursor *c, const void *data, size_t len)
{
	uint8_t *at = put(c, len);

	if (at && len)
		memcpy(at, data, len);
}

static void set16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void set32(uint8_t *at, uint32_t v)
{
	set16(at, v >> 16);
	set16(at + 2, v);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(struct cursor *c, uint32_t v)
{
	uint8_t *at = put(c, 2);

	if (at)
		set16(at, v);
}

uint8_t packet_pattern(uint32_t pos)
{
	return (uint8_t)(pos % 251 ^ pos / 251);
}

uint64_t packet_sum(const void *data, size_t len, uint64_t sum)
{
	const uint8_t *p = data;

	for (; len >= 2; len -= 2, p += 2)
		sum += get16(p);
	if (len)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

uint16_t packet_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t pseudo_sum(const uint8_t *ip, uint8_t protocol, size_t l4_len)
{
	uint64_t sum;

	if (ip[0] >> 4 == 6)
		sum = packet_sum(ip + 8, 32, 0);
	else
		sum = packet_sum(ip + 12, 8, 0);
	return sum + protocol + (l4_len >> 16) + (l4_len & 0xffff);
}

static void put_eth(struct cursor *c, const struct packet *p)
{
	int type = p->ethertype;

	put_bytes(c, p->dst_mac, 6);
	put_bytes(c, p->src_mac, 6);
	for (unsigned int i = 0; i < p->vlan_cnt; i++) {
		put16(c, p->vlan[i].tpid ? p->vlan[i].tpid : ETH_P_VLAN);
		put16(c, p->vlan[i].tci);
	}
	if (type == PACKET_AUTO)
		type = p->l3 == PACKET_L3_IPV6 ? ETH_P_V6 : ETH_P_IPV4;
	put16(c, (uint32_t)type);
}

static uint8_t l4_protocol(const struct packet *p)
{
	if (p->protocol != PACKET_AUTO)
		return (uint8_t)p->protocol;
	switch (p->l4) {
	case PACKET_L4_TCP:
		return PROTO_TCP;
	case PACKET_L4_UDP:
		return PROTO_UDP;
	default:
		return PROTO_EXPERIMENT;
	}
}

static void put_ipv4(struct cursor *c, const struct packet *p)
{
	uint8_t *h = put(c, 20);
	int ihl = p->ihl == PACKET_AUTO ? (int)(5 + p->ip_options_len / 4) : p->ihl;
	int version = p->ip_version == PACKET_AUTO ? 4 : p->ip_version;

	if (!h)
		return;
	h[0] = (uint8_t)(version << 4 | (ihl & 15));
	h[1] = p->tos;
	set16(h + 4, p->ip_id);
	set16(h + 6, (uint32_t)p->ip_reserved << 15 | (uint32_t)p->df << 14 |
			     (uint32_t)p->mf << 13 | (p->frag_off & 0x1fff));
	h[8] = p->ttl;
	h[9] = l4_protocol(p);
	memcpy(h + 12, p->saddr, 4);
	memcpy(h + 16, p->daddr, 4);
	put_bytes(c, p->ip_options, p->ip_options_len);
}

static uint8_t ext_hdr_len(const struct packet_ext *e, size_t len)
{
	if (e->hdr_len != PACKET_AUTO)
		return (uint8_t)e->hdr_len;
	switch (e->type) {
	case PACKET_EXT_FRAGMENT:
		return 0; /* reserved there */
	case PACKET_EXT_AH:
		return (uint8_t)(len / 4 - 2);
	default:
		return (uint8_t)(len / 8 - 1);
	}
}

/* Fill the option area at @at with PadN options. */
static void fill_padn(uint8_t *at, size_t len, uint8_t fill)
{
	while (len >= 2) {
		size_t data_len = len - 2 > 255 ? 255 : len - 2;

		at[0] = 1;
		at[1] = (uint8_t)data_len;
		memset(at + 2, fill, data_len);
		at += 2 + data_len;
		len -= 2 + data_len;
	}
	if (len)
		at[0] = 0; /* Pad1 */
}

static void put_ext(struct cursor *c, const struct packet_ext *e, uint8_t next)
{
	size_t len = e->len ? e->len : 8;
	uint8_t *h = put(c, len);

	if (!h)
		return;
	h[0] = next;
	h[1] = ext_hdr_len(e, len);
	switch (e->type) {
	case PACKET_EXT_FRAGMENT:
		set16(h + 2, (uint32_t)e->frag_off << 3 | e->more);
		set32(h + 4, e->frag_id);
		break;
	case PACKET_EXT_ROUTING:
		h[2] = 253; /* experimental routing type */
		memset(h + 4, e->fill, len - 4);
		break;
	case PACKET_EXT_HOPOPTS:
	case PACKET_EXT_DSTOPTS:
		fill_padn(h + 2, len - 2, e->fill);
		break;
	default:
		memset(h + 2, e->fill, len - 2);
	}
}

static void put_ipv6(struct cursor *c, const struct packet *p)
{
	uint8_t *h = put(c, 40);
	int version = p->ip_version == PACKET_AUTO ? 6 : p->ip_version;

	if (!h)
		return;
	set32(h, (uint32_t)version << 28 | (uint32_t)p->tos << 20 | (p->flow_label & 0xfffff));
	h[6] = p->ext_cnt ? p->ext[0].type : l4_protocol(p);
	h[7] = p->ttl;
	memcpy(h + 8, p->saddr, 16);
	memcpy(h + 24, p->daddr, 16);
	for (unsigned int i = 0; i < p->ext_cnt; i++)
		put_ext(c, &p->ext[i],
			i + 1 < p->ext_cnt ? p->ext[i + 1].type : l4_protocol(p));
}

static void put_tcp(struct cursor *c, const struct packet *p)
{
	uint8_t *h = put(c, 20);
	int doff = p->doff == PACKET_AUTO ? (int)(5 + p->tcp_options_len / 4) : p->doff;

	if (!h)
		return;
	set16(h, p->sport);
	set16(h + 2, p->dport);
	set32(h + 4, p->seq);
	set32(h + 8, p->ack);
	set16(h + 12, (uint32_t)(doff & 15) << 12 | (uint32_t)(p->tcp_reserved & 7) << 9 |
			      (p->tcp_flags & 0x1ff));
	set16(h + 14, p->window);
	set16(h + 18, p->urgent);
	put_bytes(c, p->tcp_options, p->tcp_options_len);
}

static void put_udp(struct cursor *c, const struct packet *p)
{
	uint8_t *h = put(c, 8);

	if (!h)
		return;
	set16(h, p->sport);
	set16(h + 2, p->dport);
}

static void put_payload(struct cursor *c, const struct packet *p)
{
	uint8_t *at = put(c, p->payload_len);

	if (!at || !p->payload_len)
		return;
	if (p->payload) {
		memcpy(at, p->payload, p->payload_len);
		return;
	}
	for (size_t i = 0; i < p->payload_len; i++)
		at[i] = packet_pattern(p->seq + (uint32_t)i);
}

static void finish_ip(uint8_t *frame, const struct packet *p, const struct packet_layout *l)
{
	uint8_t *ip = frame + l->l3_off;
	size_t len = l->ip_end - l->l3_off;

	if (p->l3 == PACKET_L3_IPV6) {
		len -= 40;
		set16(ip + 4, p->ip_len == PACKET_AUTO ? (uint32_t)len : (uint32_t)p->ip_len);
		return;
	}
	set16(ip + 2, p->ip_len == PACKET_AUTO ? (uint32_t)len : (uint32_t)p->ip_len);
	/* Over the bytes that are there, also where ihl lies. */
	set16(ip + 10, (uint16_t)~packet_fold(packet_sum(ip, 20 + p->ip_options_len, 0)));
	set16(ip + 10, get16(ip + 10) ^ p->ip_csum_xor);
}

static uint16_t l4_checksum(const uint8_t *frame, const struct packet *p,
			    const struct packet_layout *l, uint8_t protocol)
{
	const uint8_t *l4 = frame + l->l4_off;
	size_t len = l->ip_end - l->l4_off;
	/* The address family in the struct, not the version nibble, which may lie. */
	uint64_t sum = p->l3 == PACKET_L3_IPV6 ? packet_sum(frame + l->l3_off + 8, 32, 0)
					       : packet_sum(frame + l->l3_off + 12, 8, 0);
	uint16_t csum;

	sum += protocol + (len >> 16) + (len & 0xffff);
	if (p->l4_csum == PACKET_CSUM_PARTIAL)
		return packet_fold(sum);
	csum = (uint16_t)~packet_fold(packet_sum(l4, len, sum));
	if (protocol == PROTO_UDP && csum == 0)
		csum = 0xffff;
	return csum;
}

/* The checksum field is still zero when this is called. */
static void finish_l4(uint8_t *frame, const struct packet *p, const struct packet_layout *l)
{
	uint8_t *l4 = frame + l->l4_off;
	size_t len = l->ip_end - l->l4_off;
	uint8_t protocol = p->l4 == PACKET_L4_UDP ? PROTO_UDP : PROTO_TCP;
	uint8_t *field = l4 + (p->l4 == PACKET_L4_UDP ? 6 : 16);

	if (p->l4 == PACKET_L4_NONE)
		return;
	if (p->l4 == PACKET_L4_UDP)
		set16(l4 + 4, p->udp_len == PACKET_AUTO ? (uint32_t)len : (uint32_t)p->udp_len);
	if (p->l4_csum != PACKET_CSUM_ZERO)
		set16(field, l4_checksum(frame, p, l, protocol));
	set16(field, get16(field) ^ p->l4_csum_xor);
}

size_t packet_build(const struct packet *p, void *buf, size_t cap, struct packet_layout *layout)
{
	struct cursor c = {.base = buf, .cap = cap};
	struct packet_layout l = {0}; /* no tunnel */

	put_eth(&c, p);
	l.l3_off = c.len;
	if (p->l3 == PACKET_L3_IPV4)
		put_ipv4(&c, p);
	else if (p->l3 == PACKET_L3_IPV6)
		put_ipv6(&c, p);
	l.l4_off = c.len;
	if (p->l3 != PACKET_L3_NONE && p->l4 == PACKET_L4_TCP)
		put_tcp(&c, p);
	else if (p->l3 != PACKET_L3_NONE && p->l4 == PACKET_L4_UDP)
		put_udp(&c, p);
	l.payload_off = c.len;
	put_payload(&c, p);
	l.ip_end = c.len;
	if (c.len < p->pad_to)
		put(&c, p->pad_to - c.len);
	if (c.overflow)
		return 0;
	if (p->l3 != PACKET_L3_NONE) {
		finish_ip(buf, p, &l);
		finish_l4(buf, p, &l);
	}
	if (layout)
		*layout = l;
	return c.len;
}

static struct packet packet_base(enum packet_l3 l3, enum packet_l4 l4)
{
	static const uint8_t v4[2][4] = {{192, 0, 2, 1}, {192, 0, 2, 2}};
	static const uint8_t v6[2][16] = {
		{0x20, 0x01, 0x0d, 0xb8, [15] = 1},
		{0x20, 0x01, 0x0d, 0xb8, [15] = 2},
	};
	struct packet p = {
		.dst_mac = {0x02, 0, 0, 0, 0, 0x02},
		.src_mac = {0x02, 0, 0, 0, 0, 0x01},
		.ethertype = PACKET_AUTO,
		.l3 = l3,
		.ip_version = PACKET_AUTO,
		.protocol = PACKET_AUTO,
		.ttl = 64,
		.ip_len = PACKET_AUTO,
		.ip_id = 0x1234,
		.df = true,
		.ihl = PACKET_AUTO,
		.l4 = l4,
		.sport = 40000,
		.dport = 5201,
		.seq = 1000,
		.ack = 5000,
		.tcp_flags = PACKET_ACK,
		.window = 512,
		.doff = PACKET_AUTO,
		.udp_len = PACKET_AUTO,
		.payload_len = 100,
	};

	if (l3 == PACKET_L3_IPV4) {
		memcpy(p.saddr, v4[0], 4);
		memcpy(p.daddr, v4[1], 4);
	} else {
		memcpy(p.saddr, v6[0], 16);
		memcpy(p.daddr, v6[1], 16);
	}
	return p;
}

struct packet packet_tcp4(void)
{
	return packet_base(PACKET_L3_IPV4, PACKET_L4_TCP);
}

struct packet packet_tcp6(void)
{
	return packet_base(PACKET_L3_IPV6, PACKET_L4_TCP);
}

struct packet packet_udp4(void)
{
	return packet_base(PACKET_L3_IPV4, PACKET_L4_UDP);
}

struct packet packet_udp6(void)
{
	return packet_base(PACKET_L3_IPV6, PACKET_L4_UDP);
}

struct packet_tunnel packet_tunnel(enum packet_tunnel_kind kind, enum packet_l3 outer)
{
	struct packet_tunnel t = {
		.kind = kind,
		.outer = packet_base(outer, PACKET_L4_NONE),
		.ethernet = kind == PACKET_VXLAN || kind == PACKET_GENEVE,
		.vni = 42,
		.flags = kind == PACKET_VXLAN ? 0x08 : 0,
		.options_words = PACKET_AUTO,
		.key_value = 42,
		.protocol = PACKET_AUTO,
	};

	t.outer.dst_mac[5] = 0x12;
	t.outer.src_mac[5] = 0x11;
	if (outer == PACKET_L3_IPV4) {
		memcpy(t.outer.saddr, (uint8_t[]){198, 51, 100, 1}, 4);
		memcpy(t.outer.daddr, (uint8_t[]){198, 51, 100, 2}, 4);
	} else {
		t.outer.saddr[5] = t.outer.daddr[5] = 1;
	}
	t.outer.ip_id = 0x4321;
	t.outer.sport = 50000;
	if (kind == PACKET_VXLAN || kind == PACKET_GENEVE) {
		t.outer.l4 = PACKET_L4_UDP;
		t.outer.dport = kind == PACKET_VXLAN ? 4789 : 6081;
	}
	return t;
}

/* Ethertype of the packet inside. */
static uint32_t inner_type(const struct packet_tunnel *t, const struct packet *p)
{
	if (t->protocol != PACKET_AUTO)
		return (uint32_t)t->protocol;
	if (t->ethernet)
		return ETH_P_BRIDGED;
	return p->l3 == PACKET_L3_IPV6 ? ETH_P_V6 : ETH_P_IPV4;
}

static void put_vxlan(struct cursor *c, const struct packet_tunnel *t)
{
	uint8_t *h = put(c, 8);

	if (!h)
		return;
	h[0] = t->flags;
	set32(h + 4, t->vni << 8);
}

static void put_geneve(struct cursor *c, const struct packet_tunnel *t, const struct packet *p)
{
	uint8_t *h = put(c, 8);
	int words = t->options_words == PACKET_AUTO ? (int)(t->options_len / 4) : t->options_words;

	if (!h)
		return;
	h[0] = (uint8_t)(t->version << 6 | (words & 0x3f));
	h[1] = t->flags;
	set16(h + 2, inner_type(t, p));
	set32(h + 4, t->vni << 8);
	put_bytes(c, t->options, t->options_len);
}

static void put_gre(struct cursor *c, const struct packet_tunnel *t, const struct packet *p)
{
	put16(c, (t->csum ? GRE_CSUM : 0) | (t->key ? GRE_KEY : 0) |
			 (t->sequence ? GRE_SEQUENCE : 0) | t->gre_flags | (t->version & 7u));
	put16(c, inner_type(t, p));
	if (t->csum)
		put(c, 4);
	if (t->key) {
		put16(c, t->key_value >> 16);
		put16(c, t->key_value);
	}
	if (t->sequence) {
		put16(c, t->sequence_value >> 16);
		put16(c, t->sequence_value);
	}
}

static void put_tunnel(struct cursor *c, const struct packet_tunnel *t, const struct packet *p)
{
	if (t->kind == PACKET_VXLAN)
		put_vxlan(c, t);
	else if (t->kind == PACKET_GENEVE)
		put_geneve(c, t, p);
	else if (t->kind == PACKET_GRE)
		put_gre(c, t, p);
}

/* Puts the packet inside behind the tunnel's header, without its Ethernet header where there is none. */
static void put_inner(struct cursor *c, const struct packet_tunnel *t, const struct packet *p,
		      struct packet_layout *inner)
{
	uint8_t *at = c->base + c->len;
	size_t len = packet_build(p, at, c->cap - c->len, inner), skip;

	if (len == 0) {
		c->overflow = true;
		return;
	}
	skip = t->kind == PACKET_VXLAN || (t->ethernet && t->kind != PACKET_IPIP) ? 0 : inner->l3_off;
	memmove(at, at + skip, len - skip);
	c->len += len - skip;
	inner->l3_off -= skip;
	inner->l4_off -= skip;
	inner->payload_off -= skip;
	inner->ip_end -= skip;
}

static struct packet_layout shifted(const struct packet_layout *inner, size_t by)
{
	return (struct packet_layout){
		.l3_off = inner->l3_off + by,
		.l4_off = inner->l4_off + by,
		.payload_off = inner->payload_off + by,
		.ip_end = inner->ip_end + by,
		.inner_off = by,
	};
}

size_t packet_build_in(const struct packet_tunnel *t, const struct packet *p, void *buf, size_t cap,
		       struct packet_layout *layout)
{
	struct packet outer = t->outer;
	struct packet_layout inner, around;
	struct cursor c = {.base = malloc(cap), .cap = cap};
	size_t tunnel_len, len = 0;

	if (!c.base)
		return 0;
	put_tunnel(&c, t, p);
	tunnel_len = c.len;
	if (!c.overflow)
		put_inner(&c, t, p, &inner);
	if (c.overflow)
		goto out;
	if (t->kind == PACKET_GRE && t->csum)
		set16(c.base + 4, (uint16_t)~packet_fold(packet_sum(c.base, c.len, 0)) ^ t->csum_xor);
	if (outer.protocol == PACKET_AUTO && t->kind == PACKET_GRE)
		outer.protocol = PROTO_GRE;
	if (outer.protocol == PACKET_AUTO && t->kind == PACKET_IPIP)
		outer.protocol = p->l3 == PACKET_L3_IPV6 ? PROTO_IPV6 : PROTO_IPV4;
	outer.payload = c.base;
	outer.payload_len = c.len;
	len = packet_build(&outer, buf, cap, &around);
	if (layout) {
		*layout = shifted(&inner, around.payload_off + tunnel_len);
		layout->outer_l3_off = around.l3_off;
		layout->outer_l4_off = around.l4_off;
		layout->tunnel_off = around.payload_off;
	}
out:
	free(c.base);
	return len;
}

void packet_timestamp(struct packet *p, uint8_t opt[12], uint32_t tsval, uint32_t tsecr)
{
	opt[0] = 1;
	opt[1] = 1;
	opt[2] = 8;
	opt[3] = 10;
	set32(opt + 4, tsval);
	set32(opt + 8, tsecr);
	p->tcp_options = opt;
	p->tcp_options_len = 12;
}

void packet_push_vlan(struct packet *p, uint16_t tpid, uint16_t tci)
{
	p->vlan[p->vlan_cnt++] = (struct packet_vlan){.tpid = tpid, .tci = tci};
}

struct packet_ext *packet_push_ext(struct packet *p, uint8_t type, uint16_t len)
{
	struct packet_ext *e = &p->ext[p->ext_cnt++];

	*e = (struct packet_ext){.type = type, .len = len, .hdr_len = PACKET_AUTO};
	return e;
}

/* Offset of the L4 header of an IPv6 packet, 0 if there is none to check. */
static size_t ipv6_l4_off(const uint8_t *ip, size_t len, uint8_t *protocol)
{
	size_t off = 40;
	uint8_t next = ip[6];

	while (next == PACKET_EXT_HOPOPTS || next == PACKET_EXT_ROUTING ||
	       next == PACKET_EXT_DSTOPTS) {
		if (off + 8 > len)
			return 0;
		next = ip[off];
		off += 8 + ip[off + 1] * 8u;
	}
	*protocol = next;
	return off <= len ? off : 0;
}

static bool l4_csum_ok(const uint8_t *ip, uint8_t protocol, const uint8_t *l4, size_t len)
{
	if (protocol == PROTO_TCP)
		return len >= 20 &&
		       packet_fold(packet_sum(l4, len, pseudo_sum(ip, protocol, len))) == 0xffff;
	if (protocol == PROTO_UDP) {
		if (len < 8 || get16(l4 + 4) != len)
			return false;
		return get16(l4 + 6) == 0 ||
		       packet_fold(packet_sum(l4, len, pseudo_sum(ip, protocol, len))) == 0xffff;
	}
	return true;
}

/* Of the IP packet in @len bytes at @ip, by the ethertype that announced it. */
static bool ip_csums_ok(const uint8_t *ip, size_t len, uint16_t type)
{
	size_t ip_len, l4_off;
	uint8_t protocol = 0;

	if (type == ETH_P_IPV4) {
		if (len < 20 || (ip_len = get16(ip + 2)) > len)
			return false;
		l4_off = (ip[0] & 15u) * 4;
		if (l4_off < 20 || l4_off > ip_len)
			return false;
		if (packet_fold(packet_sum(ip, l4_off, 0)) != 0xffff)
			return false;
		if (get16(ip + 6) & 0x3fff) /* a fragment: the sum covers more than we have */
			return true;
		protocol = ip[9];
	} else if (type == ETH_P_V6) {
		if (len < 40 || (ip_len = 40u + get16(ip + 4)) > len)
			return false;
		l4_off = ipv6_l4_off(ip, ip_len, &protocol);
		if (!l4_off)
			return false;
	} else {
		return true;
	}
	return l4_csum_ok(ip, protocol, ip + l4_off, ip_len - l4_off);
}

/* Offset of the ethertype behind the VLAN tags, 0 if it is cut off. */
static size_t type_off(const uint8_t *f, size_t len)
{
	size_t off = 12;

	while (off + 4 <= len && (get16(f + off) == ETH_P_VLAN || get16(f + off) == ETH_P_QINQ))
		off += 4;
	return off + 2 <= len ? off : 0;
}

bool packet_csums_ok(const void *frame, size_t len)
{
	const uint8_t *f = frame;
	size_t off = type_off(f, len);

	return off && ip_csums_ok(f + off + 2, len - off - 2, get16(f + off));
}

/* GRE's own sum goes from its header to the end of the outer IP packet. */
static bool gre_csum_ok(const uint8_t *gre, size_t len)
{
	if (len < 4)
		return false;
	return !(get16(gre) & GRE_CSUM) || packet_fold(packet_sum(gre, len, 0)) == 0xffff;
}

bool packet_tunnel_csums_ok(const void *frame, size_t len, size_t inner_off)
{
	const uint8_t *f = frame, *ip;
	size_t off = type_off(f, len), l4_off, ip_len;
	uint8_t protocol;
	uint16_t type;

	if (!packet_csums_ok(frame, len) || inner_off >= len)
		return false;
	ip = f + off + 2;
	if (ip[0] >> 4 == 6) {
		ip_len = 40u + get16(ip + 4);
		l4_off = ipv6_l4_off(ip, ip_len, &protocol);
	} else {
		ip_len = get16(ip + 2);
		l4_off = (ip[0] & 15u) * 4;
		protocol = ip[9];
	}
	if (protocol == PROTO_GRE && !gre_csum_ok(ip + l4_off, ip_len - l4_off))
		return false;
	len = (size_t)(ip - f) + ip_len - inner_off;
	/* What is inside: an IP packet where the header before it says so, else a frame. */
	if (protocol == PROTO_IPV4 || protocol == PROTO_IPV6)
		type = protocol == PROTO_IPV4 ? ETH_P_IPV4 : ETH_P_V6;
	else if (protocol == PROTO_GRE)
		type = get16(ip + l4_off + 2);
	else /* GENEVE; VXLAN has zeroes there */
		type = get16(ip + l4_off + 10);
	if (type == ETH_P_IPV4 || type == ETH_P_V6)
		return ip_csums_ok(f + inner_off, len, type);
	return packet_csums_ok(f + inner_off, len);
}
