// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets that are delivered alone, and what goes before them.
 */
#include "gro_pass.h"

#include "gro_held.h"
#include "gro_key.h"
#include "gro_unfinished.h"

void gro_pass(struct gro *gro, struct arrival arrival, enum gro_reason reason)
{
	uint32_t entry = begin(gro, &arrival, 0);

	gro->supers[entry].reason = (uint8_t)reason;
	make_ready(gro, entry);
}

static enum gro_reason obstacle_reason(const struct packet_view *view)
{
	switch (view->obstacle) {
	case PARSE_IP_FRAGMENT: /* R5 */
		return GRO_FRAGMENT;
	case PARSE_IP_OPTIONS: /* R2 */
	case PARSE_IP_EXTENSION:
		return GRO_IP_OPTIONS;
	default: /* R20 */
		return GRO_NOT_SERVED;
	}
}

/* Whether a packet that is no candidate may be part of a flow that holds something. It is not if it is whole and
 * nobody merges its like, or if it is of another protocol. */
static bool flow_is_unknown(const struct packet_view *view)
{
	return view->class != PARSE_FOREIGN && view->obstacle != PARSE_CLEAR && view->obstacle != PARSE_L4_OTHER;
}

void gro_pass_foreign(struct gro *gro, struct arrival arrival)
{
	const struct packet_view *view = &arrival.view;
	enum gro_reason reason = obstacle_reason(view);

	if (gro->config.accept_unfinished && view->class >= PARSE_TCP)
		arrival.unfinished = gro_unfinished_verdict(gro, arrival.packet->data + view->l3_off, view->ip_version,
							    view->payload_len,
							    l4_checksum(&arrival, true)) == CSUM_UNFINISHED;
	if (arrival.unfinished)
		arrival.csum = GRO_CSUM_VERIFIED;
	if (flow_is_unknown(view))
		gro_flush_pair(gro, &arrival, reason); /* D2 */
	gro_pass(gro, arrival, reason);
}

void gro_pass_wrong(struct gro *gro, struct arrival arrival)
{
	arrival.csum = GRO_CSUM_WRONG;
	gro->checksum_errors++;
	if (gro->config.adaptive)
		habit_failed(&gro->habit, key_of(gro, arrival.packet->data, &arrival.view).hash);
	gro_flush_pair(gro, &arrival, GRO_CHECKSUM); /* D2 */
	gro_pass(gro, arrival, GRO_CHECKSUM);
}
