// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the clock of BPF programs once, for a daemon that wants to know how far its own is from it (steer_clock.h).
 * It is never attached: the daemon runs it on a packet of its own (BPF_PROG_TEST_RUN).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 clock_now_ns;

SEC("xdp")
int clock_read(struct xdp_md *xdp)
{
	(void)xdp;
	clock_now_ns = bpf_ktime_get_ns();
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
