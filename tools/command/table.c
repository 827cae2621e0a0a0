// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "command/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/ask.h"
#include "daemon/status_fields.h"

#define WIDTH 80
#define LABEL_WIDTH 18

/* Escape sequences only where they were asked for; nothing else depends on the terminal. */
static void paint(const struct table_style *style, const char *code, const char *text)
{
	if (style->colour)
		printf("\033[%sm%s\033[0m", code, text);
	else
		fputs(text, stdout);
}

/* ---- a label and a paragraph behind it, wrapped before WIDTH ---- */

#define GLUE '\1' /* a space at which no line ends */

struct text {
	size_t len;
	char chars[8192];
};

static void add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *fmt, ...)
{
	const size_t room = sizeof text->chars - text->len;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text->chars + text->len, room, fmt, args);
	va_end(args);
	text->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* A word; a command in quotes is one, so that it can be copied. */
static size_t word_len(const char *text)
{
	const char *end = *text == '\'' ? strchr(text + 1, '\'') : NULL;

	if (end && end - text < WIDTH - LABEL_WIDTH)
		return (size_t)(end - text) + strcspn(end, " ");
	return strcspn(text, " ");
}

static void put_word(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putchar(word[i] == GLUE ? ' ' : word[i]);
}

/* Nothing where the text is empty, or only separators. */
static void paragraph(const char *label, struct text *text)
{
	const char *word = text->chars;
	int column = LABEL_WIDTH;

	while (text->len && strchr(" ,;", text->chars[text->len - 1]))
		text->len--;
	text->chars[text->len] = '\0';
	if (!text->len)
		return;
	printf("  %-*s", LABEL_WIDTH - 2, label);
	for (size_t len; *word; word += len + strspn(word + len, " ")) {
		len = word_len(word);
		if (column > LABEL_WIDTH && column + 1 + (int)len > WIDTH) {
			printf("\n%*s", LABEL_WIDTH, "");
			column = LABEL_WIDTH;
		} else if (column > LABEL_WIDTH) {
			putchar(' ');
			column++;
		}
		put_word(word, len);
		column += (int)len;
	}
	putchar('\n');
}

/* ---- lines as status_fields.h describes them ---- */

/* What names mean: members of an object, and the member of it that a list has come to. */
struct scope {
	const json_t *object;
	const char *key;
	const json_t *value;
};

/* Of "xdp.mode" the member "mode" of the member "xdp". */
static const json_t *find(const json_t *object, const char *name, size_t len)
{
	const char *dot = memchr(name, '.', len);

	if (!dot)
		return json_object_getn(object, name, len);
	return find(json_object_getn(object, name, (size_t)(dot - name)), dot + 1, len - (size_t)(dot + 1 - name));
}

static bool is_something(const json_t *value)
{
	return json_is_true(value) || json_integer_value(value) || json_array_size(value) || json_string_length(value);
}

static void add_value(struct text *text, const json_t *value, const char *unit, const char *empty)
{
	if (json_is_string(value))
		add(text, "%s", json_string_value(value));
	else if (json_is_integer(value))
		add(text, "%" JSON_INTEGER_FORMAT "%s%s", json_integer_value(value), *unit ? " " : "", unit);
	else if (!json_is_array(value))
		add(text, "unknown");
	else if (!json_array_size(value))
		add(text, "%s", empty);
	for (size_t i = 0; i < json_array_size(value); i++) {
		add(text, "%s", i ? ", " : "");
		add_value(text, json_array_get(value, i), "", "");
	}
}

/* Behind '{'. Returns where its '}' is. */
static const char *expand_field(struct text *text, const struct scope *scope, const char *name)
{
	const bool bare = *name == '#';
	const char *end = strchr(name, '}');
	const size_t len = strcspn(name += bare, "|/}");
	const struct status_field *field = status_find(name, len);
	char empty[32] = "";

	if (*name == '@' && scope->key)
		add(text, "%s", scope->key);
	else if (*name == '@' || *name == '=')
		add_value(text, scope->value, "", "");
	else if (name[len] == '/')
		add(text, "%" JSON_INTEGER_FORMAT, (json_integer_value(find(scope->object, name, len)) + 1023) / 1024);
	else {
		snprintf(empty, sizeof empty, "%.*s", (int)(end - name - (ptrdiff_t)len - 1), name + len + 1);
		add_value(text, find(scope->object, name, len), !bare && field && field->unit ? field->unit : "",
			  name[len] == '|' ? empty : "");
	}
	return end;
}

/* Up to the end, or the ']' of the section that it is in. Returns where that is. */
static const char *expand(struct text *text, const struct scope *scope, const char *form, bool show)
{
	for (; *form && *form != ']'; form++) {
		if (*form == '[') {
			const bool inverse = form[1] == '!';
			const char *name = form + 1 + inverse;
			const size_t len = strcspn(name, "=:");
			const json_t *value = find(scope->object, name, len);
			bool holds = is_something(value);

			form = name + len;
			if (*form == '=') {
				const size_t wanted = strcspn(++form, ":");

				holds = json_string_length(value) == wanted &&
					!strncmp(json_string_value(value), form, wanted);
				form += wanted;
			}
			form = expand(text, scope, form + 1, show && holds != inverse);
		} else if (*form == '{' && show) {
			form = expand_field(text, scope, form + 1);
		} else if (*form == '{') {
			form = strchr(form, '}');
		} else if (show) {
			add(text, "%c", *form);
		}
	}
	return form;
}

static void show_text(const char *label, const char *form, const struct scope *scope)
{
	struct text text = { 0 };

	(void)expand(&text, scope, form, true);
	paragraph(label, &text);
}

/* Members of an array are objects of their own, or strings. */
static void show_list(const struct status_line *line, const json_t *list)
{
	struct scope scope;
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach(list, i, value) {
		scope = (struct scope){ .object = value, .value = value };
		show_text(line->label, line->text, &scope);
	}
	json_object_foreach((json_t *)list, key, value) {
		scope = (struct scope){ .object = value, .key = key, .value = value };
		show_text(line->label, line->text, &scope);
	}
}

struct number {
	const char *name;
	json_int_t value;
};

#define NUMBERS_MAX 64 /* counters of one kind; the daemon has a third of it */

static int compare_numbers(const void *left, const void *right)
{
	const struct number *a = left, *b = right;

	return a->value == b->value ? 0 : a->value > b->value ? -1 : 1;
}

/* "name n, name n, ..." of an object's numbers, largest first; zeros only with -v. */
static void show_numbers(const struct table_style *style, const char *label, const json_t *object)
{
	struct number numbers[NUMBERS_MAX] = { 0 };
	struct text text = { 0 };
	const char *name;
	json_t *value;
	size_t cnt = 0;

	json_object_foreach((json_t *)object, name, value)
		if (cnt < NUMBERS_MAX && (json_integer_value(value) || style->verbose))
			numbers[cnt++] = (struct number){ name, json_integer_value(value) };
	qsort(numbers, cnt, sizeof numbers[0], compare_numbers);
	for (size_t i = 0; i < cnt; i++)
		add(&text, "%s%c%" JSON_INTEGER_FORMAT ", ", numbers[i].name, GLUE, numbers[i].value);
	if (!cnt)
		add(&text, "none");
	paragraph(label, &text);
}

static void show_line(const struct table_style *style, const struct status_line *line, const char *label,
		      const json_t *object)
{
	const struct scope scope = { .object = object };
	const json_t *of = line->of ? find(object, line->of, strlen(line->of)) : NULL;

	if (line->verbose && !style->verbose)
		return;
	if (!line->of)
		show_text(label, line->text, &scope);
	else if (line->text)
		show_list(line, of);
	else if (of)
		show_numbers(style, label, of);
}

static void show_lines(const struct table_style *style, const struct status_line *lines, const json_t *object)
{
	for (; lines->label; lines++)
		show_line(style, lines, lines->label, object);
}

/* ---- lines that are computed ---- */

static void duration(char *text, size_t room, uint64_t s)
{
	if (s < 60)
		snprintf(text, room, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(text, room, "%um %us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(text, room, "%uh %um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
	else
		snprintf(text, room, "%" PRIu64 "d %uh", s / 86400, (unsigned)(s / 3600 % 24));
}

static void show_head(const struct table_style *style, const json_t *daemon)
{
	const struct scope scope = { .object = daemon };
	char up[32];

	duration(up, sizeof up, answer_number(daemon, "uptime_s"));
	paint(style, "1", answer_text(daemon, "interface"));
	fputs("  ", stdout);
	paint(style, answer_is_degraded(daemon) ? "1;31" : "32", answer_text(daemon, "state"));
	printf("  %s  pid %" PRIu64 "  up %s  version %s\n", answer_text(daemon, "mode"), answer_number(daemon, "pid"),
	       up, answer_text(daemon, "version"));
	if (answer_is_degraded(daemon))
		show_text(answer_text(daemon, "state"), "{state_why}", &scope);
	if (answer_number(daemon, "netns") != rundir_netns()) {
		struct text text = { 0 };

		add(&text, "another one, net:[%" PRIu64 "]", answer_number(daemon, "netns"));
		paragraph("namespace", &text);
	}
}

/* If fewer of many packets than this were merged, the reason is shown. */
#define MERGED_LITTLE_PERCENT 10u
#define MANY_PACKETS 1000u

/* The reason for which most packets went up alone, "" where none did. */
static const char *main_reason(const json_t *singles)
{
	const char *reason = "", *name;
	json_int_t most = 0;
	json_t *value;

	json_object_foreach((json_t *)singles, name, value)
		if (json_integer_value(value) > most) {
			most = json_integer_value(value);
			reason = name;
		}
	return reason;
}

/* What merging or cutting was worth: so many packets of the wire, of which part was in so many superpackets. */
static void show_worth(const char *label, const char *went, const char *done, uint64_t packets, uint64_t part,
		       uint64_t superpackets, const char *why)
{
	const uint64_t crossed = packets - part + superpackets;
	struct text text = { 0 };

	if (!packets) {
		add(&text, "nothing has come yet");
	} else {
		add(&text, "%" PRIu64 " packets %s as %" PRIu64 ", %.1f in one; %" PRIu64 " %% of them were %s",
		    packets, went, crossed, (double)packets / (double)crossed, part * 100 / packets, done);
		if (why && packets >= MANY_PACKETS && part * 100 / packets < MERGED_LITTLE_PERCENT)
			add(&text, " (most went alone due to %s)", why);
	}
	paragraph(label, &text);
}

static void show_ways(const json_t *total)
{
	uint64_t cut = answer_number(total, "tx_segments");

	show_worth("way in", "went up", "merged", answer_number(total, "rx_delivered_packets"),
		   answer_number(total, "rx_segments"), answer_number(total, "rx_superpackets"),
		   main_reason(json_object_get(total, "singles")));
	show_worth("way out", "came down", "cut here", cut + answer_number(total, "tx_ordinary"), cut,
		   answer_number(total, "tx_superpackets"), NULL);
}

static bool same_socket(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "xsk"), json_object_get(b, "xsk")) &&
	       !strcmp(answer_text(a, "interface"), answer_text(b, "interface")) &&
	       !strcmp(answer_text(a, "state"), answer_text(b, "state"));
}

/* "queue 0"; of a bond's member "eth0 queue 0". */
static void name_queues(char *label, size_t room, const json_t *daemon, const json_t *first, const json_t *last)
{
	const char *interface = answer_text(first, "interface");
	const bool of_member = json_object_get(daemon, "bond");
	const uint64_t from = answer_number(first, "queue"), to = answer_number(last, "queue");

	if (from == to)
		snprintf(label, room, "%s%squeue %" PRIu64, of_member ? interface : "", of_member ? " " : "", from);
	else
		snprintf(label, room, "%s%squeues %" PRIu64 "-%" PRIu64, of_member ? interface : "",
			 of_member ? " " : "", from, to);
}

/* Queues with equal sockets in a row are shown once. */
static void show_sockets(const struct table_style *style, const json_t *daemon)
{
	const json_t *queues = json_object_get(daemon, "queues");
	size_t cnt = json_array_size(queues);

	for (size_t first = 0, last; first < cnt; first = last + 1) {
		const json_t *queue = json_array_get(queues, first);
		char label[64];

		for (last = first; last + 1 < cnt; last++)
			if (!same_socket(queue, json_array_get(queues, last + 1)))
				break;
		name_queues(label, sizeof label, daemon, queue, json_array_get(queues, last));
		show_line(style, status_socket_lines, label, queue);
		show_lines(style, status_socket_lines + 1, queue);
	}
}

static bool is_broken(const char *verdict)
{
	return !strcmp(verdict, "refused") || !strcmp(verdict, "changed") || !strcmp(verdict, "lost");
}

/* What test packets showed of the TAP's offloads: those that failed, or with -v all. */
static void show_offloads(const struct table_style *style, const json_t *daemon)
{
	const struct scope scope = { .object = daemon };
	const char *name;
	json_t *proof;

	show_text("TAP offloads", "[tap_unproved:unproved: {tap_unproved}; what the kernel claims is believed]",
		  &scope);
	json_object_foreach(json_object_get(daemon, "tap_proved"), name, proof) {
		const struct scope one = { .object = proof, .key = name };

		if (style->verbose || is_broken(answer_text(proof, "in")) || is_broken(answer_text(proof, "out")))
			show_text("TAP offload", "{@}: in {in}[out:, out {out}]", &one);
	}
}

/* CPU of each queue in turn, and why. */
static void show_cpus(const json_t *daemon)
{
	struct text text = { 0 };
	bool all_on_any = true;
	json_t *queue;
	size_t q;

	json_array_foreach(json_object_get(daemon, "queues"), q, queue)
		all_on_any &= !json_is_integer(json_object_get(queue, "cpu"));
	if (all_on_any)
		add(&text, "any ");
	json_array_foreach(json_object_get(daemon, "queues"), q, queue) {
		const json_t *cpu = json_object_get(queue, "cpu");

		if (json_is_integer(cpu))
			add(&text, "%" JSON_INTEGER_FORMAT " ", json_integer_value(cpu));
		else if (!all_on_any)
			add(&text, "any ");
	}
	add(&text, "(%s)", answer_text(daemon, "cpus_why"));
	paragraph("CPUs", &text);
}

/* Rounded; JSON has the exact number. */
static void show_bytes(uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double number = (double)bytes;
	size_t unit = 0;

	for (; number >= 999.95 && unit + 1 < ARRAY_SIZE(units); unit++)
		number /= 1000;
	printf("%*.*f %s", unit ? 17 : 18, unit ? 1 : 0, number, units[unit]);
}

static void show_traffic(const struct table_style *style, const json_t *counters)
{
	const uint64_t in_segments = answer_number(counters, "rx_segments");
	const uint64_t in_supers = answer_number(counters, "rx_superpackets");
	const uint64_t out_segments = answer_number(counters, "tx_segments");
	const uint64_t out_supers = answer_number(counters, "tx_superpackets");
	const struct {
		const char *name;
		uint64_t in, out;
	} rows[] = {
		{ "packets", answer_number(counters, "rx_packets"),
		  out_segments + answer_number(counters, "tx_ordinary") },
		{ "superpackets", in_supers, out_supers },
		{ "segments in them", in_segments, out_segments },
	};
	char title[64];

	snprintf(title, sizeof title, "  %-*s%20s%20s", LABEL_WIDTH - 2, "", "in", "out");
	paint(style, "1", title);
	printf("\n  %-*s", LABEL_WIDTH - 2, "bytes");
	show_bytes(answer_number(counters, "rx_bytes"));
	show_bytes(answer_number(counters, "tx_bytes"));
	putchar('\n');
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		printf("  %-*s%20" PRIu64 "%20" PRIu64 "\n", LABEL_WIDTH - 2, rows[i].name, rows[i].in, rows[i].out);
}

static void show_counters(const struct table_style *style, const json_t *counters)
{
	show_traffic(style, counters);
	show_lines(style, status_counter_lines, counters);
}

void table_show(const struct table_style *style, const json_t *daemon)
{
	const json_t *queues = json_object_get(daemon, "queues");

	show_head(style, daemon);
	if (!strcmp(answer_text(daemon, "state"), "waiting"))
		return; /* all else is released */
	show_ways(json_object_get(daemon, "total"));
	show_lines(style, status_setup_lines, daemon);
	show_sockets(style, daemon);
	show_offloads(style, daemon);
	show_cpus(daemon);
	show_counters(style, json_object_get(daemon, "total"));
	show_lines(style, status_program_lines, daemon);
	for (size_t i = 0; style->verbose && json_array_size(queues) > 1 && i < json_array_size(queues); i++) {
		const json_t *queue = json_array_get(queues, i);
		char title[64] = "  ";

		name_queues(title + 2, sizeof title - 2, daemon, queue, queue);
		paint(style, "1", title);
		putchar('\n');
		show_counters(style, queue);
	}
}
