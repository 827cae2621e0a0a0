// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * superpacket: shows the status of running daemons.
 *
 * The verb status: finds the daemons, asks each (ask.h) and prints the JSON that comes back,
 * as it is (-j) or as text (table.h). Data goes to stdout, messages to stderr; the
 * exit code says what a script wants to know first.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"
#include "command/ask.h"
#include "command/clean.h"
#include "command/say.h"
#include "command/table.h"

struct options {
	const char *interface; /* NULL: all */
	struct say_style say;
	bool pretty, verbose, colour;
};

/* clang-format off */
static const char help[] =
	"usage: superpacket [status [IF]] [option]...\n"
	"       superpacket clean [IF] [option]...\n"
	"       superpacket replay ...   runs the engine on a capture: see superpacket\n"
	"                                replay -h\n"
	"\n"
	"Shows the status of the running daemons, on every interface and in every network\n"
	"namespace of this machine (this one first), or only on interface IF: the NIC or\n"
	"its TAP.\n"
	"\n"
	"clean removes what a daemon that was killed has left behind: it restores\n"
	"settings of its NIC, and removes its socket, its programs and filter, and the\n"
	"TAP of port mode, in whatever namespace that is. It touches no daemon that runs.\n"
	"\n"
	"  -j, --json      a JSON array with one object per daemon\n"
	"  -p, --pretty    the same, indented\n"
	"  -v, --verbose   also each queue by itself, and counters that are zero\n"
	"  -q, --quiet     print nothing; the exit code has the answer\n"
	"  -h, --help      this text\n"
	"  -V, --version   the version\n"
	"\n"
	"Exit codes: 0 ok, 1 failed, 2 usage, 3 daemon not running, 4 degraded,\n"
	"5 no permission.\n";
/* clang-format on */

/* Of the outcomes of several daemons, the one that a script must not miss. */
static enum exit_code worse(enum exit_code a, enum exit_code b)
{
	static const int rank[] = { [EXIT_OK] = 0,         [EXIT_DEGRADED] = 1, [EXIT_NOT_RUNNING] = 2,
				    [EXIT_PERMISSION] = 3, [EXIT_FAILED] = 4,   [EXIT_USAGE] = 5 };

	return rank[a] > rank[b] ? a : b;
}

/* --- The verb --- */

static enum exit_code explain_timeout(const struct options *options, const char *interface, pid_t pid)
{
	char name[32] = "", kill_it[48] = "";

	if (pid > 0) {
		snprintf(name, sizeof name, " (pid %d)", (int)pid);
		snprintf(kill_it, sizeof kill_it, "'kill -9 %d' or ", (int)pid);
	}
	return say_error(options->say, EXIT_FAILED,
			 "%s: its daemon%s does not answer within %d s: "
			 "it starts, stops or hangs; if it hangs, the kernel carries its traffic: "
			 "%s'systemctl restart superpacketd@%s'",
			 interface, name, ASK_DEADLINE_MS / 1000, kill_it, interface);
}

static enum exit_code explain(const struct options *options, const struct instance *instance, int err, pid_t pid)
{
	const char *interface = instance->name.interface;

	switch (-err) {
	case EACCES:
	case EPERM:
		return say_error(options->say, EXIT_PERMISSION, "%s: no permission to ask its daemon; run as root",
				 interface);
	case ECONNREFUSED:
	case ENOENT:
		return EXIT_NOT_RUNNING; /* printed once, at the end, if nobody answers */
	case ETIMEDOUT:
		return explain_timeout(options, interface, pid);
	case EPIPE:
	case ECONNRESET:
		return say_error(options->say, EXIT_FAILED,
				 "%s: its daemon ends every connection "
				 "without an answer; too many may be asking it, try again",
				 interface);
	default:
		return say_error(options->say, EXIT_FAILED, "%s: asking its daemon: %s", interface, strerror(-err));
	}
}

/* Asks one daemon and adds its answer to the array. */
static enum exit_code ask_status(const struct options *options, const char *dir, const struct instance *instance,
				 json_t *daemons)
{
	const char *refusal;
	json_t *answer;
	pid_t pid;
	int err = ask_daemon(instance->path, "status\n", &answer, &pid);

	if (err == -ECONNREFUSED)
		ask_remove_stale(dir, instance->path);
	if (err)
		return explain(options, instance, err, pid);
	refusal = json_string_value(json_object_get(answer, "error"));
	if (refusal) {
		enum exit_code code = say_error(options->say, EXIT_FAILED, "%s: its daemon answers: %s",
						instance->name.interface, refusal);

		json_decref(answer);
		return code;
	}
	json_array_append_new(daemons, answer);
	return answer_is_degraded(answer) ? EXIT_DEGRADED : EXIT_OK;
}

/* Whether the name is that of the daemon's TAP, or of its NIC before or after a renaming. */
static bool is_meant(const json_t *daemon, const char *name)
{
	return !strcmp(answer_text(daemon, "tap"), name) || !strcmp(answer_text(daemon, "asked"), name) ||
	       (answer_number(daemon, "netns") == rundir_netns() && if_nametoindex(name) &&
		answer_number(daemon, "ifindex") == if_nametoindex(name));
}

/* No socket has the name that was asked for, so all daemons are asked for their other names. One of our own
 * namespace, which comes first, hides those of others. A daemon that does not answer is not meant. */
static enum exit_code search(const struct options *options, const char *dir, json_t *daemons)
{
	const struct options silent = { .say.quiet = true };
	enum exit_code code = EXIT_OK;
	struct instance *list;
	bool own = false;
	size_t cnt;

	if (ask_list(dir, NULL, &list, &cnt))
		cnt = 0;
	for (size_t i = 0; i < cnt && !(own && list[i].name.netns != rundir_netns()); i++) {
		size_t before = json_array_size(daemons);
		enum exit_code one = ask_status(&silent, dir, &list[i], daemons);

		if (json_array_size(daemons) == before)
			continue;
		if (is_meant(json_array_get(daemons, before), options->interface)) {
			code = worse(code, one);
			own |= list[i].name.netns == rundir_netns();
		} else {
			json_array_remove(daemons, before);
		}
	}
	free(list);
	return code;
}

static void print_daemons(const struct options *options, const json_t *daemons)
{
	const struct table_style style = { .verbose = options->verbose, .colour = options->colour };

	if (options->say.quiet)
		return;
	if (options->say.json) {
		json_dumpf(daemons, stdout, options->pretty ? JSON_INDENT(2) : JSON_COMPACT);
		putchar('\n');
		return;
	}
	for (size_t i = 0; i < json_array_size(daemons); i++) {
		if (i)
			putchar('\n');
		table_show(&style, json_array_get(daemons, i));
	}
}

static enum exit_code not_running(const struct options *options)
{
	if (options->interface)
		return say_error(options->say, EXIT_NOT_RUNNING,
				 "no superpacketd is running on %s; "
				 "start one with 'superpacketd --interface %s'",
				 options->interface, options->interface);
	return say_error(options->say, EXIT_NOT_RUNNING,
			 "no superpacketd is running; start one with 'superpacketd --interface IF'");
}

static enum exit_code status(const struct options *options)
{
	char dir[RUNDIR_PATH_LEN];
	json_t *daemons = json_array();
	enum exit_code code = EXIT_OK;
	struct instance *list;
	size_t cnt;
	int err;

	(void)rundir_path(dir);
	err = ask_list(dir, options->interface, &list, &cnt);
	if (err)
		code = say_error(options->say, err == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "%s: %s", dir,
				 strerror(-err));
	/* An interface asked for by name is that of our own namespace, if there is a daemon on it. */
	if (options->interface && cnt && list[0].name.netns == rundir_netns())
		cnt = 1;
	for (size_t i = 0; i < cnt; i++) {
		enum exit_code one = ask_status(options, dir, &list[i], daemons);

		/* What a dead daemon has left behind does not matter while others answer. */
		if (one != EXIT_NOT_RUNNING)
			code = worse(code, one);
	}
	if (!err && !cnt && options->interface)
		code = search(options, dir, daemons);
	print_daemons(options, daemons);
	if (code == EXIT_OK && !json_array_size(daemons))
		code = not_running(options);
	json_decref(daemons);
	free(list);
	return code;
}

/* Whether there is an interface of this name, or a daemon on one, in whatever namespace. */
static bool is_known(const char *name)
{
	char dir[RUNDIR_PATH_LEN];
	struct instance *list;
	size_t cnt;
	bool known;

	(void)rundir_path(dir);
	known = !ask_list(dir, name, &list, &cnt) && cnt;

	free(list);
	return known || if_nametoindex(name);
}

/* --- The command line --- */

/* Returns -1 to go on, else the exit code to end with. */
static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "pretty", no_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *refused = NULL;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "jpvqhV", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (option == 'V') {
			puts("superpacket " SUPERPACKET_VERSION);
			return EXIT_OK;
		}
		if (option == '?' && !refused)
			refused = argv[optind > 1 ? optind - 1 : 1];
		options->say.json |= option == 'j' || option == 'p';
		options->pretty |= option == 'p';
		options->verbose |= option == 'v';
		options->say.quiet |= option == 'q';
	}
	if (refused)
		return (int)say_error(options->say, EXIT_USAGE, "unknown option '%s'; see superpacket --help", refused);
	options->colour = say_in_colour();
	return -1;
}

/* Replay has options of its own: it gets the command line without its name. */
static bool is_replay(int argc, char **argv)
{
	int verb = 1;

	while (verb < argc && argv[verb][0] == '-')
		verb++;
	if (verb == argc || strcmp(argv[verb], "replay"))
		return false;
	memmove(argv + verb, argv + verb + 1, (size_t)(argc - verb) * sizeof *argv);
	return true;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int code, verb;
	bool clean;

	if (is_replay(argc, argv))
		return (int)replay_main(argc - 1, argv);
	code = parse_options(&options, argc, argv);
	verb = optind;
	if (code >= 0)
		return code;
	clean = verb < argc && !strcmp(argv[verb], "clean");
	if (verb < argc && !clean && strcmp(argv[verb], "status") && is_known(argv[verb]))
		return (int)say_error(options.say, EXIT_USAGE,
				      "unknown command '%s'; did you mean "
				      "'superpacket status %s'?",
				      argv[verb], argv[verb]);
	if (verb < argc && !clean && strcmp(argv[verb], "status"))
		return (int)say_error(options.say, EXIT_USAGE,
				      "unknown command '%s'; there are: "
				      "status, clean, replay (see superpacket --help)",
				      argv[verb]);
	if (argc - verb > 2)
		return (int)say_error(options.say, EXIT_USAGE,
				      "unexpected argument '%s'; see superpacket "
				      "--help",
				      argv[verb + 2]);
	if (argc - verb == 2)
		options.interface = argv[verb + 1];
	code = (int)(clean ? clean_main(options.say, options.pretty, options.interface) : status(&options));
	if (fflush(stdout) || ferror(stdout))
		return (int)say_error(options.say, EXIT_FAILED, "writing: %s", strerror(errno));
	return code;
}
