/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * XDP programs that a killed daemon has left in libxdp's dispatcher. The mark `owned` (struct steer_state)
 * distinguishes them from those that an operator has loaded. And its filter behind those of others in clsact
 * (egress_filter.h). Nothing is left elsewhere: links go with the process.
 */
#ifndef SUPERPACKET_STEER_LEFTOVERS_H
#define SUPERPACKET_STEER_LEFTOVERS_H

#include <xdp/libxdp.h>

#include "base/bytes.h"

struct steer_leftovers {
	uint32_t removed_cnt;
	uint32_t removed_id; /* id of the last one */
	uint32_t alive_id;   /* id of a program whose daemon is alive; 0: there is none. The search ended there */
};

/* Removes them from the dispatcher of an interface, whose programs these are. */
void steer_leftovers_remove(uint32_t ifindex, struct xdp_multiprog *programs, struct steer_leftovers *found);

/* Looks at the interface and, if it has a dispatcher, removes them. Returns 0 or -errno. */
int steer_leftovers_clean(uint32_t ifindex, struct steer_leftovers *found);

/* Removes the filter, unless its daemon is alive. Returns 1 if it did, 0, or -errno. */
int steer_leftovers_clean_filter(uint32_t ifindex);

#endif
