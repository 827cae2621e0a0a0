/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Port mode: where the TAP is. It may have been moved into the network namespace of a container, renamed there, and left
 * by a daemon that is no more. It is found by its alias (base/tap_mark.h), wherever it is, because a name or a note
 * could be of another interface by now.
 */
#ifndef SUPERPACKET_PLACE_H
#define SUPERPACKET_PLACE_H

#include "base/netns.h"
#include "base/tap_mark.h"
#include "nic/netdev_tap.h"

/* A TAP that was found. */
struct place_found {
	struct netdev_tap tap;
	struct tap_mark mark;
	int netns_fd;              /* of its namespace; -1: ours */
	char path[NETNS_PATH_LEN]; /* the same; "": ours */
};

/* Looks for the TAP of this NIC in the namespace `first` (NULL: none), in ours, and in all others. Returns 0 or -errno:
 * -ENOENT: there is none; -EPERM: there is one, in a namespace that we may not enter. Close netns_fd. */
int place_find(struct place_found *found, const struct tap_mark *mark, const char *first);

/* Reads the state of a TAP that was found again. Returns 0 or -errno; -ENODEV: it is gone. */
int place_look(struct place_found *found);

/* For messages: "in /run/netns/web", or "here". */
const char *place_words(const char *path, char words[NETNS_PATH_LEN + 4]);

#endif
