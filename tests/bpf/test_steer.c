// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The XDP program, which the kernel runs on packets of the test (BPF_PROG_TEST_RUN): the
 * action, and the one counter that goes up. A test run does not carry out the redirect, so
 * the sockets in the map need not be bound.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "prog_test.h"

#include <net/if.h>
#include <sys/socket.h>
#include <xdp/libxdp.h>

#include "base/clock.h"
#include "fixtures/live_beat.h"
#include "fixtures/packet_builder.h"
#include "served_table.h"
#include "steer.skel.h"
#include "steer_slots.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif

static const char *const counter_names[] = STEER_COUNTER_NAMES;

/* The longest frame that fits one chunk, and so comes in one descriptor. */
#define FRAME_MAX 3840u

/* What a test run gives as the interface: the namespace's loopback device. */
#define RUN_IFINDEX 1u

struct rig {
	struct steer_bpf *bpf;
	struct steer_state *state;
	int xsk; /* in the map for queue 0 */
};

struct outcome {
	int err; /* of the test run itself */
	int action;
	int reason; /* enum steer_counter, or as counted() */
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

static int xsk_insert(struct rig *rig, uint32_t queue)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		cr_skip_test("this kernel has no AF_XDP");
	cr_assert(fd >= 0, "AF_XDP socket: %s", strerror(errno));
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(rig->bpf->maps.steer_xsks), &queue, &fd, 0), 0, "XSKMAP: %s",
		     strerror(errno));
	return fd;
}

/* Loaded, nothing served, no socket. */
static void rig_open_idle(struct rig *rig)
{
	own_netns();
	rig->bpf = steer_bpf__open();
	cr_assert(rig->bpf, "open: %s", strerror(errno));
	no_pins(rig->bpf->obj);
	loaded_or_skip(steer_bpf__load(rig->bpf));
	rig->state = map_state(rig->bpf->maps.steer_state);
	rig->state->ifindex = RUN_IFINDEX;
	rig->xsk = -1;
}

/* As with a live daemon that serves TCP on queue 0. */
static void rig_open(struct rig *rig)
{
	rig_open_idle(rig);
	rig->xsk = xsk_insert(rig, 0);
	rig->state->serve = STEER_SERVE_TCP;
	rig->state->frame_max = FRAME_MAX;
	rig_beat(rig);
}

static struct outcome run_ctx(struct rig *rig, const void *frame, size_t len, struct xdp_md *ctx)
{
	static uint8_t out[PROG_TEST_BUF];
	uint64_t before[STEER_COUNTER_CNT], after[STEER_COUNTER_CNT];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = ctx, .ctx_size_in = ctx ? sizeof(*ctx) : 0);
	struct outcome o = { 0 };

	read_counters(rig->bpf->maps.steer_counters, before, STEER_COUNTER_CNT);
	o.err = bpf_prog_test_run_opts(bpf_program__fd(rig->bpf->progs.steer), &opts);
	if (o.err)
		return o;
	read_counters(rig->bpf->maps.steer_counters, after, STEER_COUNTER_CNT);
	o.action = (int)opts.retval;
	o.reason = counted(before, after, STEER_COUNTER_CNT);
	cr_assert(opts.data_size_out == len && memcmp(out, frame, len) == 0, "the program changed the frame");
	return o;
}

static struct outcome run(struct rig *rig, const void *frame, size_t len)
{
	struct outcome o = run_ctx(rig, frame, len, NULL);

	cr_assert_eq(o.err, 0, "test run of %zu bytes: %s", len, strerror(-o.err));
	return o;
}

static struct outcome run_packet(struct rig *rig, struct packet p)
{
	static uint8_t frame[PROG_TEST_BUF];
	size_t len = packet_build(&p, frame, sizeof(frame), NULL);

	cr_assert(len > 0);
	return run(rig, frame, len);
}

static void expect(struct outcome o, int action, int reason, const char *what)
{
	cr_expect(o.action == action && o.reason == reason, "%s: action %d, counter %s; want %d, %s", what, o.action,
		  reason_name(o.reason), action, reason_name(reason));
}

static int case_reason(const struct served_case *c)
{
	static const int reason[] = {
		[EXPECT_SERVED] = STEER_REDIRECTED,      [EXPECT_FRAGMENT] = STEER_REDIRECTED_FRAGMENT,
		[EXPECT_NOT_IP] = STEER_PASS_NOT_IP,     [EXPECT_MALFORMED] = STEER_PASS_MALFORMED,
		[EXPECT_PROTOCOL] = STEER_PASS_PROTOCOL,
	};

	return reason[c->expect];
}

/* Every row, when the daemon serves what the bits of @serve say. */
static void expect_table(struct rig *rig, uint32_t serve)
{
	static uint8_t frame[PROG_TEST_BUF];
	size_t cnt;
	struct served_case *table = served_table(serve, &cnt);

	cr_assert_geq(cnt, 60);
	rig->state->serve = serve;
	for (size_t i = 0; i < cnt; i++) {
		size_t len = served_case_build(&table[i], frame, sizeof(frame));

		rig_beat(rig);
		expect(run(rig, frame, len), is_served(&table[i]) ? XDP_REDIRECT : XDP_PASS, case_reason(&table[i]),
		       table[i].what);
	}
	free(table);
}

Test(steer, table)
{
	struct rig rig;

	rig_open(&rig);
	expect_table(&rig, STEER_SERVE_TCP);
}

/* Every protocol depends on its own bit alone. */
Test(steer, table_by_protocol)
{
	struct rig rig;

	rig_open(&rig);
	for (uint32_t serve = 1; serve < 16; serve++)
		expect_table(&rig, serve);
}

/*
 * The same verdict wherever the linear part ends. The kernel splits test frames at
 * ctx.data_end since 6.18; before, there is no way to ask for it.
 */
Test(steer, table_with_headers_outside_the_linear_part)
{
	struct rig rig;
	uint8_t frame[PROG_TEST_BUF];
	struct served_case *table;
	size_t cnt, runs = 0;

	rig_open(&rig);
	table = served_table(STEER_SERVE_TCP, &cnt);
	for (size_t i = 0; i < cnt; i++) {
		size_t len = served_case_build(&table[i], frame, sizeof(frame));

		for (size_t linear = ETH; linear < len && linear < 200; linear++) {
			struct xdp_md ctx = { .data_end = (uint32_t)linear };
			struct outcome o;

			rig_beat(&rig);
			o = run_ctx(&rig, frame, len, &ctx);
			if (o.err == -EINVAL && !runs)
				cr_skip_test("this kernel cannot split test frames (6.18 can)");
			cr_assert_eq(o.err, 0, "%s: %s", table[i].what, strerror(-o.err));
			expect(o, is_served(&table[i]) ? XDP_REDIRECT : XDP_PASS, case_reason(&table[i]),
			       table[i].what);
			runs++;
		}
	}
	free(table);
}

/* A good packet, cut at every length: malformed up to the last byte of its IP headers, then served. */
static void cut_everywhere(struct rig *rig, struct packet p, const char *what)
{
	uint8_t frame[PROG_TEST_BUF];
	struct packet_layout layout;
	size_t len = packet_build(&p, frame, sizeof(frame), &layout);

	/* From ETH on: neither the kernel nor a driver runs the program on shorter frames. */
	for (size_t keep = ETH; keep <= len; keep++) {
		bool whole = keep >= layout.l4_off;
		struct outcome o;

		rig_beat(rig);
		o = run(rig, frame, keep);
		cr_expect(o.action == (whole ? XDP_REDIRECT : XDP_PASS) &&
				  o.reason == (whole ? STEER_REDIRECTED : STEER_PASS_MALFORMED),
			  "%s cut to %zu of %zu bytes: action %d, counter %s", what, keep, len, o.action,
			  reason_name(o.reason));
	}
}

Test(steer, cut_at_every_byte)
{
	struct rig rig;

	rig_open(&rig);
	cut_everywhere(&rig, packet_tcp4(), "IPv4");
	cut_everywhere(&rig, packet_tcp6(), "IPv6");
	cut_everywhere(&rig,
		       PACKET(tcp4, served_tags(&p, 2, 0x8100); p.ip_options = served_nops; p.ip_options_len = 40),
		       "IPv4 with options behind two tags");
	cut_everywhere(&rig,
		       PACKET(tcp6, served_tags(&p, 4, 0x88a8); packet_push_ext(&p, PACKET_EXT_HOPOPTS, 24);
			      packet_push_ext(&p, PACKET_EXT_ROUTING, 40); packet_push_ext(&p, PACKET_EXT_DSTOPTS, 8)),
		       "IPv6 with extension headers behind four tags");
}

Test(steer, of_all_protocols_only_tcp)
{
	struct rig rig;

	rig_open(&rig);
	for (int protocol = 0; protocol < 256; protocol++) {
		struct outcome o4, o6;

		rig_beat(&rig);
		o4 = run_packet(&rig, PACKET(tcp4, p.protocol = protocol));
		cr_expect_eq(o4.action, protocol == 6 ? XDP_REDIRECT : XDP_PASS, "IPv4 %d", protocol);
		cr_expect_eq(o4.reason, protocol == 6 ? STEER_REDIRECTED : STEER_PASS_PROTOCOL);
		o6 = run_packet(&rig, PACKET(tcp6, served_raw6(&p, protocol, served_zeroes, 256)));
		cr_expect_eq(o6.action, protocol == 6 ? XDP_REDIRECT : XDP_PASS, "IPv6 %d", protocol);
		cr_expect_eq(o6.reason, protocol == 6 ? STEER_REDIRECTED : STEER_PASS_PROTOCOL);
	}
}

/* A packet of this many bytes from its Ethernet header on. */
static struct packet stretched(struct packet p, size_t len)
{
	static uint8_t frame[PROG_TEST_BUF];
	const size_t built = packet_build(&p, frame, sizeof(frame), NULL);

	p.payload_len += len - built;
	cr_assert_eq(packet_build(&p, frame, sizeof(frame), NULL), len);
	return p;
}

/* What does not fit a page, less the test run's head and tail room, the kernel puts in fragments. */
Test(steer, frame_in_several_buffers)
{
	struct rig rig;

	rig_open(&rig);
	expect(run_packet(&rig, stretched(packet_tcp4(), 3800)), XDP_REDIRECT, STEER_REDIRECTED, "3800 bytes of TCP");
	expect(run_packet(&rig, stretched(packet_udp6(), 3800)), XDP_PASS, STEER_PASS_PROTOCOL, "3800 bytes of UDP");
	expect(run_packet(&rig, stretched(packet_udp6(), 9014)), XDP_PASS, STEER_PASS_PROTOCOL, "9000 bytes of UDP");
}

Test(steer, too_long_passes_unless_all_is_served)
{
	const struct {
		const char *what;
		size_t len;
		struct packet packet;
		uint32_t serve;
		int action, reason;
	} table[] = {
		{ "TCP over IPv4, as long as the wire's longest", 3840, packet_tcp4(), STEER_SERVE_TCP, XDP_REDIRECT,
		  STEER_REDIRECTED },
		{ "TCP over IPv4, a byte more", 3841, packet_tcp4(), STEER_SERVE_TCP, XDP_PASS, STEER_PASS_TOO_LONG },
		{ "TCP over IPv6, as long as the wire's longest", 3840, packet_tcp6(), STEER_SERVE_TCP, XDP_REDIRECT,
		  STEER_REDIRECTED },
		{ "TCP over IPv6, a byte more", 3841, packet_tcp6(), STEER_SERVE_TCP, XDP_PASS, STEER_PASS_TOO_LONG },
		{ "behind a tag, as long as the wire's longest", 3840, PACKET(tcp4, served_tags(&p, 1, 0x8100)),
		  STEER_SERVE_TCP, XDP_REDIRECT, STEER_REDIRECTED },
		{ "behind a tag, a byte more", 3841, PACKET(tcp4, served_tags(&p, 1, 0x8100)), STEER_SERVE_TCP,
		  XDP_PASS, STEER_PASS_TOO_LONG },
		{ "a fragment, as long as the wire's longest", 3840, PACKET(tcp4, p.df = false; p.mf = true),
		  STEER_SERVE_TCP, XDP_REDIRECT, STEER_REDIRECTED_FRAGMENT },
		{ "a fragment, a byte more", 3841, PACKET(tcp4, p.df = false; p.mf = true), STEER_SERVE_TCP, XDP_PASS,
		  STEER_PASS_TOO_LONG },
		{ "what a peer's TSO sends", 60000, packet_tcp4(), STEER_SERVE_TCP, XDP_PASS, STEER_PASS_TOO_LONG },
		{ "not served: its own counter", 3841, packet_udp4(), STEER_SERVE_TCP, XDP_PASS, STEER_PASS_PROTOCOL },
		{ "all served, as long as the wire's longest", 3840, packet_tcp4(), STEER_SERVE_ALL, XDP_REDIRECT,
		  STEER_REDIRECTED },
		{ "all served, a byte more", 3841, packet_tcp4(), STEER_SERVE_ALL, XDP_REDIRECT, STEER_REDIRECTED },
		{ "all and TCP served, a byte more", 3841, packet_tcp4(), STEER_SERVE_ALL | STEER_SERVE_TCP,
		  XDP_REDIRECT, STEER_REDIRECTED },
	};
	struct rig rig;

	rig_open(&rig);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		rig.state->serve = table[i].serve;
		rig_beat(&rig);
		expect(run_packet(&rig, stretched(table[i].packet, table[i].len)), table[i].action, table[i].reason,
		       table[i].what);
	}
}

Test(steer, too_long_is_as_the_daemon_says)
{
	static const uint32_t limits[] = { 300, 1522, 9022, 60000 };
	struct rig rig;

	rig_open(&rig);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		rig.state->frame_max = limits[i];
		rig_beat(&rig);
		expect(run_packet(&rig, stretched(packet_tcp4(), limits[i])), XDP_REDIRECT, STEER_REDIRECTED,
		       "the longest");
		expect(run_packet(&rig, stretched(packet_tcp4(), limits[i] + 1)), XDP_PASS, STEER_PASS_TOO_LONG,
		       "a byte more");
	}
}

Test(steer, too_long_is_asked_before_the_socket)
{
	struct rig rig;

	rig_open_idle(&rig);
	rig.state->serve = STEER_SERVE_TCP;
	rig.state->frame_max = FRAME_MAX;
	rig_beat(&rig);
	expect(run_packet(&rig, stretched(packet_tcp4(), FRAME_MAX + 1)), XDP_PASS, STEER_PASS_TOO_LONG,
	       "too long and no socket");
}

/* A bond's program runs on its members, and the socket of the bond gets nothing of theirs. */
Test(steer, frames_of_another_interface_pass)
{
	static const uint32_t others[] = { 0, 2, UINT32_MAX };
	struct rig rig;

	rig_open(&rig);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		rig.state->ifindex = others[i];
		rig.state->serve = STEER_SERVE_TCP;
		expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_OTHER_IF, "TCP");
		expect(run_packet(&rig, packet_udp4()), XDP_PASS, STEER_PASS_PROTOCOL, "not served anyway");
		rig.state->serve = STEER_SERVE_ALL;
		expect(run_packet(&rig, packet_udp4()), XDP_PASS, STEER_PASS_OTHER_IF, "all served");
	}
	rig.state->ifindex = RUN_IFINDEX;
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "this one");
}

static uint64_t queue_redirected(const struct rig *rig, uint32_t queue)
{
	struct steer_queue value;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(rig->bpf->maps.steer_queues), &queue, &value), 0);
	return value.redirected;
}

/* ---- slots ---- */

/* A veth whose peer may send VLAN tags beside the packets: nothing is steered before a tag has been seen in one. */
Test(steer, a_tag_is_awaited)
{
	struct packet tagged = packet_tcp4();
	struct steer_queue queue;
	struct rig rig;
	uint32_t key = 0;

	packet_push_vlan(&tagged, 0x8100, 5);
	rig_open(&rig);
	rig.state->serve = STEER_SERVE_TCP | STEER_AWAIT_TAG;
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_TAG_AWAITED, "it might have had a tag");
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(rig.bpf->maps.steer_queues), &key, &queue), 0);
	cr_expect_eq(queue.tagged, 0);
	expect(run_packet(&rig, tagged), XDP_PASS, STEER_PASS_TAG_AWAITED, "the daemon has not seen it yet");
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(rig.bpf->maps.steer_queues), &key, &queue), 0);
	cr_expect_eq(queue.tagged, 1);
	rig.state->serve = STEER_SERVE_TCP;
	expect(run_packet(&rig, tagged), XDP_REDIRECT, STEER_REDIRECTED, "tags are in the frames");
}

static struct steer_slots *map_slots(const struct rig *rig)
{
	void *slots = mmap(NULL, sizeof(struct steer_slots), PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(rig->bpf->maps.steer_slots), 0);

	cr_assert_neq(slots, MAP_FAILED, "mmap of steer_slots: %s", strerror(errno));
	return slots;
}

/* The slot that a packet has just gone through: the one whose number is the last. */
static struct steer_slot *slot_used(struct steer_slots *slots, const struct rig *rig)
{
	struct steer_slot *found = NULL;

	for (int i = 0; i < STEER_SLOT_CNT; i++)
		if (slots->slot[i].last && slots->slot[i].last == (uint32_t)queue_redirected(rig, 0))
			found = &slots->slot[i];
	cr_assert(found, "no slot has the last number");
	return found;
}

static struct steer_slot *slot_of_packet(struct rig *rig, struct steer_slots *slots, struct packet p)
{
	cr_assert_eq(run_packet(rig, p).action, XDP_REDIRECT);
	return slot_used(slots, rig);
}

/* Waits until the kernel has had nothing of any slot for long enough. */
static void be_silent(void) { usleep(STEER_SLOT_SILENCE_NS / 1000 + 1000); }

Test(steer, slots_are_of_addresses)
{
	struct packet other = packet_tcp4(), port = packet_tcp4(), fragment = packet_tcp4();
	struct steer_slots *slots;
	struct steer_slot *slot;
	struct rig rig;

	rig_open(&rig);
	slots = map_slots(&rig);
	for (uint32_t i = 0; i < 8; i++)
		slots->key[i] = 0x9e3779b9u * (i + 1);
	slot = slot_of_packet(&rig, slots, packet_tcp4());
	port.sport++;
	cr_expect_eq(slot_of_packet(&rig, slots, port), slot, "another port is in the same slot");
	fragment.mf = true;
	cr_expect_eq(slot_of_packet(&rig, slots, fragment), slot, "and so is a fragment");
	other.saddr[3]++;
	cr_expect_neq(slot_of_packet(&rig, slots, other), slot, "another address is not");
	cr_expect_neq(slot_of_packet(&rig, slots, packet_tcp6()), slot, "nor is IPv6");
}

/* A slot changes to the kernel between two packets, when all before are delivered; until then it stays. */
Test(steer, a_slot_leaves_when_its_frames_are_delivered)
{
	struct steer_slots *slots;
	struct steer_slot *slot;
	struct rig rig;

	rig_open(&rig);
	slots = map_slots(&rig);
	slot = slot_of_packet(&rig, slots, packet_tcp4());
	slot->kernel = 1;
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "two are not delivered");
	slots->delivered = slot->last - 1;
	slots->draining = 1;
	expect(run_packet(&rig, packet_tcp4()), XDP_DROP, STEER_DROP_OVERLOAD, "one is not, and it must not wait");
	slots->draining = 0;
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "one is not");
	slots->delivered = slot->last;
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_OVERLOAD, "all are");
	cr_expect(slot->frames == 1 && slot->bytes > 0, "counted: %u frames, %u bytes", slot->frames, slot->bytes);
	slots->draining = 1;
	slots->delivered -= 100;
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_OVERLOAD, "it has left");
}

/* The kernel has just had a packet of it: the next one goes there, too. A machine that is busy may be silent for us. */
static void expect_not_before_silence(struct rig *rig, struct steer_slot *slot)
{
	int action = XDP_REDIRECT;

	for (int i = 0; i < 100 && action != XDP_PASS; i++) {
		slot->passed_ns = clock_ns();
		action = run_packet(rig, packet_tcp4()).action;
	}
	cr_expect_eq(action, XDP_PASS, "it did not wait for silence");
}

/* GRO of the kernel may still hold what it got a moment ago. */
Test(steer, a_slot_comes_back_from_silence)
{
	struct steer_slots *slots;
	struct steer_slot *slot;
	struct rig rig;

	rig_open(&rig);
	slots = map_slots(&rig);
	slot = slot_of_packet(&rig, slots, packet_tcp4());
	slots->delivered = slot->last;
	slot->kernel = 1;
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_OVERLOAD, "left");
	be_silent();
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_OVERLOAD, "not wanted yet");
	slot->kernel = 0;
	expect_not_before_silence(&rig, slot);
	be_silent();
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "after silence");
}

/* In port mode the kernel has nobody to give it to. */
Test(steer, slots_do_not_matter_when_all_is_served)
{
	struct steer_slots *slots;
	struct rig rig;

	rig_open(&rig);
	slots = map_slots(&rig);
	for (int i = 0; i < STEER_SLOT_CNT; i++)
		slots->slot[i].kernel = 1;
	rig.state->serve = STEER_SERVE_ALL;
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "all served");
}

/* What a queue should have got: the frames that are redirected, and no others. */
Test(steer, redirected_frames_are_counted_by_queue)
{
	struct rig rig;

	rig_open(&rig);
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "TCP");
	expect(run_packet(&rig, PACKET(tcp4, p.df = false; p.mf = true)), XDP_REDIRECT, STEER_REDIRECTED_FRAGMENT,
	       "a fragment");
	cr_expect_eq(queue_redirected(&rig, 0), 2);
	expect(run_packet(&rig, packet_udp4()), XDP_PASS, STEER_PASS_PROTOCOL, "UDP");
	close(rig.xsk);
	cr_assert_eq(bpf_map_delete_elem(bpf_map__fd(rig.bpf->maps.steer_xsks), &(uint32_t){ 0 }), 0);
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_NO_SOCKET, "no socket");
	cr_expect_eq(queue_redirected(&rig, 0), 2);
	cr_expect_eq(queue_redirected(&rig, 1), 0);
}

Test(steer, zeroed_maps_steer_nothing)
{
	struct rig rig;
	uint8_t frame[PROG_TEST_BUF];
	struct served_case *table;
	size_t cnt;

	rig_open_idle(&rig);
	table = served_table(STEER_SERVE_TCP, &cnt);
	for (size_t i = 0; i < cnt; i++) {
		size_t len = served_case_build(&table[i], frame, sizeof(frame));

		expect(run(&rig, frame, len), XDP_PASS, STEER_PASS_NOT_SERVING, table[i].what);
	}
	free(table);
}

Test(steer, nothing_served_passes_although_alive)
{
	struct rig rig;

	rig_open(&rig);
	rig.state->serve = 0;
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_NOT_SERVING, "serve 0");
}

Test(steer, without_a_socket_served_packets_pass)
{
	struct rig rig;
	uint8_t frame[PROG_TEST_BUF];
	struct served_case *table;
	size_t cnt;

	rig_open_idle(&rig);
	rig.state->serve = STEER_SERVE_TCP;
	rig.state->frame_max = FRAME_MAX;
	table = served_table(STEER_SERVE_TCP, &cnt);
	for (size_t i = 0; i < cnt; i++) {
		size_t len = served_case_build(&table[i], frame, sizeof(frame));
		int reason = case_reason(&table[i]);

		rig_beat(&rig);
		expect(run(&rig, frame, len), XDP_PASS, is_served(&table[i]) ? STEER_PASS_NO_SOCKET : reason,
		       table[i].what);
	}
	free(table);
}

Test(steer, the_socket_goes_with_its_owner)
{
	struct rig rig;
	struct outcome o;
	uint64_t deadline;

	rig_open(&rig);
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "socket open");
	close(rig.xsk);
	deadline = now_ns() + 20000000000u;
	do {
		rig_beat(&rig);
		o = run_packet(&rig, packet_tcp4());
	} while (o.action == XDP_REDIRECT && now_ns() < deadline);
	expect(o, XDP_PASS, STEER_PASS_NO_SOCKET, "socket closed");
}

Test(steer, stale_heartbeat_passes)
{
	struct rig rig;

	rig_open(&rig);
	rig_last_beat(&rig, now_ns() - STEER_HEARTBEAT_LIMIT_NS - 20000000u);
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_NO_HEARTBEAT, "stale");
	expect(run_packet(&rig, PACKET(udp4, (void)p)), XDP_PASS, STEER_PASS_NO_HEARTBEAT, "stale, not served anyway");
	rig.state->serve = STEER_SERVE_ALL;
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_NO_HEARTBEAT, "stale, all");
	rig_last_beat(&rig, 1);
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_NO_HEARTBEAT, "ancient");
	rig_beat(&rig);
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "alive again");
}

/* The program's coarse clock lags behind ours, which must not look like an old heartbeat. */
Test(steer, heartbeat_ahead_of_the_coarse_clock_is_fresh)
{
	struct rig rig;

	rig_open(&rig);
	rig_last_beat(&rig, now_ns() + STEER_HEARTBEAT_AHEAD_NS);
	expect(run_packet(&rig, packet_tcp4()), XDP_REDIRECT, STEER_REDIRECTED, "a tick ahead");
}

/* It would not lapse for as long as it is ahead. */
Test(steer, heartbeat_of_another_clock_passes)
{
	static const uint64_t ahead[] = { 200000000u, 3000000000u, 1u << 30, 1ull << 62 };
	struct rig rig;

	rig_open(&rig);
	for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		rig_last_beat(&rig, now_ns() + ahead[i]);
		expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_NO_HEARTBEAT, "ahead");
	}
	rig_last_beat(&rig, UINT64_MAX);
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_NO_HEARTBEAT, "the last that there is");
}

Test(steer, heartbeat_runs_out_at_its_limit)
{
	struct rig rig;
	struct outcome o;
	uint64_t start, elapsed;

	rig_open(&rig);
	start = now_ns();
	rig_last_beat(&rig, start);
	do {
		o = run_packet(&rig, packet_tcp4());
		elapsed = now_ns() - start;
		sleep_ms(1);
	} while (o.action == XDP_REDIRECT && elapsed < 20000000000u);
	expect(o, XDP_PASS, STEER_PASS_NO_HEARTBEAT, "no beat any more");
	cr_expect(elapsed >= STEER_HEARTBEAT_LIMIT_NS, "gave up after %llu us", (unsigned long long)elapsed / 1000);
}

Test(steer, serve_all_steers_every_frame)
{
	struct rig rig;
	uint8_t frame[PROG_TEST_BUF];
	struct served_case *table;
	size_t cnt;

	rig_open(&rig);
	table = served_table(STEER_SERVE_TCP, &cnt);
	for (int with_tcp = 0; with_tcp < 2; with_tcp++) {
		rig.state->serve = STEER_SERVE_ALL | (with_tcp ? STEER_SERVE_TCP : 0);
		for (size_t i = 0; i < cnt; i++) {
			size_t len = served_case_build(&table[i], frame, sizeof(frame));

			rig_beat(&rig);
			expect(run(&rig, frame, len), XDP_REDIRECT, STEER_REDIRECTED, table[i].what);
		}
	}
	free(table);
}

Test(steer, a_bit_it_does_not_know_serves_nothing)
{
	struct rig rig;

	rig_open(&rig);
	rig.state->serve = 1u << 30;
	expect(run_packet(&rig, packet_tcp4()), XDP_PASS, STEER_PASS_PROTOCOL, "TCP over IPv4");
	expect(run_packet(&rig, PACKET(tcp6, served_fragment6(&p, 1, true))), XDP_PASS, STEER_PASS_PROTOCOL,
	       "fragment of TCP over IPv6");
	expect(run_packet(&rig, packet_udp4()), XDP_PASS, STEER_PASS_PROTOCOL, "UDP over IPv4");
}

Test(steer, each_queue_has_its_own_socket)
{
	struct rig rig;
	uint8_t frame[2048];
	struct packet p = packet_tcp4();
	size_t len = packet_build(&p, frame, sizeof(frame), NULL);
	struct xdp_md ctx = { .data_end = (uint32_t)len };

	rig_open_idle(&rig);
	if (system("ip link add sp0 numrxqueues 3 numtxqueues 3 type veth peer name sp1 "
		   "numrxqueues 3 numtxqueues 3"))
		cr_skip_test("no veth pair with three queues here");
	rig.state->serve = STEER_SERVE_TCP;
	rig.state->frame_max = FRAME_MAX;
	xsk_insert(&rig, 1);
	ctx.ingress_ifindex = rig.state->ifindex = if_nametoindex("sp0");
	for (uint32_t queue = 0; queue < 3; queue++) {
		struct outcome o;

		rig_beat(&rig);
		ctx.rx_queue_index = queue;
		o = run_ctx(&rig, frame, len, &ctx);
		cr_assert_eq(o.err, 0, "queue %u: %s", queue, strerror(-o.err));
		if (queue == 1)
			expect(o, XDP_REDIRECT, STEER_REDIRECTED, "the queue with a socket");
		else
			expect(o, XDP_PASS, STEER_PASS_NO_SOCKET, "a queue without a socket");
	}
}

/* What steer_abi.h promises about the object; needs no privilege. */
Test(steer, maps_are_as_the_abi_says)
{
	struct steer_bpf *bpf = steer_bpf__open();
	const struct {
		const struct bpf_map *map;
		const char *name;
		enum bpf_map_type type;
		uint32_t entries, value_size;
	} maps[] = {
		{ bpf->maps.steer_xsks, "steer_xsks", BPF_MAP_TYPE_XSKMAP, STEER_QUEUES_MAX, 4 },
		{ bpf->maps.steer_state, "steer_state", BPF_MAP_TYPE_ARRAY, 1, sizeof(struct steer_state) },
		{ bpf->maps.steer_counters, "steer_counters", BPF_MAP_TYPE_PERCPU_ARRAY, STEER_COUNTER_CNT, 8 },
		{ bpf->maps.steer_queues, "steer_queues", BPF_MAP_TYPE_ARRAY, STEER_QUEUES_MAX, 64 },
		{ bpf->maps.steer_slots, "steer_slots", BPF_MAP_TYPE_ARRAY, STEER_SLOT_QUEUES_MAX, 6208 },
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		const char *pin = bpf_map__pin_path(maps[i].map);

		cr_expect_str_eq(bpf_map__name(maps[i].map), maps[i].name);
		cr_expect_eq(bpf_map__type(maps[i].map), maps[i].type);
		cr_expect_eq(bpf_map__max_entries(maps[i].map), maps[i].entries);
		cr_expect_eq(bpf_map__value_size(maps[i].map), maps[i].value_size);
		cr_expect(pin && strstr(pin, maps[i].name), "%s is not pinned by name", maps[i].name);
	}
	cr_expect(bpf_map__map_flags(bpf->maps.steer_state) & BPF_F_MMAPABLE);
	cr_expect(bpf_map__map_flags(bpf->maps.steer_queues) & BPF_F_MMAPABLE);
	cr_expect_eq(sizeof(counter_names) / sizeof(counter_names[0]), STEER_COUNTER_CNT);
	steer_bpf__destroy(bpf);
}

Test(steer, runs_late_in_a_dispatcher_and_passes_on)
{
	struct steer_bpf *bpf = steer_bpf__open();
	struct xdp_program *prog;

	prog = xdp_program__from_bpf_obj(bpf->obj, "xdp.frags");
	cr_assert(!libxdp_get_error(prog), "libxdp does not take the object");
	cr_expect_str_eq(xdp_program__name(prog), "steer");
	cr_expect_gt(xdp_program__run_prio(prog), 50, "in front of programs of default priority");
	cr_expect(xdp_program__chain_call_enabled(prog, XDP_PASS));
	cr_expect(!xdp_program__chain_call_enabled(prog, XDP_DROP));
	xdp_program__close(prog);
}
