// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * steer against the kernel: daemons without their loop, one after another and side by side.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nic/steer.h"
#include "nic/steer_look.h"
#include "fixtures/live_beat.h"
#include "nic_bed.h"
#include "steer.skel.h"

#define SILENCE_MS 150 /* how long to wait for a frame that must not come */
#define PIN_ROOT "/sys/fs/bpf"
#define PIN_DIR PIN_ROOT "/test"

TestSuite(steer, .init = set_up, .timeout = 240);

/* A daemon without its loop: socket, programs and, inline, a TAP. */
struct rig {
	struct umem umem;
	struct xsk xsk;
	struct steer *steer;
	struct frontend *tap;
	int wire;
};

static struct steer_config steer_config(enum steer_xdp_mode mode)
{
	return (struct steer_config){
		.interface = "nic",
		.ifindex = device("nic").ifindex,
		.mode = mode,
		.serve = STEER_SERVE_ALL,
		.frame_max = XSK_FRAME_MAX,
	};
}

/* Opens all of it without starting it. Has no assertions, since they work in the test's own process only. */
static int try_rig(struct rig *rig, const struct steer_config *config)
{
	struct xsk_config socket = xsk_config;
	int err = steer_open(&rig->steer, config);

	if (err)
		return err;
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

static void show_beat(void *steer, uint64_t now_ns) { steer_heartbeat(steer, now_ns); }

/* A daemon that is alive. */
static void beat(struct rig *rig) { live_beat_start(show_beat, rig->steer); }

/* The last heartbeat of one that is not. */
static void last_beat(struct rig *rig)
{
	live_beat_stop();
	steer_heartbeat(rig->steer, now_ms() * 1000000 - 2 * STEER_HEARTBEAT_LIMIT_NS);
}

static void close_rig(struct rig *rig)
{
	live_beat_stop();
	steer_stop(rig->steer);
	close_xsk(&rig->xsk, &rig->umem);
	steer_close(rig->steer);
	close(rig->wire);
}

/* Whether this frame arrives at the socket; shows the heartbeat meanwhile. */
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

		seen = desc->len == len && memcmp(umem_data(&rig->umem, xsk_rx_data(desc->addr)), frame, len) == 0;
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

/* Waits until the NIC has no program. */
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

	last_beat(&rig);
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

Test(steer, native_steers_and_passes) { steers_and_passes(STEER_XDP_NATIVE); }

Test(steer, generic_steers_and_passes)
{
	silence(); /* it warns about generic mode */
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

/* veth refuses native XDP then. A command cures that, so generic mode is not used silently. */
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
		steer_heartbeat(rig.steer, now_ms() * 1000000);
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

	/* At once, without waiting for the kernel to clean up. */
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

/* Somebody else's program, which passes everything. */
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

/* As `xdp-loader load -p PIN_DIR` does. */
static struct steer_bpf *load_pinned(bool attach)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = PIN_DIR);
	struct steer_bpf *object = steer_bpf__open_opts(&opts);

	cr_assert_not_null(object);
	cr_assert_eq(steer_bpf__load(object), 0);
	if (attach)
		cr_assert_eq(bpf_xdp_attach(device("nic").ifindex, bpf_program__fd(object->progs.steer), 0, NULL), 0);
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

/* The outgoing direction is left to the kernel and taken again; what arrives is steered all the while. */
static void leaves_out_alone(struct rig *rig, const uint8_t *frame, size_t len, int nic)
{
	steer_serve_out(rig->steer, false);
	raw_send(nic, frame, len);
	cr_expect(raw_sees(rig->wire, frame, len, DEADLINE_MS), "out is left: to the wire");
	raw_send(rig->wire, frame, len);
	cr_expect(socket_sees(rig, frame, len, DEADLINE_MS), "what arrives goes to the socket");

	steer_serve(rig->steer, false);
	steer_serve(rig->steer, true);
	raw_send(nic, frame, len);
	cr_expect(raw_sees(rig->wire, frame, len, DEADLINE_MS), "out is left still");

	steer_serve_out(rig->steer, true);
	raw_send(nic, frame, len);
	cr_expect(tap_sees(rig->tap, frame, len, DEADLINE_MS), "out is served again");
}

/* Inline: from the stack to the TAP, and from the TAP to the NIC's ingress, but not in circles. */
static void goes_both_ways_inline(enum steer_xdp_mode mode)
{
	struct steer_config config = steer_config(mode);
	struct vnet_header hdr = { 0 };
	struct rig rig = { .tap = open_tap(false) };
	uint8_t frame[512];
	const size_t len = tcp_frame(frame, sizeof(frame), 200);
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { frame, len } };
	const int nic = raw_open("nic");

	config.inline_tap = rig.tap->ifindex;
	config.serve = STEER_SERVE_TCP;
	open_rig(&rig, &config);
	start_rig(&rig);

	beat(&rig);
	raw_send(rig.wire, frame, len);
	cr_expect(socket_sees(&rig, frame, len, DEADLINE_MS), "from the wire to the socket");
	cr_expect_eq(tap_write(rig.tap, iov, 2), 0);
	cr_expect(raw_sees(nic, frame, len, DEADLINE_MS), "from the TAP to the NIC's ingress");
	cr_expect(!socket_sees(&rig, frame, len, SILENCE_MS), "and not to the socket again");
	raw_send(nic, frame, len);
	cr_expect(tap_sees(rig.tap, frame, len, DEADLINE_MS), "from the stack to the TAP");

	last_beat(&rig);
	cr_expect(steer_lapsed(rig.steer, now_ms() * 1000000));
	raw_send(nic, frame, len);
	cr_expect(raw_sees(rig.wire, frame, len, DEADLINE_MS), "no heartbeat: to the wire");
	beat(&rig);
	leaves_out_alone(&rig, frame, len, nic);

	steer_stop(rig.steer);
	raw_send(nic, frame, len);
	cr_expect(raw_sees(rig.wire, frame, len, DEADLINE_MS), "stopped: to the wire");
	cr_expect(!tap_sees(rig.tap, frame, len, SILENCE_MS));
	close_rig(&rig);
	rig.tap->ops->close(rig.tap);
}

Test(steer, inline_native_goes_both_ways) { goes_both_ways_inline(STEER_XDP_NATIVE); }

Test(steer, inline_generic_goes_both_ways_and_not_round)
{
	silence(); /* it warns about generic mode */
	goes_both_ways_inline(STEER_XDP_GENERIC);
}
