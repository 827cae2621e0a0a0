// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/config.h"
#include "daemon/stats.h"
#include "frontend/frontend.h"

enum group { FLAT, DROPS, KERNEL }; /* where a counter stands in the JSON of a queue */

static const struct counter {
	const char *name;
	size_t off;
	enum group group;
} counters[] = {
#define COUNTER(field) { #field, offsetof(struct worker_stats, field), FLAT }
#define DROP(name, field) { #name, offsetof(struct worker_stats, field), DROPS }
#define KERNEL(name) { #name, offsetof(struct worker_stats, kernel_##name), KERNEL }
	COUNTER(rx_packets),
	COUNTER(rx_bytes),
	COUNTER(rx_superpackets),
	COUNTER(rx_segments),
	COUNTER(rx_big_superpackets),
	COUNTER(rx_delivered_packets),
	COUNTER(rx_delivered_bytes),
	COUNTER(rx_held_packets),
	COUNTER(rx_cut_again),
	COUNTER(rx_checksum_errors),
	DROP(rx_multibuffer, rx_drop_multibuffer),
	DROP(rx_stale, rx_drop_stale),
	DROP(rx_tap, rx_drop_tap),
	COUNTER(rx_tap_unready),
	COUNTER(tap_packets),
	COUNTER(tap_bytes),
	COUNTER(tx_superpackets),
	COUNTER(tx_segments),
	COUNTER(tx_ordinary),
	COUNTER(tx_bytes),
	COUNTER(tx_descriptors),
	COUNTER(tx_wakeups),
	COUNTER(tx_pauses),
	COUNTER(tx_waiting),
	DROP(tx_vnet, tx_drop_vnet),
	DROP(tx_malformed, tx_drop_malformed),
	DROP(tx_too_long, tx_drop_too_long),
	DROP(tx_stale, tx_drop_stale),
	DROP(tx_rebuilt, tx_drop_rebuilt),
	COUNTER(polls),
	COUNTER(stalls_completion),
	COUNTER(stalls_fill),
	COUNTER(stalls_tap),
	COUNTER(rebuilds),
	COUNTER(tx_lost_descriptors),
	COUNTER(frames_total),
	COUNTER(frames_free),
	COUNTER(frames_kernel),
	COUNTER(frames_held),
	COUNTER(slots_total),
	COUNTER(slots_used),
	COUNTER(buffers_total),
	COUNTER(buffers_used),
	COUNTER(frames_missing),
	COUNTER(slots_missing),
	COUNTER(buffers_missing),
	KERNEL(rx_dropped),
	KERNEL(rx_ring_full),
	KERNEL(fill_ring_empty),
	KERNEL(tx_invalid),
#undef COUNTER
#undef DROP
#undef KERNEL
};

_Static_assert(ARRAY_SIZE(counters) + 2 * GRO_REASON_CNT == STATS_WORDS,
	       "a counter of struct worker_stats is missing in the table above");

static const char *const steer_names[STEER_COUNTER_CNT] = STEER_COUNTER_NAMES;
static const char *const inline_names[INLINE_COUNTER_CNT] = INLINE_COUNTER_NAMES;

static void counters_add(struct worker_stats *sum, const struct worker_stats *stats)
{
	const uint64_t *from = (const uint64_t *)stats;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < STATS_WORDS; i++)
		to[i] += from[i];
}

/* The setters below ignore a lack of memory: the object is then short, and json_dumps() of the
 * whole fails or the reader misses a key. Nothing is lost but this one answer. */
static void set_number(json_t *object, const char *name, uint64_t n)
{
	json_object_set_new(object, name, json_integer((json_int_t)n));
}

static void set_string(json_t *object, const char *name, const char *value)
{
	json_object_set_new(object, name, json_string(value ? value : ""));
}

static void set_bool(json_t *object, const char *name, bool value)
{
	json_object_set_new(object, name, json_boolean(value));
}

static json_t *named_numbers(const uint64_t *numbers, const char *const *names, size_t cnt)
{
	json_t *object = json_object();

	for (size_t i = 0; i < cnt; i++)
		set_number(object, names[i], numbers[i]);
	return object;
}

static void set_counters(json_t *object, const struct worker_stats *stats)
{
	json_t *drops = json_object(), *kernel = json_object();
	json_t *const groups[] = { [FLAT] = object, [DROPS] = drops, [KERNEL] = kernel };

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		const struct counter *c = &counters[i];

		set_number(groups[c->group], c->name,
			   *(const uint64_t *)((const char *)stats + c->off));
	}
	json_object_set_new(object, "flushes",
			    named_numbers(stats->flushes, gro_reason_names, GRO_REASON_CNT));
	json_object_set_new(object, "singles",
			    named_numbers(stats->singles, gro_reason_names, GRO_REASON_CNT));
	json_object_set_new(object, "drops", drops);
	json_object_set_new(object, "kernel", kernel);
}

static json_t *tried_json(const struct stats_tried *tried)
{
	json_t *array = json_array();

	for (int v = 0; v < MODES_CNT; v++) {
		json_t *one = json_object();

		set_string(one, "mode", tried[v].mode);
		set_string(one, "transmit", tried[v].transmit);
		set_bool(one, "multibuffer", tried[v].multibuffer);
		set_string(one, "outcome", tried[v].outcome);
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *xsk_json(const struct stats_queue *queue)
{
	json_t *xsk = json_object();

	set_string(xsk, "mode", queue->mode);
	set_string(xsk, "why", queue->why);
	set_string(xsk, "transmit", queue->transmit);
	set_bool(xsk, "proved", !queue->unproved);
	json_object_set_new(xsk, "unproved", queue->unproved ? json_string(queue->unproved) : json_null());
	set_bool(xsk, "unaligned", queue->unaligned);
	set_bool(xsk, "huge_pages", queue->huge_pages);
	set_number(xsk, "tx_budget", queue->tx_budget);
	set_string(xsk, "tx_checksum", queue->tx_checksum);
	set_string(xsk, "tx_checksum_why", queue->tx_checksum_why);
	json_object_set_new(xsk, "tried", tried_json(queue->tried));
	return xsk;
}

static json_t *queue_json(const struct stats_queue *queue)
{
	json_t *object = json_object();

	set_number(object, "queue", queue->queue);
	set_string(object, "state", queue->hung ? "hung" : queue->away ? "away" : "ok");
	json_object_set_new(object, "cpu", queue->cpu < 0 ? json_null() : json_integer(queue->cpu));
	json_object_set_new(object, "xsk", xsk_json(queue));
	set_counters(object, &queue->counters);
	return object;
}

static void set_state(json_t *object, const struct stats_daemon *daemon, bool hung, bool away)
{
	const char *state = "ok", *why = "";

	if (daemon->waiting) {
		state = "waiting";
		why = daemon->waiting;
	} else if (hung || away || daemon->degraded) {
		state = "degraded";
		why = hung ? "a worker hangs; the kernel carries the traffic" :
		      away ? "a worker cannot carry packets now; the kernel does" : daemon->degraded;
	}
	set_string(object, "state", state);
	set_string(object, "state_why", why);
}

static void set_queues(json_t *object, const struct stats_daemon *daemon)
{
	struct worker_stats sum = { 0 };
	json_t *queues = json_array(), *total = json_object();
	bool hung = false, away = false;

	for (uint32_t i = 0; i < daemon->queue_cnt; i++) {
		const struct stats_queue *queue = &daemon->queues[i];

		json_array_append_new(queues, queue_json(queue));
		counters_add(&sum, &queue->counters);
		hung |= queue->hung;
		away |= queue->away;
	}
	set_counters(total, &sum);
	set_state(object, daemon, hung, away);
	set_string(object, "cpus_why", daemon->cpus_why);
	json_object_set_new(object, "queues", queues);
	json_object_set_new(object, "total", total);
}

/* By the names that ethtool shows them by on the TAP. */
static json_t *offloads_json(uint32_t offloads)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ FRONTEND_CSUM, "tx-checksumming" },
		{ FRONTEND_TSO4, "tx-tcp-segmentation" },
		{ FRONTEND_TSO6, "tx-tcp6-segmentation" },
		{ FRONTEND_ECN, "tx-tcp-ecn-segmentation" },
		{ FRONTEND_USO, "tx-udp-segmentation" },
		{ FRONTEND_UDP_TUNNEL_GSO, "tx-udp_tnl-segmentation" },
		{ FRONTEND_UDP_TUNNEL_GSO_CSUM, "tx-udp_tnl-csum-segmentation" },
	};
	json_t *array = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (offloads & names[i].bit)
			json_array_append_new(array, json_string(names[i].name));
	return array;
}

static json_t *verdict_json(enum frontend_proof_verdict verdict)
{
	return verdict == FRONTEND_UNASKED ? json_null() : json_string(frontend_verdict_name(verdict));
}

/* Only of what is claimed. */
static json_t *proofs_json(const struct frontend_proof *proofs)
{
	json_t *object = json_object();

	for (int i = 0; proofs && i < FRONTEND_PROOF_CNT; i++) {
		json_t *one;

		if (proofs[i].in == FRONTEND_UNASKED)
			continue;
		one = json_object();
		json_object_set_new(one, "in", verdict_json(proofs[i].in));
		json_object_set_new(one, "out", verdict_json(proofs[i].out));
		json_object_set_new(object, frontend_proof_names[i], one);
	}
	return object;
}

static void set_identity(json_t *object, const struct stats_daemon *daemon)
{
	json_t *xdp = json_object();

	set_string(object, "interface", daemon->interface);
	set_string(object, "asked", daemon->asked);
	set_number(object, "ifindex", daemon->ifindex);
	set_number(object, "netns", daemon->netns);
	set_number(object, "pid", (uint64_t)daemon->pid);
	set_string(object, "version", daemon->version);
	set_number(object, "uptime_s", daemon->uptime_s);
	set_string(object, "mode", daemon->mode);
	set_string(object, "mode_why", daemon->mode_why);
	set_string(object, "tap", daemon->tap);
	set_string(object, "wait", daemon->spin_ns == UINT64_MAX ? "poll" : daemon->spin_ns ? "spin" : "event");
	if (daemon->spin_ns && daemon->spin_ns != UINT64_MAX)
		set_number(object, "spin_us", daemon->spin_ns / 1000);
	set_string(xdp, "mode", daemon->xdp_mode);
	set_string(xdp, "why", daemon->xdp_why);
	json_object_set_new(object, "xdp", xdp);
	set_string(object, "ip_id", daemon->shared_id ? "shared" : "increment");
	json_object_set_new(object, "tap_offloads", offloads_json(daemon->offloads));
	json_object_set_new(object, "tap_proved", proofs_json(daemon->proofs));
	json_object_set_new(object, "tap_unproved", daemon->unproved ? json_string(daemon->unproved) : json_null());
}

/* What is merged, and what ends a superpacket or keeps a packet out of one. */
static void set_conditions(json_t *object, const struct gro_config *gro)
{
	json_t *merge = json_array(), *ports = json_array(), *conditions = json_object();

	for (uint32_t i = 0; i < CONFIG_MERGE_CNT; i++)
		if (gro->merge & 1u << i)
			json_array_append_new(merge, json_string(config_merge_names[i]));
	for (uint32_t i = 0; i < GRO_PASS_PORTS && gro->pass_ports[i]; i++)
		json_array_append_new(ports, json_integer(gro->pass_ports[i]));
	json_object_set_new(object, "merge", merge);
	set_number(object, "hold_us", gro->hold_ns / 1000);
	set_number(conditions, "idle_us", gro->idle_ns / 1000);
	set_number(conditions, "max_packets", gro->max_packets);
	set_number(conditions, "max_bytes", gro->max_bytes);
	set_number(conditions, "max_flows", gro->flows);
	set_string(conditions, "when_full", gro->flush_all_when_full ? "all" : "oldest");
	set_number(conditions, "min_payload", gro->min_payload);
	json_object_set_new(conditions, "pass_ports", ports);
	set_bool(conditions, "adaptive", gro->adaptive);
	json_object_set_new(object, "conditions", conditions);
}

json_t *stats_json(const struct stats_daemon *daemon)
{
	json_t *object = json_object();

	if (!object)
		return NULL;
	set_identity(object, daemon);
	set_conditions(object, daemon->gro);
	json_object_set_new(object, "steer",
			    named_numbers(daemon->steer, steer_names, STEER_COUNTER_CNT));
	if (daemon->has_inline)
		json_object_set_new(object, "inline", named_numbers(daemon->inline_tc, inline_names,
								    INLINE_COUNTER_CNT));
	set_queues(object, daemon);
	return object;
}
