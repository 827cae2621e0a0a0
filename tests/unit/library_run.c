// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "library_run.h"

struct run run;
struct iovec iov[SP_GRO_PACKETS_MAX];
uint64_t cookies[SP_GRO_PACKETS_MAX];

/* Engines end with the process of the test; that they are known here keeps them from being leaks. */
#define ENGINES_MAX 16u
static uint8_t *volatile engine_memory[ENGINES_MAX];
static uint32_t engine_cnt;

struct sp_gro_config usual(void)
{
	struct sp_gro_config config;

	sp_gro_config_init(&config);
	config.flows = 16;
	config.packets = PACKETS_MAX;
	config.secret[0] = 0x0123456789abcdef;
	config.secret[1] = 0xfedcba9876543210;
	return config;
}

struct sp_gro *engine(const struct sp_gro_config *config)
{
	size_t size = sp_gro_memory_size(config);
	uint8_t *memory = aligned_alloc(SP_ALIGNMENT, size + SP_ALIGNMENT);
	struct sp_gro *gro;

	cr_assert(size && memory && engine_cnt < ENGINES_MAX, "size %zu", size);
	engine_memory[engine_cnt++] = memory;
	memset(memory, 0xa5, size + SP_ALIGNMENT);
	gro = sp_gro_init(config, memory);
	cr_assert_not_null(gro);
	for (uint32_t i = 0; i < SP_ALIGNMENT; i++)
		cr_assert_eq(memory[size + i], 0xa5, "init wrote beyond its memory");
	return gro;
}

void run_add_in(const struct packet_tunnel *tunnel, const struct packet *p)
{
	uint32_t i = run.cnt++, len;

	cr_assert_lt(i, PACKETS_MAX);
	len = (uint32_t)(tunnel ? packet_build_in(tunnel, p, run.before[i], FRAME_MAX, NULL) :
				  packet_build(p, run.before[i], FRAME_MAX, NULL));
	cr_assert(len, "the packet was not built");
	memcpy(run.memory[i] + HEADROOM, run.before[i], len);
	run.fragments[i] = (struct sp_fragment){
		.data = run.memory[i] + HEADROOM,
		.len = len,
		.cookie = COOKIE + i,
	};
}

void run_add(const struct packet *p) { run_add_in(NULL, p); }

void run_stream(struct packet p, const struct packet_tunnel *tunnel, uint32_t cnt)
{
	struct packet_tunnel outside = tunnel ? *tunnel : (struct packet_tunnel){ 0 };

	run.cnt = 0;
	for (uint32_t i = 0; i < cnt; i++) {
		bool last = i == cnt - 1;

		p.payload_len = last ? MSS / 2 : MSS;
		p.tcp_flags = last ? p.tcp_flags | PACKET_PSH : p.tcp_flags;
		run_add_in(tunnel ? &outside : NULL, &p);
		p.seq += MSS;
		p.ip_id++;
		outside.outer.ip_id++;
	}
}

void offer_all(struct sp_gro *gro, uint64_t now_ns)
{
	cr_assert_eq(sp_gro_offer(gro, run.fragments, run.cnt, now_ns), run.cnt);
}

struct sp_delivery next_expect(struct sp_gro *gro, uint32_t segs, const char *reason)
{
	struct sp_delivery delivery;

	cr_assert(sp_gro_next(gro, &delivery), "there is no delivery");
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), reason);
	cr_assert_eq(delivery.segs, segs, "%u packets", delivery.segs);
	return delivery;
}

void cut_expect(struct sp_gro *gro, const struct sp_delivery *delivery, uint32_t first)
{
	uint32_t cnt = sp_gro_slices(gro, delivery, iov), header_len, added = 1, i;
	struct iovec slices[SP_GSO_SLICES_MAX];
	uint8_t packet[FRAME_MAX];
	struct sp_gso gso;

	cr_assert_eq(cnt, delivery->fragments);
	cr_assert_eq(sp_gso_open(&gso, &delivery->request, iov[0].iov_base, (uint32_t)iov[0].iov_len, delivery->len,
				 FRAME_MAX, SP_GSO_CHECKSUM_FULL),
		     SP_GSO_CUT);
	for (i = first; !sp_gso_done(&gso); i++) {
		added += sp_gso_add_slices(&gso, iov + added, cnt - added);
		int n = sp_gso_next(&gso, packet, &header_len, slices, SP_GSO_SLICES_MAX);

		cr_assert_gt(n, 0, "segment %u", i);
		header_len += gathered(slices, (uint32_t)n, packet + header_len);
		cr_assert_arr_eq(packet, run.before[i], header_len, "segment %u (S10)", i);
	}
	cr_assert_eq(i - first, delivery->segs);
	cr_assert_eq(added, cnt);
	cr_assert_not(sp_gso_ready(&gso));
	cr_assert_eq(sp_gso_next(&gso, packet, &header_len, slices, SP_GSO_SLICES_MAX), 0);
}

void release_expect(struct sp_gro *gro, struct sp_delivery *delivery, uint32_t first)
{
	uint32_t cnt = delivery->fragments;

	cr_assert_eq(sp_gro_release(gro, delivery, cookies), cnt);
	cr_assert_null(delivery->handle);
	for (uint32_t i = 0; i < cnt; i++)
		cr_assert_eq(cookies[i], COOKIE + first + i, "cookie %u", i);
}

uint32_t gathered(const struct iovec *slices, uint32_t cnt, uint8_t *to)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		memcpy(to + len, slices[i].iov_base, slices[i].iov_len);
		len += (uint32_t)slices[i].iov_len;
	}
	return len;
}
