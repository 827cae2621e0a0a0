// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * One member of a bond: opened and closed, while the others go on. Settings and programs are changed under the kernel's
 * lock of all interfaces, and a worker may drain for half a second, so this is done beside the heartbeat.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/beside.h"
#include "daemon/devices.h"
#include "daemon/members.h"

/* ---- what the kernel does under its lock ---- */

struct doing {
	struct daemon *d;
	struct member *member;
	struct steer *steer;
};

/* The note about its settings has the place that it would have if it were served alone. */
static int open_settings(const struct daemon *d, struct member *member)
{
	char dir[RUNDIR_PATH_LEN], path[RUNDIR_PATH_LEN];

	(void)rundir_path(dir);
	if (rundir_file(path, sizeof path, dir, member->device.dev.name, d->device.netns, RUNDIR_SOCKET))
		return -ENAMETOOLONG;
	return settings_open(&member->settings, &member->device.dev, path);
}

static int check_tags(const struct netdev *bond, const struct netdev *dev)
{
	struct netdev_stack above;
	int err = netdev_stack_read(bond->ifindex, &above);

	if (err) {
		log_error("%s: cannot ask what rests on it: %s", bond->name, strerror(-err));
		return err;
	}
	if (!devices_loses_tags(dev, &above))
		return 0;
	log_error("%s: its member %s is not served: there is a VLAN on the bond, and the member's driver always takes "
		  "the tags out of frames (rx-vlan-offload is fixed), so the traffic of the VLAN would be lost",
		  bond->name, dev->name);
	return -EOPNOTSUPP;
}

static int attach(void *arg)
{
	struct doing *doing = arg;
	struct daemon *d = doing->d;
	struct member *member = doing->member;
	struct netdev *dev = &member->device.dev;
	int err;

	log_repeats(member->failed);
	err = check_tags(&d->device.dev, dev);
	if (!err)
		err = control_alias(&d->control, dev->name, d->device.netns, member->alias);
	if (err)
		goto out;
	err = open_settings(d, member);
	if (err)
		goto err_alias;
	err = open_steer(d, dev, OPEN_MEMBER, &doing->steer);
	if (err)
		goto err_settings;
	err = settings_attached(&member->settings, dev, steer_is_generic(doing->steer));
	if (!err)
		goto out;
	steer_stop(doing->steer);
	steer_close(doing->steer);
err_settings:
	settings_close(&member->settings, dev->name);
err_alias:
	control_drop_alias(&d->control, member->alias);
out:
	log_repeats(false);
	return err;
}

/* Nothing comes any more. */
static int detach(void *arg)
{
	const struct doing *doing = arg;

	guard_close(&doing->member->guard);
	steer_stop(doing->steer);
	return 0;
}

static int release(void *arg)
{
	const struct doing *doing = arg;
	struct member *member = doing->member;

	steer_close(doing->steer);
	settings_close(&member->settings, member->device.dev.name);
	control_drop_alias(&doing->d->control, member->alias);
	return 0;
}

/* ---- a member ---- */

bool member_is_served(const struct member *member)
{
	return member->workers.steer;
}

uint32_t member_queues_wanted(const struct daemon *d, const struct member *member)
{
	const uint32_t want = check_queues(&d->config, &member->device.dev);

	return want < member->workers.room ? want : member->workers.room;
}

static int start_workers(struct daemon *d, struct member *member)
{
	struct workers *workers = &member->workers;
	int err;

	workers->cnt = member_queues_wanted(d, member);
	err = open_workers(d, &member->device, workers, member->failed);
	if (!err) {
		err = workers_start(workers, &d->heartbeat);
		if (err)
			workers_close(workers, &d->heartbeat);
	}
	if (err)
		workers->cnt = 0;
	return err;
}

static int open_all(struct daemon *d, struct member *member)
{
	const struct netdev *dev = &member->device.dev;
	struct workers *workers = &member->workers;
	struct doing doing = { .d = d, .member = member };
	int err;

	err = beside_call(&d->heartbeat, attach, &doing);
	if (err)
		return err;
	workers->steer = doing.steer;
	err = start_workers(d, member);
	if (err) {
		workers->steer = NULL;
		(void)beside_call(&d->heartbeat, detach, &doing);
		(void)beside_call(&d->heartbeat, release, &doing);
		return err;
	}
	member->spread_cnt = workers->cnt;
	steer_heartbeat(doing.steer, clock_ns());
	guard_open(&member->guard, doing.steer, NULL, NULL, dev);
	settings_say(&member->settings, dev, steer_is_generic(doing.steer));
	log_info("%s: its member %s is served, %u queue%s", d->device.dev.name, dev->name, workers->cnt,
		 workers->cnt == 1 ? "" : "s");
	return 0;
}

/* Why it fails is logged once, not at each attempt. */
int member_open(struct daemon *d, struct member *member)
{
	const char *bond = d->device.dev.name, *name = member->device.dev.name;
	const int before = member->failed, err = member->device.dev.up ? open_all(d, member) : -ENETDOWN;

	member->failed = err;
	if (!err || err == before)
		return err;
	if (err == -ENETDOWN)
		log_warning("%s: its member %s is down; it is served as soon as it is up", bond, name);
	else if (before)
		log_warning("%s: its member %s can still not be served, now because of: %s", bond, name,
			    strerror(-err));
	return err;
}

void member_begin_close(struct daemon *d, struct member *member, bool drain)
{
	struct doing doing = { .d = d, .member = member, .steer = member->workers.steer };

	if (!doing.steer)
		return;
	member->workers.steer = NULL; /* no heartbeat any more */
	member->closing = doing.steer;
	(void)beside_call(&d->heartbeat, detach, &doing);
	workers_tell_stop(&member->workers, drain ? WORKERS_DRAIN_MS : 0);
}

void member_end_close(struct daemon *d, struct member *member)
{
	struct doing doing = { .d = d, .member = member, .steer = member->closing };

	if (!doing.steer)
		return;
	workers_join(&member->workers, &d->heartbeat);
	workers_close(&member->workers, &d->heartbeat);
	(void)beside_call(&d->heartbeat, release, &doing);
	member->closing = NULL;
	member->spread_cnt = 0;
}
