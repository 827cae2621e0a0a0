// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Most superpackets are parsed where they are. Two kinds have no valid IP length: jumbograms, and
 * superpackets whose end is still on its way. Their headers are copied, the length fields are patched to
 * match the copy, and the copy is parsed like a packet.
 */
#include <linux/in6.h>

#include "gso_head.h"

/* S7: GRE fields that segments can share, all of them before the packet inside. */
static bool gre_agrees(const uint8_t *gre, uint32_t len)
{
	uint32_t header_len = parse_gre_len(gre);

	return header_len && header_len <= len;
}

/* S7: the bytes between the outer L4 header and the packet inside can be a tunnel's header. All known
 * tunnel headers have an even length, which the sums rely on. */
static bool tunnel_agrees(const uint8_t *data, const struct packet_view *view)
{
	uint32_t len = (uint32_t)view->l3_off - view->outer_l4_off;

	if (view->tunnel == PARSE_IPIP)
		return true;
	if (view->tunnel == PARSE_GRE)
		return len % 2 == 0 && len >= GRE_MIN_LEN && gre_agrees(data + view->outer_l4_off, len);
	return len % 2 == 0 && len >= UDP_LEN;
}

bool gso_head_view(const struct gso_request *request, const uint8_t *data, uint32_t linear_len, uint32_t len,
		   struct packet_view *view)
{
	parse_packet(data, linear_len, len, view);
	if (!request->inner_l3_off)
		return true;
	return parse_inner_at(data, linear_len, len, request->inner_l3_off, view) && tunnel_agrees(data, view);
}

/* Sets the length field of the IP header at off, so that the packet ends at len. */
static void end_ip_at(uint8_t *data, uint32_t off, uint32_t len)
{
	if (off + IPV4_MIN_LEN <= len && data[off] >> 4 == 4)
		store_be16(data + off + 2, (uint16_t)(len - off));
	else if (off + IPV6_LEN <= len)
		store_be16(data + off + 4, (uint16_t)(len - off - IPV6_LEN));
}

/* The same for a UDP header, if there is one with another length. Returns whether it has changed it: then
 * the packet must be parsed again. */
static bool end_udp_at(uint8_t *data, uint32_t off, uint32_t len, const struct packet_view *view)
{
	if (view->protocol != UDP_PROTOCOL || view->class != PARSE_PORTS || off + UDP_LEN > len)
		return false;
	store_be16(data + off + 4, (uint16_t)(len - off));
	return true;
}

/* Patches the length fields of a copy of headers to match the copy, and parses it. */
static bool parse_copy(const struct gso_request *request, uint8_t *copy, uint32_t len, struct packet_view *view)
{
	uint32_t l3_off = parse_link_len(copy, len);

	if (!l3_off)
		return false;
	end_ip_at(copy, l3_off, len);
	if (request->inner_l3_off)
		end_ip_at(copy, request->inner_l3_off, len);
	parse_packet(copy, len, len, view);
	end_udp_at(copy, view->l4_off, len, view);
	if (!gso_head_view(request, copy, len, len, view))
		return false;
	return !end_udp_at(copy, view->l4_off, len, view) || gso_head_view(request, copy, len, len, view);
}

/* R2: a jumbogram (RFC 2675) in the form in which Linux makes BIG TCP. */
static bool is_jumbo(const uint8_t *data, uint32_t l3_off, uint32_t linear_len)
{
	const uint8_t *l3 = data + l3_off, *hop = l3 + IPV6_LEN;

	return l3_off && l3_off + IPV6_LEN + JUMBO_LEN <= linear_len && load_be16(l3 - 2) == 0x86dd &&
	       l3[0] >> 4 == 6 && load_u16(l3 + 4) == 0 && l3[6] == IPPROTO_HOPOPTS && hop[0] == TCP_PROTOCOL &&
	       hop[1] == 0 && hop[2] == 0xc2 && hop[3] == 4;
}

/* Copies the headers without the jumbo header, and takes the superpacket's length from that header. */
static bool read_jumbo(struct gso_head *head, const struct gso_request *request, const uint8_t *data, uint32_t l3_off,
		       uint32_t linear_len, uint32_t len)
{
	uint32_t hop_off = l3_off + IPV6_LEN, jumbo_len = load_be32(data + hop_off + 4), copy_len;

	if (request->inner_l3_off || hop_off > HEADER_SLOT_LEN)
		return false;
	copy_len = linear_len - JUMBO_LEN;
	if (copy_len > sizeof head->copy)
		copy_len = sizeof head->copy;
	memcpy(head->copy, data, hop_off);
	memcpy(head->copy + hop_off, data + hop_off + JUMBO_LEN, copy_len - hop_off);
	head->copy[l3_off + 6] = TCP_PROTOCOL;
	head->data = head->copy;
	if (!parse_copy(request, head->copy, copy_len, &head->view))
		return false;
	head->payload_off = head->view.payload_off + JUMBO_LEN;
	head->payload_len = GSO_UNKNOWN;
	if (len == GSO_UNKNOWN)
		return true;
	/* RFC 2675 section 3: a jumbo length that fits 16 bits is an error. */
	if (jumbo_len <= UINT16_MAX || jumbo_len > len - hop_off || hop_off + jumbo_len < head->payload_off)
		return false;
	head->payload_len = hop_off + jumbo_len - head->payload_off;
	head->view.payload_len = head->payload_len;
	return true;
}

/* The headers of a superpacket of unknown length. */
static bool read_unknown_len(struct gso_head *head, const struct gso_request *request, const uint8_t *data,
			     uint32_t linear_len)
{
	uint32_t len = linear_len < sizeof head->copy ? linear_len : (uint32_t)sizeof head->copy;

	memcpy(head->copy, data, len);
	head->data = head->copy;
	if (!parse_copy(request, head->copy, len, &head->view))
		return false;
	head->payload_off = head->view.payload_off;
	head->payload_len = GSO_UNKNOWN;
	return true;
}

static bool read_plain(struct gso_head *head, const struct gso_request *request, const uint8_t *data,
		       uint32_t linear_len, uint32_t len)
{
	head->data = data;
	if (!gso_head_view(request, data, linear_len, len, &head->view))
		return false;
	head->payload_off = head->view.payload_off;
	head->payload_len = head->view.payload_len;
	return true;
}

/* V3, V5: the request's checksum fields point to the checksum of the L4 header. */
static bool csum_agrees(const struct gso_request *request, const struct gso_head *head)
{
	uint32_t l4_off = head->view.l4_off + (head->payload_off - head->view.payload_off);

	if (request->type == GSO_UDP)
		return request->needs_csum && request->csum_start == l4_off && /* S6 */
		       request->csum_offset == UDP_CSUM_OFFSET;
	return !request->needs_csum || (request->csum_start == l4_off && request->csum_offset == TCP_CSUM_OFFSET);
}

/* S6: no more datagrams than the kernel cuts from one superpacket. */
static bool count_agrees(const struct gso_request *request, const struct gso_head *head)
{
	return request->type != GSO_UDP || head->payload_len == GSO_UNKNOWN ||
	       head->payload_len <= (uint32_t)request->size * GSO_UDP_SEGMENTS_MAX;
}

/* S1, V4: TCP or UDP over the IP version of the request's type. IPv4 options are allowed (S2); bytes in
 * the tunnel behind the packet inside are not (S10). */
static bool type_agrees(const struct gso_request *request, const struct packet_view *view)
{
	if (view->obstacle != PARSE_CLEAR && view->obstacle != PARSE_IP_OPTIONS)
		return false;
	switch (request->type) {
	case GSO_TCPV4:
		return view->class == PARSE_TCP && view->ip_version == 4;
	case GSO_TCPV6:
		return view->class == PARSE_TCP && view->ip_version == 6;
	case GSO_UDP:
		return view->class == PARSE_UDP;
	default:
		return false;
	}
}

bool gso_head_read(struct gso_head *head, const struct gso_request *request, const uint8_t *data, uint32_t linear_len,
		   uint32_t len)
{
	bool read = len != GSO_UNKNOWN && read_plain(head, request, data, linear_len, len);

	if (unlikely(!read || !type_agrees(request, &head->view))) {
		uint32_t l3_off = parse_link_len(data, linear_len);

		if (is_jumbo(data, l3_off, linear_len))
			read = read_jumbo(head, request, data, l3_off, linear_len, len);
		else
			read = len == GSO_UNKNOWN && read_unknown_len(head, request, data, linear_len);
	}
	return read && request->size != 0 && type_agrees(request, &head->view) && /* V1 */
	       csum_agrees(request, head) && count_agrees(request, head) && head->view.payload_off <= HEADER_SLOT_LEN &&
	       head->payload_off <= linear_len;
}
