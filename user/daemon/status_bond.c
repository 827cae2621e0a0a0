// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/status_bond.h"

static json_t *steer_json(const struct steer *steer)
{
	static const char *const names[] = STEER_COUNTER_NAMES;
	uint64_t counters[STEER_COUNTER_CNT] = { 0 };
	json_t *object = json_object();

	steer_read_counters(steer, counters); /* zeros when it fails */
	for (int i = 0; i < STEER_COUNTER_CNT; i++)
		json_object_set_new(object, names[i], json_integer((json_int_t)counters[i]));
	return object;
}

static json_t *member_json(const struct members *members, const struct bond_member *of)
{
	const struct member *member = members_find((struct members *)members, of->ifindex);
	json_t *object = json_pack("{s:s, s:i, s:s, s:b, s:b, s:b}", "interface", of->name, "ifindex", (int)of->ifindex,
				   "state", members_state(members, of), "up", of->up, "carrier", of->carrier, "link_up",
				   of->link_up);
	const char *why;

	if (!member || !member->workers.steer)
		return object;
	json_object_set_new(object, "queues", json_integer(member->workers.cnt));
	json_object_set_new(object, "xdp_mode", json_string(steer_mode(member->workers.steer, &why)));
	json_object_set_new(object, "xdp_why", json_string(why));
	json_object_set_new(object, "steer", steer_json(member->workers.steer));
	json_object_set_new(
		object, "settings",
		settings_json(&member->settings, &member->device.dev, steer_is_generic(member->workers.steer)));
	return object;
}

json_t *status_bond(const struct members *members)
{
	const struct bond *bond = &members->bond;
	json_t *array = json_array();

	for (uint32_t i = 0; i < bond->cnt; i++)
		json_array_append_new(array, member_json(members, &bond->member[i]));
	return json_pack("{s:s, s:s, s:b, s:o, s:I, s:o}", "mode", bond_mode_name(bond->mode), "policy",
			 bond_policy_name(bond->policy), "out", !members->out_why && members->set.cnt, "out_why",
			 members->out_why ? json_string(members->out_why) : json_null(), "no_member",
			 (json_int_t)tap_choose_no_member(&members->choose), "members", array);
}

void status_add_members(const struct members *members, uint64_t counters[STEER_COUNTER_CNT])
{
	for (uint32_t i = 0; i < members->places; i++) {
		uint64_t one[STEER_COUNTER_CNT];

		if (!members->member[i].workers.steer || steer_read_counters(members->member[i].workers.steer, one))
			continue;
		for (int c = 0; c < STEER_COUNTER_CNT; c++)
			counters[c] += one[c];
	}
}
