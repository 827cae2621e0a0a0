/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counters of one worker. It counts in memory of its own and publishes a copy in every round of its loop, so that
 * readers see all counters as of one moment, and they add up:
 *
 *   rx_packets  = rx_delivered_packets + rx_held_packets (gauge) + all rx drops
 *   tap_packets = tx_superpackets + tx_ordinary + tx_waiting (gauge) + all tx drops
 */
#ifndef SUPERPACKET_COUNTERS_H
#define SUPERPACKET_COUNTERS_H

#include "base/seqlock.h"
#include "engine/gro.h"

struct worker_stats {
	/* in */
	uint64_t rx_packets, rx_bytes; /* frames taken from the NIC queue */
	uint64_t rx_superpackets;      /* of two or more packets, delivered */
	uint64_t rx_segments;          /* packets in them */
	uint64_t rx_big_superpackets;  /* those of over 64 KB (BIG TCP) */
	uint64_t rx_delivered_packets; /* packets that went up, merged or alone */
	uint64_t rx_delivered_bytes;
	uint64_t rx_held_packets;         /* gauge: received and not delivered yet */
	uint64_t rx_cut_again;            /* superpackets that the TAP refused, delivered as packets (V9) */
	uint64_t rx_checksum_errors;      /* packets with a wrong IP or L4 checksum, delivered unchanged */
	uint64_t rx_drop_multibuffer;     /* packets in more descriptors than GRO_FRAGMENTS_MAX */
	uint64_t rx_drop_stale;           /* too late: newer packets have overtaken them (worker_stale.c) */
	uint64_t rx_drop_tap;             /* the TAP did not take the packet, nor a superpacket's packets */
	uint64_t rx_tap_unready;          /* writes for which the TAP had no room, or was down */
	uint64_t flushes[GRO_REASON_CNT]; /* superpackets, by the reason that completed them */
	uint64_t singles[GRO_REASON_CNT]; /* packets that were delivered alone, by reason */
	/* out */
	uint64_t tap_packets, tap_bytes;   /* taken from the TAP queue */
	uint64_t tx_superpackets;          /* cut into segments completely */
	uint64_t tx_segments, tx_ordinary; /* wire packets: from superpackets, and others */
	uint64_t tx_bytes;                 /* on the wire */
	uint64_t tx_descriptors;
	uint64_t tx_wakeups;        /* system calls for transmission */
	uint64_t tx_pauses;         /* times that a packet waited for descriptors, slots or buffers */
	uint64_t tx_waiting;        /* gauge: 1 while a packet waits for these */
	uint64_t tx_drop_vnet;      /* V1, V3, V5: bad virtio header */
	uint64_t tx_drop_malformed; /* the packet's headers contradict its virtio header */
	uint64_t tx_drop_too_long;  /* S8 */
	uint64_t tx_drop_stale;     /* too late: newer packets have overtaken them (worker_stale.c) */
	uint64_t tx_drop_rebuilt;   /* being cut when the socket was made anew */
	/* loop */
	uint64_t polls;     /* times the worker slept */
	uint64_t overloads; /* times that slots were left to the kernel, as the worker could not keep up (overload.h) */
	uint64_t overload_slots; /* gauge: slots that are */
	/* expired waits (watchdog.h), and what was done about them */
	uint64_t stalls_completion, stalls_fill, stalls_tap;
	uint64_t stalls_arrival;      /* times that frames which were steered here did not arrive (worker_arrivals.c) */
	uint64_t rebuilds;            /* times that the socket and its memory were made anew */
	uint64_t tx_lost_descriptors; /* descriptors that were outstanding then */
	/* gauges: frames, slots and buffers by state */
	uint64_t frames_total, frames_free, frames_kernel, frames_held;
	uint64_t slots_total, slots_used, buffers_total, buffers_used; /* buffers in bytes */
	uint64_t frames_missing, slots_missing, buffers_missing;       /* in no known place; buffers in bytes */
	uint64_t kernel_rx_lost; /* steered to the socket, and neither arrived nor counted by the kernel */
	/* the kernel's counters of the present socket (XDP_STATISTICS) */
	uint64_t kernel_rx_dropped, kernel_rx_ring_full, kernel_fill_ring_empty, kernel_tx_invalid;
};

/* A published copy. */
struct stats_page {
	uint32_t sequence;
	struct worker_stats stats;
};

#define STATS_WORDS (sizeof(struct worker_stats) / sizeof(uint64_t))

static inline void stats_publish(struct stats_page *page, const struct worker_stats *stats)
{
	seqlock_write(&page->sequence, (uint64_t *)&page->stats, (const uint64_t *)stats, STATS_WORDS);
}

static inline void stats_read(const struct stats_page *page, struct worker_stats *copy)
{
	seqlock_read(&page->sequence, (uint64_t *)copy, (const uint64_t *)&page->stats, STATS_WORDS);
}

#endif
