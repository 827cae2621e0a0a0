// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The test frames of prove.h against the kernel: what is sent, in how many descriptors, and the verdicts.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "nic/prove.h"
#include "nic/uapi_compat.h"
#include "nic_bed.h"

TestSuite(prove, .init = set_up, .timeout = 240);

static struct modes_plan only(enum modes_variant variant)
{
	struct modes_plan plan = { 0 };

	plan.variants[variant].tried = true;
	return plan;
}

/* Opens this variant, or skips the test if the kernel does not have it. */
static void open_only(struct xsk *xsk, struct umem *umem, enum modes_variant variant, bool prove)
{
	const struct modes_plan plan = only(variant);
	struct xsk_config config = xsk_config;
	int err;

	config.plan = &plan;
	config.prove = prove;
	cr_assert_eq(umem_open(umem, &umem_config), 0);
	err = xsk_open(xsk, &config, umem);
	if (err == -EINVAL || err == -EOPNOTSUPP || err == -EAFNOSUPPORT)
		cr_skip_test("this kernel has no such socket: %s", strerror(-err));
	cr_assert_eq(err, 0, "%s", strerror(-err));
}

static void set_mtu(const char *mtu)
{
	char command[128];

	snprintf(command, sizeof command, "ip link set nic mtu %s; ip link set wire mtu %s", mtu, mtu);
	run(command);
}

/* The length of the only frame that comes within the limit; 0 when none comes. Fails when there are more. */
static size_t only_frame(int raw, uint8_t *frame, size_t room)
{
	struct pollfd pfd = { raw, POLLIN, 0 };
	size_t len = 0;

	while (poll(&pfd, 1, len ? 50 : DEADLINE_MS) > 0) {
		ssize_t got = recv(raw, frame, room, 0);

		cr_assert_geq(got, 14, "%s", strerror(errno));
		cr_assert_eq(len, 0, "a second frame, of %zd bytes", got);
		len = (size_t)got;
	}
	return len;
}

static const struct shape {
	const char *what, *mtu;
	enum modes_variant variant;
	size_t len;
	uint32_t cnt; /* descriptors, with unaligned chunks */
} shapes[] = {
	{ "built, in one descriptor", "1500", MODES_COPY_BUILT, 1514, 1 },
	{ "the socket has multi-buffer, the frame fits a chunk", "1500", MODES_COPY_BUILT_SG, 1514, 1 },
	{ "header slot and a slice", "1500", MODES_COPY_SLICES, 1514, 2 },
	{ "built frames longer than a chunk go as slices", "9000", MODES_COPY_BUILT_SG, 9014, 4 },
	{ "the least MTU", "68", MODES_COPY_SLICES, 82, 2 },
};

static uint32_t completed(const struct xsk *xsk) { return *xsk->completion.consumer; }

static void expect_frame(const uint8_t *frame)
{
	const struct netdev nic = device("nic");

	cr_expect_eq(memcmp(frame, nic.mac, 6), 0, "to the NIC itself");
	cr_expect_eq(memcmp(frame + 6, nic.mac, 6), 0, "from the NIC itself");
	cr_expect_eq(memcmp(frame + 12, "\x88\xb5", 2), 0, "for local experiments");
}

Test(prove, sends_one_frame_of_the_shape_that_will_be_sent)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		const struct shape *shape = &shapes[i];
		uint8_t frame[16384];
		struct umem umem;
		struct xsk xsk;
		int raw;

		set_mtu(shape->mtu);
		raw = raw_open("wire");
		open_only(&xsk, &umem, shape->variant, true);
		cr_expect_null(xsk.choice.unproved, "%s: %s", shape->what, xsk.choice.unproved);
		cr_expect_eq(only_frame(raw, frame, sizeof frame), shape->len, "%s", shape->what);
		expect_frame(frame);
		cr_expect_eq(completed(&xsk), shape->cnt + !xsk.unaligned * (shape->cnt > 1), "%s: %u descriptors",
			     shape->what, completed(&xsk));
		cr_expect_eq(umem.slots.used, 0, "a slot is in use");
		cr_expect_eq(umem.buffers.used, 0, "a buffer is in use");
		cr_expect_eq(umem.frames.cnt, RING, "the kernel has one ring full");
		close_xsk(&xsk, &umem);
	}
}

/* With aligned chunks, a slice that crosses a chunk border needs one more descriptor. */
Test(prove, with_aligned_chunks_a_slice_is_split)
{
	const struct xsk_choice aligned = { .variant = MODES_COPY_SLICES, .unaligned = false };
	const struct modes_plan plan = only(MODES_COPY_SLICES);
	struct xsk_config config = xsk_config;
	const struct netdev dev = device("nic");
	struct umem umem;
	struct xsk xsk;

	config.plan = &plan;
	config.again = &aligned;
	cr_assert_eq(umem_open(&umem, &umem_config), 0);
	if (xsk_open(&xsk, &config, &umem))
		cr_skip_test("kernel without multi-buffer AF_XDP");
	cr_expect_not(xsk.unaligned);
	cr_expect_eq(prove_transmit(&xsk, &dev), PROVE_SENT);
	cr_expect_eq(completed(&xsk), 3);
	close_xsk(&xsk, &umem);
}

/* The kernel completes invalid descriptors, too, as if they had been sent. */
Test(prove, descriptors_that_the_kernel_refuses_prove_nothing)
{
	struct umem umem;
	struct xsk xsk;

	open_only(&xsk, &umem, MODES_COPY_BUILT, false);
	cr_expect_eq(prove_send(&xsk, &(struct xdp_desc){ .addr = umem.area_len, .len = 64 }, 1), PROVE_INVALID);
	close_xsk(&xsk, &umem);
}

/* The last descriptor of a packet is missing, so the kernel cannot send it. */
Test(prove, what_is_not_completed_is_not_sent)
{
	struct umem umem;
	struct xsk xsk;
	uint64_t began_ms;

	open_only(&xsk, &umem, MODES_COPY_SLICES, false);
	began_ms = now_ms();
	cr_expect_eq(prove_send(&xsk,
				&(struct xdp_desc){
					.addr = umem_buffer_addr(&umem, 0), .len = 64, .options = XDP_PKT_CONTD },
				1),
		     PROVE_SILENT);
	cr_expect_geq(now_ms() - began_ms, PROVE_LIMIT_MS);
	close_xsk(&xsk, &umem);
}

Test(prove, without_a_carrier_nothing_is_sent_and_that_is_said)
{
	struct umem umem;
	struct xsk xsk;

	run("ip link set wire down");
	open_only(&xsk, &umem, MODES_COPY_BUILT, true);
	cr_expect_str_eq(xsk.choice.unproved, "no carrier");
	cr_expect_eq(completed(&xsk), 0);
	close_xsk(&xsk, &umem);
}

/* Some drivers drop the link when a socket is bound. */
Test(prove, a_carrier_that_comes_soon_is_waited_for)
{
	const struct modes_plan plan = only(MODES_COPY_BUILT);
	struct xsk_config config = xsk_config;
	struct umem umem;
	struct xsk xsk;

	run("ip link set wire down; (sleep 0.2; ip link set wire up) &");
	config.plan = &plan;
	config.prove = true;
	config.carrier_ms = DEADLINE_MS;
	open_xsk(&xsk, &umem, &config);
	cr_expect_null(xsk.choice.unproved);
	cr_expect_eq(completed(&xsk), 1);
	close_xsk(&xsk, &umem);
}
