// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netdev_stats.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "nic/netlink.h"

static void parse_counters(const struct nlattr *attr, struct netdev_stats *stats)
{
	const size_t len = mnl_attr_get_payload_len(attr);
	struct rtnl_link_stats64 kernel = { 0 };

	memcpy(&kernel, mnl_attr_get_payload(attr), len < sizeof kernel ? len : sizeof kernel);
	stats->rx_packets = kernel.rx_packets;
	stats->rx_errors = kernel.rx_errors;
	stats->rx_dropped = kernel.rx_dropped;
	stats->rx_missed = kernel.rx_missed_errors;
	stats->rx_fifo = kernel.rx_fifo_errors;
	stats->tx_packets = kernel.tx_packets;
	stats->tx_errors = kernel.tx_errors;
	stats->tx_dropped = kernel.tx_dropped;
}

static int parse_link_attr(const struct nlattr *attr, void *data)
{
	struct netdev_stats *stats = data;

	if (mnl_attr_get_type(attr) == IFLA_STATS64)
		parse_counters(attr, stats);
	else if (mnl_attr_get_type(attr) == IFLA_CARRIER)
		stats->carrier = mnl_attr_get_u8(attr);
	return MNL_CB_OK;
}

static int parse_link(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(answer);
	struct netdev_stats *stats = data;

	*stats = (struct netdev_stats){ .up = link->ifi_flags & IFF_UP };
	return mnl_attr_parse(answer, sizeof *link, parse_link_attr, stats);
}

/* By its name, or by its index where that is NULL. nsid < 0: ours. */
static int ask(const char *name, uint32_t ifindex, int32_t nsid, struct netdev_stats *stats)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *link;

	nlh->nlmsg_type = RTM_GETLINK;
	link = mnl_nlmsg_put_extra_header(nlh, sizeof *link);
	link->ifi_index = (int)ifindex;
	if (name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (nsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	return rtnl_talk(nlh, parse_link, stats);
}

int netdev_stats(const char *name, struct netdev_stats *stats)
{
	return ask(name, 0, -1, stats);
}

int netdev_stats_of(uint32_t ifindex, struct netdev_stats *stats)
{
	return ask(NULL, ifindex, -1, stats);
}

static int parse_nsid_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NETNSA_NSID)
		*(int32_t *)data = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int parse_nsid(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct rtgenmsg), parse_nsid_attr, data);
}

static int find_nsid(int netns_fd, int32_t *nsid)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct rtgenmsg *family;
	int err;

	*nsid = NETNSA_NSID_NOT_ASSIGNED;
	nlh->nlmsg_type = RTM_GETNSID;
	family = mnl_nlmsg_put_extra_header(nlh, sizeof *family);
	family->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)netns_fd);
	err = rtnl_talk(nlh, parse_nsid, nsid);
	return !err && *nsid < 0 ? -ENOENT : err;
}

int netdev_stats_elsewhere(int netns_fd, const char *name, struct netdev_stats *stats)
{
	int32_t nsid;
	int err = find_nsid(netns_fd, &nsid);

	return err ? err : ask(name, 0, nsid, stats);
}
