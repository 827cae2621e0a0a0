// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netdev.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nic/ethtool.h"
#include "nic/netlink.h"

static int parse_tun(const struct nlattr *attr, void *data)
{
	struct netdev *dev = data;

	if (mnl_attr_get_type(attr) == IFLA_TUN_VNET_HDR)
		dev->vnet_hdr = mnl_attr_get_u8(attr);
	return MNL_CB_OK;
}

/* The kernel writes the kind before what belongs to it (net/core/rtnetlink.c rtnl_link_info_fill()). */
static int parse_info(const struct nlattr *attr, void *data)
{
	struct netdev *dev = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		snprintf(dev->kind, sizeof(dev->kind), "%s", mnl_attr_get_str(attr));
	else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && !strcmp(dev->kind, "tun"))
		return mnl_attr_parse_nested(attr, parse_tun, dev);
	return MNL_CB_OK;
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct netdev *dev = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME: /* the real name, even if it was looked up by an alternative one */
		snprintf(dev->name, sizeof(dev->name), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_IFALIAS:
		snprintf(dev->alias, sizeof(dev->alias), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		dev->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(dev->mac))
			memcpy(dev->mac, mnl_attr_get_payload(attr), sizeof(dev->mac));
		break;
	case IFLA_CARRIER:
		dev->carrier = mnl_attr_get_u8(attr);
		break;
	case IFLA_NUM_RX_QUEUES:
		dev->rx_queues = dev->rx_queues_max = mnl_attr_get_u32(attr);
		break;
	case IFLA_NUM_TX_QUEUES:
		dev->tx_queues = mnl_attr_get_u32(attr);
		break;
	case IFLA_PARENT_DEV_NAME: /* since Linux 5.14 */
		snprintf(dev->parent, sizeof(dev->parent), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_PARENT_DEV_BUS_NAME:
		snprintf(dev->parent_bus, sizeof(dev->parent_bus), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, parse_info, dev);
	}
	return MNL_CB_OK;
}

static int parse_link(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(answer);
	struct netdev *dev = data;

	dev->ifindex = link->ifi_index;
	dev->up = link->ifi_flags & IFF_UP;
	dev->ethernet = link->ifi_type == ARPHRD_ETHER;
	dev->loopback = link->ifi_type == ARPHRD_LOOPBACK;
	return mnl_attr_parse(answer, sizeof(*link), parse_attr, dev);
}

/* By name, or by index if there is none. */
static int ask_link(struct netdev *dev, uint32_t ifindex, const char *name)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *link;

	nlh->nlmsg_type = RTM_GETLINK;
	link = mnl_nlmsg_put_extra_header(nlh, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)ifindex;
	/* IFLA_IFNAME is looked up among both kinds of names; a long name can only be an alternative one. */
	if (name)
		mnl_attr_put_strz(nlh, strlen(name) < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return rtnl_talk(nlh, parse_link, dev);
}

/* A driver may know no channels. Then what rtnetlink has said stays: the queues there are, used or not. */
static void ask_ethtool(struct netdev *dev)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	const int fd = ethtool_open();

	if (fd < 0)
		return;
	if (ethtool_command(fd, dev->name, &info) == 0)
		snprintf(dev->driver, sizeof(dev->driver), "%s", info.driver);
	if (ethtool_command(fd, dev->name, &channels) == 0 && channels.combined_count + channels.rx_count > 0) {
		dev->rx_queues = channels.combined_count + channels.rx_count;
		dev->tx_queues = channels.combined_count + channels.tx_count;
	}
	close(fd);
	(void)features_read(dev->name, &dev->features);
}

static int ask_all(struct netdev *dev, uint32_t ifindex, const char *name)
{
	int err;

	*dev = (struct netdev){ 0 };
	err = ask_link(dev, ifindex, name);
	if (!err && !dev->ethernet)
		err = -EMEDIUMTYPE;
	if (err)
		return err;
	ask_ethtool(dev);
	netdev_xdp_read(dev->ifindex, &dev->xdp);
	return 0;
}

int netdev_open(struct netdev *dev, const char *name)
{
	int err = name[0] == '\0' || strlen(name) >= ALTIFNAMSIZ ? -ENODEV : ask_all(dev, 0, name);

	return err == -EINVAL || err == -ERANGE ? -ENODEV : err; /* what cannot be a name */
}

int netdev_reread(struct netdev *dev, uint32_t ifindex)
{
	return ask_all(dev, ifindex, NULL);
}

bool netdev_is_veth(const struct netdev *dev)
{
	return !strcmp(dev->kind, "veth") || !strcmp(dev->driver, "veth");
}

static struct nlmsghdr *set_request(char *request, uint32_t ifindex, unsigned int change)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *link;

	nlh->nlmsg_type = RTM_NEWLINK;
	link = mnl_nlmsg_put_extra_header(nlh, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = ifindex;
	link->ifi_flags = link->ifi_change = change;
	return nlh;
}

static int set_attributes(uint32_t ifindex, const struct netdev_settings *settings)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = set_request(request, ifindex, 0);

	if (settings->mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, 6, settings->mac);
	if (settings->mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, settings->mtu);
	if (settings->txqueuelen)
		mnl_attr_put_u32(nlh, IFLA_TXQLEN, settings->txqueuelen);
	if (settings->alias)
		mnl_attr_put_str(nlh, IFLA_IFALIAS, settings->alias);
	return rtnl_talk(nlh, NULL, NULL);
}

/* Not by /proc/sys, which may show another network namespace than ours (`ip netns exec`, containers). */
static int set_no_addresses(uint32_t ifindex)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = set_request(request, ifindex, 0);
	struct nlattr *families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	int err;

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, families);
	err = rtnl_talk(nlh, NULL, NULL);
	return err == -EAFNOSUPPORT ? 0 : err; /* a kernel without IPv6 */
}

int netdev_set(uint32_t ifindex, const struct netdev_settings *settings)
{
	char request[NETLINK_REQUEST_LEN];
	int err;

	err = set_attributes(ifindex, settings);
	/* Before it is up: the link-local address and the solicitations come with that. */
	if (!err && settings->no_addresses)
		err = set_no_addresses(ifindex);
	if (!err && settings->up)
		err = rtnl_talk(set_request(request, ifindex, IFF_UP), NULL, NULL);
	return err;
}
