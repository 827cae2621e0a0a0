/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads from the bytes of a packet whether it is whole and right, of which flow, and between which hosts. This is code
 * of the tests' own, without the engine's parser and checksums.
 *
 *      KIND_FLOW      whole and right: it belongs to the flow that its bytes name
 *      KIND_UNKNOWN   it may be of any flow between its hosts (D2), and may not overtake or be overtaken by them
 *      KIND_OTHER     of no flow that the engine holds: its order does not matter to those
 */
#ifndef TESTS_JUDGE_H
#define TESTS_JUDGE_H

#include "engine/gro.h"
#include "wire.h"

enum kind { KIND_OTHER, KIND_FLOW, KIND_UNKNOWN };

/* One IP header and what is behind it. */
struct judged_level {
	uint16_t l3, l4, payload; /* offsets; l4 and payload as far as they are known */
	uint32_t end;             /* of the IP packet */
	uint8_t version;          /* 4, 6; 0: no such level */
	uint8_t protocol;         /* 0: not known */
};

/* Names are 64-bit hashes. Each two hosts give two pairs: one with the protocol, and one for all protocols, which
 * matters to packets of unknown protocol. */
#define JUDGED_PAIRS 4u

struct judged {
	uint8_t kind;
	uint8_t tunnel;  /* enum parse_tunnel that it is in, where that is entered */
	bool whole;      /* TCP or UDP, neither fragment nor with options; right or not */
	bool unfinished; /* its L4 checksum field is the pseudo-header sum, and not right */
	bool ip_wrong;   /* an IPv4 header checksum is wrong, or one of the tunnel's */
	bool l4_wrong;   /* TCP or UDP, whole, and the checksum is wrong (or unfinished) */
	uint8_t pair_cnt;
	uint8_t unknown_pair;      /* KIND_UNKNOWN: which of the pairs it is of */
	struct judged_level outer; /* of the tunnel */
	struct judged_level level; /* of the packet inside, or the only one */
	uint64_t hosts;            /* of level */
	uint64_t outer_hosts;      /* of the outermost level */
	uint64_t flow;
	uint64_t pairs[JUDGED_PAIRS];
};

/* config says which tunnels are entered, and whether unfinished checksums are as good as right. */
struct judged judge(const uint8_t *frame, uint32_t len, const struct gro_config *config);

/* Whether a packet of KIND_FLOW is one that config lets pass untouched: pass_ports, min_payload. */
bool judged_exempt(const struct judged *j, const uint8_t *frame, const struct gro_config *config);

#endif
