// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Forwards between two interfaces over AF_XDP: what is received on one is sent on the other. In between, packets
 * are merged and superpackets are cut again. A gateway would do its work there, once for many packets.
 *
 *      forward [-u] INTERFACE INTERFACE    runs until SIGINT or SIGTERM, then prints its counters
 *              -u  accept packets with unfinished checksums, as veth peers send them, and finish them
 *
 *      cc forward.c $(pkg-config --cflags --libs superpacket libxdp libbpf)
 *
 * Both sockets share one UMEM, so that a packet that was not merged is sent from the frame in which it was
 * received. Where a frame can be:
 *
 *      free stack ─► fill ring ─► kernel ─► receive ring ─► engine ─┬─► alone: transmit ring of the other
 *          ▲                                                        └─► merged: back, after each segment
 *          │                                                            was built in a frame off the stack
 *          └───────────── completion ring ◄─ kernel ◄─ transmit ring ◄──────────┘
 *
 * A superpacket of n packets is cut into n packets again. So if no more packets are received than the transmit ring of
 * the other side has room for, nothing is dropped here. This example uses one queue per interface and packets of up
 * to 3840 bytes; a real forwarder binds every queue and has an engine and a thread for each.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <xdp/xsk.h>
#include <superpacket/gro.h>

#define FRAME_SIZE 4096u
#define RING 2048u
#define BURST 64u
/* Per side: a full fill ring, a full receive ring, a full transmit ring, and one burst. */
#define FRAMES (2 * (3 * RING + BURST))

struct side {
	const char *name;
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons comp, rx;
	uint32_t outstanding; /* frames in tx, in the kernel and in comp: at most RING */
	struct sp_gro *gro;   /* merges what comes in here */
	unsigned long long in, merged, superpackets, out, dropped;
};

static uint8_t *memory; /* the UMEM */
static uint64_t free_frames[FRAMES];
static uint32_t free_cnt;
static volatile sig_atomic_t stopped;

static void stop(int signum)
{
	(void)signum;
	stopped = 1;
}

static void die(const char *what, const char *name, int err)
{
	fprintf(stderr, "forward: %s %s: %s\n", what, name, strerror(err));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- frames ---- */

/* Frees the chunk that contains an address; packet data begins behind the kernel's headroom. */
static void give(uint64_t addr)
{
	free_frames[free_cnt++] = addr - addr % FRAME_SIZE;
}

static void refill(struct side *side)
{
	uint32_t cnt = xsk_prod_nb_free(&side->fill, BURST), idx = 0;

	if (cnt > free_cnt)
		cnt = free_cnt;
	xsk_ring_prod__reserve(&side->fill, cnt, &idx);
	for (uint32_t i = 0; i < cnt; i++)
		*xsk_ring_prod__fill_addr(&side->fill, idx + i) = free_frames[--free_cnt];
	xsk_ring_prod__submit(&side->fill, cnt);
}

static void reclaim(struct side *side)
{
	uint32_t idx, cnt = xsk_ring_cons__peek(&side->comp, RING, &idx);

	for (uint32_t i = 0; i < cnt; i++)
		give(*xsk_ring_cons__comp_addr(&side->comp, idx + i));
	xsk_ring_cons__release(&side->comp, cnt);
	side->outstanding -= cnt;
}

/* ---- out ---- */

static void transmit(struct side *to, uint64_t addr, uint32_t len)
{
	uint32_t idx;

	if (xsk_ring_prod__reserve(&to->tx, 1, &idx) != 1)
		abort(); /* forward() makes sure that there is room */
	*xsk_ring_prod__tx_desc(&to->tx, idx) = (struct xdp_desc){ .addr = addr, .len = len };
	xsk_ring_prod__submit(&to->tx, 1);
	to->outstanding++;
	to->out++;
}

/* In copy mode the kernel sends 32 packets per call and returns EAGAIN while there are more. */
static void kick(struct side *to)
{
	for (uint32_t i = 0; i <= RING / 32 && to->outstanding; i++)
		if (sendto(xsk_socket__fd(to->xsk), NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 || errno != EAGAIN)
			break;
}

/* Cuts a superpacket into the packets that it was made of, each of them in a new frame. */
static void send_cut(struct side *to, const struct sp_delivery *delivery, const struct iovec *slices, uint32_t cnt)
{
	struct iovec payload[SP_GSO_SLICES_MAX];
	uint32_t added = 1, sent = 0, len;
	struct sp_gso gso;
	int n;

	sp_gso_open(&gso, &delivery->request, slices[0].iov_base, (uint32_t)slices[0].iov_len, delivery->len,
		    FRAME_SIZE, SP_GSO_CHECKSUM_FULL);
	for (; !sp_gso_done(&gso); sent++) {
		uint8_t *frame = memory + free_frames[free_cnt - 1];

		added += sp_gso_add_slices(&gso, slices + added, cnt - added);
		n = sp_gso_next(&gso, frame, &len, payload, SP_GSO_SLICES_MAX);
		if (n <= 0)
			break;
		for (int i = 0; i < n; len += (uint32_t)payload[i++].iov_len)
			memcpy(frame + len, payload[i].iov_base, payload[i].iov_len);
		transmit(to, free_frames[--free_cnt], len);
	}
	to->dropped += delivery->segs - sent;
}

static void deliver(struct side *from, struct side *to)
{
	struct iovec slices[SP_GRO_PACKETS_MAX];
	uint64_t cookies[SP_GRO_PACKETS_MAX];
	struct sp_delivery delivery;

	while (sp_gro_next(from->gro, &delivery)) {
		uint32_t cnt = sp_gro_slices(from->gro, &delivery, slices);
		bool alone = delivery.request.type == SP_GSO_NONE;

		/* A gateway would look up the route, rewrite addresses and count here, once per superpacket.
		 * slices[0] begins with the header of all its packets. */
		if (alone) {
			sp_gso_complete(&delivery.request, slices[0].iov_base, delivery.len);
		} else {
			send_cut(to, &delivery, slices, cnt);
			from->superpackets++;
			from->merged += delivery.segs;
		}
		cnt = sp_gro_release(from->gro, &delivery, cookies);
		if (alone)
			transmit(to, cookies[0], delivery.len);
		else
			while (cnt)
				give(cookies[--cnt]);
	}
}

/* ---- in ---- */

static uint32_t forward(struct side *from, struct side *to)
{
	uint32_t room = RING - to->outstanding, cnt, idx;
	struct sp_fragment burst[BURST];
	uint64_t now = now_ns();

	cnt = xsk_ring_cons__peek(&from->rx, room < BURST ? room : BURST, &idx);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&from->rx, idx + i);

		burst[i] = (struct sp_fragment){
			.data = memory + desc->addr,
			.len = desc->len,
			.cookie = desc->addr,
		};
	}
	xsk_ring_cons__release(&from->rx, cnt);
	from->in += cnt;
	for (uint32_t done = 0; done < cnt;) {
		done += sp_gro_offer(from->gro, burst + done, cnt - done, now);
		if (done == cnt)
			sp_gro_burst_end(from->gro, now);
		deliver(from, to);
	}
	return cnt;
}

static void run(struct side *sides)
{
	while (!stopped) {
		struct pollfd fds[2];
		uint32_t cnt = 0;

		for (int i = 0; i < 2; i++) {
			struct side *from = &sides[i], *to = &sides[!i];

			reclaim(to);
			refill(from);
			cnt += forward(from, to);
			kick(to);
			fds[i] = (struct pollfd){ .fd = xsk_socket__fd(from->xsk), .events = POLLIN };
		}
		/* Completions do not wake poll(), so use a short timeout while some are expected. */
		if (cnt == 0)
			poll(fds, 2, sides[0].outstanding || sides[1].outstanding ? 1 : 1000);
	}
}

/* ---- setup ---- */

static struct xsk_umem *open_umem(struct side *first)
{
	struct xsk_umem_config config = { .fill_size = RING, .comp_size = RING, .frame_size = FRAME_SIZE };
	struct xsk_umem *umem;
	int err;

	memory = aligned_alloc(FRAME_SIZE, (size_t)FRAMES * FRAME_SIZE);
	if (!memory)
		die("memory for", "frames", ENOMEM);
	for (uint32_t i = 0; i < FRAMES; i++)
		give((uint64_t)i * FRAME_SIZE);
	err = xsk_umem__create(&umem, memory, (uint64_t)FRAMES * FRAME_SIZE, &first->fill, &first->comp, &config);
	if (err)
		die("UMEM for", first->name, -err);
	return umem;
}

static void open_side(struct side *side, struct xsk_umem *umem, uint32_t flags)
{
	struct xsk_socket_config socket_config = { .rx_size = RING, .tx_size = RING };
	struct sp_gro_config config;
	void *engine;
	int err = xsk_socket__create_shared(&side->xsk, side->name, 0, umem, &side->rx, &side->tx, &side->fill,
					    &side->comp, &socket_config);

	if (err)
		die("AF_XDP socket on queue 0 of", side->name, -err);
	sp_gro_config_init(&config);
	config.flags = flags;
	if (getrandom(config.secret, sizeof config.secret, 0) != sizeof config.secret)
		die("random numbers for", side->name, errno);
	engine = aligned_alloc(SP_ALIGNMENT, sp_gro_memory_size(&config));
	side->gro = engine ? sp_gro_init(&config, engine) : NULL;
	if (!side->gro)
		die("memory for the engine of", side->name, ENOMEM);
}

int main(int argc, char **argv)
{
	bool unfinished = argc > 1 && !strcmp(argv[1], "-u");
	struct sigaction action = { .sa_handler = stop };
	struct side sides[2] = { 0 };
	struct xsk_umem *umem;

	if (argc != 3 + unfinished) {
		fprintf(stderr, "usage: forward [-u] INTERFACE INTERFACE\n");
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < 2; i++)
		sides[i].name = argv[argc - 2 + i];
	umem = open_umem(&sides[0]);
	for (int i = 0; i < 2; i++)
		open_side(&sides[i], umem, unfinished ? SP_GRO_ACCEPT_UNFINISHED : 0);
	fprintf(stderr, "forward: ready\n");
	run(sides);
	for (int i = 0; i < 2; i++) {
		const struct side *from = &sides[i], *to = &sides[!i];

		printf("%s: %llu packets in, %llu of them merged into %llu superpackets; "
		       "%s: %llu packets out, %llu dropped\n",
		       from->name, from->in, from->merged, from->superpackets, to->name, to->out, to->dropped);
	}
	for (int i = 1; i >= 0; i--)
		xsk_socket__delete(sides[i].xsk);
	return xsk_umem__delete(umem) != 0;
}
