// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic/restore.h"

static char dir[] = "/tmp/superpacket-restore-XXXXXX", path[64];

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/eth0@1.restore", dir);
}

static void tear_down(void)
{
	unlink(path);
	cr_expect_eq(rmdir(dir), 0, "something else is left: %s", strerror(errno));
}

TestSuite(restore, .init = set_up, .fini = tear_down);

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static const struct restore_note some = {
	.interface = "eth0", .ifindex = 7, .mac = { 2, 0, 0xab, 0, 0, 9 }, .on = 1u << FEATURE_LRO | 1u << FEATURE_GRO
};

Test(restore, what_is_written_is_read)
{
	struct restore_note read;

	cr_assert_eq(restore_write(path, &some), 0);
	cr_assert_eq(restore_read(path, &read), 0);
	cr_expect_str_eq(read.interface, some.interface);
	cr_expect_eq(read.ifindex, some.ifindex);
	cr_expect_arr_eq(read.mac, some.mac, sizeof some.mac);
	cr_expect_eq(read.on, some.on);
}

Test(restore, every_feature_has_its_line)
{
	struct restore_note note = some, read;

	for (int f = 0; f < FEATURE_CNT; f++) {
		note.on = 1u << f;
		cr_assert_eq(restore_write(path, &note), 0);
		cr_assert_eq(restore_read(path, &read), 0);
		cr_expect_eq(read.on, note.on, "%s", features_name((enum feature)f));
	}
}

Test(restore, a_note_of_nothing_is_no_note)
{
	struct restore_note note = some;

	cr_assert_eq(restore_write(path, &note), 0);
	note.on = 0;
	cr_expect_eq(restore_write(path, &note), 0);
	cr_expect_eq(access(path, F_OK), -1);
	cr_expect_eq(restore_write(path, &note), 0, "and it does not matter that there was none");
	cr_expect_eq(restore_read(path, &note), -ENOENT);
}

Test(restore, what_cannot_be_written_is_an_error_and_leaves_nothing)
{
	cr_expect_eq(restore_write("/nonexistent/eth0@1.restore", &some), -ENOENT);
	cr_expect_eq(access(path, F_OK), -1);
}

Test(restore, lines_of_a_younger_version_are_passed_over)
{
	struct restore_note note;

	write_text("superpacket-restore 1\ncolour blue\nifindex 3\non rx-something-new\non rx-gro-hw\n"
		   "interface eth1\n");
	cr_assert_eq(restore_read(path, &note), 0);
	cr_expect_eq(note.ifindex, 3);
	cr_expect_str_eq(note.interface, "eth1");
	cr_expect_eq(note.on, 1u << FEATURE_GRO_HW);
}

Test(restore, what_is_no_note_is_said)
{
	static const char *const texts[] = {
		"",
		"\n",
		"superpacket-restore 2\nifindex 3\n",
		"superpacket-restore 1\n",
		"superpacket-restore 1\ninterface eth0\non rx-gro-hw\n",
		"ifindex 3\non rx-gro-hw\n",
		"superpacket-restore 1\nifindex\n",
	};
	struct restore_note note;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_text(texts[i]);
		cr_expect_eq(restore_read(path, &note), -EBADMSG, "'%s'", texts[i]);
	}
}

/* A value that is longer than its field is cut off, and nothing behind the field is written. */
Test(restore, long_lines_hurt_nobody)
{
	struct restore_note note;
	char text[4096] = "superpacket-restore 1\ninterface ";

	memset(text + strlen(text), 'x', 3000);
	strcat(text, "\nifindex 5\n");
	write_text(text);
	cr_assert_eq(restore_read(path, &note), 0);
	cr_expect_eq(strlen(note.interface), IFNAMSIZ - 1);
	cr_expect_eq(note.ifindex, 5);
}
