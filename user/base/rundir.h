/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The directory in which daemons and the command meet: $RUNTIME_DIRECTORY, else /run/superpacket. Each daemon has
 * there, named after its interface and the inode of its network namespace:
 *
 *      IF@INODE.sock      the socket on which it answers (daemon/control.h)
 *      IF@INODE.restore   what it has changed on the NIC (nic/restore.h)
 *
 * Files are made and removed under the directory's lock. Logs nothing.
 */
#ifndef SUPERPACKET_RUNDIR_H
#define SUPERPACKET_RUNDIR_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#define RUNDIR_PATH_LEN sizeof(((struct sockaddr_un *)NULL)->sun_path) /* the longest, its end included */
#define RUNDIR_USUAL "/run/superpacket"
#define RUNDIR_SOCKET ".sock"
#define RUNDIR_NOTE ".restore"

/* What a file's name says. */
struct rundir_name {
	char interface[IFNAMSIZ];
	uint64_t netns;
	const char *suffix; /* RUNDIR_SOCKET or RUNDIR_NOTE */
};

/* Returns whether the directory is ours alone, and not one that systemd has made. */
bool rundir_path(char dir[RUNDIR_PATH_LEN]);

/* 0 or -ENAMETOOLONG. */
int rundir_file(char *path, size_t room, const char *dir, const char *interface, uint64_t netns, const char *suffix);

/* Returns false for a file that is none of ours. */
bool rundir_parse(const char *file, struct rundir_name *name);

/* Waits for a bounded time. Returns a descriptor, whose closing is the unlocking, or -errno; -ETIMEDOUT. */
int rundir_lock(const char *dir);

/*
 * Makes the directory if it is not there, and gives it, and our files in it, to this user. If it belongs to another one,
 * and this process may not give it away, nothing is changed and 0 returned: what is opened there later will fail.
 * Otherwise 0 or -errno; -EBUSY: it is *owner's, and a daemon is alive there; -ENOTEMPTY: it has files that are not ours,
 * so it may be /run or /tmp, named by mistake.
 */
int rundir_give(const char *dir, uid_t uid, gid_t gid, uid_t *owner);

/* Connects to a daemon, without waiting. Returns a socket that does not block, or -errno: -ECONNREFUSED or -ENOENT:
 * nobody listens there; -EAGAIN: somebody does, but has too many clients just now. *pid: the daemon's; 0: unknown. */
int rundir_connect(const char *path, pid_t *pid);

/* The inode of our own network namespace, or 0 with errno. */
uint64_t rundir_netns(void);

#endif
