// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The header template by itself; test_gso.c compares what comes of it byte for byte. */
#include <criterion/criterion.h>

#include "engine/header_patch.h"
#include "fixtures/packet_builder.h"

#define SIZE 1448u

struct made {
	uint8_t data[4096];
	struct packet_view view;
	struct header_template t;
	uint32_t len;
};

static void make(struct made *m, const struct packet *p, const struct header_job *job)
{
	m->len = (uint32_t)packet_build(p, m->data, sizeof m->data, NULL);
	cr_assert_gt(m->len, 0);
	parse_packet(m->data, m->len, m->len, &m->view);
	cr_assert_eq(m->view.class, PARSE_TCP);
	/* Nothing of an earlier superpacket may shine through. */
	memset(&m->t, 0xee, sizeof m->t);
	header_prepare(&m->t, m->data, &m->view, job);
}

static const struct header_job full = { .size = SIZE, .checksum = HEADER_CSUM_FULL };

Test(header, slot_bounds, .description = "the header's bytes are all that is written, for every header length")
{
	static const uint8_t options[40] = { [0 ... 39] = 1 };
	uint8_t room[64 + HEADER_SLOT_LEN + 64];
	uint16_t ext, opt;
	struct made m;
	int i;

	for (ext = 0; ext <= 176; ext += 8)
		for (opt = 0; opt <= 40; opt += 4) {
			struct packet p = packet_tcp6();

			if (ext)
				packet_push_ext(&p, PACKET_EXT_DSTOPTS, ext);
			p.tcp_options = options;
			p.tcp_options_len = opt;
			if (14 + 40 + ext + 20 + opt > (int)HEADER_SLOT_LEN)
				continue;
			make(&m, &p, &full);
			memset(room, 0x5a, sizeof room);
			header_copy(&m.t, room + 64);
			header_patch(&m.t, room + 64, 0, SIZE, 0, true);
			for (i = 0; i < 64; i++)
				cr_assert(room[i] == 0x5a && room[64 + m.t.len + i] == 0x5a,
					  "header of %u bytes", m.t.len);
		}
}

Test(header, what_is_copied, .description = "S2: but for the patched fields, a segment's header is the superpacket's")
{
	static const uint8_t patched4[] = { 16, 17, 18, 19, 24, 25, 38, 39, 40, 41, 47, 50, 51 };
	uint8_t slot[HEADER_SLOT_LEN];
	struct packet p = packet_tcp4();
	struct made m;
	unsigned int i, k;

	p.tos = 0xb9;
	p.ttl = 3;
	p.df = false;
	p.window = 0xabcd;
	p.urgent = 0x4242;
	p.tcp_reserved = 5;
	p.tcp_flags = PACKET_ACK | PACKET_URG | PACKET_ECE | PACKET_AE;
	p.payload_len = 2 * SIZE;
	make(&m, &p, &full);
	header_copy(&m.t, slot);
	header_patch(&m.t, slot, 1, SIZE, 0, true);
	for (i = 0, k = 0; i < m.t.len; i++) {
		if (k < sizeof patched4 && patched4[k] == i) {
			k++;
			continue;
		}
		cr_assert_eq(slot[i], m.data[i], "byte %u", i);
	}
	cr_assert_eq(slot[47], m.data[47], "flags that belong to all segments");
}

/* Flags of segment idx of three. */
static uint8_t flags_of(const struct made *m, uint32_t idx)
{
	uint8_t slot[HEADER_SLOT_LEN];

	header_copy(&m->t, slot);
	header_patch(&m->t, slot, idx, idx == 2 ? 10 : SIZE, 0, idx == 2);
	return slot[m->t.l4_off + 13];
}

Test(header, flags, .description = "S3: a table of who carries what")
{
	static const struct {
		const char *says;
		uint8_t super, first, middle, last;
	} table[] = {
		{ "ACK on all", 0x10, 0x10, 0x10, 0x10 },
		{ "PSH on the last", 0x18, 0x10, 0x10, 0x18 },
		{ "FIN on the last", 0x11, 0x10, 0x10, 0x11 },
		{ "CWR on the first", 0x90, 0x90, 0x10, 0x10 },
		{ "all three", 0x99, 0x90, 0x10, 0x19 },
		{ "ECE on all", 0x50, 0x50, 0x50, 0x50 },
		{ "URG on all", 0x30, 0x30, 0x30, 0x30 },
		{ "SYN and RST on all", 0x16, 0x16, 0x16, 0x16 },
		{ "none", 0x00, 0x00, 0x00, 0x00 },
		{ "all eight", 0xff, 0xf6, 0x76, 0x7f },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct packet p = packet_tcp4();
		struct made m;

		p.tcp_flags = table[i].super;
		p.payload_len = 2 * SIZE + 10;
		make(&m, &p, &full);
		cr_expect_eq(flags_of(&m, 0), table[i].first, "%s: first", table[i].says);
		cr_expect_eq(flags_of(&m, 1), table[i].middle, "%s: middle", table[i].says);
		cr_expect_eq(flags_of(&m, 2), table[i].last, "%s: last", table[i].says);
	}
}

Test(header, any_order, .description = "S9: headers of segments do not depend on each other: any order, any number of times")
{
	uint8_t forward[8][HEADER_SLOT_LEN], slot[HEADER_SLOT_LEN];
	struct packet p = packet_tcp4();
	struct made m;
	uint32_t i;

	p.payload_len = 3000;
	p.tcp_flags = PACKET_ACK | PACKET_PSH | PACKET_CWR;
	make(&m, &p, &full);
	for (i = 0; i < 8; i++) {
		header_copy(&m.t, forward[i]);
		header_patch(&m.t, forward[i], i, i == 7 ? 9 : SIZE, i * 977, i == 7);
	}
	for (i = 16; i-- > 0;) {
		header_copy(&m.t, slot);
		header_patch(&m.t, slot, i / 2, i / 2 == 7 ? 9 : SIZE, i / 2 * 977, i / 2 == 7);
		cr_assert_arr_eq(slot, forward[i / 2], m.t.len, "segment %u", i / 2);
	}
}

Test(header, any_order_others, .description = "S6, S7, S9: the same of UDP and of tunnels, at both levels")
{
	static const enum packet_tunnel_kind kinds[] = { PACKET_VXLAN, PACKET_GRE, PACKET_IPIP };
	uint8_t forward[8][HEADER_SLOT_LEN], slot[HEADER_SLOT_LEN];
	uint32_t i, which;

	for (which = 0; which < 6; which++) {
		struct packet_tunnel tunnel = packet_tunnel(kinds[which / 2], PACKET_L3_IPV4);
		struct packet p = which % 2 ? packet_udp6() : packet_tcp4();
		struct packet_layout at;
		struct made m;

		tunnel.csum = true;
		p.payload_len = 3000;
		m.len = (uint32_t)packet_build_in(&tunnel, &p, m.data, sizeof m.data, &at);
		parse_packet(m.data, m.len, m.len, &m.view);
		cr_assert(parse_inner_at(m.data, m.len, m.len, (uint16_t)at.l3_off, &m.view));
		memset(&m.t, 0xee, sizeof m.t);
		header_prepare(&m.t, m.data, &m.view, &full);
		for (i = 0; i < 8; i++) {
			header_copy(&m.t, forward[i]);
			header_patch(&m.t, forward[i], i, i == 7 ? 9 : SIZE, i * 977, i == 7);
		}
		for (i = 16; i-- > 0;) {
			header_copy(&m.t, slot);
			header_patch(&m.t, slot, i / 2, i / 2 == 7 ? 9 : SIZE, i / 2 * 977, i / 2 == 7);
			cr_assert_arr_eq(slot, forward[i / 2], m.t.len, "segment %u of %u", i / 2, which);
		}
		/* IDs of both levels count, and their headers' sums are right. */
		cr_assert_eq(load_be16(forward[7] + at.outer_l3_off + 4),
			     (uint16_t)(load_be16(m.data + at.outer_l3_off + 4) + 7));
		cr_assert(checksum_ipv4_right(forward[7] + at.outer_l3_off));
	}
}

Test(header, shared_id, .description = "S4: IDs count up, or all segments share the first")
{
	struct header_job job = { .size = SIZE, .checksum = HEADER_CSUM_PARTIAL };
	uint8_t slot[HEADER_SLOT_LEN];
	struct packet p = packet_tcp4();
	struct made m;
	uint32_t fixed, i;

	p.ip_id = 0xfffe;
	for (fixed = 0; fixed < 2; fixed++) {
		job.fixed_id = fixed;
		make(&m, &p, &job);
		for (i = 0; i < 5; i++) {
			header_copy(&m.t, slot);
			header_patch(&m.t, slot, i, SIZE, 0, i == 4);
			cr_assert_eq(load_be16(slot + 18), fixed ? 0xfffe : (uint16_t)(0xfffe + i));
			cr_assert(checksum_ipv4_right(slot + 14));
		}
	}
}
