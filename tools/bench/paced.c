// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * paced: sends messages over many TCP connections at a fixed total rate, and says how long each was under way.
 *
 *      paced serve PORT      receives, IPv4 and IPv6; prints one line of JSON when it gets SIGTERM
 *      paced send ADDRESS PORT CONNECTIONS BYTES_PER_SECOND MESSAGE_BYTES MILLISECONDS
 *                            the connections send in turns, at even distances; prints one line of JSON
 *
 * Both ends run on the same machine, so they have the same clock. A message carries the time at which it was given to
 * the socket, or would have been, had there been room. Its delay ends when the receiver has read its last byte. So it
 * includes the time that the receiver waits for a CPU, and not that of the sender. The receiver does not count
 * messages of the first WARM_UP_NS: connections begin with small windows.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define MESSAGE_MAX (256u << 10)
#define SAMPLES_MAX (4u << 20) /* messages, at 4 bytes each */
#define WARM_UP_NS 1000000000ull

/* How long the sender waits, at the end, until everything has been acknowledged. */
#define DRAIN_NS 10000000000ull

struct head {
	uint64_t sent_ns;
	uint32_t len; /* of the message, with this head */
	uint32_t reserved;
};

static void die(const char *what)
{
	fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the receiver ---- */

struct incoming {
	int fd;
	struct head head;
	uint32_t got; /* bytes of the message that has begun */
};

static uint32_t *samples, sample_cnt;
static uint64_t begin_ns, received;
static volatile sig_atomic_t ending;

static void end(int signal)
{
	(void)signal;
	ending = 1;
}

static int by_length(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double milliseconds(double share)
{
	return sample_cnt ? samples[(uint32_t)((sample_cnt - 1) * share)] / 1e3 : 0.0;
}

static void print_delays(void)
{
	qsort(samples, sample_cnt, sizeof *samples, by_length);
	printf("{\"messages\": %u, \"bytes\": %llu, \"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f}\n",
	       sample_cnt, (unsigned long long)received, milliseconds(0.5), milliseconds(0.99), milliseconds(0.999),
	       milliseconds(1));
}

static void message_ends(const struct incoming *incoming)
{
	const uint64_t now = now_ns(), delay_us = (now - incoming->head.sent_ns) / 1000;

	if (!begin_ns)
		begin_ns = now;
	if (now - begin_ns >= WARM_UP_NS && sample_cnt < SAMPLES_MAX)
		samples[sample_cnt++] = delay_us < UINT32_MAX ? (uint32_t)delay_us : UINT32_MAX;
}

/* Returns false at the end of the stream. */
static bool receive(struct incoming *incoming)
{
	static uint8_t buffer[64 << 10];
	const ssize_t len = read(incoming->fd, buffer, sizeof buffer);

	if (len <= 0)
		return len < 0 && errno == EAGAIN;
	received += (uint64_t)len;
	for (uint32_t off = 0; off < len;) {
		uint32_t left = (uint32_t)len - off, part;

		if (incoming->got < sizeof incoming->head) {
			part = (uint32_t)sizeof incoming->head - incoming->got;
			part = part < left ? part : left;
			memcpy((uint8_t *)&incoming->head + incoming->got, buffer + off, part);
		} else {
			part = incoming->head.len - incoming->got;
			part = part < left ? part : left;
		}
		off += part;
		incoming->got += part;
		if (incoming->got >= sizeof incoming->head && incoming->got == incoming->head.len) {
			message_ends(incoming);
			incoming->got = 0;
		}
	}
	return true;
}

static int listen_on(const char *port)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), zero = 0, one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof any) || listen(fd, CONNECTIONS_MAX))
		die("listen");
	return fd;
}

static void accept_all(int epoll, int listener)
{
	struct incoming *incoming;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event event = { .events = EPOLLIN };

		incoming = calloc(1, sizeof *incoming);
		if (!incoming)
			die("memory");
		incoming->fd = fd;
		event.data.ptr = incoming;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			die("epoll_ctl");
	}
}

static void serve(const char *port)
{
	const int listener = listen_on(port), epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN }, events[64];
	const struct sigaction action = { .sa_handler = end };

	samples = malloc(SAMPLES_MAX * sizeof *samples);
	if (!samples || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		die("start");
	sigaction(SIGTERM, &action, NULL);
	fprintf(stderr, "serving\n");
	while (!ending) {
		const int cnt = epoll_wait(epoll, events, 64, 1000);

		for (int i = 0; i < cnt; i++) {
			struct incoming *incoming = events[i].data.ptr;

			if (!incoming) {
				accept_all(epoll, listener);
			} else if (!receive(incoming)) {
				close(incoming->fd);
				free(incoming);
			}
		}
	}
	print_delays();
}

/* ---- the sender ---- */

/* Messages of a connection that wait for room; more are not made, and counted. */
#define WAITING_MAX 1024u

struct outgoing {
	int fd;
	uint64_t due_cnt; /* messages that it should have begun by now */
	uint64_t begun;
	uint32_t left; /* bytes of the message that is under way */
	uint8_t *message;
	uint64_t due_ns[WAITING_MAX]; /* of those that wait, a ring */
};

static uint32_t message_len;
static uint64_t not_made;

static int connect_to(const char *address, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *to;
	const int one = 1;
	int fd;

	if (getaddrinfo(address, port, &hints, &to)) {
		fprintf(stderr, "paced: %s %s is no address and port\n", address, port);
		exit(2);
	}
	fd = socket(to->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen))
		die("connect");
	freeaddrinfo(to);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) || fcntl(fd, F_SETFL, O_NONBLOCK))
		die("TCP_NODELAY");
	return fd;
}

static void connect_all(struct outgoing *out, uint32_t cnt, const char *address, const char *port)
{
	for (uint32_t i = 0; i < cnt; i++) {
		out[i].fd = connect_to(address, port);
		out[i].message = calloc(1, message_len);
		if (!out[i].message)
			die("memory");
	}
}

static void make_due(struct outgoing *out, uint64_t now)
{
	if (out->due_cnt - out->begun >= WAITING_MAX) {
		not_made++;
		return;
	}
	out->due_ns[out->due_cnt++ % WAITING_MAX] = now;
}

/* Writes as much as there is room for. */
static void write_due(struct outgoing *out)
{
	while (out->left || out->begun < out->due_cnt) {
		ssize_t len;

		if (!out->left) {
			const struct head head = { .sent_ns = out->due_ns[out->begun++ % WAITING_MAX],
						   .len = message_len };

			memcpy(out->message, &head, sizeof head);
			out->left = message_len;
		}
		len = write(out->fd, out->message + message_len - out->left, out->left);
		if (len < 0 && errno == EAGAIN)
			return;
		if (len < 0)
			die("write");
		out->left -= (uint32_t)len;
	}
}

static bool all_written(struct outgoing *out, uint32_t cnt)
{
	bool all = true;

	for (uint32_t i = 0; i < cnt; i++) {
		write_due(&out[i]);
		all &= !out[i].left && out[i].begun == out[i].due_cnt;
	}
	return all;
}

static void print_sums(const struct outgoing *out, uint32_t cnt, uint64_t messages)
{
	uint64_t segments = 0, retransmits = 0, bytes_retransmitted = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		struct tcp_info info;
		socklen_t len = sizeof info;

		if (getsockopt(out[i].fd, IPPROTO_TCP, TCP_INFO, &info, &len))
			die("TCP_INFO");
		segments += info.tcpi_data_segs_out;
		retransmits += info.tcpi_total_retrans;
		bytes_retransmitted += info.tcpi_bytes_retrans;
	}
	printf("{\"messages\": %llu, \"not_made\": %llu, \"segments\": %llu, \"retransmits\": %llu, "
	       "\"bytes_retransmitted\": %llu}\n",
	       (unsigned long long)messages, (unsigned long long)not_made, (unsigned long long)segments,
	       (unsigned long long)retransmits, (unsigned long long)bytes_retransmitted);
}

static void pause_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

static void send_all(struct outgoing *out, uint32_t cnt, uint64_t rate, uint64_t length_ns)
{
	const uint64_t begin = now_ns();
	uint64_t made = 0, now;

	while ((now = now_ns()) - begin < length_ns) {
		const uint64_t due = (uint64_t)((double)(now - begin) / 1e9 * (double)rate / message_len);

		for (uint32_t i = 0; i < cnt; i++)
			if (out[i].left || out[i].begun < out[i].due_cnt)
				write_due(&out[i]);
		for (; made < due; made++) {
			make_due(&out[made % cnt], now);
			write_due(&out[made % cnt]);
		}
		pause_ns(200000);
	}
	while (!all_written(out, cnt) && now_ns() - now < DRAIN_NS)
		pause_ns(1000000);
	pause_ns(100000000);
	print_sums(out, cnt, made);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		serve(argv[2]);
	} else if (argc == 8 && !strcmp(argv[1], "send")) {
		const uint32_t cnt = (uint32_t)atoi(argv[4]);
		static struct outgoing out[CONNECTIONS_MAX];

		message_len = (uint32_t)atoi(argv[6]);
		if (!cnt || cnt > CONNECTIONS_MAX || message_len < sizeof(struct head) || message_len > MESSAGE_MAX)
			die("numbers");
		connect_all(out, cnt, argv[2], argv[3]);
		send_all(out, cnt, strtoull(argv[5], NULL, 10), strtoull(argv[7], NULL, 10) * 1000000);
	} else {
		fprintf(stderr, "paced serve PORT | paced send ADDRESS PORT CONNECTIONS BYTES_PER_SECOND "
				"MESSAGE_BYTES MILLISECONDS\n");
		return 2;
	}
	return 0;
}
