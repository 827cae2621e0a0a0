// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/parse.h"
#include "replay/files.h"
#include "replay/report.h"
#include "replay/roundtrip.h"

struct roundtrip {
	struct sp_gso gso;
	struct replay_files files;
	struct engine engine;
	struct engine_delivery delivery;
	struct order order;
	struct parse_tunnels tunnels;
	struct difference difference;
	uint64_t segments;
};

/* --- Bytes --- */

static bool differ(struct difference *difference, uint64_t packet, uint32_t offset, const char *what)
{
	difference->packet = packet;
	difference->offset = offset;
	snprintf(difference->text, sizeof difference->text, "packet %llu, offset %u: %s", (unsigned long long)packet,
		 offset, what);
	return false;
}

static uint32_t first_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint32_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

bool roundtrip_compare(const struct iovec *pieces, uint32_t cnt, const uint8_t *expected, uint32_t expected_len,
		       uint64_t packet, struct difference *difference)
{
	uint32_t off = 0;
	char what[64];

	for (uint32_t i = 0; i < cnt; i++) {
		const uint8_t *got = pieces[i].iov_base;
		size_t len = pieces[i].iov_len, common = expected_len - off;

		common = len < common ? len : common;
		if (common && memcmp(got, expected + off, common)) {
			uint32_t at = first_difference(got, expected + off, common);

			snprintf(what, sizeof what, "expected 0x%02x, got 0x%02x", expected[off + at], got[at]);
			return differ(difference, packet, off + at, what);
		}
		off += (uint32_t)common;
		if (len > common)
			return differ(difference, packet, off, "expected the end, got more bytes");
	}
	if (off < expected_len)
		return differ(difference, packet, off, "expected more bytes, got the end");
	return true;
}

/* Where a packet ends without Ethernet padding (R4); cutting must give back everything before that. */
static uint32_t end_of_packet(const struct engine_packet *packet)
{
	struct packet_view view;

	parse_packet(packet->copy, packet->captured_len, packet->captured_len, &view);
	if (view.class == PARSE_TCP || view.class == PARSE_UDP)
		return view.payload_off + view.payload_len;
	if (view.class == PARSE_FOREIGN || view.obstacle == PARSE_IP_LENGTH)
		return packet->captured_len;
	return view.l3_off + (view.ip_version == 4 ? load_be16(packet->copy + view.l3_off + 2) :
						     IPV6_LEN + load_be16(packet->copy + view.l3_off + 4));
}

static bool check_alone(const struct engine_delivery *delivery, struct difference *difference)
{
	const struct engine_packet *packet = delivery->packets[0];

	/* A truncated packet was offered in part, but all of its captured bytes must be unchanged. */
	if (packet->captured_len < packet->len) {
		const struct iovec whole = { packet->data, packet->captured_len };

		return roundtrip_compare(&whole, 1, packet->copy, packet->captured_len, packet->index, difference);
	}
	return roundtrip_compare(delivery->iov, delivery->iov_cnt, packet->copy, packet->captured_len, packet->index,
				 difference);
}

/* Takes and compares all segments that are ready. */
static bool check_ready(struct sp_gso *gso, const struct engine_delivery *delivery, uint32_t *segment,
			struct difference *difference)
{
	struct iovec pieces[1 + SP_GSO_SLICES_MAX];
	uint8_t slot[SP_GSO_SLOT_LEN];
	uint32_t header_len;
	int cnt;

	while ((cnt = sp_gso_next(gso, slot, &header_len, pieces + 1, SP_GSO_SLICES_MAX)) > 0) {
		const struct engine_packet *packet;

		if (*segment == delivery->packet_cnt)
			return differ(difference, delivery->packets[*segment - 1]->index, 0,
				      "expected the last segment, got one more");
		packet = delivery->packets[(*segment)++];
		pieces[0] = (struct iovec){ slot, header_len };
		if (!roundtrip_compare(pieces, 1 + (uint32_t)cnt, packet->copy, end_of_packet(packet), packet->index,
				       difference))
			return false;
	}
	return true;
}

bool roundtrip_check(struct sp_gso *gso, const struct engine_delivery *delivery, struct difference *difference)
{
	const struct iovec *iov = delivery->iov;
	uint64_t first = delivery->packets[0]->index;
	uint32_t segment = 0, added;

	if (delivery->what.request.type == SP_GSO_NONE && delivery->packet_cnt == 1)
		return check_alone(delivery, difference);
	if (sp_gso_open(gso, &delivery->what.request, iov[0].iov_base, (uint32_t)iov[0].iov_len, delivery->what.len,
			UINT32_MAX, SP_GSO_CHECKSUM_FULL) != SP_GSO_CUT)
		return differ(difference, first, 0, "its superpacket is refused when it is to be cut");
	for (uint32_t i = 1; i < delivery->iov_cnt; i += added) {
		added = sp_gso_add_slices(gso, iov + i, delivery->iov_cnt - i);
		if (!added)
			return differ(difference, first, 0, "cutting its superpacket makes no progress");
		if (!check_ready(gso, delivery, &segment, difference))
			return false;
	}
	if (segment < delivery->packet_cnt)
		return differ(difference, delivery->packets[segment]->index, 0, "expected a segment, got none");
	return true;
}

/* --- Order --- */

static bool check_order(struct roundtrip *roundtrip)
{
	const struct engine_delivery *delivery = &roundtrip->delivery;
	char what[64];
	uint32_t older;

	for (uint32_t i = 0; i < delivery->packet_cnt; i++) {
		const struct engine_packet *packet = delivery->packets[i];

		if (order_leave(&roundtrip->order, engine_slot(&roundtrip->engine, packet), &older))
			continue;
		snprintf(what, sizeof what, "it has overtaken packet %llu of its flow",
			 (unsigned long long)roundtrip->engine.packets[older].index);
		return differ(&roundtrip->difference, packet->index, 0, what);
	}
	return true;
}

/* --- The verb --- */

/* Checks all deliveries. Returns false if a difference was found. */
static bool check_deliveries(struct roundtrip *roundtrip)
{
	struct engine_delivery *delivery = &roundtrip->delivery;

	while (engine_take(&roundtrip->engine, delivery)) {
		if (!check_order(roundtrip) || !roundtrip_check(&roundtrip->gso, delivery, &roundtrip->difference))
			return false;
		if (delivery->packet_cnt > 1)
			roundtrip->segments += delivery->packet_cnt;
		engine_give(&roundtrip->engine, delivery);
	}
	return true;
}

static void check_capture(struct roundtrip *roundtrip)
{
	struct engine *engine = &roundtrip->engine;
	struct capture_packet packet;

	while (files_next(&roundtrip->files, &packet)) {
		while (!engine_offer(engine, &packet))
			if (!check_deliveries(roundtrip))
				return;
		order_arrive(&roundtrip->order, engine_slot(engine, engine->last),
			     order_flow(packet.data, packet.captured_len, &roundtrip->tunnels));
		if (!check_deliveries(roundtrip))
			return;
	}
	while (engine_end(engine))
		if (!check_deliveries(roundtrip))
			return;
}

static json_t *report(const struct roundtrip *roundtrip)
{
	const struct engine *engine = &roundtrip->engine;
	const struct difference *difference = &roundtrip->difference;
	json_t *made = report_new(&roundtrip->files, engine->packet_cnt, engine->byte_cnt);

	report_add_engine(made, engine);
	json_object_set_new(made, "segments", json_integer((json_int_t)roundtrip->segments));
	json_object_set_new(made, "difference",
			    difference->text[0] ? json_string_nocheck(difference->text) : json_null());
	return made;
}

static struct parse_tunnels tunnels_of(uint32_t merge)
{
	return (struct parse_tunnels){
		.enter = (merge & SP_MERGE_VXLAN ? PARSE_TUNNEL_BIT(PARSE_VXLAN) : 0) |
			 (merge & SP_MERGE_GENEVE ? PARSE_TUNNEL_BIT(PARSE_GENEVE) : 0) |
			 (merge & SP_MERGE_GRE ? PARSE_TUNNEL_BIT(PARSE_GRE) : 0) |
			 (merge & SP_MERGE_IPIP ? PARSE_TUNNEL_BIT(PARSE_IPIP) : 0),
		.vxlan_port = VXLAN_PORT,
		.geneve_port = GENEVE_PORT,
	};
}

/* Returns 0 or -errno. */
static int roundtrip_init(struct roundtrip *roundtrip, const struct replay_options *options)
{
	struct engine_config config = options->engine;

	memset(roundtrip, 0, sizeof *roundtrip);
	roundtrip->tunnels = tunnels_of(config.gro.merge);
	config.keep_copies = true;
	if (!order_init(&roundtrip->order, engine_pool_size()))
		return -ENOMEM;
	return engine_init(&roundtrip->engine, &config);
}

static enum exit_code run(struct roundtrip *roundtrip, const struct replay_options *options)
{
	enum exit_code code = files_open(&roundtrip->files, options);
	json_t *made;

	if (code != EXIT_OK)
		return code;
	check_capture(roundtrip);
	made = report(roundtrip);
	code = files_close(&roundtrip->files);
	report_show(options, made);
	if (!roundtrip->difference.text[0])
		return code;
	return say_error(options->say, EXIT_FAILED, "%s: %s", options->in, roundtrip->difference.text);
}

enum exit_code replay_roundtrip(const struct replay_options *options)
{
	struct roundtrip *roundtrip = aligned_alloc(_Alignof(struct roundtrip), sizeof *roundtrip);
	enum exit_code code;
	int err;

	if (!roundtrip)
		return say_error(options->say, EXIT_FAILED, "no memory");
	err = roundtrip_init(roundtrip, options);
	if (err)
		code = say_error(options->say, EXIT_FAILED, "the engine cannot be set up: %s", strerror(-err));
	else
		code = run(roundtrip, options);
	order_fini(&roundtrip->order);
	engine_fini(&roundtrip->engine);
	free(roundtrip);
	return code;
}
