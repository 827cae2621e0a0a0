/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Transmission: packets of the front end, read straight into superpacket buffers, become
 * descriptors of the NIC's queue.
 *
 *      buffer = transmit_buffer()     where the next packet is to be read
 *      transmit_packet(request, len)  it is cut: header slots + slices (or built frames)
 *      transmit_wake()                once a burst, or once a superpacket
 *      transmit_complete()            what the NIC is done with is free again
 *
 * Everything that is submitted at once is one *unit*: some segments of one superpacket, all of
 * them wherever they fit. A unit owns its header slots and, if it holds the packet's last
 * segment, the packet's buffer; it counts its outstanding descriptors and gives back what it
 * owns on the last completion, oldest unit first. Nothing is reused before.
 *
 * Short of descriptors or slots, the cursor stays where it is (S9): transmit_paused() says so,
 * transmit_resume() goes on after completions, and no further packet is taken meanwhile.
 */
#ifndef SUPERPACKET_TRANSMIT_H
#define SUPERPACKET_TRANSMIT_H

#include "datapath/counters.h"
#include "engine/gso.h"
#include "nic/umem.h"
#include "nic/xsk.h"

struct transmit_unit {
	struct span slots;     /* len 0: none */
	struct span buffer;    /* len 0: belongs to a later unit of the same packet */
	uint64_t slices_addr;  /* what its descriptors cover of the packet's buffer */
	uint32_t slices_len;
	uint32_t outstanding;  /* descriptors submitted and not completed */
};

struct transmit {
	struct xsk *xsk;
	struct umem *umem;
	struct worker_stats *stats;
	bool shared_id;               /* S4: segments share the IPv4 ID where DF is set; set by the owner */
	uint32_t mtu;                 /* of the wire: a frame's bytes behind the link-layer header */
	struct transmit_unit *units;  /* ring of ring_size, oldest at tail */
	uint32_t unit_head, unit_tail; /* free-running */
	uint32_t outstanding;         /* descriptors of all units */
	uint64_t finished;            /* units, ever: what the watchdog calls progress */
	/* the packet in work */
	struct span buffer;           /* reserved by transmit_buffer(), taken by transmit_packet() */
	struct gso gso;
	struct gso_request request;
	struct gso_left left;         /* of each of its packets, to the NIC */
	uint32_t packet_len;
	enum { TRANSMIT_IDLE, TRANSMIT_CUTTING, TRANSMIT_ORDINARY } state;
};

/*
 * Bytes of a slot, for umem_set_slots(): a header or a whole frame, and in front of it what is asked of
 * the NIC. With that in front, headers may cross chunk borders: slices have room for requests in unaligned chunks
 * alone (tx_checksum.h).
 */
static inline uint32_t transmit_slot_len(const struct xsk *xsk)
{
	return xsk->slices ? xsk->tx_headroom + HEADER_SLOT_LEN : UMEM_CHUNK_LEN;
}

/* VLAN tags of a frame beyond its MTU; more count as payload. */
#define TRANSMIT_LINK_MAX (14u + 2 * 4u)

/* Prepares transmission through an open socket. mtu + TRANSMIT_LINK_MAX is at most xsk_frame_max(),
 * which a chain of descriptors can send in any layout. Returns 0 or -ENOMEM. */
int transmit_init(struct transmit *transmit, struct xsk *xsk, struct umem *umem, uint32_t mtu,
		  struct worker_stats *stats);
void transmit_fini(struct transmit *transmit);

/* Forgets all that was under way, because socket and memory are new; counts what is lost by it. */
void transmit_reset(struct transmit *transmit);

/* Where to read the next packet: UMEM_SUPERPACKET_ROOM bytes; NULL: none free, or paused. */
uint8_t *transmit_buffer(struct transmit *transmit);

/* Whether transmit_buffer() would give one. */
bool transmit_can_take(const struct transmit *transmit);

/* Takes the packet of len bytes that was read to transmit_buffer(); counts it, and drops it when it
 * cannot be sent. May leave transmission paused. */
void transmit_packet(struct transmit *transmit, const struct gso_request *request, uint32_t len);

/* The wire's MTU from now on. May be called by another thread. */
static inline void transmit_set_mtu(struct transmit *transmit, uint32_t mtu)
{
	__atomic_store_n(&transmit->mtu, mtu, __ATOMIC_RELAXED);
}

/* Whether a packet is waiting for descriptors or slots. */
static inline bool transmit_paused(const struct transmit *transmit)
{
	return transmit->state != TRANSMIT_IDLE;
}

/* Goes on with a waiting packet. Returns false while it still waits. */
bool transmit_resume(struct transmit *transmit);

/* Whether the kernel has taken all that was submitted. */
bool transmit_is_taken(const struct transmit *transmit);

/* Tells the kernel that there is something to send. Returns false when it must be told again. */
bool transmit_wake(struct transmit *transmit);

/* The same, whether it asks for it or not: some drivers look after their queue only then. */
void transmit_nudge(struct transmit *transmit);

/* Takes completions and frees what belongs to finished units. Returns how many there were. */
uint32_t transmit_complete(struct transmit *transmit);

/* What is out of a ring (slots, buffers) and belongs to no unit, in its units. Walks all units. */
void transmit_missing(const struct transmit *transmit, uint32_t *slots, uint32_t *buffers);

#endif
