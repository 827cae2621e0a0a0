// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/modes.h"

#include <stdarg.h>
#include <stdio.h>

const struct modes_parts modes_parts[MODES_CNT] = {
	[MODES_ZEROCOPY_SLICES] = { .zerocopy = true, .slices = true, .sg = true },
	[MODES_ZEROCOPY_BUILT_SG] = { .zerocopy = true, .sg = true },
	[MODES_ZEROCOPY_BUILT] = { .zerocopy = true },
	[MODES_COPY_BUILT_SG] = { .sg = true },
	[MODES_COPY_SLICES] = { .slices = true, .sg = true },
	[MODES_COPY_BUILT] = { 0 },
};

/* Drivers that claim zero copy and do it wrong, and in which kernels. The list has only what was observed. A driver
 * that refuses to bind needs no entry. */
static const struct known_bad {
	const char *driver;
	uint32_t since, until; /* the first wrong kernel, and the first that is right again (0: none yet) */
	uint32_t chunk_below;  /* only chunks shorter than this are affected; 0: all are */
	const char *why;
} known_bad[] = {
	{ "virtio_net", 0, MODES_KERNEL(6, 13), 0,
	  "virtio_net before Linux 6.13 receives in zero copy, but does not send" },
	{ "igb", MODES_KERNEL(6, 14), 0, 4096,
	  "igb in zero copy breaks frames above 1024 bytes in two where chunks have 2048" },
};

static const char *find_known_bad(const struct modes_facts *facts)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_bad); i++) {
		const struct known_bad *bad = &known_bad[i];

		if (!strcmp(bad->driver, facts->driver) && facts->kernel && facts->kernel >= bad->since &&
		    (!bad->until || facts->kernel < bad->until) &&
		    (!bad->chunk_below || facts->chunk_len < bad->chunk_below))
			return bad->why;
	}
	return NULL;
}

uint32_t modes_segs_needed(uint32_t frame_len, uint32_t chunk_len)
{
	return 1 + frame_len / chunk_len + 2;
}

/* The longest frame that one chunk can receive. */
static uint32_t chunk_room(const struct modes_facts *facts)
{
	return facts->chunk_len - facts->rx_headroom;
}

static bool refuse(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, MODES_WHY_LEN, fmt, args);
	va_end(args);
	return false;
}

static bool accept(char *why, const char *reason)
{
	snprintf(why, MODES_WHY_LEN, "%s", reason);
	return true;
}

/* What holds for all three variants with zero copy. If the kernel is too old to ask the driver, binding tells. */
static bool judge_zerocopy(const struct modes_facts *facts, char *why)
{
	const char *bad = find_known_bad(facts);

	if (facts->pin == MODES_PIN_COPY)
		return refuse(why, "--xdp-mode rules zero copy out");
	if (facts->generic)
		return refuse(why, "in generic mode the kernel copies");
	if (facts->told && !facts->zerocopy)
		return refuse(why, "its driver has no zero copy");
	if (bad)
		return refuse(why, "%s", bad);
	return true;
}

/*
 * Multi-buffer in zero copy. It is not even tried when the driver has not promised it: some drivers bind, send
 * nothing and complete everything (xdp-zc-max-segs 1), so that nobody would notice.
 */
static bool judge_zerocopy_sg(const struct modes_facts *facts, char *why)
{
	const uint32_t needed = modes_segs_needed(facts->frame_len, facts->chunk_len);

	if (!judge_zerocopy(facts, why))
		return false;
	if (!facts->zc_max_segs)
		return refuse(why, "this kernel cannot tell whether its driver takes several descriptors a packet in "
				   "zero copy");
	if (facts->zc_max_segs == 1)
		return refuse(why, "its driver takes one descriptor a packet in zero copy");
	if (facts->zc_max_segs < needed)
		return refuse(why, "its driver takes %u descriptors a packet in zero copy, slices need %u",
			      facts->zc_max_segs, needed);
	return true;
}

static bool judge_one_chunk(const struct modes_facts *facts, char *why)
{
	if (facts->frame_len <= chunk_room(facts))
		return true;
	return refuse(why, "frames of %u bytes do not fit a chunk, which has room for %u", facts->frame_len,
		      chunk_room(facts));
}

static bool judge_copy(const struct modes_facts *facts, char *why)
{
	if (facts->pin == MODES_PIN_ZEROCOPY)
		return refuse(why, "--xdp-mode rules copies out");
	return true;
}

static bool judge_transmit(const struct modes_facts *facts, enum modes_variant variant, char *why)
{
	const bool slices = modes_parts[variant].slices;

	if (facts->transmit == MODES_TRANSMIT_SLICES && !slices)
		return refuse(why, "--transmit asks for slices");
	if (facts->transmit == MODES_TRANSMIT_BUILT && slices)
		return refuse(why, "--transmit asks for built frames");
	return true;
}

static bool judge(const struct modes_facts *facts, enum modes_variant variant, char *why)
{
	const struct modes_parts *parts = &modes_parts[variant];
	bool ok;

	ok = !parts->zerocopy ? judge_copy(facts, why) :
	     parts->sg        ? judge_zerocopy_sg(facts, why) :
				judge_zerocopy(facts, why);
	if (!ok || !judge_transmit(facts, variant, why))
		return false;
	/* In copy mode the socket is opened all the same, so that its owner can tell which MTU would do. */
	if (parts->zerocopy && !parts->sg && !judge_one_chunk(facts, why))
		return false;
	switch (variant) {
	case MODES_ZEROCOPY_SLICES:
		return accept(why, "its driver sends header and slices from where they are");
	case MODES_ZEROCOPY_BUILT_SG:
		if (facts->transmit == MODES_TRANSMIT_AUTO)
			return refuse(why, "the socket for slices is the same");
		return accept(why, "its driver takes zero-copy sockets");
	case MODES_ZEROCOPY_BUILT:
		return accept(why, "its driver takes zero-copy sockets");
	case MODES_COPY_SLICES:
		if (facts->transmit == MODES_TRANSMIT_AUTO)
			return refuse(why, "built frames are faster where the kernel copies");
		return accept(why, "--transmit asks for slices");
	default:
		return accept(why, facts->transmit == MODES_TRANSMIT_BUILT ?
					   "--transmit asks for built frames" :
					   "built frames are faster where the kernel copies");
	}
}

void modes_decide(struct modes_plan *plan, const struct modes_facts *facts)
{
	*plan = (struct modes_plan){ .zc_chain_max = facts->zc_max_segs };
	for (int v = 0; v < MODES_CNT; v++)
		plan->variants[v].tried = judge(facts, (enum modes_variant)v, plan->variants[v].why);
}

bool modes_possible(const struct modes_plan *plan)
{
	for (int v = 0; v < MODES_CNT; v++)
		if (plan->variants[v].tried)
			return true;
	return false;
}

/* ---- in words ---- */

static const char *not_proved(int outcome)
{
	return outcome == MODES_SILENT  ? "a test frame was not sent" :
	       outcome == MODES_INVALID ? "the descriptors of a test frame were refused" :
					  NULL;
}

/* Writes what is wrong with a variant that is not in force. */
static void objection(const struct modes_plan *plan, int outcome, int variant, char text[MODES_WHY_LEN])
{
	const struct modes_parts *parts = &modes_parts[variant];

	if (outcome < 0)
		snprintf(text, MODES_WHY_LEN, "%s refused: %s",
			 parts->zerocopy ? "zero copy was" :
			 parts->sg       ? "several descriptors a packet were" :
					   "it was",
			 strerror(-outcome));
	else if (not_proved(outcome))
		snprintf(text, MODES_WHY_LEN, "%s, %s%s: %s", parts->zerocopy ? "zero copy" : "copies",
			 parts->slices ? "slices" : "built frames", parts->sg ? ", multi-buffer" : "",
			 not_proved(outcome));
	else
		snprintf(text, MODES_WHY_LEN, "%s", plan->variants[variant].why);
}

/* Appends a reason, unless it is there already. */
static void append(char *text, size_t room, const char *more)
{
	const size_t len = strlen(text);

	if (!*more || strstr(text, more))
		return;
	snprintf(text + len, room - len, "%s%s", len ? "; " : "", more);
}

void modes_explain(const struct modes_plan *plan, const int outcomes[MODES_CNT], enum modes_variant variant, char *text,
		   size_t room)
{
	char one[MODES_WHY_LEN];

	text[0] = '\0';
	for (int v = 0; v < (int)variant; v++) {
		objection(plan, outcomes[v], v, one);
		append(text, room, one);
	}
	if (variant < MODES_CNT)
		append(text, room, plan->variants[variant].why);
}

void modes_outcome(const struct modes_plan *plan, const int outcomes[MODES_CNT], enum modes_variant variant, char *text,
		   size_t room)
{
	const char *why = plan->variants[variant].why;

	if (outcomes[variant] < 0)
		snprintf(text, room, "refused: %s", strerror(-outcomes[variant]));
	else if (outcomes[variant] == MODES_BOUND)
		snprintf(text, room, "in force: %s", why);
	else if (not_proved(outcomes[variant]))
		snprintf(text, room, "not proved: %s", not_proved(outcomes[variant]));
	else if (plan->variants[variant].tried)
		snprintf(text, room, "not tried: a better variant is in force");
	else
		snprintf(text, room, "not tried: %s", why);
}
