// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The engine without its short ways. This is a second copy of gro.c, so that the engine itself needs no switch,
 * and its hot path pays for none.
 */
#define gro_offer long_way_unused_offer

#include "engine/gro.c" /* NOLINT(bugprone-suspicious-include) */

#include "long_way.h"

uint32_t long_way_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns)
{
	uint32_t done = 0, taken = 1;

	if (cnt)
		gro->last_ns = now_ns;
	while (done < cnt && taken) {
		/* It takes packets in one fragment, too. */
		taken = offer_fragments(gro, packets + done, cnt - done, now_ns);
		done += taken;
	}
	return done;
}
