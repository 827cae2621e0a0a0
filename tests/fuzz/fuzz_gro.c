// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Fuzzing of reassembly. The input is a small language of packets, time and what the caller does. It runs as a
 * scenario, for which all properties of random streams must hold (prop/prove.c).
 *
 *      input: the configuration (8 bytes), then operations of one byte, with arguments of so many bytes:
 *      0-4  a packet: connection (1), distance from the packet before (1), payload length (1);
 *           1: with flags (1); 2, 3: with one or two bytes changed (offset 2, xor 1 each); 4: in fragments (2)
 *      5    time passes (2), and the burst ends
 *      6    all is flushed      7    all deliveries are taken
 */
#include "fuzz.h"
#include "fixtures/packet_builder.h"
#include "prop/scenario.h"

#define CONNECTIONS 12u
#define PACKETS 200u
#define FRAME_ROOM 700u

struct connection {
	struct packet packet;
	struct packet_tunnel tunnel;
	bool in_tunnel;
};

static struct connection connections[CONNECTIONS];
static uint8_t options[12];

static void reset_connections(void)
{
	static const struct packet_tunnel none;

	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &connections[i];

		c->packet = i % 2 ? packet_tcp6() : packet_tcp4();
		if (i % 3 == 2)
			packet_timestamp(&c->packet, options, 1, 2);
		if (i == 2 || i == 3)
			c->packet.l4 = PACKET_L4_UDP;
		if (i == 4)
			packet_push_vlan(&c->packet, 0x8100, 7);
		if (i == 5)
			packet_push_ext(&c->packet, PACKET_EXT_HOPOPTS, 8);
		c->in_tunnel = i >= 6;
		c->tunnel = none;
		if (c->in_tunnel)
			c->tunnel = packet_tunnel(PACKET_VXLAN + i % 4, i < 9 ? PACKET_L3_IPV4 : PACKET_L3_IPV6);
	}
}

static void read_config(struct gro_config *config, struct input *in)
{
	uint32_t bits = take8(in);

	*config = (struct gro_config){
		.flows = 1 + take8(in) % 16,
		.packets = 20 + take8(in),
		.max_packets = 2 + take8(in) % 64,
		.max_bytes = 65535,
		.min_payload = take8(in),
		.hold_ns = take16(in) * 16u,
		.merge = take8(in) ^ GRO_MERGE_ALL,
		.accept_unfinished = bits & 1,
		.marks = bits & 2,
		.adaptive = bits & 4,
		.flush_all_when_full = bits & 8,
		.headroom = bits & 16 ? 8 : 0,
		.secret = { 0x9e3779b97f4a7c15, bits & 32 ? 0 : 0xbf58476d1ce4e5b9 },
	};
	config->merge &= GRO_MERGE_ALL;
	if (bits & 64)
		config->idle_ns = config->hold_ns / 2;
	if (bits & 128)
		config->max_bytes = config->headroom ? GRO_BIG_BYTES_MAX : 900;
}

static void change(uint8_t *frame, uint32_t len, struct input *in)
{
	uint32_t off = take16(in);

	frame[off % len] ^= (uint8_t)take8(in);
}

static void add_packet(struct scenario *s, struct input *in, uint32_t op)
{
	struct connection *c = &connections[take8(in) % CONNECTIONS];
	uint32_t step = take8(in), len;
	struct packet *p = &c->packet, now;
	uint8_t frame[FRAME_ROOM];
	struct step how = { 0 };

	p->seq += step >= 128 ? step - 256 : step;
	p->ip_id += step < 200;
	p->payload_len = take8(in);
	now = *p;
	if (op == 1)
		now.tcp_flags ^= take8(in);
	len = (uint32_t)(c->in_tunnel ? packet_build_in(&c->tunnel, &now, frame, sizeof frame, NULL) :
					packet_build(&now, frame, sizeof frame, NULL));
	p->seq += (uint32_t)p->payload_len;
	c->tunnel.outer.ip_id++;
	if (op == 2 || op == 3)
		change(frame, len, in);
	if (op == 3)
		change(frame, len, in);
	if (op == 4) {
		how.first_len = (uint16_t)(1 + take8(in) % len);
		how.piece_len = (uint16_t)(len / 16 + 1 + take8(in));
	}
	scenario_add(s, frame, len, how);
}

static void act(struct scenario *s, struct input *in, uint32_t op)
{
	struct step *last;

	if (!s->step_cnt)
		return;
	last = &s->steps[s->step_cnt - 1];
	if (op == 5) {
		last->after |= AFTER_BURST_END;
		last->step_ns += take16(in);
	} else {
		last->after |= op == 6 ? AFTER_FLUSH : AFTER_TAKE;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scenario s;
	struct input in = { data, size };
	const char *failure;

	if (!s.steps)
		scenario_alloc(&s, PACKETS, PACKETS * FRAME_ROOM);
	s.step_cnt = s.byte_cnt = 0;
	s.begin_ns = 1000;
	s.seed = size;
	reset_connections();
	read_config(&s.config, &in);
	while (in.left && s.step_cnt < PACKETS) {
		uint32_t op = take8(&in) % 8;

		if (op <= 4)
			add_packet(&s, &in, op);
		else
			act(&s, &in, op);
	}
	failure = scenario_prove(&s, FAULT_NONE, NULL, NULL);
	if (failure) {
		scenario_print(&s);
		fflush(stdout);
		holds(false, failure);
	}
	return 0;
}
