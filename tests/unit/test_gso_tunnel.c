// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Cutting within tunnels (S7), compared byte for byte with the segmentation of gso_book.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "gso_book.h"

/* Common tunnels, several of each kind. */
struct tunnel_case {
	const char *says;
	enum packet_tunnel_kind kind;
	void (*change)(struct packet_tunnel *t);
};

static void t_plain(struct packet_tunnel *t) { (void)t; }
static void t_no_csum(struct packet_tunnel *t) { t->outer.l4_csum = PACKET_CSUM_ZERO; }
static void t_options(struct packet_tunnel *t)
{
	t->options_len = 20;
	memset(t->options, 0x81, 20);
}
static void t_ip(struct packet_tunnel *t) { t->ethernet = false; }
static void t_ethernet(struct packet_tunnel *t) { t->ethernet = true; }
static void t_key(struct packet_tunnel *t)
{
	t->key = true;
	t->key_value = 0x12345678;
}
static void t_csum(struct packet_tunnel *t) { t->csum = true; }

static void t_gre_all(struct packet_tunnel *t)
{
	t_csum(t);
	t_key(t);
	t_ethernet(t);
}

static const struct tunnel_case tunnels[] = {
	{ "VXLAN", PACKET_VXLAN, t_plain },
	{ "VXLAN without a checksum", PACKET_VXLAN, t_no_csum },
	{ "GENEVE", PACKET_GENEVE, t_plain },
	{ "GENEVE with options", PACKET_GENEVE, t_options },
	{ "GENEVE of IP packets", PACKET_GENEVE, t_ip },
	{ "GRE", PACKET_GRE, t_plain },
	{ "GRE with key", PACKET_GRE, t_key },
	{ "GRE with checksum", PACKET_GRE, t_csum },
	{ "GRE with key and checksum, of frames", PACKET_GRE, t_gre_all },
	{ "IP in IP", PACKET_IPIP, t_plain },
};

static struct packet_tunnel tunnel_of(const struct tunnel_case *c, unsigned int v6)
{
	struct packet_tunnel t = packet_tunnel(c->kind, v6 ? PACKET_L3_IPV6 : PACKET_L3_IPV4);

	c->change(&t);
	return t;
}

Test(gso_tunnel, every_kind,
     .description = "S7: each tunnel in IPv4 and IPv6, of TCP and UDP over both; outer checksums, GRE's too")
{
	unsigned int i, outer, inner;
	char what[100];

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (outer = 0; outer < 2; outer++)
			for (inner = 0; inner < 4; inner++) {
				struct packet_tunnel t = tunnel_of(&tunnels[i], outer);
				struct packet p = packet_of(inner);

				p.payload_len = 5 * 701 + 3;
				p.tcp_flags = PACKET_ACK | PACKET_PSH | PACKET_CWR;
				snprintf(what, sizeof what, "%s, outer v%u, inner %u", tunnels[i].says, outer ? 6 : 4,
					 inner);
				check_packet_in(&t, &p, 701, what);
				p.payload_len = 702; /* two segments, both of which differ from the template */
				check_packet_in(&t, &p, 701, what);
				p.payload_len = 2 * 701; /* the last is as long as the others */
				check_packet_in(&t, &p, 701, what);
			}
}

Test(gso_tunnel, header_shapes,
     .description = "S2, S7: tags outside and inside, IP options and extension headers at both levels")
{
	unsigned int i, outer, inner, extras, tags;

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (outer = 0; outer < 2; outer++)
			for (inner = 0; inner < 4; inner++)
				for (extras = 0; extras < 4; extras++)
					for (tags = 0; tags < 3; tags++) {
						struct packet_tunnel t = tunnel_of(&tunnels[i], outer);
						struct packet p = packet_of(inner);

						add_vlans(&t.outer, tags);
						add_ip_extras(&t.outer, extras & 1);
						if (t.ethernet)
							add_vlans(&p, 2 - tags);
						add_ip_extras(&p, extras >> 1);
						p.payload_len = 2222;
						check_packet_in(&t, &p, 1000, tunnels[i].says);
					}
}

Test(gso_tunnel, ids, .description = "S4, S7: IPv4 IDs of each level count up or stay, independently")
{
	static const uint16_t ids[] = { 0, 0xfffe, 0x1234 };
	unsigned int i, k, fixed;
	struct super s;

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (k = 0; k < ARRAY_SIZE(ids); k++)
			for (fixed = 0; fixed < 4; fixed++) {
				struct packet_tunnel t = tunnel_of(&tunnels[i], 0);
				struct packet p = packet_of(fixed % 2 * 2);

				t.outer.ip_id = ids[k];
				p.ip_id = ids[(k + 1) % ARRAY_SIZE(ids)];
				p.payload_len = 1000;
				super_build_in(&s, &t, &p, 100, true);
				s.request.fixed_id = fixed & 1;
				s.request.outer_fixed_id = fixed & 2;
				s.request.accecn = fixed == 3;
				check_super(&s, tunnels[i].says);
				super_free(&s);
			}
}

/* The VNI and the key take every value, so the outer checksum does. */
Test(gso_tunnel, checksum_corners, .description = "S7: every outer sum; UDP's 0 becomes 0xffff, GRE's stays")
{
	struct packet_tunnel vxlan = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV6);
	struct packet_tunnel gre = packet_tunnel(PACKET_GRE, PACKET_L3_IPV4);
	uint32_t i, ones = 0, zeros = 0;
	uint8_t segment[256];
	struct super s;

	t_gre_all(&gre);
	for (i = 0; i < 0x10000; i++) {
		struct packet p = packet_tcp4();

		p.payload_len = 30;
		vxlan.vni = i << 8;
		super_build_in(&s, &vxlan, &p, 20, true);
		check_mode(&s, i % 3 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL, "VXLAN");
		book_segment(&s, 0, false, segment);
		ones += get(segment + s.at.outer_l4_off + 6, 2) == 0xffff;
		cr_assert_neq(get(segment + s.at.outer_l4_off + 6, 2), 0);
		super_free(&s);

		gre.key_value = i;
		super_build_in(&s, &gre, &p, 20, true);
		check_mode(&s, i % 3 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL, "GRE");
		book_segment(&s, 0, false, segment);
		zeros += get(segment + s.at.outer_l4_off + 4, 2) == 0;
		super_free(&s);
	}
	cr_assert_gt(ones, 0);
	cr_assert_gt(zeros, 0);
}

Test(gso_tunnel, random_contents, .description = "S7, S10: payloads and fields of all values, 3000 superpackets")
{
	uint8_t payload[4096];
	uint64_t state = 7;
	uint32_t i, k;

	for (i = 0; i < 3000; i++) {
		struct packet_tunnel t = tunnel_of(&tunnels[random_next(&state) % ARRAY_SIZE(tunnels)],
						   random_next(&state) % 2);
		struct packet p = packet_of(random_next(&state));
		uint16_t size = (uint16_t)(40 + random_next(&state) % 700);

		for (k = 0; k < sizeof payload; k++)
			payload[k] = (uint8_t)random_next(&state);
		for (k = 0; k < 16; k++) {
			p.saddr[k] = (uint8_t)random_next(&state);
			t.outer.daddr[k] = (uint8_t)random_next(&state);
		}
		p.ip_id = (uint16_t)random_next(&state);
		p.seq = random_next(&state) << 1;
		p.tcp_flags = random_next(&state) & 0x1ff;
		t.vni = random_next(&state) & 0xffffff;
		t.outer.ip_id = (uint16_t)random_next(&state);
		t.outer.sport = (uint16_t)random_next(&state);
		t.outer.tos = (uint8_t)random_next(&state);
		p.payload = payload;
		p.payload_len = size + 1 + random_next(&state) % 3000;
		check_packet_in(&t, &p, size, "random");
	}
}

/* ---- malformed tunnels ---- */

Test(gso_tunnel, gre_fields_before_the_inner_packet,
     .description = "S7: a checksum that would lie within the packet inside is refused")
{
	struct packet_tunnel t = packet_tunnel(PACKET_GRE, PACKET_L3_IPV4);
	struct packet p = packet_tcp4();
	struct super s;
	struct gso gso;

	p.payload_len = 3000;
	super_build_in(&s, &t, &p, 1000, true);
	s.data[s.at.outer_l4_off] |= 0x80;
	cr_assert_eq(gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL), GSO_MALFORMED);
	super_free(&s);
}

Test(gso_tunnel, odd_headers,
     .description = "S7: a tunnel header of an odd length is refused; the same a byte longer is cut")
{
	uint8_t inside[2048] = { 0 }, frame[2048];
	struct packet p = packet_tcp4();

	p.payload_len = 1000;
	for (uint32_t i = 0; i < 4; i++) {
		bool gre = i / 2;
		uint32_t gap = 9 + i % 2, len;
		struct packet outer = packet_udp4();
		struct gso_request r = { .type = GSO_TCPV4,
					 .size = 300,
					 .inner_l3_off = (uint16_t)(14 + 20 + (gre ? 0 : 8) + gap) };
		struct gso gso;

		if (gre) {
			outer.l4 = PACKET_L4_NONE;
			outer.protocol = GRE_PROTOCOL;
		}
		/* The IP packet is moved behind a tunnel header of gap bytes, of which GRE's are the first four. */
		len = (uint32_t)packet_build(&p, inside + gap, sizeof inside - gap, NULL) - 14;
		memmove(inside + gap, inside + gap + 14, len);
		memset(inside, 0, gap);
		outer.payload = inside;
		outer.payload_len = gap + len;
		len = (uint32_t)packet_build(&outer, frame, sizeof frame, NULL);
		cr_assert_eq(gso_open(&gso, &r, frame, len, 1514, HEADER_CSUM_FULL), gap % 2 ? GSO_MALFORMED : GSO_CUT,
			     "%s, %u bytes", gre ? "GRE" : "UDP", gap);
	}
}

/* ---- ordinary packets ---- */

Test(gso_tunnel, complete,
     .description = "V2, S7: an unfinished packet in an unfinished tunnel: both checksums are finished, 0 stays 0")
{
	unsigned int i, outer, inner, len;

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (outer = 0; outer < 2; outer++)
			for (inner = 0; inner < 4; inner++)
				for (len = 0; len <= 500; len += 125) {
					struct packet_tunnel t = tunnel_of(&tunnels[i], outer);
					struct packet p = packet_of(inner);

					p.payload_len = len;
					check_complete(&t, &p, tunnels[i].says);
				}
}

Test(gso_tunnel, complete_corners,
     .description = "S7: every sum that a tunnel can have, in ordinary packets: UDP's 0 becomes 0xffff, GRE's stays")
{
	struct packet_tunnel vxlan = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
	struct packet_tunnel gre = packet_tunnel(PACKET_GRE, PACKET_L3_IPV6);
	struct packet p = packet_udp4();
	uint32_t i;

	t_gre_all(&gre);
	p.payload_len = 9;
	for (i = 0; i < 0x10000; i++) {
		vxlan.vni = i << 8;
		gre.key_value = i;
		check_complete(&vxlan, &p, "VXLAN");
		check_complete(&gre, &p, "GRE");
	}
}

Test(gso_tunnel, complete_finished_inside, .description = "V2, V4: a finished packet inside an unfinished tunnel")
{
	struct packet_tunnel t = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
	struct packet p = packet_tcp4();
	uint8_t want[512], got[512];
	struct packet_layout at;
	size_t len = packet_build_in(&t, &p, want, sizeof want, &at);
	struct gso_request r = { .type = GSO_TCPV4, .size = 500, .inner_l3_off = (uint16_t)at.l3_off };

	memcpy(got, want, len);
	put(got + at.outer_l4_off + 6, 2, 0xbeef);
	gso_complete(&r, got, (uint32_t)len);
	cr_assert_arr_eq(got, want, len);

	/* An ordinary packet with nothing to finish is not changed. */
	put(got + at.outer_l4_off + 6, 2, 0xbeef);
	put(want + at.outer_l4_off + 6, 2, 0xbeef);
	r.type = GSO_NONE;
	gso_complete(&r, got, (uint32_t)len);
	cr_assert_arr_eq(got, want, len);
}

Test(gso_tunnel, complete_no_tunnel,
     .description = "a request that wrongly mentions a tunnel: the checksum is finished, no other byte changes")
{
	struct packet p = packet_tcp4();
	uint8_t want[256], got[256];
	struct gso_request r = { .needs_csum = true, .csum_start = 34, .csum_offset = 16, .inner_l3_off = 14 };
	size_t len = packet_build(&p, want, sizeof want, NULL);

	p.l4_csum = PACKET_CSUM_PARTIAL;
	packet_build(&p, got, sizeof got, NULL);
	gso_complete(&r, got, (uint32_t)len);
	cr_assert_arr_eq(got, want, len);
}
