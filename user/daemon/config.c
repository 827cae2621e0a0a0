// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>

#include "daemon/config.h"
#include "daemon/priority.h"
#include "frontend/tap.h"
#include "base/netns.h"
#include "base/quantity.h"

/* Altnames are longer than names (ALTIFNAMSIZ of linux/if.h). */
#define INTERFACE_LEN_MAX 127

/* clang-format off */
const char config_help[] =
	"usage: superpacketd --interface IF [option]...\n"
	"\n"
	"Merges the packets that a NIC receives into superpackets before the stack sees\n"
	"them, and cuts the superpackets that the stack sends, over AF_XDP. Runs in the\n"
	"foreground.\n"
	"\n"
	"      --interface IF     the NIC, or a bond, whose members are served then\n"
	"      --mode MODE        inline: addresses stay on the NIC (default)\n"
	"                         port: the TAP is the interface and gets the addresses\n"
	"      --tap NAME         name of the TAP (default: sp-IF)\n"
	"      --tap-netns NETNS  port mode: the TAP's network namespace: its name in\n"
	"                         'ip netns', the PID of a process in it, or a path\n"
	"      --pinned DIR       use the program that xdp-loader loaded, with its maps\n"
	"                         pinned in DIR\n"
	"      --xdp-mode MODE    native-with-zerocopy, native, generic; or auto\n"
	"                         (default): the first of these that works\n"
	"      --queues N         serve NIC queues 0 to N-1; or all (default)\n"
	"      --memory SIZE      most memory of the daemon; default: a quarter of what\n"
	"                         its machine or cgroup has available\n"
	"      --cpus LIST        CPUs of the workers, like 2,4-7: one for each queue, in\n"
	"                         turns; none: any; auto (default): those near the NIC\n"
	"      --nice N           of its threads, -20 to 19; 0: leave it; default\n"
	"                         -10, unless it was started with another value than 0\n"
	"      --merge LIST       what is merged: tcp (default), udp, vxlan, geneve, gre,\n"
	"                         ipip, separated by commas; or none. gre and ipip are\n"
	"                         for hosts that terminate all those tunnels\n"
	"      --hold TIME        how long a packet may be held across bursts; 0: to the\n"
	"                         end of its burst (default)\n"
	"      --idle TIME        with --hold: flush everything when no packet came for\n"
	"                         this long; 0: off (default)\n"
	"      --max-packets N    most packets of a superpacket, 2 to 512 (default)\n"
	"      --max-bytes SIZE   most bytes of a superpacket, up to 65535 (default);\n"
	"                         above that, up to 524280, TCP over IPv6 as BIG TCP\n"
	"      --max-flows N      most flows held at the same time, up to 4096 (default);\n"
	"                         then the oldest is flushed, or with N,all all of them\n"
	"      --min-payload SIZE packets with less payload are not merged; default 0\n"
	"      --pass-ports LIST  up to 16 TCP or UDP ports whose packets are not merged\n"
	"      --adaptive on|off  on: a flow whose packets keep failing to merge is left\n"
	"                         alone for a while; default off\n"
	"      --egress HOW       auto (default): inline, what is sent is left to the\n"
	"                         kernel where the NIC has a qdisc that shapes; ignore:\n"
	"                         it never is\n"
	"      --ip-id HOW        IPv4 IDs of segments: increment (default); or shared:\n"
	"                         one for all segments of a superpacket, if DF is set\n"
	"      --transmit HOW     slices: a header, and slices of the payload in place;\n"
	"                         built: each segment is copied together; auto (default):\n"
	"                         the faster one\n"
	"      --tx-checksum WHO  nic: the NIC finishes checksums; software: the daemon\n"
	"                         does; auto (default): the NIC, if a test packet shows\n"
	"                         that it does\n"
	"      --wait HOW         what a worker does without work: event (default): it\n"
	"                         sleeps; spin:TIME: it polls for that long, then sleeps;\n"
	"                         poll: it never sleeps, and takes a CPU for each queue\n"
	"      --user NAME|UID    become this user, keeping the capabilities needed\n"
	"  -v, --verbose          log more\n"
	"  -q, --quiet            log only warnings and errors\n"
	"  -h, --help             this text\n"
	"  -V, --version          the version\n"
	"\n"
	"TIME is 50us, 1ms, 1s; a plain number is microseconds. SIZE is bytes, or 64K or\n"
	"1M, in units of 1024. An option may not be given twice with different values.\n"
	"\n"
	"SIGTERM and SIGINT end the daemon: it drains its queues and restores settings of\n"
	"the NIC. A second signal ends it at once.\n"
	"Exit codes: 0 ok, 1 failed, 2 usage, 5 no permission, 6 not supported.\n";
/* clang-format on */

static bool refuse(struct config *config, const char *option, const char *value, const char *accepted)
{
	snprintf(config->error, sizeof config->error, "--%s: '%.64s' is not accepted; give %s", option, value,
		 accepted);
	return false;
}

/* Index of value in words, -1 when it is none of them. */
static int word_index(const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(value, words[i]))
			return i;
	return -1;
}

static bool parse_number(const char *value, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t n;
	bool right = quantity_count(value, min, max, &n);

	if (right)
		*number = (uint32_t)n;
	return right;
}

static bool parse_bytes(const char *value, uint32_t min, uint32_t max, uint32_t *bytes)
{
	uint64_t n;
	bool right = quantity_bytes(value, min, max, &n);

	if (right)
		*bytes = (uint32_t)n;
	return right;
}

/* Whether the kernel accepts the name (net/core/dev.c dev_valid_name), up to len_max bytes; and no %,
 * which it would take as a template. */
static bool name_valid(const char *name, size_t len_max)
{
	if (!*name || strlen(name) > len_max || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || *name == '%' || isspace((unsigned char)*name) ||
		    iscntrl((unsigned char)*name))
			return false;
	return true;
}

static bool parse_interface(struct config *config, const char *value)
{
	if (!name_valid(value, INTERFACE_LEN_MAX))
		return refuse(config, "interface", value, "the name of a network interface");
	config->interface = value;
	return true;
}

static bool parse_mode(struct config *config, const char *value)
{
	static const char *const words[] = { [CONFIG_INLINE] = "inline", [CONFIG_PORT] = "port", NULL };
	int mode = word_index(value, words);

	if (mode < 0)
		return refuse(config, "mode", value, "inline or port");
	config->mode = (enum config_mode)mode;
	config->mode_asked = true;
	return true;
}

static bool parse_tap(struct config *config, const char *value)
{
	if (!name_valid(value, IFNAMSIZ - 1))
		return refuse(config, "tap", value, "a name of 1 to 15 characters without blank, '/', ':' and '%'");
	config->tap = value;
	return true;
}

static bool parse_tap_netns(struct config *config, const char *value)
{
	char path[NETNS_PATH_LEN];

	if (netns_path(path, value))
		return refuse(config, "tap-netns", value,
			      "the name of a network namespace ('ip netns'), a PID, or a path");
	config->tap_netns = value;
	return true;
}

static bool parse_pinned(struct config *config, const char *value)
{
	if (!*value)
		return refuse(config, "pinned", value, "the directory that 'xdp-loader load -p' pinned the maps in");
	config->pinned = value;
	return true;
}

static bool parse_xdp_mode(struct config *config, const char *value)
{
	static const struct {
		const char *word;
		enum steer_xdp_mode mode;
		enum modes_pin pin;
	} modes[] = {
		{ "auto", STEER_XDP_AUTO, MODES_PIN_NONE },
		{ "native-with-zerocopy", STEER_XDP_NATIVE, MODES_PIN_ZEROCOPY },
		{ "native", STEER_XDP_NATIVE, MODES_PIN_COPY },
		{ "generic", STEER_XDP_GENERIC, MODES_PIN_NONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(value, modes[i].word) != 0)
			continue;
		config->xdp_mode = modes[i].mode;
		config->pin = modes[i].pin;
		return true;
	}
	return refuse(config, "xdp-mode", value, "native-with-zerocopy, native, generic or auto");
}

_Static_assert(TAP_QUEUES_MAX == 256, "a message below says 256");

static bool parse_queues(struct config *config, const char *value)
{
	if (!strcmp(value, "all")) {
		config->queues = 0;
		return true;
	}
	if (!parse_number(value, 1, TAP_QUEUES_MAX, &config->queues))
		return refuse(config, "queues", value, "a number from 1 to 256, or all");
	return true;
}

/* Less than this is a number without its unit. */
#define MEMORY_LEAST (1ull << 20)
#define MEMORY_MOST (1ull << 40)

static bool parse_memory(struct config *config, const char *value)
{
	if (!quantity_bytes(value, MEMORY_LEAST, MEMORY_MOST, &config->memory))
		return refuse(config, "memory", value, "a size of at least 1M, like 256M");
	return true;
}

static bool parse_cpus(struct config *config, const char *value)
{
	if (!strcmp(value, "auto"))
		config->cpus = CPUS_AUTO;
	else if (!strcmp(value, "none"))
		config->cpus = CPUS_NONE;
	else if (cpus_parse(&config->cpu_list, value))
		config->cpus = CPUS_LIST;
	else
		return refuse(config, "cpus", value, "a list of CPUs like 2,4-7, each once; or auto, or none");
	return true;
}

static bool parse_nice(struct config *config, const char *value)
{
	const bool negative = *value == '-';
	uint32_t number;

	if (!parse_number(value + negative, 0, negative ? 20 : 19, &number))
		return refuse(config, "nice", value, "a number from -20 to 19");
	config->nice = negative ? -(int)number : (int)number;
	config->nice_asked = true;
	return true;
}

const char *const config_merge_names[CONFIG_MERGE_CNT] = { "tcp", "udp", "vxlan", "geneve", "gre", "ipip" };
_Static_assert(GRO_MERGE_ALL == (1u << CONFIG_MERGE_CNT) - 1 && GRO_MERGE_IPIP == 1u << 5,
	       "the names above are in the order of the bits");

/* The bit of a name; 0: it is none of them. */
static uint32_t merge_bit(const char *word, size_t len)
{
	for (uint32_t i = 0; i < CONFIG_MERGE_CNT; i++)
		if (strlen(config_merge_names[i]) == len && !memcmp(config_merge_names[i], word, len))
			return 1u << i;
	return 0;
}

/* A list with commas, or "none" alone. */
static bool parse_merge(struct config *config, const char *value)
{
	const char *word = value;

	config->gro.merge = 0;
	while (strcmp(value, "none")) {
		size_t len = strcspn(word, ",");
		uint32_t bit = merge_bit(word, len);

		if (!bit)
			return refuse(config, "merge", value,
				      "a list of tcp, udp, vxlan, geneve, gre and ipip, or none");
		config->gro.merge |= bit;
		if (!word[len])
			break;
		word += len + 1;
	}
	return true;
}

uint32_t config_serve(uint32_t merge)
{
	uint32_t serve = STEER_SERVE_TCP;

	if (merge & (GRO_MERGE_UDP | GRO_MERGE_VXLAN | GRO_MERGE_GENEVE))
		serve |= STEER_SERVE_UDP;
	if (merge & GRO_MERGE_GRE)
		serve |= STEER_SERVE_GRE;
	if (merge & GRO_MERGE_IPIP)
		serve |= STEER_SERVE_IPIP;
	return serve;
}

static bool parse_time(struct config *config, const char *option, const char *value, uint64_t *ns)
{
	uint64_t us;

	if (!quantity_us(value, 0, CONFIG_HOLD_MAX_US, &us))
		return refuse(config, option, value, "a time from 0 to 1s, in us (plain numbers, too), ms or s");
	*ns = us * 1000;
	return true;
}

static bool parse_hold(struct config *config, const char *value)
{
	return parse_time(config, "hold", value, &config->gro.hold_ns);
}

static bool parse_idle(struct config *config, const char *value)
{
	return parse_time(config, "idle", value, &config->gro.idle_ns);
}

static bool parse_max_packets(struct config *config, const char *value)
{
	if (!parse_number(value, 2, GRO_MAX_PACKETS, &config->gro.max_packets))
		return refuse(config, "max-packets", value, "a number from 2 to 512");
	return true;
}

/* With less than an IPv6 and a TCP header, nothing could ever be merged. */
#define MAX_BYTES_LEAST 100u

static bool parse_max_bytes(struct config *config, const char *value)
{
	if (!parse_bytes(value, MAX_BYTES_LEAST, GRO_BIG_BYTES_MAX, &config->gro.max_bytes))
		return refuse(config, "max-bytes", value, "bytes from 100 to 524280, or with the unit K");
	return true;
}

static bool parse_max_flows(struct config *config, const char *value)
{
	size_t len = strcspn(value, ",");
	char number[16];

	config->gro.flush_all_when_full = !strcmp(value + len, ",all");
	if ((value[len] && !config->gro.flush_all_when_full) || len >= sizeof number)
		goto wrong;
	memcpy(number, value, len);
	number[len] = '\0';
	if (parse_number(number, 1, CONFIG_FLOWS_MAX, &config->gro.flows))
		return true;
wrong:
	return refuse(config, "max-flows", value, "a number from 1 to 4096, or such a number and ',all'");
}

static bool parse_min_payload(struct config *config, const char *value)
{
	if (!parse_bytes(value, 0, UINT16_MAX, &config->gro.min_payload))
		return refuse(config, "min-payload", value, "bytes from 0 to 65535, or with the unit K");
	return true;
}

static bool parse_pass_ports(struct config *config, const char *value)
{
	const char *word = value;

	memset(config->gro.pass_ports, 0, sizeof config->gro.pass_ports);
	for (uint32_t i = 0; i < GRO_PASS_PORTS; i++) {
		size_t len = strcspn(word, ",");
		char number[8] = "";
		uint32_t port;

		if (len < sizeof number)
			memcpy(number, word, len);
		if (!parse_number(number, 1, UINT16_MAX, &port))
			break;
		config->gro.pass_ports[i] = (uint16_t)port;
		if (!word[len])
			return true;
		word += len + 1;
	}
	return refuse(config, "pass-ports", value, "up to 16 ports from 1 to 65535, separated by commas");
}

static bool parse_adaptive(struct config *config, const char *value)
{
	static const char *const words[] = { "off", "on", NULL };
	int on = word_index(value, words);

	if (on < 0)
		return refuse(config, "adaptive", value, "on or off");
	config->gro.adaptive = on;
	return true;
}

static bool parse_egress(struct config *config, const char *value)
{
	static const char *const words[] = { [CONFIG_EGRESS_AUTO] = "auto", [CONFIG_EGRESS_IGNORE] = "ignore", NULL };
	int egress = word_index(value, words);

	if (egress < 0)
		return refuse(config, "egress", value, "auto or ignore");
	config->egress = (enum config_egress)egress;
	return true;
}

static bool parse_ip_id(struct config *config, const char *value)
{
	static const char *const words[] = { "increment", "shared", NULL };
	int shared = word_index(value, words);

	if (shared < 0)
		return refuse(config, "ip-id", value, "increment or shared");
	config->shared_id = shared;
	return true;
}

static bool parse_transmit(struct config *config, const char *value)
{
	static const char *const words[] = { [MODES_TRANSMIT_AUTO] = "auto",
					     [MODES_TRANSMIT_SLICES] = "slices",
					     [MODES_TRANSMIT_BUILT] = "built",
					     NULL };
	int variant = word_index(value, words);

	if (variant < 0)
		return refuse(config, "transmit", value, "auto, slices or built");
	config->transmit = (enum modes_transmit)variant;
	return true;
}

static bool parse_tx_checksum(struct config *config, const char *value)
{
	static const char *const words[] = {
		[TX_CHECKSUM_AUTO] = "auto", [TX_CHECKSUM_NIC] = "nic", [TX_CHECKSUM_SOFTWARE] = "software", NULL
	};
	int who = word_index(value, words);

	if (who < 0)
		return refuse(config, "tx-checksum", value, "auto, nic or software");
	config->tx_checksum = (enum tx_checksum_ask)who;
	return true;
}

static bool parse_wait(struct config *config, const char *value)
{
	uint64_t us = 0;

	if (!strcmp(value, "poll"))
		config->spin_ns = UINT64_MAX;
	else if (!strcmp(value, "event") ||
		 (!strncmp(value, "spin:", 5) && quantity_us(value + 5, 1, CONFIG_SPIN_MAX_US, &us)))
		config->spin_ns = us * 1000;
	else
		return refuse(config, "wait", value, "event, poll, or spin: and a time from 1us to 1s");
	return true;
}

static bool parse_user(struct config *config, const char *value)
{
	if (!*value)
		return refuse(config, "user", value, "the name of a user, or its number");
	config->user = value;
	return true;
}

/*
 * How to add an option:
 *
 *      1. a member of struct config (config.h), and its default in set_defaults() below, if that is not 0
 *      2. a function parse_NAME() above, which refuses what is wrong and says what is accepted, and a row here
 *      3. two lines in config_help, and a paragraph in tools/man/superpacketd.8
 *      4. good and bad values in tests/unit/test_config.c
 *      5. if status should show what is in force, a row in status_fields.c
 */
static const struct {
	const char *name;
	bool (*parse)(struct config *config, const char *value);
} options[] = {
	{ "interface", parse_interface },
	{ "mode", parse_mode },
	{ "tap", parse_tap },
	{ "tap-netns", parse_tap_netns },
	{ "pinned", parse_pinned },
	{ "xdp-mode", parse_xdp_mode },
	{ "queues", parse_queues },
	{ "memory", parse_memory },
	{ "cpus", parse_cpus },
	{ "nice", parse_nice },
	{ "merge", parse_merge },
	{ "hold", parse_hold },
	{ "idle", parse_idle },
	{ "max-packets", parse_max_packets },
	{ "max-bytes", parse_max_bytes },
	{ "max-flows", parse_max_flows },
	{ "min-payload", parse_min_payload },
	{ "pass-ports", parse_pass_ports },
	{ "adaptive", parse_adaptive },
	{ "egress", parse_egress },
	{ "ip-id", parse_ip_id },
	{ "transmit", parse_transmit },
	{ "tx-checksum", parse_tx_checksum },
	{ "wait", parse_wait },
	{ "user", parse_user },
};

#define OPTION_FIRST 256 /* what getopt_long() returns for the first of options; letters are below */

static const struct option flags[] = {
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* How the option that getopt refuses was written. In a cluster of letters optind still stands at
 * the cluster, so a short one is known by its letter only. */
static const char *refused_option(char **argv, char letter[3])
{
	const char *arg = argv[optind - 1];

	if (!optopt || !strncmp(arg, "--", 2))
		return arg;
	letter[0] = '-';
	letter[1] = (char)optopt;
	letter[2] = '\0';
	return letter;
}

static enum config_verdict usage(struct config *config, const char *what, const char *arg)
{
	snprintf(config->error, sizeof config->error, "%s '%.64s'; see superpacketd --help", what, arg);
	return CONFIG_USAGE;
}

/*
 * Not adaptive: each request and response of TCP is pushed (R17), so of 15,000 none was held in vain, and there was
 * nothing to leave alone; and a flow that turns into a bulk flow would be left alone for too long.
 */
static void set_defaults(struct config *config)
{
	*config = (struct config){
		.gro = { .flows = CONFIG_FLOWS_MAX,
			 .max_packets = GRO_MAX_PACKETS,
			 .max_bytes = 65535,
			 .merge = GRO_MERGE_TCP },
		.nice = PRIORITY_NICE,
		.log_level = LOG_LEVEL_INFO,
	};
}

/* An option given twice with different values is an error, because the intent is ambiguous, and a service that serves
 * the wrong interface looks healthy. */
static bool check_twice(struct config *config, const char **given, const char *name, const char *value)
{
	if (*given && strcmp(*given, value)) {
		snprintf(config->error, sizeof config->error,
			 "--%s: given twice, as '%.64s' and as '%.64s'; give it once", name, *given, value);
		return false;
	}
	*given = value;
	return true;
}

/* What only the whole line can tell. */
static enum config_verdict check_line(struct config *config, int argc, char **argv)
{
	if (optind < argc && !config->interface) {
		snprintf(config->error, sizeof config->error,
			 "unexpected argument '%.64s'; did you mean --interface %.64s?", argv[optind], argv[optind]);
		return CONFIG_USAGE;
	}
	if (optind < argc)
		return usage(config, "unexpected argument", argv[optind]);
	if (!config->interface) {
		snprintf(config->error, sizeof config->error,
			 "no interface given; try superpacketd --interface IF, see 'ip link'");
		return CONFIG_USAGE;
	}
	if (config->gro.idle_ns && !config->gro.hold_ns) {
		snprintf(config->error, sizeof config->error,
			 "--idle: has no effect without --hold, as packets are held only to the end of a burst");
		return CONFIG_USAGE;
	}
	if (config->tap_netns && config->mode == CONFIG_INLINE) {
		snprintf(config->error, sizeof config->error,
			 "--tap-netns: inline, the TAP must be where the NIC is; give --mode port with it");
		return CONFIG_USAGE;
	}
	return CONFIG_RUN;
}

enum config_verdict config_parse(struct config *config, int argc, char **argv)
{
	struct option long_options[ARRAY_SIZE(options) + ARRAY_SIZE(flags)];
	const char *given[ARRAY_SIZE(options)] = { NULL };
	char letter[3];
	int option;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		long_options[i] = (struct option){ options[i].name, required_argument, NULL, OPTION_FIRST + (int)i };
	memcpy(long_options + ARRAY_SIZE(options), flags, sizeof flags);
	set_defaults(config);
	optind = 0; /* glibc: begin anew; the tests parse many lines */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":hVvq", long_options, NULL)) != -1) {
		const int i = option - OPTION_FIRST;

		if (option == 'h')
			return CONFIG_HELP;
		if (option == 'V')
			return CONFIG_VERSION;
		if (option == ':')
			return usage(config, "no value given for option", argv[optind - 1]);
		if (option == '?')
			return usage(config, "unknown or ambiguous option", refused_option(argv, letter));
		if (i < 0) /* the last of -v and -q counts */
			config->log_level = option == 'v' ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
		else if (!options[i].parse(config, optarg) || !check_twice(config, &given[i], options[i].name, optarg))
			return CONFIG_USAGE;
	}
	return check_line(config, argc, argv);
}

void config_tap_name(char name[IFNAMSIZ], const char *interface, uint32_t ifindex)
{
	char suffix[12];
	int room;

	if ((size_t)snprintf(name, IFNAMSIZ, "sp-%s", interface) < IFNAMSIZ)
		return;
	room = IFNAMSIZ - 1 - (int)strlen("sp-") - snprintf(suffix, sizeof suffix, ".%u", ifindex);
	snprintf(name, IFNAMSIZ, "sp-%.*s%s", room, interface, suffix);
}
