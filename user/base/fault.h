/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Faults on command: what a kernel, a driver or a front end may do to us, done by ourselves, so that
 * tests can prove what becomes of it. Only in builds with SUPERPACKET_FAULTS, which are never
 * installed; in all others nothing of it is left.
 *
 * The control socket takes `fault NAME COUNT`: the next COUNT occasions go wrong, those of all
 * workers together; 0 ends it. What is to go wrong before there is a control socket, the environment
 * says: SUPERPACKET_FAULTS="NAME COUNT,NAME COUNT".
 */
#ifndef SUPERPACKET_FAULT_H
#define SUPERPACKET_FAULT_H

#include <stdbool.h>

enum fault {
	FAULT_COMPLETION, /* "completion": one never comes, nor that of a test frame */
	FAULT_WAKE,       /* "wake": the kernel is not told to transmit, so it takes nothing */
	FAULT_FILL,       /* "fill": a frame given to the kernel never comes back */
	FAULT_TAP_WRITE,  /* "tap-write": the TAP has no room */
	FAULT_BIND,       /* "bind": a socket cannot be bound, at first or again */
	FAULT_FRAME,      /* "frame": a free frame is forgotten */
	FAULT_STOP,       /* "stop": SIGSTOP, just when a worker has seen that it is not late */
	FAULT_EARLY_REUSE, /* "early-reuse": what a transmission uses is free with its submission, not its completion */
	FAULT_CNT,
};

#ifdef SUPERPACKET_FAULTS

/* Conservation ends the process instead of being counted (worker.c). */
#define FAULT_BUILD true

/* Whether this occasion goes wrong. */
bool fault_strikes(enum fault fault);

/* Carries out a request of the control socket; false: it is none of ours. */
bool fault_command(const char *request);

#else

#define FAULT_BUILD false

static inline bool fault_strikes(enum fault fault)
{
	(void)fault;
	return false;
}

static inline bool fault_command(const char *request)
{
	(void)request;
	return false;
}

#endif
#endif
