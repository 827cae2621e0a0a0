// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/steer_look.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "nic/steer_clock.h"
#include "steer_abi.h"

#define MAPS_OF_A_PROGRAM_MAX 16

bool steer_look_is_alive(int state_fd)
{
	const uint64_t now_ns = clock_ns(), deadline_ns = now_ns + STEER_HEARTBEAT_LIMIT_NS;
	struct steer_state first, state;
	const uint32_t key = 0;

	if (bpf_map_lookup_elem(state_fd, &key, &first) < 0 || first.serve == 0 ||
	    first.heartbeat_ns + STEER_HEARTBEAT_LIMIT_NS < steer_clock_bpf_ns(now_ns))
		return false;
	do {
		poll(NULL, 0, 5);
		if (bpf_map_lookup_elem(state_fd, &key, &state) == 0 && state.heartbeat_ns != first.heartbeat_ns)
			return true;
	} while (clock_ns() < deadline_ns);
	return false;
}

bool steer_look_is_owned(int state_fd)
{
	struct steer_state state;
	const uint32_t key = 0;

	return bpf_map_lookup_elem(state_fd, &key, &state) == 0 && state.owned;
}

/* The maps of a program by id, at most MAPS_OF_A_PROGRAM_MAX. Returns how many, or -errno. */
static int program_maps(int prog_fd, uint32_t *ids)
{
	struct bpf_prog_info info = {
		.nr_map_ids = MAPS_OF_A_PROGRAM_MAX,
		.map_ids = (uintptr_t)ids,
	};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) < 0)
		return -errno;
	return info.nr_map_ids < MAPS_OF_A_PROGRAM_MAX ? info.nr_map_ids : MAPS_OF_A_PROGRAM_MAX;
}

int steer_look_state_map(int prog_fd)
{
	uint32_t ids[MAPS_OF_A_PROGRAM_MAX];
	const int cnt = program_maps(prog_fd, ids);

	for (int i = 0; i < cnt; i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		const int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && strcmp(info.name, "steer_state") == 0 &&
		    info.value_size == sizeof(struct steer_state))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static bool uses(const struct xdp_program *program, uint32_t map_id)
{
	uint32_t ids[MAPS_OF_A_PROGRAM_MAX];
	const int cnt = program_maps(xdp_program__fd(program), ids);

	for (int i = 0; i < cnt; i++)
		if (ids[i] == map_id)
			return true;
	return false;
}

bool steer_look_any_uses(const struct xdp_multiprog *programs, uint32_t map_id)
{
	struct xdp_program *program = NULL;

	if (!steer_look_is_dispatcher(programs)) {
		program = xdp_multiprog__main_prog(programs);
		return program && uses(program, map_id);
	}
	while ((program = xdp_multiprog__next_prog(program, programs)))
		if (uses(program, map_id))
			return true;
	return false;
}

static bool uses_alive(const struct xdp_program *program)
{
	const int state_fd = steer_look_state_map(xdp_program__fd(program));
	bool alive;

	if (state_fd < 0)
		return false;
	alive = steer_look_is_alive(state_fd);
	close(state_fd);
	return alive;
}

uint32_t steer_look_alive_id(uint32_t ifindex)
{
	struct xdp_multiprog *programs = steer_look_programs(ifindex);
	struct xdp_program *program = NULL;
	uint32_t id = 0;

	if (!programs)
		return 0;
	if (!steer_look_is_dispatcher(programs)) {
		program = xdp_multiprog__main_prog(programs);
		if (program && uses_alive(program))
			id = xdp_program__id(program);
	} else {
		while (!id && (program = xdp_multiprog__next_prog(program, programs)))
			if (uses_alive(program))
				id = xdp_program__id(program);
	}
	xdp_multiprog__close(programs);
	return id;
}

int64_t steer_look_id(uint32_t ifindex, bool *generic)
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

struct xdp_multiprog *steer_look_programs(uint32_t ifindex)
{
	struct xdp_multiprog *programs = xdp_multiprog__get_from_ifindex(ifindex);
	const long err = libxdp_get_error(programs);

	if (!err)
		return programs;
	errno = -err;
	return NULL;
}

bool steer_look_is_dispatcher(const struct xdp_multiprog *programs)
{
	return !xdp_multiprog__is_legacy(programs);
}
