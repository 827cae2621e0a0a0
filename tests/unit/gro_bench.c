// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The bench: keeps each packet twice, checks each delivery and writes it down.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "gro_bench.h"

struct gro_config config_plain(void)
{
	return (struct gro_config){
		.flows = 64,
		.packets = PACKETS_MAX,
		.max_packets = GRO_MAX_PACKETS,
		.max_bytes = 65535,
		.merge = GRO_MERGE_TCP,
		.secret = { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9 },
	};
}

struct bench *bench_open(const struct gro_config *config)
{
	struct bench *b = calloc(1, sizeof *b);

	b->config = *config;
	b->memory = aligned_alloc(64, gro_memory_size(config));
	b->now_ns = 1000;
	cr_assert_not_null(b->memory);
	memset(b->memory, 0xa5, gro_memory_size(config));
	cr_assert_eq(gro_init(&b->gro, config, b->memory), 0);
	return b;
}

struct bench *bench_plain(void)
{
	struct gro_config config = config_plain();

	return bench_open(&config);
}

struct bench *bench_unfinished(void)
{
	struct gro_config config = config_plain();

	config.accept_unfinished = true;
	return bench_open(&config);
}

void make_flow_hashes_equal(struct gro_config *config)
{
	struct packet p = packet_tcp4();
	uint8_t frame[300];

	packet_build(&p, frame, sizeof frame, NULL);
	config->secret[1] = load_u64(frame);
}

void make_pair_hashes_equal(struct gro_config *config) { config->secret[0] = config->secret[1] = 0; }

/* ---- in ---- */

uint32_t frame_add(struct bench *b, const void *data, size_t len)
{
	struct frame *frame = &b->frames[b->offered_cnt];

	cr_assert_lt(b->offered_cnt, PACKETS_MAX);
	frame->memory = malloc(b->config.headroom + (len ? len : 1));
	frame->data = frame->memory + b->config.headroom;
	frame->copy = malloc(len ? len : 1);
	frame->len = (uint32_t)len;
	memcpy(frame->data, data, len);
	memcpy(frame->copy, data, len);
	return b->offered_cnt++;
}

struct gro_packet frame_packet(const struct bench *b, uint32_t number, enum gro_csum csum)
{
	return (struct gro_packet){
		.data = b->frames[number].data, .len = b->frames[number].len, .csum = (uint8_t)csum, .cookie = number
	};
}

void offer_frame(struct bench *b, const void *data, size_t len, enum gro_csum csum)
{
	struct gro_packet packet = frame_packet(b, frame_add(b, data, len), csum);

	cr_assert_eq(gro_offer(&b->gro, &packet, 1, b->now_ns), 1);
}

void offer(struct bench *b, const struct packet *p)
{
	static uint8_t buf[70000];
	size_t len = packet_build(p, buf, sizeof buf, NULL);

	cr_assert_gt(len, 0);
	offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
}

void offer_in_fragments(struct bench *b, const void *data, size_t len, const uint32_t *cuts, uint32_t cut_cnt)
{
	struct gro_packet packets[64];
	size_t at = 0;

	cr_assert_lt(cut_cnt, ARRAY_SIZE(packets));
	for (uint32_t i = 0; i <= cut_cnt; i++) {
		size_t end = i < cut_cnt ? cuts[i] : len;

		cr_assert(at <= end && end <= len);
		packets[i] = frame_packet(b, frame_add(b, (const uint8_t *)data + at, end - at), GRO_CSUM_UNKNOWN);
		packets[i].more = i < cut_cnt;
		at = end;
	}
	cr_assert_eq(gro_offer(&b->gro, packets, cut_cnt + 1, b->now_ns), cut_cnt + 1);
}

void offer_burst(struct bench *b, const struct packet *p, uint32_t cnt, enum gro_csum csum)
{
	struct gro_packet packets[8];
	uint8_t buf[2000];

	cr_assert_leq(cnt, ARRAY_SIZE(packets));
	for (uint32_t i = 0; i < cnt; i++) {
		size_t len = packet_build(&p[i], buf, sizeof buf, NULL);

		cr_assert_gt(len, 0);
		packets[i] = frame_packet(b, frame_add(b, buf, len), csum);
	}
	cr_assert_eq(gro_offer(&b->gro, packets, cnt, b->now_ns), cnt);
}

struct packet behind(const struct packet *p)
{
	struct packet next = *p;

	next.seq += (uint32_t)p->payload_len;
	next.ip_id++;
	return next;
}

void offer_run(struct bench *b, struct packet *p, uint32_t cnt)
{
	while (cnt--) {
		offer(b, p);
		*p = behind(p);
	}
}

/* ---- out ---- */

static void line_add(struct bench *b, const struct gro_super *super, const uint64_t *cookies, const bool *more)
{
	size_t at = strlen(b->line);

	for (uint32_t i = 0; i < super->fragment_cnt; i++)
		at += (size_t)snprintf(b->line + at, LINE_LEN - at, "%s%u",
				       i  ? more[i - 1] ? "." : "+" :
				       at ? " " :
					    "",
				       (unsigned int)cookies[i]);
	at += (size_t)snprintf(b->line + at, LINE_LEN - at, ":%s", gro_reason_names[super->reason]);
	cr_assert_lt(at, LINE_LEN);
}

/* D5: a packet that is delivered alone is unchanged and not moved, with all its padding. */
static void check_single(const struct bench *b, const struct gro_super *super, const struct iovec *iov, uint32_t cnt)
{
	uint64_t first = super->first.cookie;
	uint32_t len = 0;

	cr_assert_eq(cnt, super->fragment_cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct frame *frame = &b->frames[first + i];

		cr_assert_eq(iov[i].iov_base, frame->data);
		cr_assert_eq(iov[i].iov_len, frame->len);
		cr_assert_eq(memcmp(frame->data, frame->copy, frame->len), 0, "D5: packet %u was written to",
			     (unsigned int)first + i);
		len += frame->len;
	}
	cr_assert_eq(super->len, len);
	cr_assert_eq(super->request.type, GSO_NONE);
	cr_assert_eq(super->request.size, 0);
	cr_assert_eq(super->request.hdr_len, 0);
}

static void check_many(struct bench *b, const struct gro_super *super, const struct iovec *iov, uint32_t cnt)
{
	const struct frame *first = &b->frames[super->first.cookie];
	size_t len = 0;

	cr_assert_leq(cnt, super->fragment_cnt);
	cr_assert_leq(super->fragment_cnt, b->config.max_packets);
	cr_assert((uint8_t *)iov[0].iov_base >= first->memory);
	for (uint32_t i = 0; i < cnt; i++)
		len += iov[i].iov_len;
	cr_assert_eq(super->len, len);
	cr_assert_neq(super->request.type, GSO_NONE);
	cr_assert(super->request.needs_csum);
	cr_assert_eq(super->csum, GRO_CSUM_VERIFIED);
}

/* V9 */
static void check_unmerged(const struct bench *b, const struct iovec *iov, const uint64_t *cookies, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const struct frame *frame = &b->frames[cookies[i]];

		cr_assert_eq(iov[i].iov_base, frame->data);
		cr_assert_eq(iov[i].iov_len, frame->len);
		cr_assert_eq(memcmp(frame->data, frame->copy, frame->len), 0, "V9: packet %u is not what it was",
			     (unsigned int)cookies[i]);
	}
}

void take(struct bench *b, struct gro_super *super)
{
	struct iovec iov[GRO_MAX_PACKETS];
	uint64_t cookies[GRO_MAX_PACKETS];
	struct gro_super was = *super;
	uint32_t cnt = gro_iovecs(&b->gro, super, iov);
	bool more[GRO_MAX_PACKETS];

	if (was.packet_cnt == 1)
		check_single(b, &was, iov, cnt);
	else
		check_many(b, &was, iov, cnt);
	cr_assert_eq(gro_unmerge(&b->gro, super, iov, more), was.fragment_cnt);
	cr_assert_eq(gro_release(&b->gro, super, cookies), was.fragment_cnt);
	check_unmerged(b, iov, cookies, was.fragment_cnt);
	line_add(b, &was, cookies, more);
	b->released_cnt += was.fragment_cnt;
	if (was.packet_cnt == 1)
		b->singles[was.reason]++;
	else
		b->flushes[was.reason]++;
}

void take_all(struct bench *b)
{
	struct gro_super *super;

	while ((super = gro_next(&b->gro)))
		take(b, super);
}

void burst_end(struct bench *b)
{
	gro_burst_end(&b->gro, b->now_ns);
	take_all(b);
}

void expect_line(struct bench *b, const char *want, const char *sentence)
{
	cr_expect_str_eq(b->line, want, "%s\n   got: %s\n  want: %s", sentence, b->line, want);
	b->line[0] = 0;
}

void expect_out(struct bench *b, const char *want, const char *sentence)
{
	take_all(b);
	expect_line(b, want, sentence);
}

void expect_end(struct bench *b, const char *want, const char *sentence)
{
	burst_end(b);
	expect_line(b, want, sentence);
}

uint8_t *super_bytes(struct bench *b, const struct gro_super *super, uint32_t *len)
{
	struct iovec iov[GRO_MAX_PACKETS];
	uint32_t cnt = gro_iovecs(&b->gro, super, iov);
	uint8_t *data = malloc(SUPER_LEN_MAX);

	*len = 0;
	for (uint32_t i = 0; i < cnt; i++) {
		cr_assert_leq(*len + iov[i].iov_len, SUPER_LEN_MAX);
		memcpy(data + *len, iov[i].iov_base, iov[i].iov_len);
		*len += (uint32_t)iov[i].iov_len;
	}
	return data;
}

void expect_bytes(struct bench *b, const struct gro_super *super, const uint8_t *want, size_t want_len)
{
	uint32_t len;
	uint8_t *got = super_bytes(b, super, &len);

	cr_assert_eq(super->len, want_len, "%u bytes, want %zu", super->len, want_len);
	cr_assert_eq(len, want_len);
	for (uint32_t i = 0; i < len; i++)
		cr_assert_eq(got[i], want[i], "byte %u: %02x, want %02x", i, got[i], want[i]);
	free(got);
}

static uint8_t type_of(const struct packet *p)
{
	if (p->l4 == PACKET_L4_UDP)
		return GSO_UDP;
	return p->l3 == PACKET_L3_IPV4 ? GSO_TCPV4 : GSO_TCPV6;
}

void expect_superpacket(struct bench *b, const struct packet *first, uint32_t cnt, size_t payload_len, uint16_t flags)
{
	static uint8_t want[70000];
	struct gro_super *super = gro_next(&b->gro);
	struct packet whole = *first;
	struct packet_layout at;
	size_t want_len;

	whole.payload_len = payload_len;
	whole.tcp_flags |= flags;
	whole.l4_csum = PACKET_CSUM_PARTIAL;
	whole.pad_to = 0;
	want_len = packet_build(&whole, want, sizeof want, &at);
	cr_assert_not_null(super);
	cr_assert_eq(super->packet_cnt, cnt);
	cr_assert_eq(super->request.type, type_of(first));
	cr_assert_eq(super->request.size, first->payload_len);
	cr_assert(super->request.needs_csum);
	cr_assert_eq(super->request.csum_start, at.l4_off);
	cr_assert_eq(super->request.csum_offset, first->l4 == PACKET_L4_UDP ? 6 : 16);
	cr_assert_eq(super->request.hdr_len, at.payload_off);
	cr_assert_eq(super->request.inner_l3_off, 0);
	cr_assert_eq(super->request.outer_l4_off, 0);
	expect_bytes(b, super, want, want_len);
	take(b, super);
}

void bench_close(struct bench *b)
{
	gro_flush(&b->gro, GRO_SHUTDOWN);
	take_all(b);
	cr_assert_eq(gro_owned_packets(&b->gro), 0, "packets were lost");
	cr_assert_eq(b->released_cnt, b->offered_cnt);
	cr_assert_eq(b->gro.table.held_cnt, 0);
	cr_assert_eq(gro_deadline(&b->gro), UINT64_MAX);
	cr_assert_eq(memcmp(b->gro.flushes, b->flushes, sizeof b->flushes), 0);
	cr_assert_eq(memcmp(b->gro.singles, b->singles, sizeof b->singles), 0);
	for (uint32_t i = 0; i < b->offered_cnt; i++) {
		struct frame *frame = &b->frames[i];

		cr_assert_eq(memcmp(frame->data, frame->copy, frame->len), 0, "packet %u was written to", i);
		free(frame->memory);
		free(frame->copy);
	}
	free(b->memory);
	free(b);
}
