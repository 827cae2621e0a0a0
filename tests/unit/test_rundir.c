// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The run directory is given to another user: what goes with it, and what an owner with bad intentions cannot do. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rundir.h"

#define OLD 4713
#define NEW 4714

static char top[] = "/tmp/rundir-XXXXXX"; /* of root, in which everybody may look */
static char dir[64];
static void (*before_chown)(void);

/* Replaces libc's: the last moment at which somebody can exchange the file. */
int fchownat(int at, const char *path, uid_t uid, gid_t gid, int flags)
{
	if (before_chown)
		before_chown();
	return (int)syscall(SYS_fchownat, at, path, uid, gid, flags);
}

static void make(const char *path, uid_t uid)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	cr_assert(fd >= 0 && !fchown(fd, uid, uid), "%s: %s", path, strerror(errno));
	close(fd);
}

static const char *in(const char *where, const char *name)
{
	static char paths[4][128];
	static int next;

	next = (next + 1) % 4;
	snprintf(paths[next], sizeof paths[next], "%s/%s", where, name);
	return paths[next];
}

static uid_t owner(const char *path)
{
	struct stat st;

	cr_assert(!lstat(path, &st), "%s: %s", path, strerror(errno));
	return st.st_uid;
}

static void setup(void)
{
	if (geteuid() != 0)
		cr_skip("only root can give files away");
	cr_assert(mkdtemp(top) && !chmod(top, 0755));
	snprintf(dir, sizeof dir, "%s/run", top);
	cr_assert(!mkdir(dir, 0755) && !chown(dir, OLD, OLD));
	make(in(dir, "eth0@1.sock"), OLD);
}

static void teardown(void)
{
	char command[96];

	snprintf(command, sizeof command, "rm -r %s", top);
	if (*dir)
		cr_expect_eq(system(command), 0);
}

TestSuite(rundir, .init = setup, .fini = teardown);

static int give(void)
{
	uid_t was;

	return rundir_give(dir, NEW, NEW, &was);
}

Test(rundir, all_our_files_go_with_it)
{
	static const char *const ours[] = { "eth0@1.sock", "eth0@1.restore", "a.b@2.sock.77", "eth0@1.restore.new" };

	for (size_t i = 1; i < sizeof ours / sizeof *ours; i++)
		make(in(dir, ours[i]), OLD);
	cr_assert(!symlink("eth0@1.sock", in(dir, "eth1@1.sock")) && !lchown(in(dir, "eth1@1.sock"), OLD, OLD));
	cr_expect_eq(give(), 0);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		cr_expect_eq(owner(in(dir, ours[i])), NEW, "%s", ours[i]);
	cr_expect_eq(owner(in(dir, "eth1@1.sock")), NEW);
	cr_expect_eq(owner(dir), NEW);
}

Test(rundir, a_file_of_somebody_else_under_our_name_is_left_alone)
{
	make(in(top, "linked"), 0);
	cr_assert(!link(in(top, "linked"), in(dir, "eth1@1.sock")));
	make(in(dir, "eth2@1.sock"), 0); /* moved there */
	cr_assert(!symlink(in(top, "linked"), in(dir, "eth3@1.sock")));
	cr_expect_eq(give(), 0);
	cr_expect_eq(owner(in(top, "linked")), 0);
	cr_expect_eq(owner(in(dir, "eth2@1.sock")), 0);
}

/* RUNTIME_DIRECTORY=/tmp, by mistake */
Test(rundir, a_directory_with_other_files_is_not_given)
{
	make(in(dir, "passwd"), OLD);
	cr_assert(!chmod(dir, 01777));
	cr_expect_eq(give(), -ENOTEMPTY);
	cr_expect_eq(owner(dir), OLD);
	cr_expect_eq(owner(in(dir, "eth0@1.sock")), OLD);
}

static int exchanged;

/* The old owner puts another file in the place of the one that was looked at. */
static void exchange(void)
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0)
		_exit(setresuid(OLD, OLD, OLD) || rename(in(dir, "eth0@2.sock"), in(dir, "eth0@1.sock")));
	waitpid(child, &status, 0);
	exchanged += status == 0;
}

Test(rundir, its_old_owner_can_exchange_nothing_meanwhile)
{
	make(in(top, "secret"), 0);
	cr_assert(!link(in(top, "secret"), in(dir, "eth0@2.sock")) && !chmod(dir, 0777));
	before_chown = exchange;
	cr_expect_eq(give(), 0);
	before_chown = NULL;
	cr_expect_eq(owner(in(top, "secret")), 0);
	cr_expect_eq(exchanged, 0);
	cr_expect_eq(owner(dir), NEW);
}
