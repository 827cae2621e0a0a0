/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Network namespaces other than our own: named, found and entered. A namespace is identified by the inode of its file.
 * Logs nothing.
 */
#ifndef SUPERPACKET_NETNS_H
#define SUPERPACKET_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETNS_PATH_LEN 128 /* its end included */

/*
 * The path of the namespace that is meant: the name of a file in /run/netns ('ip netns'), the PID of a process that is
 * in it, or a path. Whether there is one is not asked. Returns 0, or -EINVAL for what can be none of these.
 */
int netns_path(char path[NETNS_PATH_LEN], const char *which);

/* The inode of the namespace that the path names now; 0 with errno: it names none (ENOENT), or we may not see it. */
uint64_t netns_inode(const char *path);

/* Of our own. */
uint64_t netns_own(void);

/* The inode behind a descriptor; 0 with errno. */
uint64_t netns_inode_fd(int fd);

/*
 * Visits namespaces, each once: those of /run/netns, then those of processes. visit() gets a descriptor, which is closed
 * behind it, and says whether to go on. What this process may not see is left out, and so is our own. Bounded: at most
 * some thousand namespaces.
 */
void netns_each(bool (*visit)(int fd, const char *path, void *data), void *data);

/* Finds a path that names the namespace of this inode. Returns 0 or -errno; -ENOENT: no process is in it, and none of the
 * names is its; -EACCES: none that we may see. */
int netns_find(uint64_t inode, char path[NETNS_PATH_LEN]);

/*
 * Calls function(data) in the namespace, in a thread of its own, and returns what it returns, or -errno; -EPERM without
 * CAP_SYS_ADMIN. What the function opens (sockets, /dev/net/tun) belongs to that namespace. fd < 0: calls it here.
 */
int netns_call(int fd, int (*function)(void *data), void *data);

#endif
