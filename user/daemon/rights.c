// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/quantity.h"
#include "base/rundir.h"

#define BIT(capability) (1ull << (capability))

/* Until the NIC is open: SYS_ADMIN see rights.h, SYS_PTRACE to find a process' network namespace (/proc/PID/ns/net). */
#define KEPT_AT_START (BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE))

#define KEPT (BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_IPC_LOCK))

/* A worker loads no programs. */
#define KEPT_BY_WORKERS (KEPT & ~BIT(CAP_PERFMON))

/* The guard asks about programs, and keeps that of the NIC's egress behind those of others. It reads the counters of the
 * TAP, also in another network namespace, about which the kernel tells those who administer it. */
#define KEPT_BY_GUARD (BIT(CAP_BPF) | BIT(CAP_NET_ADMIN))

const char *rights_capability_name(uint32_t bit)
{
	static const char *const names[] = {
		[CAP_NET_ADMIN] = "net_admin", [CAP_NET_RAW] = "net_raw",   [CAP_BPF] = "bpf",
		[CAP_PERFMON] = "perfmon",     [CAP_IPC_LOCK] = "ipc_lock", [CAP_SYS_ADMIN] = "sys_admin",
	};

	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}

static int find_user(struct rights *rights, const char *user)
{
	const struct passwd *entry = getpwnam(user);
	uint64_t uid;

	if (!entry && quantity_count(user, 0, UINT32_MAX - 1, &uid)) {
		rights->uid = (uid_t)uid;
		rights->gid = (gid_t)uid;
		entry = getpwuid(rights->uid);
	} else if (!entry) {
		log_error("--user: there is no user '%s'; give the name of one, or a number", user);
		return -EINVAL;
	}
	if (entry) {
		rights->uid = entry->pw_uid;
		rights->gid = entry->pw_gid;
	}
	return 0;
}

int rights_find(struct rights *rights, const char *user)
{
	const uint64_t needed = BIT(CAP_SETUID) | BIT(CAP_SETGID);
	const struct passwd *entry;
	int err = 0;

	*rights = (struct rights){ .uid = geteuid(), .gid = getegid() };
	if (user)
		err = find_user(rights, user);
	if (err)
		return err;
	rights->change = rights->uid != geteuid();
	if (rights->change && (confine_capabilities() & needed) != needed) {
		log_error("--user %s: becoming another user takes CAP_SETUID and CAP_SETGID; start as root", user);
		return -EPERM;
	}
	entry = getpwuid(rights->uid);
	if (entry)
		snprintf(rights->user, sizeof rights->user, "%s", entry->pw_name);
	else
		snprintf(rights->user, sizeof rights->user, "%u", (unsigned int)rights->uid);
	return 0;
}

/* A directory belongs to one user at a time, because no other could remove files from it. */
static int give_rundir(const struct rights *rights)
{
	char dir[RUNDIR_PATH_LEN];
	uid_t owner;
	int err;

	(void)rundir_path(dir);
	err = rundir_give(dir, rights->uid, rights->gid, &owner);
	if (err == -EBUSY)
		log_error("%s belongs to user %u, whose daemons run there; use 'superpacketd --user %u', or another "
			  "directory (RUNTIME_DIRECTORY)",
			  dir, (unsigned int)owner, (unsigned int)owner);
	else if (err == -ENOTEMPTY)
		log_error(
			"%s also has files of others, so it is not given to user %s; name a directory for superpacketd "
			"alone (RUNTIME_DIRECTORY)",
			dir, rights->user);
	else if (err)
		log_error("%s: making this directory for user %s: %s; make it, or name another (RUNTIME_DIRECTORY)",
			  dir, rights->user, strerror(-err));
	return err;
}

/* A process that was root is not dumpable after the change, and the files in /proc about it are root's. */
static int change_user(const struct rights *rights)
{
	if (setgroups(0, NULL) || setresgid(rights->gid, rights->gid, rights->gid) ||
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setresuid(rights->uid, rights->uid, rights->uid))
		return -errno;
	return 0;
}

/* What is not in the bounding set cannot come back by executing a program, and neither what is not ambient. */
static void bound_capabilities(uint64_t kept)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		if (!(kept >> capability & 1))
			(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); /* without CAP_SETPCAP they stay */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* The memory of an AF_XDP socket counts as locked, unless the process has CAP_IPC_LOCK. Registering it tells when the
 * limit is too low (ENOBUFS). */
static void raise_memlock_limit(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (!setrlimit(RLIMIT_MEMLOCK, &limit) || getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	limit.rlim_cur = limit.rlim_max; /* as far as it goes without CAP_SYS_RESOURCE */
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int check_tun(const struct rights *rights)
{
	if (!access("/dev/net/tun", R_OK | W_OK) || errno == ENOENT)
		return 0; /* opening it says more */
	log_error("/dev/net/tun: user %s has no access to it; 'chmod 0666 /dev/net/tun', or another --user",
		  rights->user);
	return -EACCES;
}

static void arm(uint64_t more)
{
	const uint64_t roles[CONFINE_CNT] = {
		[CONFINE_MAIN] = KEPT | more, [CONFINE_WORKER] = KEPT_BY_WORKERS, [CONFINE_GUARD] = KEPT_BY_GUARD | more
	};

	confine_arm(roles);
}

int rights_begin(struct rights *rights)
{
	const uint64_t had = confine_capabilities(), kept = had & (KEPT | KEPT_AT_START);
	int err = give_rundir(rights);

	if (err)
		return err;
	raise_memlock_limit();
	bound_capabilities(had & KEPT);
	err = rights->change ? change_user(rights) : 0;
	if (!err)
		err = confine_set_capabilities(kept);
	if (err) {
		log_error("becoming user %s with few capabilities: %s", rights->user, strerror(-err));
		return err;
	}
	rights->no_new_privs = !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	arm(0);
	return check_tun(rights);
}

void rights_share_programs(void)
{
	arm(BIT(CAP_SYS_ADMIN));
}

static void list_capabilities(char *text, size_t room)
{
	const uint64_t have = confine_capabilities();
	size_t len = 0;

	snprintf(text, room, "none");
	for (uint32_t bit = 0; bit < 64 && len < room; bit++)
		if (have >> bit & 1 && rights_capability_name(bit))
			len += (size_t)snprintf(text + len, room - len, "%s%s", len ? ", " : "",
						rights_capability_name(bit));
}

void rights_settle(const struct rights *rights)
{
	char capabilities[128];

	confine_enter(CONFINE_MAIN);
	list_capabilities(capabilities, sizeof capabilities);
	log_info("rights: user %s; capabilities %s; system calls %s", rights->user, capabilities, confine_seccomp());
}

void rights_follow(struct rights *rights)
{
	uint64_t refused;
	char *name;
	int last;

	refused = confine_refused(&last);
	if (refused == rights->refused)
		return;
	name = confine_call_name(last);
	log_warning("system call %s (%d) was refused, as superpacketd does not need it; %llu were refused since the "
		    "start. If something fails because of it, please report it",
		    name ? name : "?", last, (unsigned long long)refused);
	free(name);
	rights->refused = refused;
}
