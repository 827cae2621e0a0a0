// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The virtio header by itself; test_gso_verdicts.c has what depends on the packet. */
#include <criterion/criterion.h>

#include "engine/vnet.h"
#include "fixtures/packet_builder.h"
#include "prop/random.h"

#define LEN 3054u /* of the packet behind the header: 14 + 20 + 20 + 3000 */
#define NONE VIRTIO_NET_HDR_GSO_NONE
#define TCPV4 VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6 VIRTIO_NET_HDR_GSO_TCPV6
#define ECN VIRTIO_NET_HDR_GSO_ECN
#define CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM
#define USO VIRTIO_NET_HDR_GSO_UDP_L4
#define IN4 VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4
#define IN6 VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6
#define OUTER VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM

struct vnet_case {
	const char *says;
	bool valid;
	uint8_t type; /* of the request, if valid */
	uint32_t len;
	struct vnet_header hdr;
};

#define HDR(f, t, size, start, offset) \
	{ \
		.flags = (f), .gso_type = (t), .gso_size = (size), .csum_start = (start), .csum_offset = (offset) \
	}

#define TUNNEL(f, t, size, start, offset, th, nh) \
	{ \
		.flags = (f), .gso_type = (t), .gso_size = (size), .csum_start = (start), .csum_offset = (offset), \
		.outer_th_offset = (th), .inner_nh_offset = (nh) \
	}

static const struct vnet_case cases[] = {
	{ "an ordinary packet", true, GSO_NONE, LEN, HDR(0, NONE, 0, 0, 0) },
	{ "an ordinary packet, shorter than any header", true, GSO_NONE, 1, HDR(0, NONE, 0, 0, 0) },
	{ "without GSO the size means nothing", true, GSO_NONE, LEN, HDR(0, NONE, 0xffff, 0, 0) },
	{ "without NEEDS_CSUM the csum fields mean nothing", true, GSO_NONE, LEN, HDR(0, NONE, 0, 0xffff, 0xffff) },
	{ "an unfinished TCP packet", true, GSO_NONE, LEN, HDR(CSUM, NONE, 0, 34, 16) },
	{ "an unfinished UDP packet", true, GSO_NONE, LEN, HDR(CSUM, NONE, 0, 34, 6) },
	{ "DATA_VALID and RSC_INFO are ignored", true, GSO_NONE, LEN, HDR(2 | 4, NONE, 0, 0, 0) },
	{ "a superpacket", true, GSO_TCPV4, LEN, HDR(CSUM, TCPV4, 1448, 34, 16) },
	{ "a superpacket, IPv6", true, GSO_TCPV6, LEN, HDR(CSUM, TCPV6, 1428, 54, 16) },
	{ "S3: a superpacket with CWR", true, GSO_TCPV4, LEN, HDR(CSUM, TCPV4 | ECN, 1448, 34, 16) },
	{ "S3: the same, IPv6", true, GSO_TCPV6, LEN, HDR(CSUM, TCPV6 | ECN, 1448, 54, 16) },
	{ "V1: a size of 0", false, 0, LEN, HDR(CSUM, TCPV4, 0, 34, 16) },
	{ "V1: a size of 0xffff", false, 0, LEN, HDR(CSUM, TCPV4, 0xffff, 34, 16) },
	{ "V1: a size of 0xfffe is only large", true, GSO_TCPV4, LEN, HDR(CSUM, TCPV4, 0xfffe, 34, 16) },
	{ "V1: a size of 0 without NEEDS_CSUM", false, 0, LEN, HDR(0, TCPV6, 0, 0, 0) },
	{ "V2: a size above the payload", true, GSO_TCPV4, LEN, HDR(CSUM, TCPV4, 9000, 34, 16) },
	{ "V3: TCP with UDP's offset", false, 0, LEN, HDR(CSUM, TCPV4, 1448, 34, 6) },
	{ "V3: an odd offset", false, 0, LEN, HDR(CSUM, TCPV6, 1448, 54, 17) },
	{ "V4: GSO without NEEDS_CSUM", true, GSO_TCPV4, LEN, HDR(0, TCPV4, 1448, 0, 0) },
	{ "V4: then even the offset means nothing", true, GSO_TCPV6, LEN, HDR(0, TCPV6, 1448, 1, 6) },
	{ "V5: csum_start in the Ethernet header", false, 0, LEN, HDR(CSUM, NONE, 0, 13, 16) },
	{ "V5: csum_start at the IP header", false, 0, LEN, HDR(CSUM, NONE, 0, 14, 16) },
	{ "V5: csum_start a byte before the end of the shortest IP header", false, 0, LEN, HDR(CSUM, NONE, 0, 33, 16) },
	{ "V5: csum_start beyond the packet", false, 0, LEN, HDR(CSUM, NONE, 0, LEN, 16) },
	{ "V5: the field ends with the packet", true, GSO_NONE, LEN, HDR(CSUM, NONE, 0, LEN - 18, 16) },
	{ "V5: the field ends a byte behind it", false, 0, LEN, HDR(CSUM, NONE, 0, LEN - 17, 16) },
	{ "V5: start and offset whose sum wraps at 16 bits", false, 0, LEN, HDR(CSUM, NONE, 0, 0xfff0, 0x0030) },
	{ "V5: an offset beyond the packet", false, 0, LEN, HDR(CSUM, NONE, 0, 34, 0xffff) },
	{ "V5: NEEDS_CSUM in an empty packet", false, 0, 0, HDR(CSUM, NONE, 0, 34, 16) },
	{ "ECN of no type", false, 0, LEN, HDR(CSUM, ECN, 1448, 34, 16) },
	{ "UDP fragmentation was not offered", false, 0, LEN, HDR(CSUM, VIRTIO_NET_HDR_GSO_UDP, 1448, 34, 6) },

	{ "S6: datagrams", true, GSO_UDP, LEN, HDR(CSUM, USO, 1448, 34, 6) },
	{ "S6: datagrams over IPv6", true, GSO_UDP, LEN, HDR(CSUM, USO, 1428, 54, 6) },
	{ "V3: without NEEDS_CSUM", false, 0, LEN, HDR(0, USO, 1448, 34, 6) },
	{ "V3: with TCP's offset", false, 0, LEN, HDR(CSUM, USO, 1448, 34, 16) },
	{ "V3: with ECN", false, 0, LEN, HDR(CSUM, USO | ECN, 1448, 34, 6) },
	{ "V1: a length of 0", false, 0, LEN, HDR(CSUM, USO, 0, 34, 6) },
	{ "V1: a length of 0xffff", false, 0, LEN, HDR(CSUM, USO, 0xffff, 34, 6) },
	{ "V2: a length above the payload", true, GSO_UDP, LEN, HDR(CSUM, USO, 9000, 34, 6) },
	{ "V3: 128 datagrams of one byte", true, GSO_UDP, 42 + 128, HDR(CSUM, USO, 1, 34, 6) },
	{ "V3: 129", false, 0, 42 + 129, HDR(CSUM, USO, 1, 34, 6) },
	{ "V3: 128 of 511 bytes", true, GSO_UDP, 42 + 128 * 511, HDR(CSUM, USO, 511, 34, 6) },
	{ "V3: and one byte more", false, 0, 43 + 128 * 511, HDR(CSUM, USO, 511, 34, 6) },
	{ "V3: the largest length times 128 does not wrap", true, GSO_UDP, 8000000, HDR(CSUM, USO, 0xfffe, 34, 6) },
	{ "V5: the checksum field ends the packet: no datagram is left", true, GSO_UDP, 42, HDR(CSUM, USO, 1, 34, 6) },

	{ "V8: TCP in a tunnel", true, GSO_TCPV4, LEN, TUNNEL(CSUM, TCPV4 | IN4, 1398, 84, 16, 34, 64) },
	{ "V8: with an outer checksum", true, GSO_TCPV4, LEN, TUNNEL(CSUM | OUTER, TCPV4 | IN4, 1398, 84, 16, 34, 64) },
	{ "V8: over IPv6", true, GSO_TCPV4, LEN, TUNNEL(CSUM, TCPV4 | IN6, 1378, 104, 16, 54, 84) },
	{ "V8: IPv6 inside", true, GSO_TCPV6, LEN, TUNNEL(CSUM, TCPV6 | IN4, 1378, 104, 16, 34, 64) },
	{ "V8: with CWR inside", true, GSO_TCPV4, LEN, TUNNEL(CSUM, TCPV4 | IN4 | ECN, 1398, 84, 16, 34, 64) },
	{ "V8: datagrams inside", true, GSO_UDP, LEN, TUNNEL(CSUM, USO | IN4, 1398, 84, 6, 34, 64) },
	{ "V8: datagrams over IPv6 inside and outside", true, GSO_UDP, LEN,
	  TUNNEL(CSUM, USO | IN6, 1358, 124, 6, 54, 84) },
	{ "V8: both versions outside", false, 0, LEN, TUNNEL(CSUM, TCPV4 | IN4 | IN6, 1398, 104, 16, 54, 84) },
	{ "V8: a tunnel bit on an ordinary packet", false, 0, LEN, TUNNEL(CSUM, NONE | IN4, 0, 84, 16, 34, 64) },
	{ "V8: no UFO in a tunnel", false, 0, LEN, TUNNEL(CSUM, VIRTIO_NET_HDR_GSO_UDP | IN4, 1398, 84, 6, 34, 64) },
	{ "V8: without NEEDS_CSUM", false, 0, LEN, TUNNEL(OUTER, TCPV4 | IN4, 1398, 84, 16, 34, 64) },
	{ "V8, V3: UDP with ECN", false, 0, LEN, TUNNEL(CSUM, USO | IN4 | ECN, 1398, 84, 6, 34, 64) },
	{ "V8, V3: TCP with UDP's offset", false, 0, LEN, TUNNEL(CSUM, TCPV4 | IN4, 1398, 84, 6, 34, 64) },
	{ "V8, V1: a size of 0", false, 0, LEN, TUNNEL(CSUM, TCPV4 | IN4, 0, 84, 16, 34, 64) },
	{ "V8, V3: 129 datagrams inside", false, 0, 92 + 129, TUNNEL(CSUM, USO | IN4, 1, 84, 6, 34, 64) },
	{ "V8, V5: no offsets", false, 0, LEN, TUNNEL(CSUM, TCPV4 | IN4, 1398, 84, 16, 0, 0) },
	{ "V8, V5: the outer UDP header a byte too early", false, 0, LEN,
	  TUNNEL(CSUM, TCPV4 | IN4, 1398, 84, 16, 33, 64) },
	{ "V8, V5: the same, IPv6", false, 0, LEN, TUNNEL(CSUM, TCPV4 | IN6, 1398, 104, 16, 53, 84) },
	{ "V8, V5: the inner IP header right behind the outer UDP header", true, GSO_TCPV4, LEN,
	  TUNNEL(CSUM, TCPV4 | IN4, 1398, 62, 16, 34, 42) },
	{ "V8, V5: and a byte within it", false, 0, LEN, TUNNEL(CSUM, TCPV4 | IN4, 1398, 62, 16, 34, 41) },
	{ "V8, V5: the inner IP header a byte too short", false, 0, LEN,
	  TUNNEL(CSUM, TCPV4 | IN4, 1398, 83, 16, 34, 64) },
	{ "V8, V5: the same, IPv6", false, 0, LEN, TUNNEL(CSUM, TCPV6 | IN4, 1398, 103, 16, 34, 64) },
	{ "V8, V5: the inner header beyond the packet", false, 0, LEN,
	  TUNNEL(CSUM, TCPV4 | IN4, 1398, LEN, 16, 34, 64) },
	{ "V8, V5: the outer UDP header behind the inner", false, 0, LEN,
	  TUNNEL(CSUM, TCPV4 | IN4, 1398, 84, 16, 100, 64) },
	{ "V8, V5: offsets that would wrap at 16 bits", false, 0, LEN,
	  TUNNEL(CSUM, TCPV4 | IN4, 1398, 84, 16, 0xfffe, 0xfff8) },
	{ "V8: without the bits the offsets mean nothing", true, GSO_TCPV4, LEN,
	  TUNNEL(CSUM, TCPV4, 1448, 34, 16, 0xdead, 0xbeef) },
	{ "V8: nor in an ordinary packet", true, GSO_NONE, LEN, TUNNEL(0, NONE, 0, 0, 0, 0xdead, 0xbeef) },
	{ "V8: nor does the outer checksum's flag", true, GSO_TCPV4, LEN, HDR(CSUM | OUTER, TCPV4, 1448, 34, 16) },

	{ "an unknown type", false, 0, LEN, HDR(CSUM, 2, 1448, 34, 16) },
	{ "all bits", false, 0, LEN, HDR(0xff, 0xff, 0xffff, 0xffff, 0xffff) },
};

static void compare_tunnel(const struct vnet_case *c, const struct gso_request *request)
{
	const uint8_t version = c->hdr.gso_type & IN4 ? 4 : c->hdr.gso_type & IN6 ? 6 : 0;

	cr_expect_eq(request->outer_udp, version != 0, "%s", c->says);
	cr_expect_eq(request->outer_version, version, "%s", c->says);
	cr_expect_eq(request->outer_csum, version && c->hdr.flags & OUTER, "%s", c->says);
	cr_expect_eq(request->outer_l4_off, version ? c->hdr.outer_th_offset : 0, "%s", c->says);
	cr_expect_eq(request->inner_l3_off, version ? c->hdr.inner_nh_offset : 0, "%s", c->says);
}

Test(vnet, read, .description = "V1-V5, V8: what each header is read as")
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vnet_case *c = &cases[i];
		struct gso_request request;
		bool valid = vnet_read(&c->hdr, c->len, &request);

		cr_expect_eq(valid, c->valid, "%s", c->says);
		if (!valid)
			continue;
		cr_expect_eq(request.type, c->type, "%s: type %u", c->says, request.type);
		cr_expect_eq(request.needs_csum, (c->hdr.flags & CSUM) != 0, "%s", c->says);
		cr_expect_not(request.fixed_id, "%s", c->says);
		if (request.type != GSO_NONE)
			cr_expect_eq(request.size, c->hdr.gso_size, "%s", c->says);
		if (request.needs_csum) {
			cr_expect_eq(request.csum_start, c->hdr.csum_start, "%s", c->says);
			cr_expect_eq(request.csum_offset, c->hdr.csum_offset, "%s", c->says);
		}
		compare_tunnel(c, &request);
	}
}

Test(vnet, hdr_len_is_ignored, .description = "V6: every value of hdr_len reads the same")
{
	struct vnet_header hdr = HDR(CSUM, TCPV4, 1448, 34, 16);
	struct gso_request first, request;
	uint32_t hdr_len;

	cr_assert(vnet_read(&hdr, LEN, &first));
	for (hdr_len = 0; hdr_len <= 0xffff; hdr_len++) {
		hdr.hdr_len = (uint16_t)hdr_len;
		hdr.num_buffers = (uint16_t)~hdr_len;
		cr_assert(vnet_read(&hdr, LEN, &request));
		cr_assert_arr_eq(&request, &first, sizeof first);
	}
}

Test(vnet, wire_order, .description = "V8: little-endian, byte by byte")
{
	static const uint8_t bytes[24] = { 1 | 8, 4 | 0x40, 66, 0, 0x92, 0x05, 0x90, 0x01, 0x10, 0, 0,    0,
					   0,     0,        0,  0, 0,    0,    0,    0,    0x36, 0, 0x54, 0x01 };
	uint8_t expected[24];
	struct vnet_header hdr;
	struct gso_request request;

	cr_assert_eq(VNET_HDR_LEN, 24);
	memcpy(&hdr, bytes, sizeof bytes);
	cr_assert(vnet_read(&hdr, LEN, &request));
	cr_assert(request.needs_csum && request.type == GSO_TCPV6 && request.size == 1426);
	cr_assert(request.csum_start == 400 && request.csum_offset == 16);
	cr_assert(request.outer_l4_off == 54 && request.inner_l3_off == 340 && request.outer_version == 6);

	memset(&hdr, 0xee, sizeof hdr);
	vnet_write(&hdr, &request);
	memcpy(expected, bytes, sizeof bytes);
	expected[2] = 0; /* V6: the hint is not read */
	cr_assert_arr_eq(&hdr, expected, sizeof expected);
	request.hdr_len = 66;
	vnet_write(&hdr, &request);
	cr_assert_arr_eq(&hdr, bytes, sizeof bytes);
}

Test(vnet, write, .description = "V7: a single packet as it came, an unfinished one, superpackets of all kinds")
{
	static const uint8_t zero[VNET_HDR_LEN];
	struct vnet_header hdr;
	struct gso_request request = {
		.type = GSO_TCPV4, .needs_csum = true, .size = 1448, .csum_start = 34, .csum_offset = 16
	};

	memset(&hdr, 0xee, sizeof hdr);
	vnet_write(&hdr, &(struct gso_request){ .type = GSO_NONE, .size = 1448, .csum_start = 34 });
	cr_assert_arr_eq(&hdr, zero, sizeof zero);

	vnet_write(&hdr, &(struct gso_request){ .needs_csum = true, .csum_start = 34, .csum_offset = 6 });
	cr_assert(hdr.flags == CSUM && hdr.gso_type == NONE && hdr.gso_size == 0);
	cr_assert(hdr.csum_start == 34 && hdr.csum_offset == 6);

	/* A single packet in a tunnel is an ordinary one too. */
	vnet_write(&hdr, &(struct gso_request){ .outer_udp = true,
						.outer_version = 4,
						.outer_csum = true,
						.outer_l4_off = 34,
						.inner_l3_off = 64 });
	cr_assert_arr_eq(&hdr, zero, sizeof zero);

	vnet_write(&hdr, &request);
	cr_assert(hdr.flags == CSUM && hdr.gso_type == TCPV4 && hdr.gso_size == 1448);
	cr_assert(hdr.outer_th_offset == 0 && hdr.inner_nh_offset == 0);

	/* GRE, IP in IP: described like the packet inside. */
	request.outer_l4_off = 34, request.inner_l3_off = 42, request.csum_start = 62;
	request.outer_version = 4;
	vnet_write(&hdr, &request);
	cr_assert(hdr.flags == CSUM && hdr.gso_type == TCPV4 && hdr.csum_start == 62);
	cr_assert(hdr.outer_th_offset == 0 && hdr.inner_nh_offset == 0);

	request.type = GSO_UDP, request.csum_offset = 6;
	request.outer_udp = request.outer_csum = true, request.outer_version = 6;
	vnet_write(&hdr, &request);
	cr_assert(hdr.flags == (CSUM | OUTER) && hdr.gso_type == (USO | IN6));
	cr_assert(hdr.outer_th_offset == 34 && hdr.inner_nh_offset == 42);
}

static bool same(const struct gso_request *a, const struct gso_request *b)
{
	return a->type == b->type && a->needs_csum == b->needs_csum && a->size == b->size &&
	       a->csum_start == b->csum_start && a->csum_offset == b->csum_offset && a->outer_udp == b->outer_udp &&
	       a->outer_version == b->outer_version && a->outer_csum == b->outer_csum &&
	       a->outer_l4_off == b->outer_l4_off && a->inner_l3_off == b->inner_l3_off;
}

/* A request of this type, with or without NEEDS_CSUM, in a tunnel or not. */
static struct gso_request request_of(uint8_t type, bool needs, uint8_t outer, bool outer_csum)
{
	struct gso_request request = { .type = type, .needs_csum = needs };

	request.size = type == GSO_NONE ? 0 : 1448;
	request.csum_start = needs ? 174 : 0;
	request.csum_offset = needs ? (type == GSO_UDP ? 6 : 16) : 0;
	if (outer) {
		request.outer_udp = true;
		request.outer_version = outer;
		request.outer_csum = outer_csum;
		request.outer_l4_off = 58;
		request.inner_l3_off = 102;
	}
	return request;
}

Test(vnet, round_trip, .description = "V7, V8, S10: what is written reads as the same request")
{
	for (uint8_t type = GSO_NONE; type <= GSO_UDP; type++)
		for (uint32_t i = 0; i < 12; i++) {
			struct gso_request in = request_of(type, i % 2, (uint8_t[]){ 0, 4, 6 }[i / 4], i & 2), out;
			struct vnet_header hdr;
			/* The header cannot describe UDP or a tunnel with a finished checksum, nor an ordinary packet's tunnel. */
			bool valid = type == GSO_NONE || in.needs_csum || (type != GSO_UDP && !in.outer_udp);

			vnet_write(&hdr, &in);
			cr_assert_eq(vnet_read(&hdr, LEN, &out), valid, "type %u, case %u", type, i);
			if (type != GSO_NONE && valid)
				cr_assert(same(&in, &out), "type %u, case %u", type, i);
			if (type == GSO_NONE)
				cr_assert(out.needs_csum == in.needs_csum && !out.outer_udp, "case %u", i);
		}
}

/* The corrected request of a superpacket in a tunnel, with VLAN tags, whose offsets are `missed` bytes too small. */
static struct gso_request corrected(enum packet_l3 outer, uint32_t tags, uint32_t missed, struct packet_layout *at)
{
	struct packet_tunnel tunnel = packet_tunnel(PACKET_VXLAN, outer);
	struct packet p = packet_tcp4();
	struct gso_request request;
	struct vnet_header hdr;
	uint8_t frame[4096];
	uint32_t len;

	for (uint32_t i = 0; i < tags; i++)
		packet_push_vlan(&tunnel.outer, i + 1 < tags ? 0x88a8 : 0x8100, 5);
	p.payload_len = 3000;
	len = (uint32_t)packet_build_in(&tunnel, &p, frame, sizeof frame, at);
	hdr = (struct vnet_header)TUNNEL(CSUM, TCPV4 | (outer == PACKET_L3_IPV4 ? IN4 : IN6), 1398,
					 (uint16_t)at->l4_off, 16, (uint16_t)(at->outer_l4_off - missed),
					 (uint16_t)(at->l3_off - missed));
	cr_assert(vnet_read(&hdr, len, &request));
	vnet_correct_tunnel(&request, frame, len);
	return request;
}

Test(vnet, tag_that_is_not_counted,
     .description = "V8: a VLAN tag that Linux does not count in a tunnel's offsets is added; right offsets stay")
{
	static const enum packet_l3 outers[] = { PACKET_L3_IPV4, PACKET_L3_IPV6 };

	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t tags = 0; tags < 3; tags++)
			for (uint32_t missed = 0; missed <= 4 * (tags > 0); missed += 4) {
				struct packet_layout at;
				struct gso_request request = corrected(outers[i], tags, missed, &at);

				cr_expect_eq(request.outer_l4_off, at.outer_l4_off, "%u tags, %u", tags, missed);
				cr_expect_eq(request.inner_l3_off, at.l3_off, "%u tags, %u", tags, missed);
			}
}

Test(vnet, nothing_else_is_corrected,
     .description = "V8: offsets that are wrong in another way stay so, and gso_open() refuses them")
{
	struct packet_layout at;
	struct gso_request request = corrected(PACKET_L3_IPV6, 2, 8, &at), plain, before;

	cr_expect_eq(request.outer_l4_off, at.outer_l4_off - 8);
	cr_expect_eq(request.inner_l3_off, at.l3_off - 8);
	request = corrected(PACKET_L3_IPV6, 1, 3, &at);
	cr_expect_eq(request.outer_l4_off, at.outer_l4_off - 3);
	request = corrected(PACKET_L3_IPV6, 0, 0, &at);
	before = plain = (struct gso_request){ .type = GSO_TCPV4, .outer_l4_off = 30, .size = 100 };
	vnet_correct_tunnel(&plain, NULL, 0);
	cr_expect_arr_eq(&plain, &before, sizeof plain);
	request.outer_udp = true;
	vnet_correct_tunnel(&request, (const uint8_t *)"", 0);
	cr_expect_eq(request.outer_l4_off, at.outer_l4_off);
}

Test(vnet, any_bytes,
     .description = "V1-V5, V8: the offsets of every accepted header lie within the packet, and in order")
{
	struct random r = { 3 };
	uint32_t tunnels = 0, others = 0;

	for (uint32_t i = 0; i < 2000000; i++) {
		struct gso_request request;
		struct vnet_header hdr;
		uint8_t bytes[sizeof hdr];
		uint32_t len;

		for (uint32_t j = 0; j < sizeof hdr; j++) {
			/* Mostly small numbers: those are near to being valid. */
			bytes[j] = j % 2 && j > 1 && one_in(&r, 2) ? 0 : (uint8_t)random_u64(&r);
		}
		bytes[1] &= one_in(&r, 2) ? 0x65 : 0xff;
		bytes[8] = one_in(&r, 2) ? 6 : 16;
		memcpy(&hdr, bytes, sizeof hdr);
		len = below(&r, 2000);
		if (!vnet_read(&hdr, len, &request))
			continue;
		cr_assert(!request.needs_csum ||
			  (request.csum_start >= 34 && request.csum_start + request.csum_offset + 2u <= len));
		*(request.outer_udp ? &tunnels : &others) += request.type != GSO_NONE;
		cr_assert(!request.outer_udp == !request.outer_l4_off && request.type <= GSO_UDP);
		if (request.outer_udp)
			cr_assert(request.outer_l4_off >= 34 && request.inner_l3_off >= request.outer_l4_off + 8 &&
				  request.csum_start >= request.inner_l3_off + 20 && request.needs_csum);
	}
	cr_assert(tunnels > 100 && others > 100, "%u, %u: too few are valid to say anything", tunnels, others);
}
