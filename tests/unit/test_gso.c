// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Cutting of plain TCP and UDP superpackets, compared byte for byte with the segmentation of gso_book.c.
 * Tunnels, jumbograms, streams and refusals are in test_gso_*.c.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "gso_book.h"

Test(gso, every_header_shape,
     .description = "S2-S6, V4: TCP and UDP, IPv4 and IPv6, 0-2 tags, IP options, extension headers, TCP options 0-40")
{
	char what[80];

	for (uint32_t i = 0; i < 4 * 3 * 3 * 11; i++) {
		uint32_t which = i % 4, vlans = i / 4 % 3, extras = i / 12 % 3, options = i / 36 * 4;
		struct packet p = packet_of(which);

		if (p.l4 == PACKET_L4_UDP && options)
			continue;
		add_vlans(&p, vlans);
		add_ip_extras(&p, extras);
		p.tcp_options = nop_options;
		p.tcp_options_len = options;
		p.payload_len = 5 * 536 + 3;
		p.tcp_flags = PACKET_ACK | PACKET_PSH | PACKET_CWR;
		snprintf(what, sizeof what, "packet %u, %u tags, extras %u, options %u", which, vlans, extras, options);
		check_packet(&p, 536, what);
	}
}

Test(gso, every_size,
     .description = "S2, S6, S9: payloads around multiples of the size, the smallest size, odd ones, the longest")
{
	static const uint16_t sizes[] = { 1,   2,    3,    7,    64,   95,   96,   97,    511,   512,
					  536, 1200, 1447, 1448, 1460, 1472, 8948, 32000, 65494, 65506 };
	static const uint32_t times[] = { 1, 2, 3, 6, 127, 128 };
	char what[80];

	for (uint32_t which = 0; which < 4; which++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (uint32_t k = 0; k < 3 * ARRAY_SIZE(times); k++) {
				struct packet p = packet_of(which);

				p.payload_len = sizes[i] * times[k / 3] + k % 3 - 1;
				if (p.payload_len <= sizes[i] ||
				    p.payload_len > (p.l4 == PACKET_L4_UDP ? 65507 : 65495) ||
				    (p.l4 == PACKET_L4_UDP && p.payload_len > sizes[i] * 128u))
					continue;
				snprintf(what, sizeof what, "packet %u, size %u, payload %zu", which, sizes[i],
					 p.payload_len);
				check_packet(&p, sizes[i], what);
			}
}

Test(gso, largest, .description = "S2, S4: IP lengths of 65535, at common and extreme MSS; 65495 segments of a byte")
{
	static const uint16_t sizes[] = { 1, 536, 1448, 32768, 65000, 65494 };
	uint8_t timestamp[12];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct packet p = packet_tcp4();

		p.payload_len = 65535 - 40;
		check_packet(&p, sizes[i], "largest IPv4");
		p = packet_tcp6();
		packet_timestamp(&p, timestamp, 1, 2);
		p.payload_len = 65535 - 32;
		check_packet(&p, sizes[i], "largest IPv6");
	}
}

Test(gso, every_flag,
     .description = "S3, R13: FIN and PSH on the last, CWR on the first (AccECN: on all), all others on all")
{
	for (uint16_t flags = 0; flags < 0x200; flags++) {
		struct packet p = flags % 2 ? packet_tcp4() : packet_tcp6();
		struct super s;

		p.tcp_flags = flags;
		p.tcp_reserved = flags % 8;
		p.urgent = 77;
		p.payload_len = 101; /* the first is not the last, though both differ from the template */
		check_packet(&p, 100, "flags of two");
		p.payload_len = 3 * 100;
		check_packet(&p, 100, "flags");
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
	struct super s;

	for (uint32_t i = 0; i < ARRAY_SIZE(seqs) * ARRAY_SIZE(ids) * 4; i++) {
		struct packet p = packet_of(i & 2); /* TCP or UDP over IPv4 */
		bool fixed = i & 1;

		p.seq = seqs[i / 4 / ARRAY_SIZE(ids)];
		p.ip_id = ids[i / 4 % ARRAY_SIZE(ids)];
		p.df = fixed;
		p.payload_len = 20 * 500 + 1;
		super_build(&s, &p, 500, true);
		s.request.fixed_id = fixed;
		check_super(&s, fixed ? "shared ID" : "ID and seq");
		super_free(&s);
	}
}

Test(gso, random_headers, .description = "S2-S6, S10: fields of all values, 5000 superpackets")
{
	uint64_t state = 3;

	for (int i = 0; i < 5000; i++) {
		struct packet p = packet_of(random_next(&state));
		uint16_t size = (uint16_t)(1 + random_next(&state) % 700);
		uint8_t options[40];

		for (int k = 0; k < 40; k++)
			options[k] = (uint8_t)random_next(&state);
		for (int k = 0; k < 16; k++) {
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
		p.seq = random_next(&state) << 1;
		p.ack = random_next(&state) << 1;
		p.window = (uint16_t)random_next(&state);
		p.tcp_flags = random_next(&state) & 0x1ff;
		p.tcp_options = options;
		p.tcp_options_len = random_next(&state) % 11 * 4;
		add_vlans(&p, random_next(&state) % 3);
		add_ip_extras(&p, random_next(&state) % 3);
		p.payload_len = size + 1 + random_next(&state) % (size * (p.l4 == PACKET_L4_UDP ? 90u : 10u));
		check_packet(&p, size, "random");
	}
}

/* The first two bytes of a segment's payload take all values, so its checksum does. */
Test(gso, checksum_corners,
     .description = "S5, S6, S10: a sum of 0 stays 0 in TCP and is sent as 0xffff in UDP (RFC 768)")
{
	uint8_t payload[8] = { 0 }, segment[64];
	uint32_t ones = 0;

	for (uint32_t word = 0; word < 0x10000; word++)
		for (uint32_t udp = 0; udp < 2; udp++) {
			struct packet p = packet_of(udp ? 2 + word % 2 : 0);
			struct super s;

			p.payload = payload;
			p.payload_len = udp ? 7 : 8; /* 7: the last is shorter, so its sum is another */
			put(payload, 2, word);
			put(payload + 4, 2, word);
			super_build(&s, &p, 4, true);
			check_mode(&s, HEADER_CSUM_FULL, "corner");
			if (udp)
				check_mode(&s, HEADER_CSUM_NIC, "corner");
			for (uint32_t i = 0; udp && i < 2 && s.len <= sizeof segment; i++) {
				book_segment(&s, i, false, segment);
				cr_assert_neq(get(segment + s.at.l4_off + 6, 2), 0);
				ones += get(segment + s.at.l4_off + 6, 2) == 0xffff;
			}
			super_free(&s);
		}
	cr_assert_gt(ones, 0);
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

Test(gso, partial_sum_is_trusted,
     .description =
	     "S5: with NEEDS_CSUM the checksum field is used, which contains the final destination of a routing header")
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
	/* The sender sums with the final destination of the routing header; the IP header has the
	 * next hop. */
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

Test(gso, cursors_are_independent,
     .description = "S9: two superpackets cut in turns; a copied cursor resumes where it was")
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

		/* Short of descriptors: the segments that were taken are taken again later. */
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

Test(gso, longest_header, .description = "S2: headers of every length, up to that of the slot")
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

Test(gso, complete,
     .description = "S1, S5, V2: an unfinished checksum is finished in place, a finished one is left alone")
{
	uint8_t frame[2048], before[2048];
	struct packet p;
	size_t len;

	for (uint32_t i = 0; i < 4 * 200; i++) {
		p = packet_of(i);
		p.payload_len = i / 4;
		p.pad_to = i % 2 ? 300 : 0; /* padding of zeroes */
		check_complete(NULL, &p, "ordinary");
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
