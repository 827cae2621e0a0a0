// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/rundir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long another daemon or command may hold the lock: it binds a socket under it. */
#define LOCK_TRIES 200
#define LOCK_PAUSE_NS 10000000

bool rundir_path(char dir[RUNDIR_PATH_LEN])
{
	const char *env = getenv("RUNTIME_DIRECTORY");
	const bool own = !env || !*env;

	if (own)
		env = "/run/superpacket";
	/* systemd names a list; ours is the first. */
	snprintf(dir, RUNDIR_PATH_LEN, "%.*s", (int)strcspn(env, ":"), env);
	return own;
}

int rundir_file(char *path, size_t room, const char *dir, const char *interface, uint64_t netns, const char *suffix)
{
	int len = snprintf(path, room, "%s/%s@%llu%s", dir, interface, (unsigned long long)netns, suffix);

	return (size_t)len >= room ? -ENAMETOOLONG : 0;
}

bool rundir_parse(const char *file, struct rundir_name *name)
{
	const char *at = strrchr(file, '@');
	char *end;

	if (!at || at == file || (size_t)(at - file) >= sizeof name->interface || !isdigit((unsigned char)at[1]))
		return false;
	*name = (struct rundir_name){ .netns = strtoull(at + 1, &end, 10) };
	memcpy(name->interface, file, (size_t)(at - file));
	name->suffix = !strcmp(end, RUNDIR_SOCKET) ? RUNDIR_SOCKET : !strcmp(end, RUNDIR_NOTE) ? RUNDIR_NOTE : NULL;
	return name->suffix;
}

int rundir_lock(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int try = 0; flock(fd, LOCK_EX | LOCK_NB); try++) {
		if (errno != EWOULDBLOCK || try == LOCK_TRIES) {
			int err = errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;

			close(fd);
			return err;
		}
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_NS }, NULL);
	}
	return fd;
}

int rundir_connect(const char *path, pid_t *pid)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t len = sizeof peer;
	int fd, err;

	*pid = 0;
	if (strlen(path) >= sizeof addr.sun_path)
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr)) {
		err = -errno;
		close(fd);
		return err;
	}
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		*pid = peer.pid;
	return fd;
}

uint64_t rundir_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}
