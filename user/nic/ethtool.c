// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/ethtool.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fault.h"

int ethtool_open(void)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int ethtool_command(int fd, const char *interface, void *command)
{
	struct ifreq ifr = { .ifr_data = command };

	if (strlen(interface) >= sizeof(ifr.ifr_name))
		return -ENODEV;
	strcpy(ifr.ifr_name, interface);
	fault_rtnl();
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}
