// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Choices, and what they rest on:
 *
 * TAP_QUEUE_LEN 64: the TAP takes a packet off the sender's socket accounts as soon as it is
 * queued, so its queue is what holds a sender back, and full of superpackets it is 4 MiB long.
 * Measured beside the default of 1000: 2.6 times the throughput at 512 flows, 15 % more at 64;
 * 8 is too short. One flow never fills it; with 64 flows each step up costs every request behind it more:
 *
 *   queue  Gbit/s  request/response p50  segments sent again   64 flows out, 2 s, two busy cores,
 *      16    0.42                0.1 ms                16928   medians of 6 turns each
 *      64    0.59                 49 ms                 3468
 *     256    0.66                 82 ms                    5
 *    1000    0.63                177 ms                    7
 *
 * The send buffer stays without a limit (TUNSETSNDBUF): a write goes up the stack at once and queues
 * nowhere, so a limit would only make it fail.
 *
 * TAP_QUEUE_LEN_UDP 256 where UDP comes our way: it has no superpackets unless its sender makes
 * them, and nothing holds it back. 64 datagrams sent at once lost some, and so did one of 60,000
 * bytes in fragments; what veth, and most NICs, take is 256.
 *
 * No IFF_NAPI: gains nothing. No IFF_NAPI_FRAGS: limits a write to 18 pieces.
 *
 * UDP offloads only where UDP is ours to carry: inline without it, they would promise what the NIC
 * has to do then.
 */
#include "frontend/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A predecessor that was killed a moment ago may still be giving up its TAP of this name. */
#define TAKEN_RETRY_MS 20
#define TAKEN_RETRIES 15

/* Opens one more queue of the TAP; the first (TUN_EXCL) creates it. ifr has the name, and gets
 * the one that the kernel chose. Returns the file descriptor or -errno. */
static int open_queue(struct ifreq *ifr, bool first)
{
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	if (first)
		ifr->ifr_flags |= IFF_TUN_EXCL; /* else an existing TAP is silently joined */
	if (ioctl(fd, TUNSETIFF, ifr) < 0) {
		err = -errno;
		close(fd);
		return err == -EBUSY ? -EEXIST : err;
	}
	return fd;
}

static int set_header_form(int fd)
{
	const int len = VNET_HDR_LEN, little_endian = 1;

	if (ioctl(fd, TUNSETVNETHDRSZ, &len) < 0 || ioctl(fd, TUNSETVNETLE, &little_endian) < 0)
		return -errno;
	return 0;
}

/* Each builds on those before it (all on checksums, ECN on TSO, tunnels' checksums on tunnels); one
 * refused is left out. USO is both or none. */
static uint32_t set_offloads(int fd, bool udp)
{
	static const uint32_t wanted[] = { TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN,
					   TUN_F_USO4 | TUN_F_USO6, TUN_F_UDP_TUNNEL_GSO,
					   TUN_F_UDP_TUNNEL_GSO_CSUM };
	const size_t cnt = udp ? ARRAY_SIZE(wanted) : 4;
	uint32_t on = 0;

	for (size_t i = 0; i < cnt; i++)
		if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(on | wanted[i])) == 0)
			on |= wanted[i];
	return on;
}

static int ask_ifindex(struct tap *tap, struct ifreq *ifr)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFINDEX, ifr) < 0)
		err = -errno;
	close(fd);
	tap->ifindex = ifr->ifr_ifindex;
	return err;
}

static int open_first_queue(struct ifreq *ifr)
{
	int fd = open_queue(ifr, true);

	for (int i = 0; fd == -EEXIST && i < TAKEN_RETRIES; i++) {
		poll(NULL, 0, TAKEN_RETRY_MS);
		fd = open_queue(ifr, true);
	}
	return fd;
}

static int open_queues(struct tap *tap, struct ifreq *ifr, uint32_t queue_cnt)
{
	int fd, err;

	while (tap->queue_cnt < queue_cnt) {
		fd = tap->queue_cnt == 0 ? open_first_queue(ifr) : open_queue(ifr, false);
		if (fd < 0)
			return fd;
		tap->fds[tap->queue_cnt++] = fd;
		err = set_header_form(fd);
		if (err)
			return err;
	}
	return 0;
}

int tap_open(struct tap *tap, const char *name, uint32_t queue_cnt, bool udp)
{
	struct ifreq ifr = { 0 };
	int err;

	*tap = (struct tap){ 0 };
	if (queue_cnt == 0 || queue_cnt > TAP_QUEUES_MAX || strlen(name) >= sizeof(ifr.ifr_name))
		return -EINVAL;
	memcpy(ifr.ifr_name, name, strlen(name));
	err = open_queues(tap, &ifr, queue_cnt);
	if (err)
		goto out;
	memcpy(tap->name, ifr.ifr_name, sizeof(tap->name));
	tap->used_cnt = tap->queue_cnt;
	tap->offloads = set_offloads(tap->fds[0], udp);
	err = ask_ifindex(tap, &ifr);
out:
	if (err)
		tap_close(tap);
	return err;
}

void tap_close(struct tap *tap)
{
	while (tap->queue_cnt > 0)
		close(tap->fds[--tap->queue_cnt]);
	tap->ifindex = tap->used_cnt = 0;
}

int tap_use(struct tap *tap, uint32_t cnt)
{
	if (cnt == 0 || cnt > tap->queue_cnt)
		return -EINVAL;
	while (tap->used_cnt != cnt) {
		const bool attach = tap->used_cnt < cnt;
		struct ifreq ifr = { .ifr_flags = attach ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

		if (ioctl(tap->fds[tap->used_cnt - !attach], TUNSETQUEUE, &ifr) < 0)
			return -errno;
		tap->used_cnt = attach ? tap->used_cnt + 1 : tap->used_cnt - 1;
	}
	return 0;
}

int tap_set_carrier(const struct tap *tap, bool carrier)
{
	const int on = carrier;

	return ioctl(tap->fds[0], TUNSETCARRIER, &on) < 0 ? -errno : 0;
}

int tap_set_mac(const struct tap *tap, const uint8_t mac[6])
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return ioctl(tap->fds[0], SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

bool tap_is_here(const struct tap *tap)
{
	char name[IF_NAMESIZE];
	struct ifreq ifr = { 0 };

	return ioctl(tap->fds[0], TUNGETIFF, &ifr) == 0 && if_indextoname(tap->ifindex, name) &&
	       strcmp(ifr.ifr_name, name) == 0;
}

int tap_read(int fd, struct vnet_header *hdr, void *buffer, uint32_t room)
{
	const struct iovec iov[] = {
		{ .iov_base = hdr, .iov_len = sizeof(*hdr) },
		{ .iov_base = buffer, .iov_len = room },
	};
	const ssize_t len = readv(fd, iov, ARRAY_SIZE(iov));

	if (len < 0)
		return -errno;
	return len < (ssize_t)sizeof(*hdr) ? -EIO : (int)(len - sizeof(*hdr));
}

int tap_write(int fd, const struct iovec *iov, uint32_t iov_cnt)
{
	return writev(fd, iov, iov_cnt) < 0 ? -errno : 0;
}
