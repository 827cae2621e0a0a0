// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Cutting of plain TCP superpackets, compared byte for byte with the segmentation of gso_book.c.
 * UDP, tunnels, jumbograms and streams are in test_gso_*.c.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/vnet.h"
#include "gso_book.h"

Test(gso, every_header_shape, .description = "S2-S5, V4: IPv4 and IPv6, 0-2 tags, IP options, extension headers, TCP options 0-40")
{
	unsigned int v6, vlans, extras, options;
	char what[80];

	for (v6 = 0; v6 < 2; v6++)
		for (vlans = 0; vlans < 3; vlans++)
			for (extras = 0; extras < 3; extras++)
				for (options = 0; options <= 40; options += 4) {
					struct packet p = v6 ? packet_tcp6() : packet_tcp4();

					add_vlans(&p, vlans);
					add_ip_extras(&p, extras);
					p.tcp_options = nop_options;
					p.tcp_options_len = options;
					p.payload_len = 5 * 536 + 3;
					p.tcp_flags = PACKET_ACK | PACKET_PSH | PACKET_CWR;
					snprintf(what, sizeof what, "v%u, %u tags, extras %u, options %u",
						 v6 ? 6 : 4, vlans, extras, options);
					check_packet(&p, 536, what);
				}
}

Test(gso, every_size, .description = "S2, S9: payloads around multiples of the MSS, the smallest MSS, odd ones")
{
	static const uint16_t sizes[] = { 1, 2, 3, 7, 64, 95, 96, 97, 536, 1447, 1448, 1460, 8948 };
	static const int around[] = { -1, 0, 1 };
	unsigned int v6, i, k, times;
	char what[80];

	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			for (times = 1; times <= 6; times += 1 + (times > 2) * 2)
				for (k = 0; k < ARRAY_SIZE(around); k++) {
					struct packet p = v6 ? packet_tcp6() : packet_tcp4();

					p.payload_len = sizes[i] * times + (size_t)around[k];
					if (p.payload_len <= sizes[i])
						continue;
					snprintf(what, sizeof what, "v%u, mss %u, payload %zu", v6 ? 6 : 4,
						 sizes[i], p.payload_len);
					check_packet(&p, sizes[i], what);
				}
}

Test(gso, largest, .description = "S2, S4: IP lengths of 65535, at common and extreme MSS; 65495 segments of a byte")
{
	static const uint16_t sizes[] = { 1, 536, 1448, 32768, 65000, 65494 };
	uint8_t timestamp[12];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct packet p = packet_tcp4();

		p.payload_len = 65535 - 40;
		check_packet(&p, sizes[i], "largest IPv4");
		p = packet_tcp6();
		packet_timestamp(&p, timestamp, 1, 2);
		p.payload_len = 65535 - 32;
		check_packet(&p, sizes[i], "largest IPv6");
	}
}

Test(gso, every_flag, .description = "S3: FIN and PSH on the last, CWR on the first, all others on all")
{
	uint16_t flags;

	for (flags = 0; flags < 0x200; flags++) {
		struct packet p = flags % 2 ? packet_tcp4() : packet_tcp6();

		p.tcp_flags = flags;
		p.tcp_reserved = flags % 8;
		p.urgent = 77;
		p.payload_len = 3 * 100;
		check_packet(&p, 100, "flags");
		p.payload_len = 101; /* the first is not the last, though both are ends */
		check_packet(&p, 100, "flags of two");
	}
}

Test(gso, accecn, .description = "R13: CWR of a superpacket marked AccECN is on all segments; nothing else changes")
{
	uint16_t flags;

	for (flags = 0; flags < 0x200; flags++) {
		struct packet p = flags % 2 ? packet_tcp4() : packet_tcp6();
		struct super s;

		p.tcp_flags = flags;
		p.payload_len = 3 * 100;
		super_build(&s, &p, 100, flags % 4 < 2);
		s.request.accecn = true;
		check_super(&s, "AccECN");
		super_free(&s);
	}
}

Test(gso, numbers_wrap, .description = "S2, S4: sequence numbers modulo 2^32, IPv4 IDs modulo 2^16, shared IDs")
{
	static const uint32_t seqs[] = { 0, 0xffffffff, 0xffffff00, 0xfffff000, 0x7fffffff, 0x0000ffff };
	static const uint16_t ids[] = { 0, 1, 0xffff, 0xfffe, 0xfff0, 0x00ff };
	unsigned int i, k, fixed;
	struct super s;

	for (i = 0; i < ARRAY_SIZE(seqs); i++)
		for (k = 0; k < ARRAY_SIZE(ids); k++)
			for (fixed = 0; fixed < 2; fixed++) {
				struct packet p = packet_tcp4();

				p.seq = seqs[i];
				p.ip_id = ids[k];
				p.df = fixed;
				p.payload_len = 20 * 500 + 1;
				super_build(&s, &p, 500, true);
				s.request.fixed_id = fixed;
				check_super(&s, fixed ? "shared ID" : "ID and seq");
				super_free(&s);
			}
}

Test(gso, random_headers, .description = "S2-S5, S10: fields of all values, 3000 superpackets")
{
	uint64_t state = 3;
	int i;

	for (i = 0; i < 3000; i++) {
		struct packet p = random_next(&state) % 2 ? packet_tcp4() : packet_tcp6();
		uint8_t options[40];
		uint16_t mss = (uint16_t)(1 + random_next(&state) % 700);
		int k;

		for (k = 0; k < 40; k++)
			options[k] = (uint8_t)random_next(&state);
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
		p.seq = random_next(&state) << 1;
		p.ack = random_next(&state) << 1;
		p.window = (uint16_t)random_next(&state);
		p.tcp_flags = random_next(&state) & 0x1ff;
		p.tcp_options = options;
		p.tcp_options_len = random_next(&state) % 11 * 4;
		add_vlans(&p, random_next(&state) % 3);
		add_ip_extras(&p, random_next(&state) % 3);
		p.payload_len = mss + 1 + random_next(&state) % 3000;
		check_packet(&p, mss, "random");
	}
}

/* The sum of a segment's own bytes plus its pseudo-header decides; try to make it 0 or 0xffff. */
Test(gso, checksum_corners, .description = "S5, S10: sums that come out as 0: the same 16 bits as from scratch")
{
	uint8_t payload[8] = { 0 };
	uint32_t word;

	for (word = 0; word < 0x10000; word++) {
		struct packet p = packet_tcp4();
		struct super s;

		p.payload = payload;
		p.payload_len = sizeof payload;
		put(payload, 2, word);
		put(payload + 4, 2, word);
		super_build(&s, &p, 4, true);
		check_mode(&s, HEADER_CSUM_FULL, "corner");
		super_free(&s);
	}
}

Test(gso, padding_is_no_payload, .description = "R4: bytes behind the IP length are in no segment")
{
	struct packet p = packet_tcp4();

	p.payload_len = 5;
	p.pad_to = 100;
	check_packet(&p, 2, "padded IPv4");
	p = packet_tcp6();
	p.payload_len = 1000;
	p.pad_to = 1400;
	check_packet(&p, 300, "padded IPv6");
}

Test(gso, partial_sum_is_trusted, .description = "S5: with NEEDS_CSUM the field counts, which knows the last destination of a routing header")
{
	struct packet p = packet_tcp6();
	struct slot slot;
	struct super s;
	struct gso gso;
	uint8_t *next_hop;
	uint32_t i;

	p.payload_len = 2000;
	packet_push_ext(&p, PACKET_EXT_ROUTING, 24);
	super_build(&s, &p, 900, true);
	/* The sender sums with the destination that the routing header leads to at last; the IP
	 * header shows the next hop. */
	next_hop = s.data + s.at.l3_off + 24;
	next_hop[15] ^= 0x77;
	put(s.data + s.at.l4_off + 16, 2, packet_fold(book_pseudo(s.data + s.at.l3_off, 6, 20 + 2000)));
	next_hop[15] ^= 0x77;
	cr_assert_eq(gso_open(&gso, &s.request, s.data, s.len, WIRE_MAX, HEADER_CSUM_FULL), GSO_CUT);
	for (i = 0; i < 3; i++) {
		struct gso_slice slice = next_checked(&gso, &slot);
		uint8_t *tcp = slot.bytes + s.at.l4_off;
		uint64_t sum;

		slot.bytes[s.at.l3_off + 24 + 15] ^= 0x77;
		sum = book_pseudo(slot.bytes + s.at.l3_off, 6, 20 + slice.len);
		sum = packet_sum(tcp, 20, sum);
		sum = packet_sum(s.data + slice.off, slice.len, sum);
		cr_assert_eq(packet_fold(sum), 0xffff, "segment %u", i);
	}
	super_free(&s);
}

Test(gso, cursors_are_independent, .description = "S9: two superpackets cut in turns; a copied cursor resumes where it was")
{
	struct packet p4 = packet_tcp4(), p6 = packet_tcp6();
	uint8_t want[2048], frame[2048];
	struct super a, b;
	struct gso ga, gb, saved;
	uint32_t i;

	p4.payload_len = 20 * 1000 + 1;
	p6.payload_len = 20 * 700 + 699;
	super_build(&a, &p4, 1000, true);
	super_build(&b, &p6, 700, false);
	cr_assert_eq(gso_open(&ga, &a.request, a.data, a.len, 1514, HEADER_CSUM_FULL), GSO_CUT);
	cr_assert_eq(gso_open(&gb, &b.request, b.data, b.len, 1514, HEADER_CSUM_FULL), GSO_CUT);
	for (i = 0; i < 21; i++) {
		uint32_t len = book_segment(&a, i, false, want);

		/* Short of descriptors: what was taken is taken again later. */
		saved = ga;
		gso_next_built(&ga, frame);
		if (!gso_done(&ga))
			gso_next_built(&ga, frame);
		ga = saved;
		cr_assert_eq(gso_next_built(&ga, frame), len);
		same(frame, want, len, "first of two", i);

		len = book_segment(&b, i, false, want);
		cr_assert_eq(gso_next_built(&gb, frame), len);
		same(frame, want, len, "second of two", i);
	}
	cr_assert(gso_done(&ga) && gso_done(&gb));
	super_free(&a);
	super_free(&b);
}

/* ---- verdicts ---- */

/* One thing wrong with a good superpacket of 3000 bytes of payload at MSS 1000. */
struct verdict_case {
	const char *says;
	enum gso_verdict want;
	struct packet (*from)(void);
	void (*packet)(struct packet *p);
	void (*request)(struct gso_request *r);
};

static void p_plain(struct packet *p) { (void)p; }
static void p_options(struct packet *p) { p->ip_options = nop_options; p->ip_options_len = 8; }
static void p_fragment(struct packet *p) { p->mf = true; }
static void p_doff_4(struct packet *p) { p->doff = 4; }
static void p_cut(struct packet *p) { p->ip_len = 39; }
static void p_ip_len_0(struct packet *p) { p->ip_len = 0; }
static void p_arp(struct packet *p) { p->l3 = PACKET_L3_NONE; p->ethertype = 0x806; }
static void p_udp(struct packet *p) { p->l4 = PACKET_L4_UDP; }
static void p_small(struct packet *p) { p->payload_len = 1000; }
static void p_ack(struct packet *p) { p->payload_len = 0; }
static void p_six_tags(struct packet *p) { for (int i = 0; i < 6; i++) packet_push_vlan(p, 0, 1); }

static void p_long_header(struct packet *p)
{
	packet_push_ext(p, PACKET_EXT_DSTOPTS, 200);
}

static void p_header_254(struct packet *p)
{
	packet_push_ext(p, PACKET_EXT_DSTOPTS, 144);
	packet_push_vlan(p, 0, 1);
	p->tcp_options = nop_options;
	p->tcp_options_len = 32;
}

static void r_plain(struct gso_request *r) { (void)r; }
static void r_scratch(struct gso_request *r) { r->needs_csum = false; r->csum_start = r->csum_offset = 9; }
static void r_none(struct gso_request *r) { r->type = GSO_NONE; }
static void r_v4(struct gso_request *r) { r->type = GSO_TCPV4; }
static void r_v6(struct gso_request *r) { r->type = GSO_TCPV6; }
static void r_size_0(struct gso_request *r) { r->size = 0; }
static void r_size_exact(struct gso_request *r) { r->size = 1460; }
static void r_size_more(struct gso_request *r) { r->size = 1461; }
static void r_size_all(struct gso_request *r) { r->size = 3000; }
static void r_start(struct gso_request *r) { r->csum_start -= 2; }
static void r_offset(struct gso_request *r) { r->csum_offset = 6; }
static void r_start_beyond(struct gso_request *r) { r_none(r); r->csum_start = 0xffff; }
static void r_offset_beyond(struct gso_request *r) { r_none(r); r->csum_offset = 0xffff; }

static const struct verdict_case verdicts[] = {
	{ "a good superpacket", GSO_CUT, packet_tcp4, p_plain, r_plain },
	{ "a good superpacket, IPv6", GSO_CUT, packet_tcp6, p_plain, r_plain },
	{ "V4: without NEEDS_CSUM; its fields then mean nothing", GSO_CUT, packet_tcp4, p_plain, r_scratch },
	{ "S2: IPv4 options", GSO_CUT, packet_tcp4, p_options, r_plain },
	{ "R1: six VLAN tags", GSO_CUT, packet_tcp4, p_six_tags, r_plain },
	{ "a header of 254 bytes still fits its slot", GSO_CUT, packet_tcp6, p_header_254, r_plain },
	{ "a header longer than its slot", GSO_MALFORMED, packet_tcp6, p_long_header, r_plain },
	{ "V4: type says IPv6, packet says IPv4", GSO_MALFORMED, packet_tcp4, p_plain, r_v6 },
	{ "V4: type says IPv4, packet says IPv6", GSO_MALFORMED, packet_tcp6, p_plain, r_v4 },
	{ "V4: type says TCP, packet says UDP", GSO_MALFORMED, packet_tcp4, p_udp, r_v4 },
	{ "V4: ARP", GSO_MALFORMED, packet_tcp4, p_arp, r_plain },
	{ "V1: size 0", GSO_MALFORMED, packet_tcp4, p_plain, r_size_0 },
	{ "S1: a data offset of 4", GSO_MALFORMED, packet_tcp4, p_doff_4, r_plain },
	{ "S1: the IP length ends within the TCP header", GSO_MALFORMED, packet_tcp4, p_cut, r_plain },
	{ "an IP length of 0", GSO_MALFORMED, packet_tcp4, p_ip_len_0, r_plain },
	{ "an IP length of 0, IPv6", GSO_MALFORMED, packet_tcp6, p_ip_len_0, r_plain },
	{ "R5: a fragment", GSO_MALFORMED, packet_tcp4, p_fragment, r_plain },
	{ "V5: csum_start is not the TCP header", GSO_MALFORMED, packet_tcp4, p_plain, r_start },
	{ "V3: csum_offset is UDP's", GSO_MALFORMED, packet_tcp4, p_plain, r_offset },
	{ "V5: csum_start beyond an ordinary packet", GSO_MALFORMED, packet_tcp4, p_small, r_start_beyond },
	{ "V5: csum_offset beyond an ordinary packet", GSO_MALFORMED, packet_tcp4, p_small, r_offset_beyond },
	{ "V2: payload as long as the size", GSO_ORDINARY, packet_tcp4, p_small, r_plain },
	{ "V2: no payload", GSO_ORDINARY, packet_tcp6, p_ack, r_plain },
	{ "an ordinary packet", GSO_ORDINARY, packet_tcp4, p_small, r_none },
	{ "an ordinary packet that is no IP", GSO_ORDINARY, packet_tcp4, p_arp, r_none },
	{ "S8: a segment of exactly the longest frame", GSO_CUT, packet_tcp4, p_plain, r_size_exact },
	{ "S8: a segment a byte longer", GSO_TOO_LONG, packet_tcp4, p_plain, r_size_more },
	{ "S8: an ordinary packet too long", GSO_TOO_LONG, packet_tcp4, p_plain, r_none },
	{ "S8, V2: one segment too long", GSO_TOO_LONG, packet_tcp4, p_plain, r_size_all },
};

Test(gso, verdicts, .description = "S1, S2, S8, V1-V5: what is cut, what is ordinary, what is refused")
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
		if (p.l3 == PACKET_L3_NONE)
			p.payload_len = 100;
		super_build(&s, &p, 1000, true);
		c->request(&s.request);
		if (p.l3 == PACKET_L3_NONE)
			s.request.needs_csum = false;
		got = gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL);
		cr_expect_eq(got, c->want, "%s: verdict %d", c->says, got);
		super_free(&s);
	}
}

Test(gso, longest_header, .description = "S2: headers up to the slot's end, at every length")
{
	uint16_t ext, options;

	for (ext = 8; ext <= 144; ext += 8)
		for (options = 0; options <= 40; options += 4) {
			struct packet p = packet_tcp6();

			packet_push_vlan(&p, 0, 7);
			packet_push_ext(&p, PACKET_EXT_HOPOPTS, ext);
			p.tcp_options = nop_options;
			p.tcp_options_len = options;
			p.payload_len = 333;
			if (14 + 4 + 40 + ext + 20 + options <= (int)HEADER_SLOT_LEN)
				check_packet(&p, 100, "long header");
		}
}

/* ---- ordinary packets ---- */

static void complete_equals(struct packet p, uint16_t csum_offset, const char *what)
{
	uint8_t want[2048], got[2048];
	struct packet_layout at;
	struct gso_request r = { .type = GSO_NONE, .needs_csum = true, .csum_offset = csum_offset };
	size_t len;

	p.l4_csum = PACKET_CSUM_FULL;
	len = packet_build(&p, want, sizeof want, &at);
	p.l4_csum = PACKET_CSUM_PARTIAL;
	packet_build(&p, got, sizeof got, &at);
	r.csum_start = (uint16_t)at.l4_off;
	gso_complete(&r, got, (uint32_t)len);
	cr_assert_arr_eq(got, want, len, "%s", what);
}

Test(gso, complete, .description = "S1, S5: an unfinished checksum is finished in place, a finished one is left alone")
{
	struct packet p;
	uint8_t frame[2048], before[2048];
	size_t len, i;

	for (i = 0; i < 200; i++) {
		p = packet_tcp4();
		p.payload_len = i;
		complete_equals(p, 16, "TCP, IPv4");
		p = packet_tcp6();
		p.payload_len = i;
		p.pad_to = 300;
		complete_equals(p, 16, "TCP, IPv6, padded with zeroes");
		p = packet_udp6();
		p.payload_len = i;
		complete_equals(p, 6, "UDP, IPv6");
	}
	len = packet_build(&p, frame, sizeof frame, NULL);
	memcpy(before, frame, len);
	gso_complete(&(struct gso_request){ .csum_start = 34, .csum_offset = 6 }, frame, (uint32_t)len);
	cr_assert_arr_eq(frame, before, len);
}

Test(gso, complete_zero, .description = "S6: a UDP sum of 0 becomes 0xffff, a TCP sum of 0 stays")
{
	static const uint16_t offsets[] = { 6, 16 };
	size_t i;

	for (i = 0; i < 2; i++) {
		uint8_t frame[64] = { 0 };
		struct gso_request r = { .needs_csum = true, .csum_start = 34, .csum_offset = offsets[i] };

		frame[34] = frame[35] = 0xff;
		gso_complete(&r, frame, sizeof frame);
		cr_assert_eq(load_u16(frame + 34 + offsets[i]), i == 0 ? 0xffff : 0);
	}
}

/* ---- hostile input ---- */

static uint32_t hostile_packet(uint64_t *state, uint8_t *data, uint32_t room)
{
	struct packet p = random_next(state) % 2 ? packet_tcp4() : packet_tcp6();
	uint32_t len, flips;

	add_vlans(&p, random_next(state) % 3);
	add_ip_extras(&p, random_next(state) % 3);
	p.tcp_options = nop_options;
	p.tcp_options_len = random_next(state) % 11 * 4;
	p.payload_len = random_next(state) % 3000;
	len = (uint32_t)packet_build(&p, data, room, NULL);
	for (flips = random_next(state) % 4; flips; flips--)
		data[12 + random_next(state) % 100 % (len - 12)] = (uint8_t)random_next(state);
	return random_next(state) % 4 ? len : random_next(state) % (len + 1);
}

/* A header that may be right, with some fields that are not. */
static void hostile_vnet(uint64_t *state, struct vnet_header *hdr)
{
	static const uint8_t types[] = { 0, 1, 4, 0x81, 0x84, 3, 5, 0x21, 0x80, 0xff };
	static const uint16_t starts[] = { 34, 54, 38, 58, 42, 62, 0, 14, 0xffff };
	static const uint16_t sizes[] = { 1, 2, 100, 536, 1448, 0, 0xffff, 0xfffe, 65000 };

	hdr->flags = (uint8_t)(random_next(state) % 4 ? random_next(state) % 2 : random_next(state));
	hdr->gso_type = types[random_next(state) % (random_next(state) % 4 ? 3 : ARRAY_SIZE(types))];
	hdr->gso_size = sizes[random_next(state) % ARRAY_SIZE(sizes)];
	hdr->csum_start = starts[random_next(state) % ARRAY_SIZE(starts)];
	hdr->csum_offset = random_next(state) % 4 ? 16 : (uint16_t)random_next(state);
	hdr->hdr_len = (uint16_t)random_next(state); /* V6 */
	hdr->num_buffers = (uint16_t)random_next(state);
}

Test(gso, hostile, .description = "V1-V6, S8: 200000 made-up packets and headers; no byte beyond them is touched (sanitizers)")
{
	uint64_t state = 11;
	uint32_t verdict_cnt[4] = { 0 }, i;
	uint8_t room[4096];

	for (i = 0; i < 200000; i++) {
		uint32_t len = hostile_packet(&state, room, sizeof room);
		uint32_t frame_max = random_next(&state) % 2 ? 1518 : 60 + random_next(&state) % 4000;
		uint8_t *data = malloc(len + !len);
		struct vnet_header hdr;
		struct gso_request request;
		enum gso_verdict verdict;
		struct gso gso;

		cr_assert_not_null(data);
		memcpy(data, room, len);
		hostile_vnet(&state, &hdr);
		/* The library has callers without a virtio header: what vnet_read() refuses is tried too. */
		if (!vnet_read(&hdr, len, &request) && random_next(&state) % 2) {
			free(data);
			continue;
		}
		verdict = gso_open(&gso, &request, data, len, frame_max,
				   random_next(&state) % 2 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL);
		verdict_cnt[verdict]++;
		if (verdict == GSO_CUT)
			drain(&gso, len, frame_max, random_next(&state) % 2);
		else if (verdict == GSO_ORDINARY)
			gso_complete(&request, data, len);
		free(data);
	}
	for (i = 0; i < 4; i++)
		cr_assert_gt(verdict_cnt[i], 1000, "verdict %u came up %u times only", i, verdict_cnt[i]);
}
