// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMED "/run/netns"

/* A host with more namespaces than this is not searched to its end. */
#define NAMESPACES_MAX 4096

static bool is_number(const char *text)
{
	const char *c = text;

	while (isdigit((unsigned char)*c))
		c++;
	return c != text && !*c;
}

/* As 'ip link set netns': a name goes before a number. */
int netns_path(char path[NETNS_PATH_LEN], const char *which)
{
	const bool is_path = strchr(which, '/');
	int len = snprintf(path, NETNS_PATH_LEN, "%s%s", is_path ? "" : NAMED "/", which);

	if (!is_path && is_number(which) && access(path, F_OK))
		len = snprintf(path, NETNS_PATH_LEN, "/proc/%s/ns/net", which);
	return !*which || len >= NETNS_PATH_LEN || !strcmp(which, ".") || !strcmp(which, "..") ? -EINVAL : 0;
}

#define OWN "/proc/self/ns/net"

/* A name that is there may be an empty file by now: 'ip netns' mounts the namespace on it. All namespaces are of one
 * file system. */
uint64_t netns_inode(const char *path)
{
	struct stat st, own;

	if (stat(path, &st) || stat(OWN, &own))
		return 0;
	errno = ENOENT;
	return st.st_dev == own.st_dev ? st.st_ino : 0;
}

uint64_t netns_own(void)
{
	return netns_inode(OWN);
}

uint64_t netns_inode_fd(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* ---- searching ---- */

struct search {
	bool (*visit)(int fd, const char *path, void *data);
	void *data;
	uint64_t *seen;
	uint32_t seen_cnt;
	bool done, blind; /* blind: there are some that we may not see */
};

static bool is_new(struct search *search, uint64_t inode)
{
	for (uint32_t i = 0; i < search->seen_cnt; i++)
		if (search->seen[i] == inode)
			return false;
	if (search->seen_cnt == NAMESPACES_MAX) {
		search->done = true;
		return false;
	}
	search->seen[search->seen_cnt++] = inode;
	return true;
}

static void look_at(struct search *search, const char *path)
{
	const uint64_t inode = netns_inode(path);
	int fd;

	search->blind |= !inode && errno != ENOENT;
	if (!inode || !is_new(search, inode))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	search->done = !search->visit(fd, path, search->data);
	close(fd);
}

/* Looks at PARENT/<any name>SUFFIX. */
static void look_in(struct search *search, const char *parent, const char *suffix)
{
	DIR *stream = opendir(parent);
	struct dirent *entry;
	char path[NETNS_PATH_LEN];

	while (stream && !search->done && (entry = readdir(stream)))
		if (entry->d_name[0] != '.' && (!*suffix || is_number(entry->d_name)) &&
		    snprintf(path, sizeof path, "%s/%s%s", parent, entry->d_name, suffix) < (int)sizeof path)
			look_at(search, path);
	if (stream)
		closedir(stream);
}

static void look_everywhere(struct search *search)
{
	search->seen = calloc(NAMESPACES_MAX, sizeof *search->seen);
	if (!search->seen)
		return;
	(void)is_new(search, netns_own());
	look_in(search, NAMED, "");
	look_in(search, "/proc", "/ns/net");
	free(search->seen);
}

void netns_each(bool (*visit)(int fd, const char *path, void *data), void *data)
{
	struct search search = { .visit = visit, .data = data };

	look_everywhere(&search);
}

struct wanted {
	uint64_t inode;
	char *path;
	bool found;
};

static bool compare(int fd, const char *path, void *data)
{
	struct wanted *wanted = data;

	wanted->found = netns_inode_fd(fd) == wanted->inode;
	if (wanted->found)
		snprintf(wanted->path, NETNS_PATH_LEN, "%s", path);
	return !wanted->found;
}

int netns_find(uint64_t inode, char path[NETNS_PATH_LEN])
{
	struct wanted wanted = { .inode = inode, .path = path };
	struct search search = { .visit = compare, .data = &wanted };

	if (inode == netns_own()) {
		snprintf(path, NETNS_PATH_LEN, OWN);
		return 0;
	}
	look_everywhere(&search);
	return wanted.found ? 0 : search.blind ? -EACCES : -ENOENT;
}

/* ---- entering ---- */

struct call {
	int fd, result;
	int (*function)(void *data);
	void *data;
};

static void *call_inside(void *argument)
{
	struct call *call = argument;

	call->result = setns(call->fd, CLONE_NEWNET) ? -errno : call->function(call->data);
	return NULL;
}

/* In a thread, because a thread that could not come back would do everything else in the wrong namespace. */
int netns_call(int fd, int (*function)(void *data), void *data)
{
	struct call call = { .fd = fd, .function = function, .data = data };
	pthread_t thread;
	int err;

	if (fd < 0)
		return function(data);
	err = pthread_create(&thread, NULL, call_inside, &call);
	if (err)
		return -err;
	pthread_join(thread, NULL);
	return call.result;
}
