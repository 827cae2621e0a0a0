/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How much memory the queues get. All of it is taken at start and locked there, so what a machine does not have is
 * found out before it serves, not by the kernel's OOM killer. Sizes shrink by halves until all queues fit:
 *
 *      ring entries   frames held   slots   superpackets being sent   about
 *              4096          4096    1024                        64   44 MiB a queue
 *              2048          2048     512                        32   22 MiB
 *              1024          1024     256                        16   11 MiB
 *               512           512     128                         8   5.5 MiB
 *               256           256      64                         4   2.8 MiB, the floor
 *
 * A shorter ring takes shorter bursts: with 4096 entries it holds all that one TCP connection has on its way, with 256 it
 * overflows when the worker does not run for some hundred microseconds at 10 Gbit/s. Below the floor, one superpacket of
 * 64 KiB in jumbo frames would no longer fit.
 *
 * The cap is a quarter of what is available, unless --memory says otherwise: the rest is for those whom the traffic
 * concerns. If the floor is too much for all queues, inline fewer are served, for the NIC spreads flows over all queues
 * and the kernel carries the others. In port mode those flows would be lost, so the start is refused.
 */
#ifndef SUPERPACKET_MEMORY_H
#define SUPERPACKET_MEMORY_H

#include "daemon/config.h"
#include "daemon/workers.h"

/* In bytes; UINT64_MAX: there is no such limit. */
struct memory_limits {
	uint64_t asked;     /* --memory; 0: not asked for */
	uint64_t available; /* on the machine */
	uint64_t cgroup;    /* left to our cgroup */
	uint64_t locked;    /* that may be locked */
};

struct memory_need {
	struct gro_config gro; /* of each queue's engine */
	uint32_t queues;
	bool all;  /* fewer queues will not do */
	bool port; /* the TAP's queue is the operator's */
};

struct memory_plan {
	uint64_t cap;
	const char *cap_why;
	struct worker_sizes sizes; /* of each queue */
	uint32_t queues;           /* that can be served; 0: none */
	uint64_t queue_bytes;      /* of a queue, the kernel's part included */
	uint64_t kernel_bytes;     /* the kernel's part of that: rings, and what it knows of each page */
	uint64_t total;            /* of the process */
	uint32_t tap_len;          /* the most packets that a queue of the TAP may hold, see memory_tap() */
};

/* What the process needs without any queue. */
#define MEMORY_PROCESS (8ull << 20)

/* The limits of this machine and process, whose files are below root ("" for the machine's own; for tests). */
void memory_read_limits(struct memory_limits *limits, const char *root);

/* Returns 0, or -EDQUOT when it does not fit: queue_bytes is of the smallest sizes then. */
int memory_make(struct memory_plan *plan, const struct memory_limits *limits, const struct memory_need *need);

/* Reads the limits and makes the plan for so many queues of an interface; all: see above. Logs and returns -EDQUOT when
 * the floor is too much; a warning says that fewer queues will be served (plan->queues). */
int memory_check(struct memory_plan *plan, const struct config *config, const char *interface, uint32_t queues,
		 bool all);

/*
 * What packets may take that wait in the TAP, when they are all superpackets. The kernel takes it as it comes. The TAP's
 * queues are as long as the cap has room for beside all else, but not shorter than TAP_QUEUE_LEN (17 MiB a queue): a
 * daemon that loses what the stack sends is of no use.
 */
uint64_t memory_tap(const struct memory_plan *plan);

/* Logs what is in use. */
void memory_say(const struct memory_plan *plan, const char *interface);

/* What the process uses now, the kernel's part included. */
uint64_t memory_used(const struct workers *workers, const struct gro_config *gro);

/* The largest sizes of so many queues more, beside all that are open. Returns 0, or -EDQUOT. */
int memory_fit(const struct memory_plan *plan, const struct workers *workers, const struct gro_config *gro,
	       uint32_t more, struct worker_sizes *sizes);

#endif
