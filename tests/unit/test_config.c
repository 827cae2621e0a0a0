// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config.h"

#define ARGS_MAX 12

struct line {
	const char *what;
	const char *args[ARGS_MAX];
	enum config_verdict verdict;
	const char *says; /* a part of the error, for CONFIG_USAGE */
};

static enum config_verdict parse(struct config *config, const char *const args[ARGS_MAX])
{
	char *argv[ARGS_MAX + 2] = { "superpacketd" };
	int argc = 1;

	/* getopt reorders the pointers, never the strings. */
	for (; argc <= ARGS_MAX && args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	return config_parse(config, argc, argv);
}

/* clang-format off: a row a line, or two */
static const struct line lines[] = {
	{ "only the interface", { "--interface", "eth0" }, CONFIG_RUN, NULL },
	{ "value behind =", { "--interface=eth0", "--mode=port" }, CONFIG_RUN, NULL },
	{ "an altname, longer than a name", { "--interface=enp0s31f6-the-long-one" }, CONFIG_RUN, NULL },
	{ "everything",
	  { "--interface=eth0", "--mode=inline", "--tap=x", "--pinned=/d", "--queues=2", "--merge=tcp", "--hold=50",
	    "--xdp-mode=native", "--transmit=built", "-v" },
	  CONFIG_RUN,
	  NULL },
	{ "all queues", { "--interface=eth0", "--queues=all" }, CONFIG_RUN, NULL },
	{ "most queues", { "--interface=eth0", "--queues=256" }, CONFIG_RUN, NULL },
	{ "longest hold", { "--interface=eth0", "--hold=1000000" }, CONFIG_RUN, NULL },
	{ "namespace of the TAP", { "--interface=eth0", "--mode=port", "--tap-netns=web" }, CONFIG_RUN, NULL },
	{ "longest TAP name", { "--interface=eth0", "--tap=abcdefghijklmno" }, CONFIG_RUN, NULL },
	{ "help", { "--help" }, CONFIG_HELP, NULL },
	{ "help, short", { "-h" }, CONFIG_HELP, NULL },
	{ "version", { "-V" }, CONFIG_VERSION, NULL },
	{ "version, long", { "--interface=eth0", "--version" }, CONFIG_VERSION, NULL },

	{ "nothing", { NULL }, CONFIG_USAGE, "no interface given" },
	{ "interface without value", { "--interface" }, CONFIG_USAGE, "'--interface'" },
	{ "empty interface", { "--interface=" }, CONFIG_USAGE, "--interface: ''" },
	{ "interface with a slash", { "--interface=../x" }, CONFIG_USAGE, "--interface: '../x'" },
	{ "interface that is a dot", { "--interface=." }, CONFIG_USAGE, "--interface: '.'" },
	{ "unknown option", { "--interface=eth0", "--speed=9" }, CONFIG_USAGE, "'--speed=9'" },
	{ "unknown letter", { "--interface=eth0", "-x" }, CONFIG_USAGE, "'-x'" },
	{ "unknown letter in a cluster", { "--interface=eth0", "-vx" }, CONFIG_USAGE, "'-x'" },
	{ "an argument too many", { "--interface=eth0", "eth1" }, CONFIG_USAGE, "'eth1'" },
	{ "an interface without its option",
	  { "eth0" },
	  CONFIG_USAGE,
	  "unexpected argument 'eth0'; did you mean --interface eth0?" },
	{ "unknown mode",
	  { "--interface=eth0", "--mode=bridge" },
	  CONFIG_USAGE,
	  "--mode: 'bridge' is not accepted; give inline or port" },
	{ "mode in capitals", { "--interface=eth0", "--mode=Inline" }, CONFIG_USAGE, "'Inline'" },
	{ "unknown XDP mode",
	  { "--interface=eth0", "--xdp-mode=skb" },
	  CONFIG_USAGE,
	  "--xdp-mode: 'skb' is not accepted; give native-with-zerocopy, native, generic or auto" },
	{ "no queue", { "--interface=eth0", "--queues=0" }, CONFIG_USAGE, "--queues: '0'" },
	{ "too many queues", { "--interface=eth0", "--queues=257" }, CONFIG_USAGE, "--queues: '257'" },
	{ "negative queues", { "--interface=eth0", "--queues=-1" }, CONFIG_USAGE, "--queues: '-1'" },
	{ "queues that overflow",
	  { "--interface=eth0", "--queues=4294967297" },
	  CONFIG_USAGE,
	  "--queues: '4294967297'" },
	{ "queues with a unit", { "--interface=eth0", "--queues=2x" }, CONFIG_USAGE, "--queues: '2x'" },
	{ "memory", { "--interface=eth0", "--memory=64M" }, CONFIG_RUN, NULL },
	{ "memory without its unit",
	  { "--interface=eth0", "--memory=64" },
	  CONFIG_USAGE,
	  "--memory: '64' is not accepted; give a size of at least 1M, like 256M" },
	{ "a user", { "--interface=eth0", "--user=nobody" }, CONFIG_RUN, NULL },
	{ "no user", { "--interface=eth0", "--user=" }, CONFIG_USAGE, "--user: ''" },
	{ "no CPU", { "--interface=eth0", "--cpus=" }, CONFIG_USAGE, "--cpus: ''" },
	{ "a CPU twice", { "--interface=eth0", "--cpus=1,0-2" }, CONFIG_USAGE, "--cpus: '1,0-2'" },
	{ "any CPU", { "--interface=eth0", "--cpus=none" }, CONFIG_RUN, NULL },
	{ "some CPUs", { "--interface=eth0", "--cpus=3,0-1" }, CONFIG_RUN, NULL },
	{ "no nice value", { "--interface=eth0", "--nice=" }, CONFIG_USAGE, "give a number from -20 to 19" },
	{ "nice below the least", { "--interface=eth0", "--nice=-21" }, CONFIG_USAGE, "--nice: '-21'" },
	{ "nice above the highest", { "--interface=eth0", "--nice=20" }, CONFIG_USAGE, "--nice: '20'" },
	{ "nice with two signs", { "--interface=eth0", "--nice=--5" }, CONFIG_USAGE, "--nice: '--5'" },
	{ "nice, least", { "--interface=eth0", "--nice", "-20" }, CONFIG_RUN, NULL },
	{ "nice, highest", { "--interface=eth0", "--nice=19" }, CONFIG_RUN, NULL },
	{ "empty queues", { "--interface=eth0", "--queues=" }, CONFIG_USAGE, "--queues: ''" },
	{ "queues in hex", { "--interface=eth0", "--queues=0x2" }, CONFIG_USAGE, "'0x2'" },
	{ "hold too long",
	  { "--interface=eth0", "--hold=1000001" },
	  CONFIG_USAGE,
	  "--hold: '1000001' is not accepted; give a time from 0 to 1s, in us (plain numbers, too), ms or s" },
	{ "hold with a blank", { "--interface=eth0", "--hold= 5" }, CONFIG_USAGE, "--hold: ' 5'" },
	{ "hold with a sign", { "--interface=eth0", "--hold=+5" }, CONFIG_USAGE, "--hold: '+5'" },
	{ "hold with a fraction", { "--interface=eth0", "--hold=1.5" }, CONFIG_USAGE, "'1.5'" },
	{ "unknown protocol",
	  { "--interface=eth0", "--merge=tcp,sctp" },
	  CONFIG_USAGE,
	  "--merge: 'tcp,sctp' is not accepted; give a list of tcp, udp, vxlan, geneve, gre and ipip, or none" },
	{ "protocol in capitals", { "--interface=eth0", "--merge=UDP" }, CONFIG_USAGE, "--merge: 'UDP'" },
	{ "beginning of a protocol", { "--interface=eth0", "--merge=vx" }, CONFIG_USAGE, "--merge: 'vx'" },
	{ "merge none and some", { "--interface=eth0", "--merge=none,tcp" }, CONFIG_USAGE, "--merge: 'none,tcp'" },
	{ "merge some and none", { "--interface=eth0", "--merge=udp,none" }, CONFIG_USAGE, "--merge: 'udp,none'" },
	{ "merge with an empty word", { "--interface=eth0", "--merge=tcp," }, CONFIG_USAGE, "'tcp,'" },
	{ "merge with a blank", { "--interface=eth0", "--merge=tcp, udp" }, CONFIG_USAGE, "'tcp, udp'" },
	{ "empty merge", { "--interface=eth0", "--merge=" }, CONFIG_USAGE, "--merge: ''" },
	{ "idle without hold",
	  { "--interface=eth0", "--idle=10" },
	  CONFIG_USAGE,
	  "--idle: has no effect without --hold" },
	{ "idle too long",
	  { "--interface=eth0", "--hold=1", "--idle=1000001" },
	  CONFIG_USAGE,
	  "--idle: '1000001' is not accepted; give a time from 0 to 1s" },
	{ "one packet is no superpacket",
	  { "--interface=eth0", "--max-packets=1" },
	  CONFIG_USAGE,
	  "--max-packets: '1' is not accepted; give a number from 2 to 512" },
	{ "too many packets", { "--interface=eth0", "--max-packets=513" }, CONFIG_USAGE, "'513'" },
	{ "no bytes", { "--interface=eth0", "--max-bytes=0" }, CONFIG_USAGE, "--max-bytes: '0'" },
	{ "too many bytes",
	  { "--interface=eth0", "--max-bytes=524281" },
	  CONFIG_USAGE,
	  "--max-bytes: '524281' is not accepted; give bytes from 100 to 524280, or with the unit K" },
	{ "bytes with a unit", { "--interface=eth0", "--max-bytes=64K" }, CONFIG_RUN, NULL },
	{ "bytes with a time's unit", { "--interface=eth0", "--max-bytes=64ms" }, CONFIG_USAGE, "--max-bytes: '64ms'" },
	{ "too many bytes with a unit", { "--interface=eth0", "--max-bytes=1M" }, CONFIG_USAGE, "'1M'" },
	{ "hold with a size's unit", { "--interface=eth0", "--hold=1K" }, CONFIG_USAGE, "--hold: '1K'" },
	{ "hold too long with a unit", { "--interface=eth0", "--hold=2s" }, CONFIG_USAGE, "--hold: '2s'" },
	{ "packets have no unit",
	  { "--interface=eth0", "--max-packets=1K" },
	  CONFIG_USAGE,
	  "--max-packets: '1K' is not accepted; give a number from 2 to 512" },
	{ "no flow",
	  { "--interface=eth0", "--max-flows=0" },
	  CONFIG_USAGE,
	  "--max-flows: '0' is not accepted; give a number from 1 to 4096" },
	{ "too many flows", { "--interface=eth0", "--max-flows=4097,all" }, CONFIG_USAGE, "'4097,all'" },
	{ "flows, and then?", { "--interface=eth0", "--max-flows=5,some" }, CONFIG_USAGE, "'5,some'" },
	{ "flows and nothing", { "--interface=eth0", "--max-flows=5," }, CONFIG_USAGE, "'5,'" },
	{ "all flows", { "--interface=eth0", "--max-flows=,all" }, CONFIG_USAGE, "',all'" },
	{ "flows of many digits",
	  { "--interface=eth0", "--max-flows=00000000000000000000001" },
	  CONFIG_USAGE,
	  "--max-flows" },
	{ "payload that no packet has",
	  { "--interface=eth0", "--min-payload=65536" },
	  CONFIG_USAGE,
	  "--min-payload: '65536' is not accepted; give bytes from 0 to 65535, or with the unit K" },
	{ "port 0",
	  { "--interface=eth0", "--pass-ports=22,0" },
	  CONFIG_USAGE,
	  "--pass-ports: '22,0' is not accepted; give up to 16 ports from 1 to 65535" },
	{ "port too large", { "--interface=eth0", "--pass-ports=65536" }, CONFIG_USAGE, "'65536'" },
	{ "port by name", { "--interface=eth0", "--pass-ports=ssh" }, CONFIG_USAGE, "'ssh'" },
	{ "ports with an empty word", { "--interface=eth0", "--pass-ports=22," }, CONFIG_USAGE, "'22,'" },
	{ "no ports", { "--interface=eth0", "--pass-ports=" }, CONFIG_USAGE, "--pass-ports: ''" },
	{ "seventeen ports",
	  { "--interface=eth0", "--pass-ports=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17" },
	  CONFIG_USAGE,
	  "up to 16 ports" },
	{ "sixteen ports",
	  { "--interface=eth0", "--pass-ports=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,65535" },
	  CONFIG_RUN,
	  NULL },
	{ "adaptive, perhaps",
	  { "--interface=eth0", "--adaptive=auto" },
	  CONFIG_USAGE,
	  "--adaptive: 'auto' is not accepted; give on or off" },
	{ "egress, perhaps",
	  { "--interface=eth0", "--egress=off" },
	  CONFIG_USAGE,
	  "--egress: 'off' is not accepted; give auto or ignore" },
	{ "IDs, at random",
	  { "--interface=eth0", "--ip-id=random" },
	  CONFIG_USAGE,
	  "--ip-id: 'random' is not accepted; give increment or shared" },
	{ "empty name of a namespace", { "--interface=eth0", "--mode=port", "--tap-netns=" }, CONFIG_USAGE, "a PID" },
	{ "namespace inline", { "--interface=eth0", "--tap-netns=web" }, CONFIG_USAGE, "give --mode port" },
	{ "empty TAP name", { "--interface=eth0", "--tap=" }, CONFIG_USAGE, "--tap: ''" },
	{ "TAP name too long", { "--interface=eth0", "--tap=abcdefghijklmnop" }, CONFIG_USAGE, "1 to 15 characters" },
	{ "TAP name with a blank", { "--interface=eth0", "--tap=a b" }, CONFIG_USAGE, "'a b'" },
	{ "TAP name that is a template", { "--interface=eth0", "--tap=tap%d" }, CONFIG_USAGE, "'tap%d'" },
	{ "empty pin directory", { "--interface=eth0", "--pinned=" }, CONFIG_USAGE, "--pinned: ''" },
	{ "unknown checksummer",
	  { "--interface=eth0", "--tx-checksum=hardware" },
	  CONFIG_USAGE,
	  "--tx-checksum: 'hardware' is not accepted; give auto, nic or software" },
	{ "unknown transmit",
	  { "--interface=eth0", "--transmit=fast" },
	  CONFIG_USAGE,
	  "--transmit: 'fast' is not accepted; give auto, slices or built" },
};
/* clang-format on */

static void check(const struct line *line)
{
	struct config config;
	enum config_verdict verdict = parse(&config, line->args);

	cr_expect_eq(verdict, line->verdict, "%s: verdict %d, not %d (%s)", line->what, verdict, line->verdict,
		     config.error);
	if (line->says)
		cr_expect(strstr(config.error, line->says), "%s: '%s' is not in \"%s\"", line->what, line->says,
			  config.error);
	cr_expect_not(strchr(config.error, '\n'), "%s: more than a line", line->what);
}

Test(config, lines)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		check(&lines[i]);
}

Test(config, defaults)
{
	struct config config;

	cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface", "eth0" }), CONFIG_RUN);
	cr_expect_str_eq(config.interface, "eth0");
	cr_expect_eq(config.mode, CONFIG_INLINE);
	cr_expect_not(config.mode_asked);
	cr_expect_null(config.tap);
	cr_expect_null(config.pinned);
	cr_expect_eq(config.xdp_mode, STEER_XDP_AUTO);
	cr_expect_eq(config.pin, MODES_PIN_NONE);
	cr_expect_eq(config.queues, 0, "all");
	cr_expect_eq(config.nice, -10);
	cr_expect_not(config.nice_asked);
	cr_expect_eq(config.gro.merge, GRO_MERGE_TCP);
	cr_expect_eq(config.gro.hold_ns, 0);
	cr_expect_eq(config.gro.idle_ns, 0);
	cr_expect_eq(config.gro.max_packets, GRO_MAX_PACKETS);
	cr_expect_eq(config.gro.max_bytes, 65535);
	cr_expect_eq(config.gro.flows, CONFIG_FLOWS_MAX);
	cr_expect_not(config.gro.flush_all_when_full);
	cr_expect_eq(config.gro.min_payload, 0);
	cr_expect_eq(config.gro.pass_ports[0], 0);
	cr_expect_not(config.gro.adaptive);
	cr_expect_not(config.shared_id);
	cr_expect_eq(config.transmit, MODES_TRANSMIT_AUTO);
	cr_expect_eq(config.egress, CONFIG_EGRESS_AUTO);
	cr_expect_eq(config.tx_checksum, TX_CHECKSUM_AUTO);
	cr_expect_eq(config.spin_ns, 0, "event");
	cr_expect_eq(config.log_level, LOG_LEVEL_INFO);
}

Test(config, values)
{
	struct config config;

	cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=veth0", "--mode=port", "--tap=tap0",
							      "--pinned=/sys/fs/bpf/x", "--xdp-mode", "generic",
							      "--queues=3", "--merge=none", "--hold=250",
							      "--transmit=slices", "--tx-checksum=nic", "-q" }),
		     CONFIG_RUN, "%s", config.error);
	cr_expect_eq(config.mode, CONFIG_PORT);
	cr_expect(config.mode_asked);
	cr_expect_str_eq(config.tap, "tap0");
	cr_expect_str_eq(config.pinned, "/sys/fs/bpf/x");
	cr_expect_eq(config.xdp_mode, STEER_XDP_GENERIC);
	cr_expect_eq(config.queues, 3);
	cr_expect_eq(config.gro.merge, 0);
	cr_expect_eq(config.gro.hold_ns, 250000);
	cr_expect_eq(config.transmit, MODES_TRANSMIT_SLICES);
	cr_expect_eq(config.tx_checksum, TX_CHECKSUM_NIC);
	cr_expect_eq(config.log_level, LOG_LEVEL_WARNING);
}

Test(config, how_to_wait)
{
	static const struct {
		const char *option;
		uint64_t spin_ns;
	} cases[] = {
		{ "--wait=event", 0 },         { "--wait=poll", UINT64_MAX },
		{ "--wait=spin:1", 1000 },     { "--wait=spin:1000000", 1000000000 },
		{ "--wait=spin:50us", 50000 }, { "--wait=spin:1s", 1000000000 },
	};
	static const char *const refused[] = { "--wait=",        "--wait=spin",         "--wait=spin:",
					       "--wait=spin:0",  "--wait=spin:1000001", "--wait=spin:-1",
					       "--wait=spin:2s", "--wait=spin:5m",      "--wait=busy" };
	struct config config;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=eth0", cases[i].option }),
			     CONFIG_RUN);
		cr_expect_eq(config.spin_ns, cases[i].spin_ns, "%s", cases[i].option);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		cr_expect_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=eth0", refused[i] }), CONFIG_USAGE,
			     "%s", refused[i]);
		cr_expect_not_null(strstr(config.error, "event, poll, or spin:"), "%s", config.error);
	}
}

Test(config, modes_are_pinned)
{
	static const struct {
		const char *option;
		enum steer_xdp_mode mode;
		enum modes_pin pin;
	} cases[] = {
		{ "--xdp-mode=auto", STEER_XDP_AUTO, MODES_PIN_NONE },
		{ "--xdp-mode=native-with-zerocopy", STEER_XDP_NATIVE, MODES_PIN_ZEROCOPY },
		{ "--xdp-mode=native", STEER_XDP_NATIVE, MODES_PIN_COPY },
		{ "--xdp-mode=generic", STEER_XDP_GENERIC, MODES_PIN_NONE },
	};
	struct config config;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=eth0", cases[i].option }),
			     CONFIG_RUN);
		cr_expect_eq(config.xdp_mode, cases[i].mode, "%s", cases[i].option);
		cr_expect_eq(config.pin, cases[i].pin, "%s", cases[i].option);
	}
}

Test(config, an_option_twice_is_an_error_that_names_both_values)
{
	static const struct line twice[] = {
		{ "two interfaces",
		  { "--interface", "a", "--interface", "b" },
		  CONFIG_USAGE,
		  "--interface: given twice, as 'a' and as 'b'; give it once" },
		{ "a service's, and one of its options",
		  { "--interface=a", "--queues=2", "--queues=all" },
		  CONFIG_USAGE,
		  "--queues: given twice, as '2' and as 'all'" },
		{ "two lists are not joined",
		  { "--interface=a", "--pass-ports=1,2", "--pass-ports=443" },
		  CONFIG_USAGE,
		  "--pass-ports: given twice, as '1,2' and as '443'" },
		{ "the same twice",
		  { "--interface=a", "--hold=1ms", "--interface", "a", "--hold=1ms" },
		  CONFIG_RUN,
		  NULL },
		{ "three, the odd one last",
		  { "--interface=a", "--interface=a", "--interface=b" },
		  CONFIG_USAGE,
		  "--interface" },
		{ "different options", { "--interface=a", "--tap=a", "--hold=1", "--idle=1" }, CONFIG_RUN, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(twice); i++)
		check(&twice[i]);
}

Test(config, of_verbose_and_quiet_the_last_counts)
{
	struct config config;

	cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=a", "-q", "-v" }), CONFIG_RUN);
	cr_expect_eq(config.log_level, LOG_LEVEL_DEBUG);
	cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=a", "-vq" }), CONFIG_RUN);
	cr_expect_eq(config.log_level, LOG_LEVEL_WARNING);
}

Test(config, units)
{
	struct config config;

	cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=a", "--hold=1ms", "--idle=50us",
							      "--max-bytes=128K", "--min-payload=1K" }),
		     CONFIG_RUN, "%s", config.error);
	cr_expect_eq(config.gro.hold_ns, 1000000);
	cr_expect_eq(config.gro.idle_ns, 50000);
	cr_expect_eq(config.gro.max_bytes, 131072);
	cr_expect_eq(config.gro.min_payload, 1024);
}

Test(config, conditions)
{
	struct config config;

	cr_assert_eq(
		parse(&config, (const char *[ARGS_MAX]){ "--interface=a", "--hold=100", "--idle=20", "--max-packets=44",
							 "--max-bytes=200000", "--max-flows=128,all",
							 "--min-payload=64", "--pass-ports=22,8080", "--adaptive=on",
							 "--ip-id=shared", "--egress=ignore" }),
		CONFIG_RUN, "%s", config.error);
	cr_expect_eq(config.gro.idle_ns, 20000);
	cr_expect_eq(config.gro.max_packets, 44);
	cr_expect_eq(config.gro.max_bytes, 200000);
	cr_expect_eq(config.gro.flows, 128);
	cr_expect(config.gro.flush_all_when_full);
	cr_expect_eq(config.gro.min_payload, 64);
	cr_expect_eq(config.gro.pass_ports[0], 22);
	cr_expect_eq(config.gro.pass_ports[1], 8080);
	cr_expect_eq(config.gro.pass_ports[2], 0);
	cr_expect(config.gro.adaptive);
	cr_expect(config.shared_id);
	cr_expect_eq(config.egress, CONFIG_EGRESS_IGNORE);
}

/* The outer protocol alone decides what is served; TCP always is. */
Test(config, merging_and_what_has_to_come_our_way)
{
	static const struct {
		const char *list;
		uint32_t merge, serve;
	} cases[] = {
		{ "none", 0, STEER_SERVE_TCP },
		{ "tcp", GRO_MERGE_TCP, STEER_SERVE_TCP },
		{ "udp", GRO_MERGE_UDP, STEER_SERVE_TCP | STEER_SERVE_UDP },
		{ "vxlan", GRO_MERGE_VXLAN, STEER_SERVE_TCP | STEER_SERVE_UDP },
		{ "geneve,tcp", GRO_MERGE_GENEVE | GRO_MERGE_TCP, STEER_SERVE_TCP | STEER_SERVE_UDP },
		{ "gre", GRO_MERGE_GRE, STEER_SERVE_TCP | STEER_SERVE_GRE },
		{ "tcp,ipip,tcp", GRO_MERGE_TCP | GRO_MERGE_IPIP, STEER_SERVE_TCP | STEER_SERVE_IPIP },
		{ "tcp,udp,vxlan,geneve,gre,ipip", GRO_MERGE_ALL,
		  STEER_SERVE_TCP | STEER_SERVE_UDP | STEER_SERVE_GRE | STEER_SERVE_IPIP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config;

		cr_assert_eq(parse(&config, (const char *[ARGS_MAX]){ "--interface=a", "--merge", cases[i].list }),
			     CONFIG_RUN);
		cr_expect_eq(config.gro.merge, cases[i].merge, "%s", cases[i].list);
		cr_expect_eq(config_serve(config.gro.merge), cases[i].serve, "%s", cases[i].list);
	}
}

Test(config, an_overlong_value_does_not_burst_the_message)
{
	char value[2000] = "--mode=", *argv[] = { "superpacketd", value, NULL };
	struct config config;

	memset(value + 7, 'x', sizeof value - 8);
	cr_expect_eq(config_parse(&config, 2, argv), CONFIG_USAGE);
	cr_expect(strstr(config.error, "give inline or port"), "%s", config.error);
}

Test(config, default_tap_names)
{
	char name[IFNAMSIZ], other[IFNAMSIZ];

	config_tap_name(name, "eth0", 7);
	cr_expect_str_eq(name, "sp-eth0");
	config_tap_name(name, "enp130s0f1np", 7);
	cr_expect_str_eq(name, "sp-enp130s0f1np", "just fits");
	config_tap_name(name, "enp130s0f1np1", 12);
	config_tap_name(other, "enp130s0f1np2", 13);
	cr_expect_str_eq(name, "sp-enp130s0f.12");
	cr_expect_str_neq(name, other, "names that begin alike stay apart");
	config_tap_name(name, "enp130s0f1np1", 4294967295u);
	cr_expect_str_eq(name, "sp-e.4294967295");
}

Test(config, help_fits_a_terminal)
{
	for (const char *line = config_help; *line; line += strcspn(line, "\n") + 1)
		cr_expect_leq(strcspn(line, "\n"), 80, "%.*s", (int)strcspn(line, "\n"), line);
}
