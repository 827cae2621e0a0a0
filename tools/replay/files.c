// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/files.h"

/* Ctrl-C ends the reading, and what has been read so far is kept. A second one ends the program. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signum)
{
	interrupted = signum;
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static bool is_standard(const char *name)
{
	return !strcmp(name, "-");
}

/* --- Progress --- */

double files_elapsed(const struct replay_files *files)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - files->begin.tv_sec) + (double)(now.tv_nsec - files->begin.tv_nsec) / 1e9;
}

static void clear_progress(struct replay_files *files)
{
	if (files->has_shown)
		fputs("\r\033[K", stderr);
	files->has_shown = false;
}

/* Reads the clock every 4096 packets and prints a line four times a second. */
static void progress(struct replay_files *files)
{
	double elapsed;

	files->next_clock_read += 4096;
	elapsed = files_elapsed(files);
	if (elapsed - files->last_shown < 0.25)
		return;
	files->last_shown = elapsed;
	files->has_shown = true;
	fputs("\r\033[K", stderr);
	if (files->in_size)
		fprintf(stderr, "%3.0f %%  ",
			100.0 * (double)capture_position(&files->reader) / (double)files->in_size);
	fprintf(stderr, "%llu packets  %.2f M/s", (unsigned long long)files->reader.cnt,
		(double)files->reader.cnt / elapsed / 1e6);
	fflush(stderr);
}

/* --- Opening --- */

static enum exit_code refuse(struct replay_files *files, const char *name)
{
	int err = errno;

	return say_error(files->options->say, err == EACCES || err == EPERM ? EXIT_PERMISSION : EXIT_FAILED, "%s: %s",
			 name, strerror(err));
}

static bool is_same_file(const struct stat *a, const char *name)
{
	struct stat b;

	return !is_standard(name) && !stat(name, &b) && S_ISREG(b.st_mode) && a->st_dev == b.st_dev &&
	       a->st_ino == b.st_ino;
}

/* The input must not be overwritten, and the outputs must be different files. */
static enum exit_code check_names(struct replay_files *files, const struct stat *in)
{
	const struct replay_options *options = files->options;
	struct stat out;

	if ((options->out && is_same_file(in, options->out)) || (options->json && is_same_file(in, options->json)))
		return say_error(options->say, EXIT_USAGE, "%s: cannot be read and overwritten at the same time",
				 options->in);
	if (options->out && options->json &&
	    (!strcmp(options->out, options->json) || (!stat(options->out, &out) && is_same_file(&out, options->json))))
		return say_error(options->say, EXIT_USAGE, "%s: cannot be both the capture and the JSON lines",
				 options->out);
	return EXIT_OK;
}

static enum exit_code open_in(struct replay_files *files)
{
	const char *name = files->options->in;
	FILE *file = is_standard(name) ? stdin : fopen(name, "rb");
	enum exit_code code;
	struct stat in;

	if (!file || fstat(fileno(file), &in))
		return refuse(files, name);
	if (S_ISDIR(in.st_mode)) {
		errno = EISDIR;
		code = refuse(files, name);
	} else {
		code = check_names(files, &in);
	}
	if (code != EXIT_OK) {
		fclose(file);
		return code;
	}
	files->in_size = S_ISREG(in.st_mode) ? (uint64_t)in.st_size : 0;
	if (!capture_open(&files->reader, file))
		return say_error(files->options->say, EXIT_FAILED, "%s: %s", name, files->reader.error);
	return EXIT_OK;
}

static enum exit_code open_to_write(struct replay_files *files, const char *name, FILE **file, void **buffer)
{
	*file = is_standard(name) ? stdout : fopen(name, "wb");
	if (!*file)
		return refuse(files, name);
	if (*file != stdout)
		*buffer = capture_buffer(*file);
	return EXIT_OK;
}

enum exit_code files_open(struct replay_files *files, const struct replay_options *options)
{
	*files = (struct replay_files){ .options = options };
	files->shows_progress = !options->say.quiet && isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &files->begin);
	catch_signals();
	files->code = open_in(files);
	if (files->code != EXIT_OK)
		return files->code;
	if (options->out)
		files->code = open_to_write(files, options->out, &files->out, &files->out_buffer);
	if (files->code == EXIT_OK && options->json)
		files->code = open_to_write(files, options->json, &files->json, &files->json_buffer);
	if (files->code == EXIT_OK && files->out && !capture_write_begin(files->out))
		files->code = refuse(files, options->out);
	if (files->code != EXIT_OK)
		files_close(files);
	return files->code;
}

/* --- Going through --- */

bool files_next(struct replay_files *files, struct capture_packet *packet)
{
	if (files->code != EXIT_OK)
		return false;
	if (files->json && ferror_unlocked(files->json)) {
		clear_progress(files);
		files->code = refuse(files, files->options->json);
		return false;
	}
	switch (interrupted ? CAPTURE_DAMAGED : capture_next(&files->reader, packet)) {
	case CAPTURE_PACKET:
		if (files->shows_progress && files->reader.cnt >= files->next_clock_read)
			progress(files);
		return true;
	case CAPTURE_END:
		return false;
	default:
		clear_progress(files);
		files->code = say_error(files->options->say, EXIT_FAILED, "%s: %s", files->options->in,
					interrupted ? "interrupted" : files->reader.error);
		return false;
	}
}

uint64_t files_write(struct replay_files *files, uint64_t time_ns, const struct iovec *slices, uint32_t cnt,
		     uint32_t len, uint32_t original_len, const char *comment)
{
	uint64_t number = files->written_packets++;

	files->written_bytes += original_len;
	if (files->out && !capture_write(files->out, time_ns, slices, cnt, len, original_len, comment)) {
		clear_progress(files);
		files->code = refuse(files, files->options->out);
		if (files->out != stdout)
			fclose(files->out);
		files->out = NULL; /* so that the error is printed once only */
	}
	return number;
}

static void close_written(struct replay_files *files, FILE *file, const char *name)
{
	bool failed;

	if (!file)
		return;
	errno = 0;
	failed = ferror(file) | (file == stdout ? fflush(file) : fclose(file));
	if (failed && files->code == EXIT_OK)
		files->code = refuse(files, name);
}

enum exit_code files_close(struct replay_files *files)
{
	clear_progress(files);
	if (files->reader.pcap)
		capture_close(&files->reader);
	close_written(files, files->out, files->options->out);
	close_written(files, files->json, files->options->json);
	free(files->out_buffer);
	free(files->json_buffer);
	files->out = files->json = NULL;
	return files->code;
}
