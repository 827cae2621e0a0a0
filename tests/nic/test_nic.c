// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * netdev, tap and xsk against the kernel.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nic/uapi_compat.h"
#include "nic_bed.h"
#include "fixtures/packet_builder.h"

/* ---- netdev -------------------------------------------------------------------------- */

TestSuite(netdev, .init = set_up, .timeout = 240);

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
		.mac = mac, .mtu = 1300, .txqueuelen = 64, .alias = "superpacket: nic", .no_addresses = true, .up = true
	};
	const struct netdev_settings visible = { .up = true };
	struct frontend *tap, *other;

	cr_assert_eq(tap_open(&tap, "sp%d", 1, false, 0), 0);
	cr_assert_eq(tap_open(&other, "sp%d", 1, false, 0), 0);
	cr_expect_eq(netdev_set(tap->ifindex, &hidden), 0);
	cr_expect_eq(netdev_set(other->ifindex, &visible), 0);
	cr_expect_eq(device(tap->name).mtu, 1300);
	cr_expect_eq(memcmp(device(tap->name).mac, mac, 6), 0);
	cr_expect(device(tap->name).up);
	run("ip link show dev sp0 | grep -q 'qlen 64'");
	run("ip link show dev sp0 | grep -q 'alias superpacket: nic$'");
	cr_expect_str_eq(device(tap->name).alias, "superpacket: nic");
	cr_expect_str_eq(device(other->name).alias, "");
	cr_expect(!has_ipv6_address(tap->name), "nobody shall address it");
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		cr_expect(has_ipv6_address(other->name), "the test would not see an address");
	cr_expect_eq(netdev_set(999, &visible), -ENODEV);
	other->ops->close(other);
	tap->ops->close(tap);
}

/* ---- tap ----------------------------------------------------------------------------- */

TestSuite(tap, .init = set_up, .timeout = 240);

Test(tap, opens_and_leaves_nothing)
{
	struct netdev dev;
	struct frontend *tap;

	cr_assert_eq(tap_open(&tap, "sp%d", 2, false, 0), 0);
	cr_expect_str_eq(tap->name, "sp0");
	cr_expect_eq(tap->ifindex, if_nametoindex("sp0"));
	cr_expect_eq(tap->queue_cnt, 2);
	cr_expect_eq(tap->offloads, FRONTEND_CSUM | FRONTEND_TSO4 | FRONTEND_TSO6 | FRONTEND_ECN);
	tap->ops->close(tap);
	cr_expect_eq(netdev_open(&dev, "sp0"), -ENODEV);
}

/* The offloads are those that ethtool shows, and with them the stack leaves superpackets uncut. */
Test(tap, offers_udp_offloads_where_asked)
{
	const uint32_t udp = FRONTEND_USO | FRONTEND_UDP_TUNNEL_GSO | FRONTEND_UDP_TUNNEL_GSO_CSUM;
	struct frontend *tap;

	cr_assert_eq(tap_open(&tap, "sp%d", 1, true, 0), 0);
	cr_expect_eq(tap->offloads & ~udp, FRONTEND_CSUM | FRONTEND_TSO4 | FRONTEND_TSO6 | FRONTEND_ECN);
	if ((tap->offloads & udp) != udp)
		cr_skip_test("a kernel without UDP offloads of a TAP: 0x%x", tap->offloads);
	run("ethtool -k sp0 | grep -q 'tx-udp-segmentation: on'");
	run("ethtool -k sp0 | grep -q 'tx-udp_tnl-segmentation: on'");
	run("ethtool -k sp0 | grep -q 'tx-udp_tnl-csum-segmentation: on'");
	tap->ops->close(tap);
}

Test(tap, name_taken_is_eexist)
{
	struct frontend *tap, *second;

	cr_expect_eq(tap_open(&second, "nic", 1, false, 0), -EEXIST, "by an interface of another kind");
	cr_assert_eq(tap_open(&tap, "sp0", 1, false, 0), 0);
	cr_expect_eq(tap_open(&second, "sp0", 1, false, 0), -EEXIST, "by another TAP");
	tap->ops->close(tap);
	cr_expect_eq(tap_open(&second, "sp0", 1, false, 0), 0);
	second->ops->close(second);
}

Test(tap, what_cannot_be_is_einval)
{
	struct frontend *tap;

	cr_expect_eq(tap_open(&tap, "longer-than-15-characters", 1, false, 0), -EINVAL);
	cr_expect_eq(tap_open(&tap, "a/b", 1, false, 0), -EINVAL);
	cr_expect_eq(tap_open(&tap, "sp0", 0, false, 0), -EINVAL);
	cr_expect_eq(tap_open(&tap, "sp0", TAP_QUEUES_MAX + 1, false, 0), -EINVAL);
}

Test(tap, carries_both_ways)
{
	struct vnet_header hdr = { 0 };
	struct frontend *tap = open_tap(false);
	uint8_t frame[256], none[64];
	const size_t len = tcp_frame(frame, sizeof(frame), 100);
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { frame, 54 }, { frame + 54, len - 54 } };
	const int raw = raw_open(tap->name);

	cr_expect_eq(tap_read(tap, &hdr, none, sizeof(none)), -EAGAIN);
	raw_send(raw, frame, len);
	cr_expect(tap_sees(tap, frame, len, DEADLINE_MS));
	hdr = (struct vnet_header){ 0 };
	cr_expect_eq(tap_write(tap, iov, 3), 0);
	cr_expect(raw_sees(raw, frame, len, DEADLINE_MS));
	hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4; /* and gso_size 0 */
	cr_expect_eq(tap_write(tap, iov, 3), -EINVAL);
	tap->ops->close(tap);
}

/* The errors of frontend.h. */
Test(tap, down_is_eagain_and_deleted_is_enodev)
{
	struct vnet_header hdr = { 0 };
	struct frontend *tap = open_tap(false);
	uint8_t frame[256];
	const size_t len = tcp_frame(frame, sizeof(frame), 100);
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { frame, len } };

	run("ip link set sp0 down");
	cr_expect_eq(tap_write(tap, iov, 2), -EAGAIN);
	cr_expect_eq(tap_read(tap, &hdr, frame, sizeof(frame)), -EAGAIN);
	run("ip link set sp0 up");
	cr_expect_eq(tap_write(tap, iov, 2), 0);
	run("ip link del sp0");
	cr_expect_eq(tap_write(tap, iov, 2), -ENODEV);
	cr_expect_eq(tap_read(tap, &hdr, frame, sizeof(frame)), -ENODEV);
	tap->ops->close(tap);
}

/* Address and carrier of the TAP can be set wherever it is; its MTU only in our namespace. */
Test(tap, moved_takes_the_mtu_where_it_is)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0, 0x77 };
	struct frontend *tap = open_tap(false);

	cr_expect(tap->ops->is_here(tap));
	cr_expect_eq(tap->ops->set_mtu(tap, 1400), 0);
	cr_expect_eq(device(tap->name).mtu, 1400);
	cr_expect_eq(tap->ops->set_mtu(tap, TAP_MTU_MAX + 1), -EINVAL);
	run("mount -t tmpfs none /run && ip netns add away && ip link set sp0 netns away");
	/* Another interface of the same name, which must not be changed. */
	run("ip link add sp0 type veth peer name other");
	cr_expect_not(tap->ops->is_here(tap));
	cr_expect_eq(tap->ops->set_mtu(tap, 1300), 0);
	cr_expect_eq(device("sp0").mtu, 1500);
	cr_expect_eq(tap->ops->set_mac(tap, mac), 0);
	cr_expect_eq(tap->ops->set_carrier(tap, false), 0);
	run("ip -n away link show sp0 | grep -q 'mtu 1300'");
	run("ip -n away link show sp0 | grep -q 02:00:00:00:00:77");
	run("ip -n away link set sp0 up && ip -n away link show sp0 | grep -q NO-CARRIER");
	tap->ops->close(tap);
}

/* ---- xsk ----------------------------------------------------------------------------- */

TestSuite(xsk, .init = set_up, .timeout = 240);

Test(xsk, opens_in_copy_mode_on_veth)
{
	const struct modes_plan plan = plan_of(true, MODES_TRANSMIT_AUTO);
	struct xsk_config config = xsk_config;
	struct xdp_statistics stats;
	struct umem umem;
	struct xsk xsk;

	config.plan = &plan; /* it has zero copy, which veth refuses */
	open_xsk(&xsk, &umem, &config);
	cr_expect(!xsk.zerocopy);
	cr_expect_eq(xsk.choice.outcomes[MODES_ZEROCOPY_SLICES], -EOPNOTSUPP);
	cr_expect_eq(xsk.choice.outcomes[MODES_ZEROCOPY_BUILT], -EOPNOTSUPP);
	cr_expect_eq(xsk.choice.outcomes[MODES_ZEROCOPY_BUILT_SG], MODES_UNTRIED);
	cr_expect_eq(xsk.choice.outcomes[xsk.choice.variant], 0);
	cr_expect_eq(xsk.choice.outcomes[MODES_COPY_SLICES], MODES_UNTRIED);
	cr_expect_eq(xsk.chain_max, xsk.multibuffer ? 18 : 1);
	cr_expect_geq(xsk.tx_budget, 32);
	cr_expect_leq(xsk.tx_budget, RING);
	cr_expect_eq(umem.frames.cnt, RING, "the kernel has one ring full");
	cr_expect_eq(xsk_statistics(&xsk, &stats), 0);
	cr_expect_eq(stats.rx_dropped, 0);
	close_xsk(&xsk, &umem);
}

Test(xsk, variants_as_asked)
{
	const struct modes_plan built = plan_of(false, MODES_TRANSMIT_BUILT);
	const struct modes_plan slices = plan_of(false, MODES_TRANSMIT_SLICES);
	struct xsk_config config = xsk_config;
	struct umem umem;
	struct xsk xsk;
	int err;

	config.plan = &built;
	open_xsk(&xsk, &umem, &config);
	cr_expect(!xsk.slices);
	cr_expect_eq(xsk_frame_max(&xsk), xsk.multibuffer ? 18 * 3840 : 3840);
	close_xsk(&xsk, &umem);

	config.plan = &slices;
	cr_assert_eq(umem_open(&umem, &umem_config), 0);
	err = xsk_open(&xsk, &config, &umem);
	if (err)
		cr_skip_test("kernel without multi-buffer AF_XDP: %s", strerror(-err));
	cr_expect(xsk.slices);
	cr_expect(xsk.multibuffer);
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
	cr_expect_lt(now_ms() - start, 5000);
	cr_expect_eq(other_umem.frames.cnt, umem_config.rx_frames, "no frame was taken");
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
	uint32_t idx = 0, done = 0;

	cr_assert_eq(xsk_ring_prod__reserve(&xsk->tx, cnt, &idx), cnt);
	for (uint32_t i = 0; i < cnt; i++)
		*xsk_ring_prod__tx_desc(&xsk->tx, idx + i) = chain[i];
	xsk_ring_prod__submit(&xsk->tx, cnt);
	cr_assert_eq(xsk_wake_tx(xsk), 0);
	while (done < cnt && now_ms() < deadline) {
		const uint32_t got = xsk_ring_cons__peek(&xsk->completion, cnt - done, &idx);

		for (uint32_t i = 0; i < got; i++)
			cr_expect_eq(*xsk_ring_cons__comp_addr(&xsk->completion, idx + i), chain[done + i].addr);
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
	const struct modes_plan slices = plan_of(false, MODES_TRANSMIT_SLICES);
	/* With unaligned chunks a slice may cross a chunk border. */
	const uint32_t off = UMEM_CHUNK_LEN - 700;
	struct xsk_config config = xsk_config;
	struct umem umem;
	struct xsk xsk;

	config.plan = &slices;
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

/* ---- checksums by the NIC ------------------------------------------------------------ */

static const struct tx_checksum_facts by_nic = { .by_offset = true, .offload = true };

static struct xsk_config asking_config(void)
{
	struct xsk_config config = xsk_config;

	config.tx_checksum = &by_nic;
	config.prove = true;
	return config;
}

/* Writes a packet with a request into the first slot. frame is what it must be on the wire. */
static struct xdp_desc unfinished(struct xsk *xsk, struct umem *umem, uint8_t *frame, size_t len)
{
	const uint64_t addr = umem_slot_addr(umem, 0) + xsk->tx_headroom;
	struct compat_xsk_tx_metadata *request = (void *)(umem_data(umem, addr) - sizeof(*request));
	uint8_t *at = umem_data(umem, addr);

	memcpy(at, frame, len);
	memset(at + 34 + 16, 0, 2);
	store_be16(at + 34 + 16, packet_fold(packet_sum(at + 26, 8, 6 + len - 34)));
	*request = (struct compat_xsk_tx_metadata){ .flags = XDP_TXMD_FLAGS_CHECKSUM,
						    .request = { .csum_start = 34, .csum_offset = 16 } };
	return (struct xdp_desc){ addr, len, XDP_TX_METADATA };
}

/* The test packet proves it. Then the offload is switched off, so that the kernel does it and the sum can be seen. */
Test(xsk, the_nic_finishes_checksums_once_it_is_proved)
{
	const struct xsk_config config = asking_config();
	const int raw = raw_open("wire");
	uint8_t frame[1514];
	const size_t len = tcp_frame(frame, sizeof(frame), 1001);
	struct umem umem;
	struct xsk xsk;

	open_xsk(&xsk, &umem, &config);
	if (!xsk.tx_headroom)
		cr_skip_test("%s", xsk.choice.tx_checksum_why);
	cr_assert(xsk.choice.tx_checksum, "%s", xsk.choice.tx_checksum_why);
	cr_expect(strstr(xsk.choice.tx_checksum_why, "test packet"), "%s", xsk.choice.tx_checksum_why);
	umem_set_slots(&umem, UMEM_CHUNK_LEN, UINT32_MAX);
	run("ethtool -K nic tx off >/dev/null");
	const struct xdp_desc desc = unfinished(&xsk, &umem, frame, len);
	xsk_send_chain(&xsk, &desc, 1);
	cr_expect(raw_sees(raw, frame, len, DEADLINE_MS));
	close_xsk(&xsk, &umem);
}

/* The test packet with a request reaches beyond the memory that the kernel knows; the short test frame, which is sent
 * without room for a request, does not. So the socket has no room for requests afterwards, and works. */
Test(xsk, without_the_proof_there_is_no_request)
{
	const struct xsk_config config = asking_config();
	const uint32_t reach = 100;
	const int raw = raw_open("wire");
	uint8_t frame[100];
	const size_t len = tcp_frame(frame, sizeof(frame), 10);
	struct umem umem;
	struct xsk xsk;
	uint64_t whole;

	run("ip link set nic mtu 68");
	cr_assert_eq(umem_open(&umem, &umem_config), 0);
	whole = umem.area_len;
	umem.area_len = umem.slots_off + reach;
	cr_assert_eq(xsk_open(&xsk, &config, &umem), 0);
	cr_expect_not(xsk.choice.tx_checksum);
	cr_expect_eq(xsk.tx_headroom, 0);
	if (!xsk.choice.tx_checksum_unproved)
		cr_skip_test("%s", xsk.choice.tx_checksum_why);
	cr_expect(strstr(xsk.choice.tx_checksum_why, "refused"), "%s", xsk.choice.tx_checksum_why);
	cr_expect_null(xsk.choice.unproved, "the way of binding is proved all the same");
	memcpy(umem_data(&umem, 0), frame, len);
	const struct xdp_desc desc = { 0, len, 0 };
	xsk_send_chain(&xsk, &desc, 1);
	cr_expect(raw_sees(raw, frame, len, DEADLINE_MS));
	umem.area_len = whole;
	close_xsk(&xsk, &umem);
}

/* A socket that is made anew has the properties of the first one, without another test packet. */
Test(xsk, what_was_proved_holds_for_the_next_socket)
{
	struct xsk_config config = asking_config();
	struct xsk_choice chosen;
	struct umem umem;
	struct xsk xsk;

	open_xsk(&xsk, &umem, &config);
	chosen = xsk.choice;
	close_xsk(&xsk, &umem);
	config.prove = false;
	config.again = &chosen;
	open_xsk(&xsk, &umem, &config);
	cr_expect_eq(xsk.choice.tx_checksum, chosen.tx_checksum);
	cr_expect_eq(xsk.tx_headroom > 0, chosen.tx_checksum);
	cr_expect_str_eq(xsk.choice.tx_checksum_why, chosen.tx_checksum_why);
	close_xsk(&xsk, &umem);

	/* As when the kernel refuses the room the second time. */
	chosen.tx_checksum = true;
	config.tx_checksum = NULL;
	open_xsk(&xsk, &umem, &config);
	cr_expect_eq(xsk.tx_headroom, 0);
	cr_expect_not(xsk.choice.tx_checksum, "nothing is left to a NIC that cannot be asked");
	close_xsk(&xsk, &umem);

	config.tx_checksum = &by_nic;
	chosen.tx_checksum = false;
	open_xsk(&xsk, &umem, &config);
	cr_expect_not(xsk.choice.tx_checksum);
	cr_expect_eq(xsk.tx_headroom, 0, "what was refused is not tried again");
	close_xsk(&xsk, &umem);
}

/* Offered, but not proved. */
Test(xsk, unproved_the_nic_is_not_asked)
{
	struct xsk_config config = asking_config();
	struct umem umem;
	struct xsk xsk;

	config.prove = false;
	open_xsk(&xsk, &umem, &config);
	cr_expect_not(xsk.choice.tx_checksum);
	cr_expect(!xsk.tx_headroom || strstr(xsk.choice.tx_checksum_why, "not proved"));
	close_xsk(&xsk, &umem);
}

Test(xsk, no_room_for_requests_that_nobody_wants)
{
	static const struct tx_checksum_facts software = { .by_offset = true,
							   .offload = true,
							   .ask = TX_CHECKSUM_SOFTWARE };
	struct xsk_config config = asking_config();
	struct umem umem;
	struct xsk xsk;

	config.tx_checksum = &software;
	open_xsk(&xsk, &umem, &config);
	cr_expect_not(xsk.choice.tx_checksum);
	cr_expect_eq(xsk.tx_headroom, 0);
	cr_expect_not(xsk.choice.tx_checksum_unproved);
	close_xsk(&xsk, &umem);
}

/* ---- rings --------------------------------------------------------------------------- */

/* How many lines of a file have this word. */
static unsigned int lines_with(const char *path, const char *word)
{
	FILE *file = fopen(path, "r");
	unsigned int cnt = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		cnt += strstr(line, word) != NULL;
	if (file)
		fclose(file);
	return cnt;
}

static int lowest_free_fd(void)
{
	const int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static int open_rings(struct xsk_rings *rings, struct umem *umem, uint32_t ring_size, uint32_t metadata_len,
		      uint32_t queue)
{
	static struct xsk_ring_prod fill, tx;
	static struct xsk_ring_cons completion, rx;
	const struct xsk_rings_config config = {
		.area = umem->area,
		.area_len = umem->area_len,
		.chunk_len = UMEM_CHUNK_LEN,
		.tx_metadata_len = metadata_len,
		.ring_size = ring_size,
		.ifindex = device("nic").ifindex,
		.queue = queue,
		.bind_flags = XDP_COPY,
		.fill = &fill,
		.tx = &tx,
		.completion = &completion,
		.rx = &rx,
	};
	const int err = xsk_rings_open(rings, &config);

	if (!err) {
		cr_expect_eq(xsk_prod_nb_free(&tx, 1), ring_size);
		cr_expect_eq(xsk_prod_nb_free(&fill, 1), ring_size);
		cr_expect_eq(xsk_cons_nb_avail(&rx, ring_size), 0);
		cr_expect_eq(xsk_cons_nb_avail(&completion, ring_size), 0);
	}
	return err;
}

/* Whichever call fails, neither a mapping nor a descriptor is left. */
Test(xsk, rings_leave_nothing_behind)
{
	struct xsk_rings rings;
	struct umem umem;
	int free_fd;

	cr_assert_eq(umem_open(&umem, &umem_config), 0);
	free_fd = lowest_free_fd();
	cr_expect_eq(open_rings(&rings, &umem, RING, 0, 7), -EINVAL, "bind: no such queue");
	cr_expect_eq(open_rings(&rings, &umem, 100, 0, 0), -EINVAL, "no power of two");
	cr_expect_eq(open_rings(&rings, &umem, RING, 7, 0), -EINVAL, "no multiple of 8");
	cr_expect_eq(lines_with("/proc/self/maps", "socket:"), 0);
	cr_expect_eq(lowest_free_fd(), free_fd, "a descriptor is left");
	cr_assert_eq(open_rings(&rings, &umem, RING, 0, 0), 0);
	cr_expect_eq(lines_with("/proc/self/maps", "socket:"), 4);
	xsk_rings_close(&rings);
	cr_expect_eq(rings.fd, -1);
	cr_expect_eq(lines_with("/proc/self/maps", "socket:"), 0);
	cr_expect_eq(lowest_free_fd(), free_fd, "a descriptor is left");
	umem_close(&umem);
}
