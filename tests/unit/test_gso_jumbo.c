// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Jumbograms (BIG TCP): superpackets beyond 64 KB, IPv6 with a length of 0 and the jumbo option of
 * RFC 2675. Their segments are compared with packets that the builder makes one by one.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/gso_stream.h"
#include "gso_book.h"

#define SIZE 1000u

struct jumbo {
	struct packet p; /* an ordinary packet with its fields */
	uint8_t *data;
	uint32_t len, ext_off, l4_off, payload_off, payload_len;
	struct gso_request request;
};

/* A jumbogram as Linux makes it, before 7.0. */
static void jumbo_build(struct jumbo *j, const struct packet *from, uint32_t payload_len, bool needs_csum)
{
	uint8_t *room = exact_room(payload_len + 512);
	struct packet p = *from;
	struct packet_layout at;
	uint8_t *ip;

	*j = (struct jumbo){ .p = *from, .payload_len = payload_len };
	p.payload_len = payload_len;
	packet_push_ext(&p, PACKET_EXT_HOPOPTS, JUMBO_LEN);
	j->len = (uint32_t)packet_build(&p, room, payload_len + 512, &at);
	cr_assert_gt(j->len, 0);
	ip = room + at.l3_off;
	j->ext_off = (uint32_t)at.l3_off + 40;
	j->l4_off = (uint32_t)at.l4_off;
	j->payload_off = (uint32_t)at.payload_off;
	put(ip + 4, 2, 0);
	put(room + j->ext_off + 2, 2, 0xc204);
	put(room + j->ext_off + 4, 4, j->len - j->ext_off);
	/* Its length in the pseudo-header has 32 bits. */
	put(room + at.l4_off + 16, 2, needs_csum ? packet_fold(book_pseudo(ip, 6, j->len - j->l4_off)) : 0x4242);
	j->data = exact_copy(room, j->len);
	free(room);
	j->request = (struct gso_request){
		.type = GSO_TCPV6,
		.needs_csum = needs_csum,
		.size = SIZE,
		.csum_start = (uint16_t)j->l4_off,
		.csum_offset = 16,
	};
}

/* Segment i, made by the packet builder: without jumbo option and hop-by-hop header (S2-S5). */
static uint32_t segment(const struct jumbo *j, uint32_t i, bool partial, uint8_t *out)
{
	struct packet p = j->p;
	uint32_t left = j->payload_len - i * SIZE;

	p.seq += i * SIZE;
	p.payload = j->data + j->payload_off + i * SIZE;
	p.payload_len = left < SIZE ? left : SIZE;
	if (left > SIZE)
		p.tcp_flags &= (uint16_t) ~(PACKET_FIN | PACKET_PSH);
	if (i)
		p.tcp_flags &= (uint16_t)~PACKET_CWR;
	p.l4_csum = partial ? PACKET_CSUM_PARTIAL : PACKET_CSUM_FULL;
	return (uint32_t)packet_build(&p, out, 2048, NULL);
}

static void check(const struct jumbo *j, enum header_checksum mode)
{
	uint32_t cnt = (j->payload_len + SIZE - 1) / SIZE, i;
	uint32_t frame_max = j->payload_off - JUMBO_LEN + SIZE;
	uint8_t want[2048], built[2048];
	struct gso gso, whole;
	struct slot slot;

	cr_assert_eq(gso_open(&gso, &j->request, j->data, j->len, frame_max, mode), GSO_CUT);
	whole = gso;
	cr_assert_eq(gso.seg_cnt, cnt);
	for (i = 0; i < cnt; i++) {
		uint32_t len = segment(j, i, mode == HEADER_CSUM_PARTIAL, want);
		struct gso_slice slice = next_checked(&gso, &slot);

		cr_assert_eq(gso.hdr_len + slice.len, len);
		cr_assert_eq(slice.off, j->payload_off + i * SIZE);
		same(slot.bytes, want, gso.hdr_len, "header", i);
		cr_assert_eq(gso_next_built(&whole, built), len);
		same(built, want, len, "built", i);
	}
	cr_assert(gso_done(&gso) && gso_done(&whole));
}

/* In two fragments, with known or unknown length. */
static void check_stream(const struct jumbo *j, bool known)
{
	uint32_t head_len = j->payload_off + 1500, cnt = 0;
	uint8_t want[2048], slot[HEADER_SLOT_LEN];
	struct iovec slices[2];
	struct gso_stream stream;

	cr_assert_eq(
		gso_stream_open(&stream, &j->request, j->data, head_len, known ? j->len : 0, 1514, HEADER_CSUM_FULL),
		GSO_CUT);
	cr_assert(gso_stream_add(&stream, j->data + head_len, j->len - head_len));
	gso_stream_end(&stream);
	for (; gso_stream_ready(&stream); cnt++) {
		segment(j, cnt, false, want);
		cr_assert_neq(gso_stream_next(&stream, slot, slices, 2), 0);
		same(slot, want, stream.gso.hdr_len, "stream", cnt);
	}
	cr_assert(gso_stream_done(&stream));
	cr_assert_eq(cnt, (j->payload_len + SIZE - 1) / SIZE);
}

Test(gso_jumbo, cut,
     .description = "S2-S5, R16: the segments of a jumbogram are ordinary packets without the hop-by-hop header")
{
	static const uint32_t lens[] = { 65536 - 28, 65536, 131000, 190000, 8 * 65535 };
	unsigned int i, vlans, needs;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		for (vlans = 0; vlans < 3; vlans++)
			for (needs = 0; needs < 2; needs++) {
				struct packet p = packet_tcp6();
				uint8_t options[12];
				struct jumbo j;

				add_vlans(&p, vlans);
				packet_timestamp(&p, options, 1, 2);
				p.seq = 0xffffff00;
				p.tcp_flags = PACKET_ACK | PACKET_PSH | PACKET_FIN | PACKET_CWR;
				jumbo_build(&j, &p, lens[i], needs);
				check(&j, HEADER_CSUM_FULL);
				check(&j, HEADER_CSUM_PARTIAL);
				check_stream(&j, true);
				check_stream(&j, false);
				free(j.data);
			}
}

/* One thing changed in a good jumbogram. */
static void j_plain(struct jumbo *j) { (void)j; }
static void j_scratch(struct jumbo *j) { j->request.needs_csum = false; }
static void j_small(struct jumbo *j) { put(j->data + j->ext_off + 4, 4, 65535); }
static void j_beyond(struct jumbo *j) { put(j->data + j->ext_off + 4, 4, j->len - j->ext_off + 1); }
static void j_huge(struct jumbo *j) { put(j->data + j->ext_off + 4, 4, 0xffffffff); }
static void j_option(struct jumbo *j) { j->data[j->ext_off + 2] = 1; }
static void j_option_len(struct jumbo *j) { j->data[j->ext_off + 3] = 5; }
static void j_ext_len(struct jumbo *j) { j->data[j->ext_off + 1] = 1; }
static void j_next(struct jumbo *j) { j->data[j->ext_off] = 17; }
static void j_no_ext(struct jumbo *j) { j->data[j->ext_off - 40 + 6] = 6; }
static void j_doff(struct jumbo *j) { j->data[j->l4_off + 12] = 0x40; }
static void j_start(struct jumbo *j) { j->request.csum_start -= JUMBO_LEN; }
static void j_v4(struct jumbo *j) { j->request.type = GSO_TCPV4; }
static void j_udp(struct jumbo *j)
{
	j->request.type = GSO_UDP;
	j->request.csum_offset = 6;
}
static void j_tunnel(struct jumbo *j) { j->request.inner_l3_off = (uint16_t)j->l4_off; }
static void j_all(struct jumbo *j) { j->request.size = 65460; }
static void j_too_long(struct jumbo *j) { j->request.size = 65520; }

static const struct {
	const char *says;
	enum gso_verdict want;
	void (*change)(struct jumbo *j);
} verdicts[] = {
	{ "a good jumbogram", GSO_CUT, j_plain },
	{ "V4: without NEEDS_CSUM", GSO_CUT, j_scratch },
	{ "RFC 2675: a length that fits 16 bits", GSO_MALFORMED, j_small },
	{ "a length beyond the frame", GSO_MALFORMED, j_beyond },
	{ "a length near 2^32", GSO_MALFORMED, j_huge },
	{ "another option", GSO_MALFORMED, j_option },
	{ "an option of another length", GSO_MALFORMED, j_option_len },
	{ "more options", GSO_MALFORMED, j_ext_len },
	{ "not TCP behind it", GSO_MALFORMED, j_next },
	{ "no hop-by-hop header", GSO_MALFORMED, j_no_ext },
	{ "S1: a data offset of 4", GSO_MALFORMED, j_doff },
	{ "V5: csum_start as if the option were not there", GSO_MALFORMED, j_start },
	{ "V4: the type says IPv4", GSO_MALFORMED, j_v4 },
	{ "V4: the type says UDP", GSO_MALFORMED, j_udp },
	{ "within a tunnel", GSO_MALFORMED, j_tunnel },
	{ "S8: segments almost as long as an IP length allows", GSO_CUT, j_all },
	{ "S8: longer than that", GSO_TOO_LONG, j_too_long },
};

Test(gso_jumbo, verdicts, .description = "S1, S8, V3-V5: which jumbograms are cut, which are refused")
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct packet p = packet_tcp6();
		struct jumbo j;
		struct gso gso;
		enum gso_verdict got;

		jumbo_build(&j, &p, 100000, true);
		verdicts[i].change(&j);
		got = gso_open(&gso, &j.request, j.data, j.len, 70000, HEADER_CSUM_FULL);
		cr_expect_eq(got, verdicts[i].want, "%s: verdict %d", verdicts[i].says, got);
		free(j.data);
	}
}

Test(gso_jumbo, hostile,
     .description = "S1: 20000 jumbograms with random bytes in their headers, cut off anywhere; no byte beyond is "
		    "touched (sanitizers)")
{
	struct packet p = packet_tcp6();
	uint32_t cut_cnt = 0, i, flips;
	uint64_t state = 14;
	struct jumbo j;

	jumbo_build(&j, &p, 66000, true);
	for (i = 0; i < 20000; i++) {
		uint32_t len = random_next(&state) % 2 ? j.len : random_next(&state) % 200;
		uint8_t *data = exact_copy(j.data, len);
		struct gso gso;

		for (flips = random_next(&state) % 3; flips && len; flips--)
			data[random_next(&state) % 100 % len] = (uint8_t)random_next(&state);
		if (gso_open(&gso, &j.request, data, len, 1514, HEADER_CSUM_PARTIAL) == GSO_CUT) {
			drain(&gso, len, 1514, random_next(&state) % 2);
			cut_cnt++;
		}
		free(data);
	}
	cr_assert_gt(cut_cnt, 1000);
	free(j.data);
}
