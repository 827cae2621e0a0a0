/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Changes to packets, for the tests of reassembly: each changes one field of a good packet.
 */
#ifndef TESTS_GRO_CHANGES_H
#define TESTS_GRO_CHANGES_H

#include "fixtures/packet_builder.h"

static const uint8_t some_options[12] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
static const uint8_t other_tsval[12] = { 1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2 };
static const uint8_t other_tsecr[12] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 3 };
static const uint8_t other_layout[12] = { 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1 };
static const uint8_t sack_options[20] = { 1, 1, 5, 18 };
static const uint8_t other_sack[20] = { 1, 1, 5, 18, [19] = 1 };
static const uint8_t ip_options[4] = { 1, 1, 1, 0 };

static inline void nothing(struct packet *p) { (void)p; }
static inline void dst_mac(struct packet *p) { p->dst_mac[0] ^= 4; }
static inline void dst_mac_end(struct packet *p) { p->dst_mac[5]++; }
static inline void src_mac(struct packet *p) { p->src_mac[0] ^= 4; }
static inline void src_mac_end(struct packet *p) { p->src_mac[5]++; }
static inline void one_tag(struct packet *p) { packet_push_vlan(p, 0, 5); }
static inline void saddr(struct packet *p) { p->saddr[3] ^= 1; }
static inline void daddr(struct packet *p) { p->daddr[3] ^= 1; }
static inline void sport(struct packet *p) { p->sport++; }
static inline void dport(struct packet *p) { p->dport++; }
static inline void ttl(struct packet *p) { p->ttl--; }
static inline void dscp(struct packet *p) { p->tos ^= 0x80; }
static inline void ecn_ce(struct packet *p) { p->tos ^= 3; }
static inline void df(struct packet *p) { p->df = !p->df; }
static inline void more_fragments(struct packet *p) { p->mf = true; }
static inline void fragment_offset(struct packet *p) { p->frag_off = 1; }
static inline void reserved_bit(struct packet *p) { p->ip_reserved = true; }
static inline void with_ip_options(struct packet *p) { p->ip_options = ip_options, p->ip_options_len = 4; }
static inline void bad_ip_csum(struct packet *p) { p->ip_csum_xor = 0x0100; }
static inline void bad_l4_csum(struct packet *p) { p->l4_csum_xor = 0x0100; }
static inline void unfinished(struct packet *p) { p->l4_csum = PACKET_CSUM_PARTIAL; }
static inline void id_same(struct packet *p) { p->ip_id--; }
static inline void id_same_without_df(struct packet *p) { p->ip_id--, p->df = false; }
static inline void id_by_two(struct packet *p) { p->ip_id++; }
static inline void id_back(struct packet *p) { p->ip_id -= 2; }
static inline void ack(struct packet *p) { p->ack++; }
static inline void window(struct packet *p) { p->window++; }
static inline void reserved_tcp(struct packet *p) { p->tcp_reserved = 1; }
static inline void accurate_ecn(struct packet *p) { p->tcp_flags |= PACKET_AE; }
static inline void ece(struct packet *p) { p->tcp_flags |= PACKET_ECE; }
static inline void cwr(struct packet *p) { p->tcp_flags |= PACKET_CWR; }
static inline void no_ack_flag(struct packet *p) { p->tcp_flags &= ~PACKET_ACK & 0x1ff; }
static inline void urgent_pointer(struct packet *p) { p->urgent = 7; }
static inline void urg(struct packet *p) { p->tcp_flags |= PACKET_URG; }
static inline void syn(struct packet *p) { p->tcp_flags |= PACKET_SYN; }
static inline void rst(struct packet *p) { p->tcp_flags |= PACKET_RST; }
static inline void psh(struct packet *p) { p->tcp_flags |= PACKET_PSH; }
static inline void fin(struct packet *p) { p->tcp_flags |= PACKET_FIN; }
static inline void psh_and_fin(struct packet *p) { p->tcp_flags |= PACKET_PSH | PACKET_FIN; }
static inline void gap(struct packet *p) { p->seq++; }
static inline void overlap(struct packet *p) { p->seq--; }
static inline void retransmission(struct packet *p) { p->seq -= 100; }
static inline void far_back(struct packet *p) { p->seq -= 0x80000000; }
static inline void high_seq_bits(struct packet *p) { p->seq += 1u << 24; }
static inline void longer(struct packet *p) { p->payload_len++; }
static inline void shorter(struct packet *p) { p->payload_len--; }
static inline void one_byte(struct packet *p) { p->payload_len = 1; }
static inline void padded(struct packet *p) { p->payload_len = 1, p->pad_to = 60; }
static inline void trailer(struct packet *p) { p->pad_to = 300; }
static inline void no_data(struct packet *p) { p->payload_len = 0; }
static inline void no_data_padded(struct packet *p) { p->payload_len = 0, p->pad_to = 90; }
static inline void no_data_fin(struct packet *p) { p->payload_len = 0, p->tcp_flags |= PACKET_FIN; }
static inline void short_data_offset(struct packet *p) { p->doff = 4; }
static inline void long_data_offset(struct packet *p) { p->doff = 15, p->payload_len = 20; }
static inline void ip_too_long(struct packet *p) { p->ip_len = 1000; }
static inline void ip_too_short(struct packet *p) { p->ip_len = 10; }
static inline void ip_zero_length(struct packet *p) { p->ip_len = 0; }
static inline void wrong_version(struct packet *p) { p->ip_version = 5; }
static inline void other_ethertype(struct packet *p) { p->ethertype = 0x88cc; }
static inline void llc_length(struct packet *p) { p->ethertype = 100; }
static inline void udp(struct packet *p) { p->l4 = PACKET_L4_UDP; }
static inline void udp_fragment(struct packet *p) { p->l4 = PACKET_L4_UDP, p->mf = true; }
static inline void icmp(struct packet *p) { p->l4 = PACKET_L4_NONE, p->protocol = 1; }
static inline void esp(struct packet *p) { p->l4 = PACKET_L4_NONE, p->protocol = 50; }
static inline void label(struct packet *p) { p->flow_label ^= 1; }
static inline void label_top(struct packet *p) { p->flow_label ^= 0x80000; }
static inline void hop_by_hop(struct packet *p) { packet_push_ext(p, PACKET_EXT_HOPOPTS, 8); }
static inline void destination(struct packet *p) { packet_push_ext(p, PACKET_EXT_DSTOPTS, 8); }
static inline void fragment_header(struct packet *p) { packet_push_ext(p, PACKET_EXT_FRAGMENT, 8); }
static inline void authenticated(struct packet *p) { packet_push_ext(p, PACKET_EXT_AH, 12); }
static inline void addr_end(struct packet *p) { p->saddr[15] ^= 1; }
static inline void daddr_end(struct packet *p) { p->daddr[15] ^= 1; }

static inline void udp_of_another_fragment(struct packet *p)
{
	fragment_header(p);
	p->l4 = PACKET_L4_UDP;
}

static inline void nine_extensions(struct packet *p)
{
	for (int i = 0; i < 9; i++)
		packet_push_ext(p, PACKET_EXT_DSTOPTS, 8);
}

static inline void options_tsval(struct packet *p) { p->tcp_options = other_tsval; }
static inline void options_tsecr(struct packet *p) { p->tcp_options = other_tsecr; }
static inline void options_layout(struct packet *p) { p->tcp_options = other_layout; }
static inline void options_none(struct packet *p) { p->tcp_options_len = 0; }
static inline void options_shorter(struct packet *p) { p->tcp_options_len = 8; }
static inline void options_sack(struct packet *p) { p->tcp_options = other_sack; }

static inline void vlan_id(struct packet *p) { p->vlan[1].tci ^= 1; }
static inline void vlan_priority(struct packet *p) { p->vlan[0].tci ^= 0x2000; }
static inline void vlan_dei(struct packet *p) { p->vlan[1].tci ^= 0x1000; }
static inline void vlan_type(struct packet *p) { p->vlan[0].tpid = 0x88a8; }
static inline void vlan_inner_type(struct packet *p) { p->vlan[1].tpid = 0x88a8; }
static inline void vlan_fewer(struct packet *p) { p->vlan_cnt = 1; }
static inline void vlan_more(struct packet *p) { packet_push_vlan(p, 0, 9); }
static inline void vlan_foreign(struct packet *p) { p->vlan[0].tpid = 0x9100; }

static inline void ext_fill(struct packet *p) { p->ext[1].fill ^= 1; }
static inline void ext_fill_first(struct packet *p) { p->ext[0].fill ^= 1; }
static inline void ext_length(struct packet *p) { p->ext[1].len = 24; }
static inline void ext_other_type(struct packet *p) { p->ext[0].type = PACKET_EXT_DSTOPTS; }
static inline void ext_short(struct packet *p) { p->ext[0].len = 8, p->payload_len = 1; }
static inline void ext_none(struct packet *p) { p->ext_cnt = 0; }

static inline void with_timestamp(struct packet *p) { p->tcp_options = some_options, p->tcp_options_len = 12; }
static inline void with_sack(struct packet *p) { p->tcp_options = sack_options, p->tcp_options_len = 20; }
static inline void with_cwr(struct packet *p) { p->tcp_flags |= PACKET_CWR; }
static inline void with_ece(struct packet *p) { p->tcp_flags |= PACKET_ECE; }
static inline void with_urgent_pointer(struct packet *p) { p->urgent = 7; }
static inline void without_df(struct packet *p) { p->df = false; }
static inline void id_about_to_wrap(struct packet *p) { p->ip_id = 0xffff; }
static inline void seq_about_to_wrap(struct packet *p) { p->seq = 0xffffffce; }
static inline void one_byte_and_padding(struct packet *p) { p->payload_len = 1, p->pad_to = 60; }

static inline void with_tags(struct packet *p)
{
	packet_push_vlan(p, 0x8100, 0x0123);
	packet_push_vlan(p, 0x8100, 0x0456);
}

static inline void with_extensions(struct packet *p)
{
	packet_push_ext(p, PACKET_EXT_HOPOPTS, 8)->fill = 1;
	packet_push_ext(p, PACKET_EXT_ROUTING, 16)->fill = 2;
}

static inline void with_long_extension(struct packet *p) { packet_push_ext(p, PACKET_EXT_HOPOPTS, 160); }

/* Changes the payload's last two bytes (of 100) so that the right checksum is 0, and writes 0xffff instead, which
 * adds up as well. */
static inline void csum_ffff(struct packet *p)
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

#endif
