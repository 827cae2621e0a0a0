// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The round trip of replay must find differences, of which the engine makes none: here a delivery is
 * changed between merging and cutting, or the copy that it is compared with. Whatever byte it is, it
 * is found, at its place. The same for order.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "replay/roundtrip.h"
#include "fixtures/packet_builder.h"

#define PACKETS 5u
#define PAYLOAD 100u

static struct engine engine;
static struct engine_delivery delivery;
static struct sp_gso gso;
static struct difference difference;

/* Offers a run of segments; they become the one delivery. */
static void merge(const struct packet *first)
{
	struct engine_config config = { .burst = 64, .keep_copies = true };
	struct packet p = *first;
	uint8_t frame[2048];

	sp_gro_config_init(&config.gro);
	cr_assert_eq(engine_init(&engine, &config), 0);
	p.payload_len = PAYLOAD;
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint32_t len = (uint32_t)packet_build(&p, frame, sizeof frame, NULL);
		const struct capture_packet packet = {
			.data = frame,
			.captured_len = len,
			.len = len,
			.time_ns = i,
		};

		cr_assert(engine_offer(&engine, &packet));
		p.seq += PAYLOAD;
		p.ip_id++;
	}
	cr_assert(engine_end(&engine));
	cr_assert(engine_take(&engine, &delivery));
	cr_assert_eq(delivery.packet_cnt, PACKETS, "merged");
	difference = (struct difference){ 0 };
}

static void finish(void)
{
	engine_give(&engine, &delivery);
	cr_assert_not(engine_end(&engine));
	engine_fini(&engine);
}

static bool check(void)
{
	difference = (struct difference){ 0 };
	return roundtrip_check(&gso, &delivery, &difference);
}

Test(replay, what_is_unchanged_comes_back)
{
	const struct packet kinds[] = { packet_tcp4(), packet_tcp6() };

	for (size_t i = 0; i < 2; i++) {
		merge(&kinds[i]);
		cr_assert(check(), "%s", difference.text);
		cr_assert_str_empty(difference.text);
		finish();
	}
}

/* The IPv4 header checksum of a superpacket is the only thing that cutting does not look at: it is
 * summed anew for each segment (S4). */
static bool is_summed_anew(uint32_t slice, size_t off) { return slice == 0 && (off == 24 || off == 25); }

Test(replay, every_byte_of_a_superpacket_counts)
{
	struct packet p = packet_tcp4();

	merge(&p);
	for (uint32_t i = 0; i < delivery.iov_cnt; i++) {
		uint8_t *data = delivery.iov[i].iov_base;

		for (size_t off = 0; off < delivery.iov[i].iov_len; off++) {
			data[off] ^= 0x10;
			cr_assert_eq(check(), is_summed_anew(i, off), "byte %zu of slice %u", off, i);
			cr_assert(is_summed_anew(i, off) || difference.text[0]);
			data[off] ^= 0x10;
		}
	}
	cr_assert(check(), "%s", difference.text);
	finish();
}

Test(replay, the_difference_is_named_with_packet_and_offset)
{
	struct packet p = packet_tcp4();

	merge(&p);
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint8_t *copy = (uint8_t *)delivery.packets[i]->copy;
		uint32_t len = delivery.packets[i]->captured_len;

		/* Of lengths it is told where they lead: the IP length moves the end. */
		for (uint32_t off = 18; off < len; off++) {
			uint8_t was = copy[off];
			char want[128];

			copy[off] ^= 1;
			cr_assert_not(check(), "byte %u of packet %u", off, i);
			snprintf(want, sizeof want, "packet %u, offset %u: expected 0x%02x, got 0x%02x", i, off,
				 copy[off], was);
			if (off != 20 && off != 23) /* fragment, protocol: no TCP any more */
				cr_assert_str_eq(difference.text, want);
			cr_assert_eq(difference.packet, i);
			copy[off] = was;
		}
	}
	finish();
}

Test(replay, too_few_and_too_many_segments)
{
	struct packet p = packet_tcp4();

	merge(&p);
	delivery.packet_cnt--;
	cr_assert_not(check());
	cr_assert_str_eq(difference.text, "packet 3, offset 0: expected the last segment, got one more");
	delivery.packet_cnt++;

	delivery.what.len -= PAYLOAD;
	cr_assert_not(check(), "a superpacket that is shorter than its header says");
	delivery.what.len += PAYLOAD;

	delivery.what.request.size--;
	cr_assert_not(check(), "another gso_size");
	delivery.what.request.size++;
	delivery.iov_cnt--;
	cr_assert_not(check(), "bytes are missing");
	cr_assert_str_eq(difference.text, "packet 4, offset 0: expected a segment, got none");
	delivery.iov_cnt++;
	cr_assert(check(), "%s", difference.text);
	finish();
}

Test(replay, pieces_are_compared_as_one)
{
	const uint8_t expected[] = { 1, 2, 3, 4, 5 };
	uint8_t a[] = { 1, 2 }, b[] = { 3, 4, 5, 6 };
	struct iovec pieces[] = { { a, 2 }, { NULL, 0 }, { b, 3 } };

	cr_assert(roundtrip_compare(pieces, 3, expected, 5, 7, &difference));
	cr_assert_not(roundtrip_compare(pieces, 3, expected, 4, 7, &difference));
	cr_assert_str_eq(difference.text, "packet 7, offset 4: expected the end, got more bytes");
	pieces[2].iov_len = 2;
	cr_assert_not(roundtrip_compare(pieces, 3, expected, 5, 7, &difference));
	cr_assert_str_eq(difference.text, "packet 7, offset 4: expected more bytes, got the end");
	b[1] = 9;
	cr_assert_not(roundtrip_compare(pieces, 3, expected, 5, 7, &difference));
	cr_assert_str_eq(difference.text, "packet 7, offset 3: expected 0x04, got 0x09");
	cr_assert_eq(difference.offset, 3);
}

Test(replay, who_overtakes_is_found)
{
	struct order order;
	uint32_t older;

	cr_assert(order_init(&order, 8));
	for (uint32_t slot = 0; slot < 6; slot++)
		order_arrive(&order, slot, slot % 2);
	cr_assert(order_leave(&order, 1, &older), "another flow may be first");
	cr_assert_not(order_leave(&order, 2, &older));
	cr_assert_eq(older, 0);
	cr_assert_not(order_leave(&order, 4, &older));
	cr_assert(order_leave(&order, 0, &older), "the oldest");
	cr_assert(order_leave(&order, 3, &older));
	order_arrive(&order, 3, 1);
	cr_assert_not(order_leave(&order, 3, &older), "a slot that is used again");
	cr_assert_eq(older, 5);
	cr_assert(order_leave(&order, 5, &older));
	order_fini(&order);
}

/* Against the plainest way to tell: look at all packets that wait. Flows whose hashes share a list, too. */
Test(replay, order_of_random_packets)
{
	enum { SLOTS = 16 };
	uint64_t arrived[SLOTS] = { 0 }, flow[SLOTS] = { 0 }, clock = 0;
	bool waits[SLOTS] = { false };
	struct order order;

	srand(1);
	cr_assert(order_init(&order, SLOTS));
	for (int i = 0; i < 200000; i++) {
		uint32_t slot = (uint32_t)rand() % SLOTS, older;
		bool first = true;

		if (!waits[slot]) {
			flow[slot] = (uint64_t)(rand() % 3) << (rand() % 2 ? 32 : 0);
			arrived[slot] = clock++;
			order_arrive(&order, slot, flow[slot]);
			waits[slot] = true;
			continue;
		}
		for (uint32_t s = 0; s < SLOTS; s++)
			first &= !waits[s] || flow[s] != flow[slot] || arrived[s] >= arrived[slot];
		cr_assert_eq(order_leave(&order, slot, &older), first, "step %d", i);
		waits[slot] = false;
	}
	order_fini(&order);
}

static uint64_t flow_of(const struct packet *p)
{
	const struct parse_tunnels none = { 0 };
	uint8_t frame[2048];
	uint32_t len = (uint32_t)packet_build(p, frame, sizeof frame, NULL);

	return order_flow(frame, len, &none);
}

Test(replay, a_flow_is_what_R10_says)
{
	struct packet good = packet_tcp6(), p = good;
	uint64_t flow;

	packet_push_vlan(&good, 0, 7);
	flow = flow_of(&good);
	p = good, p.seq++, p.window++, p.ttl--, p.tos++, p.payload_len++;
	cr_assert_eq(flow_of(&p), flow, "of the same flow");
	p = good, p.dst_mac[5]++;
	cr_assert_neq(flow_of(&p), flow, "MAC address");
	p = good, p.vlan[0].tci++;
	cr_assert_neq(flow_of(&p), flow, "VLAN");
	p = good, p.saddr[15]++;
	cr_assert_neq(flow_of(&p), flow, "address");
	p = good, p.flow_label++;
	cr_assert_neq(flow_of(&p), flow, "flow label");
	p = good, p.sport++;
	cr_assert_neq(flow_of(&p), flow, "source port");
	p = good, p.dport++;
	cr_assert_neq(flow_of(&p), flow, "destination port");
	p = good, p.l4 = PACKET_L4_UDP;
	cr_assert_neq(flow_of(&p), flow, "protocol");
}

/* A VXLAN packet's hash with one byte changed. */
static uint64_t tunnel_flow(size_t off, uint8_t change)
{
	const struct parse_tunnels vxlan = { .enter = PARSE_TUNNEL_BIT(PARSE_VXLAN), .vxlan_port = 4789 };
	struct packet inside = packet_tcp4(), outside = packet_udp4();
	uint8_t payload[1024] = { 0x08, 0, 0, 0, 0, 0, 42, 0 }, frame[2048];
	uint32_t len;

	outside.dport = 4789;
	outside.payload = payload;
	outside.payload_len = 8 + packet_build(&inside, payload + 8, sizeof payload - 8, NULL);
	len = (uint32_t)packet_build(&outside, frame, sizeof frame, NULL);
	frame[off] ^= change;
	return order_flow(frame, len, &vxlan);
}

Test(replay, a_flow_within_a_tunnel_is_what_R10_and_R19_say)
{
	const size_t udp = 34, vxlan = 42, ethernet = 50, ip = 64, tcp = 84;
	uint64_t flow = tunnel_flow(0, 0);

	cr_assert_eq(tunnel_flow(udp + 6, 1), flow, "outer checksum");
	cr_assert_eq(tunnel_flow(ip + 8, 1), flow, "inner TTL");
	cr_assert_eq(tunnel_flow(tcp + 7, 1), flow, "inner sequence number");
	cr_assert_neq(tunnel_flow(udp + 1, 1), flow, "outer source port");
	cr_assert_neq(tunnel_flow(vxlan + 6, 1), flow, "VNI");
	cr_assert_neq(tunnel_flow(ethernet + 5, 1), flow, "inner MAC address");
	cr_assert_neq(tunnel_flow(ip + 15, 1), flow, "inner address");
	cr_assert_neq(tunnel_flow(tcp + 1, 1), flow, "inner source port");
}
