// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What may be left of a daemon that was killed:
 *
 *      IF@NETNS.sock      refuses connections
 *      IF@NETNS.restore   settings of the NIC that it has switched off (user/nic/restore.h)
 *      an XDP program     in libxdp's dispatcher, if it was one of several; it passes every frame
 *      an egress filter   in clsact, if others have filters there; it passes every packet
 *
 *      the TAP of port    which outlives its daemon on purpose, wherever it is now; its alias says whose it is
 *
 * Everything else ends with the process. All this is done in the namespace of the interface, under the
 * directory's lock, which a starting daemon takes, too (user/base/rundir.h).
 */
#include "command/clean.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/netns.h"
#include "base/tap_mark.h"
#include "nic/netdev_tap.h"
#include "nic/restore.h"
#include "nic/steer_leftovers.h"
#include "command/ask.h"

#define PATH_LEN (RUNDIR_PATH_LEN + 8) /* of a note, which may be longer than a socket's */

struct clean {
	struct say_style say;
	const char *interface; /* NULL: all */
	char dir[RUNDIR_PATH_LEN];
	int home_fd;  /* our own network namespace */
	json_t *seen; /* an object: by path, those looked at */
	json_t *done; /* an array: what was found, and what became of it */
	enum exit_code code;
};

/* ---- network namespaces ---- */

static int open_netns(uint64_t inode)
{
	char path[NETNS_PATH_LEN];

	return netns_find(inode, path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

/* Enters the namespace. -ENOENT: it is gone, and everything that was in it. */
static int enter(const struct clean *clean, uint64_t inode)
{
	const int fd = inode == rundir_netns() ? dup(clean->home_fd) : open_netns(inode);
	int err;

	if (fd < 0)
		return -ENOENT;
	err = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return inode == rundir_netns() ? 0 : err;
}

static void leave(const struct clean *clean)
{
	if (setns(clean->home_fd, CLONE_NEWNET) && errno != EPERM)
		abort(); /* whatever came next would be done to others */
}

/* ---- one interface ---- */

static void failed(struct clean *clean, json_t *entry, const char *interface, const char *what, int err)
{
	const bool permission = err == -EPERM || err == -EACCES;
	const enum exit_code code = permission ? EXIT_PERMISSION : EXIT_FAILED;

	json_object_set_new(entry, "error", json_sprintf("%s: %s", what, strerror(-err)));
	clean->code = say_error(clean->say, clean->code == EXIT_OK ? code : clean->code, "%s: %s: %s%s", interface,
				what, strerror(-err), permission ? "; run as root" : "");
}

static json_t *feature_names(uint32_t features)
{
	json_t *array = json_array();

	for (int f = 0; f < FEATURE_CNT; f++)
		if (features >> f & 1)
			json_array_append_new(array, json_string(features_name((enum feature)f)));
	return array;
}

/* Restores the settings. The note is removed only when nothing more can be restored from it. */
static void restore(struct clean *clean, json_t *entry, const char *interface, const char *path, bool there)
{
	struct restore_note note;
	uint32_t restored = 0;
	int err = restore_read(path, &note);

	if (err == -ENOENT)
		return;
	if (!err && there)
		err = restore_apply(&note, &restored);
	json_object_set_new(entry, "restored", feature_names(restored));
	if (err && err != -ENODEV && err != -EBADMSG) {
		failed(clean, entry, interface, "restoring its settings", err);
		return;
	}
	if (!there || err == -ENODEV)
		json_object_set_new(entry, "gone", json_true());
	if (unlink(path) && errno != ENOENT)
		failed(clean, entry, interface, path, -errno);
}

static void remove_programs(struct clean *clean, json_t *entry, const char *interface)
{
	const unsigned int ifindex = if_nametoindex(interface);
	struct steer_leftovers found = { 0 };
	int err = ifindex ? steer_leftovers_clean(ifindex, &found) : 0;

	/* Without permission to look, no error: perhaps there was nothing. */
	if (err && err != -EPERM)
		failed(clean, entry, interface, "looking at its XDP programs", err);
	if (found.removed_cnt)
		json_object_set_new(entry, "programs", json_integer(found.removed_cnt));
}

static void remove_filter(struct clean *clean, json_t *entry, const char *interface)
{
	const unsigned int ifindex = if_nametoindex(interface);
	const int removed = ifindex ? steer_leftovers_clean_filter(ifindex) : 0;

	if (removed < 0)
		failed(clean, entry, interface, "looking at its egress filters", removed);
	else if (removed)
		json_object_set_new(entry, "filter", json_true());
}

/* Whether a daemon listens there. Also true if that is unknown, so that nothing is touched then. */
static bool is_alive(struct clean *clean, const char *interface, const char *path)
{
	pid_t pid;
	int err = rundir_connect(path, &pid);

	if (err == -ECONNREFUSED || err == -ENOENT)
		return false;
	if (err >= 0)
		close(err);
	if (err == -EACCES || err == -EPERM)
		clean->code = say_error(clean->say, EXIT_PERMISSION,
					"%s: no permission to look for its daemon; run as root", interface);
	else if (clean->interface)
		clean->code = say_error(clean->say, EXIT_FAILED,
					"%s: its superpacketd is running (pid %d), "
					"and restores everything when it ends; stop it first",
					interface, (int)pid);
	return true;
}

static bool has_anything(const json_t *entry)
{
	return json_object_get(entry, "socket") || json_object_get(entry, "restored") ||
	       json_object_get(entry, "programs") || json_object_get(entry, "filter") ||
	       json_object_get(entry, "error");
}

static void clean_one(struct clean *clean, const char *interface, uint64_t netns)
{
	char sock[PATH_LEN], note[PATH_LEN], half[PATH_LEN + 4];
	json_t *entry = json_object();
	int err;

	if (rundir_file(sock, sizeof sock, clean->dir, interface, netns, RUNDIR_SOCKET) ||
	    rundir_file(note, sizeof note, clean->dir, interface, netns, RUNDIR_NOTE))
		goto out;
	snprintf(half, sizeof half, "%s.new", note);
	if (json_object_get(clean->seen, note))
		goto out;
	json_object_set_new(clean->seen, note, json_true());
	json_object_set_new(entry, "interface", json_string(interface));
	json_object_set_new(entry, "netns", json_integer((json_int_t)netns));
	if (is_alive(clean, interface, sock))
		goto out;
	err = enter(clean, netns);
	if (err && err != -ENOENT) {
		failed(clean, entry, interface, "entering its network namespace", err);
		goto out;
	}
	restore(clean, entry, interface, note, !err);
	if (!err) {
		remove_programs(clean, entry, interface);
		remove_filter(clean, entry, interface);
	}
	leave(clean);
	unlink(half);
	if (unlink(sock) == 0)
		json_object_set_new(entry, "socket", json_true());
	else if (errno != ENOENT)
		failed(clean, entry, interface, sock, -errno);
	if (has_anything(entry))
		json_array_append(clean->done, entry);
out:
	json_decref(entry);
}

/* ---- the TAPs of port mode ---- */

/* The TAPs of one namespace. */
struct taps {
	struct clean *clean;
	const char *path; /* of that namespace */
};

/* Whether a daemon listens for this NIC: perhaps it is just about to take the TAP over. */
static bool has_daemon(const struct clean *clean, const struct tap_mark *mark)
{
	char path[PATH_LEN];
	pid_t pid;
	int err;

	if (rundir_file(path, sizeof path, clean->dir, mark->interface, mark->netns, RUNDIR_SOCKET))
		return true;
	err = rundir_connect(path, &pid);
	if (err >= 0)
		close(err);
	return err != -ECONNREFUSED && err != -ENOENT;
}

/* By name, or of a daemon of our run directory: another one may be just about to start there. */
static bool is_meant(const struct clean *clean, const struct netdev_tap *tap, const struct tap_mark *mark)
{
	if (!clean->interface)
		return tap_mark_is_run_in(mark, clean->dir);
	return !strcmp(clean->interface, mark->interface) || !strcmp(clean->interface, tap->name);
}

static bool remove_tap(const struct netdev_tap *tap, void *data)
{
	const struct taps *taps = data;
	struct clean *clean = taps->clean;
	struct tap_mark mark;
	json_t *entry;
	int err;

	if (!tap->persistent || tap->held || !tap_mark_read(&mark, tap->alias) || !is_meant(clean, tap, &mark) ||
	    has_daemon(clean, &mark))
		return true;
	entry = json_pack("{s:s, s:I, s:s, s:s}", "interface", mark.interface, "netns", (json_int_t)mark.netns, "tap",
			  tap->name, "tap_place", taps->path);
	err = netdev_tap_delete(tap->ifindex);
	if (err && err != -ENODEV)
		failed(clean, entry, mark.interface, "deleting its TAP", err);
	json_array_append_new(clean->done, entry);
	return true;
}

static int remove_here(void *taps)
{
	return netdev_tap_each(remove_tap, taps);
}

static bool remove_there(int fd, const char *path, void *clean)
{
	struct taps taps = { .clean = clean, .path = path };

	/* Without permission, no error: perhaps there is none. */
	return netns_call(fd, remove_here, &taps) != -EPERM;
}

/* In every namespace that can be found. */
static void clean_taps(struct clean *clean)
{
	(void)remove_there(-1, "", clean);
	netns_each(remove_there, clean);
}

/* ---- all of them ---- */

/* Interfaces that have files here. One of this name in another namespace is another interface, which is meant only by
 * a command for all, or if there is none of that name here. */
static void clean_files(struct clean *clean)
{
	struct dirent **names = NULL;
	int cnt = scandir(clean->dir, &names, NULL, alphasort);

	for (int i = 0; i < cnt; i++) {
		struct rundir_name name;

		if (rundir_parse(names[i]->d_name, &name) &&
		    (!clean->interface || (!strcmp(name.interface, clean->interface) &&
					   (name.netns == rundir_netns() || !if_nametoindex(name.interface)))))
			clean_one(clean, name.interface, name.netns);
		free(names[i]);
	}
	free(names);
}

/* An interface without a file may still have a program. */
static void clean_interfaces(struct clean *clean)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_index; i++)
		if (!clean->interface || !strcmp(clean->interface, i->if_name))
			clean_one(clean, i->if_name, rundir_netns());
	if_freenameindex(all);
}

/* ---- telling ---- */

static void print_entry(const json_t *entry)
{
	const json_t *restored = json_object_get(entry, "restored");

	const char *place = answer_text(entry, "tap_place");

	printf("%s:", answer_text(entry, "interface"));
	if (json_object_get(entry, "tap"))
		printf(" TAP %s deleted%s%s;", answer_text(entry, "tap"), *place ? ", in " : "", place);
	for (size_t i = 0; i < json_array_size(restored); i++)
		printf("%s %s%s", i ? "," : "", json_string_value(json_array_get(restored, i)),
		       i + 1 < json_array_size(restored) ? "" : " switched on again;");
	if (json_object_get(entry, "gone"))
		printf(" it is gone, and its settings with it;");
	if (answer_number(entry, "programs"))
		printf(" XDP programs removed: %d;", (int)answer_number(entry, "programs"));
	if (json_object_get(entry, "filter"))
		printf(" egress filter removed;");
	if (json_object_get(entry, "socket"))
		printf(" socket removed;");
	printf(" %s\n", json_object_get(entry, "error") ? "not all could be done" : "clean");
}

static void print_all(const struct clean *clean, bool pretty)
{
	if (clean->say.quiet)
		return;
	if (clean->say.json) {
		json_dumpf(clean->done, stdout, pretty ? JSON_INDENT(2) : JSON_COMPACT);
		putchar('\n');
		return;
	}
	for (size_t i = 0; i < json_array_size(clean->done); i++)
		print_entry(json_array_get(clean->done, i));
	if (!json_array_size(clean->done) && clean->code == EXIT_OK)
		puts("nothing was left to clean");
}

static int no_messages(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int no_xdp_messages(enum libxdp_print_level level, const char *format, va_list args)
{
	return no_messages((enum libbpf_print_level)level, format, args);
}

enum exit_code clean_main(struct say_style say, bool pretty, const char *interface)
{
	struct clean clean = { .say = say, .interface = interface, .seen = json_object(), .done = json_array() };
	int lock;

	(void)rundir_path(clean.dir);
	lock = rundir_lock(clean.dir); /* -ENOENT: there is nothing to be kept from changing */
	libbpf_set_print(no_messages);
	libxdp_set_print(no_xdp_messages);
	clean.home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (lock < 0 && lock != -ENOENT) {
		clean.code = say_error(say, lock == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "%s: %s", clean.dir,
				       strerror(-lock));
	} else if (clean.home_fd < 0) {
		clean.code = say_error(say, EXIT_FAILED, "/proc/self/ns/net: %s", strerror(errno));
	} else {
		clean_files(&clean);
		clean_interfaces(&clean);
		clean_taps(&clean);
		if (interface && !json_object_size(clean.seen) && !json_array_size(clean.done))
			clean.code = say_error(say, EXIT_FAILED,
					       "%s: there is no such interface, and "
					       "nothing is left of one; see 'ip link'",
					       interface);
		print_all(&clean, pretty);
	}
	if (clean.home_fd >= 0)
		close(clean.home_fd);
	if (lock >= 0)
		close(lock);
	json_decref(clean.seen);
	json_decref(clean.done);
	return clean.code;
}
