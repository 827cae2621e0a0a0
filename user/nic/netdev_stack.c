// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netdev_stack.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "nic/netlink.h"

/* Of a walk. Many interfaces that come at once, as containers' do at boot, are done after a few. */
#define TRIES 100

/* One interface, as far as it matters here. */
struct link {
	uint32_t ifindex, master, parent;
	bool parent_elsewhere; /* `parent` is an index of another network namespace */
	bool has_xdp;
	char name[IFNAMSIZ], kind[32];
};

/* The first walk finds the indices of parent and master, and what points to the interface; the second their names. */
struct walk {
	struct netdev_stack *stack;
	uint32_t ifindex, parent, master;
	bool names;
};

static int parse_info_data(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	if (mnl_attr_get_type(attr) == IFLA_VXLAN_LINK)
		link->parent = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

/* The kernel writes the kind before what belongs to it (net/core/rtnetlink.c rtnl_link_info_fill()). */
static int parse_info(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attr));
	else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && !strcmp(link->kind, "vxlan"))
		return mnl_attr_parse_nested(attr, parse_info_data, link);
	return MNL_CB_OK;
}

static int parse_xdp(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	if (mnl_attr_get_type(attr) == IFLA_XDP_ATTACHED)
		link->has_xdp = mnl_attr_get_u8(attr) != XDP_ATTACHED_NONE;
	return MNL_CB_OK;
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_MASTER:
		link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		link->parent = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->parent_elsewhere = true;
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, parse_info, link);
	case IFLA_XDP:
		return mnl_attr_parse_nested(attr, parse_xdp, link);
	}
	return MNL_CB_OK;
}

static void add_name(struct netdev_names *names, const char *name)
{
	if (names->cnt < NETDEV_NAMES_MAX)
		snprintf(names->name[names->cnt], IFNAMSIZ, "%s", name);
	names->cnt++;
}

static void add_above(struct netdev_stack *stack, const struct link *link)
{
	add_name(&stack->above, link->name);
	stack->vlan_above |= !strcmp(link->kind, "vlan");
	if (link->has_xdp)
		snprintf(stack->xdp_above, IFNAMSIZ, "%s", link->name);
}

/* For these, the other one is a peer, which is neither above nor below. */
static bool is_pair(const struct link *link)
{
	return !strcmp(link->kind, "veth") || !strcmp(link->kind, "netkit") || !strcmp(link->kind, "netdevsim");
}

static void look_at_itself(struct walk *walk, const struct link *link)
{
	walk->master = link->master;
	if (is_pair(link) || !link->parent)
		return;
	walk->stack->parent_elsewhere = link->parent_elsewhere;
	if (!link->parent_elsewhere)
		walk->parent = link->parent;
}

static void look_at_other(const struct walk *walk, const struct link *link)
{
	if (link->master == walk->ifindex)
		add_name(&walk->stack->ports, link->name);
	if (link->parent == walk->ifindex && !link->parent_elsewhere && !is_pair(link))
		add_above(walk->stack, link);
}

static void look_at_name(const struct walk *walk, const struct link *link)
{
	if (link->ifindex == walk->parent)
		snprintf(walk->stack->parent, IFNAMSIZ, "%s", link->name);
	if (link->ifindex == walk->master)
		add_above(walk->stack, link);
}

static int parse_link(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);
	struct link link = { .ifindex = (uint32_t)info->ifi_index };
	struct walk *walk = data;

	if (mnl_attr_parse(answer, sizeof(*info), parse_attr, &link) < 0)
		return MNL_CB_ERROR;
	if (walk->names)
		look_at_name(walk, &link);
	else if (link.ifindex == walk->ifindex)
		look_at_itself(walk, &link);
	else
		look_at_other(walk, &link);
	return MNL_CB_OK;
}

static int walk_links(struct walk *walk)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *info;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return rtnl_talk(nlh, parse_link, walk);
}

static int read_once(uint32_t ifindex, struct netdev_stack *stack)
{
	struct walk walk = { .stack = stack, .ifindex = ifindex };
	int err;

	*stack = (struct netdev_stack){ 0 };
	err = walk_links(&walk);
	walk.names = true;
	return err || (!walk.parent && !walk.master) ? err : walk_links(&walk);
}

/* -EINTR: links came or went meanwhile, and one may be missing. */
int netdev_stack_read(uint32_t ifindex, struct netdev_stack *stack)
{
	int err = -EINTR;

	for (int try = 0; err == -EINTR && try < TRIES; try++)
		err = read_once(ifindex, stack);
	return err;
}
