// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/steer_link.h"

#include <bpf/bpf.h>
#include <unistd.h>

/* Others can detach our link only by force (`bpftool link detach`). It lives on then, on no interface. */
bool steer_link_is_attached(int link_fd)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	/* The part for tcx begins with the index, too; headers older than 6.6 do not know it. */
	return bpf_obj_get_info_by_fd(link_fd, &info, &len) != 0 || info.xdp.ifindex != 0;
}

void steer_link_close(int *link_fd)
{
	if (*link_fd < 0)
		return;
	(void)bpf_link_detach(*link_fd); /* at once, and not when the last duplicate of it is closed */
	close(*link_fd);
	*link_fd = -1;
}
