/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Renders what was gathered as JSON, by the description in status_fields.c. */
#ifndef SUPERPACKET_STATUS_JSON_H
#define SUPERPACKET_STATUS_JSON_H

#include <jansson.h>

#include "daemon/status_fields.h"

/* All but the fields of type STATUS_LIST outside of the queues. NULL without memory; the caller owns the object. */
json_t *status_json(const struct status *status, const struct netdev *dev, const struct gro_config *gro,
		    const struct status_queue *queues, uint32_t queue_cnt);

#endif
