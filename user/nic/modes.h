/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which variants of binding an AF_XDP socket are tried on a device, in which order, and why others are not. The
 * decision is made from what the device says about itself, what the operator asked for, and a list of drivers with
 * known faults. It is pure: nothing is asked or opened here. xsk_open() tries the variants, and what counts is the
 * kernel's answer and a test frame that is sent (prove.h).
 *
 *   variant                 descriptors of a packet   when
 *   zero copy, slices       header + slices           a driver that takes enough descriptors
 *   zero copy, built, sg    1; longer than a chunk:   only if built frames are asked for: the socket is the
 *                           header + slices           same as above
 *   zero copy, built        1                         most drivers; no frame longer than a chunk
 *   copy, built, sg         1; longer: as above       Linux 6.6
 *   copy, slices            header + slices           only if asked for: 1.4 times slower (xsk.h)
 *   copy, built             1                         no frame longer than a chunk is received
 *
 * With a program in generic mode there is no zero copy; "copy" is then what the kernel calls generic.
 */
#ifndef SUPERPACKET_MODES_H
#define SUPERPACKET_MODES_H

#include "base/bytes.h"

enum modes_variant {
	MODES_ZEROCOPY_SLICES,
	MODES_ZEROCOPY_BUILT_SG,
	MODES_ZEROCOPY_BUILT,
	MODES_COPY_BUILT_SG,
	MODES_COPY_SLICES,
	MODES_COPY_BUILT,
	MODES_CNT
};

/* The properties of a variant. */
struct modes_parts {
	bool zerocopy;
	bool slices;
	bool sg; /* multi-buffer: a packet in several descriptors */
};
extern const struct modes_parts modes_parts[MODES_CNT];

enum modes_transmit {
	MODES_TRANSMIT_AUTO,
	MODES_TRANSMIT_SLICES, /* header slots, and payload slices from where they are */
	MODES_TRANSMIT_BUILT,  /* one descriptor a segment */
};

enum modes_pin {
	MODES_PIN_NONE,
	MODES_PIN_ZEROCOPY,
	MODES_PIN_COPY,
};

#define MODES_KERNEL(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))

/* What the decision depends on. */
struct modes_facts {
	const char *driver; /* ethtool's name for it */
	uint32_t kernel;    /* MODES_KERNEL(); 0: unknown, then no driver is known to have faults */
	bool generic;       /* the XDP program runs in generic mode */
	bool told;          /* the driver itself has told zerocopy (Linux 6.3) */
	bool zerocopy;
	uint32_t zc_max_segs; /* descriptors of a packet in zero copy; 0: not told */
	uint32_t frame_len;   /* of the longest frame: MTU and link-layer header */
	uint32_t chunk_len;   /* of the umem */
	uint32_t rx_headroom; /* in a chunk, in front of a received frame */
	enum modes_pin pin;
	enum modes_transmit transmit;
};

/* The longest reason, with its final '\0'. */
#define MODES_WHY_LEN 128

struct modes_plan {
	struct {
		bool tried;
		char why[MODES_WHY_LEN]; /* the reason why it is tried, or is not */
	} variants[MODES_CNT];           /* in the order in which they are tried */
	uint32_t zc_chain_max;           /* descriptors of a packet where zero copy has multi-buffer */
};

void modes_decide(struct modes_plan *plan, const struct modes_facts *facts);

/* Whether there is anything to try. */
bool modes_possible(const struct modes_plan *plan);

/* What became of a variant; the kernel's answer when it refused it (-errno). */
enum {
	MODES_BOUND,
	MODES_UNTRIED,
	MODES_SILENT,  /* it bound, but the test frame was not sent */
	MODES_INVALID, /* it bound, but the descriptors of the test frame were refused */
};

/*
 * Writes why this variant is in force: what is wrong with each variant before it, and its own reason. MODES_CNT: why
 * there is none. outcomes: of all variants.
 */
void modes_explain(const struct modes_plan *plan, const int outcomes[MODES_CNT], enum modes_variant variant, char *text,
		   size_t room);

/* Writes what became of one variant: "in force: ...", "refused: ...", "not proved: ...", "not tried: ...". */
void modes_outcome(const struct modes_plan *plan, const int outcomes[MODES_CNT], enum modes_variant variant, char *text,
		   size_t room);

/* The most descriptors of a packet whose frame has this length: a header slot, and slices that are split at chunk
 * borders, since in zero copy no slice crosses one (see xsk_open.c). */
uint32_t modes_segs_needed(uint32_t frame_len, uint32_t chunk_len);

#endif
