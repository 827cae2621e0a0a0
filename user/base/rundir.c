// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/rundir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* 2 s: a daemon binds its socket under the lock, `superpacket clean` restores settings. */
#define LOCK_TRIES 200
#define LOCK_PAUSE_NS 10000000

bool rundir_is_systemds(void)
{
	const char *dirs = getenv("RUNTIME_DIRECTORY");

	return dirs && *dirs;
}

void rundir_path(char *dir, size_t room)
{
	const char *dirs = rundir_is_systemds() ? getenv("RUNTIME_DIRECTORY") : "/run/superpacket";

	snprintf(dir, room, "%.*s", (int)strcspn(dirs, ":"), dirs);
}

int rundir_lock(const char *dir, bool wait)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int try = 0; flock(fd, LOCK_EX | LOCK_NB); try++) {
		if (errno != EWOULDBLOCK || !wait || try == LOCK_TRIES) {
			int err = errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;

			close(fd);
			return err;
		}
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_NS }, NULL);
	}
	return fd;
}

int rundir_file(char *path, size_t room, const char *dir, const char *interface, uint64_t netns, const char *suffix)
{
	int len = snprintf(path, room, "%s/%s@%llu%s", dir, interface, (unsigned long long)netns, suffix);

	return (size_t)len >= room ? -ENAMETOOLONG : 0;
}

size_t rundir_parse(const char *name, uint64_t *netns, const char **suffix)
{
	const char *at = strrchr(name, '@');
	char *end;

	if (!at || !isdigit((unsigned char)at[1]))
		return 0;
	*netns = strtoull(at + 1, &end, 10);
	*suffix = end;
	return !strcmp(end, ".sock") || !strcmp(end, ".restore") ? (size_t)(at - name) : 0;
}
