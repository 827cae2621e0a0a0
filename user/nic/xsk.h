/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The AF_XDP socket of one NIC queue: four rings over one umem, and the mode the kernel
 * granted. It knows descriptors and addresses, no packets. xsk_open.h opens it.
 *
 * The verbs of the rings (reserve/submit, peek/release) are libxdp's; the datapath uses them directly on
 * the public fields. The mode in force is read back from XDP_OPTIONS, never assumed.
 *
 * In copy mode the kernel takes a page for every further descriptor, and copies all the same: on
 * veth, built frames were sent 1.4 times as fast as slices (one stream: 4.00/2.87, 3.74/2.86, 4.14/2.65,
 * 3.92/2.93 Gbit/s in turns; four streams: 3.77/2.80, 3.77/2.86). Slices are for drivers that read
 * them in place. Multi-buffer is always asked for: frames longer than a chunk are received, and sent, in several
 * descriptors.
 */
#ifndef SUPERPACKET_XSK_H
#define SUPERPACKET_XSK_H

#include "nic/modes.h"
#include "nic/tx_checksum.h"
#include "nic/umem.h"
#include "nic/xsk_rings.h"

/* Descriptors of one packet in copy mode: 1 + MAX_SKB_FRAGS (net/xdp/xsk.c xsk_build_skb). */
#define XSK_CHAIN_MAX 18u

/* The variant that was chosen, and what became of the others. */
struct xsk_choice {
	enum modes_variant variant;
	bool unaligned;
	const char *unproved;      /* why no test frame was sent; NULL: one was */
	int outcomes[MODES_CNT];   /* of all variants, for modes_explain(); also when opening failed */
	bool tx_checksum;          /* the NIC finishes checksums on request: offered, and proved by a test packet */
	bool tx_checksum_unproved; /* it was offered, but not proved, so it is not used */
	char tx_checksum_why[TX_CHECKSUM_WHY_LEN];
};

struct xsk_config {
	const char *interface;
	uint32_t ifindex; /* 0: that of the interface name. A name may belong to another interface later */
	uint32_t queue;
	uint32_t ring_size;                          /* entries of each of the four rings, a power of two */
	const struct modes_plan *plan;               /* the variants to try, in order */
	const struct tx_checksum_facts *tx_checksum; /* NULL: checksums are finished in software */
	uint32_t bind_timeout_ms;                    /* how long to retry a queue that is busy */
	bool prove;                                  /* a variant has to send a test frame (prove.h) */
	uint32_t carrier_ms;            /* how long to wait for a carrier; without one, no test frame is sent */
	const struct xsk_choice *again; /* begin with this variant, which was in force before; NULL: with the first */
};

struct xsk {
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons completion, rx;
	struct xsk_rings rings;
	struct umem *umem;
	uint32_t ring_size;
	struct xsk_choice choice;
	bool zerocopy;        /* in force, as XDP_OPTIONS says */
	bool slices;          /* segments are sent as header and slices; else built, where they fit a chunk */
	bool multibuffer;     /* XDP_PKT_CONTD chains are received, and may be sent */
	uint32_t chain_max;   /* descriptors that a packet may have */
	bool unaligned;       /* a slice may cross chunk borders */
	uint32_t tx_budget;   /* descriptors that one wake-up takes (XDP_MAX_TX_SKB_BUDGET) */
	uint32_t tx_headroom; /* room in front of each packet sent, for a request to the NIC; 0: no requests */
	int fd;
};

/*
 * Opens the socket over umem and binds it in one variant, once, without stocking the fill ring. For xsk_open()
 * (xsk_open.h), whose errors these are.
 */
int xsk_bind(struct xsk *xsk, const struct xsk_config *config, struct umem *umem, enum modes_variant variant,
	     bool unaligned);

/* Closes the socket and unmaps its rings (a mapping left over would keep the queue bound). */
void xsk_close(struct xsk *xsk);

/* Whether the kernel has taken every entry that was submitted to a producer ring (fill or tx). */
static inline bool xsk_ring_is_taken(const struct xsk_ring_prod *ring)
{
	return __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE) == __atomic_load_n(ring->producer, __ATOMIC_RELAXED);
}

/* Wakes the kernel for transmission when it asks for it. Returns 0, or -errno when the kernel
 * could not take all now (-EAGAIN, -EBUSY, -ENOBUFS: try again later) or failed. */
int xsk_wake_tx(struct xsk *xsk);

/* Wakes the kernel for both directions, even if it does not ask for it. */
void xsk_nudge(struct xsk *xsk);

/* The longest frame that AF_XDP puts into one chunk. */
#define XSK_FRAME_MAX (UMEM_CHUNK_LEN - UMEM_RX_HEADROOM)

/* The longest frame that the socket receives and sends. In zero copy the driver's limit of descriptors holds for
 * sent packets, too: a header slot, and slices of aligned chunks (modes_segs_needed()). In copy mode it is no limit
 * in practice: a TAP's MTU ends before. */
static inline uint32_t xsk_frame_max(const struct xsk *xsk)
{
	if (!xsk->multibuffer)
		return XSK_FRAME_MAX;
	return (xsk->zerocopy ? xsk->chain_max - 2 : xsk->chain_max) * XSK_FRAME_MAX;
}

/* The most bytes that one descriptor at addr may have. In aligned chunks it ends at a chunk border. In unaligned ones
 * the kernel counts the room for a request with every descriptor (net/xdp/xsk_queue.h, xp_unaligned_validate_desc()).
 */
static inline uint32_t xsk_slice_max(const struct xsk *xsk, uint64_t addr)
{
	return UMEM_CHUNK_LEN - (xsk->unaligned ? xsk->tx_headroom : (uint32_t)(addr % UMEM_CHUNK_LEN));
}

/*
 * Where the data of a receive descriptor is, and the frame it lies in, which has to be given back. Both functions work
 * in aligned mode (the address is that of the data) and in unaligned mode (the address is that of the frame, with the
 * offset in the upper 16 bits), since frames begin at multiples of UMEM_CHUNK_LEN in either mode.
 */
static inline uint64_t xsk_rx_data(uint64_t addr)
{
	return xsk_umem__add_offset_to_addr(addr);
}

static inline uint64_t xsk_rx_frame(uint64_t addr)
{
	return xsk_umem__extract_addr(addr) & ~(uint64_t)(UMEM_CHUNK_LEN - 1);
}

/* Moves free receive frames to the fill ring, as many as fit. */
void xsk_refill(struct xsk *xsk);

/* Kernel counters of the socket (XDP_STATISTICS). */
int xsk_statistics(const struct xsk *xsk, struct xdp_statistics *stats);

#endif
