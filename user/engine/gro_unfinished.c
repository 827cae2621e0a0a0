// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Which senders leave their checksums unfinished (R8).
 */
#include "gro_unfinished.h"

#include "gro_key.h"

/* Finished packets from which on an unfinished one is doubted; the most that are counted; and how many each
 * doubted one takes away, so that a sender whose offload was switched on is soon believed. */
#define FINISHED_ENOUGH 16u
#define FINISHED_MOST 32u
#define FINISHED_DOUBT 4u

/* The place of a pair of hosts, which another pair may have. */
static struct gro_sender *sender_of(struct gro *gro, uint32_t pair)
{
	return &gro->senders[pair % GRO_SENDERS];
}

static bool is_doubted(const struct gro_sender *sender, uint32_t pair)
{
	return sender->pair == pair && sender->finished >= FINISHED_ENOUGH;
}

static void learn(struct gro_sender *sender, uint32_t pair, enum csum_state state, uint32_t packet_cnt)
{
	if (state == CSUM_UNFINISHED && sender->pair == pair) {
		sender->finished = 0;
	} else if (state == CSUM_RIGHT) {
		if (sender->pair != pair)
			*sender = (struct gro_sender){ .pair = pair };
		sender->finished += packet_cnt;
		if (sender->finished > FINISHED_MOST)
			sender->finished = FINISHED_MOST;
	}
}

bool gro_unfinished_is_doubted(const struct gro *gro, const uint8_t *ip, unsigned int version)
{
	uint32_t pair = pair_hash(gro, ip, version);

	return is_doubted(&gro->senders[pair % GRO_SENDERS], pair);
}

void gro_unfinished_learn(struct gro *gro, const uint8_t *ip, unsigned int version, enum csum_state state,
			  uint32_t packet_cnt)
{
	uint32_t pair = pair_hash(gro, ip, version);

	learn(sender_of(gro, pair), pair, state, packet_cnt);
}

enum csum_state gro_unfinished_verdict(struct gro *gro, const uint8_t *ip, unsigned int version, uint32_t payload_len,
				       enum csum_state state)
{
	uint32_t pair = pair_hash(gro, ip, version);
	struct gro_sender *sender = sender_of(gro, pair);

	if (state == CSUM_UNFINISHED && is_doubted(sender, pair)) {
		sender->finished -= FINISHED_DOUBT;
		return CSUM_WRONG;
	}
	if (payload_len || state == CSUM_UNFINISHED)
		learn(sender, pair, state, 1);
	return state;
}
