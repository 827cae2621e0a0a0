/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the daemon tells about itself: snapshots of the workers' counters, summed, as JSON.
 *
 * One table in stats.c names the counters of struct worker_stats; the sum, the JSON and a
 * compile-time check that none was forgotten all come from it.
 */
#ifndef SUPERPACKET_STATS_H
#define SUPERPACKET_STATS_H

#include <jansson.h>

#include "datapath/counters.h"
#include "nic/modes.h"
#include "nic/tx_checksum.h"
#include "steer_abi.h"

/* One queue, as it was at one moment. */
struct stats_queue {
	uint32_t queue;
	int cpu;                      /* its worker runs on this one; -1: on any */
	const char *mode;             /* "native-with-zerocopy", "native", "generic" */
	char why[512];
	const char *transmit;         /* "slices", "built" */
	struct stats_tried {          /* every way of binding it, best first */
		const char *mode, *transmit;
		bool multibuffer;
		char outcome[192];
	} tried[MODES_CNT];
	const char *unproved;         /* why; NULL: that it sends is proved with a packet */
	bool unaligned, huge_pages;
	uint32_t tx_budget;
	const char *tx_checksum;      /* "nic", "software" */
	char tx_checksum_why[TX_CHECKSUM_WHY_LEN];
	bool hung;                    /* its worker shows no life */
	bool away;                    /* its worker cannot carry now */
	struct worker_stats counters;
};

struct stats_daemon {
	const char *interface;
	const char *asked;            /* as on the command line: it may have been renamed since */
	uint32_t ifindex;
	uint64_t netns;               /* inode of the network namespace */
	int pid;
	const char *version;
	uint64_t uptime_s;
	const char *mode, *mode_why;  /* "inline", "port" */
	const char *tap;
	const char *xdp_mode, *xdp_why;
	uint64_t spin_ns;             /* how workers wait: see worker.h */
	const struct gro_config *gro; /* what is merged, and the conditions of flushing */
	bool shared_id;               /* segments of a superpacket share an IPv4 ID */
	uint32_t offloads;            /* of the front end, FRONTEND_ bits in force */
	const struct frontend_proof *proofs; /* of them, FRONTEND_PROOF_CNT; NULL: none */
	const char *unproved;         /* why none was proved; NULL: they were */
	uint64_t steer[STEER_COUNTER_CNT];
	bool has_inline;              /* the tc programs of inline mode are there */
	uint64_t inline_tc[INLINE_COUNTER_CNT];
	const struct stats_queue *queues;
	uint32_t queue_cnt;
	const char *cpus_why;
	const char *waiting;          /* there is no interface, why; NULL: there is */
	const char *degraded;         /* why, beside hung queues; NULL: it is not */
};

/* Renders everything; NULL without memory. The caller owns the object. */
json_t *stats_json(const struct stats_daemon *daemon);

#endif
