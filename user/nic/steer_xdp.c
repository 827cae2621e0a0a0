// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/steer_xdp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "nic/netdev_stack.h"
#include "nic/steer_leftovers.h"
#include "nic/steer_link.h"
#include "nic/steer_look.h"
#include "steer.skel.h"

/* How long the program of a dead predecessor may take to go: the kernel frees links in the background. */
#define PREDECESSOR_RETRY_MS 10
#define PREDECESSOR_RETRIES 100

static int open_object(struct steer_xdp *xdp, const struct steer_config *config)
{
	struct bpf_map *map;

	xdp->object = steer_bpf__open();
	if (!xdp->object) {
		const int err = -errno;

		log_error("%s: opening the XDP program: %s", config->interface, strerror(-err));
		return err;
	}
	/* The object has pin paths, for xdp-loader. What the daemon loads goes with its process. */
	bpf_object__for_each_map(map, xdp->object->obj)
		(void)bpf_map__set_pin_path(map, NULL);
	return 0;
}

static void take_object_maps(struct steer_xdp *xdp)
{
	xdp->xsks_fd = bpf_map__fd(xdp->object->maps.steer_xsks);
	xdp->state_fd = bpf_map__fd(xdp->object->maps.steer_state);
	xdp->counters_fd = bpf_map__fd(xdp->object->maps.steer_counters);
	xdp->queues_fd = bpf_map__fd(xdp->object->maps.steer_queues);
	xdp->slots_fd = bpf_map__fd(xdp->object->maps.steer_slots);
}

static int create_link(struct steer_xdp *xdp, bool generic)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	const int fd = bpf_link_create(bpf_program__fd(xdp->object->progs.steer), xdp->ifindex, BPF_XDP, &opts);

	if (fd < 0)
		return fd;
	xdp->link_fd = fd;
	xdp->generic = generic;
	return 0;
}

static const char *native_refusal(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return "its driver has no native XDP";
	case -ERANGE:
	case -EINVAL:
	case -EMSGSIZE:
		return "its driver refuses, as a rule because the MTU or the ring is too large";
	}
	return strerror(-err);
}

/* drivers/net/veth.c, veth_xdp_set(): the only driver known to answer so. */
static bool is_too_few_queues(int err)
{
	return err == -ENOSPC;
}

static int attach_link(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err = -EOPNOTSUPP;

	if (config->mode != STEER_XDP_GENERIC) {
		err = create_link(xdp, false);
		snprintf(xdp->why, sizeof(xdp->why), "the driver takes it");
	}
	/*
	 * Generic mode would not help against another program or a missing privilege. Too few queues can be cured by
	 * a command; in generic mode nobody would learn why it is slow.
	 */
	if (config->mode == STEER_XDP_NATIVE || err == 0 || err == -EBUSY || err == -EEXIST || err == -EPERM ||
	    is_too_few_queues(err))
		return err;
	snprintf(xdp->why, sizeof(xdp->why), "%s",
		 config->mode == STEER_XDP_GENERIC ? "asked for" : native_refusal(err));
	return create_link(xdp, true);
}

/* The kernel allows none below an interface that has one (net/core/dev.c dev_xdp_attach(): "Cannot attach when an upper
 * device already has a program"). */
static void say_occupied(const struct steer_config *config)
{
	struct netdev_stack stack;

	if (!netdev_stack_read(config->ifindex, &stack) && stack.xdp_above[0])
		log_error("%s: %s rests on it and has an XDP program, and then the kernel attaches none below; see "
			  "`xdp-loader status %s`",
			  config->interface, stack.xdp_above, stack.xdp_above);
	else
		log_error("%s: another XDP program was attached just now; see `xdp-loader status %s`",
			  config->interface, config->interface);
}

static int load_and_attach(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err = steer_bpf__load(xdp->object);

	if (err) {
		log_error("%s: the kernel does not load the XDP program: %s%s (-v shows why)", config->interface,
			  strerror(-err), steer_needs(err));
		return err;
	}
	take_object_maps(xdp);
	err = attach_link(xdp, config);
	if (err == -EEXIST)
		err = -EBUSY;
	if (err == -EBUSY)
		say_occupied(config);
	else if (is_too_few_queues(err))
		log_error("%s: its veth peer has more transmit queues than it has receive queues; "
			  "create the pair with numrxqueues/numtxqueues equal, `ethtool -L PEER tx "
			  "N`, or ask for --xdp-mode generic",
			  config->interface);
	else if (err && err != -EPERM && config->mode == STEER_XDP_NATIVE)
		log_error("%s: no native XDP: %s; use --xdp-mode auto or generic", config->interface,
			  native_refusal(err));
	else if (err)
		log_error("%s: attaching the XDP program: %s%s", config->interface, strerror(-err), steer_needs(err));
	return err;
}

static int join(struct steer_xdp *xdp, const struct steer_config *config, bool generic)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = xdp->object->obj, .prog_name = "steer");
	int err;

	if (generic && config->mode == STEER_XDP_NATIVE) {
		log_error("%s: libxdp's dispatcher there runs in generic mode; unload it, or use "
			  "--xdp-mode auto",
			  config->interface);
		return -EOPNOTSUPP;
	}
	xdp->member = xdp_program__create(&opts);
	if (!xdp->member)
		return -errno;
	/* This also loads the program, since a member's type depends on its dispatcher. */
	err = xdp_program__attach(xdp->member, xdp->ifindex, generic ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	if (err) {
		log_error("%s: libxdp's dispatcher there does not take our program: %s%s; see "
			  "`xdp-loader status %s`",
			  config->interface, strerror(-err), steer_needs(err), config->interface);
		xdp_program__close(xdp->member);
		xdp->member = NULL;
		return err;
	}
	take_object_maps(xdp);
	xdp->generic = generic;
	snprintf(xdp->why, sizeof(xdp->why), "joined libxdp's dispatcher");
	return 0;
}

/* Removes members of the dispatcher that killed daemons have left. Returns how many, or -EBUSY when one belongs to a
 * daemon that is alive. */
static int remove_leftovers(const struct steer_config *config, struct xdp_multiprog *programs)
{
	struct steer_leftovers found;

	steer_leftovers_remove(config->ifindex, programs, &found);
	if (found.removed_cnt)
		log_info("%s: removed XDP program %u, left by a superpacketd that was killed", config->interface,
			 found.removed_id);
	if (!found.alive_id)
		return (int)found.removed_cnt;
	log_error("%s: another superpacketd serves it (XDP program %u); stop that one first", config->interface,
		  found.alive_id);
	return -EBUSY;
}

static int refuse_lone(const struct steer_config *config, int64_t id, const char *name)
{
	log_error("%s: XDP program %lld (%s) is attached already; see `xdp-loader status %s`, "
		  "remove it with `xdp-loader unload %s --all`, or adopt it with --pinned DIR if "
		  "it is steer.bpf.o",
		  config->interface, (long long)id, name, config->interface, config->interface);
	return -EBUSY;
}

/*
 * What to do about a program that is alone on the interface. Returns -EAGAIN when it belongs to a dead predecessor, so
 * that it will be gone in a moment. Otherwise logs and returns -EBUSY.
 */
static int judge_lone(const struct steer_config *config, struct xdp_multiprog *programs, int64_t id, bool last_try)
{
	struct xdp_program *program = xdp_multiprog__main_prog(programs);
	const int state_fd = program ? steer_look_state_map(xdp_program__fd(program)) : -ENOENT;
	const bool ours = state_fd >= 0 && steer_look_is_owned(state_fd);
	const bool alive = state_fd >= 0 && steer_look_is_alive(state_fd);

	if (state_fd >= 0)
		close(state_fd);
	if (alive) {
		log_error("%s: another superpacketd serves it (XDP program %lld); stop that one first",
			  config->interface, (long long)id);
		return -EBUSY;
	}
	if (ours && !last_try)
		return -EAGAIN;
	return refuse_lone(config, id, program ? xdp_program__name(program) : "?");
}

/* Looks and tries once. Returns -EAGAIN when the caller should look again. */
static int try_own(struct steer_xdp *xdp, const struct steer_config *config, bool last_try)
{
	struct xdp_multiprog *programs;
	bool generic = false;
	const int64_t id = steer_look_id(xdp->ifindex, &generic);
	int err;

	if (id < 0) {
		log_error("%s: asking for its XDP program: %s", config->interface, strerror(-id));
		return id;
	}
	if (id == 0)
		return load_and_attach(xdp, config);
	programs = steer_look_programs(xdp->ifindex);
	if (!programs) /* gone meanwhile, or CAP_SYS_ADMIN is missing */
		return errno == ENOENT && !last_try ? -EAGAIN : refuse_lone(config, id, "?");

	if (!steer_look_is_dispatcher(programs)) {
		err = judge_lone(config, programs, id, last_try);
	} else {
		err = remove_leftovers(config, programs);
		if (err > 0)
			err = -EAGAIN; /* there is another dispatcher now, or none */
		else if (err == 0)
			err = join(xdp, config, generic);
	}
	xdp_multiprog__close(programs);
	return err;
}

static int open_own(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err = open_object(xdp, config);

	for (int tries_left = PREDECESSOR_RETRIES; !err || err == -EAGAIN; tries_left--) {
		err = try_own(xdp, config, tries_left == 0);
		if (err != -EAGAIN)
			break;
		poll(NULL, 0, PREDECESSOR_RETRY_MS);
	}
	return err;
}

/* A warning, because it works, but slowly, and nobody would look for the reason. */
static void warn_of_generic(const struct steer_xdp *xdp, const struct steer_config *config)
{
	log_warning("%s: generic XDP: %s; every frame costs a socket buffer and a copy, and frames longer "
		    "than the MTU (TSO of a veth peer, LRO) %s",
		    config->interface, xdp->why,
		    config->serve & STEER_SERVE_ALL ? "lose their packets' boundaries: switch that off" :
						      "are left to the kernel");
}

void steer_xdp_none(struct steer_xdp *xdp, const struct steer_config *config)
{
	*xdp = (struct steer_xdp){ .ifindex = config->ifindex,
				   .link_fd = -1,
				   .xsks_fd = -1,
				   .state_fd = -1,
				   .counters_fd = -1,
				   .queues_fd = -1,
				   .slots_fd = -1 };
}

int steer_xdp_open(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err;

	steer_xdp_none(xdp, config);
	err = config->pinned ? steer_adopt(xdp, config) : open_own(xdp, config);
	if (err)
		steer_xdp_close(xdp);
	else if (xdp->generic)
		warn_of_generic(xdp, config);
	return err;
}

static int load_copy(struct steer_bpf *copy, const struct steer_xdp *xdp)
{
	int err = bpf_map__reuse_fd(copy->maps.steer_xsks, xdp->xsks_fd);

	if (!err)
		err = bpf_map__reuse_fd(copy->maps.steer_state, xdp->state_fd);
	if (!err)
		err = bpf_map__reuse_fd(copy->maps.steer_counters, xdp->counters_fd);
	if (!err)
		err = bpf_map__reuse_fd(copy->maps.steer_queues, xdp->queues_fd);
	if (!err)
		err = bpf_map__reuse_fd(copy->maps.steer_slots, xdp->slots_fd);
	return err ? err : steer_bpf__load(copy);
}

int steer_xdp_renew(struct steer_xdp *xdp, const struct steer_config *config)
{
	struct steer_xdp copy = { 0 };
	int err;

	if (xdp->link_fd < 0)
		return -EOPNOTSUPP;
	err = open_object(&copy, config);
	if (err)
		return err;
	err = load_copy(copy.object, xdp);
	if (!err)
		err = bpf_link_update(xdp->link_fd, bpf_program__fd(copy.object->progs.steer), NULL);
	steer_bpf__destroy(copy.object); /* the link holds the program */
	return err;
}

void steer_xdp_detach(struct steer_xdp *xdp)
{
	int err;

	steer_link_close(&xdp->link_fd);
	if (!xdp->member)
		return;
	err = xdp_program__detach(xdp->member, xdp->ifindex, xdp->generic ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	if (err)
		log_warning("XDP program %u stays in libxdp's dispatcher and passes every frame: %s",
			    xdp_program__id(xdp->member), strerror(-err));
	xdp_program__close(xdp->member);
	xdp->member = NULL;
}

static void close_pinned_maps(struct steer_xdp *xdp)
{
	if (xdp->xsks_fd >= 0)
		close(xdp->xsks_fd);
	if (xdp->state_fd >= 0)
		close(xdp->state_fd);
	if (xdp->counters_fd >= 0)
		close(xdp->counters_fd);
	if (xdp->queues_fd >= 0)
		close(xdp->queues_fd);
	if (xdp->slots_fd >= 0)
		close(xdp->slots_fd);
}

void steer_xdp_close(struct steer_xdp *xdp)
{
	steer_xdp_detach(xdp);
	if (xdp->object)
		steer_bpf__destroy(xdp->object);
	else
		close_pinned_maps(xdp);
	xdp->object = NULL;
	xdp->xsks_fd = xdp->state_fd = xdp->counters_fd = xdp->queues_fd = xdp->slots_fd = -1;
}
