// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/watch.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_EVERY_NS 100000000u

int watch_open(struct watch *watch, uint32_t ifindex, uint32_t mtu)
{
	*watch = (struct watch){ .ifindex = ifindex, .mtu = mtu };
	watch->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return watch->socket < 0 ? -errno : 0;
}

void watch_close(struct watch *watch)
{
	close(watch->socket);
}

enum watch_event watch_look(struct watch *watch, uint64_t now_ns)
{
	struct ifreq ifr = { .ifr_ifindex = (int)watch->ifindex };

	if (now_ns - watch->looked_ns < LOOK_EVERY_NS)
		return WATCH_NOTHING;
	watch->looked_ns = now_ns;
	/* By index: the name may change. */
	if (ioctl(watch->socket, SIOCGIFNAME, &ifr) < 0 || ioctl(watch->socket, SIOCGIFMTU, &ifr) < 0)
		return WATCH_GONE;
	if ((uint32_t)ifr.ifr_mtu == watch->mtu)
		return WATCH_NOTHING;
	watch->mtu = (uint32_t)ifr.ifr_mtu;
	return WATCH_MTU;
}
