/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a thread may do. Each thread has a role; at its start it gives up the capabilities that its role does not need,
 * and every system call that is not on the role's list.
 *
 *      thread   capabilities                                system calls
 *      main     what opening the NIC again needs            opening, closing, files, threads
 *      worker   what opening its socket again needs         reading, writing, one AF_XDP socket
 *      guard    asking about BPF objects and the TAP        bpf, netlink, reading files
 *
 * There are two answers to a call that is not on the list:
 *
 *   - A few calls are made by nobody but an intruder (execve, ptrace, loading of modules). They end the process. The
 *     kernel takes over the traffic, and the service starts anew.
 *   - All others fail with ENOSYS, and are counted and named in the log and in status. A library that prefers a new
 *     system call falls back on the old one then. Ending the process instead would take away a working datapath, again
 *     and again, because of a harmless call that was forgotten here.
 *
 * Capabilities and filters belong to threads. A thread inherits those of the thread that creates it, and filters add
 * up, so the list of main has everything that is on the other lists.
 */
#ifndef SUPERPACKET_CONFINE_H
#define SUPERPACKET_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

enum confine_role { CONFINE_MAIN, CONFINE_WORKER, CONFINE_GUARD, CONFINE_CNT };

/* From now on confine_enter() has an effect, with these capabilities (bits) of the roles. To be called before the first
 * thread is created. Tests that do not call it run threads without limits. */
void confine_arm(const uint64_t capabilities[CONFINE_CNT]);

/* The calling thread gives up what its role does not need. What cannot be given up is logged, and told by
 * confine_seccomp(); the thread goes on, because without the limits it is as safe as it was before. */
void confine_enter(enum confine_role role);

/* Only the capabilities: of the calling thread, permitted and effective. Returns 0 or -errno. */
int confine_set_capabilities(uint64_t capabilities);

/* The effective capabilities of the calling thread; 0 when they cannot be read. */
uint64_t confine_capabilities(void);

/* "filtered", or why system calls are not. */
const char *confine_seccomp(void);

/* System calls that were refused since the start, and the number of the last one. */
uint64_t confine_refused(int *last);

/* The name of a system call on this machine, to be freed; NULL if it has none. */
char *confine_call_name(int number);

#endif
