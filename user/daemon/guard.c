// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/guard.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/seqlock.h"
#include "datapath/worker.h"

/* Twice this and a heartbeat until a loss is noticed: well below a second. */
#define INTERVAL_MS 250

/* Counters are read at each look of so many. */
#define LINK_LOOKS 4u

static void read_links(struct guard *guard)
{
	struct guard_links links = { 0 };

	links.tap_told = !front_stats(guard->front, &links.tap);
	links.nic_told = !netdev_stats_of(guard->ifindex, &links.nic);
	if (fault_strikes(FAULT_NIC_MISSED))
		links.nic.rx_missed += clock_ns() / 1000000;
	seqlock_write(&guard->links_sequence, (uint64_t *)&guard->links, (const uint64_t *)&links,
		      sizeof links / sizeof(uint64_t));
}

struct guard_links guard_links(const struct guard *guard)
{
	struct guard_links links;

	seqlock_read(&guard->links_sequence, (uint64_t *)&links, (const uint64_t *)&guard->links,
		     sizeof links / sizeof(uint64_t));
	return links;
}

/* Seen once, it may be a moment in which xdp-loader changes its dispatcher, or the interface goes. */
static void *watch_programs(void *arg)
{
	struct guard *guard = arg;
	struct pollfd wake = { .fd = guard->wake_fd, .events = POLLIN };
	enum steer_presence before = STEER_PRESENT;
	uint64_t looked_ns = clock_ns(), wakes;
	uint32_t looks = 1;

	(void)pthread_setname_np(pthread_self(), "guard");
	confine_enter(CONFINE_GUARD);
	if (guard->front)
		read_links(guard);
	for (;;) {
		const bool told = poll(&wake, 1, INTERVAL_MS) > 0;
		enum steer_presence now;

		(void)!read(guard->wake_fd, &wakes, sizeof wakes);
		if (__atomic_load_n(&guard->stop, __ATOMIC_ACQUIRE))
			return NULL;
		if (guard->egress)
			egress_watch(guard->egress);
		if (guard->front && (told || looks % LINK_LOOKS == 0))
			read_links(guard);
		if (clock_ns() - looked_ns < INTERVAL_MS * 1000000ull)
			continue;
		looked_ns = clock_ns();
		now = steer_presence(guard->steer);
		if (now == before)
			__atomic_store_n(&guard->found, now, __ATOMIC_RELAXED);
		before = now;
		looks++;
	}
}

static void wake(struct guard *guard)
{
	const uint64_t one = 1;

	(void)!write(guard->wake_fd, &one, sizeof one); /* full: it is awake */
}

void guard_open(struct guard *guard, struct steer *steer, struct egress *egress, const struct frontend *front,
		const struct netdev *dev)
{
	int err;

	*guard = (struct guard){ .steer = steer,
				 .egress = egress,
				 .front = front,
				 .ifindex = dev->ifindex,
				 .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	err = guard->wake_fd < 0 ? -errno : worker_thread(&guard->thread, -1, watch_programs, guard);
	guard->running = !err;
	if (!err)
		return;
	log_warning(
		"%s: cannot start the thread that watches its BPF programs (%s); neither their removal nor a change "
		"of its egress policy will be noticed",
		dev->name, strerror(-err));
	if (guard->wake_fd >= 0)
		close(guard->wake_fd);
}

void guard_look_now(struct guard *guard)
{
	if (guard->running)
		wake(guard);
}

void guard_close(struct guard *guard)
{
	if (!guard->running)
		return;
	__atomic_store_n(&guard->stop, true, __ATOMIC_RELEASE);
	wake(guard);
	pthread_join(guard->thread, NULL);
	close(guard->wake_fd);
	*guard = (struct guard){ 0 };
}

bool guard_misses(const struct guard *guard)
{
	return guard->told != STEER_PRESENT && guard->told != STEER_PINS_GONE && guard->told != STEER_UNCOUNTED;
}

/* What is wrong, and what brings it back. */
static void explain(enum steer_presence told, const struct config *config, const char *interface, char *why,
		    size_t room)
{
	const char *dir = config->pinned;
	const char *then = config->mode == CONFIG_INLINE ? "the kernel carries all traffic" :
							   "no frame reaches the TAP";

	if (told == STEER_UNCOUNTED)
		snprintf(why, room,
			 "heartbeats are shown, but the XDP program counts none, %s; is this a time namespace whose "
			 "clock cannot be compared? Start superpacketd outside of it",
			 then);
	else if (dir && told == STEER_XDP_GONE)
		snprintf(why, room,
			 "the XDP program was unloaded, %s; load it again: 'xdp-loader load -m native "
			 "-p %.100s %s steer.bpf.o'",
			 then, dir, interface);
	else if (dir && told == STEER_XDP_OTHER)
		snprintf(why, room,
			 "the XDP program there now does not use the maps that were adopted, %s; to adopt "
			 "those in %.100s: 'systemctl restart superpacketd@%s'",
			 then, dir, interface);
	else
		snprintf(why, room,
			 "somebody has taken away %s, %s; to attach it again: 'systemctl restart "
			 "superpacketd@%s'",
			 told == STEER_OUT_GONE ? "the tc program of the NIC's egress" :
			 told == STEER_IN_GONE  ? "the tc program of the TAP's ingress" :
						  "the XDP program",
			 then, interface);
}

void guard_follow(struct guard *guard, const struct config *config, const char *interface, struct state *state)
{
	const enum steer_presence found = __atomic_load_n(&guard->found, __ATOMIC_RELAXED);
	const bool missed = guard_misses(guard), uncounted = guard->told == STEER_UNCOUNTED;

	if (found == guard->told)
		return;
	guard->told = found;
	if (guard_misses(guard) || found == STEER_UNCOUNTED) {
		explain(found, config, interface, state->missing, sizeof state->missing);
		log_warning("%s: %s", interface, state->missing);
	} else {
		state->missing[0] = '\0';
		if (missed)
			log_info("%s: its programs are attached again", interface);
		if (uncounted)
			log_info("%s: its XDP program counts the heartbeats again", interface);
		if (found == STEER_PINS_GONE)
			log_warning(
				"%s: the pins in %s were removed; the adopted programs keep working, but no "
				"daemon can adopt them again before 'xdp-loader unload %s --all' and 'xdp-loader load'",
				interface, config->pinned, interface);
	}
	state_tell(state);
}
