// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * libsuperpacket as a stranger has it: this test sees the public headers and links the shared library,
 * nothing else of ours. The rules are tested beside the engine; here is what the library adds: its
 * configuration, its memory, its ownership, its errors, and that all of the engine can be reached.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <superpacket/gro.h>
#include <superpacket/gso.h>

#include "packet_builder.h"

#define PACKETS_MAX 64u
#define FRAME_MAX 2048u
#define MSS 1448u
#define COOKIE 0xc00c1e0000000000u

/* A run of packets as they came, and as the engine has them. */
struct run {
	uint8_t before[PACKETS_MAX][FRAME_MAX], now[PACKETS_MAX][FRAME_MAX];
	struct sp_fragment fragments[PACKETS_MAX];
	uint32_t cnt;
};

static struct run run;
static struct iovec iov[SP_GRO_PACKETS_MAX];
static uint64_t cookies[SP_GRO_PACKETS_MAX];

static void run_add(const struct packet *p)
{
	uint32_t i = run.cnt++, len;

	len = (uint32_t)packet_build(p, run.before[i], FRAME_MAX, NULL);
	cr_assert(len, "the packet was not built");
	memcpy(run.now[i], run.before[i], len);
	run.fragments[i] = (struct sp_fragment){ .data = run.now[i], .len = len, .cookie = COOKIE + i };
}

/* cnt packets of one flow, the last with PSH and half the payload. */
static void run_stream(struct packet p, uint32_t cnt)
{
	run.cnt = 0;
	for (uint32_t i = 0; i < cnt; i++) {
		bool last = i == cnt - 1;

		p.payload_len = last ? MSS / 2 : MSS;
		p.tcp_flags = last ? PACKET_ACK | PACKET_PSH : PACKET_ACK;
		run_add(&p);
		p.seq += MSS;
		p.ip_id++;
	}
}

static struct sp_gro_config usual(void)
{
	struct sp_gro_config config;

	sp_gro_config_init(&config);
	config.flows = 16;
	config.packets = PACKETS_MAX;
	config.secret[0] = 0x0123456789abcdef;
	config.secret[1] = 0xfedcba9876543210;
	return config;
}

/* The memory is never given back: a test ends with its process. */
static struct sp_gro *engine(const struct sp_gro_config *config)
{
	size_t size = sp_gro_memory_size(config);
	uint8_t *memory = aligned_alloc(SP_ALIGNMENT, size + SP_ALIGNMENT);
	struct sp_gro *gro;

	cr_assert(size && memory, "size %zu", size);
	memset(memory, 0xa5, size + SP_ALIGNMENT); /* what was there before must not matter */
	gro = sp_gro_init(config, memory);
	cr_assert_not_null(gro);
	for (uint32_t i = 0; i < SP_ALIGNMENT; i++)
		cr_assert_eq(memory[size + i], 0xa5, "init wrote beyond its memory");
	return gro;
}

static void offer_all(struct sp_gro *gro, uint64_t now_ns)
{
	cr_assert_eq(sp_gro_offer(gro, run.fragments, run.cnt, now_ns), run.cnt);
}

/* Releases it: its cookies are those of the run from first on. */
static void release_expect(struct sp_gro *gro, struct sp_delivery *delivery, uint32_t first)
{
	uint32_t cnt = delivery->fragments;

	cr_assert_eq(sp_gro_release(gro, delivery, cookies), cnt);
	for (uint32_t i = 0; i < cnt; i++)
		cr_assert_eq(cookies[i], COOKIE + first + i, "cookie %u", i);
}

static uint32_t gathered(const struct iovec *slices, uint32_t cnt, uint8_t *to)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		memcpy(to + len, slices[i].iov_base, slices[i].iov_len);
		len += (uint32_t)slices[i].iov_len;
	}
	return len;
}

/* ---- configuration and memory ---- */

Test(library, defaults_are_those_of_the_header)
{
	struct sp_gro_config config;

	memset(&config, 0xff, sizeof config);
	sp_gro_config_init(&config);
	cr_assert_eq(config.struct_size, sizeof config);
	cr_assert_eq(config.merge, SP_MERGE_TCP);
	cr_assert_eq(config.flows, 4096);
	cr_assert_eq(config.packets, 8192);
	cr_assert_eq(config.max_packets, 512);
	cr_assert_eq(config.max_bytes, 65535);
	cr_assert_eq(config.hold_ns, 0);
	cr_assert_eq(config.secret[0] | config.secret[1], 0);
	cr_assert_gt(sp_gro_memory_size(&config), 0);
}

Test(library, a_field_out_of_its_range_is_refused)
{
	static uint8_t memory[1 << 20] __attribute__((aligned(64)));
	static const struct {
		const char *what;
		size_t off;
		uint32_t value;
	} cases[] = {
#define FIELD(field, value) { #field " " #value, offsetof(struct sp_gro_config, field), value }
		FIELD(struct_size, 0), FIELD(struct_size, 3),
		FIELD(merge, 1u << 6), FIELD(flags, 1u << 4),
		FIELD(flows, 0), FIELD(flows, (1u << 24) + 1),
		FIELD(packets, 0), FIELD(packets, (1u << 24) + 1),
		FIELD(max_packets, 1), FIELD(max_packets, 513),
		FIELD(max_bytes, 0), FIELD(max_bytes, SP_GRO_BYTES_MAX + 1),
	};
	struct sp_gro_config config = usual();

	cr_assert_leq(sp_gro_memory_size(&config), sizeof memory);
	cr_assert_not_null(sp_gro_init(&config, memory));
	cr_assert_null(sp_gro_init(&config, memory + 8), "memory that is not aligned");
	cr_assert_null(sp_gro_init(&config, NULL));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		config = usual();
		memcpy((uint8_t *)&config + cases[i].off, &cases[i].value, sizeof cases[i].value);
		cr_assert_eq(sp_gro_memory_size(&config), 0, "%s", cases[i].what);
		cr_assert_null(sp_gro_init(&config, memory), "%s", cases[i].what);
	}
}

/* A caller made against an older header: his struct ends earlier, and nothing behind it is touched. */
Test(library, a_smaller_config_works)
{
	struct sp_gro_config whole = usual(), config;
	uint32_t size = offsetof(struct sp_gro_config, hold_ns);

	memset(&config, 0xff, sizeof config);
	sp_gro_config_defaults(&config, size);
	cr_assert_eq(config.struct_size, size);
	cr_assert_eq(config.hold_ns, UINT64_MAX, "defaults were written beyond the caller's struct");
	config.flows = whole.flows;
	config.packets = whole.packets;
	/* hold_ns is all ones where the library would look for it; 0 is what it must take */
	cr_assert_eq(sp_gro_memory_size(&config), sp_gro_memory_size(&whole));
	run_stream(packet_tcp4(), 3);
	run.cnt = 2;
	struct sp_gro *gro = engine(&config);
	struct sp_delivery delivery;
	offer_all(gro, 5);
	sp_gro_burst_end(gro, 5);
	cr_assert(sp_gro_next(gro, &delivery), "with hold_ns 0 the end of the burst flushes");
}

/* One made against a newer header: fine, as long as he does not use what we do not know. */
Test(library, a_larger_config_works_while_its_tail_is_zero)
{
	struct { struct sp_gro_config config; uint8_t more[24]; } later = { .config = usual() };
	size_t size = sp_gro_memory_size(&later.config);

	later.config.struct_size = sizeof later;
	cr_assert_eq(sp_gro_memory_size(&later.config), size);
	for (size_t i = 0; i < sizeof later.more; i++) {
		later.more[i] = 1;
		cr_assert_eq(sp_gro_memory_size(&later.config), 0, "byte %zu of the tail", i);
		later.more[i] = 0;
	}
}

/* ---- merging ---- */

static void merge_and_cut(struct packet p, uint8_t type)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_delivery delivery;
	struct iovec slices[SP_GSO_SLICES_MAX];
	uint8_t slot[SP_GSO_SLOT_LEN], packet[FRAME_MAX];
	struct sp_gso gso;
	uint32_t cnt, header_len, added = 1;

	run_stream(p, 40);
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &delivery), "the last packet's PSH delivers (R17)");
	cr_assert_eq(delivery.request.type, type);
	cr_assert_eq(delivery.request.size, MSS);
	cr_assert(delivery.request.needs_csum);
	cr_assert_eq(delivery.segs, 40);
	cr_assert_eq(delivery.fragments, 40);
	cr_assert_eq(delivery.csum, SP_CSUM_PARTIAL);
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "push_fin");
	cnt = sp_gro_slices(gro, &delivery, iov);
	cr_assert_eq(cnt, 40);
	cr_assert_eq(delivery.len, delivery.header_len + 39 * MSS + MSS / 2);
	cr_assert_eq(iov[0].iov_base, run.now[0], "packets stay where they are");

	cr_assert_eq(sp_gso_open(&gso, &delivery.request, iov[0].iov_base, (uint32_t)iov[0].iov_len,
				 delivery.len, FRAME_MAX, SP_GSO_CHECKSUM_FULL), SP_GSO_CUT);
	for (uint32_t i = 0; i < 40; i++) {
		added += sp_gso_add_slices(&gso, iov + added, cnt - added);
		int n = sp_gso_next(&gso, slot, &header_len, slices, SP_GSO_SLICES_MAX);

		cr_assert_gt(n, 0, "segment %u", i);
		cr_assert_eq(header_len, delivery.header_len);
		memcpy(packet, slot, header_len);
		header_len += gathered(slices, (uint32_t)n, packet + header_len);
		cr_assert_eq(header_len, run.fragments[i].len);
		cr_assert_arr_eq(packet, run.before[i], header_len, "segment %u (S10)", i);
	}
	cr_assert(sp_gso_done(&gso));
	cr_assert_not(sp_gso_ready(&gso));
	cr_assert_eq(sp_gso_next(&gso, slot, &header_len, slices, SP_GSO_SLICES_MAX), 0);
	release_expect(gro, &delivery, 0);
	cr_assert_not(sp_gro_next(gro, &delivery));
}

Test(library, roundtrip_ipv4) { merge_and_cut(packet_tcp4(), SP_GSO_TCPV4); }
Test(library, roundtrip_ipv6) { merge_and_cut(packet_tcp6(), SP_GSO_TCPV6); }

Test(library, roundtrip_behind_two_vlan_tags_with_timestamps)
{
	struct packet p = packet_tcp4();
	uint8_t options[12];

	packet_push_vlan(&p, 0x88a8, 7);
	packet_push_vlan(&p, 0x8100, 42);
	packet_timestamp(&p, options, 1, 2);
	merge_and_cut(p, SP_GSO_TCPV4);
}

Test(library, unmerge_gives_back_what_came)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_delivery delivery;
	bool more[PACKETS_MAX];
	uint32_t cnt, len = 0;

	run_stream(packet_tcp4(), 5);
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_neq(memcmp(run.now[0], run.before[0], 54), 0, "the first header was amended");
	memset(more, 1, sizeof more);
	cnt = sp_gro_unmerge(gro, &delivery, iov, more);
	cr_assert_eq(cnt, 5);
	for (uint32_t i = 0; i < cnt; i++) {
		cr_assert_eq(iov[i].iov_base, run.now[i]);
		cr_assert_eq(iov[i].iov_len, run.fragments[i].len);
		cr_assert_arr_eq(iov[i].iov_base, run.before[i], iov[i].iov_len, "packet %u (D5)", i);
		cr_assert_not(more[i]);
		len += (uint32_t)iov[i].iov_len;
	}
	cr_assert_eq(delivery.request.type, SP_GSO_NONE);
	cr_assert_not(delivery.request.needs_csum);
	cr_assert_eq(delivery.header_len, 0);
	cr_assert_eq(delivery.len, len);
	release_expect(gro, &delivery, 0);
}

/* D1: what is not merged stays behind what its flow holds; released in any order, all comes back. */
Test(library, deliveries_come_in_order)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_delivery first, second;
	struct sp_gro_counters counters;
	struct packet p;

	run_stream(packet_tcp4(), 4);
	run.cnt = 3;
	p = packet_tcp4();
	p.payload_len = 0;
	run_add(&p); /* R6: a pure ACK */
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &first));
	cr_assert(sp_gro_next(gro, &second));
	cr_assert_eq(first.segs, 3);
	cr_assert_str_eq(sp_gro_reason_name(first.reason), "no_data");
	cr_assert_eq(second.segs, 1);
	cr_assert_eq(second.request.type, SP_GSO_NONE);
	cr_assert_eq(second.header_len, 0);
	cr_assert_eq(sp_gro_slices(gro, &second, iov), 1);
	cr_assert_eq(iov[0].iov_base, run.now[3]);
	cr_assert_arr_eq(iov[0].iov_base, run.before[3], run.fragments[3].len);
	sp_gro_counters(gro, &counters);
	cr_assert_eq(counters.held_packets, 4);
	release_expect(gro, &second, 3);
	release_expect(gro, &first, 0);
	sp_gro_counters(gro, &counters);
	cr_assert_eq(counters.held_packets, 0);
	cr_assert_eq(sp_gro_flushes(gro, first.reason), 1);
	cr_assert_eq(sp_gro_singles(gro, second.reason), 1);
}

/* Fewer are taken than offered when there is no room; nothing is lost when the rest is offered later. */
Test(library, a_full_engine_takes_the_rest_later)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	uint32_t done = 0, back = 0, calls = 0;
	struct sp_gro *gro;

	config.packets = 8;
	gro = engine(&config);
	run_stream(packet_tcp4(), 40);
	while (done < run.cnt) {
		done += sp_gro_offer(gro, run.fragments + done, run.cnt - done, 1);
		cr_assert_lt(calls++, 100, "no progress");
		while (sp_gro_next(gro, &delivery)) {
			uint32_t cnt = delivery.fragments;

			release_expect(gro, &delivery, back);
			back += cnt;
		}
	}
	sp_gro_flush(gro);
	while (sp_gro_next(gro, &delivery)) {
		uint32_t cnt = delivery.fragments;

		release_expect(gro, &delivery, back);
		back += cnt;
	}
	cr_assert_eq(back, run.cnt);
	cr_assert_geq(calls, 5);
}

Test(library, limits_of_a_superpacket_hold)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.max_packets = 4;
	gro = engine(&config);
	run_stream(packet_tcp4(), 9);
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.segs, 4);
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "count");

	config = usual();
	config.max_bytes = 3 * MSS;
	gro = engine(&config);
	run_stream(packet_tcp4(), 9);
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.segs, 2);
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "bytes");
}

Test(library, time_is_what_the_caller_says)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;

	config.hold_ns = 1000;
	gro = engine(&config);
	cr_assert_eq(sp_gro_deadline(gro), UINT64_MAX);
	run_stream(packet_tcp4(), 4);
	run.cnt = 3;
	offer_all(gro, 5000);
	cr_assert_eq(sp_gro_deadline(gro), 6000);
	sp_gro_burst_end(gro, 5999);
	cr_assert_not(sp_gro_next(gro, &delivery), "held for 999 of 1000 ns");
	sp_gro_burst_end(gro, 6000);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.segs, 3);
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "age");
	cr_assert_eq(sp_gro_deadline(gro), UINT64_MAX);
	release_expect(gro, &delivery, 0);

	run_stream(packet_tcp4(), 4);
	run.cnt = 3;
	offer_all(gro, 7000);
	sp_gro_flush(gro);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "shutdown");
}

Test(library, a_wrong_checksum_passes_and_is_counted)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	struct sp_gro_counters counters;
	struct sp_delivery delivery;
	struct packet p = packet_tcp4();

	run.cnt = 0;
	p.l4_csum_xor = 0x0100;
	run_add(&p);
	offer_all(gro, 1);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.csum, SP_CSUM_WRONG);
	cr_assert_str_eq(sp_gro_reason_name(delivery.reason), "checksum");
	cr_assert_arr_eq(run.now[0], run.before[0], run.fragments[0].len);
	sp_gro_counters(gro, &counters);
	cr_assert_eq(counters.checksum_errors, 1);
	release_expect(gro, &delivery, 0);
	cr_assert_eq(sp_gro_offer(gro, run.fragments, 0, 2), 0);

	run.fragments[0].verified = true; /* somebody says that he has looked (R8) */
	offer_all(gro, 3);
	sp_gro_flush(gro);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.csum, SP_CSUM_VERIFIED);
}

Test(library, checksum_states_tell_who_has_looked)
{
	struct sp_gro_config config = usual();
	struct sp_delivery delivery;
	struct sp_gro *gro;
	struct packet p = packet_tcp4();

	config.flags = SP_GRO_ACCEPT_UNFINISHED;
	gro = engine(&config);
	run.cnt = 0;
	run_add(&p); /* right */
	p.l3 = PACKET_L3_NONE;
	p.ethertype = 0x0806;
	p.l4 = PACKET_L4_NONE;
	run_add(&p); /* ARP, more or less */
	offer_all(gro, 1);
	sp_gro_flush(gro);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert(sp_gro_next(gro, &delivery));
		cr_assert_eq(delivery.csum, delivery.len == run.fragments[0].len ? SP_CSUM_VERIFIED :
										    SP_CSUM_UNKNOWN);
		sp_gro_release(gro, &delivery, cookies);
	}
	run.cnt = 0;
	p = packet_tcp6();
	p.l4_csum = PACKET_CSUM_PARTIAL;
	run_add(&p);
	offer_all(gro, 1);
	sp_gro_flush(gro);
	cr_assert(sp_gro_next(gro, &delivery));
	cr_assert_eq(delivery.csum, SP_CSUM_PARTIAL);
	cr_assert(delivery.request.needs_csum);
	cr_assert_eq(sp_gso_complete(&delivery.request, run.now[0], delivery.len), 0);
	cr_assert(packet_csums_ok(run.now[0], delivery.len), "complete has finished it");
}

Test(library, reasons_have_names_of_their_own)
{
	struct sp_gro_config config = usual();
	struct sp_gro *gro = engine(&config);
	unsigned int cnt = 0;

	for (; sp_gro_reason_name(cnt); cnt++)
		for (unsigned int i = 0; i < cnt; i++)
			cr_assert_str_neq(sp_gro_reason_name(i), sp_gro_reason_name(cnt));
	cr_assert_geq(cnt, 17, "the flush reasons of RULES");
	cr_assert_null(sp_gro_reason_name(UINT32_MAX));
	cr_assert_eq(sp_gro_flushes(gro, cnt) + sp_gro_singles(gro, UINT32_MAX), 0);
}

/* ---- cutting ---- */

static uint8_t super[70000];
static struct packet_layout layout;

/* One packet with payload_len bytes: a superpacket of size MSS. */
static struct sp_gso_request super_build(struct packet p, uint32_t payload_len, uint32_t *len)
{
	p.payload_len = payload_len;
	p.l4_csum = PACKET_CSUM_PARTIAL;
	*len = (uint32_t)packet_build(&p, super, sizeof super, &layout);
	cr_assert(*len);
	return (struct sp_gso_request){
		.type = p.l4 == PACKET_L4_UDP ? SP_GSO_UDP : p.l3 == PACKET_L3_IPV4 ? SP_GSO_TCPV4 : SP_GSO_TCPV6,
		.needs_csum = true, .size = MSS, .csum_start = (uint16_t)layout.l4_off,
		.csum_offset = p.l4 == PACKET_L4_UDP ? 6 : 16,
	};
}

static uint32_t take(struct sp_gso *gso, uint8_t *packet)
{
	struct iovec slices[SP_GSO_SLICES_MAX];
	uint32_t header_len;
	int n = sp_gso_next(gso, packet, &header_len, slices, SP_GSO_SLICES_MAX);

	cr_assert_geq(n, 0);
	return n ? header_len + gathered(slices, (uint32_t)n, packet + header_len) : 0;
}

/* S11: cut as it comes, in pieces of every size, it gives what it gives as a whole. */
Test(library, a_superpacket_in_fragments_is_cut_like_a_whole_one)
{
	static const uint32_t pieces[] = { 1, 29, 333, 1447, 1448, 1449, 4096, 60000 };
	static uint8_t whole[FRAME_MAX], part[FRAME_MAX];
	struct packet p = packet_tcp4();

	p.tcp_flags |= PACKET_PSH | PACKET_FIN | PACKET_CWR;
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		uint32_t len, at, hdr, segs = 0, end = pieces[i] == 1 ? 3000 : 60000;
		struct sp_gso_request request = super_build(p, end, &len);
		struct sp_gso in_one, in_parts, moved;

		at = hdr = (uint32_t)layout.payload_off;
		sp_gso_open(&in_one, &request, super, len, len, FRAME_MAX, SP_GSO_CHECKSUM_FULL);
		cr_assert_eq(sp_gso_open(&in_parts, &request, super, hdr, len, FRAME_MAX,
					 SP_GSO_CHECKSUM_FULL), SP_GSO_CUT);
		for (; !sp_gso_done(&in_parts); segs++) {
			/* pieces of 1: as many as may wait are too few for a segment */
			uint32_t piece = pieces[i] == 1 ? 50 + segs % 2 : pieces[i];

			while (!sp_gso_ready(&in_parts)) {
				uint32_t n = len - at < piece ? len - at : piece;

				cr_assert_eq(take(&in_parts, part), 0, "not ready, but taken");
				cr_assert_eq(sp_gso_add(&in_parts, super + at, n), 0);
				at += n;
			}
			memcpy(&moved, &in_parts, sizeof moved); /* a cursor may be moved */
			memset(&in_parts, 0xee, sizeof in_parts);
			in_parts = moved;
			uint32_t a = take(&in_one, whole), b = take(&in_parts, part);

			cr_assert_eq(a, b);
			cr_assert_arr_eq(whole, part, a, "pieces of %u: segment %u", pieces[i], segs);
			cr_assert(packet_csums_ok(part, b));
			cr_assert_eq(!!(part[layout.l4_off + 13] & (PACKET_FIN | PACKET_PSH)),
				     sp_gso_done(&in_parts), "S3: FIN and PSH on the last only");
		}
		cr_assert(sp_gso_done(&in_one));
		cr_assert_eq(segs, (end + MSS - 1) / MSS);
	}
}

/* S11: nobody knows how long it will be; the last segment waits for the end. */
Test(library, a_superpacket_of_unknown_length_ends_when_told)
{
	static uint8_t packet[FRAME_MAX];
	struct packet p = packet_tcp6();
	uint32_t len, hdr, segs = 0;
	struct sp_gso_request request;
	struct sp_gso gso;

	p.tcp_flags |= PACKET_PSH;
	request = super_build(p, 10 * MSS, &len);
	hdr = (uint32_t)layout.payload_off;
	cr_assert_eq(sp_gso_open(&gso, &request, super, hdr, 0, FRAME_MAX, SP_GSO_CHECKSUM_FULL), SP_GSO_CUT);
	cr_assert_eq(sp_gso_add(&gso, super + hdr, 10 * MSS), 0);
	while (sp_gso_ready(&gso)) {
		cr_assert_eq(take(&gso, packet), hdr + MSS);
		cr_assert(packet_csums_ok(packet, hdr + MSS));
		cr_assert_not(packet[layout.l4_off + 13] & PACKET_PSH);
		segs++;
	}
	cr_assert_eq(segs, 9, "the tenth may be the last");
	cr_assert_not(sp_gso_done(&gso));
	sp_gso_end(&gso);
	cr_assert(sp_gso_ready(&gso));
	cr_assert_eq(take(&gso, packet), hdr + MSS);
	cr_assert(packet[layout.l4_off + 13] & PACKET_PSH);
	cr_assert(packet_csums_ok(packet, hdr + MSS));
	cr_assert(sp_gso_done(&gso));
}

Test(library, too_many_fragments_or_too_few_slices_take_nothing)
{
	static uint8_t packet[FRAME_MAX];
	struct sp_gso_request request;
	struct iovec slices[SP_GSO_SLICES_MAX];
	uint32_t len, hdr, added = 0, header_len = 77;
	struct sp_gso gso;
	int err;

	request = super_build(packet_tcp4(), 4 * MSS, &len);
	request.size = 63;
	hdr = (uint32_t)layout.payload_off;
	cr_assert_eq(sp_gso_open(&gso, &request, super, hdr, len, FRAME_MAX, SP_GSO_CHECKSUM_FULL), SP_GSO_CUT);
	cr_assert_eq(sp_gso_add(&gso, super + hdr, 0), 0, "nothing is no fragment");
	while (!(err = sp_gso_add(&gso, super + hdr + added, 1)))
		added++;
	cr_assert_eq(err, -ENOBUFS);
	cr_assert_eq(added, SP_GSO_SLICES_MAX);
	cr_assert(sp_gso_ready(&gso));
	cr_assert_eq(sp_gso_next(&gso, packet, &header_len, slices, 62), -ENOBUFS);
	cr_assert_eq(header_len, 77);
	cr_assert_eq(sp_gso_next(&gso, packet, &header_len, slices, 63), 63);
	cr_assert_eq(header_len, hdr);
	cr_assert_eq(gathered(slices, 63, packet), 63);
	cr_assert_arr_eq(packet, super + hdr, 63);
	cr_assert_eq(sp_gso_add(&gso, super + hdr + added, 1), 0, "there is room again");
}

Test(library, what_cannot_be_cut_leaves_nothing_to_take)
{
	static const struct {
		const char *what;
		uint8_t result;
		int type, size, csum_start, csum_offset, head_len, frame_max; /* -1: as it should be */
	} cases[] = {
		{ "an ordinary packet", SP_GSO_ORDINARY, SP_GSO_NONE, -1, -1, -1, -1, 9000 },
		{ "one that is too long", SP_GSO_TOO_LONG, SP_GSO_NONE, -1, -1, -1, -1, 1000 },
		{ "V2: payload of one segment", SP_GSO_ORDINARY, -1, 3 * MSS, -1, -1, -1, 9000 },
		{ "S8: segments that are too long", SP_GSO_TOO_LONG, -1, -1, -1, -1, -1, 1000 },
		{ "V1: size 0", SP_GSO_MALFORMED, -1, 0, -1, -1, -1, -1 },
		{ "V4: another version", SP_GSO_MALFORMED, SP_GSO_TCPV6, -1, -1, -1, -1, -1 },
		{ "V4: another protocol", SP_GSO_MALFORMED, SP_GSO_UDP, -1, -1, -1, -1, -1 },
		{ "no type at all", SP_GSO_MALFORMED, 200, -1, -1, -1, -1, -1 },
		{ "V5: csum_start elsewhere", SP_GSO_MALFORMED, -1, -1, 20, -1, -1, -1 },
		{ "V3: csum_offset elsewhere", SP_GSO_MALFORMED, -1, -1, -1, 6, -1, -1 },
		{ "S1: headers cut off", SP_GSO_MALFORMED, -1, -1, -1, -1, 50, -1 },
		{ "head longer than the whole", SP_GSO_MALFORMED, -1, -1, -1, -1, 9999, -1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t len, header_len = 77;
		uint8_t slot[SP_GSO_SLOT_LEN];
		struct sp_gso_request request = super_build(packet_tcp4(), 3 * MSS, &len);
		struct iovec slice;
		struct sp_gso gso;

		memset(&gso, 0xee, sizeof gso);
#define CHANGE(to, value) ((value) >= 0 ? (to) = (__typeof__(to))(value) : 0)
		CHANGE(request.type, cases[i].type);
		CHANGE(request.size, cases[i].size);
		CHANGE(request.csum_start, cases[i].csum_start);
		CHANGE(request.csum_offset, cases[i].csum_offset);
		cr_assert_eq(sp_gso_open(&gso, &request, super,
					 cases[i].head_len >= 0 ? (uint32_t)cases[i].head_len : len, len,
					 cases[i].frame_max >= 0 ? (uint32_t)cases[i].frame_max : FRAME_MAX,
					 SP_GSO_CHECKSUM_FULL), cases[i].result, "%s", cases[i].what);
		cr_assert(sp_gso_done(&gso), "%s", cases[i].what);
		cr_assert_not(sp_gso_ready(&gso), "%s", cases[i].what);
		cr_assert_eq(sp_gso_add(&gso, super, 100), 0, "%s", cases[i].what);
		sp_gso_end(&gso);
		cr_assert_eq(sp_gso_next(&gso, slot, &header_len, &slice, 1), 0, "%s", cases[i].what);
		cr_assert_eq(header_len, 77, "%s", cases[i].what);
	}
}

Test(library, checksums_may_be_left_to_the_nic)
{
	static uint8_t packet[FRAME_MAX];
	uint32_t len;
	struct sp_gso_request request = super_build(packet_tcp4(), 3 * MSS, &len);
	struct sp_gso gso;

	cr_assert_eq(sp_gso_open(&gso, &request, super, len, len, FRAME_MAX, SP_GSO_CHECKSUM_PARTIAL), SP_GSO_CUT);
	len = take(&gso, packet);
	cr_assert_not(packet_csums_ok(packet, len));
	request.type = SP_GSO_NONE; /* as the NIC would: the request's offsets are the segment's too */
	cr_assert_eq(sp_gso_complete(&request, packet, len), 0);
	cr_assert(packet_csums_ok(packet, len));
}

Test(library, complete_checks_where_it_writes)
{
	struct sp_gso_request request;
	uint8_t before[200];
	uint32_t len;

	request = super_build(packet_tcp4(), 100, &len);
	request.type = SP_GSO_NONE;
	memcpy(before, super, len);
	request.csum_start = (uint16_t)(len - 17);
	cr_assert_eq(sp_gso_complete(&request, super, len), -EINVAL);
	request.csum_start = 65535;
	request.csum_offset = 65535;
	cr_assert_eq(sp_gso_complete(&request, super, len), -EINVAL);
	request.needs_csum = false;
	cr_assert_eq(sp_gso_complete(&request, super, len), 0);
	cr_assert_arr_eq(super, before, len);
	request = super_build(packet_udp6(), 100, &len);
	request.type = SP_GSO_NONE;
	cr_assert_eq(sp_gso_complete(&request, super, len), 0);
	cr_assert(packet_csums_ok(super, len));
}
