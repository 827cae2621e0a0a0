/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Our egress program as the last filter of clsact, where others have filters that must see a packet first.
 *
 * Filters are asked in the order of their priorities. Ours has the highest number that there is, which none but a
 * filter of the same kind can share, and the kernel puts a later one of those in front (net/sched/cls_bpf.c
 * cls_bpf_change()). So whatever is added later comes before it, too.
 *
 * A filter belongs to the interface and stays when its process is killed. Its program passes everything as soon as the
 * heartbeat has lapsed. The next start removes it, and so does `superpacket clean`.
 */
#ifndef SUPERPACKET_EGRESS_FILTER_H
#define SUPERPACKET_EGRESS_FILTER_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

/* Adds it to the clsact qdisc of the interface, or puts prog_fd in place of that of another daemon. Returns 0 or
 * -errno. */
int egress_filter_add(uint32_t ifindex, int prog_fd);

/* Removes it. Returns 0 or -errno; -ENOENT: there was none. */
int egress_filter_remove(uint32_t ifindex);

/* Whether an answer to a request for filters is about ours, or a killed daemon's. prog_id may be NULL. */
bool egress_filter_is_ours(const struct nlmsghdr *answer, uint32_t *prog_id);

#endif
