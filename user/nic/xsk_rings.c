// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The kernel wants this order: memory, sizes of the rings, their offsets, mappings, bind. */
#include "nic/xsk_rings.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nic/uapi_compat.h"

enum { MAP_RX, MAP_TX, MAP_FILL, MAP_COMPLETION };

static int set(int fd, int option, const void *value, socklen_t len)
{
	return setsockopt(fd, SOL_XDP, option, value, len) < 0 ? -errno : 0;
}

/* Without room for requests, the struct has the length that older kernels know. They would take a longer one, too, but
 * ignore its end without a word. */
static int register_umem(int fd, const struct xsk_rings_config *config)
{
	const struct compat_xdp_umem_reg umem = {
		.addr = (uintptr_t)config->area,
		.len = config->area_len,
		.chunk_size = config->chunk_len,
		.flags = (config->unaligned ? XDP_UMEM_UNALIGNED_CHUNK_FLAG : 0) |
			 (config->tx_metadata_len ? XDP_UMEM_TX_METADATA_LEN : 0),
		.tx_metadata_len = config->tx_metadata_len,
	};

	return set(fd, XDP_UMEM_REG, &umem, config->tx_metadata_len ? sizeof(umem) : sizeof(struct xdp_umem_reg));
}

static int set_ring_sizes(int fd, uint32_t size)
{
	static const int rings[] = { XDP_RX_RING, XDP_TX_RING, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING };
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(rings); i++)
		err = set(fd, rings[i], &size, sizeof(size));
	return err;
}

/* Maps one ring; *base is where the mapping begins. */
static int map_ring(struct xsk_rings *rings, int which, const struct xdp_ring_offset *off, size_t entry_len,
		    uint32_t size, uint8_t **base)
{
	static const off_t pages[] = {
		[MAP_RX] = XDP_PGOFF_RX_RING,
		[MAP_TX] = XDP_PGOFF_TX_RING,
		[MAP_FILL] = XDP_UMEM_PGOFF_FILL_RING,
		[MAP_COMPLETION] = XDP_UMEM_PGOFF_COMPLETION_RING,
	};
	const size_t len = off->desc + size * entry_len;
	void *addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, rings->fd, pages[which]);

	if (addr == MAP_FAILED)
		return -errno;
	rings->maps[which] = (struct xsk_mapping){ addr, len };
	*base = addr;
	return 0;
}

static int map_producer(struct xsk_rings *rings, int which, const struct xdp_ring_offset *off, size_t entry_len,
			uint32_t size, struct xsk_ring_prod *ring)
{
	uint8_t *base = NULL;
	int err = map_ring(rings, which, off, entry_len, size, &base);

	if (err)
		return err;
	*ring = (struct xsk_ring_prod){
		.cached_cons = size, /* ahead of the consumer by the ring's size: see xsk_prod_nb_free() */
		.mask = size - 1,
		.size = size,
		.producer = (uint32_t *)(base + off->producer),
		.consumer = (uint32_t *)(base + off->consumer),
		.flags = (uint32_t *)(base + off->flags),
		.ring = base + off->desc,
	};
	return 0;
}

static int map_consumer(struct xsk_rings *rings, int which, const struct xdp_ring_offset *off, size_t entry_len,
			uint32_t size, struct xsk_ring_cons *ring)
{
	uint8_t *base = NULL;
	int err = map_ring(rings, which, off, entry_len, size, &base);

	if (err)
		return err;
	*ring = (struct xsk_ring_cons){
		.mask = size - 1,
		.size = size,
		.producer = (uint32_t *)(base + off->producer),
		.consumer = (uint32_t *)(base + off->consumer),
		.flags = (uint32_t *)(base + off->flags),
		.ring = base + off->desc,
	};
	return 0;
}

static int map_rings(struct xsk_rings *rings, const struct xsk_rings_config *config)
{
	const uint32_t size = config->ring_size;
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	int err;

	if (getsockopt(rings->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return -errno;
	if (len != sizeof(off))
		return -EOPNOTSUPP; /* before Linux 5.4: its rings have no flags */
	err = map_consumer(rings, MAP_RX, &off.rx, sizeof(struct xdp_desc), size, config->rx);
	if (!err)
		err = map_producer(rings, MAP_TX, &off.tx, sizeof(struct xdp_desc), size, config->tx);
	if (!err)
		err = map_producer(rings, MAP_FILL, &off.fr, sizeof(uint64_t), size, config->fill);
	if (!err)
		err = map_consumer(rings, MAP_COMPLETION, &off.cr, sizeof(uint64_t), size, config->completion);
	return err;
}

static int bind_to_queue(int fd, const struct xsk_rings_config *config)
{
	const struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = config->bind_flags,
		.sxdp_ifindex = config->ifindex,
		.sxdp_queue_id = config->queue,
	};

	return bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int xsk_rings_open(struct xsk_rings *rings, const struct xsk_rings_config *config)
{
	int err;

	*rings = (struct xsk_rings){ .fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0) };
	if (rings->fd < 0)
		return -errno;
	err = register_umem(rings->fd, config);
	if (!err)
		err = set_ring_sizes(rings->fd, config->ring_size);
	if (!err)
		err = map_rings(rings, config);
	if (!err)
		err = bind_to_queue(rings->fd, config);
	if (err)
		xsk_rings_close(rings);
	return err;
}

void xsk_rings_close(struct xsk_rings *rings)
{
	for (size_t i = 0; i < ARRAY_SIZE(rings->maps); i++)
		if (rings->maps[i].addr)
			munmap(rings->maps[i].addr, rings->maps[i].len);
	if (rings->fd >= 0)
		close(rings->fd);
	*rings = (struct xsk_rings){ .fd = -1 };
}
