// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_xdp.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/log.h"

static struct {
	bool armed;
	uint64_t capabilities[CONFINE_CNT];
	const char *unfiltered; /* why a thread's calls are not filtered; NULL: all are */
	uint64_t refused;
	int last;
	struct sock_fprog filters[CONFINE_CNT]; /* made before there are threads */
	int filters_err;
} confine;

/* ---- capabilities ---- */

int confine_set_capabilities(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const uint32_t low = (uint32_t)capabilities, high = (uint32_t)(capabilities >> 32);
	const struct __user_cap_data_struct data[2] = { { .effective = low, .permitted = low },
							{ .effective = high, .permitted = high } };

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

uint64_t confine_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

/* ---- system calls ---- */

/* With sanitizers, calls are made that nobody here knows: they follow all threads by ptrace(), read /proc, start
 * programs. */
#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) || \
	HAS_FEATURE(thread_sanitizer) || HAS_FEATURE(memory_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define M (1u << CONFINE_MAIN)
#define W (1u << CONFINE_WORKER | M)
#define G (1u << CONFINE_GUARD | M)
#define ALL (M | W | G)

struct rule {
	int number;
	uint32_t roles;
};

#define CALL(name) SCMP_SYS(name)

/*
 * What a thread calls after confine_enter(), and what threads that main creates call until then. Calls that have several
 * names are listed with all of them, because versions of libc and machines use different ones: stat and newfstatat. A test
 * compares the list with what daemons call, and has a reason for every call that it never sees (tests/net/test_calls.py).
 */
static const struct rule rules[] = {
	/* clang-format off */
	/* data, time, memory, the end */
	{ CALL(read), ALL }, { CALL(write), ALL }, { CALL(readv), ALL }, { CALL(writev), ALL }, { CALL(close), ALL },
	{ CALL(poll), ALL }, { CALL(ppoll), ALL }, { CALL(restart_syscall), ALL },
	{ CALL(clock_gettime), ALL }, { CALL(nanosleep), ALL }, { CALL(clock_nanosleep), ALL },
	{ CALL(gettimeofday), M }, { CALL(time), M },
	{ CALL(futex), ALL }, { CALL(munmap), ALL }, { CALL(mremap), ALL }, { CALL(madvise), ALL }, { CALL(brk), ALL },
	{ CALL(rt_sigreturn), ALL }, { CALL(rt_sigprocmask), ALL }, { CALL(rt_sigaction), ALL },
	{ CALL(getrandom), ALL }, { CALL(getpid), ALL }, { CALL(gettid), ALL }, { CALL(exit), ALL }, { CALL(exit_group), ALL },
	/* devices, BPF objects, sockets of AF_XDP */
	{ CALL(bpf), ALL }, { CALL(ioctl), ALL }, { CALL(bind), ALL }, { CALL(getsockname), ALL }, { CALL(setsockopt), ALL },
	{ CALL(sendto), ALL }, { CALL(recvmsg), ALL },
	{ CALL(getsockopt), W }, { CALL(recvfrom), W }, { CALL(eventfd2), W },
	/* the programs of an interface: libbpf and libxdp look at pins, too */
	{ CALL(fcntl), G }, { CALL(fstat), G }, { CALL(stat), G }, { CALL(lstat), G }, { CALL(newfstatat), G },
	{ CALL(statx), G }, { CALL(access), G }, { CALL(faccessat), G }, { CALL(faccessat2), G },
	{ CALL(statfs), G }, { CALL(fstatfs), G }, { CALL(getdents64), G }, { CALL(flock), G },
	/* files: notes, aliases, pins, /proc, /dev/net/tun, the dispatcher of libxdp */
	{ CALL(open), M }, { CALL(openat), M }, { CALL(lseek), M }, { CALL(pread64), M },
	{ CALL(readlink), M }, { CALL(readlinkat), M },
	{ CALL(mkdir), M }, { CALL(mkdirat), M }, { CALL(rmdir), M }, { CALL(unlink), M }, { CALL(unlinkat), M },
	{ CALL(rename), M }, { CALL(renameat), M }, { CALL(renameat2), M }, { CALL(symlink), M }, { CALL(symlinkat), M },
	{ CALL(dup3), M }, { CALL(memfd_create), M },
	/* the control socket, systemd, signals, timers */
	{ CALL(accept), M }, { CALL(accept4), M }, { CALL(connect), M }, { CALL(sendmsg), M },
	{ CALL(epoll_ctl), M }, { CALL(epoll_wait), M }, { CALL(epoll_pwait), M },
	{ CALL(signalfd4), M }, { CALL(timerfd_create), M }, { CALL(timerfd_settime), M },
	{ CALL(alarm), M }, { CALL(setitimer), M },
	/* what it is and has */
	{ CALL(geteuid), M }, { CALL(uname), M }, { CALL(sysinfo), M }, { CALL(sched_getaffinity), M }, { CALL(capget), M },
	{ CALL(getrlimit), M }, { CALL(getuid), M }, { CALL(getgid), M }, { CALL(getegid), M },
	/* new threads, until they have their own filter */
	{ CALL(rseq), M }, { CALL(set_robust_list), M }, { CALL(sched_setaffinity), M }, { CALL(capset), M },
	{ CALL(seccomp), M },
	/* clang-format on */
};

/* Nobody makes these but an intruder. */
static const int deadly[] = {
	CALL(execve),        CALL(execveat),
	CALL(ptrace),        CALL(process_vm_readv),
	CALL(init_module),   CALL(finit_module),
	CALL(kexec_load),    CALL(process_vm_writev),
	CALL(delete_module), CALL(kexec_file_load),
	CALL(reboot),        CALL(pivot_root),
	CALL(chroot),        CALL(iopl),
	CALL(ioperm),        CALL(open_by_handle_at),
};

/* A call that this machine does not have is no error. */
static int add(scmp_filter_ctx filter, uint32_t action, int number, unsigned int cnt, const struct scmp_arg_cmp *args)
{
	int err = seccomp_rule_add_array(filter, action, number, cnt, args);

	return err == -EDOM ? 0 : err;
}

static int add_masked(scmp_filter_ctx filter, int number, unsigned int arg, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp right = { .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value };

	return add(filter, SCMP_ACT_ALLOW, number, 1, &right);
}

static int add_equal(scmp_filter_ctx filter, int number, unsigned int arg, uint64_t value)
{
	const struct scmp_arg_cmp right = { .arg = arg, .op = SCMP_CMP_EQ, .datum_a = value };

	return add(filter, SCMP_ACT_ALLOW, number, 1, &right);
}

/* Memory is never executable, a signal is for this process alone, a new thread is in no namespace of its own. */
static int add_conditions(scmp_filter_ctx filter, enum confine_role role)
{
	static const int families[] = { AF_UNIX, AF_NETLINK, AF_PACKET, AF_XDP };
	static const int memory[] = { CALL(mmap), CALL(mprotect) };
	static const int names[] = { PR_SET_NAME, PR_GET_NAME, PR_SET_VMA };
	static const int files[] = { CALL(open), CALL(openat) }; /* flags are the second and the third argument */
	int err = add_equal(filter, CALL(tgkill), 0, (uint64_t)getpid());

	for (size_t i = 0; !err && i < ARRAY_SIZE(memory); i++)
		err = add_masked(filter, memory[i], 2, PROT_EXEC, 0);
	for (size_t i = 0; !err && i < ARRAY_SIZE(families); i++)
		err = add_equal(filter, CALL(socket), 0, (uint64_t)families[i]);
	for (size_t i = 0; !err && i < ARRAY_SIZE(names); i++)
		err = add_equal(filter, CALL(prctl), 0, (uint64_t)names[i]);
	for (unsigned int i = 0; !err && role == CONFINE_GUARD && i < ARRAY_SIZE(files); i++)
		err = add_masked(filter, files[i], 1 + i, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
	if (role != CONFINE_MAIN)
		return err;
	if (!err)
		err = add_equal(filter, CALL(prctl), 0, PR_SET_NO_NEW_PRIVS);
	/* Limits are read, not set. */
	if (!err)
		err = add_equal(filter, CALL(prlimit64), 2, 0);
	/* It looks after a TAP in another network namespace (base/netns.h), if it still has CAP_SYS_ADMIN. */
	if (!err)
		err = add_equal(filter, CALL(setns), 1, CLONE_NEWNET);
	if (!err)
		err = add_masked(filter, CALL(clone), 0,
				 CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC |
					 CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_THREAD,
				 CLONE_THREAD);
	/* Its flags are in memory, where a filter cannot look; libc takes clone() then. */
	return err ? err : add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0, NULL);
}

static int fill(scmp_filter_ctx filter, enum confine_role role)
{
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(rules); i++)
		if (rules[i].roles >> role & 1)
			err = add(filter, SCMP_ACT_ALLOW, rules[i].number, 0, NULL);
	for (size_t i = 0; !err && i < ARRAY_SIZE(deadly); i++)
		err = add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
	return err ? err : add_conditions(filter, role);
}

#if defined(__x86_64__)
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#endif

#ifdef RESULT
#define REFUSE SCMP_ACT_TRAP

/* In the thread that has made the call; only what a signal handler may do. */
static void refused(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	__atomic_store_n(&confine.last, info->si_syscall, __ATOMIC_RELAXED);
	__atomic_add_fetch(&confine.refused, 1, __ATOMIC_RELAXED);
	RESULT((ucontext_t *)context) = -ENOSYS;
}

static int handle_refusals(void)
{
	const struct sigaction action = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO };

	return sigaction(SIGSYS, &action, NULL) ? -errno : 0;
}
#else
/* How a handler sets a call's result is not known here: the call fails, and nobody counts it. */
#define REFUSE SCMP_ACT_ERRNO(ENOSYS)

static int handle_refusals(void)
{
	return 0;
}
#endif

static int read_filter(int fd, struct sock_fprog *filter)
{
	const off_t len = lseek(fd, 0, SEEK_END);

	if (len <= 0)
		return -EIO;
	filter->filter = malloc((size_t)len);
	if (!filter->filter)
		return -ENOMEM;
	if (pread(fd, filter->filter, (size_t)len, 0) != len)
		return -EIO;
	filter->len = (unsigned short)((size_t)len / sizeof *filter->filter);
	return 0;
}

static int make_filter(enum confine_role role, struct sock_fprog *filter)
{
	scmp_filter_ctx rules_of_role = seccomp_init(REFUSE);
	const int fd = memfd_create("filter", MFD_CLOEXEC);
	int err = rules_of_role ? 0 : -ENOMEM;

	if (!err && fd < 0)
		err = -errno;
	if (!err)
		err = fill(rules_of_role, role);
	if (!err)
		err = seccomp_export_bpf(rules_of_role, fd);
	if (!err)
		err = read_filter(fd, filter);
	seccomp_release(rules_of_role);
	if (fd >= 0)
		close(fd);
	return err;
}

/* All are made at the start, where memory is plenty and nothing is attached yet: a thread may begin at any time later,
 * and without memory libseccomp 2.5 crashes while it makes a filter. */
static void unfiltered(const char *why)
{
	__atomic_store_n(&confine.unfiltered, why, __ATOMIC_RELAXED);
}

void confine_arm(const uint64_t capabilities[CONFINE_CNT])
{
	memcpy(confine.capabilities, capabilities, sizeof confine.capabilities);
	for (unsigned int role = 0; !SANITIZED && !confine.armed && role < CONFINE_CNT && !confine.filters_err; role++)
		confine.filters_err = make_filter((enum confine_role)role, &confine.filters[role]);
	if (SANITIZED)
		unfiltered("not filtered: built with a sanitizer");
	confine.armed = true;
}

/* Without the flag, kernels before 5.16 switch off speculation in filtered threads, which costs time in every packet
 * and protects from code that was brought along, of which there is none here. */
static int filter_calls(enum confine_role role)
{
	int err = confine.filters_err ? confine.filters_err : handle_refusals();

	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &confine.filters[role]))
		err = -errno;
	return err;
}

void confine_enter(enum confine_role role)
{
	int err;

	if (!confine.armed)
		return;
	err = confine_set_capabilities(confine.capabilities[role] & confine_capabilities());
	if (err)
		log_warning("giving up capabilities: %s", strerror(-err));
	if (SANITIZED)
		return;
	err = filter_calls(role);
	if (!err)
		return;
	log_warning("filtering system calls: %s; this kernel may lack CONFIG_SECCOMP_FILTER", strerror(-err));
	unfiltered("not filtered: the kernel refused the filter");
}

const char *confine_seccomp(void)
{
	const char *why = __atomic_load_n(&confine.unfiltered, __ATOMIC_RELAXED);

	if (why)
		return why;
	return confine.armed ? "filtered" : "not filtered yet";
}

uint64_t confine_refused(int *last)
{
	*last = __atomic_load_n(&confine.last, __ATOMIC_RELAXED);
	return __atomic_load_n(&confine.refused, __ATOMIC_RELAXED);
}

char *confine_call_name(int number)
{
	return seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
}
