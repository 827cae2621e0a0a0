// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "replay/replay.h"

/* clang-format off */
static const char help[] =
	"usage: superpacket replay merge IN -w OUT [--json FILE] [--merge LIST]\n"
	"                    [--burst N] [--hold TIME] [--max-bytes SIZE]\n"
	"                    [--max-packets N] [--adaptive]\n"
	"       superpacket replay cut IN --mss SIZE -w OUT [--json FILE]\n"
	"       superpacket replay roundtrip IN [--merge LIST] [--burst N]\n"
	"\n"
	"Runs the engine on a capture of Ethernet frames (pcap, pcapng) of any size.\n"
	"\n"
	"merge      shows what would be merged: writes each delivery as a packet of OUT\n"
	"cut        cuts every TCP and UDP packet with more than --mss bytes of payload\n"
	"roundtrip  merges, cuts again, compares every byte and the order of each flow\n"
	"\n"
	"  -w, --write OUT     the pcapng file to write; an existing file is overwritten\n"
	"      --json FILE     write one JSON line per packet written\n"
	"      --merge LIST    any of tcp,udp,vxlan,geneve,gre,ipip, or none; default tcp\n"
	"      --burst N       number of packets received at once; default 64\n"
	"      --hold TIME     how long a packet may be held across bursts; default 0\n"
	"      --max-bytes SIZE\n"
	"                      size of a superpacket, up to 524280; default 65535. Beyond\n"
	"                      that only TCP over IPv6 grows (BIG TCP), and OUT contains\n"
	"                      its first 262144 bytes, as readers accept no more\n"
	"      --max-packets N packets of a superpacket, 2 to 512 (default)\n"
	"      --adaptive      stop for a while to hold flows whose merging keeps failing\n"
	"      --mss SIZE      payload of a segment, 1 to 65534\n"
	"  -j, --report-json   print the report as a JSON object\n"
	"  -p, --pretty        the same, indented\n"
	"  -v, --verbose       also list reasons that did not occur\n"
	"  -q, --quiet         no report, progress or messages; only set the exit code\n"
	"  -h, --help          print this text\n"
	"  -V, --version       print the version\n"
	"\n"
	"TIME is 50us, 1ms, 2s; a plain number is microseconds. SIZE is bytes, or 64K.\n"
	"An option may not be given twice with different values.\n"
	"\n"
	"IN, OUT and FILE may be -, for stdin and stdout; the report then goes to stderr.\n"
	"\n"
	"The timestamps of the capture are the clock; if they step back, it stands still.\n"
	"A packet of OUT has the time of its delivery: that of the packet whose arrival\n"
	"caused it, or the deadline of --hold. Superpackets have complete checksums and a\n"
	"comment with their number of packets, gso_size and why they ended. Packets that\n"
	"were not merged are written as they came. As in the daemon, only what a virtio\n"
	"header can describe is merged. Packets with wrong or unfinished checksums, and\n"
	"packets truncated by a snap length, are never merged.\n"
	"\n"
	"JSON lines; packets and lines are counted from 0:\n"
	"  merge  {\"out\":k,\"in\":[...],\"gso_type\":\"none|tcpv4|tcpv6|udp\",\"gso_size\":n,\n"
	"          \"segs\":n,\"flush\":\"reason\"}\n"
	"  cut    {\"out\":k,\"in\":[i],\"gso_type\":...,\"gso_size\":n,\"segs\":n,\"segment\":s}\n"
	"         segment s of the segs segments that packet i was cut into\n"
	"\n"
	"Exit codes: 0 ok, 1 failed, or a difference was found, 2 usage, 5 no permission.\n";
/* clang-format on */

enum {
	OPT_JSON = 256,
	OPT_MERGE,
	OPT_BURST,
	OPT_HOLD,
	OPT_MAX_BYTES,
	OPT_MAX_PACKETS,
	OPT_ADAPTIVE,
	OPT_MSS,
};

static const struct option long_options[] = {
	{ "write", required_argument, NULL, 'w' },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "merge", required_argument, NULL, OPT_MERGE },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ "hold", required_argument, NULL, OPT_HOLD },
	{ "max-bytes", required_argument, NULL, OPT_MAX_BYTES },
	{ "max-packets", required_argument, NULL, OPT_MAX_PACKETS },
	{ "adaptive", no_argument, NULL, OPT_ADAPTIVE },
	{ "mss", required_argument, NULL, OPT_MSS },
	{ "report-json", no_argument, NULL, 'j' },
	{ "pretty", no_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* One bit for each option that not every verb has. */
#define OPTION_BIT(option) (1u << ((option) == 'w' ? 0 : (option)-OPT_JSON + 1))

static const struct verb {
	const char *name;
	enum exit_code (*run)(const struct replay_options *options);
	uint32_t takes, needs; /* OPTION_BIT() */
} verbs[] = {
	{ "merge", replay_merge,
	  OPTION_BIT('w') | OPTION_BIT(OPT_JSON) | OPTION_BIT(OPT_MERGE) | OPTION_BIT(OPT_BURST) |
		  OPTION_BIT(OPT_HOLD) | OPTION_BIT(OPT_MAX_BYTES) | OPTION_BIT(OPT_MAX_PACKETS) |
		  OPTION_BIT(OPT_ADAPTIVE),
	  OPTION_BIT('w') },
	{ "cut", replay_cut, OPTION_BIT('w') | OPTION_BIT(OPT_JSON) | OPTION_BIT(OPT_MSS),
	  OPTION_BIT('w') | OPTION_BIT(OPT_MSS) },
	{ "roundtrip", replay_roundtrip, OPTION_BIT(OPT_MERGE) | OPTION_BIT(OPT_BURST), 0 },
};

/* The command line as it is read. */
struct command {
	struct replay_options options;
	uint32_t seen;                                                  /* OPTION_BIT() */
	const char *values[sizeof long_options / sizeof *long_options]; /* of each option, when given first */
	bool wants_help, wants_version;
	const char *wrong; /* the option that was refused first, */
	char why[160];     /* and why */
};

static const char *option_name(int option)
{
	for (const struct option *o = long_options; o->name; o++)
		if (o->val == option)
			return o->name;
	return "?";
}

static void refuse(struct command *command, int option, const char *value, const char *want)
{
	if (command->wrong)
		return;
	command->wrong = option_name(option);
	snprintf(command->why, sizeof command->why, "--%s %.60s: must be %s", command->wrong, value, want);
}

static uint64_t parse_number(struct command *command, int option, const char *value, uint64_t min, uint64_t max)
{
	uint64_t number = min;
	char want[64];

	if (!quantity_count(value, min, max, &number)) {
		snprintf(want, sizeof want, "a number from %" PRIu64 " to %" PRIu64, min, max);
		refuse(command, option, value, want);
	}
	return number;
}

static uint32_t parse_bytes(struct command *command, int option, const char *value, uint32_t min, uint32_t max)
{
	uint64_t bytes = min;
	char want[64];

	if (!quantity_bytes(value, min, max, &bytes)) {
		snprintf(want, sizeof want, "bytes from %" PRIu32 " to %" PRIu32 ", or with the unit K", min, max);
		refuse(command, option, value, want);
	}
	return (uint32_t)bytes;
}

/* An hour. */
#define HOLD_US_MAX 3600000000u

static uint64_t parse_hold(struct command *command, const char *value)
{
	uint64_t us = 0;

	if (!quantity_us(value, 0, HOLD_US_MAX, &us))
		refuse(command, OPT_HOLD, value, "a time from 0 to 3600s, in us (plain numbers, too), ms or s");
	return us * 1000;
}

static uint32_t protocol_bit(const char *name, size_t len)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} protocols[] = {
		{ "tcp", SP_MERGE_TCP },       { "udp", SP_MERGE_UDP }, { "vxlan", SP_MERGE_VXLAN },
		{ "geneve", SP_MERGE_GENEVE }, { "gre", SP_MERGE_GRE }, { "ipip", SP_MERGE_IPIP },
	};

	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (strlen(protocols[i].name) == len && !memcmp(protocols[i].name, name, len))
			return protocols[i].bit;
	return 0;
}

static uint32_t parse_merge(struct command *command, const char *value)
{
	uint32_t merge = 0;

	if (!strcmp(value, "none"))
		return 0;
	for (const char *at = value;; at++) {
		size_t len = strcspn(at, ",");
		uint32_t bit = protocol_bit(at, len);

		if (!bit) {
			refuse(command, OPT_MERGE, value, "none, or any of tcp,udp,vxlan,geneve,gre,ipip");
			return 0;
		}
		merge |= bit;
		at += len;
		if (!*at)
			return merge;
	}
}

static void take_value(struct command *command, int option, const char *value)
{
	struct replay_options *options = &command->options;
	struct sp_gro_config *gro = &options->engine.gro;

	switch (option) {
	case 'w':
		options->out = value;
		break;
	case OPT_JSON:
		options->json = value;
		break;
	case OPT_MERGE:
		gro->merge = parse_merge(command, value);
		break;
	case OPT_BURST:
		options->engine.burst = (uint32_t)parse_number(command, option, value, 1, ENGINE_BURST_MAX);
		break;
	case OPT_HOLD:
		gro->hold_ns = parse_hold(command, value);
		break;
	case OPT_MAX_BYTES:
		gro->max_bytes = parse_bytes(command, option, value, 1, SP_GRO_BYTES_MAX);
		break;
	case OPT_MAX_PACKETS:
		gro->max_packets = (uint32_t)parse_number(command, option, value, 2, SP_GRO_PACKETS_MAX);
		break;
	case OPT_ADAPTIVE:
		gro->flags = SP_GRO_ADAPTIVE;
		break;
	default: /* OPT_MSS; 65535 means something else to Linux (V1) */
		options->mss = parse_bytes(command, option, value, 1, 65534);
	}
}

static void check_twice(struct command *command, int option, const char *value)
{
	size_t i = 0;

	while (long_options[i].name && long_options[i].val != option)
		i++;
	if (value && command->values[i] && strcmp(command->values[i], value) && !command->wrong) {
		command->wrong = long_options[i].name;
		snprintf(command->why, sizeof command->why, "--%s: given twice, as '%.48s' and as '%.48s'",
			 command->wrong, command->values[i], value);
	}
	command->values[i] = value;
}

static void take_option(struct command *command, int option, char **argv)
{
	struct replay_options *options = &command->options;

	switch (option) {
	case 'h':
		command->wants_help = true;
		break;
	case 'V':
		command->wants_version = true;
		break;
	case 'p':
		options->pretty = true; /* fall through */
	case 'j':
		options->say.json = true;
		break;
	case 'v':
		options->verbose = true;
		break;
	case 'q':
		options->say.quiet = true;
		break;
	case ':':
	case '?':
		if (command->wrong)
			break;
		command->wrong = argv[optind - 1];
		snprintf(command->why, sizeof command->why,
			 option == ':' ? "'%.60s' wants a value" : "unknown option '%.60s'", command->wrong);
		break;
	default:
		command->seen |= OPTION_BIT(option);
		take_value(command, option, optarg);
		check_twice(command, option, optarg);
	}
}

static enum exit_code usage(const struct command *command, const char *fmt, const char *word)
{
	char text[256];

	snprintf(text, sizeof text, fmt, word);
	return say_error(command->options.say, EXIT_USAGE, "%s; see superpacket replay -h", text);
}

/* The first option of a set. */
static const char *first_of(uint32_t set)
{
	for (const struct option *o = long_options; o->name; o++)
		if ((o->val == 'w' || o->val >= OPT_JSON) && set & OPTION_BIT(o->val))
			return o->name;
	return "?";
}

static enum exit_code run(struct command *command, int argc, char **argv)
{
	const struct verb *verb = NULL;

	if (command->wrong)
		return usage(command, "%s", command->why);
	if (argc == 0)
		return usage(command, "%s is missing", "the verb, merge, cut or roundtrip,");
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(argv[0], verbs[i].name))
			verb = &verbs[i];
	if (!verb)
		return usage(command, "unknown verb '%.60s'; there are: merge, cut, roundtrip", argv[0]);
	if (argc == 1)
		return usage(command, "%s is missing", "the capture to read");
	if (argc > 2)
		return usage(command, "unexpected argument '%.60s'", argv[2]);
	if (command->seen & ~verb->takes)
		return usage(command, "--%s is not for this verb", first_of(command->seen & ~verb->takes));
	if (verb->needs & ~command->seen)
		return usage(command, "--%s is missing", first_of(verb->needs & ~command->seen));
	command->options.in = argv[1];
	return verb->run(&command->options);
}

enum exit_code replay_main(int argc, char **argv)
{
	struct command command = { .options.engine.burst = ENGINE_BURST_DEFAULT };
	enum exit_code code;
	int option;

	sp_gro_config_init(&command.options.engine.gro);
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":w:jpvqhV", long_options, NULL)) != -1)
		take_option(&command, option, argv);
	if (command.wants_help || command.wants_version) {
		fputs(command.wants_help ? help : "superpacket " SUPERPACKET_VERSION "\n", stdout);
		return EXIT_OK;
	}
	code = run(&command, argc - optind, argv + optind);
	if (fflush(stdout) || ferror(stdout))
		return say_error(command.options.say, EXIT_FAILED, "writing: %s", strerror(errno));
	return code;
}
