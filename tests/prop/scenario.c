// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The memory of a scenario, and its printed form. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge.h"
#include "scenario.h"

void scenario_alloc(struct scenario *s, uint32_t step_max, uint32_t byte_max)
{
	*s = (struct scenario){ .step_max = step_max, .byte_max = byte_max };
	s->steps = malloc(step_max * sizeof *s->steps);
	s->bytes = malloc(byte_max);
	if (!s->steps || !s->bytes) {
		fprintf(stderr, "no memory\n");
		exit(2);
	}
}

void scenario_free(struct scenario *s)
{
	free(s->steps);
	free(s->bytes);
	*s = (struct scenario){ 0 };
}

bool scenario_add(struct scenario *s, const void *bytes, uint32_t len, struct step step)
{
	if (s->step_cnt == s->step_max || len > s->byte_max - s->byte_cnt)
		return false;
	step.off = s->byte_cnt;
	step.len = len;
	step.id = s->step_cnt;
	memcpy(s->bytes + s->byte_cnt, bytes, len);
	s->byte_cnt += len;
	s->steps[s->step_cnt++] = step;
	return true;
}

static void print_config(const struct gro_config *c)
{
	printf("configuration: flows %u, packets %u, max_packets %u, max_bytes %u, min_payload %u, hold_ns %" PRIu64
	       ", idle_ns %" PRIu64 ",\n    merge 0x%x, headroom %u, flush_all_when_full %d, adaptive %d, marks %d, "
	       "accept_unfinished %d,\n    secret { 0x%" PRIx64 ", 0x%" PRIx64 " }, pass_ports",
	       c->flows, c->packets, c->max_packets, c->max_bytes, c->min_payload, c->hold_ns, c->idle_ns, c->merge,
	       c->headroom, c->flush_all_when_full, c->adaptive, c->marks, c->accept_unfinished, c->secret[0],
	       c->secret[1]);
	for (uint32_t i = 0; i < GRO_PASS_PORTS; i++)
		if (c->pass_ports[i])
			printf(" %u", c->pass_ports[i]);
	printf("\n");
}

static void print_l4(const struct judged *j, const uint8_t *at)
{
	static const char letters[] = "FSRPAUEC";
	const uint8_t *l4 = at + j->level.l4;

	printf(", %s %u -> %u", j->level.protocol == WIRE_UDP ? "UDP" : "TCP", get16(l4), get16(l4 + 2));
	if (j->level.protocol != WIRE_TCP)
		return;
	printf(", seq %u, ack %u, flags ", get32(l4 + 4), get32(l4 + 8));
	for (uint32_t i = 0; i < 8; i++)
		if (l4[13] >> i & 1)
			printf("%c", letters[i]);
}

/* Bytes that are printed of each packet: its headers and some payload. */
#define DUMP_MOST 224u

static void print_packet(const struct scenario *s, uint32_t idx)
{
	static const char *const kinds[] = { "of no flow", "good", "of unknown flow" };
	static const char *const tunnels[] = { "", "VXLAN ", "GENEVE ", "GRE ", "IPIP " };
	const struct step *step = &s->steps[idx];
	const uint8_t *bytes = s->bytes + step->off;
	struct judged j = judge(bytes, step->len, &s->config);

	printf("packet %u (%u at first): %u bytes, %s%s%s", idx, step->id, step->len, kinds[j.kind],
	       j.unfinished ? ", looks unfinished" : "", step->verified ? ", called verified" : "");
	if (j.level.version)
		printf(", %sIPv%u", tunnels[j.tunnel], j.level.version);
	if (j.level.version == 4)
		printf(" id %u", get16(bytes + j.level.l3 + 4));
	if (j.kind == KIND_FLOW) {
		print_l4(&j, bytes);
		printf(", payload %u", j.level.end - j.level.payload);
	}
	if (step->first_len)
		printf("; in fragments of %u, then %u bytes", step->first_len, step->piece_len);
	for (uint32_t i = 0; i < step->len && i < DUMP_MOST; i++) {
		if (i % 32 == 0)
			printf("\n    %04x ", i);
		printf(i % 2 ? "%02x" : " %02x", bytes[i]);
	}
	printf(step->len > DUMP_MOST ? " ...\n" : "\n");
	if (step->after & AFTER_BURST_END)
		printf("    %u ns later the burst ends\n", step->step_ns);
	if (step->after & AFTER_FLUSH)
		printf("    all is flushed\n");
	if (step->after & AFTER_TAKE)
		printf("    all deliveries are taken and given back\n");
	else if (step->after & AFTER_TAKE_SOME)
		printf("    some deliveries are taken, and some of these given back\n");
	else if (step->after & AFTER_OFFER)
		printf("    what came until here is offered in one call\n");
}

void scenario_print(const struct scenario *s)
{
	print_config(&s->config);
	for (uint32_t i = 0; i < s->step_cnt; i++)
		print_packet(s, i);
}
