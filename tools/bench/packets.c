// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "bench/packets.h"

#include "base/bytes.h"

uint8_t bench_payload[BENCH_MSS];

static uint64_t payload_sum; /* the sum of bench_payload, not folded */

/* Ethernet, IPv4 (DF) and TCP (ACK, timestamps). Addresses, ID, lengths and sequence number are patched. */
static const uint8_t header_bytes[BENCH_HDR_LEN] = {
	0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, 0x02, 0x00, 0x5e, 0x10, 0x00, 0x02, 0x08, 0x00, 0x45, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00, 10,   0,    0,    0,    192,  0,    2,    2,
	0x9c, 0x40, 0x14, 0x51, 0x00, 0x00, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x80, 0x10, 0x08, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x01, 0x01, 0x08, 0x0a, 0x00, 0x11, 0x22, 0x33, 0x00, 0x44, 0x55, 0x66,
};

/* One's complement sums in 64 bits; csum_field() folds them. */
static uint64_t plain_sum(const uint8_t *p, uint32_t len, uint64_t sum)
{
	for (uint32_t i = 0; i < len; i += 4)
		sum += load_u32(p + i);
	return sum;
}

static uint16_t csum_field(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t pseudo_sum(const uint8_t *hdr, uint32_t payload_len)
{
	uint16_t rest[2] = { __builtin_bswap16(6), __builtin_bswap16((uint16_t)(BENCH_L4_LEN + payload_len)) };

	return plain_sum(hdr + BENCH_L2_LEN + 12, 8, (uint64_t)rest[0] + rest[1]);
}

void bench_packets_init(void)
{
	for (uint32_t i = 0; i < BENCH_MSS; i++)
		bench_payload[i] = (uint8_t)(i * 167 + (i >> 8));
	payload_sum = plain_sum(bench_payload, BENCH_MSS, 0);
}

uint16_t bench_payload_csum(void)
{
	return csum_field(payload_sum);
}

/* Completes the checksums of a header; data_sum is the sum of the len bytes behind it. This is plain code that does not
 * use the engine, so that the engine is not compared with itself. */
static void header_sums(uint8_t *hdr, uint32_t len, uint64_t data_sum)
{
	uint64_t tcp = pseudo_sum(hdr, len) + data_sum;

	store_u16(hdr + BENCH_IP_CSUM_OFF, 0);
	store_u16(hdr + BENCH_TCP_CSUM_OFF, 0);
	store_u16(hdr + BENCH_IP_CSUM_OFF, (uint16_t)~csum_field(plain_sum(hdr + BENCH_L2_LEN, BENCH_L3_LEN, 0)));
	tcp = plain_sum(hdr + BENCH_L2_LEN + BENCH_L3_LEN, BENCH_L4_LEN, tcp);
	store_u16(hdr + BENCH_TCP_CSUM_OFF, (uint16_t)~csum_field(tcp));
}

/* The flow whose turn it is, in scattered order: walking the table in order would be faster. */
static uint32_t flow_of_turn(const struct bench_load *load, uint32_t turn)
{
	uint32_t round = turn / load->flows;

	return (turn * 40503u + round * 25717u) & (load->flows - 1);
}

void bench_arrive(const struct bench_load *load, uint32_t idx, uint8_t *frame)
{
	uint32_t group = load->flows * load->per_flow;
	uint32_t turn = idx % group;
	uint32_t nth = turn / load->flows;
	uint32_t flow = flow_of_turn(load, turn);

	memcpy(frame, header_bytes, BENCH_HDR_LEN);
	memcpy(frame + BENCH_HDR_LEN, bench_payload, BENCH_MSS);
	store_be16(frame + 16, BENCH_FRAME_LEN - BENCH_L2_LEN);
	store_be16(frame + 18, (uint16_t)(1000 + nth));
	store_be32(frame + 26, 0x0a000000u + flow / 16); /* 16 connections per host */
	store_be16(frame + 34, (uint16_t)(40000 + flow % 16));
	store_be32(frame + 38, 0xfffff000u + nth * BENCH_MSS); /* so that it wraps */
	header_sums(frame, BENCH_MSS, payload_sum);
}

void bench_hand_down(uint8_t *super)
{
	memcpy(super, header_bytes, BENCH_HDR_LEN);
	for (uint32_t i = 0; i < BENCH_SEGMENTS; i++)
		memcpy(super + BENCH_HDR_LEN + i * BENCH_MSS, bench_payload, BENCH_MSS);
	store_be16(super + 16, BENCH_SUPER_LEN - BENCH_L2_LEN);
	store_be16(super + 18, 0xfff0); /* so that it wraps */
	store_be32(super + 38, 0xffffff00u);
	super[47] |= 0x08;
	header_sums(super, 0, 0); /* for the IPv4 checksum */
	store_u16(super + BENCH_TCP_CSUM_OFF, csum_field(pseudo_sum(super, BENCH_SEGMENTS * BENCH_MSS)));
}

bool bench_sums_right(const uint8_t *frame)
{
	uint8_t hdr[BENCH_HDR_LEN];

	memcpy(hdr, frame, BENCH_HDR_LEN);
	header_sums(hdr, BENCH_MSS, payload_sum);
	return !memcmp(hdr, frame, BENCH_HDR_LEN);
}

void bench_forget_sums(uint8_t *hdr)
{
	memset(hdr + BENCH_IP_CSUM_OFF, 0, 2);
	memset(hdr + BENCH_TCP_CSUM_OFF, 0, 2);
}
