// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the daemon says of itself over the control socket. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/stats.h"

static const char *socket_mode(const struct daemon *d, const struct worker_facts *facts)
{
	if (facts->zerocopy)
		return "native-with-zerocopy";
	return steer_is_generic(d->steer) ? "generic" : "native";
}

static const char *transmit_form(const struct worker_facts *facts)
{
	return facts->slices ? "slices" : "built";
}

static const char *attachment(const struct daemon *d)
{
	return d->config.mode == CONFIG_INLINE ? "inline" : "port";
}

static void describe_tried(const struct daemon *d, const struct xsk_choice *choice, struct stats_queue *queue)
{
	const char *copy = steer_is_generic(d->steer) ? "generic" : "native";

	modes_explain(&d->plan, choice->outcomes, choice->variant, queue->why, sizeof queue->why);
	for (int v = 0; v < MODES_CNT; v++) {
		struct stats_tried *tried = &queue->tried[v];

		tried->mode = modes_parts[v].zerocopy ? "native-with-zerocopy" : copy;
		tried->transmit = modes_parts[v].slices ? "slices" : "built";
		tried->multibuffer = modes_parts[v].sg;
		modes_outcome(&d->plan, choice->outcomes, (enum modes_variant)v, tried->outcome,
			      sizeof tried->outcome);
	}
}

void describe_ready(struct daemon *d)
{
	const struct worker_facts facts = facts_read(&d->workers[0].facts);

	snprintf(d->ready, sizeof d->ready, "%s %s, %u queue%s, %s, %s", d->dev.name, attachment(d),
		 d->queue_cnt, d->queue_cnt == 1 ? "" : "s", socket_mode(d, &facts), transmit_form(&facts));
}

static void describe_queue(struct daemon *d, uint32_t q, struct stats_queue *queue)
{
	const struct worker *worker = &d->workers[q];
	const struct worker_facts facts = facts_read(&worker->facts);

	*queue = (struct stats_queue){
		.queue = q,
		.cpu = worker->config.cpu,
		.mode = socket_mode(d, &facts),
		.transmit = transmit_form(&facts),
		.unproved = facts.choice.unproved,
		.unaligned = facts.unaligned,
		.huge_pages = facts.huge_pages,
		.tx_budget = facts.tx_budget,
		.tx_checksum = facts.choice.tx_checksum ? "nic" : "software",
		.hung = d->pulses[q].hung,
		.away = __atomic_load_n(&worker->away, __ATOMIC_RELAXED),
	};
	snprintf(queue->tx_checksum_why, sizeof queue->tx_checksum_why, "%s", facts.choice.tx_checksum_why);
	describe_tried(d, &facts.choice, queue);
	stats_read(&worker->published, &queue->counters);
	beat_show(d);
}

char *describe_status(struct daemon *d)
{
	const struct frontend *front = d->front ? d->front : &d->closed_front;
	struct stats_queue *queues = calloc(d->queue_cnt + 1, sizeof *queues); /* none: not NULL */
	struct stats_daemon stats = {
		.interface = d->dev.name,
		.asked = d->config.interface,
		.ifindex = d->dev.ifindex,
		.netns = d->netns,
		.pid = getpid(),
		.version = SUPERPACKET_VERSION,
		.uptime_s = (clock_ns() - d->start_ns) / 1000000000u,
		.mode = attachment(d),
		.mode_why = d->config.mode_asked ? "asked for with --mode" : "the default",
		.tap = front->name,
		.spin_ns = d->config.spin_ns,
		.gro = &d->config.gro,
		.shared_id = d->config.shared_id,
		.offloads = front->offloads,
		.proofs = front->proofs,
		.unproved = front->unproved ? strerror(-front->unproved) : NULL,
		.queues = queues,
		.queue_cnt = d->queue_cnt,
		.cpus_why = d->cpus_why,
		.waiting = d->waiting,
		.degraded = d->guard.why[0] ? d->guard.why : d->degraded,
	};
	json_t *json;
	char *text;

	if (!queues)
		return NULL;
	if (d->steer) {
		stats.xdp_mode = steer_mode(d->steer, &stats.xdp_why);
		steer_read_counters(d->steer, stats.steer); /* zeros when it fails */
		stats.has_inline = !steer_read_inline_counters(d->steer, stats.inline_tc);
	}
	for (uint32_t q = 0; q < d->queue_cnt; q++)
		describe_queue(d, q, &queues[q]);
	json = stats_json(&stats);
	json_object_set_new(json, "device", describe_device(&d->dev));
	if (d->steer)
		json_object_set_new(json, "settings", settings_json(d, steer_is_generic(d->steer)));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	free(queues);
	return text;
}

char *describe_refusal(const char *request)
{
	json_t *json = json_object();
	char why[CONTROL_REQUEST_MAX + 64];
	char *text;

	snprintf(why, sizeof why, "unknown request '%s'; this daemon knows: status", request);
	for (char *c = why; *c; c++)
		if (*c < ' ' || *c > '~') /* it must be UTF-8 to be JSON */
			*c = '?';
	json_object_set_new(json, "error", json_string(why));
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}

