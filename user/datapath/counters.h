/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counters of one worker. It counts in memory of its own and publishes a copy each time round,
 * so that whoever reads, at any time, sees all counters as of one moment, and they add up:
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
	uint64_t rx_packets, rx_bytes;              /* frames taken from the NIC queue */
	uint64_t rx_superpackets;                   /* of two or more packets, delivered */
	uint64_t rx_segments;                       /* packets in them */
	uint64_t rx_big_superpackets;               /* those of over 64 KB (BIG TCP) */
	uint64_t rx_delivered_packets;              /* packets that went up, merged or alone */
	uint64_t rx_delivered_bytes;
	uint64_t rx_held_packets;                   /* gauge: in the engine's hands now */
	uint64_t rx_cut_again;                      /* superpackets the TAP refused, delivered as packets (V9) */
	uint64_t rx_checksum_errors;                /* packets with a wrong IP or L4 checksum (passed on as is) */
	uint64_t rx_drop_multibuffer;               /* packet in more descriptors than one may have */
	uint64_t rx_drop_stale;                     /* the kernel has gone on with its flow meanwhile */
	uint64_t rx_drop_tap;                       /* the TAP took the packet neither way */
	uint64_t rx_tap_unready;                    /* writes that it had no room for, or that found it down */
	uint64_t flushes[GRO_REASON_CNT];           /* superpackets by flush reason */
	uint64_t singles[GRO_REASON_CNT];           /* packets that went up alone, by reason */
	/* out */
	uint64_t tap_packets, tap_bytes;            /* taken from the TAP queue */
	uint64_t tx_superpackets;                   /* cut into segments, to the last */
	uint64_t tx_segments, tx_ordinary;          /* wire packets: from superpackets, and others */
	uint64_t tx_bytes;                          /* on the wire */
	uint64_t tx_descriptors;
	uint64_t tx_wakeups;                        /* system calls for transmission */
	uint64_t tx_pauses;                         /* out of descriptors, slots or buffers: resumed later */
	uint64_t tx_waiting;                        /* gauge: 1 while a packet waits for one of those */
	uint64_t tx_drop_vnet;                      /* V1, V3, V5: bad virtio header */
	uint64_t tx_drop_malformed;                 /* headers contradict the request */
	uint64_t tx_drop_too_long;                  /* S8 */
	uint64_t tx_drop_stale;                     /* the kernel has gone on with its flow meanwhile */
	uint64_t tx_drop_rebuilt;                   /* was being cut when the socket was made anew */
	/* loop */
	uint64_t polls;                             /* times the worker slept */
	/* waits that were over without what was waited for (watchdog.h), and what became of them */
	uint64_t stalls_completion, stalls_fill, stalls_tap;
	uint64_t rebuilds;                          /* the socket and its memory made anew */
	uint64_t tx_lost_descriptors;               /* not completed then */
	/* frames and slots by state: gauges, refreshed each time round */
	uint64_t frames_total, frames_free, frames_kernel, frames_held;
	uint64_t slots_total, slots_used, buffers_total, buffers_used; /* buffers in bytes */
	uint64_t frames_missing, slots_missing, buffers_missing; /* in no place where they may be */
	/* what the kernel counts for the socket (XDP_STATISTICS), which begins anew with each socket */
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
