// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Opens the parts of the daemon, as the command line and the NIC have it, in the order of daemon.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "log.h"
#include "nic/promisc.h"

/* A queue may stay bound for some milliseconds after its last owner has gone (net/xdp/xsk.c frees
 * its pool from a work queue). */
#define BIND_TIMEOUT_MS 2000u

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

/* What was asked for with --merge and cannot be told to this kernel is refused, with the way out. */
static int check_offloads(const struct tap *tap, uint32_t merge)
{
	const char *what = NULL;

	if (merge & GRO_MERGE_UDP && !(tap->offloads & TUN_F_USO4))
		what = "a TAP of this kernel takes no superpackets of UDP (Linux 6.2 has it); leave udp";
	else if (merge & (GRO_MERGE_VXLAN | GRO_MERGE_GENEVE) && !(tap->offloads & TUN_F_UDP_TUNNEL_GSO))
		what = "a TAP of this kernel takes no superpackets of UDP tunnels (Linux 6.17 has it); "
		       "leave vxlan and geneve";
	if (!what)
		return 0;
	log_error("TAP %s: %s out of --merge", tap->name, what);
	return -EOPNOTSUPP;
}

static int create_tap(struct daemon *d)
{
	char name[IFNAMSIZ];
	int err;

	if (d->config.tap)
		snprintf(name, sizeof name, "%s", d->config.tap);
	else
		config_tap_name(name, d->dev.name, d->dev.ifindex);

	err = tap_open(&d->tap, name, d->queue_cnt, carries_udp(d));
	if (err == -EEXIST || err == -EBUSY)
		log_error("TAP %s: the name is taken; give another with --tap", name);
	else if (err == -ENOENT || err == -ENODEV)
		log_error("TAP %s: no /dev/net/tun; 'modprobe tun', or let the container have it", name);
	else if (err)
		log_error("TAP %s: %s", name, strerror(-err));
	return err;
}

int open_frontend(struct daemon *d)
{
	bool hidden = d->config.mode == CONFIG_INLINE;
	struct netdev_settings settings = {
		.mac = d->dev.mac,
		.mtu = d->dev.mtu,
		.txqueuelen = carries_udp(d) ? TAP_QUEUE_LEN_UDP : TAP_QUEUE_LEN,
		.no_addresses = hidden,
		.up = true,
	};
	char alias[sizeof TAP_ALIAS + IFNAMSIZ];
	int err = create_tap(d);

	if (err)
		return err;
	snprintf(alias, sizeof alias, TAP_ALIAS "%s", d->dev.name);
	settings.alias = alias;
	err = check_offloads(&d->tap, d->config.gro.merge);
	if (err)
		goto close;
	err = netdev_set(d->tap.ifindex, &settings);
	if (!err)
		return 0;
	log_error("TAP %s: setting address, MTU and state: %s", d->tap.name, strerror(-err));
close:
	tap_close(&d->tap);
	return err;
}

int open_steer(struct daemon *d)
{
	struct steer_config config = {
		.interface = d->dev.name,
		.ifindex = d->dev.ifindex,
		.mode = d->config.xdp_mode,
		.pinned = d->config.pinned,
		.inline_tap = d->config.mode == CONFIG_INLINE ? d->tap.ifindex : 0,
		.serve = serve_bits(d),
		.frame_max = d->dev.mtu + TRANSMIT_LINK_MAX,
	};

	return steer_open(&d->steer, &config);
}

static int open_worker(struct daemon *d, uint32_t queue)
{
	struct worker_config config = {
		.interface = d->dev.name,
		.queue = queue,
		.tap_fd = d->tap.fds[queue],
		.steer = d->steer,
		.mtu = d->dev.mtu,
		.shared_id = d->config.shared_id,
		.gro = d->config.gro,
		.spin_ns = d->config.spin_ns,
		.xsk = { .plan = &d->plan, .bind_timeout_ms = BIND_TIMEOUT_MS },
	};
	int err;

	config.gro.accept_unfinished = netdev_is_veth(&d->dev);
	err = worker_open(&d->workers[queue], &config);
	if (err) {
		plan_explain_failure(d, &d->workers[queue].xsk, err);
		return err;
	}
	d->opened_cnt++;
	err = steer_add_socket(d->steer, queue, d->workers[queue].xsk.fd);
	if (err)
		log_error("%s queue %u: giving its socket to the XDP program: %s", d->dev.name, queue,
			  strerror(-err));
	return err;
}

void open_close_workers(struct daemon *d)
{
	while (d->opened_cnt)
		worker_close(&d->workers[--d->opened_cnt]);
	free(d->pulses);
	free(d->workers);
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
	log_error("interface %s: MTU %u does not fit a receive frame of %u bytes, and this kernel gives "
		  "a frame in several to no socket (Linux 6.6 has it); the highest that works is %u: 'ip "
		  "link set %s mtu %u'",
		  d->dev.name, d->dev.mtu, XSK_FRAME_MAX, most, d->dev.name, most);
	return -EMSGSIZE;
}

int open_workers(struct daemon *d)
{
	int err = 0;

	plan_make(d, steer_is_generic(d->steer));
	d->workers = calloc(d->queue_cnt, sizeof *d->workers);
	d->pulses = calloc(d->queue_cnt, sizeof *d->pulses);
	if (!d->workers || !d->pulses) {
		log_error("%s: no memory for %u workers", d->dev.name, d->queue_cnt);
		err = -ENOMEM;
	}
	for (uint32_t q = 0; !err && q < d->queue_cnt; q++)
		err = open_worker(d, q);
	if (!err)
		err = check_mtu(d);
	if (err)
		open_close_workers(d);
	return err;
}

/*
 * Port mode: addresses are given to the TAP, and the NIC's filter never hears of them: neither of the
 * multicast groups of IPv6, nor of the MAC addresses behind a bridge or of a macvlan. Of every frame that
 * comes to the NIC the TAP's own stack decides.
 */
int open_promisc(struct daemon *d)
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

void open_close_promisc(struct daemon *d)
{
	if (d->promisc_fd >= 0)
		close(d->promisc_fd);
}

void open_stop_workers(struct daemon *d)
{
	for (uint32_t q = d->queue_cnt; q--;)
		if (d->workers[q].running)
			worker_stop(&d->workers[q], DRAIN_MS);
}

int open_start_workers(struct daemon *d)
{
	for (uint32_t q = 0; q < d->queue_cnt; q++) {
		int err = worker_start(&d->workers[q]);

		if (err) {
			open_stop_workers(d);
			return err; /* the worker has said why */
		}
		d->pulses[q].moved_ns = daemon_now_ns();
	}
	return 0;
}
