// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Both programs are tcx links, which go with the process. The one on the TAP's ingress is alone there, since the TAP is
 * ours. The one on the NIC's egress is the last of the tcx programs, so that the others have seen a packet before ours
 * takes it away. A program that is attached later comes behind it: then it is moved, as the guard looks at the chain.
 * The kernel cannot move a link, nor attach a program twice, so a second copy of the program is attached at the end
 * before the first one is detached. A packet meets the old chain or the new one, in both of which one of ours acts.
 *
 * clsact's filters come after all tcx programs, and do not see packets that one of these redirects (net/core/dev.c
 * sch_handle_egress()). Where others have filters there, ours is the last of those instead (egress_filter.h). A packet
 * for which one of them has decided to pass (TC_ACT_OK) does not come to ours, and leaves by the kernel.
 *
 * Generic XDP is an exception. It runs for every packet on the NIC's ingress, also for those that a BPF program
 * redirects there, so frames would go in circles: from the TAP to the NIC to our socket to the TAP. Packets that
 * act_mirred redirects are marked (skb->redirected), and generic XDP lets them pass (net/core/dev.c
 * netif_receive_generic_xdp). So with generic XDP a classifier on the TAP redirects them. The destination address is
 * compared on the TAP only, so the TAP needs the NIC's MAC address, or the stack drops all packets as "for another
 * host". The classifier goes with the TAP.
 */
#include "nic/steer_tc.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_mirred.h>

#include "inline.skel.h"
#include "base/log.h"
#include "nic/egress_filter.h"
#include "nic/steer_link.h"
#include "nic/steer_state.h"
#include "nic/tc.h"
#include "nic/uapi_compat.h"

/* The kernel takes no more on one side of an interface (include/linux/bpf_mprog.h BPF_MPROG_MAX). */
#define TCX_PROGRAMS_MAX 64

int steer_tc_open(struct steer_tc *tc, const struct steer_config *config)
{
	int err;

	*tc = (struct steer_tc){
		.nic = config->ifindex, .tap = config->inline_tap, .ingress_link = -1, .egress_link = -1
	};
	tc->object = inline_bpf__open();
	if (!tc->object) {
		err = -errno;
		goto fail;
	}
	tc->object->rodata->nic_ifindex = tc->nic;
	tc->object->rodata->tap_ifindex = tc->tap;
	err = inline_bpf__load(tc->object);
	if (!err)
		err = steer_map_state(bpf_map__fd(tc->object->maps.steer_state), &tc->state);
	if (!err)
		return 0;
fail:
	log_error("%s: the kernel does not load the tc programs of inline mode: %s%s (-v shows why)", config->interface,
		  strerror(-err), steer_needs(err));
	steer_tc_close(tc);
	return err;
}

static int add_clsact(uint32_t tap)
{
	char buffer[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = tc_request(buffer, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, tap, TC_H_CLSACT);

	tc_message(nlh)->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	return rtnl_talk(nlh, NULL, NULL);
}

static void put_mirred(struct nlmsghdr *nlh, uint32_t nic)
{
	const struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_INGRESS_REDIR,
		.ifindex = nic,
	};
	struct nlattr *options;

	mnl_attr_put_strz(nlh, TCA_ACT_KIND, "mirred");
	options = mnl_attr_nest_start(nlh, TCA_ACT_OPTIONS);
	mnl_attr_put(nlh, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(nlh, options);
}

/* A u32 classifier, which every kernel has. Its only key has an empty mask, so it matches all packets. */
static int add_redirect(uint32_t tap, uint32_t nic)
{
	uint8_t all[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] __attribute__((aligned(8))) = { 0 };
	struct tc_u32_sel *sel = (void *)all;
	char buffer[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = tc_request(buffer, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, tap, TC_CLSACT_INGRESS);
	struct nlattr *options, *actions, *first;

	tc_message(nlh)->tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
	sel->flags = TC_U32_TERMINAL;
	sel->nkeys = 1;
	mnl_attr_put_strz(nlh, TCA_KIND, "u32");
	options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put(nlh, TCA_U32_SEL, sizeof(all), all);
	actions = mnl_attr_nest_start(nlh, TCA_U32_ACT);
	first = mnl_attr_nest_start(nlh, 1);
	put_mirred(nlh, nic);
	mnl_attr_nest_end(nlh, first);
	mnl_attr_nest_end(nlh, actions);
	mnl_attr_nest_end(nlh, options);
	return rtnl_talk(nlh, NULL, NULL);
}

static void remove_redirect(uint32_t tap)
{
	char buffer[NETLINK_REQUEST_LEN];

	(void)rtnl_talk(tc_request(buffer, RTM_DELQDISC, 0, tap, TC_H_CLSACT), NULL, NULL);
}

static int count_filter(const struct nlmsghdr *answer, void *data)
{
	(void)answer;
	(*(uint32_t *)data)++;
	return MNL_CB_OK;
}

/* True if the kernel does not say. */
static bool has_redirect(uint32_t tap)
{
	char buffer[NETLINK_REQUEST_LEN];
	uint32_t cnt = 0;
	int err = rtnl_talk(tc_request(buffer, RTM_GETTFILTER, NLM_F_DUMP, tap, TC_CLSACT_INGRESS), count_filter, &cnt);

	return err || cnt;
}

enum steer_presence steer_tc_presence(const struct steer_tc *tc)
{
	if (tc->ingress_link >= 0 ? !steer_link_is_attached(tc->ingress_link) :
				    tc->redirecting && !has_redirect(tc->tap))
		return STEER_IN_GONE;
	return tc->egress_link >= 0 && !steer_link_is_attached(tc->egress_link) ? STEER_OUT_GONE : STEER_PRESENT;
}

static const struct bpf_program *egress_program(const struct steer_tc *tc, bool second)
{
	return second ? tc->object->progs.inline_egress2 : tc->object->progs.inline_egress;
}

static int attach_redirect(struct steer_tc *tc)
{
	int err = add_clsact(tc->tap);

	if (err)
		return err;
	tc->redirecting = true; /* also when the next step fails: the qdisc has to be removed */
	return add_redirect(tc->tap, tc->nic);
}

/* The link's file descriptor, or -errno. */
static int attach_link(const struct bpf_program *program, uint32_t ifindex, int type)
{
	const int fd = bpf_link_create(bpf_program__fd(program), ifindex, type, NULL);

	return fd == -EINVAL ? -EOPNOTSUPP : fd; /* -EINVAL: the kernel does not know the attach type */
}

int steer_tc_place(struct steer_tc *tc, enum steer_place place)
{
	int err;

	if (place == STEER_PLACE_CLSACT) {
		err = egress_filter_add(tc->nic, bpf_program__fd(tc->object->progs.inline_egress));
		if (err)
			return err;
		tc->filtering = true;
		steer_link_close(&tc->egress_link);
		return 0;
	}
	if (tc->egress_link < 0)
		tc->egress_link = attach_link(egress_program(tc, tc->second), tc->nic, COMPAT_BPF_TCX_EGRESS);
	if (tc->egress_link < 0)
		return tc->egress_link;
	/* Also that of a daemon that was killed. */
	(void)egress_filter_remove(tc->nic);
	tc->filtering = false;
	return 0;
}

static uint32_t program_id(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len) ? 0 : info.id;
}

/* Whether ours is in the chain, but not its last. */
static bool is_overtaken(uint32_t ifindex, uint32_t ours)
{
	uint32_t ids[TCX_PROGRAMS_MAX] = { 0 };
	LIBBPF_OPTS(bpf_prog_query_opts, chain, .prog_ids = ids, .prog_cnt = TCX_PROGRAMS_MAX);

	if (bpf_prog_query_opts((int)ifindex, COMPAT_BPF_TCX_EGRESS, &chain))
		return false; /* there is none: presence tells */
	for (uint32_t i = 0; i < chain.prog_cnt; i++)
		if (ids[i] == ours)
			return i + 1 < chain.prog_cnt;
	return false;
}

int steer_tc_keep_last(struct steer_tc *tc)
{
	int link;

	if (tc->egress_link < 0 || !is_overtaken(tc->nic, program_id(egress_program(tc, tc->second))))
		return 0;
	link = attach_link(egress_program(tc, !tc->second), tc->nic, COMPAT_BPF_TCX_EGRESS);
	if (link < 0)
		return link;
	steer_link_close(&tc->egress_link);
	tc->egress_link = link;
	tc->second = !tc->second;
	return 1;
}

static int attach(struct steer_tc *tc, bool generic)
{
	int err = 0;

	/* The TAP's ingress comes first: packets must not arrive at the TAP before it can deliver any. */
	if (generic)
		err = attach_redirect(tc);
	else
		err = tc->ingress_link = attach_link(tc->object->progs.inline_ingress, tc->tap, COMPAT_BPF_TCX_INGRESS);
	if (err < 0)
		return err;
	return steer_tc_place(tc, STEER_PLACE_TCX);
}

int steer_tc_attach(struct steer_tc *tc, const struct steer_config *config, bool generic)
{
	const int err = attach(tc, generic);

	if (!err)
		return 0;
	if (err == -EOPNOTSUPP)
		log_error("%s: inline mode needs tcx (Linux 6.6); use --mode port", config->interface);
	else
		log_error("%s: attaching the tc programs of inline mode: %s; or use --mode port", config->interface,
			  strerror(-err));
	steer_tc_detach(tc);
	return err;
}

void steer_tc_detach_out(struct steer_tc *tc)
{
	steer_link_close(&tc->egress_link);
	if (tc->filtering)
		(void)egress_filter_remove(tc->nic);
	tc->filtering = false;
}

void steer_tc_detach(struct steer_tc *tc)
{
	steer_tc_detach_out(tc);
	steer_link_close(&tc->ingress_link);
	if (tc->redirecting)
		remove_redirect(tc->tap);
	tc->redirecting = false;
}

void steer_tc_close(struct steer_tc *tc)
{
	steer_unmap_state(&tc->state);
	inline_bpf__destroy(tc->object);
	tc->object = NULL;
}

int steer_tc_counters(const struct steer_tc *tc)
{
	return tc->object ? bpf_map__fd(tc->object->maps.inline_counters) : -ENOENT;
}
