// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service.h"
#include "daemon/state.h"
#include "daemon/status_json.h"

/* The schema, written down a second time, because readers outside depend on it. */
static const char *const flat_names[] = {
	"rx_packets",
	"rx_bytes",
	"rx_superpackets",
	"rx_segments",
	"rx_big_superpackets",
	"rx_delivered_packets",
	"rx_delivered_bytes",
	"rx_held_packets",
	"rx_cut_again",
	"rx_checksum_errors",
	"rx_tap_unready",
	"tap_packets",
	"tap_bytes",
	"tx_superpackets",
	"tx_segments",
	"tx_ordinary",
	"tx_bytes",
	"tx_descriptors",
	"tx_wakeups",
	"tx_pauses",
	"tx_waiting",
	"polls",
	"overloads",
	"overload_slots",
	"frames_total",
	"frames_free",
	"frames_kernel",
	"frames_held",
	"slots_total",
	"slots_used",
	"buffers_total",
	"buffers_used",
	"stalls_completion",
	"stalls_fill",
	"stalls_tap",
	"stalls_arrival",
	"rebuilds",
	"tx_lost_descriptors",
	"frames_missing",
	"slots_missing",
	"buffers_missing",
};
static const char *const drop_names[] = { "rx_multibuffer", "rx_stale",    "rx_tap",   "tx_vnet",
					  "tx_malformed",   "tx_too_long", "tx_stale", "tx_rebuilt" };
static const char *const kernel_names[] = { "rx_lost", "rx_dropped", "rx_ring_full", "fill_ring_empty", "tx_invalid" };
static const char *const steer_names[] = STEER_COUNTER_NAMES;
static const char *const inline_names[] = INLINE_COUNTER_NAMES;

/* These replace those of the NIC, which need netlink. */
const char *netdev_xdp_name(uint32_t bit) { return bit == 1 ? "redirect" : NULL; }

const char *netdev_rx_metadata_name(uint32_t bit) { return bit ? "hash" : "timestamp"; }

const char *netdev_xsk_name(uint32_t bit)
{
	(void)bit;
	return "tx-timestamp";
}

/* This replaces the notification to systemd. */
static char told[128];

void service_status(const char *status) { snprintf(told, sizeof told, "%s", status); }

/* Every counter has another value, so that none can be mistaken for another. */
static void fill(struct worker_stats *stats, uint64_t first)
{
	for (size_t i = 0; i < STATS_WORDS; i++)
		((uint64_t *)stats)[i] = first + i;
}

static uint64_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	cr_expect(json_is_integer(value), "%s is not a number", name);
	return (uint64_t)json_integer_value(value);
}

static const struct gro_config gro = {
	.flows = 128,
	.max_packets = 44,
	.max_bytes = 200000,
	.min_payload = 64,
	.hold_ns = 50000,
	.idle_ns = 20000,
	.merge = GRO_MERGE_TCP | GRO_MERGE_VXLAN,
	.pass_ports = { 22, 8080 },
	.flush_all_when_full = true,
	.adaptive = true,
};

static const struct netdev dev = {
	.name = "veth0",
	.ifindex = 7,
	.driver = "veth",
	.kind = "veth",
	.xdp = { .told = NETDEV_TOLD_FEATURES | NETDEV_TOLD_RX_METADATA, .features = 6, .rx_metadata = 1 }
};

/* Two queues, of which the second has no carrier and runs on any CPU. */
static json_t *render(void)
{
	static struct status_queue queues[2];
	struct status status = {
		.asked = "wan",
		.netns = 4026531840u,
		.pid = 123,
		.version = "0.1.0",
		.uptime_s = 5,
		.mode = "inline",
		.mode_why = "the default",
		.tap.name = "sp-veth0",
		.wait = "spin",
		.spin_ns = 25000,
		.xdp_mode = "native",
		.xdp_why = "the driver can",
		.egress_out = "kernel",
		.egress_why = "root qdisc htb 1:",
		.ip_id = "shared",
		.when_full = "all",
		.state = "degraded",
		.state_why = "a worker hangs",
		.cpus_why = "asked for",
		.priority = "nice -5",
		.offloads = FRONTEND_CSUM | FRONTEND_USO | FRONTEND_UDP_TUNNEL_GSO,
		.proofs = { [FRONTEND_PROOF_TSO4] = { FRONTEND_KEPT, FRONTEND_CHANGED },
			    [FRONTEND_PROOF_BIG] = { FRONTEND_LOST, FRONTEND_UNASKED } },
		.inline_tc.there = true,
	};

	for (uint32_t q = 0; q < 2; q++) {
		queues[q] = (struct status_queue){ .queue = q,
						   .cpu = q ? -1 : 5,
						   .mode = "native",
						   .why = "no zero-copy",
						   .state = q ? "hung" : "ok",
						   .transmit = "slices",
						   .proved = !q,
						   .tx_checksum = "nic",
						   .facts = { .unaligned = true,
							      .tx_budget = 2048,
							      .choice = { .tx_checksum_why = "offload is on",
									  .unproved = q ? "no carrier" : NULL } },
						   .tried[1] = { "native", "built", true, "in force: it is" } };
		fill(&queues[q].counters, 1000 * (q + 1));
	}
	for (int i = 0; i < STEER_COUNTER_CNT; i++)
		status.steer[i] = 77 + (uint64_t)i;
	for (int i = 0; i < INLINE_COUNTER_CNT; i++)
		status.inline_tc.counters[i] = 177 + (uint64_t)i;
	status.tap_kernel.there = true;
	for (int i = 0; i < STATUS_TAP_CNT; i++)
		status.tap_kernel.counters[i] = 277 + (uint64_t)i;
	status.tap_link = "no carrier";
	status.nic_kernel.there = true;
	for (int i = 0; i < STATUS_NIC_CNT; i++)
		status.nic_kernel.counters[i] = 377 + (uint64_t)i;
	return status_json(&status, &dev, &gro, queues, 2);
}

/* All counters are there under their names, and their sum is that of the words of struct worker_stats. */
static void expect_counters(const json_t *object, uint64_t words_sum)
{
	const json_t *drops = json_object_get(object, "drops"), *kernel = json_object_get(object, "kernel");
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flat_names); i++)
		sum += number(object, flat_names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(drop_names); i++)
		sum += number(drops, drop_names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(kernel_names); i++)
		sum += number(kernel, kernel_names[i]);
	for (size_t i = 0; i < GRO_REASON_CNT; i++) {
		sum += number(json_object_get(object, "flushes"), gro_reason_names[i]);
		sum += number(json_object_get(object, "singles"), gro_reason_names[i]);
	}
	cr_expect_eq(sum, words_sum, "counters sum to %lu, not %lu", (unsigned long)sum, (unsigned long)words_sum);
	cr_expect_eq(json_object_size(drops), ARRAY_SIZE(drop_names));
	cr_expect_eq(json_object_size(kernel), ARRAY_SIZE(kernel_names));
	cr_expect_eq(json_object_size(json_object_get(object, "flushes")), GRO_REASON_CNT);
	cr_expect_eq(json_object_size(json_object_get(object, "singles")), GRO_REASON_CNT);
}

static uint64_t words_sum(uint64_t first) { return STATS_WORDS * first + STATS_WORDS * (STATS_WORDS - 1) / 2; }

Test(status, the_schema_of_a_daemon)
{
	json_t *daemon = render();
	const json_t *xdp = json_object_get(daemon, "xdp"), *merge = json_object_get(daemon, "merge");
	const json_t *egress = json_object_get(daemon, "egress");

	cr_expect_str_eq(json_string_value(json_object_get(daemon, "interface")), "veth0");
	cr_expect_eq(number(daemon, "ifindex"), 7);
	cr_expect_eq(number(daemon, "netns"), 4026531840u);
	cr_expect_eq(number(daemon, "pid"), 123);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "version")), "0.1.0");
	cr_expect_eq(number(daemon, "uptime_s"), 5);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "mode")), "inline");
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "mode_why")), "the default");
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "tap")), "sp-veth0");
	cr_expect_str_eq(json_string_value(json_object_get(xdp, "mode")), "native");
	cr_expect_str_eq(json_string_value(json_object_get(xdp, "why")), "the driver can");
	cr_expect_str_eq(json_string_value(json_object_get(egress, "out")), "kernel");
	cr_expect_str_eq(json_string_value(json_object_get(egress, "why")), "root qdisc htb 1:");
	cr_assert_eq(json_array_size(merge), 2);
	cr_expect_str_eq(json_string_value(json_array_get(merge, 0)), "tcp");
	cr_expect_eq(number(daemon, "hold_us"), 50);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "wait")), "spin");
	cr_expect_eq(number(daemon, "spin_us"), 25);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "asked")), "wan");
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "state")), "degraded");
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "state_why")), "a worker hangs");
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "cpus_why")), "asked for");
	for (size_t i = 0; i < STEER_COUNTER_CNT; i++)
		cr_expect_eq(number(json_object_get(daemon, "steer"), steer_names[i]), 77 + i);
	for (size_t i = 0; i < INLINE_COUNTER_CNT; i++)
		cr_expect_eq(number(json_object_get(daemon, "inline"), inline_names[i]), 177 + i);
	cr_expect_eq(number(json_object_get(daemon, "tap_kernel"), "out_dropped"), 278);
	cr_expect_eq(number(json_object_get(daemon, "tap_kernel"), "in_dropped"), 280);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "tap_link")), "no carrier");
	cr_expect_eq(number(json_object_get(daemon, "nic_kernel"), "in_missed"), 377);
	cr_expect_eq(number(json_object_get(daemon, "nic_kernel"), "out_dropped"), 382);
	json_decref(daemon);
}

Test(status, the_schema_of_a_queue)
{
	json_t *daemon = render();
	const json_t *queues = json_object_get(daemon, "queues");

	cr_assert_eq(json_array_size(queues), 2);
	for (size_t q = 0; q < 2; q++) {
		const json_t *queue = json_array_get(queues, q), *xsk = json_object_get(queue, "xsk");

		cr_expect_eq(number(queue, "queue"), q);
		cr_expect_str_eq(json_string_value(json_object_get(queue, "state")), q ? "hung" : "ok");
		if (q)
			cr_expect(json_is_null(json_object_get(queue, "cpu")));
		else
			cr_expect_eq(number(queue, "cpu"), 5);
		cr_assert_eq(json_array_size(json_object_get(xsk, "tried")), MODES_CNT);
		cr_expect_str_eq(
			json_string_value(json_object_get(json_array_get(json_object_get(xsk, "tried"), 1), "outcome")),
			"in force: it is");
		cr_expect_str_eq(json_string_value(json_object_get(xsk, "mode")), "native");
		cr_expect_str_eq(json_string_value(json_object_get(xsk, "why")), "no zero-copy");
		cr_expect_str_eq(json_string_value(json_object_get(xsk, "transmit")), "slices");
		cr_expect(json_is_true(json_object_get(xsk, "unaligned")));
		cr_expect_eq(json_is_true(json_object_get(xsk, "proved")), q != 1);
		if (q == 1)
			cr_expect_str_eq(json_string_value(json_object_get(xsk, "unproved")), "no carrier");
		else
			cr_expect(json_is_null(json_object_get(xsk, "unproved")));
		cr_expect(json_is_false(json_object_get(xsk, "huge_pages")));
		cr_expect_eq(number(xsk, "tx_budget"), 2048);
		cr_expect_str_eq(json_string_value(json_object_get(xsk, "tx_checksum")), "nic");
		cr_expect_str_eq(json_string_value(json_object_get(xsk, "tx_checksum_why")), "offload is on");
		expect_counters(queue, words_sum(1000 * (q + 1)));
	}
	json_decref(daemon);
}

Test(status, each_counter_under_its_own_name)
{
	struct status_queue queue = {
		.counters = { .rx_packets = 1, .tx_drop_vnet = 2, .polls = 3, .kernel_rx_ring_full = 6 }
	};
	const struct status status = { 0 };
	json_t *json, *one;

	queue.counters.flushes[GRO_BURST_END] = 4;
	queue.counters.singles[GRO_NO_DATA] = 5;
	json = status_json(&status, &dev, &gro, &queue, 1);
	one = json_array_get(json_object_get(json, "queues"), 0);
	cr_expect_eq(number(one, "rx_packets"), 1);
	cr_expect_eq(number(json_object_get(one, "drops"), "tx_vnet"), 2);
	cr_expect_eq(number(one, "polls"), 3);
	cr_expect_eq(number(json_object_get(one, "kernel"), "rx_ring_full"), 6);
	cr_expect_eq(number(json_object_get(one, "flushes"), gro_reason_names[GRO_BURST_END]), 4);
	cr_expect_eq(number(json_object_get(one, "singles"), gro_reason_names[GRO_NO_DATA]), 5);
	json_decref(json);
}

Test(status, totals_are_sums_over_queues)
{
	json_t *daemon = render();

	expect_counters(json_object_get(daemon, "total"), words_sum(1000) + words_sum(2000));
	json_decref(daemon);
}

Test(status, a_daemon_without_interface_has_no_queues)
{
	const struct status status = { .state = "waiting", .unproved = "Operation not permitted" };
	json_t *daemon = status_json(&status, &dev, &gro, NULL, 0);

	cr_expect_eq(json_array_size(json_object_get(daemon, "queues")), 0);
	cr_expect_eq(number(json_object_get(daemon, "total"), "rx_packets"), 0);
	cr_expect_null(json_object_get(daemon, "inline"), "port mode has no tc programs");
	cr_expect_null(json_object_get(daemon, "spin_us"));
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "tap_unproved")), "Operation not permitted");
	json_decref(daemon);
}

/* Of several reasons, the worst one is told. */
Test(status, the_state_and_why)
{
	struct state state = { .ready = "veth0 inline" };

	cr_expect_str_eq(state_name(&state), "ok");
	cr_expect_str_eq(state_why(&state), "");
	state_tell(&state);
	cr_expect_str_eq(told, "veth0 inline");
	state.mtu_too_large = true;
	state_tell(&state);
	cr_expect_str_eq(told, "degraded: the MTU is too large for a frame; the kernel carries all traffic");
	cr_expect_str_eq(state_name(&state), "degraded");
	cr_expect(strstr(state_why(&state), "MTU"));
	strcpy(state.missing, "somebody has taken it");
	cr_expect_str_eq(state_why(&state), "somebody has taken it");
	state.trouble.away = true;
	cr_expect(strstr(state_why(&state), "cannot carry"));
	state.trouble.hung = true;
	cr_expect(strstr(state_why(&state), "hangs"));
	cr_expect_str_eq(state_name(&state), "degraded");
	state.waiting = "it is gone";
	cr_expect_str_eq(state_name(&state), "waiting");
	cr_expect_str_eq(state_why(&state), "it is gone");
	state_tell(&state);
	cr_expect_str_eq(told, "it is gone");
}

/* Whatever is wrong: the kernel has nobody to give the traffic to. */
Test(status, in_port_mode_no_reason_says_that_the_kernel_carries_anything)
{
	const struct state reasons[] = {
		{ .port = true, .trouble.hung = true },
		{ .port = true, .trouble.away = true },
		{ .port = true, .trouble.deaf = true },
		{ .port = true, .mtu_too_large = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct state same_inline = reasons[i];

		same_inline.port = false;
		cr_expect(strstr(state_why(&reasons[i]), "lost"), "reason %zu", i);
		cr_expect_not(strstr(state_why(&reasons[i]), "kernel"), "reason %zu", i);
		cr_expect(strstr(state_why(&same_inline), "the kernel"), "reason %zu", i);
	}
}

static void expect_strings(const json_t *array, const char *const *strings, size_t cnt)
{
	cr_assert_eq(json_array_size(array), cnt);
	for (size_t i = 0; i < cnt; i++)
		cr_expect_str_eq(json_string_value(json_array_get(array, i)), strings[i]);
}

Test(status, what_packets_have_shown_of_offloads)
{
	json_t *daemon = render();
	const json_t *proofs = json_object_get(daemon, "tap_proved");
	const json_t *tso = json_object_get(proofs, "tx-tcp-segmentation");
	const json_t *big = json_object_get(proofs, "big-tcp");

	cr_expect_eq(json_object_size(proofs), 2, "what is not claimed is not there");
	cr_expect_str_eq(json_string_value(json_object_get(tso, "in")), "proved");
	cr_expect_str_eq(json_string_value(json_object_get(tso, "out")), "changed");
	cr_expect_str_eq(json_string_value(json_object_get(big, "in")), "lost");
	cr_expect(json_is_null(json_object_get(big, "out")));
	cr_expect(json_is_null(json_object_get(daemon, "tap_unproved")));
	json_decref(daemon);
}

Test(status, what_is_merged_and_the_conditions_of_flushing)
{
	static const char *const merge[] = { "tcp", "vxlan" };
	static const char *const offloads[] = { "tx-checksumming", "tx-udp-segmentation", "tx-udp_tnl-segmentation" };
	json_t *daemon = render();
	const json_t *conditions = json_object_get(daemon, "conditions");
	const json_t *ports = json_object_get(conditions, "pass_ports");

	expect_strings(json_object_get(daemon, "merge"), merge, ARRAY_SIZE(merge));
	expect_strings(json_object_get(daemon, "tap_offloads"), offloads, ARRAY_SIZE(offloads));
	cr_expect_eq(number(daemon, "hold_us"), 50);
	cr_expect_eq(number(conditions, "idle_us"), 20);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "ip_id")), "shared");
	cr_expect_eq(number(conditions, "max_packets"), 44);
	cr_expect_eq(number(conditions, "max_bytes"), 200000);
	cr_expect_eq(number(conditions, "max_flows"), 128);
	cr_expect_str_eq(json_string_value(json_object_get(conditions, "when_full")), "all");
	cr_expect_eq(number(conditions, "min_payload"), 64);
	cr_assert_eq(json_array_size(ports), 2);
	cr_expect_eq(json_integer_value(json_array_get(ports, 1)), 8080);
	cr_expect(json_is_true(json_object_get(conditions, "adaptive")));
	json_decref(daemon);
}

Test(status, what_the_driver_tells)
{
	static const char *const features[] = { "redirect", "bit-2" }, *const metadata[] = { "timestamp" };
	json_t *daemon = render();
	const json_t *device = json_object_get(daemon, "device");

	expect_strings(json_object_get(device, "xdp_features"), features, 2);
	expect_strings(json_object_get(device, "xdp_rx_metadata_features"), metadata, 1);
	cr_expect(json_is_null(json_object_get(device, "xsk_features")), "this kernel does not tell");
	cr_expect(json_is_null(json_object_get(device, "xdp_zc_max_segs")));
	json_decref(daemon);
}

Test(status, merging_nothing_is_an_empty_list)
{
	static const struct gro_config nothing;
	const struct status status = { 0 };
	json_t *json = status_json(&status, &dev, &nothing, NULL, 0);

	cr_expect(json_is_array(json_object_get(json, "merge")));
	cr_expect_eq(json_array_size(json_object_get(json, "merge")), 0);
	json_decref(json);
}

/* ---- the description itself ---- */

static const json_t *find(const json_t *object, const char *path)
{
	const char *dot = strchr(path, '.');
	const json_t *member;

	if (!dot)
		return json_object_get(object, path);
	member = json_object_getn(object, path, (size_t)(dot - path));
	return find(member, dot + 1);
}

static void expect_rows(const struct status_field *rows, const json_t *object)
{
	for (; rows->name; rows++) {
		const size_t len = rows->help ? strlen(rows->help) : 0;

		cr_expect(len && rows->help[len - 1] == '.', "%s: a sentence says what it is", rows->name);
		cr_expect_eq(status_find(rows->name, strlen(rows->name)) != NULL, true);
		if (rows->type != STATUS_LIST)
			cr_expect(find(object, rows->name), "%s is in the answer", rows->name);
	}
}

Test(status, each_field_is_explained_and_answered)
{
	static const enum status_type types[] = { STATUS_REASONS, STATUS_STEER, STATUS_INLINE, STATUS_TAP, STATUS_NIC };
	json_t *daemon = render();
	const json_t *queue = json_array_get(json_object_get(daemon, "queues"), 0);

	expect_rows(status_daemon, daemon);
	expect_rows(status_queues, queue);
	expect_rows(status_counters, queue);
	expect_rows(status_ways, json_array_get(find(queue, "xsk.tried"), 0));
	for (const struct status_field *row = status_counters; row->name; row++)
		cr_expect(row->unit, "%s has a unit", row->name);
	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		const struct status_names names = status_names(types[t]);

		cr_assert(names.cnt);
		for (size_t i = 0; i < names.cnt; i++)
			cr_expect(names.names[i] && names.help[i], "%s is explained", names.names[i]);
	}
	json_decref(daemon);
}

/* Lines for people contain only names of fields. */
static void expect_names(const struct status_line *line)
{
	for (; line->label; line++) {
		cr_expect(line->text || line->of, "%s", line->label);
		for (const char *c = line->text ? line->text : ""; (c = strpbrk(c, "{[")); c++) {
			const char *name = c + 1 + (c[1] == '#' || c[1] == '!');
			const size_t len = strcspn(name, *c == '{' ? "|/}" : "=:");

			if (*name != '@' && *name != '=')
				cr_expect(status_find(name, len), "%s: %.*s is no field", line->label, (int)len, name);
		}
	}
}

Test(status, lines_for_people_name_fields)
{
	expect_names(status_setup_lines);
	expect_names(status_socket_lines);
	expect_names(status_counter_lines);
	expect_names(status_program_lines);
}

/* A reader must see each publication as a whole, while the writer publishes as fast as it can. */
struct publisher {
	struct stats_page page;
	struct facts_page facts;
	bool stop;
};

static void *publish_all_the_time(void *arg)
{
	struct publisher *publisher = arg;
	struct worker_stats stats;
	const struct umem umem = { .huge_pages = true };
	struct xsk xsk = { 0 };

	for (uint64_t n = 1; !__atomic_load_n(&publisher->stop, __ATOMIC_RELAXED); n++) {
		uint64_t *word = (uint64_t *)&stats;

		for (size_t i = 0; i < STATS_WORDS; i++)
			word[i] = n;
		stats_publish(&publisher->page, &stats);
		xsk.tx_budget = (uint32_t)n;
		xsk.choice.outcomes[MODES_CNT - 1] = (int)n;
		memset(xsk.choice.tx_checksum_why, (int)('a' + n % 26), sizeof xsk.choice.tx_checksum_why);
		facts_publish(&publisher->facts, &xsk, &umem);
	}
	return NULL;
}

static void expect_one_moment(struct worker_facts facts)
{
	const char *why = facts.choice.tx_checksum_why;

	cr_assert_eq((uint32_t)facts.choice.outcomes[MODES_CNT - 1], facts.tx_budget);
	if (!facts.tx_budget)
		return; /* before the first publication */
	cr_assert(facts.huge_pages);
	for (size_t i = 0; i < sizeof facts.choice.tx_checksum_why; i++)
		cr_assert_eq(why[i], (char)('a' + facts.tx_budget % 26), "byte %zu of another moment", i);
}

Test(status, a_published_copy_is_read_whole)
{
	static struct publisher publisher;
	uint64_t last = 0;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, publish_all_the_time, &publisher), 0);
	for (int i = 0; i < 200000; i++) {
		struct worker_stats copy;
		const uint64_t *word = (const uint64_t *)&copy;

		stats_read(&publisher.page, &copy);
		cr_assert_geq(word[0], last, "went back in time");
		last = word[0];
		for (size_t w = 1; w < STATS_WORDS; w++)
			cr_assert_eq(word[w], word[0], "word %zu of another moment", w);
		expect_one_moment(facts_read(&publisher.facts));
	}
	__atomic_store_n(&publisher.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}
