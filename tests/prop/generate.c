// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Scenarios from seeds: connections of all kinds, with spoiled packets, fragments, other protocols and noise, and with
 * loss, duplicates and reordering; in bursts, to an engine with random limits.
 *
 * A packet is the patched header of its connection and a piece of one long payload, which is cheap enough for ten
 * million packets. Rare packets are built by the packet builder.
 */
#include <stdlib.h>

#include "naive.h"
#include "fixtures/packet_builder.h"
#include "random.h"
#include "scenario.h"

#define FLOWS_MAX 10000u
#define FRAME_ROOM 10000u
#define HEADER_ROOM 600u
#define PAYLOADS (1u << 16)

/* One direction of a connection: its header, its next packet, and how it behaves. */
struct connection {
	uint8_t header[HEADER_ROOM];
	uint32_t header_len;
	struct judged layout;
	struct packet packet;
	struct packet_tunnel tunnel;
	bool in_tunnel, outer_csum, finishes; /* finishes: its checksums */
	bool bulk;                            /* nothing but full segments */
	uint8_t options[40];
	uint32_t mss, seq, payload_len;
	uint32_t id, outer_id, id_step, outer_id_step; /* steps: 0, 1; 2: random */
	uint32_t flags;
	uint32_t mischief; /* one packet in so many is odd */
};

struct generator {
	struct random random;
	struct scenario *s;
	struct connection *connections;
	uint32_t connection_cnt;
	uint32_t burst_len, until_end; /* packets of a burst at most; left of this one */
	uint32_t step_ns;
	uint32_t fragmented; /* one packet in so many comes in fragments; 0: none */
	uint8_t payloads[PAYLOADS + FRAME_ROOM];
};

static struct generator g;

static uint32_t pick(uint32_t n) { return below(&g.random, n); }
static bool rarely(uint32_t n) { return one_in(&g.random, n); }

/* ---- what a caller does ---- */

static void fragment_step(struct step *step, uint32_t len)
{
	uint32_t rest;

	if (!g.fragmented || len < 2 || !rarely(g.fragmented))
		return;
	step->first_len = (uint16_t)(rarely(8) ? 1 + pick(len) : len / 2 + pick(len / 2));
	rest = len - step->first_len;
	step->piece_len = (uint16_t)(rest / (GRO_FRAGMENTS_MAX - 1) + 1 + pick(rest + 1));
}

static struct step next_step(uint32_t len, bool right)
{
	struct step step = { .verified = right && rarely(4) };

	fragment_step(&step, len);
	if (rarely(50))
		step.after |= AFTER_OFFER;
	if (g.until_end-- == 0) {
		g.until_end = pick(g.burst_len);
		step.after |= AFTER_BURST_END;
		step.step_ns = pick(g.step_ns);
		if (rarely(100))
			step.after |= AFTER_FLUSH;
		if (rarely(2))
			step.after |= AFTER_TAKE;
		else if (rarely(2))
			step.after |= AFTER_TAKE_SOME;
	}
	return step;
}

static bool add_bytes(const uint8_t *bytes, uint32_t len, bool right)
{
	return scenario_add(g.s, bytes, len, next_step(len, right));
}

/* ---- connections ---- */

static void take_layout(struct connection *c, const struct packet_layout *at, uint32_t len)
{
	const struct packet *p = &c->packet, *outer = &c->tunnel.outer;

	c->layout = (struct judged){ .kind = KIND_FLOW };
	c->layout.level = (struct judged_level){
		.l3 = (uint16_t)at->l3_off,
		.l4 = (uint16_t)at->l4_off,
		.payload = (uint16_t)at->payload_off,
		.end = len,
		.version = p->l3 == PACKET_L3_IPV6 ? 6 : 4,
		.protocol = p->l4 == PACKET_L4_UDP ? WIRE_UDP : WIRE_TCP,
	};
	if (!c->in_tunnel)
		return;
	c->layout.outer = (struct judged_level){
		.l3 = (uint16_t)at->outer_l3_off,
		.l4 = (uint16_t)at->outer_l4_off,
		.end = len,
		.version = outer->l3 == PACKET_L3_IPV6 ? 6 : 4,
		.protocol = c->tunnel.kind == PACKET_IPIP ? (p->l3 == PACKET_L3_IPV6 ? WIRE_IPIP6 : WIRE_IPIP4) :
			    c->tunnel.kind == PACKET_GRE  ? WIRE_GRE :
							    WIRE_UDP,
	};
}

/* The header, from what the connection now looks like. */
static void remake_header(struct connection *c)
{
	struct packet p = c->packet;
	struct packet_layout at = { 0 };

	p.payload_len = 0;
	p.pad_to = 0;
	p.tcp_options = c->options; /* a connection may have moved */
	c->header_len = (uint32_t)(c->in_tunnel ? packet_build_in(&c->tunnel, &p, c->header, HEADER_ROOM, &at) :
						  packet_build(&p, c->header, HEADER_ROOM, &at));
	if (!c->header_len)
		abort();
	take_layout(c, &at, c->header_len);
}

static uint32_t random_mss(void)
{
	switch (pick(12)) {
	case 0: return 1 + pick(20);
	case 1: return rarely(3) ? 1448 : 536;
	case 2: return rarely(4) ? 8900 : 1 + pick(1400);
	default: return 1 + pick(160);
	}
}

static void open_tunnel(struct connection *c)
{
	static const enum packet_tunnel_kind kinds[] = { PACKET_VXLAN, PACKET_GENEVE, PACKET_GRE, PACKET_IPIP };
	struct packet_tunnel *t = &c->tunnel;

	*t = packet_tunnel(kinds[pick(4)], rarely(2) ? PACKET_L3_IPV4 : PACKET_L3_IPV6);
	if (t->kind == PACKET_GENEVE || t->kind == PACKET_GRE)
		t->ethernet = rarely(2);
	t->vni = pick(3);
	t->options_len = rarely(2) ? 0 : 4 * pick(5);
	memset(t->options, 0, sizeof t->options);
	t->csum = rarely(2);
	t->key = rarely(2);
	t->key_value = pick(3);
	t->outer.sport = (uint16_t)(50000 + pick(4));
	t->outer.df = !rarely(3);
	t->outer.saddr[3] += (uint8_t)pick(2);
	c->outer_csum = t->kind == PACKET_GRE ? t->csum : rarely(2);
	t->outer.l4_csum = c->outer_csum ? PACKET_CSUM_FULL : PACKET_CSUM_ZERO;
	if (rarely(4))
		packet_push_vlan(&t->outer, 0x8100, (uint16_t)pick(3));
	c->outer_id = pick(1 << 16);
	c->outer_id_step = pick(20) ? pick(2) : 2;
}

static void open_headers(struct connection *c, uint32_t pairs)
{
	struct packet *p = &c->packet;

	*p = rarely(2) ? packet_tcp4() : packet_tcp6();
	p->saddr[rarely(2) ? 3 : 15] += (uint8_t)pick(pairs);
	p->sport = (uint16_t)pick(2000);
	p->dport = (uint16_t)(1 + pick(3));
	p->src_mac[5] += (uint8_t)pick(2);
	p->flow_label = rarely(2) ? 0 : pick(4);
	p->df = !rarely(4);
	for (uint32_t tags = rarely(3) ? pick(4) : 0; tags; tags--)
		packet_push_vlan(p, rarely(3) ? 0x88a8 : 0x8100, (uint16_t)pick(3));
	if (p->l3 == PACKET_L3_IPV6 && rarely(8))
		packet_push_ext(p, rarely(2) ? PACKET_EXT_HOPOPTS : PACKET_EXT_DSTOPTS, (uint16_t)(8 + 8 * pick(3)))
			->fill = (uint8_t)pick(2);
	if (rarely(4))
		p->l4 = PACKET_L4_UDP;
	memset(c->options, 1, sizeof c->options);
	p->tcp_options = c->options;
	p->tcp_options_len = rarely(2) ? 12 : 4 * pick(11);
	if (p->tcp_options_len == 12)
		packet_timestamp(p, c->options, pick(100), pick(100));
}

static void connection_open(struct connection *c, uint32_t pairs, bool tunnels)
{
	memset(c, 0, sizeof *c); /* a scenario must not depend on the one before */
	open_headers(c, pairs);
	c->in_tunnel = tunnels && rarely(2);
	if (c->in_tunnel)
		open_tunnel(c);
	c->mss = random_mss();
	c->payload_len = c->mss;
	c->seq = rarely(4) ? 0 - pick(20000) : (uint32_t)random_u64(&g.random);
	c->id = rarely(4) ? 0 - pick(20) : pick(1 << 16);
	c->id_step = pick(20) ? pick(2) : 2;
	c->bulk = rarely(4);
	c->mischief = c->bulk ? 4000 : rarely(2) ? 1000 : 5 + pick(60);
	c->finishes = !g.s->config.accept_unfinished || c->in_tunnel || rarely(3);
	remake_header(c);
}

/* ---- one packet of a connection ---- */

static void set_ids(const struct connection *c, uint8_t *frame)
{
	if (c->layout.level.version == 4)
		set16(frame + c->layout.level.l3 + 4, c->id);
	if (c->layout.outer.version == 4)
		set16(frame + c->layout.outer.l3 + 4, c->outer_id);
}

/* Changes the payload so that the checksum becomes 0, and may then write 0xffff, which is as right. */
static void make_zero_checksum(const struct connection *c, uint8_t *frame, uint32_t len)
{
	uint8_t *field = frame + c->layout.level.l4 + (c->layout.level.protocol == WIRE_UDP ? 6 : 16);
	uint8_t *payload = frame + c->header_len;

	if ((c->header_len - c->layout.level.l4) % 2 || len < c->header_len + 2u)
		return;
	set16(payload, wire_fold(get16(payload) + get16(field)));
	naive_finish(frame, &c->layout, len, c->outer_csum);
	if (rarely(3) && !get16(field) && !c->in_tunnel)
		set16(field, 0xffff);
}

/* Writes the next packet as it should be. Returns its length. */
static uint32_t make_packet(const struct connection *c, uint8_t *frame, bool finished)
{
	uint32_t len = c->header_len + c->payload_len;
	const struct judged_level *level = &c->layout.level;

	memcpy(frame, c->header, c->header_len);
	memcpy(frame + c->header_len, g.payloads + c->seq % PAYLOADS, c->payload_len);
	set_ids(c, frame);
	if (level->protocol == WIRE_TCP) {
		set32(frame + level->l4 + 4, c->seq);
		frame[level->l4 + 13] |= (uint8_t)c->flags;
	}
	naive_finish(frame, &c->layout, len, c->outer_csum);
	if (rarely(300))
		make_zero_checksum(c, frame, len);
	if (!finished)
		set16(frame + level->l4 + (level->protocol == WIRE_UDP ? 6 : 16),
		      wire_pseudo(frame + level->l3, level->version, level->protocol, len - level->l4));
	while (len < 60)
		frame[len++] = 0;
	return len;
}

static void step_connection(struct connection *c)
{
	c->seq += c->payload_len;
	c->id += c->id_step == 2 ? pick(1 << 16) : c->id_step;
	c->outer_id += c->outer_id_step == 2 ? pick(1 << 16) : c->outer_id_step;
	c->payload_len = c->mss;
	c->flags = 0;
}

static bool add_good(struct connection *c)
{
	static uint8_t frame[FRAME_ROOM + HEADER_ROOM];
	bool finished = c->finishes || rarely(20), lost = rarely(c->bulk ? 2000 : 200);
	uint32_t len = make_packet(c, frame, finished);

	if (rarely(4) && len == 60)
		len = c->header_len + c->payload_len; /* some drivers cut padding off */
	step_connection(c);
	return lost || add_bytes(frame, len, finished && !c->in_tunnel);
}

/* ---- what is not as it should be ---- */

static bool add_noise(void)
{
	uint8_t noise[200];
	uint32_t len = pick(sizeof noise);

	for (uint32_t i = 0; i < len; i++)
		noise[i] = (uint8_t)random_u64(&g.random);
	if (len > 14 && rarely(2))
		memcpy(noise + 12, rarely(2) ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
	return add_bytes(noise, len, false);
}

static bool add_arp(void)
{
	struct packet p = packet_tcp4();
	uint8_t frame[100];

	p.l3 = PACKET_L3_NONE;
	p.l4 = PACKET_L4_NONE;
	p.ethertype = 0x0806;
	p.payload_len = 28;
	p.pad_to = 60;
	return add_bytes(frame, (uint32_t)packet_build(&p, frame, sizeof frame, NULL), false);
}

/* Where a bit is flipped: mostly in the headers, and there often in a tunnel's own. */
static uint32_t spoiled_at(const struct connection *c, uint32_t len)
{
	uint32_t tunnel = c->layout.outer.l4, headers_len = len < c->header_len ? len : c->header_len;

	if (rarely(3))
		return pick(len);
	if (c->in_tunnel && rarely(2))
		return tunnel + pick(c->layout.level.l3 - tunnel + 1u);
	return pick(headers_len);
}

/* Bits flipped, or cut off, or a byte put behind. The checksums are then mostly wrong; or they are made right,
 * so that it is another good packet, which differs from the one before in a few bits. */
static bool add_spoiled(struct connection *c)
{
	static uint8_t frame[FRAME_ROOM + HEADER_ROOM];
	uint32_t len = make_packet(c, frame, c->finishes), flips = rarely(2) ? 1 : 1 + pick(3);

	if (rarely(4))
		len = pick(len);
	else if (rarely(6))
		frame[len++] = (uint8_t)pick(256);
	else
		while (flips--)
			frame[spoiled_at(c, len)] ^= (uint8_t)(1 << pick(8));
	if (rarely(2)) {
		struct judged found = judge(frame, len, &g.s->config);

		naive_repair(frame, &found);
	}
	if (rarely(2))
		step_connection(c);
	return add_bytes(frame, len, false);
}

/* Its headers say that it ends before its bytes do: the rest is padding (R4), on the next packet of any length. */
static bool add_padded(struct connection *c)
{
	static uint8_t frame[FRAME_ROOM + HEADER_ROOM];
	uint32_t len = make_packet(c, frame, true);

	naive_finish(frame, &c->layout, c->header_len + 1 + pick(c->payload_len), c->outer_csum);
	if (rarely(2))
		step_connection(c);
	return add_bytes(frame, len, false);
}

/* A packet that differs from what the connection sends otherwise. The stream goes on as if it had not come. */
static struct packet odd_packet(const struct connection *c)
{
	static const uint8_t options[8] = { 1, 1, 1, 1, 1, 1, 1, 0 };
	struct packet p = c->packet;

	p.tcp_options = c->options;
	p.seq = c->seq;
	p.ip_id = (uint16_t)c->id;
	p.payload_len = c->payload_len;
	switch (pick(16)) {
	case 0: p.payload_len = 0; break;
	case 1: p.payload_len = 0, p.pad_to = c->in_tunnel ? 0 : 60; break;
	case 2: p.tcp_flags = PACKET_SYN, p.payload_len = pick(2) * 10; break;
	case 3: p.tcp_flags |= PACKET_RST; break;
	case 4: p.tcp_flags |= PACKET_URG, p.urgent = 1; break;
	case 5: p.seq -= (uint32_t)p.payload_len; break;
	case 6: p.seq -= pick(5000); break;
	case 7: p.seq += pick(5000); break;
	case 8: p.l4_csum_xor = (uint16_t)(1 + pick(0xffff)); break;
	case 9: p.ip_csum_xor = 0x4000; break;
	case 10: p.l4 = p.l4 == PACKET_L4_UDP ? PACKET_L4_TCP : PACKET_L4_UDP; break;
	case 11: p.ip_options = options, p.ip_options_len = 8; break;
	case 12: p.tcp_flags |= PACKET_CWR; break;
	case 13: p.urgent = (uint16_t)pick(3); break;
	case 14: p.l4_csum = PACKET_CSUM_ZERO; break;
	default:
		p.frag_off = (uint16_t)pick(3), p.mf = rarely(2);
		if (p.l3 == PACKET_L3_IPV6)
			packet_push_ext(&p, PACKET_EXT_FRAGMENT, 8)->more = true;
	}
	return p;
}

static bool add_odd(const struct connection *c)
{
	static uint8_t frame[FRAME_ROOM + 2 * HEADER_ROOM];
	struct packet p = odd_packet(c);
	size_t len = c->in_tunnel ? packet_build_in(&c->tunnel, &p, frame, sizeof frame, NULL) :
				    packet_build(&p, frame, sizeof frame, NULL);

	return add_bytes(frame, (uint32_t)len, false);
}

/* Changes that last: acknowledgements, windows, timestamps, ECN marks, routes. */
static void change_habits(struct connection *c)
{
	struct packet *p = &c->packet;
	struct packet *outer = c->in_tunnel && rarely(2) ? &c->tunnel.outer : p;

	switch (pick(9)) {
	case 0: p->ack += pick(3000); break;
	case 1: p->window = (uint16_t)pick(1 << 16); break;
	case 2: outer->tos = (uint8_t)pick(256); break;
	case 3: outer->ttl = (uint8_t)(1 + pick(255)); break;
	case 4: p->tcp_flags ^= PACKET_ECE; break;
	case 5: outer->df = !outer->df; break;
	case 6: c->id += pick(100); break;
	case 7: p->tcp_flags ^= rarely(2) ? PACKET_CWR : PACKET_AE; break;
	default:
		if (p->tcp_options_len)
			c->options[p->tcp_options_len - 1]++;
	}
	remake_header(c);
}

static bool add_mischief(struct connection *c)
{
	switch (pick(17)) {
	case 0: return add_noise();
	case 1: return add_arp();
	case 11: return add_padded(c);
	case 2:
	case 3:
	case 4:
	case 5: return add_spoiled(c);
	case 6:
	case 7:
	case 8:
	case 9:
	case 10: return add_odd(c);
	default: change_habits(c); return true;
	}
}

static bool add_next(struct connection *c)
{
	if (rarely(c->mischief))
		return add_mischief(c);
	if (c->bulk)
		return add_good(c);
	if (rarely(30))
		c->payload_len = 1 + pick(c->mss + 1);
	if (rarely(40))
		c->flags |= PACKET_PSH;
	if (rarely(300))
		c->flags |= PACKET_FIN;
	return add_good(c);
}

/* ---- a scenario ---- */

static uint32_t small_or(uint32_t usual) { return rarely(3) ? 1 + pick(8) : usual; }

static void random_extras(struct gro_config *config)
{
	config->min_payload = rarely(10) ? pick(100) : 0;
	config->idle_ns = config->hold_ns && rarely(3) ? 1 + pick(20000) : 0;
	for (uint32_t i = 0; i < GRO_PASS_PORTS && rarely(3); i++)
		config->pass_ports[i] = (uint16_t)(rarely(2) ? 1 + pick(3) : 1 + pick(2000));
	config->flush_all_when_full = rarely(4);
	config->adaptive = rarely(6);
	config->marks = rarely(3);
	config->headroom = rarely(2) ? (uint16_t)pick(64) : 0;
	if (rarely(4))
		config->max_bytes = 65535 + pick(GRO_BIG_BYTES_MAX - 65535);
	if (rarely(2))
		config->merge = (uint32_t)random_u64(&g.random) & PROVEN_MERGE;
}

static void random_config(struct gro_config *config)
{
	*config = (struct gro_config){ 0 };
	config->flows = small_or(rarely(8) ? 1 + pick(12000) : 1 + pick(600));
	config->packets = g.fragmented ? GRO_FRAGMENTS_MAX + pick(3000) : small_or(1 + pick(3000));
	config->max_packets = rarely(3) ? 2 + pick(20) : GRO_MAX_PACKETS;
	config->max_bytes = rarely(3) ? 1 + pick(65535) : 65535;
	config->hold_ns = rarely(2) ? 0 : 1 + pick(100000);
	config->merge = rarely(25) ? 0 : PROVEN_MERGE;
	config->accept_unfinished = rarely(4);
	config->secret[0] = random_u64(&g.random);
	config->secret[1] = random_u64(&g.random);
	if (rarely(20)) /* the hashes of most flows are equal: the first product is 0 */
		memcpy(&config->secret[1], "\x02\0\0\0\0\x02\x02", 8);
	else if (rarely(20)) /* the hashes of all IPv4 pairs are equal */
		config->secret[1] = 0;
	random_extras(config);
}

/* Some packets change places with their neighbours, or come twice. */
static void disorder(struct scenario *s)
{
	uint32_t swaps = rarely(3) ? 0 : 20 + pick(500), doubles = rarely(3) ? 0 : 20 + pick(500);

	for (uint32_t i = 1; i < s->step_cnt; i++) {
		struct step *a = &s->steps[i - 1 - (swaps && i > 3 ? pick(3) : 0)], *b = &s->steps[i], was;

		if (swaps && rarely(swaps)) {
			was = *a;
			a->off = b->off, a->len = b->len, a->first_len = b->first_len, a->piece_len = b->piece_len;
			a->verified = b->verified;
			b->off = was.off, b->len = was.len, b->first_len = was.first_len;
			b->piece_len = was.piece_len, b->verified = was.verified;
		}
		if (doubles && rarely(doubles) && s->step_cnt < s->step_max) {
			struct step *twin = &s->steps[s->step_cnt];

			*twin = *b;
			twin->id = s->step_cnt++;
		}
	}
}

/* So many flows in a burst that most bursts hold CROWD_HELD. */
#define CROWD_STEPS 16000u

static void random_crowd(struct gro_config *config)
{
	config->flows = CROWD_HELD + pick(4 * CROWD_HELD);
	config->packets = 8 * CROWD_HELD + pick(8 * CROWD_HELD);
	if (config->hold_ns)
		config->hold_ns = 100000 + pick(10000000);
	config->idle_ns = 0;
}

static void open_connections(uint32_t step_cnt, bool crowd)
{
	uint32_t pairs = 1 + pick(5), most = step_cnt / 2 < FLOWS_MAX ? step_cnt / 2 + 1 : FLOWS_MAX;
	bool tunnels = rarely(3);

	g.connection_cnt = crowd ? 2 * CROWD_HELD + pick(4 * CROWD_HELD) : of_any_size(&g.random, most);
	if (g.connection_cnt > 300)
		pairs = 250;
	for (uint32_t i = 0; i < g.connection_cnt; i++)
		connection_open(&g.connections[i], pairs, tunnels);
}

void scenario_generate(struct scenario *s, uint64_t seed)
{
	uint32_t cnt, longest_train;
	bool room = true, crowd;

	if (!g.connections) {
		g.connections = malloc(FLOWS_MAX * sizeof *g.connections);
		g.random.state = 1;
		for (uint32_t i = 0; i < sizeof g.payloads; i++)
			g.payloads[i] = (uint8_t)random_u64(&g.random);
	}
	g.random.state = random_mix(seed + 1);
	g.s = s;
	s->seed = seed;
	s->step_cnt = s->byte_cnt = 0;
	s->begin_ns = 1 + pick(1000000);
	g.fragmented = rarely(4) ? 1 + pick(20) : 0;
	random_config(&s->config);
	cnt = of_any_size(&g.random, s->step_max);
	longest_train = rarely(8) ? 2000 : 1 + pick(rarely(2) ? 60 : 5);
	g.burst_len = 1 + pick(rarely(8) ? 3000 : rarely(2) ? 300 : 20);
	g.until_end = pick(g.burst_len);
	g.step_ns = of_any_size(&g.random, 100000);
	crowd = s->step_max >= CROWD_STEPS && rarely(30);
	if (crowd) {
		random_crowd(&s->config);
		cnt = CROWD_STEPS / 4 + pick(CROWD_STEPS / 2);
		longest_train = 1 + pick(4);
		g.burst_len = 4 * CROWD_HELD + pick(4 * CROWD_HELD);
	}
	open_connections(cnt, crowd);
	while (s->step_cnt < cnt && room) {
		struct connection *c = &g.connections[pick(g.connection_cnt)];

		for (uint32_t train = 1 + pick(longest_train); train && s->step_cnt < cnt && room; train--)
			room = add_next(c);
	}
	disorder(s);
}
