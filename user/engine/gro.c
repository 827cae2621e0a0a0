// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly: what is done with an offered packet.
 *
 *      gro.c           this file: the ways of a packet
 *      gro_rules.h     the rules it is judged by
 *      gro_held.h      how a superpacket begins, grows and ends
 *      gro_complete.c  the header of a superpacket
 *      gro_flush.c     time: what is held for too long goes up
 *      gro_delivery.c  what the caller does with deliveries
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
 * Appending is cheap: a few comparisons with a copy of the first header, and a place in a block. The first
 * header is rewritten once, at completion (D7); what is overwritten is kept, so that a
 * superpacket that nobody wants can be taken apart again without loss (V9).
 */
#include <errno.h>

#include "gro_held.h"

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

/* What has to be merged for a tunnel to be entered, by enum parse_tunnel. */
static const uint8_t tunnel_bits[] = {
	[PARSE_NO_TUNNEL] = 0,
	[PARSE_VXLAN] = GRO_MERGE_VXLAN,
	[PARSE_GENEVE] = GRO_MERGE_GENEVE,
	[PARSE_GRE] = GRO_MERGE_GRE,
	[PARSE_IPIP] = GRO_MERGE_IPIP,
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
	       align_up(block_count(config) * sizeof(uint32_t)) +
	       (config->adaptive ? align_up(habit_memory_size(HABIT_ENTRIES)) : 0);
}

static bool config_valid(const struct gro_config *config)
{
	return config->flows && config->flows <= 1u << 24 &&
	       config->packets && config->packets <= 1u << 24 &&
	       config->max_packets >= 2 && config->max_packets <= GRO_MAX_PACKETS &&
	       config->max_bytes && config->max_bytes <= GRO_BIG_BYTES_MAX &&
	       !(config->merge & ~GRO_MERGE_ALL);
}

/* The ports that pass, without the gaps between them. */
static void gather_pass_ports(struct gro *gro)
{
	uint16_t *ports = gro->config.pass_ports;

	for (uint32_t i = 0; i < GRO_PASS_PORTS; i++)
		if (ports[i])
			ports[gro->pass_port_cnt++] = ports[i];
}

/* Where unfinished checksums are accepted, all tunnels are looked into: the one inside has to be handed
 * on as unfinished whether it merges or not. */
static struct parse_tunnels tunnels_of(const struct gro_config *config)
{
	uint32_t merge = config->accept_unfinished ? GRO_MERGE_ALL : config->merge;
	struct parse_tunnels tunnels = {
		.vxlan_port = config->vxlan_port ? config->vxlan_port : VXLAN_PORT,
		.geneve_port = config->geneve_port ? config->geneve_port : GENEVE_PORT,
	};

	for (uint32_t tunnel = PARSE_VXLAN; tunnel < ARRAY_SIZE(tunnel_bits); tunnel++)
		if (merge & tunnel_bits[tunnel])
			tunnels.enter |= PARSE_TUNNEL_BIT(tunnel);
	return tunnels;
}

int gro_init(struct gro *gro, const struct gro_config *config, void *memory)
{
	uint8_t *at = memory;
	uint32_t entries = entry_count(config);

	if (!config_valid(config))
		return -EINVAL;

	memset(gro, 0, sizeof *gro);
	gro->config = *config;
	gather_pass_ports(gro);
	gro->limits = gro->big_limits = (struct gro_limits){ config->max_bytes, config->min_payload };
	if (config->max_bytes > 65535)
		gro->limits.max_bytes = 65535;
	if (config->headroom < BIG_TCP_HEADROOM)
		gro->big_limits = gro->limits;
	gro->tunnels = tunnels_of(config);
	flow_init(&gro->table, entries, config->secret, at);
	at += flow_memory_size(entries);
	gro->supers = (struct gro_super *)at;
	at += entries * sizeof(struct gro_super);
	gro->blocks = (struct gro_block *)at;
	at += block_count(config) * sizeof(struct gro_block);
	gro->free_blocks = (uint32_t *)at;
	at += align_up(block_count(config) * sizeof(uint32_t));
	if (config->adaptive)
		habit_init(&gro->habit, HABIT_ENTRIES, at);

	gro->ready_head = gro->ready_tail = gro->ready_ahead = gro->recent = FLOW_NONE;
	gro->time_reason = config->hold_ns ? GRO_AGE : GRO_BURST_END;
	gro->free_block_cnt = block_count(config);
	for (uint32_t i = 0; i < gro->free_block_cnt; i++)
		gro->free_blocks[i] = gro->free_block_cnt - 1 - i;
	return 0;
}

/* Delivers a packet alone, unmodified (D5). */
/* (Taken by value here and below: what the address of an arrival is known of must lie in memory.) */
static __attribute__((noinline)) void pass(struct gro *gro, struct arrival arrival,
					   enum gro_reason reason)
{
	uint32_t entry = begin(gro, &arrival, 0);

	gro->supers[entry].reason = (uint8_t)reason;
	make_ready(gro, entry);
}

/* ---- flows ---- */

static inline uint32_t pair_hash(const struct gro *gro, const uint8_t *ip, unsigned int version)
{
	return version == 4 ? flow_hash_pair(&gro->table, ip + 12, 4) :
			      flow_hash_pair(&gro->table, ip + 8, 16);
}

/* Where the flow of a packet is to be found. */
struct flow_key {
	uint32_t hash, pair;
};

/* Protocols of outermost packets of which anything can be held. */
static const uint8_t held_protocols[] = { TCP_PROTOCOL, UDP_PROTOCOL, GRE_PROTOCOL, IPV4_PROTOCOL,
					  IPV6_PROTOCOL };

/* D2 asks for what two hosts hold of one protocol, and must find that alone: if it walked past their
 * other flows, a sender of, say, UDP fragments could make it do so for every one of them. */
static inline uint32_t pair_key(uint32_t pair, uint8_t protocol)
{
	return pair ^ protocol * 0x9e3779b1u;
}

static uint8_t tunnel_protocol(const struct packet_view *view)
{
	if (view->tunnel == PARSE_GRE)
		return GRE_PROTOCOL;
	if (view->tunnel == PARSE_IPIP)
		return view->ip_version == 4 ? IPV4_PROTOCOL : IPV6_PROTOCOL;
	return UDP_PROTOCOL;
}

static COLD struct flow_key tunnel_key(const struct gro *gro, const uint8_t *data,
				       const struct packet_view *view)
{
	const uint8_t *outer = data + view->outer_l3_off, *ip = data + view->l3_off;
	uint32_t pair = pair_hash(gro, outer, view->outer_version);
	uint32_t hash = flow_hash(&gro->table, pair, load_u32(data + view->l4_off),
				  flow_label(ip, view->ip_version) | view->protocol, data,
				  view->outer_l3_off);
	uint32_t label = flow_label(outer, view->outer_version) | view->tunnel;

	hash = flow_hash_more(&gro->table, hash, (const uint8_t *)&label, sizeof label);
	hash = flow_hash_more(&gro->table, hash, ip + (view->ip_version == 4 ? 12 : 8),
			      view->ip_version == 4 ? 8 : 32);
	hash = hash_tunnel_header(&gro->table, hash, view->tunnel, data + view->outer_l4_off,
				  (uint32_t)view->l3_off - view->outer_l4_off);
	return (struct flow_key){ hash, pair_key(pair, tunnel_protocol(view)) };
}

static ALWAYS_INLINE struct flow_key key_of(const struct gro *gro, const uint8_t *data,
				     const struct packet_view *view)
{
	const uint8_t *ip = data + view->l3_off;
	uint32_t pair;

	if (view->tunnel)
		return tunnel_key(gro, data, view);
	pair = pair_hash(gro, ip, view->ip_version);
	return (struct flow_key){
		flow_hash(&gro->table, pair, load_u32(data + view->l4_off),
			  flow_label(ip, view->ip_version) | view->protocol, data, view->l3_off),
		pair_key(pair, view->protocol),
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

/* The outermost packet, by whose addresses and protocol D2 goes. */
struct outermost {
	const uint8_t *ip;
	unsigned int version;
	uint8_t protocol; /* 0: unknown, any */
};

static inline struct outermost outermost_of(const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data;

	if (view->tunnel)
		return (struct outermost){ data + view->outer_l3_off, view->outer_version,
					   arrival->outer_protocol };
	return (struct outermost){ data + view->l3_off, view->ip_version, view->protocol };
}

static inline bool may_be_of(const struct gro_super *super, const struct outermost *outer)
{
	return super->outer_version == outer->version &&
	       (super->outer_protocol == outer->protocol || !outer->protocol) &&
	       !address_diff(super->head + super->outer_l3_off, outer->ip, outer->version);
}

/* Takes the oldest of what the chains lead to, and that chain one further; FLOW_NONE: all are done. */
static uint32_t take_oldest(const struct flow_table *table, uint32_t *chains, uint32_t cnt)
{
	uint32_t entry = FLOW_NONE, from = 0;

	for (uint32_t i = 0; i < cnt; i++)
		if (chains[i] != FLOW_NONE &&
		    (entry == FLOW_NONE || flow_is_older(table, chains[i], entry))) {
			entry = chains[i];
			from = i;
		}
	if (entry != FLOW_NONE)
		chains[from] = flow_find_pair_newer(table, entry);
	return entry;
}

/* D2: a packet whose flow cannot be told must not overtake any flow that may be its own. D6: not even
 * where its protocol is unknown, and several chains are to be flushed as one. */
static void flush_pair(struct gro *gro, struct arrival arrival, enum gro_reason reason)
{
	struct outermost outer = outermost_of(&arrival);
	uint32_t chains[ARRAY_SIZE(held_protocols)], cnt = 0, pair, entry;

	if (!gro->table.held_cnt)
		return;
	pair = pair_hash(gro, outer.ip, outer.version);
	for (uint32_t i = 0; i < ARRAY_SIZE(held_protocols); i++)
		if (!outer.protocol || outer.protocol == held_protocols[i])
			chains[cnt++] = flow_find_pair(&gro->table, pair_key(pair, held_protocols[i]));
	while ((entry = take_oldest(&gro->table, chains, cnt)) != FLOW_NONE)
		if (may_be_of(&gro->supers[entry], &outer))
			complete(gro, entry, reason);
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

/* The place of a pair of hosts, which may be another's. */
static struct gro_sender *sender_at(struct gro *gro, uint32_t pair)
{
	return &gro->senders[pair % GRO_SENDERS];
}

/* Whether an unfinished checksum from this sender is taken for a wrong one. */
static COLD bool is_doubted(struct gro *gro, const uint8_t *ip, unsigned int version)
{
	uint32_t pair = pair_hash(gro, ip, version);
	const struct gro_sender *sender = sender_at(gro, pair);

	return sender->pair == pair && sender->finished >= FINISHED_ENOUGH;
}

/* Packets with data were accepted whose checksums were all in this state. */
static COLD void learn_sender(struct gro *gro, const uint8_t *ip, unsigned int version, enum csum_state state,
			      uint32_t packet_cnt)
{
	uint32_t pair = pair_hash(gro, ip, version);
	struct gro_sender *sender = sender_at(gro, pair);

	if (state == CSUM_UNFINISHED && sender->pair == pair) {
		sender->finished = 0;
	} else if (state == CSUM_RIGHT) {
		if (sender->pair != pair)
			*sender = (struct gro_sender){ .pair = pair };
		sender->finished += packet_cnt;
		if (sender->finished > FINISHED_MOST)
			sender->finished = FINISHED_MOST;
	}
}

/* The state of a packet's checksum in the light of what its sender has sent before. */
static COLD enum csum_state state_by_sender(struct gro *gro, const struct arrival *arrival, enum csum_state state)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *ip = arrival->packet->data + view->l3_off;

	if (state == CSUM_UNFINISHED && is_doubted(gro, ip, view->ip_version)) {
		sender_at(gro, pair_hash(gro, ip, view->ip_version))->finished -= FINISHED_DOUBT;
		return CSUM_WRONG;
	}
	if (view->payload_len || state == CSUM_UNFINISHED)
		learn_sender(gro, ip, view->ip_version, state, 1);
	return state;
}

/* Whether a packet that is no candidate may be part of a flow that holds: not if it is whole, and of a
 * protocol, or to be merged by nobody. */
static bool flow_is_unknown(const struct packet_view *view)
{
	return view->class != PARSE_FOREIGN && view->obstacle != PARSE_CLEAR &&
	       view->obstacle != PARSE_L4_OTHER;
}

/* A packet that is no candidate passes; if it may belong to a flow that holds, behind it (D2). */
static void pass_foreign(struct gro *gro, struct arrival arrival)
{
	const struct packet_view *view = &arrival.view;
	enum gro_reason reason = obstacle_reason(view);

	if (gro->config.accept_unfinished && view->class >= PARSE_TCP)
		arrival.unfinished =
			state_by_sender(gro, &arrival, l4_checksum(&arrival, true)) == CSUM_UNFINISHED;
	if (arrival.unfinished)
		arrival.csum = GRO_CSUM_VERIFIED;
	if (flow_is_unknown(view))
		flush_pair(gro, arrival, reason);
	pass(gro, arrival, reason);
}

/* D2: its addresses or ports may be what is wrong, so all of its pair goes first. */
static __attribute__((noinline)) void pass_wrong(struct gro *gro, struct arrival arrival)
{
	arrival.csum = GRO_CSUM_WRONG;
	gro->checksum_errors++;
	if (gro->config.adaptive)
		habit_failed(&gro->habit, key_of(gro, arrival.packet->data, &arrival.view).hash);
	flush_pair(gro, arrival, GRO_CHECKSUM);
	pass(gro, arrival, GRO_CHECKSUM);
}

/* R3, R8. Returns false after passing on a packet with a wrong checksum. */
static ALWAYS_INLINE bool verify(struct gro *gro, struct arrival *arrival)
{
	bool accept_unfinished = gro->config.accept_unfinished;
	enum csum_state state = arrival->view.tunnel ? tunnel_checksum_state(arrival, accept_unfinished) :
						       checksum_state(arrival, accept_unfinished);

	if (accept_unfinished && state != CSUM_WRONG)
		state = state_by_sender(gro, arrival, state);
	arrival->unfinished = state == CSUM_UNFINISHED;
	if (unlikely(state == CSUM_WRONG)) {
		pass_wrong(gro, *arrival);
		return false;
	}
	arrival->csum = unlikely(state == CSUM_NONE) ? GRO_CSUM_UNKNOWN : GRO_CSUM_VERIFIED;
	return true;
}

/* ---- append and hold ---- */

/* R16: BIG TCP has a form only for TCP right behind an IPv6 header. */
static ALWAYS_INLINE const struct gro_limits *limits_of(const struct gro *gro, const struct packet_view *view)
{
	return view->ip_version == 6 && view->protocol == TCP_PROTOCOL && !view->tunnel &&
			       view->l4_off - view->l3_off == 40 ? &gro->big_limits : &gro->limits;
}

/* D3 */
static __attribute__((noinline)) void make_place(struct gro *gro)
{
	if (gro->config.flush_all_when_full)
		gro_flush(gro, GRO_TABLE_FULL);
	else
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
}

static inline bool is_tunnel_port(const struct gro *gro, const uint8_t *udp)
{
	const struct parse_tunnels *tunnels = &gro->tunnels;
	uint16_t port = load_be16(udp + 2);

	return (tunnels->enter & PARSE_TUNNEL_BIT(PARSE_VXLAN) && port == tunnels->vxlan_port) ||
	       (tunnels->enter & PARSE_TUNNEL_BIT(PARSE_GENEVE) && port == tunnels->geneve_port);
}

/* Remembers what append_recent() tries next. It compares headers up to the UDP payload and nothing behind
 * them. That is not enough within a tunnel, nor where a datagram's payload says whether it is a tunnel's:
 * there each packet goes the long way. */
static ALWAYS_INLINE void set_recent(struct gro *gro, uint32_t entry, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;

	gro->recent = entry;
	if (view->tunnel || (view->protocol == UDP_PROTOCOL && gro->tunnels.enter &&
			     is_tunnel_port(gro, arrival->packet->data + view->l4_off)))
		gro->recent = FLOW_NONE;
}

/* The first packet of a superpacket is held, unless its flags would have to move (R17). */
static ALWAYS_INLINE void hold(struct gro *gro, const struct arrival *arrival, struct flow_key key,
			uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data, *l4 = data + view->l4_off;
	bool tcp = view->protocol == TCP_PROTOCOL;
	struct gro_super *super;
	uint32_t entry;

	if (tcp && unlikely(l4[13] & (TCP_FIN | TCP_PSH))) {
		pass(gro, *arrival, GRO_PUSH_FIN);
		return;
	}
	if (unlikely(gro->config.adaptive) && habit_leave_alone(&gro->habit, key.hash)) {
		pass(gro, *arrival, GRO_LEFT_ALONE);
		return;
	}
	if (unlikely(gro->table.held_cnt >= gro->config.flows))
		make_place(gro);
	entry = begin(gro, arrival, now_ns);
	super = &gro->supers[entry];
	super->reason = gro->time_reason;
	super->size = (uint16_t)view->payload_len;
	super->len = view->payload_off + view->payload_len; /* R4: without padding */
	super->next_seq = tcp ? load_be32(l4 + 4) + view->payload_len : 0;
	super->last_id = view->ip_version == 4 ? load_be16(data + view->l3_off + 4) : 0;
	if (view->tunnel && view->outer_version == 4)
		super->outer_last_id = load_be16(data + view->outer_l3_off + 4);
	copy_head(super);
	flow_insert(&gro->table, entry, key.hash, key.pair);
	set_recent(gro, entry, arrival);
}

/* ---- one packet ---- */

/*
 * The short way. Appends as many of cnt packets as continue this superpacket in the way that most
 * do, and returns how many. Nothing was done to the next one, or is known of it, but that it has to
 * go the long way. Marks are for the long way too.
 */
static ALWAYS_INLINE uint32_t append_run(struct gro *gro, uint32_t entry, struct packet_view view,
					 const struct gro_packet *packets, uint32_t cnt, bool plain)
{
	struct gro_super *super = &gro->supers[entry];
	struct arrival arrival = { .fragment_cnt = 1, .view = view, .unfinished = super->unfinished };
	enum csum_state csum = super->unfinished ? CSUM_UNFINISHED : CSUM_RIGHT;
	const struct gro_limits *limits = limits_of(gro, &view);
	enum gro_reason reason = GRO_REASON_CNT;
	struct reach reach = reach_of(super);
	const uint8_t *first = super->head;
	uint32_t size = super->size, i;

	if (unlikely(super->unfinished) && is_doubted(gro, first + view.l3_off, view.ip_version))
		return 0;
	for (i = 0; i < cnt && reason == GRO_REASON_CNT; i++) {
		arrival.packet = &packets[i];
		if (i + 2 < cnt)
			__builtin_prefetch(packets[i + 2].data);
		if (!(plain ? same_plain_headers(first, &packets[i], &arrival.view) :
			      same_headers(first, &packets[i], &arrival.view)) ||
		    sequel_obstacle(&reach, size, &arrival, limits, false) != GRO_REASON_CNT ||
		    unlikely(other_zero(&arrival)) ||
		    unlikely(checksum_state(&arrival, gro->config.accept_unfinished) != csum))
			break;
		reason = append(gro, super, &reach, &arrival);
	}
	if (!i)
		return 0;
	if (unlikely(gro->config.accept_unfinished))
		learn_sender(gro, first + view.l3_off, view.ip_version, csum, i);
	appended(gro, entry, &reach, i, false, reason);
	return i;
}

static __attribute__((noinline)) uint32_t append_run_any(struct gro *gro, uint32_t entry,
							 const struct gro_packet *packets, uint32_t cnt)
{
	return append_run(gro, entry, first_view(&gro->supers[entry]), packets, cnt, false);
}

/* The same for what is_plain(): all offsets but one are constants. */
static __attribute__((noinline)) uint32_t append_run_plain(struct gro *gro, uint32_t entry,
							   const struct gro_packet *packets, uint32_t cnt)
{
	struct packet_view view = first_view(&gro->supers[entry]);

	view.ip_version = 4;
	view.protocol = TCP_PROTOCOL;
	view.l3_off = 14;
	view.l4_off = 14 + 20;
	return append_run(gro, entry, view, packets, cnt, true);
}

/* What same_plain_headers() is for. */
static inline bool is_plain(const struct gro_super *super)
{
	return super->ip_version == 4 && super->l3_off == 14 && super->protocol == TCP_PROTOCOL &&
	       (super->payload_off == PLAIN_STAMPS_LEN || super->payload_off == PLAIN_LEN) &&
	       !(super->head[super->l4_off + 13] & TCP_CWR);
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
	    port_diff(super->head + super->l4_off, packets->data + super->l4_off))
		return 0;
	return is_plain(super) ? append_run_plain(gro, entry, packets, cnt) :
				 append_run_any(gro, entry, packets, cnt);
}

static bool is_pass_port(const struct gro *gro, const uint8_t *l4)
{
	uint16_t src = load_be16(l4), dst = load_be16(l4 + 2);

	for (uint32_t i = 0; i < gro->pass_port_cnt; i++)
		if (gro->config.pass_ports[i] == src || gro->config.pass_ports[i] == dst)
			return true;
	return false;
}

/* Why a packet of a known flow neither appends nor is held, whatever is held; GRO_REASON_CNT: it may. */
static ALWAYS_INLINE enum gro_reason no_candidate(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *l4 = arrival->packet->data + view->l4_off;

	if (view->protocol == TCP_PROTOCOL && unlikely(l4[13] & (TCP_SYN | TCP_RST | TCP_URG))) /* R9 */
		return GRO_FLAGS;
	if (unlikely(!view->payload_len)) /* R6, R7 */
		return GRO_NO_DATA;
	if (view->protocol == UDP_PROTOCOL && unlikely(!load_u16(l4 + UDP_CSUM_OFFSET))) /* R7 */
		return GRO_NOT_SERVED;
	if (unlikely(other_zero(arrival)) || (view->tunnel && tunnel_other_zero(arrival)))
		return GRO_HEADER;
	if (unlikely(view->payload_len < gro->config.min_payload) ||
	    unlikely(gro->pass_port_cnt && is_pass_port(gro, l4)))
		return GRO_EXEMPT;
	if (unlikely(arrival->fragment_cnt > 1 && arrival->fragment_cnt >= gro->config.max_packets))
		return GRO_COUNT;
	return GRO_REASON_CNT;
}

/* Why a packet of the flow of what is held cannot append to it; GRO_REASON_CNT: it can. */
static ALWAYS_INLINE enum gro_reason append_obstacle(const struct gro *gro, const struct gro_super *super,
						     const struct reach *reach,
						     const struct arrival *arrival)
{
	bool marks = gro->config.marks;

	if (other_headers(super, arrival, marks) ||
	    (arrival->view.tunnel && other_tunnel(super, reach, arrival, marks)))
		return GRO_HEADER;
	if (unlikely(arrival->fragment_cnt > 1) &&
	    reach->fragment_cnt + arrival->fragment_cnt > gro->config.max_packets)
		return GRO_COUNT;
	return sequel_obstacle(reach, super->size, arrival, limits_of(gro, &arrival->view), marks);
}

/* The long way. known: the key, where somebody has made it. */
static ALWAYS_INLINE void offer_flow(struct gro *gro, const struct arrival *arrival, const struct flow_key *known,
				     uint64_t now_ns)
{
	struct flow_key key = known ? *known : key_of(gro, arrival->packet->data, &arrival->view);
	uint32_t entry = find_held(gro, arrival, key.hash);
	enum gro_reason reason = no_candidate(gro, arrival);

	if (unlikely(reason != GRO_REASON_CNT)) {
		if (entry != FLOW_NONE)
			complete(gro, entry, reason); /* D1 */
		pass(gro, *arrival, reason);
		return;
	}
	if (entry != FLOW_NONE) {
		struct gro_super *super = &gro->supers[entry];
		struct reach reach = reach_of(super);

		reason = append_obstacle(gro, super, &reach, arrival);
		if (likely(reason == GRO_REASON_CNT)) {
			set_recent(gro, entry, arrival);
			reason = append(gro, super, &reach, arrival);
			appended(gro, entry, &reach, 1, arrival->view.tunnel, reason);
			return;
		}
		complete(gro, entry, reason); /* D1 */
	}
	hold(gro, arrival, key, now_ns);
}

/* A tunnel's bit speaks for the TCP inside. */
static bool is_merged(const struct gro *gro, const struct packet_view *view)
{
	uint32_t bits = view->tunnel ? tunnel_bits[view->tunnel] : 0;

	if (view->class == PARSE_UDP)
		bits |= GRO_MERGE_UDP;
	else if (!view->tunnel)
		bits = GRO_MERGE_TCP;
	return view->obstacle == PARSE_CLEAR && view->class >= PARSE_TCP &&
	       (gro->config.merge & bits) == bits;
}

/* A tunnel's UDP checksum that is unfinished has to be handed on as such, and a packet has but one that
 * can be. (One in 65536 of the right ones looks so.) */
static bool is_outer_unfinished(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	uint16_t field;

	if (!gro->config.accept_unfinished || view->class != PARSE_UDP)
		return false;
	field = load_u16(arrival->packet->data + view->l4_off + UDP_CSUM_OFFSET);
	return field && field == checksum_fold_partial(pseudo_sum(arrival));
}

/* Of a packet in several fragments, whose headers may go on in the second: what is inside is then of
 * any flow between the tunnel's ends. */
static COLD bool may_be_tunnel(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;
	uint16_t port;

	if (view->class != PARSE_UDP)
		return view->obstacle == PARSE_L4_OTHER;
	port = load_be16(arrival->packet->data + view->l4_off + 2);
	return port == gro->tunnels.vxlan_port || port == gro->tunnels.geneve_port;
}

/* Makes the arrival that of the packet inside, if it is in a tunnel. False after passing it on, behind
 * what may be its flow. */
static bool enter_tunnel(struct gro *gro, struct arrival *arrival)
{
	const struct gro_packet *packet = arrival->packet;
	struct packet_view inner = arrival->view;

	if (inner.class == PARSE_UDP && is_pass_port(gro, packet->data + inner.l4_off))
		return true;
	if (!parse_inner(packet->data, packet->len, arrival->len, &gro->tunnels, &inner) ||
	    (arrival->fragment_cnt > 1 && inner.class < PARSE_TCP)) {
		if (arrival->fragment_cnt == 1 || !may_be_tunnel(gro, arrival))
			return true;
	} else if (!is_outer_unfinished(gro, arrival)) {
		arrival->view = inner;
		return true;
	}
	flush_pair(gro, *arrival, GRO_NOT_SERVED);
	pass_foreign(gro, *arrival);
	return false;
}

/* Any packet at all, in any number of fragments. */
static __attribute__((noinline)) void offer_any(struct gro *gro, const struct gro_packet *packet,
						uint32_t fragment_cnt, uint64_t now_ns)
{
	struct arrival arrival = { .packet = packet, .fragment_cnt = fragment_cnt, .csum = packet->csum };
	const struct packet_view *view = &arrival.view;

	for (uint32_t i = 0; i < fragment_cnt; i++)
		arrival.len += packet[i].len;
	parse_packet(packet->data, packet->len, arrival.len, &arrival.view);
	arrival.outer_protocol = view->protocol;
	if (gro->tunnels.enter && !enter_tunnel(gro, &arrival))
		return;
	if (!is_merged(gro, view)) {
		pass_foreign(gro, arrival);
	} else if (verify(gro, &arrival)) {
		if (view->payload_off <= HEADER_SLOT_LEN) {
			offer_flow(gro, &arrival, NULL, now_ns);
		} else { /* Headers that gso.c would not cut behind must not be merged under. */
			flush_pair(gro, arrival, GRO_NOT_SERVED);
			pass(gro, arrival, GRO_NOT_SERVED);
		}
	}
}

/* One in one fragment, if it is plain TCP over this version of IP: made for each, of constants mostly. */
static ALWAYS_INLINE bool offer_plain(struct gro *gro, const struct gro_packet *packet, const struct flow_key *known,
				      uint64_t now_ns, unsigned int version)
{
	struct arrival arrival = { .packet = packet, .fragment_cnt = 1, .len = packet->len,
				   .outer_protocol = TCP_PROTOCOL };

	if (!(version == 4 ? parse_plain_ipv4(packet->data, packet->len, &arrival.view) :
			     parse_plain_ipv6(packet->data, packet->len, &arrival.view)))
		return false;
	if (verify(gro, &arrival))
		offer_flow(gro, &arrival, known, now_ns);
	return true;
}

static __attribute__((noinline)) void offer_other(struct gro *gro, const struct gro_packet *packet,
						  uint64_t now_ns)
{
	if (!(gro->config.merge & GRO_MERGE_TCP) || !offer_plain(gro, packet, NULL, now_ns, 6))
		offer_any(gro, packet, 1, now_ns);
}

static ALWAYS_INLINE void offer(struct gro *gro, const struct gro_packet *packet, const struct flow_key *known,
				uint64_t now_ns)
{
	if (unlikely(!(gro->config.merge & GRO_MERGE_TCP)) || !offer_plain(gro, packet, known, now_ns, 4))
		offer_other(gro, packet, now_ns);
}

/* With many flows held, what a packet needs is in no cache. So it is asked for in advance for
 * LOOK_AHEAD packets at once, each step on the way to it for all of them, and the misses of different
 * packets overlap. 16 at once are 5 % slower; more than 64 would push each other out of the first-level cache.
 * With few flows held it only costs. */
#define LOOK_AHEAD 64u
#define LOOK_AHEAD_FLOWS 512u

/* What is known of packets from..end of a burst. */
struct ahead {
	uint32_t from, end;
	struct flow_key keys[LOOK_AHEAD]; /* of plain TCP; only those over IPv4 are asked for again */
};

/* The two lines that an append needs, and what else is written when a packet is held. */
static inline void look_at(const struct gro_super *super)
{
	__builtin_prefetch(super, 1);
	__builtin_prefetch((const uint8_t *)super + 64, 1);
}

/* Where each will be put: behind others in a block, into a new block, or into a new entry. */
static inline void look_at_places(const struct gro *gro, const uint32_t *entries, uint32_t cnt)
{
	uint32_t next_entry = gro->table.free_head, block_cnt = gro->free_block_cnt;

	for (uint32_t i = 0; i < cnt; i++) {
		uint32_t entry = entries[i] != FLOW_NONE ? entries[i] : next_entry;
		const struct gro_super *super;

		if (entry == FLOW_NONE)
			continue;
		super = &gro->supers[entry];
		if (entries[i] == FLOW_NONE) {
			look_at(super);
			__builtin_prefetch(&super->first, 1);
			next_entry = gro->table.links[next_entry].next;
		} else if (super->fill < GRO_BLOCK_SEGMENTS) {
			__builtin_prefetch(&gro->blocks[super->last_block].segments[super->fill], 1);
		} else if (block_cnt) {
			__builtin_prefetch(&gro->blocks[gro->free_blocks[--block_cnt]], 1);
		}
	}
}

/* Asks only, and decides nothing. */
static __attribute__((noinline)) void look_ahead(const struct gro *gro, const struct gro_packet *packets,
						 uint32_t from, uint32_t end, struct ahead *ahead)
{
	const struct flow_table *table = &gro->table;
	uint32_t entries[LOOK_AHEAD], cnt = end - from < LOOK_AHEAD ? end - from : LOOK_AHEAD;

	packets += from;
	ahead->from = from;
	ahead->end = from + cnt;
	for (uint32_t i = 0; i < cnt; i++) {
		struct packet_view view;

		ahead->keys[i] = (struct flow_key){ 0, 0 };
		if (parse_plain(packets[i].data, packets[i].len, &view))
			ahead->keys[i] = key_of(gro, packets[i].data, &view);
		__builtin_prefetch(&table->heads[ahead->keys[i].hash & table->mask], 1);
	}
	for (uint32_t i = 0; i < cnt; i++) {
		entries[i] = flow_find(table, ahead->keys[i].hash);
		if (entries[i] != FLOW_NONE)
			look_at(&gro->supers[entries[i]]);
	}
	/* To the compiler all this has no effect, and so it would not do it. */
	__asm__ volatile("" ::: "memory");
	look_at_places(gro, entries, cnt);
}

/* How many fragments there is room for, each of which may take an entry. When there is less than is
 * needed and all are in held superpackets, the oldest goes, so that the caller has something to take. */
static uint32_t room_for(struct gro *gro, uint32_t cnt, uint32_t need)
{
	uint32_t room = gro->config.packets - gro->owned_cnt;

	if (room > gro->table.free_cnt)
		room = gro->table.free_cnt;
	if (unlikely(room < need) && gro->ready_head == FLOW_NONE && gro->table.oldest != FLOW_NONE)
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
	return cnt < room ? cnt : room;
}

/* Fragments of the packet that begins here; 0: it is not complete, or has too many. */
static uint32_t count_fragments(const struct gro_packet *packets, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt && i < GRO_FRAGMENTS_MAX; i++)
		if (!packets[i].more)
			return i + 1;
	return 0;
}

/* A packet in several fragments. Returns how many it took: all of them or none. */
static __attribute__((noinline)) uint32_t offer_fragments(struct gro *gro,
							  const struct gro_packet *packets,
							  uint32_t cnt, uint64_t now_ns)
{
	uint32_t fragment_cnt = count_fragments(packets, cnt);

	if (!fragment_cnt || room_for(gro, fragment_cnt, fragment_cnt) < fragment_cnt)
		return 0;
	offer_any(gro, packets, fragment_cnt, now_ns);
	return fragment_cnt;
}

uint32_t gro_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns)
{
	uint32_t i = 0, end, taken;
	struct ahead ahead;

	if (cnt) /* who offers what he has, round by round, offers nothing at times: that is idleness */
		gro->last_ns = now_ns;
	ahead.from = ahead.end = 0;
	while ((end = i + room_for(gro, cnt - i, cnt > i)) > i) {
		while (i < end) {
			if (unlikely(gro->table.held_cnt >= LOOK_AHEAD_FLOWS) && i >= ahead.end)
				look_ahead(gro, packets, i, end, &ahead);
			if (i + 2 < end)
				__builtin_prefetch(packets[i + 2].data);
			i += append_recent(gro, packets + i, end - i);
			if (i == end)
				break;
			if (unlikely(packets[i].more)) {
				taken = offer_fragments(gro, packets + i, cnt - i, now_ns);
				if (!taken)
					return i;
				i += taken;
			} else {
				offer(gro, &packets[i], i < ahead.end ? &ahead.keys[i - ahead.from] : NULL, now_ns);
				i++;
			}
		}
	}
	return i;
}
