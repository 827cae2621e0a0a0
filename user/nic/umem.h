/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The memory of one worker, which its NIC queue has mapped: one UMEM with three regions.
 *
 *   0          rx_len                 + slots_len                 + buffers_len
 *   | receive frames | header slots or built frames | superpacket buffers |
 *
 *   region   unit                      where a unit can be, in this order
 *   frames   chunk (4 KiB)             free stack -> fill ring -> kernel -> receive ring -> engine
 *                                      (held or delivered) -> free stack
 *   slots    256 B, or a whole chunk   free -> written for a segment -> transmit ring -> kernel
 *            for built segments        -> last completion of its superpacket -> free
 *   buffers  bytes, 64-byte steps      free -> read into from the front end -> transmit ring ->
 *                                      kernel -> last completion of its superpacket -> free
 *
 * When the NIC finishes checksums (tx_checksum.h), there is room for a request in front of each header, built frame and
 * packet in the buffers; header slots are longer by that:
 *
 *   | unused ..... request, 24 B | header, frame or superpacket .......... |
 *    \_ xsk->tx_headroom, 64 B _/ ^ a packet's first descriptor points here
 *
 * Slots and buffers are taken and given back in the order of transmission, so each region is a ring with a head and a
 * tail (struct span_ring), from which a superpacket gets a contiguous piece. There are no free lists and no
 * fragmentation, and small packets take only what they need. Only the owning worker touches any of this.
 */
#ifndef SUPERPACKET_UMEM_H
#define SUPERPACKET_UMEM_H

#include "base/bytes.h"

#define UMEM_CHUNK_LEN 4096u

/* The room that the kernel leaves in front of a received frame (XDP_PACKET_HEADROOM). */
#define UMEM_RX_HEADROOM 256u

/* The most bytes of one superpacket of the front end: 64 KiB behind the link-layer header (14 bytes and VLAN tags),
 * rounded up to whole chunks. A read into a shorter buffer would cut it off without notice. */
#define UMEM_SUPERPACKET_ROOM (17u * UMEM_CHUNK_LEN)

/* A ring of bytes or slots that are taken, and given back, in order. */
struct span_ring {
	uint32_t size;
	uint32_t head; /* the next to be taken */
	uint32_t tail; /* the oldest in use */
	uint32_t used; /* in use, with skipped ends; 0 means empty */
};

/* A contiguous piece of a span_ring. skipped counts the units that were passed over at the ring's end. */
struct span {
	uint32_t off;
	uint32_t len;
	uint32_t skipped;
};

/* Finds len contiguous free units, without taking them. Returns false when there are none. */
bool span_reserve(const struct span_ring *ring, uint32_t len, struct span *span);

/* Takes the first len (1 ≤ len ≤ reserved) units of what span_reserve() found; sets span->len. */
void span_take(struct span_ring *ring, struct span *span, uint32_t len);

/* Gives back the oldest span in use. An empty ring starts again at 0. */
void span_give(struct span_ring *ring, const struct span *span);

/* The free receive frames, as a stack of their addresses. */
struct frame_stack {
	uint64_t *addrs;
	uint32_t cnt, capacity;
};

struct umem_config {
	uint32_t rx_frames;   /* chunks */
	uint32_t slots;       /* of slot_len bytes */
	uint32_t slot_len;    /* UMEM_CHUNK_LEN if segments are built whole; else the length of headers */
	uint32_t buffers_len; /* bytes, a multiple of UMEM_CHUNK_LEN, ≥ 2 * UMEM_SUPERPACKET_ROOM */
};

struct umem {
	uint8_t *area;
	uint64_t area_len;
	bool huge_pages;
	struct umem_config config;
	uint64_t slots_off, buffers_off; /* of the regions in the area */
	struct frame_stack frames;
	struct span_ring slots;   /* in units of slots */
	struct span_ring buffers; /* in bytes */
};

/* Maps the area (on 2 MiB huge pages if there are any, else on plain ones) and fills the stack. Returns 0 or -errno. */
int umem_open(struct umem *umem, const struct umem_config *config);
void umem_close(struct umem *umem);

/*
 * Divides the slots region anew, into at most `most` slots of slot_len bytes; config.slots has their number then. More
 * slots than can be in flight would only be colder in the cache. This is for the worker, which learns from xsk_open()
 * whether it sends header slots or built frames; the kernel does not know about slots. No slot may be in use.
 */
void umem_set_slots(struct umem *umem, uint32_t slot_len, uint32_t most);

static inline uint8_t *umem_data(const struct umem *umem, uint64_t addr)
{
	return umem->area + addr;
}

static inline uint64_t umem_slot_addr(const struct umem *umem, uint32_t slot)
{
	return umem->slots_off + (uint64_t)slot * umem->config.slot_len;
}

static inline uint64_t umem_buffer_addr(const struct umem *umem, uint32_t off)
{
	return umem->buffers_off + off;
}

static inline void frame_give(struct frame_stack *stack, uint64_t addr)
{
	stack->addrs[stack->cnt++] = addr;
}

static inline uint64_t frame_take(struct frame_stack *stack)
{
	return stack->addrs[--stack->cnt];
}

#endif
