// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Checksums of ordinary packets that are left to the NIC (gso_complete_rest()). If one is left, the packet is
 * not written, and computing the checksum as a NIC does gives what gso_complete() gives. If not, it is finished
 * at once. check_mode() of gso_book.c tests the same for segments.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gso_book.h"

#define ROOM 2048u

struct ordinary {
	uint8_t data[ROOM];
	uint32_t len;
	struct packet_layout at;
	struct gso_request request;
};

static struct ordinary make(struct packet p)
{
	struct ordinary o = { 0 };

	p.l4_csum = PACKET_CSUM_PARTIAL;
	o.len = (uint32_t)packet_build(&p, o.data, sizeof o.data, &o.at);
	o.request = (struct gso_request){
		.needs_csum = true,
		.csum_start = (uint16_t)o.at.l4_off,
		.csum_offset = p.l4 == PACKET_L4_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET,
	};
	return o;
}

static void expect_left(const struct ordinary *o, const char *what)
{
	struct ordinary kept = *o, done = *o;
	const struct gso_left left = gso_complete_rest(&kept.request, kept.data, kept.len);

	cr_assert_eq(left.start, o->at.l4_off, "%s", what);
	cr_assert_eq(left.offset, o->request.csum_offset, "%s", what);
	cr_assert_arr_eq(kept.data, o->data, o->len, "%s: was written to", what);
	gso_complete(&done.request, done.data, done.len);
	cr_assert(packet_csums_ok(done.data, done.len), "%s", what);
	nic_finishes(kept.data, kept.len, left);
	cr_assert_arr_eq(kept.data, done.data, o->len, "%s: the NIC's checksum differs", what);
}

static void expect_done(const struct ordinary *o, const char *what)
{
	struct ordinary kept = *o, done = *o;

	cr_assert_eq(gso_complete_rest(&kept.request, kept.data, kept.len).start, 0, "%s", what);
	gso_complete(&done.request, done.data, done.len);
	cr_assert_arr_eq(kept.data, done.data, o->len, "%s", what);
}

Test(gso_left, plain_packets_of_all_lengths)
{
	char what[64];

	for (int which = 0; which < 4; which++)
		for (uint32_t len = 0; len <= 1400; len += len < 70 ? 1 : 89) {
			struct packet p = packet_of((uint32_t)which);
			struct ordinary o;

			p.payload_len = len;
			o = make(p);
			snprintf(what, sizeof what, "packet %d of %u bytes", which, len);
			expect_left(&o, what);
		}
}

Test(gso_left, tagged_packets)
{
	for (int which = 0; which < 4; which++) {
		struct packet p = packet_of((uint32_t)which);
		struct ordinary o;

		packet_push_vlan(&p, 0x88a8, 7);
		packet_push_vlan(&p, 0x8100, 9);
		o = make(p);
		expect_left(&o, "two tags");
	}
}

Test(gso_left, zero_of_udp, .description = "S6: the NIC sends a checksum of 0 as 0xffff")
{
	uint32_t zeros = 0;
	uint8_t payload[2];

	for (uint32_t word = 0; word < 0x10000; word++) {
		struct packet p = packet_udp4();
		struct ordinary o;

		store_be16(payload, (uint16_t)word);
		p.payload = payload;
		p.payload_len = 2;
		o = make(p);
		expect_left(&o, "any word");
		gso_complete(&o.request, o.data, o.len);
		zeros += load_be16(o.data + o.at.l4_off + UDP_CSUM_OFFSET) == 0xffff;
	}
	cr_assert_geq(zeros, 1);
}

Test(gso_left, other_packets_are_finished_in_software)
{
	struct packet options = packet_tcp4(), extension = packet_udp6();
	static const uint8_t nops[4] = { 1, 1, 1, 1 };
	struct ordinary o;

	options.ip_options = nops;
	options.ip_options_len = sizeof nops;
	o = make(options);
	expect_done(&o, "IPv4 options");
	packet_push_ext(&extension, PACKET_EXT_DSTOPTS, 8);
	o = make(extension);
	expect_done(&o, "an extension header");
	o = make(packet_tcp4());
	o.request.csum_start += 2;
	expect_done(&o, "a sum that begins elsewhere");
	o = make(packet_udp4());
	o.request.csum_offset = TCP_CSUM_OFFSET;
	expect_done(&o, "a sum that goes elsewhere");
	o = make(packet_udp4());
	o.data[o.at.l4_off + 5] ^= 1;
	expect_done(&o, "a UDP length that contradicts the IP length");
	o = make(packet_udp4());
	o.data[o.at.l3_off + 6] |= 0x20;
	expect_done(&o, "a fragment");
	o = make(packet_tcp4());
	o.request.needs_csum = false;
	expect_done(&o, "nothing asked");
	o = make(packet_tcp4());
	o.request.inner_l3_off = (uint16_t)o.at.l3_off;
	expect_done(&o, "a tunnel that is not there");
}

/* Some NICs go by the headers, and would sum the outer packet of a tunnel. */
Test(gso_left, tunnels_are_finished_in_software)
{
	const struct packet_tunnel tunnel = packet_tunnel(PACKET_VXLAN, PACKET_L3_IPV4);
	struct packet p = packet_tcp4();
	struct ordinary o = { 0 };

	p.l4_csum = PACKET_CSUM_PARTIAL;
	o.len = (uint32_t)packet_build_in(&tunnel, &p, o.data, sizeof o.data, &o.at);
	o.request = (struct gso_request){ .needs_csum = true,
					  .csum_start = (uint16_t)o.at.l4_off,
					  .csum_offset = TCP_CSUM_OFFSET };
	expect_done(&o, "a tunnel that the request does not mention");
	o.request.type = GSO_TCPV4;
	o.request.size = 1400;
	o.request.inner_l3_off = (uint16_t)o.at.l3_off;
	o.request.outer_l4_off = (uint16_t)o.at.outer_l4_off;
	expect_done(&o, "a tunnel");
}
