// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/say.h"

enum exit_code say_error(struct say_style style, enum exit_code code, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (style.quiet && !style.json)
		return code;
	if (style.json) {
		json_t *object = json_object();

		json_object_set_new(object, "error", json_string_nocheck(text));
		json_object_set_new(object, "exit", json_integer(code));
		json_dumpf(object, stderr, JSON_COMPACT);
		fputc('\n', stderr);
		json_decref(object);
	} else {
		fprintf(stderr, "superpacket: error: %s\n", text);
	}
	return code;
}

bool say_in_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb");
}
