/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Part of steer: brings the XDP program onto the interface, in one of three ways.
 *
 *   the interface has          what is done                         what is left after kill -9
 *   no XDP program             load, attach as a BPF link           nothing
 *   libxdp's dispatcher        load, join it through libxdp         a member that passes all frames
 *   steer.bpf.o, pinned maps   adopt the maps, attach nothing       what the operator has loaded
 *
 * steer_xdp.c does the first two, steer_adopt.c the third, and steer_present.c looks whether it is still there.
 */
#ifndef SUPERPACKET_STEER_XDP_H
#define SUPERPACKET_STEER_XDP_H

#include "nic/steer_config.h"

struct steer_bpf;
struct xdp_program;

struct steer_xdp {
	struct steer_bpf *object;   /* what was loaded; NULL when adopted */
	struct xdp_program *member; /* of a dispatcher; else NULL */
	uint32_t ifindex;
	int link_fd;                                             /* -1: member, or adopted */
	int xsks_fd, state_fd, counters_fd, queues_fd, slots_fd; /* owned by object; to be closed when adopted */
	bool generic;
	uint32_t present_id; /* without a link: id of the program that was found to use our maps */
	char why[160];
};

/* There is no program, and nothing to close. */
void steer_xdp_none(struct steer_xdp *xdp, const struct steer_config *config);

/* Loads and attaches, or adopts. Logs on failure. Returns 0, or -errno with nothing left to close. */
int steer_xdp_open(struct steer_xdp *xdp, const struct steer_config *config);

/* Replaces the program by a copy with the same maps, atomically. Returns 0 or -errno; -EOPNOTSUPP without a link. */
int steer_xdp_renew(struct steer_xdp *xdp, const struct steer_config *config);

/* steer_presence() of the XDP program. */
enum steer_presence steer_xdp_presence(struct steer_xdp *xdp, const struct steer_config *config);

/* Detaches what was attached. May be called twice. */
void steer_xdp_detach(struct steer_xdp *xdp);

void steer_xdp_close(struct steer_xdp *xdp);

/* Adopts the maps in config->pinned; for steer_xdp_open(). */
int steer_adopt(struct steer_xdp *xdp, const struct steer_config *config);

#endif
