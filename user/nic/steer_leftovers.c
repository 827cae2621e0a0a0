// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/steer_leftovers.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "nic/egress_filter.h"
#include "nic/steer_look.h"
#include "nic/tc.h"

void steer_leftovers_remove(uint32_t ifindex, struct xdp_multiprog *programs, struct steer_leftovers *found)
{
	struct xdp_program *program = NULL;

	*found = (struct steer_leftovers){ 0 };
	while ((program = xdp_multiprog__next_prog(program, programs))) {
		const int state_fd = steer_look_state_map(xdp_program__fd(program));
		bool owned, alive;

		if (state_fd < 0)
			continue;
		owned = steer_look_is_owned(state_fd);
		alive = steer_look_is_alive(state_fd);
		close(state_fd);
		if (alive) {
			found->alive_id = xdp_program__id(program);
			return;
		}
		if (!owned)
			continue;
		found->removed_id = xdp_program__id(program);
		if (xdp_program__detach(program, (int)ifindex, xdp_multiprog__attach_mode(programs), 0) == 0)
			found->removed_cnt++;
	}
}

static int parse_filter(const struct nlmsghdr *answer, void *data)
{
	(void)egress_filter_is_ours(answer, data);
	return MNL_CB_OK;
}

static bool is_alive(uint32_t prog_id)
{
	const int prog_fd = bpf_prog_get_fd_by_id(prog_id);
	const int state_fd = prog_fd < 0 ? -ENOENT : steer_look_state_map(prog_fd);
	const bool alive = state_fd >= 0 && steer_look_is_alive(state_fd);

	if (state_fd >= 0)
		close(state_fd);
	if (prog_fd >= 0)
		close(prog_fd);
	return alive;
}

int steer_leftovers_clean_filter(uint32_t ifindex)
{
	char buffer[NETLINK_REQUEST_LEN];
	uint32_t prog_id = 0;
	int err = rtnl_talk(tc_request(buffer, RTM_GETTFILTER, NLM_F_DUMP, ifindex, TC_CLSACT_EGRESS), parse_filter,
			    &prog_id);

	if (err || !prog_id || is_alive(prog_id))
		return err;
	err = egress_filter_remove(ifindex);
	return err ? err : 1;
}

int steer_leftovers_clean(uint32_t ifindex, struct steer_leftovers *found)
{
	struct xdp_multiprog *programs;
	bool generic = false;
	const int64_t id = steer_look_id(ifindex, &generic);

	*found = (struct steer_leftovers){ 0 };
	if (id <= 0)
		return (int)id;
	programs = steer_look_programs(ifindex);
	if (!programs)
		return errno == ENOENT ? 0 : -errno;
	if (steer_look_is_dispatcher(programs))
		steer_leftovers_remove(ifindex, programs, found);
	xdp_multiprog__close(programs);
	return 0;
}
