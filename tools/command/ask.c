// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "command/ask.h"

/* After a connection was cut, the next attempt waits for this long: a daemon that dies is gone by then. */
#define RETRY_MS 50
#define ANSWER_MAX (16u << 20) /* of a daemon with hundreds of queues: 1 MB */

/* --- Finding daemons --- */

static int compare_instances(const void *left, const void *right)
{
	const struct instance *a = left, *b = right;
	uint64_t own = rundir_netns();

	if ((a->name.netns == own) != (b->name.netns == own))
		return a->name.netns == own ? -1 : 1;
	if (a->name.netns != b->name.netns)
		return a->name.netns < b->name.netns ? -1 : 1;
	return strverscmp(a->name.interface, b->name.interface);
}

int ask_list(const char *dir, const char *interface, struct instance **list, size_t *cnt)
{
	DIR *stream = opendir(dir);
	struct rundir_name name;
	struct dirent *entry;

	*list = NULL;
	*cnt = 0;
	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(stream))) {
		struct instance *longer, *found;

		/* The name of a member leads to the daemon of its bond (daemon/control.h): it is listed once. */
		if ((!interface && entry->d_type == DT_LNK) || !rundir_parse(entry->d_name, &name) ||
		    strcmp(name.suffix, RUNDIR_SOCKET) || (interface && strcmp(interface, name.interface)))
			continue;
		longer = realloc(*list, (*cnt + 1) * sizeof **list);
		if (!longer)
			break;
		*list = longer;
		found = &longer[*cnt];
		found->name = name;
		*cnt += !rundir_file(found->path, sizeof found->path, dir, name.interface, name.netns, RUNDIR_SOCKET);
	}
	closedir(stream);
	if (*cnt)
		qsort(*list, *cnt, sizeof **list, compare_instances);
	return entry ? -ENOMEM : 0;
}

/* --- Asking one --- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for events; -ETIMEDOUT at the deadline. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int64_t left = deadline - now_ms();
	int cnt = left > 0 ? poll(&pfd, 1, (int)left) : 0;

	if (cnt < 0)
		return errno == EINTR ? 0 : -errno;
	return cnt ? 0 : -ETIMEDOUT;
}

/* If its backlog is full, there is no event to wait for. */
static int connect_until(const char *path, int64_t deadline, pid_t *pid)
{
	int fd;

	while ((fd = rundir_connect(path, pid)) == -EAGAIN && now_ms() < deadline)
		poll(NULL, 0, 10);
	return fd == -EAGAIN ? -ETIMEDOUT : fd;
}

static int send_request(int fd, const char *request, int64_t deadline)
{
	ssize_t len;
	int err = wait_for(fd, POLLOUT, deadline);

	if (err)
		return err;
	/* One short line always fits into the socket's buffer. */
	len = send(fd, request, strlen(request), MSG_NOSIGNAL);
	if (len < 0)
		return -errno;
	return (size_t)len == strlen(request) ? 0 : -EIO;
}

/* Reads to the end of the connection into *text, malloc'ed. */
static int read_answer(int fd, char **text, size_t *len, int64_t deadline)
{
	size_t room = 0;
	ssize_t n = 0;
	int err;

	*text = NULL;
	*len = 0;
	do {
		if (*len == room) {
			char *longer = realloc(*text, room + 65536);

			if (!longer || room > ANSWER_MAX)
				return -ENOMEM;
			*text = longer;
			room += 65536;
		}
		err = wait_for(fd, POLLIN, deadline);
		if (err)
			return err;
		n = recv(fd, *text + *len, room - *len, 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		*len += n > 0 ? (size_t)n : 0;
	} while (n);
	return 0;
}

/* Asks once. Returns 0 and the answer, or -errno; *pid is the daemon's, as far as it is known. */
static int ask_once(const char *path, const char *request, int64_t deadline, json_t **answer, pid_t *pid)
{
	int fd = connect_until(path, deadline, pid);
	char *text = NULL;
	size_t len = 0;
	int err;

	*answer = NULL;
	if (fd < 0)
		return fd;
	err = send_request(fd, request, deadline);
	if (!err)
		err = read_answer(fd, &text, &len, deadline);
	close(fd);
	if (!err) {
		*answer = json_loadb(text, len, 0, NULL);
		if (!json_is_object(*answer))
			err = len ? -EPROTO : -ECONNRESET;
	}
	free(text);
	if (err) {
		json_decref(*answer);
		*answer = NULL;
	}
	return err;
}

/* Errors of a daemon that dies while it is asked, or that has too many clients. */
static bool was_cut(int err)
{
	return err == -EPIPE || err == -ECONNRESET || err == -EPROTO;
}

int ask_daemon(const char *path, const char *request, json_t **answer, pid_t *pid)
{
	int64_t deadline = now_ms() + ASK_DEADLINE_MS;
	int err;

	*pid = 0;
	/* Whether a daemon has died shows at the second attempt (-ECONNREFUSED, -ENOENT). */
	while (was_cut(err = ask_once(path, request, deadline, answer, pid)) && now_ms() + RETRY_MS < deadline)
		poll(NULL, 0, RETRY_MS);
	return err;
}

void ask_remove_stale(const char *dir, const char *path)
{
	int lock = rundir_lock(dir), fd;
	pid_t pid;

	if (lock < 0)
		return;
	fd = rundir_connect(path, &pid);
	if (fd == -ECONNREFUSED)
		unlink(path);
	if (fd >= 0)
		close(fd);
	close(lock);
}

/* --- Reading an answer --- */

const char *answer_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "?";
}

uint64_t answer_number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

bool answer_is_degraded(const json_t *daemon)
{
	return strcmp(answer_text(daemon, "state"), "ok") != 0;
}
