// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * superpacket replay cut: TCP and UDP packets with more payload than the MSS become segments, as the engine cuts
 * superpackets of the stack. Captures on a sender contain such packets.
 *
 * The checksums of segments are computed from scratch, so the one in the capture is not needed. This would make
 * a damaged packet look intact, so packets whose checksum is neither right nor unfinished are counted and
 * reported.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/checksum.h"
#include "engine/parse.h"
#include "replay/files.h"
#include "replay/report.h"

struct cut {
	struct replay_files files;
	struct sp_gso gso;
	uint8_t packet[CAPTURE_PACKET_MAX];
	uint8_t slot[SP_GSO_SLOT_LEN];
	uint64_t cnt, bytes, cut, segments, not_cuttable, truncated, checksum_errors;
};

static void write_line(struct cut *cut, uint64_t out, const char *type, uint32_t size, uint32_t segs, uint32_t segment)
{
	if (cut->files.json)
		fprintf(cut->files.json,
			"{\"out\":%llu,\"in\":[%llu],\"gso_type\":\"%s\",\"gso_size\":%u,\"segs\":%u,"
			"\"segment\":%u}\n",
			(unsigned long long)out, (unsigned long long)cut->files.reader.cnt - 1, type, size, segs,
			segment);
}

static void pass(struct cut *cut, const struct capture_packet *packet)
{
	const struct iovec whole = { (void *)packet->data, packet->captured_len };
	uint64_t out = files_write(&cut->files, packet->time_ns, &whole, 1, packet->captured_len, packet->len, NULL);

	write_line(cut, out, "none", 0, 1, 0);
}

/*
 * Recognises TCP behind a jumbo payload option (RFC 2675), that is BIG TCP as `merge --max-bytes` writes it.
 * parse_packet() stops at a payload length of 0.
 *
 *      | Eth VLAN | IPv6, length 0, next 0 | next: TCP, 0, 0xc2, 4, length (32 bits) | TCP | payload
 *                                            \_ the length counts from here
 */
static void parse_jumbo(const struct capture_packet *packet, struct packet_view *view)
{
	const uint8_t *ip = packet->data + view->l3_off, *hop = ip + IPV6_LEN;
	uint32_t l4_off = view->l3_off + IPV6_LEN + JUMBO_LEN, tcp_len, end;

	if (view->ip_version != 6 || view->obstacle != PARSE_IP_LENGTH || l4_off + TCP_MIN_LEN > packet->len ||
	    load_u16(ip + 4) != 0 || ip[6] != 0 || hop[0] != TCP_PROTOCOL || hop[1] != 0 || hop[2] != JUMBO_OPTION ||
	    hop[3] != 4)
		return;
	tcp_len = (packet->data[l4_off + 12] >> 4) * 4u;
	end = load_be32(hop + 4);
	if (end > packet->len - view->l3_off - IPV6_LEN)
		return;
	end += view->l3_off + IPV6_LEN;
	if (tcp_len < TCP_MIN_LEN || l4_off + tcp_len > end)
		return;
	view->class = PARSE_TCP;
	view->obstacle = PARSE_CLEAR;
	view->protocol = TCP_PROTOCOL;
	view->l4_off = (uint16_t)l4_off;
	view->payload_off = (uint16_t)(l4_off + tcp_len);
	view->payload_len = end - view->payload_off;
}

/* Views the packet that is to be cut: in a tunnel the inner one. */
static void parse_innermost(const struct capture_packet *packet, struct packet_view *view)
{
	const struct parse_tunnels all = {
		.enter = PARSE_TUNNEL_BIT(PARSE_VXLAN) | PARSE_TUNNEL_BIT(PARSE_GENEVE) | PARSE_TUNNEL_BIT(PARSE_GRE) |
			 PARSE_TUNNEL_BIT(PARSE_IPIP),
		.vxlan_port = VXLAN_PORT,
		.geneve_port = GENEVE_PORT,
	};

	parse_packet(packet->data, packet->captured_len, packet->captured_len, view);
	if (!parse_inner(packet->data, packet->captured_len, packet->captured_len, &all, view))
		parse_jumbo(packet, view);
}

static bool can_be_cut(const struct packet_view *view)
{
	return (view->class == PARSE_TCP || view->class == PARSE_UDP) &&
	       (view->obstacle == PARSE_CLEAR || view->obstacle == PARSE_IP_OPTIONS);
}

static uint32_t pseudo_sum(const struct packet_view *view, const uint8_t *packet)
{
	uint32_t l4_len = view->payload_off - view->l4_off + view->payload_len;

	return checksum_pseudo(packet + view->l3_off, view->ip_version, view->protocol, l4_len);
}

static struct sp_gso_request request_of(const struct packet_view *view, uint32_t mss)
{
	return (struct sp_gso_request){
		.type = view->class == PARSE_UDP ? SP_GSO_UDP :
			view->ip_version == 4    ? SP_GSO_TCPV4 :
						   SP_GSO_TCPV6,
		.needs_csum = true,
		.size = (uint16_t)mss,
		.csum_start = view->l4_off,
		.csum_offset = view->class == PARSE_UDP ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET,
		.hdr_len = view->payload_off,
		.inner_l3_off = view->tunnel == PARSE_NO_TUNNEL ? 0 : view->l3_off,
		.outer_l4_off = view->tunnel == PARSE_NO_TUNNEL ? 0 : view->outer_l4_off,
		.outer_version = view->outer_version,
	};
}

/* Whether the checksum is neither right, nor absent (UDP), nor left to the NIC. */
static bool has_wrong_checksum(const struct packet_view *view, const uint8_t *packet, uint32_t pseudo)
{
	const uint8_t *l4 = packet + view->l4_off;
	uint32_t l4_len = view->payload_off - view->l4_off + view->payload_len;
	uint16_t field = load_u16(l4 + (view->class == PARSE_UDP ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET));

	if (field == checksum_fold_partial(pseudo) || (view->class == PARSE_UDP && !field))
		return false;
	return checksum_fold(checksum_add(l4, l4_len, pseudo)) != 0;
}

/* Cuts a copy of the packet whose checksum is marked as unfinished. Returns false if the engine refuses it. */
static bool cut_packet(struct cut *cut, const struct capture_packet *packet, const struct packet_view *view,
		       uint32_t mss)
{
	struct sp_gso_request request = request_of(view, mss);
	uint32_t pseudo = pseudo_sum(view, packet->data), header_len, segment = 0;
	uint32_t segs = (view->payload_len + mss - 1) / mss;
	struct iovec slices[1 + SP_GSO_SLICES_MAX];
	int cnt;

	memcpy(cut->packet, packet->data, packet->captured_len);
	store_u16(cut->packet + request.csum_start + request.csum_offset, checksum_fold_partial(pseudo));
	if (sp_gso_open(&cut->gso, &request, cut->packet, packet->len, packet->len, UINT32_MAX, SP_GSO_CHECKSUM_FULL) !=
	    SP_GSO_CUT)
		return false;
	cut->cut++;
	cut->checksum_errors += has_wrong_checksum(view, packet->data, pseudo);
	while ((cnt = sp_gso_next(&cut->gso, cut->slot, &header_len, slices + 1, SP_GSO_SLICES_MAX)) > 0) {
		uint32_t len = header_len;
		uint64_t out;

		slices[0] = (struct iovec){ cut->slot, header_len };
		for (int i = 1; i <= cnt; i++)
			len += (uint32_t)slices[i].iov_len;
		out = files_write(&cut->files, packet->time_ns, slices, 1 + (uint32_t)cnt, len, len, NULL);
		write_line(cut, out,
			   view->class == PARSE_UDP ? "udp" :
			   view->ip_version == 4    ? "tcpv4" :
						      "tcpv6",
			   mss, segs, segment++);
	}
	cut->segments += segment;
	return true;
}

static void cut_or_pass(struct cut *cut, const struct capture_packet *packet)
{
	uint32_t mss = cut->files.options->mss;
	struct packet_view view;

	cut->cnt++;
	cut->bytes += packet->len;
	if (packet->captured_len < packet->len) {
		cut->truncated++;
		pass(cut, packet);
		return;
	}
	parse_innermost(packet, &view);
	if (can_be_cut(&view) && view.payload_len <= mss) {
		pass(cut, packet);
	} else if (!can_be_cut(&view) || !cut_packet(cut, packet, &view, mss)) {
		cut->not_cuttable += packet->len - view.l3_off > mss;
		pass(cut, packet);
	}
}

static json_t *report(const struct cut *cut)
{
	json_t *made = report_new(&cut->files, cut->cnt, cut->bytes);

	json_object_set_new(made, "mss", json_integer(cut->files.options->mss));
	json_object_set_new(made, "cut_packets", json_integer((json_int_t)cut->cut));
	json_object_set_new(made, "segments", json_integer((json_int_t)cut->segments));
	json_object_set_new(made, "uncut", json_integer((json_int_t)(cut->cnt - cut->cut)));
	json_object_set_new(made, "not_cuttable", json_integer((json_int_t)cut->not_cuttable));
	json_object_set_new(made, "cut_off", json_integer((json_int_t)cut->truncated));
	json_object_set_new(made, "checksum_errors", json_integer((json_int_t)cut->checksum_errors));
	return made;
}

enum exit_code replay_cut(const struct replay_options *options)
{
	struct cut *cut = aligned_alloc(_Alignof(struct cut), sizeof *cut);
	struct capture_packet packet;
	enum exit_code code;
	json_t *made;

	if (!cut)
		return say_error(options->say, EXIT_FAILED, "no memory");
	memset(cut, 0, sizeof *cut);
	code = files_open(&cut->files, options);
	if (code == EXIT_OK) {
		while (files_next(&cut->files, &packet))
			cut_or_pass(cut, &packet);
		made = report(cut);
		code = files_close(&cut->files);
		report_show(options, made);
	}
	free(cut);
	return code;
}
