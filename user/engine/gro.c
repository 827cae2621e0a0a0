// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly.
 *
 * A packet takes one of two ways, which ask the same rules (gro_rules.h):
 *
 *      append_recent()  the short way, and that of most packets: the headers are, but for what may
 *                       differ, those of the superpacket that the packet before has joined or begun.
 *                       It joins too. Whatever is not plainly so goes
 *      offer()          the long way: walk the headers; is it a candidate at all (R1-R9)? whose flow
 *                       is it (R10)? does it append to what that flow holds (R11-R16)?
 *
 * In the end the packet is part of a held superpacket, or a delivery of its own. A packet that
 * cannot append first flushes what it must not overtake: its flow's superpacket (D1), or, where
 * its ports cannot be trusted, those of all flows between its two hosts (D2).
 *
 * Appending is cheap: a few comparisons with the first header, and a place in a block. The first
 * header is rewritten once, at completion (D7); what is overwritten is kept, so that a
 * superpacket that nobody wants can be taken apart again without loss (V9).
 */
#include <errno.h>

#include "gro.h"
#include "gro_rules.h"

/* Deliveries that may wait for gro_next() beside all the superpackets that are held. */
#define READY_MAX 512u

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
	[GRO_LEFT_ALONE] = "left_alone",
	[GRO_EXEMPT] = "exempt",
};

static uint32_t entry_count(const struct gro_config *config)
{
	return config->flows + (config->packets < READY_MAX ? config->packets : READY_MAX);
}

/* Only the last block of a superpacket is not full. */
static uint32_t block_count(const struct gro_config *config)
{
	return config->packets / GRO_BLOCK_SEGMENTS + entry_count(config);
}

size_t gro_memory_size(const struct gro_config *config)
{
	return flow_memory_size(entry_count(config)) +
	       entry_count(config) * sizeof(struct gro_super) +
	       block_count(config) * sizeof(struct gro_block) +
	       align_up(block_count(config) * sizeof(uint32_t));
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
	at += entries * sizeof(struct gro_super);
	gro->blocks = (struct gro_block *)at;
	at += block_count(config) * sizeof(struct gro_block);
	gro->free_blocks = (uint32_t *)at;

	gro->ready_head = gro->ready_tail = gro->recent = FLOW_NONE;
	gro->free_block_cnt = block_count(config);
	for (uint32_t i = 0; i < gro->free_block_cnt; i++)
		gro->free_blocks[i] = gro->free_block_cnt - 1 - i;
	return 0;
}

/* ---- a packet becomes a segment of a superpacket ---- */

static ALWAYS_INLINE struct gro_segment segment_of(const struct gro_packet *packet)
{
	return (struct gro_segment){ packet->data, packet->cookie, packet->len };
}

/* A superpacket of one packet, in no list yet. gro_offer() made sure that there is room. */
static ALWAYS_INLINE uint32_t begin(struct gro *gro, const struct arrival *arrival, uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	uint32_t entry = flow_alloc(&gro->table);
	struct gro_super *super = &gro->supers[entry];

	super->first = segment_of(arrival->packet);
	super->request = (struct gso_request){ .type = GSO_NONE };
	super->packet_cnt = 1;
	super->len = arrival->packet->len;
	super->l3_off = view->l3_off;
	super->l4_off = view->l4_off;
	super->payload_off = view->payload_off;
	super->ip_version = view->ip_version;
	super->id_mode = ID_UNDECIDED;
	super->later_flags = 0;
	super->fill = GRO_BLOCK_SEGMENTS;
	super->first_ns = now_ns;
	super->unfinished = arrival->unfinished;
	if (unlikely(arrival->unfinished)) {
		super->request.needs_csum = true;
		super->request.csum_start = view->l4_off;
		super->request.csum_offset = view->protocol == UDP_PROTOCOL ? UDP_CSUM_OFFSET :
									      TCP_CSUM_OFFSET;
	}
	gro->owned_cnt++;
	return entry;
}

/* The place of one more segment; there is always a free block for it. */
static ALWAYS_INLINE struct gro_segment *next_segment(struct gro *gro, struct gro_super *super,
						      struct reach *reach)
{
	if (unlikely(reach->fill == GRO_BLOCK_SEGMENTS)) {
		uint32_t idx = gro->free_blocks[--gro->free_block_cnt];

		if (reach->packet_cnt == 1)
			super->first_block = idx;
		else
			gro->blocks[reach->last_block].next = idx;
		reach->last_block = idx;
		reach->fill = 0;
	}
	return &gro->blocks[reach->last_block].segments[reach->fill++];
}

static inline void make_ready(struct gro *gro, uint32_t entry)
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
		store_u16(ip + 10, checksum_ipv4(ip));
	} else {
		super->saved_ip_len = load_u16(ip + 4);
		store_be16(ip + 4, (uint16_t)(l3_len - 40));
	}
}

static void amend(struct gro_super *super)
{
	uint8_t *ip = super->first.data + super->l3_off;
	uint8_t *tcp = super->first.data + super->l4_off;
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

/* All of a superpacket's end but its lists. */
static ALWAYS_INLINE void finish(struct gro *gro, struct gro_super *super, enum gro_reason reason)
{
	super->reason = (uint8_t)reason;
	if (super->packet_cnt > 1) {
		amend(super);
		gro->flushes[reason]++;
	} else {
		super->request.size = 0;
		super->len = super->first.len;
		gro->singles[reason]++;
	}
}

/* Takes a held superpacket out of the table and makes it the next delivery. */
static void complete(struct gro *gro, uint32_t entry, enum gro_reason reason)
{
	flow_remove(&gro->table, entry);
	if (gro->recent == entry)
		gro->recent = FLOW_NONE;
	finish(gro, &gro->supers[entry], reason);
	make_ready(gro, entry);
}

/* Delivers a packet alone, unmodified (D5). */
static void pass(struct gro *gro, struct arrival arrival, enum gro_reason reason)
{
	uint32_t entry = begin(gro, &arrival, 0);

	gro->supers[entry].reason = reason;
	gro->singles[reason]++;
	make_ready(gro, entry);
}

/* ---- flows ---- */

static inline uint32_t pair_hash(const struct gro *gro, const uint8_t *ip, unsigned int version)
{
	return version == 4 ? flow_hash_pair(&gro->table, ip + 12, 4) :
			      flow_hash_pair(&gro->table, ip + 8, 16);
}

/* Where the flow of a TCP packet is to be found. */
struct flow_key {
	uint32_t hash, pair;
};

static ALWAYS_INLINE struct flow_key key_of(const struct gro *gro, const uint8_t *data,
				     const struct packet_view *view)
{
	const uint8_t *ip = data + view->l3_off;
	uint32_t pair = pair_hash(gro, ip, view->ip_version);

	return (struct flow_key){
		flow_hash(&gro->table, pair, load_u32(data + view->l4_off),
			  flow_label(ip, view->ip_version), data, view->l3_off),
		pair,
	};
}

/* What the flow of a packet holds; FLOW_NONE: nothing. */
static ALWAYS_INLINE uint32_t find_held(const struct gro *gro, const struct arrival *arrival, uint32_t hash)
{
	uint32_t entry = flow_find(&gro->table, hash);

	while (entry != FLOW_NONE && unlikely(!same_flow(&gro->supers[entry], arrival)))
		entry = flow_find_next(&gro->table, entry);
	return entry;
}

/* D2: a packet whose flow cannot be told must not overtake any flow that may be its own. */
static void flush_pair(struct gro *gro, struct arrival arrival, enum gro_reason reason)
{
	const struct packet_view *view = &arrival.view;
	const uint8_t *ip = arrival.packet->data + view->l3_off;
	uint32_t entry, newer;

	if (!gro->table.held_cnt)
		return;
	entry = flow_find_pair(&gro->table, pair_hash(gro, ip, view->ip_version));
	for (; entry != FLOW_NONE; entry = newer) {
		const struct gro_super *super = &gro->supers[entry];

		newer = flow_find_pair_newer(&gro->table, entry);
		if (super->ip_version == view->ip_version &&
		    !address_diff(super->first.data + super->l3_off, ip, view->ip_version))
			complete(gro, entry, reason);
	}
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

/* Evidence that a sender finishes its checksums: enough to doubt an unfinished one, all that counts,
 * and what a doubted one takes away, so that a sender that has changed is believed soon. Control
 * packets are no evidence: Linux finishes its RSTs itself, whatever the interface does. */
#define FINISHED_ENOUGH 16u
#define FINISHED_MOST 32u
#define FINISHED_DOUBT 4u

static enum csum_state weigh(struct gro *gro, const struct arrival *arrival, enum csum_state state)
{
	const struct packet_view *view = &arrival->view;
	uint32_t pair = pair_hash(gro, arrival->packet->data + view->l3_off, view->ip_version);
	struct gro_sender *sender = &gro->senders[pair % GRO_SENDERS];

	if (state == CSUM_UNFINISHED && sender->pair == pair) {
		if (sender->finished >= FINISHED_ENOUGH) {
			sender->finished -= FINISHED_DOUBT;
			return CSUM_WRONG;
		}
		sender->finished = 0;
	} else if (state == CSUM_RIGHT && view->payload_len) {
		if (sender->pair != pair)
			*sender = (struct gro_sender){ .pair = pair };
		if (sender->finished < FINISHED_MOST)
			sender->finished++;
	}
	return state;
}

/* A packet that is no candidate passes; if it may belong to a flow that holds, behind it (D2). */
static void pass_foreign(struct gro *gro, struct arrival arrival)
{
	const struct packet_view *view = &arrival.view;
	enum gro_reason reason = obstacle_reason(view);

	if (gro->config.accept_unfinished && view->class >= PARSE_TCP)
		arrival.unfinished = weigh(gro, &arrival, l4_checksum(&arrival, true)) == CSUM_UNFINISHED;
	if (view->class >= PARSE_ADDRESSED && (view->protocol == TCP_PROTOCOL || !view->protocol))
		flush_pair(gro, arrival, reason);
	pass(gro, arrival, reason);
}

/* R3, R8. Returns false after passing on a packet with a wrong checksum: its addresses or ports
 * may be what is wrong, so all of its pair goes first (D2). */
static ALWAYS_INLINE bool verify(struct gro *gro, struct arrival *arrival)
{
	enum csum_state state = checksum_state(arrival, gro->config.accept_unfinished);

	if (gro->config.accept_unfinished && state != CSUM_WRONG)
		state = weigh(gro, arrival, state);
	arrival->unfinished = state == CSUM_UNFINISHED;
	if (likely(state != CSUM_WRONG))
		return true;
	gro->checksum_errors++;
	flush_pair(gro, *arrival, GRO_CHECKSUM);
	pass(gro, *arrival, GRO_CHECKSUM);
	return false;
}

/* ---- append and hold ---- */

static ALWAYS_INLINE struct reach reach_of(const struct gro_super *super)
{
	return (struct reach){
		.packet_cnt = super->packet_cnt, .len = super->len, .next_seq = super->next_seq,
		.last_block = super->last_block, .last_id = super->last_id,
		.id_mode = super->id_mode, .fill = super->fill, .later_flags = 0,
	};
}

/* Extends the reach by one packet. Returns the reason to complete the superpacket at once (R17);
 * GRO_REASON_CNT: none. */
static ALWAYS_INLINE enum gro_reason append(struct gro *gro, struct gro_super *super,
					    struct reach *reach, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	*next_segment(gro, super, reach) = segment_of(arrival->packet);
	reach->packet_cnt++;
	reach->len += view->payload_len;
	reach->next_seq += view->payload_len;
	reach->later_flags = data[view->l4_off + 13] & (TCP_FIN | TCP_PSH);
	if (view->ip_version == 4) {
		uint16_t id = load_be16(data + view->l3_off + 4);

		reach->id_mode = id == reach->last_id ? ID_FIXED : ID_INCREMENTING;
		reach->last_id = id;
	}
	if (unlikely(reach->later_flags))
		return GRO_PUSH_FIN;
	if (unlikely(view->payload_len < super->request.size))
		return GRO_SHORT;
	if (unlikely(reach->packet_cnt >= gro->config.max_packets))
		return GRO_COUNT;
	return GRO_REASON_CNT;
}

/* What follows one append or many. */
static ALWAYS_INLINE void appended(struct gro *gro, uint32_t entry, const struct reach *reach,
				   enum gro_reason reason)
{
	struct gro_super *super = &gro->supers[entry];

	gro->owned_cnt += reach->packet_cnt - super->packet_cnt;
	super->packet_cnt = reach->packet_cnt;
	super->len = reach->len;
	super->next_seq = reach->next_seq;
	super->last_block = reach->last_block;
	super->last_id = reach->last_id;
	super->id_mode = reach->id_mode;
	super->fill = reach->fill;
	super->later_flags = reach->later_flags;
	if (unlikely(reason != GRO_REASON_CNT))
		complete(gro, entry, reason);
}

/* The first packet of a superpacket is held, unless its flags would have to move (R17). */
static ALWAYS_INLINE void hold(struct gro *gro, const struct arrival *arrival, struct flow_key key,
			uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *tcp = arrival->packet->data + view->l4_off;
	struct gro_super *super;
	uint32_t entry;

	if (unlikely(tcp[13] & (TCP_FIN | TCP_PSH))) {
		pass(gro, *arrival, GRO_PUSH_FIN);
		return;
	}
	if (unlikely(gro->table.held_cnt >= gro->config.flows)) /* D3 */
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
	entry = begin(gro, arrival, now_ns);
	super = &gro->supers[entry];
	super->request.size = (uint16_t)view->payload_len;
	super->len = view->payload_off + view->payload_len; /* R4: without padding */
	super->next_seq = load_be32(tcp + 4) + view->payload_len;
	super->last_id = view->ip_version == 4 ? load_be16(super->first.data + view->l3_off + 4) : 0;
	flow_insert(&gro->table, entry, key.hash, key.pair);
	gro->recent = entry;
}

/* ---- one packet ---- */

/*
 * The short way. Appends as many of cnt packets as continue this superpacket in the way that most
 * do, and returns how many. Nothing was done to the next one, or is known of it, but that it has to
 * go the long way.
 */
static ALWAYS_INLINE uint32_t append_run(struct gro *gro, uint32_t entry, struct packet_view view,
					 const struct gro_packet *packets, uint32_t cnt)
{
	struct gro_super *super = &gro->supers[entry];
	struct arrival arrival = { .view = view, .unfinished = super->unfinished };
	enum csum_state csum = super->unfinished ? CSUM_UNFINISHED : CSUM_RIGHT;
	enum gro_reason reason = GRO_REASON_CNT;
	struct reach reach = reach_of(super);
	const uint8_t *first = super->first.data;
	uint32_t size = super->request.size, i;

	for (i = 0; i < cnt && reason == GRO_REASON_CNT; i++) {
		arrival.packet = &packets[i];
		if (i + 2 < cnt)
			__builtin_prefetch(packets[i + 2].data);
		if (!same_headers(first, &packets[i], &arrival.view) ||
		    sequel_obstacle(&reach, size, &arrival, gro->config.max_bytes) != GRO_REASON_CNT ||
		    unlikely(other_zero(&arrival)) ||
		    unlikely(checksum_state(&arrival, gro->config.accept_unfinished) != csum))
			break;
		reason = append(gro, super, &reach, &arrival);
	}
	if (i)
		appended(gro, entry, &reach, reason);
	return i;
}

static __attribute__((noinline)) uint32_t append_run_any(struct gro *gro, uint32_t entry,
							 const struct gro_packet *packets, uint32_t cnt)
{
	return append_run(gro, entry, first_view(&gro->supers[entry]), packets, cnt);
}

/* The same for IPv4 without tags: all offsets are constants. */
static __attribute__((noinline)) uint32_t append_run_ipv4(struct gro *gro, uint32_t entry,
							  const struct gro_packet *packets, uint32_t cnt)
{
	struct packet_view view = first_view(&gro->supers[entry]);

	view.ip_version = 4;
	view.l3_off = 14;
	view.l4_off = 14 + 20;
	return append_run(gro, entry, view, packets, cnt);
}

/* Most packets belong to the flow of the packet before: no walk, no hash, no chain. */
static inline uint32_t append_recent(struct gro *gro, const struct gro_packet *packets, uint32_t cnt)
{
	uint32_t entry = gro->recent;
	const struct gro_super *super;

	if (entry == FLOW_NONE)
		return 0;
	super = &gro->supers[entry];
	if (packets->len <= super->payload_off ||
	    port_diff(super->first.data + super->l4_off, packets->data + super->l4_off))
		return 0;
	return super->ip_version == 4 && super->l3_off == 14 ?
		       append_run_ipv4(gro, entry, packets, cnt) :
		       append_run_any(gro, entry, packets, cnt);
}

/* The long way. */
static ALWAYS_INLINE void offer_tcp(struct gro *gro, const struct arrival *arrival, uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	uint8_t flags = arrival->packet->data[view->l4_off + 13];
	struct flow_key key = key_of(gro, arrival->packet->data, view);
	uint32_t entry = find_held(gro, arrival, key.hash);
	enum gro_reason reason = GRO_REASON_CNT;

	if (unlikely(flags & (TCP_SYN | TCP_RST | TCP_URG))) /* R9 */
		reason = GRO_FLAGS;
	else if (unlikely(!view->payload_len)) /* R6 */
		reason = GRO_NO_DATA;
	else if (unlikely(other_zero(arrival)))
		reason = GRO_HEADER;
	if (unlikely(reason != GRO_REASON_CNT)) {
		if (entry != FLOW_NONE)
			complete(gro, entry, reason); /* D1 */
		pass(gro, *arrival, reason);
		return;
	}

	if (entry != FLOW_NONE) {
		struct gro_super *super = &gro->supers[entry];
		struct reach reach = reach_of(super);

		reason = other_headers(super, arrival) ? GRO_HEADER :
			 sequel_obstacle(&reach, super->request.size, arrival, gro->config.max_bytes);
		if (likely(reason == GRO_REASON_CNT)) {
			gro->recent = entry;
			reason = append(gro, super, &reach, arrival);
			appended(gro, entry, &reach, reason);
			return;
		}
		complete(gro, entry, reason); /* D1 */
	}
	hold(gro, arrival, key, now_ns);
}

/* Any packet at all. */
static __attribute__((noinline)) void offer_any(struct gro *gro, const struct gro_packet *packet,
						uint64_t now_ns)
{
	struct arrival arrival = { .packet = packet };
	const struct packet_view *view = &arrival.view;

	parse_packet(packet->data, packet->len, packet->len, &arrival.view);
	/* Headers that gso.c would not cut behind must not be merged under. */
	if (view->class != PARSE_TCP || view->payload_off > HEADER_SLOT_LEN ||
	    view->obstacle != PARSE_CLEAR || !(gro->config.merge & GRO_MERGE_TCP))
		pass_foreign(gro, arrival);
	else if (verify(gro, &arrival))
		offer_tcp(gro, &arrival, now_ns);
}

static ALWAYS_INLINE void offer(struct gro *gro, const struct gro_packet *packet, uint64_t now_ns)
{
	struct arrival arrival = { .packet = packet };

	if (unlikely(!(gro->config.merge & GRO_MERGE_TCP) || !parse_plain(packet->data, packet->len, &arrival.view)))
		offer_any(gro, packet, now_ns);
	else if (verify(gro, &arrival))
		offer_tcp(gro, &arrival, now_ns);
}

/* With many flows held, what a packet needs is in no cache. So it is asked for in advance for
 * LOOK_AHEAD packets at once, each step on the way to it for all of them, and the misses of different
 * packets overlap: 10 % less at 4096 flows, 20 % at 65536. With few flows held it only costs. */
#define LOOK_AHEAD 16u
#define LOOK_AHEAD_FLOWS 512u

/* Asks only, and decides nothing. Returns for how many packets. */
static __attribute__((noinline)) uint32_t look_ahead(const struct gro *gro,
						    const struct gro_packet *packets, uint32_t cnt)
{
	const struct flow_table *table = &gro->table;
	struct flow_key keys[LOOK_AHEAD];
	uint32_t entries[LOOK_AHEAD];

	if (cnt > LOOK_AHEAD)
		cnt = LOOK_AHEAD;
	for (uint32_t i = 0; i < cnt; i++) {
		struct packet_view view;

		keys[i] = (struct flow_key){ 0, 0 };
		if (parse_plain(packets[i].data, packets[i].len, &view))
			keys[i] = key_of(gro, packets[i].data, &view);
		__builtin_prefetch(&table->heads[keys[i].hash & table->mask]);
	}
	for (uint32_t i = 0; i < cnt; i++) {
		entries[i] = table->heads[keys[i].hash & table->mask];
		__builtin_prefetch(&table->pair_heads[keys[i].pair & table->mask]);
		if (entries[i] != FLOW_NONE) {
			__builtin_prefetch(&table->links[entries[i]]);
			__builtin_prefetch(&gro->supers[entries[i]]);
		}
	}
	for (uint32_t i = 0; i < cnt; i++) {
		const struct gro_super *super;

		if (entries[i] == FLOW_NONE)
			continue;
		super = &gro->supers[entries[i]];
		__builtin_prefetch(super->first.data);
		if (super->packet_cnt > 1)
			__builtin_prefetch(&gro->blocks[super->last_block], 1);
	}
	return cnt;
}

/* How many packets there is room for, each of which may take an entry. When all are in held
 * superpackets, the oldest goes, so that the caller has something to take. */
static uint32_t room_for(struct gro *gro, uint32_t cnt)
{
	uint32_t room = gro->config.packets - gro->owned_cnt;

	if (room > gro->table.free_cnt)
		room = gro->table.free_cnt;
	if (unlikely(!room) && cnt && gro->ready_head == FLOW_NONE && gro->table.oldest != FLOW_NONE)
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
	return cnt < room ? cnt : room;
}

uint32_t gro_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns)
{
	uint32_t i = 0, end, ahead = 0;

	while ((end = i + room_for(gro, cnt - i)) > i) {
		while (i < end) {
			if (unlikely(gro->table.held_cnt >= LOOK_AHEAD_FLOWS) && i >= ahead)
				ahead = i + look_ahead(gro, packets + i, end - i);
			if (i + 2 < end)
				__builtin_prefetch(packets[i + 2].data);
			i += append_recent(gro, packets + i, end - i);
			if (i < end)
				offer(gro, &packets[i++], now_ns);
		}
	}
	return i;
}

/* ---- time and order ---- */

/* How far ahead the headers that will be amended are asked for. */
#define FLUSH_AHEAD 4u

void gro_flush(struct gro *gro, enum gro_reason reason)
{
	uint32_t oldest = gro->table.oldest, newest = gro->table.newest, ahead = oldest;
	const struct flow_links *links = gro->table.links;

	if (oldest == FLOW_NONE)
		return;
	flow_remove_all(&gro->table);
	for (uint32_t i = 0; i < FLUSH_AHEAD && ahead != FLOW_NONE; i++)
		ahead = links[ahead].next;
	for (uint32_t entry = oldest; entry != FLOW_NONE; entry = links[entry].next) {
		if (ahead != FLOW_NONE) {
			__builtin_prefetch(gro->supers[ahead].first.data);
			ahead = links[ahead].next;
		}
		finish(gro, &gro->supers[entry], reason);
	}
	gro->recent = FLOW_NONE;

	/* D6: as they were in the list of ages, they become deliveries. */
	if (gro->ready_tail != FLOW_NONE)
		gro->table.links[gro->ready_tail].next = oldest;
	else
		gro->ready_head = oldest;
	gro->ready_tail = newest;
}

static bool is_due(const struct gro *gro, uint32_t entry, uint64_t now_ns)
{
	return gro->supers[entry].first_ns + gro->config.hold_ns <= now_ns;
}

void gro_burst_end(struct gro *gro, uint64_t now_ns)
{
	if (!gro->config.hold_ns) {
		gro_flush(gro, GRO_BURST_END);
		return;
	}
	if (gro->table.newest != FLOW_NONE && is_due(gro, gro->table.newest, now_ns)) {
		gro_flush(gro, GRO_AGE);
		return;
	}
	while (gro->table.oldest != FLOW_NONE && is_due(gro, gro->table.oldest, now_ns))
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
	return gro->owned_cnt;
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
	gro->supers[entry].fragment_cnt = gro->supers[entry].packet_cnt;
	return &gro->supers[entry];
}

uint32_t gro_iovecs(const struct gro *gro, const struct gro_super *super, struct iovec *iov)
{
	uint32_t cnt = super->packet_cnt, size = super->request.size, idx = super->first_block;

	iov[0].iov_base = super->first.data;
	if (cnt == 1) {
		iov[0].iov_len = super->first.len; /* D5: with its padding */
		return 1;
	}
	iov[0].iov_len = super->payload_off + size;
	for (uint32_t i = 1; i < cnt;) {
		const struct gro_block *block = &gro->blocks[idx];

		idx = block->next;
		for (uint32_t j = 0; j < GRO_BLOCK_SEGMENTS && i < cnt; j++, i++) {
			iov[i].iov_base = block->segments[j].data + super->payload_off;
			iov[i].iov_len = size;
		}
	}
	iov[cnt - 1].iov_len = super->len - super->payload_off - (cnt - 1) * size;
	return cnt;
}

static void restore_first_header(struct gro_super *super)
{
	uint8_t *ip = super->first.data + super->l3_off, *tcp = super->first.data + super->l4_off;

	if (super->ip_version == 4) {
		store_u16(ip + 2, super->saved_ip_len);
		store_u16(ip + 10, super->saved_ip_csum);
	} else {
		store_u16(ip + 4, super->saved_ip_len);
	}
	tcp[13] = super->saved_flags;
	store_u16(tcp + 16, super->saved_l4_csum);
}

uint32_t gro_unmerge(struct gro *gro, struct gro_super *super, struct iovec *iov, bool *more)
{
	uint32_t cnt = super->packet_cnt, idx = super->first_block;

	if (more)
		memset(more, 0, cnt * sizeof *more);
	if (super->request.type != GSO_NONE) {
		restore_first_header(super);
		super->request.type = GSO_NONE;
		super->request.size = super->request.hdr_len = 0;
		super->request.needs_csum = super->unfinished;
	}
	iov[0].iov_base = super->first.data;
	iov[0].iov_len = super->first.len;
	for (uint32_t i = 1; i < cnt;) {
		const struct gro_block *block = &gro->blocks[idx];

		idx = block->next;
		for (uint32_t j = 0; j < GRO_BLOCK_SEGMENTS && i < cnt; j++, i++) {
			iov[i].iov_base = block->segments[j].data;
			iov[i].iov_len = block->segments[j].len;
		}
	}
	return cnt;
}

uint32_t gro_release(struct gro *gro, struct gro_super *super, uint64_t *cookies)
{
	uint32_t cnt = super->packet_cnt, idx = super->first_block;

	cookies[0] = super->first.cookie;
	for (uint32_t i = 1; i < cnt;) {
		const struct gro_block *block = &gro->blocks[idx];

		gro->free_blocks[gro->free_block_cnt++] = idx;
		idx = block->next;
		for (uint32_t j = 0; j < GRO_BLOCK_SEGMENTS && i < cnt; j++, i++)
			cookies[i] = block->segments[j].cookie;
	}
	gro->owned_cnt -= cnt;
	flow_free(&gro->table, (uint32_t)(super - gro->supers));
	return cnt;
}
