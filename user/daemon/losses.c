// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/losses.h"

static bool is_out(enum loss loss)
{
	return loss == LOSS_TAP_OUT || loss == LOSS_FORM || loss == LOSS_LATE_OUT;
}

static void add(struct losses_count *sum, const struct losses_count *one)
{
	sum->in += one->in;
	sum->out += one->out;
	for (int i = 0; i < LOSS_CNT; i++)
		sum->lost[i] += one->lost[i];
}

/* A counter that has begun anew counts from the next second on. */
static uint64_t growth(uint64_t now, uint64_t last)
{
	return now > last ? now - last : 0;
}

static struct losses_count difference(const struct losses_count *now, const struct losses_count *last)
{
	struct losses_count count = { .in = growth(now->in, last->in), .out = growth(now->out, last->out) };

	for (int i = 0; i < LOSS_CNT; i++)
		count.lost[i] = growth(now->lost[i], last->lost[i]);
	return count;
}

static uint64_t lost(const struct losses_count *count, bool out)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOSS_CNT; i++)
		if (is_out((enum loss)i) == out)
			sum += count->lost[i];
	return sum;
}

/* One direction. Returns whether a loss goes on in it. */
static bool goes_on(const struct losses *losses, bool out, const struct losses_count *sum)
{
	const uint64_t came = out ? sum->out : sum->in, gone = lost(sum, out);
	uint32_t seconds = 0;

	for (uint32_t i = 0; i < LOSSES_SECONDS; i++)
		seconds += lost(&losses->seconds[i], out) > 0;
	if (losses->lossy)
		return seconds >= 2 && gone * LOSSES_END > came;
	return seconds >= LOSSES_SECONDS / 2 && gone >= LOSSES_LEAST && gone * LOSSES_BEGIN > came;
}

bool losses_update(struct losses *losses, const struct losses_count *now, enum loss *most, double *percent)
{
	struct losses_count sum = { 0 };
	bool in, out;

	if (!losses->begun) {
		*losses = (struct losses){ .begun = true, .last = *now, .next_ns = losses->next_ns };
		return false;
	}
	losses->seconds[losses->at] = difference(now, &losses->last);
	losses->at = (losses->at + 1) % LOSSES_SECONDS;
	losses->last = *now;
	for (uint32_t i = 0; i < LOSSES_SECONDS; i++)
		add(&sum, &losses->seconds[i]);
	in = goes_on(losses, false, &sum);
	out = goes_on(losses, true, &sum);
	losses->lossy = in || out;
	if (!losses->lossy)
		return false;
	*most = in ? LOSS_NIC : LOSS_TAP_OUT;
	for (int i = 0; i < LOSS_CNT; i++)
		if (is_out((enum loss)i) == !in && sum.lost[i] > sum.lost[*most])
			*most = (enum loss)i;
	*percent = 100.0 * (double)lost(&sum, !in) / (double)(in ? sum.in : sum.out);
	return true;
}

const char *losses_where(enum loss loss)
{
	static const char *const texts[LOSS_CNT] = {
		[LOSS_NIC] =
			"of what arrives are lost, most in the NIC, whose ring is full ('ethtool -S', nic_kernel in "
			"'superpacket -j'): the CPUs that serve it are too busy; 'ethtool -G' makes the ring longer",
		[LOSS_RING] =
			"of what arrives are lost, most because a worker comes too late and its rings are full: it "
			"gets too little CPU time; raise its priority (--nice), or move other work away from its CPU",
		[LOSS_FRAME] =
			"of what arrives are lost, most because they are longer than the frames of the socket take",
		[LOSS_ARRIVAL] =
			"of what arrives are lost, most between the XDP program and the socket (kernel.rx_lost)",
		[LOSS_LATE] =
			"of what arrives are lost, most because they came too late: the workers are stopped or starved "
			"again and again",
		[LOSS_OVERLOAD] =
			"of what arrives are lost, most because a worker cannot keep up, and its packets come without "
			"the gap that leaving them to the kernel takes (drop_overload): more CPU time, or more queues",
		[LOSS_TAP_IN] =
			"of what arrives are lost, most because the TAP, or the stack behind it, does not take them: "
			"'ip -s link' shows the TAP's counters",
		[LOSS_TAP_OUT] =
			"of what is sent are lost, most because the TAP's queue is full: the senders do not wait "
			"(UDP), or the workers get too little CPU time",
		[LOSS_FORM] =
			"of what is sent are lost, most because their headers contradict each other or are too long: "
			"see 'dropped' in the status",
		[LOSS_LATE_OUT] =
			"of what is sent are lost, most because they were on their way when the kernel took over, or a "
			"socket was made anew: the workers are stopped or starved again and again",
	};

	return texts[loss];
}
