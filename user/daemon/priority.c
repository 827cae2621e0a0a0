// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/priority.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

/* Gives the session the same nice value, if it is ours alone. Returns 0, or -errno: -ENOENT, this kernel has no
 * autogroups; -EBUSY, others are in this session, a shell at least. */
static int set_autogroup(int nice)
{
	const int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	char text[8];
	int len, err;

	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof text, "%d", nice);
	if (getsid(0) != getpid())
		err = -EBUSY;
	else
		err = write(fd, text, (size_t)len) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static void describe(struct priority *priority, int nice, const char *why)
{
	const int autogroup_err = nice < 0 ? set_autogroup(nice) : -ENOENT;
	const char *session = "";

	if (!autogroup_err)
		session = ", as is its session (autogroup)";
	else if (autogroup_err == -EBUSY)
		session = " within its session, which it shares (autogroup)";
	else if (autogroup_err != -ENOENT)
		session = ", but not its session (autogroup): not permitted";
	snprintf(priority->text, sizeof priority->text, "nice %d%s%s", nice, why, session);
}

void priority_set(struct priority *priority, int nice, bool asked)
{
	const int before = getpriority(PRIO_PROCESS, 0);

	if (!asked && before != 0) {
		describe(priority, before, " (as it was started)");
		return;
	}
	if (nice == 0) {
		snprintf(priority->text, sizeof priority->text, "nice %d, left as it was (--nice 0)", before);
		return;
	}
	if (setpriority(PRIO_PROCESS, 0, nice)) {
		log_warning("cannot run at nice %d: %s; when all CPUs are busy, packets may be lost; give it "
			    "CAP_SYS_NICE, or start it with 'nice -n %d', or leave it alone with --nice 0",
			    nice, strerror(errno), nice);
		snprintf(priority->text, sizeof priority->text, "nice %d: %d is not permitted", before, nice);
		return;
	}
	describe(priority, nice, "");
}
