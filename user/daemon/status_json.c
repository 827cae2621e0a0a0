// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A lack of memory is not handled here: an object is short then, and json_dumps() of the whole fails or the reader
 * misses a key. Nothing is lost but this one answer.
 */
#include "daemon/status_json.h"

#include <string.h>

#include "daemon/config.h"
#include "daemon/rights.h"

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static const char *merge_name(uint32_t bit)
{
	return bit < CONFIG_MERGE_CNT ? config_merge_names[bit] : NULL;
}

/* By the names that ethtool shows on the TAP. */
static const char *offload_name(uint32_t bit)
{
	static const char *const names[] = { "tx-checksumming",
					     "tx-tcp-segmentation",
					     "tx-tcp6-segmentation",
					     "tx-tcp-ecn-segmentation",
					     "tx-udp-segmentation",
					     "tx-udp_tnl-segmentation",
					     "tx-udp_tnl-csum-segmentation" };

	_Static_assert(FRONTEND_UDP_TUNNEL_GSO_CSUM == 1u << (ARRAY_SIZE(names) - 1), "in the order of the bits");
	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}

/* null: not told. */
static json_t *bits_json(bool told, uint64_t bits, const char *(*name)(uint32_t bit))
{
	json_t *array = told ? json_array() : json_null();

	for (uint32_t bit = 0; told && bit < 64; bit++)
		if (bits >> bit & 1)
			json_array_append_new(array, name(bit) ? json_string(name(bit)) : json_sprintf("bit-%u", bit));
	return array;
}

static json_t *ports_json(const uint16_t ports[GRO_PASS_PORTS])
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < GRO_PASS_PORTS && ports[i]; i++)
		json_array_append_new(array, json_integer(ports[i]));
	return array;
}

static json_t *features_json(const struct features *features)
{
	json_t *object = json_object();

	for (int f = 0; f < FEATURE_CNT; f++)
		if ((features->on | features->changeable) >> f & 1)
			json_object_set_new(object, features_name((enum feature)f),
					    json_boolean(features->on >> f & 1));
	return object;
}

static json_t *verdict_json(enum frontend_proof_verdict verdict)
{
	return verdict == FRONTEND_UNASKED ? json_null() : json_string(frontend_verdict_name(verdict));
}

static json_t *proofs_json(const struct frontend_proof proofs[FRONTEND_PROOF_CNT])
{
	json_t *object = json_object();

	for (int i = 0; i < FRONTEND_PROOF_CNT; i++)
		if (proofs[i].in != FRONTEND_UNASKED)
			json_object_set_new(object, frontend_proof_names[i],
					    json_pack("{s:o, s:o}", "in", verdict_json(proofs[i].in), "out",
						      verdict_json(proofs[i].out)));
	return object;
}

static json_t *counters_json(const uint64_t *counters, enum status_type type)
{
	const struct status_names names = status_names(type);
	json_t *object = json_object();

	for (size_t i = 0; i < names.cnt; i++)
		json_object_set_new(object, names.names[i], json_integer((json_int_t)counters[i]));
	return object;
}

/* NULL: it is absent. */
static json_t *value_json(enum status_type type, const void *value)
{
	const struct netdev_xdp *xdp = value;

	switch (type) {
	case STATUS_TEXT:
		return text_or_null(*(const char *const *)value);
	case STATUS_CHARS:
		return json_string(value);
	case STATUS_U32:
		return json_integer(*(const uint32_t *)value);
	case STATUS_U64:
	case STATUS_COUNTER:
		return json_integer((json_int_t) * (const uint64_t *)value);
	case STATUS_BOOL:
		return json_boolean(*(const bool *)value);
	case STATUS_US:
		return json_integer((json_int_t)(*(const uint64_t *)value / 1000));
	case STATUS_SPIN:
		return *(const uint64_t *)value ? value_json(STATUS_US, value) : NULL;
	case STATUS_CPU:
		return *(const int *)value < 0 ? json_null() : json_integer(*(const int *)value);
	case STATUS_PORTS:
		return ports_json(value);
	case STATUS_MERGE:
		return bits_json(true, *(const uint32_t *)value, merge_name);
	case STATUS_OFFLOADS:
		return bits_json(true, *(const uint32_t *)value, offload_name);
	case STATUS_CAPABILITIES:
		return bits_json(true, *(const uint64_t *)value, rights_capability_name);
	case STATUS_XDP:
		return bits_json(xdp->told & NETDEV_TOLD_FEATURES, xdp->features, netdev_xdp_name);
	case STATUS_RX_METADATA:
		return bits_json(xdp->told & NETDEV_TOLD_RX_METADATA, xdp->rx_metadata, netdev_rx_metadata_name);
	case STATUS_XSK:
		return bits_json(xdp->told & NETDEV_TOLD_XSK_FEATURES, xdp->xsk_features, netdev_xsk_name);
	case STATUS_SEGS:
		return xdp->told & NETDEV_TOLD_ZC_MAX_SEGS ? json_integer(xdp->zc_max_segs) : json_null();
	case STATUS_FEATURES:
		return features_json(value);
	case STATUS_PROOFS:
		return proofs_json(value);
	case STATUS_REASONS:
	case STATUS_STEER:
		return counters_json(value, type);
	case STATUS_TAP:
		return ((const struct status_tap_kernel *)value)->there ? counters_json(value, type) : NULL;
	case STATUS_NIC:
		return ((const struct status_nic_kernel *)value)->there ? counters_json(value, type) : NULL;
	case STATUS_INLINE:
		return ((const struct status_inline *)value)->there ? counters_json(value, type) : NULL;
	case STATUS_LIST:
		break;
	}
	return NULL;
}

/* "xdp.mode" is set in the object "xdp" of this one. */
static void set(json_t *object, const char *name, json_t *value)
{
	const char *dot = strchr(name, '.');

	if (dot) {
		const size_t len = (size_t)(dot - name);

		if (!json_object_getn(object, name, len))
			json_object_setn_new(object, name, len, json_object());
		set(json_object_getn(object, name, len), dot + 1, value);
	} else {
		json_object_set_new(object, name, value);
	}
}

static void render(json_t *object, const struct status_field *fields, const void *const from[FROM_CNT])
{
	for (; fields->name; fields++) {
		json_t *value = fields->type == STATUS_LIST ?
					NULL :
					value_json(fields->type, (const char *)from[fields->from] + fields->off);

		if (value)
			set(object, fields->name, value);
	}
}

static json_t *queue_json(const struct status_queue *queue)
{
	const void *from[FROM_CNT] = { [FROM_QUEUE] = queue, [FROM_COUNTERS] = &queue->counters };
	json_t *object = json_object(), *tried = json_array();

	render(object, status_queues, from);
	for (int v = 0; v < MODES_CNT; v++) {
		json_t *way = json_object();

		from[FROM_TRIED] = &queue->tried[v];
		render(way, status_ways, from);
		json_array_append_new(tried, way);
	}
	set(object, "xsk.tried", tried);
	render(object, status_counters, from);
	return object;
}

json_t *status_json(const struct status *status, const struct netdev *dev, const struct gro_config *gro,
		    const struct status_queue *queues, uint32_t queue_cnt)
{
	struct worker_stats sum = { 0 };
	const void *const from[FROM_CNT] = {
		[FROM_STATUS] = status, [FROM_DEVICE] = dev, [FROM_GRO] = gro, [FROM_COUNTERS] = &sum
	};
	json_t *object = json_object(), *array = json_array(), *total = json_object();

	for (uint32_t q = 0; q < queue_cnt; q++) {
		json_array_append_new(array, queue_json(&queues[q]));
		for (size_t i = 0; i < STATS_WORDS; i++)
			((uint64_t *)&sum)[i] += ((const uint64_t *)&queues[q].counters)[i];
	}
	render(object, status_daemon, from);
	render(total, status_counters, from);
	json_object_set_new(object, "queues", array);
	json_object_set_new(object, "total", total);
	return object;
}
