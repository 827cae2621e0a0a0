/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A scenario: a configuration and a sequence of packets, each with what the caller does after it. It has no randomness
 * left, and since each packet brings its own decisions, it can be repeated after some were removed (shrink.c).
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include "engine/gro.h"

/* What the engine is asked to merge: everything. */
#define PROVEN_MERGE GRO_MERGE_ALL

/* From this many held superpackets on, the engine prefetches (gro_ahead.c, gro_flush.c). */
#define CROWD_HELD 512u

/* What the caller does after a packet. */
enum after {
	AFTER_OFFER = 1,      /* what was gathered until here is offered in one call */
	AFTER_BURST_END = 2,  /* gro_burst_end(), after the packet's step_ns */
	AFTER_FLUSH = 4,      /* gro_flush() */
	AFTER_TAKE = 8,       /* takes all, gives all back */
	AFTER_TAKE_SOME = 16, /* takes some, of which some are kept */
};

struct step {
	uint32_t off, len;  /* of its bytes among the scenario's */
	uint32_t id;        /* its place when the scenario was made */
	uint32_t step_ns;   /* that pass after it, where the burst ends */
	uint16_t first_len; /* comes in fragments: of the first; 0: in one */
	uint16_t piece_len; /* of the others */
	uint8_t after;      /* enum after */
	uint8_t verified;   /* somebody has verified its checksum */
};

struct scenario {
	uint64_t seed;
	struct gro_config config;
	uint64_t begin_ns;
	struct step *steps;
	uint32_t step_cnt, step_max;
	uint8_t *bytes;
	uint32_t byte_cnt, byte_max;
};

/* Faults that are put into what the engine does, to test that they are found. */
enum fault {
	FAULT_NONE,
	FAULT_FLIP,  /* one bit of a superpacket of more than three packets is flipped */
	FAULT_SWAP,  /* two deliveries change places */
	FAULT_LOSE,  /* one packet's cookie is given back as another's */
	FAULT_WRITE, /* a byte behind a packet is written */
	FAULT_CNT,
};

/* What was seen, to notice tests that test nothing. */
struct totals {
	uint64_t packets, superpackets, merged, unmerged, fragments;
	uint64_t kinds[3];   /* enum kind */
	uint64_t types[4];   /* superpackets, by enum gso_type */
	uint64_t tunnels[8]; /* superpackets, by enum parse_tunnel */
	uint64_t big, streamed;
	uint64_t crowds; /* calls of gro_offer() with CROWD_HELD held */
	uint64_t reasons[GRO_REASON_CNT];
};

/*
 * Runs a scenario, and checks all that must hold. Returns NULL, or a sentence that says what did
 * not; *step is then the number of the packet it was noticed at. totals is added to.
 */
const char *scenario_prove(const struct scenario *s, enum fault fault, struct totals *totals, uint32_t *step);

/* The scenario of a seed, of at most step_max packets. s brings the room. */
void scenario_generate(struct scenario *s, uint64_t seed);

/* Room for so many packets and bytes; ends the program when there is none. */
void scenario_alloc(struct scenario *s, uint32_t step_max, uint32_t byte_max);
void scenario_free(struct scenario *s);

/* Adds a packet; false: no room. */
bool scenario_add(struct scenario *s, const void *bytes, uint32_t len, struct step step);

/* Prints a scenario for people, with the bytes of its packets. */
void scenario_print(const struct scenario *s);

/*
 * Makes a failing scenario smaller while fails() is still true of it: removes packets, and sets limits and options of
 * the configuration back to the usual ones.
 */
void scenario_shrink(struct scenario *s, bool (*fails)(const struct scenario *s, void *context), void *context);

#endif
