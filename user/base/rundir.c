// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/rundir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* Also what a daemon was writing when it was killed: there, something follows the suffix. */
static bool is_ours(const char *file)
{
	const char *at = strrchr(file, '@'), *suffix = at ? strchr(at, '.') : NULL;
	const char *more = suffix ? strchr(suffix + 1, '.') : NULL;
	char name[NAME_MAX + 1];
	struct rundir_name parsed;

	snprintf(name, sizeof name, "%.*s", more ? (int)(more - file) : NAME_MAX, file);
	return rundir_parse(name, &parsed);
}

/* Whether the directory may be given away: only our files are in it, and no daemon is alive there. */
static int check_files(const char *dir, DIR *stream)
{
	struct rundir_name name;
	struct dirent *entry;

	rewinddir(stream);
	while ((entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!is_ours(entry->d_name))
			return -ENOTEMPTY;
		if (rundir_parse(entry->d_name, &name) && !strcmp(name.suffix, RUNDIR_SOCKET) &&
		    is_alive(dir, entry->d_name))
			return -EBUSY;
	}
	return 0;
}

/* Nobody else can put files there then. */
static int take_directory(int dir_fd, const struct stat *before)
{
	const mode_t mode = before->st_mode & 07777, alone = mode & ~(mode_t)(S_IWGRP | S_IWOTH);

	if (fchown(dir_fd, geteuid(), getegid()) || (mode != alone && fchmod(dir_fd, alone)))
		return -errno;
	return 0;
}

/* Under a name like ours, the last owner may have put there a file of somebody else: by another link to it, or by moving
 * it. Such a file is left alone. */
static int give_file(int dir_fd, const char *name, uid_t from, uid_t uid, gid_t gid)
{
	int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || (st.st_uid == from && st.st_nlink == 1 && fchownat(fd, "", uid, gid, AT_EMPTY_PATH)))
		err = -errno;
	close(fd);
	return err;
}

/* Our files, and then the directory. */
static int give_all(const char *dir, int dir_fd, const struct stat *before, uid_t uid, gid_t gid)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int err;

	if (!stream)
		return -errno;
	err = check_files(dir, stream);
	if (!err)
		err = take_directory(dir_fd, before);
	rewinddir(stream);
	while (!err && (entry = readdir(stream)))
		if (is_ours(entry->d_name))
			err = give_file(dir_fd, entry->d_name, before->st_uid, uid, gid);
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
		err = give_all(dir, lock, &st, uid, gid);
	*owner = st.st_uid; /* NOLINT: only with -EBUSY, hence after fstat() */
	close(lock);
	return err == -EPERM ? 0 : err;
}
