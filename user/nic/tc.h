/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Requests about the qdiscs and filters of an interface, over rtnetlink. */
#ifndef SUPERPACKET_TC_H
#define SUPERPACKET_TC_H

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "nic/netlink.h"

#define TC_CLSACT_INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define TC_CLSACT_EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

/* Begins a request in buffer, about what is attached at parent. */
static inline struct nlmsghdr *tc_request(char buffer[NETLINK_REQUEST_LEN], uint16_t type, uint16_t flags,
					  uint32_t ifindex, uint32_t parent)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct tcmsg *msg;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	msg->tcm_family = AF_UNSPEC;
	msg->tcm_ifindex = (int)ifindex;
	msg->tcm_parent = parent;
	return nlh;
}

/* The tcmsg of a request or an answer. */
static inline struct tcmsg *tc_message(const struct nlmsghdr *nlh)
{
	return mnl_nlmsg_get_payload(nlh);
}

#endif
