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
 * The outgoing direction may also be left to the kernel alone, because the host has an egress policy that the daemon
 * cannot keep (steer_serve_out()). What the front end holds then is stale in the same way. The kernel does the same
 * with the packets that wait in a qdisc when another takes its place. The main thread serves that direction again when
 * every worker has emptied its queue of the front end (user/daemon/egress.c).
 *
 * The same is told to the workers of a bond's member that has no carrier: newer packets take another member, and those
 * of a flow that waited here must not leave when the link comes back (user/daemon/members.h).
 *
 * This is checked before every packet, since the thread may be stopped between any two: a write to the front end
 * wakes the receiver, and on a busy machine the receiver may then take this CPU. Only the one packet that is in
 * our hands at that very moment can still come too late.
 */
#include "datapath/worker_internal.h"

void worker_check_stale(struct worker *worker, uint64_t now_ns)
{
	worker->stale_out = steer_leaves_out(worker->config.steer);
	if (!worker->stale_out)
		__atomic_store_n(&worker->emptied_out, false, __ATOMIC_RELEASE);
	if (worker_is_stopping(worker))
		return; /* there is no heartbeat any more, and nobody who would overtake us */
	worker->lapsed = steer_heartbeat_shown(worker->config.steer);
	worker->stale = steer_lapsed(worker->config.steer, now_ns);
	worker->stale_out |= worker->stale;
	if (worker->stale)
		gro_flush(&worker->gro, GRO_RECONFIGURE);
}

void worker_check_caught_up(struct worker *worker, bool in, bool out)
{
	/* Without a buffer nothing was read, so nothing is known of the front end. */
	const bool empty = !out && transmit_can_take(&worker->transmit);

	if (worker->stale && !in && empty && !worker->held_packets)
		__atomic_store_n(&worker->caught_up, worker->lapsed, __ATOMIC_RELEASE);
	if (worker->stale_out && empty)
		__atomic_store_n(&worker->emptied_out, true, __ATOMIC_RELEASE);
}
