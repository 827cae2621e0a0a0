/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the parts of steer are told, and what they tell; see steer.h. */
#ifndef SUPERPACKET_STEER_CONFIG_H
#define SUPERPACKET_STEER_CONFIG_H

#include <stdbool.h>

#include "base/bytes.h"
#include "steer_abi.h"
#include "steer_slots.h"

enum steer_xdp_mode {
	STEER_XDP_AUTO, /* native, else generic; but an error where a veth lacks queues for native */
	STEER_XDP_NATIVE,
	STEER_XDP_GENERIC,
};

struct steer_config {
	const char *interface; /* for messages */
	uint32_t ifindex;
	enum steer_xdp_mode mode;
	const char *pinned;  /* directory of pinned maps to adopt; NULL: load our own program */
	uint32_t inline_tap; /* ifindex of the hidden TAP: attach the tc programs; 0: port mode, or a bond's member */
	bool tc_only;        /* a bond: its members have XDP programs of their own (a steer each) */
	uint32_t serve;      /* STEER_SERVE_ bits, in force after steer_start() */
	uint32_t frame_max;  /* see steer_set_frame_max() */
};

/* Where the tc program on the NIC's egress stands. */
enum steer_place {
	STEER_PLACE_TCX,    /* the last of the tcx programs, in front of clsact's filters */
	STEER_PLACE_CLSACT, /* the last of clsact's filters */
};

/* Whether what was attached is still there, or what somebody else has done to it. */
enum steer_presence {
	STEER_PRESENT,   /* all is as it was, or the kernel does not say */
	STEER_XDP_GONE,  /* no XDP program of ours is on the interface */
	STEER_XDP_OTHER, /* there is one, but another, or one that uses other maps than those adopted */
	STEER_OUT_GONE,  /* inline: the tc program on the NIC's egress was taken off */
	STEER_IN_GONE,   /* inline: that on the TAP's ingress, without which what we write to the TAP is lost */
	STEER_UNCOUNTED, /* heartbeats are shown, and the XDP program counts none */
	STEER_PINS_GONE, /* only the pins are gone: what was adopted still works, but cannot be adopted again */
};

#endif
