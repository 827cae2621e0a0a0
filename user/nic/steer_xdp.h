/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Part of steer: gets the XDP program onto the interface, one of three ways.
 *
 *   the interface has          what we do                           after kill -9
 *   no XDP program             load, attach as a BPF link           nothing
 *   libxdp's dispatcher        load, join it through libxdp         a member that passes all
 *   steer.bpf.o, pinned maps   adopt the maps, attach nothing       as the operator left it
 */
#ifndef SUPERPACKET_STEER_XDP_H
#define SUPERPACKET_STEER_XDP_H

#include "nic/steer_config.h"

struct steer_bpf;
struct xdp_program;

struct steer_xdp {
	struct steer_bpf *object;   /* loaded by us; NULL when adopted */
	struct xdp_program *member; /* of a dispatcher; else NULL */
	uint32_t ifindex;
	int link_fd;                /* -1: member, or adopted */
	int xsks_fd, state_fd, counters_fd; /* of object, or ours when adopted */
	bool generic;
	uint32_t present_id;        /* of the program that was found to use our maps; where it is no link of ours */
	char why[160];
};

/* Loads and attaches, or adopts. Logs; returns 0 or -errno, nothing is left behind then. */
int steer_xdp_open(struct steer_xdp *xdp, const struct steer_config *config);

/* Puts a copy of our program in its place, around the same maps, without a moment in between. Only for
 * a link of ours: else -EOPNOTSUPP. Returns 0 or -errno. */
int steer_xdp_renew(struct steer_xdp *xdp, const struct steer_config *config);

/* See steer_presence(); of the XDP program. */
enum steer_presence steer_xdp_presence(struct steer_xdp *xdp, const struct steer_config *config);

/* Takes off the interface what we put there. May be called twice. */
void steer_xdp_detach(struct steer_xdp *xdp);

void steer_xdp_close(struct steer_xdp *xdp);

/* Adopts the maps in config->pinned, for steer_xdp_open(). */
int steer_adopt(struct steer_xdp *xdp, const struct steer_config *config);

#endif
