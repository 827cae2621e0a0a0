// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * When superpackets and packets are delivered: order (D1-D3, D6), deadlines (D4), room, and reasons.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gro_bench.h"
#include "gro_changes.h"

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
		offer(b, &p);       /* 3 */
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
		snprintf(want, sizeof want, "0+1+7:%s 3:%s 5+6:%s 8:%s 2:burst_end 4:burst_end", cases[i].reason,
			 cases[i].reason, cases[i].reason, cases[i].reason);
		expect_end(b, want, cases[i].sentence);
		bench_close(b);
	}
}

/* A packet of unknown protocol flushes everything between its hosts, of any protocol, in order (D2, D6). */
Test(gro, packet_of_unknown_protocol_goes_behind_all_protocols_of_its_pair)
{
	struct gro_config config = config_plain();
	struct packet tcp = packet_tcp6(), udp = packet_udp6(), unknown = packet_tcp6();
	struct bench *b;

	config.merge |= GRO_MERGE_UDP;
	b = bench_open(&config);
	memcpy(udp.saddr, tcp.saddr, 16);
	memcpy(udp.daddr, tcp.daddr, 16);
	nine_extensions(&unknown);
	for (uint16_t i = 0; i < 3; i++) { /* TCP and UDP take turns: 0 1 2 3 4 5 */
		tcp.sport = udp.sport = (uint16_t)(1000 + i);
		offer(b, &tcp);
		offer(b, &udp);
	}
	offer(b, &unknown); /* 6 */
	expect_end(b, "0:ip_options 1:ip_options 2:ip_options 3:ip_options 4:ip_options 5:ip_options 6:ip_options",
		   "the oldest first");
	bench_close(b);
}

/* D2 looks for one protocol and must not walk past the flows of another one between the same hosts. Else a sender of
 * fragments could cause such a walk with each of them. */
Test(gro, what_two_hosts_hold_is_found_by_protocol)
{
	struct gro_config config = config_plain();
	struct packet tcp = packet_tcp4(), udp = packet_udp4();
	struct bench *b;

	config.merge |= GRO_MERGE_UDP;
	b = bench_open(&config);
	memcpy(udp.saddr, tcp.saddr, 4);
	memcpy(udp.daddr, tcp.daddr, 4);
	offer(b, &tcp);
	offer(b, &udp);
	cr_assert_eq(b->gro.table.held_cnt, 2);
	cr_assert_neq(b->gro.table.links[b->gro.table.oldest].pair, b->gro.table.links[b->gro.table.newest].pair);
	fragment_offset(&udp);
	offer(b, &udp);
	expect_end(b, "1:fragment 2:fragment 0:burst_end", "D2 goes by protocol");
	bench_close(b);
}

/* Pairs are compared by IP version and addresses, not only by hash. */
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
	expect_end(b,
		   "0+6+12:burst_end 1+7+13:burst_end 2+8+14:burst_end 3+9+15:burst_end "
		   "4+10+16:burst_end 5+11+17:burst_end",
		   "R10");
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

/* A flow that is flushed and begins a new superpacket does not take another flow's place. */
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
	expect_end(b, "0:out_of_sequence 2:out_of_sequence 3:push_fin 1:burst_end", "nor does one that is not held");
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

/* A flush from the middle of the list leaves the others in order. */
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

/* Bursts of 16 with pools of all small sizes: whichever runs out, a delivery can be taken, and then more can be
 * offered. */
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

/* While a delivery waits, no superpacket is flushed for room. */
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
	packet = frame_packet(b, frame_add(b, buf, packet_build(&p, buf, sizeof buf, NULL)), GRO_CSUM_UNKNOWN);
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
		{ "superpackets of one are no superpackets: merge says that", 1, 1, 1, 1000, -EINVAL },
		{ "more iovecs than one write takes", 1, 1, GRO_MAX_PACKETS + 1, 1000, -EINVAL },
		{ "no bytes", 1, 1, 2, 0, -EINVAL },
		{ "longest BIG TCP", 1, 1, 2, GRO_BIG_BYTES_MAX, 0 },
		{ "more bytes than Linux takes", 1, 1, 2, GRO_BIG_BYTES_MAX + 1, -EINVAL },
		{ "flows beyond measure", (1u << 24) + 1, 1, 2, 1000, -EINVAL },
		{ "packets beyond measure", 1, (1u << 24) + 1, 2, 1000, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gro_config config = { .flows = cases[i].flows,
					     .packets = cases[i].packets,
					     .max_packets = cases[i].max_packets,
					     .max_bytes = cases[i].max_bytes };
		void *memory = cases[i].want ? NULL : aligned_alloc(64, gro_memory_size(&config));
		struct gro gro;

		cr_assert_eq(gro_init(&gro, &config, memory), cases[i].want, "%s", cases[i].sentence);
		free(memory);
	}
}

/* ---- release ---- */

/* Deliveries may be released in any order and late. */
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
	expect_line(b,
		    "0:burst_end 13+14:burst_end 7+8:burst_end 1+2:burst_end 15+16+17:burst_end "
		    "9+10+11:burst_end 3+4+5:burst_end 18:burst_end 12:burst_end 6:burst_end",
		    "");
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
	} cases[GRO_LEFT_ALONE] = {
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

	for (uint32_t reason = 0; reason < GRO_LEFT_ALONE; reason++) {
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

			cr_assert_eq(b->gro.flushes[other], same ? cases[reason].flushes : 0, "%s", cases[reason].name);
			cr_assert_eq(b->gro.singles[other], same ? cases[reason].singles : 0, "%s", cases[reason].name);
		}
		bench_close(b);
	}
}
