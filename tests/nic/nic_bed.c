// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Namespaces, the veth pair in them, raw sockets on it, and what is opened on top.
 */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nic_bed.h"
#include "fixtures/packet_builder.h"

void run(const char *command) { cr_assert_eq(system(command), 0, "%s", command); }

void enter_namespaces(void)
{
	libbpf_set_print(NULL);
	if (geteuid() != 0)
		cr_skip_test("needs root");
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		cr_skip_test("no new namespaces here: %s", strerror(errno));
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

void set_up(void)
{
	enter_namespaces();
	/* One transmit queue on the wire: what it sends comes in on the NIC's queue 0. */
	run("ip link add nic numrxqueues 2 numtxqueues 2 mtu 1500 type veth "
	    "peer name wire numrxqueues 2 numtxqueues 1 mtu 1500");
	/* Silent: else MLD and neighbour discovery mix with what the tests send. */
	run("ip link set nic addrgenmode none up; ip link set wire addrgenmode none up");
}

void silence(void)
{
	const int null = open("/dev/null", O_WRONLY);

	cr_assert_geq(dup2(null, STDERR_FILENO), 0);
	close(null);
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct netdev device(const char *name)
{
	struct netdev dev;

	cr_assert_eq(netdev_open(&dev, name), 0);
	return dev;
}

int raw_open(const char *name)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0, "AF_PACKET: %s", strerror(errno));
	addr.sll_ifindex = device(name).ifindex;
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

void raw_send(int fd, const uint8_t *frame, size_t len)
{
	cr_assert_eq(send(fd, frame, len, 0), (ssize_t)len, "%s", strerror(errno));
}

bool raw_sees(int fd, const uint8_t *frame, size_t len, int limit_ms)
{
	const uint64_t deadline = now_ms() + limit_ms;
	uint8_t buf[2048];
	struct sockaddr_ll from;

	for (;;) {
		struct pollfd pfd = { fd, POLLIN, 0 };
		const int64_t left = deadline - now_ms();
		socklen_t from_len = sizeof(from);

		if (left <= 0 || poll(&pfd, 1, left) <= 0)
			return false;
		if (recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len) == (ssize_t)len &&
		    from.sll_pkttype != PACKET_OUTGOING && memcmp(buf, frame, len) == 0)
			return true;
	}
}

size_t tcp_frame(uint8_t *frame, size_t cap, size_t payload_len)
{
	struct packet p = packet_tcp4();

	memcpy(p.dst_mac, device("nic").mac, 6);
	p.payload_len = payload_len;
	return packet_build(&p, frame, cap, NULL);
}

/* ---- on top of it -------------------------------------------------------------------- */

struct frontend *open_tap(bool udp)
{
	const struct netdev_settings up = { .mac = device("nic").mac, .no_addresses = true, .up = true };
	struct frontend *tap;

	cr_assert_eq(tap_open(&tap, "sp%d", 1, udp, 0), 0);
	cr_assert_eq(netdev_set(tap->ifindex, &up), 0);
	return tap;
}

int tap_write(struct frontend *tap, const struct iovec *iov, uint32_t iov_cnt)
{
	struct frontend_queue *queue = tap->ops->queue(tap, 0);

	return queue->write(queue, iov, iov_cnt);
}

int tap_read(struct frontend *tap, struct vnet_header *hdr, void *buffer, uint32_t room)
{
	struct frontend_queue *queue = tap->ops->queue(tap, 0);

	return queue->read(queue, hdr, buffer, room);
}

bool tap_sees(struct frontend *tap, const uint8_t *frame, size_t len, int limit_ms)
{
	static uint8_t buf[UMEM_SUPERPACKET_ROOM];
	const uint64_t deadline = now_ms() + limit_ms;
	struct vnet_header hdr;

	for (;;) {
		struct pollfd pfd = { tap->ops->queue(tap, 0)->fd, POLLIN, 0 };
		const int64_t left = deadline - now_ms();
		int got;

		if (left <= 0 || poll(&pfd, 1, left) <= 0)
			return false;
		got = tap_read(tap, &hdr, buf, sizeof(buf));
		if (got == (int)len && memcmp(buf, frame, len) == 0)
			return true;
	}
}

const struct umem_config umem_config = {
	.rx_frames = 2 * RING,
	.slots = RING,
	.slot_len = 256,
	.buffers_len = 2 * UMEM_SUPERPACKET_ROOM,
};

struct modes_plan plan_of(bool zerocopy, enum modes_transmit transmit)
{
	const struct modes_facts facts = {
		.driver = "veth",
		.told = true,
		.zerocopy = zerocopy,
		.zc_max_segs = zerocopy ? 8 : 0,
		.frame_len = 1522,
		.chunk_len = UMEM_CHUNK_LEN,
		.rx_headroom = UMEM_RX_HEADROOM,
		.transmit = transmit,
	};
	struct modes_plan plan;

	modes_decide(&plan, &facts);
	return plan;
}

static const struct modes_plan copy_plan = {
	.variants = { [MODES_COPY_BUILT_SG].tried = true, [MODES_COPY_BUILT].tried = true },
};

const struct xsk_config xsk_config = {
	.plan = &copy_plan,
	.interface = "nic",
	.ring_size = RING,
	.bind_timeout_ms = 1000,
};

void open_xsk(struct xsk *xsk, struct umem *umem, const struct xsk_config *config)
{
	int err;

	cr_assert_eq(umem_open(umem, &umem_config), 0);
	err = xsk_open(xsk, config, umem);
	if (err == -EAFNOSUPPORT)
		cr_skip_test("kernel without AF_XDP");
	cr_assert_eq(err, 0, "%s", strerror(-err));
}

void close_xsk(struct xsk *xsk, struct umem *umem)
{
	xsk_close(xsk);
	umem_close(umem);
}
