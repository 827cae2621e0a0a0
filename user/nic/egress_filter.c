// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/egress_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "nic/tc.h"

/* How we know it again. Priority and handle are for this kind of filter alone, the name is for people as well. */
#define PRIORITY 0xffffu
#define HANDLE 0x5350u
#define NAME "superpacketd"

static struct nlmsghdr *request(char buffer[NETLINK_REQUEST_LEN], uint16_t type, uint16_t flags, uint32_t ifindex)
{
	struct nlmsghdr *nlh = tc_request(buffer, type, flags, ifindex, TC_CLSACT_EGRESS);

	tc_message(nlh)->tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL));
	tc_message(nlh)->tcm_handle = HANDLE;
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	return nlh;
}

struct clsact {
	uint32_t ifindex;
	bool found;
};

static int parse_kind(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == TCA_KIND && !strcmp(mnl_attr_get_str(attr), "clsact"))
		*(bool *)data = true;
	return MNL_CB_OK;
}

static int parse_qdisc(const struct nlmsghdr *answer, void *data)
{
	struct clsact *clsact = data;

	if ((uint32_t)tc_message(answer)->tcm_ifindex == clsact->ifindex)
		(void)mnl_attr_parse(answer, sizeof(struct tcmsg), parse_kind, &clsact->found);
	return MNL_CB_OK;
}

/* The qdisc "ingress" has the same handle, and would put an egress filter on the ingress. All qdiscs are asked for,
 * since the kernel tells everybody of a question about one, ourselves included. */
static bool has_clsact(uint32_t ifindex)
{
	struct clsact clsact = { .ifindex = ifindex };
	char buffer[NETLINK_REQUEST_LEN];

	return !rtnl_talk(tc_request(buffer, RTM_GETQDISC, NLM_F_DUMP, 0, 0), parse_qdisc, &clsact) && clsact.found;
}

int egress_filter_add(uint32_t ifindex, int prog_fd)
{
	char buffer[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = request(buffer, RTM_NEWTFILTER, NLM_F_CREATE, ifindex);
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS);

	if (!has_clsact(ifindex))
		return -ENOENT;
	mnl_attr_put_u32(nlh, TCA_BPF_FD, (uint32_t)prog_fd);
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, NAME);
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	/* A NIC that runs programs itself knows nothing of the TAP. */
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS_GEN, TCA_CLS_FLAGS_SKIP_HW);
	mnl_attr_nest_end(nlh, options);
	return rtnl_talk(nlh, NULL, NULL);
}

int egress_filter_remove(uint32_t ifindex)
{
	char buffer[NETLINK_REQUEST_LEN];
	const int err = rtnl_talk(request(buffer, RTM_DELTFILTER, 0, ifindex), NULL, NULL);

	return err == -EINVAL ? -ENOENT : err; /* there is no clsact, or another kind of filter has this priority */
}

struct description {
	const char *name;
	uint32_t prog_id;
};

static int parse_option(const struct nlattr *attr, void *data)
{
	struct description *found = data;

	if (mnl_attr_get_type(attr) == TCA_BPF_NAME)
		found->name = mnl_attr_get_str(attr);
	else if (mnl_attr_get_type(attr) == TCA_BPF_ID)
		found->prog_id = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	return mnl_attr_get_type(attr) == TCA_OPTIONS ? mnl_attr_parse_nested(attr, parse_option, data) : MNL_CB_OK;
}

bool egress_filter_is_ours(const struct nlmsghdr *answer, uint32_t *prog_id)
{
	const struct tcmsg *msg = tc_message(answer);
	struct description found = { 0 };

	if (msg->tcm_info >> 16 != PRIORITY)
		return false;
	/* Filters of one priority and kind share an entry, which is listed, too, without a handle. */
	if (msg->tcm_handle == 0)
		return true;
	if (msg->tcm_handle != HANDLE || mnl_attr_parse(answer, sizeof(*msg), parse_attr, &found) < 0 || !found.name ||
	    strcmp(found.name, NAME) != 0)
		return false;
	if (prog_id)
		*prog_id = found.prog_id;
	return true;
}
