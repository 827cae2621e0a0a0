// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Opens what depends on the NIC, as the command line and the NIC have it; see main.c for the order. */
#include <errno.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/members.h"
#include "frontend/tap.h"
#include "frontend/tap_choose.h"
#include "nic/netdev_gro.h"
#include "nic/promisc.h"
#include "nic/steer_look.h"

/* A queue may stay bound for some milliseconds after its last owner has gone (net/xdp/xsk.c frees
 * its pool from a work queue). */
#define BIND_TIMEOUT_MS 2000u

/* Some drivers drop the link while a program is attached or a socket bound (igb for 150 to 450 ms, others
 * agree with the switch anew). Meanwhile there is no traffic that could miss us. */
#define CARRIER_MS 3000u

/* A slot that comes back from the kernel must not overtake what the kernel's GRO still holds. */
static bool gro_holds_too_long(const struct netdev *dev)
{
	const uint64_t held_ns = netdev_gro_held_ns(dev->ifindex, dev->name);

	if (held_ns < STEER_SLOT_SILENCE_NS)
		return false;
	log_warning(
		"%s: the kernel's GRO may hold a packet for %.1f ms (gro_flush_timeout and a jiffy), so a worker that "
		"cannot keep up leaves nothing to the kernel, whose order would not hold; it does at the next start "
		"if gro_flush_timeout is 0",
		dev->name, (double)held_ns / 1e6);
	return true;
}

int open_steer(const struct daemon *d, const struct netdev *dev, enum open_whose whose, struct steer **steer)
{
	const struct config *config = &d->config;
	const bool is_inline = config->mode == CONFIG_INLINE;
	struct steer_config steer_config = {
		.interface = dev->name,
		.ifindex = dev->ifindex,
		.mode = config->xdp_mode,
		.pinned = config->pinned,
		/* front_open() has opened it: NOLINTNEXTLINE */
		.inline_tap = is_inline && whose != OPEN_MEMBER ? d->front.frontend->ifindex : 0,
		.tc_only = whose == OPEN_BOND,
		/* Inline what may have to be merged, in port mode all. */
		.serve = is_inline ? config_serve(d->front.gro.merge) : STEER_SERVE_ALL,
		.frame_max = dev->mtu + TRANSMIT_LINK_MAX,
	};
	int err;

	if (!is_inline && whose == OPEN_MEMBER)
		steer_config.serve |= STEER_LEAVE_SLOW;
	err = steer_open(steer, &steer_config);
	/* Not before: a veth has NAPIs once it has an XDP program. */
	if (!err && is_inline && whose != OPEN_BOND && gro_holds_too_long(dev))
		steer_without_slots(*steer);
	if (!err && steer_is_shared(*steer))
		rights_share_programs();
	return err;
}

static void close_steer(struct daemon *d)
{
	steer_close(d->attached.steer);
	d->attached.steer = d->heartbeat.steer = d->workers.steer = NULL;
}

/* Each superpacket that is held has a packet at least. */
static void limit_flows(struct daemon *d, const struct worker_sizes *sizes)
{
	const uint32_t asked = d->config.gro.flows;

	d->front.gro.flows = asked < sizes->held ? asked : sizes->held;
}

/* Of `more` queues, which fit beside those that are open. */
static int find_sizes(struct daemon *d, const char *interface, uint32_t more, bool quiet, struct worker_sizes *sizes)
{
	const struct memory_plan *memory = &d->device.memory;
	int err = memory_fit(memory, &d->workers, &d->config.gro, more, sizes);

	if (err && !quiet)
		log_warning("%s: %u more queue%s not fit into %.1f MiB (%s); give more with --memory", interface, more,
			    more == 1 ? " does" : "s do", (double)memory->cap / (1 << 20), memory->cap_why);
	return err;
}

static struct workers_setup workers_setup(struct daemon *d, const struct device *device, struct steer *steer)
{
	const struct netdev *dev = &device->dev;
	struct workers_setup setup = {
		.common = {
			.interface = dev->name,
			.front_name = d->front.frontend->name,
			.steer = steer,
			.mtu = dev->mtu,
			.shared_id = d->config.shared_id,
			.gro = d->front.gro,
			.spin_ns = d->config.spin_ns,
			.xsk = { .ifindex = dev->ifindex,
				 .plan = &device->plan.modes,
				 .tx_checksum = &device->plan.tx_checksum,
				 .bind_timeout_ms = BIND_TIMEOUT_MS,
				 .carrier_ms = dev->carrier ? CARRIER_MS : 0 },
		},
		.plan = &device->plan,
		.cpus = &device->cpus,
		.front = d->front.frontend,
		.heartbeat = &d->heartbeat,
	};

	setup.common.gro.accept_unfinished = netdev_is_veth(dev);
	return setup;
}

uint32_t open_mtu_max(const struct workers *workers)
{
	const uint32_t most = workers_frame_max(workers) - TRANSMIT_LINK_MAX; /* without any worker: huge */

	return most < TAP_MTU_MAX ? most : TAP_MTU_MAX;
}

static int check_mtu(const struct netdev *dev, const struct workers *workers)
{
	const uint32_t most = open_mtu_max(workers);

	if (dev->mtu <= most)
		return 0;
	log_error("interface %s: MTU %u does not fit a receive frame of %u bytes, and this kernel lacks "
		  "multi-buffer AF_XDP (needs 6.6); the highest that works is %u: 'ip link set %s mtu %u'",
		  dev->name, dev->mtu, XSK_FRAME_MAX, most, dev->name, most);
	return -EMSGSIZE;
}

/* Of all queues: the first that makes checksums in software counts for all. */
static int check_checksums(const struct device *device, const struct workers *workers)
{
	struct xsk_choice choice = workers_choice(workers, 0);

	for (uint32_t q = 1; choice.tx_checksum && q < workers->cnt; q++)
		choice = workers_choice(workers, q);
	return plan_check_checksum(&device->plan, &device->dev, &choice);
}

int open_workers(struct daemon *d, struct device *device, struct workers *workers, bool again)
{
	struct workers_setup setup;
	struct worker_sizes sizes;
	int err = find_sizes(d, device->dev.name, workers->cnt, again, &sizes);

	if (err)
		return err;
	limit_flows(d, &d->device.memory.sizes);
	setup = workers_setup(d, device, workers->steer);
	setup.common.sizes = sizes;
	plan_make(&device->plan, &d->config, &device->dev, steer_is_generic(workers->steer));
	err = workers_open(workers, &setup, again);
	if (err)
		return err;
	log_repeats(again);
	err = check_mtu(&device->dev, workers);
	if (!err)
		err = check_checksums(device, workers);
	log_repeats(false);
	if (err)
		workers_close(workers, &d->heartbeat);
	return err;
}

/*
 * Port mode: addresses are given to the TAP, and the NIC's filter never hears of them: neither of the
 * multicast groups of IPv6, nor of the MAC addresses behind a bridge or of a macvlan. So every frame
 * comes, and the TAP's own stack decides.
 */
int open_promisc(const struct config *config, const struct netdev *dev, int *fd)
{
	*fd = -1;
	if (config->mode == CONFIG_INLINE)
		return 0;
	*fd = promisc_open(dev->ifindex);
	if (*fd >= 0)
		return 0;
	log_error("%s: promiscuous mode: %s", dev->name, strerror(-*fd));
	return *fd;
}

void open_close_promisc(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* A TAP that was kept has as many queues as it was made with. */
static void limit_queues(const struct netdev *dev, const struct frontend *kept, struct workers *workers)
{
	if (workers->room <= kept->queue_cnt)
		return;
	workers->room = kept->queue_cnt;
	if (workers->cnt <= workers->room)
		return;
	log_warning("%s: of its %u queues the first %u are served, as many as the TAP has; a restart serves all",
		    dev->name, workers->cnt, workers->room);
	workers->cnt = workers->room;
}

/* A second daemon behind the same run directory has been refused already (control.c). One behind another must not touch
 * anything either, and its operator must hear what is the matter, not that the name of a TAP is taken. */
static int check_free(const struct netdev *dev)
{
	const uint32_t id = steer_look_alive_id(dev->ifindex);

	if (!id)
		return 0;
	log_error("%s: another superpacketd serves it (XDP program %u); stop that one first. If 'superpacket' does not "
		  "show it, its RUNTIME_DIRECTORY is another",
		  dev->name, id);
	return -EBUSY;
}

int open_nic(struct daemon *d)
{
	struct attached *attached = &d->attached;
	struct netdev *dev = &d->device.dev;
	const bool kept = d->front.frontend;
	int err;

	if (bond_is(dev))
		return members_open(d);
	err = check_free(dev);
	if (err)
		return err;
	err = settings_open(&attached->settings, dev, d->control.path);
	if (err)
		return err;
	if (kept)
		limit_queues(dev, d->front.frontend, &d->workers);
	err = front_open(&d->front, &d->config, dev, d->workers.room, d->workers.cnt);
	if (err)
		goto err_settings;
	tap_choose_clear(d->front.frontend);
	err = open_steer(d, dev, OPEN_NIC, &attached->steer);
	if (err)
		goto err_front;
	d->heartbeat.steer = d->workers.steer = attached->steer;
	err = settings_attached(&attached->settings, dev, steer_is_generic(attached->steer));
	if (err)
		goto err_steer;
	err = open_workers(d, &d->device, &d->workers, false);
	if (err)
		goto err_steer;
	err = open_promisc(&d->config, dev, &attached->promisc_fd);
	if (err)
		goto err_workers;
	err = workers_start(&d->workers, &d->heartbeat);
	if (err)
		goto err_promisc;
	egress_open(&attached->egress, &d->config, dev, attached->steer);
	err = front_persist(&d->front, &d->config);
	if (!err)
		err = steer_start(attached->steer);
	if (!err) {
		egress_begin(&attached->egress);
		attached->tags = (struct tags){ 0 };
		if (d->config.mode == CONFIG_INLINE)
			tags_follow(&attached->tags, dev, attached->steer, true, &d->state, &d->heartbeat);
		guard_open(&attached->guard, attached->steer, &attached->egress, d->front.frontend, dev);
		return 0;
	}
	attached->egress.steer = NULL;
	workers_stop(&d->workers, WORKERS_DRAIN_MS, &d->heartbeat);
err_promisc:
	open_close_promisc(attached->promisc_fd);
err_workers:
	workers_close(&d->workers, &d->heartbeat);
err_steer:
	close_steer(d);
err_front:
	front_close(&d->front, kept);
err_settings:
	settings_close(&attached->settings, dev->name);
	return err;
}

int open_workers_anew(struct daemon *d)
{
	const uint32_t cnt = d->workers.cnt;
	struct steer *steer = d->attached.steer;
	int err;

	steer_serve(steer, false);
	workers_stop(&d->workers, 0, &d->heartbeat);
	for (uint32_t q = 0; q < cnt; q++)
		steer_remove_socket(steer, q);
	workers_close(&d->workers, &d->heartbeat);
	d->workers.cnt = cnt;
	err = open_workers(d, &d->device, &d->workers, false);
	if (err)
		return err;
	err = workers_start(&d->workers, &d->heartbeat);
	if (err)
		workers_close(&d->workers, &d->heartbeat);
	else
		steer_serve(steer, d->config.mode == CONFIG_PORT || !d->state.mtu_too_large);
	return err;
}

void open_close_nic(struct daemon *d, bool gone)
{
	struct attached *attached = &d->attached;

	fault_forbid_rtnl(false);
	if (d->members) {
		members_close(d, gone);
		return;
	}
	guard_close(&attached->guard);
	attached->egress.steer = NULL;
	d->state.missing[0] = '\0';
	d->state.tags = NULL;
	/* First traffic ends, then the workers deliver and send what they still hold. */
	d->heartbeat.steer = NULL;
	steer_stop(attached->steer);
	workers_stop(&d->workers, gone ? 0 : WORKERS_DRAIN_MS, &d->heartbeat);
	open_close_promisc(attached->promisc_fd);
	workers_close(&d->workers, &d->heartbeat);
	close_steer(d);
	front_close(&d->front, gone && d->config.mode == CONFIG_PORT);
	settings_close(&attached->settings, d->device.dev.name);
}

int open_add_queue(struct daemon *d, const struct device *device, struct workers *workers, bool again)
{
	struct workers_setup setup = workers_setup(d, device, workers->steer);
	int err = find_sizes(d, device->dev.name, 1, again, &setup.common.sizes);

	return err ? err : workers_add(workers, &setup, again);
}
