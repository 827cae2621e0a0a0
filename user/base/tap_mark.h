/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What our TAPs carry as alias ('ip link' shows it): whose they are. It lives and dies with the TAP, goes with it from
 * one network namespace to another, and so is what a TAP that has outlived its daemon is found by.
 *
 *      superpacket: eth0@4026531840                     the NIC, and the inode of the daemon's network namespace
 *      superpacket: eth0@4026531840 tap=sp0 netns=web   what was asked for with --tap and --tap-netns
 *      superpacket: eth0@4026531840 run=/run/other      the daemon's run directory, if it is not the usual one
 */
#ifndef SUPERPACKET_TAP_MARK_H
#define SUPERPACKET_TAP_MARK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define TAP_MARK_LEN 256 /* the end included; the most that the kernel takes (IFALIASZ) */

struct tap_mark {
	char interface[IFNAMSIZ];
	uint64_t netns;
	char asked[96]; /* "": neither was asked for */
	char run[96];   /* "": the usual one */
};

/* tap, tap_netns: as on the command line, NULL: not given. What does not fit is cut off. */
void tap_mark_make(struct tap_mark *mark, const char *interface, uint64_t netns, const char *tap,
		   const char *tap_netns);

void tap_mark_write(char alias[TAP_MARK_LEN], const struct tap_mark *mark);

/* Returns false for an alias that is none of ours. */
bool tap_mark_read(struct tap_mark *mark, const char *alias);

/* Whether its daemon's run directory is this one. */
bool tap_mark_is_run_in(const struct tap_mark *mark, const char *dir);

/* Whether they are of the same NIC. */
bool tap_mark_same_nic(const struct tap_mark *a, const struct tap_mark *b);

#endif
