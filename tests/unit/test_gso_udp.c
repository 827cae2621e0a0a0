// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Cutting of UDP superpackets (S6), compared byte for byte with the segmentation of gso_book.c. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gso_book.h"

static struct packet udp(unsigned int v6)
{
	return v6 ? packet_udp6() : packet_udp4();
}

Test(gso_udp, every_header_shape, .description = "S2, S4, S6: IPv4 and IPv6, 0-2 tags, IP options, extension headers")
{
	unsigned int v6, vlans, extras;
	char what[80];

	for (v6 = 0; v6 < 2; v6++)
		for (vlans = 0; vlans < 3; vlans++)
			for (extras = 0; extras < 3; extras++) {
				struct packet p = udp(v6);

				add_vlans(&p, vlans);
				add_ip_extras(&p, extras);
				p.payload_len = 5 * 536 + 3;
				snprintf(what, sizeof what, "v%u, %u tags, extras %u", v6 ? 6 : 4, vlans, extras);
				check_packet(&p, 536, what);
			}
}

Test(gso_udp, every_size, .description = "S2, S6: payloads around multiples of the size, the smallest, odd ones, the longest")
{
	static const uint16_t sizes[] = { 1, 2, 3, 7, 96, 511, 512, 1200, 1472, 8948, 32000, 65506 };
	static const uint32_t times[] = { 1, 2, 3, 127, 128 };
	unsigned int v6, i, k;
	int around;
	char what[80];

	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			for (k = 0; k < ARRAY_SIZE(times); k++)
				for (around = -1; around < 2; around++) {
					struct packet p = udp(v6);

					p.payload_len = sizes[i] * times[k] + (size_t)around;
					if (p.payload_len <= sizes[i] || p.payload_len > 65507 ||
					    p.payload_len > sizes[i] * 128u)
						continue;
					snprintf(what, sizeof what, "v%u, size %u, payload %zu", v6 ? 6 : 4,
						 sizes[i], p.payload_len);
					check_packet(&p, sizes[i], what);
				}
}

Test(gso_udp, ids, .description = "S4: IPv4 IDs count up modulo 2^16, or all segments share the first")
{
	static const uint16_t ids[] = { 0, 1, 0xffff, 0xffc0 };
	unsigned int i, fixed;
	struct super s;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		for (fixed = 0; fixed < 2; fixed++) {
			struct packet p = packet_udp4();

			p.ip_id = ids[i];
			p.payload_len = 128 * 100;
			super_build(&s, &p, 100, true);
			s.request.fixed_id = fixed;
			check_super(&s, fixed ? "shared ID" : "ID");
			super_free(&s);
		}
}

Test(gso_udp, zero_becomes_ones, .description = "S6, RFC 768: of all sums that segments can have, 0 is sent as 0xffff")
{
	uint32_t word, ones = 0, i;
	uint8_t payload[8] = { 0 };
	uint8_t segment[64];

	for (word = 0; word < 0x10000; word++) {
		struct packet p = udp(word & 1);
		struct super s;

		p.payload = payload;
		p.payload_len = 7; /* the last is shorter: its sum is another */
		put(payload, 2, word);
		put(payload + 4, 2, word);
		super_build(&s, &p, 4, true);
		check_mode(&s, HEADER_CSUM_FULL, "corner");
		check_mode(&s, HEADER_CSUM_NIC, "corner");
		for (i = 0; i < 2 && s.len <= sizeof segment; i++) {
			book_segment(&s, i, false, segment);
			cr_assert_neq(get(segment + s.at.l4_off + 6, 2), 0);
			ones += get(segment + s.at.l4_off + 6, 2) == 0xffff;
		}
		super_free(&s);
	}
	cr_assert_gt(ones, 0);
}

Test(gso_udp, random_headers, .description = "S2, S4, S6, S10: fields of all values, 2000 superpackets")
{
	uint64_t state = 6;
	int i, k;

	for (i = 0; i < 2000; i++) {
		struct packet p = udp(random_next(&state) % 2);
		uint16_t size = (uint16_t)(1 + random_next(&state) % 700);

		for (k = 0; k < 16; k++) {
			p.saddr[k] = (uint8_t)random_next(&state);
			p.daddr[k] = (uint8_t)random_next(&state);
		}
		p.tos = (uint8_t)random_next(&state);
		p.ttl = (uint8_t)random_next(&state);
		p.ip_id = (uint16_t)random_next(&state);
		p.df = random_next(&state) % 2;
		p.flow_label = random_next(&state) & 0xfffff;
		p.sport = (uint16_t)random_next(&state);
		p.dport = (uint16_t)random_next(&state);
		p.seq = random_next(&state);
		add_vlans(&p, random_next(&state) % 3);
		add_ip_extras(&p, random_next(&state) % 3);
		p.payload_len = size + 1 + random_next(&state) % (size * 100);
		if (p.payload_len > 64000)
			p.payload_len = 64000;
		check_packet(&p, size, "random");
	}
}

/* ---- verdicts ---- */

/* One thing changed in a good superpacket of 3000 bytes of payload at 1000 a segment. */
struct verdict_case {
	const char *says;
	enum gso_verdict want;
	struct packet (*from)(void);
	void (*packet)(struct packet *p);
	void (*request)(struct gso_request *r);
};

static void p_plain(struct packet *p) { (void)p; }
static void p_tcp(struct packet *p) { p->l4 = PACKET_L4_TCP; }
static void p_small(struct packet *p) { p->payload_len = 1000; }
static void p_empty(struct packet *p) { p->payload_len = 0; }
static void p_short_udp(struct packet *p) { p->udp_len = 2000; }
static void p_fragment(struct packet *p) { p->mf = true; }
static void p_128(struct packet *p) { p->payload_len = 1280; }
static void p_129(struct packet *p) { p->payload_len = 1281; }

static void r_plain(struct gso_request *r) { r->type = GSO_UDP; }
static void r_scratch(struct gso_request *r) { r->needs_csum = false; }
static void r_offset(struct gso_request *r) { r->csum_offset = 16; }
static void r_start(struct gso_request *r) { r->csum_start += 2; }
static void r_size_0(struct gso_request *r) { r->size = 0; }
static void r_size_10(struct gso_request *r) { r->size = 10; }
static void r_size_exact(struct gso_request *r) { r->size = 1514 - 42; }
static void r_size_more(struct gso_request *r) { r->size = 1514 - 41; }
static void r_unknown(struct gso_request *r) { r->type = GSO_UDP + 1; }

static const struct verdict_case verdicts[] = {
	{ "a good superpacket", GSO_CUT, packet_udp4, p_plain, r_plain },
	{ "a good superpacket, IPv6", GSO_CUT, packet_udp6, p_plain, r_plain },
	{ "S6: without NEEDS_CSUM", GSO_MALFORMED, packet_udp4, p_plain, r_scratch },
	{ "S6: without NEEDS_CSUM, IPv6", GSO_MALFORMED, packet_udp6, p_plain, r_scratch },
	{ "S6: one segment without NEEDS_CSUM", GSO_MALFORMED, packet_udp4, p_small, r_scratch },
	{ "V3: csum_offset is TCP's", GSO_MALFORMED, packet_udp4, p_plain, r_offset },
	{ "V5: csum_start is not the UDP header", GSO_MALFORMED, packet_udp4, p_plain, r_start },
	{ "V4: type says UDP, packet says TCP", GSO_MALFORMED, packet_udp4, p_tcp, r_plain },
	{ "a type that there is not", GSO_MALFORMED, packet_udp4, p_plain, r_unknown },
	{ "V1: size 0", GSO_MALFORMED, packet_udp4, p_plain, r_size_0 },
	{ "R7: a UDP length below the IP length's", GSO_MALFORMED, packet_udp4, p_short_udp, r_plain },
	{ "R5: a fragment", GSO_MALFORMED, packet_udp4, p_fragment, r_plain },
	{ "S6: 128 segments", GSO_CUT, packet_udp4, p_128, r_size_10 },
	{ "S6: 129 segments", GSO_MALFORMED, packet_udp4, p_129, r_size_10 },
	{ "S6: 129 segments, IPv6", GSO_MALFORMED, packet_udp6, p_129, r_size_10 },
	{ "V2: payload as long as the size", GSO_ORDINARY, packet_udp4, p_small, r_plain },
	{ "V2: no payload", GSO_ORDINARY, packet_udp6, p_empty, r_plain },
	{ "S8: a segment of exactly the longest frame", GSO_CUT, packet_udp4, p_plain, r_size_exact },
	{ "S8: a segment a byte longer", GSO_TOO_LONG, packet_udp4, p_plain, r_size_more },
};

Test(gso_udp, verdicts, .description = "S1, S6, S8, V1-V5: what is cut, what is ordinary, what is refused")
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict_case *c = &verdicts[i];
		struct packet p = c->from();
		struct super s;
		struct gso gso;
		enum gso_verdict got;

		p.payload_len = 3000;
		c->packet(&p);
		super_build(&s, &p, 1000, true);
		s.request.type = GSO_UDP;
		s.request.csum_offset = 6;
		c->request(&s.request);
		got = gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL);
		cr_expect_eq(got, c->want, "%s: verdict %d", c->says, got);
		super_free(&s);
	}
}

Test(gso_udp, one_segment, .description = "V2: what turns out to be one datagram is finished like any packet")
{
	struct packet p = packet_udp6();
	uint8_t want[256];
	struct super s;
	struct gso gso;

	p.payload_len = 100;
	super_build(&s, &p, 100, true);
	p.l4_csum = PACKET_CSUM_FULL;
	packet_build(&p, want, sizeof want, NULL);
	cr_assert_eq(gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL), GSO_ORDINARY);
	gso_complete(&s.request, s.data, s.len);
	cr_assert_arr_eq(s.data, want, s.len);
	super_free(&s);
}
