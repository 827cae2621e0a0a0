// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Virtio headers of datagrams and tunnels, with this kernel's TAP as the judge: a packet that vnet_write() describes
 * arrives, and vnet_read() understands what the kernel describes. TCP over a TAP is tested by everything else.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/parse.h"
#include "nic/uapi_compat.h"
#include "engine/vnet.h"
#include "nic_bed.h"
#include "fixtures/packet_builder.h"

#define SIZE 400u
#define CNT 3u

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

TestSuite(superpackets, .init = set_up, .timeout = 240);

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	run(command);
}

/* The kernel adds the route of an address a little later, and takes no packet to the address before. */
static void add_ipv6(const char *address, const char *device)
{
	shell("ip addr add %s/64 dev %s nodad", address, device);
	shell("for i in $(seq 1000); do ip -6 route show table local | grep -q '^local %s ' && exit 0; sleep 0.02; "
	      "done; exit 1",
	      address);
}

/* A UDP socket on the port that packet_udp4() sends to; its recv() has a time limit. */
static int udp_open(int family)
{
	const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = DEADLINE_MS / 1000 };
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(5201) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(5201) };

	cr_assert_geq(fd, 0);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	if (family == AF_INET)
		cr_assert_eq(bind(fd, (struct sockaddr *)&any4, sizeof(any4)), 0, "%s", strerror(errno));
	else
		cr_assert_eq(bind(fd, (struct sockaddr *)&any6, sizeof(any6)), 0, "%s", strerror(errno));
	return fd;
}

/* Receives the datagrams of a superpacket and compares lengths, bytes and order. */
static void expect_datagrams(int fd, uint32_t cnt, uint32_t rest)
{
	uint8_t got[2 * SIZE];
	uint32_t at = 1000; /* where packet_udp4() begins in the test stream */

	for (uint32_t i = 0; i < cnt; i++) {
		const ssize_t want = i + 1 < cnt ? SIZE : rest;

		cr_assert_eq(recv(fd, got, sizeof(got), 0), want, "datagram %u: %s", i, strerror(errno));
		for (ssize_t j = 0; j < want; j++)
			cr_assert_eq(got[j], packet_pattern(at + (uint32_t)j), "datagram %u, byte %zd", i, j);
		at += (uint32_t)want;
	}
}

static void write_super(struct frontend *tap, const struct gso_request *request, uint8_t *frame, size_t len)
{
	struct vnet_header hdr;
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { frame, len } };

	vnet_write(&hdr, request);
	cr_assert_eq(tap_write(tap, iov, 2), 0, "flags 0x%x, type 0x%x", hdr.flags, hdr.gso_type);
}

/* V3, V7: datagrams in one write, of which the last may be shorter (R18). */
static void uso_in(struct packet p, int family)
{
	struct frontend *tap = open_tap(false);
	const int udp = udp_open(family);
	struct packet_layout at;
	uint8_t frame[2048];
	struct gso_request request = {
		.type = GSO_UDP, .needs_csum = true, .size = SIZE, .csum_offset = UDP_CSUM_OFFSET
	};
	size_t len;

	shell("ip addr add 192.0.2.2/24 dev %s", tap->name);
	add_ipv6("2001:db8::2", tap->name);
	memcpy(p.dst_mac, device("nic").mac, 6);
	p.payload_len = CNT * SIZE - 7;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	len = packet_build(&p, frame, sizeof(frame), &at);
	request.csum_start = (uint16_t)at.l4_off;
	request.hdr_len = (uint16_t)at.payload_off;
	write_super(tap, &request, frame, len);
	expect_datagrams(udp, CNT, SIZE - 7);
}

Test(superpackets, uso_in_ipv4) { uso_in(packet_udp4(), AF_INET); }
Test(superpackets, uso_in_ipv6) { uso_in(packet_udp6(), AF_INET6); }

/* A VXLAN device over the TAP, which has the addresses of the inner packets. */
static void vxlan_over(struct frontend *tap, enum packet_l3 outer)
{
	/* Hosts would ask for each other's MAC addresses. */
	const char *local = outer == PACKET_L3_IPV4 ? "198.51.100.2" : "2001:db8:1::2";
	const char *remote = outer == PACKET_L3_IPV4 ? "198.51.100.1" : "2001:db8:1::1";

	if (outer == PACKET_L3_IPV4)
		shell("ip addr add %s/24 dev %s", local, tap->name);
	else
		add_ipv6(local, tap->name);
	shell("ip neigh add %s lladdr 02:00:00:00:00:11 dev %s", remote, tap->name);
	if (system("ip link add vx address 02:00:00:00:00:02 type vxlan id 42 dstport 4789 dev lo 2>/dev/null"))
		cr_skip_test("kernel without VXLAN");
	shell("ip link del vx; ip link add vx address 02:00:00:00:00:02 type vxlan id 42 dstport 4789 local %s "
	      "remote %s dev %s udpcsum udp6zerocsumrx",
	      local, remote, tap->name);
	shell("ip link set vx addrgenmode none up; ip addr add 192.0.2.2/24 dev vx");
	add_ipv6("2001:db8::2", "vx");
	shell("ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev vx");
	shell("ip neigh add 2001:db8::1 lladdr 02:00:00:00:00:01 dev vx");
}

struct tunnel_case {
	enum packet_l3 outer;
	enum packet_l4_csum csum;
	bool v6_inside, tcp;
};

static size_t build_super(const struct tunnel_case *c, uint8_t *frame, size_t cap, struct packet_layout *at,
			  struct gso_request *request)
{
	struct packet_tunnel tunnel = packet_tunnel(PACKET_VXLAN, c->outer);
	struct packet p = c->tcp ? (c->v6_inside ? packet_tcp6() : packet_tcp4()) :
				   (c->v6_inside ? packet_udp6() : packet_udp4());
	size_t len;

	memcpy(tunnel.outer.dst_mac, device("nic").mac, 6);
	tunnel.outer.l4_csum = c->csum;
	p.payload_len = CNT * SIZE;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	len = packet_build_in(&tunnel, &p, frame, cap, at);
	*request = (struct gso_request){
		.type = !c->tcp      ? GSO_UDP :
			c->v6_inside ? GSO_TCPV6 :
				       GSO_TCPV4,
		.needs_csum = true,
		.size = SIZE,
		.csum_start = (uint16_t)at->l4_off,
		.csum_offset = c->tcp ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET,
		.hdr_len = (uint16_t)at->payload_off,
		.inner_l3_off = (uint16_t)at->l3_off,
		.outer_l4_off = (uint16_t)at->outer_l4_off,
		.outer_udp = true,
		.outer_version = c->outer == PACKET_L3_IPV4 ? 4 : 6,
		.outer_csum = c->csum != PACKET_CSUM_ZERO,
	};
	return len;
}

/* V8: the kernel removes the tunnel. The inner packet is still one, or becomes datagrams. */
static void tunnel_in(const struct tunnel_case *c)
{
	struct frontend *tap = open_tap(false);
	struct packet_layout at;
	struct gso_request request;
	uint8_t frame[2048];
	size_t len;
	int fd;

	vxlan_over(tap, c->outer);
	len = build_super(c, frame, sizeof(frame), &at, &request);
	fd = c->tcp ? raw_open("vx") : udp_open(c->v6_inside ? AF_INET6 : AF_INET);
	write_super(tap, &request, frame, len);
	if (c->tcp)
		cr_expect(raw_sees(fd, frame + at.inner_off, len - at.inner_off, DEADLINE_MS));
	else
		expect_datagrams(fd, CNT, SIZE);
}

#define IN(name, ...) \
	Test(superpackets, tunnel_in_##name) { tunnel_in(&(struct tunnel_case){ __VA_ARGS__ }); }

IN(tcp4_over_ipv4, PACKET_L3_IPV4, PACKET_CSUM_ZERO, false, true)
IN(tcp6_over_ipv4_with_checksum, PACKET_L3_IPV4, PACKET_CSUM_FULL, true, true)
IN(tcp4_over_ipv6_with_checksum, PACKET_L3_IPV6, PACKET_CSUM_FULL, false, true)
IN(tcp6_over_ipv6, PACKET_L3_IPV6, PACKET_CSUM_ZERO, true, true)
IN(uso_over_ipv4, PACKET_L3_IPV4, PACKET_CSUM_ZERO, false, false)
IN(uso_over_ipv6_with_checksum, PACKET_L3_IPV6, PACKET_CSUM_FULL, true, false)

/* Other tunnels are described as their inner packets, and the kernel takes them as one packet, unchanged. (Whether a
 * GRE or IP-in-IP device removes the tunnel cannot be tested on kernels without these devices.) */
static void other_tunnel_in(enum packet_tunnel_kind kind, enum packet_l3 outer, struct packet p)
{
	struct frontend *tap = open_tap(false);
	const int raw = raw_open(tap->name);
	struct packet_tunnel tunnel = packet_tunnel(kind, outer);
	struct gso_request request = { .type = p.l3 == PACKET_L3_IPV4 ? GSO_TCPV4 : GSO_TCPV6,
				       .needs_csum = true,
				       .size = SIZE,
				       .csum_offset = TCP_CSUM_OFFSET };
	struct packet_layout at;
	uint8_t frame[2048];
	size_t len;

	memcpy(tunnel.outer.dst_mac, device("nic").mac, 6);
	p.payload_len = CNT * SIZE;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	len = packet_build_in(&tunnel, &p, frame, sizeof(frame), &at);
	request.csum_start = (uint16_t)at.l4_off;
	request.hdr_len = (uint16_t)at.payload_off;
	request.inner_l3_off = (uint16_t)at.l3_off;
	request.outer_l4_off = (uint16_t)at.outer_l4_off;
	request.outer_version = outer == PACKET_L3_IPV4 ? 4 : 6;
	write_super(tap, &request, frame, len);
	cr_expect(raw_sees(raw, frame, len, DEADLINE_MS));
}

Test(superpackets, gre_in) { other_tunnel_in(PACKET_GRE, PACKET_L3_IPV4, packet_tcp4()); }
Test(superpackets, ipip_in) { other_tunnel_in(PACKET_IPIP, PACKET_L3_IPV6, packet_tcp4()); }
Test(superpackets, ip6ip_in) { other_tunnel_in(PACKET_IPIP, PACKET_L3_IPV4, packet_tcp6()); }

/* V9: what the rules of the header forbid is refused by the kernel, not dropped without notice. */
Test(superpackets, refused)
{
	const struct tunnel_case c = { PACKET_L3_IPV4, PACKET_CSUM_ZERO, false, true };
	struct frontend *tap = open_tap(false);
	struct gso_request good, bad[4];
	struct packet_layout at;
	uint8_t frame[2048];
	size_t len = build_super(&c, frame, sizeof(frame), &at, &good);

	bad[0] = bad[1] = bad[2] = bad[3] = good;
	bad[0].outer_l4_off = 33;
	bad[1].inner_l3_off = good.outer_l4_off;
	bad[2].size = 0;
	bad[3].needs_csum = false;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vnet_header hdr;
		const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { frame, len } };
		struct gso_request request;

		vnet_write(&hdr, &bad[i]);
		cr_expect_not(vnet_read(&hdr, (uint32_t)len, &request), "case %zu", i);
		cr_expect_eq(tap_write(tap, iov, 2), -EINVAL, "case %zu", i);
	}
	write_super(tap, &good, frame, len);
}

/* Reads the next superpacket that the host sends. */
static uint32_t read_super(struct frontend *tap, uint8_t *frame, uint32_t room, struct gso_request *request)
{
	const uint64_t deadline = now_ms() + DEADLINE_MS;

	for (;;) {
		struct pollfd pfd = { tap->ops->queue(tap, 0)->fd, POLLIN, 0 };
		const int64_t left = deadline - now_ms();
		struct vnet_header hdr;
		int len;

		cr_assert(left > 0 && poll(&pfd, 1, left) > 0, "no superpacket comes");
		len = tap_read(tap, &hdr, frame, room);
		cr_assert_gt(len, 0);
		cr_assert(vnet_read(&hdr, (uint32_t)len, request),
			  "flags 0x%x, type 0x%x, size %u, csum %u + %u, "
			  "tunnel %u %u",
			  hdr.flags, hdr.gso_type, hdr.gso_size, hdr.csum_start, hdr.csum_offset, hdr.outer_th_offset,
			  hdr.inner_nh_offset);
		if (request->type != GSO_NONE)
			return (uint32_t)len;
	}
}

static void send_datagrams(bool v6)
{
	const struct sockaddr_in to4 = { .sin_family = AF_INET,
					 .sin_port = htons(5201),
					 .sin_addr.s_addr = inet_addr("192.0.2.1") };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(5201) };
	const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = SIZE;
	uint8_t payload[CNT * SIZE];

	for (uint32_t i = 0; i < sizeof(payload); i++)
		payload[i] = packet_pattern(i);
	inet_pton(AF_INET6, "2001:db8::1", &to6.sin6_addr);
	cr_assert_eq(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	cr_assert_eq(sendto(fd, payload, sizeof(payload), 0, v6 ? (const void *)&to6 : (const void *)&to4,
			    v6 ? sizeof(to6) : sizeof(to4)),
		     sizeof(payload), "%s", strerror(errno));
	close(fd);
}

static struct frontend *open_tap_with(uint32_t offloads)
{
	struct frontend *tap = open_tap(true);

	if ((tap->offloads & offloads) != offloads)
		cr_skip_test("a TAP without offloads 0x%x: 0x%x", offloads, tap->offloads);
	return tap;
}

static void expect_payload(const uint8_t *frame, const struct packet_view *view)
{
	cr_assert_eq(view->class, PARSE_UDP);
	cr_assert_eq(view->obstacle, PARSE_CLEAR);
	cr_assert_eq(view->payload_len, CNT * SIZE);
	for (uint32_t i = 0; i < view->payload_len; i++)
		cr_assert_eq(frame[view->payload_off + i], packet_pattern(i), "byte %u", i);
}

/* S6: what is sent with UDP_SEGMENT arrives as one superpacket. */
static void uso_out(bool v6)
{
	struct frontend *tap = open_tap_with(FRONTEND_USO);
	struct gso_request request;
	struct packet_view view;
	uint8_t frame[4096];
	uint32_t len;

	shell("ip addr add 192.0.2.2/24 dev %s", tap->name);
	add_ipv6("2001:db8::2", tap->name);
	shell("ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev %s", tap->name);
	shell("ip neigh add 2001:db8::1 lladdr 02:00:00:00:00:01 dev %s", tap->name);
	send_datagrams(v6);
	len = read_super(tap, frame, sizeof(frame), &request);
	parse_packet(frame, len, len, &view);
	cr_assert(request.type == GSO_UDP && request.size == SIZE && !request.outer_udp);
	cr_assert_eq(request.csum_start, view.l4_off);
	expect_payload(frame, &view);
}

Test(superpackets, uso_out_ipv4) { uso_out(false); }
Test(superpackets, uso_out_ipv6) { uso_out(true); }

/* Everything that is sent through the TAP gets a VLAN tag beside the packet, as from a VLAN device; the TAP writes it
 * into the frame. */
static void tag_what_leaves(struct frontend *tap)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = htons(0x8100) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 5 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)tap->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);

	opts.prog_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "tag", "GPL", program, ARRAY_SIZE(program), NULL);
	cr_assert_geq(opts.prog_fd, 0, "%s", strerror(errno));
	cr_assert_eq(bpf_tc_hook_create(&hook), 0);
	cr_assert_eq(bpf_tc_attach(&hook, &opts), 0);
}

/* V8: superpackets of the kernel's own tunnels. Header and parser agree. */
static void tunnel_out(enum packet_l3 outer, bool v6, bool tagged)
{
	static const struct parse_tunnels tunnels = { .enter = PARSE_TUNNEL_BIT(PARSE_VXLAN),
						      .vxlan_port = VXLAN_PORT };
	struct frontend *tap = open_tap_with(FRONTEND_USO | FRONTEND_UDP_TUNNEL_GSO | FRONTEND_UDP_TUNNEL_GSO_CSUM);
	struct packet_view view, told;
	struct gso_request request;
	uint8_t frame[4096];
	uint32_t len;

	vxlan_over(tap, outer);
	if (tagged)
		tag_what_leaves(tap);
	send_datagrams(v6);
	len = read_super(tap, frame, sizeof(frame), &request);
	vnet_correct_tunnel(&request, frame, len);
	parse_packet(frame, len, len, &view);
	cr_assert_eq(view.l3_off, tagged ? 18 : 14);
	told = view;
	cr_assert(parse_inner(frame, len, len, &tunnels, &view));
	cr_assert(parse_inner_at(frame, len, len, request.inner_l3_off, &told));
	cr_assert_arr_eq(&view, &told, sizeof(view));
	cr_assert(request.type == GSO_UDP && request.size == SIZE && request.outer_udp);
	cr_assert(request.outer_version == view.outer_version && request.outer_l4_off == view.outer_l4_off);
	cr_assert_eq(request.csum_start, view.l4_off);
	cr_assert(request.outer_csum, "udpcsum");
	expect_payload(frame, &view);
}

Test(superpackets, tunnel_out_udp4_over_ipv4) { tunnel_out(PACKET_L3_IPV4, false, false); }
Test(superpackets, tunnel_out_udp6_over_ipv4) { tunnel_out(PACKET_L3_IPV4, true, false); }
Test(superpackets, tunnel_out_udp4_over_ipv6) { tunnel_out(PACKET_L3_IPV6, false, false); }
Test(superpackets, tunnel_out_udp4_over_ipv4_tagged) { tunnel_out(PACKET_L3_IPV4, false, true); }
Test(superpackets, tunnel_out_udp6_over_ipv6_tagged) { tunnel_out(PACKET_L3_IPV6, true, true); }
