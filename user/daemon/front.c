// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/front.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/netns.h"
#include "daemon/place.h"
#include "frontend/tap.h"
#include "frontend/tap_persist.h"
#include "nic/bond.h"

/* How long a predecessor that was killed may still hold the TAP: closing a queue takes the kernel some milliseconds. */
#define HELD_RETRY_MS 20
#define HELD_RETRIES 150

/* The name while it is made, for a TAP that is moved: another interface here may have the name that is asked for. */
#define NAME_BEFORE "sp-new%d"

static void name_asked(char name[IFNAMSIZ], const struct config *config, const struct netdev *dev)
{
	if (config->tap)
		snprintf(name, IFNAMSIZ, "%s", config->tap);
	else
		config_tap_name(name, dev->name, dev->ifindex);
}

static bool carries_udp(const struct config *config)
{
	return config->mode == CONFIG_PORT || config_serve(config->gro.merge) & STEER_SERVE_UDP;
}

/* ---- a new TAP ---- */

static int say_taken(const char *name)
{
	struct netdev taken;
	struct tap_mark mark;

	if (!netdev_open(&taken, name) && tap_mark_read(&mark, taken.alias))
		log_error("TAP %s: the name is taken, by the TAP of superpacketd on %s; 'superpacket clean %s' removes "
			  "it if no daemon runs there; or give another name with --tap",
			  name, mark.interface, mark.interface);
	else
		log_error("TAP %s: the name is taken; give another with --tap", name);
	return -EEXIST;
}

static int create_tap(struct front *front, const struct config *config, const char *name, uint32_t room)
{
	int err = tap_open(&front->frontend, name, room, carries_udp(config), config->gro.max_bytes);

	if (err == -EEXIST || err == -EBUSY)
		return say_taken(name);
	if (err == -ENOENT || err == -ENODEV)
		log_error("TAP %s: no /dev/net/tun; 'modprobe tun', or let the container have it", name);
	else if (err)
		log_error("TAP %s: %s", name, strerror(-err));
	return err;
}

static int set_up_tap(const struct frontend *frontend, const struct netdev *dev, bool is_inline, bool up)
{
	struct netdev_settings settings = {
		.mac = dev->mac,
		.mtu = dev->mtu,
		.txqueuelen = TAP_QUEUE_LEN,
		.no_addresses = is_inline,
		.up = up,
	};
	int err = netdev_set(frontend->ifindex, &settings);

	if (err)
		log_error("TAP %s: setting address, MTU and state: %s", frontend->name, strerror(-err));
	return err;
}

static int index_of(void *name)
{
	return (int)if_nametoindex(name);
}

/* Into the namespace of --tap-netns. Made here and moved, not made there: our descriptors would keep the namespace of a
 * container that has ended (tap_persist.h). */
static int move_tap(struct front *front, const char *path, const char *name)
{
	struct frontend *frontend = front->frontend;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : netdev_tap_move(frontend->ifindex, fd, name);

	if (!err) {
		snprintf(frontend->name, sizeof frontend->name, "%s", name);
		err = netns_call(fd, index_of, frontend->name);
		frontend->ifindex = err > 0 ? (uint32_t)err : 0;
		err = 0;
	} else if (err == -EEXIST) {
		log_error("TAP %s: the name is taken in %s; give another with --tap", name, path);
	} else {
		log_error("TAP %s: moving it into %s: %s", name, path, strerror(-err));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static void set_place(struct front *front, const char *path)
{
	snprintf(front->path, sizeof front->path, "%s", path);
	front->path_inode = *path ? netns_inode(path) : 0;
}

/* path: of the namespace that it shall be in; NULL: ours. */
static int make_tap(struct front *front, const struct config *config, const struct netdev *dev, uint32_t room,
		    const char *path)
{
	char name[IFNAMSIZ];
	int err;

	name_asked(name, config, dev);
	err = create_tap(front, config, path ? NAME_BEFORE : name, room);
	if (!err)
		err = set_up_tap(front->frontend, dev, config->mode == CONFIG_INLINE, !path);
	if (err)
		return err;
	front_label(front, config, dev);
	if (path)
		err = move_tap(front, path, name);
	front->taken_over = false;
	set_place(front, path ? path : "");
	return err;
}

/* ---- a TAP that was there before ---- */

/* A TAP that was kept while its NIC was away, or left by another daemon: what has been done to it is left alone. */
static void update_kept_tap(const struct frontend *frontend, const struct netdev *dev)
{
	int err = frontend->ops->set_mac(frontend, dev->mac);

	if (!err)
		err = frontend->ops->set_mtu(frontend, dev->mtu);
	if (err)
		log_warning("TAP %s: address and MTU of %s: %s", frontend->name, dev->name, strerror(-err));
}

/* Whether it was made for these options, or is where they want it: which of two was meant is the operator's to say. */
static int check_asked(const struct place_found *found, const struct tap_mark *mark, const char *path, const char *name)
{
	const bool right_place = path ? netns_inode(path) == netns_inode_fd(found->netns_fd) : found->netns_fd < 0;
	char words[NETNS_PATH_LEN + 4];

	if (!strcmp(found->mark.asked, mark->asked) || (right_place && !strcmp(found->tap.name, name)))
		return 0;
	log_error("TAP %s, %s: a former superpacketd on %s has left it, which ran with other options (%s); "
		  "'superpacket clean %s' removes it",
		  found->tap.name, place_words(found->path, words), mark->interface,
		  *found->mark.asked ? found->mark.asked : "neither --tap nor --tap-netns", mark->interface);
	return -EEXIST;
}

static int wait_until_free(struct place_found *found)
{
	int err = 0;

	for (int i = 0; !err && found->tap.held && i < HELD_RETRIES; i++) {
		poll(NULL, 0, HELD_RETRY_MS);
		err = place_look(found);
	}
	return err ? err : found->tap.held ? -EBUSY : 0;
}

/* Others may have had the same idea at the same moment. And if it was renamed just then, what we hold is a new TAP of its
 * old name, which goes when it is closed. */
static int check_taken(struct place_found *found, uint32_t queue_cnt)
{
	int err = place_look(found);

	return err ? err : found->tap.held > queue_cnt ? -EBUSY : found->tap.held < queue_cnt ? -ESTALE : 0;
}

static int take_tap(struct front *front, const struct config *config, struct place_found *found, uint32_t room)
{
	const struct tap_left left = { found->tap.name, found->tap.ifindex, found->netns_fd };
	char words[NETNS_PATH_LEN + 4];
	int err = wait_until_free(found);

	place_words(found->path, words);
	if (!err)
		err = tap_take(&front->frontend, &left, room, carries_udp(config), config->gro.max_bytes);
	if (!err)
		err = check_taken(found, room);
	if (err == -EBUSY) {
		log_error("TAP %s, %s: is held by another process, perhaps a superpacketd behind another run "
			  "directory; stop that one",
			  found->tap.name, words);
	} else if (err == -ESTALE) {
		log_error("TAP %s, %s: was renamed while it was taken over, so it was not; start superpacketd again",
			  found->tap.name, words);
	} else if (err) {
		log_error("TAP %s, %s: taking it over: %s", found->tap.name, words, strerror(-err));
	} else {
		front->taken_over = true;
		set_place(front, found->path);
		log_info("TAP %s: taken over, %s, as the daemon before has left it", found->tap.name, words);
	}
	return err;
}

/* ---- port mode: either ---- */

static int asked_path(const struct config *config, char path[NETNS_PATH_LEN])
{
	int err = netns_path(path, config->tap_netns);

	if (!err && !netns_inode(path))
		err = -errno;
	if (err)
		log_error("--tap-netns %s: there is no network namespace of this name, and no such process (%s: %s); "
			  "see 'ip netns'",
			  config->tap_netns, path, strerror(-err));
	return err;
}

static int open_port_tap(struct front *front, const struct config *config, const struct netdev *dev, uint32_t room)
{
	char path[NETNS_PATH_LEN], name[IFNAMSIZ], *asked = config->tap_netns ? path : NULL;
	struct place_found found;
	struct tap_mark mark;
	int err = asked ? asked_path(config, path) : 0;

	if (err)
		return err;
	snprintf(front->asked, sizeof front->asked, "%s", asked ? asked : "");
	name_asked(name, config, dev);
	tap_mark_make(&mark, dev->name, netns_own(), config->tap, config->tap_netns);
	err = place_find(&found, &mark, asked);
	if (err == -EPERM) {
		log_error(
			"TAP %s: a former superpacketd has left it in another network namespace; taking it over there "
			"needs CAP_SYS_ADMIN",
			found.tap.name);
		return err;
	}
	if (err) {
		if (asked && netns_inode(path) == mark.netns)
			asked = NULL;
		return make_tap(front, config, dev, room, asked);
	}
	err = check_asked(&found, &mark, asked, name);
	if (!err)
		err = take_tap(front, config, &found, room);
	if (!err)
		update_kept_tap(front->frontend, dev);
	if (found.netns_fd >= 0)
		close(found.netns_fd);
	return err;
}

int front_open(struct front *front, const struct config *config, const struct netdev *dev, uint32_t room, uint32_t cnt)
{
	bool kept = front->frontend;
	int err = 0;

	if (kept) {
		update_kept_tap(front->frontend, dev);
	} else {
		err = config->mode == CONFIG_PORT ? open_port_tap(front, config, dev, room) :
						    make_tap(front, config, dev, room, NULL);
		front->gro = config->gro;
		if (!err)
			err = offloads_settle(front->frontend, &front->gro);
	}
	if (!err)
		err = front_use_queues(front->frontend, cnt);
	if (err && !kept && front->frontend)
		front_close(front, false);
	if (err)
		return err;
	front_label(front, config, dev);
	/* That of a bond in port mode waits for a member to send by (members.c). A TAP before Linux 5.0 says EINVAL: it
	 * always has one. */
	(void)front->frontend->ops->set_carrier(front->frontend,
						dev->carrier && (config->mode == CONFIG_INLINE || !bond_is(dev)));
	return 0;
}

int front_persist(const struct front *front, const struct config *config)
{
	int err = config->mode == CONFIG_PORT ? tap_set_persistent(front->frontend, true) : 0;

	if (err)
		log_error("TAP %s: making it outlive the daemon: %s", front->frontend->name, strerror(-err));
	return err;
}

int front_stats(const struct frontend *frontend, struct netdev_stats *stats)
{
	char name[IFNAMSIZ];
	int fd = tap_netns(frontend), err;

	if (fd < 0)
		return fd;
	if (!tap_name(frontend, name))
		err = -ENODEV;
	else if (netns_inode_fd(fd) == netns_own())
		err = netdev_stats(name, stats);
	else
		err = netdev_stats_elsewhere(fd, name, stats);
	close(fd);
	return err;
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

/* ---- its namespace ends ---- */

bool front_lost(struct front *front)
{
	const uint64_t now = *front->path ? netns_inode(front->path) : 0;
	const bool unseen = !now && errno != ENOENT;
	char path[NETNS_PATH_LEN];
	uint64_t tap;

	if (!*front->path || now == front->path_inode || unseen)
		return false;
	tap = tap_netns_inode(front->frontend);
	/* The TAP belongs to the name, not to what once had it. */
	if (!tap || (tap == front->path_inode && !strcmp(front->path, front->asked)))
		return true;
	/* It has been moved, or a process has ended that its namespace was known by. */
	switch (netns_find(tap, path)) {
	case 0:
		set_place(front, tap == netns_own() ? "" : path);
		return false;
	case -ENOENT:
		return true;
	default: /* it may be in use: whoever is in it may not be seen by us */
		front->path[0] = '\0';
		return false;
	}
}

void front_drop(struct front *front)
{
	(void)tap_set_persistent(front->frontend, false); /* it may be gone already */
	front_close(front, false);
}

/* A process that has ended does not come back, a name may. */
bool front_may_return(const struct front *front)
{
	return *front->asked && strncmp(front->asked, "/proc/", strlen("/proc/")) != 0 &&
	       netns_inode(front->asked) != front->path_inode;
}

bool front_can_open(const struct front *front)
{
	return front->frontend || !*front->asked || netns_inode(front->asked);
}

const struct frontend *front_last(const struct front *front)
{
	return front->frontend ? front->frontend : &front->closed;
}

struct label {
	const char *name;
	struct netdev_settings settings;
};

static int set_label(void *data)
{
	const struct label *label = data;
	const uint32_t ifindex = if_nametoindex(label->name);

	return ifindex ? netdev_set(ifindex, &label->settings) : -ENODEV;
}

void front_label(const struct front *front, const struct config *config, const struct netdev *dev)
{
	char alias[TAP_MARK_LEN], name[IFNAMSIZ];
	struct label label = { .name = name, .settings.alias = alias };
	const bool here = front->frontend->ops->is_here(front->frontend);
	const int fd = here ? -1 : tap_netns(front->frontend);
	struct tap_mark mark;

	if ((!here && fd < 0) || !tap_name(front->frontend, name))
		return;
	tap_mark_make(&mark, dev->name, netns_own(), config->tap, config->tap_netns);
	tap_mark_write(alias, &mark);
	(void)netns_call(fd, set_label, &label);
	if (!here)
		close(fd);
}

void front_tell(const struct front *front, struct front_facts *told)
{
	*told = (struct front_facts){ .taken_over = front->taken_over };
	snprintf(told->name, sizeof told->name, "%s", front_last(front)->name);
	if (!front->frontend)
		return;
	(void)tap_name(front->frontend, told->name);
	told->persistent = tap_is_persistent(front->frontend);
	told->netns = tap_netns_inode(front->frontend);
	if (told->netns == netns_own())
		return;
	/* Where it was put, or moved to by now. */
	if (told->netns && told->netns == front->path_inode)
		snprintf(told->place, sizeof told->place, "%s", front->path);
	else if (!told->netns || netns_find(told->netns, told->place))
		snprintf(told->place, sizeof told->place, "a namespace that cannot be named");
}
