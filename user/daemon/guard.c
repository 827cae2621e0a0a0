// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Others may take away what we have attached, or what was adopted: `xdp-loader unload`, `ip link set IF xdp
 * off`, `bpftool link detach`. Nothing fails then; packets just stop coming, or (tc on the TAP's ingress) what
 * we send up vanishes. So it is looked after, four times a second, and by a thread of its own: the kernel
 * answers under the lock of all interfaces, which others hold for long, and the heartbeat must not wait for
 * that. For links there are no news that one could listen to instead.
 *
 * What is found missing twice is said, and inline the heartbeat stops: the kernel carries all. What somebody
 * took off on purpose is not put back against him. A program that is loaded again, with the maps that were
 * adopted, is served again.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "base/log.h"

/* Twice this and a heartbeat until it is noticed: well below a second. */
#define LOOK_MS 250

/* Once may be a moment in which xdp-loader changes its dispatcher, or the interface goes. */
static void *look_after(void *arg)
{
	struct daemon *d = arg;
	struct pollfd stop = { .fd = d->guard.stop_fd, .events = POLLIN };
	enum steer_presence before = STEER_PRESENT;

	while (poll(&stop, 1, LOOK_MS) == 0) {
		enum steer_presence now = steer_presence(d->steer);

		if (now == before)
			__atomic_store_n(&d->guard.found, now, __ATOMIC_RELAXED);
		before = now;
	}
	return NULL;
}

void guard_open(struct daemon *d)
{
	int err;

	d->guard = (struct guard){ .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	err = d->guard.stop_fd < 0 ? -errno : worker_thread(&d->guard.thread, -1, look_after, d);
	d->guard.running = !err;
	if (!err) {
		(void)pthread_setname_np(d->guard.thread, "guard");
		return;
	}
	log_warning("%s: if others take away its BPF programs, that will not be noticed: thread: %s", d->dev.name,
		    strerror(-err));
	if (d->guard.stop_fd >= 0)
		close(d->guard.stop_fd);
}

void guard_close(struct daemon *d)
{
	const uint64_t one = 1;

	if (!d->guard.running)
		return;
	if (write(d->guard.stop_fd, &one, sizeof one) < 0)
		log_warning("%s: eventfd: %s", d->dev.name, strerror(errno));
	pthread_join(d->guard.thread, NULL);
	close(d->guard.stop_fd);
	d->guard = (struct guard){ 0 };
}

bool guard_misses(const struct daemon *d)
{
	return d->guard.told != STEER_PRESENT && d->guard.told != STEER_PINS_GONE;
}

/* What is wrong, and what brings it back. */
static void explain(struct daemon *d)
{
	const char *nic = d->dev.name, *dir = d->config.pinned;
	const char *then = d->config.mode == CONFIG_INLINE ? "the kernel carries all traffic" :
							     "no frame reaches the TAP";
	char *why = d->guard.why;
	const size_t room = sizeof d->guard.why;
	enum steer_presence told = d->guard.told;

	if (dir && told == STEER_XDP_GONE)
		snprintf(why, room, "the XDP program was unloaded, %s; load it again: 'xdp-loader load -m native "
			 "-p %.100s %s steer.bpf.o'", then, dir, nic);
	else if (dir && told == STEER_XDP_OTHER)
		snprintf(why, room, "the XDP program there now does not use the maps that were adopted, %s; to adopt "
			 "those in %.100s: 'systemctl restart superpacketd@%s'", then, dir, nic);
	else
		snprintf(why, room, "somebody has taken away %s, %s; to attach it again: 'systemctl restart "
			 "superpacketd@%s'",
			 told == STEER_OUT_GONE ? "the tc program of the NIC's egress" :
			 told == STEER_IN_GONE	? "the tc program of the TAP's ingress" : "the XDP program",
			 then, nic);
}

static void tell_missing(struct daemon *d)
{
	char status[sizeof d->guard.why + 16];

	explain(d);
	log_warning("%s: %s", d->dev.name, d->guard.why);
	snprintf(status, sizeof status, "degraded: %s", d->guard.why);
	service_status(status);
}

static void tell_present(struct daemon *d, bool missed)
{
	d->guard.why[0] = '\0';
	if (missed) {
		log_info("%s: its programs are attached again", d->dev.name);
		service_status(d->ready);
	}
	if (d->guard.told == STEER_PINS_GONE)
		log_warning("%s: the pins in %s were removed; what was adopted works on, but no daemon can adopt it "
			    "again before 'xdp-loader unload %s --all' and 'xdp-loader load'", d->dev.name,
			    d->config.pinned, d->dev.name);
}

void guard_follow(struct daemon *d)
{
	const enum steer_presence found = __atomic_load_n(&d->guard.found, __ATOMIC_RELAXED);
	const bool missed = guard_misses(d);

	if (found == d->guard.told)
		return;
	d->guard.told = found;
	if (guard_misses(d))
		tell_missing(d);
	else
		tell_present(d, missed);
}
