// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/settings.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "nic/adjust.h"

static struct adjust_facts facts_of(const struct netdev *dev, bool generic)
{
	return (struct adjust_facts){ .features = dev->features, .veth = netdev_is_veth(dev), .generic = generic };
}

static int write_note(const struct settings *settings)
{
	int err = restore_write(settings->path, &settings->note);

	if (err)
		log_error("%s: cannot write %s (%s); no setting of the NIC is changed without it",
			  settings->note.interface, settings->path, strerror(-err));
	return err;
}

void settings_say(const struct settings *settings, const struct netdev *dev, bool generic)
{
	const struct adjust_facts facts = facts_of(dev, generic);

	for (int f = 0; f < FEATURE_CNT; f++) {
		const struct adjust adjust = adjust_decide(&facts, (enum feature)f);
		const char *name = features_name((enum feature)f);

		if (adjust.what == ADJUST_EXPLAIN)
			log_info("%s: %s: %s", dev->name, name, adjust.why);
		else if (adjust.what == ADJUST_OFF && settings->note.on >> f & 1)
			log_info("%s: %s is off until superpacketd ends: %s", dev->name, name, adjust.why);
	}
}

/* Switches them off one by one, so that one that the driver refuses does not keep the others on. */
static void switch_off(struct settings *settings, const char *interface, uint32_t off)
{
	for (int f = 0; f < FEATURE_CNT; f++) {
		const uint32_t bit = 1u << f;
		int err = off & bit ? features_set(interface, bit, 0) : 0;

		if (!err)
			continue;
		log_warning("%s: switching off %s: %s; try 'ethtool -K %s %s off'", interface,
			    features_name((enum feature)f), strerror(-err), interface, features_name((enum feature)f));
		settings->note.on &= ~bit;
	}
}

/* Takes over what a predecessor that was killed has noted, if the note is about this very interface. */
static void read_predecessor(struct settings *settings, struct netdev *dev)
{
	struct restore_note old;
	char name[IFNAMSIZ];
	int err = restore_read(settings->path, &old);

	if (err == -EBADMSG)
		log_warning("%s: %s was not written by superpacketd, and is overwritten", dev->name, settings->path);
	if (err || !restore_find(&old, name) || old.ifindex != dev->ifindex)
		return;
	settings->note.on = old.on;
	dev->features.on |= old.on & dev->features.changeable;
	log_info("%s: a superpacketd that was killed has left settings of the NIC changed; they will be restored",
		 dev->name);
}

static int set_path(struct settings *settings, const char *socket)
{
	const char *end = strrchr(socket, '.');
	int len = snprintf(settings->path, sizeof settings->path, "%.*s" RUNDIR_NOTE, (int)(end - socket), socket);

	return (size_t)len < sizeof settings->path ? 0 : -ENAMETOOLONG;
}

void settings_renamed(struct settings *settings, const struct netdev *dev, const char *socket_path)
{
	char old[sizeof settings->path];

	memcpy(old, settings->path, sizeof old);
	if (set_path(settings, socket_path) || !strcmp(old, settings->path)) {
		memcpy(settings->path, old, sizeof old);
		return;
	}
	snprintf(settings->note.interface, IFNAMSIZ, "%s", dev->name);
	if (!write_note(settings))
		unlink(old);
}

int settings_open(struct settings *settings, struct netdev *dev, const char *socket_path)
{
	const struct adjust_facts before = facts_of(dev, false);
	struct adjust_facts facts;
	int err = set_path(settings, socket_path);

	if (err)
		return err;
	settings->note = (struct restore_note){ 0 };
	snprintf(settings->note.interface, IFNAMSIZ, "%s", dev->name);
	settings->note.ifindex = dev->ifindex;
	memcpy(settings->note.mac, dev->mac, sizeof settings->note.mac);
	read_predecessor(settings, dev);
	facts = facts_of(dev, false);
	settings->note.on |= adjust_off(&facts);
	err = write_note(settings);
	if (!err)
		switch_off(settings, dev->name, adjust_off(&before));
	return err;
}

int settings_attached(struct settings *settings, const struct netdev *dev, bool generic)
{
	const struct adjust_facts facts = facts_of(dev, generic);
	const uint32_t off = adjust_off(&facts), before = settings->note.on;
	struct restore_note needless = settings->note;
	struct features now;
	uint32_t restored = 0;
	int err;

	needless.on &= ~off;
	if (needless.on)
		(void)restore_apply(&needless, &restored);
	settings->note.on = (before & off) | (off & 1u << FEATURE_GRO);
	err = write_note(settings);
	if (err)
		return err;
	if (features_read(dev->name, &now) == 0)
		switch_off(settings, dev->name, off & now.on);
	return 0;
}

void settings_close(struct settings *settings, const char *interface)
{
	uint32_t restored = 0;
	int err;

	if (!settings->note.on)
		return;
	err = restore_apply(&settings->note, &restored);
	for (int f = 0; f < FEATURE_CNT; f++)
		if (restored >> f & 1)
			log_info("%s: %s is on again", interface, features_name((enum feature)f));
		else if (err && settings->note.on >> f & 1)
			log_warning("%s: switching %s on again: %s; 'ethtool -K %s %s on', wherever it is now",
				    interface, features_name((enum feature)f), strerror(-err), interface,
				    features_name((enum feature)f));
	/* An interface that is gone has taken its settings along; otherwise `superpacket clean` may succeed later. */
	if (!err || err == -ENODEV)
		unlink(settings->path);
}

json_t *settings_json(const struct settings *settings, const struct netdev *dev, bool generic)
{
	const struct adjust_facts facts = facts_of(dev, generic);
	json_t *object = json_object(), *off = json_object(), *advice = json_array();

	for (int f = 0; f < FEATURE_CNT; f++) {
		const struct adjust adjust = adjust_decide(&facts, (enum feature)f);
		const char *name = features_name((enum feature)f);

		if (adjust.what == ADJUST_OFF && settings->note.on >> f & 1)
			json_object_set_new(off, name, json_string(adjust.why));
		else if (adjust.what == ADJUST_EXPLAIN)
			json_array_append_new(advice, json_sprintf("%s: %s", name, adjust.why));
	}
	json_object_set_new(object, "off_until_the_end", off);
	json_object_set_new(object, "advice", advice);
	return object;
}
