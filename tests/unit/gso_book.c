// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <stdlib.h>

#include "gso_book.h"

#define SUPER_MAX (65535u + 14 + 8 + 40)

const uint8_t nop_options[40] = { [0 ... 39] = 1 };

uint32_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

uint32_t get(const uint8_t *p, int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

void put(uint8_t *p, int bytes, uint32_t v)
{
	while (bytes--) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

struct packet packet_of(uint32_t which)
{
	struct packet (*const make[])(void) = { packet_tcp4, packet_tcp6, packet_udp4, packet_udp6 };

	return make[which % 4]();
}

void add_vlans(struct packet *p, unsigned int cnt)
{
	if (cnt > 1)
		packet_push_vlan(p, 0x88a8, 0x0fff);
	if (cnt > 0)
		packet_push_vlan(p, 0x8100, 0xe064);
}

void add_ip_extras(struct packet *p, unsigned int extras)
{
	if (p->l3 == PACKET_L3_IPV4) {
		p->ip_options = nop_options;
		p->ip_options_len = extras * 20;
		return;
	}
	if (extras > 0)
		packet_push_ext(p, PACKET_EXT_HOPOPTS, 8);
	if (extras > 1)
		packet_push_ext(p, PACKET_EXT_DSTOPTS, 40);
}

/* ---- the superpacket of a test ---- */

static bool is_udp(const struct super *s) { return s->p.l4 == PACKET_L4_UDP; }

static bool over_udp(const struct super *s)
{
	return s->at.outer_l4_off && (s->tunnel.kind == PACKET_VXLAN || s->tunnel.kind == PACKET_GENEVE);
}

static void build(struct super *s, const struct packet_tunnel *tunnel, bool needs_csum)
{
	uint8_t *room = exact_room(SUPER_MAX);

	s->p.l4_csum = needs_csum ? PACKET_CSUM_PARTIAL : PACKET_CSUM_FULL;
	if (!needs_csum)
		s->p.l4_csum_xor = 0x1234;
	if (tunnel)
		s->len = (uint32_t)packet_build_in(tunnel, &s->p, room, SUPER_MAX, &s->at);
	else
		s->len = (uint32_t)packet_build(&s->p, room, SUPER_MAX, &s->at);
	cr_assert_gt(s->len, 0);
	s->data = exact_copy(room, s->len);
	free(room);
}

static void ask(struct super *s, uint16_t mss, bool needs_csum)
{
	uint8_t type = s->p.l3 == PACKET_L3_IPV4 ? GSO_TCPV4 : GSO_TCPV6;

	s->request = (struct gso_request){
		.type = is_udp(s) ? GSO_UDP : type,
		.needs_csum = needs_csum,
		.size = mss,
		.csum_start = needs_csum ? (uint16_t)s->at.l4_off : 0,
		.csum_offset = needs_csum ? (is_udp(s) ? 6 : 16) : 0,
	};
}

void super_build(struct super *s, const struct packet *p, uint16_t mss, bool needs_csum)
{
	*s = (struct super){ .p = *p };
	build(s, NULL, needs_csum);
	ask(s, mss, needs_csum);
}

void super_build_in(struct super *s, const struct packet_tunnel *tunnel, const struct packet *p, uint16_t mss,
		    bool needs_csum)
{
	*s = (struct super){ .p = *p, .tunnel = *tunnel };
	build(s, tunnel, needs_csum);
	ask(s, mss, needs_csum);
	s->request.inner_l3_off = (uint16_t)s->at.l3_off;
	s->request.outer_l4_off = (uint16_t)s->at.outer_l4_off;
	if (over_udp(s) && get(s->data + s->at.outer_l4_off + 6, 2))
		put(s->data + s->at.outer_l4_off + 6, 2, 0xbeef);
	if (tunnel->kind == PACKET_GRE && tunnel->csum)
		put(s->data + s->at.outer_l4_off + 4, 2, 0);
}

void super_free(struct super *s) { free(s->data); }

/* ---- the book ---- */

uint64_t book_pseudo(const uint8_t *ip, uint8_t protocol, uint32_t l4_len)
{
	uint8_t pseudo[40] = { 0 };

	if (ip[0] >> 4 == 4) {
		memcpy(pseudo, ip + 12, 8);
		pseudo[9] = protocol;
		put(pseudo + 10, 2, l4_len);
		return packet_sum(pseudo, 12, 0);
	}
	memcpy(pseudo, ip + 8, 32);
	put(pseudo + 32, 4, l4_len);
	pseudo[39] = protocol;
	return packet_sum(pseudo, 40, 0);
}

uint32_t book_count(const struct super *s)
{
	size_t payload = s->at.ip_end - s->at.payload_off;

	return (uint32_t)((payload + s->request.size - 1) / s->request.size);
}

/* S4: one IP header of segment i; rest bytes from that header to the end of the segment. */
static void book_ip(uint8_t *ip, uint32_t rest, uint32_t i, bool fixed_id)
{
	if (ip[0] >> 4 == 6) {
		put(ip + 4, 2, rest - 40);
		return;
	}
	put(ip + 2, 2, rest);
	if (!fixed_id)
		put(ip + 4, 2, get(ip + 4, 2) + i);
	put(ip + 10, 2, 0);
	put(ip + 10, 2, 0xffff ^ packet_fold(packet_sum(ip, (ip[0] & 15) * 4u, 0)));
}

/* The finished checksum of len bytes whose checksum field is 0. S6: UDP's 0 becomes 0xffff. */
static uint32_t book_csum(const uint8_t *data, uint32_t len, uint64_t sum, bool udp)
{
	uint32_t csum = 0xffffu ^ packet_fold(packet_sum(data, len, sum));

	return udp && csum == 0 ? 0xffff : csum;
}

/* S2, S3, S6: the L4 header, with a finished checksum. */
static void book_l4(const struct super *s, uint8_t *out, uint32_t end, uint32_t i)
{
	uint8_t *l4 = out + s->at.l4_off, *ip = out + s->at.l3_off;
	uint32_t len = end - (uint32_t)s->at.l4_off;
	uint32_t field = is_udp(s) ? 6 : 16;

	if (is_udp(s)) {
		put(l4 + 4, 2, len);
	} else {
		put(l4 + 4, 4, get(l4 + 4, 4) + i * s->request.size);
		if (i != book_count(s) - 1)
			l4[13] &= (uint8_t)~0x09; /* FIN, PSH */
		if (i != 0 && !s->request.accecn)
			l4[13] &= (uint8_t)~0x80; /* CWR */
	}
	put(l4 + field, 2, 0);
	put(l4 + field, 2, book_csum(l4, len, book_pseudo(ip, is_udp(s) ? 17 : 6, len), is_udp(s)));
}

/* S7: the outer headers. */
static void book_outer(const struct super *s, uint8_t *out, uint32_t end, uint32_t i)
{
	uint8_t *ip = out + s->at.outer_l3_off, *l4 = out + s->at.outer_l4_off;
	uint32_t len = end - (uint32_t)s->at.outer_l4_off;

	book_ip(ip, end - (uint32_t)s->at.outer_l3_off, i, s->request.outer_fixed_id);
	if (over_udp(s)) {
		put(l4 + 4, 2, len);
		if (get(l4 + 6, 2)) {
			put(l4 + 6, 2, 0);
			put(l4 + 6, 2, book_csum(l4, len, book_pseudo(ip, 17, len), true));
		}
	} else if (s->tunnel.kind == PACKET_GRE && s->tunnel.csum) {
		put(l4 + 4, 2, 0);
		put(l4 + 4, 2, book_csum(l4, len, 0, false));
	}
}

uint32_t book_segment(const struct super *s, uint32_t i, bool partial, uint8_t *out)
{
	uint32_t hdr = (uint32_t)s->at.payload_off, mss = s->request.size;
	uint32_t off = hdr + i * mss, len = mss, k;

	if (i == book_count(s) - 1)
		len = (uint32_t)s->at.ip_end - off;
	for (k = 0; k < hdr; k++) /* S2 */
		out[k] = s->data[k];
	for (k = 0; k < len; k++)
		out[hdr + k] = s->data[off + k];

	book_ip(out + s->at.l3_off, hdr - (uint32_t)s->at.l3_off + len, i, s->request.fixed_id);
	book_l4(s, out, hdr + len, i);
	if (s->at.outer_l4_off)
		book_outer(s, out, hdr + len, i);
	if (partial) {
		uint32_t l4_len = hdr + len - (uint32_t)s->at.l4_off;

		put(out + s->at.l4_off + (is_udp(s) ? 6 : 16), 2,
		    packet_fold(book_pseudo(out + s->at.l3_off, is_udp(s) ? 17 : 6, l4_len)));
	}
	return hdr + len;
}

/* ---- comparing ---- */

void slot_fill(struct slot *slot) { memset(slot, 0x5a, sizeof *slot); }

void slot_check(const struct slot *slot, uint32_t hdr_len)
{
	int i;

	for (i = 0; i < 64; i++)
		cr_assert(slot->before[i] == 0x5a && slot->bytes[hdr_len + i] == 0x5a, "wrote outside the header");
}

struct gso_slice next_checked(struct gso *gso, struct slot *slot)
{
	struct gso_slice slice;

	slot_fill(slot);
	slice = gso_next(gso, slot->bytes);
	slot_check(slot, gso->hdr_len);
	return slice;
}

void same(const uint8_t *got, const uint8_t *want, uint32_t len, const char *what, uint32_t i)
{
	uint32_t k;

	for (k = 0; k < len && got[k] == want[k]; k++)
		;
	cr_assert_eq(k, len, "%s: segment %u of %u bytes differs at byte %u: %#x, not %#x", what, i, len, k, got[k],
		     want[k]);
}

void nic_finishes(uint8_t *frame, uint32_t len, struct gso_left left)
{
	uint16_t csum = (uint16_t)~packet_fold(packet_sum(frame + left.start, len - left.start, 0));

	if (left.offset == UDP_CSUM_OFFSET && !csum)
		csum = 0xffff;
	store_be16(frame + left.start + left.offset, csum);
}

/* A segment whose checksum is left to the NIC is right once the NIC has finished it. */
static void check_left(const struct super *s, uint32_t i, struct gso_left left, uint8_t *frame, uint32_t len,
		       const char *what)
{
	uint8_t *want = exact_room(len);

	cr_assert_eq(book_segment(s, i, false, want), len);
	cr_assert_eq(left.start, s->at.l4_off, "%s", what);
	nic_finishes(frame, len, left);
	same(frame, want, len, what, i);
	free(want);
}

/* With HEADER_CSUM_NIC, only plain TCP and UDP are left to the NIC. */
static bool left_partial(const struct super *s, enum header_checksum mode)
{
	const bool plain = !s->at.outer_l3_off && s->at.l4_off - s->at.l3_off == (s->p.l3 == PACKET_L3_IPV4 ? 20 : 40);

	return mode == HEADER_CSUM_PARTIAL || (mode == HEADER_CSUM_NIC && plain);
}

void check_mode(const struct super *s, enum header_checksum mode, const char *what)
{
	uint32_t cnt = book_count(s), frame_max = (uint32_t)s->at.payload_off + s->request.size, i;
	uint8_t *want = exact_room(frame_max), *built = exact_room(frame_max);
	const bool partial = left_partial(s, mode);
	struct gso gso, whole;
	struct slot slot;

	/* Nothing of an earlier superpacket may have an effect. */
	memset(&gso, 0xee, sizeof gso);
	cr_assert_eq(gso_open(&gso, &s->request, s->data, s->len, frame_max, mode), GSO_CUT, "%s", what);
	cr_assert_eq(gso_open(&whole, &s->request, s->data, s->len, frame_max, mode), GSO_CUT);
	cr_assert_eq(gso.seg_cnt, cnt, "%s: %u segments, not %u", what, gso.seg_cnt, cnt);
	cr_assert_eq(gso.hdr_len, s->at.payload_off);
	cr_assert_eq(gso_left(&gso).start != 0, partial, "%s: left to the NIC, or not", what);
	for (i = 0; i < cnt; i++) {
		uint32_t len = book_segment(s, i, partial, want);
		struct gso_slice slice;

		cr_assert_not(gso_done(&gso));
		cr_assert_eq(gso.next_seg, i);
		slice = next_checked(&gso, &slot);
		cr_assert_eq(gso.hdr_len + slice.len, len, "%s: segment %u of %u bytes, not %u", what, i,
			     gso.hdr_len + slice.len, len);
		cr_assert_eq(slice.off, gso.hdr_len + i * s->request.size);
		same(slot.bytes, want, gso.hdr_len, what, i);
		same(s->data + slice.off, want + gso.hdr_len, slice.len, what, i);

		memset(built, 0x5a, frame_max);
		cr_assert_eq(gso_next_built(&whole, built), len);
		same(built, want, len, what, i);
		if (partial)
			check_left(s, i, gso_left(&whole), built, len, what);
		else if (mode == HEADER_CSUM_FULL)
			cr_assert(packet_csums_ok(built, len), "%s: segment %u", what, i);
		for (; len < frame_max; len++)
			cr_assert_eq(built[len], 0x5a, "%s: wrote behind segment %u", what, i);
	}
	cr_assert(gso_done(&gso) && gso_done(&whole), "%s: more than %u segments", what, cnt);
	free(want);
	free(built);
}

void check_super(const struct super *s, const char *what)
{
	uint8_t *before = exact_copy(s->data, s->len);

	check_mode(s, HEADER_CSUM_FULL, what);
	check_mode(s, HEADER_CSUM_PARTIAL, what);
	check_mode(s, HEADER_CSUM_NIC, what);
	cr_assert_arr_eq(s->data, before, s->len, "%s: the superpacket was written to", what);
	free(before);
}

/* TCP with NEEDS_CSUM and without (S5, V4); UDP is only valid with it (S6). */
void check_packet(const struct packet *p, uint16_t mss, const char *what)
{
	struct super s;
	int needs;

	for (needs = p->l4 == PACKET_L4_UDP; needs < 2; needs++) {
		super_build(&s, p, mss, needs);
		check_super(&s, what);
		super_free(&s);
	}
}

void check_packet_in(const struct packet_tunnel *tunnel, const struct packet *p, uint16_t mss, const char *what)
{
	struct super s;
	int needs;

	for (needs = p->l4 == PACKET_L4_UDP; needs < 2; needs++) {
		super_build_in(&s, tunnel, p, mss, needs);
		check_super(&s, what);
		super_free(&s);
	}
}

void check_complete(const struct packet_tunnel *tunnel, const struct packet *p, const char *what)
{
	struct packet finished = *p;
	uint8_t want[2048];
	struct super s;
	struct gso gso;

	finished.l4_csum = PACKET_CSUM_FULL;
	for (int ordinary = 0; ordinary < 2; ordinary++) {
		if (tunnel)
			super_build_in(&s, tunnel, p, 500, true);
		else
			super_build(&s, p, 500, true);
		cr_assert_eq(tunnel ? packet_build_in(tunnel, &finished, want, sizeof want, NULL) :
				      packet_build(&finished, want, sizeof want, NULL),
			     s.len);
		if (ordinary)
			s.request.type = GSO_NONE;
		cr_assert_eq(gso_open(&gso, &s.request, s.data, s.len, 1514, HEADER_CSUM_FULL), GSO_ORDINARY);
		gso_complete(&s.request, s.data, s.len);
		same(s.data, want, s.len, what, 0);
		super_free(&s);
	}
}

void drain(struct gso *gso, uint32_t len, uint32_t frame_max, bool built)
{
	uint8_t *frame = exact_room(frame_max);
	uint32_t cnt = 0, end = 0;

	cr_assert_gt(gso->seg_cnt, 1);
	for (; !gso_done(gso); cnt++) {
		if (built) {
			uint32_t seg = gso_next_built(gso, frame);

			cr_assert(seg > gso->hdr_len && seg <= frame_max);
			end += seg - gso->hdr_len;
		} else {
			struct gso_slice slice = gso_next(gso, frame);

			cr_assert(cnt == 0 || slice.off == end);
			cr_assert(slice.len > 0 && gso->hdr_len + slice.len <= frame_max);
			end = slice.off + slice.len;
		}
		cr_assert_leq(end, len);
	}
	cr_assert_eq(cnt, gso->seg_cnt);
	free(frame);
}
