// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * latency: sends one byte and receives one byte over TCP, again and again, and times each round trip.
 *
 *      latency serve PORT                     answers one connection at a time, IPv4 and IPv6
 *      latency ask ADDRESS PORT MILLISECONDS  prints one line of JSON, times in microseconds
 *
 * The first tenth of the time is not counted, because neighbour entries are made and caches warm up.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The largest number of round trips, 8 MB. At 5 µs, which no network stack reaches, these are ten seconds. */
#define SAMPLES_MAX (2u << 20)

/* No answer takes this long unless a packet was lost for good. */
#define TIMEOUT_S 10

static void die(const char *what)
{
	fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void at_once(int fd)
{
	const int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
		die("TCP_NODELAY");
}

/* Returns when the peer has closed the connection. */
static void answer(int fd)
{
	char byte;

	at_once(fd);
	while (read(fd, &byte, 1) == 1)
		if (write(fd, &byte, 1) != 1)
			return;
}

static void serve(const char *port)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	const int fd = socket(AF_INET6, SOCK_STREAM, 0), zero = 0, one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof any) || listen(fd, 8))
		die("listen");
	fprintf(stderr, "serving\n");
	for (;;) {
		const int connection = accept(fd, NULL, NULL);

		if (connection < 0)
			die("accept");
		answer(connection);
		close(connection);
	}
}

static int connect_to(const char *address, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct addrinfo *to;
	int fd;

	if (getaddrinfo(address, port, &hints, &to)) {
		fprintf(stderr, "latency: %s %s is no address and port\n", address, port);
		exit(2);
	}
	fd = socket(to->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
	    connect(fd, to->ai_addr, to->ai_addrlen))
		die("connect");
	freeaddrinfo(to);
	at_once(fd);
	return fd;
}

static uint32_t round_trip(int fd)
{
	const uint64_t begin_ns = now_ns();
	char byte = 'x';

	if (write(fd, &byte, 1) != 1)
		die("write");
	if (read(fd, &byte, 1) != 1)
		die("read");
	return (uint32_t)(now_ns() - begin_ns);
}

static int by_length(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double microseconds(uint32_t ns)
{
	return ns / 1e3;
}

static void print(uint32_t *samples, uint32_t cnt)
{
	uint64_t sum = 0;

	qsort(samples, cnt, sizeof *samples, by_length);
	for (uint32_t i = 0; i < cnt; i++)
		sum += samples[i];
	printf("{\"cnt\": %u, \"mean\": %.2f, \"min\": %.2f, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, "
	       "\"max\": %.2f}\n",
	       cnt, (double)sum / cnt / 1e3, microseconds(samples[0]), microseconds(samples[cnt / 2]),
	       microseconds(samples[cnt - 1 - cnt / 10]), microseconds(samples[cnt - 1 - cnt / 100]),
	       microseconds(samples[cnt - 1]));
}

static void ask(const char *address, const char *port, const char *milliseconds)
{
	uint32_t *samples = malloc(SAMPLES_MAX * sizeof *samples), cnt = 0;
	const uint64_t length_ns = strtoull(milliseconds, NULL, 10) * 1000000;
	const int fd = connect_to(address, port);
	const uint64_t begin_ns = now_ns();

	if (!samples)
		die("memory");
	while (now_ns() - begin_ns < length_ns / 10)
		round_trip(fd);
	do
		samples[cnt++] = round_trip(fd);
	while (cnt < SAMPLES_MAX && now_ns() - begin_ns < length_ns);
	print(samples, cnt);
	free(samples);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		serve(argv[2]);
	} else if (argc == 5 && !strcmp(argv[1], "ask")) {
		ask(argv[2], argv[3], argv[4]);
	} else {
		fprintf(stderr, "latency serve PORT | latency ask ADDRESS PORT MILLISECONDS\n");
		return 2;
	}
	return 0;
}
