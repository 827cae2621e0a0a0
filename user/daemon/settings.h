/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Settings of the NIC that harm the daemon (nic/adjust.h) are switched off while it runs. Whatever is to be restored
 * is in the note (nic/restore.h) before it is changed, and stays there until it is restored:
 *
 *      settings_open      what a killed predecessor has left off counts as on; LRO and the like go off, before the
 *                         program is attached: some drivers refuse it with them, and the kernel would switch some
 *                         off for ever
 *      settings_attached  in generic mode GRO, too; what the predecessor had off and we can have on is restored
 *      settings_close     all of it is restored
 */
#ifndef SUPERPACKET_SETTINGS_H
#define SUPERPACKET_SETTINGS_H

#include <jansson.h>

#include "base/rundir.h"
#include "nic/netdev.h"
#include "nic/restore.h"

struct settings {
	struct restore_note note; /* note.on: what is on again at the end */
	char path[RUNDIR_PATH_LEN + 8];
};

/* Takes the note's place beside the control socket, and switches off what must be off before the program is attached.
 * What a predecessor had off is added to dev->features.on. */
int settings_open(struct settings *settings, struct netdev *dev, const char *socket_path);

/* After the program was attached: its mode is known. */
int settings_attached(struct settings *settings, const struct netdev *dev, bool generic);
void settings_close(struct settings *settings, const char *interface);

/* The interface has another name, and the control socket another path. */
void settings_renamed(struct settings *settings, const struct netdev *dev, const char *socket_path);

/* Logs what was switched off and why, and what the operator might do. */
void settings_say(const struct settings *settings, const struct netdev *dev, bool generic);

/* The same for status. */
json_t *settings_json(const struct settings *settings, const struct netdev *dev, bool generic);

#endif
