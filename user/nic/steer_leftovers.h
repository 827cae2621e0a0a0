/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * XDP programs of ours that a killed daemon has left in libxdp's dispatcher, told from what an operator
 * loaded by their owner mark (struct steer_state). Elsewhere nothing is left: links go with the process.
 */
#ifndef SUPERPACKET_STEER_LEFTOVERS_H
#define SUPERPACKET_STEER_LEFTOVERS_H

#include <xdp/libxdp.h>

#include "base/bytes.h"

struct steer_leftovers {
	uint32_t removed_cnt;
	uint32_t removed_id; /* of the last one */
	uint32_t alive_id;   /* belongs to a daemon that lives; 0: none. Nothing more was removed then */
};

/* Removes them from the dispatcher of an interface. */
void steer_leftovers_remove(uint32_t ifindex, struct xdp_multiprog *programs,
			    struct steer_leftovers *found);

/* The same for whoever has not looked yet. Returns 0 or -errno. */
int steer_leftovers_clean(uint32_t ifindex, struct steer_leftovers *found);

#endif
