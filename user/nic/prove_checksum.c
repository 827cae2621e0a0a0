// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The test of checksum requests; see prove.h. */
#include "nic/prove.h"

#include <stdio.h>

#include "nic/uapi_compat.h"

#define MAC_LEN 6u
#define CSUM_START 34u
#define CSUM_OFFSET 6u

/* From 192.0.2.1 (for documentation, RFC 5737) to itself. The IPv4 checksum is right; the UDP checksum field holds
 * the sum of the pseudo-header. */
/* clang-format off: a header a line */
static const uint8_t behind_addresses[] = {
	0x08, 0x00, 0x45, 0x00, 0x00, 0x2e, 0x00, 0x00, 0x40, 0x00, 0x01, 0x11, 0xf5, 0xbc, 0xc0, 0x00,
	0x02, 0x01, 0xc0, 0x00, 0x02, 0x01, 0x00, 0x09, 0x00, 0x09, 0x00, 0x1a, 0x84, 0x2e, 's',  'u',
	'p',  'e',  'r',  'p',  'a',  'c',  'k',  'e',  't',  'd',  ' ',  't',  'e',  's',  't',  '\n',
};
/* clang-format on */

static uint32_t write_packet(uint8_t *frame, const uint8_t mac[6])
{
	memcpy(frame, mac, MAC_LEN);
	memcpy(frame + MAC_LEN, mac, MAC_LEN);
	memcpy(frame + 2 * MAC_LEN, behind_addresses, sizeof(behind_addresses));
	return 2 * MAC_LEN + sizeof(behind_addresses);
}

static struct compat_xsk_tx_metadata request_for(const struct xsk *xsk)
{
	return (struct compat_xsk_tx_metadata){
		.flags = XDP_TXMD_FLAGS_CHECKSUM | (xsk->zerocopy ? 0 : XDP_TXMD_FLAGS_TIMESTAMP),
		.request = { .csum_start = CSUM_START, .csum_offset = CSUM_OFFSET },
	};
}

static bool verdict(char why[TX_CHECKSUM_WHY_LEN], bool proved, const char *text)
{
	snprintf(why, TX_CHECKSUM_WHY_LEN, "%s", text);
	return proved;
}

bool prove_tx_checksum(struct xsk *xsk, const uint8_t mac[6], char why[TX_CHECKSUM_WHY_LEN])
{
	const uint64_t addr = umem_slot_addr(xsk->umem, 0) + xsk->tx_headroom;
	uint8_t *frame = umem_data(xsk->umem, addr);
	struct compat_xsk_tx_metadata *metadata = (void *)(frame - TX_CHECKSUM_METADATA_LEN);
	const struct compat_xsk_tx_metadata request = request_for(xsk);
	const struct xdp_desc desc = { .addr = addr, .len = write_packet(frame, mac), .options = XDP_TX_METADATA };

	*metadata = request;
	switch (prove_send(xsk, &desc, 1)) {
	case PROVE_SILENT:
		return verdict(why, false, "a test packet with a request was not sent in time");
	case PROVE_INVALID:
		return verdict(why, false, "a test packet with a request was refused");
	case PROVE_SENT:
		break;
	}
	if (xsk->zerocopy)
		return verdict(why, true, "its driver says so, and a test packet was sent");
	if (metadata->tx_timestamp == request.tx_timestamp)
		return verdict(why, false, "the kernel has not read the request of a test packet");
	return verdict(why, true, "the NIC's offload is on, and a test packet was taken");
}
