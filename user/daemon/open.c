// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Opens the parts of the daemon, as the command line and the NIC have it, in the order of daemon.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "frontend/tap.h"
#include "base/log.h"
#include "nic/promisc.h"

/* A queue may stay bound for some milliseconds after its last owner has gone (net/xdp/xsk.c frees
 * its pool from a work queue). */
#define BIND_TIMEOUT_MS 2000u

/* Some drivers drop the link while a program is attached or a socket bound (igb for 150 to 450 ms, others
 * agree with the switch anew). Meanwhile there is no traffic that could miss us. */
#define CARRIER_MS 3000u

#define DRAIN_MS 500u /* of a worker, at the end */

/* What comes our way: inline what may have to be merged, in port mode all. */
static uint32_t serve_bits(const struct daemon *d)
{
	return d->config.mode == CONFIG_INLINE ? config_serve(d->config.gro.merge) : STEER_SERVE_ALL;
}

static bool carries_udp(const struct daemon *d)
{
	return serve_bits(d) & (STEER_SERVE_UDP | STEER_SERVE_ALL);
}

static int create_tap(struct daemon *d)
{
	char name[IFNAMSIZ];
	int err;

	if (d->config.tap)
		snprintf(name, sizeof name, "%s", d->config.tap);
	else
		config_tap_name(name, d->dev.name, d->dev.ifindex);

	err = tap_open(&d->front, name, d->queue_room, carries_udp(d), d->config.gro.max_bytes);
	if (err == -EEXIST || err == -EBUSY)
		log_error("TAP %s: the name is taken; give another with --tap", name);
	else if (err == -ENOENT || err == -ENODEV)
		log_error("TAP %s: no /dev/net/tun; 'modprobe tun', or let the container have it", name);
	else if (err)
		log_error("TAP %s: %s", name, strerror(-err));
	return err;
}

void open_label_front(const struct daemon *d)
{
	char alias[sizeof TAP_ALIAS + IFNAMSIZ];
	struct netdev_settings settings = { .alias = alias };

	snprintf(alias, sizeof alias, TAP_ALIAS "%s", d->dev.name);
	if (d->front->ops->is_here(d->front))
		(void)netdev_set(d->front->ifindex, &settings);
}

static int dress_tap(struct daemon *d)
{
	struct netdev_settings settings = {
		.mac = d->dev.mac,
		.mtu = d->dev.mtu,
		.txqueuelen = TAP_QUEUE_LEN,
		.no_addresses = d->config.mode == CONFIG_INLINE,
		.up = true,
	};
	int err = netdev_set(d->front->ifindex, &settings);

	if (err)
		log_error("TAP %s: setting address, MTU and state: %s", d->front->name, strerror(-err));
	return err;
}

static int use_queues(struct daemon *d, uint32_t cnt)
{
	int err = d->front->ops->use(d->front, cnt);

	if (err)
		log_error("TAP %s: using %u of its queues: %s", d->front->name, cnt, strerror(-err));
	return err;
}

/* The TAP that had to wait for its NIC: what has been done to it meanwhile is left alone. */
static int refit_tap(struct daemon *d)
{
	struct frontend *front = d->front;
	int err = front->ops->set_mac(front, d->dev.mac);

	if (!err)
		err = front->ops->set_mtu(front, d->dev.mtu);
	if (err)
		log_warning("TAP %s: address and MTU of %s: %s", front->name, d->dev.name, strerror(-err));
	if (d->queue_room > front->queue_cnt) {
		d->queue_room = front->queue_cnt;
		if (d->queue_cnt > d->queue_room) {
			log_warning("%s: of its %u queues the first %u are served, as many as the TAP has; "
				    "a restart serves all", d->dev.name, d->queue_cnt, d->queue_room);
			d->queue_cnt = d->queue_room;
		}
	}
	return 0;
}

static void close_front(struct daemon *d, bool keep)
{
	if (keep) {
		(void)d->front->ops->set_carrier(d->front, false);
		return;
	}
	d->closed_front = *d->front;
	d->front->ops->close(d->front);
	d->front = NULL;
}

static int open_frontend(struct daemon *d)
{
	bool kept = d->front;
	int err = kept ? refit_tap(d) : create_tap(d);

	if (err)
		return err;
	if (!kept)
		err = offloads_settle(d);
	if (!err && !kept)
		err = dress_tap(d);
	if (!err)
		err = use_queues(d, d->queue_cnt);
	if (err && !kept)
		close_front(d, false);
	if (err)
		return err;
	open_label_front(d);
	/* A TAP before Linux 5.0 says EINVAL: it always has one. */
	(void)d->front->ops->set_carrier(d->front, d->dev.carrier);
	return 0;
}

static int open_steer(struct daemon *d)
{
	struct steer_config config = {
		.interface = d->dev.name,
		.ifindex = d->dev.ifindex,
		.mode = d->config.xdp_mode,
		.pinned = d->config.pinned,
		.inline_tap = d->config.mode == CONFIG_INLINE ? d->front->ifindex : 0,
		.serve = serve_bits(d),
		.frame_max = d->dev.mtu + TRANSMIT_LINK_MAX,
	};

	return steer_open(&d->steer, &config);
}

static struct worker_config worker_config(const struct daemon *d, uint32_t queue)
{
	struct worker_config config = {
		.interface = d->dev.name,
		.queue = queue,
		.front = d->front->ops->queue(d->front, queue),
		.front_name = d->front->name,
		.steer = d->steer,
		.cpu = cpus_of(&d->cpus, queue),
		.mtu = d->dev.mtu,
		.shared_id = d->config.shared_id,
		.gro = d->config.gro,
		.spin_ns = d->config.spin_ns,
		.xsk = { .ifindex = d->dev.ifindex, .plan = &d->plan, .tx_checksum = &d->tx_checksum,
			 .bind_timeout_ms = BIND_TIMEOUT_MS,
			 .carrier_ms = d->dev.carrier ? CARRIER_MS : 0 },
	};

	config.gro.accept_unfinished = netdev_is_veth(&d->dev);
	return config;
}

struct opening {
	struct worker *worker;
	struct worker_config config;
	int err;
};

static void *open_aside(void *arg)
{
	struct opening *opening = arg;

	opening->err = worker_open(opening->worker, &opening->config);
	return NULL;
}

/* Takes its time, for the memory alone: not at the expense of the heartbeat, when others carry traffic; and
 * on the worker's own CPU, so that the memory is near it. */
static int open_alive(struct daemon *d, struct opening *opening)
{
	struct timespec until;
	pthread_t thread;
	int err = worker_thread(&thread, opening->config.cpu, open_aside, opening);

	if (err && opening->config.cpu >= 0)
		err = worker_thread(&thread, -1, open_aside, opening);
	if (err) {
		log_error("%s queue %u: thread: %s", d->dev.name, opening->config.queue, strerror(-err));
		return err;
	}
	do {
		beat_show(d);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += DAEMON_HEARTBEAT_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(thread, NULL, &until) == ETIMEDOUT);
	return opening->err;
}

static int open_worker(struct daemon *d, uint32_t queue, bool again)
{
	struct opening opening = { .worker = &d->workers[queue], .config = worker_config(d, queue) };
	int err;

	if (again) {
		opening.config.quiet = true;
		opening.config.xsk.bind_timeout_ms = 0;
	}
	err = open_alive(d, &opening);
	if (err) {
		if (!again)
			plan_explain_failure(d, queue, err);
		return err;
	}
	plan_say_unproved(d, queue);
	d->opened_cnt++;
	err = steer_add_socket(d->steer, queue, d->workers[queue].xsk.fd);
	if (err)
		log_error("%s queue %u: giving its socket to the XDP program: %s", d->dev.name, queue,
			  strerror(-err));
	return err;
}

static void close_worker(struct daemon *d)
{
	worker_close(&d->workers[--d->opened_cnt]);
}

static void close_workers(struct daemon *d)
{
	while (d->opened_cnt)
		close_worker(d);
	free(d->pulses);
	free(d->workers);
	d->pulses = NULL;
	d->workers = NULL;
	d->queue_cnt = 0;
}

/* The workers' sockets are alike: each binds in the best way, of one driver. */
uint32_t open_mtu_max(const struct daemon *d)
{
	const uint32_t most = d->workers[0].frame_max - TRANSMIT_LINK_MAX;

	return most < TAP_MTU_MAX ? most : TAP_MTU_MAX;
}

static int check_mtu(const struct daemon *d)
{
	const uint32_t most = open_mtu_max(d);

	if (d->dev.mtu <= most)
		return 0;
	log_error("interface %s: MTU %u does not fit a receive frame of %u bytes, and this kernel lacks "
		  "multi-buffer AF_XDP (needs 6.6); the highest that works is %u: 'ip link set %s mtu %u'",
		  d->dev.name, d->dev.mtu, XSK_FRAME_MAX, most, d->dev.name, most);
	return -EMSGSIZE;
}

static int open_workers(struct daemon *d)
{
	int err = 0;

	plan_make(d, steer_is_generic(d->steer));
	d->workers = calloc(d->queue_room, sizeof *d->workers);
	d->pulses = calloc(d->queue_room, sizeof *d->pulses);
	if (!d->workers || !d->pulses) {
		log_error("%s: no memory for %u workers", d->dev.name, d->queue_cnt);
		err = -ENOMEM;
	}
	for (uint32_t q = 0; !err && q < d->queue_cnt; q++)
		err = open_worker(d, q, false);
	if (!err)
		err = check_mtu(d);
	if (!err)
		err = plan_check_checksums(d);
	if (err)
		close_workers(d);
	return err;
}

/*
 * Port mode: addresses are given to the TAP, and the NIC's filter never hears of them: neither of the
 * multicast groups of IPv6, nor of the MAC addresses behind a bridge or of a macvlan. Of every frame that
 * comes to the NIC the TAP's own stack decides.
 */
static int open_promisc(struct daemon *d)
{
	d->promisc_fd = -1;
	if (d->config.mode == CONFIG_INLINE)
		return 0;
	d->promisc_fd = promisc_open(d->dev.ifindex);
	if (d->promisc_fd >= 0)
		return 0;
	log_error("%s: promiscuous mode: %s", d->dev.name, strerror(-d->promisc_fd));
	return d->promisc_fd;
}

static void close_promisc(struct daemon *d)
{
	if (d->promisc_fd >= 0)
		close(d->promisc_fd);
}

static void stop_workers(struct daemon *d, uint32_t drain_ms)
{
	for (uint32_t q = d->queue_cnt; q--;)
		if (d->workers[q].running)
			worker_stop(&d->workers[q], drain_ms);
}

static int start_worker(struct daemon *d, uint32_t q)
{
	d->pulses[q] = (struct pulse){ .moved_ns = clock_ns() };
	return worker_start(&d->workers[q]); /* it has said why */
}

static int start_workers(struct daemon *d)
{
	for (uint32_t q = 0; q < d->queue_cnt; q++) {
		int err = start_worker(d, q);

		if (err) {
			stop_workers(d, DRAIN_MS);
			return err;
		}
	}
	return 0;
}

static void close_steer(struct daemon *d)
{
	steer_close(d->steer);
	d->steer = NULL;
}

int open_nic(struct daemon *d)
{
	const bool kept = d->front;
	int err = settings_open(d);

	if (err)
		return err;
	err = open_frontend(d);
	if (err)
		goto err_settings;
	err = open_steer(d);
	if (err)
		goto err_front;
	err = settings_attached(d);
	if (err)
		goto err_steer;
	err = open_workers(d);
	if (err)
		goto err_steer;
	err = open_promisc(d);
	if (err)
		goto err_workers;
	err = start_workers(d);
	if (err)
		goto err_promisc;
	err = steer_start(d->steer);
	if (!err) {
		guard_open(d);
		return 0;
	}
	stop_workers(d, DRAIN_MS);
err_promisc:
	close_promisc(d);
err_workers:
	close_workers(d);
err_steer:
	close_steer(d);
err_front:
	close_front(d, kept);
err_settings:
	settings_close(d);
	return err;
}

int open_workers_anew(struct daemon *d)
{
	const uint32_t cnt = d->queue_cnt;
	int err;

	steer_serve(d->steer, false);
	stop_workers(d, 0);
	for (uint32_t q = 0; q < cnt; q++)
		steer_remove_socket(d->steer, q);
	close_workers(d);
	d->queue_cnt = cnt;
	err = open_workers(d);
	if (err)
		return err;
	err = start_workers(d);
	if (err)
		close_workers(d);
	else
		steer_serve(d->steer, d->config.mode == CONFIG_PORT || !d->degraded);
	return err;
}

void open_close_nic(struct daemon *d, bool gone)
{
	guard_close(d);
	/* Traffic ends first, then those who carry it carry up and out what they still hold. */
	steer_stop(d->steer);
	stop_workers(d, gone ? 0 : DRAIN_MS);
	close_promisc(d);
	close_workers(d);
	close_steer(d);
	close_front(d, gone && d->config.mode == CONFIG_PORT);
	settings_close(d);
}

int open_add_queue(struct daemon *d, bool again)
{
	const uint32_t q = d->queue_cnt;
	int err = open_worker(d, q, again);

	/* Not before: a front end's queue that goes again loses what was spread to it meanwhile. */
	if (!err)
		err = use_queues(d, q + 1);
	if (!err)
		err = start_worker(d, q);
	if (!err) {
		d->queue_cnt++;
		return 0;
	}
	steer_remove_socket(d->steer, q);
	if (d->opened_cnt > q)
		close_worker(d);
	(void)use_queues(d, q);
	return err;
}

void open_renew_steer(struct daemon *d)
{
	int err = netdev_is_veth(&d->dev) ? steer_renew(d->steer) : 0;

	if (err)
		log_warning("%s: veth does not run the XDP program on queues that came after it: what comes by "
			    "those is the kernel's until the program is attached anew (%s)", d->dev.name,
			    strerror(-err));
}

/* From the NIC nothing comes here any more, then what is held goes up and out, then the stack's packets
 * are spread over the others: the order in a flow is kept. While it drains, the heartbeat may lapse and the
 * kernel carry the traffic of all. */
void open_remove_queue(struct daemon *d)
{
	const uint32_t q = --d->queue_cnt;

	steer_remove_socket(d->steer, q);
	worker_stop(&d->workers[q], DRAIN_MS);
	steer_remove_socket(d->steer, q); /* it may just have made a new one */
	close_worker(d);
	(void)use_queues(d, q);
}
