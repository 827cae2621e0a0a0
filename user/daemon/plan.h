/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which ways of binding a socket are tried on this device: what the decision (nic/modes.h) needs to know is brought
 * together here, and its outcome is explained to the operator.
 */
#ifndef SUPERPACKET_PLAN_H
#define SUPERPACKET_PLAN_H

#include "daemon/config.h"
#include "nic/modes.h"
#include "nic/netdev.h"
#include "nic/tx_checksum.h"
#include "nic/xsk.h"

struct plan {
	struct modes_plan modes;
	struct tx_checksum_facts tx_checksum;
	enum modes_pin pin; /* as asked for */
	enum modes_transmit transmit;
};

/* Fills it in, for a program in generic mode or not. */
void plan_make(struct plan *plan, const struct config *config, const struct netdev *dev, bool generic);

/* The same, before anything is touched: refuses a command line that leaves nothing to try on this device. */
int plan_check(struct plan *plan, const struct config *config, const struct netdev *dev);

/* Refuses a socket whose NIC does not finish checksums, with -EOPNOTSUPP, where that was asked for. Where the NIC
 * offers it and the test packet failed, logs that. */
int plan_check_checksum(const struct plan *plan, const struct netdev *dev, const struct xsk_choice *choice);

/* Logs more about a socket that could not be opened, where that is due to the command line. */
void plan_explain_failure(const struct plan *plan, const char *interface, const struct xsk_choice *choice, int err);

/* Logs which better ways of binding than the one in force a queue has lost, because they do not send. */
void plan_say_unproved(const struct plan *plan, const char *interface, uint32_t queue, const struct xsk_choice *choice);

#endif
