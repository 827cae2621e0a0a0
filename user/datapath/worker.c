// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The page to read first: how packets cross this program.
 *
 *      in :  receive ring --receive_burst--> gro_offer --deliver_next--> front end
 *                ^                                           |
 *                '---- fill ring <--receive_refill-- free frames
 *
 *      out:  front end --read--> superpacket buffer --transmit_packet--> transmit ring
 *                                      ^                                     |
 *                                      '------- transmit_complete <----------'
 *
 * Each time round, a worker carries a burst in and some packets out, and sleeps when there was
 * neither (or, where it is told to spin, looks on for a while). Superpackets of the flows are held while
 * packets keep coming, at most BURST_PACKETS_MAX of them, and go up when the receive ring is empty (or,
 * with a hold time, when that is over).
 * When the NIC takes nothing more, nothing more is read from the front end: back pressure, no loss.
 *
 * Every wait has a limit (watchdog.h). A completion that does not come, or frames that do not, mean that
 * the kernel and we no longer agree on who has what: the socket is closed, so that the kernel has
 * nothing of ours, and made anew, with new memory. A front end that takes nothing cannot be cured: until it
 * does again, the worker is away, and the kernel has the traffic.
 */
#include "datapath/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/vnet.h"
#include "base/fault.h"
#include "base/log.h"
#include "nic/uapi_compat.h"

/* Entries of each ring. One TCP connection has up to 3 MB on its way (tcp_rmem), 2100 full-sized
 * packets, and sends them at once when we were away: half of this lost hundreds of packets a gigabyte
 * on a busy machine, this loses none. */
#define RING_SIZE 4096u

/* Packets the engine may hold; then its oldest superpacket goes (D3). */
#define HELD_MAX 4096u

/* Whatever the engine holds, the fill ring can be full. 32 MiB. */
#define RX_FRAMES (RING_SIZE + HELD_MAX)

/* Segments in flight, at two descriptors each half a transmit ring: 16 superpackets of 64 KiB. More
 * slots would only be colder: a header costs 24 instead of 10 ns in a ring of 16384. */
#define SLOTS_MAX 1024u

/* 64 superpackets of 64 KiB, or 65,536 packets of one cache line. */
#define BUFFERS_LEN (64 * UMEM_SUPERPACKET_ROOM)

/* The longest burst: a receive ring that never runs empty ends one all the same, so that no packet
 * waits for more than a few hundred microseconds of our own work. */
#define BURST_PACKETS_MAX 1024u

/* Packets read from the front end before the other direction has its turn. */
#define FRONT_BATCH 32u

/* Segments that are worth a system call of their own: the NIC begins while we cut the next. */
#define WAKE_DESCRIPTORS 32u

/* A worker shows life at least this often; see STEER_HEARTBEAT_LIMIT_NS. */
#define SLEEP_MAX_NS 20000000ull

/* How often a worker that is away tries whether it can come back. */
#define RETRY_NS 100000000ull

/* How often a queue that is still busy, or an interface that is down, is tried. */
#define REOPEN_NS 5000000

/* While descriptors are out, completions may bring room without any event to wait for. */
#define SLEEP_TRANSMITTING_NS 1000000ull

static bool stopping(const struct worker *worker)
{
	return __atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE);
}

/* ---- what comes too late ---- */

/*
 * Stopped or starved for so long that the heartbeat has run out, or away: the kernel has gone on with the
 * flows, and what we still hold would come behind what it has carried since. That is dropped, like
 * a packet on a wire that was cut, both ways. The heartbeat does not come back before (beat.c), so nothing
 * newer is dropped with it.
 *
 * Asked again before every packet, since we may be stopped between two of them: a write upwards wakes up who
 * receives it, and on a busy machine that is when another takes our CPU. What is in our hands in that very moment
 * comes too late all the same: no more than that. Not at the end, when nobody shows the
 * heartbeat any more.
 */
static void look_behind(struct worker *worker, uint64_t now_ns)
{
	if (stopping(worker))
		return;
	worker->overtaken = steer_lapsed(worker->config.steer, now_ns);
	worker->deliver.stale = worker->overtaken;
	if (worker->overtaken)
		gro_flush(&worker->gro, GRO_RECONFIGURE);
	else
		__atomic_store_n(&worker->caught_up, false, __ATOMIC_RELEASE);
}

/* ---- in ---- */

/* Returns whether anything went up. */
static bool deliver_all(struct worker *worker)
{
	uint32_t before = worker->held_packets, packets;

	do {
		look_behind(worker, clock_ns());
		packets = deliver_next(&worker->deliver, &worker->gro);
		worker->held_packets -= packets;
	} while (packets);
	return worker->held_packets != before;
}

static void offer_all(struct worker *worker, const struct gro_packet *packets, uint32_t cnt,
		      uint64_t now_ns)
{
	uint32_t offered = 0;

	for (uint32_t i = 0; i < cnt; i++)
		worker->held_packets += !packets[i].more;
	for (;;) {
		offered += gro_offer(&worker->gro, packets + offered, cnt - offered, now_ns);
		if (offered == cnt)
			return;
		deliver_all(worker);
	}
}

/* Carries one batch in. Returns whether there was anything to do. */
static bool carry_in(struct worker *worker, uint64_t now_ns)
{
	struct gro_packet packets[RECEIVE_BATCH];
	bool more;
	uint32_t cnt = receive_burst(&worker->receive, packets, &more);

	if (cnt)
		offer_all(worker, packets, cnt, now_ns);
	worker->burst_packets += cnt;
	if (!more || worker->burst_packets >= BURST_PACKETS_MAX) {
		gro_burst_end(&worker->gro, now_ns);
		worker->burst_packets = 0;
	}
	more |= deliver_all(worker);
	receive_refill(&worker->receive);
	return cnt || more;
}

/* ---- out ---- */

/* Reads one packet of the front end into the umem and hands it to transmission. Returns false when there
 * is none. */
static bool carry_one_out(struct worker *worker, uint8_t *buffer)
{
	struct frontend_queue *front = worker->config.front;
	struct vnet_header header;
	struct gso_request request;
	int len = front->read(front, &header, buffer, UMEM_SUPERPACKET_ROOM);

	if (len < 0) {
		if (len != -EAGAIN)
			__atomic_store_n(&worker->front_error, len, __ATOMIC_RELAXED);
		return false;
	}
	worker->stats.tap_packets++;
	worker->stats.tap_bytes += (uint64_t)len;
	look_behind(worker, clock_ns());
	if (worker->overtaken) {
		worker->stats.tx_drop_stale++;
	} else if (vnet_read(&header, (uint32_t)len, &request)) {
		vnet_correct_tunnel(&request, buffer, (uint32_t)len);
		transmit_packet(&worker->transmit, &request, (uint32_t)len);
	} else {
		worker->stats.tx_drop_vnet++;
	}
	return true;
}

/* Carries some packets out. Returns whether there was anything to do. */
static bool carry_out(struct worker *worker)
{
	struct transmit *transmit = &worker->transmit;
	uint32_t cnt = 0, unwoken = transmit->outstanding;
	bool moved = transmit_complete(transmit) > 0;

	if (!transmit_resume(transmit)) {
		transmit_wake(transmit);
		return moved;
	}
	while (cnt < FRONT_BATCH) {
		uint8_t *buffer = transmit_buffer(transmit);

		if (!buffer || !carry_one_out(worker, buffer))
			break;
		cnt++;
		if (transmit->outstanding - unwoken >= WAKE_DESCRIPTORS) {
			transmit_wake(transmit);
			transmit_complete(transmit);
			unwoken = transmit->outstanding;
		}
	}
	transmit_wake(transmit);
	return transmit_complete(transmit) || moved || cnt;
}

/* ---- rest ---- */

static void refresh_gauges(struct worker *worker)
{
	struct worker_stats *stats = &worker->stats;
	uint32_t held = gro_owned_packets(&worker->gro);

	for (int i = 0; i < GRO_REASON_CNT; i++) {
		stats->flushes[i] = worker->gro.flushes[i];
		stats->singles[i] = worker->gro.singles[i];
	}
	stats->rx_checksum_errors = worker->gro.checksum_errors;
	stats->rx_held_packets = worker->held_packets;
	stats->frames_free = worker->umem.frames.cnt;
	stats->frames_kernel = worker->receive.frames_in_kernel;
	stats->frames_held = held;
	stats->slots_used = worker->umem.slots.used;
	stats->buffers_used = worker->umem.buffers.used;
}

/*
 * Every frame, slot and buffer is in exactly one place (umem.h). One that is not has no owner who could
 * give it back: that is counted, and said once. A test build ends there, with the numbers in hand.
 */
static void check_conservation(struct worker *worker)
{
	struct worker_stats *stats = &worker->stats;
	uint32_t held = gro_owned_packets(&worker->gro), slots, buffers;

	transmit_missing(&worker->transmit, &slots, &buffers);
	stats->frames_missing = RX_FRAMES - worker->umem.frames.cnt - worker->receive.frames_in_kernel - held;
	stats->slots_missing = slots;
	stats->buffers_missing = buffers;
	if (worker->missing || !(stats->frames_missing | slots | buffers))
		return;
	worker->missing = true;
	(FAULT_BUILD ? log_abort : log_error)(
		"%s queue %u: %u of %u frames are missing (%u free, %u in the kernel, %u held), %u slots and "
		"%u bytes of buffers; a defect of superpacketd: please report it",
		worker->config.interface, worker->config.queue, (uint32_t)stats->frames_missing, RX_FRAMES,
		worker->umem.frames.cnt, worker->receive.frames_in_kernel, held, slots, buffers);
}

/* Until when nothing has to be done, relative, in nanoseconds. */
static uint64_t sleep_limit(const struct worker *worker, uint64_t now_ns)
{
	uint64_t limit = worker->transmit.outstanding ? SLEEP_TRANSMITTING_NS : SLEEP_MAX_NS;
	uint64_t deadline = gro_deadline(&worker->gro);

	if (deadline <= now_ns)
		return 0;
	return deadline - now_ns < limit ? deadline - now_ns : limit;
}

static void sleep_until_event(struct worker *worker)
{
	struct pollfd fds[] = {
		/* In copy mode this transmits, too. */
		{ .fd = fault_strikes(FAULT_WAKE) ? -1 : worker->xsk.fd, .events = POLLIN },
		{ .fd = worker->wake_fd, .events = POLLIN },
		/* Not while nothing could be read from it: that would be no sleep. */
		{ .fd = worker->config.front->fd, .events = POLLIN },
	};
	uint64_t limit = sleep_limit(worker, clock_ns());
	struct timespec timeout = { .tv_nsec = (long)limit };

	worker->stats.polls++;
	ppoll(fds, transmit_can_take(&worker->transmit) ? 3 : 2, &timeout, NULL);
}

static void tick(struct worker *worker)
{
	refresh_gauges(worker);
	stats_publish(&worker->published, &worker->stats);
	__atomic_store_n(&worker->tick, worker->tick + 1, __ATOMIC_RELAXED);
}

/* ---- what does not come ---- */

static void refresh_kernel_counters(struct worker *worker)
{
	struct xdp_statistics kernel = { 0 };

	(void)xsk_statistics(&worker->xsk, &kernel); /* zeros when it fails */
	worker->stats.kernel_rx_dropped = kernel.rx_dropped;
	worker->stats.kernel_rx_ring_full = kernel.rx_ring_full;
	worker->stats.kernel_fill_ring_empty = kernel.rx_fill_ring_empty_descs;
	worker->stats.kernel_tx_invalid = kernel.tx_invalid_descs;
}

/* Whether the kernel loses frames because it has none of ours to put them in, and we have none to give. */
static bool is_starved(struct worker *worker)
{
	const struct xsk_ring_prod *fill = &worker->xsk.fill;
	const uint64_t lost = worker->stats.kernel_fill_ring_empty;
	bool empty = __atomic_load_n(fill->consumer, __ATOMIC_ACQUIRE) == *fill->producer;

	if (!empty || worker->umem.frames.cnt) {
		worker->starving = false;
		return false;
	}
	if (!worker->starving)
		worker->starved_frames = lost;
	worker->starving = true;
	return lost > worker->starved_frames;
}

static uint32_t look_out(struct worker *worker, uint64_t now_ns)
{
	const struct worker_stats *stats = &worker->stats;
	const struct watchdog_sight sights[WATCHDOG_CNT] = {
		[WATCHDOG_COMPLETION] = { worker->transmit.outstanding > 0, worker->transmit.finished },
		[WATCHDOG_FILL] = { is_starved(worker), stats->rx_packets },
		[WATCHDOG_TAP] = { worker->front_unready != stats->rx_tap_unready,
				   stats->rx_delivered_packets },
	};

	if (stats->rx_delivered_packets != worker->front_taken || worker->away) {
		worker->front_taken = stats->rx_delivered_packets;
		worker->front_unready = stats->rx_tap_unready;
	}
	return watchdog_look(&worker->watchdog, sights, now_ns);
}

static void set_away(struct worker *worker, bool away)
{
	__atomic_store_n(&worker->away, away, __ATOMIC_RELAXED);
}

/* Tries whether the front end takes packets (again). */
static void probe_front(struct worker *worker, uint64_t now_ns)
{
	worker->probed_ns = now_ns;
	if (deliver_probe(&worker->deliver)) {
		set_away(worker, false);
		return;
	}
	if (worker->away)
		return;
	set_away(worker, true);
	worker->stats.stalls_tap++;
	log_warning("%s queue %u: %s takes no packets; the kernel carries all traffic until it does "
		    "(is it up? 'ip link')", worker->config.interface, worker->config.queue,
		    worker->config.front_name);
}

/* What the receive ring and the engine hold goes up, while what comes now goes to the kernel. */
static void empty_hands(struct worker *worker)
{
	steer_remove_socket(worker->config.steer, worker->config.queue);
	for (uint32_t i = 0; i < RING_SIZE / RECEIVE_BATCH; i++)
		if (!carry_in(worker, clock_ns()))
			break;
	gro_flush(&worker->gro, GRO_RECONFIGURE);
	deliver_all(worker);
}

static int reopen(struct worker *worker);

static void close_socket(struct worker *worker)
{
	xsk_close(&worker->xsk);
	umem_close(&worker->umem);
	transmit_reset(&worker->transmit);
	worker->closed = true;
}

/* Until there is a socket again, or the worker has to stop. Meanwhile the kernel carries the traffic. */
static void reopen_until(struct worker *worker)
{
	struct pollfd wake = { .fd = worker->wake_fd, .events = POLLIN };
	bool said = false;
	int err;

	set_away(worker, true);
	while ((err = reopen(worker)) && !stopping(worker)) {
		if (err != -EBUSY && !said) {
			said = true;
			log_warning("%s queue %u: no new socket yet (%s); the kernel carries the traffic",
				    worker->config.interface, worker->config.queue, strerror(-err));
		}
		tick(worker);
		ppoll(&wake, 1, &(struct timespec){ .tv_nsec = REOPEN_NS }, NULL);
	}
	set_away(worker, false);
}

/* wait: for what the kernel owes us. */
static void rebuild(struct worker *worker, enum watchdog_wait wait)
{
	uint64_t begin_ns = clock_ns();
	uint32_t descriptors = worker->transmit.outstanding, frames = worker->receive.frames_in_kernel;
	bool taken = transmit_is_taken(&worker->transmit);
	bool news = watchdog_is_news(&worker->watchdog, wait);

	if (wait == WATCHDOG_FILL)
		worker->stats.stalls_fill++;
	else
		worker->stats.stalls_completion++;
	empty_hands(worker);
	close_socket(worker);
	reopen_until(worker);
	if (worker->closed)
		return;
	worker->stats.rebuilds++;
	if (!news)
		return;
	if (wait == WATCHDOG_FILL)
		log_warning("%s queue %u: the kernel gave none of %u receive frames back; its socket was made "
			    "anew in %u ms", worker->config.interface, worker->config.queue, frames,
			    (uint32_t)((clock_ns() - begin_ns) / 1000000));
	else
		log_warning("%s queue %u: %u descriptors were not %s for too long; its socket was made anew in "
			    "%u ms", worker->config.interface, worker->config.queue, descriptors,
			    taken ? "completed" : "taken", (uint32_t)((clock_ns() - begin_ns) / 1000000));
}

/* Now and then: whether all is where it belongs, and nothing is waited for in vain. */
static void keep_house(struct worker *worker, uint64_t now_ns)
{
	uint32_t over;

	refresh_kernel_counters(worker);
	over = look_out(worker, now_ns);
	check_conservation(worker);
	if (watchdog_nudges(&worker->watchdog, WATCHDOG_COMPLETION))
		transmit_nudge(&worker->transmit);
	if (over & 1u << WATCHDOG_TAP || (worker->away && now_ns - worker->probed_ns >= RETRY_NS))
		probe_front(worker, now_ns);
	if (over & 1u << WATCHDOG_COMPLETION)
		rebuild(worker, WATCHDOG_COMPLETION);
	else if (over & 1u << WATCHDOG_FILL)
		rebuild(worker, WATCHDOG_FILL);
}

/* ---- the thread ---- */

/* Carries what is still on its way, until nothing is, or the time is up. */
static void drain(struct worker *worker)
{
	uint64_t end_ns = clock_ns() + (uint64_t)worker->drain_ms * 1000000;
	uint64_t now_ns;

	worker->overtaken = worker->deliver.stale = false;
	if (worker->closed)
		return;
	while ((now_ns = clock_ns()) < end_ns) {
		bool moved = carry_in(worker, now_ns);

		moved |= carry_out(worker);
		gro_flush(&worker->gro, GRO_SHUTDOWN);
		moved |= deliver_all(worker);
		tick(worker);
		if (!moved && !worker->transmit.outstanding && !transmit_paused(&worker->transmit))
			return;
	}
	log_warning("%s queue %u: %u descriptors and %u packets were still on their way after %u ms",
		    worker->config.interface, worker->config.queue, worker->transmit.outstanding,
		    gro_owned_packets(&worker->gro), worker->drain_ms);
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	while (!stopping(worker)) {
		uint64_t now_ns = clock_ns();
		bool in, out;

		look_behind(worker, now_ns);
		if (fault_strikes(FAULT_STOP))
			raise(SIGSTOP);
		in = carry_in(worker, now_ns);
		out = carry_out(worker);
		if (worker->overtaken && !in && !out && !worker->held_packets)
			__atomic_store_n(&worker->caught_up, true, __ATOMIC_RELEASE);
		tick(worker);
		if (watchdog_due(&worker->watchdog, now_ns))
			keep_house(worker, now_ns);
		if (in || out)
			worker->moved_ns = now_ns;
		else if (now_ns - worker->moved_ns >= worker->config.spin_ns)
			sleep_until_event(worker);
	}
	if (worker->drain_ms)
		drain(worker);
	return NULL;
}

/* ---- life ---- */

static int open_memory(struct worker *worker)
{
	const struct umem_config config = {
		.rx_frames = RX_FRAMES,
		.slots = SLOTS_MAX,
		.slot_len = UMEM_CHUNK_LEN, /* the larger of the two; see open_socket() */
		.buffers_len = BUFFERS_LEN,
	};

	if (fault_strikes(FAULT_BIND)) /* here already, where it costs nothing to try again */
		return -ENETDOWN;
	return umem_open(&worker->umem, &config);
}

/* A packet's flow may be anywhere in the engine's memory: on huge pages, where there are any, finding it takes
 * a tenth less with thousands of flows (bench-engine, gro-scale). */
#define HUGE_PAGE ((size_t)2 << 20)

static void *huge_alloc(size_t len)
{
	size_t whole = (len + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	void *p = aligned_alloc(HUGE_PAGE, whole);

	if (p)
		(void)madvise(p, whole, MADV_HUGEPAGE); /* an advice, no more */
	return p;
}

static int open_engine(struct worker *worker)
{
	struct gro_config config = worker->config.gro;

	config.packets = HELD_MAX;
	config.headroom = UMEM_RX_HEADROOM;
	if (getrandom(config.secret, sizeof config.secret, 0) != sizeof config.secret)
		return -errno;
	worker->gro_memory = huge_alloc(gro_memory_size(&config));
	if (!worker->gro_memory)
		return -ENOMEM;
	return gro_init(&worker->gro, &config, worker->gro_memory);
}

/* The way out of what opening, xsk_open() above all, may say. */
static const char *advice(int err)
{
	switch (err) {
	case -EBUSY:
		return "busy: another AF_XDP socket owns it; end that program first ('bpftool net' and "
		       "'ss --xdp -p' may name it)";
	case -EPERM:
		return "not permitted; run as root or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF";
	case -EAFNOSUPPORT:
		return "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)";
	case -ENETDOWN:
		return "the interface is down; set it up first ('ip link set dev IF up')";
	case -ENOBUFS:
		return "locked memory is limited; raise it ('ulimit -l unlimited') or give CAP_IPC_LOCK";
	case -EOPNOTSUPP:
		return "the device or kernel cannot do what --transmit asks for; use --transmit auto";
	case -ENOSYS:
		return "it binds, but does not send: in no way of binding was a test frame sent; the status of "
		       "the link and the kernel's log may say why ('ip -s link', 'dmesg')";
	default:
		return strerror(-err);
	}
}

static int open_socket(struct worker *worker)
{
	int err = xsk_open(&worker->xsk, &worker->config.xsk, &worker->umem);

	if (err)
		return err;
	umem_set_slots(&worker->umem, transmit_slot_len(&worker->xsk), SLOTS_MAX);
	receive_init(&worker->receive, &worker->xsk, &worker->umem, &worker->stats);
	return 0;
}

/*
 * New memory with a new socket: pages that the old one has under way stay as they are until the last
 * who reads them is done. Bound as it was: that it sends was proved at start, and again by all that it
 * has sent since. Where a device stands still for a while, another proof would only fail for as long, and
 * give up zero copy for ever; the watchdog is the proof from now on, with the next packets.
 */
static int reopen(struct worker *worker)
{
	struct xsk_config *config = &worker->config.xsk;
	int err = open_memory(worker);

	if (err)
		return err;
	config->bind_timeout_ms = 0; /* whoever waits has to show life */
	config->prove = false;
	config->again = &worker->chosen;
	err = open_socket(worker);
	if (err) {
		umem_close(&worker->umem);
		return err;
	}
	err = steer_add_socket(worker->config.steer, worker->config.queue, worker->xsk.fd);
	if (err) {
		xsk_close(&worker->xsk);
		umem_close(&worker->umem);
		return err;
	}
	facts_publish(&worker->facts, &worker->xsk, &worker->umem);
	worker->closed = false;
	return 0;
}

int worker_open(struct worker *worker, const struct worker_config *config)
{
	int err;

	*worker = (struct worker){ .config = *config, .wake_fd = -1 };
	snprintf(worker->name, sizeof worker->name, "%s", config->interface);
	worker->config.interface = worker->config.xsk.interface = worker->name;
	worker->config.xsk.queue = config->queue;
	worker->config.xsk.ring_size = RING_SIZE;
	worker->config.xsk.prove = true;
	err = open_memory(worker);
	if (err)
		goto fail;
	err = open_engine(worker);
	if (err)
		goto fail_umem;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake_fd < 0) {
		err = -errno;
		goto fail_engine;
	}
	err = open_socket(worker);
	facts_publish(&worker->facts, &worker->xsk, &worker->umem);
	if (err)
		goto fail_eventfd;
	err = transmit_init(&worker->transmit, &worker->xsk, &worker->umem, config->mtu,
			    &worker->stats);
	if (err)
		goto fail_socket;
	worker->transmit.shared_id = config->shared_id;
	worker->chosen = worker->xsk.choice;
	deliver_init(&worker->deliver, config->front, &worker->umem.frames, &worker->stats);
	worker->frame_max = xsk_frame_max(&worker->xsk);
	worker->stats.frames_total = RX_FRAMES;
	worker->stats.slots_total = worker->umem.slots.size;
	worker->stats.buffers_total = worker->umem.buffers.size;
	return 0;

fail_socket:
	xsk_close(&worker->xsk);
fail_eventfd:
	close(worker->wake_fd);
fail_engine:
	free(worker->gro_memory);
fail_umem:
	umem_close(&worker->umem);
fail:
	if (!config->quiet)
		log_error("%s queue %u: %s", config->interface, config->queue, advice(err));
	return err;
}

int worker_thread(pthread_t *thread, int cpu, void *(*function)(void *), void *arg)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET(cpu, &set);
		err = pthread_attr_setaffinity_np(&attr, sizeof set, &set);
	}
	if (!err)
		err = pthread_create(thread, &attr, function, arg);
	pthread_attr_destroy(&attr);
	return -err;
}

int worker_start(struct worker *worker)
{
	struct worker_config *config = &worker->config;
	char name[16];
	int err = worker_thread(&worker->thread, config->cpu, run, worker);

	if (err && config->cpu >= 0) {
		log_warning("%s queue %u: not on CPU %d: %s; it runs on any", config->interface, config->queue,
			    config->cpu, strerror(-err));
		config->cpu = -1;
		err = worker_thread(&worker->thread, -1, run, worker);
	}
	if (err) {
		log_error("%s queue %u: thread: %s", config->interface, config->queue, strerror(-err));
		return err;
	}
	snprintf(name, sizeof name, "queue %u", config->queue);
	(void)pthread_setname_np(worker->thread, name); /* for top and ps */
	worker->running = true;
	return 0;
}

void worker_stop(struct worker *worker, uint32_t drain_ms)
{
	const uint64_t one = 1;

	if (!worker->running)
		return;
	worker->drain_ms = drain_ms;
	__atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
	if (write(worker->wake_fd, &one, sizeof one) < 0)
		log_warning("queue %u: wake: %s", worker->config.queue, strerror(errno));
	pthread_join(worker->thread, NULL);
	worker->running = false;
}

void worker_close(struct worker *worker)
{
	transmit_fini(&worker->transmit);
	if (!worker->closed) {
		xsk_close(&worker->xsk);
		umem_close(&worker->umem);
	}
	close(worker->wake_fd);
	free(worker->gro_memory);
}
