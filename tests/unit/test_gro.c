// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Reassembly, rule by rule (R1-R20, D1-D7).
 *
 * Packets are numbered in the order in which they are offered; what comes out is written as
 * a line, one word a delivery, its packets and its reason:
 *
 *      "0+1:header 2:burst_end"   0 and 1 merged, delivered because a header field of 2
 *                                 differed; then 2 alone, at the end of the burst
 *
 * Every frame lies in memory of exactly its length, beside a copy of what it was, so that a
 * step outside, or a byte written where none should be, does not go unseen. gro_fini() checks
 * what must hold after every test: all packets given back, and every counter as the
 * deliveries say.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/gro.h"
#include "packet_builder.h"

#define PACKETS_MAX 1600
#define LINE_LEN 16384

struct frame {
	uint8_t *data; /* what the engine gets */
	uint8_t *copy; /* what it was */
	uint32_t len;
	bool first_of_many; /* its header may have been amended */
};

struct bench {
	struct gro gro;
	struct gro_config config;
	void *memory;
	struct frame frames[PACKETS_MAX];
	uint32_t offered_cnt, released_cnt;
	char line[LINE_LEN];
	uint64_t flushes[GRO_REASON_CNT], singles[GRO_REASON_CNT];
	uint64_t now_ns;
};

static struct gro_config config_plain(void)
{
	return (struct gro_config){
		.flows = 64,
		.packets = PACKETS_MAX,
		.max_packets = GRO_MAX_PACKETS,
		.max_bytes = 65535,
		.merge_tcp = true,
		.secret = { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9 },
	};
}

static struct bench *bench_open(const struct gro_config *config)
{
	struct bench *b = calloc(1, sizeof *b);

	b->config = *config;
	b->memory = aligned_alloc(64, gro_memory_size(config));
	b->now_ns = 1000;
	cr_assert_not_null(b->memory);
	memset(b->memory, 0xa5, gro_memory_size(config));
	cr_assert_eq(gro_init(&b->gro, config, b->memory), 0);
	return b;
}

static struct bench *bench_plain(void)
{
	struct gro_config config = config_plain();

	return bench_open(&config);
}

/* ---- in ---- */

static uint32_t frame_add(struct bench *b, const void *data, size_t len)
{
	struct frame *frame = &b->frames[b->offered_cnt];

	cr_assert_lt(b->offered_cnt, PACKETS_MAX);
	frame->data = malloc(len ? len : 1);
	frame->copy = malloc(len ? len : 1);
	frame->len = (uint32_t)len;
	memcpy(frame->data, data, len);
	memcpy(frame->copy, data, len);
	return b->offered_cnt++;
}

static struct gro_packet frame_packet(const struct bench *b, uint32_t number, enum gro_csum csum)
{
	return (struct gro_packet){ .data = b->frames[number].data,
				    .len = b->frames[number].len,
				    .csum = (uint8_t)csum,
				    .cookie = number };
}

static void offer_frame(struct bench *b, const void *data, size_t len, enum gro_csum csum)
{
	struct gro_packet packet = frame_packet(b, frame_add(b, data, len), csum);

	cr_assert_eq(gro_offer(&b->gro, &packet, 1, b->now_ns), 1);
}

static void offer(struct bench *b, const struct packet *p)
{
	static uint8_t buf[70000];
	size_t len = packet_build(p, buf, sizeof buf, NULL);

	cr_assert_gt(len, 0);
	offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
}

/* Several in one call. */
static void offer_burst(struct bench *b, const struct packet *p, uint32_t cnt, enum gro_csum csum)
{
	struct gro_packet packets[8];
	uint8_t buf[2000];

	cr_assert_leq(cnt, ARRAY_SIZE(packets));
	for (uint32_t i = 0; i < cnt; i++) {
		size_t len = packet_build(&p[i], buf, sizeof buf, NULL);

		cr_assert_gt(len, 0);
		packets[i] = frame_packet(b, frame_add(b, buf, len), csum);
	}
	cr_assert_eq(gro_offer(&b->gro, packets, cnt, b->now_ns), cnt);
}

/* The segment behind p in its connection, of the same size. */
static struct packet behind(const struct packet *p)
{
	struct packet next = *p;

	next.seq += (uint32_t)p->payload_len;
	next.ip_id++;
	return next;
}

/* p and the cnt - 1 segments behind it; p is left as the segment that would be next. */
static void offer_run(struct bench *b, struct packet *p, uint32_t cnt)
{
	while (cnt--) {
		offer(b, p);
		*p = behind(p);
	}
}

/* ---- out ---- */

static void line_add(struct bench *b, const struct gro_super *super, const uint64_t *cookies)
{
	size_t at = strlen(b->line);

	for (uint32_t i = 0; i < super->packet_cnt; i++)
		at += (size_t)snprintf(b->line + at, LINE_LEN - at, "%s%u",
				       i ? "+" : at ? " " : "", (unsigned int)cookies[i]);
	at += (size_t)snprintf(b->line + at, LINE_LEN - at, ":%s", gro_reason_names[super->reason]);
	cr_assert_lt(at, LINE_LEN);
}

/* D5: what is delivered alone is what came, where it came, to the last byte of padding. */
static void check_single(const struct bench *b, const struct gro_super *super,
			 const struct iovec *iov, uint64_t cookie)
{
	const struct frame *frame = &b->frames[cookie];

	cr_assert_eq(iov[0].iov_base, frame->data);
	cr_assert_eq(iov[0].iov_len, frame->len);
	cr_assert_eq(super->len, frame->len);
	cr_assert_eq(super->request.type, GSO_NONE);
	cr_assert_eq(super->request.size, 0);
	cr_assert_eq(super->request.hdr_len, 0);
	cr_assert_eq(memcmp(frame->data, frame->copy, frame->len), 0, "D5: packet %u was written to",
		     (unsigned int)cookie);
}

static void check_many(struct bench *b, const struct gro_super *super, const struct iovec *iov,
		       const uint64_t *cookies)
{
	size_t len = 0;

	b->frames[cookies[0]].first_of_many = true;
	cr_assert_eq(iov[0].iov_base, b->frames[cookies[0]].data);
	for (uint32_t i = 0; i < super->packet_cnt; i++) {
		const struct frame *frame = &b->frames[cookies[i]];
		const uint8_t *base = iov[i].iov_base;

		cr_assert(base >= frame->data && base + iov[i].iov_len <= frame->data + frame->len);
		len += iov[i].iov_len;
	}
	cr_assert_eq(super->len, len);
	cr_assert_neq(super->request.type, GSO_NONE);
	cr_assert(super->request.needs_csum);
}

/* Takes one delivery, writes it down, gives its packets back. */
static void take(struct bench *b, struct gro_super *super)
{
	struct iovec iov[GRO_MAX_PACKETS];
	uint64_t cookies[GRO_MAX_PACKETS];
	uint32_t cnt = super->packet_cnt;
	struct gro_super was = *super;

	cr_assert_leq(cnt, b->config.max_packets);
	cr_assert_eq(gro_iovecs(&b->gro, super, iov), cnt);
	cr_assert_eq(gro_release(&b->gro, super, cookies), cnt);
	line_add(b, &was, cookies);
	b->released_cnt += cnt;
	if (cnt == 1) {
		check_single(b, &was, iov, cookies[0]);
		b->singles[was.reason]++;
	} else {
		check_many(b, &was, iov, cookies);
		b->flushes[was.reason]++;
	}
}

static void take_all(struct bench *b)
{
	struct gro_super *super;

	while ((super = gro_next(&b->gro)))
		take(b, super);
}

static void burst_end(struct bench *b)
{
	gro_burst_end(&b->gro, b->now_ns);
	take_all(b);
}

/* What came out since the last time. */
static void expect_line(struct bench *b, const char *want, const char *sentence)
{
	cr_expect_str_eq(b->line, want, "%s\n   got: %s\n  want: %s", sentence, b->line, want);
	b->line[0] = 0;
}

static void expect_out(struct bench *b, const char *want, const char *sentence)
{
	take_all(b);
	expect_line(b, want, sentence);
}

/* The end of the burst, and all that came out. */
static void expect_end(struct bench *b, const char *want, const char *sentence)
{
	burst_end(b);
	expect_line(b, want, sentence);
}

static void bench_close(struct bench *b)
{
	gro_flush(&b->gro, GRO_SHUTDOWN);
	take_all(b);
	cr_assert_eq(gro_owned_packets(&b->gro), 0, "packets were lost");
	cr_assert_eq(b->released_cnt, b->offered_cnt);
	cr_assert_eq(b->gro.table.held_cnt, 0);
	cr_assert_eq(gro_deadline(&b->gro), UINT64_MAX);
	cr_assert_eq(memcmp(b->gro.flushes, b->flushes, sizeof b->flushes), 0);
	cr_assert_eq(memcmp(b->gro.singles, b->singles, sizeof b->singles), 0);
	for (uint32_t i = 0; i < b->offered_cnt; i++) {
		struct frame *frame = &b->frames[i];

		cr_assert(frame->first_of_many || !memcmp(frame->data, frame->copy, frame->len),
			  "packet %u is not the first, and was written to", i);
		free(frame->data);
		free(frame->copy);
	}
	free(b->memory);
	free(b);
}

/* ---- one field of a good second packet is changed ---- */

static const uint8_t some_options[12] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
static const uint8_t other_tsval[12] = { 1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2 };
static const uint8_t other_tsecr[12] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 3 };
static const uint8_t other_layout[12] = { 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1 };
static const uint8_t sack_options[20] = { 1, 1, 5, 18 };
static const uint8_t other_sack[20] = { 1, 1, 5, 18, [19] = 1 };
static const uint8_t ip_options[4] = { 1, 1, 1, 0 };

static void nothing(struct packet *p) { (void)p; }
static void dst_mac(struct packet *p) { p->dst_mac[0] ^= 4; }
static void dst_mac_end(struct packet *p) { p->dst_mac[5]++; }
static void src_mac(struct packet *p) { p->src_mac[0] ^= 4; }
static void src_mac_end(struct packet *p) { p->src_mac[5]++; }
static void one_tag(struct packet *p) { packet_push_vlan(p, 0, 5); }
static void saddr(struct packet *p) { p->saddr[3] ^= 1; }
static void daddr(struct packet *p) { p->daddr[3] ^= 1; }
static void sport(struct packet *p) { p->sport++; }
static void dport(struct packet *p) { p->dport++; }
static void ttl(struct packet *p) { p->ttl--; }
static void dscp(struct packet *p) { p->tos ^= 0x80; }
static void ecn_ce(struct packet *p) { p->tos ^= 3; }
static void df(struct packet *p) { p->df = !p->df; }
static void more_fragments(struct packet *p) { p->mf = true; }
static void fragment_offset(struct packet *p) { p->frag_off = 1; }
static void reserved_bit(struct packet *p) { p->ip_reserved = true; }
static void with_ip_options(struct packet *p) { p->ip_options = ip_options, p->ip_options_len = 4; }
static void bad_ip_csum(struct packet *p) { p->ip_csum_xor = 0x0100; }
static void bad_l4_csum(struct packet *p) { p->l4_csum_xor = 0x0100; }
static void unfinished(struct packet *p) { p->l4_csum = PACKET_CSUM_PARTIAL; }
static void id_same(struct packet *p) { p->ip_id--; }
static void id_same_without_df(struct packet *p) { p->ip_id--, p->df = false; }
static void id_by_two(struct packet *p) { p->ip_id++; }
static void id_back(struct packet *p) { p->ip_id -= 2; }
static void ack(struct packet *p) { p->ack++; }
static void window(struct packet *p) { p->window++; }
static void reserved_tcp(struct packet *p) { p->tcp_reserved = 1; }
static void accurate_ecn(struct packet *p) { p->tcp_flags |= PACKET_AE; }
static void ece(struct packet *p) { p->tcp_flags |= PACKET_ECE; }
static void cwr(struct packet *p) { p->tcp_flags |= PACKET_CWR; }
static void no_ack_flag(struct packet *p) { p->tcp_flags &= ~PACKET_ACK & 0x1ff; }
static void urgent_pointer(struct packet *p) { p->urgent = 7; }
static void urg(struct packet *p) { p->tcp_flags |= PACKET_URG; }
static void syn(struct packet *p) { p->tcp_flags |= PACKET_SYN; }
static void rst(struct packet *p) { p->tcp_flags |= PACKET_RST; }
static void psh(struct packet *p) { p->tcp_flags |= PACKET_PSH; }
static void fin(struct packet *p) { p->tcp_flags |= PACKET_FIN; }
static void psh_and_fin(struct packet *p) { p->tcp_flags |= PACKET_PSH | PACKET_FIN; }
static void gap(struct packet *p) { p->seq++; }
static void overlap(struct packet *p) { p->seq--; }
static void retransmission(struct packet *p) { p->seq -= 100; }
static void far_back(struct packet *p) { p->seq -= 0x80000000; }
static void high_seq_bits(struct packet *p) { p->seq += 1u << 24; }
static void longer(struct packet *p) { p->payload_len++; }
static void shorter(struct packet *p) { p->payload_len--; }
static void one_byte(struct packet *p) { p->payload_len = 1; }
static void padded(struct packet *p) { p->payload_len = 1, p->pad_to = 60; }
static void trailer(struct packet *p) { p->pad_to = 300; }
static void no_data(struct packet *p) { p->payload_len = 0; }
static void no_data_padded(struct packet *p) { p->payload_len = 0, p->pad_to = 90; }
static void no_data_fin(struct packet *p) { p->payload_len = 0, p->tcp_flags |= PACKET_FIN; }
static void short_data_offset(struct packet *p) { p->doff = 4; }
static void long_data_offset(struct packet *p) { p->doff = 15, p->payload_len = 20; }
static void ip_too_long(struct packet *p) { p->ip_len = 1000; }
static void ip_too_short(struct packet *p) { p->ip_len = 10; }
static void ip_zero_length(struct packet *p) { p->ip_len = 0; }
static void wrong_version(struct packet *p) { p->ip_version = 5; }
static void other_ethertype(struct packet *p) { p->ethertype = 0x88cc; }
static void llc_length(struct packet *p) { p->ethertype = 100; }
static void udp(struct packet *p) { p->l4 = PACKET_L4_UDP; }
static void udp_fragment(struct packet *p) { p->l4 = PACKET_L4_UDP, p->mf = true; }
static void icmp(struct packet *p) { p->l4 = PACKET_L4_NONE, p->protocol = 1; }
static void esp(struct packet *p) { p->l4 = PACKET_L4_NONE, p->protocol = 50; }
static void label(struct packet *p) { p->flow_label ^= 1; }
static void label_top(struct packet *p) { p->flow_label ^= 0x80000; }
static void hop_by_hop(struct packet *p) { packet_push_ext(p, PACKET_EXT_HOPOPTS, 8); }
static void destination(struct packet *p) { packet_push_ext(p, PACKET_EXT_DSTOPTS, 8); }
static void fragment_header(struct packet *p) { packet_push_ext(p, PACKET_EXT_FRAGMENT, 8); }
static void authenticated(struct packet *p) { packet_push_ext(p, PACKET_EXT_AH, 12); }
static void addr_end(struct packet *p) { p->saddr[15] ^= 1; }
static void daddr_end(struct packet *p) { p->daddr[15] ^= 1; }

static void udp_of_another_fragment(struct packet *p)
{
	fragment_header(p);
	p->l4 = PACKET_L4_UDP;
}

static void nine_extensions(struct packet *p)
{
	for (int i = 0; i < 9; i++)
		packet_push_ext(p, PACKET_EXT_DSTOPTS, 8);
}

static void csum_ffff(struct packet *p);

static void options_tsval(struct packet *p) { p->tcp_options = other_tsval; }
static void options_tsecr(struct packet *p) { p->tcp_options = other_tsecr; }
static void options_layout(struct packet *p) { p->tcp_options = other_layout; }
static void options_none(struct packet *p) { p->tcp_options_len = 0; }
static void options_shorter(struct packet *p) { p->tcp_options_len = 8; }
static void options_sack(struct packet *p) { p->tcp_options = other_sack; }

static void vlan_id(struct packet *p) { p->vlan[1].tci ^= 1; }
static void vlan_priority(struct packet *p) { p->vlan[0].tci ^= 0x2000; }
static void vlan_dei(struct packet *p) { p->vlan[1].tci ^= 0x1000; }
static void vlan_type(struct packet *p) { p->vlan[0].tpid = 0x88a8; }
static void vlan_inner_type(struct packet *p) { p->vlan[1].tpid = 0x88a8; }
static void vlan_fewer(struct packet *p) { p->vlan_cnt = 1; }
static void vlan_more(struct packet *p) { packet_push_vlan(p, 0, 9); }
static void vlan_foreign(struct packet *p) { p->vlan[0].tpid = 0x9100; }

static void ext_fill(struct packet *p) { p->ext[1].fill ^= 1; }
static void ext_fill_first(struct packet *p) { p->ext[0].fill ^= 1; }
static void ext_length(struct packet *p) { p->ext[1].len = 24; }
static void ext_other_type(struct packet *p) { p->ext[0].type = PACKET_EXT_DSTOPTS; }
static void ext_short(struct packet *p) { p->ext[0].len = 8, p->payload_len = 1; }
static void ext_none(struct packet *p) { p->ext_cnt = 0; }

static void with_timestamp(struct packet *p) { p->tcp_options = some_options, p->tcp_options_len = 12; }
static void with_sack(struct packet *p) { p->tcp_options = sack_options, p->tcp_options_len = 20; }
static void with_cwr(struct packet *p) { p->tcp_flags |= PACKET_CWR; }
static void with_ece(struct packet *p) { p->tcp_flags |= PACKET_ECE; }
static void with_urgent_pointer(struct packet *p) { p->urgent = 7; }
static void without_df(struct packet *p) { p->df = false; }
static void id_about_to_wrap(struct packet *p) { p->ip_id = 0xffff; }
static void seq_about_to_wrap(struct packet *p) { p->seq = 0xffffffce; }
static void one_byte_and_padding(struct packet *p) { p->payload_len = 1, p->pad_to = 60; }

static void with_tags(struct packet *p)
{
	packet_push_vlan(p, 0x8100, 0x0123);
	packet_push_vlan(p, 0x8100, 0x0456);
}

static void with_extensions(struct packet *p)
{
	packet_push_ext(p, PACKET_EXT_HOPOPTS, 8)->fill = 1;
	packet_push_ext(p, PACKET_EXT_ROUTING, 16)->fill = 2;
}

static void with_long_extension(struct packet *p)
{
	packet_push_ext(p, PACKET_EXT_HOPOPTS, 160);
}

struct change {
	const char *sentence;
	int version; /* 4, 6; 0: both */
	void (*first)(struct packet *p); /* of both packets; NULL: a good packet as it is */
	void (*change)(struct packet *p); /* of the second */
	const char *want;
};

#define APPENDS "0+1:burst_end"
#define DELIVERS(reason) "0+1:" reason
#define FLUSHES(reason) "0:" reason " 1:burst_end"
#define OTHER_FLOW "0:burst_end 1:burst_end"   /* held is left alone */
#define PASSES "1:not_served 0:burst_end"      /* held is left alone */
#define PASSES_BEHIND(reason) "0:" reason " 1:" reason

static const struct change changes[] = {
	{ "R14: the next segment appends", 0, NULL, nothing, APPENDS },

	/* R1-R7: candidates */
	{ "R1: another ethertype is nothing of ours", 0, NULL, other_ethertype, PASSES },
	{ "R1: 802.3 is nothing of ours", 0, NULL, llc_length, PASSES },
	{ "R1: a version that the ethertype does not say", 0, NULL, wrong_version, PASSES },
	{ "R2: IPv4 options", 4, NULL, with_ip_options, PASSES_BEHIND("ip_options") },
	{ "R2: an extension header held does not have", 6, NULL, hop_by_hop, FLUSHES("header") },
	{ "R2: the same, destination options", 6, NULL, destination, FLUSHES("header") },
	{ "R2: extension headers byte-equal", 6, with_extensions, nothing, APPENDS },
	{ "R2: a byte of the last one differs", 6, with_extensions, ext_fill, FLUSHES("header") },
	{ "R2: a byte of the first differs", 6, with_extensions, ext_fill_first, FLUSHES("header") },
	{ "R2: a longer one", 6, with_extensions, ext_length, FLUSHES("header") },
	{ "R2: a much shorter one, in a frame shorter than held's headers", 6, with_long_extension,
	  ext_short, FLUSHES("header") },
	{ "R2: another in the same place", 6, with_extensions, ext_other_type, FLUSHES("header") },
	{ "R2: none any more", 6, with_extensions, ext_none, FLUSHES("header") },
	{ "R2: an IPv6 fragment header", 6, NULL, fragment_header, PASSES_BEHIND("fragment") },
	{ "R2: nine extension headers: what comes behind is unknown (D2)", 6, NULL, nine_extensions,
	  PASSES_BEHIND("ip_options") },
	{ "R2: a jumbogram", 6, NULL, ip_zero_length, PASSES_BEHIND("not_served") },
	{ "R3: wrong IP header checksum", 4, NULL, bad_ip_csum, PASSES_BEHIND("checksum") },
	{ "R4: IP length beyond the frame", 0, NULL, ip_too_long, PASSES_BEHIND("not_served") },
	{ "R4: IP length cuts the TCP header off", 0, NULL, ip_too_short,
	  PASSES_BEHIND("not_served") },
	{ "R4: 1 byte in a 60-byte frame appends (and is short, R17)", 4, NULL, padded,
	  DELIVERS("short") },
	{ "R4: a 1-byte segment behind a 1-byte segment, both padded", 4, one_byte_and_padding,
	  nothing, APPENDS },
	{ "R4: bytes behind the IP packet are no payload", 0, NULL, trailer, APPENDS },
	{ "R5: MF", 4, NULL, more_fragments, PASSES_BEHIND("fragment") },
	{ "R5: offset", 4, NULL, fragment_offset, PASSES_BEHIND("fragment") },
	{ "R5: reserved bit", 4, NULL, reserved_bit, PASSES_BEHIND("fragment") },
	{ "R6: data offset 4", 0, NULL, short_data_offset, PASSES_BEHIND("not_served") },
	{ "R6: data offset beyond the packet", 0, NULL, long_data_offset,
	  PASSES_BEHIND("not_served") },
	{ "R6: a pure ACK flushes, then passes", 0, NULL, no_data, PASSES_BEHIND("no_data") },
	{ "R6, R4: padding does not make it data", 0, NULL, no_data_padded,
	  PASSES_BEHIND("no_data") },
	{ "R6: a FIN without data", 0, NULL, no_data_fin, PASSES_BEHIND("no_data") },
	{ "R8: wrong TCP checksum (D2)", 0, NULL, bad_l4_csum, PASSES_BEHIND("checksum") },
	{ "R8: an unfinished checksum where none is accepted", 0, NULL, unfinished,
	  PASSES_BEHIND("checksum") },
	{ "R8: 0xffff adds up (Linux sends it), but cutting would give 0x0000 back", 0, NULL, csum_ffff,
	  PASSES_BEHIND("header") },
	{ "R9: SYN", 0, NULL, syn, PASSES_BEHIND("flags") },
	{ "R9: RST", 0, NULL, rst, PASSES_BEHIND("flags") },
	{ "R9: URG", 0, NULL, urg, PASSES_BEHIND("flags") },

	/* R10: whose flow */
	{ "R10: another destination MAC address", 0, NULL, dst_mac, OTHER_FLOW },
	{ "R10: its last byte", 0, NULL, dst_mac_end, OTHER_FLOW },
	{ "R10: another source MAC address", 0, NULL, src_mac, OTHER_FLOW },
	{ "R10: its last byte", 0, NULL, src_mac_end, OTHER_FLOW },
	{ "R10: tagged instead of untagged", 0, NULL, one_tag, OTHER_FLOW },
	{ "R10: the same tags", 0, with_tags, nothing, APPENDS },
	{ "R10: another VLAN", 0, with_tags, vlan_id, OTHER_FLOW },
	{ "R10: another priority", 0, with_tags, vlan_priority, OTHER_FLOW },
	{ "R10: drop eligible", 0, with_tags, vlan_dei, OTHER_FLOW },
	{ "R10: another outer tag type", 0, with_tags, vlan_type, OTHER_FLOW },
	{ "R10: another inner tag type", 0, with_tags, vlan_inner_type, OTHER_FLOW },
	{ "R10: one tag less", 0, with_tags, vlan_fewer, OTHER_FLOW },
	{ "R10: one tag more", 0, with_tags, vlan_more, OTHER_FLOW },
	{ "R1: a tag type nobody can cut behind", 0, with_tags, vlan_foreign, PASSES },
	{ "R10: another source address", 0, NULL, saddr, OTHER_FLOW },
	{ "R10: another destination address", 0, NULL, daddr, OTHER_FLOW },
	{ "R10: the last byte of the source", 6, NULL, addr_end, OTHER_FLOW },
	{ "R10: the last byte of the destination", 6, NULL, daddr_end, OTHER_FLOW },
	{ "R10: another source port", 0, NULL, sport, OTHER_FLOW },
	{ "R10: another destination port", 0, NULL, dport, OTHER_FLOW },
	{ "R10: another flow label", 6, NULL, label, OTHER_FLOW },
	{ "R10: its top bit", 6, NULL, label_top, OTHER_FLOW },

	/* R11, R12: the IP header */
	{ "R11: another TTL", 0, NULL, ttl, FLUSHES("header") },
	{ "R11: another DSCP", 0, NULL, dscp, FLUSHES("header") },
	{ "R11: CE", 0, NULL, ecn_ce, FLUSHES("header") },
	{ "R11: another DF", 4, NULL, df, FLUSHES("header") },
	{ "R11: another DF, none before", 4, without_df, df, FLUSHES("header") },
	{ "R12: the same ID with DF", 4, NULL, id_same, APPENDS },
	{ "R12: the same ID without DF", 4, without_df, id_same_without_df, FLUSHES("header") },
	{ "R12: the next ID without DF", 4, without_df, nothing, APPENDS },
	{ "R12: the next but one ID", 4, NULL, id_by_two, FLUSHES("header") },
	{ "R12: the ID before", 4, NULL, id_back, FLUSHES("header") },
	{ "R12: the next ID, modulo 2^16", 4, id_about_to_wrap, nothing, APPENDS },

	/* R13: the TCP header */
	{ "R13: another ACK number", 0, NULL, ack, FLUSHES("header") },
	{ "R13: another window", 0, NULL, window, FLUSHES("header") },
	{ "R13: a reserved bit", 0, NULL, reserved_tcp, FLUSHES("header") },
	{ "R13: AE", 0, NULL, accurate_ecn, FLUSHES("header") },
	{ "R13: ECE", 0, NULL, ece, FLUSHES("header") },
	{ "R13: ECE on both", 0, with_ece, nothing, APPENDS },
	{ "R13: no ACK flag", 0, NULL, no_ack_flag, FLUSHES("header") },
	{ "R13: CWR", 0, NULL, cwr, FLUSHES("header") },
	{ "R13: CWR on both", 0, with_cwr, nothing, FLUSHES("header") },
	{ "R13: another urgent pointer, though URG is not set", 0, NULL, urgent_pointer,
	  FLUSHES("header") },
	{ "R13: the same urgent pointer", 0, with_urgent_pointer, nothing, APPENDS },
	{ "R13: equal options", 0, with_timestamp, nothing, APPENDS },
	{ "R13: a new timestamp", 0, with_timestamp, options_tsval, FLUSHES("header") },
	{ "R13: a new timestamp echo", 0, with_timestamp, options_tsecr, FLUSHES("header") },
	{ "R13: the same options otherwise laid out", 0, with_timestamp, options_layout,
	  FLUSHES("header") },
	{ "R13: no options any more", 0, with_timestamp, options_none, FLUSHES("header") },
	{ "R13: fewer options", 0, with_timestamp, options_shorter, FLUSHES("header") },
	{ "R13: equal options, not timestamps", 0, with_sack, nothing, APPENDS },
	{ "R13: their last byte differs", 0, with_sack, options_sack, FLUSHES("header") },

	/* R14, R15 */
	{ "R14: a gap", 0, NULL, gap, FLUSHES("out_of_sequence") },
	{ "R14: an overlap", 0, NULL, overlap, FLUSHES("out_of_sequence") },
	{ "R14: a retransmission", 0, NULL, retransmission, FLUSHES("out_of_sequence") },
	{ "R14: half the sequence space away", 0, NULL, far_back, FLUSHES("out_of_sequence") },
	{ "R14: only the high byte differs", 0, NULL, high_seq_bits, FLUSHES("out_of_sequence") },
	{ "R14: modulo 2^32", 0, seq_about_to_wrap, nothing, APPENDS },
	{ "R15: one byte more than gso_size", 0, NULL, longer, FLUSHES("larger") },

	/* R17 */
	{ "R17: one byte less appends and delivers", 0, NULL, shorter, DELIVERS("short") },
	{ "R17: one byte appends and delivers", 0, NULL, one_byte, DELIVERS("short") },
	{ "R17: PSH appends and delivers", 0, NULL, psh, DELIVERS("push_fin") },
	{ "R17: FIN appends and delivers", 0, NULL, fin, DELIVERS("push_fin") },
	{ "R17: PSH and FIN", 0, NULL, psh_and_fin, DELIVERS("push_fin") },

	/* R20 */
	{ "R20: UDP passes", 0, NULL, udp, PASSES },
	{ "R20: ICMP passes", 0, NULL, icmp, PASSES },
	{ "R20: ESP passes", 4, NULL, esp, PASSES },
	{ "R20: ESP passes, in IPv6 as an extension that cannot be walked", 6, NULL, esp,
	  "1:ip_options 0:burst_end" },
	{ "R20: AH passes", 6, NULL, authenticated, "1:ip_options 0:burst_end" },
	{ "D2: a fragment of another protocol flushes nothing", 4, NULL, udp_fragment,
	  "1:fragment 0:burst_end" },
	{ "D2: a fragment of another protocol flushes nothing", 6, NULL, udp_of_another_fragment,
	  "1:fragment 0:burst_end" },
};

/* Changes the payload's last two bytes (of 100) so that the right checksum is 0, and writes the
 * other zero of one's complement, 0xffff, instead. */
static void csum_ffff(struct packet *p)
{
	static uint8_t payload[100], buf[300];
	struct packet_layout at;
	uint16_t csum;

	for (uint32_t i = 0; i < 98; i++)
		payload[i] = packet_pattern(p->seq + i);
	payload[98] = payload[99] = 0;
	p->payload = payload;
	packet_build(p, buf, sizeof buf, &at);
	csum = (uint16_t)(buf[at.l4_off + 16] << 8 | buf[at.l4_off + 17]);
	payload[98] = (uint8_t)(csum >> 8);
	payload[99] = (uint8_t)csum;
	p->l4_csum_xor = 0xffff;
}

static void run_change(const struct change *c, const struct packet *good,
		       const struct gro_config *config)
{
	struct bench *b = bench_open(config);
	struct packet first = *good, second;

	if (c->first)
		c->first(&first);
	second = behind(&first);
	c->change(&second);
	offer(b, &first);
	offer(b, &second);
	expect_end(b, c->want, c->sentence);
	bench_close(b);
}

/* Where held was left alone, the segment that follows it must still append to it. */
static void run_left_alone(const struct change *c, const struct packet *good,
			   const struct gro_config *config)
{
	struct bench *b = bench_open(config);
	struct packet first = *good, second, third;
	bool passes = c->want[0] == '1';
	char want[80];

	if (!passes && strcmp(c->want, OTHER_FLOW))
		return bench_close(b);
	if (c->first)
		c->first(&first);
	second = third = behind(&first);
	c->change(&second);
	offer(b, &first);
	offer(b, &second);
	offer(b, &third);
	if (passes)
		snprintf(want, sizeof want, "%.*s 0+2:burst_end", (int)strcspn(c->want, " "), c->want);
	else
		snprintf(want, sizeof want, "0+2:burst_end 1:burst_end");
	expect_end(b, want, c->sentence);
	bench_close(b);
}

static void run_changes(const struct gro_config *config)
{
	struct packet v4 = packet_tcp4(), v6 = packet_tcp6();

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		if (changes[i].version != 6) {
			run_change(&changes[i], &v4, config);
			run_left_alone(&changes[i], &v4, config);
		}
		if (changes[i].version != 4) {
			run_change(&changes[i], &v6, config);
			run_left_alone(&changes[i], &v6, config);
		}
	}
}

Test(gro, one_changed_field)
{
	struct gro_config config = config_plain();

	run_changes(&config);
}

/*
 * Who knows the secret can make hashes meet, and so can a test. Flows: the first product takes the
 * first 8 bytes of the frame xor secret[1]; where these are equal, it is 0 whatever the addresses
 * and ports. Pairs: with secret[1] = 0 all of IPv4, and IPv6 from :: to ::, are 0.
 */
static void make_flow_hashes_equal(struct gro_config *config)
{
	struct packet p = packet_tcp4();
	uint8_t frame[300];

	packet_build(&p, frame, sizeof frame, NULL);
	config->secret[1] = load_u64(frame);
}

static void make_pair_hashes_equal(struct gro_config *config)
{
	config->secret[0] = config->secret[1] = 0;
}

Test(gro, one_changed_field_when_hashes_are_equal)
{
	struct gro_config config = config_plain();

	make_flow_hashes_equal(&config);
	run_changes(&config);
	make_pair_hashes_equal(&config);
	run_changes(&config);
}

Test(gro, one_changed_field_when_one_flow_is_held_at_most)
{
	struct gro_config config = config_plain();

	config.flows = 1;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct packet v4 = packet_tcp4();
		struct change c = changes[i];

		if (!strcmp(c.want, OTHER_FLOW))
			c.want = "0:table_full 1:burst_end"; /* D3 */
		if (c.version != 6)
			run_change(&c, &v4, &config);
	}
}

/* The same fields one packet later: a superpacket of two must be as particular as one. */
static void run_third(const struct change *c, bool burst)
{
	struct gro_config config = config_plain();
	struct packet p[3] = { c->version == 6 ? packet_tcp6() : packet_tcp4() };
	struct bench *b = bench_open(&config);
	char want[80];

	if (c->first)
		c->first(&p[0]);
	/* CWR never merges; a fixed ID cannot come after incrementing ones (R12). */
	if (c->first == with_cwr || c->change == id_same)
		return bench_close(b);
	p[1] = behind(&p[0]);
	p[2] = behind(&p[1]);
	c->change(&p[2]);
	if (burst) {
		offer_burst(b, p, 3, GRO_CSUM_UNKNOWN);
	} else {
		offer(b, &p[0]);
		offer(b, &p[1]);
		offer(b, &p[2]);
	}
	if (c->want[0] == '1')
		snprintf(want, sizeof want, "2%.*s 0+1:burst_end",
			 (int)strcspn(c->want, " ") - 1, c->want + 1);
	else if (c->want[1] == '+')
		snprintf(want, sizeof want, "0+1+2%s", c->want + 3);
	else
		snprintf(want, sizeof want, "0+1%.*s2%s", (int)(strchr(c->want, ' ') - c->want),
			 c->want + 1, strchr(c->want, ' ') + 2);
	expect_end(b, want, c->sentence);
	bench_close(b);
}

Test(gro, one_changed_field_of_the_third_packet)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		run_third(&changes[i], false);
}

Test(gro, one_changed_field_within_a_burst)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		run_third(&changes[i], true);
}

/* R4: nothing but the frame's length tells that a packet is cut off, where its checksum is
 * believed and its IP length is as good as held's. */
Test(gro, cut_off_packet_within_a_burst)
{
	struct gro_config config = config_plain();
	struct packet good[] = { packet_tcp4(), packet_tcp6() };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct packet p[3] = { good[i], behind(&good[i]) };
		struct bench *b = bench_open(&config);

		p[2] = behind(&p[1]);
		p[2].ip_len = i ? 20 + p[2].tcp_options_len + p[2].payload_len :
				  40 + p[2].tcp_options_len + p[2].payload_len;
		p[2].payload_len -= 10;
		offer_burst(b, p, 3, GRO_CSUM_VERIFIED);
		expect_end(b, "0+1:not_served 2:not_served", "cut off");
		bench_close(b);
	}
}

/* ---- R12: what the second packet decides, sticks ---- */

Test(gro, ip_id_mode_sticks)
{
	static const struct {
		const char *sentence;
		bool df;
		uint16_t ids[4];
		const char *want;
		bool fixed; /* of the first superpacket */
	} cases[] = {
		{ "incrementing", true, { 7, 8, 9, 10 }, "0+1+2+3:burst_end", false },
		{ "fixed", true, { 7, 7, 7, 7 }, "0+1+2+3:burst_end", true },
		{ "zero is an ID like any other", true, { 0, 0, 0, 0 }, "0+1+2+3:burst_end", true },
		{ "incrementing, then fixed", true, { 7, 8, 8, 8 }, "0+1:header 2+3:burst_end", false },
		{ "fixed, then incrementing", true, { 7, 7, 8, 9 }, "0+1:header 2+3:burst_end", true },
		{ "a jump", true, { 7, 8, 10, 11 }, "0+1:header 2+3:burst_end", false },
		{ "over the end", true, { 65534, 65535, 0, 1 }, "0+1+2+3:burst_end", false },
		{ "incrementing without DF", false, { 7, 8, 9, 10 }, "0+1+2+3:burst_end", false },
		{ "back to the first one's", true, { 7, 8, 7, 8 }, "0+1:header 2+3:burst_end", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b = bench_plain();
		struct packet p = packet_tcp4();
		struct gro_super *super;

		p.df = cases[i].df;
		for (uint32_t n = 0; n < 4; n++) {
			p.ip_id = cases[i].ids[n];
			offer(b, &p);
			p = behind(&p);
		}
		gro_burst_end(&b->gro, b->now_ns);
		super = gro_next(&b->gro);
		cr_assert_eq(super->request.fixed_id, cases[i].fixed, "%s", cases[i].sentence);
		take(b, super);
		expect_end(b, cases[i].want, cases[i].sentence);
		bench_close(b);
	}
}

/* The place of a delivered superpacket is used again at once; its mode must not be. */
Test(gro, ip_id_mode_is_forgotten_with_the_superpacket)
{
	struct bench *b = bench_plain();
	struct packet p = packet_tcp4();

	p.ip_id--;
	for (uint32_t i = 0; i < 6; i++) {
		p.ip_id += i / 2 % 2 ? i % 2 : 0; /* two alike, two that follow, two alike */
		offer(b, &p);
		p.seq += 100;
		if (i % 2)
			burst_end(b);
	}
	expect_line(b, "0+1:burst_end 2+3:burst_end 4+5:burst_end", "R12");
	bench_close(b);
}

/* ---- D7, R17: what a superpacket looks like ---- */

static uint8_t *linearise(const struct iovec *iov, uint32_t cnt, uint32_t *len)
{
	uint8_t *data = malloc(70000);

	*len = 0;
	for (uint32_t i = 0; i < cnt; i++) {
		memcpy(data + *len, iov[i].iov_base, iov[i].iov_len);
		*len += (uint32_t)iov[i].iov_len;
	}
	return data;
}

/*
 * The one delivery must be, byte for byte, what the packet builder makes when it is asked for
 * the first packet with all the payload, the flags, and an unfinished checksum.
 */
static void expect_superpacket(struct bench *b, const struct packet *first, uint32_t cnt,
			       size_t payload_len, uint16_t flags)
{
	static uint8_t want[70000];
	struct gro_super *super = gro_next(&b->gro);
	struct iovec iov[GRO_MAX_PACKETS];
	struct packet whole = *first;
	struct packet_layout at;
	size_t want_len;
	uint8_t *got;
	uint32_t len;

	whole.payload_len = payload_len;
	whole.tcp_flags |= flags;
	whole.l4_csum = PACKET_CSUM_PARTIAL;
	whole.pad_to = 0;
	want_len = packet_build(&whole, want, sizeof want, &at);
	cr_assert_not_null(super);
	cr_assert_eq(super->packet_cnt, cnt);
	cr_assert_eq(super->len, want_len);
	cr_assert_eq(super->request.type, first->l3 == PACKET_L3_IPV4 ? GSO_TCPV4 : GSO_TCPV6);
	cr_assert_eq(super->request.size, first->payload_len);
	cr_assert(super->request.needs_csum);
	cr_assert_eq(super->request.csum_start, at.l4_off);
	cr_assert_eq(super->request.csum_offset, 16);
	cr_assert_eq(super->request.hdr_len, at.payload_off);
	cr_assert_eq(gro_iovecs(&b->gro, super, iov), cnt);
	got = linearise(iov, cnt, &len);
	cr_assert_eq(len, want_len);
	for (uint32_t i = 0; i < len; i++)
		cr_assert_eq(got[i], want[i], "byte %u: %02x, want %02x", i, got[i], want[i]);
	free(got);
	take(b, super);
}

static void all_at_once(struct packet *p)
{
	with_tags(p);
	with_timestamp(p);
	with_ece(p);
	p->tos = 0xb9;
	p->ttl = 3;
	p->window = 0xffff;
	p->urgent = 0x1234;
	p->tcp_reserved = 5;
	p->flow_label = 0xfffff;
	seq_about_to_wrap(p);
	id_about_to_wrap(p);
	if (p->l3 == PACKET_L3_IPV6)
		with_extensions(p);
}

Test(gro, superpacket_is_the_first_packet_grown)
{
	static void (*const shapes[])(struct packet *p) = {
		nothing, with_tags, with_timestamp, with_sack, seq_about_to_wrap, id_about_to_wrap,
		with_ece, without_df, all_at_once,
	};
	static const size_t sizes[] = { 1, 2, 99, 100, 1448 };

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(shapes) * ARRAY_SIZE(sizes); i++) {
		struct packet first = i % 2 ? packet_tcp6() : packet_tcp4(), p;
		uint32_t cnt = 2 + i % 43;
		struct bench *b = bench_plain();

		shapes[i / 2 % ARRAY_SIZE(shapes)](&first);
		first.payload_len = sizes[i / 2 / ARRAY_SIZE(shapes)];
		first.pad_to = 60;
		p = first;
		offer_run(b, &p, cnt);
		gro_burst_end(&b->gro, b->now_ns);
		expect_superpacket(b, &first, cnt, cnt * first.payload_len, 0);
		bench_close(b);
	}
}

Test(gro, last_packet_gives_its_flags_and_may_be_short)
{
	static const struct {
		uint16_t flags;
		size_t last_len;
	} cases[] = {
		{ PACKET_PSH, 100 }, { PACKET_FIN, 100 }, { PACKET_PSH | PACKET_FIN, 100 },
		{ 0, 37 }, { PACKET_PSH, 1 }, { PACKET_FIN, 99 },
	};

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct packet first = i % 2 ? packet_tcp6() : packet_tcp4(), p = first;
		struct bench *b = bench_plain();

		offer_run(b, &p, 3);
		p.tcp_flags |= cases[i / 2].flags;
		p.payload_len = cases[i / 2].last_len;
		p.pad_to = 60;
		offer(b, &p); /* delivers at once */
		expect_superpacket(b, &first, 4, 300 + p.payload_len, cases[i / 2].flags);
		bench_close(b);
	}
}

Test(gro, payload_slices_lie_where_the_packets_came)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_plain();
	struct gro_super *super;
	struct iovec iov[3];

	with_timestamp(&p);
	offer_run(b, &p, 2);
	one_byte_and_padding(&p);
	offer(b, &p);
	super = gro_next(&b->gro);
	cr_assert_eq(gro_iovecs(&b->gro, super, iov), 3);
	cr_assert_eq(iov[0].iov_base, b->frames[0].data);
	cr_assert_eq(iov[0].iov_len, 66 + 100);
	cr_assert_eq(iov[1].iov_base, b->frames[1].data + 66);
	cr_assert_eq(iov[1].iov_len, 100);
	cr_assert_eq(iov[2].iov_base, b->frames[2].data + 66);
	cr_assert_eq(iov[2].iov_len, 1, "R4: padding is no payload");
	take(b, super);
	bench_close(b);
}

/* R4: padding of the first packet would land between its payload and the second's. */
Test(gro, padding_of_the_first_packet_is_left_out)
{
	struct packet first = packet_tcp4(), p;
	struct bench *b = bench_plain();

	one_byte_and_padding(&first);
	p = first;
	offer_run(b, &p, 5);
	gro_burst_end(&b->gro, b->now_ns);
	expect_superpacket(b, &first, 5, 5, 0);
	bench_close(b);
}

/* ---- R15-R17: limits ---- */

Test(gro, max_packets_delivers_at_once)
{
	struct gro_config config = config_plain();
	struct packet p = packet_tcp4();
	struct bench *b;

	config.max_packets = 3;
	b = bench_open(&config);
	offer_run(b, &p, 7);
	expect_out(b, "0+1+2:count 3+4+5:count", "the third completes it");
	expect_end(b, "6:burst_end", "the seventh is a new one's first");
	bench_close(b);
}

Test(gro, max_bytes_counts_from_the_ip_header)
{
	static const struct {
		const char *sentence;
		int version;
		bool tagged;
		uint32_t max_bytes;
		const char *want;
	} cases[] = {
		{ "40 and 3 * 100 bytes just fit", 4, false, 340, "0+1+2:bytes 3:burst_end" },
		{ "one less: the third does not", 4, false, 339, "0+1:bytes 2+3:burst_end" },
		{ "tags do not count", 4, true, 340, "0+1+2:bytes 3:burst_end" },
		{ "60 and 3 * 100 bytes just fit", 6, false, 360, "0+1+2:bytes 3:burst_end" },
		{ "one less: the third does not", 6, false, 359, "0+1:bytes 2+3:burst_end" },
		{ "a packet that is too long by itself passes", 4, false, 139,
		  "0:bytes 1:bytes 2:bytes 3:burst_end" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet p = cases[i].version == 4 ? packet_tcp4() : packet_tcp6();
		struct gro_config config = config_plain();
		struct bench *b;

		if (cases[i].tagged)
			with_tags(&p);
		config.max_bytes = cases[i].max_bytes;
		b = bench_open(&config);
		offer_run(b, &p, 4);
		expect_end(b, cases[i].want, cases[i].sentence);
		bench_close(b);
	}
}

/* R16: as long as the 16 bits of the length field can say, and not a byte longer. */
Test(gro, ip_length_reaches_65535_and_no_further)
{
	static const struct {
		int version;
		size_t size, rest; /* 13 full segments and a last one */
		const char *want;
	} cases[] = {
		{ 4, 5000, 495, ":short" },
		{ 4, 5000, 496, ":bytes 13:burst_end" },
		{ 6, 5000, 475, ":short" },
		{ 6, 5000, 476, ":bytes 13:burst_end" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet first = cases[i].version == 4 ? packet_tcp4() : packet_tcp6(), p;
		struct bench *b = bench_plain();

		first.payload_len = cases[i].size;
		p = first;
		offer_run(b, &p, 13);
		p.payload_len = cases[i].rest;
		offer(b, &p);
		if (cases[i].want[1] == 's')
			expect_superpacket(b, &first, 14, 65000 + cases[i].rest, 0);
		b->line[0] = 0;
		burst_end(b);
		if (cases[i].want[1] == 'b')
			cr_assert_not_null(strstr(b->line, cases[i].want), "%s", b->line);
		bench_close(b);
	}
}

/* 65,535 bytes of payload in one IPv6 packet: nothing can append, nothing may wrap. */
Test(gro, longest_ip_packets_pass_alone)
{
	for (int version = 4; version <= 6; version += 2) {
		struct packet p = version == 4 ? packet_tcp4() : packet_tcp6();
		struct bench *b = bench_plain();

		p.payload_len = 65535 - (version == 4 ? 40 : 20);
		offer_run(b, &p, 2);
		p.payload_len = 1;
		offer(b, &p);
		expect_end(b, "0:bytes 1:bytes 2:burst_end", "R16");
		bench_close(b);
	}
}

Test(gro, first_packet_with_psh_or_fin_is_not_held)
{
	static void (*const flags[])(struct packet *p) = { psh, fin, psh_and_fin };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct packet p = packet_tcp4(), flagged = p;
		struct bench *b = bench_plain();

		flags[i](&flagged);
		offer(b, &flagged);
		expect_out(b, "0:push_fin", "R17: its PSH would move to the last segment");
		p = behind(&p);
		offer_run(b, &p, 2);
		expect_end(b, "1+2:burst_end", "the next one begins a superpacket");

		/* D1: one that cannot append, behind what its flow holds */
		offer(b, &p);
		flags[i](&p);
		p.ttl = 9;
		offer(b, &p);
		expect_out(b, "3:header 4:push_fin", "D1");
		bench_close(b);
	}
}

/* R15: gso_size is the first payload; what is larger starts a new superpacket of its own size. */
Test(gro, larger_segment_sets_a_new_size)
{
	struct packet p = packet_tcp4(), first;
	struct bench *b = bench_plain();

	offer_run(b, &p, 2);
	p.payload_len = 200;
	first = p;
	offer_run(b, &p, 2);
	take_all(b);
	expect_line(b, "0+1:larger", "R15");
	gro_burst_end(&b->gro, b->now_ns);
	expect_superpacket(b, &first, 2, 400, 0);
	bench_close(b);
}

/* ---- checksums (R3, R8) ---- */

static void offer_verified(struct bench *b, const struct packet *p)
{
	uint8_t buf[2000];

	offer_frame(b, buf, packet_build(p, buf, sizeof buf, NULL), GRO_CSUM_VERIFIED);
}

Test(gro, verified_packets_are_not_summed_again)
{
	struct packet p = packet_tcp4(), q;
	struct bench *b = bench_plain();

	p.l4_csum_xor = 1; /* whoever verified it is trusted */
	offer_verified(b, &p);
	p = behind(&p);
	offer_verified(b, &p);
	q = behind(&p);
	bad_ip_csum(&q);
	offer_verified(b, &q);
	expect_end(b, "0+1:checksum 2:checksum", "R3: the IP header's is always looked at");
	bench_close(b);
}

/* An IPv4 header checksum of 0xffff adds up, but completion would write 0x0000. */
Test(gro, ipv4_checksum_ffff_is_not_merged)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_plain();
	struct packet_layout at;
	uint8_t buf[300];
	size_t len = packet_build(&p, buf, sizeof buf, &at);
	uint8_t *ip = buf + at.l3_off;
	uint32_t id = ((uint32_t)(ip[4] << 8 | ip[5]) + (uint32_t)(ip[10] << 8 | ip[11]));

	id = (id & 0xffff) + (id >> 16); /* the ID takes what the checksum was */
	ip[4] = (uint8_t)(id >> 8);
	ip[5] = (uint8_t)id;
	ip[10] = ip[11] = 0;
	cr_assert(packet_csums_ok(buf, len));
	offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
	ip[10] = ip[11] = 0xff;
	cr_assert(packet_csums_ok(buf, len));
	offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
	expect_end(b, "0:header 1:header", "the one is a good packet, the other is not merged");
	bench_close(b);
}

/* It is right all the same: a packet that would not be merged anyway passes as what it is. */
Test(gro, checksum_ffff_is_no_wrong_checksum)
{
	static void (*const kinds[])(struct packet *p) = { no_data, syn, csum_ffff };
	static const char *const want[] = { "0:no_data", "0:flags", "0:header" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct bench *b = bench_plain();
		struct packet p = packet_tcp4();
		struct packet_layout at;
		uint8_t buf[300];
		uint32_t window;

		p.window = 0;
		kinds[i](&p);
		if (kinds[i] != csum_ffff) { /* the window takes what the checksum was */
			packet_build(&p, buf, sizeof buf, &at);
			window = (uint32_t)(buf[at.l4_off + 16] << 8 | buf[at.l4_off + 17]);
			p.window = (uint16_t)window;
			p.l4_csum_xor = 0xffff;
		}
		cr_assert(packet_csums_ok(buf, packet_build(&p, buf, sizeof buf, &at)));
		cr_assert_eq(buf[at.l4_off + 16] & buf[at.l4_off + 17], 0xff);
		offer(b, &p);
		expect_end(b, want[i], "R8");
		bench_close(b);
	}
}

/* Every byte of a packet spoiled in turn: never merged, whatever it hits. */
Test(gro, no_spoiled_byte_is_merged)
{
	for (int version = 4; version <= 6; version += 2) {
		struct packet p = version == 4 ? packet_tcp4() : packet_tcp6(), q = behind(&p);
		uint8_t buf[300];
		size_t len = packet_build(&q, buf, sizeof buf, NULL);

		for (size_t at = 0; at < 8 * len; at++) {
			struct bench *b = bench_plain();

			offer(b, &p);
			buf[at / 8] ^= (uint8_t)(1 << at % 8);
			offer_frame(b, buf, len, GRO_CSUM_UNKNOWN);
			buf[at / 8] ^= (uint8_t)(1 << at % 8);
			burst_end(b);
			cr_assert_null(strchr(b->line, '+'), "bit %zu: %s", at, b->line);
			bench_close(b);
		}
	}
}

static struct bench *bench_unfinished(void)
{
	struct gro_config config = config_plain();

	config.accept_unfinished = true;
	return bench_open(&config);
}

static void expect_request(struct bench *b, bool needs_csum, uint16_t start, uint16_t offset)
{
	struct gro_super *super = gro_next(&b->gro);

	cr_assert_not_null(super);
	cr_assert_eq(super->packet_cnt, 1);
	cr_assert_eq(super->request.needs_csum, needs_csum);
	if (needs_csum) {
		cr_assert_eq(super->request.csum_start, start);
		cr_assert_eq(super->request.csum_offset, offset);
	}
	take(b, super);
}

Test(gro, unfinished_checksums_are_handed_on_as_such)
{
	static const struct {
		const char *sentence;
		struct packet (*make)(void);
		void (*change)(struct packet *p);
		bool unfinished;
		uint16_t start, offset;
	} cases[] = {
		{ "TCP with data", packet_tcp4, unfinished, true, 34, 16 },
		{ "TCP with data, IPv6", packet_tcp6, unfinished, true, 54, 16 },
		{ "UDP", packet_udp4, unfinished, true, 34, 6 },
		{ "UDP, IPv6", packet_udp6, unfinished, true, 54, 6 },
		{ "finished TCP", packet_tcp4, nothing, false, 0, 0 },
		{ "finished UDP", packet_udp4, nothing, false, 0, 0 },
		{ "wrong TCP", packet_tcp4, bad_l4_csum, false, 0, 0 },
		{ "wrong UDP", packet_udp4, bad_l4_csum, false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b = bench_unfinished(), *strict = bench_plain();
		struct packet p = cases[i].make();

		cases[i].change(&p);
		offer(b, &p);
		gro_burst_end(&b->gro, b->now_ns);
		expect_request(b, cases[i].unfinished, cases[i].start, cases[i].offset);
		bench_close(b);

		offer(strict, &p);
		gro_burst_end(&strict->gro, strict->now_ns);
		expect_request(strict, false, 0, 0);
		bench_close(strict);
	}
}

/* They pass for other reasons too, and their checksum is then still unfinished. */
Test(gro, unfinished_packets_that_pass_are_still_unfinished)
{
	static void (*const changes_that_pass[])(struct packet *p) = {
		syn, psh, no_data, with_ip_options,
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes_that_pass); i++) {
		struct bench *b = bench_unfinished();
		struct packet p = packet_tcp4();

		unfinished(&p);
		changes_that_pass[i](&p);
		offer(b, &p);
		expect_request(b, true, (uint16_t)(34 + p.ip_options_len), 16);
		bench_close(b);
	}
}

/* The pseudo-header sum itself may be 0xffff; that is not the other zero of a finished checksum. */
Test(gro, unfinished_checksum_ffff_is_as_good_as_any)
{
	struct bench *b = bench_unfinished();
	struct packet p = packet_tcp4();
	struct packet_layout at;
	uint8_t buf[300];
	uint32_t host;

	unfinished(&p);
	p.saddr[2] = p.saddr[3] = 0;
	packet_build(&p, buf, sizeof buf, &at);
	host = 0xffffu - (uint32_t)(buf[at.l4_off + 16] << 8 | buf[at.l4_off + 17]);
	p.saddr[2] = (uint8_t)(host >> 8);
	p.saddr[3] = (uint8_t)host;
	packet_build(&p, buf, sizeof buf, &at);
	cr_assert_eq(buf[at.l4_off + 16] & buf[at.l4_off + 17], 0xff);
	offer_run(b, &p, 2);
	expect_end(b, "0+1:burst_end", "R8");
	bench_close(b);
}

Test(gro, udp_without_checksum_is_not_unfinished)
{
	struct bench *b = bench_unfinished();
	struct packet p = packet_udp4();

	p.l4_csum = PACKET_CSUM_ZERO;
	offer(b, &p);
	expect_request(b, false, 0, 0);
	bench_close(b);
}

Test(gro, unfinished_packets_merge_among_themselves)
{
	struct bench *b = bench_unfinished();
	struct packet first = packet_tcp4(), p;

	unfinished(&first);
	p = first;
	offer_run(b, &p, 3);
	p.l4_csum = PACKET_CSUM_FULL;
	offer(b, &p);
	expect_superpacket(b, &first, 3, 300, 0);
	b->line[0] = 0;
	p = behind(&p);
	unfinished(&p);
	offer(b, &p);
	expect_end(b, "3:header 4:burst_end", "finished and unfinished ones do not mix");
	bench_close(b);
}

/* ---- merging switched off ---- */

Test(gro, merging_switched_off_passes_everything_in_order)
{
	struct gro_config config = config_plain();
	struct packet p = packet_tcp4();
	struct bench *b;

	config.merge_tcp = false;
	config.accept_unfinished = true;
	b = bench_open(&config);
	offer_run(b, &p, 2);
	unfinished(&p);
	offer(b, &p);
	take(b, gro_next(&b->gro));
	take(b, gro_next(&b->gro));
	expect_request(b, true, 34, 16);
	expect_out(b, "0:not_served 1:not_served 2:not_served", "nothing is held");
	bench_close(b);
}

/* ---- order (D1-D3, D6) ---- */

/* Another connection between the same hosts; between others; over IPv6. */
static struct packet same_hosts(uint16_t port)
{
	struct packet p = packet_tcp4();

	p.sport = port;
	return p;
}

static struct packet other_hosts(uint8_t host)
{
	struct packet p = packet_tcp4();

	p.saddr[3] = host;
	return p;
}

Test(gro, packet_of_unknown_flow_goes_behind_all_of_its_pair)
{
	static const struct {
		const char *sentence;
		void (*change)(struct packet *p);
		const char *reason;
	} cases[] = {
		{ "a fragment", fragment_offset, "fragment" },
		{ "IPv4 options", with_ip_options, "ip_options" },
		{ "a wrong IP checksum", bad_ip_csum, "checksum" },
		{ "a wrong TCP checksum", bad_l4_csum, "checksum" },
		{ "a wrong length", ip_too_long, "not_served" },
		{ "a bad TCP header", short_data_offset, "not_served" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet stranger = other_hosts(77), reverse = packet_tcp4(), p;
		struct bench *b = bench_plain();
		char want[200];

		memcpy(reverse.saddr, packet_tcp4().daddr, 4);
		memcpy(reverse.daddr, packet_tcp4().saddr, 4);
		p = same_hosts(1);
		offer_run(b, &p, 2); /* 0 1 */
		offer(b, &stranger); /* 2 */
		p = same_hosts(2);
		offer(b, &p); /* 3 */
		offer(b, &reverse); /* 4 */
		p = same_hosts(3);
		packet_push_vlan(&p, 0, 3);
		offer_run(b, &p, 2); /* 5 6: even on another VLAN */
		p = same_hosts(1);
		p.seq += 200;
		p.ip_id += 2;
		offer(b, &p); /* 7 joins 0 1 */
		p = same_hosts(9);
		cases[i].change(&p);
		offer(b, &p); /* 8 */
		snprintf(want, sizeof want, "0+1+7:%s 3:%s 5+6:%s 8:%s 2:burst_end 4:burst_end",
			 cases[i].reason, cases[i].reason, cases[i].reason, cases[i].reason);
		expect_end(b, want, cases[i].sentence);
		bench_close(b);
	}
}

/* Pairs are compared, not just their hashes: by version, and by address. */
Test(gro, pairs_of_equal_hashes_are_not_confused)
{
	struct gro_config config = config_plain();
	struct packet p4 = packet_tcp4(), p6 = packet_tcp6(), other = other_hosts(9), fragment;
	struct bench *b;

	make_pair_hashes_equal(&config);
	b = bench_open(&config);
	memset(p4.saddr, 0, 16), memset(p4.daddr, 0, 16);
	memset(p6.saddr, 0, 16), memset(p6.daddr, 0, 16);
	fragment = p4;
	more_fragments(&fragment);
	offer_run(b, &p6, 2);
	offer_run(b, &p4, 2);
	offer_run(b, &other, 2);
	cr_assert_eq(b->gro.table.links[0].pair, b->gro.table.links[1].pair);
	cr_assert_eq(b->gro.table.links[0].pair, b->gro.table.links[2].pair);
	offer(b, &fragment);
	expect_end(b, "2+3:fragment 6:fragment 0+1:burst_end 4+5:burst_end", "D2");
	bench_close(b);
}

Test(gro, flows_of_equal_hashes_are_not_confused)
{
	struct gro_config config = config_plain();
	struct bench *b;

	make_flow_hashes_equal(&config);
	b = bench_open(&config);
	for (uint32_t i = 0; i < 18; i++) { /* six flows, three times round */
		struct packet p = same_hosts((uint16_t)(i % 6));

		p.seq += i / 6 * 100;
		p.ip_id += (uint16_t)(i / 6);
		offer(b, &p);
	}
	cr_assert_eq(b->gro.table.links[0].hash, b->gro.table.links[5].hash);
	expect_end(b, "0+6+12:burst_end 1+7+13:burst_end 2+8+14:burst_end 3+9+15:burst_end "
		      "4+10+16:burst_end 5+11+17:burst_end", "R10");
	bench_close(b);
}

Test(gro, table_full_flushes_the_oldest)
{
	struct gro_config config = config_plain();
	struct bench *b;
	struct packet p;

	config.flows = 3;
	b = bench_open(&config);
	for (uint16_t port = 1; port <= 3; port++) { /* 0 1 2 */
		p = same_hosts(port);
		offer(b, &p);
	}
	p = same_hosts(1);
	p = behind(&p);
	offer(b, &p); /* 3: the oldest grows, and stays the oldest */
	p = same_hosts(4);
	offer(b, &p); /* 4 */
	expect_out(b, "0+3:table_full", "D3: never the newcomer turned away");
	p = same_hosts(5);
	offer(b, &p); /* 5 */
	expect_out(b, "1:table_full", "D3");
	p = same_hosts(2);
	p = behind(&p);
	offer(b, &p); /* 6 */
	expect_out(b, "2:table_full", "D3: whoever was flushed is new when it comes back");
	expect_end(b, "4:burst_end 5:burst_end 6:burst_end", "D6");
	bench_close(b);
}

/* A flow that flushes and begins anew does not cost another flow its place. */
Test(gro, starting_anew_needs_no_other_place)
{
	struct gro_config config = config_plain();
	struct packet p = same_hosts(1), q = same_hosts(2);
	struct bench *b;

	config.flows = 2;
	b = bench_open(&config);
	offer(b, &p);
	offer(b, &q);
	gap(&p);
	offer(b, &p);
	p.tcp_flags |= PACKET_PSH, p.seq += 7;
	offer(b, &p);
	expect_end(b, "0:out_of_sequence 2:out_of_sequence 3:push_fin 1:burst_end",
		   "nor does one that is not held");
	bench_close(b);
}

Test(gro, all_are_flushed_in_order_of_their_first_packets)
{
	struct packet a = same_hosts(1), c = other_hosts(3), d = packet_tcp6();
	struct bench *b = bench_plain();

	offer(b, &a); /* 0 */
	offer(b, &c); /* 1 */
	offer(b, &d); /* 2 */
	a = behind(&a), c = behind(&c), d = behind(&d);
	offer(b, &d); /* 3 */
	offer(b, &c); /* 4 */
	offer(b, &a); /* 5 */
	expect_end(b, "0+5:burst_end 1+4:burst_end 2+3:burst_end", "D6");
	offer(b, &c); /* 6: starts anew */
	offer(b, &a); /* 7 */
	gro_flush(&b->gro, GRO_RECONFIGURE);
	expect_out(b, "6:reconfigure 7:reconfigure", "D6: age is that of the superpacket, not the flow");
	bench_close(b);
}

/* What is flushed in the middle of the list leaves the others in their order. */
Test(gro, flush_out_of_the_middle)
{
	struct bench *b = bench_plain();
	struct packet p;

	for (uint8_t host = 1; host <= 5; host++) {
		p = other_hosts(host);
		offer(b, &p);
	}
	p = other_hosts(3);
	no_data(&p);
	offer(b, &p);
	expect_end(b, "2:no_data 5:no_data 0:burst_end 1:burst_end 3:burst_end 4:burst_end", "D1, D6");
	bench_close(b);
}

Test(gro, many_flows_are_held_and_found)
{
	struct gro_config config = config_plain();
	struct gro_super *super;
	struct bench *b;
	uint32_t cnt = 0;

	config.flows = 700;
	b = bench_open(&config);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 700; i++) {
			struct packet p = i % 2 ? packet_tcp4() : packet_tcp6();

			p.payload_len = 10;
			p.sport = (uint16_t)(1 + i);
			if (i % 3 == 0)
				one_tag(&p);
			if (round)
				p = behind(&p);
			offer(b, &p);
		}
	cr_assert_eq(b->gro.table.held_cnt, 700);
	gro_burst_end(&b->gro, b->now_ns);
	while ((super = gro_next(&b->gro))) {
		cr_assert_eq(super->packet_cnt, 2);
		cr_assert_eq(super->first.data, b->frames[cnt].data, "D6");
		cnt++;
		take(b, super);
		b->line[0] = 0;
	}
	cr_assert_eq(cnt, 700);
	bench_close(b);
}

/* ---- time (D4) ---- */

Test(gro, without_hold_time_nothing_outlives_the_burst)
{
	struct bench *b = bench_plain();
	struct packet p = packet_tcp4();

	cr_assert_eq(gro_deadline(&b->gro), UINT64_MAX, "nothing held");
	offer(b, &p);
	cr_assert_leq(gro_deadline(&b->gro), b->now_ns, "due at once");
	expect_end(b, "0:burst_end", "D4");
	bench_close(b);
}

Test(gro, hold_time_counts_from_the_first_packet)
{
	struct gro_config config = config_plain();
	struct packet p = same_hosts(1), q = same_hosts(2);
	struct bench *b;

	config.hold_ns = 100;
	b = bench_open(&config);
	offer(b, &p); /* 0, at 1000 */
	expect_end(b, "", "held over the end of the burst");
	cr_assert_eq(gro_deadline(&b->gro), 1100);
	b->now_ns = 1060;
	p = behind(&p);
	offer(b, &p); /* 1 */
	offer(b, &q); /* 2 */
	cr_assert_eq(gro_deadline(&b->gro), 1100, "a later packet does not put it off");
	b->now_ns = 1099;
	expect_end(b, "", "not yet");
	b->now_ns = 1100;
	expect_end(b, "0+1:age", "at its deadline; the other stays");
	cr_assert_eq(gro_deadline(&b->gro), 1160);
	b->now_ns = 1110;
	p = behind(&p);
	offer(b, &p); /* 3 */
	b->now_ns = 1500;
	expect_end(b, "2:age 3:age", "all that are too old, oldest first");
	cr_assert_eq(gro_deadline(&b->gro), UINT64_MAX);
	bench_close(b);
}

Test(gro, superpacket_completed_for_another_reason_has_no_deadline)
{
	struct gro_config config = config_plain();
	struct packet p = same_hosts(1), q = same_hosts(2);
	struct bench *b;

	config.hold_ns = 100;
	b = bench_open(&config);
	offer(b, &p);
	b->now_ns = 1050;
	offer(b, &q);
	p = behind(&p);
	psh(&p);
	offer(b, &p);
	expect_out(b, "0+2:push_fin", "");
	cr_assert_eq(gro_deadline(&b->gro), 1150);
	gro_flush(&b->gro, GRO_SHUTDOWN);
	expect_out(b, "1:shutdown", "whatever its age");
	bench_close(b);
}

/* ---- room ---- */

/* Bursts of 16 through pools of every small size: whatever is short, something can be taken, and
 * after that something can be offered. */
Test(gro, short_pools_always_make_progress)
{
	for (uint32_t packets = 1; packets <= 20; packets++)
		for (uint32_t flows = 1; flows <= 5; flows++) {
			struct gro_config config = config_plain();
			struct gro_packet burst[64];
			struct gro_super *super;
			struct bench *b;
			uint32_t done = 0, rounds = 0;

			config.packets = packets;
			config.flows = flows;
			config.hold_ns = 1000000;
			b = bench_open(&config);
			for (uint32_t i = 0; i < 64; i++) {
				struct packet p = same_hosts((uint16_t)(i * i % 7));
				uint8_t buf[300];
				uint32_t number;

				p.seq += i / 7 * 100;
				number = frame_add(b, buf, packet_build(&p, buf, sizeof buf, NULL));
				burst[i] = frame_packet(b, number, GRO_CSUM_UNKNOWN);
			}
			while (done < 64) {
				uint32_t cnt = done + 16 < 64 ? 16 : 64 - done;
				uint32_t taken = gro_offer(&b->gro, burst + done, cnt, b->now_ns);

				cr_assert_leq(taken, cnt);
				cr_assert_leq(gro_owned_packets(&b->gro), packets);
				done += taken;
				super = gro_next(&b->gro);
				cr_assert(super || taken == cnt, "neither way forward");
				if (super)
					take(b, super);
				cr_assert_lt(rounds++, 500u, "no progress");
			}
			bench_close(b);
		}
}

Test(gro, offer_stops_where_room_ends)
{
	struct gro_config config = config_plain();
	struct packet p = packet_tcp4();
	struct gro_packet burst[5];
	struct gro_super *super;
	struct bench *b;

	config.packets = 3;
	b = bench_open(&config);
	for (uint32_t i = 0; i < 5; i++) {
		uint8_t buf[300];
		uint32_t number = frame_add(b, buf, packet_build(&p, buf, sizeof buf, NULL));

		burst[i] = frame_packet(b, number, GRO_CSUM_UNKNOWN);
		p = behind(&p);
	}
	cr_assert_eq(gro_offer(&b->gro, burst, 5, 1000), 3);
	cr_assert_eq(gro_owned_packets(&b->gro), 3);
	cr_assert_eq(gro_offer(&b->gro, burst + 3, 2, 1000), 0, "not before something is released");
	super = gro_next(&b->gro);
	cr_assert_not_null(super, "the oldest gave way, though nothing else would have flushed it");
	cr_assert_eq(gro_offer(&b->gro, burst + 3, 2, 1000), 0, "taken is not released");
	cr_assert_null(gro_next(&b->gro));
	take(b, super);
	cr_assert_eq(gro_owned_packets(&b->gro), 0);
	cr_assert_eq(gro_offer(&b->gro, burst + 3, 2, 1000), 2);
	expect_end(b, "0+1+2:table_full 3+4:burst_end", "");
	bench_close(b);
}

/* While a delivery waits, there is no need to flush another one for room. */
Test(gro, no_more_is_flushed_for_room_than_is_needed)
{
	struct gro_config config = config_plain();
	struct packet p = same_hosts(4);
	struct gro_packet packet;
	uint8_t buf[300];
	struct bench *b;

	config.packets = 3;
	b = bench_open(&config);
	for (uint16_t port = 1; port <= 3; port++) {
		p = same_hosts(port);
		offer(b, &p);
	}
	packet = frame_packet(b, frame_add(b, buf, packet_build(&p, buf, sizeof buf, NULL)),
			      GRO_CSUM_UNKNOWN);
	for (uint32_t again = 0; again < 3; again++)
		cr_assert_eq(gro_offer(&b->gro, &packet, 1, b->now_ns), 0);
	cr_assert_eq(b->gro.table.held_cnt, 2);
	expect_out(b, "0:table_full", "the oldest, and only that");
	cr_assert_eq(gro_offer(&b->gro, &packet, 1, b->now_ns), 1);
	expect_end(b, "2:out_of_sequence 1:burst_end 3:burst_end", "a retransmission, after all");
	bench_close(b);
}

Test(gro, limits_are_checked)
{
	static const struct {
		const char *sentence;
		uint32_t flows, packets, max_packets, max_bytes;
		int want;
	} cases[] = {
		{ "smallest", 1, 1, 2, 1, 0 },
		{ "largest superpackets", 1, 1, GRO_MAX_PACKETS, 65535, 0 },
		{ "no flows", 0, 1, 2, 1000, -EINVAL },
		{ "no packets", 1, 0, 2, 1000, -EINVAL },
		{ "superpackets of none", 1, 1, 0, 1000, -EINVAL },
		{ "superpackets of one are no superpackets: merge_tcp says that", 1, 1, 1, 1000,
		  -EINVAL },
		{ "more iovecs than one write takes", 1, 1, GRO_MAX_PACKETS + 1, 1000, -EINVAL },
		{ "no bytes", 1, 1, 2, 0, -EINVAL },
		{ "more bytes than a length field says", 1, 1, 2, 65536, -EINVAL },
		{ "flows beyond measure", (1u << 24) + 1, 1, 2, 1000, -EINVAL },
		{ "packets beyond measure", 1, (1u << 24) + 1, 2, 1000, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gro_config config = { .flows = cases[i].flows, .packets = cases[i].packets,
					     .max_packets = cases[i].max_packets,
					     .max_bytes = cases[i].max_bytes };
		void *memory = cases[i].want ? NULL : aligned_alloc(64, gro_memory_size(&config));
		struct gro gro;

		cr_assert_eq(gro_init(&gro, &config, memory), cases[i].want, "%s",
			     cases[i].sentence);
		free(memory);
	}
}

/* ---- hostile frames ---- */

/* The packet behind so many VLAN tags; at most 70,000 bytes of it. */
static void offer_tagged(struct bench *b, const struct packet *p, uint32_t tags)
{
	static uint8_t frame[70000];
	uint8_t inner[300];
	size_t len = packet_build(p, inner, sizeof inner, NULL), tags_len = 4 * tags;

	if (tags_len + len > sizeof frame)
		len = sizeof frame - tags_len;
	memcpy(frame, inner, 12);
	for (size_t at = 12; at < 12 + tags_len; at += 4)
		memcpy(frame + at, "\x81\x00\x00\x07", 4);
	memcpy(frame + 12 + tags_len, inner + 12, len - 12);
	offer_frame(b, frame, len + tags_len, GRO_CSUM_UNKNOWN);
}

/* Headers longer than a header slot cannot be cut again, so they must not be merged. */
Test(gro, packets_behind_endless_headers_pass)
{
	static const struct {
		uint32_t tags;
		const char *want;
	} cases[] = {
		{ 50, "0+1:burst_end" }, /* 14 + 200 + 40 = 254 bytes of header */
		{ 51, "0:not_served 1:not_served" }, /* 258 */
		{ 1000, "0:not_served 1:not_served" },
		{ 16000, "0:not_served 1:not_served" },
		{ 16340, "0:not_served 1:not_served" }, /* where offsets end */
		{ 17000, "0:not_served 1:not_served" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet p = packet_tcp4(), next = behind(&p);
		struct bench *b = bench_plain();

		offer_tagged(b, &p, cases[i].tags);
		offer_tagged(b, &next, cases[i].tags);
		expect_end(b, cases[i].want, "R1, and the length of a header slot");
		bench_close(b);
	}
}

/* Compared with each other, a short frame is not read as far as a long one. */
Test(gro, many_tags_beside_none)
{
	struct packet p = packet_tcp4(), next;
	struct bench *b = bench_plain();

	p.payload_len = 1;
	next = behind(&p);
	offer(b, &p);
	offer_tagged(b, &next, 50);
	offer(b, &next);
	expect_end(b, "0+2:burst_end 1:burst_end", "R10");
	bench_close(b);
}

/* A good packet cut off at every length: read within bounds, never merged, never lost. */
Test(gro, truncated_frames_pass)
{
	for (int version = 4; version <= 6; version += 2) {
		struct packet p = version == 4 ? packet_tcp4() : packet_tcp6();
		struct bench *b = bench_plain();
		uint8_t buf[300];
		size_t len;

		with_tags(&p);
		with_timestamp(&p);
		if (version == 6)
			with_extensions(&p);
		offer(b, &p);
		p = behind(&p);
		len = packet_build(&p, buf, sizeof buf, NULL);
		for (size_t cut = 0; cut < len; cut++)
			offer_frame(b, buf, cut, cut % 2 ? GRO_CSUM_VERIFIED : GRO_CSUM_UNKNOWN);
		burst_end(b);
		cr_assert_null(strchr(b->line, '+'));
		bench_close(b);
	}
}

/* ---- unmerge (V9) and release ---- */

Test(gro, unmerge_restores_every_byte)
{
	static void (*const shapes[])(struct packet *p) = { nothing, all_at_once, one_byte_and_padding };

	for (uint32_t i = 0; i < 4 * ARRAY_SIZE(shapes); i++) {
		struct packet p = i % 2 ? packet_tcp6() : packet_tcp4();
		bool not_finished = i / 2 % 2;
		struct bench *b = not_finished ? bench_unfinished() : bench_plain();
		struct iovec iov[GRO_MAX_PACKETS];
		uint64_t cookies[GRO_MAX_PACKETS];
		struct gro_super *super;

		shapes[i / 4](&p);
		p.l4_csum = not_finished ? PACKET_CSUM_PARTIAL : PACKET_CSUM_FULL;
		offer_run(b, &p, 9);
		psh_and_fin(&p);
		offer(b, &p);
		super = gro_next(&b->gro);
		cr_assert_eq(super->packet_cnt, 10);
		cr_assert_neq(memcmp(b->frames[0].data, b->frames[0].copy, b->frames[0].len), 0);
		for (int again = 0; again < 2; again++) { /* a second time changes nothing */
			cr_assert_eq(gro_unmerge(&b->gro, super, iov), 10);
			cr_assert_eq(super->request.type, GSO_NONE);
			cr_assert_eq(super->request.size, 0);
			cr_assert_eq(super->request.hdr_len, 0);
			cr_assert_eq(super->request.needs_csum, not_finished);
		}
		for (uint32_t n = 0; n < 10; n++) {
			cr_assert_eq(iov[n].iov_base, b->frames[n].data);
			cr_assert_eq(iov[n].iov_len, b->frames[n].len, "padding and all");
			cr_assert_eq(memcmp(iov[n].iov_base, b->frames[n].copy, iov[n].iov_len), 0);
		}
		cr_assert_eq(gro_release(&b->gro, super, cookies), 10);
		for (uint32_t n = 0; n < 10; n++)
			cr_assert_eq(cookies[n], n);
		b->released_cnt += 10;
		b->flushes[GRO_PUSH_FIN]++;
		bench_close(b);
	}
}

Test(gro, unmerge_of_a_single_packet_is_the_packet)
{
	struct packet p = packet_tcp4();
	struct bench *b = bench_unfinished();
	struct gro_super *super;
	struct iovec iov[1];

	one_byte_and_padding(&p);
	unfinished(&p);
	offer(b, &p);
	gro_burst_end(&b->gro, b->now_ns);
	super = gro_next(&b->gro);
	cr_assert_eq(gro_unmerge(&b->gro, super, iov), 1);
	cr_assert_eq(iov[0].iov_base, b->frames[0].data);
	cr_assert_eq(iov[0].iov_len, 60);
	cr_assert(super->request.needs_csum);
	take(b, super);
	bench_close(b);
}

/* Deliveries may be released in any order, long after; nothing is mixed up. */
Test(gro, deliveries_may_be_released_in_any_order)
{
	struct gro_super *supers[10];
	struct bench *b = bench_plain();
	struct packet p;

	for (uint16_t port = 0; port < 10; port++) {
		p = same_hosts(port);
		offer_run(b, &p, 1 + port % 3);
	}
	cr_assert_eq(gro_owned_packets(&b->gro), 19);
	gro_burst_end(&b->gro, b->now_ns);
	for (uint32_t i = 0; i < 10; i++)
		supers[i] = gro_next(&b->gro);
	cr_assert_null(gro_next(&b->gro));
	cr_assert_eq(gro_owned_packets(&b->gro), 19, "taken is not released");
	for (uint32_t i = 0; i < 10; i++)
		take(b, supers[i * 7 % 10]);
	expect_line(b, "0:burst_end 13+14:burst_end 7+8:burst_end 1+2:burst_end 15+16+17:burst_end "
		       "9+10+11:burst_end 3+4+5:burst_end 18:burst_end 12:burst_end 6:burst_end", "");
	cr_assert_eq(gro_owned_packets(&b->gro), 0);
	p = same_hosts(1);
	offer_run(b, &p, 3);
	expect_end(b, "19+20+21:burst_end", "the pool is whole again");
	bench_close(b);
}

/* ---- every reason, with a superpacket of two and with a single packet ---- */

static void end_count(struct bench *b, struct packet *p) { offer(b, p); }
static void end_age(struct bench *b, struct packet *p) { (void)p, b->now_ns += 1000; }
static void end_table_full(struct bench *b, struct packet *p) { sport(p), offer(b, p); }
static void end_reconfigure(struct bench *b, struct packet *p) { (void)p, gro_flush(&b->gro, GRO_RECONFIGURE); }
static void end_shutdown(struct bench *b, struct packet *p) { (void)p, gro_flush(&b->gro, GRO_SHUTDOWN); }
static void end_bytes(struct bench *b, struct packet *p) { longer(p), p->payload_len = 100, offer(b, p); }
static void end_sequence(struct bench *b, struct packet *p) { gap(p), offer(b, p); }
static void end_no_data(struct bench *b, struct packet *p) { no_data(p), offer(b, p); }
static void end_flags(struct bench *b, struct packet *p) { rst(p), offer(b, p); }
static void end_psh(struct bench *b, struct packet *p) { psh(p), offer(b, p); }
static void end_short(struct bench *b, struct packet *p) { shorter(p), offer(b, p); }
static void end_larger(struct bench *b, struct packet *p) { longer(p), offer(b, p); }
static void end_header(struct bench *b, struct packet *p) { ttl(p), offer(b, p); }
static void end_checksum(struct bench *b, struct packet *p) { bad_l4_csum(p), offer(b, p); }
static void end_fragment(struct bench *b, struct packet *p) { more_fragments(p), offer(b, p); }
static void end_options(struct bench *b, struct packet *p) { with_ip_options(p), offer(b, p); }
static void end_not_served(struct bench *b, struct packet *p) { ip_too_long(p), offer(b, p); }
static void end_burst(struct bench *b, struct packet *p) { (void)p, gro_flush(&b->gro, GRO_BURST_END); }

Test(gro, every_reason_has_a_name_and_is_counted)
{
	static const struct {
		const char *name;
		uint32_t held_cnt; /* packets held when it ends */
		void (*end)(struct bench *b, struct packet *p);
		uint32_t flushes, singles;
	} cases[GRO_REASON_CNT] = {
		[GRO_COUNT] = { "count", 3, end_count, 1, 0 },
		[GRO_BYTES] = { "bytes", 3, end_bytes, 1, 0 },
		[GRO_AGE] = { "age", 2, end_age, 1, 0 },
		[GRO_BURST_END] = { "burst_end", 2, end_burst, 1, 0 },
		[GRO_OUT_OF_SEQUENCE] = { "out_of_sequence", 2, end_sequence, 1, 0 },
		[GRO_NO_DATA] = { "no_data", 2, end_no_data, 1, 1 },
		[GRO_FLAGS] = { "flags", 2, end_flags, 1, 1 },
		[GRO_PUSH_FIN] = { "push_fin", 2, end_psh, 1, 0 },
		[GRO_SHORT] = { "short", 2, end_short, 1, 0 },
		[GRO_LARGER] = { "larger", 2, end_larger, 1, 0 },
		[GRO_HEADER] = { "header", 2, end_header, 1, 0 },
		[GRO_CHECKSUM] = { "checksum", 2, end_checksum, 1, 1 },
		[GRO_FRAGMENT] = { "fragment", 2, end_fragment, 1, 1 },
		[GRO_IP_OPTIONS] = { "ip_options", 2, end_options, 1, 1 },
		[GRO_TABLE_FULL] = { "table_full", 2, end_table_full, 1, 0 },
		[GRO_RECONFIGURE] = { "reconfigure", 2, end_reconfigure, 1, 0 },
		[GRO_SHUTDOWN] = { "shutdown", 2, end_shutdown, 1, 0 },
		[GRO_NOT_SERVED] = { "not_served", 2, end_not_served, 1, 1 },
	};

	for (uint32_t reason = 0; reason < GRO_REASON_CNT; reason++) {
		struct gro_config config = config_plain();
		struct packet p = packet_tcp4();
		struct bench *b;

		config.flows = 1;
		config.hold_ns = 1000;
		config.max_packets = 4;
		config.max_bytes = reason == GRO_BYTES ? 40 + 3 * 100 : 65535;
		b = bench_open(&config);
		cr_assert_str_eq(gro_reason_names[reason], cases[reason].name);
		offer_run(b, &p, cases[reason].held_cnt);
		expect_out(b, "", "held so far");
		cases[reason].end(b, &p);
		burst_end(b);
		for (uint32_t other = 0; other < GRO_REASON_CNT; other++) {
			bool same = other == reason;

			cr_assert_eq(b->gro.flushes[other], same ? cases[reason].flushes : 0, "%s",
				     cases[reason].name);
			cr_assert_eq(b->gro.singles[other], same ? cases[reason].singles : 0, "%s",
				     cases[reason].name);
		}
		bench_close(b);
	}
}

static bool same_view(const struct packet_view *a, const struct packet_view *b)
{
	return a->class == b->class && a->obstacle == b->obstacle && a->ip_version == b->ip_version &&
	       a->protocol == b->protocol && a->l3_off == b->l3_off && a->l4_off == b->l4_off &&
	       a->payload_off == b->payload_off && a->payload_len == b->payload_len;
}

/* parse_plain() is a shorter walk for plain packets, and no other one. */
Test(gro, plain_walk_says_what_the_walk_says)
{
	struct packet good[] = { packet_tcp4(), packet_tcp6() };
	uint32_t random = 1, plain_cnt = 0;

	for (uint32_t i = 0; i < 500000; i++) {
		struct packet_view plain, walked;
		uint8_t frame[300];
		uint32_t len = (uint32_t)packet_build(&good[i & 1], frame, sizeof frame, NULL);

		/* Up to two bits of the headers turned over, or the frame cut off. */
		for (uint32_t cnt = i % 3; cnt > 0; cnt--) {
			random = random * 1664525 + 1013904223;
			if (random >> 30)
				frame[(random >> 8) % 74] ^= 1u << (random >> 27 & 7);
			else
				len = (random >> 8) % (len + 1);
		}
		if (!parse_plain(frame, len, &plain))
			continue;
		plain_cnt++;
		parse_packet(frame, len, len, &walked);
		cr_assert(same_view(&plain, &walked), "round %u", i);
	}
	cr_assert_gt(plain_cnt, 250000, "good packets are plain (%u)", plain_cnt);
}
