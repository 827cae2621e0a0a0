// SPDX-License-Identifier: GPL-2.0-only
/*
 * The XDP program: each queue's frames of the served protocols go to that queue's AF_XDP
 * socket, all others to the kernel.
 *
 * Theory of operation
 *
 * This program must be safe on an interface without a daemon: xdp-loader leaves it so, and
 * a daemon that was killed may, too. So a frame is steered only if all of these are there:
 * a state that says what is served, a fresh heartbeat, and a socket for the queue. The
 * kernel empties the socket map when the owner of the sockets dies, however it dies; the
 * heartbeat covers an owner that hangs. If anything is missing, the verdict is XDP_PASS,
 * and each reason has its counter.
 *
 * Frames longer than the wire's (steer_state.frame_max) were merged before this program sees
 * them: by the TSO of a veth peer, which generic mode leaves on, or by LRO. They are superpackets
 * already, and only the kernel knows of how many packets, so they are left to the kernel. That
 * breaks the rule of served.bpf.h: such a frame may overtake packets of its flow that the daemon
 * still has. TCP recovers from that, but not from dropping them all. With STEER_SERVE_ALL the
 * kernel has no use for the frame: it goes to the socket, and the daemon counts what it drops.
 *
 * A socket gets frames of the one interface and queue that it is bound to. All others the kernel
 * drops after the redirect, when no program can change it any more (net/xdp/xsk.c xsk_rcv_check()).
 * So frames of another interface are passed: on a bond in native mode, the driver runs the bond's
 * program on the members, and what arrives there says so. And each queue counts what was redirected,
 * so that the daemon sees when it does not arrive.
 *
 * Which packets are served, and why these: served.bpf.h. Names and layout of the maps:
 * steer_abi.h. All four maps are pinned by name when the loader has a pin directory; the
 * daemon clears the pin paths when it loads the object itself.
 *
 * xdp.frags: long frames come in several buffers, and if the MTU needs that, the kernel
 * refuses a program that does not declare that it accepts them. Under a dispatcher, libxdp
 * does not read it from the section name: a loader sets xdp_program__set_xdp_frags_support().
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include "served.bpf.h"
#include "slots.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} steer_xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STEER_COUNTER_CNT);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} steer_counters SEC(".maps");

struct {
	STEER_STATE_MAP;
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} steer_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, struct steer_queue);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} steer_queues SEC(".maps");

/*
 * Under libxdp's dispatcher (several programs on one interface): run late, so that firewalls
 * and load balancers, with priority 50 by default, have judged a frame before it leaves for
 * user space; and let the programs behind this one have what is passed.
 */
struct {
	__uint(priority, 90);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(steer);

static __always_inline long packet_load(void *ctx, __u32 off, void *to, __u32 len)
{
	return bpf_xdp_load_bytes(ctx, off, to, len);
}

static __always_inline __u32 packet_len(void *ctx)
{
	return bpf_xdp_get_buff_len(ctx);
}

static __always_inline void count(__u32 reason)
{
	__u64 *counter = bpf_map_lookup_elem(&steer_counters, &reason);

	if (counter)
		++*counter;
}

static __always_inline int pass(enum steer_counter reason)
{
	count(reason);
	return XDP_PASS;
}

/* The number of the frame that was just redirected. */
static __always_inline __u32 count_on_queue(__u32 rx_queue_index)
{
	struct steer_queue *queue = bpf_map_lookup_elem(&steer_queues, &rx_queue_index);

	return queue ? (__u32)++queue->redirected : 0;
}

static __always_inline int redirect(struct xdp_md *xdp, const struct packet *pkt, const struct steer_state *state,
				    enum steer_counter reason)
{
	struct steer_slot *slot = NULL;
	__u32 queue = xdp->rx_queue_index, number;
	int action;

	if (xdp->ingress_ifindex != state->ifindex)
		return pass(STEER_PASS_OTHER_IF);
	if (state->serve & STEER_AWAIT_TAG)
		return pass(STEER_PASS_TAG_AWAITED);
	if (!(state->serve & STEER_SERVE_ALL)) {
		struct steer_slots *slots = bpf_map_lookup_elem(&steer_slots, &queue);
		const __u32 len = bpf_xdp_get_buff_len(xdp);

		if (len > state->frame_max)
			return pass(STEER_PASS_TOO_LONG);
		slot = slot_find(slots, pkt->addresses);
		switch (slot ? slot_verdict(slots, slot, len) : SLOT_STEER) {
		case SLOT_STEER:
			break;
		case SLOT_PASS:
			return pass(STEER_PASS_OVERLOAD);
		case SLOT_DROP:
			count(STEER_DROP_OVERLOAD);
			return XDP_DROP;
		}
	}
	action = bpf_redirect_map(&steer_xsks, queue, XDP_PASS);
	if (action != XDP_REDIRECT)
		return pass(STEER_PASS_NO_SOCKET);
	count(reason);
	number = count_on_queue(queue);
	if (slot)
		slot->last = number;
	return action;
}

/* One store in the life of the map; later frames only read. */
static __always_inline void note_tag(__u32 rx_queue_index)
{
	struct steer_queue *queue = bpf_map_lookup_elem(&steer_queues, &rx_queue_index);

	if (queue && !queue->tagged)
		queue->tagged = 1;
}

SEC("xdp.frags")
int steer(struct xdp_md *xdp)
{
	struct packet pkt = {
		.ctx = xdp,
		.data = (void *)(long)xdp->data,
		.data_end = (void *)(long)xdp->data_end,
	};
	const struct steer_state *state = bpf_map_lookup_elem(&steer_state, &(__u32){ 0 });
	enum served_verdict verdict;

	if (!state)
		return XDP_PASS; /* impossible: the map is an array */
	verdict = served(&pkt, state);
	if (pkt.tagged)
		note_tag(xdp->rx_queue_index);
	switch (verdict) {
	case SERVED:
		return redirect(xdp, &pkt, state, STEER_REDIRECTED);
	case SERVED_FRAGMENT:
		return redirect(xdp, &pkt, state, STEER_REDIRECTED_FRAGMENT);
	case SERVED_NOT_IP:
		return pass(STEER_PASS_NOT_IP);
	case SERVED_MALFORMED:
		return pass(STEER_PASS_MALFORMED);
	case SERVED_NOT_PROTOCOL:
		return pass(STEER_PASS_PROTOCOL);
	case SERVED_NOT_SERVING:
		return pass(STEER_PASS_NOT_SERVING);
	case SERVED_NO_HEARTBEAT:
		return pass(STEER_PASS_NO_HEARTBEAT);
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
