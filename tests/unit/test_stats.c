// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/stats.h"
#include "frontend/frontend.h"

/* The schema, spelled out once more: readers outside depend on it. */
static const char *const flat_names[] = {
	"rx_packets", "rx_bytes", "rx_superpackets", "rx_segments", "rx_big_superpackets", "rx_delivered_packets",
	"rx_delivered_bytes", "rx_held_packets", "rx_cut_again", "rx_checksum_errors", "rx_tap_unready", "tap_packets",
	"tap_bytes", "tx_superpackets", "tx_segments", "tx_ordinary", "tx_bytes", "tx_descriptors",
	"tx_wakeups", "tx_pauses", "tx_waiting", "polls", "frames_total", "frames_free",
	"frames_kernel", "frames_held", "slots_total", "slots_used", "buffers_total", "buffers_used",
	"stalls_completion", "stalls_fill", "stalls_tap", "rebuilds", "tx_lost_descriptors", "frames_missing",
	"slots_missing", "buffers_missing",
};
static const char *const drop_names[] = { "rx_multibuffer", "rx_stale", "rx_tap", "tx_vnet", "tx_malformed",
					  "tx_too_long", "tx_stale", "tx_rebuilt" };
static const char *const kernel_names[] = { "rx_dropped", "rx_ring_full", "fill_ring_empty",
					    "tx_invalid" };
static const char *const steer_names[] = STEER_COUNTER_NAMES;
static const char *const inline_names[] = INLINE_COUNTER_NAMES;

/* Every counter different, so that none can stand in for another. */
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
	.flows = 128, .max_packets = 44, .max_bytes = 200000, .min_payload = 64, .hold_ns = 50000,
	.idle_ns = 20000, .merge = GRO_MERGE_TCP | GRO_MERGE_VXLAN, .pass_ports = { 22, 8080 },
	.flush_all_when_full = true, .adaptive = true,
};

static const struct frontend_proof proofs[FRONTEND_PROOF_CNT] = {
	[FRONTEND_PROOF_TSO4] = { FRONTEND_KEPT, FRONTEND_CHANGED },
	[FRONTEND_PROOF_BIG] = { FRONTEND_LOST, FRONTEND_UNASKED },
};

/* Two queues, the second hung or away if asked for. */
static json_t *render_with(bool hung, bool away)
{
	static struct stats_queue queues[2];
	struct stats_daemon daemon = {
		.interface = "veth0",
		.asked = "wan",
		.ifindex = 7,
		.netns = 4026531840u,
		.pid = 123,
		.version = "0.1.0",
		.uptime_s = 5,
		.mode = "inline",
		.mode_why = "the default",
		.tap = "sp-veth0",
		.xdp_mode = "native",
		.xdp_why = "the driver can",
		.spin_ns = 25000,
		.gro = &gro,
		.shared_id = true,
		.offloads = FRONTEND_CSUM | FRONTEND_USO | FRONTEND_UDP_TUNNEL_GSO,
		.proofs = proofs,
		.unproved = hung ? "Operation not permitted" : NULL,
		.has_inline = true,
		.queues = queues,
		.queue_cnt = 2,
	};

	for (uint32_t q = 0; q < 2; q++) {
		queues[q] = (struct stats_queue){ .queue = q, .cpu = q ? -1 : 5, .mode = "native", .why = "no zero-copy",
						  .transmit = "slices", .unaligned = true,
						  .unproved = q == 1 ? "no carrier" : NULL,
						  .tx_budget = 2048, .tx_checksum = "nic",
						  .tx_checksum_why = "offload is on", .hung = hung && q == 1,
						  .away = away && q == 1 };
		fill(&queues[q].counters, 1000 * (q + 1));
	}
	for (int i = 0; i < STEER_COUNTER_CNT; i++)
		daemon.steer[i] = 77 + (uint64_t)i;
	for (int i = 0; i < INLINE_COUNTER_CNT; i++)
		daemon.inline_tc[i] = 177 + (uint64_t)i;
	return stats_json(&daemon);
}

static json_t *render(bool hung)
{
	return render_with(hung, false);
}

/* All the counters are there under their names, and sum to the words of struct worker_stats. */
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
	cr_expect_eq(sum, words_sum, "counters sum to %lu, not %lu", (unsigned long)sum,
		     (unsigned long)words_sum);
	cr_expect_eq(json_object_size(drops), ARRAY_SIZE(drop_names));
	cr_expect_eq(json_object_size(kernel), ARRAY_SIZE(kernel_names));
	cr_expect_eq(json_object_size(json_object_get(object, "flushes")), GRO_REASON_CNT);
	cr_expect_eq(json_object_size(json_object_get(object, "singles")), GRO_REASON_CNT);
}

static uint64_t words_sum(uint64_t first)
{
	return STATS_WORDS * first + STATS_WORDS * (STATS_WORDS - 1) / 2;
}

Test(stats, the_schema_of_a_daemon)
{
	json_t *daemon = render(false);
	const json_t *xdp = json_object_get(daemon, "xdp"), *merge = json_object_get(daemon, "merge");

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
	cr_assert_eq(json_array_size(merge), 2);
	cr_expect_str_eq(json_string_value(json_array_get(merge, 0)), "tcp");
	cr_expect_eq(number(daemon, "hold_us"), 50);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "wait")), "spin");
	cr_expect_eq(number(daemon, "spin_us"), 25);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "state")), "ok");
	for (size_t i = 0; i < STEER_COUNTER_CNT; i++)
		cr_expect_eq(number(json_object_get(daemon, "steer"), steer_names[i]), 77 + i);
	for (size_t i = 0; i < INLINE_COUNTER_CNT; i++)
		cr_expect_eq(number(json_object_get(daemon, "inline"), inline_names[i]), 177 + i);
	json_decref(daemon);
}

Test(stats, the_schema_of_a_queue)
{
	json_t *daemon = render(false);
	const json_t *queues = json_object_get(daemon, "queues");

	cr_assert_eq(json_array_size(queues), 2);
	for (size_t q = 0; q < 2; q++) {
		const json_t *queue = json_array_get(queues, q), *xsk = json_object_get(queue, "xsk");

		cr_expect_eq(number(queue, "queue"), q);
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

Test(stats, each_counter_under_its_own_name)
{
	struct stats_queue queue = { .counters = { .rx_packets = 1, .tx_drop_vnet = 2, .polls = 3, .kernel_rx_ring_full = 6 } };
	struct stats_daemon daemon = { .gro = &gro, .queues = &queue, .queue_cnt = 1 };
	json_t *json, *one;

	queue.counters.flushes[GRO_BURST_END] = 4;
	queue.counters.singles[GRO_NO_DATA] = 5;
	json = stats_json(&daemon);
	one = json_array_get(json_object_get(json, "queues"), 0);
	cr_expect_eq(number(one, "rx_packets"), 1);
	cr_expect_eq(number(json_object_get(one, "drops"), "tx_vnet"), 2);
	cr_expect_eq(number(one, "polls"), 3);
	cr_expect_eq(number(json_object_get(one, "kernel"), "rx_ring_full"), 6);
	cr_expect_eq(number(json_object_get(one, "flushes"), gro_reason_names[GRO_BURST_END]), 4);
	cr_expect_eq(number(json_object_get(one, "singles"), gro_reason_names[GRO_NO_DATA]), 5);
	json_decref(json);
}

Test(stats, totals_are_sums_over_queues)
{
	json_t *daemon = render(false);

	expect_counters(json_object_get(daemon, "total"), words_sum(1000) + words_sum(2000));
	json_decref(daemon);
}

Test(stats, one_hung_worker_degrades_the_daemon)
{
	json_t *daemon = render(true);
	const json_t *queues = json_object_get(daemon, "queues");

	cr_expect_str_eq(json_string_value(json_object_get(daemon, "state")), "degraded");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(queues, 0), "state")), "ok");
	cr_expect_eq(number(json_array_get(queues, 0), "cpu"), 5);
	cr_expect(json_is_null(json_object_get(json_array_get(queues, 1), "cpu")));
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(queues, 1), "state")),
			 "hung");
	json_decref(daemon);
}

Test(stats, a_worker_that_is_away_degrades_the_daemon)
{
	json_t *daemon = render_with(false, true);
	const json_t *queues = json_object_get(daemon, "queues");

	cr_expect_str_eq(json_string_value(json_object_get(daemon, "state")), "degraded");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(queues, 0), "state")), "ok");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(queues, 1), "state")),
			 "away");
	json_decref(daemon);
}

Test(stats, a_daemon_that_waits_for_its_interface_says_so_and_has_no_queues)
{
	const struct stats_daemon waiting = { .interface = "veth0", .asked = "wan", .gro = &gro,
					      .waiting = "it is gone", .degraded = "not this" };
	json_t *daemon = stats_json(&waiting);

	cr_assert(daemon);
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "state")), "waiting");
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "state_why")), "it is gone");
	cr_expect_str_eq(json_string_value(json_object_get(daemon, "asked")), "wan");
	cr_expect_eq(json_array_size(json_object_get(daemon, "queues")), 0);
	cr_expect_eq(number(json_object_get(daemon, "total"), "rx_packets"), 0);
	json_decref(daemon);
}

static void expect_strings(const json_t *array, const char *const *strings, size_t cnt)
{
	cr_assert_eq(json_array_size(array), cnt);
	for (size_t i = 0; i < cnt; i++)
		cr_expect_str_eq(json_string_value(json_array_get(array, i)), strings[i]);
}

Test(stats, what_packets_have_shown_of_offloads)
{
	json_t *daemon = render(false), *hung = render(true);
	const json_t *proofs = json_object_get(daemon, "tap_proved");
	const json_t *tso = json_object_get(proofs, "tx-tcp-segmentation");
	const json_t *big = json_object_get(proofs, "big-tcp");

	cr_expect_eq(json_object_size(proofs), 2, "what is not claimed is not there");
	cr_expect_str_eq(json_string_value(json_object_get(tso, "in")), "proved");
	cr_expect_str_eq(json_string_value(json_object_get(tso, "out")), "changed");
	cr_expect_str_eq(json_string_value(json_object_get(big, "in")), "lost");
	cr_expect(json_is_null(json_object_get(big, "out")));
	cr_expect(json_is_null(json_object_get(daemon, "tap_unproved")));
	cr_expect_str_eq(json_string_value(json_object_get(hung, "tap_unproved")), "Operation not permitted");
	json_decref(daemon);
	json_decref(hung);
}

Test(stats, what_is_merged_and_the_conditions_of_flushing)
{
	static const char *const merge[] = { "tcp", "vxlan" };
	static const char *const offloads[] = { "tx-checksumming", "tx-udp-segmentation",
						"tx-udp_tnl-segmentation" };
	json_t *daemon = render(false);
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

Test(stats, port_mode_has_no_tc_programs)
{
	struct stats_daemon daemon = { .gro = &gro };
	json_t *json = stats_json(&daemon);

	cr_expect_null(json_object_get(json, "inline"));
	json_decref(json);
}

Test(stats, merging_nothing_is_an_empty_list)
{
	static const struct gro_config nothing;
	struct stats_daemon daemon = { .gro = &nothing };
	json_t *json = stats_json(&daemon);

	cr_expect(json_is_array(json_object_get(json, "merge")));
	cr_expect_eq(json_array_size(json_object_get(json, "merge")), 0);
	json_decref(json);
}

/* A reader must see what was published as a whole, while the writer publishes as fast as it can. */
struct publisher {
	struct stats_page page;
	bool stop;
};

static void *publish_all_the_time(void *arg)
{
	struct publisher *publisher = arg;
	struct worker_stats stats;

	for (uint64_t n = 1; !__atomic_load_n(&publisher->stop, __ATOMIC_RELAXED); n++) {
		uint64_t *word = (uint64_t *)&stats;

		for (size_t i = 0; i < STATS_WORDS; i++)
			word[i] = n;
		stats_publish(&publisher->page, &stats);
	}
	return NULL;
}

Test(stats, a_published_copy_is_read_whole)
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
	}
	__atomic_store_n(&publisher.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}
