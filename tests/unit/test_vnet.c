// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The virtio header, judged by itself; what only the packet can tell is in test_gso.c. */
#include <criterion/criterion.h>

#include "engine/vnet.h"
#include "packet_builder.h"

#define LEN 3054u /* of the packet behind the header: 14 + 20 + 20 + 3000 */
#define NONE VIRTIO_NET_HDR_GSO_NONE
#define TCPV4 VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6 VIRTIO_NET_HDR_GSO_TCPV6
#define ECN VIRTIO_NET_HDR_GSO_ECN
#define CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM

struct vnet_case {
	const char *says;
	bool valid;
	uint8_t type; /* of the request, if valid */
	uint32_t len;
	struct vnet_header hdr;
};

#define HDR(f, t, size, start, offset)                                                             \
	{ .flags = (f), .gso_type = (t), .gso_size = (size), .csum_start = (start),                \
	  .csum_offset = (offset) }

static const struct vnet_case cases[] = {
	{ "an ordinary packet", true, GSO_NONE, LEN, HDR(0, NONE, 0, 0, 0) },
	{ "an ordinary packet, shorter than any header", true, GSO_NONE, 1, HDR(0, NONE, 0, 0, 0) },
	{ "without GSO the size means nothing", true, GSO_NONE, LEN, HDR(0, NONE, 0xffff, 0, 0) },
	{ "without NEEDS_CSUM the csum fields mean nothing", true, GSO_NONE, LEN, HDR(0, NONE, 0, 0xffff, 0xffff) },
	{ "an unfinished TCP packet", true, GSO_NONE, LEN, HDR(CSUM, NONE, 0, 34, 16) },
	{ "an unfinished UDP packet", true, GSO_NONE, LEN, HDR(CSUM, NONE, 0, 34, 6) },
	{ "DATA_VALID and RSC_INFO are told for information", true, GSO_NONE, LEN, HDR(2 | 4, NONE, 0, 0, 0) },
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
	{ "V3: UDP segmentation was not offered", false, 0, LEN, HDR(CSUM, 5, 1448, 34, 6) },
	{ "V3: nor with ECN", false, 0, LEN, HDR(CSUM, 5 | ECN, 1448, 34, 6) },
	{ "UDP fragmentation was not offered", false, 0, LEN, HDR(CSUM, VIRTIO_NET_HDR_GSO_UDP, 1448, 34, 6) },
	{ "V8: tunnels were not offered", false, 0, LEN, HDR(CSUM, 0x20 | TCPV4, 1448, 84, 16) },
	{ "an unknown type", false, 0, LEN, HDR(CSUM, 2, 1448, 34, 16) },
	{ "all bits", false, 0, LEN, HDR(0xff, 0xff, 0xffff, 0xffff, 0xffff) },
};

Test(vnet, read, .description = "V1-V5, V8: each case has a sentence")
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
	}
}

Test(vnet, hdr_len_is_ignored, .description = "V6: hdr_len lies; every value of it reads the same")
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
	static const uint8_t bytes[12] = { 1, 4, 66, 0, 0xa8, 0x05, 0x36, 0, 0x10, 0, 0, 0 };
	uint8_t expected[12];
	struct vnet_header hdr;
	struct gso_request request;

	cr_assert_eq(VNET_HDR_LEN, 24);
	memcpy(&hdr, bytes, sizeof bytes);
	cr_assert(vnet_read(&hdr, LEN, &request));
	cr_assert(request.needs_csum && request.type == GSO_TCPV6 && request.size == 1448);
	cr_assert(request.csum_start == 54 && request.csum_offset == 16);

	memset(&hdr, 0xee, sizeof hdr);
	vnet_write(&hdr, &request);
	memcpy(expected, bytes, sizeof bytes);
	expected[2] = 0; /* V6: the hint was not read, so it is not passed on */
	cr_assert_arr_eq(&hdr, expected, sizeof expected);
	request.hdr_len = 66;
	vnet_write(&hdr, &request);
	cr_assert_arr_eq(&hdr, bytes, sizeof bytes);
}

Test(vnet, write, .description = "V7: a single packet as it came, an unfinished one, superpackets of both versions")
{
	static const uint8_t zero[12];
	struct vnet_header hdr;

	memset(&hdr, 0xee, sizeof hdr);
	vnet_write(&hdr, &(struct gso_request){ .type = GSO_NONE, .size = 1448, .csum_start = 34 });
	cr_assert_arr_eq(&hdr, zero, sizeof zero);

	vnet_write(&hdr, &(struct gso_request){ .needs_csum = true, .csum_start = 34, .csum_offset = 6 });
	cr_assert(hdr.flags == CSUM && hdr.gso_type == NONE && hdr.gso_size == 0);
	cr_assert(hdr.csum_start == 34 && hdr.csum_offset == 6);

	vnet_write(&hdr, &(struct gso_request){ .type = GSO_TCPV4, .needs_csum = true, .size = 1448,
						.csum_start = 34, .csum_offset = 16 });
	cr_assert(hdr.flags == CSUM && hdr.gso_type == TCPV4 && hdr.gso_size == 1448);
}

Test(vnet, round_trip, .description = "V7, S10: what is written reads as what was asked")
{
	static const uint8_t types[] = { GSO_NONE, GSO_TCPV4, GSO_TCPV6 };
	size_t i, needs;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		for (needs = 0; needs < 2; needs++) {
			struct gso_request in = { .type = types[i], .needs_csum = needs }, out;
			struct vnet_header hdr;

			in.size = types[i] == GSO_NONE ? 0 : 1448;
			in.csum_start = needs ? 74 : 0;
			in.csum_offset = needs ? 16 : 0;
			vnet_write(&hdr, &in);
			cr_assert(vnet_read(&hdr, LEN, &out));
			cr_assert(in.type == out.type && in.needs_csum == out.needs_csum &&
				  in.size == out.size && in.csum_start == out.csum_start &&
				  in.csum_offset == out.csum_offset);
		}
}
