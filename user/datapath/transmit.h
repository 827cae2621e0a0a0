/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Transmission: packets of the front end are read straight into superpacket buffers and become descriptors of the
 * NIC's queue.
 *
 *      buffer = transmit_buffer()     where to read the next packet
 *      transmit_packet(asked, len)    cuts it: header slots + slices (or built frames)
 *      transmit_wake()                once a burst, or once a superpacket
 *      transmit_complete()            frees what the NIC is done with
 *
 * What is submitted at once is one *unit*: all segments of a superpacket or, when they do not fit, some of them. A
 * unit owns its header slots and, if it has the packet's last segment, the packet's buffer. It counts its outstanding
 * descriptors and gives back what it owns after the last completion, the oldest unit first. Nothing is reused before.
 *
 * When descriptors or slots run out, the cursor stays where it is (S9). transmit_paused() says so, transmit_resume()
 * continues after completions, and no further packet is taken meanwhile.
 */
#ifndef SUPERPACKET_TRANSMIT_H
#define SUPERPACKET_TRANSMIT_H

#include "datapath/counters.h"
#include "engine/gso.h"
#include "nic/umem.h"
#include "nic/xsk.h"

struct transmit_unit {
	struct span slots;    /* len 0: none */
	struct span buffer;   /* len 0: a later unit of the same packet owns it */
	uint64_t slices_addr; /* the part of the packet's buffer that its descriptors cover */
	uint32_t slices_len;
	uint32_t outstanding; /* descriptors submitted and not completed */
};

struct transmit {
	struct xsk *xsk;
	struct umem *umem;
	struct worker_stats *stats;
	bool shared_id;                /* S4: segments with DF share their IPv4 ID; set by the owner */
	uint32_t mtu;                  /* of the wire: bytes of a frame behind its link-layer header */
	struct transmit_unit *units;   /* ring of ring_size, oldest at tail */
	uint32_t unit_head, unit_tail; /* free-running */
	uint32_t outstanding;          /* descriptors of all units */
	uint64_t finished;             /* units since start; the progress that the watchdog watches */
	/* the packet that is being sent */
	struct span buffer; /* reserved by transmit_buffer(), taken by transmit_packet() */
	struct gso gso;
	struct gso_request request;
	struct gso_left left; /* what the NIC has to finish of each segment */
	uint32_t packet_len;
	enum { TRANSMIT_IDLE, TRANSMIT_CUTTING, TRANSMIT_ORDINARY } state;
};

/*
 * Bytes of a slot, for umem_set_slots(): a header, or a whole frame, behind the room for a request to the NIC. With
 * that room a header may cross a chunk border; this is allowed, because slices have room for requests in unaligned
 * chunks only (tx_checksum.h).
 */
static inline uint32_t transmit_slot_len(const struct xsk *xsk)
{
	return xsk->slices ? xsk->tx_headroom + HEADER_SLOT_LEN : UMEM_CHUNK_LEN;
}

/* The longest link-layer header beyond the MTU: Ethernet with two VLAN tags. Further tags count as payload. */
#define TRANSMIT_LINK_MAX (14u + 2 * 4u)

/* Prepares transmission through an open socket. mtu + TRANSMIT_LINK_MAX is at most xsk_frame_max(); a chain of
 * descriptors can send that much in any layout. Returns 0 or -ENOMEM. */
int transmit_init(struct transmit *transmit, struct xsk *xsk, struct umem *umem, uint32_t mtu,
		  struct worker_stats *stats);
void transmit_fini(struct transmit *transmit);

/* Forgets all that was under way, for a new socket with new memory, and counts what is lost. */
void transmit_reset(struct transmit *transmit);

/* Returns where to read the next packet, UMEM_SUPERPACKET_ROOM bytes; NULL when none are free, or it is paused. */
uint8_t *transmit_buffer(struct transmit *transmit);

/* Whether transmit_buffer() would give one. */
bool transmit_can_take(const struct transmit *transmit);

/* Sends the packet of len bytes that was read to transmit_buffer(), and counts it; drops it when it cannot be sent.
 * Transmission may be paused afterwards. */
void transmit_packet(struct transmit *transmit, const struct gso_request *asked, uint32_t len);

/* Sets the wire's MTU. Any thread may call this. */
static inline void transmit_set_mtu(struct transmit *transmit, uint32_t mtu)
{
	__atomic_store_n(&transmit->mtu, mtu, __ATOMIC_RELAXED);
}

/* Whether a packet is waiting for descriptors or slots. */
static inline bool transmit_paused(const struct transmit *transmit)
{
	return transmit->state != TRANSMIT_IDLE;
}

/* Continues with a waiting packet. Returns false while it still waits. */
bool transmit_resume(struct transmit *transmit);

/* Drops what is left of a waiting packet; what was sent of it stays as it is. Returns whether anything was dropped, which
 * the caller counts. */
bool transmit_drop_rest(struct transmit *transmit);

/* Whether the kernel has taken all submitted descriptors. */
bool transmit_is_taken(const struct transmit *transmit);

/* Wakes the kernel if it has not taken all descriptors. Returns false when it has to be woken again. */
bool transmit_wake(struct transmit *transmit);

/* Wakes the kernel in any case: some drivers clean up their queue only then. */
void transmit_nudge(struct transmit *transmit);

/* Takes completions and frees what finished units own. Returns the number of completions. */
uint32_t transmit_complete(struct transmit *transmit);

/* Returns the slots, and the bytes of buffers, that are in use but belong to no unit. Walks all units. */
void transmit_missing(const struct transmit *transmit, uint32_t *slots, uint32_t *buffers);

#endif
