// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/deliver.h"

#include <errno.h>
#include <linux/if_ether.h>

#include "base/fault.h"
#include "engine/vnet.h"

/* The longest IP packet without BIG TCP, with its link-layer header. */
#define BIG_TCP_LEN (65535u + 14u + 2 * 4u)

void deliver_init(struct deliver *deliver, struct frontend_queue *front, struct frame_stack *frames,
		  struct worker_stats *stats, struct overload *overload)
{
	*deliver = (struct deliver){ .front = front, .frames = frames, .stats = stats, .overload = overload };
	deliver->iov[0] = (struct iovec){ .iov_base = &deliver->header, .iov_len = VNET_HDR_LEN };
}

/* iov[0] is the virtio header that *request describes; cnt entries follow it. */
static int write_one(struct deliver *deliver, const struct gso_request *request, const struct iovec *iov, uint32_t cnt)
{
	struct frontend_queue *front = deliver->front;
	int err;

	vnet_write(&deliver->header, request);
	err = fault_strikes(FAULT_TAP_WRITE) ? -EAGAIN : front->write(front, iov, 1 + cnt);
	deliver->stats->rx_tap_unready += err && err != -EINVAL;
	return err;
}

/* Whether no other packet would be taken now either, so that taking this superpacket apart is of no use. */
static bool takes_nothing(int err)
{
	return err == -EAGAIN || err == -ENODEV;
}

static void count_delivered(struct deliver *deliver, uint32_t packets, uint32_t bytes)
{
	deliver->stats->rx_delivered_packets += packets;
	deliver->stats->rx_delivered_bytes += bytes;
}

/* Writes each packet as it was received, with a virtio header of its own; iov[1..] holds cnt fragments. The header
 * goes into the entry in front of a packet's first fragment, which is not needed any more. */
static void write_apart(struct deliver *deliver, const struct gso_request *request, uint32_t cnt)
{
	const struct iovec header = deliver->iov[0];

	for (uint32_t first = 0, last; first < cnt; first = last + 1) {
		struct iovec *packet = &deliver->iov[first];
		uint32_t bytes = 0;

		for (last = first; deliver->more[last]; last++)
			bytes += (uint32_t)deliver->iov[1 + last].iov_len;
		bytes += (uint32_t)deliver->iov[1 + last].iov_len;
		packet[0] = header;
		if (write_one(deliver, request, packet, last - first + 1))
			deliver->stats->rx_drop_tap++;
		else
			count_delivered(deliver, 1, bytes);
	}
	deliver->iov[0] = header;
}

static void count_superpacket(struct deliver *deliver, const struct gro_super *super)
{
	struct worker_stats *stats = deliver->stats;

	stats->rx_superpackets++;
	stats->rx_segments += super->packet_cnt;
	stats->rx_big_superpackets += super->len > BIG_TCP_LEN;
}

/* A jumbo frame is worth as many packets of an Ethernet MTU as it replaces. */
static uint32_t in_ethernet_packets(const struct gro_super *super)
{
	const uint32_t by_len = super->len / ETH_FRAME_LEN;

	return super->packet_cnt > by_len ? super->packet_cnt : by_len;
}

static void deliver_one(struct deliver *deliver, struct gro *gro, struct gro_super *super)
{
	uint32_t cnt = gro_iovecs(gro, super, &deliver->iov[1]), writes = 1;
	const struct iovec first = deliver->iov[1];
	int err = write_one(deliver, &super->request, deliver->iov, cnt);

	if (!err) {
		count_delivered(deliver, super->packet_cnt, super->len);
		if (super->packet_cnt > 1)
			count_superpacket(deliver, super);
	} else if (super->packet_cnt > 1 && !takes_nothing(err)) {
		deliver->stats->rx_cut_again++;
		cnt = gro_unmerge(gro, super, &deliver->iov[1], deliver->more);
		write_apart(deliver, &super->request, cnt);
		writes += super->packet_cnt;
	} else {
		deliver->stats->rx_drop_tap += super->packet_cnt;
	}
	overload_delivered(deliver->overload, first.iov_base, (uint32_t)first.iov_len, in_ethernet_packets(super),
			   writes);
}

uint32_t deliver_next(struct deliver *deliver, struct gro *gro, bool stale)
{
	struct gro_super *super = gro_next(gro);
	uint32_t packets, frames;

	if (!super)
		return 0;
	if (stale)
		deliver->stats->rx_drop_stale += super->packet_cnt;
	else
		deliver_one(deliver, gro, super);
	packets = super->packet_cnt;
	frames = gro_release(gro, super, deliver->cookies);
	for (uint32_t i = 0; i < frames; i++)
		frame_give(deliver->frames, deliver->cookies[i]);
	return packets;
}

bool deliver_probe(struct deliver *deliver)
{
	/* To and from nobody, of the EtherType for local experiments (IEEE 802), which no stack takes. */
	static uint8_t frame[60] = { [12] = 0x88, [13] = 0xb5 };
	static const struct gso_request ordinary = { .type = GSO_NONE };
	const struct iovec iov[] = { deliver->iov[0], { .iov_base = frame, .iov_len = sizeof frame } };

	return !write_one(deliver, &ordinary, iov, 1);
}
