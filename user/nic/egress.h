/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What stands on a NIC's way out, and what becomes of it when our program takes packets off that way (net/core/dev.c
 * __dev_queue_xmit(), in this order):
 *
 *      nftables' egress hook   runs before our program
 *      tcx programs            ours is the last of them (steer_tc.c), so the others have run, too
 *      clsact's filters        run if our program is the last of them instead (egress_filter.h)
 *      the root qdisc          what AF_XDP sends does not pass it
 *
 * So the last one decides whether the outgoing direction can be served: what a qdisc that shapes, polices or orders
 * has been set up for cannot be kept. Nothing is changed here.
 */
#ifndef SUPERPACKET_EGRESS_H
#define SUPERPACKET_EGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct egress_found {
	bool filters;      /* others have egress filters in clsact */
	bool shared;       /* in a block of filters that several interfaces share: ours cannot be added */
	bool ours;         /* ours, or one that a killed daemon has left, is there */
	char obstacle[80]; /* what cannot be kept, like "root qdisc htb 1:"; "": nothing */
};

/* Returns 0 or -errno. */
int egress_look(uint32_t ifindex, struct egress_found *found);

/* How many tcx programs are on its way out. */
uint32_t egress_programs(uint32_t ifindex);

#endif
