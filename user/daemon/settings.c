// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Settings of the NIC that hurt (nic/adjust.h) are switched off while we run. Whatever is to be
 * restored stands in the note (nic/restore.h) before it is changed, and until it is restored.
 *
 *      settings_open      what a killed predecessor has left off counts as on; LRO and the like go off,
 *                         before the program is attached: some drivers refuse it with them, and
 *                         the kernel would switch some off for ever
 *      settings_attached  in generic mode GRO, too; what the predecessor had off and we can have on
 *                         is restored
 *      settings_close     all of it is restored
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "base/log.h"
#include "nic/adjust.h"

static struct adjust_facts facts_of(const struct daemon *d, bool generic)
{
	return (struct adjust_facts){ .features = d->dev.features,
				      .veth = netdev_is_veth(&d->dev),
				      .generic = generic };
}

static int write_note(struct daemon *d)
{
	int err = restore_write(d->settings.path, &d->settings.note);

	if (err)
		log_error("%s: writing %s, without which nothing is changed on the NIC: %s", d->dev.name,
			  d->settings.path, strerror(-err));
	return err;
}

void settings_say(const struct daemon *d)
{
	const struct adjust_facts facts = facts_of(d, steer_is_generic(d->steer));

	for (int f = 0; f < FEATURE_CNT; f++) {
		const struct adjust adjust = adjust_decide(&facts, (enum feature)f);
		const char *name = features_name((enum feature)f);

		if (adjust.what == ADJUST_EXPLAIN)
			log_info("%s: %s: %s", d->dev.name, name, adjust.why);
		else if (adjust.what == ADJUST_OFF && d->settings.note.on >> f & 1)
			log_info("%s: %s is off until superpacketd ends: %s", d->dev.name, name,
				 adjust.why);
	}
}

/* Switches the set off, one by one: what a driver refuses shall not keep the others on. */
static void switch_off(struct daemon *d, uint32_t off)
{
	for (int f = 0; f < FEATURE_CNT; f++) {
		const uint32_t bit = 1u << f;
		int err = off & bit ? features_set(d->dev.name, bit, 0) : 0;

		if (!err)
			continue;
		log_warning("%s: switching off %s: %s; try 'ethtool -K %s %s off'", d->dev.name,
			    features_name((enum feature)f), strerror(-err), d->dev.name,
			    features_name((enum feature)f));
		d->settings.note.on &= ~bit;
	}
}

/* Takes over what a predecessor who was killed has noted, if it is about this very interface. */
static void read_predecessor(struct daemon *d)
{
	struct restore_note old;
	char name[IFNAMSIZ];
	int err = restore_read(d->settings.path, &old);

	if (err == -EBADMSG)
		log_warning("%s: %s is no note of ours and is overwritten", d->dev.name, d->settings.path);
	if (err || !restore_find(&old, name) || old.ifindex != d->dev.ifindex)
		return;
	d->settings.note.on = old.on;
	d->dev.features.on |= old.on & d->dev.features.changeable;
	log_info("%s: a superpacketd that was killed has left settings changed; they are taken over",
		 d->dev.name);
}

static int path_of_note(struct daemon *d)
{
	const char *socket = d->control.path, *end = strrchr(socket, '.');
	int len = snprintf(d->settings.path, sizeof d->settings.path, "%.*s.restore", (int)(end - socket),
			   socket);

	return (size_t)len < sizeof d->settings.path ? 0 : -ENAMETOOLONG;
}

void settings_renamed(struct daemon *d)
{
	char old[sizeof d->settings.path];

	memcpy(old, d->settings.path, sizeof old);
	if (path_of_note(d) || !strcmp(old, d->settings.path)) {
		memcpy(d->settings.path, old, sizeof old);
		return;
	}
	snprintf(d->settings.note.interface, IFNAMSIZ, "%s", d->dev.name);
	if (!write_note(d))
		unlink(old);
}

int settings_open(struct daemon *d)
{
	const struct adjust_facts before = facts_of(d, false);
	struct adjust_facts facts;
	int err = path_of_note(d);

	if (err)
		return err;
	d->settings.note = (struct restore_note){ 0 };
	snprintf(d->settings.note.interface, IFNAMSIZ, "%s", d->dev.name);
	d->settings.note.ifindex = d->dev.ifindex;
	memcpy(d->settings.note.mac, d->dev.mac, sizeof d->settings.note.mac);
	read_predecessor(d);
	facts = facts_of(d, false);
	d->settings.note.on |= adjust_off(&facts);
	err = write_note(d);
	if (!err)
		switch_off(d, adjust_off(&before));
	return err;
}

int settings_attached(struct daemon *d)
{
	const struct adjust_facts facts = facts_of(d, steer_is_generic(d->steer));
	const uint32_t off = adjust_off(&facts), before = d->settings.note.on;
	struct restore_note needless = d->settings.note;
	struct features now;
	uint32_t restored = 0;
	int err;

	needless.on &= ~off;
	if (needless.on)
		(void)restore_apply(&needless, &restored);
	d->settings.note.on = (before & off) | (off & 1u << FEATURE_GRO);
	err = write_note(d);
	if (err)
		return err;
	if (features_read(d->dev.name, &now) == 0)
		switch_off(d, off & now.on);
	return 0;
}

void settings_close(struct daemon *d)
{
	uint32_t restored = 0;
	int err;

	if (!d->settings.note.on)
		return;
	err = restore_apply(&d->settings.note, &restored);
	for (int f = 0; f < FEATURE_CNT; f++)
		if (restored >> f & 1)
			log_info("%s: %s is on again", d->dev.name, features_name((enum feature)f));
		else if (err && d->settings.note.on >> f & 1)
			log_warning("%s: switching %s on again: %s; 'ethtool -K %s %s on', wherever it is now",
				    d->dev.name, features_name((enum feature)f), strerror(-err), d->dev.name,
				    features_name((enum feature)f));
	/* Gone is gone; whatever else went wrong may go right with `superpacket clean`. */
	if (!err || err == -ENODEV)
		unlink(d->settings.path);
}

json_t *settings_json(const struct daemon *d, bool generic)
{
	const struct adjust_facts facts = facts_of(d, generic);
	json_t *object = json_object(), *off = json_object(), *advice = json_array();

	for (int f = 0; f < FEATURE_CNT; f++) {
		const struct adjust adjust = adjust_decide(&facts, (enum feature)f);
		const char *name = features_name((enum feature)f);

		if (adjust.what == ADJUST_OFF && d->settings.note.on >> f & 1)
			json_object_set_new(off, name, json_string(adjust.why));
		else if (adjust.what == ADJUST_EXPLAIN)
			json_array_append_new(advice, json_sprintf("%s: %s", name, adjust.why));
	}
	json_object_set_new(object, "off_until_the_end", off);
	json_object_set_new(object, "advice", advice);
	return object;
}
