// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/members.h"

#include <errno.h>
#include <linux/if_bonding.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/beside.h"
#include "frontend/tap.h"
#include "nic/steer_look.h"

/* Some changes of a bond are not notified, or were lost in a flood. */
#define READ_AGAIN_NS 1000000000ull

/* ---- before anything is touched ---- */

static int check_port(const struct bond *bond, const char *name)
{
	enum choose_policy policy;
	const char *why = NULL;

	/* The probes' answers are frames like others, and would go to the TAP. */
	if (bond->arp_interval) {
		log_error("%s: its links are watched by ARP, which does not work in port mode; use miimon instead ('ip "
			  "link set %s type bond arp_interval 0 miimon 100'), or --mode inline",
			  name, name);
		return -EOPNOTSUPP;
	}
	if (bond_choice_port(bond, &policy, &why) || why) {
		log_error("%s: port mode needs a bond of mode active-backup, balance-xor or 802.3ad without queue_id, "
			  "of at most %u members: this one is %s (%s); use --mode inline",
			  name, BOND_MEMBERS_MAX, bond_mode_name(bond->mode), why);
		return -EOPNOTSUPP;
	}
	return 0;
}

int members_check(const struct config *config, const struct netdev *dev)
{
	bool generic = false;
	struct bond bond;
	int err = bond_read(&bond, dev);

	if (err) {
		log_error("%s: cannot read the bond: %s", dev->name, strerror(-err));
		return err;
	}
	if (steer_look_id(dev->ifindex, &generic) > 0) {
		log_error("%s: is a bond with an XDP program, so the kernel takes none on its members; remove it: 'ip "
			  "link set %s xdp off', or 'xdp-loader unload %s --all'",
			  dev->name, dev->name, dev->name);
		return -EBUSY;
	}
	if (config->pinned) {
		log_error("%s: is a bond, whose members have a program each; leave out --pinned", dev->name);
		return -EOPNOTSUPP;
	}
	if (bond.mode == BOND_MODE_ALB) {
		log_error("%s: a bond of mode balance-alb receives under addresses of its members; use another mode "
			  "(802.3ad, balance-xor, active-backup, balance-tlb)",
			  dev->name);
		return -EOPNOTSUPP;
	}
	return config->mode == CONFIG_PORT ? check_port(&bond, dev->name) : 0;
}

int members_check_alone(const struct config *config, const struct netdev *dev)
{
	char bond[IFNAMSIZ];

	if (config->mode == CONFIG_INLINE || !bond_of(dev, bond))
		return 0;
	log_error("%s: is a member of the bond %s, which would get nothing any more; give '--interface %s', or --mode "
		  "inline",
		  dev->name, bond, bond);
	return -EOPNOTSUPP;
}

struct member *members_find(struct members *members, uint32_t ifindex)
{
	for (uint32_t i = 0; i < members->places; i++)
		if (members->member[i].device.dev.ifindex == ifindex)
			return &members->member[i];
	return NULL;
}

/* ---- what is in force ---- */

/* Those that the bond sends by and that are served, in its order. */
static void make_set(struct members *members, enum choose_policy policy, struct choose_set *set)
{
	*set = (struct choose_set){ .policy = policy };
	for (uint32_t i = 0; i < members->bond.cnt; i++) {
		const struct member *member = members_find(members, members->bond.member[i].ifindex);

		if (member && member->sends && member->spread_cnt)
			set->member[set->cnt++] = (struct choose_member){
				.first = (uint16_t)member->workers.front_first, .cnt = (uint16_t)member->spread_cnt
			};
	}
}

static void tell_out(const struct daemon *d, const char *why)
{
	const struct members *members = d->members;

	if (members->out_why == why)
		return;
	if (why)
		log_warning("%s (%s, %s): what goes out is left to the kernel: %s", d->device.dev.name,
			    bond_mode_name(members->bond.mode), bond_policy_name(members->bond.policy), why);
	else
		log_info("%s (%s): what goes out is served, too", d->device.dev.name,
			 bond_mode_name(members->bond.mode));
}

static const struct bond_member *still_there(const struct bond *bond, uint32_t ifindex)
{
	for (uint32_t i = 0; i < bond->cnt; i++)
		if (bond->member[i].ifindex == ifindex)
			return &bond->member[i];
	return NULL;
}

/* What the bond does by it; nothing if it is no member any more. */
static void judge(const struct members *members, struct member *member)
{
	const struct bond_member *of = still_there(&members->bond, member->device.dev.ifindex);

	member->receives = of && bond_receives(&members->bond, of);
	member->sends = of && bond_sends(&members->bond, of);
	member->workers.idle = !member->receives && !member->sends;
	member->workers.cut = of && (!of->up || !of->carrier);
}

/* Those with a link, or those without. */
static void tell_links(struct daemon *d, bool cut)
{
	const bool serve = !cut && !d->attached.egress.left;

	for (uint32_t i = 0; i < d->members->places; i++) {
		const struct workers *workers = &d->members->member[i].workers;

		if (workers->steer && workers->cut == cut && steer_leaves_out(workers->steer) == serve)
			steer_serve_out(workers->steer, serve);
	}
}

static int set_carrier(void *arg)
{
	const struct daemon *d = arg;

	return d->front.frontend->ops->set_carrier(d->front.frontend, d->members->carrier);
}

/* In port mode, those who send are to see that there is no member to send by. Before the bond is read for the first
 * time, there is none (front_open()). */
static void give_carrier(struct daemon *d)
{
	const bool carrier = d->device.dev.carrier && d->members->set.cnt;
	int err;

	if (d->config.mode == CONFIG_INLINE || carrier == d->members->carrier)
		return;
	d->members->carrier = carrier;
	err = beside_call(&d->heartbeat, set_carrier, d);
	if (err)
		log_debug("%s: cannot set its carrier: %s", d->front.frontend->name, strerror(-err));
}

static void tell_missing(struct daemon *d)
{
	const char *why = members_missing(d);

	if (d->state.members == why)
		return;
	/* Inline, each reason has been logged where it came from. */
	if (d->config.mode == CONFIG_PORT) {
		if (why)
			log_warning("%s: %s", d->device.dev.name, why);
		else
			log_info("%s: all of the bond is served", d->device.dev.name);
	}
	d->state.members = why;
	state_tell(&d->state);
}

static void tell_set(const struct daemon *d)
{
	const struct members *members = d->members;
	char names[256] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < members->places && len < sizeof names; i++)
		if (members->member[i].sends && members->member[i].spread_cnt)
			len += (size_t)snprintf(names + len, sizeof names - len, " %s",
						members->member[i].device.dev.name);
	log_info("%s: members to send by:%s", d->device.dev.name, *names ? names : " none");
}

void members_apply(struct daemon *d)
{
	struct members *members = d->members;
	const bool port = d->config.mode == CONFIG_PORT, fits = port || !d->state.mtu_too_large;
	enum choose_policy policy;
	struct choose_set set;
	const char *why;

	for (uint32_t i = 0; i < members->places; i++)
		judge(members, &members->member[i]);
	why = members_choice(members, port, &policy);
	make_set(members, policy, &set);
	if (port && why)
		set = (struct choose_set){ .policy = policy };
	/* What leaves our hands goes first, what comes into them last. */
	if (why || !set.cnt)
		steer_serve(d->attached.steer, false);
	tell_links(d, false);
	if (memcmp(&set, &members->set, sizeof set)) {
		members->set = set;
		tap_choose_set(&members->choose, &set);
		tell_set(d);
	}
	give_carrier(d);
	tell_links(d, true);
	for (uint32_t i = 0; i < members->places; i++)
		if (member_is_served(&members->member[i]))
			steer_serve(members->member[i].workers.steer, members->member[i].receives && fits);
	if (!why && set.cnt)
		steer_serve(d->attached.steer, fits);
	why = port ? NULL : why; /* nothing is left to the kernel: see tell_missing() */
	tell_out(d, why);
	members->out_why = why;
	tell_missing(d);
}

/* ---- what changes ---- */

static void add_queues(struct daemon *d, struct member *member, uint32_t want, bool again)
{
	struct workers *workers = &member->workers;
	const uint32_t before = workers->cnt;

	while (workers->cnt < want && !open_add_queue(d, &member->device, workers, again))
		heartbeat_show(&d->heartbeat);
	if (workers->cnt > before)
		follow_renew_steer(&d->heartbeat, workers->steer, &member->device.dev);
	member->retry.wanted = false;
	if (workers->cnt < want)
		retry_later(&member->retry);
	else
		member->retry = (struct retry){ 0 };
	member->spread_cnt = workers->cnt;
}

static void follow_queues(struct daemon *d, struct member *member)
{
	struct workers *workers = &member->workers;
	const uint32_t want = member_queues_wanted(d, member), before = workers->cnt;

	if (want < before) {
		member->spread_cnt = want;
		members_apply(d);
	}
	while (workers->cnt > want) {
		workers_remove_last(workers, d->front.frontend, &d->heartbeat);
		heartbeat_show(&d->heartbeat);
	}
	add_queues(d, member, want, false);
	if (workers->cnt != before)
		log_info("%s: %u queues are served now, before %u", member->device.dev.name, workers->cnt, before);
}

static bool any_unproved(const struct workers *workers)
{
	for (uint32_t q = 0; q < workers->cnt; q++)
		if (workers_choice(workers, q).unproved)
			return true;
	return false;
}

static void close_member(struct daemon *d, struct member *member, bool drain)
{
	member_begin_close(d, member, drain);
	member_end_close(d, member);
}

/* Once, for binding may cost the carrier again. */
static void prove_late(struct daemon *d, struct member *member)
{
	if (member->proved_late || !any_unproved(&member->workers))
		return;
	member->proved_late = true;
	member->spread_cnt = 0; /* first nothing more is put into its queues of the TAP */
	members_apply(d);
	close_member(d, member, false);
	retry_later(&member->retry);
	member->retry.next_ns = 0;
}

static void rename_member(struct daemon *d, struct member *member)
{
	char dir[RUNDIR_PATH_LEN], path[RUNDIR_PATH_LEN];
	const char *name = member->device.dev.name;

	if (!member_is_served(member))
		return;
	control_drop_alias(&d->control, member->alias);
	(void)control_alias(&d->control, name, d->device.netns, member->alias);
	(void)rundir_path(dir);
	if (!rundir_file(path, sizeof path, dir, name, d->device.netns, RUNDIR_SOCKET))
		settings_renamed(&member->settings, &member->device.dev, path);
}

void members_renamed(struct daemon *d)
{
	for (uint32_t i = 0; i < d->members->places; i++)
		rename_member(d, &d->members->member[i]);
}

/* Follows what has changed of a member that is still one. */
static void follow_member(struct daemon *d, struct member *member)
{
	struct netdev now, was = member->device.dev;

	if (beside_reread(&d->heartbeat, &now, was.ifindex))
		return;                 /* it is gone: the bond tells next time */
	if (member_is_served(member)) { /* as they were at start: see follow.c */
		now.features = was.features;
		now.xdp = was.xdp;
	}
	member->device.dev = now;
	if (!member_is_served(member)) {
		if (now.up && !was.up) {
			member->retry.next_ns = 0;
			member->failed = 0;
		}
		return;
	}
	if (strcmp(was.name, now.name))
		rename_member(d, member);
	if (was.rx_queues != now.rx_queues || was.tx_queues != now.tx_queues)
		follow_queues(d, member);
	if (now.carrier)
		prove_late(d, member);
}

/* Those that have left the bond leave their place; nothing is spread to them any more. */
static void remove_members(struct daemon *d)
{
	struct members *members = d->members;

	for (uint32_t i = 0; i < members->places; i++) {
		struct member *member = &members->member[i];
		struct netdev dev;

		if (!member->device.dev.ifindex || still_there(&members->bond, member->device.dev.ifindex))
			continue;
		log_info("%s: %s is no more a member", d->device.dev.name, member->device.dev.name);
		close_member(d, member, !beside_reread(&d->heartbeat, &dev, member->device.dev.ifindex));
		member->device.dev.ifindex = 0;
	}
}

static void try_open(struct daemon *d, struct member *member)
{
	if (member_is_served(member) || member_open(d, member))
		retry_later(&member->retry);
	else
		member->retry = (struct retry){ 0 };
}

/* Gives the new ones a place, and opens them. */
static void add_members(struct daemon *d)
{
	struct members *members = d->members;
	uint32_t unplaced = 0;

	for (uint32_t i = 0; i < members->bond.cnt; i++) {
		const struct bond_member *of = &members->bond.member[i];
		struct member *member;

		if (members_find(members, of->ifindex))
			continue;
		member = members_find(members, 0);
		if (!member) {
			if (++unplaced > members->unplaced)
				log_warning("%s: there is no room for its member %s; a restart makes it",
					    d->device.dev.name, of->name);
			continue;
		}
		if (beside_reread(&d->heartbeat, &member->device.dev, of->ifindex)) {
			member->device.dev.ifindex = 0;
			continue;
		}
		member->device.netns = d->device.netns;
		member->proved_late = false;
		member->failed = 0;
		member->retry = (struct retry){ 0 };
		if (d->config.cpus == CPUS_AUTO)
			cpus_near(&member->device.cpus, &member->device.dev);
		else
			member->device.cpus = d->device.cpus;
		try_open(d, member);
		heartbeat_show(&d->heartbeat);
	}
	members->unplaced = unplaced;
}

static void retry_members(struct daemon *d)
{
	bool changed = false;

	for (uint32_t i = 0; i < d->members->places; i++) {
		struct member *member = &d->members->member[i];

		if (!member->device.dev.ifindex || !retry_is_due(&member->retry))
			continue;
		if (member_is_served(member))
			add_queues(d, member, member_queues_wanted(d, member), true);
		else
			try_open(d, member);
		changed = true;
	}
	if (changed) {
		members_apply(d);
		status_ready(d);
	}
}

/* The way out of each is policy, too. */
static void tell_egress(struct daemon *d)
{
	uint32_t ifindex[EGRESS_MEMBERS_MAX];
	const struct bond *bond = &d->members->bond;

	_Static_assert(EGRESS_MEMBERS_MAX >= BOND_MEMBERS_MAX, "all are told");
	for (uint32_t i = 0; i < bond->cnt; i++)
		ifindex[i] = bond->member[i].ifindex;
	egress_set_members(&d->attached.egress, ifindex, bond->cnt);
}

static void read_bond(struct daemon *d)
{
	struct members *members = d->members;
	struct bond bond;
	int err = beside_read_bond(&d->heartbeat, &bond, &d->device.dev);

	members->read_ns = clock_ns();
	if (err) {
		log_debug("%s: cannot read the bond: %s", d->device.dev.name, strerror(-err));
		return;
	}
	members->bond = bond;
}

/* Unlike the bond's own programs: what goes out is not concerned, so it goes on. */
static void follow_guard(struct daemon *d, struct member *member)
{
	const enum steer_presence found = member_is_served(member) ?
						  __atomic_load_n(&member->guard.found, __ATOMIC_RELAXED) :
						  STEER_PRESENT;

	if (found == member->found)
		return;
	member->found = found;
	if (found != STEER_PRESENT)
		log_warning("%s: member %s: %s; 'systemctl restart superpacketd@%s' attaches it again",
			    d->device.dev.name, member->device.dev.name,
			    members_lost(member, d->config.mode == CONFIG_PORT), d->device.dev.name);
	members_apply(d);
}

void members_follow(struct daemon *d, bool news)
{
	struct members *members = d->members;

	if (news || clock_ns() - members->read_ns > READ_AGAIN_NS) {
		read_bond(d);
		members_apply(d); /* first: a failover does not wait for what follows */
		remove_members(d);
		for (uint32_t i = 0; news && i < members->places; i++)
			if (members->member[i].device.dev.ifindex)
				follow_member(d, &members->member[i]);
		add_members(d);
		members_apply(d);
		tell_egress(d);
		status_ready(d);
	}
	retry_members(d);
	for (uint32_t i = 0; i < members->places; i++)
		follow_guard(d, &members->member[i]);
}

/* ---- all of them ---- */

/* As many places as there may be members: twice those of today, at least 4; and for each as many queues of the TAP as
 * the member with the most queues can ever have. All that fits the TAP. */
static void make_room(struct daemon *d, uint32_t queues_max)
{
	struct members *members = d->members;
	uint32_t room = 1, places = 2 * members->bond.cnt;

	for (uint32_t i = 0; i < members->bond.cnt; i++) {
		struct netdev dev;
		uint32_t queues;

		if (netdev_reread(&dev, members->bond.member[i].ifindex))
			continue;
		queues = d->config.queues ? check_queues(&d->config, &dev) : dev.rx_queues_max;
		room = queues > room ? queues : room;
	}
	places = places < 4 ? 4 : places > BOND_MEMBERS_MAX ? BOND_MEMBERS_MAX : places;
	while (places > members->bond.cnt && places > 1 && places * room > queues_max)
		places--;
	if (places * room > queues_max)
		room = queues_max / places ? queues_max / places : 1;
	members->places = places < queues_max ? places : queues_max;
	members->room = room;
}

/* The queues that its members have today are served all: the NIC of each spreads flows over its own only. */
static int check_memory(struct daemon *d)
{
	const struct bond *bond = &d->members->bond;
	struct memory_plan *plan = &d->device.memory;
	uint32_t queues = 0;
	int err;

	for (uint32_t i = 0; i < bond->cnt; i++) {
		struct netdev dev;
		uint32_t cnt;

		if (netdev_reread(&dev, bond->member[i].ifindex))
			continue;
		cnt = check_queues(&d->config, &dev);
		queues += cnt < d->members->room ? cnt : d->members->room;
	}
	err = memory_check(plan, &d->config, d->device.dev.name, queues ? queues : 1, true);
	if (!err)
		log_info("%s: memory is planned for its %u members of today; those that come later share the %.1f MiB "
			 "that are left of %.1f (%s)",
			 d->device.dev.name, bond->cnt, (double)(plan->cap - plan->total) / (1 << 20),
			 (double)plan->cap / (1 << 20), plan->cap_why);
	return err;
}

static void chain_workers(struct daemon *d)
{
	struct members *members = d->members;
	struct workers *last = &d->workers;

	d->workers = (struct workers){ .steer = NULL };
	for (uint32_t i = 0; i < members->places; i++) {
		struct workers *workers = &members->member[i].workers;

		*workers = (struct workers){ .room = members->room, .front_first = i * members->room, .member = true };
		last->next = workers;
		last = workers;
	}
}

static int make_members(struct daemon *d)
{
	const struct frontend *kept = d->front.frontend;
	struct members *members = calloc(1, sizeof *members);

	if (!members) {
		log_error("%s: no memory for its members", d->device.dev.name);
		return -ENOMEM;
	}
	d->members = members;
	read_bond(d);
	make_room(d, kept ? kept->queue_cnt : TAP_QUEUES_MAX);
	chain_workers(d);
	return 0;
}

static void free_members(struct daemon *d)
{
	d->workers.next = NULL;
	free(d->members);
	d->members = NULL;
}

static int open_choose(struct daemon *d)
{
	int err = tap_choose_open(&d->members->choose, d->front.frontend);

	if (err)
		log_error("TAP %s: the program that chooses a member: %s", d->front.frontend->name, strerror(-err));
	return err;
}

/* At least one, where the bond has any: else what is wrong concerns all. */
static int open_members(struct daemon *d)
{
	add_members(d);
	if (!d->members->bond.cnt || workers_total(&d->workers))
		return 0;
	log_error("%s: none of its members can be served", d->device.dev.name);
	return -EOPNOTSUPP;
}

static void close_members(struct daemon *d, bool drain)
{
	for (uint32_t i = 0; i < d->members->places; i++)
		member_begin_close(d, &d->members->member[i], drain);
	for (uint32_t i = 0; i < d->members->places; i++)
		member_end_close(d, &d->members->member[i]);
}

int members_open(struct daemon *d)
{
	const struct netdev *dev = &d->device.dev;
	const bool kept = d->front.frontend;
	uint32_t queues;
	int err = make_members(d);

	if (err)
		return err;
	err = check_memory(d);
	if (err)
		goto err_members;
	queues = d->members->places * d->members->room;
	err = front_open(&d->front, &d->config, dev, queues, queues);
	if (err)
		goto err_members;
	err = open_choose(d);
	if (err)
		goto err_front;
	err = open_steer(d, dev, OPEN_BOND, &d->attached.steer);
	if (err)
		goto err_choose;
	d->heartbeat.steer = d->attached.steer;
	err = open_promisc(&d->config, dev, &d->attached.promisc_fd);
	if (err)
		goto err_steer;
	err = open_members(d);
	egress_open(&d->attached.egress, &d->config, dev, d->attached.steer);
	tell_egress(d);
	if (!err)
		err = front_persist(&d->front, &d->config);
	if (!err)
		err = steer_start(d->attached.steer);
	if (!err) {
		members_apply(d); /* before anything is sent by way of them */
		egress_begin(&d->attached.egress);
		guard_open(&d->attached.guard, d->attached.steer, &d->attached.egress, d->front.frontend, dev);
		return 0;
	}
	d->attached.egress.steer = NULL;
	d->heartbeat.steer = NULL;
	close_members(d, true);
	open_close_promisc(d->attached.promisc_fd);
err_steer:
	d->heartbeat.steer = NULL;
	steer_close(d->attached.steer);
	d->attached.steer = NULL;
err_choose:
	tap_choose_close(&d->members->choose);
err_front:
	front_close(&d->front, kept);
err_members:
	free_members(d);
	return err;
}

void members_close(struct daemon *d, bool gone)
{
	guard_close(&d->attached.guard);
	d->attached.egress.steer = NULL;
	d->state.missing[0] = '\0';
	d->state.members = NULL;
	d->heartbeat.steer = NULL;
	steer_stop(d->attached.steer);
	close_members(d, !gone);
	open_close_promisc(d->attached.promisc_fd);
	steer_close(d->attached.steer);
	d->attached.steer = NULL;
	tap_choose_close(&d->members->choose);
	front_close(&d->front, gone && d->config.mode == CONFIG_PORT);
	free_members(d);
}
