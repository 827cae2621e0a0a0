// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * An engine's configuration: what is valid, how much memory it needs, how that is laid out.
 */
#include <errno.h>

#include "gro_tunnel.h"

/* Deliveries that may wait for gro_next() beside all the superpackets that are held. */
#define READY_MAX 512u

const char *const gro_reason_names[GRO_REASON_CNT] = {
	[GRO_COUNT] = "count",
	[GRO_BYTES] = "bytes",
	[GRO_AGE] = "age",
	[GRO_BURST_END] = "burst_end",
	[GRO_OUT_OF_SEQUENCE] = "out_of_sequence",
	[GRO_NO_DATA] = "no_data",
	[GRO_FLAGS] = "flags",
	[GRO_PUSH_FIN] = "push_fin",
	[GRO_SHORT] = "short",
	[GRO_LARGER] = "larger",
	[GRO_HEADER] = "header",
	[GRO_CHECKSUM] = "checksum",
	[GRO_FRAGMENT] = "fragment",
	[GRO_IP_OPTIONS] = "ip_options",
	[GRO_TABLE_FULL] = "table_full",
	[GRO_RECONFIGURE] = "reconfigure",
	[GRO_SHUTDOWN] = "shutdown",
	[GRO_NOT_SERVED] = "not_served",
	[GRO_LEFT_ALONE] = "left_alone",
	[GRO_EXEMPT] = "exempt",
};

static uint32_t entry_count(const struct gro_config *config)
{
	return config->flows + (config->packets < READY_MAX ? config->packets : READY_MAX);
}

/* Only the last block of a superpacket is not full. */
static uint32_t block_count(const struct gro_config *config)
{
	return config->packets / GRO_BLOCK_SEGMENTS + entry_count(config);
}

size_t gro_memory_size(const struct gro_config *config)
{
	return flow_memory_size(entry_count(config)) + entry_count(config) * sizeof(struct gro_super) +
	       block_count(config) * sizeof(struct gro_block) + align_up(block_count(config) * sizeof(uint32_t)) +
	       (config->adaptive ? align_up(habit_memory_size(HABIT_ENTRIES)) : 0);
}

static bool config_valid(const struct gro_config *config)
{
	return config->flows && config->flows <= 1u << 24 && config->packets && config->packets <= 1u << 24 &&
	       config->max_packets >= 2 && config->max_packets <= GRO_MAX_PACKETS && config->max_bytes &&
	       config->max_bytes <= GRO_BIG_BYTES_MAX && !(config->merge & ~GRO_MERGE_ALL);
}

/* Moves the ports that pass to the front, without gaps. */
static void gather_pass_ports(struct gro *gro)
{
	uint16_t *ports = gro->config.pass_ports;

	for (uint32_t i = 0; i < GRO_PASS_PORTS; i++)
		if (ports[i])
			ports[gro->pass_port_cnt++] = ports[i];
}

int gro_init(struct gro *gro, const struct gro_config *config, void *memory)
{
	uint8_t *at = memory;
	uint32_t entries = entry_count(config);

	if (!config_valid(config))
		return -EINVAL;

	memset(gro, 0, sizeof *gro);
	gro->config = *config;
	gather_pass_ports(gro);
	gro->limits = gro->big_limits = (struct gro_limits){ config->max_bytes, config->min_payload };
	if (config->max_bytes > 65535)
		gro->limits.max_bytes = 65535;
	if (config->headroom < BIG_TCP_HEADROOM)
		gro->big_limits = gro->limits;
	gro->tunnels = gro_tunnels_of(config);
	flow_init(&gro->table, entries, config->secret, at);
	at += flow_memory_size(entries);
	gro->supers = (struct gro_super *)at;
	at += entries * sizeof(struct gro_super);
	gro->blocks = (struct gro_block *)at;
	at += block_count(config) * sizeof(struct gro_block);
	gro->free_blocks = (uint32_t *)at;
	at += align_up(block_count(config) * sizeof(uint32_t));
	if (config->adaptive)
		habit_init(&gro->habit, HABIT_ENTRIES, at);

	gro->ready_head = gro->ready_tail = gro->ready_ahead = gro->recent = FLOW_NONE;
	gro->time_reason = config->hold_ns ? GRO_AGE : GRO_BURST_END;
	gro->free_block_cnt = block_count(config);
	for (uint32_t i = 0; i < gro->free_block_cnt; i++)
		gro->free_blocks[i] = gro->free_block_cnt - 1 - i;
	return 0;
}
