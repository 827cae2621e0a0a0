// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * sp_gso_* in the shared library: superpackets that come in fragments (S11), and errors. The bytes of segments
 * are compared in the engine's tests.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "library_run.h"

static uint8_t super[70000];
static struct packet_layout layout;

/* Builds a superpacket with payload_len bytes, to be cut to MSS. */
static struct sp_gso_request super_build(struct packet p, uint32_t payload_len, uint32_t *len)
{
	p.payload_len = payload_len;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	*len = (uint32_t)packet_build(&p, super, sizeof super, &layout);
	cr_assert(*len);
	return (struct sp_gso_request){
		.type = p.l4 == PACKET_L4_UDP  ? SP_GSO_UDP :
			p.l3 == PACKET_L3_IPV4 ? SP_GSO_TCPV4 :
						 SP_GSO_TCPV6,
		.needs_csum = true,
		.size = MSS,
		.csum_start = (uint16_t)layout.l4_off,
		.csum_offset = p.l4 == PACKET_L4_UDP ? 6 : 16,
	};
}

static uint32_t take(struct sp_gso *gso, uint8_t *packet)
{
	struct iovec slices[SP_GSO_SLICES_MAX];
	uint32_t header_len;
	int n = sp_gso_next(gso, packet, &header_len, slices, SP_GSO_SLICES_MAX);

	cr_assert_geq(n, 0);
	return n ? header_len + gathered(slices, (uint32_t)n, packet + header_len) : 0;
}

/* S11: cut while it comes, in fragments of any size, it gives the same segments. */
Test(library_gso, a_superpacket_in_fragments_is_cut_like_a_whole_one)
{
	static const uint32_t pieces[] = { 1, 29, 333, 1447, 1448, 1449, 4096, 60000 };
	static uint8_t whole[FRAME_MAX], part[FRAME_MAX];
	struct packet p = packet_tcp4();

	p.tcp_flags |= PACKET_PSH | PACKET_FIN | PACKET_CWR;
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		uint32_t len, at, hdr, segs = 0, end = pieces[i] == 1 ? 3000 : 60000;
		struct sp_gso_request request = super_build(p, end, &len);
		struct sp_gso in_one, in_parts, moved;

		at = hdr = (uint32_t)layout.payload_off;
		sp_gso_open(&in_one, &request, super, len, len, FRAME_MAX, SP_GSO_CHECKSUM_FULL);
		cr_assert_eq(sp_gso_open(&in_parts, &request, super, hdr, len, FRAME_MAX, SP_GSO_CHECKSUM_FULL),
			     SP_GSO_CUT);
		for (; !sp_gso_done(&in_parts); segs++) {
			/* the largest number of fragments of 1 byte is too small for a segment */
			uint32_t piece = pieces[i] == 1 ? 50 + segs % 2 : pieces[i];

			while (!sp_gso_ready(&in_parts)) {
				uint32_t n = len - at < piece ? len - at : piece;

				cr_assert_eq(take(&in_parts, part), 0, "not ready, but taken");
				cr_assert_eq(sp_gso_add(&in_parts, super + at, n), 0);
				at += n;
			}
			memcpy(&moved, &in_parts, sizeof moved); /* a cursor may be moved */
			memset(&in_parts, 0xee, sizeof in_parts);
			in_parts = moved;
			uint32_t a = take(&in_one, whole), b = take(&in_parts, part);

			cr_assert_eq(a, b);
			cr_assert_arr_eq(whole, part, a, "pieces of %u: segment %u", pieces[i], segs);
			cr_assert(packet_csums_ok(part, b));
			cr_assert_eq(!!(part[layout.l4_off + 13] & (PACKET_FIN | PACKET_PSH)), sp_gso_done(&in_parts),
				     "S3: FIN and PSH on the last only");
		}
		cr_assert(sp_gso_done(&in_one));
		cr_assert_eq(segs, (end + MSS - 1) / MSS);
	}
}

/* S11: with an unknown length, the last segment waits for the end. */
Test(library_gso, a_superpacket_of_unknown_length_ends_with_sp_gso_end)
{
	static uint8_t packet[FRAME_MAX];
	struct packet p = packet_tcp6();
	uint32_t len, hdr, segs = 0;
	struct sp_gso_request request;
	struct sp_gso gso;

	p.tcp_flags |= PACKET_PSH;
	request = super_build(p, 10 * MSS, &len);
	hdr = (uint32_t)layout.payload_off;
	cr_assert_eq(sp_gso_open(&gso, &request, super, hdr, SP_LEN_UNKNOWN, FRAME_MAX, SP_GSO_CHECKSUM_FULL),
		     SP_GSO_CUT);
	cr_assert_eq(sp_gso_add(&gso, super + hdr, 10 * MSS), 0);
	while (sp_gso_ready(&gso)) {
		cr_assert_eq(take(&gso, packet), hdr + MSS);
		cr_assert(packet_csums_ok(packet, hdr + MSS));
		cr_assert_not(packet[layout.l4_off + 13] & PACKET_PSH);
		segs++;
	}
	cr_assert_eq(segs, 9, "the tenth may be the last");
	cr_assert_not(sp_gso_done(&gso));
	sp_gso_end(&gso);
	cr_assert(sp_gso_ready(&gso));
	cr_assert_eq(take(&gso, packet), hdr + MSS);
	cr_assert(packet[layout.l4_off + 13] & PACKET_PSH);
	cr_assert(packet_csums_ok(packet, hdr + MSS));
	cr_assert(sp_gso_done(&gso));
}

/* Only SP_LEN_UNKNOWN means unknown. With a length that is too large, the IP length counts. */
Test(library_gso, a_length_that_is_far_too_large_is_no_unknown_one)
{
	static const uint32_t lens[] = { 100000, UINT32_MAX - 1, UINT32_MAX };
	static uint8_t packet[FRAME_MAX];

	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		uint32_t len, hdr, segs = 0;
		struct sp_gso_request request = super_build(packet_tcp4(), 10 * MSS, &len);
		struct sp_gso gso;

		hdr = (uint32_t)layout.payload_off;
		cr_assert_eq(sp_gso_open(&gso, &request, super, hdr, lens[i], FRAME_MAX, SP_GSO_CHECKSUM_FULL),
			     SP_GSO_CUT);
		cr_assert_eq(sp_gso_add(&gso, super + hdr, 10 * MSS), 0);
		for (; sp_gso_ready(&gso); segs++)
			cr_assert_eq(take(&gso, packet), hdr + MSS);
		cr_expect_eq(segs, 10, "%u: %u segments without an end", lens[i], segs);
		cr_expect(sp_gso_done(&gso), "%u", lens[i]);
		request.type = SP_GSO_NONE;
		cr_expect_eq(sp_gso_open(&gso, &request, super, hdr, lens[i], FRAME_MAX, SP_GSO_CHECKSUM_FULL),
			     SP_GSO_TOO_LONG, "%u", lens[i]);
	}
}

Test(library_gso, too_many_fragments_or_too_few_slices_take_nothing)
{
	static uint8_t packet[FRAME_MAX];
	struct sp_gso_request request;
	struct iovec slices[SP_GSO_SLICES_MAX];
	uint32_t len, hdr, added = 0, header_len = 77;
	struct sp_gso gso;
	int err;

	request = super_build(packet_tcp4(), 4 * MSS, &len);
	request.size = 63;
	hdr = (uint32_t)layout.payload_off;
	cr_assert_eq(sp_gso_open(&gso, &request, super, hdr, len, FRAME_MAX, SP_GSO_CHECKSUM_FULL), SP_GSO_CUT);
	cr_assert_eq(sp_gso_add(&gso, super + hdr, 0), 0, "nothing is no fragment");
	while (!(err = sp_gso_add(&gso, super + hdr + added, 1)))
		added++;
	cr_assert_eq(err, -ENOBUFS);
	cr_assert_eq(added, SP_GSO_SLICES_MAX);
	cr_assert(sp_gso_ready(&gso));
	cr_assert_eq(sp_gso_next(&gso, packet, &header_len, slices, 62), -ENOBUFS);
	cr_assert_eq(header_len, 77);
	cr_assert_eq(sp_gso_next(&gso, packet, &header_len, slices, 63), 63);
	cr_assert_eq(header_len, hdr);
	cr_assert_eq(gathered(slices, 63, packet), 63);
	cr_assert_arr_eq(packet, super + hdr, 63);
	cr_assert_eq(sp_gso_add(&gso, super + hdr + added, 1), 0, "there is room again");
}

Test(library_gso, what_cannot_be_cut_leaves_nothing_to_take)
{
	static const struct {
		const char *what;
		uint8_t result;
		int type, size, csum_start, csum_offset, head_len, frame_max; /* -1: the right value */
	} cases[] = {
		{ "an ordinary packet", SP_GSO_ORDINARY, SP_GSO_NONE, -1, -1, -1, -1, 9000 },
		{ "one that is too long", SP_GSO_TOO_LONG, SP_GSO_NONE, -1, -1, -1, -1, 1000 },
		{ "V2: payload of one segment", SP_GSO_ORDINARY, -1, 3 * MSS, -1, -1, -1, 9000 },
		{ "S8: segments that are too long", SP_GSO_TOO_LONG, -1, -1, -1, -1, -1, 1000 },
		{ "V1: size 0", SP_GSO_MALFORMED, -1, 0, -1, -1, -1, -1 },
		{ "V4: another version", SP_GSO_MALFORMED, SP_GSO_TCPV6, -1, -1, -1, -1, -1 },
		{ "V4: another protocol", SP_GSO_MALFORMED, SP_GSO_UDP, -1, -1, -1, -1, -1 },
		{ "no type at all", SP_GSO_MALFORMED, 200, -1, -1, -1, -1, -1 },
		{ "V5: csum_start elsewhere", SP_GSO_MALFORMED, -1, -1, 20, -1, -1, -1 },
		{ "V3: csum_offset elsewhere", SP_GSO_MALFORMED, -1, -1, -1, 6, -1, -1 },
		{ "S1: headers cut off", SP_GSO_MALFORMED, -1, -1, -1, -1, 50, -1 },
		{ "head longer than the whole", SP_GSO_MALFORMED, -1, -1, -1, -1, 9999, -1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t len, header_len = 77;
		uint8_t slot[SP_GSO_SLOT_LEN];
		struct sp_gso_request request = super_build(packet_tcp4(), 3 * MSS, &len);
		struct iovec slice;
		struct sp_gso gso;

		for (size_t k = 0; k < sizeof gso; k++) /* an old cursor, or anything */
			((uint8_t *)&gso)[k] = (uint8_t)(k * 7);
#define CHANGE(to, value) ((value) >= 0 ? (to) = (__typeof__(to))(value) : 0)
		CHANGE(request.type, cases[i].type);
		CHANGE(request.size, cases[i].size);
		CHANGE(request.csum_start, cases[i].csum_start);
		CHANGE(request.csum_offset, cases[i].csum_offset);
		cr_assert_eq(sp_gso_open(&gso, &request, super,
					 cases[i].head_len >= 0 ? (uint32_t)cases[i].head_len : len, len,
					 cases[i].frame_max >= 0 ? (uint32_t)cases[i].frame_max : FRAME_MAX,
					 SP_GSO_CHECKSUM_FULL),
			     cases[i].result, "%s", cases[i].what);
		cr_assert(sp_gso_done(&gso), "%s", cases[i].what);
		cr_assert_not(sp_gso_ready(&gso), "%s", cases[i].what);
		cr_assert_eq(sp_gso_add(&gso, super, 100), 0, "%s", cases[i].what);
		sp_gso_end(&gso);
		cr_assert_eq(sp_gso_next(&gso, slot, &header_len, &slice, 1), 0, "%s", cases[i].what);
		cr_assert_eq(header_len, 77, "%s", cases[i].what);
	}
}

Test(library_gso, checksums_may_be_left_to_the_nic)
{
	static uint8_t packet[FRAME_MAX];
	uint32_t len;
	struct sp_gso_request request = super_build(packet_tcp4(), 3 * MSS, &len);
	struct sp_gso gso;

	cr_assert_eq(sp_gso_open(&gso, &request, super, len, len, FRAME_MAX, SP_GSO_CHECKSUM_PARTIAL), SP_GSO_CUT);
	len = take(&gso, packet);
	cr_assert_not(packet_csums_ok(packet, len));
	request.type = SP_GSO_NONE; /* what a NIC does; the offsets are the same in each segment */
	cr_assert_eq(sp_gso_complete(&request, packet, len), 0);
	cr_assert(packet_csums_ok(packet, len));
}

Test(library_gso, complete_checks_where_it_writes)
{
	struct sp_gso_request request;
	uint8_t before[200];
	uint32_t len;

	request = super_build(packet_tcp4(), 100, &len);
	request.type = SP_GSO_NONE;
	memcpy(before, super, len);
	request.csum_start = (uint16_t)(len - 17);
	cr_assert_eq(sp_gso_complete(&request, super, len), -EINVAL);
	request.csum_start = 65535;
	request.csum_offset = 65535;
	cr_assert_eq(sp_gso_complete(&request, super, len), -EINVAL);
	request.needs_csum = false;
	cr_assert_eq(sp_gso_complete(&request, super, len), 0);
	cr_assert_arr_eq(super, before, len);
	request = super_build(packet_udp6(), 100, &len);
	request.type = SP_GSO_NONE;
	cr_assert_eq(sp_gso_complete(&request, super, len), 0);
	cr_assert(packet_csums_ok(super, len));
}

/* S7: the outer checksum of a packet that was meant to be cut is not valid yet, even if it is a single segment. */
Test(library_gso, complete_finishes_the_tunnel_too)
{
	struct packet_tunnel tunnel = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
	struct packet p = packet_tcp6();
	struct sp_gso_request request = { .type = SP_GSO_TCPV6, .size = MSS };

	for (int i = 0; i < 2; i++) {
		p.l4_csum = i ? PACKET_CSUM_PARTIAL : PACKET_CSUM_FULL;
		uint32_t len = (uint32_t)packet_build_in(&tunnel, &p, super, sizeof super, &layout);

		request.needs_csum = i;
		request.csum_start = (uint16_t)layout.l4_off;
		request.csum_offset = 16;
		request.inner_l3_off = (uint16_t)layout.l3_off;
		super[layout.outer_l4_off + 6] ^= 0x55;
		cr_assert_not(packet_tunnel_csums_ok(super, len, layout.inner_off));
		cr_assert_eq(sp_gso_complete(&request, super, len), 0);
		cr_assert(packet_tunnel_csums_ok(super, len, layout.inner_off));
	}
}
