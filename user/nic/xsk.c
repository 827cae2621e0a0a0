// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The mode in force is what the kernel reports back. XDP_USE_SG without XDP_COPY or XDP_ZEROCOPY would bind in
 * copy mode without a word where a zero-copy driver has no multi-buffer, so every bind names its mode.
 */
#include "nic/xsk.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

#include "nic/uapi_compat.h"

static int open_rings(struct xsk *xsk, const struct xsk_config *config, uint16_t bind_flags)
{
	const struct xsk_rings_config rings = {
		.area = xsk->umem->area,
		.area_len = xsk->umem->area_len,
		.chunk_len = UMEM_CHUNK_LEN,
		.unaligned = xsk->unaligned,
		.tx_metadata_len = xsk->tx_headroom ? TX_CHECKSUM_METADATA_LEN : 0,
		.ring_size = xsk->ring_size,
		.ifindex = config->ifindex ? config->ifindex : if_nametoindex(config->interface),
		.queue = config->queue,
		.bind_flags = bind_flags | XDP_USE_NEED_WAKEUP,
		.fill = &xsk->fill,
		.completion = &xsk->completion,
		.rx = &xsk->rx,
		.tx = &xsk->tx,
	};
	const int err = rings.ifindex ? xsk_rings_open(&xsk->rings, &rings) : -ENODEV;

	xsk->fd = err ? -1 : xsk->rings.fd;
	return err;
}

/* Whether to leave room for checksum requests to the NIC. Where they were refused once, no room is left. */
static bool leave_room(struct xsk *xsk, const struct xsk_config *config, const struct modes_parts *parts)
{
	return config->tx_checksum && !(config->again && !config->again->tx_checksum) &&
	       tx_checksum_offered(config->tx_checksum, parts->zerocopy, parts->sg && !xsk->unaligned,
				   xsk->choice.tx_checksum_why);
}

/* -EINVAL has many reasons. Room for requests is given up first, because nothing else is lost by that. */
static int open_rings_with_or_without_room(struct xsk *xsk, const struct xsk_config *config, uint16_t bind_flags)
{
	int err = open_rings(xsk, config, bind_flags);

	if (err != -EINVAL || !xsk->tx_headroom)
		return err;
	xsk->tx_headroom = 0;
	snprintf(xsk->choice.tx_checksum_why, TX_CHECKSUM_WHY_LEN,
		 "this kernel takes no requests from AF_XDP (Linux 6.11 does)");
	return open_rings(xsk, config, bind_flags);
}

static uint16_t bind_flags(const struct modes_parts *parts)
{
	return (parts->zerocopy ? XDP_ZEROCOPY : XDP_COPY) | (parts->sg ? XDP_USE_SG : 0);
}

static int read_mode(struct xsk *xsk)
{
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);

	if (getsockopt(xsk->fd, SOL_XDP, XDP_OPTIONS, &options, &len) < 0)
		return -errno;
	xsk->zerocopy = options.flags & XDP_OPTIONS_ZEROCOPY;
	return 0;
}

int xsk_bind(struct xsk *xsk, const struct xsk_config *config, struct umem *umem, enum modes_variant variant,
	     bool unaligned)
{
	const struct modes_parts *parts = &modes_parts[variant];
	int err;

	*xsk = (struct xsk){
		.fd = -1,
		.rings = { .fd = -1 }, /* not 0, which belongs to somebody else */
		.umem = umem,
		.ring_size = config->ring_size,
		.choice = { .variant = variant, .unaligned = unaligned },
		.slices = parts->slices,
		.multibuffer = parts->sg,
		.chain_max = !parts->sg      ? 1 :
			     parts->zerocopy ? config->plan->zc_chain_max :
					       XSK_CHAIN_MAX,
		.unaligned = unaligned,
	};
	if (leave_room(xsk, config, parts))
		xsk->tx_headroom = TX_CHECKSUM_HEADROOM;
	err = open_rings_with_or_without_room(xsk, config, bind_flags(parts));
	if (err)
		return err;
	err = read_mode(xsk);
	if (err)
		xsk_close(xsk);
	return err;
}

void xsk_close(struct xsk *xsk)
{
	xsk_rings_close(&xsk->rings);
	*xsk = (struct xsk){ .fd = -1, .rings = { .fd = -1 } };
}

int xsk_wake_tx(struct xsk *xsk)
{
	if (!xsk_ring_prod__needs_wakeup(&xsk->tx))
		return 0;
	return sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? -errno : 0;
}

void xsk_nudge(struct xsk *xsk)
{
	(void)sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	(void)recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

void xsk_refill(struct xsk *xsk)
{
	struct frame_stack *frames = &xsk->umem->frames;
	const uint32_t room = xsk_prod_nb_free(&xsk->fill, frames->cnt);
	const uint32_t cnt = room < frames->cnt ? room : frames->cnt;
	uint32_t idx;

	if (cnt == 0 || xsk_ring_prod__reserve(&xsk->fill, cnt, &idx) != cnt)
		return;
	for (uint32_t i = 0; i < cnt; i++)
		*xsk_ring_prod__fill_addr(&xsk->fill, idx + i) = frame_take(frames);
	xsk_ring_prod__submit(&xsk->fill, cnt);
	/* A driver in zero copy that has found the ring empty waits to be told. */
	if (xsk_ring_prod__needs_wakeup(&xsk->fill))
		(void)recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

int xsk_statistics(const struct xsk *xsk, struct xdp_statistics *stats)
{
	socklen_t len = sizeof(*stats);

	*stats = (struct xdp_statistics){ 0 };
	return getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, stats, &len) < 0 ? -errno : 0;
}
