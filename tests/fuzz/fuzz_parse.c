// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The parser: any bytes, of which any part lies where it is told. No byte behind that is read, all
 * offsets lie within, the short form says what the long one says, and where the tests' own judge finds
 * a whole packet, so does it.
 *
 *      input: linear length (2), inner offset (2), packet
 */
#include "engine/parse.h"
#include "fuzz.h"
#include "prop/judge.h"

static void check_view(const struct packet_view *view, uint32_t linear_len, uint32_t frame_len)
{
	holds(view->class <= PARSE_UDP && view->obstacle <= PARSE_L4_HEADER, "class and obstacle are such");
	if (view->class >= PARSE_ADDRESSED)
		holds(view->l3_off + (view->ip_version == 4 ? 20u : 40u) <= linear_len, "the IP header lies within");
	if (view->class >= PARSE_PORTS)
		holds(view->l4_off + 4u <= linear_len, "the ports lie within");
	if (view->class >= PARSE_TCP) {
		holds(view->payload_off <= linear_len, "the headers lie within");
		holds(view->payload_off + view->payload_len <= frame_len, "the payload lies within");
		holds(view->l4_off + (view->class == PARSE_TCP ? 20u : 8u) <= view->payload_off, "headers have a length");
	}
	if (view->tunnel)
		holds(view->outer_l3_off < view->outer_l4_off && view->outer_l4_off <= view->l3_off, "the tunnel is outside");
}

/* Where the judge finds whole TCP or UDP, the walk must have come as far. */
static void check_against_judge(const uint8_t *data, uint32_t len, const struct packet_view *view)
{
	static const struct gro_config no_tunnels;
	struct judged j = judge(data, len, &no_tunnels);
	bool candidate = view->class >= PARSE_TCP && view->obstacle == PARSE_CLEAR;

	holds(j.whole == candidate, "the judge and the parser see a whole packet, or neither does");
	if (candidate)
		holds(j.level.l3 == view->l3_off && j.level.l4 == view->l4_off && j.level.payload == view->payload_off &&
		      j.level.end == view->payload_off + view->payload_len, "and its parts at the same places");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct parse_tunnels all = { 0x1e, VXLAN_PORT, GENEVE_PORT };
	struct input in = { data, size };
	uint32_t cut = take16(&in), inner_off = take16(&in), len = (uint32_t)in.left, linear = len;
	struct packet_view view, other;
	uint8_t *bytes;

	if (len > 65535)
		return 0;
	if (cut)
		linear = (cut - 1) % (len + 1);
	bytes = exact_copy(in.at, linear);
	memset(&view, 0xa5, sizeof view);
	parse_packet(bytes, linear, len, &view);
	check_view(&view, linear, len);
	if (linear == len) {
		check_against_judge(bytes, len, &view);
		memset(&other, 0, sizeof other);
		if (parse_plain(bytes, len, &other))
			holds(!memcmp(&other, &view, sizeof view), "the short form says what the long one says");
		holds(parse_link_len(bytes, len) <= len, "the link-layer header lies within");
	}
	other = view;
	if (parse_inner(bytes, linear, len, &all, &other))
		check_view(&other, linear, len);
	else
		holds(!memcmp(&other, &view, sizeof view), "no tunnel, and the view is as it was");
	other = view;
	if (parse_inner_at(bytes, linear, len, (uint16_t)inner_off, &other))
		check_view(&other, linear, len);
	free(bytes);
	return 0;
}
