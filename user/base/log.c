// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line is written by one write(2), so that the lines of several threads do not mix. */
#define LINE_MAX_LEN 1024

static enum log_level level_max = LOG_LEVEL_INFO;

static _Thread_local bool repeating;

static const struct {
	const char *journal; /* priority as sd-daemon(3) wants it in front of a line */
	const char *word;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "<3>", "error: " },
	[LOG_LEVEL_WARNING] = { "<4>", "warning: " },
	[LOG_LEVEL_INFO] = { "<6>", "" },
	[LOG_LEVEL_DEBUG] = { "<7>", "debug: " },
};

void log_set_level(enum log_level level)
{
	level_max = level;
}

void log_repeats(bool repeats)
{
	repeating = repeats;
}

/* Whether stderr is the journal, of which systemd passes device and inode (systemd.exec(5)). */
static bool to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

/* vsnprintf() returns what it would have written. This is what it has written. */
static size_t clip(int len, size_t room)
{
	if (len < 0)
		return 0;
	return (size_t)len < room ? (size_t)len : room - 1;
}

static void log_line(enum log_level level, const char *fmt, va_list args)
{
	char line[LINE_MAX_LEN];
	size_t len;

	if (repeating)
		level = LOG_LEVEL_DEBUG;
	if (level > level_max)
		return;
	len = clip(snprintf(line, sizeof(line), "%ssuperpacketd: %s", to_journal() ? levels[level].journal : "",
			    levels[level].word),
		   sizeof(line));
	len += clip(vsnprintf(line + len, sizeof(line) - len, fmt, args), sizeof(line) - len);
	/* Messages of libraries end with a newline already. */
	while (len > 0 && line[len - 1] == '\n')
		len--;
	if (len == sizeof(line) - 1)
		len--;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* there is nowhere else to say so */
}

void log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
}

void log_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_WARNING, fmt, args);
	va_end(args);
}

void log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void log_debug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_DEBUG, fmt, args);
	va_end(args);
}

void log_abort(const char *fmt, ...)
{
	va_list args;

	repeating = false;
	va_start(args, fmt);
	log_line(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
	abort();
}
