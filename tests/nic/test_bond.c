// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Which members a bond receives and sends by, and how it chooses. */
#include "nic/bond.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_bonding.h>

TestSuite(bond, .timeout = 60);

/* One that nothing is wrong with. */
static const struct bond_member good = {
	.ifindex = 3, .up = true, .carrier = true, .link_up = true, .active = true, .aggregator = 2
};

struct row {
	const char *says;
	uint32_t mode, active, aggregator;
	struct bond_member member;
	bool receives, sends;
};

static struct bond_member but(void (*change)(struct bond_member *member))
{
	struct bond_member member = good;

	change(&member);
	return member;
}

static void down(struct bond_member *member) { member->up = false; }

static void no_carrier(struct bond_member *member) { member->carrier = false; }

static void link_down(struct bond_member *member) { member->link_up = false; }

static void backup(struct bond_member *member) { member->active = false; }

static void expect(const struct row *row)
{
	const struct bond bond = { .mode = row->mode, .active = row->active, .aggregator = row->aggregator, .cnt = 1 };

	cr_expect_eq(bond_receives(&bond, &row->member), row->receives, "%s: receives", row->says);
	cr_expect_eq(bond_sends(&bond, &row->member), row->sends, "%s: sends", row->says);
}

Test(bond, members_receive_and_send_as_the_driver_has_it)
{
	const struct row rows[] = {
		{ "the active one", BOND_MODE_ACTIVEBACKUP, 3, 0, good, true, true },
		{ "not the active one", BOND_MODE_ACTIVEBACKUP, 4, 0, good, false, false },
		{ "there is no active one", BOND_MODE_ACTIVEBACKUP, 0, 0, good, false, false },
		{ "of the active aggregator", BOND_MODE_8023AD, 0, 2, good, true, true },
		{ "of another aggregator", BOND_MODE_8023AD, 0, 1, good, false, false },
		{ "there is no active aggregator", BOND_MODE_8023AD, 0, 0, good, false, false },
		{ "neither collecting nor distributing", BOND_MODE_8023AD, 0, 2, but(backup), false, false },
		{ "xor", BOND_MODE_XOR, 0, 0, good, true, true },
		{ "xor, down", BOND_MODE_XOR, 0, 0, but(down), true, false },
		{ "xor, no carrier", BOND_MODE_XOR, 0, 0, but(no_carrier), true, false },
		{ "xor, the monitor says down", BOND_MODE_XOR, 0, 0, but(link_down), true, false },
		{ "xor, backup", BOND_MODE_XOR, 0, 0, but(backup), false, false },
		{ "alb receives by address", BOND_MODE_ALB, 0, 0, good, false, true },
		{ "tlb, the active one", BOND_MODE_TLB, 3, 0, good, true, true },
		{ "tlb, another one: receives duplicates", BOND_MODE_TLB, 4, 0, good, false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect(&rows[i]);
}

static int choice(uint32_t mode, uint32_t policy, uint32_t queue_id, enum choose_policy *chosen)
{
	const struct bond bond = {
		.mode = mode, .policy = policy, .cnt = 2, .member = { good, { .ifindex = 4, .queue_id = queue_id } }
	};
	const char *why = NULL;
	int err = bond_choice(&bond, chosen, &why);

	cr_expect_eq(err != 0, why != NULL, "a refusal has a reason");
	return err;
}

Test(bond, the_choice_is_known_or_left_to_the_kernel)
{
	enum choose_policy chosen;

	cr_expect_eq(choice(BOND_MODE_ACTIVEBACKUP, BOND_XMIT_POLICY_ENCAP34, 0, &chosen), 0);
	cr_expect_eq(chosen, CHOOSE_FIRST);
	cr_expect_eq(choice(BOND_MODE_XOR, BOND_XMIT_POLICY_LAYER2, 0, &chosen), 0);
	cr_expect_eq(chosen, CHOOSE_LAYER2);
	cr_expect_eq(choice(BOND_MODE_8023AD, BOND_XMIT_POLICY_LAYER23, 0, &chosen), 0);
	cr_expect_eq(chosen, CHOOSE_LAYER23);
	cr_expect_eq(choice(BOND_MODE_8023AD, BOND_XMIT_POLICY_LAYER34, 0, &chosen), 0);
	cr_expect_eq(chosen, CHOOSE_LAYER34);
	cr_expect_eq(choice(BOND_MODE_XOR, BOND_XMIT_POLICY_VLAN_SRCMAC, 0, &chosen), 0);
	cr_expect_eq(chosen, CHOOSE_VLAN_SRCMAC);
	cr_expect_eq(choice(BOND_MODE_XOR, BOND_XMIT_POLICY_ENCAP23, 0, &chosen), -EOPNOTSUPP);
	cr_expect_eq(choice(BOND_MODE_8023AD, BOND_XMIT_POLICY_ENCAP34, 0, &chosen), -EOPNOTSUPP);
	cr_expect_eq(choice(BOND_MODE_ROUNDROBIN, BOND_XMIT_POLICY_LAYER2, 0, &chosen), -EOPNOTSUPP);
	cr_expect_eq(choice(BOND_MODE_BROADCAST, BOND_XMIT_POLICY_LAYER2, 0, &chosen), -EOPNOTSUPP);
	cr_expect_eq(choice(BOND_MODE_TLB, BOND_XMIT_POLICY_LAYER34, 0, &chosen), -EOPNOTSUPP);
	cr_expect_eq(choice(BOND_MODE_XOR, BOND_XMIT_POLICY_LAYER34, 1, &chosen), -EOPNOTSUPP, "a queue_id");
}

/* queue_id and members beyond those that are served come while the daemon runs: what is sent goes on by the bond's own
 * rule, and it is said. A mode without a rule comes then, too. */
Test(bond, in_port_mode_flows_go_on_by_the_rule)
{
	const struct bond_member queued = { .ifindex = 4, .queue_id = 2 };
	const struct {
		const char *says;
		struct bond bond;
		int err;
		enum choose_policy policy;
		bool why;
	} rows[] = {
		{ "all is as the bond has it",
		  { .mode = BOND_MODE_XOR, .policy = BOND_XMIT_POLICY_LAYER23 },
		  0,
		  CHOOSE_LAYER23,
		  false },
		{ "encap", { .mode = BOND_MODE_8023AD, .policy = BOND_XMIT_POLICY_ENCAP23 }, 0, CHOOSE_LAYER34, false },
		{ "a queue_id",
		  { .mode = BOND_MODE_XOR, .policy = BOND_XMIT_POLICY_LAYER2, .cnt = 1, .member = { queued } },
		  0,
		  CHOOSE_LAYER2,
		  true },
		{ "a queue_id of encap",
		  { .mode = BOND_MODE_XOR, .policy = BOND_XMIT_POLICY_ENCAP34, .cnt = 1, .member = { queued } },
		  0,
		  CHOOSE_LAYER34,
		  true },
		{ "more members",
		  { .mode = BOND_MODE_8023AD, .policy = BOND_XMIT_POLICY_LAYER34, .more = true },
		  0,
		  CHOOSE_LAYER34,
		  true },
		{ "more members, active-backup",
		  { .mode = BOND_MODE_ACTIVEBACKUP, .more = true },
		  0,
		  CHOOSE_FIRST,
		  true },
		{ "balance-rr", { .mode = BOND_MODE_ROUNDROBIN }, -EOPNOTSUPP, CHOOSE_FIRST, true },
		{ "broadcast", { .mode = BOND_MODE_BROADCAST }, -EOPNOTSUPP, CHOOSE_FIRST, true },
		{ "balance-tlb", { .mode = BOND_MODE_TLB, .more = true }, -EOPNOTSUPP, CHOOSE_FIRST, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum choose_policy policy;
		const char *why = "nothing was said";

		cr_expect_eq(bond_choice_port(&rows[i].bond, &policy, &why), rows[i].err, "%s", rows[i].says);
		cr_expect_eq(policy, rows[i].policy, "%s: policy %d", rows[i].says, (int)policy);
		cr_expect_eq(why != NULL, rows[i].why, "%s: %s", rows[i].says, why ? why : "no reason");
	}
}
