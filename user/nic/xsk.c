// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Opening goes through the variants of a plan (modes.h); the first that binds and sends a test frame
 * is taken. Each try needs a new umem registration, because the kernel ties a umem to the flags of its
 * first bind.
 *
 * Only what the kernel reports back is believed. XDP_USE_SG without XDP_COPY or XDP_ZEROCOPY
 * would bind copy mode silently where a zero-copy driver has no multi-buffer, so every try
 * names its mode.
 *
 * Unaligned chunks first, but for multi-buffer in zero copy: there slices that cross a page border are
 * refused one by one, unless the next page has the next DMA address (include/net/xsk_buff_pool.h,
 * xp_desc_crosses_non_contig_pg()), which nobody can promise. With aligned chunks none crosses.
 */
#include "nic/xsk.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "nic/prove.h"
#include "nic/uapi_compat.h"

#define NO_CARRIER "no carrier"

/* A umem counts as locked memory, unless we have CAP_IPC_LOCK. Failing to raise the limit need
 * not matter: registration tells (ENOBUFS). */
static void raise_memlock_limit(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max; /* no CAP_SYS_RESOURCE: what is left */
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int open_rings(struct xsk *xsk, const struct xsk_config *config, uint16_t bind_flags)
{
	const struct xsk_rings_config rings = {
		.area = xsk->umem->area,
		.area_len = xsk->umem->area_len,
		.chunk_len = UMEM_CHUNK_LEN,
		.unaligned = xsk->unaligned,
		.tx_metadata_len = xsk->tx_headroom ? TX_CHECKSUM_METADATA_LEN : 0,
		.ring_size = xsk->ring_size,
		.ifindex = config->ifindex ? config->ifindex : if_nametoindex(config->interface),
		.queue = config->queue,
		.bind_flags = bind_flags | XDP_USE_NEED_WAKEUP,
		.fill = &xsk->fill,
		.completion = &xsk->completion,
		.rx = &xsk->rx,
		.tx = &xsk->tx,
	};
	const int err = rings.ifindex ? xsk_rings_open(&xsk->rings, &rings) : -ENODEV;

	xsk->fd = err ? -1 : xsk->rings.fd;
	return err;
}

/* Whether there is to be room for requests to the NIC; not where it was refused once. */
static bool leave_room(struct xsk *xsk, const struct xsk_config *config, const struct modes_parts *parts)
{
	return config->tx_checksum && !(config->again && !config->again->tx_checksum) &&
	       tx_checksum_offered(config->tx_checksum, parts->zerocopy, parts->sg && !xsk->unaligned,
				   xsk->choice.tx_checksum_why);
}

/* -EINVAL has many reasons. What is left out cannot be it then, but is not missed either. */
static int open_rings_anyhow(struct xsk *xsk, const struct xsk_config *config, uint16_t bind_flags)
{
	int err = open_rings(xsk, config, bind_flags);

	if (err != -EINVAL || !xsk->tx_headroom)
		return err;
	xsk->tx_headroom = 0;
	snprintf(xsk->choice.tx_checksum_why, TX_CHECKSUM_WHY_LEN,
		 "this kernel takes no requests from AF_XDP (Linux 6.11 does)");
	return open_rings(xsk, config, bind_flags);
}

static uint16_t bind_flags(const struct modes_parts *parts)
{
	return (parts->zerocopy ? XDP_ZEROCOPY : XDP_COPY) | (parts->sg ? XDP_USE_SG : 0);
}

static int read_mode(struct xsk *xsk)
{
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);

	if (getsockopt(xsk->fd, SOL_XDP, XDP_OPTIONS, &options, &len) < 0)
		return -errno;
	xsk->zerocopy = options.flags & XDP_OPTIONS_ZEROCOPY;
	return 0;
}

/* Opens one variant, or leaves nothing behind. */
static int try_open(struct xsk *xsk, const struct xsk_config *config, struct umem *umem,
		    enum modes_variant variant, bool unaligned)
{
	const struct modes_parts *parts = &modes_parts[variant];
	int err;

	*xsk = (struct xsk){
		.fd = -1,
		.rings = { .fd = -1 }, /* until there are any: 0 is somebody's */
		.umem = umem,
		.ring_size = config->ring_size,
		.choice = { .variant = variant, .unaligned = unaligned },
		.slices = parts->slices,
		.multibuffer = parts->sg,
		.chain_max = !parts->sg ? 1 : parts->zerocopy ? config->plan->zc_chain_max :
								XSK_CHAIN_MAX,
		.unaligned = unaligned,
	};
	if (leave_room(xsk, config, parts))
		xsk->tx_headroom = TX_CHECKSUM_HEADROOM;
	err = open_rings_anyhow(xsk, config, bind_flags(parts));
	if (err)
		return err;
	err = read_mode(xsk);
	if (err)
		xsk_close(xsk);
	return err;
}

/* The kernel frees a queue some milliseconds after its owner has gone: its part of the work
 * is deferred. So a busy queue is asked again, up to a limit. */
static int try_open_until(struct xsk *xsk, const struct xsk_config *config, struct umem *umem,
			  enum modes_variant variant, bool unaligned)
{
	const uint64_t deadline_ms = clock_ms() + config->bind_timeout_ms;
	int err, wait_ms = 1;

	for (;;) {
		err = try_open(xsk, config, umem, variant, unaligned);
		if (err != -EBUSY || clock_ms() >= deadline_ms)
			return err;
		poll(NULL, 0, wait_ms);
		wait_ms = wait_ms < 32 ? 2 * wait_ms : 50;
	}
}

/* Errors that no other variant would cure. */
static bool is_final(int err)
{
	switch (err) {
	case 0:
	case -EBUSY:
	case -EPERM:
	case -EAFNOSUPPORT:
	case -ENODEV:
	case -ENETDOWN:
	case -ENOBUFS: /* memory lock limit */
	case -ENOMEM:
		return true;
	}
	return false;
}

/* A test packet decides whether there stays room for requests. One that was not sent as it should leaves
 * behind a socket of no more use. */
static int prove_requests(struct xsk *xsk, const struct xsk_config *config, struct umem *umem,
			  const struct netdev *dev)
{
	struct xsk_config without = *config;
	struct xsk_choice choice;
	int err;

	xsk->choice.tx_checksum = tx_checksum_prove(xsk, dev->mac, xsk->choice.tx_checksum_why);
	if (xsk->choice.tx_checksum)
		return 0;
	choice = xsk->choice;
	xsk_close(xsk);
	without.tx_checksum = NULL;
	err = try_open_until(xsk, &without, umem, choice.variant, choice.unaligned);
	xsk->choice.tx_checksum_unproved = true;
	memcpy(xsk->choice.tx_checksum_why, choice.tx_checksum_why, sizeof(choice.tx_checksum_why));
	return err;
}

/* A socket whose carrier was lost while a test frame was under way has to be bound anew: completions may
 * still come that nobody waits for. */
static int try_proved(struct xsk *xsk, const struct xsk_config *config, struct umem *umem,
		      enum modes_variant variant, bool unaligned)
{
	static const int outcomes[] = { [PROVE_SENT] = MODES_BOUND, [PROVE_SILENT] = MODES_SILENT,
					[PROVE_INVALID] = MODES_INVALID };
	enum prove_verdict verdict;
	struct netdev dev;
	int err = try_open_until(xsk, config, umem, variant, unaligned);

	if (err)
		return err;
	if (!prove_can(&dev, config->interface, config->carrier_ms)) {
		xsk->choice.unproved = NO_CARRIER;
		return 0;
	}
	if (xsk->tx_headroom) {
		err = prove_requests(xsk, config, umem, &dev);
		if (err)
			return err;
	}
	verdict = prove_transmit(xsk, &dev);
	if (verdict == PROVE_SENT)
		return 0;
	xsk_close(xsk);
	if (prove_can(&dev, config->interface, 0))
		return outcomes[verdict];
	err = try_open_until(xsk, config, umem, variant, unaligned);
	xsk->choice.unproved = NO_CARRIER;
	return err;
}

/* Bound as it was before: what was proved then holds; but without room for a request none can be made. */
static void take_over(struct xsk *xsk, const struct xsk_choice *again)
{
	struct xsk_choice *choice = &xsk->choice;

	choice->unproved = again->unproved;
	if (again->tx_checksum && !xsk->tx_headroom)
		return;
	choice->tx_checksum = again->tx_checksum;
	choice->tx_checksum_unproved = again->tx_checksum_unproved;
	memcpy(choice->tx_checksum_why, again->tx_checksum_why, sizeof(choice->tx_checksum_why));
}

static int try_unproved(struct xsk *xsk, const struct xsk_config *config, struct umem *umem,
			enum modes_variant variant, bool unaligned)
{
	const struct xsk_choice *again = config->again;
	int err = try_open_until(xsk, config, umem, variant, unaligned);

	if (err)
		return err;
	if (again && variant == again->variant && unaligned == again->unaligned)
		take_over(xsk, again);
	else
		xsk->choice.unproved = "not asked for";
	return 0;
}

static int try_layout(struct xsk *xsk, const struct xsk_config *config, struct umem *umem,
		      enum modes_variant variant, bool unaligned)
{
	int err = config->prove ? try_proved(xsk, config, umem, variant, unaligned) :
				  try_unproved(xsk, config, umem, variant, unaligned);

	if (err == 0 && xsk->tx_headroom && !xsk->choice.tx_checksum) {
		xsk->choice.tx_checksum_unproved = true;
		snprintf(xsk->choice.tx_checksum_why, TX_CHECKSUM_WHY_LEN, "not proved: %s",
			 xsk->choice.unproved);
	}
	return err;
}

static int try_both_layouts(struct xsk *xsk, const struct xsk_config *config, struct umem *umem,
			    enum modes_variant variant)
{
	const struct xsk_choice *again = config->again;
	const bool never_unaligned = (modes_parts[variant].zerocopy && modes_parts[variant].sg) ||
				     (again && variant == again->variant && !again->unaligned);
	int err = -EOPNOTSUPP;

	if (!never_unaligned)
		err = try_layout(xsk, config, umem, variant, true);
	return is_final(err) ? err : try_layout(xsk, config, umem, variant, false);
}

static void begin_outcomes(int outcomes[MODES_CNT], const struct xsk_choice *again)
{
	for (int v = 0; v < MODES_CNT; v++)
		outcomes[v] = again ? again->outcomes[v] : MODES_UNTRIED;
}

/* Returns 0, or the last answer. Fills in xsk->choice in any case. */
static int try_variants(struct xsk *xsk, const struct xsk_config *config, struct umem *umem)
{
	int outcomes[MODES_CNT], err = -EOPNOTSUPP;

	begin_outcomes(outcomes, config->again);
	for (int v = config->again ? (int)config->again->variant : 0; v < MODES_CNT; v++) {
		if (!config->plan->variants[v].tried)
			continue;
		err = try_both_layouts(xsk, config, umem, (enum modes_variant)v);
		outcomes[v] = err;
		if (is_final(err))
			break;
	}
	memcpy(xsk->choice.outcomes, outcomes, sizeof(outcomes));
	return err > 0 ? -ENOSYS : err;
}

/* In copy mode a sendto() takes 32 descriptors unless told otherwise (6.18); a zero-copy driver
 * has its own budget. The kernel takes no more than the ring has. */
static void set_tx_budget(struct xsk *xsk)
{
	static const uint32_t kernel_default = 32;
	uint32_t budget;

	for (budget = xsk->ring_size; budget > kernel_default; budget /= 2)
		if (setsockopt(xsk->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget)) == 0)
			break;
	xsk->tx_budget = budget > kernel_default ? budget : kernel_default;
}

/*
 * In copy mode every packet under way is charged to the socket: its linear part, and a page for
 * each further descriptor. A limit below a full ring would stop transmission with EAGAIN long
 * before the ring is empty. The kernel doubles the number for its own overhead.
 */
static void set_send_buffer(struct xsk *xsk)
{
	const int len = xsk->ring_size * UMEM_CHUNK_LEN;

	if (setsockopt(xsk->fd, SOL_SOCKET, SO_SNDBUFFORCE, &len, sizeof(len)) < 0)
		(void)setsockopt(xsk->fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof(len));
}

int xsk_open(struct xsk *xsk, const struct xsk_config *config, struct umem *umem)
{
	int err;

	raise_memlock_limit();
	err = try_variants(xsk, config, umem);
	if (err)
		return err;
	set_tx_budget(xsk);
	set_send_buffer(xsk);
	xsk_refill(xsk);
	return 0;
}

void xsk_close(struct xsk *xsk)
{
	xsk_rings_close(&xsk->rings);
	*xsk = (struct xsk){ .fd = -1, .rings = { .fd = -1 } };
}

int xsk_wake_tx(struct xsk *xsk)
{
	if (!xsk_ring_prod__needs_wakeup(&xsk->tx))
		return 0;
	return sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? -errno : 0;
}

void xsk_nudge(struct xsk *xsk)
{
	(void)sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	(void)recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

void xsk_refill(struct xsk *xsk)
{
	struct frame_stack *frames = &xsk->umem->frames;
	const uint32_t room = xsk_prod_nb_free(&xsk->fill, frames->cnt);
	const uint32_t cnt = room < frames->cnt ? room : frames->cnt;
	uint32_t idx;

	if (cnt == 0 || xsk_ring_prod__reserve(&xsk->fill, cnt, &idx) != cnt)
		return;
	for (uint32_t i = 0; i < cnt; i++)
		*xsk_ring_prod__fill_addr(&xsk->fill, idx + i) = frame_take(frames);
	xsk_ring_prod__submit(&xsk->fill, cnt);
	/* A driver in zero copy that has found the ring empty waits to be told. */
	if (xsk_ring_prod__needs_wakeup(&xsk->fill))
		(void)recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

int xsk_statistics(const struct xsk *xsk, struct xdp_statistics *stats)
{
	socklen_t len = sizeof(*stats);

	*stats = (struct xdp_statistics){ 0 };
	return getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, stats, &len) < 0 ? -errno : 0;
}
