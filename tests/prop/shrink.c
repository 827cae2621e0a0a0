// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Shrinks a failing scenario (delta debugging, after Zeller): removes packets in ever smaller pieces, and replaces what
 * is unusual by what is usual, while it still fails.
 */
#include <stdlib.h>

#include "judge.h"
#include "scenario.h"

struct shrinking {
	struct scenario *s;
	bool (*fails)(const struct scenario *s, void *context);
	void *context;
	struct step *saved; /* of the scenario, while a smaller one is tried */
};

static bool still_fails(const struct shrinking *k) { return k->s->step_cnt && k->fails(k->s, k->context); }

static void save_steps(struct shrinking *k) { memcpy(k->saved, k->s->steps, k->s->step_cnt * sizeof *k->saved); }

static bool or_restore(struct shrinking *k, uint32_t step_cnt)
{
	if (still_fails(k))
		return true;
	k->s->step_cnt = step_cnt;
	memcpy(k->s->steps, k->saved, step_cnt * sizeof *k->saved);
	return false;
}

/* When a packet is removed, what the caller does after it is done after the packet before it. */
static bool without(struct shrinking *k, uint32_t from, uint32_t cnt, bool keep_after)
{
	struct scenario *s = k->s;
	uint32_t was = s->step_cnt;

	save_steps(k);
	if (keep_after && from)
		for (uint32_t i = from; i < from + cnt; i++) {
			s->steps[from - 1].after |= s->steps[i].after;
			s->steps[from - 1].step_ns += s->steps[i].step_ns;
		}
	memmove(s->steps + from, s->steps + from + cnt, (was - from - cnt) * sizeof *s->steps);
	s->step_cnt -= cnt;
	return or_restore(k, was);
}

/* Removes all packets that are not between the hosts of this one. */
static bool only_like(struct shrinking *k, uint32_t idx)
{
	struct scenario *s = k->s;
	uint32_t was = s->step_cnt, kept = 0;
	uint64_t pair = judge(s->bytes + s->steps[idx].off, s->steps[idx].len, &s->config).pairs[1];

	save_steps(k);
	for (uint32_t i = 0; i < was; i++) {
		struct judged j = judge(s->bytes + k->saved[i].off, k->saved[i].len, &s->config);

		if (j.pairs[1] == pair)
			s->steps[kept++] = k->saved[i];
	}
	s->step_cnt = kept;
	return or_restore(k, was) && kept < was;
}

#define LIKE_TRIES 12u

static void fewer_hosts(struct shrinking *k)
{
	for (uint32_t i = 0; i < LIKE_TRIES && k->s->step_cnt > LIKE_TRIES; i++)
		if (only_like(k, i * (k->s->step_cnt / LIKE_TRIES)))
			return;
}

static bool fewer_packets(struct shrinking *k)
{
	bool any = false;

	for (uint32_t piece = k->s->step_cnt / 2 + 1; piece; piece /= 2)
		for (uint32_t end = k->s->step_cnt; end; end = end > piece ? end - piece : 0) {
			uint32_t from = end > piece ? end - piece : 0;

			if (end > k->s->step_cnt)
				continue;
			any |= without(k, from, end - from, true) || without(k, from, end - from, false);
		}
	return any;
}

/* Tries one value of the configuration, and keeps it if the scenario still fails. */
static void with_config(struct shrinking *k, struct gro_config tried)
{
	struct gro_config was = k->s->config;

	k->s->config = tried;
	if (!still_fails(k))
		k->s->config = was;
}

static void usual_config(struct shrinking *k)
{
	struct gro_config c;

#define usual(field, value) \
	do { \
		c = k->s->config; \
		c.field = (value); \
		with_config(k, c); \
	} while (0)
	usual(adaptive, false);
	usual(flush_all_when_full, false);
	usual(marks, false);
	usual(accept_unfinished, false);
	usual(headroom, 0);
	usual(min_payload, 0);
	usual(idle_ns, 0);
	if (!k->s->config.idle_ns)
		usual(hold_ns, 0);
	usual(max_bytes, 65535);
	usual(max_packets, GRO_MAX_PACKETS);
	usual(flows, 64);
	usual(packets, 1024);
	usual(merge, GRO_MERGE_TCP);
	for (uint32_t i = 0; i < GRO_PASS_PORTS; i++)
		if (k->s->config.pass_ports[i])
			usual(pass_ports[i], 0);
#undef usual
}

static void usual_steps(struct shrinking *k)
{
	struct scenario *s = k->s;

	for (uint32_t i = 0; i < s->step_cnt; i++) {
		static const uint8_t afters[] = { AFTER_BURST_END, AFTER_FLUSH, AFTER_TAKE, AFTER_TAKE_SOME,
						  AFTER_OFFER };

		save_steps(k);
		s->steps[i].first_len = s->steps[i].piece_len = 0;
		or_restore(k, s->step_cnt);
		save_steps(k);
		s->steps[i].verified = 0;
		or_restore(k, s->step_cnt);
		for (uint32_t a = 0; a < sizeof afters; a++) {
			save_steps(k);
			s->steps[i].after &= (uint8_t)~afters[a];
			or_restore(k, s->step_cnt);
		}
	}
}

void scenario_shrink(struct scenario *s, bool (*fails)(const struct scenario *s, void *context), void *context)
{
	struct shrinking k = { s, fails, context, malloc((s->step_cnt + 1) * sizeof *k.saved) };

	if (!k.saved)
		return;
	fewer_hosts(&k);
	for (uint32_t pass = 0; fewer_packets(&k) && pass < 4; pass++)
		;
	usual_config(&k);
	usual_steps(&k);
	fewer_packets(&k);
	free(k.saved);
}
