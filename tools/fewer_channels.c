// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * For tests, by LD_PRELOAD: an ethtool that counts as many channels as the file FEWER_CHANNELS says, as
 * long as it is there. No driver at hand takes queues away by itself, and for an operator the kernel
 * refuses to while they have sockets.
 */
#include <dlfcn.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

static void read_count(struct ethtool_channels *channels)
{
	const char *path = getenv("FEWER_CHANNELS");
	FILE *file = path ? fopen(path, "re") : NULL;
	unsigned int cnt;

	if (!file)
		return;
	if (fscanf(file, "%u", &cnt) == 1)
		channels->rx_count = channels->tx_count = cnt;
	fclose(file);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	struct ifreq *ifr;
	va_list args;
	void *arg;
	int result;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ioctl");
	result = next(fd, request, arg);
	ifr = arg;
	if (!result && request == SIOCETHTOOL && *(__u32 *)ifr->ifr_data == ETHTOOL_GCHANNELS)
		read_count((struct ethtool_channels *)(void *)ifr->ifr_data);
	return result;
}
