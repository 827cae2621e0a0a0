// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a delivery looks like, byte for byte: superpackets (D7, R17), checksums finished, unfinished
 * and wrong (R3, R8), and what unmerge gives back (V9).
 */
#include <criterion/criterion.h>

#include "gro_bench.h"
#include "gro_changes.h"

/* ---- D7, R17: what a superpacket looks like ---- */

static void all_at_once(struct packet *p)
{
	with_tags(p);
	with_timestamp(p);
	with_ece(p);
	p->tos = 0xb9;
	p->ttl = 3;
	p->window = 0xffff;
	p->urgent = 0x1234;
	p->tcp_reserved = 5;
	p->flow_label = 0xfffff;
	seq_about_to_wrap(p);
	id_about_to_wrap(p);
	if (p->l3 == PACKET_L3_IPV6)
		with_extensions(p);
}

Test(gro, superpacket_is_the_first_packet_grown)
{
	static void (*const shapes[])(struct packet * p) = {
		nothing,          with_tags, with_timestamp, with_sack,   seq_about_to_wrap,
		id_about_to_wrap, with_ece,  without_df,     all_at_once,
	};
	static const size_t sizes[] = { 1, 2, 99, 100, 1448 };

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(shapes) * ARRAY_SIZE(sizes); i++) {
		struct packet first = i % 2 ? packet_tcp6() : packet_tcp4(), p;
		uint32_t cnt = 2 + i % 43;
		struct bench *b = bench_plain();

		shapes[i / 2 % ARRAY_SIZE(shapes)](&first);
		first.payload_len = sizes[i / 2 / ARRAY_SIZE(shapes)];
		first.pad_to = 60;
		p = first;
		offer_run(b, &p, cnt);
		gro_burst_end(&b->gro, b->now_ns);
		expect_superpacket(b, &first, cnt, cnt * first.payload_len, 0);
		bench_close(b);
	}
}

Test(gro, last_packet_gives_its_flags_and_may_be_short)
{
	static const struct {
		uint16_t flags;
		size_t last_len;
	} cases[] = {
		{ PACKET_PSH, 100 }, { PACKET_FIN, 100 }, { PACKET_PSH | PACKET_FIN, 100 },
		{ 0, 37 },           { PACKET_PSH, 1 },   { PACKET_FIN, 99 },
	};

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct packet first = i % 2 ? packet_tcp6() : packet_tcp4(), p = first;
		struct bench *b = bench_plain();

		offer_run(b, &p, 3);
		p.tcp_flags |= cases[i / 2].flags;
		p.payload_len = cases[i / 2].last_len;
		p.pad_to = 60;
		offer(b, &p); /* delivers at once */
		expect_superpacket(b, &first, 4, 300 + p.payload_len, cases[i / 2].flags);
		bench_close(b);
	}
}

Test(gro, payload_slices_lie_where_the_packets_came)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_plain();
	struct gro_super *super;
	struct iovec iov[3];

	with_timestamp(&p);
	offer_run(b, &p, 2);
	one_byte_and_padding(&p);
	offer(b, &p);
	super = gro_next(&b->gro);
	cr_assert_eq(gro_iovecs(&b->gro, super, iov), 3);
	cr_assert_eq(iov[0].iov_base, b->frames[0].data);
	cr_assert_eq(iov[0].iov_len, 66 + 100);
	cr_assert_eq(iov[1].iov_base, b->frames[1].data + 66);
	cr_assert_eq(iov[1].iov_len, 100);
	cr_assert_eq(iov[2].iov_base, b->frames[2].data + 66);
	cr_assert_eq(iov[2].iov_len, 1, "R4: padding is no payload");
	take(b, super);
	bench_close(b);
}

/* R4: padding of the first packet must not come between its payload and the second packet's. */
Test(gro, padding_of_the_first_packet_is_left_out)
{
	struct packet first = packet_tcp4(), p;
	struct bench *b = bench_plain();

	one_byte_and_padding(&first);
	p = first;
	offer_run(b, &p, 5);
	gro_burst_end(&b->gro, b->now_ns);
	expect_superpacket(b, &first, 5, 5, 0);
	bench_close(b);
}

/* D5: a packet that is delivered alone keeps its padding, which counts in its length. */
Test(gro, packet_alone_is_as_long_as_it_came)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_plain();
	struct gro_super *super;

	one_byte_and_padding(&p);
	offer(b, &p);
	gro_burst_end(&b->gro, b->now_ns);
	super = gro_next(&b->gro);
	cr_assert_eq(super->len, 60);
	expect_bytes(b, super, b->frames[0].copy, 60);
	take(b, super);
	bench_close(b);
}

/* ---- checksums (R3, R8) ---- */

static void offer_verified(struct bench *b, const struct packet *p)
{
	uint8_t buf[2000];

	offer_frame(b, buf, packet_build(p, buf, sizeof buf, NULL), GRO_CSUM_VERIFIED);
}

Test(gro, verified_packets_are_not_summed_again)
{
	struct packet p = packet_tcp4(), q;
	struct bench *b = bench_plain();

	p.l4_csum_xor = 1; /* a checksum that was verified elsewhere is not verified again */
	offer_verified(b, &p);
	p = behind(&p);
	offer_verified(b, &p);
	q = behind(&p);
	bad_ip_csum(&q);
	offer_verified(b, &q);
	expect_end(b, "0+1:checksum 2:checksum", "R3: the IP header's is always looked at");
	bench_close(b);
}

/* An IPv4 header checksum of 0xffff adds up, but completion would write 0x0000. */
Test(gro, ipv4_checksum_ffff_is_not_merged)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_plain();
	struct packet_layout at;
	uint8_t buf[300];
	size_t len = packet_build(&p, buf, sizeof buf, &at);
	uint8_t *ip = buf + at.l3_off;
	uint32_t id = ((uint32_t)(ip[4] << 8 | ip[5]) + (uint32_t)(ip[10] << 8 | ip[11]));

	id = (id & 0xffff) + (id >> 16); /* the ID makes up for the checksum */
	ip[4] = (uint8_t)(id >> 8);
	ip[5] = (uint8_t)id;
	ip[10] = ip[11] = 0;
	cr_assert(packet_csums_ok(buf, len));
	offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
	ip[10] = ip[11] = 0xff;
	cr_assert(packet_csums_ok(buf, len));
	offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
	expect_end(b, "0:header 1:header", "the one is a good packet, the other is not merged");
	bench_close(b);
}

/* Such a checksum is right: a packet that would not be merged anyway passes for its own reason. */
Test(gro, checksum_ffff_is_no_wrong_checksum)
{
	static void (*const kinds[])(struct packet * p) = { no_data, syn, csum_ffff };
	static const char *const want[] = { "0:no_data", "0:flags", "0:header" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct bench *b = bench_plain();
		struct packet p = packet_tcp4();
		struct packet_layout at;
		uint8_t buf[300];
		uint32_t window;

		p.window = 0;
		kinds[i](&p);
		if (kinds[i] != csum_ffff) { /* the window makes up for the checksum */
			packet_build(&p, buf, sizeof buf, &at);
			window = (uint32_t)(buf[at.l4_off + 16] << 8 | buf[at.l4_off + 17]);
			p.window = (uint16_t)window;
			p.l4_csum_xor = 0xffff;
		}
		cr_assert(packet_csums_ok(buf, packet_build(&p, buf, sizeof buf, &at)));
		cr_assert_eq(buf[at.l4_off + 16] & buf[at.l4_off + 17], 0xff);
		offer(b, &p);
		expect_end(b, want[i], "R8");
		bench_close(b);
	}
}

/* Each byte of a packet is changed in turn: the packet is never merged. */
Test(gro, no_spoiled_byte_is_merged)
{
	for (int version = 4; version <= 6; version += 2) {
		struct packet p = version == 4 ? packet_tcp4() : packet_tcp6(), q = behind(&p);
		uint8_t buf[300];
		size_t len = packet_build(&q, buf, sizeof buf, NULL);

		for (size_t at = 0; at < 8 * len; at++) {
			struct bench *b = bench_plain();

			offer(b, &p);
			buf[at / 8] ^= (uint8_t)(1 << at % 8);
			offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
			buf[at / 8] ^= (uint8_t)(1 << at % 8);
			burst_end(b);
			cr_assert_null(strchr(b->line, '+'), "bit %zu: %s", at, b->line);
			bench_close(b);
		}
	}
}

static void expect_request(struct bench *b, bool needs_csum, uint16_t start, uint16_t offset)
{
	struct gro_super *super = gro_next(&b->gro);

	cr_assert_not_null(super);
	cr_assert_eq(super->packet_cnt, 1);
	cr_assert_eq(super->request.needs_csum, needs_csum);
	if (needs_csum) {
		cr_assert_eq(super->request.csum_start, start);
		cr_assert_eq(super->request.csum_offset, offset);
	}
	take(b, super);
}

Test(gro, unfinished_checksums_are_handed_on_as_such)
{
	static const struct {
		const char *sentence;
		struct packet (*make)(void);
		void (*change)(struct packet *p);
		bool unfinished;
		uint16_t start, offset;
	} cases[] = {
		{ "TCP with data", packet_tcp4, unfinished, true, 34, 16 },
		{ "TCP with data, IPv6", packet_tcp6, unfinished, true, 54, 16 },
		{ "UDP", packet_udp4, unfinished, true, 34, 6 },
		{ "UDP, IPv6", packet_udp6, unfinished, true, 54, 6 },
		{ "finished TCP", packet_tcp4, nothing, false, 0, 0 },
		{ "finished UDP", packet_udp4, nothing, false, 0, 0 },
		{ "wrong TCP", packet_tcp4, bad_l4_csum, false, 0, 0 },
		{ "wrong UDP", packet_udp4, bad_l4_csum, false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b = bench_unfinished(), *strict = bench_plain();
		struct packet p = cases[i].make();

		cases[i].change(&p);
		offer(b, &p);
		gro_burst_end(&b->gro, b->now_ns);
		expect_request(b, cases[i].unfinished, cases[i].start, cases[i].offset);
		bench_close(b);

		offer(strict, &p);
		gro_burst_end(&strict->gro, strict->now_ns);
		expect_request(strict, false, 0, 0);
		bench_close(strict);
	}
}

/* Unfinished packets that pass for other reasons are still handed on as unfinished. */
Test(gro, unfinished_packets_that_pass_are_still_unfinished)
{
	static void (*const changes_that_pass[])(struct packet * p) = {
		syn,
		psh,
		no_data,
		with_ip_options,
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes_that_pass); i++) {
		struct bench *b = bench_unfinished();
		struct packet p = packet_tcp4();

		unfinished(&p);
		changes_that_pass[i](&p);
		offer(b, &p);
		expect_request(b, true, (uint16_t)(34 + p.ip_options_len), 16);
		bench_close(b);
	}
}

/* A pseudo-header sum may be 0xffff. Only a finished checksum of 0xffff bars a packet from merging. */
Test(gro, unfinished_checksum_ffff_is_as_good_as_any)
{
	struct bench *b = bench_unfinished();
	struct packet p = packet_tcp4();
	struct packet_layout at;
	uint8_t buf[300];
	uint32_t host;

	unfinished(&p);
	p.saddr[2] = p.saddr[3] = 0;
	packet_build(&p, buf, sizeof buf, &at);
	host = 0xffffu - (uint32_t)(buf[at.l4_off + 16] << 8 | buf[at.l4_off + 17]);
	p.saddr[2] = (uint8_t)(host >> 8);
	p.saddr[3] = (uint8_t)host;
	packet_build(&p, buf, sizeof buf, &at);
	cr_assert_eq(buf[at.l4_off + 16] & buf[at.l4_off + 17], 0xff);
	offer_run(b, &p, 2);
	expect_end(b, "0+1:burst_end", "R8");
	bench_close(b);
}

Test(gro, udp_without_checksum_is_not_unfinished)
{
	struct bench *b = bench_unfinished();
	struct packet p = packet_udp4();

	p.l4_csum = PACKET_CSUM_ZERO;
	offer(b, &p);
	expect_request(b, false, 0, 0);
	bench_close(b);
}

Test(gro, unfinished_packets_merge_among_themselves)
{
	struct bench *b = bench_unfinished();
	struct packet first = packet_tcp4(), p;

	unfinished(&first);
	p = first;
	offer_run(b, &p, 3);
	p.l4_csum = PACKET_CSUM_FULL;
	offer(b, &p);
	expect_superpacket(b, &first, 3, 300, 0);
	b->line[0] = 0;
	p = behind(&p);
	unfinished(&p);
	offer(b, &p);
	expect_end(b, "3:header 4:burst_end", "finished and unfinished ones do not mix");
	bench_close(b);
}

/* ---- merging switched off ---- */

Test(gro, merging_switched_off_passes_everything_in_order)
{
	struct gro_config config = config_plain();
	struct packet p = packet_tcp4();
	struct bench *b;

	config.merge = 0;
	config.accept_unfinished = true;
	b = bench_open(&config);
	offer_run(b, &p, 2);
	unfinished(&p);
	offer(b, &p);
	take(b, gro_next(&b->gro));
	take(b, gro_next(&b->gro));
	expect_request(b, true, 34, 16);
	expect_out(b, "0:not_served 1:not_served 2:not_served", "nothing is held");
	bench_close(b);
}

/* ---- unmerge (V9) ---- */

Test(gro, unmerge_restores_every_byte)
{
	static void (*const shapes[])(struct packet * p) = { nothing, all_at_once, one_byte_and_padding };

	for (uint32_t i = 0; i < 4 * ARRAY_SIZE(shapes); i++) {
		struct packet p = i % 2 ? packet_tcp6() : packet_tcp4();
		bool not_finished = i / 2 % 2;
		struct bench *b = not_finished ? bench_unfinished() : bench_plain();
		struct iovec iov[GRO_MAX_PACKETS];
		uint64_t cookies[GRO_MAX_PACKETS];
		struct gro_super *super;

		shapes[i / 4](&p);
		p.l4_csum = not_finished ? PACKET_CSUM_PARTIAL : PACKET_CSUM_FULL;
		offer_run(b, &p, 9);
		psh_and_fin(&p);
		offer(b, &p);
		super = gro_next(&b->gro);
		cr_assert_eq(super->packet_cnt, 10);
		cr_assert_neq(memcmp(b->frames[0].data, b->frames[0].copy, b->frames[0].len), 0);
		for (int again = 0; again < 2; again++) { /* a second time changes nothing */
			cr_assert_eq(gro_unmerge(&b->gro, super, iov, NULL), 10);
			cr_assert_eq(super->request.type, GSO_NONE);
			cr_assert_eq(super->request.size, 0);
			cr_assert_eq(super->request.hdr_len, 0);
			cr_assert_eq(super->request.needs_csum, not_finished);
		}
		for (uint32_t n = 0; n < 10; n++) {
			cr_assert_eq(iov[n].iov_base, b->frames[n].data);
			cr_assert_eq(iov[n].iov_len, b->frames[n].len, "padding and all");
			cr_assert_eq(memcmp(iov[n].iov_base, b->frames[n].copy, iov[n].iov_len), 0);
		}
		cr_assert_eq(gro_release(&b->gro, super, cookies), 10);
		for (uint32_t n = 0; n < 10; n++)
			cr_assert_eq(cookies[n], n);
		b->released_cnt += 10;
		b->flushes[GRO_PUSH_FIN]++;
		bench_close(b);
	}
}

Test(gro, unmerge_of_a_single_packet_is_the_packet)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_unfinished();
	struct gro_super *super;
	struct iovec iov[1];

	one_byte_and_padding(&p);
	unfinished(&p);
	offer(b, &p);
	gro_burst_end(&b->gro, b->now_ns);
	super = gro_next(&b->gro);
	cr_assert_eq(gro_unmerge(&b->gro, super, iov, NULL), 1);
	cr_assert_eq(iov[0].iov_base, b->frames[0].data);
	cr_assert_eq(iov[0].iov_len, 60);
	cr_assert(super->request.needs_csum);
	take(b, super);
	bench_close(b);
}
