// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * superpacket: asks running daemons how they fare.
 *
 * Every daemon listens on a Unix socket of its own, named after its interface and network namespace
 * (user/daemon/control.h). This command lists the directory, asks each with one line, and prints
 * the JSON that comes back, as it is (-j) or as a table. Data goes to stdout, messages to stderr;
 * the exit code says what a script wants to know first.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SOCKET_DIR "/run/superpacket"

/* A daemon answers within milliseconds; one that starts is busy for as long as a queue is. */
#define DEADLINE_MS 3000
/* A connection that was cut is tried again after this: a daemon that dies is gone by then, or soon. */
#define RETRY_MS 50
#define ANSWER_MAX (16u << 20) /* of a daemon with hundreds of queues: 1 MB */

#define WIDTH 80

enum exit_code {
	EXIT_OK,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_NOT_RUNNING,
	EXIT_DEGRADED,
	EXIT_PERMISSION,
};

struct options {
	const char *interface; /* NULL: all */
	bool json, pretty, quiet, verbose, colour;
};

struct instance {
	char *path;
	char *interface;
	uint64_t netns;
};

static const char help[] =
	"usage: superpacket [status [IF]] [option]...\n"
	"\n"
	"Shows what the running daemons do, on every interface and in every network\n"
	"namespace of this machine (this one first), or on interface IF only: the NIC\n"
	"or its TAP.\n"
	"\n"
	"  -j, --json      a JSON array with one object per daemon\n"
	"  -p, --pretty    the same, indented\n"
	"  -v, --verbose   each queue by itself, and counters that are zero\n"
	"  -q, --quiet     print nothing; the exit code says it\n"
	"  -h, --help      this text\n"
	"  -V, --version   the version\n"
	"\n"
	"Exit codes: 0 ok, 1 failed, 2 usage, 3 daemon not running, 4 degraded,\n"
	"5 no permission.\n";

/* --- Messages --- */

/* One line on stderr, or one JSON object there: stdout holds data and nothing else. */
static enum exit_code fail(const struct options *options, enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum exit_code fail(const struct options *options, enum exit_code code, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (options->json) {
		json_t *object = json_object();

		json_object_set_new(object, "error", json_string_nocheck(text));
		json_object_set_new(object, "exit", json_integer(code));
		json_dumpf(object, stderr, JSON_COMPACT);
		fputc('\n', stderr);
		json_decref(object);
	} else if (!options->quiet) {
		fprintf(stderr, "superpacket: error: %s\n", text);
	}
	return code;
}

/* Of several daemons' outcomes the one that a script must not miss. */
static enum exit_code worse(enum exit_code a, enum exit_code b)
{
	static const int rank[] = { [EXIT_OK] = 0, [EXIT_DEGRADED] = 1, [EXIT_NOT_RUNNING] = 2,
				    [EXIT_PERMISSION] = 3, [EXIT_FAILED] = 4, [EXIT_USAGE] = 5 };

	return rank[a] > rank[b] ? a : b;
}

/* --- Finding daemons --- */

static uint64_t own_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

/* systemd names a list; ours is the first. */
static char *socket_dir(void)
{
	const char *env = getenv("RUNTIME_DIRECTORY");

	return env && *env ? strndup(env, strcspn(env, ":")) : strdup(SOCKET_DIR);
}

/* Reads "IF@INODE.sock". */
static bool parse_name(const char *name, struct instance *instance)
{
	const char *at = strrchr(name, '@');
	char *end;

	if (!at || at == name || !isdigit((unsigned char)at[1]))
		return false;
	instance->netns = strtoull(at + 1, &end, 10);
	if (strcmp(end, ".sock"))
		return false;
	instance->interface = strndup(name, (size_t)(at - name));
	return instance->interface;
}

static int compare_instances(const void *left, const void *right)
{
	const struct instance *a = left, *b = right;
	uint64_t own = own_netns();

	if ((a->netns == own) != (b->netns == own))
		return a->netns == own ? -1 : 1;
	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	return strverscmp(a->interface, b->interface);
}

static void free_instances(struct instance *list, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		free(list[i].path);
		free(list[i].interface);
	}
	free(list);
}

/* Adds what a directory entry stands for, unless it is no socket or another interface's. */
static int add_instance(struct instance **list, size_t *cnt, const char *dir, const char *name,
			const char *interface)
{
	struct instance found = { 0 }, *longer;

	if (!parse_name(name, &found))
		return 0;
	if (interface && strcmp(interface, found.interface)) {
		free(found.interface);
		return 0;
	}
	longer = realloc(*list, (*cnt + 1) * sizeof **list);
	if (longer)
		*list = longer;
	if (!longer || asprintf(&found.path, "%s/%s", dir, name) < 0) {
		free(found.interface);
		return -ENOMEM;
	}
	longer[(*cnt)++] = found;
	return 0;
}

/* Lists the sockets, own namespace first. A directory that is not there is an empty one. */
static int list_instances(const char *dir, const char *interface, struct instance **list,
			  size_t *cnt)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int err = 0;

	*list = NULL;
	*cnt = 0;
	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(stream)))
		err = add_instance(list, cnt, dir, entry->d_name, interface);
	closedir(stream);
	if (*cnt)
		qsort(*list, *cnt, sizeof **list, compare_instances);
	return err;
}

/* An interface asked for by name is that of our own namespace, if there is a daemon on it. */
static size_t drop_foreign(struct instance *list, size_t cnt)
{
	uint64_t own = own_netns();

	if (!cnt || list[0].netns != own)
		return cnt;
	for (size_t i = 1; i < cnt; i++) {
		free(list[i].path);
		free(list[i].interface);
	}
	return 1;
}

/* --- Asking one --- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for events; -ETIMEDOUT at the deadline. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int64_t left = deadline - now_ms();
	int cnt = left > 0 ? poll(&pfd, 1, (int)left) : 0;

	if (cnt < 0)
		return errno == EINTR ? 0 : -errno;
	return cnt ? 0 : -ETIMEDOUT;
}

static int connect_to(const char *path, int64_t deadline)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof addr.sun_path)
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (struct sockaddr *)&addr, sizeof addr)) {
		/* EAGAIN: its backlog is full, and there is no event to wait for. */
		err = errno == EAGAIN && now_ms() >= deadline ? -ETIMEDOUT : -errno;
		if (err != -EAGAIN) {
			close(fd);
			return err;
		}
		poll(NULL, 0, 10);
	}
	return fd;
}

static int send_request(int fd, const char *request, int64_t deadline)
{
	ssize_t len;
	int err = wait_for(fd, POLLOUT, deadline);

	if (err)
		return err;
	/* One short line: it fits the socket's buffer or something is very wrong. */
	len = send(fd, request, strlen(request), MSG_NOSIGNAL);
	if (len < 0)
		return -errno;
	return (size_t)len == strlen(request) ? 0 : -EIO;
}

/* Reads to the end of the connection into *text, malloc'ed. */
static int read_answer(int fd, char **text, size_t *len, int64_t deadline)
{
	size_t room = 0;
	ssize_t n = 0;
	int err;

	*text = NULL;
	*len = 0;
	do {
		if (*len == room) {
			char *longer = realloc(*text, room + 65536);

			if (!longer || room > ANSWER_MAX)
				return -ENOMEM;
			*text = longer;
			room += 65536;
		}
		err = wait_for(fd, POLLIN, deadline);
		if (err)
			return err;
		n = recv(fd, *text + *len, room - *len, 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		*len += n > 0 ? (size_t)n : 0;
	} while (n);
	return 0;
}

/* Asks once. Returns 0 and the answer, or -errno; *pid is the daemon's, as far as it is known. */
static int ask_once(const char *path, const char *request, int64_t deadline, json_t **answer,
		    pid_t *pid)
{
	struct ucred peer = { 0 };
	socklen_t peer_len = sizeof peer;
	int fd = connect_to(path, deadline);
	char *text = NULL;
	size_t len = 0;
	int err;

	*answer = NULL;
	if (fd < 0)
		return fd;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len))
		*pid = peer.pid;
	err = send_request(fd, request, deadline);
	if (!err)
		err = read_answer(fd, &text, &len, deadline);
	close(fd);
	if (!err) {
		*answer = json_loadb(text, len, 0, NULL);
		if (!json_is_object(*answer))
			err = len ? -EPROTO : -ECONNRESET;
	}
	free(text);
	if (err) {
		json_decref(*answer);
		*answer = NULL;
	}
	return err;
}

/* What is seen of a daemon that dies while it is asked, or that has too many clients. */
static bool was_cut(int err)
{
	return err == -EPIPE || err == -ECONNRESET || err == -EPROTO;
}

/* Asks the daemon behind a socket, again if the connection is cut: of a daemon that has died
 * only the second answer says so (-ECONNREFUSED, -ENOENT). Returns as ask_once() does. */
static int ask(const char *path, const char *request, json_t **answer, pid_t *pid)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	int err;

	*pid = 0;
	while (was_cut(err = ask_once(path, request, deadline, answer, pid)) &&
	       now_ms() + RETRY_MS < deadline)
		poll(NULL, 0, RETRY_MS);
	return err;
}

/* Removes the socket of a daemon that was killed. Under the directory's lock, and asked once more:
 * a new daemon takes the name under the same lock (user/daemon/control.c). */
static void remove_stale(const char *dir, const char *path)
{
	int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (lock < 0)
		return;
	if (!flock(lock, LOCK_EX | LOCK_NB)) {
		fd = connect_to(path, now_ms());
		if (fd == -ECONNREFUSED)
			unlink(path);
		if (fd >= 0)
			close(fd);
	}
	close(lock);
}

/* --- The table --- */

/* Escape sequences only where they were asked for; nothing else depends on the terminal. */
static void paint(const struct options *options, const char *code, const char *text)
{
	if (options->colour)
		printf("\033[%sm%s\033[0m", code, text);
	else
		fputs(text, stdout);
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "?";
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* Where the cursor stands in a paragraph of words, wrapped before WIDTH. */
struct line {
	int indent; /* of the lines that follow */
	int column;
};

/* Puts the first len bytes of text behind what is there, in one piece. */
static void line_piece(struct line *line, const char *text, size_t len)
{
	if (line->column > line->indent && line->column + 1 + (int)len > WIDTH) {
		printf("\n%*s", line->indent, "");
		line->column = line->indent;
	} else if (line->column > line->indent) {
		putchar(' ');
		line->column++;
	}
	printf("%.*s", (int)len, text);
	line->column += (int)len;
}

static void line_put(struct line *line, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		line_piece(line, text, len);
		text += len;
		text += strspn(text, " ");
	}
}

static void line_printf(struct line *line, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line_printf(struct line *line, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	line_put(line, text);
}

#define LABEL_WIDTH 18

static struct line line_begin(const char *label)
{
	printf("  %-*s", LABEL_WIDTH - 2, label);
	return (struct line){ .indent = LABEL_WIDTH, .column = LABEL_WIDTH };
}

static void line_end(void)
{
	putchar('\n');
}

static void duration(char *text, size_t room, uint64_t s)
{
	if (s < 60)
		snprintf(text, room, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(text, room, "%um %us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(text, room, "%uh %um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
	else
		snprintf(text, room, "%" PRIu64 "d %uh", s / 86400, (unsigned)(s / 3600 % 24));
}

static bool is_degraded(const json_t *daemon)
{
	return strcmp(text_of(daemon, "state"), "ok") != 0;
}

static void show_head(const struct options *options, const json_t *daemon)
{
	bool degraded = is_degraded(daemon);
	char up[32];

	duration(up, sizeof up, number_of(daemon, "uptime_s"));
	paint(options, "1", text_of(daemon, "interface"));
	fputs("  ", stdout);
	paint(options, degraded ? "1;31" : "32", text_of(daemon, "state"));
	printf("  %s  pid %" PRIu64 "  up %s  version %s", text_of(daemon, "mode"),
	       number_of(daemon, "pid"), up, text_of(daemon, "version"));
	line_end();
	if (degraded && json_string_length(json_object_get(daemon, "state_why"))) {
		struct line line = line_begin("degraded");

		line_printf(&line, "%s", text_of(daemon, "state_why"));
		line_end();
	}
	if (number_of(daemon, "netns") != own_netns()) {
		struct line line = line_begin("namespace");

		line_printf(&line, "another one, net:[%" PRIu64 "]", number_of(daemon, "netns"));
		line_end();
	}
}

static void show_setup(const json_t *daemon)
{
	const json_t *xdp = json_object_get(daemon, "xdp");
	const json_t *merge = json_object_get(daemon, "merge");
	struct line line = line_begin("attached");

	line_printf(&line, "%s (%s), TAP %s", text_of(daemon, "mode"), text_of(daemon, "mode_why"),
		    text_of(daemon, "tap"));
	line_end();
	line = line_begin("XDP program");
	line_printf(&line, "%s (%s)", text_of(xdp, "mode"), text_of(xdp, "why"));
	line_end();
	line = line_begin("merging");
	if (!json_array_size(merge))
		line_put(&line, "nothing,");
	for (size_t i = 0; i < json_array_size(merge); i++)
		line_printf(&line, "%s,", json_string_value(json_array_get(merge, i)));
	if (number_of(daemon, "hold_us"))
		line_printf(&line, "held for up to %" PRIu64 " us", number_of(daemon, "hold_us"));
	else
		line_put(&line, "held to the end of a burst");
	line_end();
}

/* What a queue's socket is, in words; equal neighbours are shown once. */
static bool same_socket(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "xsk"), json_object_get(b, "xsk")) &&
	       !strcmp(text_of(a, "state"), text_of(b, "state"));
}

static void show_sockets(const json_t *queues)
{
	size_t cnt = json_array_size(queues);

	for (size_t first = 0, last; first < cnt; first = last + 1) {
		const json_t *queue = json_array_get(queues, first);
		const json_t *xsk = json_object_get(queue, "xsk");
		char label[64];
		struct line line;

		for (last = first; last + 1 < cnt; last++)
			if (!same_socket(queue, json_array_get(queues, last + 1)))
				break;
		if (first == last)
			snprintf(label, sizeof label, "queue %zu", first);
		else
			snprintf(label, sizeof label, "queues %zu-%zu", first, last);
		line = line_begin(label);
		line_printf(&line, "%s (%s),", text_of(xsk, "mode"), text_of(xsk, "why"));
		line_printf(&line, "%s%s%s", text_of(xsk, "transmit"),
			    json_is_true(json_object_get(xsk, "unaligned")) ? ", unaligned" : "",
			    json_is_true(json_object_get(xsk, "huge_pages")) ? ", huge pages" : "");
		if (strcmp(text_of(queue, "state"), "ok"))
			line_printf(&line, "- %s", text_of(queue, "state"));
		line_end();
	}
}

static void show_ratio(uint64_t segments, uint64_t superpackets)
{
	if (superpackets)
		printf("%20.1f", (double)segments / (double)superpackets);
	else
		printf("%20s", "-");
}

static void show_traffic(const struct options *options, const json_t *counters)
{
	char title[64];
	uint64_t in_segments = number_of(counters, "rx_segments");
	uint64_t in_supers = number_of(counters, "rx_superpackets");
	uint64_t out_segments = number_of(counters, "tx_segments");
	uint64_t out_supers = number_of(counters, "tx_superpackets");
	const struct {
		const char *name;
		uint64_t in, out;
	} rows[] = {
		{ "packets", number_of(counters, "rx_packets"),
		  out_segments + number_of(counters, "tx_ordinary") },
		{ "bytes", number_of(counters, "rx_bytes"), number_of(counters, "tx_bytes") },
		{ "superpackets", in_supers, out_supers },
		{ "segments in them", in_segments, out_segments },
	};

	snprintf(title, sizeof title, "  %-*s%20s%20s", LABEL_WIDTH - 2, "", "in", "out");
	paint(options, "1", title);
	line_end();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		printf("  %-*s%20" PRIu64 "%20" PRIu64 "\n", LABEL_WIDTH - 2, rows[i].name,
		       rows[i].in, rows[i].out);
	printf("  %-*s", LABEL_WIDTH - 2, "segments each");
	show_ratio(in_segments, in_supers);
	show_ratio(out_segments, out_supers);
	line_end();
}

struct number {
	const char *name;
	const json_t *value;
};

#define NUMBERS_MAX 64 /* counters of one kind; the daemon has a third of it */

static size_t collect_numbers(const struct options *options, const json_t *object,
			      struct number numbers[NUMBERS_MAX])
{
	const char *name;
	const json_t *value;
	size_t cnt = 0;

	json_object_foreach((json_t *)object, name, value)
		if (cnt < NUMBERS_MAX && (json_integer_value(value) || options->verbose))
			numbers[cnt++] = (struct number){ name, value };
	return cnt;
}

/* "name n, name n, ..." of an object's numbers, largest first; zeros only if asked for. */
static int compare_numbers(const void *left, const void *right)
{
	json_int_t a = json_integer_value(((const struct number *)left)->value);
	json_int_t b = json_integer_value(((const struct number *)right)->value);

	return a == b ? 0 : a > b ? -1 : 1;
}

static void show_numbers(const struct options *options, const char *label, const json_t *object)
{
	struct line line = line_begin(label);
	struct number numbers[NUMBERS_MAX];
	size_t cnt = collect_numbers(options, object, numbers);

	qsort(numbers, cnt, sizeof numbers[0], compare_numbers);
	for (size_t i = 0; i < cnt; i++) {
		char text[128];
		int len = snprintf(text, sizeof text, "%s %" JSON_INTEGER_FORMAT "%s",
				   numbers[i].name, json_integer_value(numbers[i].value),
				   i + 1 < cnt ? "," : "");

		line_piece(&line, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
	}
	if (!cnt)
		line_put(&line, "none");
	line_end();
}

static void show_waits(const json_t *counters)
{
	struct line line = line_begin("held now");

	line_printf(&line, "%" PRIu64 " packets in, %" PRIu64 " out",
		    number_of(counters, "rx_held_packets"), number_of(counters, "tx_waiting"));
	line_end();
	line = line_begin("checksums");
	line_printf(&line, "%" PRIu64 " wrong in, passed on as they came",
		    number_of(counters, "rx_checksum_errors"));
	line_end();
}

static void show_memory(const json_t *counters)
{
	struct line line = line_begin("frames");

	line_printf(&line, "%" PRIu64 ": %" PRIu64 " free, %" PRIu64 " kernel, %" PRIu64 " held",
		    number_of(counters, "frames_total"), number_of(counters, "frames_free"),
		    number_of(counters, "frames_kernel"), number_of(counters, "frames_held"));
	line_end();
	line = line_begin("out in flight");
	line_printf(&line, "%" PRIu64 " of %" PRIu64 " slots,", number_of(counters, "slots_used"),
		    number_of(counters, "slots_total"));
	line_printf(&line, "%" PRIu64 " of %" PRIu64 " KiB of buffers",
		    (number_of(counters, "buffers_used") + 1023) / 1024,
		    number_of(counters, "buffers_total") / 1024);
	line_end();
}

static void show_counters(const struct options *options, const json_t *counters)
{
	show_traffic(options, counters);
	show_numbers(options, "merged up to", json_object_get(counters, "flushes"));
	show_numbers(options, "alone due to", json_object_get(counters, "singles"));
	show_numbers(options, "dropped", json_object_get(counters, "drops"));
	show_numbers(options, "kernel dropped", json_object_get(counters, "kernel"));
	show_waits(counters);
	show_memory(counters);
}

static void show_daemon(const struct options *options, const json_t *daemon)
{
	const json_t *queues = json_object_get(daemon, "queues");

	show_head(options, daemon);
	show_setup(daemon);
	show_sockets(queues);
	show_counters(options, json_object_get(daemon, "total"));
	show_numbers(options, "XDP frames", json_object_get(daemon, "steer"));
	if (json_object_get(daemon, "inline"))
		show_numbers(options, "tc packets", json_object_get(daemon, "inline"));
	if (!options->verbose || json_array_size(queues) < 2)
		return;
	for (size_t i = 0; i < json_array_size(queues); i++) {
		char title[32];

		snprintf(title, sizeof title, "  queue %zu", i);
		paint(options, "1", title);
		line_end();
		show_counters(options, json_array_get(queues, i));
	}
}

/* --- The verb --- */

static enum exit_code explain_timeout(const struct options *options, const char *interface,
				      pid_t pid)
{
	char name[32] = "", kill_it[48] = "";

	if (pid > 0) {
		snprintf(name, sizeof name, " (pid %d)", (int)pid);
		snprintf(kill_it, sizeof kill_it, "'kill -9 %d' or ", (int)pid);
	}
	return fail(options, EXIT_FAILED, "%s: its daemon%s does not answer within %d s: it starts, "
		    "stops or hangs; if it hangs, the kernel carries its traffic: %s"
		    "'systemctl restart superpacketd@%s'", interface, name, DEADLINE_MS / 1000, kill_it,
		    interface);
}

static enum exit_code explain(const struct options *options, const struct instance *instance,
			      int err, pid_t pid)
{
	const char *interface = instance->interface;

	switch (-err) {
	case EACCES:
	case EPERM:
		return fail(options, EXIT_PERMISSION,
			    "%s: no permission to ask its daemon; run as root", interface);
	case ECONNREFUSED:
	case ENOENT:
		return EXIT_NOT_RUNNING; /* told once, in the end, if nobody answers */
	case ETIMEDOUT:
		return explain_timeout(options, interface, pid);
	case EPIPE:
	case ECONNRESET:
		return fail(options, EXIT_FAILED, "%s: its daemon ends every connection without an "
			    "answer; too many may be asking it, try again", interface);
	default:
		return fail(options, EXIT_FAILED, "%s: asking its daemon: %s", interface,
			    strerror(-err));
	}
}

/* Asks one daemon and adds its answer to the array. */
static enum exit_code ask_status(const struct options *options, const char *dir,
				 const struct instance *instance, json_t *daemons)
{
	const char *refusal;
	json_t *answer;
	pid_t pid;
	int err = ask(instance->path, "status\n", &answer, &pid);

	if (err == -ECONNREFUSED)
		remove_stale(dir, instance->path);
	if (err)
		return explain(options, instance, err, pid);
	refusal = json_string_value(json_object_get(answer, "error"));
	if (refusal) {
		enum exit_code code = fail(options, EXIT_FAILED, "%s: its daemon answers: %s",
					   instance->interface, refusal);

		json_decref(answer);
		return code;
	}
	json_array_append_new(daemons, answer);
	return is_degraded(answer) ? EXIT_DEGRADED : EXIT_OK;
}

/* Whether a daemon is meant by the name of its TAP, or of its NIC after a renaming. */
static bool is_meant(const json_t *daemon, const char *name)
{
	return !strcmp(text_of(daemon, "tap"), name) ||
	       (number_of(daemon, "netns") == own_netns() && if_nametoindex(name) &&
		number_of(daemon, "ifindex") == if_nametoindex(name));
}

/* No socket has the name that was asked for: asks all daemons who is meant. One of our own
 * namespace, which comes first, hides those of others. Whoever does not answer is not meant. */
static enum exit_code search(const struct options *options, const char *dir, json_t *daemons)
{
	const struct options silent = { .quiet = true };
	enum exit_code code = EXIT_OK;
	struct instance *list;
	bool own = false;
	size_t cnt;

	if (list_instances(dir, NULL, &list, &cnt))
		cnt = 0;
	for (size_t i = 0; i < cnt && !(own && list[i].netns != own_netns()); i++) {
		size_t before = json_array_size(daemons);
		enum exit_code one = ask_status(&silent, dir, &list[i], daemons);

		if (json_array_size(daemons) == before)
			continue;
		if (is_meant(json_array_get(daemons, before), options->interface)) {
			code = worse(code, one);
			own |= list[i].netns == own_netns();
		} else {
			json_array_remove(daemons, before);
		}
	}
	free_instances(list, cnt);
	return code;
}

static void print_daemons(const struct options *options, const json_t *daemons)
{
	if (options->quiet)
		return;
	if (options->json) {
		json_dumpf(daemons, stdout, options->pretty ? JSON_INDENT(2) : JSON_COMPACT);
		putchar('\n');
		return;
	}
	for (size_t i = 0; i < json_array_size(daemons); i++) {
		if (i)
			putchar('\n');
		show_daemon(options, json_array_get(daemons, i));
	}
}

static enum exit_code not_running(const struct options *options)
{
	if (options->interface)
		return fail(options, EXIT_NOT_RUNNING, "no superpacketd is running on %s; start "
			    "one with 'superpacketd --interface %s'", options->interface,
			    options->interface);
	return fail(options, EXIT_NOT_RUNNING,
		    "no superpacketd is running; start one with 'superpacketd --interface IF'");
}

static enum exit_code status(const struct options *options)
{
	char *dir = socket_dir();
	json_t *daemons = json_array();
	enum exit_code code = EXIT_OK;
	struct instance *list;
	size_t cnt;
	int err = list_instances(dir, options->interface, &list, &cnt);

	if (err)
		code = fail(options, err == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "%s: %s", dir,
			    strerror(-err));
	if (options->interface)
		cnt = drop_foreign(list, cnt);
	for (size_t i = 0; i < cnt; i++) {
		enum exit_code one = ask_status(options, dir, &list[i], daemons);

		/* What a dead daemon left behind is no news while others answer. */
		if (one != EXIT_NOT_RUNNING)
			code = worse(code, one);
	}
	if (!err && !cnt && options->interface)
		code = search(options, dir, daemons);
	print_daemons(options, daemons);
	if (code == EXIT_OK && !json_array_size(daemons))
		code = not_running(options);
	json_decref(daemons);
	free_instances(list, cnt);
	free(dir);
	return code;
}

/* Whether there is an interface of this name, or a daemon on one, in whatever namespace. */
static bool is_known(const char *name)
{
	char *dir = socket_dir();
	struct instance *list;
	size_t cnt;
	bool known = !list_instances(dir, name, &list, &cnt) && cnt;

	free_instances(list, cnt);
	free(dir);
	return known || if_nametoindex(name);
}

/* --- The command line --- */

static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb");
}

/* Returns -1 to go on, else the exit code to end with. */
static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, 'j' },    { "pretty", no_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' }, { "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },    { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *refused = NULL;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "jpvqhV", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (option == 'V') {
			puts("superpacket " SUPERPACKET_VERSION);
			return EXIT_OK;
		}
		if (option == '?' && !refused)
			refused = argv[optind > 1 ? optind - 1 : 1];
		options->json |= option == 'j' || option == 'p';
		options->pretty |= option == 'p';
		options->verbose |= option == 'v';
		options->quiet |= option == 'q';
	}
	if (refused)
		return (int)fail(options, EXIT_USAGE, "unknown option '%s'; see superpacket --help",
				 refused);
	options->colour = wants_colour();
	return -1;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int code = parse_options(&options, argc, argv);
	int verb = optind;

	if (code >= 0)
		return code;
	if (verb < argc && strcmp(argv[verb], "status") && is_known(argv[verb]))
		return (int)fail(&options, EXIT_USAGE, "unknown command '%s'; did you mean "
				 "'superpacket status %s'?", argv[verb], argv[verb]);
	if (verb < argc && strcmp(argv[verb], "status"))
		return (int)fail(&options, EXIT_USAGE, "unknown command '%s'; there is: status "
				 "(see superpacket --help)", argv[verb]);
	if (argc - verb > 2)
		return (int)fail(&options, EXIT_USAGE, "unexpected argument '%s'; see superpacket "
				 "--help", argv[verb + 2]);
	if (argc - verb == 2)
		options.interface = argv[verb + 1];
	code = (int)status(&options);
	if (fflush(stdout) || ferror(stdout))
		return (int)fail(&options, EXIT_FAILED, "writing: %s", strerror(errno));
	return code;
}
