// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Once a second: adds up what was lost, wherever it was counted, and says when a loss goes on (losses.h). */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

#define SECOND_NS 1000000000u

/* The socket drops what finds the fill ring empty, and counts both. It is the worker that did not fill it. */
static uint64_t no_frame(const struct worker_stats *stats)
{
	return stats->kernel_rx_dropped < stats->kernel_fill_ring_empty ? stats->kernel_rx_dropped :
									  stats->kernel_fill_ring_empty;
}

static void add_worker(struct losses_count *count, const struct worker_stats *stats)
{
	const uint64_t form = stats->tx_drop_vnet + stats->tx_drop_malformed + stats->tx_drop_too_long;

	count->in += stats->rx_packets + stats->kernel_rx_ring_full + stats->kernel_rx_dropped + stats->kernel_rx_lost;
	count->out += stats->tap_packets;
	count->lost[LOSS_RING] += stats->kernel_rx_ring_full + no_frame(stats);
	count->lost[LOSS_FRAME] += stats->kernel_rx_dropped - no_frame(stats) + stats->rx_drop_multibuffer;
	count->lost[LOSS_ARRIVAL] += stats->kernel_rx_lost;
	count->lost[LOSS_LATE] += stats->rx_drop_stale;
	count->lost[LOSS_TAP_IN] += stats->rx_drop_tap;
	count->lost[LOSS_FORM] += form;
	count->lost[LOSS_LATE_OUT] += stats->tx_drop_stale + stats->tx_drop_rebuilt;
}

/* What the TAP has refused is known by the workers. The kernel's rx_dropped also counts frames that no protocol of the
 * stack wants (LLDP, spanning tree), which are no loss. */
static void add_tap(struct losses_count *count, const struct netdev_stats *tap)
{
	count->out += tap->tx_dropped;
	count->lost[LOSS_TAP_OUT] = tap->tx_dropped;
	if (tap->rx_errors > count->lost[LOSS_TAP_IN])
		count->lost[LOSS_TAP_IN] = tap->rx_errors;
}

/* Traffic that is ours is lost there as it is in our own ring; in zero copy the NIC's ring is filled by us. Drivers count
 * such packets as missed, or as of its FIFO, or as both. rx_errors and rx_dropped are not counted: the former came
 * broken, among the latter are frames that nobody wants. */
static void add_nic(struct losses_count *count, const struct netdev_stats *nic)
{
	const uint64_t lost = nic->rx_missed > nic->rx_fifo ? nic->rx_missed : nic->rx_fifo;

	count->in += lost;
	count->lost[LOSS_NIC] = lost;
}

static void add_program(struct losses_count *count, const struct steer *steer)
{
	uint64_t counters[STEER_COUNTER_CNT];

	if (!steer || steer_read_counters(steer, counters))
		return;
	count->in += counters[STEER_DROP_OVERLOAD];
	count->lost[LOSS_OVERLOAD] += counters[STEER_DROP_OVERLOAD];
}

static struct losses_count gather(const struct daemon *d)
{
	const struct guard_links links = guard_links(&d->attached.guard);
	struct losses_count count = { 0 };

	for (const struct workers *workers = &d->workers; workers; workers = workers->next) {
		add_program(&count, workers->steer);
		for (uint32_t q = 0; q < workers->cnt; q++) {
			struct worker_stats stats;

			stats_read(&workers->worker[q].published, &stats);
			add_worker(&count, &stats);
		}
	}
	if (links.tap_told)
		add_tap(&count, &links.tap);
	if (links.nic_told)
		add_nic(&count, &links.nic);
	return count;
}

void losses_follow(struct daemon *d)
{
	const uint64_t now_ns = clock_ns();
	const bool was = d->losses.lossy;
	struct state *state = &d->state;
	struct losses_count count;
	enum loss most;
	double percent;

	if (now_ns < d->losses.next_ns || state->waiting)
		return;
	d->losses.next_ns = now_ns + SECOND_NS;
	count = gather(d);
	if (losses_update(&d->losses, &count, &most, &percent)) {
		snprintf(state->lossy, sizeof state->lossy, "%.1f %% %s", percent, losses_where(most));
		if (!was)
			log_warning("%s: %s", d->device.dev.name, state->lossy);
	} else {
		state->lossy[0] = '\0';
		if (was)
			log_info("%s: no more than a few packets are lost now", d->device.dev.name);
	}
	if (was != d->losses.lossy)
		state_tell(state);
}
