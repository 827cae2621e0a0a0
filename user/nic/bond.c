// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/bond.h"

#include <errno.h>
#include <linux/if_bonding.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nic/netlink.h"

bool bond_is(const struct netdev *dev)
{
	return !strcmp(dev->kind, "bond");
}

const char *bond_mode_name(uint32_t mode)
{
	static const char *const names[] = {
		[BOND_MODE_ROUNDROBIN] = "balance-rr", [BOND_MODE_ACTIVEBACKUP] = "active-backup",
		[BOND_MODE_XOR] = "balance-xor",       [BOND_MODE_BROADCAST] = "broadcast",
		[BOND_MODE_8023AD] = "802.3ad",        [BOND_MODE_TLB] = "balance-tlb",
		[BOND_MODE_ALB] = "balance-alb",
	};

	return mode < ARRAY_SIZE(names) ? names[mode] : "unknown";
}

const char *bond_policy_name(uint32_t policy)
{
	static const char *const names[] = {
		[BOND_XMIT_POLICY_LAYER2] = "layer2",    [BOND_XMIT_POLICY_LAYER34] = "layer3+4",
		[BOND_XMIT_POLICY_LAYER23] = "layer2+3", [BOND_XMIT_POLICY_ENCAP23] = "encap2+3",
		[BOND_XMIT_POLICY_ENCAP34] = "encap3+4", [BOND_XMIT_POLICY_VLAN_SRCMAC] = "vlan+srcmac",
	};

	return policy < ARRAY_SIZE(names) ? names[policy] : "unknown";
}

/* ---- the bond ---- */

static int parse_aggregator(const struct nlattr *attr, void *data)
{
	struct bond *bond = data;

	if (mnl_attr_get_type(attr) == IFLA_BOND_AD_INFO_AGGREGATOR)
		bond->aggregator = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int parse_bond_data(const struct nlattr *attr, void *data)
{
	struct bond *bond = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_BOND_MODE:
		bond->mode = mnl_attr_get_u8(attr);
		break;
	case IFLA_BOND_XMIT_HASH_POLICY:
		bond->policy = mnl_attr_get_u8(attr);
		break;
	case IFLA_BOND_ACTIVE_SLAVE:
		bond->active = mnl_attr_get_u32(attr);
		break;
	case IFLA_BOND_ARP_INTERVAL:
		bond->arp_interval = mnl_attr_get_u32(attr);
		break;
	case IFLA_BOND_AD_INFO:
		return mnl_attr_parse_nested(attr, parse_aggregator, bond);
	}
	return MNL_CB_OK;
}

static int parse_bond_info(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
		return mnl_attr_parse_nested(attr, parse_bond_data, data);
	return MNL_CB_OK;
}

static int parse_bond_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		return mnl_attr_parse_nested(attr, parse_bond_info, data);
	return MNL_CB_OK;
}

static int parse_bond(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct ifinfomsg), parse_bond_attr, data);
}

/* ---- a member ---- */

static int parse_member_data(const struct nlattr *attr, void *data)
{
	struct bond_member *member = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_BOND_SLAVE_STATE:
		member->active = mnl_attr_get_u8(attr) == BOND_STATE_ACTIVE;
		break;
	case IFLA_BOND_SLAVE_MII_STATUS:
		member->link_up = mnl_attr_get_u8(attr) == BOND_LINK_UP;
		break;
	case IFLA_BOND_SLAVE_QUEUE_ID:
		member->queue_id = mnl_attr_get_u16(attr);
		break;
	case IFLA_BOND_SLAVE_AD_AGGREGATOR_ID:
		member->aggregator = mnl_attr_get_u16(attr);
		break;
	}
	return MNL_CB_OK;
}

static int parse_member_info(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_DATA)
		return mnl_attr_parse_nested(attr, parse_member_data, data);
	return MNL_CB_OK;
}

static int parse_member_attr(const struct nlattr *attr, void *data)
{
	struct bond_member *member = data;

	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		return mnl_attr_parse_nested(attr, parse_member_info, member);
	if (mnl_attr_get_type(attr) == IFLA_CARRIER)
		member->carrier = mnl_attr_get_u8(attr);
	return MNL_CB_OK;
}

static int parse_member(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(answer);
	struct bond_member *member = data;

	member->up = link->ifi_flags & IFF_UP;
	return mnl_attr_parse(answer, sizeof(*link), parse_member_attr, member);
}

/* ---- all of it ---- */

static int ask(uint32_t ifindex, mnl_cb_t parse, void *data)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *link;

	nlh->nlmsg_type = RTM_GETLINK;
	link = mnl_nlmsg_put_extra_header(nlh, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return rtnl_talk(nlh, parse, data);
}

/* The name of the bond's member of this number, in its own order, which rtnetlink does not tell. False: no more. */
static bool member_name(int fd, const char *bond, uint32_t number, char name[IFNAMSIZ])
{
	struct ifslave slave = { .slave_id = (int)number };
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", bond);
	ifr.ifr_data = (void *)&slave;
	if (ioctl(fd, SIOCBONDSLAVEINFOQUERY, &ifr) < 0)
		return false;
	snprintf(name, IFNAMSIZ, "%s", slave.slave_name);
	return true;
}

static void read_members(struct bond *bond, const char *name, int fd)
{
	char found[IFNAMSIZ];

	for (uint32_t number = 0; member_name(fd, name, number, found); number++) {
		struct bond_member *member = &bond->member[bond->cnt];

		if (bond->cnt == BOND_MEMBERS_MAX) {
			bond->more = true;
			return;
		}
		*member = (struct bond_member){ .ifindex = if_nametoindex(found) };
		memcpy(member->name, found, IFNAMSIZ);
		if (member->ifindex && !ask(member->ifindex, parse_member, member)) /* else it has just gone */
			bond->cnt++;
	}
}

int bond_read(struct bond *bond, const struct netdev *dev)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	*bond = (struct bond){ 0 };
	err = ask(dev->ifindex, parse_bond, bond);
	if (!err)
		read_members(bond, dev->name, fd);
	close(fd);
	return err;
}

struct belongs {
	uint32_t master;
	bool to_bond;
};

static int parse_belongs_info(const struct nlattr *attr, void *data)
{
	struct belongs *belongs = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
		belongs->to_bond = !strcmp(mnl_attr_get_str(attr), "bond");
	return MNL_CB_OK;
}

static int parse_belongs_attr(const struct nlattr *attr, void *data)
{
	struct belongs *belongs = data;

	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		return mnl_attr_parse_nested(attr, parse_belongs_info, belongs);
	if (mnl_attr_get_type(attr) == IFLA_MASTER)
		belongs->master = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int parse_belongs(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct ifinfomsg), parse_belongs_attr, data);
}

bool bond_of(const struct netdev *dev, char name[IFNAMSIZ])
{
	struct belongs belongs = { 0 };

	return !ask(dev->ifindex, parse_belongs, &belongs) && belongs.to_bond && belongs.master &&
	       if_indextoname(belongs.master, name);
}

bool bond_receives(const struct bond *bond, const struct bond_member *member)
{
	switch (bond->mode) {
	case BOND_MODE_ALB:
		return false;
	case BOND_MODE_ACTIVEBACKUP:
	case BOND_MODE_TLB: /* it sends by all, and so none is a backup (bond_set_slave_inactive_flags()) */
		return member->ifindex == bond->active;
	case BOND_MODE_8023AD:
		return member->active && bond->aggregator && member->aggregator == bond->aggregator;
	}
	return member->active;
}

bool bond_sends(const struct bond *bond, const struct bond_member *member)
{
	if (bond->mode == BOND_MODE_ACTIVEBACKUP)
		return member->ifindex == bond->active;
	if (!member->up || !member->carrier || !member->link_up || !member->active)
		return false;
	return bond->mode != BOND_MODE_8023AD || (bond->aggregator && member->aggregator == bond->aggregator);
}

/* By mode and xmit_hash_policy alone. */
static int choice_by_rule(const struct bond *bond, enum choose_policy *policy, const char **why)
{
	*policy = CHOOSE_FIRST;
	if (bond->mode == BOND_MODE_ACTIVEBACKUP)
		return 0;
	if (bond->mode != BOND_MODE_XOR && bond->mode != BOND_MODE_8023AD) {
		*why = "its mode chooses no member by a rule that holds for a flow";
		return -EOPNOTSUPP;
	}
	switch (bond->policy) {
	case BOND_XMIT_POLICY_LAYER2:
		*policy = CHOOSE_LAYER2;
		return 0;
	case BOND_XMIT_POLICY_LAYER23:
		*policy = CHOOSE_LAYER23;
		return 0;
	case BOND_XMIT_POLICY_LAYER34:
		*policy = CHOOSE_LAYER34;
		return 0;
	case BOND_XMIT_POLICY_VLAN_SRCMAC:
		*policy = CHOOSE_VLAN_SRCMAC;
		return 0;
	}
	*policy = CHOOSE_LAYER34;
	*why = "its xmit_hash_policy cannot be computed outside the kernel (layer2, layer2+3, layer3+4 and vlan+srcmac "
	       "can)";
	return -EOPNOTSUPP;
}

/* What makes the bond choose in another way than by its rule, or among more; NULL: nothing. */
static const char *exception(const struct bond *bond)
{
	for (uint32_t m = 0; m < bond->cnt; m++)
		if (bond->member[m].queue_id)
			return "a member has a queue_id";
	return bond->more ? "it has more members than are served" : NULL;
}

int bond_choice(const struct bond *bond, enum choose_policy *policy, const char **why)
{
	int err = choice_by_rule(bond, policy, why);
	const char *except = exception(bond);

	if (!except)
		return err;
	*why = except;
	return -EOPNOTSUPP;
}

int bond_choice_port(const struct bond *bond, enum choose_policy *policy, const char **why)
{
	int err = choice_by_rule(bond, policy, why);

	if (err && *policy == CHOOSE_FIRST)
		return err;
	*why = exception(bond);
	return 0;
}
