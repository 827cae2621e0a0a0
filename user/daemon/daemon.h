/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The whole daemon, for the few files that lead it; the others get the part that concerns them:
 *
 *      main.c       signals, the loop, the end
 *      check.c      what cannot work is refused, before anything is touched
 *      open.c       everything that depends on the NIC: opened in one order, closed in reverse
 *      follow.c     what changes while it runs
 *      status.c     what it tells about itself
 *
 *      config.c     the command line                     settings.c   settings of the NIC: changed, and restored
 *      plan.c       ways of binding sockets to try       guard.c      whether others take away its programs
 *      priority.c   their share of a busy CPU            memory.c     how much memory the queues get
 *      losses*.c    whether packets get lost all the time
 *      cpus.c       CPUs of the workers                  heartbeat.c  shows the BPF programs that it lives
 *      front.c      the TAP                              state.c      ok, degraded or waiting, and why
 *      tap_queue*.c how long the TAP's queue is
 *      offloads.c   what the TAP can carry               control.c    the control socket
 *      workers*.c   the workers, one a queue             watch.c      notifications about interfaces
 *      rights.c     user, capabilities, system calls     egress.c     whose policy is on the way out
 *      members*.c   of a bond: served one by one         control_alias.c    their names lead to the bond's socket
 *      member.c     one of them: opened, closed
 *      devices.c    kinds of interfaces: served, or which one to name instead
 *      tags.c       VLAN tags that a veth may not have in its frames
 *      beside.c     what takes long, without a gap in the heartbeat
 *
 * Only the main thread uses it; the guard's thread sees its struct guard, a worker its own struct worker. Functions
 * that return int return 0 or -errno and have logged why.
 */
#ifndef SUPERPACKET_DAEMON_H
#define SUPERPACKET_DAEMON_H

#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/cpus.h"
#include "daemon/egress.h"
#include "daemon/front.h"
#include "daemon/guard.h"
#include "daemon/heartbeat.h"
#include "daemon/losses.h"
#include "daemon/memory.h"
#include "daemon/plan.h"
#include "daemon/priority.h"
#include "daemon/retry.h"
#include "daemon/rights.h"
#include "daemon/settings.h"
#include "daemon/state.h"
#include "daemon/tags.h"
#include "daemon/tap_queue.h"
#include "daemon/watch.h"
#include "daemon/workers_close.h"
#include "daemon/workers_open.h"

/* The NIC as it is now, and what follows from it. */
struct device {
	struct netdev dev;
	uint64_t netns;            /* inode of our network namespace */
	struct plan plan;          /* how sockets are bound to it */
	struct cpus cpus;          /* of the workers */
	struct memory_plan memory; /* of all queues; of a bond, those of its members */
};

/* What was changed on the NIC and attached to it. */
struct attached {
	struct settings settings;
	struct steer *steer; /* NULL: no programs are attached */
	struct guard guard;  /* of steer */
	struct egress egress;
	struct tags tags;
	int promisc_fd; /* -1: inline, the NIC's addresses are what it was told */
};

/* What waits to be done when something changes. */
struct follow {
	struct retry reopen;    /* the interface, while it is waited for */
	uint64_t place_next_ns; /* when to look at the TAP's namespace again */
	struct retry queues;    /* those beyond workers.cnt that could not be opened yet */
	uint32_t queues_wanted;
	bool proved_late; /* the sockets were opened again when a carrier came, to be tested */
};

struct daemon {
	struct config config; /* as asked for: only config_parse() writes it */
	struct device device;
	struct attached attached;
	struct members *members; /* of a bond; NULL: the interface is an ordinary NIC, or is waited for */
	struct front front;
	struct workers workers;
	struct heartbeat heartbeat;
	struct state state;
	struct rights rights;
	struct follow follow;
	struct losses losses;
	struct control control;
	struct watch watch;
	struct priority priority;
	struct tap_queue tap_queue;
	uint64_t start_ns;
};

/* ---- check.c ---- */

/* Finds the interface, and fills in device and how many queues are to be served. */
int check_host(struct daemon *d);

/* The part of it that looks at device->dev. */
int check_nic(const struct config *config, struct device *device, struct workers *workers);

/* How many queues of dev are to be served. */
uint32_t check_queues(const struct config *config, const struct netdev *dev);

/* ---- open.c ---- */

/* The programs: of a NIC; of a bond those that its members do not have; of a member those that the bond does not have. */
enum open_whose { OPEN_NIC, OPEN_BOND, OPEN_MEMBER };
int open_steer(const struct daemon *d, const struct netdev *dev, enum open_whose whose, struct steer **steer);

/* The workers of a NIC whose program is attached, without starting them. again: see workers_open(). */
int open_workers(struct daemon *d, struct device *device, struct workers *workers, bool again);

/* Everything that depends on the NIC in device. Nothing is left behind on failure, but in port mode a TAP that was
 * there before. */
int open_nic(struct daemon *d);

/* The reverse. gone: there is nothing to drain any more; and in port mode the TAP stays (front_close()). */
void open_close_nic(struct daemon *d, bool gone);

/* All workers end, and new ones begin, whose sockets are tested; programs and front end stay, and meanwhile the kernel
 * has the traffic. After a failure there is no worker left: open_close_nic() then. */
int open_workers_anew(struct daemon *d);

/* See workers_add(). */
int open_add_queue(struct daemon *d, const struct device *device, struct workers *workers, bool again);

/* Port mode: the NIC's filter is not asked any more. *fd: to be closed; -1: inline. */
int open_promisc(const struct config *config, const struct netdev *dev, int *fd);
void open_close_promisc(int fd);

/* The highest MTU that the workers' sockets and the TAP can carry. */
uint32_t open_mtu_max(const struct workers *workers);

/* ---- follow.c ---- */

/* Reads what has happened to the NIC since the last call, and follows it. */
void follow_news(struct daemon *d);

/* Has the XDP program run on queues that were added, too. */
void follow_renew_steer(struct heartbeat *heartbeat, struct steer *steer, const struct netdev *dev);

/* The TAP may be gone: it is made again in the next namespace of its name, else -errno says to end, and be started
 * again. */
int follow_front(struct daemon *d);

/* ---- losses_follow.c ---- */

/* Looks once a second whether packets get lost all the time; to be called more often. */
void losses_follow(struct daemon *d);

/* ---- status.c ---- */

/* Texts of the control socket, to be freed by the caller; NULL without memory. */
char *status_answer(struct daemon *d);
char *status_refusal(const char *request);

/* Fills in state.ready and state.link. */
void status_ready(struct daemon *d);

#endif
