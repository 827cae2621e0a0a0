/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A bad wire for tests: relays frames between two interfaces and loses, reorders,
 * duplicates and corrupts some of them, by a seeded generator (netem is not everywhere).
 *
 *      host veth ==== left | mangler | right ==== peer veth
 *
 *	mangler --left IF --right IF [--seed N] [--lose N] [--reorder N] [--duplicate N]
 *		[--corrupt N]
 *
 * Rates are per mille. Which of a direction's TCP packets are hit, and how, depends on the seed
 * and on the packet's number in its direction, on nothing else.
 *
 * Only TCP over IPv4 and IPv6 is mangled: ARP has no checksum, so one flipped bit would break
 * the wire for good. Corruption flips one bit that a checksum covers, so a receiver that checks
 * can always tell. What else may be lost is counted: `overrun` (we were too slow) and `refused`
 * (the interface would not take a frame).
 *
 * The interfaces are veth legs in a namespace of their own, with no addresses; both senders
 * have their offloads off (ethtool -K IF tx off tso off gso off), the legs `gro off`: what
 * crosses a wire is at most MTU long and has its checksum. Frames that are or have not are
 * counted as `unfinished` and `oversized`, and make the exit code 1.
 *
 * Says "ready" on stderr, ends at SIGTERM or SIGINT and prints what it did as JSON on stdout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 64u
#define FRAME_MAX 10240u	/* a 9000-byte MTU and headers; a frame that fills it is oversized */
#define VLAN_ROOM 4u		/* the kernel takes the outer tag off; we put it back in front */
#define LATE_MAX 64u		/* frames waiting to be late, each direction */
#define LATE_BEHIND 8u		/* a reordered frame lets 1 .. 8 others pass */
#define LATE_LIMIT_NS 2000000ll /* or waits 2 ms when there are none */
#define SOCKET_BUFFER (64 << 20)

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

struct rates {
	uint32_t lose, reorder, duplicate, corrupt; /* per mille */
};

struct counts {
	uint64_t frames, tcp;
	uint64_t lost, reordered, duplicated, corrupted;
	uint64_t overrun, refused, oversized, unfinished;
};

struct late {
	uint8_t *frame;
	uint32_t len;
	uint32_t behind;    /* frames that still pass before it */
	int64_t latest_ns;
};

/* Everything that travels one way. */
struct direction {
	const char *name;
	int from, to;
	uint64_t seed, random;
	struct late late[LATE_MAX];
	uint32_t late_cnt;
	struct counts counts;
};

/* What the command line says, beside the rates. */
struct setup {
	const char *left, *right;
	uint64_t seed;
};

static struct rates rates;

static void die(const char *what, const char *name)
{
	fprintf(stderr, "mangler: %s: %s: %s\n", name, what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* splitmix64 (Steele, Lea, Flood 2014): one addition a step, any seed will do. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint32_t random_below(struct direction *dir, uint32_t limit)
{
	return (uint32_t)(next_random(&dir->random) >> 32) % limit;
}

static bool hit(struct direction *dir, uint32_t per_mille)
{
	return random_below(dir, 1000) < per_mille;
}

static uint16_t load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/*
 * Is this TCP over IP, behind any VLAN tags? *first and *end then frame the bytes from the IP
 * header to the end of the packet (not the Ethernet padding). IPv6 only without extension headers.
 */
static bool tcp_extent(const uint8_t *frame, uint32_t len, uint32_t *first, uint32_t *end)
{
	uint32_t off = 12;
	uint16_t type;

	for (;;) {
		if (off + 2 > len)
			return false;
		type = load_be16(frame + off);
		off += 2;
		if (type != ETH_P_8021Q && type != ETH_P_8021AD)
			break;
		off += 2;
	}
	*first = off;
	if (type == ETH_P_IP && off + 20 <= len && frame[off + 9] == IPPROTO_TCP)
		*end = off + load_be16(frame + off + 2);
	else if (type == ETH_P_IPV6 && off + 40 <= len && frame[off + 6] == IPPROTO_TCP)
		*end = off + 40 + load_be16(frame + off + 4);
	else
		return false;
	return *end > off + 20 && *end <= len;
}

/* Flips a bit that a checksum covers. Of an IPv6 header that is not: version, class, flow label
 * (bytes 0-3) and hop limit (7). */
static void corrupt(struct direction *dir, uint8_t *frame, uint32_t first, uint32_t end)
{
	bool ipv6 = frame[first] >> 4 == 6;
	uint32_t byte;

	do
		byte = random_below(dir, end - first);
	while (ipv6 && (byte < 4 || byte == 7));
	frame[first + byte] ^= (uint8_t)(1u << random_below(dir, 8));
	dir->counts.corrupted++;
}

static void give(struct direction *dir, const uint8_t *frame, uint32_t len)
{
	if (send(dir->to, frame, len, 0) < 0)
		dir->counts.refused++;
}

static void give_late(struct direction *dir, bool passed, int64_t now)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < dir->late_cnt; i++) {
		struct late *late = &dir->late[i];

		if (passed && late->behind > 0)
			late->behind--;
		if (late->behind > 0 && now < late->latest_ns) {
			dir->late[kept++] = *late;
			continue;
		}
		give(dir, late->frame, late->len);
		free(late->frame);
	}
	dir->late_cnt = kept;
}

static bool make_late(struct direction *dir, const uint8_t *frame, uint32_t len, int64_t now)
{
	struct late *late = &dir->late[dir->late_cnt];

	if (dir->late_cnt == LATE_MAX)
		return false;
	late->frame = malloc(len);
	if (late->frame == NULL)
		return false;
	memcpy(late->frame, frame, len);
	late->len = len;
	late->behind = 1 + random_below(dir, LATE_BEHIND);
	late->latest_ns = now + LATE_LIMIT_NS;
	dir->late_cnt++;
	dir->counts.reordered++;
	return true;
}

static void relay(struct direction *dir, uint8_t *frame, uint32_t len, int64_t now)
{
	uint32_t first, end;
	bool lose, reorder, duplicate, spoil;

	dir->counts.frames++;
	if (!tcp_extent(frame, len, &first, &end)) {
		give(dir, frame, len);
		return;
	}
	dir->random = dir->seed ^ dir->counts.tcp++ << 20;
	/* All four are drawn always, so that changing one rate leaves the others' choices alone. */
	lose = hit(dir, rates.lose);
	reorder = hit(dir, rates.reorder);
	duplicate = hit(dir, rates.duplicate);
	spoil = hit(dir, rates.corrupt);
	if (lose) {
		dir->counts.lost++;
		return;
	}
	if (spoil)
		corrupt(dir, frame, first, end);
	if (reorder && make_late(dir, frame, len, now))
		return;
	give(dir, frame, len);
	if (duplicate) {
		give(dir, frame, len);
		dir->counts.duplicated++;
	}
	give_late(dir, true, now);
}

/* Puts the VLAN tag back that the kernel took off; there is room in front of the frame. */
static uint8_t *restore_tag(uint8_t *frame, uint32_t *len, const struct tpacket_auxdata *aux)
{
	uint16_t tpid = ETH_P_8021Q;

	if (!(aux->tp_status & TP_STATUS_VLAN_VALID))
		return frame;
	if (aux->tp_status & TP_STATUS_VLAN_TPID_VALID)
		tpid = aux->tp_vlan_tpid;
	memmove(frame - VLAN_ROOM, frame, 12);
	frame -= VLAN_ROOM;
	frame[12] = (uint8_t)(tpid >> 8);
	frame[13] = (uint8_t)tpid;
	frame[14] = (uint8_t)(aux->tp_vlan_tci >> 8);
	frame[15] = (uint8_t)aux->tp_vlan_tci;
	*len += VLAN_ROOM;
	return frame;
}

static void read_auxdata(struct msghdr *msg, struct tpacket_auxdata *aux)
{
	memset(aux, 0, sizeof(*aux));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
			memcpy(aux, CMSG_DATA(c), sizeof(*aux));
}

/* One burst from one side; returns whether there may be more. */
static bool relay_burst(struct direction *dir)
{
	static uint8_t frames[BURST][VLAN_ROOM + FRAME_MAX];
	static uint8_t control[BURST][CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct mmsghdr msgs[BURST] = { 0 };
	struct iovec iov[BURST];
	int64_t now;
	int cnt;

	for (uint32_t i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){ frames[i] + VLAN_ROOM, FRAME_MAX };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_control = control[i];
		msgs[i].msg_hdr.msg_controllen = sizeof(control[i]);
	}
	cnt = recvmmsg(dir->from, msgs, BURST, MSG_DONTWAIT, NULL);
	if (cnt < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
			die("recvmmsg", dir->name);
		return false;
	}
	now = now_ns();
	for (int i = 0; i < cnt; i++) {
		struct tpacket_auxdata aux;
		uint32_t len = msgs[i].msg_len;

		read_auxdata(&msgs[i].msg_hdr, &aux);
		if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC) {
			dir->counts.oversized++;
			continue;
		}
		/* Going on would turn it into a frame with a wrong checksum: not our doing. */
		if (aux.tp_status & TP_STATUS_CSUMNOTREADY) {
			dir->counts.unfinished++;
			continue;
		}
		relay(dir, restore_tag(frames[i] + VLAN_ROOM, &len, &aux), len, now);
	}
	return cnt == (int)BURST;
}

static int open_leg(const char *interface)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int one = 1, size = SOCKET_BUFFER;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		die("packet socket (root is needed)", interface);
	addr.sll_ifindex = (int)if_nametoindex(interface);
	if (addr.sll_ifindex == 0)
		die("no such interface", interface);
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) != 0)
		die("setsockopt", interface);
	/* A burst that the relay cannot follow waits here instead of being lost. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		die("SO_RCVBUFFORCE", interface);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		die("bind", interface);
	return fd;
}

static void read_overruns(struct direction *dir)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(dir->from, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		dir->counts.overrun += stats.tp_drops;
}

static void print_counts(const struct direction *dir, const char *end)
{
	const struct counts *c = &dir->counts;

	printf("  \"%s\": {\"frames\": %llu, \"tcp\": %llu, \"lost\": %llu, \"reordered\": %llu, "
	       "\"duplicated\": %llu, \"corrupted\": %llu, \"overrun\": %llu, \"refused\": %llu, "
	       "\"oversized\": %llu, \"unfinished\": %llu}%s\n",
	       dir->name, (unsigned long long)c->frames, (unsigned long long)c->tcp,
	       (unsigned long long)c->lost, (unsigned long long)c->reordered,
	       (unsigned long long)c->duplicated, (unsigned long long)c->corrupted,
	       (unsigned long long)c->overrun, (unsigned long long)c->refused,
	       (unsigned long long)c->oversized, (unsigned long long)c->unfinished, end);
}

static void loop(struct direction dirs[2], int signal_fd)
{
	struct pollfd fds[3] = {
		{ .fd = dirs[0].from, .events = POLLIN },
		{ .fd = dirs[1].from, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	bool more = false;

	while (!(fds[2].revents & POLLIN)) {
		/* Something late bounds the sleep: its limit passes within a few ms. */
		bool late = dirs[0].late_cnt + dirs[1].late_cnt > 0;

		if (poll(fds, 3, more ? 0 : late ? 1 : -1) < 0 && errno != EINTR)
			die("poll", "mangler");
		more = relay_burst(&dirs[0]);
		more |= relay_burst(&dirs[1]);
		for (int i = 0; i < 2; i++)
			if (dirs[i].late_cnt > 0)
				give_late(&dirs[i], false, now_ns());
	}
}

static uint32_t parse_number(const char *option, const char *text, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*text == '\0' || *end != '\0' || n > max) {
		fprintf(stderr, "mangler: --%s %s: a number from 0 to %lu is wanted\n", option, text,
			max);
		exit(2);
	}
	return (uint32_t)n;
}

static void usage(FILE *out)
{
	fprintf(out, "usage: mangler --left IF --right IF [--seed N] [--lose N] [--reorder N]\n"
		     "               [--duplicate N] [--corrupt N]      (rates per mille)\n");
}

/* Reads the command line; returns -1 to go on, else the exit code to end with. */
static int parse_options(int argc, char **argv, struct setup *setup)
{
	enum { LEFT, RIGHT, SEED, LOSE, REORDER, DUPLICATE, CORRUPT, HELP };
	static const struct option options[] = {
		{ "left", required_argument, NULL, LEFT },
		{ "right", required_argument, NULL, RIGHT },
		{ "seed", required_argument, NULL, SEED },
		{ "lose", required_argument, NULL, LOSE },
		{ "reorder", required_argument, NULL, REORDER },
		{ "duplicate", required_argument, NULL, DUPLICATE },
		{ "corrupt", required_argument, NULL, CORRUPT },
		{ "help", no_argument, NULL, HELP },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case LEFT:
			setup->left = optarg;
			break;
		case RIGHT:
			setup->right = optarg;
			break;
		case SEED:
			setup->seed = parse_number("seed", optarg, UINT32_MAX);
			break;
		case LOSE:
			rates.lose = parse_number("lose", optarg, 1000);
			break;
		case REORDER:
			rates.reorder = parse_number("reorder", optarg, 1000);
			break;
		case DUPLICATE:
			rates.duplicate = parse_number("duplicate", optarg, 1000);
			break;
		case CORRUPT:
			rates.corrupt = parse_number("corrupt", optarg, 1000);
			break;
		case HELP:
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (setup->left == NULL || setup->right == NULL || optind != argc) {
		usage(stderr);
		return 2;
	}
	return -1;
}

static int open_signals(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd", "mangler");
	return fd;
}

static void finish(struct direction *dir)
{
	read_overruns(dir);
	while (dir->late_cnt > 0)
		free(dir->late[--dir->late_cnt].frame);
}

/* Prints what was done to both directions; returns the exit code. */
static int report(const struct direction dirs[2])
{
	uint64_t faults = dirs[0].counts.oversized + dirs[1].counts.oversized +
			  dirs[0].counts.unfinished + dirs[1].counts.unfinished;

	printf("{\n");
	print_counts(&dirs[0], ",");
	print_counts(&dirs[1], "");
	printf("}\n");
	if (faults == 0)
		return 0;
	fprintf(stderr, "mangler: %llu frames were no wire frames: turn the senders' offloads "
			"off (ethtool -K IF tx off tso off gso off)\n",
		(unsigned long long)faults);
	return 1;
}

int main(int argc, char **argv)
{
	struct direction dirs[2] = { { .name = "left_to_right" }, { .name = "right_to_left" } };
	struct setup setup = { .seed = 1 };
	int code = parse_options(argc, argv, &setup);
	int signal_fd;

	if (code >= 0)
		return code;
	signal_fd = open_signals();
	dirs[0].from = dirs[1].to = open_leg(setup.left);
	dirs[1].from = dirs[0].to = open_leg(setup.right);
	dirs[0].seed = setup.seed;
	dirs[1].seed = ~setup.seed;
	fprintf(stderr, "mangler: ready: %s - %s\n", setup.left, setup.right);

	loop(dirs, signal_fd);

	finish(&dirs[0]);
	finish(&dirs[1]);
	return report(dirs);
}
