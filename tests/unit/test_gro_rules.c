// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The short way's comparisons against the rules as they are written in words (R2, R5-R7, R9-R11, R13). A packet that
 * continues a superpacket is changed in every bit, in every two bytes, and to every value of two bytes that are
 * neighbours, throughout its headers:
 *
 *      same_plain_headers()   must say what same_headers() says; so its masks are those rules
 *      same_headers()         may say yes only where the walk finds the same packet, same_flow() and headers_differ()
 *                             agree, and nothing but what the short way looks at itself bars it
 */
#include <criterion/criterion.h>

#include "engine/gro_key.h"
#include "engine/gro_same.h"
#include "gro_bench.h"
#include "gro_changes.h"

/* More than 256 bytes, so that both bytes of a length can change and the packet still be whole. */
#define PAYLOAD_LEN 700u
#define FRAME_ROOM 1000u

struct held {
	struct bench *bench;
	const struct gro_super *super;
	uint8_t frame[FRAME_ROOM]; /* the packet that was held; changed, and made what it was again */
	struct gro_packet packet;  /* frame, as a packet to be compared */
	uint64_t same_cnt, other_cnt;
	const char *form;
};

static struct held hold(const char *form, struct packet p)
{
	struct gro_config config = config_plain();
	struct held held = { .form = form };

	config.merge = GRO_MERGE_TCP | GRO_MERGE_UDP;
	p.payload_len = PAYLOAD_LEN;
	held.bench = bench_open(&config);
	held.packet.len = (uint32_t)packet_build(&p, held.frame, sizeof held.frame, NULL);
	offer_frame(held.bench, held.frame, held.packet.len, GRO_CSUM_UNKNOWN);
	cr_assert_neq(held.bench->gro.recent, FLOW_NONE, "%s is held", form);
	held.super = &held.bench->gro.supers[held.bench->gro.recent];
	return held;
}

static void release(struct held *held)
{
	cr_assert_gt(held->same_cnt, 100, "%s", held->form);
	cr_assert_gt(held->other_cnt, 100, "%s", held->form);
	burst_end(held->bench);
	bench_close(held->bench);
}

/* ---- changes ---- */

typedef void check(struct held *held, uint32_t off);

static void every_two_bytes(struct held *held, check *check, uint32_t a, uint32_t b)
{
	static const uint8_t changes[] = { 0x01, 0x08, 0x80, 0xff };
	uint8_t was_a = held->frame[a], was_b = held->frame[b];

	for (uint32_t i = 0; i < sizeof changes * sizeof changes; i++) {
		held->frame[a] = was_a ^ changes[i / sizeof changes];
		held->frame[b] = was_b ^ changes[i % sizeof changes];
		check(held, a);
	}
	held->frame[a] = was_a;
	held->frame[b] = was_b;
}

static void every_value(struct held *held, check *check, uint32_t off)
{
	uint16_t was = load_u16(held->frame + off);

	for (uint32_t value = 0; value < 1 << 16; value++) {
		store_u16(held->frame + off, (uint16_t)value);
		check(held, off);
	}
	store_u16(held->frame + off, was);
}

static void every_change(struct held *held, check *check)
{
	uint32_t len = held->super->payload_off;

	held->packet.data = held->frame;
	check(held, 0);
	for (uint32_t off = 0; off < len; off++) {
		every_value(held, check, off);
		for (uint32_t other = off + 1; other < len; other++)
			every_two_bytes(held, check, off, other);
	}
	held->packet.more = true;
	check(held, 0);
	held->packet.more = false;
	while (--held->packet.len) /* cut off */
		check(held, 0);
}

/* ---- the plain comparison is the general one ---- */

static void check_plain(struct held *held, uint32_t off)
{
	struct packet_view general = first_view(held->super), plain = general;
	bool same = same_headers(held->super->head, &held->packet, &general);

	cr_assert_eq(same_plain_headers(held->super->head, &held->packet, &plain), same,
		     "%s: byte %u or one behind it: the general comparison says %d", held->form, off, same);
	if (same)
		cr_assert_eq(memcmp(&plain, &general, sizeof plain), 0, "%s: byte %u: the view", held->form, off);
	held->same_cnt += same;
	held->other_cnt += !same;
}

Test(gro_rules, plain_comparison_is_the_general_one)
{
	struct packet forms[2] = { packet_tcp4(), packet_tcp4() };

	with_timestamp(&forms[1]);
	for (uint32_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct held held = hold(i ? "timestamps" : "no options", forms[i]);

		cr_assert(is_plain(held.super));
		every_change(&held, check_plain);
		release(&held);
	}
}

/* ---- the general comparison says yes only where the rules do ---- */

/* What append_while_next() asks beside the headers: a checksum of 0 or 0xffff. */
static bool is_asked_apart(const struct arrival *arrival)
{
	const uint8_t *l4 = arrival->packet->data + arrival->view.l4_off;

	return has_ffff_checksum(arrival) ||
	       (arrival->view.protocol == UDP_PROTOCOL && !load_u16(l4 + UDP_CSUM_OFFSET));
}

static void check_rules(struct held *held, uint32_t off)
{
	struct packet_view view = first_view(held->super);
	struct arrival arrival = { .packet = &held->packet, .fragment_cnt = 1, .len = held->packet.len };
	const struct gro *gro = &held->bench->gro;

	if (!same_headers(held->super->head, &held->packet, &view)) {
		held->other_cnt++;
		return;
	}
	held->same_cnt++;
	cr_assert_not(held->packet.more, "%s: it goes on in another fragment", held->form);
	parse_packet(held->packet.data, held->packet.len, held->packet.len, &arrival.view);
	cr_assert_eq(memcmp(&view, &arrival.view, sizeof view), 0, "%s: byte %u: the walk sees something else",
		     held->form, off);
	cr_assert(same_flow(held->super, &arrival), "%s: byte %u: another flow (R10)", held->form, off);
	cr_assert_eq(key_of(gro, held->packet.data, &view).hash, gro->table.links[gro->recent].hash,
		     "%s: byte %u: another key", held->form, off);
	cr_assert_not(headers_differ(held->super, &arrival, false), "%s: byte %u: other headers (R11, R13)", held->form,
		      off);
	cr_assert(reason_to_pass(gro, &arrival) == GRO_REASON_CNT || is_asked_apart(&arrival),
		  "%s: byte %u: no candidate (R6, R7, R9)", held->form, off);
}

static void tags_and_timestamp(struct packet *p) { with_tags(p), with_timestamp(p); }
static void extensions_and_sack(struct packet *p) { with_extensions(p), with_sack(p); }
static void udp_behind_a_tag(struct packet *p) { one_tag(p), udp(p); }
static void udp_behind_extensions(struct packet *p) { with_extensions(p), udp(p); }

Test(gro_rules, short_way_says_yes_only_where_the_rules_do)
{
	static const struct {
		const char *form;
		struct packet (*make)(void);
		void (*change)(struct packet *p);
	} forms[] = {
		{ "TCP over IPv4", packet_tcp4, nothing },
		{ "timestamps, VLAN tags", packet_tcp4, tags_and_timestamp },
		{ "SACK", packet_tcp4, with_sack },
		{ "TCP over IPv6", packet_tcp6, with_timestamp },
		{ "SACK, extension headers", packet_tcp6, extensions_and_sack },
		{ "UDP over IPv4", packet_udp4, nothing },
		{ "UDP behind a VLAN tag", packet_tcp4, udp_behind_a_tag },
		{ "UDP over IPv6", packet_udp6, nothing },
		{ "UDP behind extension headers", packet_tcp6, udp_behind_extensions },
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct packet p = forms[i].make();
		struct held held;

		forms[i].change(&p);
		held = hold(forms[i].form, p);
		every_change(&held, check_rules);
		release(&held);
	}
}
