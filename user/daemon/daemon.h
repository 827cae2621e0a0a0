/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The daemon's own state, for the files that its main thread is made of:
 *
 *      plan.c       the ways of binding sockets that come into question
 *      check.c      what cannot work is refused, before anything is touched
 *      settings.c   settings of the NIC that hurt: changed, and restored
 *      offloads.c   what the front end can carry, and what is merged then
 *      open.c       front end, programs, workers: opened in this order, closed in reverse
 *      beat.c       the heartbeat
 *      guard.c      whether others take away what was attached
 *      describe.c   what it says of itself
 *      cpus.c       which CPUs the workers run on
 *      follow.c     what changes under it
 *      main.c       signals, the loop, the end
 *
 * Only the main thread uses it; the guard's thread sees steer and guard, a worker's its own part alone. Functions that
 * return int return 0 or -errno and have logged why.
 */
#ifndef SUPERPACKET_DAEMON_H
#define SUPERPACKET_DAEMON_H

#include <jansson.h>
#include <signal.h>

#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/service.h"
#include "daemon/watch.h"
#include "datapath/worker.h"
#include "frontend/frontend.h"
#include "nic/modes.h"
#include "nic/netdev.h"
#include "nic/restore.h"
#include "nic/steer.h"

/* Well below STEER_HEARTBEAT_LIMIT_NS: one beat may be lost and the next come late. */
#define DAEMON_HEARTBEAT_NS 20000000u

/* Our TAPs carry this as alias, and the name of their NIC behind it: see 'ip link'. */
#define TAP_ALIAS "superpacket: "

/* What the main thread knows about the life of a worker. */
struct pulse {
	uint64_t tick;
	uint64_t moved_ns; /* when the tick was last seen to have advanced */
	bool hung;
};

/* What was changed on the NIC. */
struct settings {
	struct restore_note note; /* note.on: what is on again at the end */
	char path[sizeof(((struct control *)NULL)->path) + 8];
};

/* Looks after what was attached. */
struct guard {
	pthread_t thread;
	bool running;
	int stop_fd;
	enum steer_presence found; /* written by the thread */
	enum steer_presence told;  /* what the log says */
	char why[320];             /* what is missing and what to do, while something is */
};

struct daemon {
	struct config config;
	struct netdev dev;
	struct modes_plan plan;
	struct tx_checksum_facts tx_checksum;
	struct control control;
	struct settings settings;
	struct frontend *front;      /* NULL: not open */
	struct frontend closed_front; /* the last one, for its name in status */
	struct steer *steer;
	struct worker *workers;
	struct pulse *pulses;
	uint32_t queue_cnt, opened_cnt;
	uint32_t queue_room; /* as many there can ever be: entries of workers and pulses, queues of front */
	int promisc_fd; /* -1: inline, the NIC's addresses are what it was told */
	struct cpus cpus;       /* of the workers */
	const char *cpus_why;
	struct service service;
	struct watch watch;
	const char *waiting;  /* for the interface, why; all of it is released. NULL: it is there */
	struct look {
		bool wanted;          /* something has come that may be it */
		uint64_t next_ns;     /* not before: the last attempt failed */
		uint64_t pause_ns;
	} look;
	struct {
		uint32_t want;        /* queues; those beyond queue_cnt could not be opened yet */
		uint64_t next_ns, pause_ns;
	} more;
	bool proved_late;     /* what could not be proved for want of a carrier has been, or not */
	const char *degraded; /* why, NULL: it is not, but for what the guard says */
	struct guard guard;
	sigset_t signals;
	uint64_t netns, start_ns, beat_ns;
	char ready[128];
};

/* ---- beat.c ---- */

/* Shows life, as long as every worker does. Cheap, and idempotent: called by the timer and between the
 * steps of anything longer. */
void beat_show(struct daemon *d);

/* ---- check.c ---- */

/* Finds the interface, fills in dev, netns, queue_cnt and queue_room. */
int check_host(struct daemon *d);

/* The part of it that looks at dev. */
int check_nic(struct daemon *d);

/* How many queues of dev are to be served. */
uint32_t check_queues(const struct daemon *d, const struct netdev *dev);

/* ---- plan.c ---- */

/* Fills in plan and tx_checksum, for a program in generic mode or not. */
void plan_make(struct daemon *d, bool generic);

/* Refuses, with -EOPNOTSUPP, sockets of which one's NIC does not finish checksums where that was asked for. Where
 * it was offered and has not been proved, says so, once. */
int plan_check_checksums(const struct daemon *d);

/* Refuses a command line that leaves nothing to try on this device, before anything is touched. */
int plan_check(struct daemon *d);

/* Says more of a socket that could not be opened where that is due to the command line. */
void plan_explain_failure(const struct daemon *d, uint32_t queue, int err);

/* Says which better ways of binding than the one in force a queue has lost, because they do not send. */
void plan_say_unproved(const struct daemon *d, uint32_t queue);

/* ---- settings.c ---- */

void settings_renamed(struct daemon *d); /* the control socket, and so the note beside it */
int settings_open(struct daemon *d);     /* before the program is attached; after the control socket */
int settings_attached(struct daemon *d); /* behind it: its mode is known */
void settings_say(const struct daemon *d); /* what was done, and what the operator might do */
void settings_close(struct daemon *d);

/* For status: what was switched off and why, and what is left to the operator. */
json_t *settings_json(const struct daemon *d, bool generic);

/* ---- offloads.c ---- */

/* What was asked for and the front end does not claim is refused; what it claims and does not keep is taken
 * out of what is merged. */
int offloads_settle(struct daemon *d);

/* ---- open.c ---- */

/* Everything that depends on the NIC in dev. Nothing is left behind on failure, but in port mode a
 * TAP that was there before. */
int open_nic(struct daemon *d);

/* The reverse. gone: there is nothing to drain any more; and in port mode the TAP stays, for it has
 * addresses and connections that the interface, once it is back, shall find again. */
void open_close_nic(struct daemon *d, bool gone);

/* All workers end and begin anew, with sockets that are proved; programs and front end stay, and meanwhile the kernel
 * has the traffic. After a failure there is no worker left: open_close_nic() then. */
int open_workers_anew(struct daemon *d);

/* One more queue, or one less, while the others go on. again: it was tried before, so nothing is said of a
 * failure any more, nor waited for a socket that is busy. */
int open_add_queue(struct daemon *d, bool again);
void open_remove_queue(struct daemon *d);

/* After some were added: has the XDP program run on them, too. */
void open_renew_steer(struct daemon *d);

/* Says on the front end's interface whose it is. */
void open_label_front(const struct daemon *d);

/* The highest MTU that the workers' sockets and the TAP can carry. */
uint32_t open_mtu_max(const struct daemon *d);

/* ---- guard.c ---- */

/* Begins to look after the programs, behind steer_start(); ends it, before steer_stop(). */
void guard_open(struct daemon *d);
void guard_close(struct daemon *d);

/* Says what was found since it was called last. */
void guard_follow(struct daemon *d);

/* Whether something is missing, so that traffic is to be left to the kernel. */
bool guard_misses(const struct daemon *d);

/* ---- follow.c ---- */

/* What has happened to the NIC since it was called last, is followed. */
void follow_news(struct daemon *d);

/* ---- describe.c ---- */

/* Fills in d->ready. */
void describe_ready(struct daemon *d);

/* Texts of the control socket, to be freed by the caller; NULL without memory. */
char *describe_status(struct daemon *d);
char *describe_refusal(const char *request);

#endif
