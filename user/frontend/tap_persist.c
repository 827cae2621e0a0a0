// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "frontend/tap_persist.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/netns.h"

static int open_device(void *data)
{
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	(void)data;
	return fd < 0 ? -errno : fd;
}

int tap_device(int netns_fd)
{
	return netns_call(netns_fd, open_device, NULL);
}

/* For requests about the whole TAP, the descriptor of any queue does. */
static int any_fd(const struct frontend *front)
{
	return front->ops->queue((struct frontend *)front, 0)->fd;
}

int tap_set_persistent(const struct frontend *front, bool persistent)
{
	return ioctl(any_fd(front), TUNSETPERSIST, (unsigned long)persistent) < 0 ? -errno : 0;
}

bool tap_is_persistent(const struct frontend *front)
{
	struct ifreq ifr = { 0 };

	return ioctl(any_fd(front), TUNGETIFF, &ifr) == 0 && ifr.ifr_flags & IFF_PERSIST;
}

bool tap_name(const struct frontend *front, char name[IFNAMSIZ])
{
	struct ifreq ifr = { 0 };
	bool there;

	fault_rtnl();
	there = ioctl(any_fd(front), TUNGETIFF, &ifr) == 0;

	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return there;
}

void tap_own(int fd)
{
	/* Root, if our user namespace has one: the next daemon may run as another user. */
	if (ioctl(fd, TUNSETOWNER, 0ul) < 0)
		(void)ioctl(fd, TUNSETOWNER, (unsigned long)geteuid());
}

int tap_netns(const struct frontend *front)
{
	const int fd = ioctl(any_fd(front), TUNGETDEVNETNS);

	return fd < 0 ? -errno : fd;
}

uint64_t tap_netns_inode(const struct frontend *front)
{
	const int fd = tap_netns(front);
	uint64_t inode = 0;

	if (fd >= 0) {
		inode = netns_inode_fd(fd);
		close(fd);
	}
	return inode;
}
