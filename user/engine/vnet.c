// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The virtio header is 24 bytes from an untrusted side. vnet_read() copies its meaning into a request, and
 * checks every value before it is used.
 */
#include <linux/if_ether.h>

#include "parse.h"
#include "vnet.h"

#define TUNNEL_BITS (VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6)

/* The kernel's own mark for lists of unequal segments (GSO_BY_FRAGS); never a size. */
#define SIZE_BY_FRAGS 0xffffu

/* V8: the header is little-endian, and so is the host (bytes.h asserts it). */
static inline uint16_t read_le16(const void *p)
{
	return load_u16(p);
}

static inline void write_le16(void *p, uint16_t v)
{
	store_u16(p, v);
}

/* V5: the sum begins behind the shortest network header, and its field lies within the packet. */
static bool csum_valid(const struct gso_request *request, uint32_t len)
{
	return request->csum_start >= ETH_HLEN + IPV4_MIN_LEN &&
	       (uint32_t)request->csum_start + request->csum_offset + 2 <= len;
}

/* The ECN bit announces that CWR may be set. S3 handles CWR in any case, so the bit is dropped. */
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
	case VIRTIO_NET_HDR_GSO_UDP_L4: /* V3: UDP has no ECN bit */
		*type = GSO_UDP;
		return true;
	default: /* UFO, which is never offered; ECN without a type */
		return false;
	}
}

/* V3. UDP needs a checksum to complete, and has no more segments than Linux makes. They are counted from
 * csum_start, where the UDP header should be. */
static bool superpacket_valid(const struct gso_request *request, uint32_t len)
{
	uint32_t headers = request->csum_start + UDP_LEN;

	if (request->size == 0 || request->size == SIZE_BY_FRAGS) /* V1 */
		return false;
	if (request->type != GSO_UDP)
		return !request->needs_csum || request->csum_offset == TCP_CSUM_OFFSET;
	return request->needs_csum && request->csum_offset == UDP_CSUM_OFFSET &&
	       (len <= headers || (len - headers) <= (uint64_t)request->size * GSO_UDP_SEGMENTS_MAX);
}

/*
 * V8, and V5 at all levels: outer IP, UDP, the tunnel's header, inner IP and the L4 header follow each
 * other, with room for the shortest of each. A tunnel always carries a superpacket with an unfinished
 * checksum.
 */
static bool read_tunnel(const struct vnet_header *hdr, struct gso_request *request)
{
	uint8_t bits = hdr->gso_type & TUNNEL_BITS;
	uint32_t outer_ip_len, inner_ip_len;

	if (bits == TUNNEL_BITS || request->type == GSO_NONE || !request->needs_csum)
		return false;
	request->outer_udp = true;
	request->outer_version = bits == VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 ? 4 : 6;
	request->outer_csum = hdr->flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	request->outer_l4_off = read_le16(&hdr->outer_th_offset);
	request->inner_l3_off = read_le16(&hdr->inner_nh_offset);
	outer_ip_len = request->outer_version == 4 ? IPV4_MIN_LEN : IPV6_LEN;
	inner_ip_len = request->type == GSO_TCPV6 ? IPV6_LEN : IPV4_MIN_LEN;
	return request->outer_l4_off >= ETH_HLEN + outer_ip_len &&
	       request->inner_l3_off >= request->outer_l4_off + UDP_LEN &&
	       request->csum_start >= request->inner_l3_off + inner_ip_len;
}

bool vnet_read(const struct vnet_header *hdr, uint32_t len, struct gso_request *request)
{
	*request = (struct gso_request){
		.needs_csum = hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.size = read_le16(&hdr->gso_size),
		.csum_start = read_le16(&hdr->csum_start),
		.csum_offset = read_le16(&hdr->csum_offset),
	};
	if (!read_type(hdr->gso_type & ~TUNNEL_BITS, &request->type))
		return false;
	if (request->needs_csum && !csum_valid(request, len))
		return false;
	if (hdr->gso_type & TUNNEL_BITS && !read_tunnel(hdr, request))
		return false;
	return request->type == GSO_NONE || superpacket_valid(request, len);
}

void vnet_correct_tunnel(struct gso_request *request, const uint8_t *data, uint32_t len)
{
	struct packet_view outer;

	if (likely(!request->outer_udp))
		return;
	parse_packet(data, len, len, &outer);
	if (outer.class == PARSE_UDP && outer.l3_off > ETH_HLEN &&
	    outer.l4_off == request->outer_l4_off + VLAN_TAG_LEN) {
		request->outer_l4_off += VLAN_TAG_LEN;
		request->inner_l3_off += VLAN_TAG_LEN;
	}
}

static void write_tunnel(struct vnet_header *hdr, const struct gso_request *request)
{
	hdr->gso_type |= request->outer_version == 4 ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 :
						       VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6;
	if (request->outer_csum)
		hdr->flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	write_le16(&hdr->outer_th_offset, request->outer_l4_off);
	write_le16(&hdr->inner_nh_offset, request->inner_l3_off);
}

void vnet_write(struct vnet_header *hdr, const struct gso_request *request)
{
	static const uint8_t types[] = {
		[GSO_TCPV4] = VIRTIO_NET_HDR_GSO_TCPV4,
		[GSO_TCPV6] = VIRTIO_NET_HDR_GSO_TCPV6,
		[GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
	};

	memset(hdr, 0, sizeof *hdr);
	if (request->needs_csum) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		write_le16(&hdr->csum_start, request->csum_start);
		write_le16(&hdr->csum_offset, request->csum_offset);
	}
	if (request->type == GSO_NONE)
		return;
	hdr->gso_type = types[request->type];
	write_le16(&hdr->gso_size, request->size);
	/* A TAP puts this many bytes into the skb's head and the rest into pages. Without it, all 64 KB
	 * become one linear allocation (tun_alloc_skb()), and the write is 2 % slower. */
	write_le16(&hdr->hdr_len, request->hdr_len);
	if (request->outer_udp)
		write_tunnel(hdr, request);
}
