/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The runtime directory, in which daemons and commands find each other:
 *
 *      $RUNTIME_DIRECTORY (of systemd's list the first) or /run/superpacket
 *          INTERFACE@NETNS.sock       where its daemon listens (daemon/control.h)
 *          INTERFACE@NETNS.restore    what its daemon has to restore at the end (nic/restore.h)
 *
 * NETNS is the inode number of the network namespace. Whoever creates or removes a file holds the lock.
 */
#ifndef SUPERPACKET_RUNDIR_H
#define SUPERPACKET_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes the directory's path. A path that does not fit is cut off: rundir_file() refuses it then. */
void rundir_path(char *dir, size_t room);

/* Whether the directory is systemd's, which creates and removes it. */
bool rundir_is_systemds(void);

/* Locks the directory; if somebody else has the lock, waits for a bounded time, or not at all. Returns a descriptor
 * whose close() unlocks it, or -errno: -ENOENT when there is no directory, -ETIMEDOUT. */
int rundir_lock(const char *dir, bool wait);

/* Writes the path of a file; suffix is ".sock" or ".restore". Returns 0 or -ENAMETOOLONG. */
int rundir_file(char *path, size_t room, const char *dir, const char *interface, uint64_t netns, const char *suffix);

/* Reads the name of a file. Returns the length of the interface's name, at its beginning; 0 when it is no such file. */
size_t rundir_parse(const char *name, uint64_t *netns, const char **suffix);

#endif
