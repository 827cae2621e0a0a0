// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netdev_stats.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nic/netlink.h"

static int parse_link_attr(const struct nlattr *attr, void *data)
{
	struct netdev_stats *stats = data;
	struct rtnl_link_stats64 kernel;

	if (mnl_attr_get_type(attr) != IFLA_STATS64 || mnl_attr_get_payload_len(attr) < sizeof kernel.rx_packets * 8)
		return MNL_CB_OK;
	kernel = (struct rtnl_link_stats64){ 0 };
	memcpy(&kernel, mnl_attr_get_payload(attr),
	       mnl_attr_get_payload_len(attr) < sizeof kernel ? mnl_attr_get_payload_len(attr) : sizeof kernel);
	*stats = (struct netdev_stats){
		.rx_packets = kernel.rx_packets,
		.rx_errors = kernel.rx_errors,
		.rx_dropped = kernel.rx_dropped,
		.tx_packets = kernel.tx_packets,
		.tx_errors = kernel.tx_errors,
		.tx_dropped = kernel.tx_dropped,
	};
	return MNL_CB_OK;
}

static int parse_link(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct ifinfomsg), parse_link_attr, data);
}

/* nsid < 0: ours. */
static int ask(const char *name, int32_t nsid, struct netdev_stats *stats)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);

	nlh->nlmsg_type = RTM_GETLINK;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (nsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	return rtnl_talk(nlh, parse_link, stats);
}

int netdev_stats(const char *name, struct netdev_stats *stats)
{
	return ask(name, -1, stats);
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

	return err ? err : ask(name, nsid, stats);
}
