// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs a scenario through the engine and checks each delivery:
 *
 *      bytes         each superpacket is cut by gso.c and by naive_segment(), and both give back the packets that
 *                    came. A packet that is delivered alone is unchanged and not moved
 *      order         D1, D2 and D6 hold, by what judge() says about the packets
 *      conservation  each fragment's cookie comes back once, in the order of its packet
 *      time          D4: nothing is held too long, and gro_deadline() is right
 *      memory        nothing is written between packets, behind headers or behind segments; in packets, only the
 *                    first one's header is
 *      counters      they agree with the deliveries
 *      ways          the engine's short ways do what its long way does (twin.h)
 */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>

#include "twin.h"

struct run *run_current;

/* ---- before ---- */

static uint32_t piece_of(const struct step *step, uint32_t off)
{
	uint32_t want = !step->first_len ? step->len : !off ? step->first_len : step->piece_len;

	return want < step->len - off ? want : step->len - off;
}

/* Gives each fragment a place of its own, with canaries around it. */
static void place_packet(struct run *r, uint32_t idx)
{
	const struct step *step = &r->s->steps[idx];
	struct packet_run *p = &r->packets[idx];
	uint32_t off = 0;

	p->first_fragment = r->fragment_cnt;
	do {
		struct fragment *f = &r->fragments[r->fragment_cnt++];

		f->len = piece_of(step, off);
		f->packet = idx;
		r->work_cnt += CANARY_LEN + r->s->config.headroom;
		f->data = r->work + r->work_cnt;
		memcpy(f->data, r->s->bytes + step->off + off, f->len);
		off += f->len;
		r->work_cnt += f->len;
		ASAN_POISON_MEMORY_REGION(f->data + f->len, CANARY_LEN); /* not to be read either */
	} while (off < step->len);
	p->fragment_cnt = r->fragment_cnt - p->first_fragment;
}

void *run_grown(void *old, size_t *have, size_t want)
{
	if (want <= *have)
		return old;
	free(old);
	*have = (want + want / 2 + 4095) & ~(size_t)4095;
	old = aligned_alloc(4096, *have);
	if (!old) {
		fprintf(stderr, "no memory\n");
		exit(2);
	}
	return old;
}

static void prepare_engine(struct run *r)
{
	size_t size = gro_memory_size(&r->s->config);

	r->memory = run_grown(r->memory, &r->memory_size, size + CANARY_LEN);
	memset((uint8_t *)r->memory + size, CANARY, CANARY_LEN);
	holds(gro_init(&r->gro, &r->s->config, r->memory) == 0, "the configuration is taken");
}

static uint32_t most_fragments(const struct scenario *s)
{
	uint32_t cnt = 1;

	for (uint32_t i = 0; i < s->step_cnt; i++) {
		const struct step *step = &s->steps[i];

		cnt += !step->first_len ? 1 : 2 + step->len / step->piece_len;
	}
	return cnt;
}

/* Makes room for all packets and for what is between them. Duplicates share their bytes in the scenario, but have
 * places of their own here. */
static void prepare_work(struct run *r, uint32_t fragments)
{
	size_t size = fragments * (size_t)(CANARY_LEN + r->s->config.headroom);

	for (uint32_t i = 0; i < r->s->step_cnt; i++)
		size += r->s->steps[i].len;
	ASAN_UNPOISON_MEMORY_REGION(r->work, r->work_size);
	r->work = run_grown(r->work, &r->work_size, size);
	memset(r->work, CANARY, size);
}

/* If the headers are not all in the first fragment, the engine cannot know what the packet is. Between the ends of a
 * tunnel it may be of any flow. */
static void judge_packet(struct run *r, uint32_t idx)
{
	const struct step *step = &r->s->steps[idx];
	struct packet_run *p = &r->packets[idx];
	uint32_t linear = r->fragments[p->first_fragment].len;
	struct judged *j = &p->judged;

	*j = judge(r->s->bytes + step->off, step->len, &r->s->config);
	if (p->fragment_cnt == 1 || (j->level.payload && linear >= j->level.payload))
		return;
	j->unfinished = false;
	j->unknown_pair = 0;
	j->kind = j->outer.payload && linear >= j->outer.payload ? KIND_UNKNOWN : KIND_OTHER;
}

static void prepare(struct run *r)
{
	const struct scenario *s = r->s;
	uint32_t fragments = most_fragments(s), names = 64;

	while (names < 8 * s->step_cnt)
		names *= 2;
	r->name_mask = names - 1;
	r->packets = run_grown(r->packets, &r->packets_size, (s->step_cnt + 1) * sizeof *r->packets);
	r->fragments = run_grown(r->fragments, &r->fragments_size, fragments * sizeof *r->fragments);
	r->names = run_grown(r->names, &r->names_size, names * sizeof *r->names);
	prepare_work(r, fragments);
	r->work_cnt = r->fragment_cnt = r->released_cnt = r->taken_cnt = r->oldest = 0;
	r->position = r->checksum_errors = 0;
	r->now_ns = r->last_ns = s->begin_ns;
	memset(r->flushes, 0, sizeof r->flushes);
	memset(r->singles, 0, sizeof r->singles);
	for (uint32_t i = 0; i < s->step_cnt; i++) {
		r->step = i;
		memset(&r->packets[i], 0, sizeof r->packets[i]);
		place_packet(r, i);
		judge_packet(r, i);
		r->totals->kinds[r->packets[i].judged.kind]++;
	}
	prepare_engine(r);
	twin_prepare(r);
}

/* ---- after ---- */

static void check_canaries(const struct run *r)
{
	static const uint8_t canary[CANARY_LEN] = { [0 ... CANARY_LEN - 1] = CANARY };

	ASAN_UNPOISON_MEMORY_REGION(r->work, r->work_size);
	for (uint32_t i = 0; i < r->fragment_cnt; i++)
		holds(!memcmp(r->fragments[i].data + r->fragments[i].len, canary, CANARY_LEN),
		      "nothing is written behind a packet");
	holds(!memcmp((uint8_t *)r->memory + gro_memory_size(&r->s->config), canary, CANARY_LEN),
	      "nothing is written behind the engine's memory");
}

static struct name *name_at(struct run *r, uint64_t name)
{
	uint32_t at = (uint32_t)name & r->name_mask;

	while (r->names[at].name && r->names[at].name != name)
		at = (at + 1) & r->name_mask;
	r->names[at].name = name;
	return &r->names[at];
}

/*
 * D1: packets of a flow are delivered in order of arrival. D2: a packet of unknown flow is delivered behind all of
 * its pair that came before it, and before all that came after it.
 */
static void check_order(struct run *r)
{
	uint64_t others = 0;

	memset(r->names, 0, (r->name_mask + 1) * sizeof *r->names);
	for (uint32_t i = 0; i < r->s->step_cnt; i++) {
		const struct judged *j = &r->packets[i].judged;
		uint64_t position = r->packets[i].position;
		struct name *pairs[JUDGED_PAIRS], *flow;

		r->step = i;
		for (uint32_t k = 0; k < j->pair_cnt; k++) {
			pairs[k] = name_at(r, j->pairs[k]);
			holds(j->kind == KIND_OTHER || position > pairs[k]->fence,
			      "D2: overtook a packet that may be of its flow");
		}
		if (j->kind == KIND_OTHER) {
			holds(position > others, "what is not ours passes in order");
			others = position;
			continue;
		}
		if (j->kind == KIND_FLOW) {
			flow = name_at(r, j->flow);
			holds(position > flow->latest, "D1: overtook a packet of its flow");
			flow->latest = position;
		} else {
			holds(position > pairs[j->unknown_pair]->latest, "D2: overtook what its pair held");
			pairs[j->unknown_pair]->fence = position;
		}
		for (uint32_t k = 0; k < j->pair_cnt; k++)
			if (position > pairs[k]->latest)
				pairs[k]->latest = position;
	}
}

/* FINISHED_ENOUGH, FINISHED_MOST and FINISHED_DOUBT of gro_unfinished.c. */
#define EVIDENCE_ENOUGH 16u
#define EVIDENCE_MOST 32u
#define EVIDENCE_DOUBT 4u

static void count_finished(struct run *r, uint64_t hosts)
{
	struct name *sender = name_at(r, hosts);

	if (sender->latest < EVIDENCE_MOST)
		sender->latest++;
}

/*
 * A packet that looks unfinished may be a damaged one, with a chance of 1 in 65536. The engine may take it for damaged
 * only if its sender has finished enough checksums before, and forgets these when it believes one. The count here is
 * never below the engine's, where another pair may take the place of this one. Where not all headers are in the first
 * fragment, the engine may have counted a packet for its outermost hosts, so it counts for them too.
 */
static void check_doubts(struct run *r)
{
	if (!r->s->config.accept_unfinished || __builtin_popcountll(r->s->config.secret[1]) < 8)
		return; /* without a secret that is one, the engine does not tell pairs apart */
	memset(r->names, 0, (r->name_mask + 1) * sizeof *r->names);
	for (uint32_t i = 0; i < r->s->step_cnt; i++) {
		const struct packet_run *p = &r->packets[i];
		struct name *sender;

		if (!p->judged.hosts)
			continue;
		r->step = i;
		if (!p->judged.l4_wrong)
			count_finished(r, p->judged.hosts);
		if (p->fragment_cnt > 1 && p->judged.outer_hosts != p->judged.hosts)
			count_finished(r, p->judged.outer_hosts);
		sender = name_at(r, p->judged.hosts);
		if (!p->judged.unfinished || p->judged.ip_wrong)
			continue;
		if (p->unfinished) {
			sender->latest = 0;
			continue;
		}
		holds(sender->latest >= EVIDENCE_ENOUGH, "unfinished, and nothing speaks against it");
		sender->latest -= EVIDENCE_DOUBT;
	}
}

static void finish(struct run *r)
{
	gro_flush(&r->gro, GRO_SHUTDOWN);
	twin_flush(r, GRO_SHUTDOWN);
	run_take_all(r);
	holds(r->released_cnt == r->fragment_cnt, "every packet comes out");
	holds(gro_owned_packets(&r->gro) == 0, "all packets are given back");
	holds(!gro_next(&r->gro) && gro_deadline(&r->gro) == UINT64_MAX, "nothing is left");
	holds(!memcmp(r->flushes, r->gro.flushes, sizeof r->flushes), "superpackets are counted by reason");
	holds(!memcmp(r->singles, r->gro.singles, sizeof r->singles), "single packets are counted by reason");
	holds(r->checksum_errors == r->gro.checksum_errors, "wrong checksums are counted");
	check_canaries(r);
	twin_finish(r);
	check_order(r);
	check_doubts(r);
}

/* ---- between ---- */

static uint32_t chance(const struct run *r, uint32_t id, uint32_t n)
{
	return (uint32_t)(random_mix(r->s->seed ^ (id * 0x9e3779b97f4a7c15)) >> 32) % n;
}

/* Offers the packets of a burst, and takes and releases deliveries whenever the engine has no room. */
static void offer(struct run *r, const struct gro_packet *packets, uint32_t cnt)
{
	uint32_t done = 0, stuck = 0;

	while (done < cnt) {
		uint32_t taken = gro_offer(&r->gro, packets + done, cnt - done, r->now_ns);

		r->totals->crowds += r->gro.table.held_cnt >= CROWD_HELD;
		holds(taken <= cnt - done, "no more than was offered");
		twin_offer(r, packets + done, cnt - done, taken);
		holds(gro_owned_packets(&r->gro) <= r->s->config.packets, "no more than there is room for");
		holds(!taken || !packets[done + taken - 1].more, "whole packets only");
		done += taken;
		stuck = taken ? 0 : stuck + 1;
		holds(stuck < 4 * (TAKEN_MAX + GRO_FRAGMENTS_MAX), "there is always progress");
		if (done < cnt && !run_take(r) && r->taken_cnt)
			run_release(r, chance(r, r->step + done, r->taken_cnt));
	}
	r->last_ns = r->now_ns;
}

/* D4: what is still held after the end of a burst is younger than the hold time. */
static void check_age(struct run *r, uint32_t offered_cnt)
{
	const struct gro_config *config = &r->s->config;
	uint64_t deadline = gro_deadline(&r->gro);

	while (r->oldest < offered_cnt && r->packets[r->oldest].position)
		r->oldest++;
	holds(deadline > r->now_ns, "the deadline lies ahead");
	if (r->oldest == offered_cnt) {
		holds(deadline == UINT64_MAX, "no deadline where nothing is held");
		return;
	}
	holds(r->packets[r->oldest].arrival_ns + config->hold_ns > r->now_ns, "held too long (hold_ns)");
	holds(deadline <= r->packets[r->oldest].arrival_ns + config->hold_ns, "the deadline is that of the oldest");
	holds(!config->idle_ns || r->last_ns + config->idle_ns > r->now_ns, "held while nothing came (idle_ns)");
	holds(!config->idle_ns || deadline <= r->last_ns + config->idle_ns, "the deadline is that of idleness");
}

static void after_step(struct run *r, const struct step *step)
{
	if (step->after & AFTER_BURST_END) {
		r->now_ns += step->step_ns;
		gro_burst_end(&r->gro, r->now_ns);
		twin_burst_end(r);
	}
	if (step->after & AFTER_FLUSH) {
		gro_flush(&r->gro, GRO_RECONFIGURE);
		twin_flush(r, GRO_RECONFIGURE);
	}
	if (step->after & AFTER_TAKE_SOME)
		for (uint32_t i = chance(r, step->id, 2 * TAKEN_MAX); i > 0 && run_take(r);)
			i--;
	if (!(step->after & AFTER_TAKE))
		return;
	run_take_all(r);
	if (step->after & AFTER_BURST_END)
		check_age(r, r->step + 1);
}

static uint32_t gather(struct run *r, uint32_t idx, struct gro_packet *packets)
{
	struct packet_run *p = &r->packets[idx];

	p->arrival_ns = r->now_ns;
	for (uint32_t i = 0; i < p->fragment_cnt; i++) {
		const struct fragment *f = &r->fragments[p->first_fragment + i];

		packets[i] = (struct gro_packet){
			.data = f->data,
			.len = f->len,
			.cookie = p->first_fragment + i,
			.csum = r->s->steps[idx].verified && !i ? GRO_CSUM_VERIFIED : GRO_CSUM_UNKNOWN,
			.more = i + 1 < p->fragment_cnt,
		};
	}
	return p->fragment_cnt;
}

static void run_steps(struct run *r)
{
	static struct gro_packet packets[BURST_MAX + GRO_FRAGMENTS_MAX];
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < r->s->step_cnt; i++) {
		const struct step *step = &r->s->steps[i];

		r->step = i;
		cnt += gather(r, i, packets + cnt);
		if (!step->after && cnt < BURST_MAX && i + 1 < r->s->step_cnt)
			continue;
		offer(r, packets, cnt);
		cnt = 0;
		after_step(r, step);
	}
}

const char *scenario_prove(const struct scenario *s, enum fault fault, struct totals *totals, uint32_t *step)
{
	static struct run run;
	static struct totals unwanted;
	struct run *volatile r = &run;

	r->s = s;
	r->fault = fault;
	r->totals = totals ? totals : &unwanted;
	r->failure = NULL;
	run_current = r;
	if (setjmp(r->escape) == 0) {
		prepare(r);
		run_steps(r);
		finish(r);
		r->totals->packets += s->step_cnt;
	}
	if (step)
		*step = r->step;
	return r->failure;
}
