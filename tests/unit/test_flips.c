// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Every prefix and every flipped bit of 200 packets, of every protocol and form: each is offered as
 * the second packet behind a good one, and as the first before good ones; and again with its checksums
 * made right. Whatever comes of it, scenario_prove() finds all that must hold; above all, that nothing is
 * merged with a wrong checksum, that what is merged comes back as it came, and that the short ways do what
 * the long way does.
 */
#include <criterion/criterion.h>

#include "fixtures/packet_builder.h"
#include "prop/naive.h"
#include "prop/scenario.h"

#define SEEDS 200u
#define FRAME_ROOM 1000u

/* Three consecutive packets of a connection. */
struct seed {
	uint8_t bytes[3][FRAME_ROOM];
	uint32_t len[3];
	uint32_t needs; /* GRO_MERGE_* that it takes to merge them; 0: they never do */
};

static struct seed seeds[SEEDS];
static uint32_t seed_cnt;
static struct totals totals;

/* tunnel NULL: none. */
static void seed_add(struct packet p, const struct packet_tunnel *tunnel, uint32_t needs)
{
	struct packet_tunnel around;
	struct seed *s = &seeds[seed_cnt];

	if (tunnel)
		around = *tunnel;
	for (uint32_t i = 0; i < 3; i++) {
		s->len[i] = (uint32_t)(tunnel ? packet_build_in(&around, &p, s->bytes[i], FRAME_ROOM, NULL) :
						packet_build(&p, s->bytes[i], FRAME_ROOM, NULL));
		cr_assert_gt(s->len[i], 0);
		p.seq += (uint32_t)p.payload_len;
		p.ip_id++;
		around.outer.ip_id++;
	}
	s->needs = needs;
	seed_cnt++;
}

static struct packet form(unsigned int i)
{
	static const uint8_t options[40] = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 5, 18, 9 };
	static const size_t option_len[] = { 0, 12, 32, 4 };
	static const size_t payload_len[] = { 1, 9, 32, 3 };
	struct packet p = i & 1 ? packet_tcp6() : packet_tcp4();

	p.tcp_options = options;
	p.tcp_options_len = option_len[i >> 1 & 3];
	p.payload_len = payload_len[i >> 3 & 3];
	p.tos = i & 32 ? 3 : 0;
	p.flow_label = i & 4 ? 0xabcde : 0;
	return p;
}

static void add_tcp(void)
{
	for (unsigned int i = 0; i < 48; i++) {
		struct packet p = form(i);

		if (i >= 16)
			packet_push_vlan(&p, 0x8100, 5);
		if (i >= 32)
			packet_push_vlan(&p, 0x8100, 6), p.vlan[0].tpid = 0x88a8;
		if (i % 5 == 1)
			p.pad_to = 60;
		seed_add(p, NULL, GRO_MERGE_TCP);
	}
	for (unsigned int i = 0; i < 12; i++) {
		struct packet p = form(2 * i + 1);

		packet_push_ext(&p, i % 2 ? PACKET_EXT_DSTOPTS : PACKET_EXT_HOPOPTS, (uint16_t)(8 + 8 * (i % 3)));
		if (i % 4 == 3)
			packet_push_ext(&p, PACKET_EXT_ROUTING, 8);
		seed_add(p, NULL, GRO_MERGE_TCP);
	}
}

static void add_odd(void)
{
	static const uint8_t options[8] = { 1, 1, 1, 1, 1, 1, 1, 0 };

	for (unsigned int i = 0; i < 20; i++) {
		struct packet p = form(i);

		switch (i / 2) {
		case 0: p.tcp_flags = PACKET_SYN; break;
		case 1: p.tcp_flags |= PACKET_PSH; break;
		case 2: p.tcp_flags |= PACKET_URG, p.urgent = 1; break;
		case 3: p.tcp_flags |= PACKET_CWR; break;
		case 4: p.payload_len = 0; break;
		case 5: p.payload_len = 0, p.pad_to = 60; break;
		case 6: p.mf = true, packet_push_ext(&p, PACKET_EXT_FRAGMENT, 8)->more = true; break;
		case 7: p.frag_off = 3, packet_push_ext(&p, PACKET_EXT_FRAGMENT, 8)->frag_off = 3; break;
		case 8: p.ip_options = options, p.ip_options_len = 8, packet_push_ext(&p, PACKET_EXT_AH, 24); break;
		default: p.l3 = PACKET_L3_NONE, p.l4 = PACKET_L4_NONE, p.ethertype = 0x0806, p.payload_len = 28;
		}
		seed_add(p, NULL, 0);
	}
}

static void add_udp(void)
{
	for (unsigned int i = 0; i < 24; i++) {
		struct packet p = form(i);

		p.l4 = PACKET_L4_UDP;
		if (i >= 16)
			packet_push_vlan(&p, 0x8100, 5);
		if (i % 8 == 7)
			p.l4_csum = PACKET_CSUM_ZERO;
		seed_add(p, NULL, i % 8 != 7 ? GRO_MERGE_UDP : 0);
	}
}

static void add_tunnels(void)
{
	static const enum packet_tunnel_kind kinds[] = { PACKET_VXLAN, PACKET_GENEVE, PACKET_GRE, PACKET_IPIP };
	static const uint32_t needs[] = { GRO_MERGE_VXLAN, GRO_MERGE_GENEVE, GRO_MERGE_GRE, GRO_MERGE_IPIP };

	for (unsigned int i = 0; seed_cnt < SEEDS; i++) {
		struct packet p = form(i >> 1);
		struct packet_tunnel tunnel = packet_tunnel(kinds[i / 2 % 4],
							    i >> 3 & 1 ? PACKET_L3_IPV6 : PACKET_L3_IPV4);

		if (tunnel.kind == PACKET_GENEVE || tunnel.kind == PACKET_GRE)
			tunnel.ethernet = i & 32;
		tunnel.options_len = i & 4 ? 8 : 0;
		memcpy(tunnel.options, "\1\1\1\1\2\2\2\2", 8);
		tunnel.csum = i & 1;
		tunnel.key = i & 16;
		tunnel.outer.l4_csum = i & 1 ? PACKET_CSUM_FULL : PACKET_CSUM_ZERO;
		if (i % 7 == 0)
			p.l4 = PACKET_L4_UDP;
		if (i % 9 == 0)
			packet_push_vlan(&tunnel.outer, 0x8100, 5);
		seed_add(p, &tunnel, needs[i / 2 % 4] | (p.l4 == PACKET_L4_UDP ? GRO_MERGE_UDP : GRO_MERGE_TCP));
	}
}

static void make_seeds(void)
{
	seed_cnt = 0;
	add_tcp();
	add_odd();
	add_udp();
	add_tunnels();
	cr_assert_eq(seed_cnt, SEEDS);
}

static void open_scenario(struct scenario *s)
{
	scenario_alloc(s, 4, 4 * FRAME_ROOM);
	s->config = (struct gro_config){
		.flows = 4,
		.packets = 16,
		.max_packets = 16,
		.max_bytes = 65535,
		.merge = PROVEN_MERGE,
		.secret = { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9 },
	};
	s->begin_ns = 1000;
}

/* Three packets in one burst; the spoilt'th of them is other than it was. */
static void offer(struct scenario *s, const struct seed *seed, uint32_t spoilt, const uint8_t *bytes, uint32_t len,
		  const char *what, uint32_t where)
{
	const char *failure;

	s->step_cnt = s->byte_cnt = 0;
	for (uint32_t i = 0; i < 3; i++)
		scenario_add(s, i == spoilt ? bytes : seed->bytes[i], i == spoilt ? len : seed->len[i],
			     (struct step){ .after = i == 2 ? AFTER_BURST_END | AFTER_TAKE : 0 });
	failure = scenario_prove(s, FAULT_NONE, &totals, NULL);
	if (!failure)
		return;
	scenario_print(s);
	cr_assert_fail("packet form %u, %s %u of packet %u: %s", (unsigned int)(seed - seeds), what, where, spoilt,
		       failure);
}

Test(flips, good_packets_merge)
{
	struct scenario s;

	make_seeds();
	open_scenario(&s);
	for (uint32_t i = 0; i < SEEDS; i++) {
		/* Some superpackets are taken apart again, as any caller may. */
		uint64_t before = totals.merged + 3 * totals.unmerged;

		offer(&s, &seeds[i], 3, NULL, 0, "nothing", 0);
		cr_expect_eq(totals.merged + 3 * totals.unmerged - before,
			     seeds[i].needs && !(seeds[i].needs & ~PROVEN_MERGE) ? 3 : 0, "form %u", i);
	}
	scenario_free(&s);
}

/* repaired: all checksums are right again, so that what comes is another good packet, mostly. */
static void flip_every_bit(struct scenario *s, bool repaired)
{
	make_seeds();
	open_scenario(s);
	memset(&totals, 0, sizeof totals);
	for (uint32_t i = 0; i < SEEDS; i++)
		for (uint32_t spoilt = 0; spoilt < 2; spoilt++) {
			uint8_t spoiled[FRAME_ROOM];
			uint32_t len = seeds[i].len[spoilt];

			for (uint32_t bit = 0; bit < 8 * len; bit++) {
				memcpy(spoiled, seeds[i].bytes[spoilt], len);
				spoiled[bit / 8] ^= (uint8_t)(1 << bit % 8);
				if (repaired) {
					struct judged found = judge(spoiled, len, &s->config);

					naive_repair(spoiled, &found);
				}
				offer(s, &seeds[i], spoilt, spoiled, len, repaired ? "repaired bit" : "bit", bit);
			}
		}
	scenario_free(s);
	cr_log_info("%u packets", (unsigned int)totals.packets);
	cr_expect_gt(totals.packets, 1000000, "hardly anything was tried");
}

Test(flips, every_bit)
{
	struct scenario s;

	flip_every_bit(&s, false);
	cr_expect_gt(totals.kinds[KIND_UNKNOWN], totals.packets / 10, "hardly anything was spoiled");
}

Test(flips, every_bit_with_right_checksums)
{
	struct scenario s;

	flip_every_bit(&s, true);
	cr_expect_gt(totals.kinds[KIND_FLOW], totals.packets * 9 / 10, "hardly anything was repaired");
}

Test(flips, every_prefix)
{
	struct scenario s;

	make_seeds();
	open_scenario(&s);
	for (uint32_t i = 0; i < SEEDS; i++)
		for (uint32_t spoilt = 0; spoilt < 2; spoilt++)
			for (uint32_t len = 0; len < seeds[i].len[spoilt]; len++)
				offer(&s, &seeds[i], spoilt, seeds[i].bytes[spoilt], len, "prefix", len);
	scenario_free(&s);
}
