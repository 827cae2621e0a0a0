/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The description of everything that the daemon tells about itself: each field's name, unit, meaning, and where its
 * value is. The daemon renders JSON from it (status_json.c), `superpacket` the text for people (tools/command/table.c),
 * and tests hold the manual page together with it.
 *
 * How to add a counter:
 *
 *      1. a member of struct worker_stats (datapath/counters.h), counted where it happens
 *      2. a row in status_counters; the compiler refuses to go on without
 *      3. for the text, its name in a line of status_counter_lines; "drops" and "kernel" show all of theirs
 *      4. its name in the list of tests/unit/test_status.c, which readers outside depend on
 *      5. if an operator should act on it, an entry in tools/man/superpacket.1
 */
#ifndef SUPERPACKET_STATUS_FIELDS_H
#define SUPERPACKET_STATUS_FIELDS_H

#include "daemon/front.h"
#include "daemon/memory.h"
#include "datapath/counters.h"
#include "datapath/facts.h"
#include "frontend/frontend.h"
#include "nic/modes.h"
#include "nic/netdev.h"
#include "steer_abi.h"

/* ---- what is gathered for an answer, beside structs of other modules ---- */

/* What the kernel has counted of the TAP (`ip -s link`), seen from the stack: out is what it sends. */
enum status_tap_counter {
	STATUS_TAP_OUT,
	STATUS_TAP_OUT_DROPPED,
	STATUS_TAP_IN,
	STATUS_TAP_IN_DROPPED,
	STATUS_TAP_IN_ERRORS,
	STATUS_TAP_CNT
};

/* And what it has counted of the NIC, beside what the NIC has carried. */
enum status_nic_counter {
	STATUS_NIC_IN_MISSED,
	STATUS_NIC_IN_FIFO,
	STATUS_NIC_IN_ERRORS,
	STATUS_NIC_IN_DROPPED,
	STATUS_NIC_OUT_ERRORS,
	STATUS_NIC_OUT_DROPPED,
	STATUS_NIC_CNT
};

struct status {
	const char *asked; /* the interface as on the command line: it may have been renamed since */
	uint64_t netns, uptime_s;
	uint32_t pid;
	const char *egress_out, *egress_why;
	const char *version, *mode, *mode_why, *wait, *xdp_mode, *xdp_why, *ip_id, *when_full;
	struct front_facts tap;
	uint64_t spin_ns;  /* 0: workers do not spin */
	uint32_t offloads; /* of the front end, FRONTEND_ bits in force */
	struct frontend_proof proofs[FRONTEND_PROOF_CNT];
	const char *unproved, *state, *state_why, *cpus_why, *priority;
	const char *user, *seccomp;
	char *refused_last; /* a system call's name; NULL: none was refused, or it has no name */
	uint64_t capabilities, refused;
	struct memory_plan memory;
	uint64_t memory_tap;
	bool no_new_privs;
	uint64_t steer[STEER_COUNTER_CNT];
	struct status_inline {
		uint64_t counters[INLINE_COUNTER_CNT];
		bool there; /* the tc programs of inline mode are attached */
	} inline_tc;
	struct status_tap_kernel {
		uint64_t counters[STATUS_TAP_CNT];
		bool there; /* they can be read */
	} tap_kernel;
	struct status_nic_kernel {
		uint64_t counters[STATUS_NIC_CNT];
		bool there;
	} nic_kernel;
	const char *tap_link; /* NULL: the kernel does not tell */
};

/* A way of binding a socket, and what became of it. */
struct status_tried {
	const char *mode, *transmit;
	bool multibuffer;
	char outcome[192];
};

struct status_queue {
	const char *interface; /* the NIC's; of a bond, the member's */
	uint32_t queue;
	int cpu; /* -1: any */
	const char *state, *mode, *transmit, *tx_checksum;
	char why[512];
	bool proved;
	struct status_tried tried[MODES_CNT]; /* best first */
	struct worker_facts facts;
	struct worker_stats counters;
};

/* ---- the description ---- */

/* What is at the field's place, and its form in JSON. */
enum status_type {
	STATUS_TEXT,  /* const char *; NULL: null */
	STATUS_CHARS, /* char[] */
	STATUS_U32,
	STATUS_U64,     /* a number that may fall, too */
	STATUS_COUNTER, /* uint64_t that only grows */
	STATUS_BOOL,
	STATUS_US,           /* nanoseconds, in JSON microseconds */
	STATUS_SPIN,         /* the same; absent where it is 0 */
	STATUS_CPU,          /* int; negative: null */
	STATUS_PORTS,        /* uint16_t[GRO_PASS_PORTS]: a list */
	STATUS_MERGE,        /* bits, as a list of names: GRO_MERGE_, ... */
	STATUS_OFFLOADS,     /* ... FRONTEND_, ... */
	STATUS_CAPABILITIES, /* ... capabilities, by uint64_t, ... */
	STATUS_XDP,
	STATUS_RX_METADATA,
	STATUS_XSK,      /* ... of struct netdev_xdp; null: this kernel does not tell */
	STATUS_SEGS,     /* its zc_max_segs; the same */
	STATUS_FEATURES, /* struct features: an object of booleans */
	STATUS_PROOFS,   /* struct frontend_proof[]: an object of those that are claimed */
	STATUS_REASONS,  /* uint64_t[]: an object of counters by status_names(): by enum gro_reason, ... */
	STATUS_STEER,    /* ... by enum steer_counter, ... */
	STATUS_INLINE,   /* ... by enum inline_counter; absent in port mode */
	STATUS_TAP,      /* ... by enum status_tap_counter; absent where they cannot be read */
	STATUS_NIC,      /* ... by enum status_nic_counter; the same */
	STATUS_LIST,     /* an array or object of a form of its own, which status.c makes */
};

/* The struct that a field is in. */
enum status_source {
	FROM_STATUS,
	FROM_DEVICE,   /* struct netdev */
	FROM_GRO,      /* struct gro_config */
	FROM_QUEUE,    /* struct status_queue */
	FROM_COUNTERS, /* struct worker_stats */
	FROM_TRIED,    /* struct status_tried */
	FROM_CNT
};

struct status_field {
	const char *name; /* in JSON; "xdp.mode" is a member of the object "xdp". NULL ends a table */
	enum status_type type;
	enum status_source from;
	size_t off;
	const char *unit; /* NULL: none */
	const char *help; /* what it says, in one sentence */
};

extern const struct status_field status_daemon[];   /* of the answer */
extern const struct status_field status_queues[];   /* of each of "queues" */
extern const struct status_field status_counters[]; /* of each of "queues" and of "total", which is their sum */
extern const struct status_field status_members[];  /* of each of "bond.members" */
extern const struct status_field status_ways[];     /* of each of "xsk.tried" */

/* The row of this name, in any of the tables; NULL: there is none. */
const struct status_field *status_find(const char *name, size_t len);

/* The members of an object of counters, in their order, and what each says; cnt is 0 for other types. */
struct status_names {
	const char *const *names, *const *help;
	size_t cnt;
};
struct status_names status_names(enum status_type type);

/* ---- the text for people ---- */

/*
 * A line: its label, and a text in which
 *
 *      {name}            is the field's value, with its unit; of a list all values, with commas
 *      {#name}           the same, without its unit
 *      {name/1024}       a number of KiB
 *      {name|text}       text where there is no value
 *      [name: text]      is there only if the field has a value that is not 0, false or empty
 *      [!name: text]     ... if it has not
 *      [name=value:text] ... if it has this one
 *
 * Separators at the end of a line are left out, and so is a line without text. A line that lists says in `of` of what:
 * it is shown for each member, of which {@} is the name or, in an array, the value, and {=} the value of a name. A
 * line without text shows the counters in the object `of`, the largest first.
 */
struct status_line {
	const char *label;
	const char *text;
	const char *of;
	bool verbose; /* only with -v */
};

/* Each table ends with a label that is NULL. */
extern const struct status_line status_setup_lines[];   /* of the daemon */
extern const struct status_line status_socket_lines[];  /* of a queue; the first one's label is the queue */
extern const struct status_line status_counter_lines[]; /* of a queue or the total, behind the table of traffic */
extern const struct status_line status_program_lines[]; /* of the daemon */

#endif
