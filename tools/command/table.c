// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/ask.h"
#include "command/table.h"

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

/* Where the cursor stands in a paragraph of words, wrapped before WIDTH. */
struct line {
	int indent; /* of the lines that follow */
	int column;
};

/* Puts the first len bytes of text behind what is there, in one piece. */
static void line_piece(struct line *line, const char *text, size_t len)
{
	if (line->column > line->indent && line->column + 1 + (int)len > WIDTH) {
		printf("\n%*s", line->indent, "");
		line->column = line->indent;
	} else if (line->column > line->indent) {
		putchar(' ');
		line->column++;
	}
	printf("%.*s", (int)len, text);
	line->column += (int)len;
}

/* A word; a command in quotes is one, so that it can be copied. */
static size_t word_len(const char *text)
{
	const char *end = *text == '\'' ? strchr(text + 1, '\'') : NULL;

	if (end && end - text < WIDTH - LABEL_WIDTH)
		return (size_t)(end - text) + strcspn(end, " ");
	return strcspn(text, " ");
}

static void line_put(struct line *line, const char *text)
{
	while (*text) {
		size_t len = word_len(text);

		line_piece(line, text, len);
		text += len;
		text += strspn(text, " ");
	}
}

static void line_printf(struct line *line, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line_printf(struct line *line, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	line_put(line, text);
}

static struct line line_begin(const char *label)
{
	printf("  %-*s", LABEL_WIDTH - 2, label);
	return (struct line){ .indent = LABEL_WIDTH, .column = LABEL_WIDTH };
}

static void line_end(void)
{
	putchar('\n');
}

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
	bool degraded = answer_is_degraded(daemon);
	char up[32];

	duration(up, sizeof up, answer_number(daemon, "uptime_s"));
	paint(style, "1", answer_text(daemon, "interface"));
	fputs("  ", stdout);
	paint(style, degraded ? "1;31" : "32", answer_text(daemon, "state"));
	printf("  %s  pid %" PRIu64 "  up %s  version %s", answer_text(daemon, "mode"),
	       answer_number(daemon, "pid"), up, answer_text(daemon, "version"));
	line_end();
	if (degraded && json_string_length(json_object_get(daemon, "state_why"))) {
		struct line line = line_begin(answer_text(daemon, "state"));

		line_printf(&line, "%s", answer_text(daemon, "state_why"));
		line_end();
	}
	if (answer_number(daemon, "netns") != ask_netns()) {
		struct line line = line_begin("namespace");

		line_printf(&line, "another one, net:[%" PRIu64 "]",
			    answer_number(daemon, "netns"));
		line_end();
	}
}

/* Below this share of many packets, merging is not worth its time; who asks wants to know why. */
#define MERGED_LITTLE_PERCENT 10u
#define MANY_PACKETS 1000u

/* The reason for which most packets went up alone, "" where none did. */
static const char *main_reason(const json_t *singles)
{
	const char *reason = "", *name;
	const json_t *value;
	json_int_t most = 0;

	json_object_foreach((json_t *)singles, name, value)
		if (json_integer_value(value) > most) {
			most = json_integer_value(value);
			reason = name;
		}
	return reason;
}

static void show_way_in(const json_t *total)
{
	uint64_t packets = answer_number(total, "rx_delivered_packets");
	uint64_t merged = answer_number(total, "rx_segments");
	uint64_t ups = packets - merged + answer_number(total, "rx_superpackets");
	struct line line = line_begin("way in");

	if (!packets) {
		line_put(&line, "nothing has come yet");
	} else {
		line_printf(&line, "%" PRIu64 " packets went up as %" PRIu64 ", %.1f in one;", packets, ups,
			    (double)packets / (double)ups);
		line_printf(&line, "%" PRIu64 " %% of them were merged", merged * 100 / packets);
		if (packets >= MANY_PACKETS && merged * 100 / packets < MERGED_LITTLE_PERCENT)
			line_printf(&line, "(most went alone due to %s)",
				    main_reason(json_object_get(total, "singles")));
	}
	line_end();
}

static void show_way_out(const json_t *total)
{
	uint64_t supers = answer_number(total, "tx_superpackets"), cut = answer_number(total, "tx_segments");
	uint64_t ordinary = answer_number(total, "tx_ordinary"), packets = cut + ordinary;
	struct line line = line_begin("way out");

	if (!packets) {
		line_put(&line, "nothing has come yet");
	} else {
		line_printf(&line, "%" PRIu64 " packets came down as %" PRIu64 ", %.1f in one;", packets,
			    supers + ordinary, (double)packets / (double)(supers + ordinary));
		line_printf(&line, "%" PRIu64 " %% of them were cut here", cut * 100 / packets);
	}
	line_end();
}

/* What ends a superpacket. */
static void show_limits(const json_t *conditions)
{
	struct line line = line_begin("until");
	uint64_t idle_us = answer_number(conditions, "idle_us");

	line_printf(&line, "%" PRIu64 " packets, %" PRIu64 " bytes,",
		    answer_number(conditions, "max_packets"), answer_number(conditions, "max_bytes"));
	line_printf(&line, "%" PRIu64 " flows (then %s flushed)%s", answer_number(conditions, "max_flows"),
		    strcmp(answer_text(conditions, "when_full"), "all") ? "the oldest is" : "all are",
		    idle_us ? "," : "");
	if (idle_us)
		line_printf(&line, "%" PRIu64 " us without a packet", idle_us);
	line_end();
}

/* What is kept out of superpackets by choice; no line where nothing is. */
static void show_exemptions(const json_t *conditions)
{
	const json_t *ports = json_object_get(conditions, "pass_ports");
	uint64_t least = answer_number(conditions, "min_payload");
	bool adaptive = json_is_true(json_object_get(conditions, "adaptive"));
	size_t cnt = json_array_size(ports);
	struct line line;

	if (!least && !cnt && !adaptive)
		return;
	line = line_begin("left alone");
	if (least)
		line_printf(&line, "payloads below %" PRIu64 " bytes%s", least, cnt || adaptive ? ";" : "");
	for (size_t i = 0; i < cnt; i++)
		line_printf(&line, "%s%" JSON_INTEGER_FORMAT "%s", i ? "" : "ports ",
			    json_integer_value(json_array_get(ports, i)),
			    i + 1 < cnt ? "," : adaptive ? ";" : "");
	if (adaptive)
		line_put(&line, "flows whose merging keeps failing");
	line_end();
}

static void show_setup(const json_t *daemon)
{
	const json_t *xdp = json_object_get(daemon, "xdp");
	const json_t *merge = json_object_get(daemon, "merge");
	struct line line = line_begin("attached");

	line_printf(&line, "%s (%s), TAP %s", answer_text(daemon, "mode"),
		    answer_text(daemon, "mode_why"), answer_text(daemon, "tap"));
	line_end();
	line = line_begin("XDP program");
	line_printf(&line, "%s (%s)", answer_text(xdp, "mode"), answer_text(xdp, "why"));
	line_end();
	line = line_begin("merging");
	if (!json_array_size(merge))
		line_put(&line, "nothing,");
	for (size_t i = 0; i < json_array_size(merge); i++)
		line_printf(&line, "%s,", json_string_value(json_array_get(merge, i)));
	if (answer_number(daemon, "hold_us"))
		line_printf(&line, "held for up to %" PRIu64 " us",
			    answer_number(daemon, "hold_us"));
	else
		line_put(&line, "held to the end of a burst");
	line_end();
	show_limits(json_object_get(daemon, "conditions"));
	show_exemptions(json_object_get(daemon, "conditions"));
}

/* What a queue's socket is, in words; equal neighbours are shown once. */
static bool same_socket(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "xsk"), json_object_get(b, "xsk")) &&
	       !strcmp(answer_text(a, "state"), answer_text(b, "state"));
}

/* What else was considered, and what became of it. */
static void show_tried(const json_t *xsk)
{
	const json_t *tried = json_object_get(xsk, "tried");

	for (size_t i = 0; i < json_array_size(tried); i++) {
		const json_t *one = json_array_get(tried, i);
		struct line line = line_begin("");

		line_printf(&line, "- %s, %s%s: %s", answer_text(one, "mode"),
			    answer_text(one, "transmit"),
			    json_is_true(json_object_get(one, "multibuffer")) ? ", multi-buffer" : "",
			    answer_text(one, "outcome"));
		line_end();
	}
}

/* A list, and the semicolon or nothing behind it. */
static void show_bits(struct line *line, const char *label, const json_t *bits, const char *end)
{
	line_printf(line, "%s", label);
	if (!json_is_array(bits))
		line_printf(line, "unknown%s", end);
	else if (!json_array_size(bits))
		line_printf(line, "none%s", end);
	for (size_t i = 0; i < json_array_size(bits); i++)
		line_printf(line, "%s%s", json_string_value(json_array_get(bits, i)),
			    i + 1 < json_array_size(bits) ? "," : end);
}

/* What the driver says of itself. */
static void show_device(const json_t *device)
{
	const json_t *segs = json_object_get(device, "xdp_zc_max_segs");
	struct line line = line_begin("device");

	line_printf(&line, "driver %s;", answer_text(device, "driver"));
	show_bits(&line, "XDP", json_object_get(device, "xdp_features"), ";");
	show_bits(&line, "AF_XDP", json_object_get(device, "xsk_features"), ";");
	show_bits(&line, "metadata", json_object_get(device, "xdp_rx_metadata_features"),
		  json_is_integer(segs) ? ";" : "");
	if (json_is_integer(segs))
		line_printf(&line, "%" JSON_INTEGER_FORMAT " descriptors a packet in zero copy",
			    json_integer_value(segs));
	line_end();
}

/* What the daemon has changed on the NIC; what is left to the operator only if more was asked for. */
static void show_settings(const struct table_style *style, const json_t *settings)
{
	const json_t *advice = json_object_get(settings, "advice"), *why;
	json_t *off = json_object_get(settings, "off_until_the_end");
	const char *name;
	struct line line;

	json_object_foreach(off, name, why)
	{
		line = line_begin("switched off");
		line_printf(&line, "%s (%s)", name, json_string_value(why));
		line_end();
	}
	for (size_t i = 0; style->verbose && i < json_array_size(advice); i++) {
		line = line_begin("advice");
		line_put(&line, json_string_value(json_array_get(advice, i)));
		line_end();
	}
}

static void show_sockets(const struct table_style *style, const json_t *queues)
{
	size_t cnt = json_array_size(queues);

	for (size_t first = 0, last; first < cnt; first = last + 1) {
		const json_t *queue = json_array_get(queues, first);
		const json_t *xsk = json_object_get(queue, "xsk");
		char label[64];
		struct line line;

		for (last = first; last + 1 < cnt; last++)
			if (!same_socket(queue, json_array_get(queues, last + 1)))
				break;
		if (first == last)
			snprintf(label, sizeof label, "queue %zu", first);
		else
			snprintf(label, sizeof label, "queues %zu-%zu", first, last);
		line = line_begin(label);
		line_printf(&line, "%s (%s),", answer_text(xsk, "mode"), answer_text(xsk, "why"));
		line_printf(&line, "%s%s%s", answer_text(xsk, "transmit"),
			    json_is_true(json_object_get(xsk, "unaligned")) ? ", unaligned" : "",
			    json_is_true(json_object_get(xsk, "huge_pages")) ? ", huge pages" : "");
		if (!json_is_true(json_object_get(xsk, "proved")))
			line_printf(&line, "- unproved: %s", answer_text(xsk, "unproved"));
		if (strcmp(answer_text(queue, "state"), "ok"))
			line_printf(&line, "- %s", answer_text(queue, "state"));
		line_end();
		if (style->verbose) {
			show_tried(xsk);
			line = line_begin("checksums");
			line_printf(&line, "%s (%s)", answer_text(xsk, "tx_checksum"),
				    answer_text(xsk, "tx_checksum_why"));
			line_end();
		}
	}
}

/* Whether no worker is bound to a CPU: said once. */
static bool all_on_any(const json_t *queues)
{
	for (size_t i = 0; i < json_array_size(queues); i++)
		if (json_is_integer(json_object_get(json_array_get(queues, i), "cpu")))
			return false;
	return true;
}

static bool is_broken(const char *verdict)
{
	return !strcmp(verdict, "refused") || !strcmp(verdict, "changed") || !strcmp(verdict, "lost");
}

/* What packets have shown of the TAP's offloads: of those that are claimed and not kept, or of all. */
static void show_offloads(const struct table_style *style, const json_t *daemon)
{
	const char *unproved = json_string_value(json_object_get(daemon, "tap_unproved")), *name;
	struct line line;
	json_t *proof;

	if (unproved) {
		line = line_begin("TAP offloads");
		line_printf(&line, "unproved: %s; what the kernel claims is believed", unproved);
		line_end();
	}
	json_object_foreach(json_object_get(daemon, "tap_proved"), name, proof) {
		const char *in = answer_text(proof, "in"), *out = answer_text(proof, "out");

		if (!style->verbose && !is_broken(in) && !is_broken(out))
			continue;
		line = line_begin("TAP offload");
		line_printf(&line, "%s: in %s%s%s", name, in, *out ? ", out " : "", out);
		line_end();
	}
}

/* CPU of each queue in turn, and why. */
static void show_cpus(const json_t *daemon)
{
	const json_t *queues = json_object_get(daemon, "queues");
	struct line line = line_begin("CPUs");

	if (all_on_any(queues))
		line_put(&line, "any");
	for (size_t i = 0; !all_on_any(queues) && i < json_array_size(queues); i++) {
		const json_t *cpu = json_object_get(json_array_get(queues, i), "cpu");

		if (json_is_integer(cpu))
			line_printf(&line, "%" JSON_INTEGER_FORMAT, json_integer_value(cpu));
		else
			line_put(&line, "any");
	}
	line_printf(&line, "(%s)", answer_text(daemon, "cpus_why"));
	line_end();
}

/* As people compare them; JSON has them to the byte. */
static void show_bytes(uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double number = (double)bytes;
	size_t unit = 0;

	for (; number >= 999.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
		number /= 1000;
	printf("%*.*f %s", unit ? 17 : 18, unit ? 1 : 0, number, units[unit]);
}

static void show_ratio(uint64_t segments, uint64_t superpackets)
{
	if (superpackets)
		printf("%20.1f", (double)segments / (double)superpackets);
	else
		printf("%20s", "-");
}

static void show_traffic(const struct table_style *style, const json_t *counters)
{
	char title[64];
	uint64_t in_segments = answer_number(counters, "rx_segments");
	uint64_t in_supers = answer_number(counters, "rx_superpackets");
	uint64_t out_segments = answer_number(counters, "tx_segments");
	uint64_t out_supers = answer_number(counters, "tx_superpackets");
	const struct {
		const char *name;
		uint64_t in, out;
	} rows[] = {
		{ "packets", answer_number(counters, "rx_packets"),
		  out_segments + answer_number(counters, "tx_ordinary") },
		{ "superpackets", in_supers, out_supers },
		{ "segments in them", in_segments, out_segments },
	};

	snprintf(title, sizeof title, "  %-*s%20s%20s", LABEL_WIDTH - 2, "", "in", "out");
	paint(style, "1", title);
	line_end();
	printf("  %-*s", LABEL_WIDTH - 2, "bytes");
	show_bytes(answer_number(counters, "rx_bytes"));
	show_bytes(answer_number(counters, "tx_bytes"));
	line_end();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		printf("  %-*s%20" PRIu64 "%20" PRIu64 "\n", LABEL_WIDTH - 2, rows[i].name,
		       rows[i].in, rows[i].out);
	printf("  %-*s", LABEL_WIDTH - 2, "segments each");
	show_ratio(in_segments, in_supers);
	show_ratio(out_segments, out_supers);
	line_end();
}

struct number {
	const char *name;
	const json_t *value;
};

#define NUMBERS_MAX 64 /* counters of one kind; the daemon has a third of it */

static size_t collect_numbers(const struct table_style *style, const json_t *object,
			      struct number numbers[NUMBERS_MAX])
{
	const char *name;
	const json_t *value;
	size_t cnt = 0;

	json_object_foreach((json_t *)object, name, value)
		if (cnt < NUMBERS_MAX && (json_integer_value(value) || style->verbose))
			numbers[cnt++] = (struct number){ name, value };
	return cnt;
}

static int compare_numbers(const void *left, const void *right)
{
	json_int_t a = json_integer_value(((const struct number *)left)->value);
	json_int_t b = json_integer_value(((const struct number *)right)->value);

	return a == b ? 0 : a > b ? -1 : 1;
}

/* "name n, name n, ..." of an object's numbers, largest first; zeros only if asked for. */
static void show_numbers(const struct table_style *style, const char *label, const json_t *object)
{
	struct line line = line_begin(label);
	struct number numbers[NUMBERS_MAX];
	size_t cnt = collect_numbers(style, object, numbers);

	qsort(numbers, cnt, sizeof numbers[0], compare_numbers);
	for (size_t i = 0; i < cnt; i++) {
		char text[128];
		int len = snprintf(text, sizeof text, "%s %" JSON_INTEGER_FORMAT "%s",
				   numbers[i].name, json_integer_value(numbers[i].value),
				   i + 1 < cnt ? "," : "");

		line_piece(&line, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
	}
	if (!cnt)
		line_put(&line, "none");
	line_end();
}

static void show_waits(const json_t *counters)
{
	struct line line = line_begin("held now");

	line_printf(&line, "%" PRIu64 " packets in, %" PRIu64 " out",
		    answer_number(counters, "rx_held_packets"),
		    answer_number(counters, "tx_waiting"));
	line_end();
	line = line_begin("checksums");
	line_printf(&line, "%" PRIu64 " wrong in, passed on as they came",
		    answer_number(counters, "rx_checksum_errors"));
	line_end();
}

static void show_memory(const json_t *counters)
{
	struct line line = line_begin("frames");

	line_printf(&line, "%" PRIu64 ": %" PRIu64 " free, %" PRIu64 " kernel, %" PRIu64 " held",
		    answer_number(counters, "frames_total"), answer_number(counters, "frames_free"),
		    answer_number(counters, "frames_kernel"),
		    answer_number(counters, "frames_held"));
	line_end();
	line = line_begin("out in flight");
	line_printf(&line, "%" PRIu64 " of %" PRIu64 " slots,",
		    answer_number(counters, "slots_used"), answer_number(counters, "slots_total"));
	line_printf(&line, "%" PRIu64 " of %" PRIu64 " KiB of buffers",
		    (answer_number(counters, "buffers_used") + 1023) / 1024,
		    answer_number(counters, "buffers_total") / 1024);
	line_end();
}

static void show_counters(const struct table_style *style, const json_t *counters)
{
	show_traffic(style, counters);
	show_numbers(style, "merged up to", json_object_get(counters, "flushes"));
	show_numbers(style, "alone due to", json_object_get(counters, "singles"));
	show_numbers(style, "dropped", json_object_get(counters, "drops"));
	show_numbers(style, "kernel dropped", json_object_get(counters, "kernel"));
	show_waits(counters);
	show_memory(counters);
}

void table_show(const struct table_style *style, const json_t *daemon)
{
	const json_t *queues = json_object_get(daemon, "queues");

	show_head(style, daemon);
	if (!strcmp(answer_text(daemon, "state"), "waiting"))
		return; /* all else is released */
	show_way_in(json_object_get(daemon, "total"));
	show_way_out(json_object_get(daemon, "total"));
	show_setup(daemon);
	if (style->verbose)
		show_device(json_object_get(daemon, "device"));
	show_settings(style, json_object_get(daemon, "settings"));
	show_sockets(style, queues);
	show_offloads(style, daemon);
	show_cpus(daemon);
	show_counters(style, json_object_get(daemon, "total"));
	show_numbers(style, "XDP frames", json_object_get(daemon, "steer"));
	if (json_object_get(daemon, "inline"))
		show_numbers(style, "tc packets", json_object_get(daemon, "inline"));
	if (!style->verbose || json_array_size(queues) < 2)
		return;
	for (size_t i = 0; i < json_array_size(queues); i++) {
		char title[32];

		snprintf(title, sizeof title, "  queue %zu", i);
		paint(style, "1", title);
		line_end();
		show_counters(style, json_array_get(queues, i));
	}
}
