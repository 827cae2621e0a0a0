// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/steer_leftovers.h"

#include <errno.h>
#include <unistd.h>

#include "nic/steer_look.h"

void steer_leftovers_remove(uint32_t ifindex, struct xdp_multiprog *programs, struct steer_leftovers *found)
{
	struct xdp_program *program = NULL;

	*found = (struct steer_leftovers){ 0 };
	while ((program = xdp_multiprog__next_prog(program, programs))) {
		const int state_fd = steer_look_state_map(program);
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
