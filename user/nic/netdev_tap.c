// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netdev_tap.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "nic/netlink.h"

#define DUMP_TRIES 10

struct look {
	bool (*visit)(const struct netdev_tap *tap, void *data);
	void *data;
	bool done;
};

struct link {
	struct netdev_tap tap;
	bool is_tun, is_tap;
};

/* IFLA_TUN_TYPE is IFF_TUN or IFF_TAP of linux/if_tun.h, which says 2 for the latter. */
#define TYPE_TAP 2

static int parse_data(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_TUN_TYPE:
		link->is_tap = mnl_attr_get_u8(attr) == TYPE_TAP;
		break;
	case IFLA_TUN_PERSIST:
		link->tap.persistent = mnl_attr_get_u8(attr);
		break;
	case IFLA_TUN_NUM_QUEUES:
	case IFLA_TUN_NUM_DISABLED_QUEUES:
		link->tap.held += mnl_attr_get_u32(attr);
		break;
	}
	return MNL_CB_OK;
}

static int parse_info(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		link->is_tun = !strcmp(mnl_attr_get_str(attr), "tun");
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && link->is_tun)
		return mnl_attr_parse_nested(attr, parse_data, link);
	return MNL_CB_OK;
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct link *link = data;
	struct netdev_tap *tap = &link->tap;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(tap->name, sizeof tap->name, "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_IFALIAS:
		snprintf(tap->alias, sizeof tap->alias, "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		tap->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof tap->mac)
			memcpy(tap->mac, mnl_attr_get_payload(attr), sizeof tap->mac);
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, parse_info, link);
	}
	return MNL_CB_OK;
}

static int parse_link(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);
	struct link link = { .tap.ifindex = (uint32_t)info->ifi_index };
	struct look *look = data;

	if (look->done || mnl_attr_parse(answer, sizeof *info, parse_attr, &link) < 0 || !link.is_tap)
		return MNL_CB_OK;
	look->done = !look->visit(&link.tap, look->data);
	return MNL_CB_OK;
}

static struct ifinfomsg *put_link(struct nlmsghdr *nlh, uint16_t type, uint32_t ifindex)
{
	struct ifinfomsg *link;

	nlh->nlmsg_type = type;
	link = mnl_nlmsg_put_extra_header(nlh, sizeof *link);
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)ifindex;
	return link;
}

/* nsid: of another namespace; -1: ours. */
static int dump(struct look *look, int32_t nsid)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct nlattr *info;

	put_link(nlh, RTM_GETLINK, 0);
	nlh->nlmsg_flags = NLM_F_DUMP;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (nsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO); /* then the kernel tells of this kind only */
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "tun");
	mnl_attr_nest_end(nlh, info);
	return rtnl_talk(nlh, parse_link, look);
}

/* -EINTR: links came or went meanwhile, and one may be missing. */
static int dump_whole(struct look *look, int32_t nsid)
{
	int err = -EINTR;

	for (int try = 0; err == -EINTR && !look->done && try < DUMP_TRIES; try++)
		err = dump(look, nsid);
	return look->done ? 0 : err;
}

int netdev_tap_each(bool (*visit)(const struct netdev_tap *tap, void *data), void *data)
{
	struct look look = { .visit = visit, .data = data };

	return dump_whole(&look, -1);
}

#define NSIDS_MAX 1024

struct nsids {
	int32_t id[NSIDS_MAX];
	uint32_t cnt;
};

static int parse_nsid_attr(const struct nlattr *attr, void *data)
{
	struct nsids *nsids = data;

	if (mnl_attr_get_type(attr) == NETNSA_NSID && nsids->cnt < NSIDS_MAX)
		nsids->id[nsids->cnt++] = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int parse_nsid(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct rtgenmsg), parse_nsid_attr, data);
}

int netdev_tap_each_elsewhere(bool (*visit)(const struct netdev_tap *tap, void *data), void *data)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct look look = { .visit = visit, .data = data };
	struct nsids nsids = { .cnt = 0 };
	struct rtgenmsg *family;
	int err;

	nlh->nlmsg_type = RTM_GETNSID;
	nlh->nlmsg_flags = NLM_F_DUMP;
	family = mnl_nlmsg_put_extra_header(nlh, sizeof *family);
	family->rtgen_family = AF_UNSPEC;
	err = rtnl_talk(nlh, parse_nsid, &nsids);
	for (uint32_t i = 0; !err && !look.done && i < nsids.cnt; i++)
		(void)dump_whole(&look, nsids.id[i]); /* one that is not ours to administer is passed over */
	return err;
}

int netdev_tap_move(uint32_t ifindex, int netns_fd, const char *name)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *link = put_link(nlh, RTM_NEWLINK, ifindex);

	link->ifi_flags = link->ifi_change = IFF_UP;
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return rtnl_talk(nlh, NULL, NULL);
}

int netdev_tap_delete(uint32_t ifindex)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);

	put_link(nlh, RTM_DELLINK, ifindex);
	return rtnl_talk(nlh, NULL, NULL);
}
