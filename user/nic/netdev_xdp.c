// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netdev_xdp.h"

#include <linux/genetlink.h>

#include "base/bytes.h"
#include "nic/netlink.h"
#include "nic/uapi_compat.h"

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct netdev_xdp *xdp = data;

	switch (mnl_attr_get_type(attr)) {
	case COMPAT_NETDEV_A_XDP_FEATURES:
		xdp->features = mnl_attr_get_u64(attr);
		xdp->told |= NETDEV_TOLD_FEATURES;
		break;
	case COMPAT_NETDEV_A_XDP_ZC_MAX_SEGS:
		xdp->zc_max_segs = mnl_attr_get_u32(attr);
		xdp->told |= NETDEV_TOLD_ZC_MAX_SEGS;
		break;
	case COMPAT_NETDEV_A_XDP_RX_METADATA:
		xdp->rx_metadata = mnl_attr_get_u64(attr);
		xdp->told |= NETDEV_TOLD_RX_METADATA;
		break;
	case COMPAT_NETDEV_A_XSK_FEATURES:
		xdp->xsk_features = mnl_attr_get_u64(attr);
		xdp->told |= NETDEV_TOLD_XSK_FEATURES;
		break;
	}
	return MNL_CB_OK;
}

static int parse_device(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct genlmsghdr), parse_attr, data);
}

void netdev_xdp_read(uint32_t ifindex, struct netdev_xdp *xdp)
{
	char request[NETLINK_REQUEST_LEN];
	struct netdev_xdp told = { 0 };
	struct nlmsghdr *nlh;
	uint16_t family;

	*xdp = (struct netdev_xdp){ 0 };
	if (genl_family(COMPAT_NETDEV_FAMILY, &family))
		return; /* before 6.3 */
	nlh = genl_request(request, family, COMPAT_NETDEV_CMD_DEV_GET, 1);
	mnl_attr_put_u32(nlh, COMPAT_NETDEV_A_IFINDEX, ifindex);
	if (netlink_talk(NETLINK_GENERIC, nlh, parse_device, &told) == 0)
		*xdp = told;
}

static const char *const xdp_names[] = { "basic",      "redirect", "ndo-xmit",   "xsk-zerocopy",
					 "hw-offload", "rx-sg",    "ndo-xmit-sg" };
static const char *const rx_metadata_names[] = { "timestamp", "hash", "vlan-tag" };
static const char *const xsk_names[] = { "tx-timestamp", "tx-checksum", "tx-launch-time-fifo" };

static const char *name(const char *const *names, size_t cnt, uint32_t bit)
{
	return bit < cnt ? names[bit] : NULL;
}

const char *netdev_xdp_name(uint32_t bit)
{
	return name(xdp_names, ARRAY_SIZE(xdp_names), bit);
}

const char *netdev_rx_metadata_name(uint32_t bit)
{
	return name(rx_metadata_names, ARRAY_SIZE(rx_metadata_names), bit);
}

const char *netdev_xsk_name(uint32_t bit)
{
	return name(xsk_names, ARRAY_SIZE(xsk_names), bit);
}
