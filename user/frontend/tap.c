// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Why the TAP is set up as it is:
 *
 * TAP_QUEUE_LEN 256: a packet leaves the account of the sender's socket as soon as the TAP has queued it, so only the
 * length of the TAP's queue holds a sender back, and full of superpackets it has 16 MiB. With the default of 1000,
 * throughput at 512 flows is 1/2.6 of that with 64; 8 is too short for one flow. Sending for 3 s on two quiet cores,
 * in turns, medians:
 *
 *   flows   queue  Gbit/s  sent again  request/response beside them, p50
 *       8      64    3.03           0      5 ms
 *             256    2.78           0      6 ms
 *      64      64    1.97       21636     16 ms
 *             128    1.93       12645     23 ms
 *             256    2.15        5286     13 ms
 *     128      64    1.50       29869     47 ms
 *             256    1.83       16042      0.1 ms
 *
 * UDP has no superpackets unless its sender makes them, and nothing holds it back. With a queue of 64, some of many
 * datagrams sent at once were lost, and so was one of 60,000 bytes in fragments. 256 is what veth, and most NICs, take.
 *
 * The send buffer has no limit (TUNSETSNDBUF). A write goes to the stack at once and is queued nowhere, so a limit
 * would only make it fail.
 *
 * IFF_NAPI is not used, because it gains nothing. IFF_NAPI_FRAGS would limit a write to 18 pieces.
 *
 * UDP offloads are asked for only if UDP is carried. In inline mode without it, the TAP would promise what the NIC
 * would have to do.
 */
#include "frontend/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/netns.h"
#include "frontend/tap_persist.h"
#include "frontend/tap_prove.h"

/* Younger than the headers of Debian 12 (6.1). */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* 6.2 */
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x80 /* 6.17 */
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif

/* The TAP of a predecessor that was killed a moment ago may still have this name. */
#define TAKEN_RETRY_MS 20
#define TAKEN_RETRIES 15

struct tap {
	struct frontend front;
	uint32_t used_cnt; /* the kernel spreads packets over so many queues, the first ones */
	struct frontend_queue queues[TAP_QUEUES_MAX]; /* fd: of /dev/net/tun, non-blocking */
};

static struct tap *tap_of(const struct frontend *front)
{
	return (struct tap *)front; /* front is its first member */
}

/* For requests about the whole TAP, the descriptor of any queue does. */
static int any_fd(const struct frontend *front)
{
	return tap_of(front)->queues[0].fd;
}

/* ---- packets ---- */

static int tap_read(struct frontend_queue *queue, struct vnet_header *hdr, void *buffer, uint32_t room)
{
	const struct iovec iov[] = {
		{ .iov_base = hdr, .iov_len = sizeof(*hdr) },
		{ .iov_base = buffer, .iov_len = room },
	};
	const ssize_t len = readv(queue->fd, iov, ARRAY_SIZE(iov));

	if (len < 0)
		return errno == EINTR ? -EAGAIN : errno == EBADFD ? -ENODEV : -errno;
	return len < (ssize_t)sizeof(*hdr) ? -EIO : (int)(len - sizeof(*hdr));
}

static int tap_write(struct frontend_queue *queue, const struct iovec *iov, uint32_t iov_cnt)
{
	if (writev(queue->fd, iov, iov_cnt) >= 0)
		return 0;
	switch (errno) {
	case EIO: /* the interface is down */
		return -EAGAIN;
	case EMSGSIZE:
		return -EINVAL;
	case EBADFD: /* the interface was deleted */
		return -ENODEV;
	default:
		return -errno;
	}
}

/* ---- opening ---- */

/* Opens one more queue of the TAP, or makes the TAP. ifr has the name, and gets the one that the kernel has chosen.
 * Returns the file descriptor or -errno. */
static int open_queue(struct ifreq *ifr, int netns_fd, bool make)
{
	const int fd = tap_device(netns_fd);
	int err;

	if (fd < 0)
		return fd;
	ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	if (make)
		ifr->ifr_flags |= IFF_TUN_EXCL; /* else an existing TAP would be joined without notice */
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

#define OFFLOADS_TCP (FRONTEND_CSUM | FRONTEND_TSO4 | FRONTEND_TSO6 | FRONTEND_ECN)
#define OFFLOADS_UDP (FRONTEND_USO | FRONTEND_UDP_TUNNEL_GSO | FRONTEND_UDP_TUNNEL_GSO_CSUM)

/* Takes the wanted offloads and returns those in force, as FRONTEND_ bits. One that is refused is left out. Each needs
 * some of those before it (all need checksums, ECN needs TSO, checksums of tunnels need tunnels). USO is for both
 * families or none. */
static uint32_t set_offloads(int fd, uint32_t wanted)
{
	static const struct {
		uint32_t tun, bit;
	} known[] = {
		{ TUN_F_CSUM, FRONTEND_CSUM },
		{ TUN_F_TSO4, FRONTEND_TSO4 },
		{ TUN_F_TSO6, FRONTEND_TSO6 },
		{ TUN_F_TSO_ECN, FRONTEND_ECN },
		{ TUN_F_USO4 | TUN_F_USO6, FRONTEND_USO },
		{ TUN_F_UDP_TUNNEL_GSO, FRONTEND_UDP_TUNNEL_GSO },
		{ TUN_F_UDP_TUNNEL_GSO_CSUM, FRONTEND_UDP_TUNNEL_GSO_CSUM },
	};
	uint32_t on = 0, offloads = 0;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!(wanted & known[i].bit) || ioctl(fd, TUNSETOFFLOAD, (unsigned long)(on | known[i].tun)) < 0)
			continue;
		on |= known[i].tun;
		offloads |= known[i].bit;
	}
	return offloads;
}

/* Returns the wanted offloads without those that are claimed, but fail their test. The test packets go through another
 * TAP, which exists for some milliseconds, so that the real one begins with counters of zero and default settings. */
static uint32_t prove_offloads(struct frontend *front, uint32_t wanted, uint32_t big_len)
{
	static const uint32_t bits[FRONTEND_PROOF_CNT] = {
		[FRONTEND_PROOF_CSUM] = FRONTEND_CSUM,
		[FRONTEND_PROOF_TSO4] = FRONTEND_TSO4,
		[FRONTEND_PROOF_TSO6] = FRONTEND_TSO6,
		[FRONTEND_PROOF_ECN] = FRONTEND_ECN,
		[FRONTEND_PROOF_USO4] = FRONTEND_USO,
		[FRONTEND_PROOF_USO6] = FRONTEND_USO,
		[FRONTEND_PROOF_TUNNEL] = FRONTEND_UDP_TUNNEL_GSO,
		[FRONTEND_PROOF_TUNNEL_CSUM] = FRONTEND_UDP_TUNNEL_GSO_CSUM,
	};
	struct ifreq ifr = { .ifr_name = "sp-proof%d" };
	const int fd = open_queue(&ifr, -1, true);

	front->unproved = fd < 0 ? fd : set_header_form(fd);
	if (!front->unproved)
		front->unproved = tap_prove(fd, ifr.ifr_name, set_offloads(fd, wanted), big_len, front->proofs);
	if (fd >= 0)
		close(fd);
	for (int i = 0; i < FRONTEND_PROOF_CNT; i++)
		if (frontend_is_broken(front->proofs[i].out))
			wanted &= ~bits[i];
	return wanted;
}

/* An ioctl about an interface of our namespace by its name; question and answer are in *ifr. */
static int netdev_ioctl(unsigned long request, struct ifreq *ifr)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	fault_rtnl();
	err = ioctl(fd, request, ifr) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* The first queue of a TAP that is made. */
static int make_queue(struct ifreq *ifr)
{
	int fd = open_queue(ifr, -1, true);

	for (int i = 0; fd == -EEXIST && i < TAKEN_RETRIES; i++) {
		poll(NULL, 0, TAKEN_RETRY_MS);
		fd = open_queue(ifr, -1, true);
	}
	return fd;
}

/* The first queue of a TAP that is taken over: what its last daemon has left on it, and we need not want, is undone. If
 * it was renamed meanwhile, the kernel makes a new TAP of this name: the caller sees that its queues are not held. */
static int take_queue(struct ifreq *ifr, int netns_fd)
{
	const int none = -1;
	int fd;

	if (fault_strikes(FAULT_TAP_NAME))
		memcpy(ifr->ifr_name, "sp-old", sizeof "sp-old");
	fd = open_queue(ifr, netns_fd, false);
	if (fd >= 0)
		(void)ioctl(fd, TUNSETSTEERINGEBPF, &none);
	return fd;
}

/* left: NULL: the TAP is made. */
static int open_next_queue(const struct tap_left *left, struct ifreq *ifr, bool first)
{
	if (first)
		return left ? take_queue(ifr, left->netns_fd) : make_queue(ifr);
	return open_queue(ifr, left ? left->netns_fd : -1, false);
}

static int open_queues(struct tap *tap, const struct tap_left *left, struct ifreq *ifr, uint32_t queue_cnt)
{
	struct frontend *front = &tap->front;
	int fd, err;

	while (front->queue_cnt < queue_cnt) {
		fd = open_next_queue(left, ifr, front->queue_cnt == 0);
		if (fd < 0)
			return fd;
		if (front->queue_cnt == 0)
			tap_own(fd);
		tap->queues[front->queue_cnt++] = (struct frontend_queue){ .read = tap_read,
									   .write = tap_write,
									   .fd = fd };
		err = set_header_form(fd);
		if (err)
			return err;
	}
	return 0;
}

static void tap_close(struct frontend *front)
{
	while (front->queue_cnt > 0)
		close(tap_of(front)->queues[--front->queue_cnt].fd);
	free(tap_of(front));
}

/* ---- the front end ---- */

static struct frontend_queue *tap_queue(struct frontend *front, uint32_t q)
{
	return &tap_of(front)->queues[q];
}

static int tap_use(struct frontend *front, uint32_t cnt)
{
	struct tap *tap = tap_of(front);

	if (cnt == 0 || cnt > front->queue_cnt)
		return -EINVAL;
	while (tap->used_cnt != cnt) {
		const bool attach = tap->used_cnt < cnt;
		struct ifreq ifr = { .ifr_flags = attach ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

		fault_rtnl();
		if (ioctl(tap->queues[tap->used_cnt - !attach].fd, TUNSETQUEUE, &ifr) < 0)
			return -errno;
		tap->used_cnt = attach ? tap->used_cnt + 1 : tap->used_cnt - 1;
	}
	return 0;
}

/* The TAP's name is in *ifr then. An index alone is not the interface: each namespace has its own. */
static bool name_here(const struct frontend *front, struct ifreq *ifr)
{
	*ifr = (struct ifreq){ 0 };
	fault_rtnl();
	return ioctl(any_fd(front), TUNGETIFF, ifr) == 0 && tap_netns_inode(front) == netns_own();
}

static bool tap_is_here(const struct frontend *front)
{
	struct ifreq ifr;

	return name_here(front, &ifr);
}

static int set_mtu(void *ifr)
{
	return netdev_ioctl(SIOCSIFMTU, ifr);
}

/* In whatever namespace it is, if we may enter that. */
static int tap_set_mtu(const struct frontend *front, uint32_t mtu)
{
	struct ifreq ifr;
	int fd, err;

	if (name_here(front, &ifr)) {
		ifr.ifr_mtu = (int)mtu;
		return set_mtu(&ifr);
	}
	fd = tap_netns(front);
	if (fd < 0)
		return 0;
	ifr.ifr_mtu = (int)mtu;
	err = netns_call(fd, set_mtu, &ifr);
	close(fd);
	return err == -EPERM ? 0 : err;
}

/* This and the carrier are requests of the TAP itself. They work in whatever namespace it is. */
static int tap_set_mac(const struct frontend *front, const uint8_t mac[6])
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	/* Setting the same again would make the stack forget its neighbours (net/ipv4/arp.c arp_netdev_event()). */
	if (ioctl(any_fd(front), SIOCGIFHWADDR, &ifr) == 0 && !memcmp(ifr.ifr_hwaddr.sa_data, mac, 6))
		return 0;
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	fault_rtnl();
	return ioctl(any_fd(front), SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

static int tap_set_carrier(const struct frontend *front, bool carrier)
{
	const int on = carrier;

	fault_rtnl();
	return ioctl(any_fd(front), TUNSETCARRIER, &on) < 0 ? -errno : 0;
}

static const struct frontend_ops tap_ops = {
	.queue = tap_queue,
	.use = tap_use,
	.set_mtu = tap_set_mtu,
	.set_mac = tap_set_mac,
	.set_carrier = tap_set_carrier,
	.is_here = tap_is_here,
	.close = tap_close,
};

static int open_either(struct frontend **opened, const char *name, const struct tap_left *left, uint32_t queue_cnt,
		       bool udp, uint32_t big_len)
{
	struct ifreq ifr = { 0 };
	struct frontend *front;
	struct tap *tap;
	uint32_t wanted;
	int err;

	if (queue_cnt == 0 || queue_cnt > TAP_QUEUES_MAX || strlen(name) >= sizeof(ifr.ifr_name))
		return -EINVAL;
	tap = calloc(1, sizeof *tap);
	if (!tap)
		return -ENOMEM;
	front = &tap->front;
	front->ops = &tap_ops;
	memcpy(ifr.ifr_name, name, strlen(name));
	err = open_queues(tap, left, &ifr, queue_cnt);
	if (err)
		goto fail;
	memcpy(front->name, ifr.ifr_name, sizeof(front->name));
	tap->used_cnt = front->queue_cnt;
	wanted = prove_offloads(front, OFFLOADS_TCP | (udp ? OFFLOADS_UDP : 0), big_len);
	front->offloads = set_offloads(any_fd(front), wanted);
	err = left ? 0 : netdev_ioctl(SIOCGIFINDEX, &ifr);
	if (err)
		goto fail;
	front->ifindex = left ? left->ifindex : (uint32_t)ifr.ifr_ifindex;
	*opened = front;
	return 0;

fail:
	tap_close(front);
	return err;
}

int tap_open(struct frontend **opened, const char *name, uint32_t queue_cnt, bool udp, uint32_t big_len)
{
	return open_either(opened, name, NULL, queue_cnt, udp, big_len);
}

int tap_take(struct frontend **opened, const struct tap_left *left, uint32_t queue_cnt, bool udp, uint32_t big_len)
{
	return open_either(opened, left->name, left, queue_cnt, udp, big_len);
}
