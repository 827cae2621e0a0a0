// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* How large the parts of a worker's memory are, and what that comes to. */
#include "datapath/worker_internal.h"

/*
 * ring: One TCP connection has up to 3 MB on its way (tcp_rmem), which are 2100 full-sized packets, and they arrive at
 * once after a time in which this thread did not run. Half of this size lost hundreds of packets a gigabyte on a busy
 * machine, this size loses none.
 *
 * slots: at two descriptors each half a transmit ring, 16 superpackets of 64 KiB. More slots would only be colder: a
 * header costs 24 instead of 10 ns in a ring of 16384.
 *
 * buffers: 64 superpackets, or 65,536 packets of one cache line.
 */
const struct worker_sizes worker_sizes_full = { .ring = 4096, .held = 4096, .slots = 1024, .buffers = 64 };

struct umem_config worker_umem_config(const struct worker_sizes *sizes)
{
	return (struct umem_config){
		.rx_frames = worker_rx_frames(sizes),
		.slots = sizes->slots,
		.slot_len = UMEM_CHUNK_LEN, /* the larger of the two lengths; see open_socket() in worker_open.c */
		.buffers_len = sizes->buffers * UMEM_SUPERPACKET_ROOM,
	};
}

/* Each superpacket has a packet at least, so there are no more of these. */
struct gro_config worker_engine_config(const struct worker_sizes *sizes, const struct gro_config *gro)
{
	struct gro_config config = *gro;

	config.packets = sizes->held;
	config.headroom = UMEM_RX_HEADROOM;
	if (config.flows > sizes->held)
		config.flows = sizes->held;
	return config;
}

/* Descriptors of 16 bytes in two rings, addresses of 8 in the other two. */
#define KERNEL_RING_ENTRY (2u * 16 + 2 * 8)
/* struct xdp_buff_xsk, and pointers to it, to its page and to its DMA address (net/xdp/xsk_buff_pool.c). */
#define KERNEL_CHUNK (120u + 3 * 8)

uint64_t worker_memory(const struct worker_sizes *sizes, const struct gro_config *gro, uint64_t *kernel)
{
	const struct umem_config umem = worker_umem_config(sizes);
	const struct gro_config engine = worker_engine_config(sizes, gro);
	const uint64_t chunks = umem.rx_frames + umem.slots + umem.buffers_len / UMEM_CHUNK_LEN;

	*kernel = (uint64_t)sizes->ring * KERNEL_RING_ENTRY + chunks * KERNEL_CHUNK;
	return chunks * UMEM_CHUNK_LEN + gro_memory_size(&engine) + *kernel;
}
