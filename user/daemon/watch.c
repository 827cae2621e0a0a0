// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/watch.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "nic/netlink.h"

/* A message of a link with many virtual functions is longer than libmnl's 8 KiB. */
#define MESSAGE_LEN 32768

/* The most messages read at once, so that a flood of them cannot occupy the main thread. */
#define READS_MAX 64

static bool add_group(struct mnl_socket *socket, uint32_t group)
{
	return mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
}

static struct mnl_socket *join(int bus, uint32_t group)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (!socket)
		return NULL;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 && add_group(socket, group))
		return socket;
	err = errno;
	mnl_socket_close(socket);
	errno = err;
	return NULL;
}

int watch_open(struct watch *watch)
{
	uint32_t group;
	int err;

	*watch = (struct watch){ .links = join(NETLINK_ROUTE, RTNLGRP_LINK) };
	if (!watch->links || !add_group(watch->links, RTNLGRP_TC)) {
		err = -errno;
		if (watch->links)
			mnl_socket_close(watch->links);
		log_error("rtnetlink: %s", strerror(-err));
		return err;
	}
	err = genl_group(ETHTOOL_GENL_NAME, ETHTOOL_MCGRP_MONITOR_NAME, &group);
	if (!err)
		watch->ethtool = join(NETLINK_GENERIC, group);
	if (!watch->ethtool)
		log_debug("this kernel sends no notifications of ethtool: changes of the number of queues are not "
			  "followed");
	return 0;
}

void watch_close(struct watch *watch)
{
	mnl_socket_close(watch->links);
	if (watch->ethtool)
		mnl_socket_close(watch->ethtool);
}

int watch_links_fd(const struct watch *watch)
{
	return mnl_socket_get_fd(watch->links);
}

int watch_ethtool_fd(const struct watch *watch)
{
	return watch->ethtool ? mnl_socket_get_fd(watch->ethtool) : -1;
}

/* A deletion that names the new namespace is a move (net/core/dev.c __dev_change_net_namespace()). */
static int parse_deletion(const struct nlattr *attr, void *data)
{
	struct watch_news *news = data;

	if (mnl_attr_get_type(attr) == IFLA_NEW_NETNSID || mnl_attr_get_type(attr) == IFLA_NEW_IFINDEX)
		news->moved = true;
	return MNL_CB_OK;
}

static int parse_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct watch_news *news = data;

	/* Other families report what the link is to them: a port that leaves its bridge is "deleted" there. */
	if (link->ifi_family != AF_UNSPEC)
		return MNL_CB_OK;
	if (message->nlmsg_type == RTM_NEWLINK) {
		if ((uint32_t)link->ifi_index == news->ifindex)
			news->changed = true;
		else
			news->others = true;
	} else if (message->nlmsg_type == RTM_DELLINK && (uint32_t)link->ifi_index != news->ifindex) {
		news->others = true;
	} else if (message->nlmsg_type == RTM_DELLINK) {
		news->gone = true;
		return mnl_attr_parse(message, sizeof *link, parse_deletion, news);
	}
	return MNL_CB_OK;
}

/* Of qdiscs and filters. A block of filters that interfaces share may be ours. */
static int parse_tc(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct watch_news *news = data;
	const uint32_t ifindex = (uint32_t)tc->tcm_ifindex;

	news->egress |= ifindex == news->ifindex || ifindex == TCM_IFINDEX_MAGIC_BLOCK;
	news->egress_others |= ifindex != news->ifindex;
	return MNL_CB_OK;
}

static int parse_route(const struct nlmsghdr *message, void *data)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return parse_link(message, data);
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
	case RTM_NEWCHAIN:
	case RTM_DELCHAIN:
		return parse_tc(message, data);
	}
	return MNL_CB_OK;
}

/* For whatever interface: this is rare, and looking costs little. */
static int parse_ethtool(const struct nlmsghdr *message, void *data)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);
	struct watch_news *news = data;

	news->changed |= genl->cmd == ETHTOOL_MSG_CHANNELS_NTF;
	return MNL_CB_OK;
}

static void read_all(struct mnl_socket *socket, mnl_cb_t parse, struct watch_news *news)
{
	char message[MESSAGE_LEN];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t len = mnl_socket_recvfrom(socket, message, sizeof message);

		if (len > 0) {
			(void)mnl_cb_run(message, (size_t)len, 0, 0, parse, news);
		} else if (errno == EAGAIN) {
			return;
		} else { /* ENOBUFS: messages were lost; so look at everything */
			news->changed = news->others = news->egress = news->egress_others = true;
		}
	}
}

struct watch_news watch_read(const struct watch *watch, uint32_t ifindex)
{
	struct watch_news news = { .ifindex = ifindex };

	read_all(watch->links, parse_route, &news);
	if (watch->ethtool)
		read_all(watch->ethtool, parse_ethtool, &news);
	return news;
}
