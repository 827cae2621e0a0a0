// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Whose unfinished checksums are believed (R8 on veth). A sender finishes all of its checksums or none. A packet
 * that looks unfinished, from a sender that finishes, is damaged and must not be delivered as good.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/gro.h"
#include "fixtures/packet_builder.h"

enum verdict { WRONG, UNFINISHED, RIGHT };

struct bed {
	struct gro gro;
	void *memory;
	uint16_t port; /* another flow for each packet */
};

static struct bed *make_bed(void)
{
	struct gro_config config = { .flows = 8,
				     .packets = 32,
				     .max_packets = 32,
				     .max_bytes = 65535,
				     .merge = GRO_MERGE_TCP,
				     .accept_unfinished = true,
				     .secret = { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9 } };
	struct bed *bed = calloc(1, sizeof *bed);

	bed->memory = aligned_alloc(64, gro_memory_size(&config));
	cr_assert_eq(gro_init(&bed->gro, &config, bed->memory), 0);
	return bed;
}

/* Offers one packet of the sender and says how it was delivered. */
static enum verdict offer(struct bed *bed, uint8_t sender, bool unfinished, uint32_t payload_len)
{
	static uint8_t buf[2048];
	struct packet p = packet_tcp4();
	struct gro_packet packet = { .data = buf };
	struct gro_super *super;
	uint64_t cookie, errors = bed->gro.checksum_errors;
	bool needs_csum;

	p.saddr[3] = sender;
	p.sport = ++bed->port;
	p.payload_len = payload_len;
	p.l4_csum = unfinished ? PACKET_CSUM_PARTIAL : PACKET_CSUM_FULL;
	packet.len = (uint32_t)packet_build(&p, buf, sizeof buf, NULL);
	cr_assert_eq(gro_offer(&bed->gro, &packet, 1, 0), 1);
	gro_burst_end(&bed->gro, 0);
	super = gro_next(&bed->gro);
	cr_assert_not_null(super);
	needs_csum = super->request.needs_csum;
	gro_release(&bed->gro, super, &cookie);
	if (bed->gro.checksum_errors > errors) {
		cr_assert_not(needs_csum, "a wrong packet goes up as it came");
		return WRONG;
	}
	return needs_csum ? UNFINISHED : RIGHT;
}

static void free_bed(struct bed *bed)
{
	free(bed->memory);
	free(bed);
}

Test(gro_unfinished, believed_of_a_sender_that_finishes_none)
{
	struct bed *bed = make_bed();

	for (int i = 0; i < 100; i++)
		cr_assert_eq(offer(bed, 1, true, 100), UNFINISHED);
	free_bed(bed);
}

Test(gro_unfinished, wrong_from_a_sender_that_finishes)
{
	struct bed *bed = make_bed();

	for (int i = 0; i < 100; i++)
		cr_assert_eq(offer(bed, 1, false, 100), RIGHT);
	cr_assert_eq(offer(bed, 1, true, 100), WRONG, "damaged, and happens to look unfinished");
	cr_assert_eq(offer(bed, 1, false, 100), RIGHT);
	cr_assert_eq(offer(bed, 2, true, 100), UNFINISHED, "another sender is another matter");
	free_bed(bed);
}

Test(gro_unfinished, a_sender_that_has_changed_is_believed_soon)
{
	struct bed *bed = make_bed();
	int doubted = 0;

	for (int i = 0; i < 1000; i++)
		offer(bed, 1, false, 100);
	while (offer(bed, 1, true, 100) == WRONG)
		cr_assert_lt(++doubted, 8);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(offer(bed, 1, true, 100), UNFINISHED);
	free_bed(bed);
}

Test(gro_unfinished, packets_without_data_are_no_evidence)
{
	struct bed *bed = make_bed();

	for (int i = 0; i < 1000; i++)
		offer(bed, 1, false, 0);
	cr_assert_eq(offer(bed, 1, true, 0), UNFINISHED, "after a storm of finished RSTs, a SYN-ACK");
	free_bed(bed);
}

/* Packets of sender 1 that are offered in one burst. */
struct burst {
	uint8_t bufs[32][256];
	struct gro_packet packets[32];
	uint32_t cnt;
};

static void burst_add(struct burst *burst, struct packet p)
{
	uint8_t *buf = burst->bufs[burst->cnt];

	p.saddr[3] = 1;
	p.payload_len = 100;
	burst->packets[burst->cnt++] = (struct gro_packet){ .data = buf,
							    .len = (uint32_t)packet_build(&p, buf, 256, NULL) };
}

static void offer_burst(struct bed *bed, struct burst *burst)
{
	struct gro_super *super;
	uint64_t cookies[32];

	cr_assert_eq(gro_offer(&bed->gro, burst->packets, burst->cnt, 0), burst->cnt);
	gro_burst_end(&bed->gro, 0);
	while ((super = gro_next(&bed->gro)))
		gro_release(&bed->gro, super, cookies);
}

/* Nearly all of these take the short way through the engine. */
Test(gro_unfinished, merged_packets_are_evidence)
{
	struct bed *bed = make_bed();
	static struct burst burst;
	struct packet p = packet_tcp4();

	for (int i = 0; i < 20; i++, p.seq += 100, p.ip_id++)
		burst_add(&burst, p);
	offer_burst(bed, &burst);
	cr_assert_eq(offer(bed, 1, true, 100), WRONG);
	free_bed(bed);
}

/* The packets in between are delivered alone, so the last packet may still take the short way. */
Test(gro_unfinished, appends_are_doubted_too)
{
	struct bed *bed = make_bed();
	static struct burst burst;
	struct packet p = packet_tcp4(), other = p;

	p.l4_csum = PACKET_CSUM_PARTIAL;
	burst_add(&burst, p);
	other.tcp_flags |= PACKET_PSH;
	for (int i = 0; i < 20; i++) {
		other.sport++;
		burst_add(&burst, other);
	}
	p.seq += 100, p.ip_id++;
	burst_add(&burst, p);
	offer_burst(bed, &burst);
	cr_assert_eq(bed->gro.checksum_errors, 1, "damaged, and happens to look unfinished");
	free_bed(bed);
}
