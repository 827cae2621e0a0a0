// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * DPDK's segmentation and reassembly on the packets of bench-engine, used as its documentation shows, and in the
 * way that is fastest for it.
 *
 * What is measured of DPDK and what is not, compared with ours:
 *
 *   rte_gso     writes the headers and chains an mbuf to each slice, which corresponds to our header slot and
 *               descriptors; the driver's descriptors are not counted. IPv4 and TCP checksums are left to the
 *               caller, while ours always writes the IPv4 one. The mbufs are freed at once, so its pools stay in
 *               the cache.
 *   rte_gro     gets packet type and header lengths with the mbuf, as drivers may set them, while ours parses. It
 *               verifies no checksum. Passing on its chains and freeing them is not counted; making our iovecs and
 *               releasing our packets is.
 *   both        find the headers in the cache when a burst is offered (bench_arrive()).
 *
 * Without libdpdk (no HAVE_DPDK) none of this is built.
 */
#ifdef HAVE_DPDK

/* DPDK builds itself and its examples with -O3; its checksum loop is 2.5 times slower with -O2. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

/* rte_ipv4_udptcp_cksum_mbuf() is marked experimental in 22.11, like the interface of rte_gro. */
#define ALLOW_EXPERIMENTAL_API

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_gro.h>
#include <rte_gso.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_version.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/dpdk.h"
#include "bench/measure.h"

/* Mbufs of the packet pool: the largest load with context, and one mempool cache more. */
#define PACKET_POOL_CNT (4096u * 8u + 1024u)

/* rte_gro_timeout_flush() counts in 16 bits. */
#define GRO_OUT_CNT 65535u

static struct rte_mempool *packet_pool;

/* DPDK makes a directory for every process, even if nothing is shared, and does not remove it. */
static char run_dir[] = "/tmp/bench-engine-XXXXXX";

static void run_dir_remove(void)
{
	char path[sizeof(run_dir) + 16];

	snprintf(path, sizeof(path), "%s/dpdk/rte", run_dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/dpdk", run_dir);
	rmdir(path);
	rmdir(run_dir);
}

static struct rte_mempool *pool_open(const char *name, unsigned int cnt, uint16_t room)
{
	unsigned int cache = cnt >= 1023 ? 256 : 0;
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, cnt, cache, 0, room, SOCKET_ID_ANY);

	if (!pool)
		fprintf(stderr, "bench-engine: DPDK pool %s: %s\n", name, rte_strerror(rte_errno));
	return pool;
}

bool dpdk_open(unsigned int cpu)
{
	char lcores[16];
	char *argv[] = { "bench-engine",   "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
			 "--iova-mode=va", "-m",        "512",         "--lcores", lcores,
			 "--log-level",    "error",     NULL };

	snprintf(lcores, sizeof(lcores), "0@%u", cpu);
	if (mkdtemp(run_dir))
		setenv("RUNTIME_DIRECTORY", run_dir, 1);
	if (rte_eal_init((int)RTE_DIM(argv) - 1, argv) < 0) {
		fprintf(stderr, "bench-engine: DPDK does not start: %s\n", rte_strerror(rte_errno));
		run_dir_remove();
		return false;
	}
	packet_pool = pool_open("packets", PACKET_POOL_CNT, RTE_MBUF_DEFAULT_BUF_SIZE);
	return packet_pool != NULL;
}

void dpdk_close(void)
{
	rte_mempool_free(packet_pool);
	rte_eal_cleanup();
	run_dir_remove();
}

const char *dpdk_version_text(void)
{
	return rte_version();
}

uint32_t dpdk_checksum(const void *data, size_t len)
{
	return rte_raw_cksum(data, len);
}

/* ---- segmentation ---- */

struct dpdk_gso {
	struct rte_mempool *supers, *direct, *indirect;
	struct rte_mbuf *super[BENCH_SUPERS];
	struct rte_gso_ctx ctx;
};

static struct rte_mbuf *super_mbuf(struct rte_mempool *pool, const uint8_t *bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (!m)
		return NULL;
	memcpy(rte_pktmbuf_append(m, BENCH_SUPER_LEN), bytes, BENCH_SUPER_LEN);
	m->l2_len = BENCH_L2_LEN;
	m->l3_len = BENCH_L3_LEN;
	m->l4_len = BENCH_L4_LEN;
	return m;
}

struct dpdk_gso *dpdk_gso_open(uint8_t *const supers[BENCH_SUPERS])
{
	struct dpdk_gso *gso = calloc(1, sizeof(*gso));

	if (!gso)
		bench_die("no memory for rte_gso");
	gso->supers = pool_open("superpackets", BENCH_SUPERS, UINT16_MAX);
	gso->direct = pool_open("direct", 1023, RTE_PKTMBUF_HEADROOM + 256);
	gso->indirect = pool_open("indirect", 1023, 0); /* these point to other mbufs' data */
	if (!gso->supers || !gso->direct || !gso->indirect)
		bench_die("no memory for rte_gso");
	for (uint32_t i = 0; i < BENCH_SUPERS; i++) {
		gso->super[i] = super_mbuf(gso->supers, supers[i]);
		if (!gso->super[i])
			bench_die("no memory for rte_gso");
	}
	gso->ctx = (struct rte_gso_ctx){
		.direct_pool = gso->direct,
		.indirect_pool = gso->indirect,
		.gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.gso_size = BENCH_FRAME_LEN, /* of a whole segment, headers included */
	};
	return gso;
}

void dpdk_gso_close(struct dpdk_gso *gso)
{
	rte_pktmbuf_free_bulk(gso->super, BENCH_SUPERS);
	rte_mempool_free(gso->supers);
	rte_mempool_free(gso->direct);
	rte_mempool_free(gso->indirect);
	free(gso);
}

/* The checksums that an application computes if the device has no checksum offload. */
static inline void segment_sums(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, BENCH_L2_LEN);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)((uint8_t *)ip + BENCH_L3_LEN);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = 0;
	tcp->cksum = rte_ipv4_udptcp_cksum_mbuf(m, ip, BENCH_L2_LEN + BENCH_L3_LEN);
}

static inline int cut(struct dpdk_gso *gso, uint32_t idx, bool sums, struct rte_mbuf **out)
{
	struct rte_mbuf *m = gso->super[idx % BENCH_SUPERS];
	int cnt;

	/* rte_gso_segment() clears the request in the packet that it cuts. */
	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
	cnt = rte_gso_segment(m, &gso->ctx, out, BENCH_SEGMENTS);
	for (int i = 0; sums && i < cnt; i++)
		segment_sums(out[i]);
	return cnt;
}

static uint64_t gso_pass(struct dpdk_gso *gso, bool sums)
{
	struct rte_mbuf *out[BENCH_SEGMENTS];
	uint64_t start = bench_now_ns();

	for (uint32_t i = 0; i < BENCH_GSO_PASS; i++) {
		if (cut(gso, i, sums, out) != (int)BENCH_SEGMENTS)
			abort();
		rte_pktmbuf_free_bulk(out, BENCH_SEGMENTS);
	}
	return bench_now_ns() - start - bench_clock_ns;
}

uint64_t dpdk_gso_pass(void *gso)
{
	return gso_pass(gso, false);
}

uint64_t dpdk_gso_sums_pass(void *gso)
{
	return gso_pass(gso, true);
}

uint32_t dpdk_gso_cut(struct dpdk_gso *gso, bool sums, uint8_t *out)
{
	struct rte_mbuf *segs[BENCH_SEGMENTS];
	int cnt = cut(gso, 0, sums, segs);

	for (int i = 0; i < cnt; i++) {
		const void *flat = rte_pktmbuf_read(segs[i], 0, segs[i]->pkt_len, out);

		if (flat && flat != out)
			memcpy(out, flat, segs[i]->pkt_len);
		out += BENCH_FRAME_LEN;
	}
	if (cnt > 0)
		rte_pktmbuf_free_bulk(segs, (unsigned int)cnt);
	return cnt > 0 ? (uint32_t)cnt : 0;
}

/* ---- reassembly ---- */

struct dpdk_gro {
	const struct bench_load *load;
	struct rte_gro_param param;
	void *ctx;               /* NULL: the burst call */
	struct rte_mbuf **mbufs; /* [load->packets] */
	struct rte_mbuf **out;   /* [GRO_OUT_CNT] */
	uint64_t packets, supers;
};

struct dpdk_gro *dpdk_gro_open(const struct bench_load *load, bool context)
{
	struct dpdk_gro *gro = calloc(1, sizeof(*gro));

	if (!gro)
		bench_die("no memory for rte_gro");
	gro->load = load;
	gro->mbufs = calloc(load->packets, sizeof(*gro->mbufs));
	gro->out = calloc(GRO_OUT_CNT, sizeof(*gro->out));
	/* The table is exactly as large as its load, because it is searched from end to end. */
	gro->param = (struct rte_gro_param){
		.gro_types = RTE_GRO_TCP_IPV4,
		.max_flow_num = (uint16_t)load->flows,
		.max_item_per_flow = (uint16_t)load->per_flow,
	};
	if (!gro->mbufs || !gro->out || rte_pktmbuf_alloc_bulk(packet_pool, gro->mbufs, load->packets))
		bench_die("no memory for rte_gro");
	if (context) {
		gro->ctx = rte_gro_ctx_create(&gro->param);
		if (!gro->ctx)
			bench_die("no memory for rte_gro");
	}
	return gro;
}

void dpdk_gro_close(struct dpdk_gro *gro)
{
	/* Merged mbufs are still chained: unchain them, so that each one is freed once. */
	for (uint32_t i = 0; i < gro->load->packets; i++) {
		gro->mbufs[i]->next = NULL;
		gro->mbufs[i]->nb_segs = 1;
	}
	rte_pktmbuf_free_bulk(gro->mbufs, gro->load->packets);
	if (gro->ctx)
		rte_gro_ctx_destroy(gro->ctx);
	free(gro->mbufs);
	free(gro->out);
	free(gro);
}

/* What a driver writes into a received mbuf, header lengths included. */
static void receive(struct rte_mbuf *m)
{
	m->next = NULL;
	m->nb_segs = 1;
	m->ol_flags = 0;
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = BENCH_FRAME_LEN;
	m->pkt_len = BENCH_FRAME_LEN;
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
	m->tx_offload = 0;
	m->l2_len = BENCH_L2_LEN;
	m->l3_len = BENCH_L3_LEN;
	m->l4_len = BENCH_L4_LEN;
}

static void receive_burst(struct dpdk_gro *gro, uint32_t first, struct rte_mbuf **burst)
{
	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		burst[i] = gro->mbufs[first + i];
		receive(burst[i]);
		bench_arrive(gro->load, first + i, rte_pktmbuf_mtod(burst[i], uint8_t *));
	}
}

/* The timed part. Returns the number of superpackets, which are at *out. */
static inline uint32_t reassemble(struct dpdk_gro *gro, struct rte_mbuf **burst, bool group_end, struct rte_mbuf ***out)
{
	if (!gro->ctx) {
		*out = burst;
		return rte_gro_reassemble_burst(burst, BENCH_BURST, &gro->param);
	}
	*out = gro->out;
	if (rte_gro_reassemble(burst, BENCH_BURST, gro->ctx))
		abort(); /* its table is large enough for the load */
	if (!group_end)
		return 0;
	return rte_gro_timeout_flush(gro->ctx, 0, RTE_GRO_TCP_IPV4, gro->out, GRO_OUT_CNT);
}

uint64_t dpdk_gro_pass(void *arg)
{
	struct dpdk_gro *gro = arg;
	uint32_t group = gro->load->flows * gro->load->per_flow;
	struct rte_mbuf *burst[BENCH_BURST], **out;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < gro->load->packets; i += BENCH_BURST) {
		bool group_end = (i + BENCH_BURST) % group == 0;
		uint64_t start;

		receive_burst(gro, i, burst);
		start = bench_now_ns();
		gro->supers += reassemble(gro, burst, group_end, &out);
		sum += bench_now_ns() - start - bench_clock_ns;
	}
	gro->packets += gro->load->packets;
	return sum;
}

static void describe(struct rte_mbuf *m, struct bench_super *super)
{
	memcpy(super->header, rte_pktmbuf_mtod(m, uint8_t *), BENCH_HDR_LEN);
	memset(super->header + BENCH_IP_CSUM_OFF, 0, 2);
	memset(super->header + BENCH_TCP_CSUM_OFF, 0, 2);
	super->packets = m->nb_segs;
	super->len = m->pkt_len;
}

uint32_t dpdk_gro_collect(struct dpdk_gro *gro, struct bench_super *supers)
{
	uint32_t group = gro->load->flows * gro->load->per_flow;
	struct rte_mbuf *burst[BENCH_BURST], **out;
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < group; i += BENCH_BURST) {
		uint32_t done;

		receive_burst(gro, i, burst);
		done = reassemble(gro, burst, i + BENCH_BURST == group, &out);
		for (uint32_t j = 0; j < done; j++)
			describe(out[j], &supers[cnt++]);
	}
	return cnt;
}

double dpdk_gro_merge(const struct dpdk_gro *gro)
{
	return gro->supers ? (double)gro->packets / (double)gro->supers : 0;
}

#endif /* HAVE_DPDK */
