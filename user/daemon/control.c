// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"

/* The directory may be removed, with the last daemon, between our mkdir() and our bind(). */
#define CLAIM_TRIES 5

static int unix_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof addr->sun_path)
		return -ENAMETOOLONG;
	strcpy(addr->sun_path, path);
	return 0;
}

/* Whether a daemon listens at this path: 0, and its pid (0 when not visible to us), or -ENOENT. */
static int find_listener(const char *path, pid_t *pid)
{
	int fd = rundir_connect(path, pid);

	if (fd >= 0)
		close(fd);
	/* With a full backlog it is alive. */
	if (fd >= 0 || fd == -EAGAIN)
		return 0;
	return fd == -ECONNREFUSED || fd == -ENAMETOOLONG ? -ENOENT : fd;
}

/* Listens under a temporary name, then renames it to the real one, over the file of a dead daemon. */
static int listen_at(const char *path)
{
	struct sockaddr_un addr;
	char temporary[sizeof addr.sun_path + 16];
	int fd, err;

	snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid());
	err = unix_address(&addr, temporary);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A file of this name can only be left from a daemon that was killed right here. */
	unlink(temporary);
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr)) {
		err = -errno;
		goto err_close;
	}
	if (chmod(temporary, 0660) || listen(fd, CONTROL_CLIENTS_MAX) || rename(temporary, path)) {
		err = -errno;
		goto err_unlink;
	}
	return fd;

err_unlink:
	unlink(temporary);
err_close:
	close(fd);
	return err;
}

/* -EBUSY, and logged: a daemon listens there. */
static int refuse_second(const char *path, const char *interface)
{
	pid_t pid = 0;
	int err = find_listener(path, &pid);

	if (err)
		return err == -ENOENT ? 0 : err;
	log_error("%s: already running (pid %d); ask it with 'superpacket status %s'", interface, (int)pid, interface);
	return -EBUSY;
}

/* One attempt to take the path. Sets listen_fd. */
static int claim(struct control *control, const char *dir, const char *interface)
{
	int lock, err;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	lock = rundir_lock(dir);
	if (lock < 0)
		return lock;
	err = refuse_second(control->path, interface);
	if (!err) {
		control->listen_fd = listen_at(control->path);
		err = control->listen_fd < 0 ? control->listen_fd : 0;
	}
	close(lock);
	return err;
}

static int watch(struct control *control, int op, int fd, uint32_t events, void *who)
{
	struct epoll_event event = { .events = events, .data.ptr = who };

	return epoll_ctl(control->epoll_fd, op, fd, &event) ? -errno : 0;
}

static void release_path(struct control *control)
{
	char *slash = strrchr(control->path, '/');

	unlink(control->path);
	if (control->own_dir && slash) {
		*slash = '\0';
		rmdir(control->path); /* refused while another daemon's socket is there */
		*slash = '/';
	}
}

int control_check(const char *interface, uint64_t netns)
{
	char dir[RUNDIR_PATH_LEN], path[RUNDIR_PATH_LEN];

	(void)rundir_path(dir);
	if (rundir_file(path, sizeof path, dir, interface, netns, RUNDIR_SOCKET))
		return 0; /* control_open() says more, of this and other errors */
	return refuse_second(path, interface) == -EBUSY ? -EBUSY : 0;
}

int control_open(struct control *control, const char *interface, uint64_t netns)
{
	char dir[RUNDIR_PATH_LEN];
	int err = -ENOENT;

	*control = (struct control){ .listen_fd = -1, .epoll_fd = -1 };
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	control->own_dir = rundir_path(dir);
	if (rundir_file(control->path, sizeof control->path, dir, interface, netns, RUNDIR_SOCKET)) {
		log_error("control socket in %s: the path is too long; set RUNTIME_DIRECTORY", dir);
		return -ENAMETOOLONG;
	}
	for (int try = 0; err == -ENOENT && try < CLAIM_TRIES; try++)
		err = claim(control, dir, interface);
	if (err) {
		if (err != -EBUSY)
			log_error("control socket %s: %s", control->path, strerror(-err));
		return err;
	}
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = control->epoll_fd < 0 ? -errno : watch(control, EPOLL_CTL_ADD, control->listen_fd, EPOLLIN, NULL);
	if (err) {
		log_error("control socket %s: epoll: %s", control->path, strerror(-err));
		control_close(control);
	}
	return err;
}

int control_rename(struct control *control, const char *interface, uint64_t netns)
{
	char dir[RUNDIR_PATH_LEN], path[sizeof control->path];
	int lock, err;
	pid_t pid;

	(void)rundir_path(dir);
	err = rundir_file(path, sizeof path, dir, interface, netns, RUNDIR_SOCKET);
	if (err || !strcmp(path, control->path))
		return err;
	lock = rundir_lock(dir);
	if (lock < 0)
		return lock;
	err = find_listener(path, &pid);
	if (!err)
		err = -EBUSY;
	else if (err == -ENOENT)
		err = rename(control->path, path) ? -errno : 0;
	if (!err)
		memcpy(control->path, path, sizeof path);
	close(lock);
	return err;
}

/* Closing the descriptor takes it out of the epoll set. */
static void client_end(struct control_client *client)
{
	close(client->fd);
	free(client->reply);
	*client = (struct control_client){ .fd = -1 };
}

void control_close(struct control *control)
{
	release_path(control);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			client_end(&control->clients[i]);
	if (control->epoll_fd >= 0)
		close(control->epoll_fd);
	close(control->listen_fd);
}

static struct control_client *free_client(struct control *control)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	return NULL;
}

static void turn_away(int fd)
{
	static const char text[] = "{\"error\":\"too many clients; ask again\"}\n";

	send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void accept_clients(struct control *control, uint64_t now_ns)
{
	/* Bounded, so that a flood of connections cannot keep the main thread here. */
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct control_client *client = free_client(control);

		if (fd < 0)
			return;
		if (!client) {
			turn_away(fd);
			continue;
		}
		*client = (struct control_client){ .fd = fd, .deadline_ns = now_ns + CONTROL_DEADLINE_NS };
		if (watch(control, EPOLL_CTL_ADD, fd, EPOLLIN, client))
			client_end(client);
	}
}

/* Reads what has arrived. A line ends at its newline, or where the client stops sending. */
static void client_read(struct control_client *client)
{
	size_t room = sizeof client->request - 1 - client->request_len;
	char *begin = client->request + client->request_len, *end;
	ssize_t len = recv(client->fd, begin, room, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < 0 || (!len && !client->request_len)) {
		client_end(client);
		return;
	}
	client->request_len += (size_t)len;
	client->request[client->request_len] = '\0';
	end = strpbrk(client->request, "\r\n");
	if (end)
		*end = '\0';
	/* A line that does not fit is an unknown request, and is answered as such. */
	client->asked = end || !len || (size_t)len == room;
}

static void client_write(struct control_client *client)
{
	ssize_t len = send(client->fd, client->reply + client->reply_off, client->reply_len - client->reply_off,
			   MSG_NOSIGNAL | MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0)
		client->reply_off += (size_t)len;
	if (len < 0 || client->reply_off == client->reply_len)
		client_end(client);
}

static void client_step(struct control_client *client)
{
	if (client->reply)
		client_write(client);
	else if (!client->asked)
		client_read(client);
}

/* A client that has asked and not been answered yet. */
static struct control_client *waiting_client(struct control *control)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->fd >= 0 && client->asked && !client->reply)
			return client;
	}
	return NULL;
}

struct control_client *control_next(struct control *control, uint64_t now_ns)
{
	struct epoll_event events[CONTROL_CLIENTS_MAX + 1];
	int cnt = epoll_wait(control->epoll_fd, events, CONTROL_CLIENTS_MAX + 1, 0);

	for (int i = 0; i < cnt; i++) {
		struct control_client *client = events[i].data.ptr;

		if (!client)
			accept_clients(control, now_ns);
		else if (client->fd >= 0)
			client_step(client);
	}
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0 && now_ns >= control->clients[i].deadline_ns)
			client_end(&control->clients[i]);
	return waiting_client(control);
}

void control_reply(struct control *control, struct control_client *client, char *text)
{
	client->reply = text;
	client->reply_len = text ? strlen(text) : 0;
	client->reply_off = 0;
	if (!client->reply_len || watch(control, EPOLL_CTL_MOD, client->fd, EPOLLOUT, client)) {
		client_end(client);
		return;
	}
	client_write(client);
}
