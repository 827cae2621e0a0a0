// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The variants of the plan are tried in order; the first that binds and sends a test frame is taken. Each attempt
 * needs a new umem registration, because the kernel ties a umem to the flags of its first bind.
 *
 * Each variant is tried with unaligned chunks first, except multi-buffer in zero copy. There the kernel refuses
 * single slices that cross a page border unless the next page has the next DMA address (include/net/
 * xsk_buff_pool.h, xp_desc_crosses_non_contig_pg()), which nobody can promise. With aligned chunks no slice crosses
 * a page border.
 */
#include "nic/xsk_open.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "nic/prove.h"
#include "nic/uapi_compat.h"

#define NO_CARRIER "no carrier"

/* One variant in one layout of chunks, and what it is opened with. */
struct attempt {
	struct xsk *xsk;
	const struct xsk_config *config;
	struct umem *umem;
	enum modes_variant variant;
	bool unaligned;
};

/* Whether it is what the socket was before. */
static bool is_again(const struct attempt *attempt)
{
	const struct xsk_choice *again = attempt->config->again;

	return again && attempt->variant == again->variant && attempt->unaligned == again->unaligned;
}

/* ---- binding ---- */

/* The kernel frees a queue some milliseconds after its owner has gone, because it defers part of the work. So a
 * busy queue is tried again, up to a limit. */
static int bind_until(const struct attempt *attempt, const struct xsk_config *config)
{
	const uint64_t deadline_ms = clock_ms() + config->bind_timeout_ms;
	int err, wait_ms = 1;

	for (;;) {
		err = xsk_bind(attempt->xsk, config, attempt->umem, attempt->variant, attempt->unaligned);
		if (err != -EBUSY || clock_ms() >= deadline_ms)
			return err;
		poll(NULL, 0, wait_ms);
		wait_ms = wait_ms < 32 ? 2 * wait_ms : 50;
	}
}

/* Whether no other variant would cure this error. */
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

/* ---- with a test frame ---- */

/* A test packet decides whether room for checksum requests stays. When it was not sent as it should, the socket is
 * of no more use, and another one is opened without that room. */
static int prove_requests(const struct attempt *attempt, const struct netdev *dev)
{
	struct xsk_choice *choice = &attempt->xsk->choice;
	struct xsk_config without = *attempt->config;
	char why[TX_CHECKSUM_WHY_LEN];
	int err;

	choice->tx_checksum = prove_tx_checksum(attempt->xsk, dev->mac, choice->tx_checksum_why);
	if (choice->tx_checksum)
		return 0;
	memcpy(why, choice->tx_checksum_why, sizeof(why));
	xsk_close(attempt->xsk);
	without.tx_checksum = NULL;
	err = bind_until(attempt, &without);
	choice->tx_checksum_unproved = true;
	memcpy(choice->tx_checksum_why, why, sizeof(why));
	return err;
}

/* When the carrier was lost while the test frame was under way, the test says nothing. The socket has to be bound
 * anew all the same: completions may still come that nobody waits for. */
static int try_proved(const struct attempt *attempt)
{
	static const int outcomes[] = {
		[PROVE_SENT] = MODES_BOUND, [PROVE_SILENT] = MODES_SILENT, [PROVE_INVALID] = MODES_INVALID
	};
	const struct xsk_config *config = attempt->config;
	struct xsk *xsk = attempt->xsk;
	enum prove_verdict verdict;
	struct netdev dev;
	int err = bind_until(attempt, config);

	if (err)
		return err;
	if (!prove_wait_carrier(&dev, config->interface, config->carrier_ms)) {
		xsk->choice.unproved = NO_CARRIER;
		return 0;
	}
	if (xsk->tx_headroom) {
		err = prove_requests(attempt, &dev);
		if (err)
			return err;
	}
	verdict = prove_transmit(xsk, &dev);
	if (verdict == PROVE_SENT)
		return 0;
	xsk_close(xsk);
	if (prove_wait_carrier(&dev, config->interface, 0))
		return outcomes[verdict];
	err = bind_until(attempt, config);
	xsk->choice.unproved = NO_CARRIER;
	return err;
}

/* ---- without one ---- */

/* Bound as before, so what was proved then still holds. But without room for requests none can be made. */
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

static int try_unproved(const struct attempt *attempt)
{
	int err = bind_until(attempt, attempt->config);

	if (err)
		return err;
	if (is_again(attempt))
		take_over(attempt->xsk, attempt->config->again);
	else
		attempt->xsk->choice.unproved = "not asked for";
	return 0;
}

/* ---- all variants ---- */

static int try_layout(const struct attempt *attempt)
{
	struct xsk_choice *choice = &attempt->xsk->choice;
	int err = attempt->config->prove ? try_proved(attempt) : try_unproved(attempt);

	if (err == 0 && attempt->xsk->tx_headroom && !choice->tx_checksum) {
		choice->tx_checksum_unproved = true;
		snprintf(choice->tx_checksum_why, TX_CHECKSUM_WHY_LEN, "not proved: %s", choice->unproved);
	}
	return err;
}

static int try_both_layouts(struct attempt attempt)
{
	const struct xsk_choice *again = attempt.config->again;
	const struct modes_parts *parts = &modes_parts[attempt.variant];
	const bool never_unaligned = (parts->zerocopy && parts->sg) ||
				     (again && attempt.variant == again->variant && !again->unaligned);
	int err = -EOPNOTSUPP;

	attempt.unaligned = true;
	if (!never_unaligned)
		err = try_layout(&attempt);
	attempt.unaligned = false;
	return is_final(err) ? err : try_layout(&attempt);
}

/* Returns 0, or the last answer. Fills in xsk->choice in any case. */
static int try_variants(struct xsk *xsk, const struct xsk_config *config, struct umem *umem)
{
	const struct xsk_choice *again = config->again;
	int outcomes[MODES_CNT], err = -EOPNOTSUPP;

	for (int v = 0; v < MODES_CNT; v++)
		outcomes[v] = again ? again->outcomes[v] : MODES_UNTRIED;
	for (int v = again ? (int)again->variant : 0; v < MODES_CNT; v++) {
		if (!config->plan->variants[v].tried)
			continue;
		err = try_both_layouts((struct attempt){
			.xsk = xsk, .config = config, .umem = umem, .variant = (enum modes_variant)v });
		outcomes[v] = err;
		if (is_final(err))
			break;
	}
	memcpy(xsk->choice.outcomes, outcomes, sizeof(outcomes));
	return err > 0 ? -ENOSYS : err;
}

/* ---- limits of the kernel ---- */

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

	err = try_variants(xsk, config, umem);
	if (err)
		return err;
	set_tx_budget(xsk);
	set_send_buffer(xsk);
	xsk_refill(xsk);
	return 0;
}
