/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A bond is served by its members:
 *
 *      in :  member's queue -> its worker -> TAP -> ingress of the bond (inline)
 *      out:  egress of the bond (inline) -> TAP, whose queue is that of a worker of the member that the bond would
 *            have chosen (bpf/choose.bpf.c) -> that worker -> member
 *
 * The XDP program is on each member, never on the bond. A member is steered only while the bond receives by it; on
 * the others frames are the kernel's, as ever. A member that cannot be served leaves what it receives to the kernel;
 * if the bond sends by it, inline all that goes out is left to the kernel, which chooses for all flows by one rule
 * (members_judge.c).
 *
 * After a failover, packets wait in the TAP's queues of a member that the bond sends by no more. They do what the kernel
 * does with packets in the qdisc of such a member: while it has a carrier they go out there, and newer packets may
 * overtake them; without a carrier they are dropped, and counted as stale, so that none is sent when the link comes back.
 *
 * What the members are is read anew at each notification, and once a second (nic/bond.h). LACP and ARP are not IP:
 * inline they are the kernel's anyway; in port mode LACP is left to it (STEER_LEAVE_SLOW).
 *
 * Functions that return int return 0 or -errno and have logged why.
 */
#ifndef SUPERPACKET_MEMBERS_H
#define SUPERPACKET_MEMBERS_H

#include "daemon/daemon.h"
#include "frontend/tap_choose.h"
#include "nic/bond.h"

struct member {
	struct device device; /* dev.ifindex is 0: this place is free */
	struct settings settings;
	struct guard guard;
	struct workers workers;      /* its steer is NULL: the member is not served */
	uint32_t spread_cnt;         /* queues that packets of the stack are spread over, of those of workers */
	struct retry retry;          /* opening it, or more of its queues */
	enum steer_presence found;   /* of its XDP program */
	bool receives, sends;        /* the bond does, by it */
	struct steer *closing;       /* between member_begin_close() and member_end_close() */
	int failed;                  /* why it could not be opened the last time; 0: it could, or is new */
	bool proved_late;            /* it was opened again when a carrier came, to be tested */
	char alias[RUNDIR_PATH_LEN]; /* its name as a control socket; "": it has none */
};

struct members {
	struct bond bond;
	struct tap_choose choose;
	struct choose_set set; /* in force */
	uint32_t places, room; /* members that there is room for, and queues of the TAP for each */
	uint64_t read_ns;      /* when the bond was read last */
	uint32_t unplaced;     /* members that there is no room for, as far as the log has them */
	const char *out_why;   /* inline: why what goes out is left to the kernel; NULL: it is not */
	bool carrier;          /* port mode: that of the TAP */
	struct member member[BOND_MEMBERS_MAX];
};

/* Refuses a bond, or a command line for one, that cannot work. */
int members_check(const struct config *config, const struct netdev *dev);

/* In port mode a member alone would take the frames of its bond away: refused, with the bond to name. Inline it works:
 * superpackets enter at the member, and the bond takes them there. */
int members_check_alone(const struct config *config, const struct netdev *dev);

/* open_nic() and its reverse, of a bond: makes and frees d->members. */
int members_open(struct daemon *d);
void members_close(struct daemon *d, bool gone);

/* Reads the bond anew, if an interface has changed or it is time to, and follows what has changed. */
void members_follow(struct daemon *d, bool news);

/* Has each member receive, and the bond send, as the bond was read last. */
void members_apply(struct daemon *d);

/* The bond has another name. */
void members_renamed(struct daemon *d);

/* What is served of a member now, in a word, for status. */
const char *members_state(const struct members *members, const struct bond_member *of);

/* The place of a member; NULL: it has none. */
struct member *members_find(struct members *members, uint32_t ifindex);

/* How the members send; or why they may not: inline the kernel sends then, in port mode nobody. NULL: they may. */
const char *members_choice(const struct members *members, bool port, enum choose_policy *policy);

/* Why not all of the bond's traffic is carried by the daemon, as it should be; NULL: it is. */
const char *members_missing(const struct daemon *d);

/* The same of a member whose XDP program is gone. */
const char *members_lost(const struct member *member, bool port);

/* ---- member.c ---- */

bool member_is_served(const struct member *member);
uint32_t member_queues_wanted(const struct daemon *d, const struct member *member);

/* device.dev is there. Nothing is served yet: see members_apply(). */
int member_open(struct daemon *d, struct member *member);

/* Nothing may be spread to it any more. drain: what it has still goes up and out. Between the two calls, others can begin
 * to close, so that all drain at the same time. */
void member_begin_close(struct daemon *d, struct member *member, bool drain);
void member_end_close(struct daemon *d, struct member *member);

#endif
