// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct search {
	struct place_found *found;
	const struct tap_mark *mark;
	uint32_t ifindex; /* 0: it is known by its mark */
	bool done, forbidden;
};

static bool is_it(const struct netdev_tap *tap, void *data)
{
	struct search *search = data;
	struct tap_mark mark;

	if (search->ifindex ? tap->ifindex != search->ifindex :
			      !tap_mark_read(&mark, tap->alias) || !tap_mark_same_nic(&mark, search->mark))
		return true;
	search->found->tap = *tap;
	if (!search->ifindex)
		search->found->mark = mark;
	search->done = true;
	return false;
}

static int look_here(void *search)
{
	return netdev_tap_each(is_it, search);
}

static bool look_there(int fd, const char *path, void *data)
{
	struct search *search = data;

	search->forbidden |= netns_call(fd, look_here, search) == -EPERM;
	if (search->done) {
		search->found->netns_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		search->done = search->found->netns_fd >= 0;
		snprintf(search->found->path, sizeof search->found->path, "%s", path);
	}
	return !search->done && !search->forbidden;
}

int place_find(struct place_found *found, const struct tap_mark *mark, const char *first)
{
	struct search search = { .found = found, .mark = mark };
	int fd = first ? open(first, O_RDONLY | O_CLOEXEC) : -1, err;

	*found = (struct place_found){ .netns_fd = -1 };
	if (fd >= 0 && netns_inode_fd(fd) != netns_own())
		(void)look_there(fd, first, &search);
	if (fd >= 0)
		close(fd);
	err = search.done ? 0 : look_here(&search);
	if (err)
		return err;
	if (!search.done && !search.forbidden)
		netns_each(look_there, &search);
	if (search.done)
		return 0;
	if (search.forbidden)
		(void)netdev_tap_each_elsewhere(is_it, &search);
	return search.done ? -EPERM : -ENOENT;
}

int place_look(struct place_found *found)
{
	struct search search = { .found = found, .ifindex = found->tap.ifindex };
	int err = netns_call(found->netns_fd, look_here, &search);

	return err ? err : search.done ? 0 : -ENODEV;
}

const char *place_words(const char *path, char words[NETNS_PATH_LEN + 4])
{
	snprintf(words, NETNS_PATH_LEN + 4, "%s%s", *path ? "in " : "here", path);
	return words;
}
