// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets that come too late.
 *
 * When the process was stopped or starved for so long that the heartbeat has lapsed, or a worker is away, the BPF
 * programs leave the traffic to the kernel (inline mode; see steer_abi.h). A packet that the worker still holds
 * would then arrive behind newer packets of its flow that the kernel has carried. Such packets are stale: they are
 * dropped, in both directions, like packets on a wire that was cut. The main thread shows the heartbeat again only
 * when every worker has caught up (user/daemon/heartbeat.c), so no newer packet is dropped with them.
 *
 * This is checked before every packet, since the thread may be stopped between any two: a write to the front end
 * wakes the receiver, and on a busy machine the receiver may then take this CPU. Only the one packet that is in
 * our hands at that very moment can still come too late.
 */
#include "datapath/worker_internal.h"

void worker_check_stale(struct worker *worker, uint64_t now_ns)
{
	if (worker_is_stopping(worker))
		return; /* there is no heartbeat any more, and nobody who would overtake us */
	worker->stale = steer_lapsed(worker->config.steer, now_ns);
	if (worker->stale)
		gro_flush(&worker->gro, GRO_RECONFIGURE);
	else
		__atomic_store_n(&worker->caught_up, false, __ATOMIC_RELEASE);
}

void worker_check_caught_up(struct worker *worker, bool carried)
{
	if (worker->stale && !carried && !worker->held_packets)
		__atomic_store_n(&worker->caught_up, true, __ATOMIC_RELEASE);
}
