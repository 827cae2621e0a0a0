// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Gathers what the daemon tells about itself over the control socket; status_fields.h describes it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "daemon/beside.h"
#include "daemon/daemon.h"
#include "daemon/members.h"
#include "daemon/status_bond.h"
#include "daemon/status_json.h"

static const char *socket_mode(bool zerocopy, bool generic)
{
	return zerocopy ? "native-with-zerocopy" : generic ? "generic" : "native";
}

static const char *transmit_form(bool slices)
{
	return slices ? "slices" : "built";
}

static const char *mode_name(const struct config *config)
{
	return config->mode == CONFIG_INLINE ? "inline" : "port";
}

/* Without a carrier there is no traffic that could miss us, and nothing for the daemon's operator to do: that is shown,
 * and no trouble. */
static const char *link_trouble(const struct netdev *dev)
{
	return dev->up ? NULL : "the interface is down; 'ip link set dev IF up' sets it up";
}

void status_ready(struct daemon *d)
{
	const struct worker *any = workers_any(&d->workers);
	const struct worker_facts facts = any ? facts_read(&any->facts) : (struct worker_facts){ .zerocopy = false };
	const bool generic = any && steer_is_generic(any->config.steer);
	const uint32_t cnt = workers_total(&d->workers);

	snprintf(d->state.ready, sizeof d->state.ready, "%s %s, %u queue%s, %s, %s%s", d->device.dev.name,
		 mode_name(&d->config), cnt, cnt == 1 ? "" : "s", socket_mode(facts.zerocopy, generic),
		 transmit_form(facts.slices), d->attached.egress.left ? ", what is sent is left to the kernel" : "");
	d->state.link = link_trouble(&d->device.dev);
}

static void gather_queue(const struct workers *workers, uint32_t q, struct status_queue *queue)
{
	const struct worker *worker = &workers->worker[q];
	const struct modes_plan *plan = worker->config.xsk.plan;
	const bool generic = steer_is_generic(workers->steer);
	const struct worker_facts facts = facts_read(&worker->facts);
	const struct progress *progress = &workers->progress[q];

	*queue = (struct status_queue){
		.interface = worker->interface,
		.queue = q,
		.cpu = worker->config.cpu,
		.state = progress->hung ? "hung" :
			 progress->away ? "away" :
			 progress->deaf ? "deaf" :
					  "ok",
		.mode = socket_mode(facts.zerocopy, generic),
		.transmit = transmit_form(facts.slices),
		.tx_checksum = facts.choice.tx_checksum ? "nic" : "software",
		.proved = !facts.choice.unproved,
		.facts = facts,
	};
	modes_explain(plan, facts.choice.outcomes, facts.choice.variant, queue->why, sizeof queue->why);
	for (int v = 0; v < MODES_CNT; v++) {
		struct status_tried *tried = &queue->tried[v];

		tried->mode = socket_mode(modes_parts[v].zerocopy, generic);
		tried->transmit = transmit_form(modes_parts[v].slices);
		tried->multibuffer = modes_parts[v].sg;
		modes_outcome(plan, facts.choice.outcomes, (enum modes_variant)v, tried->outcome,
			      sizeof tried->outcome);
	}
	stats_read(&worker->published, &queue->counters);
}

/* Out is what the stack sends by the TAP, so what the TAP transmits; in is what the NIC receives. */
static void gather_links(const struct guard *guard, struct status *status)
{
	const struct guard_links links = guard_links(guard);
	const struct netdev_stats *tap = &links.tap, *nic = &links.nic;

	status->tap_link = !links.tap_told ? NULL : !tap->up ? "down" : tap->carrier ? "up" : "no carrier";
	status->tap_kernel = (struct status_tap_kernel){
		.there = links.tap_told,
		.counters = { [STATUS_TAP_OUT] = tap->tx_packets,
			      [STATUS_TAP_OUT_DROPPED] = tap->tx_dropped,
			      [STATUS_TAP_IN] = tap->rx_packets,
			      [STATUS_TAP_IN_DROPPED] = tap->rx_dropped,
			      [STATUS_TAP_IN_ERRORS] = tap->rx_errors },
	};
	status->nic_kernel = (struct status_nic_kernel){
		.there = links.nic_told,
		.counters = { [STATUS_NIC_IN_MISSED] = nic->rx_missed,
			      [STATUS_NIC_IN_FIFO] = nic->rx_fifo,
			      [STATUS_NIC_IN_ERRORS] = nic->rx_errors,
			      [STATUS_NIC_IN_DROPPED] = nic->rx_dropped,
			      [STATUS_NIC_OUT_ERRORS] = nic->tx_errors,
			      [STATUS_NIC_OUT_DROPPED] = nic->tx_dropped },
	};
}

static void gather_programs(const struct steer *steer, struct status *status)
{
	status->xdp_mode = steer_mode(steer, &status->xdp_why);
	steer_read_counters(steer, status->steer); /* zeros when it fails, or a bond has none itself */
	status->inline_tc.there = !steer_read_inline_counters(steer, status->inline_tc.counters);
}

static void gather_rights(const struct rights *rights, struct status *status)
{
	int last;

	status->user = rights->user;
	status->no_new_privs = rights->no_new_privs;
	status->capabilities = confine_capabilities();
	status->seccomp = confine_seccomp();
	status->refused = confine_refused(&last);
	if (status->refused)
		status->refused_last = confine_call_name(last);
}

/* What the kernel tells under its lock of all interfaces. */
struct asked {
	const struct daemon *d;
	struct front_facts tap;
	struct features features;
};

static int ask(void *arg)
{
	struct asked *asked = arg;
	const struct netdev *dev = &asked->d->device.dev;

	front_tell(&asked->d->front, &asked->tap);
	if (features_read(dev->name, &asked->features)) /* it was just renamed: as they were at start */
		asked->features = dev->features;
	return 0;
}

static struct status gather(const struct daemon *d, const struct front_facts *tap)
{
	const struct frontend *front = front_last(&d->front);
	const uint64_t spin_ns = d->config.spin_ns;
	struct status status = {
		.asked = d->config.interface,
		.netns = d->device.netns,
		.uptime_s = (clock_ns() - d->start_ns) / 1000000000u,
		.pid = (uint32_t)getpid(),
		.version = SUPERPACKET_VERSION,
		.mode = mode_name(&d->config),
		.mode_why = d->config.mode_asked ? "asked for with --mode" : "the default",
		.wait = spin_ns == UINT64_MAX ? "poll" :
			spin_ns               ? "spin" :
						"event",
		.xdp_mode = "",
		.xdp_why = "",
		.ip_id = d->config.shared_id ? "shared" : "increment",
		.when_full = d->front.gro.flush_all_when_full ? "all" : "oldest",
		.spin_ns = spin_ns == UINT64_MAX ? 0 : spin_ns,
		.offloads = front->offloads,
		.unproved = front->unproved ? strerror(-front->unproved) : NULL,
		.state = state_name(&d->state),
		.state_why = state_why(&d->state),
		.cpus_why = d->device.cpus.why,
		.priority = d->priority.text,
	};

	status.memory = d->device.memory;
	status.memory.total = memory_used(&d->workers, &d->config.gro);
	status.memory_tap = memory_tap(&d->device.memory);
	gather_rights(&d->rights, &status);
	status.egress_out = egress_who(&d->attached.egress, &status.egress_why);
	if (d->members && d->members->out_why) {
		status.egress_out = "kernel";
		status.egress_why = d->members->out_why;
	}
	status.tap = *tap;
	memcpy(status.proofs, front->proofs, sizeof status.proofs);
	if (d->attached.steer)
		gather_programs(d->attached.steer, &status);
	gather_links(&d->attached.guard, &status);
	if (d->members)
		status_add_members(d->members, status.steer);
	return status;
}

char *status_answer(struct daemon *d)
{
	struct steer *steer = d->attached.steer;
	const uint32_t room = workers_total(&d->workers);
	struct status_queue *queues = calloc(room + 1, sizeof *queues); /* none: not NULL */
	struct netdev dev = d->device.dev;
	struct asked asked = { .d = d };
	struct status status;
	uint32_t cnt = 0;
	json_t *json;
	char *text;

	if (!queues)
		return NULL;
	(void)beside_call(&d->heartbeat, ask, &asked);
	status = gather(d, &asked.tap);
	dev.features = asked.features;
	for (const struct workers *workers = &d->workers; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->cnt && cnt < room; q++) {
			gather_queue(workers, q, &queues[cnt++]);
			heartbeat_show(&d->heartbeat);
		}
	json = status_json(&status, &dev, &d->front.gro, queues, cnt);
	if (d->members)
		json_object_set_new(json, "bond", status_bond(d->members));
	else if (steer)
		json_object_set_new(json, "settings",
				    settings_json(&d->attached.settings, &d->device.dev, steer_is_generic(steer)));
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	free(status.refused_last);
	free(queues);
	return text;
}

char *status_refusal(const char *request)
{
	char why[CONTROL_REQUEST_MAX + 64], *text;
	json_t *json;

	snprintf(why, sizeof why, "unknown request '%s'; this daemon knows: status", request);
	for (char *c = why; *c; c++)
		if (*c < ' ' || *c > '~') /* it must be UTF-8 to be JSON */
			*c = '?';
	json = json_pack("{s:s}", "error", why);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}
