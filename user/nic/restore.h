/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The note of what we have switched off on an interface, written before it is done, so that whoever
 * comes after a kill -9 can put it back: the next daemon there, or `superpacket clean`.
 *
 *      $RUNTIME_DIRECTORY or /run/superpacket / IF@NETNS-INODE.restore
 *
 *      superpacket-restore 1
 *      interface eth0
 *      ifindex 2
 *      mac 02:00:00:00:00:07
 *      on large-receive-offload
 *      on rx-vlan-offload
 *
 * Lines that are not known are passed over. It says what was on, nothing else: what an operator has
 * switched himself meanwhile is not in it and stays as he wants it. Lying in /run, it goes with a
 * restart of the machine, as the settings do.
 */
#ifndef SUPERPACKET_RESTORE_H
#define SUPERPACKET_RESTORE_H

#include <net/if.h>

#include "nic/features.h"

struct restore_note {
	char interface[IFNAMSIZ];
	uint32_t ifindex;
	uint8_t mac[6];
	uint32_t on; /* set of features to be switched on again */
};

/* Writes the note whole or not at all; one of nothing (on == 0) is removed. Returns 0 or -errno. */
int restore_write(const char *path, const struct restore_note *note);

/* Returns 0, -ENOENT, -EBADMSG for what is no note, or -errno. */
int restore_read(const char *path, struct restore_note *note);

/*
 * Whether the interface of the note is still there in this network namespace, by index, and by name
 * or MAC address (either may have changed, not both). name then has its present name.
 */
bool restore_find(const struct restore_note *note, char name[IFNAMSIZ]);

/* Switches on again what the note says and is off, and adds it to *restored. Returns 0, -ENODEV (it is
 * not there any more), or -errno of the switching. Leaves the file to the caller. */
int restore_apply(const struct restore_note *note, uint32_t *restored);

#endif
