/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What the BPF programs and the daemon share: names, keys and values of the maps.
 *
 * The map names are also the names of their pins when steer.bpf.o is loaded with
 * `xdp-loader load -p PINDIR`; the daemon finds them there (--pinned PINDIR).
 *
 *   map             type            key        value
 *   steer_xsks      XSKMAP          RX queue   AF_XDP socket (vanishes when its owner does)
 *   steer_state     ARRAY, mmap-able  0        struct steer_state (inline.bpf.o has its own, not pinned)
 *   steer_counters  PERCPU_ARRAY    enum steer_counter   __u64 frames
 *   steer_queues    ARRAY, mmap-able  RX queue  struct steer_queue
 *   steer_slots     ARRAY, mmap-able  RX queue  struct steer_slots (steer_slots.h)
 *   inline_counters PERCPU_ARRAY    enum inline_counter  __u64 packets (inline.bpf.o, not pinned)
 *
 * Fail-open: nothing is steered unless steer_state says what to serve, its heartbeat
 * is fresh, the frame has arrived on the interface that the sockets are bound to, and its queue has
 * a socket. Zeroed maps steer nothing.
 */
#ifndef SUPERPACKET_STEER_ABI_H
#define SUPERPACKET_STEER_ABI_H

#include <linux/types.h>

/* More RX queues than any NIC has today; an XSKMAP entry is a pointer. */
#define STEER_QUEUES_MAX 1024

/* After this long without a heartbeat, the kernel has the traffic. */
#define STEER_HEARTBEAT_LIMIT_NS 100000000ull

/* A heartbeat this far ahead of the programs' clock is by another clock, and does not count. The readings of one clock
 * by two CPUs differ by microseconds at most, but programs read one that advances by ticks of up to 10 ms. */
#define STEER_HEARTBEAT_AHEAD_NS 10000000ull

/* Bits of steer_state.serve. Each protocol over IPv4 and IPv6, its fragments too. */
#define STEER_SERVE_TCP (1u << 0)
#define STEER_SERVE_UDP (1u << 1)   /* VXLAN and GENEVE with it */
#define STEER_SERVE_GRE (1u << 2)   /* IP protocol 47 */
#define STEER_SERVE_IPIP (1u << 3)  /* 4 and 41: IPv4 and IPv6 in IP */
#define STEER_AWAIT_TAG (1u << 29)  /* but none before a frame with a VLAN tag in it has come (inline, veth) */
#define STEER_LEAVE_SLOW (1u << 30) /* but slow protocols (LACP), which the bond's driver reads (member of a bond) */
#define STEER_SERVE_ALL (1u << 31)  /* every frame (port mode) */

struct steer_state {
	__u64 heartbeat_ns; /* bpf_ktime_get_ns() when the daemon last showed life */
	__u32 serve;        /* STEER_SERVE_* */
	__u32 owned;        /* 1: loaded by the daemon itself, which may remove what is left of it */
	__u32 frame_max;    /* longest frame of the wire, and no longer than the sockets take; steer.bpf.o only */
	__u32 ifindex;      /* of the interface that the sockets are bound to */
};

/*
 * What a queue's socket should have got: the daemon compares it with what has arrived. One CPU at a time handles a
 * queue, so plain stores count right (but for generic mode, where some may be missed); a cache line each, because
 * other CPUs handle the other queues.
 */
struct steer_queue {
	__u64 redirected; /* frames */
	__u32 tagged;     /* 1: a frame with a VLAN tag in it has come, whether it was redirected or not */
	__u32 reserved[13];
};

/* One reason per frame: the counters add up to the frames the program has seen. */
enum steer_counter {
	STEER_REDIRECTED,          /* to the queue's socket */
	STEER_REDIRECTED_FRAGMENT, /* the same, a fragment of a served protocol */
	STEER_PASS_NOT_IP,         /* neither IPv4 nor IPv6 (ARP, more VLAN tags than we walk, ...) */
	STEER_PASS_MALFORMED,      /* headers cut off or lengths that contradict each other */
	STEER_PASS_PROTOCOL,       /* IP, but a protocol that is not served */
	STEER_PASS_NOT_SERVING,    /* steer_state.serve is 0: no daemon yet, or it is leaving */
	STEER_PASS_NO_HEARTBEAT,   /* the daemon hangs or died */
	STEER_PASS_NO_SOCKET,      /* no socket for this queue */
	STEER_PASS_TOO_LONG,       /* served, but over steer_state.frame_max (not with STEER_SERVE_ALL) */
	STEER_PASS_OTHER_IF,       /* served, but arrived on another one than steer_state.ifindex */
	STEER_PASS_OVERLOAD,    /* served, but the daemon is overloaded and gains nothing by its slot (steer_slots.h) */
	STEER_DROP_OVERLOAD,    /* the same, while the slot is on its way to the kernel */
	STEER_PASS_TAG_AWAITED, /* served, but VLAN tags may be lost (STEER_AWAIT_TAG) */
	STEER_COUNTER_CNT,
};

/* The names above as status and metrics print them; indexed by enum steer_counter. */
#define STEER_COUNTER_NAMES \
	{ \
		"redirected", "redirected_fragment", "pass_not_ip", "pass_malformed", "pass_protocol", \
			"pass_not_serving", "pass_no_heartbeat", "pass_no_socket", "pass_too_long", \
			"pass_other_interface", "pass_overload", "drop_overload", "pass_tag_awaited" \
	}

/*
 * One reason per packet of inline.bpf.o. The egress ones add up to the packets the stack
 * sent on the NIC; superpackets count once.
 */
enum inline_counter {
	INLINE_EGRESS_REDIRECTED, /* to the TAP, fragments of served protocols too */
	INLINE_EGRESS_PASS_NOT_IP,
	INLINE_EGRESS_PASS_MALFORMED,
	INLINE_EGRESS_PASS_PROTOCOL,
	INLINE_EGRESS_PASS_NOT_SERVING,
	INLINE_EGRESS_PASS_NO_HEARTBEAT,
	INLINE_INGRESS_REDIRECTED, /* from the TAP to the NIC's ingress */
	INLINE_COUNTER_CNT,
};

/* Indexed by enum inline_counter. */
#define INLINE_COUNTER_NAMES \
	{ \
		"egress_redirected", "egress_pass_not_ip", "egress_pass_malformed", "egress_pass_protocol", \
			"egress_pass_not_serving", "egress_pass_no_heartbeat", "ingress_redirected" \
	}

#endif
