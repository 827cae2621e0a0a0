// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * netdev, tap, xsk and steer against the kernel. Every test has a network and a mount namespace
 * of its own, with a veth pair in it: nic is what the daemon would take, wire is its peer, on
 * which the tests send and see raw frames. All of it goes with the test's process.
 */
#define _GNU_SOURCE /* unshare() */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frontend/tap.h"
#include "nic/netdev.h"
#include "nic/steer.h"
#include "nic/steer_look.h"
#include "nic/uapi_compat.h"
#include "nic/xsk.h"
#include "packet_builder.h"
#include "steer.skel.h"

#define RING 256u
#define DEADLINE_MS 3000
#define SILENCE_MS 150 /* how long nothing has to come before we believe that nothing comes */
#define PIN_ROOT "/sys/fs/bpf"
#define PIN_DIR PIN_ROOT "/test"

/* ---- the wire ------------------------------------------------------------------------ */

static void run(const char *command)
{
	cr_assert_eq(system(command), 0, "%s", command);
}

static void enter_namespaces(void)
{
	libbpf_set_print(NULL);
	if (geteuid() != 0)
		cr_skip_test("needs root");
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		cr_skip_test("no new namespaces here: %s", strerror(errno));
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

static void set_up(void)
{
	enter_namespaces();
	/* One transmit queue on the wire: what it sends comes in on the NIC's queue 0. */
	run("ip link add nic numrxqueues 2 numtxqueues 2 mtu 1500 type veth "
	    "peer name wire numrxqueues 2 numtxqueues 1 mtu 1500");
	/* Silent: else MLD and neighbour discovery mix with what the tests send. */
	run("ip link set nic addrgenmode none up; ip link set wire addrgenmode none up");
}

/* Where errors are what is tested, their messages would only look like trouble. */
static void silence(void)
{
	const int null = open("/dev/null", O_WRONLY);

	cr_assert_geq(dup2(null, STDERR_FILENO), 0);
	close(null);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct netdev device(const char *name)
{
	struct netdev dev;

	cr_assert_eq(netdev_open(&dev, name), 0);
	return dev;
}

/* A raw socket on an interface, for both directions. */
static int raw_open(const char *name)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0, "AF_PACKET: %s", strerror(errno));
	addr.sll_ifindex = device(name).ifindex;
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void raw_send(int fd, const uint8_t *frame, size_t len)
{
	cr_assert_eq(send(fd, frame, len, 0), (ssize_t)len, "%s", strerror(errno));
}

/* Whether this very frame arrives at the interface (not: leaves it) within the limit. */
static bool raw_sees(int fd, const uint8_t *frame, size_t len, int limit_ms)
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
		if (recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len) ==
			    (ssize_t)len &&
		    from.sll_pkttype != PACKET_OUTGOING && memcmp(buf, frame, len) == 0)
			return true;
	}
}

/* A TCP frame to the NIC, of this much payload. */
static size_t tcp_frame(uint8_t *frame, size_t cap, size_t payload_len)
{
	struct packet p = packet_tcp4();

	memcpy(p.dst_mac, device("nic").mac, 6);
	p.payload_len = payload_len;
	return packet_build(&p, frame, cap, NULL);
}

/* ---- netdev -------------------------------------------------------------------------- */

TestSuite(netdev, .init = set_up, .timeout = 30);

Test(netdev, tells_what_the_interface_is)
{
	struct netdev dev;

	run("ip link set nic down; ip link set nic address 02:00:00:00:00:07 mtu 1400 up");
	cr_assert_eq(netdev_open(&dev, "nic"), 0);
	cr_expect_str_eq(dev.name, "nic");
	cr_expect_eq(dev.ifindex, if_nametoindex("nic"));
	cr_expect_eq(dev.mtu, 1400);
	cr_expect_eq(dev.rx_queues, 2);
	cr_expect_eq(dev.tx_queues, 2);
	cr_expect_eq(memcmp(dev.mac, "\x02\0\0\0\0\x07", 6), 0);
	cr_expect(dev.up);
	cr_expect(dev.carrier);
	cr_expect_str_eq(dev.kind, "veth");
	cr_expect_str_eq(dev.driver, "veth");
}

Test(netdev, queues_in_use_not_those_there_could_be)
{
	run("ethtool -L nic rx 1 tx 1");
	cr_expect_eq(device("nic").rx_queues, 1);
}

Test(netdev, down_is_down)
{
	run("ip link set nic down");
	cr_expect(!device("nic").up);
	cr_expect(!device("nic").carrier);
}

Test(netdev, rx_vlan_offload_as_ethtool_says)
{
	run("ethtool -K nic rxvlan on");
	cr_expect(device("nic").rx_vlan_offload);
	run("ethtool -K nic rxvlan off");
	cr_expect(!device("nic").rx_vlan_offload);
}

Test(netdev, alias_as_ip_link_says)
{
	char longest[256], command[512];

	cr_expect_str_eq(device("nic").alias, "");
	run("ip link set nic alias 'to the wire'");
	cr_expect_str_eq(device("nic").alias, "to the wire");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	snprintf(command, sizeof(command), "ip link set nic alias %s", longest);
	run(command);
	cr_expect_str_eq(device("nic").alias, longest);
}

Test(netdev, alternative_names_are_names)
{
	run("ip link property add dev nic altname short altname alternative-and-longer-than-15");
	cr_expect_str_eq(device("short").name, "nic");
	cr_expect_str_eq(device("alternative-and-longer-than-15").name, "nic");
}

Test(netdev, what_is_no_interface_is_enodev)
{
	char too_long[300];
	struct netdev dev;

	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	cr_expect_eq(netdev_open(&dev, "missing"), -ENODEV);
	cr_expect_eq(netdev_open(&dev, "missing-and-longer-than-15"), -ENODEV);
	cr_expect_eq(netdev_open(&dev, ""), -ENODEV);
	cr_expect_eq(netdev_open(&dev, too_long), -ENODEV);
}

Test(netdev, what_is_not_ethernet_is_said)
{
	struct netdev dev;

	cr_expect_eq(netdev_open(&dev, "lo"), -EMEDIUMTYPE);
}

static bool has_ipv6_address(const char *name)
{
	char line[256], on[64];
	bool found = false;
	FILE *file = fopen("/proc/self/net/if_inet6", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*s %*s %*s %63s", on) == 1 && strcmp(on, name) == 0)
			found = true;
	if (file)
		fclose(file);
	return found;
}

Test(netdev, sets_up_an_interface)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	const struct netdev_settings hidden = {
		.mac = mac, .mtu = 1300, .txqueuelen = 64, .alias = "superpacket: nic",
		.no_addresses = true, .up = true };
	const struct netdev_settings visible = { .up = true };
	struct tap tap, other;

	cr_assert_eq(tap_open(&tap, "sp%d", 1), 0);
	cr_assert_eq(tap_open(&other, "sp%d", 1), 0);
	cr_expect_eq(netdev_set(tap.ifindex, &hidden), 0);
	cr_expect_eq(netdev_set(other.ifindex, &visible), 0);
	cr_expect_eq(device(tap.name).mtu, 1300);
	cr_expect_eq(memcmp(device(tap.name).mac, mac, 6), 0);
	cr_expect(device(tap.name).up);
	run("ip link show dev sp0 | grep -q 'qlen 64'");
	run("ip link show dev sp0 | grep -q 'alias superpacket: nic$'");
	cr_expect_str_eq(device(tap.name).alias, "superpacket: nic");
	cr_expect_str_eq(device(other.name).alias, "");
	cr_expect(!has_ipv6_address(tap.name), "nobody shall address it");
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		cr_expect(has_ipv6_address(other.name), "the test would not see an address");
	cr_expect_eq(netdev_set(999, &visible), -ENODEV);
	tap_close(&other);
	tap_close(&tap);
}

/* ---- tap ----------------------------------------------------------------------------- */

TestSuite(tap, .init = set_up, .timeout = 30);

static struct tap open_tap(void)
{
	const struct netdev_settings up = { .mac = device("nic").mac, .no_addresses = true,
					    .up = true };
	struct tap tap;

	cr_assert_eq(tap_open(&tap, "sp%d", 1), 0);
	cr_assert_eq(netdev_set(tap.ifindex, &up), 0);
	return tap;
}

Test(tap, opens_and_leaves_nothing)
{
	struct netdev dev;
	struct tap tap;

	cr_assert_eq(tap_open(&tap, "sp%d", 2), 0);
	cr_expect_str_eq(tap.name, "sp0");
	cr_expect_eq(tap.ifindex, if_nametoindex("sp0"));
	cr_expect_eq(tap.queue_cnt, 2);
	cr_expect_eq(tap.offloads, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
	tap_close(&tap);
	cr_expect_eq(netdev_open(&dev, "sp0"), -ENODEV);
}

Test(tap, name_taken_is_eexist)
{
	struct tap tap, second;

	cr_expect_eq(tap_open(&second, "nic", 1), -EEXIST, "by an interface of another kind");
	cr_assert_eq(tap_open(&tap, "sp0", 1), 0);
	cr_expect_eq(tap_open(&second, "sp0", 1), -EEXIST, "by another TAP");
	tap_close(&tap);
	cr_expect_eq(tap_open(&second, "sp0", 1), 0);
	tap_close(&second);
}

Test(tap, what_cannot_be_is_einval)
{
	struct tap tap;

	cr_expect_eq(tap_open(&tap, "longer-than-15-characters", 1), -EINVAL);
	cr_expect_eq(tap_open(&tap, "a/b", 1), -EINVAL);
	cr_expect_eq(tap_open(&tap, "sp0", 0), -EINVAL);
	cr_expect_eq(tap_open(&tap, "sp0", TAP_QUEUES_MAX + 1), -EINVAL);
}

/* Reads until this frame comes. */
static bool tap_sees(int fd, const uint8_t *frame, size_t len, int limit_ms)
{
	static uint8_t buf[UMEM_SUPERPACKET_ROOM];
	const uint64_t deadline = now_ms() + limit_ms;
	struct virtio_net_hdr_v1 hdr;

	for (;;) {
		struct pollfd pfd = { fd, POLLIN, 0 };
		const int64_t left = deadline - now_ms();
		int got;

		if (left <= 0 || poll(&pfd, 1, left) <= 0)
			return false;
		got = tap_read(fd, &hdr, buf, sizeof(buf));
		if (got == (int)len && memcmp(buf, frame, len) == 0)
			return true;
	}
}

Test(tap, carries_both_ways)
{
	struct virtio_net_hdr_v1 hdr = { 0 };
	struct tap tap = open_tap();
	uint8_t frame[256], none[64];
	const size_t len = tcp_frame(frame, sizeof(frame), 100);
	const struct iovec iov[] = {
		{ &hdr, sizeof(hdr) }, { frame, 54 }, { frame + 54, len - 54 } };
	const int raw = raw_open(tap.name);

	cr_expect_eq(tap_read(tap.fds[0], &hdr, none, sizeof(none)), -EAGAIN);
	raw_send(raw, frame, len);
	cr_expect(tap_sees(tap.fds[0], frame, len, DEADLINE_MS));
	hdr = (struct virtio_net_hdr_v1){ 0 };
	cr_expect_eq(tap_write(tap.fds[0], iov, 3), 0);
	cr_expect(raw_sees(raw, frame, len, DEADLINE_MS));
	hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4; /* and gso_size 0 */
	cr_expect_eq(tap_write(tap.fds[0], iov, 3), -EINVAL);
	tap_close(&tap);
}

/* ---- xsk ----------------------------------------------------------------------------- */

TestSuite(xsk, .init = set_up, .timeout = 30);

static const struct umem_config umem_config = {
	.rx_frames = 2 * RING,
	.slots = RING,
	.slot_len = 256,
	.buffers_len = 2 * UMEM_SUPERPACKET_ROOM,
};

static const struct xsk_config xsk_config = {
	.interface = "nic",
	.ring_size = RING,
	.bind_timeout_ms = 1000,
};

static void open_xsk(struct xsk *xsk, struct umem *umem, const struct xsk_config *config)
{
	int err;

	cr_assert_eq(umem_open(umem, &umem_config), 0);
	err = xsk_open(xsk, config, umem);
	if (err == -EAFNOSUPPORT)
		cr_skip_test("kernel without AF_XDP");
	cr_assert_eq(err, 0, "%s", strerror(-err));
}

static void close_xsk(struct xsk *xsk, struct umem *umem)
{
	xsk_close(xsk);
	umem_close(umem);
}

Test(xsk, opens_in_copy_mode_on_veth)
{
	struct xsk_config config = xsk_config;
	struct xdp_statistics stats;
	struct umem umem;
	struct xsk xsk;

	config.try_zerocopy = true; /* refused by veth: the next rung is taken */
	open_xsk(&xsk, &umem, &config);
	cr_expect(!xsk.zerocopy);
	cr_expect_geq(xsk.tx_budget, 32);
	cr_expect_leq(xsk.tx_budget, RING);
	cr_expect_eq(umem.frames.cnt, RING, "one ring full is with the kernel");
	cr_expect_eq(xsk_statistics(&xsk, &stats), 0);
	cr_expect_eq(stats.rx_dropped, 0);
	close_xsk(&xsk, &umem);
}

Test(xsk, variants_as_asked)
{
	struct xsk_config config = xsk_config;
	struct umem umem;
	struct xsk xsk;
	int err;

	config.variant = XSK_VARIANT_BUILT;
	open_xsk(&xsk, &umem, &config);
	cr_expect(!xsk.slices);
	close_xsk(&xsk, &umem);

	config.variant = XSK_VARIANT_SLICES;
	cr_assert_eq(umem_open(&umem, &umem_config), 0);
	err = xsk_open(&xsk, &config, &umem);
	if (err)
		cr_skip_test("kernel without multi-buffer AF_XDP: %s", strerror(-err));
	cr_expect(xsk.slices);
	close_xsk(&xsk, &umem);
}

Test(xsk, busy_queue_is_ebusy_within_the_limit_and_free_after_close)
{
	struct xsk_config config = xsk_config;
	struct umem umem, other_umem;
	struct xsk xsk, other;
	uint64_t start;

	open_xsk(&xsk, &umem, &config);
	cr_assert_eq(umem_open(&other_umem, &umem_config), 0);
	config.bind_timeout_ms = 100;
	start = now_ms();
	cr_expect_eq(xsk_open(&other, &config, &other_umem), -EBUSY);
	cr_expect_lt(now_ms() - start, 1000);
	cr_expect_eq(other_umem.frames.cnt, umem_config.rx_frames, "nothing is taken then");
	config.queue = 1;
	cr_expect_eq(xsk_open(&other, &config, &other_umem), 0, "another queue is another matter");
	close_xsk(&other, &other_umem);
	close_xsk(&xsk, &umem);

	open_xsk(&xsk, &umem, &xsk_config); /* retries while the kernel is still cleaning up */
	close_xsk(&xsk, &umem);
}

Test(xsk, what_cannot_be_bound_is_an_error)
{
	struct xsk_config config = xsk_config;
	struct umem umem;
	struct xsk xsk;

	cr_assert_eq(umem_open(&umem, &umem_config), 0);
	config.queue = 7;
	cr_expect_eq(xsk_open(&xsk, &config, &umem), -EINVAL, "no such queue");
	config = xsk_config;
	config.interface = "missing";
	cr_expect_eq(xsk_open(&xsk, &config, &umem), -ENODEV);
	umem_close(&umem);
}

/* Sends descriptors as one packet and waits for all completions. */
static void xsk_send_chain(struct xsk *xsk, const struct xdp_desc *chain, uint32_t cnt)
{
	const uint64_t deadline = now_ms() + DEADLINE_MS;
	uint32_t idx, done = 0;

	cr_assert_eq(xsk_ring_prod__reserve(&xsk->tx, cnt, &idx), cnt);
	for (uint32_t i = 0; i < cnt; i++)
		*xsk_ring_prod__tx_desc(&xsk->tx, idx + i) = chain[i];
	xsk_ring_prod__submit(&xsk->tx, cnt);
	cr_assert_eq(xsk_wake_tx(xsk), 0);
	while (done < cnt && now_ms() < deadline) {
		const uint32_t got = xsk_ring_cons__peek(&xsk->completion, cnt - done, &idx);

		for (uint32_t i = 0; i < got; i++)
			cr_expect_eq(*xsk_ring_cons__comp_addr(&xsk->completion, idx + i),
				     chain[done + i].addr);
		xsk_ring_cons__release(&xsk->completion, got);
		done += got;
	}
	cr_assert_eq(done, cnt, "%u of %u completions", done, cnt);
}

Test(xsk, header_slot_and_slices_leave_as_one_packet)
{
	const int raw = raw_open("wire");
	uint8_t frame[1514];
	const size_t len = tcp_frame(frame, sizeof(frame), 1448);
	/* Unaligned: a slice may lie across a chunk border. */
	const uint32_t off = UMEM_CHUNK_LEN - 700;
	struct xsk_config config = xsk_config;
	struct umem umem;
	struct xsk xsk;

	config.variant = XSK_VARIANT_SLICES;
	open_xsk(&xsk, &umem, &config);
	if (!xsk.slices || !xsk.unaligned)
		cr_skip_test("kernel without multi-buffer or without unaligned chunks");
	memcpy(umem_data(&umem, umem_slot_addr(&umem, 3)), frame, 54);
	memcpy(umem_data(&umem, umem_buffer_addr(&umem, off)), frame + 54, len - 54);
	const struct xdp_desc chain[] = {
		{ umem_slot_addr(&umem, 3), 54, XDP_PKT_CONTD },
		{ umem_buffer_addr(&umem, off), 100, XDP_PKT_CONTD },
		{ umem_buffer_addr(&umem, off + 100), len - 154, 0 },
	};
	xsk_send_chain(&xsk, chain, ARRAY_SIZE(chain));
	cr_expect(raw_sees(raw, frame, len, DEADLINE_MS));
	close_xsk(&xsk, &umem);
}

/* ---- steer --------------------------------------------------------------------------- */

TestSuite(steer, .init = set_up, .timeout = 60);

/* NIC, TAP where there is one, socket and programs: a daemon without its loop. */
struct rig {
	struct umem umem;
	struct xsk xsk;
	struct steer *steer;
	struct tap tap;
	int wire;
};

static struct steer_config steer_config(enum steer_xdp_mode mode)
{
	return (struct steer_config){
		.interface = "nic",
		.ifindex = device("nic").ifindex,
		.mode = mode,
		.serve = STEER_SERVE_ALL,
	};
}

/* Opens all and starts nothing. Without assertions, which only work in the test's process. */
static int try_rig(struct rig *rig, const struct steer_config *config)
{
	struct xsk_config socket = xsk_config;
	int err = steer_open(&rig->steer, config);

	if (err)
		return err;
	socket.generic = steer_is_generic(rig->steer);
	err = umem_open(&rig->umem, &umem_config);
	if (!err)
		err = xsk_open(&rig->xsk, &socket, &rig->umem);
	return err ? err : steer_add_socket(rig->steer, 0, rig->xsk.fd);
}

static void open_rig(struct rig *rig, const struct steer_config *config)
{
	int err;

	rig->wire = raw_open("wire");
	err = try_rig(rig, config);
	if (err == -EAFNOSUPPORT)
		cr_skip_test("kernel without AF_XDP");
	cr_assert_eq(err, 0, "%s", strerror(-err));
}

static void start_rig(struct rig *rig)
{
	const int err = steer_start(rig->steer);

	if (err == -EOPNOTSUPP)
		cr_skip_test("kernel without tcx");
	cr_assert_eq(err, 0, "steer_start: %s", strerror(-err));
}

static void close_rig(struct rig *rig)
{
	steer_stop(rig->steer);
	close_xsk(&rig->xsk, &rig->umem);
	steer_close(rig->steer);
	close(rig->wire);
}

static void beat(struct rig *rig)
{
	steer_heartbeat(rig->steer, now_ms() * 1000000);
}

/* Whether this frame comes to the socket; keeps the daemon alive meanwhile. */
static bool socket_sees(struct rig *rig, const uint8_t *frame, size_t len, int limit_ms)
{
	const uint64_t deadline = now_ms() + limit_ms;
	bool seen = false;
	uint32_t idx;

	while (!seen && now_ms() < deadline) {
		struct pollfd pfd = { rig->xsk.fd, POLLIN, 0 };

		beat(rig);
		poll(&pfd, 1, 10);
		if (!xsk_ring_cons__peek(&rig->xsk.rx, 1, &idx))
			continue;
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&rig->xsk.rx, idx);

		seen = desc->len == len &&
		       memcmp(umem_data(&rig->umem, xsk_rx_data(desc->addr)), frame, len) == 0;
		frame_give(&rig->umem.frames, xsk_rx_frame(desc->addr));
		xsk_ring_cons__release(&rig->xsk.rx, 1);
		xsk_refill(&rig->xsk);
	}
	return seen;
}

static int64_t attached_id(void)
{
	bool generic;

	return steer_look_id(device("nic").ifindex, &generic);
}

/* Until the NIC is without a program. */
static bool wait_detached(void)
{
	const uint64_t deadline = now_ms() + DEADLINE_MS;

	while (attached_id() != 0 && now_ms() < deadline)
		poll(NULL, 0, 5);
	return attached_id() == 0;
}

static void steers_and_passes(enum steer_xdp_mode mode)
{
	const struct steer_config config = steer_config(mode);
	uint64_t counters[STEER_COUNTER_CNT];
	struct rig rig = { 0 };
	uint8_t frame[512];
	const size_t len = tcp_frame(frame, sizeof(frame), 200);
	const int nic = raw_open("nic");

	open_rig(&rig, &config);
	raw_send(rig.wire, frame, len);
	cr_expect(raw_sees(nic, frame, len, DEADLINE_MS), "not started: the kernel gets it");

	start_rig(&rig);
	beat(&rig);
	raw_send(rig.wire, frame, len);
	cr_expect(socket_sees(&rig, frame, len, DEADLINE_MS));

	steer_heartbeat(rig.steer, now_ms() * 1000000 - 2 * STEER_HEARTBEAT_LIMIT_NS);
	raw_send(rig.wire, frame, len);
	cr_expect(raw_sees(nic, frame, len, DEADLINE_MS), "no heartbeat: the kernel gets it");

	cr_assert_eq(steer_read_counters(rig.steer, counters), 0);
	cr_expect_eq(counters[STEER_REDIRECTED], 1);
	cr_expect_eq(counters[STEER_PASS_NOT_SERVING], 1);
	cr_expect_eq(counters[STEER_PASS_NO_HEARTBEAT], 1);

	steer_stop(rig.steer);
	raw_send(rig.wire, frame, len);
	cr_expect(raw_sees(nic, frame, len, DEADLINE_MS), "stopped: the kernel gets it");
	cr_expect_eq(attached_id(), 0, "stopped: nothing is attached");
	close_rig(&rig);
}

Test(steer, native_steers_and_passes)
{
	steers_and_passes(STEER_XDP_NATIVE);
}

Test(steer, generic_steers_and_passes)
{
	silence(); /* it warns of what generic mode costs */
	steers_and_passes(STEER_XDP_GENERIC);
}

/* A driver without native XDP. */
static void set_up_generic_only(void)
{
	enter_namespaces();
	run("ip link add lower type veth peer name wire");
	if (system("ip link add link lower name nic type macvlan"))
		cr_skip_test("no macvlan here");
	silence();
}

Test(steer, auto_falls_back_and_says_why, .init = set_up_generic_only)
{
	const struct steer_config auto_mode = steer_config(STEER_XDP_AUTO);
	const struct steer_config native = steer_config(STEER_XDP_NATIVE);
	struct steer *steer;
	const char *why;

	cr_expect_eq(steer_open(&steer, &native), -EOPNOTSUPP);
	cr_assert_eq(steer_open(&steer, &auto_mode), 0);
	cr_expect(steer_is_generic(steer));
	cr_expect_str_eq(steer_mode(steer, &why), "generic");
	cr_expect(strstr(why, "no native XDP"), "%s", why);
	steer_stop(steer);
	steer_close(steer);
}

static void set_up_too_few_queues(void)
{
	enter_namespaces();
	run("ip link add nic numrxqueues 1 numtxqueues 1 type veth "
	    "peer name wire numrxqueues 2 numtxqueues 2");
	run("ip link set nic up; ip link set wire up");
	silence();
}

/* veth refuses native XDP then; what can be mended in a command is not made slow silently. */
Test(steer, a_veth_with_fewer_queues_than_its_peer_is_refused, .init = set_up_too_few_queues)
{
	const struct steer_config auto_mode = steer_config(STEER_XDP_AUTO);
	const struct steer_config native = steer_config(STEER_XDP_NATIVE);
	const struct steer_config generic = steer_config(STEER_XDP_GENERIC);
	struct steer *steer;

	cr_expect_eq(steer_open(&steer, &native), -ENOSPC);
	cr_expect_eq(steer_open(&steer, &auto_mode), -ENOSPC);
	cr_expect_eq(attached_id(), 0, "nothing is attached");
	cr_assert_eq(steer_open(&steer, &generic), 0, "asked for, generic mode works");
	steer_stop(steer);
	steer_close(steer);

	run("ethtool -L wire tx 1");
	cr_assert_eq(steer_open(&steer, &auto_mode), 0, "and the way out is one");
	cr_expect(!steer_is_generic(steer));
	steer_stop(steer);
	steer_close(steer);
}

Test(steer, starts_and_stops_again_and_again)
{
	const struct steer_config config = steer_config(STEER_XDP_AUTO);

	for (int i = 0; i < 5; i++) {
		struct rig rig = { 0 };

		open_rig(&rig, &config);
		start_rig(&rig);
		close_rig(&rig);
		cr_expect_eq(attached_id(), 0);
	}
}

static void __attribute__((noreturn)) be_daemon(const struct steer_config *config, int ready_fd)
{
	struct rig rig = { 0 };

	if (try_rig(&rig, config) < 0 || steer_start(rig.steer) < 0 || write(ready_fd, "r", 1) != 1)
		_exit(1);
	for (;;) {
		beat(&rig);
		poll(NULL, 0, 10);
	}
}

/* Runs a daemon in a process of its own until it is killed. */
static pid_t fork_daemon(const struct steer_config *config)
{
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_daemon(config, ready[1]);
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1, "the daemon did not come up");
	close(ready[0]);
	return pid;
}

Test(steer, killed_daemon_leaves_nothing_and_the_next_starts)
{
	const struct steer_config config = steer_config(STEER_XDP_AUTO);
	struct rig rig = { 0 };
	pid_t pid = fork_daemon(&config);
	uint8_t frame[512];
	const size_t len = tcp_frame(frame, sizeof(frame), 200);
	const int nic = raw_open("nic");

	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_expect(wait_detached());
	rig.wire = raw_open("wire");
	raw_send(rig.wire, frame, len);
	cr_expect(raw_sees(nic, frame, len, DEADLINE_MS), "the kernel gets it");

	/* And not waiting for anything. */
	pid = fork_daemon(&config);
	kill(pid, SIGKILL);
	open_rig(&rig, &config);
	start_rig(&rig);
	close_rig(&rig);
	waitpid(pid, NULL, 0);
}

Test(steer, second_daemon_is_refused)
{
	const struct steer_config config = steer_config(STEER_XDP_AUTO);
	const pid_t pid = fork_daemon(&config);
	struct steer *steer;

	silence();
	cr_expect_eq(steer_open(&steer, &config), -EBUSY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A program of somebody else: passes everything. */
static int foreign_program(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", pass, 2, NULL);

	cr_assert_geq(fd, 0, "%s", strerror(errno));
	return fd;
}

Test(steer, program_of_somebody_else_stays)
{
	const struct steer_config config = steer_config(STEER_XDP_AUTO);
	struct steer *steer;
	int64_t id;

	silence();
	cr_assert_eq(bpf_xdp_attach(config.ifindex, foreign_program(), 0, NULL), 0);
	id = attached_id();
	cr_expect_eq(steer_open(&steer, &config), -EBUSY);
	cr_expect_eq(attached_id(), id);
}

/* As `xdp-loader load -p PIN_DIR` does it. */
static struct steer_bpf *load_pinned(bool attach)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = PIN_DIR);
	struct steer_bpf *object = steer_bpf__open_opts(&opts);

	cr_assert_not_null(object);
	cr_assert_eq(steer_bpf__load(object), 0);
	if (attach)
		cr_assert_eq(bpf_xdp_attach(device("nic").ifindex,
					    bpf_program__fd(object->progs.steer), 0, NULL), 0);
	return object;
}

static void mount_bpffs(void)
{
	if (mount("bpf", PIN_ROOT, "bpf", 0, NULL) < 0)
		cr_skip_test("no bpffs: %s", strerror(errno));
	cr_assert_eq(mkdir(PIN_DIR, 0700), 0);
}

Test(steer, pinned_maps_are_adopted_and_left)
{
	struct steer_config config = steer_config(STEER_XDP_AUTO);
	struct rig rig = { 0 };
	struct steer_state state;
	uint8_t frame[512];
	const size_t len = tcp_frame(frame, sizeof(frame), 200);
	const uint32_t key = 0;
	struct steer_bpf *object;
	const char *why;

	mount_bpffs();
	object = load_pinned(true);
	config.pinned = PIN_DIR;
	open_rig(&rig, &config);
	cr_expect_str_eq(steer_mode(rig.steer, &why), "pinned");
	start_rig(&rig);
	beat(&rig);
	raw_send(rig.wire, frame, len);
	cr_expect(socket_sees(&rig, frame, len, DEADLINE_MS));
	close_rig(&rig);

	cr_expect_gt(attached_id(), 0, "the program is the operator's");
	cr_expect_eq(access(PIN_DIR "/steer_xsks", F_OK), 0, "so are the pins");
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(object->maps.steer_state), &key, &state), 0);
	cr_expect_eq(state.serve, 0);
	cr_expect_eq(state.owned, 0);
	steer_bpf__destroy(object);
}

Test(steer, pinned_maps_of_a_living_daemon_are_refused)
{
	struct steer_config config = steer_config(STEER_XDP_AUTO);
	struct steer *steer;
	pid_t pid;

	silence();
	mount_bpffs();
	load_pinned(true);
	config.pinned = PIN_DIR;
	pid = fork_daemon(&config);
	cr_expect_eq(steer_open(&steer, &config), -EBUSY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert_eq(steer_open(&steer, &config), 0, "killed: free to adopt");
	steer_stop(steer);
	steer_close(steer);
}

Test(steer, pinned_needs_our_maps_and_a_program_that_uses_them)
{
	struct steer_config config = steer_config(STEER_XDP_AUTO);
	struct steer *steer;
	int fd;

	silence();
	mount_bpffs();
	config.pinned = "/nonexistent";
	cr_expect_eq(steer_open(&steer, &config), -ENOENT, "no directory");
	config.pinned = "/tmp";
	cr_expect_eq(steer_open(&steer, &config), -ENOENT, "no bpffs");
	config.pinned = PIN_DIR;
	cr_expect_eq(steer_open(&steer, &config), -ENOENT, "empty");
	steer_bpf__destroy(load_pinned(false));
	cr_expect_eq(steer_open(&steer, &config), -ENOENT, "maps without a program");
	cr_assert_eq(bpf_xdp_attach(config.ifindex, foreign_program(), 0, NULL), 0);
	cr_expect_eq(steer_open(&steer, &config), -ENOENT, "maps that the program does not use");
	cr_assert_eq(unlink(PIN_DIR "/steer_counters"), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, NULL);
	cr_assert_eq(bpf_obj_pin(fd, PIN_DIR "/steer_counters"), 0);
	cr_expect_eq(steer_open(&steer, &config), -ENOENT, "a map of another kind");
}

/* Inline: out of the stack to the TAP; from the TAP to the NIC's ingress, and not round. */
static void goes_both_ways_inline(enum steer_xdp_mode mode)
{
	struct steer_config config = steer_config(mode);
	struct virtio_net_hdr_v1 hdr = { 0 };
	struct rig rig = { .tap = open_tap() };
	uint8_t frame[512];
	const size_t len = tcp_frame(frame, sizeof(frame), 200);
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { frame, len } };
	const int nic = raw_open("nic");

	config.inline_tap = rig.tap.ifindex;
	config.serve = STEER_SERVE_TCP;
	open_rig(&rig, &config);
	start_rig(&rig);

	beat(&rig);
	raw_send(rig.wire, frame, len);
	cr_expect(socket_sees(&rig, frame, len, DEADLINE_MS), "from the wire to the socket");
	cr_expect_eq(tap_write(rig.tap.fds[0], iov, 2), 0);
	cr_expect(raw_sees(nic, frame, len, DEADLINE_MS), "from the TAP to the NIC's ingress");
	cr_expect(!socket_sees(&rig, frame, len, SILENCE_MS), "and not to the socket again");
	raw_send(nic, frame, len);
	cr_expect(tap_sees(rig.tap.fds[0], frame, len, DEADLINE_MS), "from the stack to the TAP");

	steer_stop(rig.steer);
	raw_send(nic, frame, len);
	cr_expect(raw_sees(rig.wire, frame, len, DEADLINE_MS), "stopped: to the wire");
	cr_expect(!tap_sees(rig.tap.fds[0], frame, len, SILENCE_MS));
	close_rig(&rig);
	tap_close(&rig.tap);
}

Test(steer, inline_native_goes_both_ways)
{
	goes_both_ways_inline(STEER_XDP_NATIVE);
}

Test(steer, inline_generic_goes_both_ways_and_not_round)
{
	silence(); /* it warns of what generic mode costs */
	goes_both_ways_inline(STEER_XDP_GENERIC);
}
