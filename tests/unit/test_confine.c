// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Every test runs in a process of its own (Criterion forks), so a filter ends with its test. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/confine.h"

static const uint64_t none[CONFINE_CNT];

static void enter(enum confine_role role)
{
	confine_arm(none);
	confine_enter(role);
	if (strcmp(confine_seccomp(), "filtered"))
		cr_skip("%s", confine_seccomp());
}

/* The call fails with ENOSYS, and is counted by its name. */
static void expect_refused(long result, const char *name, uint64_t count)
{
	const int err = errno;
	uint64_t refused;
	char *called;
	int last;

	refused = confine_refused(&last);
	called = confine_call_name(last);
	cr_expect(result == -1 && err == ENOSYS, "%s: %ld, errno %d", name, result, err);
	cr_expect_eq(refused, count, "%s: %lu were refused, not %lu", name, (unsigned long)refused,
		     (unsigned long)count);
	cr_expect_str_eq(called, name);
	free(called);
}

Test(confine, what_is_not_needed_fails_and_is_counted)
{
	enter(CONFINE_MAIN);
	expect_refused(mount("none", "/nowhere", "tmpfs", 0, NULL), "mount", 1);
	expect_refused(syscall(SYS_unshare, 0), "unshare", 2);
	expect_refused(socket(AF_INET, SOCK_STREAM, 0), "socket", 3);
	expect_refused((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "mmap", 4);
	expect_refused(kill(1, 0), "kill", 5);
	expect_refused(fork(), "clone", 6);
	expect_refused(setpriority(PRIO_PROCESS, 0, 0), "setpriority", 7);
	expect_refused(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }), "prlimit64", 8);
}

Test(confine, a_worker_makes_no_files_and_no_threads)
{
	enter(CONFINE_WORKER);
	expect_refused(open("/dev/null", O_RDONLY), "openat", 1);
	expect_refused(syscall(SYS_accept4, 0, NULL, NULL, 0), "accept4", 2);
	expect_refused(unlink("/nonexistent"), "unlink", 3);
	expect_refused(syscall(SYS_capset, NULL, NULL), "capset", 4);
}

/* As a thread that begins when the machine, or a limit, has left nothing. */
Test(confine, a_thread_needs_no_memory_to_be_filtered)
{
	void **taken = NULL, **next;

	confine_arm(none);
	if (strstr(confine_seccomp(), "sanitizer")) /* which could not live without memory */
		cr_skip("%s", confine_seccomp());
	cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ 0, RLIM_INFINITY }), 0);
	for (size_t size = 1 << 16; size >= sizeof next; size /= 2)
		while ((next = malloc(size))) {
			*next = taken;
			taken = next;
		}
	confine_enter(CONFINE_WORKER);
	for (; taken; taken = next) {
		next = *taken;
		free(taken);
	}
	if (strcmp(confine_seccomp(), "filtered") && !strstr(confine_seccomp(), "kernel"))
		cr_skip("%s", confine_seccomp());
	cr_expect_str_eq(confine_seccomp(), "filtered");
	expect_refused(unlink("/nonexistent"), "unlink", 1);
}

Test(confine, what_is_needed_works)
{
	char byte;
	void *page;
	int fd;

	enter(CONFINE_GUARD);
	fd = open("/dev/zero", O_RDONLY);
	page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_expect(fd >= 0 && read(fd, &byte, 1) == 1);
	cr_expect_neq(page, MAP_FAILED);
	cr_expect_eq(confine_refused(&(int){ 0 }), 0);
}

static void *nothing(void *arg)
{
	confine_enter(CONFINE_GUARD);
	return arg;
}

/* Also where libc prefers clone3(), and the second filter is added to the first. */
Test(confine, main_makes_threads_that_confine_themselves_further)
{
	pthread_t thread;

	enter(CONFINE_MAIN);
	cr_assert_eq(pthread_create(&thread, NULL, nothing, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_str_eq(confine_seccomp(), "filtered");
	cr_expect_eq(confine_refused(&(int){ 0 }), 0);
}

Test(confine, capabilities_are_given_up)
{
	enter(CONFINE_GUARD);
	cr_expect_eq(confine_capabilities(), 0);
}

Test(confine, nothing_happens_before_it_is_armed)
{
	confine_enter(CONFINE_WORKER);
	cr_expect_eq(mount("none", "/nowhere", "tmpfs", 0, NULL), -1);
	cr_expect_neq(errno, ENOSYS);
	cr_expect_str_eq(confine_seccomp(), "not filtered yet");
}

/* What only an intruder calls ends the process. */
static void expect_killed(void (*call)(void))
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0) {
		confine_arm(none);
		confine_enter(CONFINE_MAIN);
		if (strcmp(confine_seccomp(), "filtered"))
			_exit(77);
		call();
		_exit(1);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		cr_skip("not filtered");
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %#x", status);
}

static void call_execve(void) { execl("/bin/true", "true", NULL); }

static void call_ptrace(void) { (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL); }

static void call_finit_module(void) { (void)syscall(SYS_finit_module, -1, "", 0); }

Test(confine, an_intruder_is_ended)
{
	expect_killed(call_execve);
	expect_killed(call_ptrace);
	expect_killed(call_finit_module);
}
