// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * superpacketd: opens everything in one order, closes it in the reverse one, and does in between
 * what is slow: signals, the heartbeat, the control socket. Packets are the workers' business.
 *
 *      netdev     what the NIC is; what cannot work is refused here, before anything is touched
 *      control    the claim on the interface: a second daemon ends here
 *      tap        the front end
 *      steer      programs and maps; the XDP program is attached and passes every frame
 *      workers    memory and socket of each queue, then their threads
 *      start      traffic comes
 *
 * Signals stay blocked and are read from a descriptor, so that nothing is interrupted half way;
 * every step below has a time limit of its own.
 *
 * Fail-open: the heartbeat that the BPF programs ask for is shown here, and only while every
 * worker moves. A worker that hangs, or this thread that hangs, gives all traffic to the kernel.
 */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/service.h"
#include "daemon/stats.h"
#include "daemon/watch.h"
#include "datapath/worker.h"
#include "frontend/tap.h"
#include "log.h"
#include "nic/netdev.h"
#include "nic/steer.h"

enum exit_code { EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_PERMISSION = 5, EXIT_UNSUPPORTED = 6 };

/* What stands in front of the IP header of a frame: Ethernet and up to two VLAN tags. */
#define MTU_MAX (UMEM_CHUNK_LEN - UMEM_RX_HEADROOM - TRANSMIT_LINK_MAX)

/* A queue may stay bound for some milliseconds after its last owner has gone (net/xdp/xsk.c frees
 * its pool from a work queue). */
#define BIND_TIMEOUT_MS 2000u

/* Well below STEER_HEARTBEAT_LIMIT_NS: one beat may be lost and the next come late. */
#define HEARTBEAT_NS 20000000u
_Static_assert(HEARTBEAT_NS <= STEER_HEARTBEAT_LIMIT_NS / 4, "steer.h asks for this");

/* A worker sleeps 20 ms at most. One that has not come round for this long hangs, or is starved so
 * badly that the kernel serves its traffic better. With the heartbeat's own limit, traffic is lost
 * for 0.2 s. */
#define WORKER_STALL_NS 100000000u

#define DRAIN_MS 500u        /* of a worker, at the end */
#define SHUTDOWN_LIMIT_S 10u /* then we leave the rest to the kernel, as after kill -9 */

/* What the main thread knows about the life of a worker. */
struct pulse {
	uint64_t tick;
	uint64_t moved_ns; /* when the tick was last seen to have advanced */
	bool hung;
};

struct daemon {
	struct config config;
	struct netdev dev;
	struct control control;
	struct tap tap;
	struct steer *steer;
	struct worker *workers;
	struct pulse *pulses;
	uint32_t queue_cnt, opened_cnt;
	struct service service;
	struct watch watch;
	const char *degraded; /* why, NULL: it is not */
	sigset_t signals;
	uint64_t netns, start_ns, beat_ns;
	char ready[128];
};

/* For at_once() alone. */
static const char *socket_path;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static enum exit_code exit_code(int err)
{
	switch (-err) {
	case 0:
		return EXIT_OK;
	case EPERM:
	case EACCES:
		return EXIT_PERMISSION;
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case ENOSYS:
	case EMEDIUMTYPE:
		return EXIT_UNSUPPORTED;
	default:
		return EXIT_FAILED;
	}
}

/* --- What must be so before we touch anything --- */

static int find_netns(struct daemon *d)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st)) {
		int err = -errno;

		log_error("/proc/self/ns/net: %s; is /proc mounted?", strerror(-err));
		return err;
	}
	d->netns = st.st_ino;
	return 0;
}

static int find_interface(struct daemon *d)
{
	const char *name = d->config.interface;
	int err = netdev_open(&d->dev, name);

	if (err == -ENODEV)
		log_error("interface %s: not found; see 'ip link'", name);
	else if (err == -EMEDIUMTYPE)
		log_error("interface %s: is not Ethernet; superpacketd serves Ethernet only", name);
	else if (err)
		log_error("interface %s: %s", name, strerror(-err));
	return err;
}

/* Our TAPs carry this as alias, and the name of their NIC behind it: see 'ip link'. */
#define TAP_ALIAS "superpacket: "

static int check_interface(const struct netdev *dev)
{
	if (!strncmp(dev->alias, TAP_ALIAS, strlen(TAP_ALIAS))) {
		log_error("interface %s: is the TAP of superpacketd on %s; give a NIC", dev->name,
			  dev->alias + strlen(TAP_ALIAS));
		return -EINVAL;
	}
	if (!dev->up) {
		log_error("interface %s: is down; 'ip link set %s up' first", dev->name, dev->name);
		return -ENETDOWN;
	}
	if (dev->mtu > MTU_MAX) {
		log_error("interface %s: MTU %u does not fit a receive frame of %u bytes; the highest "
			  "that works is %u: 'ip link set %s mtu %u'",
			  dev->name, dev->mtu, UMEM_CHUNK_LEN, MTU_MAX, dev->name, MTU_MAX);
		return -EMSGSIZE;
	}
	return 0;
}

/* Queues that can both receive and send. What comes in by one beyond them the kernel serves; as a
 * NIC keeps a flow on its queue, that is whole flows. */
static uint32_t usable_queues(const struct netdev *dev)
{
	uint32_t cnt = dev->rx_queues;

	if (dev->tx_queues && dev->tx_queues < cnt) {
		log_warning("%s: %u queues receive, but %u send; only those are served: "
			    "see 'ethtool -l %s'", dev->name, cnt, dev->tx_queues, dev->name);
		cnt = dev->tx_queues;
	}
	return cnt ? cnt : 1;
}

static int choose_queues(struct daemon *d)
{
	uint32_t have = usable_queues(&d->dev);

	if (d->config.queues > have) {
		log_error("--queues: %s has %u; give a number from 1 to %u, or all", d->dev.name, have,
			  have);
		return -EINVAL;
	}
	d->queue_cnt = d->config.queues ? d->config.queues : have;
	if (d->queue_cnt > TAP_QUEUES_MAX) {
		log_warning("%s: of %u queues the first %u are served, as many as a TAP can have",
			    d->dev.name, d->queue_cnt, TAP_QUEUES_MAX);
		d->queue_cnt = TAP_QUEUES_MAX;
	}
	return 0;
}

/* CAP_BPF and CAP_PERFMON came out of CAP_SYS_ADMIN, which still includes them. The programs need
 * the latter because the verifier allows arithmetic on packet pointers beyond the plainest only
 * with it. */
static int check_capabilities(void)
{
	static const struct {
		const char *name;
		uint64_t any; /* one of these will do */
	} needed[] = {
		{ "CAP_NET_ADMIN", 1ull << CAP_NET_ADMIN },
		{ "CAP_NET_RAW", 1ull << CAP_NET_RAW },
		{ "CAP_BPF", 1ull << CAP_BPF | 1ull << CAP_SYS_ADMIN },
		{ "CAP_PERFMON", 1ull << CAP_PERFMON | 1ull << CAP_SYS_ADMIN },
	};
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	char missing[128] = "";
	uint64_t have;

	if (syscall(SYS_capget, &header, data))
		return 0; /* cannot tell: the first call that needs one will */
	have = data[0].effective | (uint64_t)data[1].effective << 32;
	for (size_t i = 0, len = 0; i < ARRAY_SIZE(needed); i++)
		if (!(have & needed[i].any))
			len += (size_t)snprintf(missing + len, sizeof missing - len, " %s",
						needed[i].name);
	if (!*missing)
		return 0;
	log_error("no permission: run as root, or with the missing%s", missing);
	return -EPERM;
}

static int check_af_xdp(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (err == -EAFNOSUPPORT)
		log_error("no AF_XDP in this kernel; it takes one built with CONFIG_XDP_SOCKETS");
	else if (err)
		log_error("AF_XDP socket: %s", strerror(-err));
	return err;
}

static int check_host(struct daemon *d)
{
	int err = find_netns(d);

	if (!err)
		err = find_interface(d);
	if (!err)
		err = check_capabilities();
	if (!err)
		err = check_af_xdp();
	if (!err)
		err = check_interface(&d->dev);
	if (!err)
		err = choose_queues(d);
	return err;
}

/* --- Opening, in this order --- */

static int open_tap(struct daemon *d)
{
	bool hidden = d->config.mode == CONFIG_INLINE;
	struct netdev_settings settings = {
		.mac = d->dev.mac,
		.mtu = d->dev.mtu,
		.txqueuelen = TAP_QUEUE_LEN,
		.no_addresses = hidden,
		.up = true,
	};
	char name[IFNAMSIZ], alias[sizeof TAP_ALIAS + IFNAMSIZ];
	int err;

	snprintf(alias, sizeof alias, TAP_ALIAS "%s", d->dev.name);
	settings.alias = alias;

	if (d->config.tap)
		snprintf(name, sizeof name, "%s", d->config.tap);
	else
		config_tap_name(name, d->dev.name, d->dev.ifindex);

	err = tap_open(&d->tap, name, d->queue_cnt);
	if (err == -EEXIST || err == -EBUSY)
		log_error("TAP %s: the name is taken; give another with --tap", name);
	else if (err == -ENOENT || err == -ENODEV)
		log_error("TAP %s: no /dev/net/tun; 'modprobe tun', or let the container have it", name);
	else if (err)
		log_error("TAP %s: %s", name, strerror(-err));
	if (err)
		return err;

	err = netdev_set(d->tap.ifindex, &settings);
	if (err) {
		log_error("TAP %s: setting address, MTU and state: %s", name, strerror(-err));
		tap_close(&d->tap);
	}
	return err;
}

static int open_steer(struct daemon *d)
{
	bool is_inline = d->config.mode == CONFIG_INLINE;
	struct steer_config config = {
		.interface = d->dev.name,
		.ifindex = d->dev.ifindex,
		.mode = d->config.xdp_mode,
		.pinned = d->config.pinned,
		.inline_tap = is_inline ? d->tap.ifindex : 0,
		/* Served, not merged: TCP comes our way with --merge none too, cut and summed here. */
		.serve = is_inline ? STEER_SERVE_TCP : STEER_SERVE_ALL,
	};

	return steer_open(&d->steer, &config);
}

/* Whether the peer may send checksums that were never summed: only where there is no wire. */
static bool is_veth(const struct netdev *dev)
{
	return !strcmp(dev->kind, "veth") || !strcmp(dev->driver, "veth");
}

static int open_worker(struct daemon *d, uint32_t queue)
{
	bool generic = steer_is_generic(d->steer);
	struct worker_config config = {
		.interface = d->dev.name,
		.queue = queue,
		.tap_fd = d->tap.fds[queue],
		.mtu = d->dev.mtu,
		.merge_tcp = d->config.merge_tcp,
		.accept_unfinished = is_veth(&d->dev),
		.hold_ns = d->config.hold_us * 1000ull,
		.xsk = {
			.variant = d->config.transmit,
			.generic = generic,
			/* Zero copy sends built segments only; who asks for slices gets them. */
			.try_zerocopy = !generic && d->config.transmit != XSK_VARIANT_SLICES,
			.bind_timeout_ms = BIND_TIMEOUT_MS,
		},
	};
	int err = worker_open(&d->workers[queue], &config);

	if (err)
		return err;
	d->opened_cnt++;
	err = steer_add_socket(d->steer, queue, d->workers[queue].xsk.fd);
	if (err)
		log_error("%s queue %u: giving its socket to the XDP program: %s", d->dev.name, queue,
			  strerror(-err));
	return err;
}

static void close_workers(struct daemon *d)
{
	while (d->opened_cnt)
		worker_close(&d->workers[--d->opened_cnt]);
	free(d->pulses);
	free(d->workers);
}

static int open_workers(struct daemon *d)
{
	int err = 0;

	d->workers = calloc(d->queue_cnt, sizeof *d->workers);
	d->pulses = calloc(d->queue_cnt, sizeof *d->pulses);
	if (!d->workers || !d->pulses) {
		log_error("%s: no memory for %u workers", d->dev.name, d->queue_cnt);
		err = -ENOMEM;
	}
	for (uint32_t q = 0; !err && q < d->queue_cnt; q++)
		err = open_worker(d, q);
	if (err)
		close_workers(d);
	return err;
}

static void stop_workers(struct daemon *d)
{
	for (uint32_t q = d->queue_cnt; q--;)
		if (d->workers[q].running)
			worker_stop(&d->workers[q], DRAIN_MS);
}

static int start_workers(struct daemon *d)
{
	for (uint32_t q = 0; q < d->queue_cnt; q++) {
		int err = worker_start(&d->workers[q]);

		if (err) {
			stop_workers(d);
			return err; /* the worker has said why */
		}
		d->pulses[q].moved_ns = now_ns();
	}
	return 0;
}

static const char *xsk_mode(const struct daemon *d, const struct xsk *xsk)
{
	if (xsk->zerocopy)
		return "native-with-zerocopy";
	return steer_is_generic(d->steer) ? "generic" : "native";
}

static const char *xsk_why(const struct daemon *d, const struct xsk *xsk)
{
	if (xsk->zerocopy)
		return "the driver takes zero-copy sockets";
	if (steer_is_generic(d->steer))
		return "the XDP program runs in generic mode: the kernel copies";
	if (d->config.transmit == XSK_VARIANT_SLICES)
		return "--transmit slices: no zero-copy with slices yet";
	return "the driver takes no zero-copy socket";
}

static const char *transmit_name(const struct xsk *xsk)
{
	return xsk->slices ? "slices" : "built";
}

static const char *mode_name(const struct daemon *d)
{
	return d->config.mode == CONFIG_INLINE ? "inline" : "port";
}

static void say_ready(struct daemon *d)
{
	const struct xsk *xsk = &d->workers[0].xsk;

	snprintf(d->ready, sizeof d->ready, "%s %s, %u queue%s, %s, %s", d->dev.name, mode_name(d),
		 d->queue_cnt, d->queue_cnt == 1 ? "" : "s", xsk_mode(d, xsk), transmit_name(xsk));
	log_info("ready: %s", d->ready);
	service_ready(d->ready);
	if (d->dev.rx_vlan_offload)
		log_info("%s: a VLAN tag that travels beside its packet would be lost; with VLANs, switch "
			 "that off: 'ethtool -K %s rxvlan off', on a veth peer 'txvlan off'",
			 d->dev.name, d->dev.name);
}

/* --- The heartbeat --- */

/* Returns whether the worker moves; says when that changes. */
static bool feel_pulse(struct daemon *d, uint32_t queue, uint64_t now)
{
	struct pulse *pulse = &d->pulses[queue];
	uint64_t tick = __atomic_load_n(&d->workers[queue].tick, __ATOMIC_RELAXED);

	if (tick != pulse->tick) {
		pulse->tick = tick;
		pulse->moved_ns = now;
		if (pulse->hung) {
			log_warning("%s queue %u: its worker moves again", d->dev.name, queue);
			service_status(d->ready);
		}
		pulse->hung = false;
	} else if (!pulse->hung && now > pulse->moved_ns + WORKER_STALL_NS) {
		log_warning("%s queue %u: its worker hangs; all traffic goes through the kernel until "
			    "it moves again", d->dev.name, queue);
		service_status("degraded: a worker hangs, the kernel carries the traffic");
		pulse->hung = true;
	}
	return !pulse->hung;
}

/* Time in which this thread did not run says nothing about the workers: the whole process may
 * have been stopped. */
static void forgive_absence(struct daemon *d, uint64_t now)
{
	uint64_t away_ns = d->beat_ns ? now - d->beat_ns : 0;

	d->beat_ns = now;
	if (away_ns <= 2 * HEARTBEAT_NS)
		return;
	for (uint32_t q = 0; q < d->queue_cnt; q++)
		d->pulses[q].moved_ns += away_ns;
}

/* Cheap, and idempotent: called by the timer and between the steps of anything longer. */
static void beat(struct daemon *d)
{
	uint64_t now = now_ns();
	bool alive = true;

	forgive_absence(d, now);
	for (uint32_t q = 0; q < d->queue_cnt; q++)
		alive &= feel_pulse(d, q, now);
	if (!alive)
		return;
	steer_heartbeat(d->steer, now);
	service_feed_watchdog(&d->service, now);
}

/* --- The control socket --- */

static void describe_queue(struct daemon *d, uint32_t q, struct stats_queue *queue)
{
	const struct worker *worker = &d->workers[q];

	*queue = (struct stats_queue){
		.queue = q,
		.mode = xsk_mode(d, &worker->xsk),
		.why = xsk_why(d, &worker->xsk),
		.transmit = transmit_name(&worker->xsk),
		.unaligned = worker->xsk.unaligned,
		.huge_pages = worker->umem.huge_pages,
		.tx_budget = worker->xsk.tx_budget,
		.hung = d->pulses[q].hung,
	};
	stats_read(&worker->published, &queue->counters);
	xsk_statistics(&worker->xsk, &queue->kernel); /* zeros when it fails */
	beat(d);
}

static char *status_text(struct daemon *d)
{
	struct stats_queue *queues = calloc(d->queue_cnt, sizeof *queues);
	struct stats_daemon stats = {
		.interface = d->dev.name,
		.ifindex = d->dev.ifindex,
		.netns = d->netns,
		.pid = getpid(),
		.version = SUPERPACKET_VERSION,
		.uptime_s = (now_ns() - d->start_ns) / 1000000000u,
		.mode = mode_name(d),
		.mode_why = d->config.mode_asked ? "asked for with --mode" : "the default",
		.tap = d->tap.name,
		.merge_tcp = d->config.merge_tcp,
		.hold_us = d->config.hold_us,
		.queues = queues,
		.queue_cnt = d->queue_cnt,
		.degraded = d->degraded,
	};
	json_t *json;
	char *text;

	if (!queues)
		return NULL;
	stats.xdp_mode = steer_mode(d->steer, &stats.xdp_why);
	steer_read_counters(d->steer, stats.steer); /* zeros when it fails */
	stats.has_inline = !steer_read_inline_counters(d->steer, stats.inline_tc);
	for (uint32_t q = 0; q < d->queue_cnt; q++)
		describe_queue(d, q, &queues[q]);
	json = stats_json(&stats);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	free(queues);
	return text;
}

static char *refusal_text(const char *request)
{
	json_t *json = json_object();
	char why[CONTROL_REQUEST_MAX + 64];
	char *text;

	snprintf(why, sizeof why, "unknown request '%s'; this daemon knows: status", request);
	for (char *c = why; *c; c++)
		if (*c < ' ' || *c > '~') /* it must be UTF-8 to be JSON */
			*c = '?';
	json_object_set_new(json, "error", json_string(why));
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}

static void serve_control(struct daemon *d)
{
	struct control_client *client;

	while ((client = control_next(&d->control, now_ns()))) {
		bool status = !strcmp(client->request, "status");

		control_reply(&d->control, client,
			      status ? status_text(d) : refusal_text(client->request));
		beat(d);
	}
}

/* --- The main thread's loop --- */

static int heartbeat_timer(void)
{
	struct itimerspec every = { .it_interval.tv_nsec = HEARTBEAT_NS,
				    .it_value.tv_nsec = HEARTBEAT_NS };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &every, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Reads away what made the descriptor readable; whether there was anything. */
static bool drain_fd(int fd)
{
	char record[sizeof(struct signalfd_siginfo)];

	return read(fd, record, sizeof record) > 0;
}

/* The TAP, unless somebody has moved it into a namespace of his own, follows the NIC's MTU. */
static void set_tap_mtu(struct daemon *d, uint32_t mtu)
{
	struct netdev_settings settings = { .mtu = mtu };
	int err;

	if (!tap_is_here(&d->tap))
		return;
	err = netdev_set(d->tap.ifindex, &settings);
	if (err)
		log_warning("%s: setting its MTU to %u: %s", d->tap.name, mtu, strerror(-err));
}

/* Above what a frame holds, received frames would be cut: inline, the kernel can carry them. */
static void follow_mtu(struct daemon *d, uint32_t mtu)
{
	bool fits = mtu <= MTU_MAX, is_inline = d->config.mode == CONFIG_INLINE;

	if (fits) {
		for (uint32_t q = 0; q < d->queue_cnt; q++)
			transmit_set_mtu(&d->workers[q].transmit, mtu);
		set_tap_mtu(d, mtu);
		log_info("%s: the MTU is now %u", d->dev.name, mtu);
	} else {
		log_error("%s: the MTU is now %u, too large for a frame; %s; at most 'ip link set dev %s mtu "
			  "%u'", d->dev.name, mtu,
			  is_inline ? "the kernel carries all traffic" : "longer frames are lost",
			  d->dev.name, MTU_MAX);
	}
	if (is_inline)
		steer_serve(d->steer, fits);
	d->degraded = fits ? NULL : "the MTU is too large for a frame";
	service_status(fits ? d->ready : "degraded: the MTU is too large for a frame");
}

/* Looks after both ends. Somebody may delete them, or move the NIC away; then what is left is to
 * end well, and to be started again. */
static int check_ends(struct daemon *d)
{
	enum watch_event event = watch_look(&d->watch, now_ns());

	if (event == WATCH_GONE) {
		log_error("%s: the interface is gone", d->dev.name);
		return -ENODEV;
	}
	if (event == WATCH_MTU)
		follow_mtu(d, d->watch.mtu);
	for (uint32_t q = 0; q < d->queue_cnt; q++) {
		int err = __atomic_load_n(&d->workers[q].tap_error, __ATOMIC_RELAXED);

		if (err) {
			log_error("%s: the TAP is gone (reading it: %s); superpacketd makes a new one "
				  "when it is started again", d->tap.name, strerror(-err));
			return err;
		}
	}
	return 0;
}

/* Until a signal says to stop. */
static int loop(struct daemon *d, int signal_fd, int timer_fd)
{
	struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN },
				{ .fd = timer_fd, .events = POLLIN },
				{ .fd = d->control.epoll_fd, .events = POLLIN } };
	int err;

	for (;;) {
		int cnt = poll(fds, ARRAY_SIZE(fds), 1000);

		if (cnt < 0 && errno != EINTR) {
			err = -errno;
			log_error("poll: %s", strerror(-err));
			return err;
		}
		drain_fd(timer_fd);
		beat(d);
		if (drain_fd(signal_fd))
			return 0;
		err = check_ends(d);
		if (err)
			return err;
		serve_control(d); /* also on the timer: deadlines of clients */
	}
}

static int serve(struct daemon *d)
{
	int signal_fd = signalfd(-1, &d->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	int timer_fd = heartbeat_timer();
	int err;

	if (signal_fd < 0 || timer_fd < 0) {
		err = -errno;
		log_error("signalfd, timerfd: %s", strerror(-err));
	} else {
		say_ready(d);
		err = loop(d, signal_fd, timer_fd);
	}
	if (timer_fd >= 0)
		close(timer_fd);
	if (signal_fd >= 0)
		close(signal_fd);
	return err;
}

/* --- The end --- */

/* A second signal, or draining takes too long: what is left over the kernel cleans up with the
 * process, but for the socket's file. */
static void at_once(int signal)
{
	unlink(socket_path);
	_exit(signal == SIGALRM ? EXIT_FAILED : 128 + signal);
}

static void begin_shutdown(struct daemon *d)
{
	struct sigaction action = { .sa_handler = at_once };

	log_info("stopping: %s", d->dev.name);
	service_stopping();
	socket_path = d->control.path;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	alarm(SHUTDOWN_LIMIT_S);
	sigprocmask(SIG_UNBLOCK, &d->signals, NULL);
}

static int run(struct daemon *d)
{
	int err = check_host(d);

	if (err)
		return err;
	err = control_open(&d->control, d->dev.name, d->netns);
	if (err)
		return err;
	err = open_tap(d);
	if (err)
		goto err_control;
	err = open_steer(d);
	if (err)
		goto err_tap;
	err = open_workers(d);
	if (err)
		goto err_steer;
	err = start_workers(d);
	if (err)
		goto err_workers;
	err = watch_open(&d->watch, d->dev.ifindex, d->dev.mtu);
	if (err)
		goto err_started;
	err = steer_start(d->steer);
	if (err)
		goto err_watch;
	err = serve(d);

	/* Traffic ends first, then those who carry it carry up and out what they still hold. */
	begin_shutdown(d);
	steer_stop(d->steer);
err_watch:
	watch_close(&d->watch);
err_started:
	stop_workers(d);
err_workers:
	close_workers(d);
err_steer:
	steer_close(d->steer);
err_tap:
	tap_close(&d->tap);
err_control:
	control_close(&d->control);
	return err;
}

/* Before any thread is started, so that all inherit the mask. */
static void block_signals(struct daemon *d)
{
	sigemptyset(&d->signals);
	sigaddset(&d->signals, SIGTERM);
	sigaddset(&d->signals, SIGINT);
	sigaddset(&d->signals, SIGHUP); /* the terminal went away */
	sigprocmask(SIG_BLOCK, &d->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct daemon daemon;

	switch (config_parse(&daemon.config, argc, argv)) {
	case CONFIG_HELP:
		fputs(config_help, stdout);
		return EXIT_OK;
	case CONFIG_VERSION:
		puts("superpacketd " SUPERPACKET_VERSION);
		return EXIT_OK;
	case CONFIG_USAGE:
		log_error("%s", daemon.config.error);
		return EXIT_USAGE;
	case CONFIG_RUN:
		break;
	}
	log_set_level(daemon.config.log_level);
	block_signals(&daemon);
	service_init(&daemon.service);
	daemon.start_ns = now_ns();
	return (int)exit_code(run(&daemon));
}
