// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What happens to the NIC is followed, without a restart and without losing connections:
 *
 *      MTU, MAC, carrier   the front end follows
 *      the first carrier   what could not be tested without one is tested: sockets are opened again
 *      queues              a new one gets a worker, a vanished one loses it, the others go on
 *      qdiscs and filters  what is sent is left to the kernel, or served again (egress.h)
 *      name                the control socket's file follows; either name may be asked for
 *      deleted, moved      everything of it is released, and opened again when an interface of that
 *                          name is there again, and up
 *
 * And to the TAP of port mode: when the network namespace of --tap-netns ends, everything is released as well, until
 * there is another one of that name.
 *
 * A NIC that is moved into another namespace cannot be followed there: the kernel unbinds its AF_XDP
 * sockets (net/xdp/xsk.c xsk_notifier()), and nothing that it tells of the new home can be entered. So
 * moved is gone, but a NIC comes back from a container that ends.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/beside.h"
#include "daemon/daemon.h"
#include "daemon/members.h"

/* Between looks at the TAP's network namespace, of whose end and return nobody tells. */
#define PLACE_NS 200000000ull

/* Calls of beside_call(): the front end gets what device.dev has. */

static int set_mtu(void *arg)
{
	const struct daemon *d = arg;

	return d->front.frontend->ops->set_mtu(d->front.frontend, d->device.dev.mtu);
}

static int set_mac(void *arg)
{
	const struct daemon *d = arg;

	return d->front.frontend->ops->set_mac(d->front.frontend, d->device.dev.mac);
}

static int set_carrier(void *arg)
{
	const struct daemon *d = arg;

	return d->front.frontend->ops->set_carrier(d->front.frontend, d->device.dev.carrier);
}

static int label(void *arg)
{
	const struct daemon *d = arg;

	front_label(&d->front, &d->config, &d->device.dev);
	return 0;
}

/* Above what the sockets take, received frames would be lost: inline, the kernel can carry them. */
static void follow_mtu(struct daemon *d)
{
	const char *name = d->device.dev.name;
	uint32_t mtu = d->device.dev.mtu, most = open_mtu_max(&d->workers);
	bool fits = mtu <= most, is_inline = d->config.mode == CONFIG_INLINE;

	if (fits) {
		int err;

		workers_set_mtu(&d->workers, mtu);
		for (const struct workers *workers = &d->workers; workers; workers = workers->next)
			if (workers->steer)
				steer_set_frame_max(workers->steer, mtu + TRANSMIT_LINK_MAX);
		err = beside_call(&d->heartbeat, set_mtu, d);
		if (err)
			log_warning("%s: setting its MTU to %u: %s", d->front.frontend->name, mtu, strerror(-err));
		log_info("%s: the MTU is now %u", name, mtu);
	} else {
		log_error("%s: the MTU is now %u, too large for a frame; %s; at most 'ip link set dev %s mtu %u'", name,
			  mtu, is_inline ? "the kernel carries all traffic" : "longer frames are lost", name, most);
	}
	d->state.mtu_too_large = !fits;
	if (d->members)
		members_apply(d);
	else if (is_inline)
		steer_serve(d->attached.steer, fits);
	state_tell(&d->state);
}

static void follow_mac(struct daemon *d)
{
	const char *name = d->device.dev.name, *front = d->front.frontend->name;
	int err = beside_call(&d->heartbeat, set_mac, d);

	if (err)
		log_warning("%s: giving it the new address of %s: %s", front, name, strerror(-err));
	else
		log_info("%s: its MAC address has changed, and that of %s with it", name, front);
}

static void tell_ready(struct daemon *d)
{
	status_ready(d);
	state_tell(&d->state);
}

/* Everything is released, and opened again when the interface is there, and up. */
static void release_and_wait(struct daemon *d, const char *why)
{
	open_close_nic(d, true);
	d->device.dev.ifindex = 0;
	d->state.mtu_too_large = false;
	d->state.front = NULL;
	heartbeat_withhold(&d->heartbeat, false);
	d->state.waiting = why;
	d->follow.queues.wanted = false;
	d->follow.reopen = (struct retry){ .wanted = true };
	state_tell(&d->state);
}

static bool any_unproved(const struct workers *workers)
{
	for (uint32_t q = 0; q < workers->cnt; q++)
		if (workers_choice(workers, q).unproved)
			return true;
	return false;
}

/* Once, for binding may cost the carrier again. */
static void prove_late(struct daemon *d)
{
	if (!d->device.dev.carrier || d->follow.proved_late || !any_unproved(&d->workers))
		return;
	d->follow.proved_late = true;
	if (open_workers_anew(d))
		release_and_wait(d, "its queues could not be opened again when the carrier came; the next attempt "
				    "follows");
	else
		tell_ready(d);
}

static void follow_carrier(struct daemon *d)
{
	const struct netdev *dev = &d->device.dev;
	const bool depends = d->members && d->config.mode == CONFIG_PORT; /* on the members, too */
	int err = depends ? 0 : beside_call(&d->heartbeat, set_carrier, d);

	log_info("%s: %s", dev->name, dev->carrier ? "the carrier is back" : "no carrier");
	if (err)
		log_debug("%s: cannot set its carrier: %s", d->front.frontend->name, strerror(-err));
	if (d->members)
		members_apply(d);
	else
		prove_late(d);
}

static void rename_socket(struct control *control, struct settings *settings, const struct device *device)
{
	int err = control_rename(control, device->dev.name, device->netns);

	if (err)
		log_warning("%s: its control socket keeps the name %s: %s", device->dev.name, control->path,
			    strerror(-err));
	settings_renamed(settings, &device->dev, control->path);
}

static void follow_name(struct daemon *d, const char *old)
{
	log_info("%s: its name is now %s", old, d->device.dev.name);
	rename_socket(&d->control, &d->attached.settings, &d->device);
	(void)beside_call(&d->heartbeat, label, d);
	if (d->members)
		members_renamed(d);
	tell_ready(d);
}

static void tell_queues(struct daemon *d, uint32_t before)
{
	if (d->workers.cnt == before)
		return;
	log_info("%s: %u queues are served now, before %u", d->device.dev.name, d->workers.cnt, before);
	tell_ready(d);
}

static int renew(void *steer)
{
	return steer_renew(steer);
}

void follow_renew_steer(struct heartbeat *heartbeat, struct steer *steer, const struct netdev *dev)
{
	int err = netdev_is_veth(dev) ? beside_call(heartbeat, renew, steer) : 0;

	if (err)
		log_warning("%s: veth does not run the XDP program on queues that came after it; what arrives on those "
			    "%s until the program is attached again (%s)",
			    dev->name, steer_gives_back(steer) ? "is carried by the kernel" : "is lost",
			    strerror(-err));
}

/* A queue that cannot be opened may be another program's, or want memory: it is tried again, without logging that. */
static void add_queues(struct daemon *d, bool again)
{
	const uint32_t before = d->workers.cnt;

	while (d->workers.cnt < d->follow.queues_wanted && !open_add_queue(d, &d->device, &d->workers, again))
		heartbeat_show(&d->heartbeat);
	if (d->workers.cnt > before)
		follow_renew_steer(&d->heartbeat, d->attached.steer, &d->device.dev);
	if (!again)
		d->follow.queues = (struct retry){ 0 };
	if (d->workers.cnt < d->follow.queues_wanted)
		retry_later(&d->follow.queues);
	else
		d->follow.queues.wanted = false;
}

static void follow_queues(struct daemon *d)
{
	struct workers *workers = &d->workers;
	const char *name = d->device.dev.name;
	uint32_t want = check_queues(&d->config, &d->device.dev), before = workers->cnt;

	if (want > workers->room) {
		log_warning("%s: of %u queues the first %u are served; a restart serves all", name, want,
			    workers->room);
		want = workers->room;
	}
	d->follow.queues_wanted = want;
	while (workers->cnt > want) {
		workers_remove_last(workers, d->front.frontend, &d->heartbeat);
		heartbeat_show(&d->heartbeat);
	}
	add_queues(d, false);
	if (workers->cnt < want)
		log_error("%s: of %u queues only %u are served for now%s", name, want, workers->cnt,
			  d->config.mode == CONFIG_INLINE ? ", the kernel carries the rest" : "");
	tell_queues(d, before);
}

static void retry_queues(struct daemon *d)
{
	const uint32_t before = d->workers.cnt;

	if (!retry_is_due(&d->follow.queues))
		return;
	add_queues(d, true);
	tell_queues(d, before);
}

static void follow_absence(struct daemon *d, bool moved)
{
	log_warning("%s: the interface is %s; waiting for its return%s", d->device.dev.name,
		    moved ? "in another network namespace" : "gone", moved ? " (or start a superpacketd there)" : "");
	d->follow.proved_late = false;
	release_and_wait(d, moved ? "the interface is in another network namespace; waiting for its return" :
				    "the interface is gone; waiting for its return");
}

/* Looks at the interface and follows whatever differs from what was known of it. */
static void follow_changes(struct daemon *d)
{
	struct netdev now, was = d->device.dev;
	int err = beside_reread(&d->heartbeat, &now, was.ifindex);

	if (err == -ENODEV) { /* its deletion came after the news that brought us here */
		follow_absence(d, watch_read(&d->watch, was.ifindex).moved);
		return;
	}
	if (err) {
		log_warning("%s: cannot read what has changed: %s", was.name, strerror(-err));
		return;
	}
	/* As they were at start: what was switched off since is noted by that (settings.c). */
	now.features = was.features;
	now.xdp = was.xdp;
	d->device.dev = now;
	if (strcmp(was.name, now.name))
		follow_name(d, was.name);
	if (was.mtu != now.mtu)
		follow_mtu(d);
	if (memcmp(was.mac, now.mac, sizeof now.mac))
		follow_mac(d);
	if (was.carrier != now.carrier)
		follow_carrier(d);
	if (!d->state.waiting && (was.up != now.up || was.carrier != now.carrier)) {
		if (was.up != now.up)
			log_warning("%s: the interface is %s", now.name, now.up ? "up again" : "down");
		tell_ready(d);
	}
	if (!d->state.waiting && !d->members && (was.rx_queues != now.rx_queues || was.tx_queues != now.tx_queues))
		follow_queues(d);
}

/* The name that it had last, or the one that was asked for: a NIC that is plugged in again has the
 * latter until it is renamed as its predecessor was. Whether there is one, and up. */
static bool find_again(const char *last, const char *asked, struct netdev *dev)
{
	return (!netdev_open(dev, last) || !netdev_open(dev, asked)) && dev->up;
}

static void try_reopen(struct daemon *d)
{
	struct netdev found;
	int err;

	if (!retry_is_due(&d->follow.reopen))
		return;
	d->follow.reopen.wanted = false;
	if (!front_can_open(&d->front) || !find_again(d->device.dev.name, d->config.interface, &found))
		return; /* until an interface changes again */
	d->device.dev = found;
	err = check_nic(&d->config, &d->device, &d->workers);
	if (!err)
		err = open_nic(d);
	if (err) {
		d->device.dev.ifindex = 0;
		d->workers.cnt = 0;
		retry_later(&d->follow.reopen);
		return;
	}
	d->state.waiting = NULL;
	rename_socket(&d->control, &d->attached.settings, &d->device);
	tell_ready(d);
	log_info("%s: the interface is back: %s", d->device.dev.name, d->state.ready);
	memory_say(&d->device.memory, d->device.dev.name);
	settings_say(&d->attached.settings, &d->device.dev, steer_is_generic(d->attached.steer));
}

/*
 * Inline: the hidden TAP is set down, or moved away. A worker sees it when a write fails, and is sure only after half a
 * second (worker_recover.c). The news of it are as good: the kernel has the traffic at once, until the TAP is up again.
 */
static void follow_hidden_tap(struct daemon *d)
{
	const struct frontend *front = d->front.frontend;
	const char *was = d->state.front;
	struct netdev tap;
	int err = beside_reread(&d->heartbeat, &tap, front->ifindex);

	d->state.front = err == -ENODEV ?
				 "the TAP was moved away; the kernel carries all traffic until it is back and up, or "
				 "the daemon is started again" :
			 !err && !tap.up ? "the TAP is down; the kernel carries all traffic until it is up again" :
					   NULL;
	if (d->state.front == was)
		return;
	heartbeat_withhold(&d->heartbeat, d->state.front);
	if (d->state.front)
		log_warning("%s: %s: %s", d->device.dev.name, front->name, d->state.front);
	else
		log_info("%s: %s: the TAP is up again", d->device.dev.name, front->name);
	state_tell(&d->state);
}

/* Port mode: the TAP may be in another namespace, whose news do not come here, so it is the guard that looks at it. */
static void follow_port_tap(struct daemon *d, bool news)
{
	const struct guard_links links = guard_links(&d->attached.guard);
	const char *was = d->state.front;

	if (news)
		guard_look_now(&d->attached.guard);
	d->state.front =
		links.tap_told && !links.tap.up ?
			"the TAP is down, and nothing passes; 'ip link set dev TAP up' sets it up, in the network "
			"namespace where it is" :
			NULL;
	if (d->state.front == was)
		return;
	if (d->state.front)
		log_warning("%s: %s: the TAP is down", d->device.dev.name, d->front.frontend->name);
	else
		log_info("%s: %s: the TAP is up again", d->device.dev.name, d->front.frontend->name);
	state_tell(&d->state);
}

void follow_news(struct daemon *d)
{
	struct watch_news news = watch_read(&d->watch, d->device.dev.ifindex);

	if (d->state.waiting) {
		d->follow.reopen.wanted |= news.others | news.changed;
		try_reopen(d);
	} else if (news.gone) {
		follow_absence(d, news.moved);
	} else if (news.changed) {
		follow_changes(d);
	}
	if (d->state.waiting)
		return;
	if (d->config.mode == CONFIG_PORT)
		follow_port_tap(d, news.others);
	else if (news.others)
		follow_hidden_tap(d);
	if (news.egress || news.changed || (d->members && news.egress_others)) {
		egress_look_again(&d->attached.egress);
		guard_look_now(&d->attached.guard);
	}
	if (d->config.mode == CONFIG_INLINE && !d->members)
		tags_follow(&d->attached.tags, &d->device.dev, d->attached.steer, news.others, &d->state,
			    &d->heartbeat);
	if (egress_follow(&d->attached.egress, &d->workers))
		tell_ready(d);
	if (d->members)
		members_follow(d, news.changed || news.others);
	else
		retry_queues(d);
}

/* ---- the TAP ---- */

/* Reading a queue has failed. */
static int front_error(const struct workers *workers)
{
	int err = 0;

	for (; workers && !err; workers = workers->next)
		for (uint32_t q = 0; q < workers->cnt && !err; q++)
			err = __atomic_load_n(&workers->worker[q].front_error, __ATOMIC_RELAXED);
	return err;
}

static void wait_for_place(struct daemon *d)
{
	log_warning("TAP %s: its network namespace, %s, is gone; waiting for another one of this name",
		    d->front.frontend->name, d->front.asked);
	if (!d->state.waiting)
		release_and_wait(d, "the network namespace of the TAP is gone; waiting for another one of its name");
	front_drop(&d->front);
}

static bool place_is_due(struct follow *follow)
{
	const uint64_t now_ns = clock_ns();
	const bool due = now_ns >= follow->place_next_ns;

	if (due)
		follow->place_next_ns = now_ns + PLACE_NS;
	return due;
}

int follow_front(struct daemon *d)
{
	int err = d->state.waiting ? 0 : front_error(&d->workers);

	if (!err && !place_is_due(&d->follow))
		return 0;
	if (!d->front.frontend) {
		d->follow.reopen.wanted |= front_can_open(&d->front);
		return 0;
	}
	if (front_lost(&d->front) && !err)
		err = -ENODEV;
	if (!err)
		return 0;
	if (front_may_return(&d->front)) {
		wait_for_place(d);
		return 0;
	}
	log_error("%s: the TAP is gone (reading it: %s); superpacketd makes a new one when it is started again",
		  d->front.frontend->name, strerror(-err));
	return err;
}
