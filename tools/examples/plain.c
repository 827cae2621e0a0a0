// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Merges four TCP packets, cuts the superpacket: cc plain.c $(pkg-config --cflags --libs superpacket) */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <superpacket/gro.h>

enum { PACKETS = 4, PAYLOAD = 1000, LEN = 54 + PAYLOAD };

static void checksum(const uint8_t *p, uint32_t len, uint32_t sum, uint8_t *field)
{
	for (uint32_t i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum >> 16) + (sum & 0xffff);
	memcpy(field, &(uint16_t){ htons((uint16_t) ~(sum + (sum >> 16))) }, 2);
}

static const char header[] = "\2\0\0\0\0\2\2\0\0\0\0\1\10\0E\0\4\20\0\0@\0@\6\0\0\12\0\0\1\12\0\0\2"
			     "\3\350\7\320\0\0\0\0\0\0\0\1\120\20\40\0\0\0\0\0";

static void build(uint8_t *p, uint32_t i) /* 10.0.0.1:1000 to 10.0.0.2:2000, ID and seq count up */
{
	memcpy(p, header, 54);
	memset(p + 54, 'a' + (int)i, PAYLOAD);
	memcpy(p + 18, &(uint16_t){ htons((uint16_t)i) }, 2);
	memcpy(p + 38, &(uint32_t){ htonl(i * PAYLOAD) }, 4);
	checksum(p + 14, 20, 0, p + 24);
	checksum(p + 26, 8 + 20 + PAYLOAD, 6 + 20 + PAYLOAD, p + 50); /* addresses, header, payload */
}

int main(void)
{
	static uint8_t packets[PACKETS][LEN], before[PACKETS][LEN], slot[SP_GSO_SLOT_LEN];
	struct sp_gro_config config;
	sp_gro_config_init(&config);
	struct sp_gro *gro = sp_gro_init(&config, aligned_alloc(SP_ALIGNMENT, sp_gro_memory_size(&config)));
	struct sp_fragment burst[PACKETS] = { 0 };
	for (uint32_t i = 0; i < PACKETS; i++) {
		build(packets[i], i);
		burst[i] = (struct sp_fragment){ .data = packets[i], .len = LEN, .cookie = i };
	}
	struct iovec iov[SP_GRO_PACKETS_MAX], slices[SP_GSO_SLICES_MAX];
	struct sp_gso gso;
	struct sp_delivery up;
	memcpy(before, packets, sizeof packets);
	if (!gro || sp_gro_offer(gro, burst, PACKETS, 0) != PACKETS)
		return 1;
	sp_gro_burst_end(gro, 0);
	if (!sp_gro_next(gro, &up))
		return 1;
	uint32_t cnt = sp_gro_slices(gro, &up, iov), header_len, same = 0;
	printf("%u packets, one superpacket: %u bytes in %u slices\n", up.segs, up.len, cnt);
	sp_gso_open(&gso, &up.request, iov[0].iov_base, (uint32_t)iov[0].iov_len, up.len, LEN, SP_GSO_CHECKSUM_FULL);
	sp_gso_add_slices(&gso, iov + 1, cnt - 1);
	while (sp_gso_next(&gso, slot, &header_len, slices, SP_GSO_SLICES_MAX) == 1)
		same += !memcmp(slot, before[same], 54) && !memcmp(slices->iov_base, before[same] + 54, PAYLOAD);
	printf("cut again: %u of %u as they came\n", same, PACKETS);
	return same != PACKETS;
}
