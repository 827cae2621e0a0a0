// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The parser, with any bytes, of which any part is linear. It reads no byte behind that, all offsets lie
 * within, parse_plain() agrees with parse_packet(), and where the tests' own judge finds a whole packet, so
 * does the parser.
 *
 *      input: linear length (2), inner offset (2), packet
 */
#include "engine/parse.h"
#include "fixtures/view_check.h"
#include "fuzz.h"
#include "prop/judge.h"

static void check_view(const struct packet_view *view, uint32_t linear_len, uint32_t frame_len)
{
	const char *flaw = view_flaw(view, linear_len, frame_len);

	holds(!flaw, flaw);
}

/* Where the judge finds whole TCP or UDP, the walk must have come as far. */
static void check_against_judge(const uint8_t *data, uint32_t len, const struct packet_view *view)
{
	static const struct gro_config no_tunnels;
	struct judged j = judge(data, len, &no_tunnels);
	bool candidate = view->class >= PARSE_TCP && view->obstacle == PARSE_CLEAR;

	holds(j.whole == candidate, "the judge and the parser see a whole packet, or neither does");
	if (candidate)
		holds(j.level.l3 == view->l3_off && j.level.l4 == view->l4_off &&
			      j.level.payload == view->payload_off &&
			      j.level.end == view->payload_off + view->payload_len,
		      "and its parts at the same places");
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
