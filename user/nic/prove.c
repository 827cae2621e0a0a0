// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/prove.h"

#include <net/ethernet.h>
#include <poll.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "nic/uapi_compat.h"

#define ETHERTYPE_LOCAL_EXPERIMENT 0x88b5u /* IEEE 802, annex B of RFC 9542 */

/* A segment's headers, at least: Ethernet, IPv4, TCP. Less than the least MTU. */
#define HEADER_LEN 54u

/* The pause between two looks at the completion ring: it doubles from the first to the longest. */
#define PAUSE_FIRST_MS 1
#define PAUSE_MAX_MS 16

/* The least number of looks: on a busy machine the time may be over before this thread has run. */
#define LOOKS_MIN 10u

#define CARRIER_PAUSE_MS 20

/* ---- descriptors ---- */

static uint64_t invalid_descriptors(const struct xsk *xsk)
{
	struct xdp_statistics stats;

	xsk_statistics(xsk, &stats); /* zero if it fails, before and after */
	return stats.tx_invalid_descs;
}

static void submit(struct xsk *xsk, const struct xdp_desc *descs, uint32_t cnt)
{
	uint32_t idx;

	if (xsk_ring_prod__reserve(&xsk->tx, cnt, &idx) != cnt)
		log_abort("prove: no room for %u descriptors in an unused ring", cnt);
	for (uint32_t i = 0; i < cnt; i++)
		*xsk_ring_prod__tx_desc(&xsk->tx, idx + i) = descs[i];
	xsk_ring_prod__submit(&xsk->tx, cnt);
}

static uint32_t take_completions(struct xsk *xsk, uint32_t cnt)
{
	uint32_t idx, taken = 0, came = xsk_ring_cons__peek(&xsk->completion, cnt, &idx);

	for (uint32_t i = 0; i < came; i++)
		taken += !fault_strikes(FAULT_COMPLETION);
	xsk_ring_cons__release(&xsk->completion, came);
	return taken;
}

/* There is no event to wait for: a completion does not make the socket readable. */
static bool wait_completions(struct xsk *xsk, uint32_t cnt)
{
	const uint64_t end_ms = clock_ms() + PROVE_LIMIT_MS;
	uint32_t looks = 0;
	int pause_ms = PAUSE_FIRST_MS;

	for (;;) {
		if (!fault_strikes(FAULT_WAKE))
			xsk_nudge(xsk);
		cnt -= take_completions(xsk, cnt);
		if (!cnt)
			return true;
		if (++looks >= LOOKS_MIN && clock_ms() >= end_ms)
			return false;
		poll(NULL, 0, pause_ms);
		pause_ms = 2 * pause_ms < PAUSE_MAX_MS ? 2 * pause_ms : PAUSE_MAX_MS;
	}
}

enum prove_verdict prove_send(struct xsk *xsk, const struct xdp_desc *descs, uint32_t cnt)
{
	const uint64_t invalid = invalid_descriptors(xsk);
	bool complete;

	submit(xsk, descs, cnt);
	complete = wait_completions(xsk, cnt);
	if (invalid_descriptors(xsk) != invalid) /* invalid ones are completed, too */
		return PROVE_INVALID;
	return complete ? PROVE_SENT : PROVE_SILENT;
}

/* ---- the test frame ---- */

static uint32_t frame_len(const struct xsk *xsk, const struct netdev *dev)
{
	const uint32_t len = ETH_HLEN + dev->mtu, most = xsk_frame_max(xsk);

	return len < most ? len : most;
}

/* In the first slot, behind the room for a request, if there is any. */
static uint64_t header_addr(const struct xsk *xsk)
{
	return umem_slot_addr(xsk->umem, 0) + xsk->tx_headroom;
}

static void write_header(const struct xsk *xsk, const struct netdev *dev)
{
	uint8_t *data = umem_data(xsk->umem, header_addr(xsk));

	memset(data - xsk->tx_headroom, 0, xsk->tx_headroom + HEADER_LEN); /* no request */
	memcpy(data, dev->mac, ETH_ALEN);
	memcpy(data + ETH_ALEN, dev->mac, ETH_ALEN);
	store_be16(data + 2 * ETH_ALEN, ETHERTYPE_LOCAL_EXPERIMENT);
}

/* The header slot, and len bytes that cross at least one chunk border. Returns how many descriptors that takes. */
static uint32_t describe_slices(const struct xsk *xsk, uint32_t len, struct xdp_desc *descs)
{
	const struct umem *umem = xsk->umem;
	uint64_t addr = umem_buffer_addr(umem, UMEM_CHUNK_LEN - 1);
	uint32_t cnt = 1;

	memset(umem_data(umem, addr), 0, len);
	descs[0] = (struct xdp_desc){ .addr = header_addr(xsk), .len = HEADER_LEN, .options = XDP_PKT_CONTD };
	while (len) {
		uint32_t room = xsk_slice_max(xsk, addr);
		uint32_t piece = len < room ? len : room;

		descs[cnt++] = (struct xdp_desc){ .addr = addr,
						  .len = piece,
						  .options = piece < len ? XDP_PKT_CONTD : 0 };
		addr += piece;
		len -= piece;
	}
	return cnt;
}

static uint32_t describe_built(const struct xsk *xsk, uint32_t len, struct xdp_desc *descs)
{
	const uint64_t addr = header_addr(xsk);

	memset(umem_data(xsk->umem, addr) + HEADER_LEN, 0, len - HEADER_LEN);
	descs[0] = (struct xdp_desc){ .addr = addr, .len = len };
	return 1;
}

enum prove_verdict prove_transmit(struct xsk *xsk, const struct netdev *dev)
{
	struct xdp_desc descs[XSK_CHAIN_MAX];
	const struct umem *umem = xsk->umem;
	uint32_t len = frame_len(xsk, dev), cnt;

	if (umem->slots.used || umem->buffers.used)
		log_abort("prove: %u slots and %u bytes of buffers are in use", umem->slots.used, umem->buffers.used);
	write_header(xsk, dev);
	if (xsk->slices || xsk->tx_headroom + len > UMEM_CHUNK_LEN)
		cnt = describe_slices(xsk, len - HEADER_LEN, descs);
	else
		cnt = describe_built(xsk, len, descs);
	return prove_send(xsk, descs, cnt);
}

bool prove_wait_carrier(struct netdev *dev, const char *interface, uint32_t limit_ms)
{
	const uint64_t end_ms = clock_ms() + limit_ms;

	for (;;) {
		if (netdev_open(dev, interface))
			return false;
		if (dev->carrier || clock_ms() >= end_ms)
			return dev->carrier;
		poll(NULL, 0, CARRIER_PAUSE_MS);
	}
}
