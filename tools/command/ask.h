/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Finds the running daemons (user/base/rundir.h) and asks them: a daemon takes one line and answers with one JSON
 * object.
 *
 * Nothing here prints: failures are -errno, and the caller explains them.
 */
#ifndef TOOLS_SUPERPACKET_ASK_H
#define TOOLS_SUPERPACKET_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rundir.h"

/* A daemon answers within milliseconds, but while it starts it may wait for a busy queue. */
#define ASK_DEADLINE_MS 3000

/* A socket, and what its name says. */
struct instance {
	char path[RUNDIR_PATH_LEN];
	struct rundir_name name;
};

/* Lists the sockets of an interface (NULL: of all), those of our own namespace first. A directory that is not there
 * is an empty one. The caller frees the list, after an error too. */
int ask_list(const char *dir, const char *interface, struct instance **list, size_t *cnt);

/* Asks the daemon behind a socket, again if the connection is cut. Returns 0 and the answer, an
 * object that the caller owns, or
 *
 *	-ECONNREFUSED, -ENOENT		it has died
 *	-ETIMEDOUT			no answer within ASK_DEADLINE_MS
 *	-EPIPE, -ECONNRESET, -EPROTO	cut to the end, or what came is no JSON object
 *	-EACCES, -EPERM, ...		of the system call that failed
 *
 * *pid is the daemon's; 0 if there was no connection to tell it. */
int ask_daemon(const char *path, const char *request, json_t **answer, pid_t *pid);

/* Removes the socket of a daemon that was killed: under the directory's lock, and only if it is
 * refused once more. */
void ask_remove_stale(const char *dir, const char *path);

/* Members of an answer; "?" or 0 if they are missing or of another type. */
const char *answer_text(const json_t *object, const char *name);
uint64_t answer_number(const json_t *object, const char *name);
bool answer_is_degraded(const json_t *daemon);

#endif
