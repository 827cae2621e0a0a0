// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * superpacketd: opens everything in one order, closes it in the reverse one, and does in between
 * what is slow: signals, the heartbeat, the control socket. Packets are the workers' business.
 *
 *      watch      notifications about interfaces; before the first is asked about, so that none is missed
 *      netdev     what the NIC is; what cannot work is refused here, before anything is touched
 *      rights     --user, and few capabilities: from here on this process may only do what its job needs
 *      control    the claim on the interface: a second daemon ends here
 *      settings   those of the NIC that harm us are switched off, to be restored; from here on it is open_nic(), and
 *                 done again when the NIC has been away
 *      front end  the TAP
 *      steer      programs and maps; the XDP program is attached and passes every frame
 *      workers    memory and socket of each queue, then their threads
 *      start      traffic comes
 *      rights     what is needed no more, now that all is open, is given up
 *
 * Signals stay blocked and are read from a descriptor, so that nothing is interrupted half way;
 * every step below has a time limit of its own.
 *
 * Fail-open: the heartbeat that the BPF programs ask for comes from here (heartbeat.h).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/daemon.h"

enum exit_code { EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_PERMISSION = 5, EXIT_UNSUPPORTED = 6 };

#define SHUTDOWN_LIMIT_S 10u /* then the rest is left to the kernel, as after kill -9 */

/* For at_once() alone. */
static const char *socket_path;

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

/* What is short here is short of the process, so the message about the thing that could not be had does not help. */
static int say_remedy(int err)
{
	struct rlimit limit = { 0 };

	if (err == -EMFILE) {
		(void)getrlimit(RLIMIT_NOFILE, &limit);
		log_error("at most %llu descriptors may be open; superpacketd takes about 40, and 10 a queue: 'ulimit "
			  "-n', or LimitNOFILE= of the unit, raises that",
			  (unsigned long long)limit.rlim_cur);
	} else if (err == -ENOMEM) {
		log_error(
			"memory is limited: see 'ulimit -a', the cgroup's memory.max, and --memory in superpacketd(8)");
	}
	return err;
}

static void say_ready(struct daemon *d)
{
	status_ready(d);
	log_info("ready: %s", d->state.ready);
	service_ready(d->state.ready);
	memory_say(&d->device.memory, d->device.dev.name);
	settings_say(&d->attached.settings, &d->device.dev, steer_is_generic(d->attached.steer));
}

/* --- The control socket --- */

static char *answer(struct daemon *d, const char *request)
{
	if (!strcmp(request, "status"))
		return status_answer(d);
	if (fault_command(request))
		return strdup("{}");
	return status_refusal(request);
}

static void serve_control(struct daemon *d)
{
	struct control_client *client;

	while ((client = control_next(&d->control, clock_ns()))) {
		control_reply(&d->control, client, answer(d, client->request));
		heartbeat_show(&d->heartbeat);
	}
}

/* --- The main thread's loop --- */

static int heartbeat_timer(void)
{
	struct itimerspec every = { .it_interval.tv_nsec = HEARTBEAT_NS, .it_value.tv_nsec = HEARTBEAT_NS };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &every, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void drain_timer(int fd)
{
	uint64_t expirations;

	(void)!read(fd, &expirations, sizeof expirations);
}

/* Reads the signals that have come. Returns whether one of them ends the daemon. */
static bool told_to_stop(int signal_fd, const char *interface)
{
	struct signalfd_siginfo signal;

	while (read(signal_fd, &signal, sizeof signal) == sizeof signal) {
		if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT)
			return true;
		if (signal.ssi_signo == SIGHUP)
			log_warning("%s: SIGHUP: nothing is reloaded; the daemon goes on with the options of its "
				    "start. To change them, restart it: 'systemctl restart superpacketd@%s'",
				    interface, interface);
		else
			log_warning("%s: %s has no meaning here and is ignored", interface,
				    signal.ssi_signo == SIGUSR1 ? "SIGUSR1" : "SIGUSR2");
	}
	return false;
}

/* Until a signal says to stop. */
static int loop(struct daemon *d, int signal_fd, int timer_fd)
{
	struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN },
				{ .fd = timer_fd, .events = POLLIN },
				{ .fd = d->control.epoll_fd, .events = POLLIN },
				{ .fd = watch_links_fd(&d->watch), .events = POLLIN },
				{ .fd = watch_ethtool_fd(&d->watch), .events = POLLIN } };
	int err;

	for (;;) {
		int cnt = poll(fds, ARRAY_SIZE(fds), 1000);

		if (cnt < 0 && errno != EINTR) {
			err = -errno;
			log_error("poll: %s", strerror(-err));
			return err;
		}
		drain_timer(timer_fd);
		heartbeat_show(&d->heartbeat);
		if (told_to_stop(signal_fd, d->device.dev.name))
			return 0;
		fault_forbid_rtnl(!d->state.waiting); /* see beside.h */
		follow_news(d);
		guard_follow(&d->attached.guard, &d->config, d->device.dev.name, &d->state);
		losses_follow(d);
		err = follow_front(d);
		if (err)
			return err;
		if (d->config.mode == CONFIG_INLINE && d->front.frontend)
			tap_queue_follow(&d->tap_queue, &d->heartbeat, d->front.frontend, d->device.memory.tap_len,
					 clock_ns());
		rights_follow(&d->rights);
		serve_control(d); /* also on the timer: deadlines of clients */
	}
}

static int serve(struct daemon *d, const sigset_t *signals)
{
	int signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
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

/* After a second SIGTERM or SIGINT, or when draining takes too long. The kernel cleans up with the process, except for the
 * socket's file; the next start restores settings of the NIC, as after kill -9. */
static void at_once(int signal)
{
	unlink(socket_path);
	_exit(signal == SIGALRM ? EXIT_FAILED : 128 + signal);
}

static void begin_shutdown(const struct daemon *d, const sigset_t *signals)
{
	struct sigaction action = { .sa_handler = at_once };

	log_info("stopping: %s", d->device.dev.name);
	service_stopping();
	socket_path = d->control.path;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	alarm(SHUTDOWN_LIMIT_S);
	sigprocmask(SIG_UNBLOCK, signals, NULL);
}

static void close_all(struct daemon *d)
{
	if (!d->state.waiting)
		open_close_nic(d, false);
	else if (d->front.frontend)
		front_close(&d->front, false);
}

static int run(struct daemon *d, const sigset_t *signals)
{
	int err = rights_find(&d->rights, d->config.user);

	if (!err)
		err = watch_open(&d->watch);
	if (err)
		return err;
	err = check_host(d);
	if (err)
		goto err_watch;
	err = control_check(d->device.dev.name, d->device.netns);
	if (!err)
		priority_set(&d->priority, d->config.nice, d->config.nice_asked); /* takes CAP_SYS_NICE */
	if (!err)
		err = rights_begin(&d->rights);
	if (err)
		goto err_watch;
	err = control_open(&d->control, d->device.dev.name, d->device.netns);
	if (err)
		goto err_watch;
	err = open_nic(d);
	if (err) {
		rights_follow(&d->rights);
		goto err_control;
	}
	rights_settle(&d->rights);
	err = serve(d, signals);
	begin_shutdown(d, signals);
	close_all(d);
	rights_follow(&d->rights);
err_control:
	control_close(&d->control);
err_watch:
	watch_close(&d->watch);
	return err;
}

/* Before any thread is started, so that all inherit the mask. */
static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP); /* by habit a wish to reload; also, the terminal went away */
	sigaddset(signals, SIGUSR1);
	sigaddset(signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	sigset_t signals;

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
	daemon.state.port = daemon.config.mode == CONFIG_PORT;
	block_signals(&signals);
	daemon.start_ns = clock_ns();
	daemon.heartbeat = (struct heartbeat){ .workers = &daemon.workers,
					       .guard = &daemon.attached.guard,
					       .state = &daemon.state };
	service_init(&daemon.heartbeat.service);
	return (int)exit_code(say_remedy(run(&daemon, &signals)));
}
