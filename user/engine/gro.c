// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly.
 *
 * Each packet takes one straight way through offer(): parse; is it a candidate at all
 * (R1-R9)? whose flow is it (R10)? does it append to what that flow holds (R11-R16)?
 * Whatever the answer, the packet is then in one of two lists of segments: that of a held
 * superpacket, or that of a delivery of its own. A packet that cannot append first flushes
 * what it must not overtake: its flow's superpacket (D1), or, where its ports cannot be
 * trusted, those of all flows between its two hosts (D2).
 *
 * Appending is cheap: a few comparisons with the first header, and a link. The first header
 * is rewritten once, at completion (D7); what is overwritten is kept, so that a
 * superpacket that nobody wants can be taken apart again without loss (V9).
 */
#include <errno.h>

#include "checksum.h"
#include "gro.h"

#define TCP_PROTOCOL 6
#define UDP_PROTOCOL 17

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_URG 0x20u
#define TCP_CWR 0x80u

#define IPV4_DF 0x4000u

/* Deliveries that may wait for gro_next() beside all the superpackets that are held. */
#define READY_MAX 512u

/* How the IPv4 ID moves from packet to packet; the second one decides (R12). */
enum id_mode { ID_UNDECIDED, ID_INCREMENTING, ID_FIXED };

const char *const gro_reason_names[GRO_REASON_CNT] = {
	[GRO_COUNT] = "count",
	[GRO_BYTES] = "bytes",
	[GRO_AGE] = "age",
	[GRO_BURST_END] = "burst_end",
	[GRO_OUT_OF_SEQUENCE] = "out_of_sequence",
	[GRO_NO_DATA] = "no_data",
	[GRO_FLAGS] = "flags",
	[GRO_PUSH_FIN] = "push_fin",
	[GRO_SHORT] = "short",
	[GRO_LARGER] = "larger",
	[GRO_HEADER] = "header",
	[GRO_CHECKSUM] = "checksum",
	[GRO_FRAGMENT] = "fragment",
	[GRO_IP_OPTIONS] = "ip_options",
	[GRO_TABLE_FULL] = "table_full",
	[GRO_RECONFIGURE] = "reconfigure",
	[GRO_SHUTDOWN] = "shutdown",
	[GRO_NOT_SERVED] = "not_served",
};

/* What offer() knows of the packet in its hands. */
struct arrival {
	const struct gro_packet *packet;
	struct packet_view view;
	bool unfinished; /* its L4 checksum field holds the pseudo-header sum only */
};

static size_t align_up(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static uint32_t entry_count(const struct gro_config *config)
{
	return config->flows + (config->packets < READY_MAX ? config->packets : READY_MAX);
}

size_t gro_memory_size(const struct gro_config *config)
{
	return flow_memory_size(entry_count(config)) +
	       align_up(entry_count(config) * sizeof(struct gro_super)) +
	       align_up(config->packets * sizeof(struct gro_segment));
}

int gro_init(struct gro *gro, const struct gro_config *config, void *memory)
{
	uint8_t *at = memory;
	uint32_t entries = entry_count(config);

	if (!config->flows || config->flows > 1u << 24 || !config->packets ||
	    config->packets > 1u << 24 || config->max_packets < 2 ||
	    config->max_packets > GRO_MAX_PACKETS || !config->max_bytes || config->max_bytes > 65535)
		return -EINVAL;

	memset(gro, 0, sizeof *gro);
	gro->config = *config;
	flow_init(&gro->table, entries, config->secret, at);
	at += flow_memory_size(entries);
	gro->supers = (struct gro_super *)at;
	at += align_up(entries * sizeof(struct gro_super));
	gro->segments = (struct gro_segment *)at;

	gro->ready_head = gro->ready_tail = gro->recent = FLOW_NONE;
	gro->free_seg_cnt = config->packets;
	for (uint32_t i = 0; i < config->packets; i++)
		gro->segments[i].next = i + 1 < config->packets ? i + 1 : FLOW_NONE;
	return 0;
}

/* ---- a packet becomes a segment of a superpacket ---- */

static uint32_t take_segment(struct gro *gro, const struct arrival *arrival)
{
	uint32_t idx = gro->free_seg;
	struct gro_segment *segment = &gro->segments[idx];

	gro->free_seg = segment->next;
	gro->free_seg_cnt--;
	segment->data = arrival->packet->data;
	segment->cookie = arrival->packet->cookie;
	segment->len = arrival->packet->len;
	segment->payload_off = arrival->view.payload_off;
	segment->payload_len = (uint16_t)arrival->view.payload_len;
	segment->next = FLOW_NONE;
	return idx;
}

/* A superpacket of one packet, in no list yet. offer() made sure that there is room. */
static uint32_t begin(struct gro *gro, const struct arrival *arrival, uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	uint32_t entry = flow_alloc(&gro->table);
	struct gro_super *super = &gro->supers[entry];

	super->request = (struct gso_request){ .type = GSO_NONE };
	super->packet_cnt = 1;
	super->len = arrival->packet->len;
	super->ip_version = view->ip_version;
	super->id_mode = ID_UNDECIDED;
	super->later_flags = 0;
	super->l3_off = view->l3_off;
	super->l4_off = view->l4_off;
	super->payload_off = view->payload_off;
	super->data = arrival->packet->data;
	super->first_ns = now_ns;
	super->unfinished = arrival->unfinished;
	super->first_seg = super->last_seg = take_segment(gro, arrival);
	if (arrival->unfinished) {
		super->request.needs_csum = true;
		super->request.csum_start = view->l4_off;
		super->request.csum_offset = view->protocol == UDP_PROTOCOL ? 6 : 16;
	}
	return entry;
}

static void make_ready(struct gro *gro, uint32_t entry)
{
	gro->table.links[entry].next = FLOW_NONE;
	if (gro->ready_tail != FLOW_NONE)
		gro->table.links[gro->ready_tail].next = entry;
	else
		gro->ready_head = entry;
	gro->ready_tail = entry;
}

/* ---- completion: the first header is amended to cover all (D7) ---- */

static void write_ip_length(struct gro_super *super, uint8_t *ip, uint32_t l3_len)
{
	if (super->ip_version == 4) {
		super->saved_ip_len = load_u16(ip + 2);
		super->saved_ip_csum = load_u16(ip + 10);
		store_be16(ip + 2, (uint16_t)l3_len);
		store_u16(ip + 10, 0);
		store_u16(ip + 10, checksum_fold(checksum_add(ip, 20, 0)));
	} else {
		super->saved_ip_len = load_u16(ip + 4);
		store_be16(ip + 4, (uint16_t)(l3_len - 40));
	}
}

static void amend(struct gro_super *super)
{
	uint8_t *ip = super->data + super->l3_off;
	uint8_t *tcp = super->data + super->l4_off;
	uint32_t l4_len = super->len - super->l4_off;

	write_ip_length(super, ip, super->len - super->l3_off);
	super->saved_flags = tcp[13];
	super->saved_l4_csum = load_u16(tcp + 16);
	tcp[13] |= super->later_flags;
	store_u16(tcp + 16, checksum_fold_partial(checksum_pseudo(ip, super->ip_version, TCP_PROTOCOL,
								  l4_len)));
	super->request.type = super->ip_version == 4 ? GSO_TCPV4 : GSO_TCPV6;
	super->request.fixed_id = super->id_mode == ID_FIXED;
	super->request.hdr_len = super->payload_off;
	super->request.needs_csum = true;
	super->request.csum_start = super->l4_off;
	super->request.csum_offset = 16;
}

/* Takes a held superpacket out of the table and makes it the next delivery. */
static void complete(struct gro *gro, uint32_t entry, enum gro_reason reason)
{
	struct gro_super *super = &gro->supers[entry];

	flow_remove(&gro->table, entry);
	if (gro->recent == entry)
		gro->recent = FLOW_NONE;
	super->reason = reason;
	if (super->packet_cnt > 1) {
		amend(super);
		gro->flushes[reason]++;
	} else {
		super->request.size = 0;
		super->len = gro->segments[super->first_seg].len;
		gro->singles[reason]++;
	}
	make_ready(gro, entry);
}

/* Delivers a packet alone, unmodified (D5). */
static void pass(struct gro *gro, const struct arrival *arrival, enum gro_reason reason)
{
	uint32_t entry = begin(gro, arrival, 0);

	gro->supers[entry].reason = reason;
	gro->singles[reason]++;
	make_ready(gro, entry);
}

/* ---- flows ---- */

static uint32_t pair_hash(const struct gro *gro, const uint8_t *ip, unsigned int version)
{
	return version == 4 ? flow_hash_pair(&gro->table, ip + 12, 4) :
			      flow_hash_pair(&gro->table, ip + 8, 16);
}

static uint32_t flow_label(const uint8_t *ip, unsigned int version)
{
	return version == 4 ? 0 : load_u32(ip) & __builtin_bswap32(0x000fffff);
}

/* R10: link-layer bytes (14, and 4 a VLAN tag) of both frames are the same. */
static bool same_l2(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint64_t diff = (load_u64(a) ^ load_u64(b)) | (load_u64(a + 6) ^ load_u64(b + 6));

	for (uint32_t off = 14; off < len; off += 2)
		diff |= load_u16(a + off) ^ load_u16(b + off);
	return !diff;
}

static bool same_addresses(const uint8_t *a, const uint8_t *b, unsigned int version)
{
	if (version == 4)
		return load_u64(a + 12) == load_u64(b + 12);
	return !((load_u64(a + 8) ^ load_u64(b + 8)) | (load_u64(a + 16) ^ load_u64(b + 16)) |
		 (load_u64(a + 24) ^ load_u64(b + 24)) | (load_u64(a + 32) ^ load_u64(b + 32)));
}

/* R10 in full. The cheapest and most telling comparison comes first. */
static bool same_flow(const struct gro_super *super, const uint8_t *data,
		      const struct packet_view *view)
{
	const uint8_t *a = super->data + super->l3_off, *b = data + view->l3_off;

	return load_u32(super->data + super->l4_off) == load_u32(data + view->l4_off) &&
	       super->ip_version == view->ip_version && super->l3_off == view->l3_off &&
	       same_addresses(a, b, view->ip_version) &&
	       flow_label(a, view->ip_version) == flow_label(b, view->ip_version) &&
	       same_l2(super->data, data, view->l3_off);
}

/* What the flow of a packet holds; FLOW_NONE: nothing. */
static uint32_t find_held(const struct gro *gro, const struct arrival *arrival, uint32_t hash)
{
	uint32_t entry = flow_find(&gro->table, hash);

	while (entry != FLOW_NONE &&
	       !same_flow(&gro->supers[entry], arrival->packet->data, &arrival->view))
		entry = flow_find_next(&gro->table, entry);
	return entry;
}

/* D2: a packet whose flow cannot be told must not overtake any flow that may be its own. */
static void flush_pair(struct gro *gro, const struct arrival *arrival, enum gro_reason reason)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->l3_off;
	uint32_t entry, newer;

	if (!gro->table.held_cnt)
		return;
	entry = flow_find_pair(&gro->table, pair_hash(gro, ip, view->ip_version));
	for (; entry != FLOW_NONE; entry = newer) {
		const struct gro_super *super = &gro->supers[entry];

		newer = flow_find_pair_newer(&gro->table, entry);
		if (super->ip_version == view->ip_version &&
		    same_addresses(super->data + super->l3_off, ip, view->ip_version))
			complete(gro, entry, reason);
	}
}

/* ---- checksums (R3, R8) ---- */

enum csum_state { CSUM_RIGHT, CSUM_WRONG, CSUM_UNFINISHED };

static enum csum_state l4_checksum(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data, *l4 = data + view->l4_off;
	uint32_t l4_len = view->payload_off - view->l4_off + view->payload_len;
	uint32_t pseudo = checksum_pseudo(data + view->l3_off, view->ip_version, view->protocol, l4_len);
	uint16_t field = load_u16(l4 + (view->protocol == UDP_PROTOCOL ? 6 : 16));

	if (view->protocol == UDP_PROTOCOL && !field)
		return CSUM_RIGHT; /* none was sent */
	if (checksum_fold(checksum_add(l4, l4_len, pseudo)) == 0)
		return CSUM_RIGHT;
	if (gro->config.accept_unfinished && field == checksum_fold_partial(pseudo))
		return CSUM_UNFINISHED;
	return CSUM_WRONG;
}

/* ---- candidates (R1-R9) ---- */

static enum gro_reason obstacle_reason(const struct packet_view *view)
{
	switch (view->obstacle) {
	case PARSE_IP_FRAGMENT:
		return GRO_FRAGMENT;
	case PARSE_IP_OPTIONS:
	case PARSE_IP_EXTENSION:
		return GRO_IP_OPTIONS;
	default:
		return GRO_NOT_SERVED;
	}
}

/* A packet that is no candidate passes; if it may belong to a flow that holds, behind it (D2). */
static void pass_foreign(struct gro *gro, struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	enum gro_reason reason = obstacle_reason(view);

	if (gro->config.accept_unfinished && view->class >= PARSE_TCP)
		arrival->unfinished = l4_checksum(gro, arrival) == CSUM_UNFINISHED;
	if (view->class >= PARSE_ADDRESSED && (view->protocol == TCP_PROTOCOL || !view->protocol))
		flush_pair(gro, arrival, reason);
	pass(gro, arrival, reason);
}

/* A checksum of 0xffff adds up as well as the 0 of the same sum (RFC 1624 section 3). Linux itself
 * sends it (CSUM_MANGLED_0), but not from segmentation: it would come back from cutting as 0. */
static bool other_zero(const struct arrival *arrival)
{
	const uint8_t *data = arrival->packet->data;

	return (!arrival->unfinished && load_u16(data + arrival->view.l4_off + 16) == 0xffff) ||
	       (arrival->view.ip_version == 4 && load_u16(data + arrival->view.l3_off + 10) == 0xffff);
}

/* R3, R8. Returns false after passing on a packet with a wrong checksum: its addresses or ports
 * may be what is wrong, so all of its pair goes first (D2). */
static bool verify(struct gro *gro, struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	enum csum_state state = CSUM_RIGHT;

	if (view->ip_version == 4 && !checksum_ipv4_right(arrival->packet->data + view->l3_off))
		state = CSUM_WRONG;
	else if (arrival->packet->csum != GRO_CSUM_VERIFIED)
		state = l4_checksum(gro, arrival);
	arrival->unfinished = state == CSUM_UNFINISHED;
	if (state != CSUM_WRONG)
		return true;
	gro->checksum_errors++;
	flush_pair(gro, arrival, GRO_CHECKSUM);
	pass(gro, arrival, GRO_CHECKSUM);
	return false;
}

/* ---- append (R11-R16) ---- */

/* R11: the IP header but for lengths, ID and checksum; R2: IPv6 extension headers byte-equal. */
static bool same_ip(const struct gro_super *super, const uint8_t *a, const uint8_t *b)
{
	uint32_t ext_len = super->l4_off - super->l3_off - 40;

	if (super->ip_version == 4)
		return load_u16(a) == load_u16(b) && load_u32(a + 6) == load_u32(b + 6);
	return load_u32(a) == load_u32(b) && load_u16(a + 6) == load_u16(b + 6) &&
	       !(ext_len && memcmp(a + 40, b + 40, ext_len));
}

/* R13: {offset, reserved, flags, window} but for FIN and PSH, the ACK number, all option bytes.
 * The urgent pointer too, which means nothing without URG but is part of the bytes that must come
 * back. CWR never appends. */
static bool same_tcp(const uint8_t *a, const uint8_t *b)
{
	uint32_t ignore = (uint32_t)(TCP_FIN | TCP_PSH) << 8; /* as loaded, little-endian */
	uint32_t options_len = (b[12] >> 4) * 4u - 20;

	if (((load_u32(a + 12) ^ load_u32(b + 12)) & ~ignore) || load_u32(a + 8) != load_u32(b + 8) ||
	    load_u16(a + 18) != load_u16(b + 18) || b[13] & TCP_CWR)
		return false;
	if (options_len == 12) /* timestamps, on nearly every connection */
		return load_u64(a + 20) == load_u64(b + 20) && load_u32(a + 28) == load_u32(b + 28);
	return !memcmp(a + 20, b + 20, options_len);
}

/* R12. Fixed IDs with DF = 0 could not be told through a virtio header. */
static bool id_follows(const struct gro_super *super, const uint8_t *ip)
{
	uint16_t step = (uint16_t)(load_be16(ip + 4) - super->last_id);
	bool df = load_be16(ip + 6) & IPV4_DF;

	switch (super->id_mode) {
	case ID_INCREMENTING:
		return step == 1;
	case ID_FIXED:
		return step == 0;
	default:
		return step == 1 || (step == 0 && df);
	}
}

/* Why the packet cannot append to what its flow holds; GRO_REASON_CNT: it can. */
static enum gro_reason append_obstacle(const struct gro *gro, const struct gro_super *super,
				       const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->l3_off;
	const uint8_t *tcp = arrival->packet->data + view->l4_off;

	if (super->l4_off != view->l4_off || super->payload_off != view->payload_off ||
	    super->unfinished != arrival->unfinished ||
	    !same_ip(super, super->data + super->l3_off, ip) ||
	    !same_tcp(super->data + super->l4_off, tcp))
		return GRO_HEADER;
	if (load_be32(tcp + 4) != super->next_seq) /* R14 */
		return GRO_OUT_OF_SEQUENCE;
	if (super->ip_version == 4 && !id_follows(super, ip))
		return GRO_HEADER;
	if (view->payload_len > super->request.size) /* R15 */
		return GRO_LARGER;
	if (super->len - super->l3_off + view->payload_len > gro->config.max_bytes) /* R16 */
		return GRO_BYTES;
	return GRO_REASON_CNT;
}

static void append(struct gro *gro, uint32_t entry, const struct arrival *arrival)
{
	struct gro_super *super = &gro->supers[entry];
	const uint8_t *tcp = arrival->packet->data + arrival->view.l4_off;
	uint32_t payload_len = arrival->view.payload_len;
	uint32_t seg = take_segment(gro, arrival);

	gro->segments[super->last_seg].next = seg;
	super->last_seg = seg;
	super->packet_cnt++;
	super->len += payload_len;
	super->next_seq += payload_len;
	super->later_flags |= tcp[13] & (TCP_FIN | TCP_PSH);
	if (super->ip_version == 4) {
		uint16_t id = load_be16(arrival->packet->data + super->l3_off + 4);

		super->id_mode = id == super->last_id ? ID_FIXED : ID_INCREMENTING;
		super->last_id = id;
	}

	/* R17: delivered at once */
	if (super->later_flags)
		complete(gro, entry, GRO_PUSH_FIN);
	else if (payload_len < super->request.size)
		complete(gro, entry, GRO_SHORT);
	else if (super->packet_cnt >= gro->config.max_packets)
		complete(gro, entry, GRO_COUNT);
}

/* The first packet of a superpacket is held, unless its flags would have to move (R17). */
static void hold(struct gro *gro, const struct arrival *arrival, uint32_t hash, uint32_t pair,
		 uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *tcp = arrival->packet->data + view->l4_off;
	struct gro_super *super;
	uint32_t entry;

	if (tcp[13] & (TCP_FIN | TCP_PSH)) {
		pass(gro, arrival, GRO_PUSH_FIN);
		return;
	}
	if (gro->table.held_cnt >= gro->config.flows) /* D3 */
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
	entry = begin(gro, arrival, now_ns);
	super = &gro->supers[entry];
	super->request.size = (uint16_t)view->payload_len;
	super->len = view->payload_off + view->payload_len; /* R4: without padding */
	super->next_seq = load_be32(tcp + 4) + view->payload_len;
	super->last_id = view->ip_version == 4 ? load_be16(super->data + view->l3_off + 4) : 0;
	flow_insert(&gro->table, entry, hash, pair);
	gro->recent = entry;
}

/* ---- one packet ---- */

static void offer_tcp(struct gro *gro, struct arrival *arrival, uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data, *ip = data + view->l3_off;
	const uint8_t *tcp = data + view->l4_off;
	enum gro_reason reason = GRO_REASON_CNT;
	uint32_t hash = 0, pair = 0, entry = gro->recent;

	/* Most packets belong to the flow of the packet before: no hash, no chain. */
	if (entry == FLOW_NONE || !same_flow(&gro->supers[entry], data, view)) {
		pair = pair_hash(gro, ip, view->ip_version);
		hash = flow_hash(&gro->table, pair, load_u32(tcp), flow_label(ip, view->ip_version),
				 data, view->l3_off);
		entry = find_held(gro, arrival, hash);
	} else {
		hash = gro->table.links[entry].hash;
		pair = gro->table.links[entry].pair;
	}

	if (tcp[13] & (TCP_SYN | TCP_RST | TCP_URG)) /* R9 */
		reason = GRO_FLAGS;
	else if (!view->payload_len) /* R6 */
		reason = GRO_NO_DATA;
	else if (unlikely(other_zero(arrival)))
		reason = GRO_HEADER;
	if (reason != GRO_REASON_CNT) {
		if (entry != FLOW_NONE)
			complete(gro, entry, reason); /* D1 */
		pass(gro, arrival, reason);
		return;
	}

	if (entry != FLOW_NONE) {
		reason = append_obstacle(gro, &gro->supers[entry], arrival);
		if (reason == GRO_REASON_CNT) {
			gro->recent = entry;
			append(gro, entry, arrival);
			return;
		}
		complete(gro, entry, reason); /* D1 */
	}
	hold(gro, arrival, hash, pair, now_ns);
}

static void offer(struct gro *gro, const struct gro_packet *packet, uint64_t now_ns)
{
	struct arrival arrival = { .packet = packet };

	parse_packet(packet->data, packet->len, packet->len, &arrival.view);
	/* Headers that gso.c would not cut behind must not be merged under. */
	if (arrival.view.class != PARSE_TCP || arrival.view.obstacle != PARSE_CLEAR ||
	    arrival.view.payload_off > HEADER_SLOT_LEN || !gro->config.merge_tcp)
		pass_foreign(gro, &arrival);
	else if (verify(gro, &arrival))
		offer_tcp(gro, &arrival, now_ns);
}

/* Room for one more packet: a segment, and an entry in case it is delivered or held alone.
 * All segments in held superpackets: the oldest goes, so that the caller has something to take. */
static bool has_room(struct gro *gro)
{
	if (gro->free_seg != FLOW_NONE && gro->table.free_head != FLOW_NONE)
		return true;
	if (gro->ready_head == FLOW_NONE && gro->table.oldest != FLOW_NONE)
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
	return false;
}

uint32_t gro_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns)
{
	uint32_t i;

	for (i = 0; i < cnt && has_room(gro); i++) {
		if (i + 2 < cnt)
			__builtin_prefetch(packets[i + 2].data);
		offer(gro, &packets[i], now_ns);
	}
	return i;
}

/* ---- time and order ---- */

void gro_flush(struct gro *gro, enum gro_reason reason)
{
	while (gro->table.oldest != FLOW_NONE)
		complete(gro, gro->table.oldest, reason); /* D6 */
}

void gro_burst_end(struct gro *gro, uint64_t now_ns)
{
	if (!gro->config.hold_ns) {
		gro_flush(gro, GRO_BURST_END);
		return;
	}
	while (gro->table.oldest != FLOW_NONE && gro_deadline(gro) <= now_ns)
		complete(gro, gro->table.oldest, GRO_AGE);
}

uint64_t gro_deadline(const struct gro *gro)
{
	if (gro->table.oldest == FLOW_NONE)
		return UINT64_MAX;
	return gro->supers[gro->table.oldest].first_ns + gro->config.hold_ns;
}

uint32_t gro_owned_packets(const struct gro *gro)
{
	return gro->config.packets - gro->free_seg_cnt;
}

/* ---- deliveries ---- */

struct gro_super *gro_next(struct gro *gro)
{
	uint32_t entry = gro->ready_head;

	if (entry == FLOW_NONE)
		return NULL;
	gro->ready_head = gro->table.links[entry].next;
	if (gro->ready_head == FLOW_NONE)
		gro->ready_tail = FLOW_NONE;
	return &gro->supers[entry];
}

uint32_t gro_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	const struct gro_segment *segment = &gro->segments[super->first_seg];
	uint32_t cnt = 1;

	/* D5: a packet alone goes up with its padding; in a superpacket padding would be payload. */
	iov[0].iov_base = segment->data;
	iov[0].iov_len = super->packet_cnt == 1 ? segment->len :
						  (uint32_t)segment->payload_off + segment->payload_len;
	while (segment->next != FLOW_NONE) {
		segment = &gro->segments[segment->next];
		iov[cnt].iov_base = segment->data + segment->payload_off;
		iov[cnt].iov_len = segment->payload_len;
		cnt++;
	}
	return cnt;
}

static void restore_first_header(struct gro_super *super)
{
	uint8_t *ip = super->data + super->l3_off, *tcp = super->data + super->l4_off;

	if (super->ip_version == 4) {
		store_u16(ip + 2, super->saved_ip_len);
		store_u16(ip + 10, super->saved_ip_csum);
	} else {
		store_u16(ip + 4, super->saved_ip_len);
	}
	tcp[13] = super->saved_flags;
	store_u16(tcp + 16, super->saved_l4_csum);
}

uint32_t gro_unmerge(struct gro *gro, struct gro_super *super, struct iovec *iov)
{
	const struct gro_segment *segment = &gro->segments[super->first_seg];
	uint32_t cnt = 0;

	if (super->request.type != GSO_NONE) {
		restore_first_header(super);
		super->request.type = GSO_NONE;
		super->request.size = super->request.hdr_len = 0;
		super->request.needs_csum = super->unfinished;
	}
	for (;;) {
		iov[cnt].iov_base = segment->data;
		iov[cnt].iov_len = segment->len;
		cnt++;
		if (segment->next == FLOW_NONE)
			return cnt;
		segment = &gro->segments[segment->next];
	}
}

uint32_t gro_release(struct gro *gro, struct gro_super *super, uint64_t *cookies)
{
	uint32_t cnt = super->packet_cnt, seg = super->first_seg;

	for (uint32_t i = 0; i < cnt; i++) {
		cookies[i] = gro->segments[seg].cookie;
		seg = gro->segments[seg].next;
	}
	gro->segments[super->last_seg].next = gro->free_seg;
	gro->free_seg = super->first_seg;
	gro->free_seg_cnt += cnt;
	flow_free(&gro->table, (uint32_t)(super - gro->supers));
	return cnt;
}
