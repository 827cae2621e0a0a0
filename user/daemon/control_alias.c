// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_ours(const struct control *control, const char *path)
{
	char target[RUNDIR_PATH_LEN] = "";

	return readlink(path, target, sizeof target - 1) > 0 && !strcmp(target, base_of(control->path));
}

/* Over the file of a daemon that is dead; with the directory locked. If that was one of our bond, its link leads to
 * us already. */
static int link_at(const struct control *control, const char *interface, const char *path)
{
	pid_t pid = 0;
	int fd;

	if (is_ours(control, path))
		return 0;
	fd = rundir_connect(path, &pid);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || fd == -EAGAIN) {
		log_error("%s: another superpacketd serves it (pid %d); stop that one first", interface, (int)pid);
		return -EBUSY;
	}
	unlink(path);
	return symlink(base_of(control->path), path) ? -errno : 0;
}

int control_alias(const struct control *control, const char *interface, uint64_t netns, char alias[RUNDIR_PATH_LEN])
{
	char dir[RUNDIR_PATH_LEN];
	int lock, err;

	(void)rundir_path(dir);
	err = rundir_file(alias, RUNDIR_PATH_LEN, dir, interface, netns, RUNDIR_SOCKET);
	lock = err ? err : rundir_lock(dir);
	if (lock < 0) {
		err = lock;
	} else {
		err = link_at(control, interface, alias);
		close(lock);
	}
	if (!err)
		return 0;
	alias[0] = '\0';
	if (err == -EBUSY)
		return err;
	log_warning("%s: its name does not lead to %s: %s", interface, control->path, strerror(-err));
	return 0;
}

void control_drop_alias(const struct control *control, char alias[RUNDIR_PATH_LEN])
{
	char dir[RUNDIR_PATH_LEN];
	int lock;

	if (!*alias)
		return;
	(void)rundir_path(dir);
	lock = rundir_lock(dir);
	if (is_ours(control, alias))
		unlink(alias);
	if (lock >= 0)
		close(lock);
	alias[0] = '\0';
}
