// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The promise above all rules, as a property: whatever comes in, in whatever order and
 * state, is merged, and cut again into the very bytes that came (S10); within a flow
 * nothing overtakes (D1, D2); nothing is lost, doubled or kept.
 *
 * A round makes a stream of packets from a seed: connections that behave and ones that do
 * not, spoiled packets, fragments, other protocols, noise. It is offered in bursts to an engine
 * of random limits, by a caller that takes and releases deliveries when it likes. What the test
 * knows of a packet it reads from its bytes, with code of its own (judge()), and every
 * superpacket is cut twice: by gso.c, and by naive_segment(), which shares nothing with it.
 *
 *      SUPERPACKET_SEED=n     repeats one round (a failure prints its seed)
 *      SUPERPACKET_ROUNDS=n   runs longer; the seeds follow those of the usual rounds
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/gro.h"
#include "engine/gso.h"
#include "packet_builder.h"

#define STREAM_MAX 4000u
#define FLOWS_MAX 500u
#define FRAME_MAX 10000u
#define TAKEN_MAX 8u

#define holds(condition, what) \
	cr_assert(condition, "%s (SUPERPACKET_SEED=%" PRIu64 ")", what, current_seed)

static uint64_t current_seed, random_state;

static uint64_t random_u64(void) /* splitmix64 */
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)((random_u64() >> 32) * n >> 32);
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

static uint32_t get16(const uint8_t *at) { return (uint32_t)(at[0] << 8 | at[1]); }
static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

static void set16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* ---- what a packet is, read from its bytes ---- */

enum kind {
	KIND_OTHER,   /* no TCP: its order does not matter to any TCP packet */
	KIND_FLOW,    /* TCP, whole and right: belongs to the flow that its bytes name */
	KIND_UNKNOWN, /* TCP, perhaps, but its ports cannot be trusted: ordered with all its pair (D2) */
};

struct judgement {
	enum kind kind;
	uint32_t l3_off, l4_off, payload_off, ip_end;
	uint32_t flow, pair; /* numbers of the names below */
	struct { uint8_t bytes[40]; } pair_name;
	struct { uint8_t bytes[112]; } flow_name;
};

static void name_pair(struct judgement *j, const uint8_t *ip, uint8_t version)
{
	j->pair_name.bytes[0] = version;
	memcpy(j->pair_name.bytes + 1, version == 4 ? ip + 12 : ip + 8, version == 4 ? 8 : 32);
}

static void name_flow(struct judgement *j, const uint8_t *frame)
{
	uint8_t *to = j->flow_name.bytes;
	uint32_t l2_len = j->l3_off < 60 ? j->l3_off : 60;

	memcpy(to, &j->pair_name, sizeof j->pair_name);
	memcpy(to + 40, frame + j->l4_off, 4);
	if (j->pair_name.bytes[0] == 6) { /* the flow label */
		memcpy(to + 44, frame + j->l3_off + 1, 3);
		to[44] &= 0x0f;
	}
	to[47] = (uint8_t)l2_len;
	memcpy(to + 48, frame, l2_len);
}

/* IPv6: over the extension headers; *next is the protocol in the end, 0 when that is unknown. */
static bool walk_extensions(const uint8_t *frame, uint32_t end, uint32_t *off, uint8_t *next)
{
	uint32_t cnt = 0;

	while (*next == 0 || *next == 43 || *next == 60) {
		if (cnt++ == 8 || *off + 8 > end) {
			*next = 0;
			return false;
		}
		*next = frame[*off];
		*off += 8u + frame[*off + 1] * 8u;
	}
	if (*next == 44) {
		*next = *off + 8 <= end ? frame[*off] : 0;
		if (*next == 43 || *next == 60)
			*next = 0;
		return false;
	}
	return *off <= end;
}

/* Whether a TCP packet is whole, right, and neither fragment nor with options. */
static bool whole_tcp(struct judgement *j, const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + j->l3_off;
	bool v4 = ip[0] >> 4 == 4;

	if (v4 && (ip[0] != 0x45 || get16(ip + 6) & 0xbfff))
		return false;
	j->ip_end = j->l3_off + (v4 ? get16(ip + 2) : 40 + get16(ip + 4));
	if (j->ip_end > len || j->l4_off + 20 > j->ip_end || (!v4 && !get16(ip + 4)))
		return false;
	j->payload_off = j->l4_off + (frame[j->l4_off + 12] >> 4) * 4u;
	return frame[j->l4_off + 12] >> 4 >= 5 && j->payload_off <= j->ip_end &&
	       packet_csums_ok(frame, len);
}

static void judge_ip(struct judgement *j, const uint8_t *frame, uint32_t len, uint32_t type)
{
	const uint8_t *ip = frame + j->l3_off;
	uint8_t version = type == 0x0800 ? 4 : 6, next = ip[version == 4 ? 9 : 6];
	bool walked = true;

	j->l4_off = j->l3_off + (version == 4 ? 20 : 40);
	if (version == 6) {
		uint32_t end = j->l4_off + get16(ip + 4);

		if (end == j->l4_off || end > len)
			end = len;
		walked = walk_extensions(frame, end, &j->l4_off, &next);
	}
	if (next != 6 && next != 0)
		return;
	name_pair(j, ip, version);
	j->kind = KIND_UNKNOWN;
	if (next == 6 && walked && whole_tcp(j, frame, len)) {
		j->kind = KIND_FLOW;
		name_flow(j, frame);
	}
}

static struct judgement judge(const uint8_t *frame, uint32_t len)
{
	struct judgement j = { .kind = KIND_OTHER, .ip_end = len };
	uint32_t off = 12, type;

	if (len < 14)
		return j;
	while ((type = get16(frame + off)) == 0x8100 || type == 0x88a8) {
		off += 4;
		if (off + 2 > len)
			return j;
	}
	j.l3_off = off + 2;
	if (type == 0x0800 && j.l3_off + 20 <= len && frame[j.l3_off] >> 4 == 4)
		judge_ip(&j, frame, len, type);
	else if (type == 0x86dd && j.l3_off + 40 <= len && frame[j.l3_off] >> 4 == 6)
		judge_ip(&j, frame, len, type);
	return j;
}

/* ---- the stream ---- */

struct sent {
	uint8_t *data;  /* what the engine gets, in memory of exactly len bytes */
	uint8_t *copy;  /* what it was */
	uint8_t *want;  /* what cutting must give back: copy, its checksum finished */
	uint32_t len;
	bool unfinished;
	struct judgement judgement; /* of want */
	uint64_t arrival_ns;
	uint64_t position; /* among all that was delivered; 0: not yet */
};

/* A connection, one way: its next packet, and its habits. */
struct connection {
	struct packet next;
	uint8_t options[40];
	uint32_t mss;
	uint32_t id_step; /* 2: random */
	uint32_t mischief; /* one packet in so many is odd */
};

struct round {
	struct gro_config config;
	struct gro gro;
	void *memory;
	struct sent stream[STREAM_MAX];
	uint32_t stream_len;
	struct connection connections[FLOWS_MAX];
	uint32_t connection_cnt;
	/* deliveries taken and not yet released, with the place they took in the order of delivery */
	struct gro_super *taken[TAKEN_MAX];
	uint64_t taken_position[TAKEN_MAX];
	uint32_t taken_cnt;
	uint64_t position;
	uint32_t delivered_cnt;
	uint64_t now_ns;
	uint32_t oldest; /* first of the stream that was not delivered */
};

/* Of all rounds, against a test that tests nothing. */
static struct {
	uint64_t packets, superpackets, merged, unmerged, reasons[GRO_REASON_CNT];
} total;

static void add_bytes(struct round *r, const uint8_t *data, const uint8_t *want, size_t len,
		      bool unfinished)
{
	struct sent *sent = &r->stream[r->stream_len++];

	sent->data = malloc(len ? len : 1);
	sent->copy = malloc(len ? len : 1);
	sent->want = malloc(len ? len : 1);
	memcpy(sent->data, data, len);
	memcpy(sent->copy, data, len);
	memcpy(sent->want, want, len);
	sent->len = (uint32_t)len;
	sent->unfinished = unfinished;
	sent->judgement = judge(want, sent->len);
}

static void add(struct round *r, const struct packet *p)
{
	static uint8_t data[FRAME_MAX], want[FRAME_MAX];
	bool unfinished = r->config.accept_unfinished && p->l4 != PACKET_L4_NONE &&
			  p->l4_csum == PACKET_CSUM_PARTIAL;
	struct packet finished = *p;
	size_t len = packet_build(p, data, sizeof data, NULL);

	holds(len, "the generator's packet fits");
	if (unfinished)
		finished.l4_csum = PACKET_CSUM_FULL;
	packet_build(&finished, want, sizeof want, NULL);
	/* Once in 65536, the unfinished checksum is the right one. */
	add_bytes(r, data, want, len, unfinished && memcmp(data, want, len));
}

static void add_noise(struct round *r)
{
	uint8_t noise[200];
	uint32_t len = below(sizeof noise);

	for (uint32_t i = 0; i < len; i++)
		noise[i] = (uint8_t)random_u64();
	if (len > 14 && one_in(2))
		memcpy(noise + 12, one_in(2) ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
	add_bytes(r, noise, noise, len, false);
}

static void add_arp(struct round *r)
{
	struct packet p = packet_tcp4();

	p.l3 = PACKET_L3_NONE;
	p.l4 = PACKET_L4_NONE;
	p.ethertype = 0x0806;
	p.payload_len = 28;
	p.pad_to = 60;
	add(r, &p);
}

/* A packet of the connection with bits flipped, or cut off; its checksums are then mostly wrong. */
static void add_spoiled(struct round *r, const struct packet *p)
{
	static uint8_t data[FRAME_MAX];
	uint32_t len = (uint32_t)packet_build(p, data, sizeof data, NULL);
	uint32_t headers_len = len < 80 ? len : 80, flips = 1 + below(3);

	if (one_in(4))
		len = below(len);
	else
		while (flips--)
			data[below(one_in(2) ? len : headers_len)] ^= (uint8_t)(1 << below(8));
	add_bytes(r, data, data, len, false);
}

/* What a sender, or the network, may do at any time, and the stream goes on as if not. */
static void add_odd(struct round *r, const struct connection *c)
{
	static const uint8_t options[8] = { 1, 1, 1, 1, 1, 1, 1, 0 };
	struct packet p = c->next;

	switch (below(16)) {
	case 0: p.payload_len = 0; break;
	case 1: p.payload_len = 0, p.pad_to = 60; break;
	case 2: p.tcp_flags = PACKET_SYN, p.payload_len = below(2) * 10; break;
	case 3: p.tcp_flags |= PACKET_RST; break;
	case 4: p.tcp_flags |= PACKET_URG, p.urgent = 1; break;
	case 5: p.seq -= (uint32_t)p.payload_len; break;
	case 6: p.seq -= below(5000); break;
	case 7: p.seq += below(5000); break;
	case 8: p.l4_csum_xor = (uint16_t)(1 + below(0xffff)); break;
	case 9: p.ip_csum_xor = 0x4000; break;
	case 10: p.l4 = PACKET_L4_UDP; break;
	case 11: p.ip_options = options, p.ip_options_len = 8; break;
	case 12: p.tcp_flags |= PACKET_CWR; break;
	case 13: p.urgent = (uint16_t)below(3); break;
	case 14:
		p.frag_off = (uint16_t)below(3), p.mf = one_in(2);
		if (p.l3 == PACKET_L3_IPV6)
			packet_push_ext(&p, PACKET_EXT_FRAGMENT, 8)->more = true;
		break;
	default:
		add_arp(r);
		return;
	}
	/* Nobody leaves the checksum of these unfinished; or it would not be known to be. */
	if (p.l4_csum_xor || p.ip_csum_xor || p.mf || p.frag_off || p.ext_cnt > c->next.ext_cnt)
		p.l4_csum = PACKET_CSUM_FULL;
	add(r, &p);
}

/* What changes for good: acknowledgements, windows, timestamps, marks, routes. */
static void change_habits(struct connection *c)
{
	struct packet *p = &c->next;

	switch (below(8)) {
	case 0: p->ack += below(3000); break;
	case 1: p->window = (uint16_t)random_u64(); break;
	case 2: p->tos = (uint8_t)below(256); break;
	case 3: p->ttl = (uint8_t)(1 + below(255)); break;
	case 4: p->tcp_flags ^= PACKET_ECE; break;
	case 5: p->df = !p->df; break;
	case 6: p->ip_id += (uint16_t)below(100); break;
	default:
		if (p->tcp_options_len)
			c->options[p->tcp_options_len - 1]++;
	}
}

static void step(struct connection *c)
{
	struct packet *p = &c->next;

	p->seq += (uint32_t)p->payload_len;
	p->ip_id += c->id_step == 2 ? (uint16_t)random_u64() : (uint16_t)c->id_step;
	p->payload_len = c->mss;
	p->tcp_flags &= (uint16_t)~(PACKET_PSH | PACKET_FIN);
	p->pad_to = one_in(2) ? 60 : 0;
}

static void add_next(struct round *r, struct connection *c)
{
	struct packet *p = &c->next;

	if (one_in(c->mischief)) {
		if (one_in(2))
			add_odd(r, c);
		else if (one_in(2) && !r->config.accept_unfinished)
			add_spoiled(r, p);
		else if (one_in(4))
			add_noise(r);
		else
			change_habits(c);
		return;
	}
	if (one_in(30))
		p->payload_len = 1 + below(c->mss + 1);
	if (one_in(40))
		p->tcp_flags |= PACKET_PSH;
	if (one_in(300))
		p->tcp_flags |= PACKET_FIN;
	if (r->config.accept_unfinished)
		p->l4_csum = one_in(20) ? PACKET_CSUM_FULL : PACKET_CSUM_PARTIAL;
	add(r, p);
	step(c);
}

static uint32_t random_mss(void)
{
	switch (below(6)) {
	case 0: return 1 + below(20);
	case 1: return 1448;
	case 2: return one_in(8) ? 8948 : 536;
	default: return 1 + below(600);
	}
}

static void connection_open(struct connection *c, uint32_t pairs)
{
	struct packet *p = &c->next;

	c->next = one_in(2) ? packet_tcp4() : packet_tcp6();
	c->mss = random_mss();
	c->id_step = below(3);
	c->mischief = one_in(3) ? 1000 : 5 + below(40);
	p->saddr[one_in(2) ? 3 : 15] += (uint8_t)below(pairs);
	p->sport = (uint16_t)below(2000);
	p->dport = (uint16_t)(1 + below(3));
	p->src_mac[5] += (uint8_t)below(2);
	p->flow_label = one_in(2) ? 0 : below(4);
	p->seq = (uint32_t)random_u64();
	p->ip_id = one_in(4) ? (uint16_t)(0 - below(20)) : (uint16_t)random_u64();
	p->df = !one_in(4);
	p->payload_len = c->mss;
	for (uint32_t tags = below(3); tags; tags--)
		packet_push_vlan(p, one_in(3) ? 0x88a8 : 0x8100, (uint16_t)below(3));
	if (p->l3 == PACKET_L3_IPV6 && one_in(8))
		packet_push_ext(p, one_in(2) ? PACKET_EXT_HOPOPTS : PACKET_EXT_DSTOPTS,
				(uint16_t)(8 + 8 * below(3)))->fill = (uint8_t)below(2);
	memset(c->options, 1, sizeof c->options);
	p->tcp_options = c->options;
	p->tcp_options_len = one_in(2) ? 12 : 4 * below(11);
	if (p->tcp_options_len == 12)
		packet_timestamp(p, c->options, below(100), below(100));
}

/* Trains of packets of one connection each; then some neighbours change places, or come twice. */
static void make_stream(struct round *r)
{
	uint32_t len = STREAM_MAX / 4 + below(STREAM_MAX * 3 / 4 - 100);
	uint32_t pairs = 1 + below(5), longest_train = 1 + below(60);

	r->connection_cnt = one_in(4) ? 1 + below(FLOWS_MAX) : 1 + below(20);
	for (uint32_t i = 0; i < r->connection_cnt; i++)
		connection_open(&r->connections[i], pairs);
	while (r->stream_len < len) {
		struct connection *c = &r->connections[below(r->connection_cnt)];

		for (uint32_t train = 1 + below(longest_train); train && r->stream_len < len; train--)
			add_next(r, c);
	}
	for (uint32_t i = 1; i < r->stream_len; i++) {
		struct sent *a = &r->stream[i - 1], *b = &r->stream[i], other;

		if (one_in(200))
			other = *a, *a = *b, *b = other;
		if (one_in(200) && r->stream_len < STREAM_MAX)
			add_bytes(r, b->copy, b->want, b->len, b->unfinished);
	}
}

/* ---- cutting, the naive way ---- */

static void finish_checksums(uint8_t *frame, const struct judgement *j, uint32_t len)
{
	uint8_t *ip = frame + j->l3_off, *tcp = frame + j->l4_off;
	bool v4 = ip[0] >> 4 == 4;
	uint32_t l4_len = len - j->l4_off;
	uint64_t sum = v4 ? packet_sum(ip + 12, 8, 0) : packet_sum(ip + 8, 32, 0);

	if (v4) {
		set16(ip + 10, 0);
		set16(ip + 10, (uint16_t)~packet_fold(packet_sum(ip, 20, 0)));
	}
	set16(tcp + 16, 0);
	set16(tcp + 16, (uint16_t)~packet_fold(packet_sum(tcp, l4_len, sum + 6 + l4_len)));
}

/* Segment idx of the superpacket (rules S2-S5). Returns its length. */
static uint32_t naive_segment(const uint8_t *super, uint32_t super_len, const struct judgement *j,
			      const struct gso_request *request, uint32_t idx, uint8_t *frame)
{
	uint32_t off = j->payload_off + idx * request->size;
	uint32_t payload_len = super_len - off < request->size ? super_len - off : request->size;
	uint32_t len = j->payload_off + payload_len, seq;
	uint8_t *ip = frame + j->l3_off, *tcp = frame + j->l4_off;

	memcpy(frame, super, j->payload_off);
	memcpy(frame + j->payload_off, super + off, payload_len);
	if (ip[0] >> 4 == 4) {
		set16(ip + 2, len - j->l3_off);
		if (!request->fixed_id)
			set16(ip + 4, get16(ip + 4) + idx);
	} else {
		set16(ip + 4, len - j->l3_off - 40);
	}
	seq = get32(tcp + 4) + idx * request->size;
	set16(tcp + 4, seq >> 16);
	set16(tcp + 6, seq);
	if (off + payload_len < super_len)
		tcp[13] &= (uint8_t)~0x09;
	if (idx)
		tcp[13] &= (uint8_t)~0x80;
	finish_checksums(frame, j, len);
	return len;
}

/* ---- deliveries ---- */

static uint8_t super_bytes[70000];
static uint8_t segment_bytes[FRAME_MAX + HEADER_SLOT_LEN];

static uint32_t linearise(const struct iovec *iov, uint32_t cnt)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		holds(len + iov[i].iov_len <= sizeof super_bytes, "a superpacket has an end");
		memcpy(super_bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += (uint32_t)iov[i].iov_len;
	}
	return len;
}

static void check_segment(const struct sent *sent, const uint8_t *data, uint32_t len)
{
	holds(len == sent->judgement.ip_end, "a segment is as long as the packet that came");
	holds(!memcmp(data, sent->want, len), "a segment is, byte for byte, the packet that came");
}

static void check_cut(struct round *r, const struct gso_request *request, uint32_t len,
		      const uint64_t *cookies, uint32_t cnt)
{
	struct gso gso;

	holds(gso_open(&gso, request, super_bytes, len, FRAME_MAX, HEADER_CSUM_FULL) == GSO_CUT,
	      "what was merged can be cut");
	holds(gso.seg_cnt == cnt, "into as many segments as came");
	for (uint32_t i = 0; i < cnt; i++) {
		uint32_t segment_len = gso.hdr_len;

		if (i % 2) {
			segment_len = gso_next_built(&gso, segment_bytes);
		} else {
			struct gso_slice slice = gso_next(&gso, segment_bytes);

			holds(slice.off + slice.len <= len, "a slice lies within");
			memcpy(segment_bytes + segment_len, super_bytes + slice.off, slice.len);
			segment_len += slice.len;
		}
		check_segment(&r->stream[cookies[i]], segment_bytes, segment_len);
	}
	holds(gso_done(&gso), "and into no more");
}

static void check_naive_cut(struct round *r, const struct gso_request *request, uint32_t len,
			    const uint64_t *cookies, uint32_t cnt)
{
	const struct judgement *j = &r->stream[cookies[0]].judgement;

	for (uint32_t i = 0; i < cnt; i++)
		check_segment(&r->stream[cookies[i]], segment_bytes,
			      naive_segment(super_bytes, len, j, request, i, segment_bytes));
	holds(j->payload_off + cnt * request->size >= len, "no payload is left over");
}

static void check_superpacket(struct round *r, const struct gro_super *super,
			      const struct iovec *iov, const uint64_t *cookies)
{
	uint32_t cnt = super->packet_cnt, len = linearise(iov, cnt);
	const struct sent *first = &r->stream[cookies[0]];

	holds(len == super->len, "len is the sum of the slices");
	holds(cnt <= r->config.max_packets, "max_packets");
	holds(len - first->judgement.l3_off <= r->config.max_bytes, "max_bytes");
	holds(super->request.needs_csum && super->request.csum_offset == 16 &&
	      super->request.csum_start == first->judgement.l4_off, "the checksum is asked for");
	for (uint32_t i = 0; i < cnt; i++) {
		const struct sent *sent = &r->stream[cookies[i]];

		holds(sent->judgement.kind == KIND_FLOW, "only right packets are merged (R3, R8)");
		holds(sent->unfinished == first->unfinished, "finished and unfinished ones apart");
		holds(sent->judgement.flow == first->judgement.flow, "of one flow");
	}
	check_cut(r, &super->request, len, cookies, cnt);
	check_naive_cut(r, &super->request, len, cookies, cnt);
	total.superpackets++;
	total.merged += cnt;
}

static void check_as_it_came(struct round *r, const struct gso_request *request,
			     const struct iovec *iov, const uint64_t *cookies, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const struct sent *sent = &r->stream[cookies[i]];

		holds(iov[i].iov_base == sent->data && iov[i].iov_len == sent->len &&
		      !memcmp(sent->data, sent->copy, sent->len), "the packet is as it came (D5, V9)");
		holds(request->type == GSO_NONE && request->size == 0, "and is called so");
		holds(request->needs_csum == sent->unfinished, "unfinished ones are handed on as such");
	}
}

/* Gives back the place'th of the taken deliveries, after looking at every byte of it. */
static void release(struct round *r, uint32_t place)
{
	static struct iovec iov[GRO_MAX_PACKETS], unmerged[GRO_MAX_PACKETS];
	static uint64_t cookies[GRO_MAX_PACKETS];
	struct gro_super *super = r->taken[place], was = *super;
	uint64_t position = r->taken_position[place];
	bool unmerge = was.packet_cnt > 1 && one_in(8);

	holds(gro_iovecs(&r->gro, super, iov) == was.packet_cnt, "an iovec a packet");
	if (was.packet_cnt > 1 && unmerge) {
		holds(gro_unmerge(&r->gro, super, unmerged, NULL) == was.packet_cnt, "an iovec a packet");
		was.request = super->request;
		total.unmerged++;
	}
	holds(gro_release(&r->gro, super, cookies) == was.packet_cnt, "a cookie a packet");
	for (uint32_t i = 0; i < was.packet_cnt; i++) {
		struct sent *sent = &r->stream[cookies[i]];

		holds(cookies[i] < r->stream_len && !sent->position, "every packet comes out once");
		sent->position = position + i;
	}
	if (unmerge)
		check_as_it_came(r, &was.request, unmerged, cookies, was.packet_cnt);
	else if (was.packet_cnt > 1)
		check_superpacket(r, &was, iov, cookies);
	else
		check_as_it_came(r, &was.request, iov, cookies, 1);
	r->delivered_cnt += was.packet_cnt;
	total.reasons[was.reason]++;
	r->taken_cnt--;
	r->taken[place] = r->taken[r->taken_cnt];
	r->taken_position[place] = r->taken_position[r->taken_cnt];
}

/* Takes the next delivery; false: there is none. */
static bool take(struct round *r)
{
	struct gro_super *super;

	if (r->taken_cnt == TAKEN_MAX)
		release(r, below(TAKEN_MAX));
	super = gro_next(&r->gro);
	if (!super)
		return false;
	r->taken[r->taken_cnt] = super;
	r->taken_position[r->taken_cnt++] = r->position + 1;
	r->position += super->packet_cnt;
	return true;
}

static void take_all(struct round *r)
{
	while (take(r))
		;
	while (r->taken_cnt)
		release(r, below(r->taken_cnt));
}

/* ---- a round ---- */

static uint32_t small_or(uint32_t usual)
{
	return one_in(3) ? 1 + below(8) : usual;
}

static void random_config(struct gro_config *config)
{
	config->flows = small_or(1 + below(600));
	config->packets = small_or(1 + below(3000));
	config->max_packets = one_in(3) ? 2 + below(20) : GRO_MAX_PACKETS;
	config->max_bytes = one_in(3) ? 1 + below(65535) : 65535;
	config->hold_ns = one_in(2) ? 0 : 1 + below(100000);
	config->merge = one_in(25) ? 0 : GRO_MERGE_TCP;
	config->secret[0] = random_u64();
	config->secret[1] = random_u64();
	if (one_in(10)) /* the hashes of most flows are equal: the first product is 0 */
		memcpy(&config->secret[1], "\x02\0\0\0\0\x02\x02", 8);
	else if (one_in(10)) /* the hashes of all IPv4 pairs are equal */
		config->secret[1] = 0;
}

static void round_open(struct round *r, uint64_t seed, bool accept_unfinished)
{
	memset(r, 0, sizeof *r);
	current_seed = random_state = seed;
	random_config(&r->config);
	r->config.accept_unfinished = accept_unfinished;
	r->memory = aligned_alloc(64, gro_memory_size(&r->config));
	holds(gro_init(&r->gro, &r->config, r->memory) == 0, "init");
	r->now_ns = 1 + below(1000000);
	make_stream(r);
}

/* Offers cnt packets from `from` on, making room wherever there is none. */
static void offer_burst(struct round *r, uint32_t from, uint32_t cnt)
{
	struct gro_packet burst[300];
	uint32_t done = 0, stuck = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		struct sent *sent = &r->stream[from + i];

		sent->arrival_ns = r->now_ns;
		burst[i] = (struct gro_packet){ .data = sent->data, .len = sent->len, .cookie = from + i };
		if (sent->judgement.kind == KIND_FLOW && !sent->unfinished && one_in(4))
			burst[i].csum = GRO_CSUM_VERIFIED;
	}
	while (done < cnt) {
		uint32_t taken = gro_offer(&r->gro, burst + done, cnt - done, r->now_ns);

		holds(taken <= cnt - done, "no more than was offered");
		holds(gro_owned_packets(&r->gro) <= r->config.packets, "no more than there is room for");
		done += taken;
		stuck = taken ? 0 : stuck + 1;
		holds(stuck < 3 * TAKEN_MAX, "there is always progress");
		if (done < cnt && !take(r) && r->taken_cnt)
			release(r, below(r->taken_cnt));
	}
}

/* D4: what is still inside after the end of a burst is younger than the hold time. */
static void check_age(struct round *r, uint32_t offered_cnt)
{
	while (r->oldest < offered_cnt && r->stream[r->oldest].position)
		r->oldest++;
	holds(r->oldest == offered_cnt ||
	      r->stream[r->oldest].arrival_ns + r->config.hold_ns > r->now_ns, "held too long");
	holds(gro_deadline(&r->gro) > r->now_ns, "the deadline lies ahead");
	holds(r->oldest == offered_cnt ||
	      gro_deadline(&r->gro) <= r->stream[r->oldest].arrival_ns + r->config.hold_ns,
	      "the deadline is that of the oldest");
}

static void run_stream(struct round *r)
{
	uint32_t longest_burst = 1 + below(one_in(2) ? 300 : 20);

	for (uint32_t from = 0, cnt; from < r->stream_len; from += cnt) {
		cnt = 1 + below(longest_burst);
		if (cnt > r->stream_len - from)
			cnt = r->stream_len - from;
		offer_burst(r, from, cnt);
		r->now_ns += below(5000);
		gro_burst_end(&r->gro, r->now_ns);
		if (one_in(100))
			gro_flush(&r->gro, GRO_RECONFIGURE);
		if (one_in(2)) {
			take_all(r);
			check_age(r, from + cnt);
		}
	}
	gro_flush(&r->gro, GRO_SHUTDOWN);
	take_all(r);
}

/* ---- order ---- */

/* Numbers the names that packets bear: equal names, equal numbers. */
static uint32_t number_of(uint32_t *table, uint32_t size, const struct round *r, uint32_t idx,
			  const void *(*name)(const struct sent *sent), size_t name_len)
{
	const uint8_t *mine = name(&r->stream[idx]);
	uint32_t at = 2166136261u;

	for (size_t i = 0; i < name_len; i++)
		at = (at ^ mine[i]) * 16777619u;
	for (at %= size; table[at]; at = (at + 1) % size)
		if (!memcmp(name(&r->stream[table[at] - 1]), mine, name_len))
			return table[at] - 1;
	table[at] = idx + 1;
	return idx;
}

static const void *pair_name(const struct sent *sent) { return &sent->judgement.pair_name; }
static const void *flow_name(const struct sent *sent) { return &sent->judgement.flow_name; }

/* Before the stream runs: a flow, or pair, is known by the number of the first packet of it. */
static void number_names(struct round *r)
{
	static uint32_t pairs[4 * STREAM_MAX], flows[4 * STREAM_MAX];

	memset(pairs, 0, sizeof pairs);
	memset(flows, 0, sizeof flows);
	for (uint32_t i = 0; i < r->stream_len; i++) {
		struct judgement *j = &r->stream[i].judgement;

		if (j->kind != KIND_OTHER)
			j->pair = number_of(pairs, ARRAY_SIZE(pairs), r, i, pair_name, sizeof j->pair_name);
		if (j->kind == KIND_FLOW)
			j->flow = number_of(flows, ARRAY_SIZE(flows), r, i, flow_name, sizeof j->flow_name);
	}
}

/*
 * D1: of a flow, in order of arrival. D2: a packet of unknown flow behind all of its pair that
 * came before it, and before all that came after it.
 */
static void check_order(const struct round *r)
{
	static uint64_t of_flow[STREAM_MAX], of_pair[STREAM_MAX], fence[STREAM_MAX];
	uint64_t others = 0;

	memset(of_flow, 0, sizeof of_flow);
	memset(of_pair, 0, sizeof of_pair);
	memset(fence, 0, sizeof fence);
	for (uint32_t i = 0; i < r->stream_len; i++) {
		const struct judgement *j = &r->stream[i].judgement;
		uint64_t position = r->stream[i].position;

		if (j->kind == KIND_OTHER) {
			holds(position > others, "what is not ours passes in order");
			others = position;
			continue;
		}
		holds(position > fence[j->pair], "D2: overtook a packet that may be of its flow");
		if (j->kind == KIND_UNKNOWN) {
			holds(position > of_pair[j->pair], "D2: overtook what its pair held");
			fence[j->pair] = position;
		} else {
			holds(position > of_flow[j->flow], "D1: overtook a packet of its flow");
			of_flow[j->flow] = position;
		}
		if (position > of_pair[j->pair])
			of_pair[j->pair] = position;
	}
}

static void round_close(struct round *r)
{
	uint64_t deliveries = 0;

	holds(r->delivered_cnt == r->stream_len, "every packet comes out");
	holds(gro_owned_packets(&r->gro) == 0, "all packets are given back");
	holds(gro_next(&r->gro) == NULL && gro_deadline(&r->gro) == UINT64_MAX, "nothing is left");
	for (uint32_t i = 0; i < GRO_REASON_CNT; i++)
		deliveries += r->gro.flushes[i] + r->gro.singles[i];
	holds(deliveries <= r->stream_len, "counted once each");
	total.packets += r->stream_len;
	for (uint32_t i = 0; i < r->stream_len; i++) {
		free(r->stream[i].data);
		free(r->stream[i].copy);
		free(r->stream[i].want);
	}
	free(r->memory);
}

static void run_round(uint64_t seed, bool accept_unfinished)
{
	static struct round r;

	round_open(&r, seed, accept_unfinished);
	number_names(&r);
	run_stream(&r);
	check_order(&r);
	round_close(&r);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static void run_rounds(uint64_t first_seed, uint64_t usual_cnt, bool accept_unfinished)
{
	uint64_t cnt = from_environment("SUPERPACKET_ROUNDS", usual_cnt);

	if (getenv("SUPERPACKET_SEED")) {
		run_round(from_environment("SUPERPACKET_SEED", 0), accept_unfinished);
		return;
	}
	for (uint64_t i = 0; i < cnt; i++)
		run_round(first_seed + i, accept_unfinished);
	cr_log_info("%" PRIu64 " packets, %" PRIu64 " merged into %" PRIu64, total.packets,
		    total.merged, total.superpackets);
	if (cnt < usual_cnt)
		return;
	cr_expect_gt(total.merged, total.packets / 5, "hardly anything was merged");
	cr_expect_gt(total.unmerged, 100);
	for (uint32_t i = 0; i < GRO_LEFT_ALONE; i++)
		cr_expect_gt(total.reasons[i], 0, "never seen: %s", gro_reason_names[i]);
}

Test(roundtrip, what_goes_in_comes_out)
{
	run_rounds(1, 200, false);
}

/* Apart, since a spoiled checksum may by chance look unfinished: here, none are spoiled so. */
Test(roundtrip, unfinished_checksums_come_out_finished)
{
	run_rounds(1000000, 80, true);
}
