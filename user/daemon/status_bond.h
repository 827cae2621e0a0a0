/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What status tells of a bond and its members. */
#ifndef SUPERPACKET_STATUS_BOND_H
#define SUPERPACKET_STATUS_BOND_H

#include <jansson.h>

#include "daemon/members.h"

/* The object "bond". */
json_t *status_bond(const struct members *members);

/* Adds the counters of the members' XDP programs. */
void status_add_members(const struct members *members, uint64_t counters[STEER_COUNTER_CNT]);

#endif
