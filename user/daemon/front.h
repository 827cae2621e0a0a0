/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The front end's side of the daemon: the TAP, made and set up as the command line and the NIC have it, and what may
 * be merged given what it can carry. Functions that return int return 0 or -errno and have logged why.
 */
#ifndef SUPERPACKET_FRONT_H
#define SUPERPACKET_FRONT_H

#include "base/netns.h"
#include "daemon/config.h"
#include "frontend/frontend.h"
#include "nic/netdev.h"
#include "nic/netdev_stats.h"

struct front {
	struct frontend *frontend;  /* NULL: not open */
	struct frontend closed;     /* the last one, for its name in status */
	struct gro_config gro;      /* as asked for, without what the front end cannot carry */
	bool taken_over;            /* port mode: the TAP was there before, left by another daemon */
	char path[NETNS_PATH_LEN];  /* of the network namespace that the TAP was found or put in; "": ours */
	uint64_t path_inode;        /* what it named then */
	char asked[NETNS_PATH_LEN]; /* path of --tap-netns; "": not given */
};

/* About the TAP, for status. */
struct front_facts {
	char name[IFNAMSIZ], place[NETNS_PATH_LEN]; /* place: "": our network namespace */
	uint64_t netns;
	bool persistent, taken_over;
};

/* Makes a new one, of room queues, or takes the one that was kept, or left by another daemon; the first cnt queues are
 * used. */
int front_open(struct front *front, const struct config *config, const struct netdev *dev, uint32_t room, uint32_t cnt);

/* When everything is open: from now on the TAP of port mode outlives this process. */
int front_persist(const struct front *front, const struct config *config);

/* keep: the TAP stays open, without a carrier, for the interface shall find it again. Else it is closed; in port mode
 * it stays all the same, for the next daemon, unless opening has failed before front_persist(). */
void front_close(struct front *front, bool keep);

/*
 * Port mode: whether the TAP's network namespace has ended, or its name in --tap-netns is another one's by now. To be
 * asked now and then: the descriptors of a TAP that was taken over keep its namespace, which would never end.
 */
bool front_lost(struct front *front);

/* Whether a namespace of that name may be there again. */
bool front_may_return(const struct front *front);

/* Whether it is there, for front_open(). */
bool front_can_open(const struct front *front);

/* Closes the TAP and deletes it: the next one of its namespace's name is to have a new one. */
void front_drop(struct front *front);

/* The front end that is open, or was last. */
const struct frontend *front_last(const struct front *front);

void front_tell(const struct front *front, struct front_facts *told);

/* Writes on the TAP whose it is (tap_mark.h), if we may do so where it is. */
void front_label(const struct front *front, const struct config *config, const struct netdev *dev);

/* What the kernel has counted of the TAP, in whatever network namespace it is. Returns 0 or -errno. May take long. */
int front_stats(const struct frontend *frontend, struct netdev_stats *stats);

/* Uses the first cnt of its queues. */
int front_use_queues(struct frontend *frontend, uint32_t cnt);

/* ---- offloads.c ---- */

/* Refuses what was asked for with --merge and the front end does not claim to carry. What it claims and failed its
 * test is taken out of *gro. */
int offloads_settle(const struct frontend *frontend, struct gro_config *gro);

#endif
