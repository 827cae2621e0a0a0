// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tc programs of inline mode: they put the hidden TAP behind the NIC, so that
 * addresses, routes and firewall stay where they are.
 *
 *	host stack                     daemon                        wire
 *	    |  egress of the NIC          |
 *	    +--- inline_egress ---> TAP --+--> segments ----------> AF_XDP send
 *	    |  ingress of the NIC         |
 *	    +<-- inline_ingress --- TAP <-+--- superpackets <------ AF_XDP receive <- steer
 *
 * Theory of operation
 *
 * Egress: packets of the stack that the daemon serves are redirected to the TAP, where
 * the daemon reads them as superpackets, since the TAP claims to do TSO. The same test
 * as in the XDP program decides (served.bpf.h), so that one flow never has two paths.
 * What the daemon sends does not come by here again: AF_XDP transmits below tc.
 *
 * Ingress: everything that the daemon writes to the TAP arrives as if from the NIC. The
 * kernel reads the Ethernet header again on the NIC, so packets for it are "to us".
 *
 * Both are attached as tcx links that live as long as the daemon's file descriptors: when
 * it dies, they are gone and packets flow as before. While it hangs, the missing heartbeat
 * in steer_state does the same for egress; ingress then has nothing to redirect. Where others
 * have filters in clsact, the program of the egress is the last of those instead, since a
 * redirected packet does not come to filters; it outlives a killed daemon there, without a
 * heartbeat.
 *
 * inline_egress is there twice. When it is not the last program of the chain any more, the
 * second copy is attached at its end, then the first is detached; the kernel does not attach
 * one program twice.
 *
 * The state is this object's own, not that of steer.bpf.o. So the outgoing direction can be left
 * to the kernel alone, and one of these objects may stand on a bond while each of its members
 * has a steer.bpf.o. The daemon shows the same heartbeat in all of them.
 *
 * A packet that is not served gets TCX_NEXT: the programs behind this one, then the NIC.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "served.bpf.h"

/* linux/bpf.h, since 6.6: continue with the next program. */
#define TCX_NEXT (-1)

/* Set by the daemon before load. */
const volatile __u32 nic_ifindex;
const volatile __u32 tap_ifindex;

struct {
	STEER_STATE_MAP;
} steer_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, INLINE_COUNTER_CNT);
	__type(key, __u32);
	__type(value, __u64);
} inline_counters SEC(".maps");

static __always_inline long packet_load(void *ctx, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes(ctx, off, to, len);
}

static __always_inline __u32 packet_len(void *ctx)
{
	return ((struct __sk_buff *)ctx)->len;
}

static __always_inline void count(__u32 reason)
{
	__u64 *counter = bpf_map_lookup_elem(&inline_counters, &reason);

	if (counter)
		++*counter;
}

static __always_inline int next(enum inline_counter reason)
{
	count(reason);
	return TCX_NEXT;
}

SEC("tc")
int inline_ingress(struct __sk_buff *skb)
{
	(void)skb;
	count(INLINE_INGRESS_REDIRECTED);
	return bpf_redirect(nic_ifindex, BPF_F_INGRESS);
}

static __always_inline int egress(struct __sk_buff *skb)
{
	struct packet pkt = {
		.ctx = skb,
		.data = (void *)(long)skb->data,
		.data_end = (void *)(long)skb->data_end,
		/* The tag is still beside the bytes, where the NIC would insert it: the walk skips it. */
		.tags_outside = skb->vlan_present,
	};
	const struct steer_state *state = bpf_map_lookup_elem(&steer_state, &(__u32){ 0 });

	if (!state)
		return TCX_NEXT; /* impossible: the map is an array */
	switch (served(&pkt, state)) {
	case SERVED:
	case SERVED_FRAGMENT:
		count(INLINE_EGRESS_REDIRECTED);
		return bpf_redirect(tap_ifindex, 0);
	case SERVED_NOT_IP:
		return next(INLINE_EGRESS_PASS_NOT_IP);
	case SERVED_MALFORMED:
		return next(INLINE_EGRESS_PASS_MALFORMED);
	case SERVED_NOT_PROTOCOL:
		return next(INLINE_EGRESS_PASS_PROTOCOL);
	case SERVED_NOT_SERVING:
		return next(INLINE_EGRESS_PASS_NOT_SERVING);
	case SERVED_NO_HEARTBEAT:
		return next(INLINE_EGRESS_PASS_NO_HEARTBEAT);
	}
	return TCX_NEXT;
}

SEC("tc")
int inline_egress(struct __sk_buff *skb)
{
	return egress(skb);
}

SEC("tc")
int inline_egress2(struct __sk_buff *skb)
{
	return egress(skb);
}

char LICENSE[] SEC("license") = "GPL";
