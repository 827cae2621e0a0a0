// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/steer_xdp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "log.h"
#include "steer.skel.h"

/* How long a predecessor's program may take to go: the kernel frees links in the background. */
#define PREDECESSOR_LIMIT_MS 1000

#define MAPS_OF_A_PROGRAM_MAX 16

/* EACCES is what the verifier says without CAP_PERFMON (and of a program it finds unsafe). */
static const char *needs(int err)
{
	if (err == -EPERM || err == -EACCES)
		return "; needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW";
	return "";
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * Whether a daemon keeps the heartbeat going. That of one that was killed a moment ago looks
 * fresh as well, so it has to be seen moving; this takes no longer than it may stand still.
 */
static bool is_alive(int state_fd)
{
	const uint64_t deadline_ns = now_ns() + STEER_HEARTBEAT_LIMIT_NS;
	struct steer_state first, state;
	const uint32_t key = 0;

	if (bpf_map_lookup_elem(state_fd, &key, &first) < 0 || first.serve == 0 ||
	    first.heartbeat_ns + STEER_HEARTBEAT_LIMIT_NS < now_ns())
		return false;
	do {
		poll(NULL, 0, 5);
		if (bpf_map_lookup_elem(state_fd, &key, &state) == 0 &&
		    state.heartbeat_ns != first.heartbeat_ns)
			return true;
	} while (now_ns() < deadline_ns);
	return false;
}

static bool is_owned(int state_fd)
{
	struct steer_state state;
	const uint32_t key = 0;

	return bpf_map_lookup_elem(state_fd, &key, &state) == 0 && state.owned;
}

/* ---- what is on the interface -------------------------------------------------------- */

/* The maps of a program by id, at most MAPS_OF_A_PROGRAM_MAX. Returns how many, or -errno. */
static int program_maps(const struct xdp_program *program, uint32_t *ids)
{
	struct bpf_prog_info info = {
		.nr_map_ids = MAPS_OF_A_PROGRAM_MAX,
		.map_ids = (uintptr_t)ids,
	};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(xdp_program__fd(program), &info, &len) < 0)
		return -errno;
	return info.nr_map_ids < MAPS_OF_A_PROGRAM_MAX ? info.nr_map_ids : MAPS_OF_A_PROGRAM_MAX;
}

/* The state map of a program of ours, to be closed by the caller; -ENOENT: not ours. */
static int program_state(const struct xdp_program *program)
{
	uint32_t ids[MAPS_OF_A_PROGRAM_MAX];
	const int cnt = program_maps(program, ids);

	for (int i = 0; i < cnt; i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		const int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
		    strcmp(info.name, "steer_state") == 0 &&
		    info.value_size == sizeof(struct steer_state))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static bool program_uses(const struct xdp_program *program, uint32_t map_id)
{
	uint32_t ids[MAPS_OF_A_PROGRAM_MAX];
	const int cnt = program_maps(program, ids);

	for (int i = 0; i < cnt; i++)
		if (ids[i] == map_id)
			return true;
	return false;
}

/* The id of the program on the interface, 0: none, or -errno. Needs no privilege. */
static int64_t attached_id(uint32_t ifindex, bool *generic)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	const int err = bpf_xdp_query(ifindex, 0, &query);

	if (err)
		return err;
	*generic = !query.drv_prog_id && !query.hw_prog_id && query.skb_prog_id;
	if (query.drv_prog_id)
		return query.drv_prog_id;
	return query.skb_prog_id ? query.skb_prog_id : query.hw_prog_id;
}

/* Which program it is, in depth. NULL with errno: nothing (ENOENT), or may not be looked at. */
static struct xdp_multiprog *attached_programs(uint32_t ifindex)
{
	struct xdp_multiprog *programs = xdp_multiprog__get_from_ifindex(ifindex);
	const long err = libxdp_get_error(programs);

	if (!err)
		return programs;
	errno = -err;
	return NULL;
}

static bool is_dispatcher(const struct xdp_multiprog *programs)
{
	return !xdp_multiprog__is_legacy(programs);
}

/* ---- our own load -------------------------------------------------------------------- */

static int open_object(struct steer_xdp *xdp, const struct steer_config *config)
{
	struct bpf_map *map;

	xdp->object = steer_bpf__open();
	if (!xdp->object) {
		const int err = -errno;

		log_error("%s: opening the XDP program: %s", config->interface, strerror(-err));
		return err;
	}
	/* The object asks to be pinned, for xdp-loader. What we load goes with us. */
	bpf_object__for_each_map(map, xdp->object->obj)
		(void)bpf_map__set_pin_path(map, NULL);
	return 0;
}

static void take_object_maps(struct steer_xdp *xdp)
{
	xdp->xsks_fd = bpf_map__fd(xdp->object->maps.steer_xsks);
	xdp->state_fd = bpf_map__fd(xdp->object->maps.steer_state);
	xdp->counters_fd = bpf_map__fd(xdp->object->maps.steer_counters);
}

static int create_link(struct steer_xdp *xdp, bool generic)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	const int fd = bpf_link_create(bpf_program__fd(xdp->object->progs.steer), xdp->ifindex,
				       BPF_XDP, &opts);

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
	case -ENOSPC: /* drivers/net/veth.c */
		return "it has fewer receive queues than its peer has transmit queues";
	case -ERANGE:
	case -EINVAL:
	case -EMSGSIZE:
		return "its driver refuses, as a rule because the MTU or the ring is too large";
	}
	return strerror(-err);
}

static int attach_link(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err = -EOPNOTSUPP;

	if (config->mode != STEER_XDP_GENERIC) {
		err = create_link(xdp, false);
		snprintf(xdp->why, sizeof(xdp->why), "the driver takes it");
	}
	/* Somebody else's program, or no right to: generic mode would not change that. */
	if (config->mode == STEER_XDP_NATIVE || err == 0 || err == -EBUSY || err == -EEXIST ||
	    err == -EPERM)
		return err;
	snprintf(xdp->why, sizeof(xdp->why), "%s",
		 config->mode == STEER_XDP_GENERIC ? "asked for" : native_refusal(err));
	return create_link(xdp, true);
}

static int load_and_attach(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err = steer_bpf__load(xdp->object);

	if (err) {
		log_error("%s: the kernel does not load the XDP program: %s%s (-v shows why)",
			  config->interface, strerror(-err), needs(err));
		return err;
	}
	take_object_maps(xdp);
	err = attach_link(xdp, config);
	if (err == -EEXIST)
		err = -EBUSY;
	if (err == -EBUSY)
		log_error("%s: another XDP program came first; see `xdp-loader status %s`",
			  config->interface, config->interface);
	else if (err && err != -EPERM && config->mode == STEER_XDP_NATIVE)
		log_error("%s: no native XDP: %s; use --xdp-mode auto or generic",
			  config->interface, native_refusal(err));
	else if (err)
		log_error("%s: attaching the XDP program: %s%s", config->interface, strerror(-err),
			  needs(err));
	return err;
}

/* ---- a dispatcher is there already --------------------------------------------------- */

static int join(struct steer_xdp *xdp, const struct steer_config *config, bool generic)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = xdp->object->obj, .prog_name = "steer");
	int err;

	if (generic && config->mode == STEER_XDP_NATIVE) {
		log_error("%s: libxdp's dispatcher there runs in generic mode; unload it, or use "
			  "--xdp-mode auto", config->interface);
		return -EOPNOTSUPP;
	}
	xdp->member = xdp_program__create(&opts);
	if (!xdp->member)
		return -errno;
	/* Loads it as well: a member's type depends on its dispatcher. */
	err = xdp_program__attach(xdp->member, xdp->ifindex,
				  generic ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	if (err) {
		log_error("%s: libxdp's dispatcher there does not take our program: %s%s; see "
			  "`xdp-loader status %s`",
			  config->interface, strerror(-err), needs(err), config->interface);
		xdp_program__close(xdp->member);
		xdp->member = NULL;
		return err;
	}
	take_object_maps(xdp);
	xdp->generic = generic;
	snprintf(xdp->why, sizeof(xdp->why), "joined libxdp's dispatcher");
	return 0;
}

/*
 * Removes members that daemons who were killed have left, told from what an operator loaded by
 * their owner mark. Returns how many, or -EBUSY when one belongs to a living daemon.
 */
static int remove_leftovers(const struct steer_config *config, struct xdp_multiprog *programs)
{
	struct xdp_program *program = NULL;
	int cnt = 0;

	while ((program = xdp_multiprog__next_prog(program, programs))) {
		const int state_fd = program_state(program);
		bool owned, alive;

		if (state_fd < 0)
			continue;
		owned = is_owned(state_fd);
		alive = is_alive(state_fd);
		close(state_fd);
		if (alive) {
			log_error("%s: another superpacketd serves it (XDP program %u); stop that "
				  "one first", config->interface, xdp_program__id(program));
			return -EBUSY;
		}
		if (owned && xdp_program__detach(program, config->ifindex,
						 xdp_multiprog__attach_mode(programs), 0) == 0) {
			log_info("%s: removed XDP program %u, left by a superpacketd that was killed",
				 config->interface, xdp_program__id(program));
			cnt++;
		}
	}
	return cnt;
}

/* ---- choosing ------------------------------------------------------------------------ */

static int refuse_lone(const struct steer_config *config, int64_t id, const char *name)
{
	log_error("%s: XDP program %lld (%s) is attached already; see `xdp-loader status %s`, "
		  "remove it with `xdp-loader unload %s --all`, or adopt it with --pinned DIR if "
		  "it is steer.bpf.o", config->interface, (long long)id, name, config->interface,
		  config->interface);
	return -EBUSY;
}

/*
 * A program is alone on the interface. -EAGAIN: it is our predecessor's, who is dead, so it will
 * be gone in a moment. Else logs and returns -EBUSY.
 */
static int judge_lone(const struct steer_config *config, struct xdp_multiprog *programs, int64_t id,
		      bool last_try)
{
	struct xdp_program *program = xdp_multiprog__main_prog(programs);
	const int state_fd = program ? program_state(program) : -ENOENT;
	const bool ours = state_fd >= 0 && is_owned(state_fd);
	const bool alive = state_fd >= 0 && is_alive(state_fd);

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

/* One look and one attempt. -EAGAIN: look again. */
static int try_own(struct steer_xdp *xdp, const struct steer_config *config, bool last_try)
{
	struct xdp_multiprog *programs;
	bool generic = false;
	const int64_t id = attached_id(xdp->ifindex, &generic);
	int err;

	if (id < 0) {
		log_error("%s: asking for its XDP program: %s", config->interface, strerror(-id));
		return id;
	}
	if (id == 0)
		return load_and_attach(xdp, config);
	programs = attached_programs(xdp->ifindex);
	if (!programs) /* gone since, or no right to look at it */
		return errno == ENOENT && !last_try ? -EAGAIN : refuse_lone(config, id, "?");

	if (!is_dispatcher(programs)) {
		err = judge_lone(config, programs, id, last_try);
	} else {
		err = remove_leftovers(config, programs);
		if (err > 0)
			err = -EAGAIN; /* what is there now is another dispatcher, or none */
		else if (err == 0)
			err = join(xdp, config, generic);
	}
	xdp_multiprog__close(programs);
	return err;
}

static int open_own(struct steer_xdp *xdp, const struct steer_config *config)
{
	const uint64_t deadline_ns = now_ns() + PREDECESSOR_LIMIT_MS * 1000000ull;
	int err = open_object(xdp, config);

	if (err)
		return err;
	for (;;) {
		err = try_own(xdp, config, now_ns() >= deadline_ns);
		if (err != -EAGAIN)
			return err;
		poll(NULL, 0, 10);
	}
}

/* ---- adopting what xdp-loader has pinned --------------------------------------------- */

static int open_pinned_map(const char *dir, const char *name, const struct bpf_map_info *expected)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd == -EPERM ? fd : -ENOENT; /* not there, no bpffs, not even BPF: all one */
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == expected->type &&
	    info.key_size == expected->key_size && info.value_size == expected->value_size &&
	    info.max_entries == expected->max_entries &&
	    (info.map_flags & expected->map_flags) == expected->map_flags)
		return fd;
	close(fd);
	return -ESTALE;
}

static int open_pinned_maps(struct steer_xdp *xdp, const char *dir)
{
	static const struct bpf_map_info xsks = { .type = BPF_MAP_TYPE_XSKMAP,
		.key_size = 4, .value_size = 4, .max_entries = STEER_QUEUES_MAX };
	static const struct bpf_map_info state = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		.value_size = sizeof(struct steer_state), .max_entries = 1,
		.map_flags = BPF_F_MMAPABLE };
	static const struct bpf_map_info counters = { .type = BPF_MAP_TYPE_PERCPU_ARRAY,
		.key_size = 4, .value_size = 8, .max_entries = STEER_COUNTER_CNT };

	xdp->xsks_fd = open_pinned_map(dir, "steer_xsks", &xsks);
	if (xdp->xsks_fd < 0)
		return xdp->xsks_fd;
	xdp->state_fd = open_pinned_map(dir, "steer_state", &state);
	if (xdp->state_fd < 0)
		return xdp->state_fd;
	xdp->counters_fd = open_pinned_map(dir, "steer_counters", &counters);
	return xdp->counters_fd < 0 ? xdp->counters_fd : 0;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

/* Whether the interface's program, or a member of its dispatcher, uses the map. */
static bool is_used(const struct xdp_multiprog *programs, uint32_t id)
{
	struct xdp_program *program = NULL;

	if (!is_dispatcher(programs)) {
		program = xdp_multiprog__main_prog(programs);
		return program && program_uses(program, id);
	}
	while ((program = xdp_multiprog__next_prog(program, programs)))
		if (program_uses(program, id))
			return true;
	return false;
}

/* Pinned maps outlive the program (`xdp-loader unload`): then no frame would ever come. */
static int check_in_use(struct steer_xdp *xdp, const struct steer_config *config)
{
	const int64_t id = attached_id(xdp->ifindex, &xdp->generic);
	struct xdp_multiprog *programs = id > 0 ? attached_programs(xdp->ifindex) : NULL;
	bool used = programs && is_used(programs, map_id(xdp->xsks_fd));

	/* Looking at programs takes CAP_SYS_ADMIN, using the maps does not. */
	if (id > 0 && !programs && errno == EPERM) {
		log_warning("%s: may not look whether XDP program %lld uses the maps in %s: "
			    "CAP_SYS_ADMIN is missing", config->interface, (long long)id,
			    config->pinned);
		used = true;
	}
	xdp_multiprog__close(programs);
	if (used) {
		snprintf(xdp->why, sizeof(xdp->why), "XDP program %lld, %s mode, maps in %.100s",
			 (long long)id, xdp->generic ? "generic" : "native", config->pinned);
		return 0;
	}
	log_error("%s: no XDP program there uses the maps in %s; run `xdp-loader load -m native "
		  "-p %s %s steer.bpf.o`", config->interface, config->pinned, config->pinned,
		  config->interface);
	return -ENOENT;
}

static int adopt(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err = open_pinned_maps(xdp, config->pinned);

	if (err) {
		log_error("%s: %s %s; run `xdp-loader load -m native -p %s %s steer.bpf.o`%s",
			  config->interface, config->pinned,
			  err == -ESTALE ? "has maps of another version of steer.bpf.o, remove it" :
			  err == -EPERM  ? "may not be read" :
					   "does not have the pinned maps of steer.bpf.o",
			  config->pinned, config->interface, needs(err));
		return err == -ESTALE ? -ENOENT : err;
	}
	err = check_in_use(xdp, config);
	if (err)
		return err;
	if (xdp->generic && config->mode == STEER_XDP_NATIVE) {
		log_error("%s: its XDP program runs in generic mode; load it with `xdp-loader load -m "
			  "native`, or use --xdp-mode auto", config->interface);
		return -EOPNOTSUPP;
	}
	if (is_alive(xdp->state_fd)) {
		log_error("%s: another superpacketd uses the maps in %s; stop that one first",
			  config->interface, config->pinned);
		return -EBUSY;
	}
	return 0;
}

/* ---- the whole ----------------------------------------------------------------------- */

int steer_xdp_open(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err;

	*xdp = (struct steer_xdp){ .ifindex = config->ifindex, .link_fd = -1, .xsks_fd = -1,
				   .state_fd = -1, .counters_fd = -1 };
	err = config->pinned ? adopt(xdp, config) : open_own(xdp, config);
	if (err)
		steer_xdp_close(xdp);
	return err;
}

void steer_xdp_detach(struct steer_xdp *xdp)
{
	int err;

	if (xdp->link_fd >= 0)
		close(xdp->link_fd);
	xdp->link_fd = -1;
	if (!xdp->member)
		return;
	err = xdp_program__detach(xdp->member, xdp->ifindex,
				  xdp->generic ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
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
}

void steer_xdp_close(struct steer_xdp *xdp)
{
	steer_xdp_detach(xdp);
	if (xdp->object)
		steer_bpf__destroy(xdp->object);
	else
		close_pinned_maps(xdp);
	xdp->object = NULL;
	xdp->xsks_fd = xdp->state_fd = xdp->counters_fd = -1;
}
