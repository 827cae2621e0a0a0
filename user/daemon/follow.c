// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What happens to the NIC is followed, without a restart and without losing connections:
 *
 *      MTU, MAC, carrier   the front end's follow
 *      the first carrier   what could not be proved without one is proved: sockets are opened anew
 *      queues              a new one gets a worker, a vanished one loses it, the others go on
 *      name                the control socket's file follows; either name may be asked for
 *      deleted, moved      everything of it is released, and opened anew when an interface of that
 *                          name is there again, and up
 *
 * A NIC that is moved into another namespace cannot be followed there: the kernel unbinds its AF_XDP
 * sockets (net/xdp/xsk.c xsk_notifier()), and nothing that it tells of the new home can be entered. So
 * moved is gone, but from a container that ends a NIC comes back.
 */
#include <errno.h>

#include "daemon/daemon.h"
#include "base/log.h"

/* Between attempts to open a NIC, or a queue of it, that is there, but cannot be opened. */
#define PAUSE_FIRST_NS 500000000ull
#define PAUSE_MAX_NS 32000000000ull

/* Above what the sockets take, received frames would be lost: inline, the kernel can carry them. */
static void follow_mtu(struct daemon *d)
{
	uint32_t mtu = d->dev.mtu, most = open_mtu_max(d);
	bool fits = mtu <= most, is_inline = d->config.mode == CONFIG_INLINE;
	int err;

	if (fits) {
		for (uint32_t q = 0; q < d->queue_cnt; q++)
			transmit_set_mtu(&d->workers[q].transmit, mtu);
		steer_set_frame_max(d->steer, mtu + TRANSMIT_LINK_MAX);
		err = d->front->ops->set_mtu(d->front, mtu);
		if (err)
			log_warning("%s: setting its MTU to %u: %s", d->front->name, mtu, strerror(-err));
		log_info("%s: the MTU is now %u", d->dev.name, mtu);
	} else {
		log_error("%s: the MTU is now %u, too large for a frame; %s; at most 'ip link set dev %s mtu "
			  "%u'", d->dev.name, mtu,
			  is_inline ? "the kernel carries all traffic" : "longer frames are lost",
			  d->dev.name, most);
	}
	if (is_inline)
		steer_serve(d->steer, fits);
	d->degraded = fits ? NULL : "the MTU is too large for a frame";
	service_status(fits ? d->ready : "degraded: the MTU is too large for a frame");
}

static void follow_mac(const struct daemon *d)
{
	int err = d->front->ops->set_mac(d->front, d->dev.mac);

	if (err)
		log_warning("%s: giving it the new address of %s: %s", d->front->name, d->dev.name,
			    strerror(-err));
	else
		log_info("%s: another MAC address; so has %s", d->dev.name, d->front->name);
}

static void say_state(struct daemon *d)
{
	describe_ready(d);
	if (!d->degraded)
		service_status(d->ready);
}

/* All is released, and opened anew when the interface is there, and up. */
static void wait_for(struct daemon *d, const char *why)
{
	open_close_nic(d, true);
	d->dev.ifindex = 0;
	d->more.want = 0;
	d->degraded = NULL;
	d->waiting = why;
	d->look = (struct look){ .wanted = true, .pause_ns = PAUSE_FIRST_NS };
	service_status(d->waiting);
}

static bool is_unproved(const struct daemon *d)
{
	for (uint32_t q = 0; q < d->queue_cnt; q++)
		if (facts_read(&d->workers[q].facts).choice.unproved)
			return true;
	return false;
}

/* Once, for binding may cost the carrier again. */
static void prove_late(struct daemon *d)
{
	int err;

	if (!d->dev.carrier || d->proved_late || !is_unproved(d))
		return;
	d->proved_late = true;
	err = open_workers_anew(d);
	if (err)
		wait_for(d, "its queues could not be opened anew when the carrier came; they will be tried again");
	else
		say_state(d);
}

static void follow_carrier(struct daemon *d)
{
	int err = d->front->ops->set_carrier(d->front, d->dev.carrier);

	log_info("%s: %s", d->dev.name, d->dev.carrier ? "the carrier is back" : "no carrier");
	if (err)
		log_debug("%s: its carrier: %s", d->front->name, strerror(-err));
	prove_late(d);
}

static void rename_socket(struct daemon *d)
{
	int err = control_rename(&d->control, d->dev.name, d->netns);

	if (err)
		log_warning("%s: its control socket keeps the name %s: %s", d->dev.name, d->control.path,
			    strerror(-err));
	settings_renamed(d);
}

static void follow_name(struct daemon *d, const char *old)
{
	log_info("%s: its name is now %s", old, d->dev.name);
	rename_socket(d);
	open_label_front(d);
	say_state(d);
}

static void say_queues(struct daemon *d, uint32_t before)
{
	log_info("%s: %u queues are served now, %u were", d->dev.name, d->queue_cnt, before);
	say_state(d);
}

/* One that cannot be opened may be another program's, or want memory: it is tried again, without a word. */
static void add_queues(struct daemon *d, bool again)
{
	const uint32_t before = d->queue_cnt;

	while (d->queue_cnt < d->more.want && !open_add_queue(d, again))
		beat_show(d);
	if (d->queue_cnt > before)
		open_renew_steer(d);
	if (d->queue_cnt == d->more.want)
		return;
	if (!again)
		d->more.pause_ns = PAUSE_FIRST_NS;
	else if (d->more.pause_ns < PAUSE_MAX_NS)
		d->more.pause_ns *= 2;
	d->more.next_ns = clock_ns() + d->more.pause_ns;
}

static void follow_queues(struct daemon *d)
{
	uint32_t want = check_queues(d, &d->dev), before = d->queue_cnt;

	if (want > d->queue_room) {
		log_warning("%s: of %u queues the first %u are served; a restart serves all", d->dev.name,
			    want, d->queue_room);
		want = d->queue_room;
	}
	d->more.want = want;
	while (d->queue_cnt > want) {
		open_remove_queue(d);
		beat_show(d);
	}
	add_queues(d, false);
	if (d->queue_cnt < want)
		log_error("%s: of %u queues only %u are served for now%s", d->dev.name, want, d->queue_cnt,
			  d->config.mode == CONFIG_INLINE ? ", the kernel carries the rest" : "");
	if (d->queue_cnt != before)
		say_queues(d, before);
}

static void retry_queues(struct daemon *d)
{
	const uint32_t before = d->queue_cnt;

	if (d->queue_cnt >= d->more.want || clock_ns() < d->more.next_ns)
		return;
	add_queues(d, true);
	if (d->queue_cnt > before)
		say_queues(d, before);
}

static void leave(struct daemon *d, bool moved)
{
	log_warning("%s: the interface is %s; waiting for its return%s", d->dev.name,
		    moved ? "in another network namespace" : "gone",
		    moved ? " (or start a superpacketd there)" : "");
	d->proved_late = false;
	wait_for(d, moved ? "the interface is in another network namespace; waiting for its return" :
			    "the interface is gone; waiting for its return");
}

static void compare(struct daemon *d)
{
	struct netdev now, was = d->dev;
	int err = netdev_reread(&now, d->dev.ifindex);

	if (err == -ENODEV) { /* the farewell came after the news that brought us here */
		leave(d, watch_read(&d->watch, d->dev.ifindex).moved);
		return;
	}
	if (err) {
		log_warning("%s: asking what has changed: %s", d->dev.name, strerror(-err));
		return;
	}
	/* As they were at start: what was switched off since is noted by that (settings.c). */
	now.features = was.features;
	now.xdp = was.xdp;
	d->dev = now;
	if (strcmp(was.name, now.name))
		follow_name(d, was.name);
	if (was.mtu != now.mtu)
		follow_mtu(d);
	if (memcmp(was.mac, now.mac, sizeof now.mac))
		follow_mac(d);
	if (was.carrier != now.carrier)
		follow_carrier(d);
	if (!d->waiting && (was.rx_queues != now.rx_queues || was.tx_queues != now.tx_queues))
		follow_queues(d);
}

/* The name that it had last, or the one that was asked for: a NIC that is plugged in again has the
 * latter until it is renamed as its predecessor was. Whether there is one, and up. */
static bool find_again(const struct daemon *d, struct netdev *dev)
{
	return (!netdev_open(dev, d->dev.name) || !netdev_open(dev, d->config.interface)) && dev->up;
}

static void look_again(struct daemon *d, uint64_t now_ns)
{
	struct netdev found;
	int err;

	if (!d->look.wanted || now_ns < d->look.next_ns)
		return;
	d->look.wanted = false;
	if (!find_again(d, &found))
		return; /* until there are other news */
	d->dev = found;
	err = check_nic(d);
	if (!err)
		err = open_nic(d);
	if (err) {
		d->dev.ifindex = 0;
		d->queue_cnt = 0;
		d->look.wanted = true;
		d->look.next_ns = clock_ns() + d->look.pause_ns;
		if (d->look.pause_ns < PAUSE_MAX_NS)
			d->look.pause_ns *= 2;
		return;
	}
	d->waiting = NULL;
	rename_socket(d);
	say_state(d);
	log_info("%s: the interface is back: %s", d->dev.name, d->ready);
	settings_say(d);
}

void follow_news(struct daemon *d)
{
	struct watch_news news = watch_read(&d->watch, d->dev.ifindex);

	if (d->waiting) {
		d->look.wanted |= news.others | news.changed;
		look_again(d, clock_ns());
	} else if (news.gone) {
		leave(d, news.moved);
	} else if (news.changed) {
		compare(d);
	}
	if (!d->waiting)
		retry_queues(d);
}
