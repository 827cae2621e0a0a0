/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Faults on command. Tests make happen what a kernel, a driver or a front end may do to the daemon, and see how it
 * recovers. Only builds with SUPERPACKET_FAULTS have this; they are never installed. In all other builds,
 * fault_strikes() is a constant and nothing of this is left.
 *
 * The control socket takes the request `fault NAME COUNT`: the next COUNT occasions go wrong, counted over all
 * workers; 0 ends it. For faults before there is a control socket, the environment has
 * SUPERPACKET_FAULTS="NAME COUNT,NAME COUNT".
 *
 * To add one: an enumerator here, its name in fault.c, and fault_strikes() at the place where it goes wrong.
 */
#ifndef SUPERPACKET_FAULT_H
#define SUPERPACKET_FAULT_H

#include <stdbool.h>

enum fault {
	FAULT_COMPLETION,  /* "completion": a completion never comes, also that of a test frame */
	FAULT_WAKE,        /* "wake": the kernel is not woken for transmission, so it takes no descriptors */
	FAULT_FILL,        /* "fill": a frame that was given to the kernel never comes back */
	FAULT_TAP_WRITE,   /* "tap-write": a write to the TAP finds no room */
	FAULT_BIND,        /* "bind": a socket cannot be bound, at start or in a rebuild */
	FAULT_FRAME,       /* "frame": a free frame is lost */
	FAULT_STOP,        /* "stop": SIGSTOP, just after a worker has seen that the heartbeat has not lapsed */
	FAULT_EARLY_REUSE, /* "early-reuse": memory under transmission is freed at submission, not at completion */
	FAULT_CLOCK,       /* "clock": at start, the clock of BPF programs is taken for another one */
	FAULT_RTNL,       /* "rtnl": the kernel is slow to get its lock of all interfaces (RTNL), which another holds */
	FAULT_TAP_NAME,   /* "tap-name": the TAP that was found is renamed before it is opened */
	FAULT_NIC_MISSED, /* "nic-missed": a look at the NIC's counters finds a thousand packets a second missed */
	FAULT_TAGS,       /* "tags": a NIC always takes VLAN tags out of frames */
	FAULT_CNT,
};

#define FAULT_CLOCK_SHIFT_NS 5000000000
#define FAULT_RTNL_MS 200 /* twice as long as a heartbeat is good for */

#ifdef SUPERPACKET_FAULTS

/* A frame that is in no known place ends the process (worker_recover.c). */
#define FAULT_BUILD true

/* Whether this occasion goes wrong. Any thread may ask. */
bool fault_strikes(enum fault fault);

/* To be called before everything that takes RTNL. Waits, if FAULT_RTNL strikes. */
void fault_rtnl(void);

/* Whether this thread must not take it: then fault_rtnl() logs an error, which fails the test. */
void fault_forbid_rtnl(bool forbid);

/* Carries out a request of the control socket. Returns false when it is not about faults. */
bool fault_command(const char *request);

#else

#define FAULT_BUILD false

static inline bool fault_strikes(enum fault fault)
{
	(void)fault;
	return false;
}

static inline void fault_rtnl(void)
{
}

static inline void fault_forbid_rtnl(bool forbid)
{
	(void)forbid;
}

static inline bool fault_command(const char *request)
{
	(void)request;
	return false;
}

#endif
#endif
