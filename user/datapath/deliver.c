// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "datapath/deliver.h"

#include "frontend/tap.h"

void deliver_init(struct deliver *deliver, int tap_fd, struct frame_stack *frames,
		  struct worker_stats *stats)
{
	*deliver = (struct deliver){ .tap_fd = tap_fd, .frames = frames, .stats = stats };
	deliver->iov[0] = (struct iovec){ .iov_base = &deliver->header, .iov_len = VNET_HDR_LEN };
}

/* iov[0] is the virtio header that *request describes; cnt entries follow it. */
static int write_one(struct deliver *deliver, const struct gso_request *request,
		     const struct iovec *iov, uint32_t cnt)
{
	vnet_write(&deliver->header, request);
	return tap_write(deliver->tap_fd, iov, 1 + cnt);
}

static void count_delivered(struct deliver *deliver, uint32_t packets, uint32_t bytes)
{
	deliver->stats->rx_delivered_packets += packets;
	deliver->stats->rx_delivered_bytes += bytes;
}

/* Each packet as it came, with a header of its own; iov[1..] holds one packet each. */
static void write_apart(struct deliver *deliver, const struct gso_request *request, uint32_t cnt)
{
	struct iovec *packets = &deliver->iov[1];

	for (uint32_t i = 0; i < cnt; i++) {
		struct iovec pair[2] = { deliver->iov[0], packets[i] };

		if (write_one(deliver, request, pair, 1))
			deliver->stats->rx_drop_tap++;
		else
			count_delivered(deliver, 1, (uint32_t)packets[i].iov_len);
	}
}

static void deliver_one(struct deliver *deliver, struct gro *gro, struct gro_super *super)
{
	uint32_t cnt = gro_iovecs(gro, super, &deliver->iov[1]);

	if (write_one(deliver, &super->request, deliver->iov, cnt) == 0) {
		count_delivered(deliver, super->packet_cnt, super->len);
		if (super->packet_cnt > 1) {
			deliver->stats->rx_superpackets++;
			deliver->stats->rx_segments += super->packet_cnt;
		}
	} else if (super->packet_cnt > 1) {
		deliver->stats->rx_cut_again++;
		cnt = gro_unmerge(gro, super, &deliver->iov[1], NULL);
		write_apart(deliver, &super->request, cnt);
	} else {
		deliver->stats->rx_drop_tap++;
	}
}

uint32_t deliver_ready(struct deliver *deliver, struct gro *gro)
{
	struct gro_super *super;
	uint32_t cnt = 0;

	for (; (super = gro_next(gro)); cnt++) {
		uint32_t packets;

		deliver_one(deliver, gro, super);
		packets = gro_release(gro, super, deliver->cookies);
		for (uint32_t i = 0; i < packets; i++)
			frame_give(deliver->frames, deliver->cookies[i]);
	}
	return cnt;
}
