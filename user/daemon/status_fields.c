// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/status_fields.h"

#define STATUS(member) FROM_STATUS, offsetof(struct status, member)
#define DEVICE(member) FROM_DEVICE, offsetof(struct netdev, member)
#define GRO(member) FROM_GRO, offsetof(struct gro_config, member)
#define QUEUE(member) FROM_QUEUE, offsetof(struct status_queue, member)
#define FACTS(member) FROM_QUEUE, offsetof(struct status_queue, facts.member)
#define COUNTERS(member) FROM_COUNTERS, offsetof(struct worker_stats, member)
#define TRIED(member) FROM_TRIED, offsetof(struct status_tried, member)

const struct status_field status_daemon[] = {
	{ "interface", STATUS_CHARS, DEVICE(name), NULL, "The NIC." },
	{ "asked", STATUS_TEXT, STATUS(asked), NULL, "The NIC's name on the command line; it may have changed." },
	{ "ifindex", STATUS_U32, DEVICE(ifindex), NULL, "The NIC's index; 0 while it is waited for." },
	{ "netns", STATUS_U64, STATUS(netns), NULL, "The inode of the network namespace." },
	{ "pid", STATUS_U32, STATUS(pid), NULL, "The daemon's process." },
	{ "version", STATUS_TEXT, STATUS(version), NULL, "The daemon's version." },
	{ "uptime_s", STATUS_U64, STATUS(uptime_s), "s", "How long the daemon has been running." },
	{ "mode", STATUS_TEXT, STATUS(mode), NULL, "inline or port." },
	{ "mode_why", STATUS_TEXT, STATUS(mode_why), NULL, "Why it is this mode." },
	{ "tap", STATUS_CHARS, STATUS(tap.name), NULL, "The TAP's name." },
	{ "tap_netns", STATUS_U64, STATUS(tap.netns), NULL,
	  "The inode of the TAP's network namespace; 0: it is gone." },
	{ "tap_place", STATUS_CHARS, STATUS(tap.place), NULL,
	  "Path of the TAP's network namespace; empty: the NIC's." },
	{ "tap_persistent", STATUS_BOOL, STATUS(tap.persistent), NULL, "The TAP outlives the daemon (port mode)." },
	{ "tap_taken_over", STATUS_BOOL, STATUS(tap.taken_over), NULL, "The TAP was left by another daemon." },
	{ "tap_link", STATUS_TEXT, STATUS(tap_link), NULL,
	  "The TAP's link: up, no carrier or down; null: the kernel does not tell." },
	{ "wait", STATUS_TEXT, STATUS(wait), NULL, "What a worker does without work: event, spin or poll." },
	{ "spin_us", STATUS_SPIN, STATUS(spin_ns), "us", "How long a worker spins before it sleeps." },
	{ "xdp.mode", STATUS_TEXT, STATUS(xdp_mode), NULL, "How the XDP program is attached." },
	{ "xdp.why", STATUS_TEXT, STATUS(xdp_why), NULL, "Why it is attached so." },
	{ "egress.out", STATUS_TEXT, STATUS(egress_out), NULL, "Who carries what is sent: daemon or kernel." },
	{ "egress.why", STATUS_TEXT, STATUS(egress_why), NULL, "Where our program stands, or what it cannot keep." },
	{ "ip_id", STATUS_TEXT, STATUS(ip_id), NULL, "IPv4 IDs of segments: increment or shared." },
	{ "tap_offloads", STATUS_OFFLOADS, STATUS(offloads), NULL, "Offloads of the TAP in force." },
	{ "tap_proved", STATUS_PROOFS, STATUS(proofs), NULL, "What test packets showed of the TAP's offloads." },
	{ "tap_unproved", STATUS_TEXT, STATUS(unproved), NULL, "Why the TAP's offloads could not be tested." },
	{ "merge", STATUS_MERGE, GRO(merge), NULL, "What is merged." },
	{ "hold_us", STATUS_US, GRO(hold_ns), "us", "Longest hold across bursts; 0: to the end of a burst." },
	{ "conditions.idle_us", STATUS_US, GRO(idle_ns), "us", "All is flushed after this long without a packet." },
	{ "conditions.max_packets", STATUS_U32, GRO(max_packets), "packets", "Most packets of a superpacket." },
	{ "conditions.max_bytes", STATUS_U32, GRO(max_bytes), "bytes", "Most bytes of a superpacket." },
	{ "conditions.max_flows", STATUS_U32, GRO(flows), "flows", "Most flows that are held at the same time." },
	{ "conditions.when_full", STATUS_TEXT, STATUS(when_full), NULL, "Flows flushed then: oldest or all." },
	{ "conditions.min_payload", STATUS_U32, GRO(min_payload), "bytes", "Packets with less are not merged." },
	{ "conditions.pass_ports", STATUS_PORTS, GRO(pass_ports), NULL, "Ports whose packets are not merged." },
	{ "conditions.adaptive", STATUS_BOOL, GRO(adaptive), NULL, "Flows that do not merge are left alone." },
	{ "steer", STATUS_STEER, STATUS(steer), "frames", "What the XDP program did with the NIC's frames." },
	{ "inline", STATUS_INLINE, STATUS(inline_tc), "packets", "What the tc programs did; not in port mode." },
	{ "tap_kernel", STATUS_TAP, STATUS(tap_kernel), "packets", "What the kernel has counted of the TAP." },
	{ "nic_kernel", STATUS_NIC, STATUS(nic_kernel), "packets", "What the kernel has counted of the NIC's losses." },
	{ "state", STATUS_TEXT, STATUS(state), NULL, "ok, degraded or waiting." },
	{ "state_why", STATUS_TEXT, STATUS(state_why), NULL, "Why the state is not ok." },
	{ "cpus_why", STATUS_TEXT, STATUS(cpus_why), NULL, "Why the workers run on these CPUs." },
	{ "memory.total_bytes", STATUS_U64, STATUS(memory.total), "bytes", "What the daemon uses now, in all." },
	{ "memory.queue_bytes", STATUS_U64, STATUS(memory.queue_bytes), "bytes", "What each queue uses." },
	{ "memory.kernel_bytes", STATUS_U64, STATUS(memory.kernel_bytes), "bytes", "The kernel's part of that." },
	{ "memory.tap_bytes", STATUS_U64, STATUS(memory_tap), "bytes",
	  "Most that packets waiting in the TAP use beside." },
	{ "memory.cap_bytes", STATUS_U64, STATUS(memory.cap), "bytes", "The most it may use." },
	{ "memory.cap_why", STATUS_TEXT, STATUS(memory.cap_why), NULL, "What sets this limit." },
	{ "memory.ring_entries", STATUS_U32, STATUS(memory.sizes.ring), "entries", "Of each ring of a queue." },
	{ "rights.user", STATUS_TEXT, STATUS(user), NULL, "The user that the daemon runs as." },
	{ "rights.capabilities", STATUS_CAPABILITIES, STATUS(capabilities), NULL, "Capabilities it still has." },
	{ "rights.no_new_privs", STATUS_BOOL, STATUS(no_new_privs), NULL, "It can never gain privileges again." },
	{ "rights.seccomp", STATUS_TEXT, STATUS(seccomp), NULL, "System calls are filtered, or why they are not." },
	{ "rights.refused", STATUS_COUNTER, STATUS(refused), "calls", "System calls that the filter refused." },
	{ "rights.refused_last", STATUS_TEXT, STATUS(refused_last), NULL, "The last of these." },
	{ "priority", STATUS_TEXT, STATUS(priority), NULL, "The workers' share of a busy CPU, and why." },
	{ "device.up", STATUS_BOOL, DEVICE(up), NULL, "The NIC is set up." },
	{ "device.carrier", STATUS_BOOL, DEVICE(carrier), NULL, "The NIC has a link." },
	{ "device.driver", STATUS_CHARS, DEVICE(driver), NULL, "The NIC's driver." },
	{ "device.kind", STATUS_CHARS, DEVICE(kind), NULL, "The kind of a virtual device." },
	{ "device.xdp_features", STATUS_XDP, DEVICE(xdp), NULL, "XDP features that the driver names." },
	{ "device.xdp_zc_max_segs", STATUS_SEGS, DEVICE(xdp), "descriptors", "Most of a packet in zero copy." },
	{ "device.xdp_rx_metadata_features", STATUS_RX_METADATA, DEVICE(xdp), NULL, "Metadata of received frames." },
	{ "device.xsk_features", STATUS_XSK, DEVICE(xdp), NULL, "AF_XDP features that the driver names." },
	{ "device.features", STATUS_FEATURES, DEVICE(features), NULL, "The NIC's offloads, on or off now." },
	{ "settings.off_until_the_end", STATUS_LIST, 0, 0, NULL, "Offloads of the NIC switched off, and why." },
	{ "settings.advice", STATUS_LIST, 0, 0, NULL, "Settings of the NIC that the operator might change." },
	{ "bond.mode", STATUS_LIST, 0, 0, NULL, "Of a bond: its mode." },
	{ "bond.policy", STATUS_LIST, 0, 0, NULL, "Of a bond: its xmit_hash_policy." },
	{ "bond.out", STATUS_LIST, 0, 0, NULL, "Of a bond: what goes out is served." },
	{ "bond.out_why", STATUS_LIST, 0, 0, NULL, "Why what goes out is left to the kernel; null: it is not." },
	{ "bond.no_member", STATUS_LIST, 0, 0, "packets", "Of a bond: dropped, as there was no member to send by." },
	{ "bond.members", STATUS_LIST, 0, 0, NULL, "Of a bond: one object for each member, in its order." },
	{ "queues", STATUS_LIST, 0, 0, NULL, "One object for each queue that is served." },
	{ "total", STATUS_LIST, 0, 0, NULL, "The sums of the queues' counters." },
	{ .name = NULL },
};

const struct status_field status_queues[] = {
	{ "queue", STATUS_U32, QUEUE(queue), NULL, "The queue's number." },
	{ "interface", STATUS_TEXT, QUEUE(interface), NULL, "The NIC that it is of; of a bond, the member." },
	{ "state", STATUS_TEXT, QUEUE(state), NULL,
	  "ok; hung; away: it carries nothing now; deaf: it receives nothing." },
	{ "cpu", STATUS_CPU, QUEUE(cpu), NULL, "The CPU that its worker runs on; null: any." },
	{ "xsk.mode", STATUS_TEXT, QUEUE(mode), NULL, "The socket's: native-with-zerocopy, native or generic." },
	{ "xsk.why", STATUS_CHARS, QUEUE(why), NULL, "Why the socket was bound so." },
	{ "xsk.transmit", STATUS_TEXT, QUEUE(transmit), NULL, "How segments are sent: slices or built." },
	{ "xsk.proved", STATUS_BOOL, QUEUE(proved), NULL, "A test frame was sent." },
	{ "xsk.unproved", STATUS_TEXT, FACTS(choice.unproved), NULL, "Why no test frame was sent." },
	{ "xsk.unaligned", STATUS_BOOL, FACTS(unaligned), NULL, "Slices may cross the borders of chunks." },
	{ "xsk.huge_pages", STATUS_BOOL, FACTS(huge_pages), NULL, "The memory is on huge pages." },
	{ "xsk.tx_budget", STATUS_U32, FACTS(tx_budget), "descriptors", "Most that one wake-up sends." },
	{ "xsk.tx_checksum", STATUS_TEXT, QUEUE(tx_checksum), NULL, "Who finishes checksums: nic or software." },
	{ "xsk.tx_checksum_why", STATUS_CHARS, FACTS(choice.tx_checksum_why), NULL, "Why it is so." },
	{ "xsk.tried", STATUS_LIST, 0, 0, NULL, "All ways of binding the socket, the best first." },
	{ .name = NULL },
};

const struct status_field status_members[] = {
	{ "interface", STATUS_LIST, 0, 0, NULL, "The member's name." },
	{ "ifindex", STATUS_LIST, 0, 0, NULL, "Its index." },
	{ "state", STATUS_LIST, 0, 0, NULL, "What is served of it: in and out, in, out, standby, or not served." },
	{ "up", STATUS_LIST, 0, 0, NULL, "It is set up." },
	{ "carrier", STATUS_LIST, 0, 0, NULL, "It has a carrier." },
	{ "link_up", STATUS_LIST, 0, 0, NULL, "The bond's monitor says that its link is up." },
	{ "queues", STATUS_LIST, 0, 0, NULL, "How many of its queues are served." },
	{ "xdp_mode", STATUS_LIST, 0, 0, NULL, "As xdp.mode, of its program." },
	{ "xdp_why", STATUS_LIST, 0, 0, NULL, "As xdp.why." },
	{ "steer", STATUS_LIST, 0, 0, NULL, "What its XDP program did with its frames." },
	{ "settings", STATUS_LIST, 0, 0, NULL, "As settings of a NIC." },
	{ .name = NULL },
};

const struct status_field status_ways[] = {
	{ "mode", STATUS_TEXT, TRIED(mode), NULL, "As in xsk.mode." },
	{ "transmit", STATUS_TEXT, TRIED(transmit), NULL, "As in xsk.transmit." },
	{ "multibuffer", STATUS_BOOL, TRIED(multibuffer), NULL, "A packet may have several descriptors." },
	{ "outcome", STATUS_CHARS, TRIED(outcome), NULL, "In force, or why it is not." },
	{ .name = NULL },
};

#define COUNT STATUS_COUNTER
#define GAUGE STATUS_U64

const struct status_field status_counters[] = {
	{ "rx_packets", COUNT, COUNTERS(rx_packets), "packets", "Taken from the NIC." },
	{ "rx_bytes", COUNT, COUNTERS(rx_bytes), "bytes", "Taken from the NIC." },
	{ "rx_superpackets", COUNT, COUNTERS(rx_superpackets), "superpackets", "Of two or more packets, delivered." },
	{ "rx_segments", COUNT, COUNTERS(rx_segments), "packets", "In these superpackets." },
	{ "rx_big_superpackets", COUNT, COUNTERS(rx_big_superpackets), "superpackets", "Of over 64 KB (BIG TCP)." },
	{ "rx_delivered_packets", COUNT, COUNTERS(rx_delivered_packets), "packets", "Delivered, merged or alone." },
	{ "rx_delivered_bytes", COUNT, COUNTERS(rx_delivered_bytes), "bytes", "Delivered." },
	{ "rx_held_packets", GAUGE, COUNTERS(rx_held_packets), "packets", "Held by the engine now." },
	{ "rx_cut_again", COUNT, COUNTERS(rx_cut_again), "superpackets",
	  "The TAP refused them; their packets were delivered one by one." },
	{ "rx_checksum_errors", COUNT, COUNTERS(rx_checksum_errors), "packets",
	  "The checksum is wrong; passed on unchanged." },
	{ "drops.rx_multibuffer", COUNT, COUNTERS(rx_drop_multibuffer), "packets",
	  "The packet came in too many descriptors." },
	{ "drops.rx_stale", COUNT, COUNTERS(rx_drop_stale), "packets",
	  "Too late: the kernel had taken over the flow." },
	{ "drops.rx_tap", COUNT, COUNTERS(rx_drop_tap), "packets",
	  "The TAP took the packet neither merged nor alone." },
	{ "rx_tap_unready", COUNT, COUNTERS(rx_tap_unready), "writes", "The TAP had no room, or was down." },
	{ "tap_packets", COUNT, COUNTERS(tap_packets), "packets", "Taken from the TAP." },
	{ "tap_bytes", COUNT, COUNTERS(tap_bytes), "bytes", "Taken from the TAP." },
	{ "tx_superpackets", COUNT, COUNTERS(tx_superpackets), "superpackets", "Cut into segments, to the last." },
	{ "tx_segments", COUNT, COUNTERS(tx_segments), "packets", "Sent that were cut from superpackets." },
	{ "tx_ordinary", COUNT, COUNTERS(tx_ordinary), "packets", "Sent as they came from the TAP." },
	{ "tx_bytes", COUNT, COUNTERS(tx_bytes), "bytes", "Sent." },
	{ "tx_descriptors", COUNT, COUNTERS(tx_descriptors), "descriptors", "Given to the NIC." },
	{ "tx_wakeups", COUNT, COUNTERS(tx_wakeups), "calls", "System calls for transmission." },
	{ "tx_pauses", COUNT, COUNTERS(tx_pauses), "pauses", "Transmission waited for descriptors, slots or buffers." },
	{ "tx_waiting", GAUGE, COUNTERS(tx_waiting), "packets", "Packets that wait to be sent now." },
	{ "drops.tx_vnet", COUNT, COUNTERS(tx_drop_vnet), "packets", "The virtio header is invalid." },
	{ "drops.tx_malformed", COUNT, COUNTERS(tx_drop_malformed), "packets",
	  "The headers contradict the virtio header." },
	{ "drops.tx_too_long", COUNT, COUNTERS(tx_drop_too_long), "packets",
	  "A segment would be longer than the MTU." },
	{ "drops.tx_stale", COUNT, COUNTERS(tx_drop_stale), "packets",
	  "Too late: the kernel, or another member of a bond, had taken over." },
	{ "drops.tx_rebuilt", COUNT, COUNTERS(tx_drop_rebuilt), "packets",
	  "The packet was being cut when the socket was rebuilt." },
	{ "polls", COUNT, COUNTERS(polls), "sleeps", "The worker went to sleep." },
	{ "overloads", COUNT, COUNTERS(overloads), "times", "The worker could not keep up; the kernel got a share." },
	{ "overload_slots", GAUGE, COUNTERS(overload_slots), "slots", "Of 256 a queue, left to the kernel now." },
	{ "stalls_completion", COUNT, COUNTERS(stalls_completion), "stalls", "Overdue completions." },
	{ "stalls_fill", COUNT, COUNTERS(stalls_fill), "stalls", "Overdue received frames." },
	{ "stalls_tap", COUNT, COUNTERS(stalls_tap), "stalls", "The TAP took nothing for too long." },
	{ "stalls_arrival", COUNT, COUNTERS(stalls_arrival), "stalls", "Steered frames did not arrive." },
	{ "rebuilds", COUNT, COUNTERS(rebuilds), "rebuilds", "The socket and its memory were opened anew." },
	{ "tx_lost_descriptors", COUNT, COUNTERS(tx_lost_descriptors), "descriptors",
	  "Not completed when a socket was rebuilt." },
	{ "frames_total", GAUGE, COUNTERS(frames_total), "frames", "Of receive memory." },
	{ "frames_free", GAUGE, COUNTERS(frames_free), "frames", "That are free now." },
	{ "frames_kernel", GAUGE, COUNTERS(frames_kernel), "frames", "That the kernel has now." },
	{ "frames_held", GAUGE, COUNTERS(frames_held), "frames", "That the engine holds now." },
	{ "slots_total", GAUGE, COUNTERS(slots_total), "slots", "For headers or built segments." },
	{ "slots_used", GAUGE, COUNTERS(slots_used), "slots", "In flight now." },
	{ "buffers_total", GAUGE, COUNTERS(buffers_total), "bytes", "For superpackets that are sent." },
	{ "buffers_used", GAUGE, COUNTERS(buffers_used), "bytes", "In flight now." },
	{ "frames_missing", GAUGE, COUNTERS(frames_missing), "frames", "Lost track of: a defect." },
	{ "slots_missing", GAUGE, COUNTERS(slots_missing), "slots", "Lost track of: a defect." },
	{ "buffers_missing", GAUGE, COUNTERS(buffers_missing), "bytes", "Lost track of: a defect." },
	{ "flushes", STATUS_REASONS, COUNTERS(flushes), "superpackets", "By the reason why they ended." },
	{ "singles", STATUS_REASONS, COUNTERS(singles), "packets", "Delivered alone, by reason." },
	{ "kernel.rx_lost", COUNT, COUNTERS(kernel_rx_lost), "frames", "Steered to the socket, and not arrived." },
	/* These begin again when the socket is rebuilt. */
	{ "kernel.rx_dropped", GAUGE, COUNTERS(kernel_rx_dropped), "frames", "Dropped by the socket." },
	{ "kernel.rx_ring_full", GAUGE, COUNTERS(kernel_rx_ring_full), "frames", "Found the receive ring full." },
	{ "kernel.fill_ring_empty", GAUGE, COUNTERS(kernel_fill_ring_empty), "frames", "Found no free frame." },
	{ "kernel.tx_invalid", GAUGE, COUNTERS(kernel_tx_invalid), "descriptors", "Refused by the kernel." },
	{ .name = NULL },
};

_Static_assert(ARRAY_SIZE(status_counters) - 1 - 2 + 2 * GRO_REASON_CNT == STATS_WORDS,
	       "each member of struct worker_stats has a row above");

static const char *const reason_help[GRO_REASON_CNT] = {
	[GRO_COUNT] = "It has as many packets as --max-packets allows.",
	[GRO_BYTES] = "The next packet would exceed --max-bytes.",
	[GRO_AGE] = "It was held for --hold.",
	[GRO_BURST_END] = "Nothing more is being received.",
	[GRO_OUT_OF_SEQUENCE] = "The next packet's sequence number does not follow.",
	[GRO_NO_DATA] = "A pure ACK.",
	[GRO_FLAGS] = "SYN, RST or URG.",
	[GRO_PUSH_FIN] = "PSH or FIN: the end of what was sent at once.",
	[GRO_SHORT] = "A payload shorter than the others: the end of what was sent at once.",
	[GRO_LARGER] = "The next packet's payload is longer.",
	[GRO_HEADER] = "Another field of the next packet's header differs.",
	[GRO_CHECKSUM] = "A wrong checksum; delivered as it came.",
	[GRO_FRAGMENT] = "An IP fragment.",
	[GRO_IP_OPTIONS] = "IPv4 options, or IPv6 extension headers.",
	[GRO_TABLE_FULL] = "The oldest flow made room for a new one.",
	[GRO_RECONFIGURE] = "The daemon changed its setup.",
	[GRO_SHUTDOWN] = "The daemon stopped.",
	[GRO_NOT_SERVED] = "Another protocol, malformed, or --merge none.",
	[GRO_LEFT_ALONE] = "The flow is left alone by --adaptive.",
	[GRO_EXEMPT] = "Exempt by --pass-ports or --min-payload.",
};

static const char *const steer_help[STEER_COUNTER_CNT] = {
	[STEER_REDIRECTED] = "Given to the daemon.",
	[STEER_REDIRECTED_FRAGMENT] = "Given to the daemon: an IP fragment.",
	[STEER_PASS_NOT_IP] = "Left to the kernel: neither IPv4 nor IPv6.",
	[STEER_PASS_MALFORMED] = "Left to the kernel: headers that contradict each other.",
	[STEER_PASS_PROTOCOL] = "Left to the kernel: a protocol that is not served.",
	[STEER_PASS_NOT_SERVING] = "Left to the kernel: no daemon yet, or it is leaving.",
	[STEER_PASS_NO_HEARTBEAT] = "Left to the kernel: the daemon hangs or died.",
	[STEER_PASS_NO_SOCKET] = "Left to the kernel: the queue has no socket.",
	[STEER_PASS_TOO_LONG] = "Left to the kernel: longer than the MTU.",
	[STEER_PASS_OVERLOAD] = "Left to the kernel: merges too little for an overloaded worker.",
	[STEER_PASS_TAG_AWAITED] = "Left to the kernel: VLAN tags may be lost on this veth.",
	[STEER_DROP_OVERLOAD] = "Dropped: its slot was on its way to the kernel.",
	[STEER_PASS_OTHER_IF] = "Left to the kernel: of another interface, as a bond's member.",
};

static const char *const inline_help[INLINE_COUNTER_CNT] = {
	[INLINE_EGRESS_REDIRECTED] = "Sent by the stack, given to the daemon.",
	[INLINE_EGRESS_PASS_NOT_IP] = "Left alone: neither IPv4 nor IPv6.",
	[INLINE_EGRESS_PASS_MALFORMED] = "Left alone: contradictory headers.",
	[INLINE_EGRESS_PASS_PROTOCOL] = "Left alone: a protocol that is not served.",
	[INLINE_EGRESS_PASS_NOT_SERVING] = "Left alone: no daemon yet, or leaving.",
	[INLINE_EGRESS_PASS_NO_HEARTBEAT] = "Left alone: the daemon hangs or died.",
	[INLINE_INGRESS_REDIRECTED] = "Delivered by the daemon, as if the NIC had.",
};

static const char *const tap_help[STATUS_TAP_CNT] = {
	[STATUS_TAP_OUT] = "Sent by the stack, taken by the TAP's queue.",
	[STATUS_TAP_OUT_DROPPED] = "Sent by the stack, lost: the TAP's queue was full, or nobody read it.",
	[STATUS_TAP_IN] = "Delivered by the daemon.",
	[STATUS_TAP_IN_DROPPED] = "Delivered by the daemon, lost in front of the stack, or refused (drops.rx_tap).",
	[STATUS_TAP_IN_ERRORS] = "Delivered by the daemon, refused for their form.",
};

static const char *const tap_names[STATUS_TAP_CNT] = {
	[STATUS_TAP_OUT] = "out_packets",     [STATUS_TAP_OUT_DROPPED] = "out_dropped",
	[STATUS_TAP_IN] = "in_packets",       [STATUS_TAP_IN_DROPPED] = "in_dropped",
	[STATUS_TAP_IN_ERRORS] = "in_errors",
};

static const char *const nic_help[STATUS_NIC_CNT] = {
	[STATUS_NIC_IN_MISSED] = "Received, lost: the NIC had no buffer for them.",
	[STATUS_NIC_IN_FIFO] = "The same, as some drivers count it: the NIC's memory was full.",
	[STATUS_NIC_IN_ERRORS] = "Received, lost: they came broken.",
	[STATUS_NIC_IN_DROPPED] = "Received, lost: no room behind the NIC, or nobody wants them.",
	[STATUS_NIC_OUT_ERRORS] = "Not sent: an error of the NIC.",
	[STATUS_NIC_OUT_DROPPED] = "Not sent: no room in the NIC's ring.",
};

static const char *const nic_names[STATUS_NIC_CNT] = {
	[STATUS_NIC_IN_MISSED] = "in_missed",   [STATUS_NIC_IN_FIFO] = "in_fifo",
	[STATUS_NIC_IN_ERRORS] = "in_errors",   [STATUS_NIC_IN_DROPPED] = "in_dropped",
	[STATUS_NIC_OUT_ERRORS] = "out_errors", [STATUS_NIC_OUT_DROPPED] = "out_dropped",
};

static const char *const steer_names[STEER_COUNTER_CNT] = STEER_COUNTER_NAMES;
static const char *const inline_names[INLINE_COUNTER_CNT] = INLINE_COUNTER_NAMES;

struct status_names status_names(enum status_type type)
{
	switch (type) {
	case STATUS_REASONS:
		return (struct status_names){ gro_reason_names, reason_help, GRO_REASON_CNT };
	case STATUS_STEER:
		return (struct status_names){ steer_names, steer_help, STEER_COUNTER_CNT };
	case STATUS_TAP:
		return (struct status_names){ tap_names, tap_help, STATUS_TAP_CNT };
	case STATUS_NIC:
		return (struct status_names){ nic_names, nic_help, STATUS_NIC_CNT };
	case STATUS_INLINE:
		return (struct status_names){ inline_names, inline_help, INLINE_COUNTER_CNT };
	default:
		return (struct status_names){ 0 };
	}
}

static const struct status_field *find_in(const struct status_field *table, const char *name, size_t len)
{
	for (; table->name; table++)
		if (!strncmp(table->name, name, len) && !table->name[len])
			return table;
	return NULL;
}

const struct status_field *status_find(const char *name, size_t len)
{
	const struct status_field *const tables[] = { status_daemon, status_queues, status_counters, status_ways,
						      status_members };
	const struct status_field *found = NULL;

	for (size_t i = 0; !found && i < ARRAY_SIZE(tables); i++)
		found = find_in(tables[i], name, len);
	return found;
}

/* ---- the text ---- */

const struct status_line status_setup_lines[] = {
	{ "attached", .text = "{mode} ({mode_why}), TAP {tap}[tap_place: in {tap_place}][tap_taken_over:, taken over]"
			      "[tap_link=down:, the TAP is down]"
			      "[device.carrier:[tap_link=no carrier:, the TAP has no carrier]]"
			      "[!device.up:, the interface is down][!device.carrier:, no carrier]" },
	{ "XDP program", .text = "{xdp.mode} ({xdp.why})" },
	{ "egress", .text = "[egress.out=kernel:left to the kernel: ]{egress.why}" },
	{ "bond", .text = "[bond.mode:{bond.mode}, {bond.policy}]"
			  "[bond.out_why:; what goes out is left to the kernel: {bond.out_why}]"
			  "[bond.no_member:; {bond.no_member} packets had no member to send by]" },
	{ "member", .text = "{interface}: {state}[queues:, queues served: {queues}][xdp_mode:, {xdp_mode}]",
	  .of = "bond.members" },
	{ "merging",
	  .text = "{merge|nothing}, [hold_us:held for up to {hold_us}][!hold_us:held to the end of a burst]" },
	{ "until", .text = "{conditions.max_packets}, {conditions.max_bytes}, {conditions.max_flows} (then "
			   "[conditions.when_full=all:all are][!conditions.when_full=all:the oldest is] flushed)"
			   "[conditions.idle_us:, {conditions.idle_us} without a packet]" },
	{ "left alone", .text = "[conditions.min_payload:payloads below {conditions.min_payload}; ]"
				"[conditions.pass_ports:ports {conditions.pass_ports}; ]"
				"[conditions.adaptive:flows whose merging keeps failing]" },
	{ "device",
	  .text = "driver {device.driver}; XDP {device.xdp_features|none}; AF_XDP {device.xsk_features|none}; "
		  "metadata {device.xdp_rx_metadata_features|none}"
		  "[device.xdp_zc_max_segs:; {device.xdp_zc_max_segs} a packet in zero copy]",
	  .verbose = true },
	{ "memory",
	  .text = "{memory.total_bytes/1024} KiB of at most {memory.cap_bytes/1024} ({memory.cap_why}); rings of "
		  "{memory.ring_entries}",
	  .verbose = true },
	{ "rights",
	  .text = "user {rights.user}; capabilities {rights.capabilities|none}; system calls {rights.seccomp}"
		  "[rights.no_new_privs:; no new privileges]",
	  .verbose = true },
	{ "refused",
	  .text = "[rights.refused:system calls {#rights.refused}, the last {rights.refused_last|unknown}]" },
	{ "priority", .text = "{priority}" },
	{ "switched off", .text = "{@} ({=})", .of = "settings.off_until_the_end" },
	{ "advice", .text = "{@}", .of = "settings.advice", .verbose = true },
	{ .label = NULL },
};

const struct status_line status_socket_lines[] = {
	{ "", .text = "{xsk.mode} ({xsk.why}), {xsk.transmit}[xsk.unaligned:, unaligned][xsk.huge_pages:, huge pages]"
		      "[!xsk.proved: - unproved: {xsk.unproved}][!state=ok: - {state}]" },
	{ "", .text = "- {mode}, {transmit}[multibuffer:, multi-buffer]: {outcome}", .of = "xsk.tried",
	  .verbose = true },
	{ "checksums", .text = "{xsk.tx_checksum} ({xsk.tx_checksum_why})", .verbose = true },
	{ .label = NULL },
};

const struct status_line status_counter_lines[] = {
	{ "merged up to", .of = "flushes" },
	{ "alone due to", .of = "singles" },
	{ "dropped", .of = "drops" },
	{ "kernel dropped", .of = "kernel" },
	{ "overload", .text = "[overload_slots:the kernel has {overload_slots} of 256 a queue; ]"
			      "[overloads:{#overloads} times so far]" },
	{ "held now", .text = "{rx_held_packets} in, {#tx_waiting} out" },
	{ "checksums", .text = "{#rx_checksum_errors} wrong in, passed on as they came" },
	{ "frames", .text = "{#frames_total}: {#frames_free} free, {#frames_kernel} kernel, {#frames_held} held" },
	{ "out in flight", .text = "{#slots_used} of {slots_total}, {buffers_used/1024} of {buffers_total/1024} KiB of "
				   "buffers" },
	{ .label = NULL },
};

const struct status_line status_program_lines[] = {
	{ "TAP packets", .of = "tap_kernel" },
	{ "NIC losses", .of = "nic_kernel" },
	{ "XDP frames", .of = "steer" },
	{ "tc packets", .of = "inline" },
	{ .label = NULL },
};
