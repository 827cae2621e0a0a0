// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Deliveries of the engine: taken, checked to the last byte, given back.
 */
#include "engine/gso_stream.h"
#include "naive.h"
#include "twin.h"

#define FRAME_ROOM 12000u

static uint8_t super_bytes[GRO_BIG_BYTES_MAX + 1000];
static uint8_t plain_bytes[GRO_BIG_BYTES_MAX + 1000]; /* without a jumbo header */
static uint8_t segment_bytes[FRAME_ROOM];
static struct iovec iov[GRO_MAX_PACKETS];
static uint64_t cookies[GRO_MAX_PACKETS];

/* A copy of a delivery, which is given back before it is checked. */
struct delivery {
	struct gro_super super;
	const struct packet_run *first;
	uint32_t iov_cnt;
	uint32_t lead;                     /* bytes of its jumbo header */
	uint32_t packets[GRO_MAX_PACKETS]; /* their numbers, in order of delivery */
};

static struct delivery delivery;

static const uint8_t *original(const struct run *r, uint32_t packet) { return r->s->bytes + r->s->steps[packet].off; }

static uint32_t linearise(uint32_t cnt)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		holds(len + iov[i].iov_len <= sizeof super_bytes, "a superpacket has an end");
		memcpy(super_bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += (uint32_t)iov[i].iov_len;
	}
	return len;
}

/* A segment must be the packet that came, byte for byte; its checksum, if it was unfinished, is finished. */
static void check_segment(const struct run *r, uint32_t packet, const uint8_t *data, uint32_t len, const char *sentence)
{
	static uint8_t want[FRAME_ROOM];
	const struct judged *j = &r->packets[packet].judged;
	uint32_t end = j->outer.version ? j->outer.end : j->level.end;

	holds(len == end, sentence);
	if (!j->unfinished) {
		holds(!memcmp(data, original(r, packet), len), sentence);
		return;
	}
	memcpy(want, original(r, packet), len);
	naive_finish(want, j, len, j->outer.version && get16(want + j->outer.l4 + 6));
	holds(!memcmp(data, want, len), sentence);
}

/* Cuts a superpacket into headers and slices, or (built) into whole segments. */
static void check_cut(const struct run *r, uint32_t len, bool built, enum header_checksum mode)
{
	const struct gso_request *request = &delivery.super.request;
	struct gso_request ordinary = *request;
	struct gso gso;

	ordinary.type = GSO_NONE;
	ordinary.csum_start -= (uint16_t)delivery.lead; /* segments are no jumbograms */
	holds(gso_open(&gso, request, super_bytes, len, FRAME_ROOM, mode) == GSO_CUT, "what was merged can be cut");
	holds(gso.seg_cnt == delivery.super.packet_cnt, "into as many segments as came");
	for (uint32_t i = 0; i < delivery.super.packet_cnt; i++) {
		uint32_t segment_len = gso.hdr_len;

		if (built) {
			segment_len = gso_next_built(&gso, segment_bytes);
		} else {
			struct gso_slice slice;

			segment_bytes[gso.hdr_len] = CANARY;
			slice = gso_next(&gso, segment_bytes);
			holds(segment_bytes[gso.hdr_len] == CANARY, "no byte behind the header is written");
			holds(slice.off + slice.len <= len, "a slice lies within");
			memcpy(segment_bytes + segment_len, super_bytes + slice.off, slice.len);
			segment_len += slice.len;
		}
		if (gso_left(&gso).start)
			gso_complete(&ordinary, segment_bytes, segment_len);
		check_segment(r, delivery.packets[i], segment_bytes, segment_len,
			      mode == HEADER_CSUM_FULL ? "a segment is the packet that came" :
							 "a segment, finished, is the packet that came");
	}
	holds(gso_done(&gso), "and into no more");
}

/* Takes the segments of a stream that are ready (S11). Returns how many were taken so far. */
static uint32_t take_ready(const struct run *r, struct gso_stream *stream, uint32_t taken)
{
	static struct iovec slices[GSO_STREAM_FRAGMENTS];

	while (gso_stream_ready(stream)) {
		uint32_t len = stream->gso.hdr_len, cnt;

		segment_bytes[len] = CANARY;
		cnt = gso_stream_next(stream, segment_bytes, slices, ARRAY_SIZE(slices));
		holds(cnt, "a segment that is ready can be taken");
		holds(segment_bytes[len] == CANARY, "no byte behind the header is written");
		holds(taken < delivery.super.packet_cnt, "a stream is no more segments than came");
		for (uint32_t i = 0; i < cnt; i++) {
			holds(len + slices[i].iov_len <= FRAME_ROOM, "a segment is no longer than a frame");
			memcpy(segment_bytes + len, slices[i].iov_base, slices[i].iov_len);
			len += (uint32_t)slices[i].iov_len;
		}
		check_segment(r, delivery.packets[taken++], segment_bytes, len,
			      "a segment of a stream is the packet that came");
	}
	return taken;
}

/* Cuts a superpacket that arrives in fragments of random size. Its length may be known from the beginning. */
static void check_stream(const struct run *r, uint32_t len, uint64_t dice)
{
	static struct gso_stream stream;
	uint32_t hdr_len = delivery.first->judged.level.payload + delivery.lead, size = delivery.super.request.size;
	uint32_t head_len = hdr_len + (uint32_t)(dice >> 8) % (2 * size), taken = 0, off;
	bool known = dice & 1;

	if (head_len > len)
		head_len = len;
	holds(gso_stream_open(&stream, &delivery.super.request, super_bytes, head_len, known ? len : 0, FRAME_ROOM,
			      HEADER_CSUM_FULL) == GSO_CUT,
	      "what was merged can be cut as a stream");
	for (off = head_len; off < len;) {
		uint32_t piece = size / 32 + 1 + (uint32_t)(dice >> 32) % (2 * size);

		dice = random_mix(dice + off + 1);
		if (piece > len - off)
			piece = len - off;
		if (dice % 4 == 0 || !gso_stream_add(&stream, super_bytes + off, piece))
			taken = take_ready(r, &stream, taken);
		else
			off += piece;
	}
	gso_stream_end(&stream);
	taken = take_ready(r, &stream, taken);
	holds(taken == delivery.super.packet_cnt && gso_stream_done(&stream), "a stream is as many segments as came");
	r->totals->streamed++;
}

/* R16: checks the jumbo header of BIG TCP. Copies the superpacket without it to plain_bytes. */
static const uint8_t *without_jumbo(struct run *r, uint32_t len)
{
	const struct judged_level *level = &delivery.first->judged.level;
	const uint8_t *ip = super_bytes + level->l3;
	uint32_t off = level->l3 + 40u;

	delivery.lead = 0;
	if (level->version != 6 || len - off <= 65535 || delivery.first->judged.tunnel)
		return super_bytes;
	holds(get16(ip + 4) == 0 && ip[6] == 0 && ip[41] == 0 && get16(ip + 42) == 0xc204 &&
		      get32(ip + 44) == len - off,
	      "a superpacket beyond 65535 bytes has a jumbo header");
	delivery.lead = 8;
	memcpy(plain_bytes, super_bytes, off);
	plain_bytes[level->l3 + 6] = ip[40];
	memcpy(plain_bytes + off, super_bytes + off + 8, len - off - 8);
	r->totals->big++;
	return plain_bytes;
}

static void check_naive_cut(const struct run *r, const uint8_t *bytes, uint32_t len)
{
	const struct judged *first = &delivery.first->judged;
	const struct gso_request *request = &delivery.super.request;

	for (uint32_t i = 0; i < delivery.super.packet_cnt; i++) {
		uint32_t segment_len = naive_segment(bytes, len, first, request, i, segment_bytes);

		check_segment(r, delivery.packets[i], segment_bytes, segment_len,
			      "a naive segment is the packet that came");
	}
	holds(first->level.payload + delivery.super.packet_cnt * request->size >= len, "no payload is left over");
}

/* The packets of a superpacket are of one flow, whole, right, and not exempt from merging. */
static void check_members(const struct run *r)
{
	const struct judged *first = &delivery.first->judged;

	for (uint32_t i = 0; i < delivery.super.packet_cnt; i++) {
		uint32_t packet = delivery.packets[i];
		const struct judged *j = &r->packets[packet].judged;

		holds(j->kind == KIND_FLOW, "only right packets are merged (R3, R8)");
		holds(j->unfinished == first->unfinished, "finished and unfinished ones apart");
		holds(j->flow == first->flow, "of one flow (R10)");
		holds(!judged_exempt(j, original(r, packet), &r->s->config), "what is exempt is not merged");
		holds(i == 0 || !memcmp(r->fragments[r->packets[packet].first_fragment].data, original(r, packet),
					j->level.payload),
		      "only the first packet's header is written to");
	}
}

static void check_request(const struct run *r, uint32_t len)
{
	const struct gro_super *super = &delivery.super;
	const struct judged *first = &delivery.first->judged;
	bool udp = first->level.protocol == WIRE_UDP;

	holds(len == super->len, "len is the sum of the slices");
	holds(super->fragment_cnt <= r->s->config.max_packets, "max_packets");
	holds(!udp || super->packet_cnt <= GRO_UDP_PACKETS_MAX, "R18: no more than 64 UDP packets");
	holds(len - delivery.lead - (first->outer.version ? first->outer.l3 : first->level.l3) <=
		      r->s->config.max_bytes,
	      "max_bytes");
	holds(delivery.lead <= r->s->config.headroom, "BIG TCP only where there is room for its header");
	holds(super->request.type == (udp ? GSO_UDP : first->level.version == 4 ? GSO_TCPV4 : GSO_TCPV6), "the type");
	holds(super->request.needs_csum && super->request.csum_start == first->level.l4 + delivery.lead &&
		      super->request.csum_offset == (udp ? 6 : 16),
	      "the checksum is asked for");
	holds(super->request.inner_l3_off == (first->tunnel ? first->level.l3 : 0), "the tunnel is told");
	holds(r->s->config.marks || !super->request.accecn, "AccECN is told to who asks for marks only");
	holds(super->request.size == first->level.end - first->level.payload, "gso_size is the first payload");
}

static void check_superpacket(struct run *r)
{
	uint32_t len = linearise(delivery.iov_cnt);
	static const uint8_t modes[] = { HEADER_CSUM_PARTIAL, HEADER_CSUM_NIC, HEADER_CSUM_FULL, HEADER_CSUM_FULL };
	uint64_t dice = random_mix(r->s->seed + r->s->steps[delivery.packets[0]].id);
	const uint8_t *plain;

	if (r->fault == FAULT_FLIP && delivery.super.packet_cnt > 3)
		super_bytes[len - 1 - dice % 40] ^= 1;
	plain = without_jumbo(r, len);
	check_request(r, len);
	check_members(r);
	check_cut(r, len, dice & 1, modes[dice >> 1 & 3]);
	check_naive_cut(r, plain, len - delivery.lead);
	if (dice % 8 < 3)
		check_stream(r, len, dice >> 3);
	r->totals->superpackets++;
	r->totals->merged += delivery.super.packet_cnt;
	r->totals->types[delivery.super.request.type]++;
	r->totals->tunnels[delivery.first->judged.tunnel]++;
}

/* D5, V9: packets that are delivered alone, or taken apart again, are unchanged and not moved. */
static void check_as_it_came(struct run *r, const struct gso_request *request)
{
	uint32_t f = 0, len = 0;

	holds(request->type == GSO_NONE && request->size == 0, "a packet is called one");
	for (uint32_t i = 0; i < delivery.super.packet_cnt; i++) {
		struct packet_run *p = &r->packets[delivery.packets[i]];
		const uint8_t *came = original(r, delivery.packets[i]);

		for (uint32_t k = 0; k < p->fragment_cnt; k++, f++) {
			const struct fragment *fragment = &r->fragments[p->first_fragment + k];

			holds(iov[f].iov_base == fragment->data && iov[f].iov_len == fragment->len,
			      "a packet is delivered where it came (D5, V9)");
			holds(!memcmp(fragment->data, came, fragment->len), "a packet is as it came (D5, V9)");
			came += fragment->len;
			len += fragment->len;
		}
		p->unfinished = request->needs_csum;
		holds(!p->unfinished || (p->judged.unfinished && r->s->config.accept_unfinished),
		      "only what is unfinished is handed on as such");
		holds(!p->unfinished || (request->csum_start == p->judged.level.l4 &&
					 request->csum_offset == (p->judged.level.protocol == WIRE_UDP ? 6 : 16)),
		      "and with the place of its checksum");
	}
	holds(delivery.super.packet_cnt > 1 || delivery.super.len == len, "a packet is as long as it came (D5)");
}

/* Packets come out whole, with their fragments in order, and each once. */
static void check_cookies(struct run *r, uint64_t position, uint32_t cnt)
{
	uint32_t packets = 0;

	if (r->fault == FAULT_LOSE && cnt > 3)
		cookies[1] = cookies[2];
	for (uint32_t i = 0; i < cnt; packets++) {
		struct packet_run *p;

		holds(cookies[i] < r->fragment_cnt, "cookies are those that were given");
		holds(packets < delivery.super.packet_cnt, "no more packets than it says");
		delivery.packets[packets] = r->fragments[cookies[i]].packet;
		p = &r->packets[delivery.packets[packets]];
		holds(p->first_fragment == cookies[i] && i + p->fragment_cnt <= cnt, "packets come out whole");
		for (uint32_t k = 1; k < p->fragment_cnt; k++)
			holds(cookies[i + k] == cookies[i] + k, "fragments come out in order");
		holds(!p->position, "every packet comes out once");
		p->position = position + packets;
		p->unfinished = p->judged.unfinished;
		i += p->fragment_cnt;
	}
	holds(packets == delivery.super.packet_cnt, "as many packets as it says");
	delivery.first = &r->packets[delivery.packets[0]];
}

void run_release(struct run *r, uint32_t place)
{
	static bool more[GRO_MAX_PACKETS];
	struct gro_super *super = r->taken[place];
	uint64_t position = r->taken_position[place];
	bool unmerge;
	uint32_t cnt;

	delivery.super = *super;
	cnt = super->fragment_cnt;
	unmerge = super->packet_cnt > 1 && random_mix(r->s->seed ^ super->len) % 8 == 0;
	holds(cnt >= super->packet_cnt && cnt <= GRO_MAX_PACKETS, "fragments in bounds");
	delivery.iov_cnt = unmerge ? gro_unmerge(&r->gro, super, iov, more) : gro_iovecs(&r->gro, super, iov);
	twin_describe(r, place, unmerge, iov, delivery.iov_cnt);
	holds(!unmerge || delivery.iov_cnt == cnt, "unmerging: an iovec a fragment");
	/* A fragment of nothing but padding (R4) is in no superpacket. */
	holds(unmerge || delivery.iov_cnt == cnt || (super->packet_cnt > 1 && delivery.iov_cnt < cnt),
	      "an iovec a fragment");
	delivery.super.request = super->request;
	holds(gro_release(&r->gro, super, cookies) == cnt, "a cookie a fragment");
	twin_release(r, place, cookies, cnt);
	check_cookies(r, position, cnt);
	if (unmerge || delivery.super.packet_cnt == 1)
		check_as_it_came(r, &delivery.super.request);
	else
		check_superpacket(r);
	for (uint32_t i = 0; unmerge && i < cnt; i++)
		holds(more[i] ==
			      (i + 1 < cnt && r->fragments[cookies[i]].packet == r->fragments[cookies[i + 1]].packet),
		      "unmerging says where packets end");
	if (r->fault == FAULT_WRITE && cnt > 3)
		r->fragments[cookies[1]].data[r->fragments[cookies[1]].len] = 0;

	holds(delivery.super.reason < GRO_REASON_CNT, "a reason is one");
	(delivery.super.packet_cnt > 1 ? r->flushes : r->singles)[delivery.super.reason]++;
	r->checksum_errors += delivery.super.reason == GRO_CHECKSUM && cnt == delivery.first->fragment_cnt &&
			      (delivery.first->judged.kind != KIND_FLOW ||
			       (delivery.first->judged.unfinished && !delivery.super.request.needs_csum));
	r->totals->reasons[delivery.super.reason]++;
	r->totals->unmerged += unmerge;
	r->totals->fragments += cnt - delivery.super.packet_cnt;
	r->released_cnt += cnt;
	r->taken_cnt--;
	r->taken[place] = r->taken[r->taken_cnt];
	r->taken_position[place] = r->taken_position[r->taken_cnt];
}

/* Nothing is written to a packet before its delivery is taken. */
static void check_unwritten(const struct run *r)
{
	const struct fragment *f;

	if (r->gro.ready_head == FLOW_NONE)
		return;
	f = &r->fragments[r->gro.supers[r->gro.ready_head].first.cookie];
	holds(!memcmp(f->data, original(r, f->packet), f->len), "nothing is written before it is taken");
}

bool run_take(struct run *r)
{
	struct gro_super *super;

	if (r->taken_cnt == TAKEN_MAX)
		run_release(r, (uint32_t)(random_mix(r->position) % TAKEN_MAX));
	check_unwritten(r);
	super = gro_next(&r->gro);
	twin_next(r, super, r->taken_cnt);
	if (!super)
		return false;
	r->taken[r->taken_cnt] = super;
	r->taken_position[r->taken_cnt++] = r->position + 1;
	r->position += super->packet_cnt;
	if (r->fault == FAULT_SWAP && r->taken_cnt > 1 && super->packet_cnt > 3) {
		uint64_t other = r->taken_position[0];

		r->taken_position[0] = r->taken_position[r->taken_cnt - 1];
		r->taken_position[r->taken_cnt - 1] = other;
	}
	return true;
}

void run_take_all(struct run *r)
{
	while (run_take(r))
		;
	while (r->taken_cnt)
		run_release(r, (uint32_t)(random_mix(r->position + r->taken_cnt) % r->taken_cnt));
}
