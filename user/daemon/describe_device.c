// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the device has said of itself, for status. null: the kernel does not know the question. */
#include "daemon/describe.h"

static json_t *named_bits(bool told, uint64_t bits, const char *(*name)(uint32_t bit))
{
	json_t *array = told ? json_array() : json_null();

	for (uint32_t bit = 0; told && bit < 64; bit++)
		if (bits >> bit & 1)
			json_array_append_new(array, name(bit) ? json_string(name(bit)) :
								 json_sprintf("bit-%u", bit));
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

json_t *describe_device(const struct netdev *dev)
{
	const struct netdev_xdp *xdp = &dev->xdp;
	json_t *device = json_object();
	struct features now;

	if (features_read(dev->name, &now))
		now = dev->features; /* renamed: what they were at start */

	json_object_set_new(device, "driver", json_string(dev->driver));
	json_object_set_new(device, "kind", json_string(dev->kind));
	json_object_set_new(device, "xdp_features",
			    named_bits(xdp->told & NETDEV_TOLD_FEATURES, xdp->features, netdev_xdp_name));
	json_object_set_new(device, "xdp_zc_max_segs", xdp->told & NETDEV_TOLD_ZC_MAX_SEGS ?
							       json_integer(xdp->zc_max_segs) :
							       json_null());
	json_object_set_new(device, "xdp_rx_metadata_features",
			    named_bits(xdp->told & NETDEV_TOLD_RX_METADATA, xdp->rx_metadata,
				       netdev_rx_metadata_name));
	json_object_set_new(device, "xsk_features",
			    named_bits(xdp->told & NETDEV_TOLD_XSK_FEATURES, xdp->xsk_features,
				       netdev_xsk_name));
	json_object_set_new(device, "features", features_json(&now));
	return device;
}
