// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A second front end, in plain memory, and a whole worker between it and a NIC in plain memory. On one side the test
 * plays the stack, which sends and receives packets through a queue of its own; on the other side it plays the kernel.
 * The worker with its thread, engine, delivery and transmission is the real one.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "datapath/worker_internal.h"
#include "nic/uapi_compat.h"
#include "nic/xsk_open.h"
#include "fixtures/packet_builder.h"

#define PACKETS 5u
#define MSS 1000u
#define MTU 1500u
#define HEADERS 54u /* Ethernet, IPv4, TCP */
#define DEADLINE_MS 10000
#define PARCELS 16u
#define ROOM 16384u

struct parcel {
	struct vnet_header header;
	uint32_t len;
	uint8_t bytes[ROOM];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all that follows */

/* ---- the front end ---- */

static struct memory_queue {
	struct frontend_queue queue;
	struct parcel up[PARCELS], down;
	uint32_t up_cnt;
	bool has_down, is_gone;
	bool refuses_superpackets, has_no_room;
} front;

static int memory_write(struct frontend_queue *queue, const struct iovec *iov, uint32_t iov_cnt)
{
	struct memory_queue *memory = (struct memory_queue *)queue;
	struct parcel *parcel;
	int err = 0;

	pthread_mutex_lock(&lock);
	parcel = &memory->up[memory->up_cnt];
	parcel->header = *(const struct vnet_header *)iov[0].iov_base;
	parcel->len = 0;
	for (uint32_t i = 1; i < iov_cnt; i++) {
		memcpy(parcel->bytes + parcel->len, iov[i].iov_base, iov[i].iov_len);
		parcel->len += (uint32_t)iov[i].iov_len;
	}
	if (memory->has_no_room)
		err = -EAGAIN;
	else if (memory->refuses_superpackets && parcel->header.gso_type)
		err = -EINVAL;
	else if (parcel->bytes[12] == 0x08) /* not the frame of deliver_probe() */
		memory->up_cnt++;
	pthread_mutex_unlock(&lock);
	return err;
}

static int memory_read(struct frontend_queue *queue, struct vnet_header *hdr, void *buffer, uint32_t room)
{
	struct memory_queue *memory = (struct memory_queue *)queue;
	uint64_t events;
	int len = -EAGAIN;

	pthread_mutex_lock(&lock);
	if (memory->is_gone) {
		len = -ENODEV;
	} else if (memory->has_down) {
		memory->has_down = false;
		*hdr = memory->down.header;
		len = (int)memory->down.len;
		memcpy(buffer, memory->down.bytes, memory->down.len < room ? memory->down.len : room);
	} else {
		(void)!read(queue->fd, &events, sizeof events); /* no longer readable */
	}
	pthread_mutex_unlock(&lock);
	return len;
}

/* Ends the worker's sleep. */
static void wake(void)
{
	const uint64_t one = 1;

	cr_assert_eq(write(front.queue.fd, &one, sizeof one), sizeof one);
}

/* ---- the kernel: the functions of user/nic that the datapath calls ---- */

static struct {
	struct xsk *xsk;
	uint32_t producers[4], consumers[4], flags; /* fill, tx, completion, receive */
	uint64_t *fill, *completion;
	struct xdp_desc *tx, *rx;
	struct parcel wire[PARCELS]; /* packets that were sent */
	uint32_t wire_cnt;
} kernel;

int xsk_open(struct xsk *xsk, const struct xsk_config *config, struct umem *umem)
{
	const uint32_t size = config->ring_size;

	kernel.fill = calloc(size, sizeof *kernel.fill);
	kernel.completion = calloc(size, sizeof *kernel.completion);
	kernel.tx = calloc(size, sizeof *kernel.tx);
	kernel.rx = calloc(size, sizeof *kernel.rx);
	*xsk = (struct xsk){ .umem = umem, .ring_size = size, .unaligned = true, .chain_max = XSK_CHAIN_MAX, .fd = -1 };
	xsk->fill = (struct xsk_ring_prod){ .cached_cons = size,
					    .mask = size - 1,
					    .size = size,
					    .producer = &kernel.producers[0],
					    .consumer = &kernel.consumers[0],
					    .ring = kernel.fill,
					    .flags = &kernel.flags };
	xsk->tx = (struct xsk_ring_prod){ .cached_cons = size,
					  .mask = size - 1,
					  .size = size,
					  .producer = &kernel.producers[1],
					  .consumer = &kernel.consumers[1],
					  .ring = kernel.tx,
					  .flags = &kernel.flags };
	xsk->completion = (struct xsk_ring_cons){ .mask = size - 1,
						  .size = size,
						  .producer = &kernel.producers[2],
						  .consumer = &kernel.consumers[2],
						  .ring = kernel.completion };
	xsk->rx = (struct xsk_ring_cons){ .mask = size - 1,
					  .size = size,
					  .producer = &kernel.producers[3],
					  .consumer = &kernel.consumers[3],
					  .ring = kernel.rx };
	kernel.xsk = xsk;
	xsk_refill(xsk);
	return 0;
}

void xsk_close(struct xsk *xsk)
{
	free(kernel.fill);
	free(kernel.completion);
	free(kernel.tx);
	free(kernel.rx);
	*xsk = (struct xsk){ .fd = -1 };
}

void xsk_refill(struct xsk *xsk)
{
	struct frame_stack *frames = &xsk->umem->frames;
	uint32_t idx;

	while (frames->cnt && xsk_ring_prod__reserve(&xsk->fill, 1, &idx)) {
		*xsk_ring_prod__fill_addr(&xsk->fill, idx) = frame_take(frames);
		xsk_ring_prod__submit(&xsk->fill, 1);
	}
}

/* Sends and completes at once. */
int xsk_wake_tx(struct xsk *xsk)
{
	uint32_t end = __atomic_load_n(&kernel.producers[1], __ATOMIC_ACQUIRE);

	pthread_mutex_lock(&lock);
	for (; kernel.consumers[1] != end; kernel.consumers[1]++) {
		const struct xdp_desc *desc = &kernel.tx[kernel.consumers[1] & xsk->tx.mask];
		struct parcel *packet = &kernel.wire[kernel.wire_cnt];

		memcpy(packet->bytes + packet->len, umem_data(xsk->umem, desc->addr), desc->len);
		packet->len += desc->len;
		kernel.wire_cnt += !(desc->options & XDP_PKT_CONTD);
		kernel.completion[kernel.producers[2]++ & xsk->completion.mask] = desc->addr;
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

void xsk_nudge(struct xsk *xsk) { (void)xsk; }

int xsk_statistics(const struct xsk *xsk, struct xdp_statistics *stats)
{
	(void)xsk;
	*stats = (struct xdp_statistics){ 0 };
	return 0;
}

uint64_t steer_redirected(const struct steer *steer, uint32_t queue)
{
	(void)steer;
	(void)queue;
	return 0;
}

bool steer_leaves_out(const struct steer *steer)
{
	(void)steer;
	return false;
}

struct steer_slots *steer_slots(const struct steer *steer, uint32_t queue)
{
	(void)steer;
	(void)queue;
	return NULL;
}

bool steer_gives_back(const struct steer *steer)
{
	(void)steer;
	return true;
}

uint64_t steer_heartbeat_shown(const struct steer *steer)
{
	(void)steer;
	return 0;
}

bool steer_lapsed(const struct steer *steer, uint64_t now_ns)
{
	(void)steer;
	(void)now_ns;
	return false;
}

int steer_add_socket(struct steer *steer, uint32_t queue, int fd)
{
	(void)steer;
	(void)queue;
	(void)fd;
	return 0;
}

void steer_remove_socket(struct steer *steer, uint32_t queue)
{
	(void)steer;
	(void)queue;
}

/* ---- the bed ---- */

struct bed {
	struct worker worker;
	struct parcel came[PACKETS]; /* packets that the NIC has received */
};

static struct bed *make_bed(void)
{
	struct bed *bed = calloc(1, sizeof *bed);
	const struct worker_config config = {
		.interface = "memory",
		.front = &front.queue,
		.front_name = "front",
		.sizes = worker_sizes_full,
		.cpu = -1,
		.mtu = MTU,
		.gro = { .flows = 8, .max_packets = 32, .max_bytes = 65535, .merge = GRO_MERGE_TCP },
	};

	front.queue = (struct frontend_queue){ .read = memory_read,
					       .write = memory_write,
					       .fd = eventfd(0, EFD_NONBLOCK) };
	cr_assert_geq(front.queue.fd, 0);
	cr_assert_not_null(bed);
	cr_assert_eq(worker_open(&bed->worker, &config), 0);
	cr_assert_eq(worker_start(&bed->worker), 0);
	return bed;
}

static void free_bed(struct bed *bed)
{
	struct worker_stats stats;

	worker_tell_stop(&bed->worker, 100);
	pthread_join(bed->worker.thread, NULL);
	stats_read(&bed->worker.published, &stats);
	cr_expect_eq(stats.frames_missing | stats.slots_missing | stats.buffers_missing, 0);
	cr_expect_eq(stats.frames_free + stats.frames_kernel, stats.frames_total);
	cr_expect_eq(stats.buffers_used, 0);
	worker_close(&bed->worker);
	close(front.queue.fd);
	free(bed);
}

/* The NIC receives the packets of one flow, all at once. */
static void receive_packets(struct bed *bed)
{
	struct packet p = packet_tcp4();
	uint32_t at = kernel.producers[3];

	p.payload_len = MSS;
	for (uint32_t i = 0; i < PACKETS; i++, at++) {
		const struct umem *umem = kernel.xsk->umem;
		uint64_t addr = kernel.fill[kernel.consumers[0]++ & kernel.xsk->fill.mask] + UMEM_RX_HEADROOM;
		struct parcel *packet = &bed->came[i];

		packet->len = (uint32_t)packet_build(&p, packet->bytes, ROOM, NULL);
		memcpy(umem_data(umem, addr), packet->bytes, packet->len);
		kernel.rx[at & kernel.xsk->rx.mask] = (struct xdp_desc){ .addr = addr, .len = packet->len };
		p.seq += MSS;
		p.ip_id++;
	}
	__atomic_store_n(&kernel.producers[3], at, __ATOMIC_RELEASE);
	wake();
}

static void expect_within_deadline(bool (*is_so)(struct bed *bed), struct bed *bed, const char *what)
{
	bool so = false;

	for (int ms = 0; !so && ms < DEADLINE_MS; ms++) {
		pthread_mutex_lock(&lock);
		so = is_so(bed);
		pthread_mutex_unlock(&lock);
		if (!so)
			poll(NULL, 0, 1);
	}
	cr_assert(so, "%s: not within %u s", what, DEADLINE_MS / 1000);
}

static struct worker_stats stats_of(struct bed *bed)
{
	struct worker_stats stats;

	stats_read(&bed->worker.published, &stats);
	return stats;
}

static bool all_delivered(struct bed *bed) { return stats_of(bed).rx_delivered_packets == PACKETS; }

static bool all_dropped(struct bed *bed) { return stats_of(bed).rx_drop_tap == PACKETS; }

static bool all_sent(struct bed *bed) { return stats_of(bed).tx_superpackets == 1; }

static bool is_away(struct bed *bed) { return __atomic_load_n(&bed->worker.away, __ATOMIC_RELAXED); }

static bool is_back(struct bed *bed) { return !is_away(bed); }

static bool says_no_more(struct bed *bed)
{
	return __atomic_load_n(&bed->worker.front_error, __ATOMIC_RELAXED) == -ENODEV;
}

/* ---- the tests ---- */

TestSuite(frontend, .timeout = 240);

Test(frontend, a_superpacket_goes_up)
{
	struct bed *bed = make_bed();

	receive_packets(bed);
	expect_within_deadline(all_delivered, bed, "delivered");
	cr_assert_eq(front.up_cnt, 1);
	cr_expect_eq(front.up[0].header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	cr_expect_eq(front.up[0].header.gso_size, MSS);
	cr_assert_eq(front.up[0].len, HEADERS + PACKETS * MSS);
	for (uint32_t i = 0; i < PACKETS; i++)
		cr_expect_arr_eq(front.up[0].bytes + HEADERS + i * MSS, bed->came[i].bytes + HEADERS, MSS);
	free_bed(bed);
}

Test(frontend, a_superpacket_is_cut_and_sent)
{
	struct bed *bed = make_bed();
	struct packet p = packet_tcp4();

	p.payload_len = PACKETS * MSS;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	pthread_mutex_lock(&lock);
	front.down.header = (struct vnet_header){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						  .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
						  .gso_size = MSS,
						  .csum_start = 34,
						  .csum_offset = 16 };
	front.down.len = (uint32_t)packet_build(&p, front.down.bytes, ROOM, NULL);
	front.has_down = true;
	pthread_mutex_unlock(&lock);
	wake();
	expect_within_deadline(all_sent, bed, "sent");
	cr_assert_eq(kernel.wire_cnt, PACKETS);
	for (uint32_t i = 0; i < PACKETS; i++) {
		cr_assert_eq(kernel.wire[i].len, HEADERS + MSS);
		cr_expect_arr_eq(kernel.wire[i].bytes + HEADERS, front.down.bytes + HEADERS + i * MSS, MSS);
	}
	cr_expect_eq(stats_of(bed).tap_packets, 1);
	free_bed(bed);
}

/* V9: each packet is delivered as it was received. */
Test(frontend, a_refused_superpacket_is_cut_again_and_delivered)
{
	struct bed *bed = make_bed();

	front.refuses_superpackets = true;
	receive_packets(bed);
	expect_within_deadline(all_delivered, bed, "delivered");
	cr_assert_eq(front.up_cnt, PACKETS);
	for (uint32_t i = 0; i < PACKETS; i++) {
		cr_expect_eq(front.up[i].header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		cr_assert_eq(front.up[i].len, bed->came[i].len);
		cr_expect_arr_eq(front.up[i].bytes, bed->came[i].bytes, bed->came[i].len);
	}
	cr_expect_eq(stats_of(bed).rx_cut_again, 1);
	cr_expect_not(is_away(bed));
	free_bed(bed);
}

/* A superpacket without room is lost, and its packets are not tried. The worker is away while that lasts. */
Test(frontend, without_room_the_worker_is_away_until_there_is_some)
{
	struct bed *bed = make_bed();

	front.has_no_room = true;
	receive_packets(bed);
	expect_within_deadline(all_dropped, bed, "dropped");
	cr_expect_eq(stats_of(bed).rx_cut_again, 0);
	expect_within_deadline(is_away, bed, "away");
	pthread_mutex_lock(&lock);
	front.has_no_room = false;
	pthread_mutex_unlock(&lock);
	expect_within_deadline(is_back, bed, "back");
	receive_packets(bed);
	expect_within_deadline(all_delivered, bed, "delivered");
	cr_expect_eq(front.up_cnt, 1);
	cr_expect_eq(stats_of(bed).stalls_tap, 1);
	free_bed(bed);
}

Test(frontend, a_queue_that_is_gone_is_reported)
{
	struct bed *bed = make_bed();

	pthread_mutex_lock(&lock);
	front.is_gone = true;
	pthread_mutex_unlock(&lock);
	wake();
	expect_within_deadline(says_no_more, bed, "told");
	free_bed(bed);
}

/* While transmission waits, the front end is not read, so nothing is known of what is in it (worker_stale.c). */
Test(frontend, a_worker_that_does_not_read_has_not_caught_up)
{
	struct bed *bed = make_bed();
	struct worker *worker = &bed->worker;

	worker_tell_stop(worker, 100);
	pthread_join(worker->thread, NULL);
	worker->stale = worker->stale_out = true;
	worker->lapsed = 7;
	worker->transmit.state = TRANSMIT_CUTTING;
	worker_check_caught_up(worker, false, false);
	cr_expect_not(worker->emptied_out);
	cr_expect_neq(worker->caught_up, 7);
	worker->transmit.state = TRANSMIT_IDLE;
	worker_check_caught_up(worker, false, false);
	cr_expect(worker->emptied_out);
	cr_expect_eq(worker->caught_up, 7);
	worker_close(worker);
	close(front.queue.fd);
	free(bed);
}
