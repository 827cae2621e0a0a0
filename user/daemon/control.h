/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The control socket (rundir.h): how `superpacket` asks the running daemon, and how a second daemon on the same
 * interface finds out that there is one.
 *
 * One line in, one JSON text out, end of connection. Nothing here waits for a client: sockets do
 * not block, requests are short, clients are few and each has a deadline.
 *
 * A socket file appears only once somebody listens behind it (bound under another name,
 * then renamed), so a file that refuses connections was left by a daemon that died: whoever finds
 * it may remove it, holding the directory's lock.
 */
#ifndef SUPERPACKET_CONTROL_H
#define SUPERPACKET_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rundir.h"

#define CONTROL_REQUEST_MAX 128           /* bytes of a request line, its end included */
#define CONTROL_CLIENTS_MAX 16            /* at once; more are turned away */
#define CONTROL_DEADLINE_NS 2000000000ull /* from accept to the last byte read by the client */

struct control_client {
	int fd; /* -1: free */
	uint64_t deadline_ns;
	char request[CONTROL_REQUEST_MAX];
	size_t request_len;
	bool asked;  /* the line is complete; waits for or sends the reply */
	char *reply; /* malloc'ed, ours */
	size_t reply_len, reply_off;
};

struct control {
	int listen_fd;
	int epoll_fd; /* readable when control_next() has something to do */
	char path[RUNDIR_PATH_LEN];
	bool own_dir; /* not systemd's: removed with the last socket in it */
	struct control_client clients[CONTROL_CLIENTS_MAX];
};

/* Whether another daemon serves the interface: -EBUSY, and logged; else 0. Nothing is touched. */
int control_check(const char *interface, uint64_t netns);

/*
 * Claims the interface in this network namespace and listens. Logs and returns -EBUSY when
 * a daemon is running there already, else -errno; nothing is left behind then.
 */
int control_open(struct control *control, const char *interface, uint64_t netns);

/* The interface has another name now: so has the socket file. Returns 0 or -errno, -EBUSY when another
 * daemon has that name; the old name then stays. */
int control_rename(struct control *control, const char *interface, uint64_t netns);

/*
 * Another interface is served with ours (a member of a bond): its name leads to our socket, by a symbolic link, of
 * which alias gets the path. So whoever asks for it, or would serve it too, finds us. Logs and returns -EBUSY when a
 * daemon serves it already. Another failure is logged, and no more than that. alias is "" then.
 */
int control_alias(const struct control *control, const char *interface, uint64_t netns, char alias[RUNDIR_PATH_LEN]);

/* Removes the link, if it still is ours; alias is "" afterwards. */
void control_drop_alias(const struct control *control, char alias[RUNDIR_PATH_LEN]);

/* Ends all connections and removes the socket file. */
void control_close(struct control *control);

/*
 * Advances all connections as far as possible without waiting, and closes those whose deadline has passed.
 * Returns a client whose request is complete (a string, without its newline), for
 * control_reply(); NULL when there is none. Call it when epoll_fd is readable, and on a timer, for deadlines.
 */
struct control_client *control_next(struct control *control, uint64_t now_ns);

/* Answers a client. Takes ownership of text (malloc'ed; NULL just ends the connection). */
void control_reply(struct control *control, struct control_client *client, char *text);

#endif
