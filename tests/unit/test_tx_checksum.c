// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Who finishes checksums: the decision, and the test packet. The test plays the kernel, which completes the packet or
 * refuses it, and reads the request or ignores it.
 */
#include <criterion/criterion.h>

#include "nic/prove.h"
#include "nic/uapi_compat.h"
#include "fixtures/packet_builder.h"

static const struct offer_case {
	const char *what;
	struct tx_checksum_facts facts;
	bool zerocopy, aligned_chains;
	bool offered;
	const char *why;
} cases[] = {
	{ "copy, the NIC's offload on", { .by_offset = true, .offload = true }, false, false, true, "offered" },
	{ "copy, off: the kernel would sum", { .zerocopy = true }, false, false, false, "offload is off" },
	{ "zero copy, the driver says so", { .zerocopy = true }, true, false, true, "offered" },
	{ "zero copy, it does not, whatever the NIC does for the kernel",
	  { .by_offset = true, .offload = true },
	  true,
	  false,
	  false,
	  "takes no requests" },
	{ "zero copy by slices", { .zerocopy = true, .offload = true }, true, true, false, "leave no room" },
	{ "copy, aligned chunks", { .by_offset = true, .offload = true }, false, true, false, "leave no room" },
	{ "copy, a driver that goes by the headers' places, of which the kernel does not tell it",
	  { .offload = true },
	  false,
	  false,
	  false,
	  "where the headers are" },
	{ "the same, whatever was asked for",
	  { .offload = true, .ask = TX_CHECKSUM_NIC },
	  false,
	  false,
	  false,
	  "where the headers are" },
	{ "software asked for",
	  { .zerocopy = true, .offload = true, .ask = TX_CHECKSUM_SOFTWARE },
	  true,
	  false,
	  false,
	  "--tx-checksum" },
	{ "the NIC asked for, and off", { .ask = TX_CHECKSUM_NIC }, false, false, false, "offload is off" },
	{ "the NIC asked for, and on",
	  { .by_offset = true, .ask = TX_CHECKSUM_NIC, .offload = true },
	  false,
	  false,
	  true,
	  "offered" },
};

Test(tx_checksum, what_is_offered_and_why)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct offer_case *c = &cases[i];
		char why[TX_CHECKSUM_WHY_LEN] = "";

		cr_expect_eq(tx_checksum_offered(&c->facts, c->zerocopy, c->aligned_chains, why), c->offered, "%s",
			     c->what);
		cr_expect(strstr(why, c->why), "%s: '%s'", c->what, why);
		cr_expect_lt(strlen(why), sizeof why - 1, "%s: cut off", c->what);
	}
}

Test(tx_checksum, of_few_drivers_it_is_known_that_they_go_by_the_offset)
{
	cr_expect(tx_checksum_by_offset("veth"));
	cr_expect(tx_checksum_by_offset("tun"));
	cr_expect_not(tx_checksum_by_offset("igb"));
	cr_expect_not(tx_checksum_by_offset("virtio_net"));
	cr_expect_not(tx_checksum_by_offset(""));
}

/* ---- the test packet ---- */

static struct kernel {
	enum prove_verdict verdict;
	bool reads_request; /* and writes the time, if that is requested */
	uint32_t packets;
	struct xdp_desc desc;
	struct compat_xsk_tx_metadata request;
} kernel;

static struct umem umem;
static struct xsk xsk;
static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };

enum prove_verdict prove_send(struct xsk *to, const struct xdp_desc *descs, uint32_t cnt)
{
	struct compat_xsk_tx_metadata *request = (void *)(umem_data(to->umem, descs[0].addr) -
							  TX_CHECKSUM_METADATA_LEN);

	cr_assert_eq(cnt, 1);
	kernel.packets++;
	kernel.desc = descs[0];
	kernel.request = *request;
	if (kernel.reads_request && request->flags & XDP_TXMD_FLAGS_TIMESTAMP)
		request->tx_timestamp = 1700000000000000000u;
	return kernel.verdict;
}

static bool prove(bool zerocopy, enum prove_verdict verdict, bool reads_request, const char *reason)
{
	const struct umem_config config = {
		.rx_frames = 1, .slots = 1, .slot_len = UMEM_CHUNK_LEN, .buffers_len = 2 * UMEM_SUPERPACKET_ROOM
	};
	char why[TX_CHECKSUM_WHY_LEN] = "";
	bool proved;

	kernel = (struct kernel){ .verdict = verdict, .reads_request = reads_request };
	cr_assert_eq(umem_open(&umem, &config), 0);
	xsk = (struct xsk){ .umem = &umem, .zerocopy = zerocopy, .tx_headroom = TX_CHECKSUM_HEADROOM };
	proved = prove_tx_checksum(&xsk, mac, why);
	cr_expect_eq(kernel.packets, 1);
	cr_expect(strstr(why, reason), "'%s', not '%s'", why, reason);
	return proved;
}

/* The packet as the NIC would send it: to itself, with right checksums once the last one is finished. */
Test(tx_checksum, the_test_packet_is_one)
{
	const uint32_t len = 60; /* the shortest frame */
	uint8_t *frame, *from;

	cr_assert(prove(true, PROVE_SENT, true, "its driver says so"));
	frame = umem_data(&umem, kernel.desc.addr);
	cr_expect_eq(kernel.desc.options, XDP_TX_METADATA);
	cr_expect_eq(kernel.desc.len, len);
	cr_expect_arr_eq(frame, mac, 6);
	cr_expect_arr_eq(frame + 6, mac, 6);
	cr_expect_eq(kernel.request.flags, XDP_TXMD_FLAGS_CHECKSUM, "no time: not all drivers have one");
	from = frame + kernel.request.request.csum_start;
	store_be16(from + kernel.request.request.csum_offset,
		   (uint16_t)~packet_fold(packet_sum(from, len - (uint32_t)(from - frame), 0)));
	cr_expect(packet_csums_ok(frame, len), "finished, it is right");
	umem_close(&umem);
}

Test(tx_checksum, in_copy_mode_the_kernel_shows_that_it_has_read_the_request)
{
	cr_expect(prove(false, PROVE_SENT, true, "a test packet was taken"));
	cr_expect_eq(kernel.request.flags, XDP_TXMD_FLAGS_CHECKSUM | XDP_TXMD_FLAGS_TIMESTAMP);
	umem_close(&umem);
	cr_expect_not(prove(false, PROVE_SENT, false, "has not read"));
	umem_close(&umem);
}

Test(tx_checksum, one_that_is_not_sent_proves_nothing)
{
	for (int zerocopy = 0; zerocopy <= 1; zerocopy++) {
		cr_expect_not(prove(zerocopy, PROVE_SILENT, true, "not sent in time"));
		umem_close(&umem);
		cr_expect_not(prove(zerocopy, PROVE_INVALID, true, "refused"));
		umem_close(&umem);
	}
}
