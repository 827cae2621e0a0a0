// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The virtio header is 12 bytes that somebody else wrote. vnet_read() copies what it means into a
 * request, and each value is judged before anything is done with it.
 */
#include <linux/if_ether.h>

#include "vnet.h"

#define IPV4_MIN_LEN 20u

/* The kernel's own mark for lists of unequal segments (GSO_BY_FRAGS); never a size. */
#define SIZE_BY_FRAGS 0xffffu

/* Wire order is the host's (bytes.h insists on it), so a load is all it takes (V8). */
static inline uint16_t read_le16(const void *p)
{
	return load_u16(p);
}

static inline void write_le16(void *p, uint16_t v)
{
	store_u16(p, v);
}

/* V5: a sum cannot begin before the shortest network header ends, nor go beyond the packet. */
static bool csum_valid(const struct gso_request *request, uint32_t len)
{
	return request->csum_start >= ETH_HLEN + IPV4_MIN_LEN &&
	       (uint32_t)request->csum_start + request->csum_offset + 2 <= len;
}

/* The ECN bit says that CWR may be set, which S3 minds in any case. It is no type of its own. */
static bool read_type(uint8_t gso_type, uint8_t *type)
{
	switch (gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		*type = GSO_NONE;
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN:
		*type = GSO_TCPV4;
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN:
		*type = GSO_TCPV6;
		return true;
	default: /* UFO, USO and tunnels were not offered; ECN alone means nothing */
		return false;
	}
}

bool vnet_read(const struct vnet_header *hdr, uint32_t len, struct gso_request *request)
{
	*request = (struct gso_request){
		.needs_csum = hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.size = read_le16(&hdr->gso_size),
		.csum_start = read_le16(&hdr->csum_start),
		.csum_offset = read_le16(&hdr->csum_offset),
	};
	if (!read_type(hdr->gso_type, &request->type))
		return false;
	if (request->needs_csum && !csum_valid(request, len))
		return false;
	if (request->type == GSO_NONE)
		return true;
	if (request->size == 0 || request->size == SIZE_BY_FRAGS) /* V1 */
		return false;
	return !request->needs_csum || request->csum_offset == TCP_CSUM_OFFSET; /* V3 */
}

void vnet_write(struct vnet_header *hdr, const struct gso_request *request)
{
	memset(hdr, 0, sizeof *hdr);
	if (request->needs_csum) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		write_le16(&hdr->csum_start, request->csum_start);
		write_le16(&hdr->csum_offset, request->csum_offset);
	}
	if (request->type == GSO_NONE)
		return;
	hdr->gso_type = request->type == GSO_TCPV4 ? VIRTIO_NET_HDR_GSO_TCPV4
						   : VIRTIO_NET_HDR_GSO_TCPV6;
	write_le16(&hdr->gso_size, request->size);
	/* A TAP puts this much into the skb's head and the rest into pages; without it, all 64 KB
	 * become one linear allocation (tun_alloc_skb()), 2 % slower to write. */
	write_le16(&hdr->hdr_len, request->hdr_len);
}
