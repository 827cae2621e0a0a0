// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Cutting within tunnels (S7), compared byte for byte with the segmentation of gso_book.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "gso_book.h"

/* Tunnels as they are met; a number of each kind. */
struct tunnel_case {
	const char *says;
	enum packet_tunnel_kind kind;
	void (*change)(struct packet_tunnel *t);
};

static void t_plain(struct packet_tunnel *t) { (void)t; }
static void t_no_csum(struct packet_tunnel *t) { t->outer.l4_csum = PACKET_CSUM_ZERO; }
static void t_options(struct packet_tunnel *t) { t->options_len = 20; memset(t->options, 0x81, 20); }
static void t_ip(struct packet_tunnel *t) { t->ethernet = false; }
static void t_ethernet(struct packet_tunnel *t) { t->ethernet = true; }
static void t_key(struct packet_tunnel *t) { t->key = true; t->key_value = 0x12345678; }
static void t_csum(struct packet_tunnel *t) { t->csum = true; }
static void t_sequence(struct packet_tunnel *t) { t->sequence = true; }
static void t_version(struct packet_tunnel *t) { t->version = 1; }
static void t_routing(struct packet_tunnel *t) { t->gre_flags = 0x4000; }

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

/* TCP and UDP over IPv4 and IPv6. */
static struct packet inner_of(unsigned int which)
{
	struct packet (*const make[])(void) = { packet_tcp4, packet_tcp6, packet_udp4, packet_udp6 };

	return make[which % 4]();
}

Test(gso_tunnel, every_kind, .description = "S7: each tunnel in IPv4 and IPv6, of TCP and UDP over both; outer checksums, GRE's too")
{
	unsigned int i, outer, inner;
	char what[100];

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (outer = 0; outer < 2; outer++)
			for (inner = 0; inner < 4; inner++) {
				struct packet_tunnel t = tunnel_of(&tunnels[i], outer);
				struct packet p = inner_of(inner);

				p.payload_len = 5 * 701 + 3;
				p.tcp_flags = PACKET_ACK | PACKET_PSH | PACKET_CWR;
				snprintf(what, sizeof what, "%s, outer v%u, inner %u", tunnels[i].says,
					 outer ? 6 : 4, inner);
				check_packet_in(&t, &p, 701, what);
				p.payload_len = 702; /* the first is not the last, though both are ends */
				check_packet_in(&t, &p, 701, what);
				p.payload_len = 2 * 701; /* the last is as long as the others */
				check_packet_in(&t, &p, 701, what);
			}
}

Test(gso_tunnel, header_shapes, .description = "S2, S7: tags outside and inside, IP options and extension headers at both levels")
{
	unsigned int i, outer, inner, extras, tags;

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (outer = 0; outer < 2; outer++)
			for (inner = 0; inner < 4; inner++)
				for (extras = 0; extras < 4; extras++)
					for (tags = 0; tags < 3; tags++) {
						struct packet_tunnel t = tunnel_of(&tunnels[i], outer);
						struct packet p = inner_of(inner);

						add_vlans(&t.outer, tags);
						add_ip_extras(&t.outer, extras & 1);
						if (t.ethernet)
							add_vlans(&p, 2 - tags);
						add_ip_extras(&p, extras >> 1);
						p.payload_len = 2222;
						check_packet_in(&t, &p, 1000, tunnels[i].says);
					}
}

Test(gso_tunnel, ids, .description = "S4, S7: IPv4 IDs of both levels count up or stay, each for itself")
{
	static const uint16_t ids[] = { 0, 0xfffe, 0x1234 };
	unsigned int i, k, fixed;
	struct super s;

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (k = 0; k < ARRAY_SIZE(ids); k++)
			for (fixed = 0; fixed < 4; fixed++) {
				struct packet_tunnel t = tunnel_of(&tunnels[i], 0);
				struct packet p = inner_of(fixed % 2 * 2);

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

/* The outer sum takes every value, since the VNI and the key do. */
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
		struct packet p = inner_of(random_next(&state));
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

/* ---- verdicts ---- */

/* One thing changed in a good superpacket of 3000 bytes of payload at 1000 a segment. */
struct verdict_case {
	const char *says;
	enum gso_verdict want;
	enum packet_tunnel_kind kind;
	void (*tunnel)(struct packet_tunnel *t);
	void (*packet)(struct packet *p);
	void (*request)(struct gso_request *r);
};

static void p_plain(struct packet *p) { (void)p; }
static void p_small(struct packet *p) { p->payload_len = 1000; }
static void p_fragment(struct packet *p) { p->mf = true; }
static void p_short(struct packet *p) { p->ip_len = 2000; }
static void p_options(struct packet *p) { p->ip_options = nop_options; p->ip_options_len = 20; }
static void p_six(struct packet *p) { struct packet q = packet_tcp6(); q.payload_len = p->payload_len; *p = q; }

static void t_outer_fragment(struct packet_tunnel *t) { t->outer.mf = true; }
static void t_outer_options(struct packet_tunnel *t) { p_options(&t->outer); }
static void t_outer_length(struct packet_tunnel *t) { t->outer.ip_len = 5000; }
static void t_udp_length(struct packet_tunnel *t) { t->outer.udp_len = 500; }
static void t_long(struct packet_tunnel *t) { t->options_len = 200; }

static void r_plain(struct gso_request *r) { (void)r; }
static void r_scratch(struct gso_request *r) { r->needs_csum = false; }
static void r_told_wrong(struct gso_request *r) { r->outer_l4_off = 3; r->outer_version = 9; r->outer_csum = 1; }
static void r_outer_csum(struct gso_request *r) { r->csum_start = 34; r->csum_offset = 6; }
static void r_type(struct gso_request *r) { r->type = GSO_TCPV6; }
static void r_udp(struct gso_request *r) { r->type = GSO_UDP; r->csum_offset = 6; }
static void r_no_tunnel(struct gso_request *r) { r->inner_l3_off = 0; }
static void r_odd(struct gso_request *r) { r->inner_l3_off++; }
static void r_before(struct gso_request *r) { r->inner_l3_off = 14; }
static void r_within(struct gso_request *r) { r->inner_l3_off = 36; }
static void r_beyond(struct gso_request *r) { r->inner_l3_off = 0xffff; }
static void r_exact(struct gso_request *r) { r->size = 1514 - 104; }
static void r_more(struct gso_request *r) { r->size = 1514 - 103; }

static const struct verdict_case verdicts[] = {
	{ "a good superpacket", GSO_CUT, PACKET_VXLAN, t_plain, p_plain, r_plain },
	{ "V4: without NEEDS_CSUM", GSO_CUT, PACKET_VXLAN, t_plain, p_plain, r_scratch },
	{ "S7: what is told of the tunnel is not believed", GSO_CUT, PACKET_VXLAN, t_plain, p_plain, r_told_wrong },
	{ "S2: IPv4 options outside", GSO_CUT, PACKET_VXLAN, t_outer_options, p_plain, r_plain },
	{ "S2: IPv4 options inside", GSO_CUT, PACKET_IPIP, t_plain, p_options, r_plain },
	{ "V5: the sum is the tunnel's", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_outer_csum },
	{ "V4: the type says IPv6 inside", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_type },
	{ "V4: the type says IPv4 inside", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_six, r_plain },
	{ "V4: the type says UDP inside", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_udp },
	{ "TCP within a tunnel that is not told", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_no_tunnel },
	{ "an inner packet at an odd offset", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_odd },
	{ "an inner packet that is the outer one", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_before },
	{ "an inner packet within the UDP header", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_within },
	{ "an inner packet beyond the frame", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_plain, r_beyond },
	{ "R5: a fragment outside", GSO_MALFORMED, PACKET_GRE, t_outer_fragment, p_plain, r_plain },
	{ "R5: a fragment inside", GSO_MALFORMED, PACKET_GRE, t_plain, p_fragment, r_plain },
	{ "an outer IP length beyond the frame", GSO_MALFORMED, PACKET_IPIP, t_outer_length, p_plain, r_plain },
	{ "R7: an outer UDP length that is not the IP length's", GSO_MALFORMED, PACKET_GENEVE, t_udp_length, p_plain, r_plain },
	{ "S10: an inner packet shorter than the tunnel's", GSO_MALFORMED, PACKET_VXLAN, t_plain, p_short, r_plain },
	{ "a header longer than its slot", GSO_MALFORMED, PACKET_GENEVE, t_long, p_plain, r_plain },
	{ "S7: GRE with sequence numbers", GSO_MALFORMED, PACKET_GRE, t_sequence, p_plain, r_plain },
	{ "S7: GRE of another version", GSO_MALFORMED, PACKET_GRE, t_version, p_plain, r_plain },
	{ "S7: GRE with routing", GSO_MALFORMED, PACKET_GRE, t_routing, p_plain, r_plain },
	{ "V2: payload as long as the size", GSO_ORDINARY, PACKET_VXLAN, t_plain, p_small, r_plain },
	{ "S8: a segment of exactly the longest frame", GSO_CUT, PACKET_VXLAN, t_plain, p_plain, r_exact },
	{ "S8: a segment a byte longer", GSO_TOO_LONG, PACKET_VXLAN, t_plain, p_plain, r_more },
};

Test(gso_tunnel, verdicts, .description = "S1, S7, S8, V2-V5: what is cut, what is ordinary, what is refused")
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict_case *c = &verdicts[i];
		struct packet_tunnel t = packet_tunnel(c->kind, PACKET_L3_IPV4);
		struct packet p = packet_tcp4();
		struct super s;
		struct gso gso;
		enum gso_verdict got;

		p.payload_len = 3000;
		c->packet(&p);
		c->tunnel(&t);
		super_build_in(&s, &t, &p, 1000, true);
		s.request.type = GSO_TCPV4;
		c->request(&s.request);
		got = gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL);
		cr_expect_eq(got, c->want, "%s: verdict %d", c->says, got);
		super_free(&s);
	}
}

Test(gso_tunnel, gre_fields_before_the_inner_packet, .description = "S7: a checksum that would lie within the packet inside is refused")
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

Test(gso_tunnel, odd_headers, .description = "S7: a tunnel header of an odd length, which nobody has, is refused; the same a byte longer is cut")
{
	uint8_t inside[2048] = { 0 }, frame[2048];
	struct packet outer = packet_udp4(), p = packet_tcp4();
	struct packet_layout at;
	uint32_t gap, len;

	p.payload_len = 1000;
	for (gap = 9; gap < 11; gap++) {
		struct gso_request r = { .type = GSO_TCPV4, .size = 300,
					 .inner_l3_off = (uint16_t)(14 + 20 + 8 + gap) };
		struct gso gso;

		/* The IP packet moves right behind gap bytes of tunnel. */
		len = (uint32_t)packet_build(&p, inside + gap, sizeof inside - gap, NULL) - 14;
		memmove(inside + gap, inside + gap + 14, len);
		outer.payload = inside;
		outer.payload_len = gap + len;
		len = (uint32_t)packet_build(&outer, frame, sizeof frame, &at);
		cr_assert_eq(gso_open(&gso, &r, frame, len, 1514, HEADER_CSUM_FULL),
			     gap % 2 ? GSO_MALFORMED : GSO_CUT);
	}
}

/* ---- ordinary packets ---- */

/* What a one-segment superpacket is finished to, and an ordinary packet with both sums unfinished. */
static void complete_equals(const struct packet_tunnel *t, const struct packet *from, bool ordinary,
			    const char *what)
{
	struct packet p = *from;
	uint8_t want[2048];
	struct super s;
	struct gso gso;

	super_build_in(&s, t, &p, 500, true);
	p.l4_csum = PACKET_CSUM_FULL;
	cr_assert_eq(packet_build_in(t, &p, want, sizeof want, NULL), s.len);
	if (ordinary)
		s.request.type = GSO_NONE;
	cr_assert_eq(gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL), GSO_ORDINARY);
	gso_complete(&s.request, s.data, s.len);
	same(s.data, want, s.len, what, 0);
	super_free(&s);
}

Test(gso_tunnel, complete, .description = "V2, S7: an unfinished packet inside an unfinished tunnel: both sums come out right, 0 stays 0")
{
	unsigned int i, outer, inner, len;

	for (i = 0; i < ARRAY_SIZE(tunnels); i++)
		for (outer = 0; outer < 2; outer++)
			for (inner = 0; inner < 4; inner++)
				for (len = 0; len <= 500; len += 125) {
					struct packet_tunnel t = tunnel_of(&tunnels[i], outer);
					struct packet p = inner_of(inner);

					p.payload_len = len;
					complete_equals(&t, &p, false, tunnels[i].says);
					complete_equals(&t, &p, true, tunnels[i].says);
				}
}

Test(gso_tunnel, complete_corners, .description = "S7: every sum that a tunnel can have, in ordinary packets: UDP's 0 becomes 0xffff, GRE's stays")
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
		complete_equals(&vxlan, &p, i & 1, "VXLAN");
		complete_equals(&gre, &p, i & 1, "GRE");
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

	/* An ordinary packet with nothing to finish is left alone, whatever it holds. */
	put(got + at.outer_l4_off + 6, 2, 0xbeef);
	put(want + at.outer_l4_off + 6, 2, 0xbeef);
	r.type = GSO_NONE;
	gso_complete(&r, got, (uint32_t)len);
	cr_assert_arr_eq(got, want, len);
}

Test(gso_tunnel, complete_no_tunnel, .description = "an ordinary packet that only claims to be in a tunnel: its own sum is finished, no other byte changes")
{
	struct packet p = packet_tcp4();
	uint8_t want[256], got[256];
	struct gso_request r = { .needs_csum = true, .csum_start = 34, .csum_offset = 16,
				 .inner_l3_off = 14 };
	size_t len = packet_build(&p, want, sizeof want, NULL);

	p.l4_csum = PACKET_CSUM_PARTIAL;
	packet_build(&p, got, sizeof got, NULL);
	gso_complete(&r, got, (uint32_t)len);
	cr_assert_arr_eq(got, want, len);
}

/* ---- hostile input ---- */

static void hostile_request(uint64_t *state, const struct packet_layout *at, struct gso_request *r)
{
	static const uint16_t sizes[] = { 1, 2, 100, 536, 1000, 1448, 0, 0xffff, 65000 };

	if (random_next(state) % 4 == 0)
		r->size = sizes[random_next(state) % ARRAY_SIZE(sizes)];
	if (random_next(state) % 4 == 0)
		r->type = random_next(state) % 5;
	if (random_next(state) % 4 == 0)
		r->inner_l3_off = (uint16_t)(random_next(state) % (at->payload_off + 8));
	if (random_next(state) % 8 == 0)
		r->csum_start = (uint16_t)random_next(state);
	if (random_next(state) % 8 == 0)
		r->csum_offset = (uint16_t)random_next(state);
	r->needs_csum = random_next(state) % 4;
	r->outer_csum = random_next(state) % 2;
}

Test(gso_tunnel, hostile, .description = "S1, S7, V1-V5: 200000 made-up tunnels and requests; no byte beyond them is touched (sanitizers)")
{
	uint32_t verdict_cnt[4] = { 0 }, i, flips;
	uint64_t state = 12;

	for (i = 0; i < 200000; i++) {
		struct packet_tunnel t = tunnel_of(&tunnels[random_next(&state) % ARRAY_SIZE(tunnels)],
						   random_next(&state) % 2);
		struct packet p = inner_of(random_next(&state));
		uint32_t frame_max = random_next(&state) % 2 ? 1518 : 60 + random_next(&state) % 4000;
		enum gso_verdict verdict;
		struct super s;
		struct gso gso;

		add_ip_extras(&t.outer, random_next(&state) % 2);
		p.payload_len = random_next(&state) % 2000;
		super_build_in(&s, &t, &p, 1 + random_next(&state) % 1000, true);
		hostile_request(&state, &s.at, &s.request);
		for (flips = random_next(&state) % 3; flips; flips--)
			s.data[random_next(&state) % s.at.payload_off] = (uint8_t)random_next(&state);
		if (random_next(&state) % 4 == 0) {
			s.len = random_next(&state) % (s.len + 1);
			s.data = realloc(s.data, s.len + !s.len);
		}
		verdict = gso_open(&gso, &s.request, s.data, s.len, frame_max,
				   random_next(&state) % 2 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL);
		verdict_cnt[verdict]++;
		if (verdict == GSO_CUT)
			drain(&gso, s.len, frame_max, random_next(&state) % 2);
		else if (verdict == GSO_ORDINARY)
			gso_complete(&s.request, s.data, s.len);
		super_free(&s);
	}
	for (i = 0; i < 4; i++)
		cr_assert_gt(verdict_cnt[i], 1000, "verdict %u came up %u times only", i, verdict_cnt[i]);
}
