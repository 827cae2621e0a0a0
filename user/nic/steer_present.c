// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Whether the XDP program is where it was: on the interface, with our maps. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <unistd.h>

#include "nic/netlink.h"
#include "nic/steer_link.h"
#include "nic/steer_look.h"
#include "nic/steer_xdp.h"

static int parse_xdp(const struct nlattr *attr, void *data)
{
	uint32_t *id = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_XDP_PROG_ID:
	case IFLA_XDP_DRV_PROG_ID:
	case IFLA_XDP_SKB_PROG_ID:
	case IFLA_XDP_HW_PROG_ID:
		*id = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_XDP)
		return mnl_attr_parse_nested(attr, parse_xdp, data);
	return MNL_CB_OK;
}

static int parse_link(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct ifinfomsg), parse_attr, data);
}

/* As steer_look_id(), but it asks for this interface alone. libbpf asks for all interfaces, which on a host with
 * containers are thousands, and this is called four times a second. Returns 0 or -errno. */
static int program_id(uint32_t ifindex, uint32_t *id)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *link;

	*id = 0;
	nlh->nlmsg_type = RTM_GETLINK;
	link = mnl_nlmsg_put_extra_header(nlh, sizeof(*link));
	link->ifi_index = (int)ifindex;
	return rtnl_talk(nlh, parse_link, id);
}

static bool uses_our_map(const struct steer_xdp *xdp)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	struct xdp_multiprog *programs;
	bool uses;

	if (bpf_obj_get_info_by_fd(xdp->xsks_fd, &info, &len))
		return true;
	programs = steer_look_programs(xdp->ifindex);
	if (!programs) /* CAP_SYS_ADMIN is missing, or it has just gone: the next look tells */
		return errno == EPERM || errno == ENOENT;
	uses = steer_look_any_uses(programs, info.id);
	xdp_multiprog__close(programs);
	return uses;
}

static bool pins_are_gone(const char *dir)
{
	char path[4096];

	return snprintf(path, sizeof(path), "%s/steer_xsks", dir) < (int)sizeof(path) && access(path, F_OK) &&
	       errno == ENOENT;
}

enum steer_presence steer_xdp_presence(struct steer_xdp *xdp, const struct steer_config *config)
{
	uint32_t id;

	if (xdp->link_fd >= 0)
		return steer_link_is_attached(xdp->link_fd) ? STEER_PRESENT : STEER_XDP_GONE;
	if (program_id(xdp->ifindex, &id)) /* mostly because the interface is gone */
		return STEER_PRESENT;
	if (!id)
		return STEER_XDP_GONE;
	if (id != xdp->present_id && !uses_our_map(xdp))
		return STEER_XDP_OTHER;
	xdp->present_id = id;
	return config->pinned && pins_are_gone(config->pinned) ? STEER_PINS_GONE : STEER_PRESENT;
}
