/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parts of describe_status(). The caller owns what they return. */
#ifndef SUPERPACKET_DESCRIBE_H
#define SUPERPACKET_DESCRIBE_H

#include <jansson.h>

#include "nic/netdev.h"

json_t *describe_device(const struct netdev *dev);

#endif
