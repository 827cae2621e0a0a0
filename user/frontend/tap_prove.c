// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "frontend/tap_prove.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

/* Payload of a segment. A superpacket has three segments; one of BIG TCP has more. */
#define SEGMENT_LEN 500u
#define PAYLOAD_LEN (3 * SEGMENT_LEN)

/* Below 1280, which IPv6 requires of an interface, and longer than a segment. */
#define MTU 1000

/* A packet has usually arrived when the system call that sends it returns, unless the kernel hands it to another
 * processor (RPS). */
#define LIMIT_MS 250

#define TUNNEL VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4
#define VXLAN_PORT 4789u

/* The MAC address: locally administered, nobody's. Its last byte is the number of the probe. */
static const uint8_t nobody[ETH_ALEN] = { 0x02, 0x73, 0x70, 0x70, 0x72, 0 };

static const struct probe {
	uint32_t offloads; /* the offload that it tests */
	enum frontend_proved proof;
	uint8_t gso_type, flags;
	uint8_t version, protocol; /* of IP; of the inner packet of a tunnel */
} probes[] = {
	{ FRONTEND_CSUM, FRONTEND_PROOF_CSUM, VIRTIO_NET_HDR_GSO_NONE, 0, 4, IPPROTO_TCP },
	{ FRONTEND_TSO4, FRONTEND_PROOF_TSO4, VIRTIO_NET_HDR_GSO_TCPV4, 0, 4, IPPROTO_TCP },
	{ FRONTEND_TSO6, FRONTEND_PROOF_TSO6, VIRTIO_NET_HDR_GSO_TCPV6, 0, 6, IPPROTO_TCP },
	{ FRONTEND_ECN, FRONTEND_PROOF_ECN, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 0, 4, IPPROTO_TCP },
	{ FRONTEND_USO, FRONTEND_PROOF_USO4, VIRTIO_NET_HDR_GSO_UDP_L4, 0, 4, IPPROTO_UDP },
	{ FRONTEND_USO, FRONTEND_PROOF_USO6, VIRTIO_NET_HDR_GSO_UDP_L4, 0, 6, IPPROTO_UDP },
	{ FRONTEND_UDP_TUNNEL_GSO, FRONTEND_PROOF_TUNNEL, VIRTIO_NET_HDR_GSO_TCPV4 | TUNNEL, 0, 4, IPPROTO_TCP },
	{ FRONTEND_UDP_TUNNEL_GSO_CSUM, FRONTEND_PROOF_TUNNEL_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 | TUNNEL,
	  VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM, 4, IPPROTO_TCP },
	{ FRONTEND_TSO6, FRONTEND_PROOF_BIG, VIRTIO_NET_HDR_GSO_TCPV6, 0, 6, IPPROTO_TCP },
};

struct bench {
	int tap, raw;
	uint8_t *packet; /* of the present probe */
	uint32_t len, room;
	struct vnet_header hdr;
};

/* ---- packets ---- */

static void put(struct bench *bench, const void *bytes, uint32_t len)
{
	memcpy(bench->packet + bench->len, bytes, len);
	bench->len += len;
}

static void put_ethernet(struct bench *bench, uint8_t last, uint8_t version)
{
	uint8_t header[ETH_HLEN] = { 0 };

	memcpy(header, nobody, ETH_ALEN);
	memcpy(header + ETH_ALEN, nobody, ETH_ALEN);
	header[ETH_ALEN - 1] = last;
	store_be16(header + 2 * ETH_ALEN, version == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	put(bench, header, sizeof header);
}

static uint16_t ipv4_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += load_be16(header + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Between addresses for documentation (RFC 5737). */
static void put_ipv4(struct bench *bench, uint8_t protocol, uint32_t len)
{
	uint8_t header[20] = { 0x45, [6] = 0x40, [8] = 64, protocol, [12] = 192, 0, 2, 1, 192, 0, 2, 2 };

	store_be16(header + 2, (uint16_t)(20 + len));
	store_be16(header + 10, ipv4_checksum(header));
	put(bench, header, sizeof header);
}

/* Between addresses for documentation (RFC 3849). A BIG TCP packet has its length in an option (gro_complete.c). */
static void put_ipv6(struct bench *bench, uint8_t protocol, uint32_t len)
{
	uint8_t header[40] = { 0x60,     [6] = protocol, 64,   [8] = 0x20, 0x01, 0x0d,    0xb8,
			       [23] = 1, [24] = 0x20,    0x01, 0x0d,       0xb8, [39] = 2 };
	uint8_t jumbo[8] = { protocol, 0, 0xc2, 4 };

	if (len <= 65535) {
		store_be16(header + 4, (uint16_t)len);
		put(bench, header, sizeof header);
		return;
	}
	header[6] = 0;
	store_be32(jumbo + 4, (uint32_t)sizeof jumbo + len);
	put(bench, header, sizeof header);
	put(bench, jumbo, sizeof jumbo);
}

/* The checksum field stays empty: nobody finishes or verifies the sum of a packet that nobody receives. */
static void put_l4(struct bench *bench, const struct probe *probe, uint32_t payload_len)
{
	uint8_t tcp[20] = { 0x80, 1, 0x80, 2, [12] = 0x50, 0x10, 0xff, 0xff };
	uint8_t udp[8] = { 0x80, 1, 0x80, 2 };

	store_u16(&bench->hdr.csum_start, (uint16_t)bench->len);
	store_u16(&bench->hdr.csum_offset, probe->protocol == IPPROTO_TCP ? 16 : 6);
	if (probe->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		tcp[13] |= 0x80; /* CWR */
	store_be16(udp + 4, (uint16_t)(sizeof udp + payload_len));
	if (probe->protocol == IPPROTO_TCP)
		put(bench, tcp, sizeof tcp);
	else
		put(bench, udp, sizeof udp);
	store_u16(&bench->hdr.hdr_len, (uint16_t)bench->len);
	memset(bench->packet + bench->len, 0, payload_len);
	bench->len += payload_len;
}

/* Outer IPv4, UDP, VXLAN, and the inner Ethernet header; len bytes follow. */
static void put_vxlan(struct bench *bench, const struct probe *probe, uint32_t len)
{
	uint8_t udp[8] = { 0x80, 1 }, vxlan[8] = { 0x08, [6] = 1 };

	store_be16(udp + 2, VXLAN_PORT);
	store_be16(udp + 4, (uint16_t)(sizeof udp + sizeof vxlan + ETH_HLEN + len));
	store_be16(udp + 6, probe->flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM ? 0xffff : 0);
	put_ipv4(bench, IPPROTO_UDP, (uint32_t)(sizeof udp + sizeof vxlan) + ETH_HLEN + len);
	store_u16(&bench->hdr.outer_th_offset, (uint16_t)bench->len);
	put(bench, udp, sizeof udp);
	put(bench, vxlan, sizeof vxlan);
	put_ethernet(bench, 0, probe->version);
	store_u16(&bench->hdr.inner_nh_offset, (uint16_t)bench->len);
}

static void build(struct bench *bench, const struct probe *probe, uint32_t payload_len)
{
	const uint32_t l4_len = (probe->protocol == IPPROTO_TCP ? 20 : 8) + payload_len;

	bench->len = 0;
	bench->hdr = (struct vnet_header){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | probe->flags,
					   .gso_type = probe->gso_type };
	if (probe->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		store_u16(&bench->hdr.gso_size, SEGMENT_LEN);
	put_ethernet(bench, (uint8_t)(probe - probes), probe->version);
	if (probe->gso_type & TUNNEL)
		put_vxlan(bench, probe, (probe->version == 4 ? 20 : 40) + l4_len);
	if (probe->version == 4)
		put_ipv4(bench, probe->protocol, l4_len);
	else
		put_ipv6(bench, probe->protocol, l4_len);
	put_l4(bench, probe, payload_len);
}

/* ---- both ends ---- */

/* What was received of a packet; len is the length of the whole packet. */
struct seen {
	struct vnet_header hdr;
	uint8_t start[ETH_HLEN];
	uint32_t len;
};

static enum frontend_proof_verdict compare(const struct bench *bench, const struct seen *seen, bool tunnel)
{
	const bool same = tunnel ||
			  (seen->hdr.gso_type == bench->hdr.gso_type && seen->hdr.gso_size == bench->hdr.gso_size &&
			   seen->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);

	return same && seen->len == bench->len ? FRONTEND_KEPT : FRONTEND_CHANGED;
}

/* Whether the packet is this probe's. There may be others: some daemons send packets on every new interface. */
static bool is_ours(const struct bench *bench, const struct seen *seen)
{
	return seen->len >= ETH_HLEN && !memcmp(seen->start, bench->packet, ETH_HLEN);
}

static bool raw_read(struct bench *bench, struct seen *seen)
{
	struct iovec iov[] = { { &seen->hdr, sizeof(struct virtio_net_hdr) }, { seen->start, ETH_HLEN } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	const ssize_t len = recvmsg(bench->raw, &msg, MSG_TRUNC | MSG_DONTWAIT);

	seen->len = len < (ssize_t)sizeof(struct virtio_net_hdr) ?
			    0 :
			    (uint32_t)len - (uint32_t)sizeof(struct virtio_net_hdr);
	return len >= 0;
}

/* Reads into the memory behind the packet that was sent. */
static bool tap_read_back(struct bench *bench, struct seen *seen)
{
	uint8_t *behind = bench->packet + bench->room;
	const struct iovec iov[] = { { &seen->hdr, sizeof seen->hdr }, { behind, bench->room } };
	const ssize_t len = readv(bench->tap, iov, ARRAY_SIZE(iov));

	seen->len = len < (ssize_t)sizeof seen->hdr ? 0 : (uint32_t)(len - (ssize_t)sizeof seen->hdr);
	memcpy(seen->start, behind, ETH_HLEN);
	return len >= 0;
}

static enum frontend_proof_verdict wait_for(struct bench *bench, int fd, bool tunnel,
					    bool (*read_one)(struct bench *bench, struct seen *seen))
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct seen seen = { .len = 0 };

	while (poll(&pfd, 1, LIMIT_MS) > 0 && read_one(bench, &seen))
		if (is_ours(bench, &seen))
			return compare(bench, &seen, tunnel);
	return FRONTEND_LOST;
}

static enum frontend_proof_verdict prove_in(struct bench *bench, bool tunnel)
{
	const struct iovec iov[] = { { &bench->hdr, sizeof bench->hdr }, { bench->packet, bench->len } };

	if (writev(bench->tap, iov, ARRAY_SIZE(iov)) < 0)
		return FRONTEND_REFUSED;
	return wait_for(bench, bench->raw, tunnel, raw_read);
}

static enum frontend_proof_verdict prove_out(struct bench *bench)
{
	/* The packet socket's header is the beginning of ours. */
	const struct iovec iov[] = { { &bench->hdr, sizeof(struct virtio_net_hdr) }, { bench->packet, bench->len } };

	if (writev(bench->raw, iov, ARRAY_SIZE(iov)) < 0)
		return FRONTEND_REFUSED;
	return wait_for(bench, bench->tap, false, tap_read_back);
}

/* ---- the interface ---- */

static int set_up(int raw, const char *name, struct ifreq *ifr)
{
	*ifr = (struct ifreq){ .ifr_mtu = MTU };
	snprintf(ifr->ifr_name, sizeof ifr->ifr_name, "%s", name);
	if (ioctl(raw, SIOCSIFMTU, ifr) < 0)
		return -errno;
	ifr->ifr_flags = IFF_UP;
	if (ioctl(raw, SIOCSIFFLAGS, ifr) < 0 || ioctl(raw, SIOCGIFINDEX, ifr) < 0)
		return -errno;
	return 0;
}

static int bind_raw(int raw, int ifindex, uint32_t room)
{
	const struct sockaddr_ll addr = { .sll_family = AF_PACKET,
					  .sll_protocol = htons(ETH_P_ALL),
					  .sll_ifindex = ifindex };
	const int on = 1, buffer_len = (int)(4 * room);

	(void)setsockopt(raw, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_len, sizeof buffer_len);
	(void)setsockopt(raw, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_len, sizeof buffer_len);
	if (setsockopt(raw, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
	    setsockopt(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
	    bind(raw, (const struct sockaddr *)&addr, sizeof addr) < 0)
		return -errno;
	return 0;
}

static void prove_all(struct bench *bench, uint32_t offloads, uint32_t big_len,
		      struct frontend_proof proofs[FRONTEND_PROOF_CNT])
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct probe *probe = &probes[i];
		struct frontend_proof *proof = &proofs[probe->proof];
		const bool big = probe->proof == FRONTEND_PROOF_BIG, tunnel = probe->gso_type & TUNNEL;

		if (!(offloads & probe->offloads) || (big && big_len <= 65535))
			continue;
		build(bench, probe,
		      big                                        ? big_len - 40 - 8 - 20 :
		      probe->gso_type == VIRTIO_NET_HDR_GSO_NONE ? SEGMENT_LEN :
								   PAYLOAD_LEN);
		proof->in = prove_in(bench, tunnel);
		proof->out = big ? FRONTEND_UNASKED : tunnel ? FRONTEND_BELIEVED : prove_out(bench);
	}
}

int tap_prove(int fd, const char *name, uint32_t offloads, uint32_t big_len,
	      struct frontend_proof proofs[FRONTEND_PROOF_CNT])
{
	struct bench bench = { .tap = fd, .room = (big_len > PAYLOAD_LEN ? big_len : PAYLOAD_LEN) + 256 };
	struct ifreq ifr;
	int err;

	/* Protocol 0: it receives nothing before it is bound to the interface. */
	bench.raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (bench.raw < 0)
		return -errno;
	err = set_up(bench.raw, name, &ifr);
	if (!err)
		err = bind_raw(bench.raw, ifr.ifr_ifindex, bench.room);
	bench.packet = err ? NULL : malloc(2 * (size_t)bench.room);
	if (bench.packet)
		prove_all(&bench, offloads, big_len, proofs);
	else if (!err)
		err = -ENOMEM;
	free(bench.packet);
	close(bench.raw);
	return err;
}
