// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nic/netdev_ask.h"

static int ethtool(int fd, const struct netdev *dev, void *command)
{
	struct ifreq ifr = { .ifr_data = command };

	memcpy(ifr.ifr_name, dev->name, sizeof(ifr.ifr_name));
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

/* A driver may know no channels; what rtnetlink said then stays: the queues there are, used or not. */
void netdev_ask_ethtool(struct netdev *dev)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ethtool(fd, dev, &info) == 0)
		snprintf(dev->driver, sizeof(dev->driver), "%s", info.driver);
	if (ethtool(fd, dev, &channels) == 0 && channels.combined_count + channels.rx_count > 0) {
		dev->rx_queues = channels.combined_count + channels.rx_count;
		dev->tx_queues = channels.combined_count + channels.tx_count;
	}
	close(fd);
	(void)features_read(dev->name, &dev->features);
}
