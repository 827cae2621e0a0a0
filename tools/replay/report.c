// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include "replay/report.h"

#define LABEL_WIDTH 16
#define BAR_WIDTH 32

/* --- Making --- */

static void add(json_t *report, const char *name, uint64_t value)
{
	json_object_set_new(report, name, json_integer((json_int_t)value));
}

static uint64_t number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "?";
}

json_t *report_new(const struct replay_files *files, uint64_t packets, uint64_t bytes)
{
	json_t *report = json_object();
	double elapsed = files_elapsed(files);

	json_object_set_new(report, "in", json_string_nocheck(files->options->in));
	if (files->options->out)
		json_object_set_new(report, "out", json_string_nocheck(files->options->out));
	add(report, "packets", packets);
	add(report, "bytes", bytes);
	json_object_set_new(report, "elapsed_s", json_real(elapsed));
	add(report, "packets_per_s", elapsed > 0 ? (uint64_t)((double)packets / elapsed) : 0);
	if (files->options->out) {
		add(report, "written_packets", files->written_packets);
		add(report, "written_bytes", files->written_bytes);
	}
	return report;
}

/* The counts by reason; *merged and *alone receive their sums. */
static json_t *make_reasons(const struct engine *engine, uint64_t *merged, uint64_t *alone)
{
	json_t *all = json_object();
	const char *name;

	for (unsigned int i = 0; (name = sp_gro_reason_name(i)); i++) {
		json_t *reason = json_object();

		add(reason, "superpackets", sp_gro_flushes(engine->gro, i));
		add(reason, "alone", sp_gro_singles(engine->gro, i));
		*merged += sp_gro_flushes(engine->gro, i);
		*alone += sp_gro_singles(engine->gro, i);
		json_object_set_new(all, name, reason);
	}
	return all;
}

void report_add_engine(json_t *report, const struct engine *engine)
{
	uint64_t superpackets = 0, alone = 0, merged = engine->merged_cnt;
	struct sp_gro_counters counters;
	json_t *all = make_reasons(engine, &superpackets, &alone);

	sp_gro_counters(engine->gro, &counters);
	add(report, "superpackets", superpackets);
	add(report, "merged_packets", merged);
	json_object_set_new(report, "packets_per_superpacket",
			    json_real(superpackets ? (double)merged / (double)superpackets : 0));
	add(report, "alone", alone);
	json_object_set_new(report, "traffic_s", json_real((double)(engine->clock_ns - engine->first_ns) / 1e9));
	add(report, "checksum_errors", counters.checksum_errors);
	add(report, "cut_off", engine->truncated);
	add(report, "time_stepped_back", engine->stepped_back);
	add(report, "pool_full", engine->pool_flushes);
	json_object_set_new(report, "reasons", all);
}

/* --- Showing --- */

static void size(char *out, size_t room, uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	unsigned int i = 0;

	for (; value >= 1000 && i + 1 < sizeof units / sizeof *units; i++)
		value /= 1000;
	snprintf(out, room, i ? "%.1f %s" : "%.0f %s", value, units[i]);
}

static void label(FILE *file, const char *name)
{
	fprintf(file, "  %-*s", LABEL_WIDTH - 2, name);
}

static void show_head(FILE *file, const json_t *report)
{
	char bytes[32];

	size(bytes, sizeof bytes, number(report, "bytes"));
	fprintf(file, "%s  %llu packets  %s", text(report, "in"), (unsigned long long)number(report, "packets"), bytes);
	if (json_object_get(report, "traffic_s"))
		fprintf(file, "  %.6f s of traffic", json_real_value(json_object_get(report, "traffic_s")));
	fputc('\n', file);
}

static void show_written(FILE *file, const json_t *report)
{
	char bytes[32];

	if (!json_object_get(report, "written_packets"))
		return;
	size(bytes, sizeof bytes, number(report, "written_bytes"));
	label(file, "written");
	fprintf(file, "%llu packets, %s, to %s\n", (unsigned long long)number(report, "written_packets"), bytes,
		text(report, "out"));
}

static void show_merged(FILE *file, const json_t *report)
{
	if (!json_object_get(report, "superpackets"))
		return;
	label(file, "merged");
	fprintf(file, "%llu packets into %llu superpackets", (unsigned long long)number(report, "merged_packets"),
		(unsigned long long)number(report, "superpackets"));
	if (number(report, "superpackets"))
		fprintf(file, ", %.1f each", json_real_value(json_object_get(report, "packets_per_superpacket")));
	fputc('\n', file);
	label(file, "alone");
	fprintf(file, "%llu packets\n", (unsigned long long)number(report, "alone"));
}

static void show_cut(FILE *file, const json_t *report)
{
	if (!json_object_get(report, "cut_packets"))
		return;
	label(file, "cut");
	fprintf(file, "%llu packets into %llu segments of up to %llu bytes\n",
		(unsigned long long)number(report, "cut_packets"), (unsigned long long)number(report, "segments"),
		(unsigned long long)number(report, "mss"));
	label(file, "as they were");
	fprintf(file, "%llu packets\n", (unsigned long long)number(report, "uncut"));
}

/* Anomalies that the user should know of. */
static void show_anomalies(FILE *file, const json_t *report)
{
	static const struct {
		const char *name, *sentence;
	} anomalies[] = {
		{ "checksum_errors", "with wrong or unfinished checksums. If they were captured\n"
				     "                before the NIC finished them, run 'ethtool -K IF tx off'\n"
				     "                on their sender and capture again" },
		{ "not_cuttable", "longer than that, but not to be cut: fragments, other\n"
				  "                protocols, too many datagrams, wrong lengths" },
		{ "cut_off", "cut off by a snap length: passed as they were" },
		{ "time_stepped_back", "with a time before that of the previous packet: treated\n"
				       "                as coming at the same time" },
		{ "pool_full", "times everything was flushed because memory was full" },
	};

	for (size_t i = 0; i < sizeof anomalies / sizeof *anomalies; i++) {
		if (!number(report, anomalies[i].name))
			continue;
		label(file, "note");
		fprintf(file, "%llu %s\n", (unsigned long long)number(report, anomalies[i].name),
			anomalies[i].sentence);
	}
}

/* If most packets were not served, the user may not know that --merge has to name their protocol. */
static void show_unserved(FILE *file, const json_t *report)
{
	const json_t *reason = json_object_get(json_object_get(report, "reasons"), "not_served");

	if (number(reason, "alone") * 2 <= number(report, "packets"))
		return;
	label(file, "note");
	fprintf(file, "%llu not served: other protocols than --merge names\n",
		(unsigned long long)number(reason, "alone"));
}

static void show_bar(FILE *file, bool colour, uint64_t value, uint64_t most)
{
	int width = most ? (int)((value * BAR_WIDTH + most - 1) / most) : 0;

	if (!width)
		return;
	fputs(colour ? "  \033[32m" : "  ", file);
	while (width--)
		fputc('#', file);
	if (colour)
		fputs("\033[0m", file);
}

/* The largest number of deliveries for one reason. */
static uint64_t most_of(const json_t *all)
{
	uint64_t most = 0;
	const char *name;
	json_t *reason;

	json_object_foreach((json_t *)all, name, reason) {
		uint64_t sum = number(reason, "superpackets") + number(reason, "alone");

		most = sum > most ? sum : most;
	}
	return most;
}

static void show_reasons(FILE *file, const json_t *report, bool verbose, bool colour)
{
	const json_t *all = json_object_get(report, "reasons");
	uint64_t most = most_of(all);
	const char *name;
	json_t *reason;

	if (!most && !verbose)
		return;
	fprintf(file, "\n  %-16s %12s %12s\n", "delivered for", "superpackets", "alone");
	json_object_foreach((json_t *)all, name, reason) {
		uint64_t merged = number(reason, "superpackets"), alone = number(reason, "alone");

		if (!merged && !alone && !verbose)
			continue;
		fprintf(file, "  %-16s %12llu %12llu", name, (unsigned long long)merged, (unsigned long long)alone);
		show_bar(file, colour, merged + alone, most);
		fputc('\n', file);
	}
}

static void show_same(FILE *file, const json_t *report, bool colour)
{
	const json_t *difference = json_object_get(report, "difference");

	if (!difference)
		return;
	label(file, "cut again");
	if (json_is_null(difference))
		fprintf(file, "%s%llu segments, each byte for byte as it came; order kept%s\n",
			colour ? "\033[32m" : "", (unsigned long long)number(report, "segments"),
			colour ? "\033[0m" : "");
	else
		fprintf(file, "%sdifferent%s: %s\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "",
			text(report, "difference"));
	label(file, "speed");
	fprintf(file, "%.2f M packets/s\n", (double)number(report, "packets_per_s") / 1e6);
}

static bool is_stdout(const char *name)
{
	return name && !strcmp(name, "-");
}

void report_show(const struct replay_options *options, json_t *report)
{
	bool to_stderr = is_stdout(options->out) || is_stdout(options->json);
	bool colour = !to_stderr && say_in_colour();
	FILE *file = to_stderr ? stderr : stdout;

	if (options->say.quiet) {
		json_decref(report);
		return;
	}
	if (options->say.json) {
		json_dumpf(report, file, (options->pretty ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(9));
		fputc('\n', file);
	} else {
		show_head(file, report);
		show_merged(file, report);
		show_cut(file, report);
		show_written(file, report);
		show_same(file, report, colour);
		show_anomalies(file, report);
		show_unserved(file, report);
		show_reasons(file, report, options->verbose, colour);
	}
	json_decref(report);
}
