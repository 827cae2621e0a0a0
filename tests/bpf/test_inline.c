// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The tc programs of inline mode. Their decision is tested with BPF_PROG_TEST_RUN, on the
 * same table as the XDP program; where packets really go is tested in a namespace of our
 * own, with the programs attached as the daemon attaches them:
 *
 *	packet socket --> nic (veth) -- inline_egress --> tap --> read
 *	                   |   +-- not served --> wire (its peer) --> packet socket
 *	packet socket <-- nic <----- inline_ingress <---- tap <-- write
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "prog_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "inline.skel.h"
#include "fixtures/live_beat.h"
#include "fixtures/packet_builder.h"
#include "served_table.h"

/* linux/bpf.h since 6.6 */
#define TCX_NEXT (-1)
#define TCX_REDIRECT 7
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47

#define MTU 9000
#define WAIT_MS 20000

static const char *const counter_names[] = INLINE_COUNTER_NAMES;

struct rig {
	struct inline_bpf *bpf;
	struct steer_state *state;
};

static const char *reason_name(int reason)
{
	return reason < 0 ? (reason == -1 ? "(none)" : "(several)") : counter_names[reason];
}

static void store_beat(void *state, uint64_t now_ns) { ((struct steer_state *)state)->heartbeat_ns = now_ns; }

/* A daemon that is alive. */
static void rig_beat(struct rig *rig) { live_beat_start(store_beat, rig->state); }

/* The last heartbeat of one that is not. */
static void rig_last_beat(struct rig *rig, uint64_t heartbeat_ns)
{
	live_beat_stop();
	rig->state->heartbeat_ns = heartbeat_ns;
}

static void rig_load(struct rig *rig, uint32_t nic, uint32_t tap)
{
	rig->bpf = inline_bpf__open();
	cr_assert(rig->bpf, "open: %s", strerror(errno));
	rig->bpf->rodata->nic_ifindex = nic;
	rig->bpf->rodata->tap_ifindex = tap;
	loaded_or_skip(inline_bpf__load(rig->bpf));
	rig->state = map_state(rig->bpf->maps.steer_state);
}

static void rig_open(struct rig *rig)
{
	own_netns();
	rig_load(rig, 1, 1);
	rig->state->serve = STEER_SERVE_TCP;
	rig_beat(rig);
}

static void rig_counters(const struct rig *rig, uint64_t *sum)
{
	read_counters(rig->bpf->maps.inline_counters, sum, INLINE_COUNTER_CNT);
}

static int case_reason(const struct served_case *c)
{
	static const int reason[] = {
		[EXPECT_SERVED] = INLINE_EGRESS_REDIRECTED,      [EXPECT_FRAGMENT] = INLINE_EGRESS_REDIRECTED,
		[EXPECT_NOT_IP] = INLINE_EGRESS_PASS_NOT_IP,     [EXPECT_MALFORMED] = INLINE_EGRESS_PASS_MALFORMED,
		[EXPECT_PROTOCOL] = INLINE_EGRESS_PASS_PROTOCOL,
	};

	return reason[c->expect];
}

/* False if the kernel refuses to run the program on such a packet. */
static bool expect_run(struct rig *rig, const struct bpf_program *prog, const uint8_t *packet, size_t len, int action,
		       int reason, const char *what)
{
	static uint8_t out[PROG_TEST_BUF];
	uint64_t before[INLINE_COUNTER_CNT], after[INLINE_COUNTER_CNT];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)len, .data_out = out,
		    .data_size_out = sizeof(out));
	int err, counter;

	rig_counters(rig, before);
	err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	if (err == -EINVAL)
		return false;
	cr_assert_eq(err, 0, "%s: test run of %zu bytes: %s", what, len, strerror(-err));
	rig_counters(rig, after);
	counter = counted(before, after, INLINE_COUNTER_CNT);
	cr_expect((int)opts.retval == action && counter == reason, "%s: action %d, counter %s; want %d, %s", what,
		  (int)opts.retval, reason_name(counter), action, reason_name(reason));
	cr_assert(opts.data_size_out == len && memcmp(out, packet, len) == 0, "%s: the program changed the packet",
		  what);
	return true;
}

/* Runs each row of the table through inline_egress. @reason < 0: the verdict is the row's. */
static void expect_table(struct rig *rig, int action, int reason)
{
	static uint8_t packet[PROG_TEST_BUF];
	struct served_case *table;
	size_t cnt;

	table = served_table(rig->state->serve, &cnt);
	for (size_t i = 0; i < cnt; i++) {
		size_t len = served_case_build(&table[i], packet, sizeof(packet));
		bool ran = expect_run(rig, rig->bpf->progs.inline_egress, packet, len,
				      reason >= 0          ? action :
				      is_served(&table[i]) ? TCX_REDIRECT :
							     TCX_NEXT,
				      reason >= 0 ? reason : case_reason(&table[i]), table[i].what);

		/* A test run refuses headers that are cut short; they are really sent further below. */
		cr_expect(ran || len < ETH + IP6, "%s: not run", table[i].what);
	}
	free(table);
}

Test(inline_mode, egress_table)
{
	struct rig rig;

	rig_open(&rig);
	rig_beat(&rig);
	expect_table(&rig, 0, -1);
}

Test(inline_mode, egress_table_by_protocol)
{
	struct rig rig;

	rig_open(&rig);
	for (uint32_t serve = 1; serve < 16; serve++) {
		rig.state->serve = serve;
		rig_beat(&rig);
		expect_table(&rig, 0, -1);
	}
}

Test(inline_mode, egress_passes_what_is_not_served)
{
	struct rig rig;

	rig_open(&rig);
	rig.state->serve = 0;
	expect_table(&rig, TCX_NEXT, INLINE_EGRESS_PASS_NOT_SERVING);
}

Test(inline_mode, egress_passes_without_a_heartbeat)
{
	struct rig rig;

	rig_open(&rig);
	rig_last_beat(&rig, now_ns() - STEER_HEARTBEAT_LIMIT_NS - 20000000u);
	expect_table(&rig, TCX_NEXT, INLINE_EGRESS_PASS_NO_HEARTBEAT);
}

Test(inline_mode, egress_serve_all)
{
	struct rig rig;

	rig_open(&rig);
	rig.state->serve = STEER_SERVE_ALL;
	rig_beat(&rig);
	expect_table(&rig, TCX_REDIRECT, INLINE_EGRESS_REDIRECTED);
}

/* Everything that the daemon writes goes up, whatever it is, and whatever the state says. */
Test(inline_mode, ingress_redirects_everything)
{
	struct rig rig;
	uint8_t packet[2048];
	struct packet p[] = { packet_tcp4(), packet_udp6(), PACKET(tcp4, served_not_ip(&p, 0x0806, 28)) };

	rig_open(&rig);
	rig.state->serve = 0;
	rig_last_beat(&rig, 0);
	for (size_t i = 0; i < 3; i++) {
		size_t len = packet_build(&p[i], packet, sizeof(packet), NULL);

		cr_expect(expect_run(&rig, rig.bpf->progs.inline_ingress, packet, len, TCX_REDIRECT,
				     INLINE_INGRESS_REDIRECTED, "ingress"));
	}
}

/* What the daemon relies on when it maps the state. Needs no privilege. */
Test(inline_mode, the_state_map_is_not_pinned)
{
	struct inline_bpf *bpf = inline_bpf__open();

	cr_expect_eq(bpf_map__type(bpf->maps.steer_state), BPF_MAP_TYPE_ARRAY);
	cr_expect_eq(bpf_map__value_size(bpf->maps.steer_state), sizeof(struct steer_state));
	cr_expect(bpf_map__map_flags(bpf->maps.steer_state) & BPF_F_MMAPABLE);
	cr_expect_null(bpf_map__pin_path(bpf->maps.steer_state));
	cr_expect_null(bpf_map__pin_path(bpf->maps.inline_counters));
	cr_expect_eq(sizeof(counter_names) / sizeof(counter_names[0]), INLINE_COUNTER_CNT);
	inline_bpf__destroy(bpf);
}

/*
 * From here on: real devices.
 */
struct lab {
	struct rig rig;
	uint32_t nic, wire, tap;
	int tap_fd;
	int out;     /* packet socket that sends on nic, with virtio_net_hdr */
	int nic_in;  /* sees what arrives on nic, with virtio_net_hdr */
	int wire_in; /* sees what left by nic */
	int egress_link, ingress_link;
};

/* What is sent, and read, with the header that both TAP and packet sockets take. */
struct with_hdr {
	struct virtio_net_hdr hdr;
	uint8_t packet[PROG_TEST_BUF];
} __attribute__((packed));

static int tcx_attach(int prog_fd, uint32_t ifindex, uint32_t type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)prog_fd;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = type;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

static int tap_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		cr_skip_test("/dev/net/tun: %s", strerror(errno));
	strcpy(ifr.ifr_name, name);
	cr_assert_eq(ioctl(fd, TUNSETIFF, &ifr), 0, "TUNSETIFF: %s", strerror(errno));
	cr_assert_eq(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), 0);
	return fd;
}

/* @receive: the socket gets everything that passes the device; else it only sends. */
static int packet_socket(uint32_t ifindex, bool receive, bool vnet_hdr)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = receive ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = (int)ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	cr_assert(fd >= 0, "packet socket: %s", strerror(errno));
	if (vnet_hdr)
		cr_assert_eq(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

static void lab_open(struct lab *lab)
{
	own_netns();
	/* No neighbour discovery of our own between the packets that are counted. */
	if (system("for i in all default; do "
		   "f=/proc/sys/net/ipv6/conf/$i/disable_ipv6; [ -w $f ] && echo 1 >$f; done; "
		   "ip link add nic mtu 9000 type veth peer name wire mtu 9000"))
		cr_skip_test("no veth pair here");
	lab->tap_fd = tap_open("tap");
	cr_assert_eq(system("ip link set nic address 02:00:00:00:00:02 && "
			    "ip link set tap address 02:00:00:00:00:02 mtu 9000 && "
			    "for i in nic wire tap; do ip link set $i up || exit 1; done"),
		     0);
	lab->nic = if_nametoindex("nic");
	lab->wire = if_nametoindex("wire");
	lab->tap = if_nametoindex("tap");
	rig_load(&lab->rig, lab->nic, lab->tap);
	lab->rig.state->serve = STEER_SERVE_TCP;
	lab->out = packet_socket(lab->nic, false, true);
	lab->nic_in = packet_socket(lab->nic, true, true);
	lab->wire_in = packet_socket(lab->wire, true, false);
}

static void lab_attach(struct lab *lab)
{
	struct inline_bpf *bpf = lab->rig.bpf;

	lab->egress_link = tcx_attach(bpf_program__fd(bpf->progs.inline_egress), lab->nic, ATTACH_TCX_EGRESS);
	if (lab->egress_link < 0)
		cr_skip_test("this kernel has no tcx links: %s", strerror(errno));
	lab->ingress_link = tcx_attach(bpf_program__fd(bpf->progs.inline_ingress), lab->tap, ATTACH_TCX_INGRESS);
	cr_assert(lab->ingress_link >= 0, "tcx ingress: %s", strerror(errno));
}

/*
 * The next packet of @fd within WAIT_MS, of any kind except those that the host itself
 * sends; 0 if there is none.
 */
static size_t receive(int fd, void *buf, size_t cap, struct sockaddr_ll *from)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t deadline = now_ns() + WAIT_MS * 1000000ull;

	while (now_ns() < deadline) {
		socklen_t from_len = sizeof(*from);
		ssize_t n;

		poll(&p, 1, WAIT_MS);
		n = from ? recvfrom(fd, buf, cap, 0, (struct sockaddr *)from, &from_len) : read(fd, buf, cap);
		if (n > 0 && (!from || from->sll_pkttype != PACKET_OUTGOING))
			return (size_t)n;
	}
	return 0;
}

static void drain(int fd)
{
	uint8_t buf[64];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/* Send on nic; true if exactly @reason was counted. */
static void lab_send(struct lab *lab, const struct with_hdr *v, size_t len, int reason, const char *what)
{
	uint64_t before[INLINE_COUNTER_CNT], after[INLINE_COUNTER_CNT];
	int counter;

	rig_counters(&lab->rig, before);
	rig_beat(&lab->rig);
	cr_assert_eq(write(lab->out, v, sizeof(v->hdr) + len), (ssize_t)(sizeof(v->hdr) + len), "%s: send: %s", what,
		     strerror(errno));
	rig_counters(&lab->rig, after);
	counter = counted(before, after, INLINE_COUNTER_CNT);
	cr_expect_eq(counter, reason, "%s: counter %s; want %s", what, reason_name(counter), reason_name(reason));
}

/* The TAP gives these bytes. */
static void expect_on_tap(struct lab *lab, const uint8_t *packet, size_t len, const char *what)
{
	static struct with_hdr got;
	size_t n = receive(lab->tap_fd, &got, sizeof(got), NULL);

	cr_assert_eq(n, sizeof(got.hdr) + len, "%s: %zu bytes from the TAP, want %zu", what, n, sizeof(got.hdr) + len);
	cr_expect(memcmp(got.packet, packet, len) == 0, "%s: changed on its way", what);
}

static void expect_on_wire(struct lab *lab, const char *what)
{
	static uint8_t got[PROG_TEST_BUF];
	struct sockaddr_ll from;

	cr_expect(receive(lab->wire_in, got, sizeof(got), &from) > 0, "%s: not on the wire", what);
}

/* The receiving kernel drops it before any packet socket sees it. */
static bool ends_in_a_tag(const struct served_case *c) { return c->keep && c->keep <= ETH + c->packet.vlan_cnt * TAG; }

Test(inline_mode, served_leaves_by_the_tap_and_the_rest_by_the_wire)
{
	static struct with_hdr v;
	struct lab lab;
	struct served_case *table;
	size_t cnt;

	lab_open(&lab);
	lab_attach(&lab);
	table = served_table(STEER_SERVE_TCP, &cnt);
	for (size_t i = 0; i < cnt; i++) {
		size_t len = served_case_build(&table[i], v.packet, sizeof(v.packet));

		lab_send(&lab, &v, len, case_reason(&table[i]), table[i].what);
		if (is_served(&table[i]))
			expect_on_tap(&lab, v.packet, len, table[i].what);
		else if (!ends_in_a_tag(&table[i]))
			expect_on_wire(&lab, table[i].what);
	}
	free(table);
}

/*
 * A packet socket that claims no header length puts all but the Ethernet header of a
 * packet above a page into page fragments.
 */
Test(inline_mode, headers_outside_the_linear_part)
{
	static struct with_hdr v;
	struct lab lab;
	struct served_case *table;
	size_t cnt, sent = 0;

	lab_open(&lab);
	lab_attach(&lab);
	table = served_table(STEER_SERVE_TCP, &cnt);
	for (size_t i = 0; i < cnt; i++) {
		struct packet *p = &table[i].packet;
		size_t len;

		/* Rows for which the end of the frame matters. */
		if (table[i].keep || p->payload || (p->ext_cnt && p->ext[0].hdr_len != PACKET_AUTO))
			continue;
		p->payload_len = 6000;
		len = packet_build(p, v.packet, sizeof(v.packet), NULL);
		lab_send(&lab, &v, len, case_reason(&table[i]), table[i].what);
		if (is_served(&table[i]))
			expect_on_tap(&lab, v.packet, len, table[i].what);
		else
			expect_on_wire(&lab, table[i].what);
		sent++;
	}
	cr_expect_gt(sent, 60);
	free(table);
}

/* A program in front of inline_egress that does what a VLAN device or a bridge does to a packet. */
static int vlan_push_prog(uint16_t tci)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = htons(0x8100) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = tci },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = TCX_NEXT },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "vlan_push", "GPL", insns, sizeof(insns) / sizeof(insns[0]),
			     NULL);
}

Test(inline_mode, vlan_tag_in_metadata)
{
	static struct with_hdr v;
	static uint8_t want[PROG_TEST_BUF];
	struct packet five, udp = packet_udp4();
	struct lab lab;
	size_t len, want_len;
	int prog;

	lab_open(&lab);
	prog = vlan_push_prog(100);
	cr_assert(prog >= 0, "load: %s", strerror(errno));
	cr_assert(tcx_attach(prog, lab.nic, ATTACH_TCX_EGRESS) >= 0 || errno == EINVAL);
	lab_attach(&lab);
	/* The tag is the outermost; the TAP hands it over in the bytes. */
	for (unsigned int tags = 0; tags < 4; tags++) {
		struct packet with = PACKET(tcp6, packet_push_vlan(&p, 0x8100, 100); served_tags(&p, tags, 0x8100));
		struct packet without = PACKET(tcp6, served_tags(&p, tags, 0x8100));

		len = packet_build(&without, v.packet, sizeof(v.packet), NULL);
		want_len = packet_build(&with, want, sizeof(want), NULL);
		lab_send(&lab, &v, len, INLINE_EGRESS_REDIRECTED, "tag in metadata");
		expect_on_tap(&lab, want, want_len, "tag in metadata");
	}
	five = PACKET(tcp6, served_tags(&p, 4, 0x8100));
	len = packet_build(&five, v.packet, sizeof(v.packet), NULL);
	lab_send(&lab, &v, len, INLINE_EGRESS_PASS_NOT_IP, "four tags and one in metadata");
	len = packet_build(&udp, v.packet, sizeof(v.packet), NULL);
	lab_send(&lab, &v, len, INLINE_EGRESS_PASS_PROTOCOL, "UDP, tag in metadata");
}

/* 60 KB of TCP, as the stack would hand it to a NIC that does TSO. */
static size_t superpacket(struct with_hdr *v, bool ipv6)
{
	struct packet p = ipv6 ? packet_tcp6() : packet_tcp4();
	struct packet_layout l;
	size_t len;

	p.payload_len = 60000;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	len = packet_build(&p, v->packet, sizeof(v->packet), &l);
	v->hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)l.payload_off,
		.gso_size = 1448,
		.csum_start = (uint16_t)l.l4_off,
		.csum_offset = 16,
	};
	return len;
}

Test(inline_mode, superpackets_leave_uncut)
{
	static struct with_hdr v, got;
	struct lab lab;

	lab_open(&lab);
	lab_attach(&lab);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		size_t len = superpacket(&v, ipv6);

		lab_send(&lab, &v, len, INLINE_EGRESS_REDIRECTED, "superpacket");
		cr_assert_eq(receive(lab.tap_fd, &got, sizeof(got), NULL), sizeof(v.hdr) + len);
		cr_expect(memcmp(got.packet, v.packet, len) == 0);
		cr_expect_eq(got.hdr.gso_size, 1448);
		cr_expect_eq(got.hdr.gso_type, v.hdr.gso_type);
	}
}

Test(inline_mode, superpackets_arrive_on_the_nic_uncut)
{
	static struct with_hdr v, got;
	struct sockaddr_ll from;
	struct lab lab;

	lab_open(&lab);
	lab_attach(&lab);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		size_t len = superpacket(&v, ipv6);

		cr_assert_eq(write(lab.tap_fd, &v, sizeof(v.hdr) + len), (ssize_t)(sizeof(v.hdr) + len));
		cr_assert_eq(receive(lab.nic_in, &got, sizeof(got), &from), sizeof(v.hdr) + len);
		cr_expect(memcmp(got.packet, v.packet, len) == 0);
		cr_expect_eq(got.hdr.gso_size, 1448);
		cr_expect_eq((uint32_t)from.sll_ifindex, lab.nic);
		cr_expect_eq(from.sll_pkttype, PACKET_HOST, "not addressed to us any more");
	}
}

Test(inline_mode, ingress_judges_the_mac_anew)
{
	static struct with_hdr v, got;
	const struct {
		uint8_t mac[6];
		int pkttype;
	} macs[] = {
		{ { 0x02, 0, 0, 0, 0, 0x02 }, PACKET_HOST },
		{ { 0x02, 0, 0, 0, 0, 0x77 }, PACKET_OTHERHOST },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, PACKET_BROADCAST },
		{ { 0x33, 0x33, 0, 0, 0, 0x01 }, PACKET_MULTICAST },
	};
	struct sockaddr_ll from;
	struct lab lab;

	lab_open(&lab);
	lab_attach(&lab);
	for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
		struct packet p = packet_udp6();
		size_t len;

		memcpy(p.dst_mac, macs[i].mac, 6);
		len = packet_build(&p, v.packet, sizeof(v.packet), NULL);
		cr_assert_eq(write(lab.tap_fd, &v, sizeof(v.hdr) + len), (ssize_t)(sizeof(v.hdr) + len));
		cr_assert_eq(receive(lab.nic_in, &got, sizeof(got), &from), sizeof(v.hdr) + len);
		cr_expect(memcmp(got.packet, v.packet, len) == 0);
		cr_expect_eq(from.sll_pkttype, macs[i].pkttype, "packet %zu: type %d", i, from.sll_pkttype);
	}
}

/* The daemon dies: its links go with it, and the very next packet takes the NIC. */
Test(inline_mode, without_the_links_everything_takes_the_nic)
{
	static struct with_hdr v;
	struct packet p = packet_tcp4();
	struct lab lab;
	size_t len;

	lab_open(&lab);
	lab_attach(&lab);
	len = packet_build(&p, v.packet, sizeof(v.packet), NULL);
	lab_send(&lab, &v, len, INLINE_EGRESS_REDIRECTED, "with links");
	expect_on_tap(&lab, v.packet, len, "with links");
	drain(lab.wire_in);
	close(lab.egress_link);
	close(lab.ingress_link);
	lab_send(&lab, &v, len, -1, "without links");
	expect_on_wire(&lab, "without links");
}
