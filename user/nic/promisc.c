// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/promisc.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

int promisc_open(uint32_t ifindex)
{
	const struct packet_mreq membership = { .mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing */
	int err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}
