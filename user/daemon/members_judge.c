// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What of a bond the members may send, and what is said of that which is not carried.
 *
 *                                        inline                          port mode
 *   a member that sends is not served    the kernel sends all            the others send all
 *   hash policy of encapsulated headers  the kernel sends all            layer3+4
 *   queue_id, more members than fit      the kernel sends all            by the bond's rule, degraded
 *   mode without a rule                  the kernel sends all            nothing is sent, degraded
 *   links watched by ARP                 the kernel's                    degraded: the replies go to the TAP
 *   what a member receives, not served   the kernel has it, degraded     it is lost, degraded
 *
 * In port mode the first daemon refuses what is degraded here (members_check()), but each may come while it runs. A
 * queue_id concerns packets that a filter on the bond has marked, and those of the TAP pass no such filter.
 */
#include "daemon/members.h"

/* NULL: it is not served. */
static const struct member *served(const struct members *members, const struct bond_member *of)
{
	const struct member *member = members_find((struct members *)members, of->ifindex);

	return member && member->workers.steer ? member : NULL;
}

const char *members_choice(const struct members *members, bool port, enum choose_policy *policy)
{
	const struct bond *bond = &members->bond;
	const char *why = NULL;

	if (port)
		return bond_choice_port(bond, policy, &why) ? why : NULL;
	if (bond_choice(bond, policy, &why))
		return why;
	for (uint32_t i = 0; i < bond->cnt; i++)
		if (bond_sends(bond, &bond->member[i]) && !served(members, &bond->member[i]))
			return "a member that it sends by is not served";
	return NULL;
}

const char *members_state(const struct members *members, const struct bond_member *of)
{
	const struct member *member = served(members, of);
	bool in, out;

	if (!member)
		return "not served";
	out = member->sends && !members->out_why && members->set.cnt;
	in = member->receives && member->found == STEER_PRESENT;
	if (in && out)
		return "in and out";
	return in ? "in" : out ? "out" : "standby";
}

const char *members_lost(const struct member *member, bool port)
{
	if (member->found == STEER_UNCOUNTED)
		return port ? "heartbeats are shown, but the XDP program of a member counts none; what it receives is "
			      "lost" :
			      "heartbeats are shown, but the XDP program of a member counts none; the kernel carries "
			      "what it receives";
	return port ? "somebody has taken away the XDP program of a member; what it receives is lost" :
		      "somebody has taken away the XDP program of a member; the kernel carries what it receives";
}

/* What a daemon would refuse at its start. */
static const char *refused_in_port_mode(const struct bond *bond)
{
	enum choose_policy policy;
	const char *why;

	if (bond->arp_interval)
		return "the bond's links are watched by ARP, and in port mode the replies go to the TAP, so the bond "
		       "takes them for down; use miimon instead, or --mode inline";
	if (bond_choice_port(bond, &policy, &why))
		return "nothing is sent, as the bond's mode chooses no member by a rule; port mode needs "
		       "active-backup, balance-xor or 802.3ad";
	return NULL;
}

/* One that the bond uses. */
static const char *member_missing(const struct members *members, const struct bond_member *of, bool port)
{
	const struct member *member = served(members, of);
	const bool receives = bond_receives(&members->bond, of);

	if (!receives && !bond_sends(&members->bond, of))
		return NULL;
	if (!member)
		return port ? "a member of the bond is not served; what it receives is lost" :
			      "a member of the bond is not served; the kernel carries its traffic";
	return receives && member->found != STEER_PRESENT ? members_lost(member, port) : NULL;
}

/* All that are served are well. */
static const char *not_all_of_it(const struct members *members, bool port, bool carrier)
{
	const struct bond *bond = &members->bond;
	enum choose_policy policy;
	const char *why;

	if (bond->more)
		return port ? "the bond has more members than are served; what arrives on the others is lost" :
			      "the bond has more members than are served; the kernel carries what arrives on the "
			      "others, and all that goes out";
	if (port && !bond_choice_port(bond, &policy, &why) && why)
		return "a member has a queue_id, which port mode does not keep; packets go out by the bond's mode and "
		       "xmit_hash_policy";
	return port && carrier && !members->set.cnt ? "no member of the bond can send now, so nothing is sent" : NULL;
}

const char *members_missing(const struct daemon *d)
{
	const struct bond *bond = &d->members->bond;
	const bool port = d->config.mode == CONFIG_PORT;
	const char *why = port ? refused_in_port_mode(bond) : NULL;

	if (!bond->cnt)
		return "the bond has no members";
	for (uint32_t i = 0; i < bond->cnt && !why; i++)
		why = member_missing(d->members, &bond->member[i], port);
	return why ? why : not_all_of_it(d->members, port, d->device.dev.carrier);
}
