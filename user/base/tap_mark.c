// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/tap_mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rundir.h"

#define BEGINS "superpacket: "
#define RUN " run="

void tap_mark_make(struct tap_mark *mark, const char *interface, uint64_t netns, const char *tap, const char *tap_netns)
{
	char dir[RUNDIR_PATH_LEN];

	*mark = (struct tap_mark){ .netns = netns };
	snprintf(mark->interface, sizeof mark->interface, "%s", interface);
	snprintf(mark->asked, sizeof mark->asked, "%s%s%s%s%s", tap ? "tap=" : "", tap ? tap : "",
		 tap && tap_netns ? " " : "", tap_netns ? "netns=" : "", tap_netns ? tap_netns : "");
	(void)rundir_path(dir);
	if (strcmp(dir, RUNDIR_USUAL))
		snprintf(mark->run, sizeof mark->run, "%.*s", (int)sizeof mark->run - 1, dir);
}

void tap_mark_write(char alias[TAP_MARK_LEN], const struct tap_mark *mark)
{
	snprintf(alias, TAP_MARK_LEN, BEGINS "%s@%llu%s%s%s%s", mark->interface, (unsigned long long)mark->netns,
		 *mark->asked ? " " : "", mark->asked, *mark->run ? RUN : "", mark->run);
}

bool tap_mark_read(struct tap_mark *mark, const char *alias)
{
	const char *name = alias + strlen(BEGINS), *at, *run;
	char *end;

	if (strncmp(alias, BEGINS, strlen(BEGINS)))
		return false;
	at = memrchr(name, '@', strcspn(name, " ")); /* the last one: a name may have one, too */
	if (!at || at == name || (size_t)(at - name) >= sizeof mark->interface)
		return false;
	*mark = (struct tap_mark){ .netns = strtoull(at + 1, &end, 10) };
	memcpy(mark->interface, name, (size_t)(at - name));
	if (end == at + 1 || (*end && *end != ' '))
		return false;
	run = strstr(end, RUN);
	if (run)
		snprintf(mark->run, sizeof mark->run, "%s", run + strlen(RUN));
	if (*end && run != end)
		snprintf(mark->asked, sizeof mark->asked, "%.*s", (int)(run ? run - end : (long)strlen(end)) - 1,
			 end + 1);
	return true;
}

bool tap_mark_is_run_in(const struct tap_mark *mark, const char *dir)
{
	const char *run = *mark->run ? mark->run : RUNDIR_USUAL;

	return !strncmp(run, dir, sizeof mark->run - 1);
}

bool tap_mark_same_nic(const struct tap_mark *a, const struct tap_mark *b)
{
	return a->netns == b->netns && !strcmp(a->interface, b->interface);
}
