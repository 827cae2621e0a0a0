// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/front.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "frontend/tap.h"

static int create_tap(struct front *front, const struct config *config, const struct netdev *dev, uint32_t room)
{
	const bool udp = config->mode == CONFIG_PORT || config_serve(config->gro.merge) & STEER_SERVE_UDP;
	char name[IFNAMSIZ];
	int err;

	if (config->tap)
		snprintf(name, sizeof name, "%s", config->tap);
	else
		config_tap_name(name, dev->name, dev->ifindex);

	err = tap_open(&front->frontend, name, room, udp, config->gro.max_bytes);
	if (err == -EEXIST || err == -EBUSY)
		log_error("TAP %s: the name is taken; give another with --tap", name);
	else if (err == -ENOENT || err == -ENODEV)
		log_error("TAP %s: no /dev/net/tun; 'modprobe tun', or let the container have it", name);
	else if (err)
		log_error("TAP %s: %s", name, strerror(-err));
	front->gro = config->gro;
	return err;
}

static int set_up_tap(const struct frontend *frontend, const struct netdev *dev, bool is_inline)
{
	struct netdev_settings settings = {
		.mac = dev->mac,
		.mtu = dev->mtu,
		.txqueuelen = TAP_QUEUE_LEN,
		.no_addresses = is_inline,
		.up = true,
	};
	int err = netdev_set(frontend->ifindex, &settings);

	if (err)
		log_error("TAP %s: setting address, MTU and state: %s", frontend->name, strerror(-err));
	return err;
}

/* A TAP that was kept while its NIC was away: what has been done to it meanwhile is left alone. */
static void update_kept_tap(const struct frontend *frontend, const struct netdev *dev)
{
	int err = frontend->ops->set_mac(frontend, dev->mac);

	if (!err)
		err = frontend->ops->set_mtu(frontend, dev->mtu);
	if (err)
		log_warning("TAP %s: address and MTU of %s: %s", frontend->name, dev->name, strerror(-err));
}

int front_open(struct front *front, const struct config *config, const struct netdev *dev, uint32_t room, uint32_t cnt)
{
	bool kept = front->frontend;
	int err = 0;

	if (kept) {
		update_kept_tap(front->frontend, dev);
	} else {
		err = create_tap(front, config, dev, room);
		if (err)
			return err;
		err = offloads_settle(front->frontend, &front->gro);
		if (!err)
			err = set_up_tap(front->frontend, dev, config->mode == CONFIG_INLINE);
	}
	if (!err)
		err = front_use_queues(front->frontend, cnt);
	if (err && !kept)
		front_close(front, false);
	if (err)
		return err;
	front_label(front, dev);
	/* A TAP before Linux 5.0 says EINVAL: it always has one. */
	(void)front->frontend->ops->set_carrier(front->frontend, dev->carrier);
	return 0;
}

int front_use_queues(struct frontend *frontend, uint32_t cnt)
{
	int err = frontend->ops->use(frontend, cnt);

	if (err)
		log_error("TAP %s: using %u of its queues: %s", frontend->name, cnt, strerror(-err));
	return err;
}

void front_close(struct front *front, bool keep)
{
	if (keep) {
		(void)front->frontend->ops->set_carrier(front->frontend, false);
		return;
	}
	front->closed = *front->frontend;
	front->frontend->ops->close(front->frontend);
	front->frontend = NULL;
}

const struct frontend *front_last(const struct front *front)
{
	return front->frontend ? front->frontend : &front->closed;
}

void front_label(const struct front *front, const struct netdev *dev)
{
	char alias[sizeof TAP_ALIAS + IFNAMSIZ];
	struct netdev_settings settings = { .alias = alias };

	snprintf(alias, sizeof alias, TAP_ALIAS "%s", dev->name);
	if (front->frontend->ops->is_here(front->frontend))
		(void)netdev_set(front->frontend->ifindex, &settings);
}
