/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The front end's side of the daemon: the TAP, made and set up as the command line and the NIC have it, and what may
 * be merged given what it can carry. Functions that return int return 0 or -errno and have logged why.
 */
#ifndef SUPERPACKET_FRONT_H
#define SUPERPACKET_FRONT_H

#include "daemon/config.h"
#include "frontend/frontend.h"
#include "nic/netdev.h"

/* Our TAPs carry this as alias, and the name of their NIC behind it: see 'ip link'. */
#define TAP_ALIAS "superpacket: "

struct front {
	struct frontend *frontend; /* NULL: not open */
	struct frontend closed;    /* the last one, for its name in status */
	struct gro_config gro;     /* as asked for, without what the front end cannot carry */
};

/* Makes a new one, of room queues, or takes the one that was kept; the first cnt queues are used. */
int front_open(struct front *front, const struct config *config, const struct netdev *dev, uint32_t room, uint32_t cnt);

/* keep: the TAP stays, without a carrier, for it has addresses and connections that the interface shall find again. */
void front_close(struct front *front, bool keep);

/* The front end that is open, or was last. */
const struct frontend *front_last(const struct front *front);

/* Writes on the front end's interface whose it is. */
void front_label(const struct front *front, const struct netdev *dev);

/* Uses the first cnt of its queues. */
int front_use_queues(struct frontend *frontend, uint32_t cnt);

/* ---- offloads.c ---- */

/* Refuses what was asked for with --merge and the front end does not claim to carry. What it claims and failed its
 * test is taken out of *gro. */
int offloads_settle(const struct frontend *frontend, struct gro_config *gro);

#endif
