// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the daemon says of itself over the control socket. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/stats.h"

static const char *socket_mode(const struct steer *steer, const struct worker_facts *facts)
{
	if (facts->zerocopy)
		return "native-with-zerocopy";
	return steer_is_generic(steer) ? "generic" : "native";
}

static const char *transmit_form(const struct worker_facts *facts)
{
	return facts->slices ? "slices" : "built";
}

static const char *attachment(const struct config *config)
{
	return config->mode == CONFIG_INLINE ? "inline" : "port";
}

static void describe_tried(const struct daemon *d, const struct xsk_choice *choice, struct stats_queue *queue)
{
	const char *copy = steer_is_generic(d->attached.steer) ? "generic" : "native";

	modes_explain(&d->device.plan.modes, choice->outcomes, choice->variant, queue->why, sizeof queue->why);
	for (int v = 0; v < MODES_CNT; v++) {
		struct stats_tried *tried = &queue->tried[v];

		tried->mode = modes_parts[v].zerocopy ? "native-with-zerocopy" : copy;
		tried->transmit = modes_parts[v].slices ? "slices" : "built";
		tried->multibuffer = modes_parts[v].sg;
		modes_outcome(&d->device.plan.modes, choice->outcomes, (enum modes_variant)v, tried->outcome,
			      sizeof tried->outcome);
	}
}

void status_ready(struct daemon *d)
{
	const struct worker_facts facts = facts_read(&d->workers.worker[0].facts);

	snprintf(d->state.ready, sizeof d->state.ready, "%s %s, %u queue%s, %s, %s", d->device.dev.name,
		 attachment(&d->config), d->workers.cnt, d->workers.cnt == 1 ? "" : "s",
		 socket_mode(d->attached.steer, &facts), transmit_form(&facts));
}

static void describe_queue(struct daemon *d, uint32_t q, struct stats_queue *queue)
{
	const struct worker *worker = &d->workers.worker[q];
	const struct worker_facts facts = facts_read(&worker->facts);

	*queue = (struct stats_queue){
		.queue = q,
		.cpu = worker->config.cpu,
		.mode = socket_mode(d->attached.steer, &facts),
		.transmit = transmit_form(&facts),
		.unproved = facts.choice.unproved,
		.unaligned = facts.unaligned,
		.huge_pages = facts.huge_pages,
		.tx_budget = facts.tx_budget,
		.tx_checksum = facts.choice.tx_checksum ? "nic" : "software",
		.hung = d->workers.progress[q].hung,
		.away = d->workers.progress[q].away,
	};
	snprintf(queue->tx_checksum_why, sizeof queue->tx_checksum_why, "%s", facts.choice.tx_checksum_why);
	describe_tried(d, &facts.choice, queue);
	stats_read(&worker->published, &queue->counters);
	heartbeat_show(&d->heartbeat);
}

char *status_answer(struct daemon *d)
{
	const struct frontend *front = front_last(&d->front);
	struct stats_queue *queues = calloc(d->workers.cnt + 1, sizeof *queues); /* none: not NULL */
	struct stats_daemon stats = {
		.interface = d->device.dev.name,
		.asked = d->config.interface,
		.ifindex = d->device.dev.ifindex,
		.netns = d->device.netns,
		.pid = getpid(),
		.version = SUPERPACKET_VERSION,
		.uptime_s = (clock_ns() - d->start_ns) / 1000000000u,
		.mode = attachment(&d->config),
		.mode_why = d->config.mode_asked ? "asked for with --mode" : "the default",
		.tap = front->name,
		.spin_ns = d->config.spin_ns,
		.gro = &d->front.gro,
		.shared_id = d->config.shared_id,
		.offloads = front->offloads,
		.proofs = front->proofs,
		.unproved = front->unproved ? strerror(-front->unproved) : NULL,
		.queues = queues,
		.queue_cnt = d->workers.cnt,
		.cpus_why = d->device.cpus.why,
		.waiting = d->state.waiting,
		.degraded = *state_why(&d->state) ? state_why(&d->state) : NULL,
	};
	json_t *json;
	char *text;

	if (!queues)
		return NULL;
	if (d->attached.steer) {
		stats.xdp_mode = steer_mode(d->attached.steer, &stats.xdp_why);
		steer_read_counters(d->attached.steer, stats.steer); /* zeros when it fails */
		stats.has_inline = !steer_read_inline_counters(d->attached.steer, stats.inline_tc);
	}
	for (uint32_t q = 0; q < d->workers.cnt; q++)
		describe_queue(d, q, &queues[q]);
	json = stats_json(&stats);
	json_object_set_new(json, "device", describe_device(&d->device.dev));
	if (d->attached.steer)
		json_object_set_new(json, "settings", settings_json(&d->attached.settings, &d->device.dev, steer_is_generic(d->attached.steer)));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	free(queues);
	return text;
}

char *status_refusal(const char *request)
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

