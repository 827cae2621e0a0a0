/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The files of a replay: a capture to read, and optionally a capture and a file of JSON lines to write. Errors are
 * printed where they happen and kept in the exit code; what has been read and written before an error is kept, too.
 */
#ifndef TOOLS_REPLAY_FILES_H
#define TOOLS_REPLAY_FILES_H

#include <time.h>

#include "replay/replay.h"

struct replay_files {
	const struct replay_options *options;
	struct capture_reader reader;
	FILE *out, *json; /* NULL if not asked for */
	void *out_buffer, *json_buffer;
	enum exit_code code;                     /* read: EXIT_OK, or that of the first error */
	uint64_t written_packets, written_bytes; /* read */

	/* private: progress on a terminal */
	bool shows_progress, has_shown;
	uint64_t in_size; /* 0: unknown */
	struct timespec begin;
	uint64_t next_clock_read; /* at this number of packets */
	double last_shown;
};

/* Opens all files, the capture first, so that nothing is overwritten if it cannot be read. Unless it returns EXIT_OK,
 * nothing is open. */
enum exit_code files_open(struct replay_files *files, const struct replay_options *options);

/* Reads the next packet. Returns false at the end, or if nothing more can be read or written. */
bool files_next(struct replay_files *files, struct capture_packet *packet);

/* Writes a packet to the output capture, if there is one, and returns its number. See capture_write(). */
uint64_t files_write(struct replay_files *files, uint64_t time_ns, const struct iovec *slices, uint32_t cnt,
		     uint32_t len, uint32_t original_len, const char *comment);

/* Seconds since files_open(). */
double files_elapsed(const struct replay_files *files);

/* Closes all files and returns the exit code. */
enum exit_code files_close(struct replay_files *files);

#endif
