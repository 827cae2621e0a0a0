// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Adopts the maps that `xdp-loader load -p DIR` has pinned. The program belongs to the operator. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "nic/steer_link.h"
#include "nic/steer_look.h"
#include "nic/steer_xdp.h"

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
		return fd == -EPERM || fd == -EACCES ? fd : -ENOENT; /* no such file, no bpffs, or not a BPF object */
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == expected->type &&
	    info.key_size == expected->key_size && info.value_size == expected->value_size &&
	    info.max_entries == expected->max_entries && (info.map_flags & expected->map_flags) == expected->map_flags)
		return fd;
	close(fd);
	return -ESTALE;
}

static int open_pinned_maps(struct steer_xdp *xdp, const char *dir)
{
	static const struct bpf_map_info xsks = {
		.type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = STEER_QUEUES_MAX
	};
	static const struct bpf_map_info state = { .type = BPF_MAP_TYPE_ARRAY,
						   .key_size = 4,
						   .value_size = sizeof(struct steer_state),
						   .max_entries = 1,
						   .map_flags = BPF_F_MMAPABLE };
	static const struct bpf_map_info counters = {
		.type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 8, .max_entries = STEER_COUNTER_CNT
	};

	static const struct bpf_map_info queues = { .type = BPF_MAP_TYPE_ARRAY,
						    .key_size = 4,
						    .value_size = sizeof(struct steer_queue),
						    .max_entries = STEER_QUEUES_MAX,
						    .map_flags = BPF_F_MMAPABLE };
	static const struct bpf_map_info slots = { .type = BPF_MAP_TYPE_ARRAY,
						   .key_size = 4,
						   .value_size = sizeof(struct steer_slots),
						   .max_entries = STEER_SLOT_QUEUES_MAX,
						   .map_flags = BPF_F_MMAPABLE };

	xdp->xsks_fd = open_pinned_map(dir, "steer_xsks", &xsks);
	if (xdp->xsks_fd < 0)
		return xdp->xsks_fd;
	xdp->state_fd = open_pinned_map(dir, "steer_state", &state);
	if (xdp->state_fd < 0)
		return xdp->state_fd;
	xdp->counters_fd = open_pinned_map(dir, "steer_counters", &counters);
	if (xdp->counters_fd < 0)
		return xdp->counters_fd;
	xdp->queues_fd = open_pinned_map(dir, "steer_queues", &queues);
	if (xdp->queues_fd < 0)
		return xdp->queues_fd;
	xdp->slots_fd = open_pinned_map(dir, "steer_slots", &slots);
	return xdp->slots_fd < 0 ? xdp->slots_fd : 0;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

/* Pinned maps may outlive their program (`xdp-loader unload`), and then no frame would ever come. */
static int check_in_use(struct steer_xdp *xdp, const struct steer_config *config)
{
	const int64_t id = steer_look_id(xdp->ifindex, &xdp->generic);
	struct xdp_multiprog *programs = id > 0 ? steer_look_programs(xdp->ifindex) : NULL;
	bool used = programs && steer_look_any_uses(programs, map_id(xdp->xsks_fd));

	/* Looking at programs needs CAP_SYS_ADMIN, using the maps does not. */
	if (id > 0 && !programs && errno == EPERM) {
		log_warning("%s: cannot check whether XDP program %lld uses the maps in %s: "
			    "CAP_SYS_ADMIN is missing",
			    config->interface, (long long)id, config->pinned);
		used = true;
	}
	xdp_multiprog__close(programs);
	if (used) {
		snprintf(xdp->why, sizeof(xdp->why), "XDP program %lld, %s mode, maps in %.100s", (long long)id,
			 xdp->generic ? "generic" : "native", config->pinned);
		return 0;
	}
	log_error("%s: no XDP program there uses the maps in %s; run `xdp-loader load -m native "
		  "-p %s %s steer.bpf.o`",
		  config->interface, config->pinned, config->pinned, config->interface);
	return -ENOENT;
}

/* Whether the directory, or the one in which it would be created, is on a bpffs. True if that cannot be found out: the
 * caller has a better message then. */
static bool is_on_bpffs(const char *dir)
{
	char path[4096];
	struct statfs fs;

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return true;
	while (statfs(path, &fs)) {
		char *slash = strrchr(path, '/');

		if ((errno != ENOENT && errno != ENOTDIR) || !strcmp(path, "."))
			return true;
		if (slash)
			slash[slash == path] = '\0'; /* "/" stays */
		else
			strcpy(path, ".");
	}
	return (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

/* Logs one line about maps that cannot be opened, and what to do about it. */
static void explain(const struct steer_config *config, int err)
{
	const char *what = err == -ESTALE ? "has maps of another version of steer.bpf.o, remove it" :
			   err == -EPERM  ? "may not be read" :
			   err == -EACCES ? "has maps that belong to another user, chown them to that of --user" :
					    "does not have the pinned maps of steer.bpf.o";

	if (err == -ENOENT && !is_on_bpffs(config->pinned))
		log_error("%s: %s is not on a bpffs; 'mount -t bpf bpf /sys/fs/bpf' first (under "
			  "'ip netns exec' it is hidden: use 'nsenter --net=/run/netns/NAME')",
			  config->interface, config->pinned);
	else
		log_error("%s: %s %s; run `xdp-loader load -m native -p %s %s steer.bpf.o`%s", config->interface,
			  config->pinned, what, config->pinned, config->interface, steer_needs(err));
}

/* It is an error when the program does not run in the mode that was asked for: it cannot be moved, since it belongs to
 * the operator. */
static int check_mode(const struct steer_xdp *xdp, const struct steer_config *config)
{
	if (config->mode == STEER_XDP_AUTO || xdp->generic == (config->mode == STEER_XDP_GENERIC))
		return 0;
	log_error("%s: its XDP program runs in %s mode; load it with `xdp-loader load -m %s`, or use "
		  "--xdp-mode auto",
		  config->interface, xdp->generic ? "generic" : "native", xdp->generic ? "native" : "skb");
	return -EOPNOTSUPP;
}

int steer_adopt(struct steer_xdp *xdp, const struct steer_config *config)
{
	int err = open_pinned_maps(xdp, config->pinned);

	if (err) {
		explain(config, err);
		return err == -ESTALE ? -ENOENT : err;
	}
	err = check_in_use(xdp, config);
	if (err)
		return err;
	err = check_mode(xdp, config);
	if (err)
		return err;
	if (steer_look_is_alive(xdp->state_fd)) {
		log_error("%s: another superpacketd uses the maps in %s; stop that one first", config->interface,
			  config->pinned);
		return -EBUSY;
	}
	return 0;
}
