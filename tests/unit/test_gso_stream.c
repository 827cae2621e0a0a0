// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Superpackets that come in fragments (S11): wherever they are split, the segments are those of gso_book.c, and
 * each can be taken as soon as its bytes determine it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/gso_stream.h"
#include "gso_book.h"

#define SEGMENT_MAX 2048u

/* A superpacket that is fed in fragments. */
struct feed {
	const struct super *s;
	struct gso_stream stream;
	bool known; /* its length */
	enum header_checksum mode;
	uint8_t *head;
	uint8_t *fragments[4096]; /* each of exactly its length, for AddressSanitizer */
	uint32_t fragment_cnt;
	uint32_t came, ended; /* payload bytes */
	uint32_t taken;       /* segments */
	const char *what;
};

static uint32_t payload_len(const struct super *s) { return (uint32_t)(s->at.ip_end - s->at.payload_off); }

/* With an unknown length, the length fields and the checksum are ignored, so they may hold anything. */
static void spoil_lengths(const struct super *s, uint8_t *head)
{
	const size_t ips[] = { s->at.l3_off, s->at.outer_l4_off ? s->at.outer_l3_off : s->at.l3_off };
	size_t i;

	for (i = 0; i < 2; i++)
		put(head + ips[i] + (head[ips[i]] >> 4 == 4 ? 2 : 4), 2, 0xabcd + (uint32_t)i);
	if (s->p.l4 == PACKET_L4_UDP)
		put(head + s->at.l4_off + 4, 2, 0);
	put(head + s->at.l4_off + (s->p.l4 == PACKET_L4_UDP ? 6 : 16), 2, 0x1357);
	if (s->tunnel.kind <= PACKET_GENEVE && s->at.outer_l4_off)
		put(head + s->at.outer_l4_off + 4, 2, 0xffff);
}

static void feed_open(struct feed *f, const struct super *s, bool known, enum header_checksum mode, uint32_t with_head,
		      const char *what)
{
	uint32_t hdr = (uint32_t)s->at.payload_off;
	struct gso_request request = s->request;

	*f = (struct feed){ .s = s, .known = known, .mode = mode, .came = with_head, .what = what };
	f->head = exact_copy(s->data, hdr + with_head);
	if (!known)
		spoil_lengths(s, f->head);
	memset(&f->stream, 0xee, sizeof f->stream);
	cr_assert_eq(gso_stream_open(&f->stream, &request, f->head, hdr + with_head, known ? s->len : 0,
				     hdr + request.size, mode),
		     GSO_CUT, "%s", what);
	cr_assert_eq(f->stream.gso.hdr_len, hdr);
}

/* Takes one segment, and compares it. */
static void feed_take(struct feed *f)
{
	struct iovec slices[GSO_STREAM_FRAGMENTS];
	uint8_t want[SEGMENT_MAX], got[SEGMENT_MAX];
	uint32_t hdr = f->stream.gso.hdr_len, cnt, i, at = 0;
	uint32_t len = book_segment(f->s, f->taken, f->mode == HEADER_CSUM_PARTIAL, want);
	struct slot slot;

	slot_fill(&slot);
	cnt = gso_stream_next(&f->stream, slot.bytes, slices, GSO_STREAM_FRAGMENTS);
	cr_assert(cnt >= 1 && cnt <= GSO_STREAM_FRAGMENTS);
	slot_check(&slot, hdr);
	same(slot.bytes, want, hdr, f->what, f->taken);
	for (i = 0; i < cnt; i++) {
		cr_assert(slices[i].iov_len > 0 && at + slices[i].iov_len <= f->s->request.size);
		memcpy(got + at, slices[i].iov_base, slices[i].iov_len);
		at += (uint32_t)slices[i].iov_len;
	}
	cr_assert_eq(hdr + at, len, "%s: segment %u of %u bytes, not %u", f->what, f->taken, hdr + at, len);
	same(got, want + hdr, at, f->what, f->taken);
	f->taken++;
}

/* S11: how many segments are determined by the bytes that have come. */
static uint32_t due(const struct feed *f)
{
	uint32_t size = f->s->request.size;

	if (f->ended || (f->known && f->came == payload_len(f->s)))
		return book_count(f->s);
	if (f->known)
		return f->came / size;
	return f->came ? (f->came - 1) / size : 0;
}

static void feed_take_due(struct feed *f)
{
	while (gso_stream_ready(&f->stream))
		feed_take(f);
	cr_assert_eq(f->taken, due(f), "%s: %u segments of %u bytes, not %u", f->what, f->taken, f->came, due(f));
	cr_assert_eq(gso_stream_done(&f->stream), f->taken == book_count(f->s) && (f->known || f->ended));
}

static void feed_add(struct feed *f, uint32_t len)
{
	uint8_t *fragment = exact_copy(f->s->data + f->s->at.payload_off + f->came, len);

	cr_assert_lt(f->fragment_cnt, ARRAY_SIZE(f->fragments));
	f->fragments[f->fragment_cnt++] = fragment;
	cr_assert(gso_stream_add(&f->stream, fragment, len), "%s: refused", f->what);
	f->came += len;
}

static void feed_end(struct feed *f)
{
	cr_assert_eq(f->came, payload_len(f->s));
	gso_stream_end(&f->stream);
	f->ended = true;
	feed_take_due(f);
	cr_assert(gso_stream_done(&f->stream) && !gso_stream_ready(&f->stream));
	while (f->fragment_cnt)
		free(f->fragments[--f->fragment_cnt]);
	free(f->head);
}

/* TCP and UDP, IPv4 and IPv6, plain and in tunnels. */
static struct super shape(unsigned int which, uint16_t size, size_t payload)
{
	struct packet_tunnel tunnel = packet_tunnel(which & 8 ? PACKET_GRE : PACKET_VXLAN,
						    which & 1 ? PACKET_L3_IPV4 : PACKET_L3_IPV6);
	struct packet p = packet_of(which);
	struct super s;

	p.payload_len = payload;
	p.tcp_flags = PACKET_ACK | PACKET_PSH | PACKET_FIN | PACKET_CWR;
	tunnel.csum = true;
	if (which & 4)
		super_build_in(&s, &tunnel, &p, size, true);
	else
		super_build(&s, &p, size, true);
	return s;
}

#define SHAPES 16u

/* A head with a bytes of payload, a fragment up to b, another one up to the end. */
static void borders(const struct super *s, uint32_t a, uint32_t b, bool known, enum header_checksum mode)
{
	char what[80];
	struct feed f;

	snprintf(what, sizeof what, "borders at %u and %u, length %s", a, b, known ? "known" : "unknown");
	feed_open(&f, s, known, mode, a, what);
	feed_take_due(&f);
	feed_add(&f, b - a);
	feed_take_due(&f);
	feed_add(&f, payload_len(s) - b);
	feed_take_due(&f);
	feed_end(&f);
}

Test(gso_stream, every_border,
     .description = "S11: all pairs of borders, TCP and UDP, plain and in tunnels, with and without known length")
{
	static const size_t payloads[] = { 34, 33, 30, 21 };
	uint32_t which, a, b, i, how;

	for (which = 0; which < SHAPES; which++)
		for (i = 0; i < ARRAY_SIZE(payloads); i++) {
			struct super s = shape(which, i % 2 ? 11 : 10, payloads[i]);

			for (a = 0; a <= payload_len(&s); a++)
				for (b = a; b <= payload_len(&s); b++)
					for (how = 0; how < 4; how++)
						borders(&s, a, b, how & 1,
							how & 2 ? HEADER_CSUM_PARTIAL : HEADER_CSUM_FULL);
			super_free(&s);
		}
}

Test(gso_stream, byte_by_byte,
     .description = "S11: fragments of one byte; a segment is ready with the byte that determines it")
{
	uint32_t which, known, i;

	for (which = 0; which < SHAPES; which++)
		for (known = 0; known < 2; known++) {
			struct super s = shape(which, 61, 61 * 7 + 5);
			struct feed f;

			feed_open(&f, &s, known, HEADER_CSUM_FULL, 0, "byte by byte");
			for (i = 0; i < payload_len(&s); i++) {
				feed_add(&f, 1);
				feed_take_due(&f);
			}
			feed_end(&f);
			super_free(&s);
		}
}

Test(gso_stream, random_borders,
     .description = "S10, S11: 3000 superpackets in random fragments, taken at random times")
{
	uint64_t state = 21;
	uint32_t i;

	for (i = 0; i < 3000; i++) {
		uint16_t size = (uint16_t)(1 + random_next(&state) % 1400);
		uint32_t payload = size + 1 + random_next(&state) % (size * 40);
		struct super s = shape(random_next(&state), size, payload > 50000 ? 50000 : payload);
		bool known = random_next(&state) % 2;
		struct feed f;

		feed_open(&f, &s, known, random_next(&state) % 2, random_next(&state) % size, "random");
		while (f.came < payload_len(&s)) {
			uint32_t len = size / 30 + random_next(&state) % (2u << random_next(&state) % 13);

			if (len > payload_len(&s) - f.came)
				len = payload_len(&s) - f.came;
			if (f.stream.cnt >= GSO_STREAM_FRAGMENTS - 1 || random_next(&state) % 2)
				feed_take_due(&f);
			feed_add(&f, len);
		}
		feed_end(&f);
		super_free(&s);
	}
}

Test(gso_stream, one_segment,
     .description =
	     "S3, S11: a superpacket that turns out to be one segment keeps all flags; headers alone are a segment too")
{
	static const size_t payloads[] = { 0, 1, 99, 100 };
	uint32_t which, i;

	for (which = 0; which < SHAPES; which++)
		for (i = 0; i < ARRAY_SIZE(payloads); i++) {
			struct super s = shape(which, 100, payloads[i]);
			uint8_t want[SEGMENT_MAX], slot[HEADER_SLOT_LEN];
			struct iovec slices[2];
			struct packet p = s.p;
			struct feed f;

			feed_open(&f, &s, false, HEADER_CSUM_FULL, (uint32_t)payloads[i], "one segment");
			cr_assert_not(gso_stream_ready(&f.stream));
			cr_assert_not(gso_stream_done(&f.stream));
			gso_stream_end(&f.stream);
			cr_assert(gso_stream_ready(&f.stream));
			cr_assert_eq(gso_stream_next(&f.stream, slot, slices, 0), 0);
			cr_assert_eq(gso_stream_next(&f.stream, slot, slices, 2), 1);
			cr_assert_eq(slices[0].iov_len, payloads[i]);
			cr_assert(gso_stream_done(&f.stream) && !gso_stream_ready(&f.stream));

			/* The packet itself. */
			p.l4_csum = PACKET_CSUM_FULL;
			if (s.at.outer_l4_off)
				packet_build_in(&s.tunnel, &p, want, sizeof want, NULL);
			else
				packet_build(&p, want, sizeof want, NULL);
			same(slot, want, (uint32_t)s.at.payload_off, "one segment", which);
			free(f.head);
			super_free(&s);
		}
}

Test(gso_stream, room, .description = "fragments beyond the room of the ring are refused, and nothing is lost")
{
	struct super s = shape(0, 100, 250);
	struct feed f;
	uint8_t more = 1;
	uint32_t i;

	feed_open(&f, &s, true, HEADER_CSUM_FULL, 0, "room");
	for (i = 0; i < GSO_STREAM_FRAGMENTS - 1; i++)
		feed_add(&f, 1);
	feed_add(&f, 0); /* adds nothing, uses no place */
	feed_add(&f, 60);
	cr_assert_not(gso_stream_add(&f.stream, &more, 1));
	cr_assert(gso_stream_add(&f.stream, &more, 0));
	feed_take_due(&f);
	feed_add(&f, 60);
	feed_take_due(&f);
	feed_add(&f, 250 - f.came);
	feed_take_due(&f);
	feed_end(&f);
	super_free(&s);
}

Test(gso_stream, too_few_slices, .description = "a segment of three slices is not taken when there is room for two")
{
	uint8_t slot[HEADER_SLOT_LEN];
	struct super s = shape(1, 100, 250);
	struct iovec slices[2];
	struct feed f;

	feed_open(&f, &s, true, HEADER_CSUM_FULL, 50, "slices");
	feed_add(&f, 20);
	feed_add(&f, 180);
	cr_assert_eq(gso_stream_next(&f.stream, slot, slices, 2), 0);
	cr_assert_eq(gso_stream_next(&f.stream, slot, slices, 0), 0);
	feed_take_due(&f);
	feed_end(&f);
	super_free(&s);
}

Test(gso_stream, ended_too_soon,
     .description = "S11: bytes of a known length are missing: complete segments are cut, the rest never gets ready")
{
	struct super s = shape(0, 100, 250);
	uint8_t more[300] = { 0 };
	struct feed f;

	feed_open(&f, &s, true, HEADER_CSUM_FULL, 0, "too soon");
	feed_add(&f, 249);
	gso_stream_end(&f.stream);
	cr_assert(gso_stream_add(&f.stream, more, 1)); /* behind the end: ignored */
	feed_take_due(&f);
	cr_assert_eq(f.taken, 2);
	cr_assert_not(gso_stream_ready(&f.stream));
	cr_assert_not(gso_stream_done(&f.stream));
	free(f.fragments[0]);
	free(f.head);
	super_free(&s);
}

Test(gso_stream, bytes_beyond,
     .description =
	     "R4: bytes behind the superpacket's length are in no segment, whether they come with the head or later")
{
	struct packet p = packet_tcp4();
	uint8_t more[100] = { 0 };
	uint32_t with_head, i;
	struct super s;

	p.payload_len = 250;
	p.pad_to = 400;
	super_build(&s, &p, 100, true);
	for (with_head = 0; with_head < s.len - s.at.payload_off; with_head += 23) {
		uint32_t missing = with_head < 250 ? 250 - with_head : 0;
		struct feed f;

		feed_open(&f, &s, true, HEADER_CSUM_FULL, with_head, "beyond");
		f.came -= with_head - (250 - missing);
		feed_add(&f, missing);
		for (i = 0; i < 2 * GSO_STREAM_FRAGMENTS; i++) /* they use no place either */
			cr_assert(gso_stream_add(&f.stream, more, sizeof more));
		feed_take_due(&f);
		feed_end(&f);
	}
	super_free(&s);
}

Test(gso_stream, head_beyond,
     .description = "a head longer than the given length of the superpacket: bytes beyond it are not read")
{
	struct super s = shape(0, 100, 250);
	struct gso_stream stream;

	cr_assert_eq(gso_stream_open(&stream, &s.request, s.data, s.len, s.len - 1, 1514, HEADER_CSUM_FULL),
		     GSO_MALFORMED);
	cr_assert_eq(gso_stream_open(&stream, &s.request, s.data, s.len, 20, 1514, HEADER_CSUM_FULL), GSO_MALFORMED);
	super_free(&s);
}

Test(gso_stream, udp_limit, .description = "S6: with an unknown length, the 129th datagram is refused")
{
	struct super s = shape(2, 10, 1280);
	uint8_t more = 0;
	struct feed f;

	feed_open(&f, &s, false, HEADER_CSUM_FULL, 600, "limit");
	feed_take_due(&f);
	feed_add(&f, 680);
	cr_assert_not(gso_stream_add(&f.stream, &more, 1));
	feed_take_due(&f);
	cr_assert_not(gso_stream_add(&f.stream, &more, 1));
	feed_end(&f);
	super_free(&s);
}

Test(gso_stream, source_routed,
     .description = "S5: a partial sum is used if the length is known, else the addresses of the IP header")
{
	struct packet p = packet_tcp6();
	uint8_t slot[2][HEADER_SLOT_LEN];
	struct iovec slices[2];
	struct super s;
	uint32_t known;

	p.payload_len = 200;
	super_build(&s, &p, 100, true);
	put(s.data + s.at.l4_off + 16, 2, get(s.data + s.at.l4_off + 16, 2) ^ 0x0100);
	for (known = 0; known < 2; known++) {
		struct gso_stream stream;

		cr_assert_eq(gso_stream_open(&stream, &s.request, s.data, s.len, known ? s.len : 0, 1514,
					     HEADER_CSUM_PARTIAL),
			     GSO_CUT);
		cr_assert_eq(gso_stream_next(&stream, slot[known], slices, 2), 1);
	}
	cr_assert_eq(get(slot[0] + s.at.l4_off + 16, 2), packet_fold(book_pseudo(s.data + s.at.l3_off, 6, 120)));
	cr_assert_neq(get(slot[1] + s.at.l4_off + 16, 2), get(slot[0] + s.at.l4_off + 16, 2));
	super_free(&s);
}

/* ---- verdicts ---- */

struct verdict_case {
	const char *says;
	enum gso_verdict want;
	int head; /* bytes of payload in the head; below 0: of the headers missing */
	bool known;
	uint8_t type;
	uint16_t size;
	uint32_t frame_max;
	bool needs_csum;
};

static const struct verdict_case verdicts[] = {
	{ "headers only", GSO_CUT, 0, true, GSO_TCPV4, 1000, 1514, true },
	{ "headers only, length unknown", GSO_CUT, 0, false, GSO_TCPV4, 1000, 1514, true },
	{ "a byte of the headers is missing", GSO_MALFORMED, -1, true, GSO_TCPV4, 1000, 1514, true },
	{ "a byte of the headers is missing, length unknown", GSO_MALFORMED, -1, false, GSO_TCPV4, 1000, 1514, true },
	{ "no TCP header, length unknown", GSO_MALFORMED, -20, false, GSO_TCPV4, 1000, 1514, true },
	{ "no IP header, length unknown", GSO_MALFORMED, -40, false, GSO_TCPV4, 1000, 1514, true },
	{ "nothing, length unknown", GSO_MALFORMED, -54, false, GSO_TCPV4, 1000, 1514, true },
	{ "V4: the wrong type, length unknown", GSO_MALFORMED, 0, false, GSO_TCPV6, 1000, 1514, true },
	{ "V4: without NEEDS_CSUM, length unknown", GSO_CUT, 0, false, GSO_TCPV4, 1000, 1514, false },
	{ "V1: size 0, length unknown", GSO_MALFORMED, 0, false, GSO_TCPV4, 0, 1514, true },
	{ "V2: one segment", GSO_ORDINARY, 0, true, GSO_TCPV4, 3000, 3100, true },
	{ "one segment, length unknown", GSO_CUT, 3000, false, GSO_TCPV4, 3000, 3100, true },
	{ "an ordinary packet", GSO_ORDINARY, 0, true, GSO_NONE, 0, 3100, true },
	{ "an ordinary packet of unknown length", GSO_MALFORMED, 3000, false, GSO_NONE, 0, 3100, true },
	{ "S8: a segment too long", GSO_TOO_LONG, 0, true, GSO_TCPV4, 1461, 1514, true },
	{ "S8: a segment too long, length unknown", GSO_TOO_LONG, 0, false, GSO_TCPV4, 1461, 1514, true },
	{ "S8: as long as an IP length allows", GSO_CUT, 0, false, GSO_TCPV4, 65495, 80000, true },
	{ "S8: longer than that", GSO_TOO_LONG, 0, false, GSO_TCPV4, 65496, 80000, true },
};

Test(gso_stream, verdicts, .description = "S1, S8, S11, V1-V4: what is cut, what is ordinary, what is refused")
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict_case *c = &verdicts[i];
		struct super s = shape(0, c->size, 3000);
		uint32_t head_len = (uint32_t)((int)s.at.payload_off + c->head);
		uint8_t *head = exact_copy(s.data, head_len);
		struct gso_stream stream;
		enum gso_verdict got;

		s.request.type = c->type;
		s.request.needs_csum = c->needs_csum;
		got = gso_stream_open(&stream, &s.request, head, head_len, c->known ? s.len : 0, c->frame_max,
				      HEADER_CSUM_FULL);
		cr_expect_eq(got, c->want, "%s: verdict %d", c->says, got);
		free(head);
		super_free(&s);
	}
}

/* ---- hostile input ---- */

/* Feeds fragments until the end, and takes all segments. */
static void drain_stream(struct gso_stream *stream, uint64_t *state, uint32_t frame_max)
{
	static uint8_t payload[4096];
	struct iovec slices[GSO_STREAM_FRAGMENTS];
	uint8_t slot[HEADER_SLOT_LEN];
	uint32_t rounds, cnt, i, len;

	for (rounds = 0; rounds < 8; rounds++) {
		gso_stream_add(stream, payload, random_next(state) % sizeof payload);
		if (rounds == 7 || random_next(state) % 16 == 0)
			gso_stream_end(stream);
		while (gso_stream_ready(stream)) {
			cnt = gso_stream_next(stream, slot, slices, GSO_STREAM_FRAGMENTS);
			cr_assert(cnt >= 1);
			for (i = 0, len = stream->gso.hdr_len; i < cnt; i++)
				len += (uint32_t)slices[i].iov_len;
			cr_assert_leq(len, frame_max);
		}
	}
}

Test(gso_stream, hostile,
     .description =
	     "S1, S11, V1-V5: 200000 made-up heads, lengths and requests; no byte beyond them is touched (sanitizers)")
{
	uint32_t verdict_cnt[4] = { 0 }, i, flips;
	uint64_t state = 13;

	for (i = 0; i < 200000; i++) {
		struct super s = shape(random_next(&state), (uint16_t)(1 + random_next(&state) % 1000),
				       random_next(&state) % 2000);
		uint32_t frame_max = random_next(&state) % 2 ? 1518 : 60 + random_next(&state) % 4000;
		uint32_t head_len = (uint32_t)s.at.payload_off + random_next(&state) % 20, len = s.len;
		struct gso_stream stream;
		enum gso_verdict verdict;
		uint8_t *head;

		if (random_next(&state) % 4 == 0)
			head_len = random_next(&state) % (head_len + 1);
		if (head_len > s.len)
			head_len = s.len;
		if (random_next(&state) % 2)
			len = random_next(&state) % 4 ? 0 : random_next(&state);
		head = exact_copy(s.data, head_len);
		for (flips = random_next(&state) % 3; flips && head_len; flips--)
			head[random_next(&state) % head_len] = (uint8_t)random_next(&state);
		if (random_next(&state) % 8 == 0)
			s.request.type = random_next(&state) % 5;
		if (random_next(&state) % 8 == 0)
			s.request.inner_l3_off = (uint16_t)(random_next(&state) % (head_len + 8));
		verdict = gso_stream_open(&stream, &s.request, head, head_len, len, frame_max,
					  random_next(&state) % 2 ? HEADER_CSUM_FULL : HEADER_CSUM_PARTIAL);
		verdict_cnt[verdict]++;
		if (verdict == GSO_CUT)
			drain_stream(&stream, &state, frame_max);
		free(head);
		super_free(&s);
	}
	for (i = 0; i < 4; i++)
		cr_assert_gt(verdict_cnt[i], 1000, "verdict %u came up %u times only", i, verdict_cnt[i]);
}
