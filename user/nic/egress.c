// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/egress.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "nic/egress_filter.h"
#include "nic/tc.h"
#include "nic/uapi_compat.h"

/* Qdiscs that may have filters of their own, whose filters are looked at; a NIC has one for each of its queues. */
#define CLASSIFYING_MAX 1024

/*
 * Qdiscs without which a packet arrives no later and no less rarely than its sender expects of a queue: the kernel's
 * defaults, and plain queues. A qdisc that is not in this list, known or unknown, leaves the outgoing direction to the
 * kernel.
 *
 * fq is none of these, although it is the default on some hosts: it paces. A TCP socket whose packets have passed fq
 * once leaves pacing to it (sk_pacing_status), so without fq it would send bursts; and the departure times that
 * sockets (SO_TXTIME, SO_MAX_PACING_RATE) and BPF programs (skb->tstamp, as bandwidth managers set it) give to packets
 * are kept by fq alone.
 */
static const char *const harmless[] = {
	"noqueue", "noop", "mq", "pfifo_fast", "pfifo", "bfifo", "fq_codel", "ingress", "clsact",
};

static bool is_harmless(const char *kind)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (strcmp(kind, harmless[i]) == 0)
			return true;
	return false;
}

struct look {
	struct egress_found *found;
	uint32_t ifindex;
	uint32_t classifying[CLASSIFYING_MAX]; /* handles */
	uint32_t classifying_cnt;
	bool clsact;
};

static int parse_kind(const struct nlattr *attr, void *data)
{
	const char **kind = data;

	if (mnl_attr_get_type(attr) == TCA_KIND)
		*kind = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static void tell_obstacle(struct egress_found *found, const struct tcmsg *msg, const char *kind, const char *what)
{
	const char *where = msg->tcm_parent == TC_H_ROOT ? "root qdisc" : "qdisc";

	if (!*found->obstacle)
		snprintf(found->obstacle, sizeof(found->obstacle), "%s%s %s %x:", what, where, kind,
			 TC_H_MAJ(msg->tcm_handle) >> 16);
}

static int parse_qdisc(const struct nlmsghdr *answer, void *data)
{
	const struct tcmsg *msg = tc_message(answer);
	struct look *look = data;
	const char *kind = "?";

	/* The kernel tells those of all interfaces. */
	if ((uint32_t)msg->tcm_ifindex != look->ifindex || mnl_attr_parse(answer, sizeof(*msg), parse_kind, &kind) < 0)
		return MNL_CB_OK;
	look->clsact |= strcmp(kind, "clsact") == 0;
	if (!is_harmless(kind))
		tell_obstacle(look->found, msg, kind, "");
	/* The default ones have no handle, at which a filter could be; the root has the handle 0 for that. */
	else if (strcmp(kind, "fq_codel") == 0 && (msg->tcm_handle || msg->tcm_parent == TC_H_ROOT) &&
		 look->classifying_cnt < CLASSIFYING_MAX)
		look->classifying[look->classifying_cnt++] = msg->tcm_handle;
	return MNL_CB_OK;
}

static int parse_qdisc_filter(const struct nlmsghdr *answer, void *data)
{
	(void)answer;
	*(bool *)data = true;
	return MNL_CB_OK;
}

/* The filters of a qdisc choose a queue, as a rule, but their actions may drop or police. */
static int look_at_qdisc_filters(struct look *look)
{
	for (uint32_t i = 0; i < look->classifying_cnt && !*look->found->obstacle; i++) {
		const struct tcmsg qdisc = { .tcm_handle = look->classifying[i], .tcm_parent = TC_H_ROOT };
		char buffer[NETLINK_REQUEST_LEN];
		bool any = false;
		int err = rtnl_talk(tc_request(buffer, RTM_GETTFILTER, NLM_F_DUMP, look->ifindex, look->classifying[i]),
				    parse_qdisc_filter, &any);

		if (err)
			return err;
		if (any)
			tell_obstacle(look->found, &qdisc, "fq_codel", "filters of ");
	}
	return 0;
}

static int parse_filter(const struct nlmsghdr *answer, void *data)
{
	const struct tcmsg *msg = tc_message(answer);
	struct egress_found *found = data;

	if ((uint32_t)msg->tcm_ifindex == TCM_IFINDEX_MAGIC_BLOCK)
		found->shared = found->filters = true;
	else if (egress_filter_is_ours(answer, NULL))
		found->ours |= msg->tcm_handle != 0;
	else
		found->filters = true;
	return MNL_CB_OK;
}

int egress_look(uint32_t ifindex, struct egress_found *found)
{
	struct look look = { .found = found, .ifindex = ifindex };
	char buffer[NETLINK_REQUEST_LEN];
	int err;

	*found = (struct egress_found){ 0 };
	err = rtnl_talk(tc_request(buffer, RTM_GETQDISC, NLM_F_DUMP, 0, 0), parse_qdisc, &look);
	if (!err)
		err = look_at_qdisc_filters(&look);
	if (!err && look.clsact)
		err = rtnl_talk(tc_request(buffer, RTM_GETTFILTER, NLM_F_DUMP, ifindex, TC_CLSACT_EGRESS), parse_filter,
				found);
	return err;
}

uint32_t egress_programs(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_prog_query_opts, chain);

	return bpf_prog_query_opts((int)ifindex, COMPAT_BPF_TCX_EGRESS, &chain) ? 0 : chain.prog_cnt;
}
