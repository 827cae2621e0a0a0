/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A scenario while it runs. Shared by prove.c, which drives the engine, deliveries.c, which checks what comes out,
 * and twin.c, which compares the engine with a second one.
 */
#ifndef TESTS_PROVE_H
#define TESTS_PROVE_H

#include <setjmp.h>

#include "judge.h"
#include "random.h"
#include "scenario.h"

#define CANARY 0xc5
#define CANARY_LEN 16u
#define TAKEN_MAX 8u
#define BURST_MAX 256u

struct fragment {
	uint8_t *data;
	uint32_t len, packet;
};

struct packet_run {
	struct judged judged;
	uint32_t first_fragment, fragment_cnt;
	uint64_t arrival_ns;
	uint64_t position; /* among all that was delivered; 0: not yet */
	bool unfinished;   /* was handed on as such */
};

/* For each name: the latest position that was seen, and the one before which none may come any more. */
struct name {
	uint64_t name, latest, fence;
};

/* The second engine, whose packets lie as those of the first do, in memory of its own (twin.h). */
struct twin {
	struct gro gro;
	void *memory;
	uint8_t *work;
	size_t memory_size, work_size;
	struct gro_super *taken[TAKEN_MAX];
};

struct run {
	const struct scenario *s;
	enum fault fault;
	struct totals *totals;
	struct gro gro;
	void *memory;
	struct packet_run *packets;
	struct fragment *fragments;
	struct name *names;
	uint8_t *work; /* the packets' bytes, as the engine gets them */
	size_t memory_size, packets_size, fragments_size, names_size, work_size;
	size_t work_cnt;
	uint32_t name_mask, fragment_cnt, released_cnt;

	/* deliveries taken and not yet released, with their place in the order of delivery */
	struct gro_super *taken[TAKEN_MAX];
	uint64_t taken_position[TAKEN_MAX];
	uint32_t taken_cnt;
	struct twin twin;
	uint64_t position, now_ns, last_ns;
	uint32_t oldest; /* first packet that was not delivered */
	uint64_t flushes[GRO_REASON_CNT], singles[GRO_REASON_CNT], checksum_errors;

	uint32_t step;
	const char *failure;
	jmp_buf escape;
};

extern struct run *run_current;

/* Ends the run unless the condition holds. */
#define holds(condition, sentence) \
	do { \
		if (!(condition)) { \
			run_current->failure = (sentence); \
			longjmp(run_current->escape, 1); \
		} \
	} while (0)

/* Returns memory of at least so many bytes, the old one if it is large enough. Contents are lost. */
void *run_grown(void *old, size_t *have, size_t want);

/* Takes the next delivery; false: there is none. */
bool run_take(struct run *r);

/* Checks the delivery in this place of the taken ones, and gives it back. */
void run_release(struct run *r, uint32_t place);

void run_take_all(struct run *r);

#endif
