/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a replay reads and writes: a capture in, perhaps one out, perhaps a file of JSON lines. Failures are
 * said where they happen; the exit code remembers them, and what was read and written until then
 * is kept.
 */
#ifndef TOOLS_REPLAY_FILES_H
#define TOOLS_REPLAY_FILES_H

#include <time.h>

#include "replay/replay.h"

struct replay_files {
	const struct replay_options *options;
	struct capture_reader reader;
	FILE *out, *json;    /* NULL: not asked for */
	void *out_buffer, *json_buffer;
	enum exit_code code; /* read: EXIT_OK, or what has gone wrong */
	uint64_t written_packets, written_bytes; /* read */

	/* private: progress on a terminal */
	bool shows_progress, has_shown;
	uint64_t in_size; /* 0: not known */
	struct timespec begin;
	uint64_t next_look; /* packets */
	double last_shown;
};

/* Opens all, the capture first: what cannot be read overwrites nothing. Code EXIT_OK, or nothing is
 * open. */
enum exit_code files_open(struct replay_files *files, const struct replay_options *options);

/* The next packet. False: the end, or nothing more can be read, or written. */
bool files_next(struct replay_files *files, struct capture_packet *packet);

/* Writes a packet out, where that is asked for; returns its number. See capture_write(). */
uint64_t files_write(struct replay_files *files, uint64_t time_ns, const struct iovec *slices,
		     uint32_t cnt, uint32_t len, uint32_t original_len, const char *comment);

/* Seconds since files_open(). */
double files_elapsed(const struct replay_files *files);

/* Closes all; returns the code. */
enum exit_code files_close(struct replay_files *files);

#endif
