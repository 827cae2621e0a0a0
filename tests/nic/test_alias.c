// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The names of a bond's members lead to the bond's control socket. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/control.h"
#include "nic_bed.h"

#define NETNS 1u

static char dir[] = "/tmp/sp-alias-XXXXXX";

static void set_up_dir(void)
{
	cr_assert(mkdtemp(dir));
	cr_assert_eq(setenv("RUNTIME_DIRECTORY", dir, 1), 0);
	silence();
}

/* Whatever a test has left. */
static void remove_dir(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -r %s", dir);
	run(command);
}

TestSuite(alias, .init = set_up_dir, .fini = remove_dir, .timeout = 60);

static bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static bool leads_to_a_daemon(const char *path)
{
	pid_t pid = 0;
	int fd = rundir_connect(path, &pid);

	if (fd < 0)
		return false;
	close(fd);
	return pid == getpid();
}

Test(alias, a_member_s_name_leads_to_its_bond_until_it_is_dropped)
{
	char alias[RUNDIR_PATH_LEN], path[RUNDIR_PATH_LEN];
	struct control bond, second;

	cr_assert_eq(control_open(&bond, "bond0", NETNS), 0);
	cr_assert_eq(control_alias(&bond, "m0", NETNS, alias), 0);
	cr_expect(leads_to_a_daemon(alias));
	cr_expect_eq(control_open(&second, "m0", NETNS), -EBUSY, "the member has a daemon");
	snprintf(path, sizeof path, "%s", alias);
	control_drop_alias(&bond, alias);
	cr_expect(!is_there(path));
	cr_expect_str_eq(alias, "");
	cr_expect_eq(control_open(&second, "m0", NETNS), 0, "the member is free");
	control_close(&second);
	control_close(&bond);
}

Test(alias, a_member_that_has_a_daemon_is_busy)
{
	char alias[RUNDIR_PATH_LEN];
	struct control bond, member;

	cr_assert_eq(control_open(&bond, "bond0", NETNS), 0);
	cr_assert_eq(control_open(&member, "m0", NETNS), 0);
	cr_expect_eq(control_alias(&bond, "m0", NETNS, alias), -EBUSY);
	cr_expect_str_eq(alias, "");
	cr_expect(leads_to_a_daemon(member.path), "and keeps its socket");
	control_close(&member);
	control_close(&bond);
}

static void expect_replaced(const char *target)
{
	char alias[RUNDIR_PATH_LEN], left[RUNDIR_PATH_LEN];
	struct control bond;

	snprintf(left, sizeof left, "%s/m0@%u.sock", dir, NETNS);
	cr_assert_eq(symlink(target, left), 0);
	cr_assert_eq(control_open(&bond, "bond0", NETNS), 0);
	cr_assert_eq(control_alias(&bond, "m0", NETNS, alias), 0, "%s", target);
	cr_expect_str_eq(alias, left);
	cr_expect(leads_to_a_daemon(alias));
	control_drop_alias(&bond, alias);
	cr_expect(!is_there(left));
	control_close(&bond);
}

/* The second one leads to the new daemon as soon as that listens. */
Test(alias, what_a_dead_daemon_has_left_is_replaced)
{
	expect_replaced("bond7@1.sock");
	expect_replaced("bond0@1.sock");
}

/* A daemon of the member itself may have taken the name since. */
Test(alias, what_is_another_s_is_not_dropped)
{
	char alias[RUNDIR_PATH_LEN], path[RUNDIR_PATH_LEN];
	struct control bond, member;

	cr_assert_eq(control_open(&bond, "bond0", NETNS), 0);
	cr_assert_eq(control_alias(&bond, "m0", NETNS, alias), 0);
	snprintf(path, sizeof path, "%s", alias);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(control_open(&member, "m0", NETNS), 0);
	control_drop_alias(&bond, alias);
	cr_expect(is_there(path));
	control_close(&member);
	control_close(&bond);
}
