// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/egress.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "nic/egress.h"

#define LEFT_AT_LEAST_NS 1000000000ull

static bool serves(const struct egress_verdict *verdict)
{
	return !*verdict->obstacle;
}

static void obstruct(struct egress_verdict *verdict, const char *format, const char *detail)
{
	if (serves(verdict))
		snprintf(verdict->obstacle, sizeof verdict->obstacle, format, detail);
}

/* ---- looking ---- */

static struct egress_verdict judge(const struct egress_found *found, int err)
{
	struct egress_verdict verdict = { .place = STEER_PLACE_TCX };

	if (err)
		obstruct(&verdict, "its qdiscs and filters cannot be looked at: %s", strerror(-err));
	else if (found->shared)
		obstruct(&verdict, "%s", "its clsact egress filters are in a block shared with other interfaces");
	else if (found->filters)
		verdict.place = STEER_PLACE_CLSACT;
	if (!err && *found->obstacle)
		obstruct(&verdict, "%s", found->obstacle);
	return verdict;
}

/* Where it stands now is not good enough: then it is the tcx program that it was, and passes everything. */
static void place(struct egress *egress, struct egress_verdict *verdict)
{
	int err = steer_place_out(egress->steer, verdict->place);

	if (!err || err == -ENODEV) /* the interface is about to go */
		return;
	obstruct(verdict,
		 verdict->place == STEER_PLACE_CLSACT ?
			 "our filter cannot be added behind its clsact egress filters: %s" :
			 "our tcx program cannot be attached: %s",
		 strerror(-err));
	verdict->place = egress->found.place;
	egress_look_again(egress);
}

static uint32_t copy_members(struct egress *egress, uint32_t member[EGRESS_MEMBERS_MAX])
{
	uint32_t cnt;

	pthread_mutex_lock(&egress->lock);
	cnt = egress->member_cnt;
	memcpy(member, egress->member, sizeof egress->member);
	pthread_mutex_unlock(&egress->lock);
	return cnt;
}

/* One that has just gone cannot be looked at, and needs not. */
static void judge_member(uint32_t ifindex, struct egress_verdict *verdict)
{
	struct egress_found found = { 0 };
	char name[IF_NAMESIZE], what[128];

	if (!if_indextoname(ifindex, name) || egress_look(ifindex, &found))
		return;
	if (*found.obstacle)
		snprintf(what, sizeof what, "%s: %s", name, found.obstacle);
	else if (found.filters)
		snprintf(what, sizeof what, "%s: clsact egress filters", name);
	else if (egress_programs(ifindex))
		snprintf(what, sizeof what, "%s: tcx egress programs", name);
	else
		return;
	obstruct(verdict, "its member %s", what);
}

static void judge_members(struct egress *egress, struct egress_verdict *verdict)
{
	uint32_t member[EGRESS_MEMBERS_MAX];
	const uint32_t cnt = copy_members(egress, member);

	for (uint32_t i = 0; i < cnt; i++)
		judge_member(member[i], verdict);
}

/* Of tcx programs the kernel does not tell. */
static bool have_programs_changed(struct egress *egress)
{
	uint32_t member[EGRESS_MEMBERS_MAX], programs = 0;
	const uint32_t cnt = copy_members(egress, member), before = egress->programs;

	for (uint32_t i = 0; i < cnt; i++)
		programs += egress_programs(member[i]);
	egress->programs = programs;
	return programs != before;
}

static void look(struct egress *egress)
{
	struct egress_verdict verdict = { .place = STEER_PLACE_TCX };
	struct egress_found found = { 0 };

	int err = 0;

	if (!egress->ignore) {
		err = egress_look(egress->ifindex, &found);
		verdict = judge(&found, err);
	}
	if (verdict.place != egress->found.place || (verdict.place == STEER_PLACE_CLSACT && !found.ours))
		place(egress, &verdict);
	if (!egress->ignore)
		judge_members(egress, &verdict);
	verdict.moved = egress->found.moved;
	egress->found = verdict;
	if (err)
		egress_look_again(egress);
}

static void keep_last(struct egress *egress)
{
	const int moved = steer_keep_last(egress->steer);

	if (moved < 0) {
		obstruct(&egress->found, "our program cannot be put behind the other tcx programs: %s",
			 strerror(-moved));
		egress_look_again(egress); /* until it can */
	} else if (moved) {
		egress->found.moved = true;
	}
}

static void publish(struct egress *egress)
{
	pthread_mutex_lock(&egress->lock);
	egress->published = egress->found;
	pthread_mutex_unlock(&egress->lock);
}

void egress_watch(struct egress *egress)
{
	bool asked, changed;

	if (!egress->steer)
		return;
	asked = __atomic_exchange_n(&egress->look, false, __ATOMIC_ACQUIRE);
	changed = have_programs_changed(egress);
	if (asked || changed)
		look(egress);
	keep_last(egress);
	publish(egress);
}

void egress_look_again(struct egress *egress)
{
	__atomic_store_n(&egress->look, true, __ATOMIC_RELEASE);
}

void egress_set_members(struct egress *egress, const uint32_t *ifindex, uint32_t cnt)
{
	const bool same = cnt == egress->member_cnt && !memcmp(egress->member, ifindex, cnt * sizeof *ifindex);

	if (same)
		return;
	pthread_mutex_lock(&egress->lock);
	egress->member_cnt = cnt;
	memcpy(egress->member, ifindex, cnt * sizeof *ifindex);
	pthread_mutex_unlock(&egress->lock);
	egress_look_again(egress);
}

/* ---- acting ---- */

static void leave(struct egress *egress)
{
	steer_serve_out(egress->steer, false);
	egress->left = true;
	egress->left_ns = clock_ns();
}

static void log_left(const struct egress *egress)
{
	log_warning("%s: the kernel carries what is sent, because the daemon cannot keep this policy: %s; what arrives "
		    "is served; --egress ignore serves both regardless",
		    egress->interface, egress->told.obstacle);
}

void egress_open(struct egress *egress, const struct config *config, const struct netdev *dev, struct steer *steer)
{
	*egress = (struct egress){
		.steer = config->mode == CONFIG_INLINE ? steer : NULL,
		.ifindex = dev->ifindex,
		.ignore = config->egress == CONFIG_EGRESS_IGNORE,
		.interface = dev->name,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	if (egress->steer)
		steer_hold_out(egress->steer);
}

void egress_begin(struct egress *egress)
{
	if (!egress->steer)
		return;
	look(egress);
	publish(egress);
	egress->told = egress->found;
	if (serves(&egress->told))
		steer_serve_out(egress->steer, true);
	else
		leave(egress);
	if (egress->left)
		log_left(egress);
	else if (egress->told.place == STEER_PLACE_CLSACT)
		log_info("%s: clsact has egress filters; our program is behind them", egress->interface);
}

/* What a worker holds is stale by what it knows of its own NIC, so a bond's members are told, too. */
static void tell_members(const struct workers *workers, bool serve)
{
	for (; workers; workers = workers->next) {
		const bool out = serve && !workers->cut;

		if (workers->steer && steer_leaves_out(workers->steer) == out)
			steer_serve_out(workers->steer, out);
	}
}

static bool all_emptied(const struct workers *workers)
{
	for (; workers; workers = workers->next)
		for (uint32_t q = 0; q < workers->opened_cnt; q++)
			if (workers->worker[q].running &&
			    !__atomic_load_n(&workers->worker[q].emptied_out, __ATOMIC_ACQUIRE))
				return false;
	return true;
}

static void serve_again(struct egress *egress, const struct workers *workers)
{
	if (clock_ns() - egress->left_ns < LEFT_AT_LEAST_NS || !all_emptied(workers))
		return;
	tell_members(workers, true); /* before they get anything */
	steer_serve_out(egress->steer, true);
	egress->left = false;
	log_info("%s: what is sent is served again", egress->interface);
}

bool egress_follow(struct egress *egress, const struct workers *workers)
{
	const struct egress_verdict before = egress->told;
	const bool left = egress->left;

	if (!egress->steer)
		return false;
	pthread_mutex_lock(&egress->lock);
	egress->told = egress->published;
	pthread_mutex_unlock(&egress->lock);
	if (!serves(&egress->told)) {
		if (!egress->left)
			leave(egress);
		if (strcmp(before.obstacle, egress->told.obstacle) != 0)
			log_left(egress);
	} else if (egress->left) {
		serve_again(egress, workers);
	}
	tell_members(workers, !egress->left);
	if (before.moved != egress->told.moved)
		log_info("%s: a tcx program was attached behind ours, which is the last again now; this is not said "
			 "again",
			 egress->interface);
	if (before.place != egress->told.place)
		log_info("%s: our program is now %s", egress->interface,
			 egress->told.place == STEER_PLACE_CLSACT ?
				 "behind clsact's egress filters" :
				 "the last tcx program, clsact has no egress filters");
	return egress->left != left;
}

const char *egress_who(const struct egress *egress, const char **why)
{
	if (!egress->steer)
		*why = "";
	else if (!serves(&egress->told))
		*why = egress->told.obstacle;
	else if (egress->left)
		*why = "what could not be kept has gone; it is served again in a moment";
	else if (egress->ignore)
		*why = "--egress ignore";
	else
		*why = egress->told.place == STEER_PLACE_CLSACT ? "behind clsact's egress filters" :
								  "the last tcx program";
	return egress->left ? "kernel" : "daemon";
}
