// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly: the way of a packet, from gro_offer() into a held superpacket or to a delivery of its own.
 *
 *      gro_offer()
 *        the short way    append_to_recent()     its headers are those of the superpacket that was appended to or
 *                                                begun last, but for what may differ: it appends, without parsing
 *                                                and without a look-up. Most packets go this way
 *        the long way     offer_plain_tcp()      TCP over IPv4 or IPv6 without tags and options of IP: parsed in a
 *                                                few comparisons
 *                         offer_walked()         any packet: parsed by the walk, in tunnels, in fragments
 *                           place()              its flow is looked up: it appends, or what its flow holds is
 *                                                flushed (D1) and it is held or passes
 *
 * Both ways ask the same rules; the short way says yes only where the long way would, and the long way decides
 * everything else. A packet that does not append flushes first what it must not overtake: its flow's superpacket
 * (D1), or, where its flow cannot be known, all that may be of its flow (D2).
 *
 * Appending is cheap: a few comparisons with a copy of the first header, and a place in a block. The first header
 * is rewritten once, at completion (D7); what is overwritten is kept, so that a superpacket can be taken apart again
 * without loss (V9).
 *
 * The other files of reassembly:
 *
 *      gro_rules.h       the rules about headers          gro_same.h        the short way's comparison
 *      gro_checksum.h    the rules about checksums        gro_unfinished.c  checksums left to be finished
 *      gro_key.h         the hashes of a flow             gro_tunnel.c      all of these in tunnels
 *      gro_held.h        how a superpacket begins, grows, ends
 *      gro_pass.c        packets that are delivered alone
 *      gro_flush.c       time, order and room end it      gro_complete.c    its header is rewritten
 *      gro_delivery.c    what the caller does with it     gro_fragments.c   packets in several fragments
 *      gro_ahead.c       prefetching                      gro_config.c      configuration, memory
 */
#include "gro_ahead.h"
#include "gro_held.h"
#include "gro_pass.h"
#include "gro_same.h"
#include "gro_unfinished.h"

/*
 * Each way is compiled as one function, with all that it calls in this file and in the headers inlined: otherwise
 * what is known of a packet would not stay in registers (40 % more instructions). Ways that few packets take are kept
 * apart from gro_offer(), which is the long way of TCP over IPv4.
 */
#define WAY __attribute__((flatten))
#define WAY_APART __attribute__((flatten, noinline))

/* ---- the long way ends: the packet is placed ---- */

/* R3, R8, R19. Returns false after a packet with a wrong checksum has passed. */
static inline bool verify(struct gro *gro, struct arrival *arrival)
{
	bool accept_unfinished = gro->config.accept_unfinished;
	const struct packet_view *view = &arrival->view;
	enum csum_state state = view->tunnel ? gro_tunnel_checksum_state(*arrival, accept_unfinished) :
					       checksum_state(arrival, accept_unfinished);

	if (accept_unfinished && state != CSUM_WRONG)
		state = gro_unfinished_verdict(gro, arrival->packet->data + view->l3_off, view->ip_version,
					       view->payload_len, state);
	arrival->unfinished = state == CSUM_UNFINISHED;
	if (unlikely(state == CSUM_WRONG)) {
		gro_pass_wrong(gro, *arrival);
		return false;
	}
	arrival->csum = unlikely(state == CSUM_NONE) ? GRO_CSUM_UNKNOWN : GRO_CSUM_VERIFIED;
	return true;
}

/* The short way compares headers up to the payload of TCP or UDP. That does not tell what a packet is inside a tunnel,
 * nor where a datagram's payload decides whether it is a tunnel's. */
static inline bool needs_long_way(const struct gro *gro, const struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;

	if (view->protocol == UDP_PROTOCOL && gro->tunnels.enter && !view->tunnel)
		return is_to_tunnel_port(gro, arrival->packet->data + view->l4_off);
	return view->tunnel;
}

/* The first packet of a superpacket is held, unless FIN or PSH would have to move from it (R17). */
static inline void hold(struct gro *gro, const struct arrival *arrival, struct flow_key key, uint64_t now_ns)
{
	const struct packet_view *view = &arrival->view;
	const uint8_t *data = arrival->packet->data, *l4 = data + view->l4_off;
	bool tcp = view->protocol == TCP_PROTOCOL;
	struct gro_super *super;
	uint32_t entry;

	if (tcp && unlikely(l4[13] & (TCP_FIN | TCP_PSH))) {
		gro_pass(gro, *arrival, GRO_PUSH_FIN);
		return;
	}
	if (unlikely(gro->config.adaptive) && habit_leave_alone(&gro->habit, key.hash)) {
		gro_pass(gro, *arrival, GRO_LEFT_ALONE);
		return;
	}
	if (unlikely(gro->table.held_cnt >= gro->config.flows))
		gro_flush_for_room(gro);
	entry = begin(gro, arrival, now_ns);
	super = &gro->supers[entry];
	super->reason = gro->time_reason;
	super->size = (uint16_t)view->payload_len;
	super->len = packet_end(view);
	super->next_seq = tcp ? load_be32(l4 + 4) + view->payload_len : 0;
	super->last_id = view->ip_version == 4 ? load_be16(data + view->l3_off + 4) : 0;
	if (view->tunnel && view->outer_version == 4)
		super->outer_last_id = load_be16(data + view->outer_l3_off + 4);
	super->long_way = needs_long_way(gro, arrival);
	copy_head(super);
	flow_insert(&gro->table, entry, key.hash, key.pair);
	gro->recent = entry;
}

/* What the flow of a packet holds; FLOW_NONE: nothing. */
static inline uint32_t find_held(const struct gro *gro, const struct arrival *arrival, uint32_t hash)
{
	uint32_t entry = flow_find(&gro->table, hash);

	while (entry != FLOW_NONE && unlikely(!same_flow(&gro->supers[entry], arrival)))
		entry = flow_find_next(&gro->table, entry);
	return entry;
}

/* A candidate whose checksums are right. known: its key, if it has been made already. */
static inline void place(struct gro *gro, const struct arrival *arrival, const struct flow_key *known, uint64_t now_ns)
{
	struct flow_key key = known ? *known : key_of(gro, arrival->packet->data, &arrival->view);
	uint32_t entry = find_held(gro, arrival, key.hash);
	enum gro_reason reason = reason_to_pass(gro, arrival);

	if (unlikely(reason != GRO_REASON_CNT)) {
		if (entry != FLOW_NONE)
			complete(gro, entry, reason); /* D1 */
		gro_pass(gro, *arrival, reason);
		return;
	}
	if (entry != FLOW_NONE) {
		struct gro_super *super = &gro->supers[entry];
		struct reach reach = reach_of(super);

		reason = reason_to_flush(gro, super, &reach, arrival);
		if (likely(reason == GRO_REASON_CNT)) {
			gro->recent = entry;
			reason = append(gro, super, &reach, arrival);
			appended(gro, entry, &reach, 1, arrival->view.tunnel, reason);
			return;
		}
		complete(gro, entry, reason); /* D1 */
	}
	hold(gro, arrival, key, now_ns);
}

/* ---- the long way begins: the packet is parsed ---- */

/* Inside a tunnel, the tunnel's bit stands for TCP. */
static bool is_merged(const struct gro *gro, const struct packet_view *view)
{
	uint32_t merge = gro->config.merge;

	if (view->obstacle != PARSE_CLEAR || view->class < PARSE_TCP)
		return false;
	if (view->class == PARSE_UDP && !(merge & GRO_MERGE_UDP)) /* R18 */
		return false;
	if (view->tunnel) /* R19 */
		return merge & tunnel_merge_bit(view->tunnel);
	return view->class == PARSE_UDP || merge & GRO_MERGE_TCP;
}

/* Any packet at all, in any number of fragments. */
static WAY_APART void offer_walked(struct gro *gro, const struct gro_packet *packet, uint32_t fragment_cnt,
				   uint64_t now_ns)
{
	struct arrival arrival = { .packet = packet, .fragment_cnt = fragment_cnt, .csum = packet->csum };
	const struct packet_view *view = &arrival.view;
	bool unknown;

	for (uint32_t i = 0; i < fragment_cnt; i++)
		arrival.len += packet[i].len;
	parse_packet(packet->data, packet->len, arrival.len, &arrival.view);
	arrival.outer_protocol = view->protocol;
	unknown = gro->tunnels.enter && !gro_tunnel_enter(gro, &arrival);
	if (unknown)
		gro_flush_pair(gro, &arrival, GRO_NOT_SERVED); /* D2 */
	if (unknown || !is_merged(gro, view)) {
		gro_pass_foreign(gro, arrival);
	} else if (verify(gro, &arrival)) {
		if (view->payload_off <= HEADER_SLOT_LEN) {
			place(gro, &arrival, NULL, now_ns);
		} else { /* R20: gso.c could not cut behind headers this long. */
			gro_flush_pair(gro, &arrival, GRO_NOT_SERVED);
			gro_pass(gro, arrival, GRO_NOT_SERVED);
		}
	}
}

/* A packet in one fragment, if it is plain TCP over this version of IP; else false. Compiled once for each version,
 * with most offsets constant. */
static inline bool offer_plain_tcp(struct gro *gro, const struct gro_packet *packet, const struct flow_key *known,
				   uint64_t now_ns, unsigned int version)
{
	struct arrival arrival = {
		.packet = packet, .fragment_cnt = 1, .len = packet->len, .outer_protocol = TCP_PROTOCOL
	};

	if (!(version == 4 ? parse_plain_ipv4(packet->data, packet->len, &arrival.view) :
			     parse_plain_ipv6(packet->data, packet->len, &arrival.view)))
		return false;
	if (verify(gro, &arrival))
		place(gro, &arrival, known, now_ns);
	return true;
}

static WAY_APART void offer_plain_ipv6_or_walked(struct gro *gro, const struct gro_packet *packet, uint64_t now_ns)
{
	if (!(gro->config.merge & GRO_MERGE_TCP) || !offer_plain_tcp(gro, packet, NULL, now_ns, 6))
		offer_walked(gro, packet, 1, now_ns);
}

static inline void offer_long_way(struct gro *gro, const struct gro_packet *packet, const struct flow_key *known,
				  uint64_t now_ns)
{
	if (unlikely(!(gro->config.merge & GRO_MERGE_TCP)) || !offer_plain_tcp(gro, packet, known, now_ns, 4))
		offer_plain_ipv6_or_walked(gro, packet, now_ns);
}

/* ---- the short way ---- */

/*
 * Appends as many of cnt packets as continue this superpacket in the way that most do, and returns how many. Nothing
 * was done to the next one, and nothing is known about it but that it has to go the long way. Whatever only
 * gro_config.marks allows is left to the long way. view: what the packet is whose headers are compared.
 */
static inline uint32_t append_while_next(struct gro *gro, uint32_t entry, struct packet_view view,
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

	if (unlikely(super->unfinished) && gro_unfinished_is_doubted(gro, first + view.l3_off, view.ip_version))
		return 0;
	for (i = 0; i < cnt && reason == GRO_REASON_CNT; i++) {
		arrival.packet = &packets[i];
		if (i + 2 < cnt)
			__builtin_prefetch(packets[i + 2].data);
		if (!(plain ? same_plain_headers(first, &packets[i], &arrival.view) :
			      same_headers(first, &packets[i], &arrival.view)) ||
		    reason_not_next(&reach, size, &arrival, limits, false) != GRO_REASON_CNT ||
		    unlikely(has_ffff_checksum(&arrival)) ||
		    unlikely(checksum_state(&arrival, gro->config.accept_unfinished) != csum))
			break;
		reason = append(gro, super, &reach, &arrival);
	}
	if (!i)
		return 0;
	if (unlikely(gro->config.accept_unfinished))
		gro_unfinished_learn(gro, first + view.l3_off, view.ip_version, csum, i);
	appended(gro, entry, &reach, i, false, reason);
	return i;
}

static WAY_APART uint32_t append_any_headers(struct gro *gro, uint32_t entry, const struct gro_packet *packets,
					     uint32_t cnt)
{
	return append_while_next(gro, entry, first_view(&gro->supers[entry]), packets, cnt, false);
}

/* The same for what is_plain(): all offsets but that of the payload are constants. */
static WAY_APART uint32_t append_plain_tcp4(struct gro *gro, uint32_t entry, const struct gro_packet *packets,
					    uint32_t cnt)
{
	struct packet_view view = first_view(&gro->supers[entry]);

	view.ip_version = 4;
	view.protocol = TCP_PROTOCOL;
	view.l3_off = PLAIN_L3;
	view.l4_off = PLAIN_L4;
	return append_while_next(gro, entry, view, packets, cnt, true);
}

/* Ports tell most packets of other flows apart, at a glance. */
static inline uint32_t append_to_recent(struct gro *gro, const struct gro_packet *packets, uint32_t cnt)
{
	uint32_t entry = gro->recent;
	const struct gro_super *super;

	if (entry == FLOW_NONE)
		return 0;
	super = &gro->supers[entry];
	if (packets->len <= super->payload_off ||
	    port_diff(super->head + super->l4_off, packets->data + super->l4_off) || unlikely(super->long_way))
		return 0;
	return is_plain(super) ? append_plain_tcp4(gro, entry, packets, cnt) :
				 append_any_headers(gro, entry, packets, cnt);
}

/* ---- bursts ---- */

/* For how many of cnt fragments there is room, each of which may take an entry. When that is less than needed and
 * everything is in held superpackets, the oldest goes, so that the caller has something to take (D3). */
static uint32_t room_for(struct gro *gro, uint32_t cnt, uint32_t needed)
{
	uint32_t room = gro->config.packets - gro->owned_cnt;

	if (room > gro->table.free_cnt)
		room = gro->table.free_cnt;
	if (unlikely(room < needed) && gro->ready_head == FLOW_NONE && gro->table.oldest != FLOW_NONE)
		complete(gro, gro->table.oldest, GRO_TABLE_FULL);
	return cnt < room ? cnt : room;
}

/* Offers the packet that begins here. Returns how many fragments it has, which were taken; 0: not one was. */
static uint32_t offer_fragments(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns)
{
	uint32_t fragment_cnt = gro_fragments_count(packets, cnt);

	if (!fragment_cnt || room_for(gro, fragment_cnt, fragment_cnt) < fragment_cnt)
		return 0;
	offer_walked(gro, packets, fragment_cnt, now_ns);
	return fragment_cnt;
}

WAY uint32_t gro_offer(struct gro *gro, const struct gro_packet *packets, uint32_t cnt, uint64_t now_ns)
{
	uint32_t i = 0, end, taken;
	const struct flow_key *key;
	struct ahead ahead;

	if (cnt) /* An empty call counts as idle. */
		gro->last_ns = now_ns;
	ahead.from = ahead.end = 0;
	while ((end = i + room_for(gro, cnt - i, cnt > i)) > i) {
		while (i < end) {
			if (unlikely(gro->table.held_cnt >= AHEAD_FLOWS) && i >= ahead.end)
				gro_ahead_prefetch(gro, packets, i, end, &ahead);
			if (i + 2 < end)
				__builtin_prefetch(packets[i + 2].data);
			i += append_to_recent(gro, packets + i, end - i);
			if (i == end)
				break;
			if (unlikely(packets[i].more)) {
				taken = offer_fragments(gro, packets + i, cnt - i, now_ns);
				if (!taken)
					return i;
				i += taken;
			} else {
				key = i < ahead.end ? &ahead.keys[i - ahead.from] : NULL;
				offer_long_way(gro, &packets[i++], key, now_ns);
			}
		}
	}
	return i;
}
