// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The program that chooses the TAP's queue for a bond, in a TAP: frames are sent into it, and the queue where each one
 * comes out is compared with what the bond's formulas say, written here a second time, from bytes.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/tap_choose.h"
#include "nic_bed.h"

TestSuite(choose, .init = enter_namespaces, .timeout = 240);

#define QUEUES 12u
#define FRAMES 300

struct bed {
	struct frontend *tap;
	struct tap_choose choose;
	int raw;
};

static void open_bed(struct bed *bed)
{
	struct netdev_settings up = { .up = true, .no_addresses = true };
	int err = tap_open(&bed->tap, "bed", QUEUES, false, 0);

	if (err == -ENOENT)
		cr_skip_test("no /dev/net/tun");
	cr_assert_eq(err, 0);
	cr_assert_eq(netdev_set(bed->tap->ifindex, &up), 0);
	cr_assert_eq(tap_choose_open(&bed->choose, bed->tap), 0);
	bed->raw = raw_open("bed");
}

static void close_bed(struct bed *bed)
{
	close(bed->raw);
	tap_choose_close(&bed->choose);
	bed->tap->ops->close(bed->tap);
}

/* The queue in which the frame comes out; others are from the TAP's own stack, and ignored. */
static int queue_of(struct bed *bed, const uint8_t *frame, size_t len)
{
	const uint64_t end = now_ms() + DEADLINE_MS;
	struct vnet_header hdr;
	uint8_t got[2048];

	raw_send(bed->raw, frame, len);
	while (now_ms() < end) {
		for (uint32_t q = 0; q < QUEUES; q++) {
			struct frontend_queue *queue = bed->tap->ops->queue(bed->tap, q);
			int got_len = queue->read(queue, &hdr, got, sizeof got);

			if (got_len == (int)len && !memcmp(got, frame, len))
				return (int)q;
		}
	}
	return -1;
}

/* ---- the reference -------------------------------------------------------------------- */

/* Bytes as the kernel's u32 has them in memory. */
static uint32_t word(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, 4);
	return value;
}

static uint32_t reference(const uint8_t *frame, uint32_t policy)
{
	const uint32_t type = (uint32_t)frame[12] << 8 | frame[13];
	const uint32_t l2 = frame[5] ^ frame[11] ^ type;
	const uint8_t *ip = frame + 14, *l4;
	uint32_t hash, addresses = 0, protocol, begin;

	if (policy == CHOOSE_FIRST)
		return 0;
	if (policy == CHOOSE_VLAN_SRCMAC)
		return ((uint32_t)frame[6] << 16 | frame[7] << 8 | frame[8]) ^
		       ((uint32_t)frame[9] << 16 | frame[10] << 8 | frame[11]);
	if (policy == CHOOSE_LAYER2 || (type != 0x0800 && type != 0x86dd))
		return l2;
	if (type == 0x0800) {
		addresses = word(ip + 12) ^ word(ip + 16);
		protocol = (ip[6] & 0x3f) || ip[7] ? 255 : ip[9];
		l4 = ip + (ip[0] & 15) * 4;
	} else {
		for (begin = 8; begin < 40; begin += 4)
			addresses ^= word(ip + begin);
		protocol = ip[6];
		l4 = ip + 40;
	}
	hash = l2;
	if (policy == CHOOSE_LAYER34) {
		const bool echo = protocol == 1 ? l4[0] == 8 || l4[0] == 0 : protocol == 58 && (l4[0] | 1) == 129;
		uint8_t icmp[4] = { l4[0], l4[1], l4[4], l4[5] };

		hash = protocol == 6 || protocol == 17 ? word(l4) : echo ? word(icmp) : 0;
	}
	hash ^= addresses;
	hash ^= hash >> 16;
	hash ^= hash >> 8;
	return policy == CHOOSE_LAYER34 ? hash >> 1 : hash;
}

/* ---- frames --------------------------------------------------------------------------- */

static void fill(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(random() >> 8);
}

/* A frame that differs from all others: of IPv4, IPv6 or neither, any address and port. Returns its length. */
static size_t make_frame(uint8_t *frame, int number)
{
	static const uint8_t protocols4[] = { 6, 6, 17, 1, 47 }, protocols6[] = { 6, 6, 17, 58, 0 };
	const size_t len = 100;

	fill(frame, len);
	frame[0] &= 0xfe;
	frame[6] &= 0xfe;
	if (number % 8 == 7) {
		frame[12] = 0x88;
		frame[13] = 0xb5; /* for experiments */
	} else if (number % 2) {
		frame[12] = 0x08;
		frame[13] = 0x00;
		frame[14] = number % 3 ? 0x45 : 0x47;
		frame[20] = number % 9 ? 0x40 : 0x20; /* now and then the first fragment */
		frame[21] = 0;
		frame[23] = protocols4[number / 2 % 5];
		if (frame[23] == 1)
			frame[14 + (frame[14] & 15) * 4] = number % 4 == 1 ? 8 : 3; /* an echo, or an error */
	} else {
		frame[12] = 0x86;
		frame[13] = 0xdd;
		frame[14] = 0x60;
		frame[20] = protocols6[number / 2 % 5];
		if (frame[20] == 58)
			frame[54] = 128 + number % 4 / 2;
	}
	return len;
}

/* A frame whose headers say that it is an error message: the bond looks into what it quotes, we do not. */
static bool is_icmp_error(const uint8_t *frame)
{
	return frame[12] == 0x08 && !frame[13] && frame[23] == 1 && frame[14 + (frame[14] & 15) * 4] == 3;
}

static void compare(const struct choose_set *set)
{
	uint8_t frame[128];
	bool used[QUEUES] = { false };
	struct bed bed;

	open_bed(&bed);
	tap_choose_set(&bed.choose, set);
	srandom(set->policy + 1);
	for (int i = 0; i < FRAMES; i++) {
		const size_t len = make_frame(frame, i);
		const struct choose_member *member = &set->member[reference(frame, set->policy) % set->cnt];
		int q;

		if (is_icmp_error(frame))
			continue;
		q = queue_of(&bed, frame, len);
		cr_assert_geq(q, 0, "frame %d is lost", i);
		used[q] = true;
		cr_assert(q >= member->first && q < member->first + member->cnt,
			  "policy %u, frame %d of type %02x%02x protocol %u: queue %d instead of %u..%u", set->policy,
			  i, frame[12], frame[13], frame[12] == 8 ? frame[23] : frame[20], q, member->first,
			  member->first + member->cnt - 1u);
		cr_assert_eq(queue_of(&bed, frame, len), q, "a flow keeps its queue");
	}
	for (uint32_t m = 0; m < set->cnt; m++)
		for (uint32_t q = set->member[m].first; q < set->member[m].first + set->member[m].cnt; q++)
			cr_expect(used[q], "policy %u never chose queue %u of member %u", set->policy, q, m);
	close_bed(&bed);
}

static const struct choose_member members[3] = { { 4, 3 }, { 0, 1 }, { 9, 2 } };

#define COMPARE(name, the_policy, the_cnt) \
	Test(choose, name) \
	{ \
		struct choose_set set = { .policy = (the_policy), .cnt = (the_cnt) }; \
\
		memcpy(set.member, members, sizeof members); \
		compare(&set); \
	}

COMPARE(active_backup_takes_the_only_member, CHOOSE_FIRST, 1)
COMPARE(layer2_is_as_the_bond_has_it, CHOOSE_LAYER2, 3)
COMPARE(layer23_is_as_the_bond_has_it, CHOOSE_LAYER23, 3)
COMPARE(layer34_is_as_the_bond_has_it, CHOOSE_LAYER34, 3)
COMPARE(vlan_srcmac_is_as_the_bond_has_it, CHOOSE_VLAN_SRCMAC, 3)

Test(choose, the_next_packet_goes_where_the_new_set_says)
{
	struct choose_set set = { .policy = CHOOSE_FIRST, .cnt = 1, .member = { { 3, 1 } } };
	uint8_t frame[128];
	struct bed bed;

	open_bed(&bed);
	for (uint16_t first = 0; first < QUEUES; first++) {
		size_t len = make_frame(frame, first);

		set.member[0].first = first;
		tap_choose_set(&bed.choose, &set);
		cr_expect_eq(queue_of(&bed, frame, len), first);
	}
	close_bed(&bed);
}

/* What is sent then goes where the TAP likes, which is not where the set says for all of so many flows. */
Test(choose, a_tap_without_the_program_spreads_as_it_likes)
{
	struct choose_set set = { .policy = CHOOSE_FIRST, .cnt = 1, .member = { { 3, 1 } } };
	uint8_t frame[128];
	uint32_t elsewhere = 0;
	struct bed bed;

	open_bed(&bed);
	tap_choose_set(&bed.choose, &set);
	tap_choose_clear(bed.tap);
	for (int i = 0; i < FRAMES; i++) {
		const size_t len = make_frame(frame, i);

		elsewhere += queue_of(&bed, frame, len) != 3;
	}
	cr_expect_gt(elsewhere, 0);
	close_bed(&bed);
}

static void expect_dropped(struct bed *bed, uint64_t before)
{
	const uint64_t end = now_ms() + DEADLINE_MS;
	struct vnet_header hdr;
	uint8_t got[2048];

	while (tap_choose_no_member(&bed->choose) == before && now_ms() < end)
		poll(NULL, 0, 1);
	cr_expect_gt(tap_choose_no_member(&bed->choose), before, "it is counted");
	for (uint32_t q = 0; q < QUEUES; q++) {
		struct frontend_queue *queue = bed->tap->ops->queue(bed->tap, q);

		cr_expect_eq(queue->read(queue, &hdr, got, sizeof got), -EAGAIN, "queue %u", q);
	}
}

/* Before there is a set, and when the last member has gone. Others' packets are counted, too: the TAP's stack sends. */
Test(choose, without_a_member_packets_are_dropped)
{
	struct choose_set set = { .policy = CHOOSE_FIRST, .cnt = 1, .member = { { 3, 1 } } };
	uint8_t frame[128];
	uint64_t before;
	struct bed bed;
	size_t len;

	open_bed(&bed);
	len = make_frame(frame, 1);
	raw_send(bed.raw, frame, len);
	expect_dropped(&bed, 0);
	tap_choose_set(&bed.choose, &set);
	cr_expect_eq(queue_of(&bed, frame, len), 3);
	set.cnt = 0;
	tap_choose_set(&bed.choose, &set);
	before = tap_choose_no_member(&bed.choose);
	raw_send(bed.raw, frame, len);
	expect_dropped(&bed, before);
	close_bed(&bed);
}

/* A TAP that is taken over gets packets before it has the programs: no member's worker may find them. */
Test(choose, what_waits_before_there_are_members_is_dropped)
{
	uint8_t frame[128];
	struct bed bed;
	size_t len;

	open_bed(&bed);
	tap_choose_clear(bed.tap);
	tap_choose_close(&bed.choose);
	for (int i = 0; i < 8; i++) {
		len = make_frame(frame, i);
		raw_send(bed.raw, frame, len);
	}
	cr_assert_eq(tap_choose_open(&bed.choose, bed.tap), 0);
	cr_expect_geq(tap_choose_no_member(&bed.choose), 8);
	expect_dropped(&bed, 0);
	close_bed(&bed);
}

/* Flows of one host that differ in the last byte of an address alone, which is in the upper half of the word. */
Test(choose, of_each_member_all_queues_are_used)
{
	struct choose_set set = { .policy = CHOOSE_LAYER34, .cnt = 2, .member = { { 0, 2 }, { 2, 2 } } };
	bool used[QUEUES] = { false };
	uint8_t frame[128];
	struct bed bed;

	open_bed(&bed);
	tap_choose_set(&bed.choose, &set);
	make_frame(frame, 1);
	frame[14] = 0x45;
	frame[20] = frame[21] = 0;
	frame[23] = 6;
	memcpy(frame + 26, (const uint8_t[]){ 10, 77, 0, 1, 10, 77, 0, 2, 0x9c, 0x40, 0x13, 0x8a }, 12);
	for (int i = 0; i < 16; i++) {
		frame[33] = (uint8_t)(2 + i);
		used[queue_of(&bed, frame, 100)] = true;
	}
	for (int q = 0; q < 4; q++)
		cr_expect(used[q], "queue %d", q);
	close_bed(&bed);
}
