// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/rundir.h"

#include <ctype.h>
#include <dirent.h>
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
		env = RUNDIR_USUAL;
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

static bool is_alive(const char *dir, const char *file)
{
	char path[RUNDIR_PATH_LEN];
	pid_t pid;
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, file) >= sizeof path)
		return false;
	fd = rundir_connect(path, &pid);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -EAGAIN;
}

/* Under a name like ours, the last user may have put there a file of somebody else. */
static bool is_linked(int dir_fd, const char *file)
{
	struct stat st;

	return fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) || st.st_nlink != 1;
}

/* Gives our files, and then the directory, to the user, if no daemon is alive there. */
static int give_files(const char *dir, int dir_fd, uid_t uid, gid_t gid)
{
	struct rundir_name name;
	struct dirent *entry;
	DIR *stream = opendir(dir);
	int err = 0;

	if (!stream)
		return -errno;
	while (!err && (entry = readdir(stream)))
		if (rundir_parse(entry->d_name, &name) && !strcmp(name.suffix, RUNDIR_SOCKET) &&
		    is_alive(dir, entry->d_name))
			err = -EBUSY;
	if (!err)
		rewinddir(stream);
	while (!err && (entry = readdir(stream)))
		if (rundir_parse(entry->d_name, &name) && !is_linked(dir_fd, entry->d_name) &&
		    fchownat(dir_fd, entry->d_name, uid, gid, AT_SYMLINK_NOFOLLOW))
			err = -errno;
	if (!err && fchown(dir_fd, uid, gid))
		err = -errno;
	closedir(stream);
	return err;
}

int rundir_give(const char *dir, uid_t uid, gid_t gid, uid_t *owner)
{
	struct stat st;
	int err = 0, lock;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	lock = rundir_lock(dir);
	if (lock < 0)
		return lock;
	if (fstat(lock, &st))
		err = -errno;
	else if (st.st_uid != uid)
		err = give_files(dir, lock, uid, gid);
	*owner = st.st_uid; /* NOLINT: only with -EBUSY, hence after fstat() */
	close(lock);
	return err == -EPERM ? 0 : err;
}
