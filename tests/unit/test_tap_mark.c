// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What our TAPs carry as alias, and how a namespace may be named. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/netns.h"
#include "base/tap_mark.h"

static void expect_same(const struct tap_mark *mark, const char *alias)
{
	struct tap_mark got;
	char text[TAP_MARK_LEN];

	tap_mark_write(text, mark);
	cr_expect_str_eq(text, alias);
	cr_assert(tap_mark_read(&got, text), "%s", text);
	cr_expect_str_eq(got.interface, mark->interface);
	cr_expect_eq(got.netns, mark->netns);
	cr_expect_str_eq(got.asked, mark->asked);
	cr_expect_str_eq(got.run, mark->run);
	cr_expect(tap_mark_same_nic(&got, mark));
}

Test(tap_mark, is_read_as_it_was_written)
{
	struct tap_mark mark;

	setenv("RUNTIME_DIRECTORY", "/run/superpacket", 1);
	tap_mark_make(&mark, "eth0", 4026531840u, NULL, NULL);
	expect_same(&mark, "superpacket: eth0@4026531840");
	cr_expect(tap_mark_is_run_in(&mark, "/run/superpacket") && !tap_mark_is_run_in(&mark, "/run/other"));
	tap_mark_make(&mark, "a@b", 1, "sp0", "web");
	expect_same(&mark, "superpacket: a@b@1 tap=sp0 netns=web");
	setenv("RUNTIME_DIRECTORY", "/run/other:/run/third", 1);
	tap_mark_make(&mark, "eth0", 1, NULL, "/proc/1/ns/net");
	expect_same(&mark, "superpacket: eth0@1 netns=/proc/1/ns/net run=/run/other");
	cr_expect(tap_mark_is_run_in(&mark, "/run/other") && !tap_mark_is_run_in(&mark, "/run/superpacket"));
	tap_mark_make(&mark, "eth0", 1, NULL, NULL);
	expect_same(&mark, "superpacket: eth0@1 run=/run/other");
}

Test(tap_mark, fits_an_alias)
{
	char longest[200], alias[TAP_MARK_LEN];
	struct tap_mark mark, got;

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	setenv("RUNTIME_DIRECTORY", longest, 1);
	tap_mark_make(&mark, "fifteen-letters", UINT64_MAX, "fifteen-letters", longest);
	tap_mark_write(alias, &mark);
	cr_expect_lt(strlen(alias), 255);
	cr_assert(tap_mark_read(&got, alias));
	cr_expect_str_eq(got.asked, mark.asked, "what is cut off is cut off both times");
	cr_expect_str_eq(got.run, mark.run);
}

Test(tap_mark, of_others_is_none)
{
	static const char *const others[] = { "",
					      "superpacket: ",
					      "superpacket: eth0",
					      "superpacket: @1",
					      "superpacket: eth0@",
					      "superpacket: eth0@x",
					      "superpacket: eth0@1x",
					      "superpacket: a-name-far-too-long@1",
					      "uplink of web",
					      "eth0@1" };
	struct tap_mark mark;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		cr_expect(!tap_mark_read(&mark, others[i]), "'%s'", others[i]);
}

Test(netns, may_be_a_name_a_process_or_a_path)
{
	static const struct {
		const char *which, *path;
	} cases[] = {
		{ "no-such-name", "/run/netns/no-such-name" },
		{ "4194999", "/proc/4194999/ns/net" },
		{ "/proc/self/ns/net", "/proc/self/ns/net" },
		{ "12a", "/run/netns/12a" },
	};
	char path[NETNS_PATH_LEN], longest[NETNS_PATH_LEN + 1];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_expect_eq(netns_path(path, cases[i].which), 0);
		cr_expect_str_eq(path, cases[i].path);
	}
	memset(longest, '/', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	cr_expect_eq(netns_path(path, longest), -EINVAL);
	cr_expect_eq(netns_path(path, ""), -EINVAL);
	cr_expect_eq(netns_path(path, ".."), -EINVAL);
}

Test(netns, our_own_is_found)
{
	char path[NETNS_PATH_LEN];

	cr_assert_neq(netns_own(), 0);
	cr_expect_eq(netns_find(netns_own(), path), 0);
	cr_expect_eq(netns_inode(path), netns_own());
	cr_expect_eq(netns_inode("/etc/passwd"), 0, "which is none");
	cr_expect_eq(errno, ENOENT);
	cr_expect_neq(netns_find(1, path), 0);
}
