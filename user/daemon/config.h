/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The command line of superpacketd: what the operator asked for, checked, with nothing looked up.
 * Whether the interface exists or has that many queues is found out later, by check.c.
 */
#ifndef SUPERPACKET_CONFIG_H
#define SUPERPACKET_CONFIG_H

#include <net/if.h>

#include "daemon/cpus.h"
#include "engine/gro.h"
#include "base/log.h"
#include "nic/steer.h"
#include "nic/modes.h"
#include "nic/tx_checksum.h"

/* Longest --hold. After a second, the sender of a held packet has retransmitted it long ago. */
#define CONFIG_HOLD_MAX_US 1000000u

/* Longest --wait spin. Who wants more means poll. */
#define CONFIG_SPIN_MAX_US 1000000u

/* Superpackets held at the same time. Each has a packet at least, and a worker holds no more packets than that. */
#define CONFIG_FLOWS_MAX 4096u

enum config_mode {
	CONFIG_INLINE, /* addresses stay on the NIC; a hidden TAP */
	CONFIG_PORT,   /* the TAP is the interface */
};

enum config_egress {
	CONFIG_EGRESS_AUTO,   /* what is sent is left to the kernel where the host has a policy that we cannot keep */
	CONFIG_EGRESS_IGNORE, /* it is served whatever qdiscs and filters the NIC has */
};

struct config {
	const char *interface; /* as given; may be an altname */
	enum config_mode mode;
	bool mode_asked;              /* --mode was given */
	const char *tap;              /* NULL: config_tap_name() */
	const char *tap_netns;        /* the network namespace of the TAP; NULL: ours */
	const char *pinned;           /* NULL: load our own program */
	enum steer_xdp_mode xdp_mode; /* how the XDP program is attached */
	enum modes_pin pin;           /* and what its sockets may be: of --xdp-mode, too */
	enum config_egress egress;
	uint32_t queues;       /* 0: all */
	uint64_t memory;       /* most bytes; 0: memory.h chooses */
	enum cpus_how cpus;    /* which CPUs the workers run on */
	struct cpus cpu_list;  /* with CPUS_LIST */
	int nice;              /* see priority.h */
	bool nice_asked;       /* --nice was given */
	struct gro_config gro; /* what is merged, and when it is flushed; the rest is 0 */
	bool shared_id;        /* S4: the segments of a superpacket share an IPv4 ID */
	const char *user;      /* whom to become; NULL: nobody else */
	enum modes_transmit transmit;
	enum tx_checksum_ask tx_checksum; /* who finishes checksums */
	uint64_t spin_ns;                 /* see worker.h */
	enum log_level log_level;
	char error[512]; /* what is wrong, for CONFIG_USAGE: one line */
};

enum config_verdict {
	CONFIG_RUN,
	CONFIG_HELP,    /* print config_help, end well */
	CONFIG_VERSION, /* print the version, end well */
	CONFIG_USAGE,   /* print config->error, end with exit code 2 */
};

/* Reads the command line. Strings in config point into argv. Prints nothing. */
enum config_verdict config_parse(struct config *config, int argc, char **argv);

extern const char config_help[];

/* Names of the GRO_MERGE_ bits, lowest first, as --merge takes them and status prints them. */
#define CONFIG_MERGE_CNT 6
extern const char *const config_merge_names[CONFIG_MERGE_CNT];

/* What the BPF programs have to give us for that, STEER_SERVE_*. Always TCP: even where it is not merged, its
 * superpackets are cut here. */
uint32_t config_serve(uint32_t merge);

/*
 * The default name of the TAP of an interface, both modes: "sp-IF" where that fits a name, else
 * "sp-" + the beginning of IF + "." + ifindex, so that long names which begin alike stay apart.
 */
void config_tap_name(char name[IFNAMSIZ], const char *interface, uint32_t ifindex);

#endif
