/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A note of what the daemon has switched off on an interface. It is written before anything is switched off, so that
 * after a kill -9 the next daemon there, or `superpacket clean`, can restore it. The file is INTERFACE@NETNS.restore in
 * the runtime directory (base/rundir.h):
 *
 *      superpacket-restore 1
 *      interface eth0
 *      ifindex 2
 *      mac 02:00:00:00:00:07
 *      on large-receive-offload
 *      on rx-vlan-offload
 *
 * Unknown lines are skipped. The note has only what was on before: what the operator switches meanwhile is not in it
 * and stays as it is. In /run, the note is gone after a restart of the machine, as the settings are.
 */
#ifndef SUPERPACKET_RESTORE_H
#define SUPERPACKET_RESTORE_H

#include <net/if.h>

#include "nic/features.h"

struct restore_note {
	char interface[IFNAMSIZ];
	uint32_t ifindex;
	uint8_t mac[6];
	uint32_t on; /* the set of features to switch on again */
};

/* Writes the note, as a whole or not at all; removes it if it has no features (on == 0). Returns 0 or -errno. */
int restore_write(const char *path, const struct restore_note *note);

/* Returns 0 or -errno; -ENOENT, -EBADMSG when the file is not a note. */
int restore_read(const char *path, struct restore_note *note);

/*
 * Whether the interface of the note is still in this network namespace: its index is the same, and so is its name or
 * its MAC address (one of them may have changed). name is its present name then.
 */
bool restore_find(const struct restore_note *note, char name[IFNAMSIZ]);

/* Switches on again what the note has and is off now, and adds it to *restored. The caller removes the file. Returns 0,
 * -ENODEV when the interface is gone, or -errno of the switching. */
int restore_apply(const struct restore_note *note, uint32_t *restored);

#endif
