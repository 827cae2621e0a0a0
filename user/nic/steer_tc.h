/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Part of steer: the tc programs of inline mode, which connect the NIC and the hidden TAP. */
#ifndef SUPERPACKET_STEER_TC_H
#define SUPERPACKET_STEER_TC_H

#include "nic/steer_config.h"

struct inline_bpf;

struct steer_tc {
	struct inline_bpf *object;     /* NULL: not open */
	struct steer_state *state;     /* of its egress program, mapped */
	uint32_t nic, tap;             /* ifindex */
	int ingress_link, egress_link; /* -1: not attached */
	bool redirecting;              /* act_mirred on the TAP does the work of ingress_link */
	bool filtering;                /* a filter of clsact does the work of egress_link */
	bool second;                   /* egress_link has inline_egress2 */
};

/* Loads the programs; their state is zeroed, so that they pass every packet. Logs on failure. Returns 0 or -errno. */
int steer_tc_open(struct steer_tc *tc, const struct steer_config *config);

/* Attaches both, that of the egress as a tcx program; generic: the XDP program runs in generic mode. Logs on failure. Returns 0 or -errno. */
int steer_tc_attach(struct steer_tc *tc, const struct steer_config *config, bool generic);

/* Moves the program on the NIC's egress, or attaches it there anew. Every packet meets it once meanwhile. Returns 0 or
 * -errno; it is where it was then. */
int steer_tc_place(struct steer_tc *tc, enum steer_place place);

/* Makes sure that it is the last of the tcx programs, if that is its place. Returns 1 if it had to be moved, 0, or
 * -errno. */
int steer_tc_keep_last(struct steer_tc *tc);

/* steer_presence() of what steer_tc_attach() has attached. */
enum steer_presence steer_tc_presence(const struct steer_tc *tc);

/* Detaches the program on the NIC's egress, so that the stack's packets go to the NIC again. */
void steer_tc_detach_out(struct steer_tc *tc);

/* Detaches both. May be called twice. */
void steer_tc_detach(struct steer_tc *tc);

void steer_tc_close(struct steer_tc *tc);

/* The file descriptor of inline_counters, or -ENOENT. */
int steer_tc_counters(const struct steer_tc *tc);

#endif
