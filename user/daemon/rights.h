/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Least rights. In this order:
 *
 *      rights_find()     who we shall be (--user); nothing is touched
 *      rights_begin()    before the first file and thread: the run directory is given to that user, then we become it;
 *                        nothing that is executed can gain privileges any more
 *      (the NIC is opened, and the threads confine themselves: base/confine.h)
 *      rights_settle()   the main thread keeps what opening the NIC again needs
 *
 * The capabilities that are kept, and what for:
 *
 *      NET_ADMIN   the TAP, settings of the NIC, attaching programs, send buffers of AF_XDP sockets
 *      NET_RAW     AF_XDP sockets, test packets
 *      BPF         maps and programs
 *      PERFMON     programs' pointer arithmetic, which the verifier allows with it only
 *      IPC_LOCK    memory of the sockets beyond RLIMIT_MEMLOCK
 *
 * CAP_SYS_ADMIN is kept until the NIC is open, to look at a program that a killed predecessor has left there, and to
 * take over a TAP in another network namespace; CAP_SYS_PTRACE, to find that namespace by a process. After that
 * CAP_SYS_ADMIN is kept for programs that are not ours alone: in libxdp's dispatcher, or adopted with --pinned. libxdp asks
 * for them by their numbers, and the kernel allows this to CAP_SYS_ADMIN only (kernel/bpf/syscall.c,
 * bpf_prog_get_fd_by_id()).
 */
#ifndef SUPERPACKET_RIGHTS_H
#define SUPERPACKET_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rights {
	uid_t uid; /* who we are, or shall be */
	gid_t gid;
	char user[64]; /* its name, or its number */
	bool change;   /* --user: we are not that user yet */
	bool no_new_privs;
	uint64_t refused; /* system calls, as far as the log has them */
};

/* user: a name or a number, or NULL to stay who we are. Logs and returns -errno; -EPERM without CAP_SETUID, SETGID. */
int rights_find(struct rights *rights, const char *user);

/* Logs and returns -errno. */
int rights_begin(struct rights *rights);

/* Our XDP program is not ours alone: CAP_SYS_ADMIN is kept, if it is still there. Before the guard's thread starts. */
void rights_share_programs(void);

void rights_settle(const struct rights *rights);

/* Logs system calls that were refused since the last call. */
void rights_follow(struct rights *rights);

/* "net_admin" for 12; NULL: a capability that is not in the list above. */
const char *rights_capability_name(uint32_t bit);

#endif
