// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * sp_gro_*: the public functions for engine/gro.h. They check the configuration, once, and translate
 * structs. A burst is handed on as it is, because a public fragment has the layout of the engine's packet.
 *
 *      memory of the caller | struct sp_gro | gro_memory_size() bytes of the engine |
 */
#include <superpacket/gro.h>

#include "engine/gro.h"

struct sp_gro {
	struct gro gro;
} __attribute__((aligned(64)));

/* sp_gro_offer() costs nothing, because the two structs have the same layout. */
#define SAME_PLACE(public, private) \
	_Static_assert(offsetof(struct sp_fragment, public) == offsetof(struct gro_packet, private) && \
			       sizeof(((struct sp_fragment *)0)->public) == sizeof(((struct gro_packet *)0)->private), \
		       "sp_fragment: " #public)
SAME_PLACE(data, data);
SAME_PLACE(len, len);
SAME_PLACE(verified, csum);
SAME_PLACE(more, more);
SAME_PLACE(cookie, cookie);
_Static_assert(sizeof(struct sp_fragment) == sizeof(struct gro_packet), "sp_fragment");
_Static_assert((int)true == GRO_CSUM_VERIFIED && (int)false == GRO_CSUM_UNKNOWN, "sp_fragment: verified");

_Static_assert(SP_MERGE_TCP == GRO_MERGE_TCP && SP_MERGE_UDP == GRO_MERGE_UDP && SP_MERGE_VXLAN == GRO_MERGE_VXLAN &&
		       SP_MERGE_GENEVE == GRO_MERGE_GENEVE && SP_MERGE_GRE == GRO_MERGE_GRE &&
		       SP_MERGE_IPIP == GRO_MERGE_IPIP,
	       "SP_MERGE_*");
_Static_assert(SP_GRO_PACKETS_MAX == GRO_MAX_PACKETS && SP_GRO_BYTES_MAX == GRO_BIG_BYTES_MAX &&
		       SP_GRO_FRAGMENTS_MAX == GRO_FRAGMENTS_MAX && SP_GRO_PASS_PORTS == GRO_PASS_PORTS,
	       "SP_GRO_*_MAX");
_Static_assert((int)SP_GSO_NONE == GSO_NONE && (int)SP_GSO_TCPV4 == GSO_TCPV4 && (int)SP_GSO_TCPV6 == GSO_TCPV6 &&
		       (int)SP_GSO_UDP == GSO_UDP,
	       "enum sp_gso_type");

#define FLAGS_ALL (SP_GRO_ACCEPT_UNFINISHED | SP_GRO_MARKS | SP_GRO_ADAPTIVE | SP_GRO_FLUSH_ALL)

/* Most held superpackets, and most fragments that the engine owns: it counts both in 24 bits. */
#define ENTRIES_MAX (1u << 24)

/* ---- configuration ---- */

void sp_gro_config_defaults(struct sp_gro_config *config, uint32_t struct_size)
{
	struct sp_gro_config defaults = {
		.struct_size = struct_size,
		.merge = SP_MERGE_TCP,
		.flows = 4096,
		.packets = 8192,
		.max_packets = SP_GRO_PACKETS_MAX,
		.max_bytes = 65535,
	};

	memset(config, 0, struct_size);
	memcpy(config, &defaults, struct_size < sizeof defaults ? struct_size : sizeof defaults);
}

static bool all_zero(const uint8_t *at, size_t len)
{
	for (; len; at++, len--)
		if (*at)
			return false;
	return true;
}

/* A caller compiled against an older header has fewer fields; the others become 0, which means off. A caller
 * compiled against a newer header must leave the fields that are not known here at 0. */
static bool copy_public(struct sp_gro_config *ours, const struct sp_gro_config *config)
{
	uint32_t theirs = config->struct_size, known = theirs < sizeof *ours ? theirs : sizeof *ours;

	if (theirs < sizeof config->struct_size)
		return false;
	if (theirs > known && !all_zero((const uint8_t *)config + known, theirs - known))
		return false;
	memset(ours, 0, sizeof *ours);
	memcpy(ours, config, known);
	return true;
}

static bool in_range(const struct sp_gro_config *config)
{
	return !(config->merge & ~GRO_MERGE_ALL) && !(config->flags & ~FLAGS_ALL) && config->flows >= 1 &&
	       config->flows <= ENTRIES_MAX && config->packets >= 1 && config->packets <= ENTRIES_MAX &&
	       config->max_packets >= 2 && config->max_packets <= SP_GRO_PACKETS_MAX && config->max_bytes >= 1 &&
	       config->max_bytes <= SP_GRO_BYTES_MAX;
}

/* The hash multiplies with the secret. With a secret of 0, as in the defaults, all flows would fall into one
 * chain. So it is mixed with constants (the fractions of the golden ratio and of the square root of 3), which
 * make it no more secret, but spread the flows. */
#define SECRET_MIX_0 0x9e3779b97f4a7c15u
#define SECRET_MIX_1 0xbb67ae8584caa73bu

/* Returns false if a field is out of its range. */
static bool read_config(struct gro_config *engine, const struct sp_gro_config *config)
{
	struct sp_gro_config ours;

	if (!copy_public(&ours, config) || !in_range(&ours))
		return false;
	*engine = (struct gro_config){
		.flows = ours.flows,
		.packets = ours.packets,
		.max_packets = ours.max_packets,
		.max_bytes = ours.max_bytes,
		.min_payload = ours.min_payload,
		.hold_ns = ours.hold_ns,
		.idle_ns = ours.idle_ns,
		.merge = ours.merge,
		.vxlan_port = ours.vxlan_port,
		.geneve_port = ours.geneve_port,
		.headroom = ours.headroom,
		.flush_all_when_full = ours.flags & SP_GRO_FLUSH_ALL,
		.adaptive = ours.flags & SP_GRO_ADAPTIVE,
		.marks = ours.flags & SP_GRO_MARKS,
		.accept_unfinished = ours.flags & SP_GRO_ACCEPT_UNFINISHED,
		.secret = { ours.secret[0] ^ SECRET_MIX_0, ours.secret[1] ^ SECRET_MIX_1 },
	};
	memcpy(engine->pass_ports, ours.pass_ports, sizeof engine->pass_ports);
	return true;
}

size_t sp_gro_memory_size(const struct sp_gro_config *config)
{
	struct gro_config engine;

	return read_config(&engine, config) ? sizeof(struct sp_gro) + gro_memory_size(&engine) : 0;
}

struct sp_gro *sp_gro_init(const struct sp_gro_config *config, void *memory)
{
	struct sp_gro *gro = memory;
	struct gro_config engine;

	if (!memory || (uintptr_t)memory % SP_ALIGNMENT || !read_config(&engine, config) ||
	    gro_init(&gro->gro, &engine, gro + 1) < 0)
		return NULL;
	return gro;
}

/* ---- packets and time ---- */

uint32_t sp_gro_offer(struct sp_gro *gro, const struct sp_fragment *fragments, uint32_t cnt, uint64_t now_ns)
{
	return gro_offer(&gro->gro, (const struct gro_packet *)fragments, cnt, now_ns);
}

void sp_gro_burst_end(struct sp_gro *gro, uint64_t now_ns)
{
	gro_burst_end(&gro->gro, now_ns);
}

void sp_gro_flush(struct sp_gro *gro)
{
	gro_flush(&gro->gro, GRO_SHUTDOWN);
}

uint64_t sp_gro_deadline(const struct sp_gro *gro)
{
	return gro_deadline(&gro->gro);
}

/* ---- deliveries ---- */

static void write_request(struct sp_gso_request *public, const struct gso_request *request)
{
	*public = (struct sp_gso_request){
		.type = request->type,
		.needs_csum = request->needs_csum,
		.fixed_id = request->fixed_id,
		.accecn = request->accecn,
		.outer_fixed_id = request->outer_fixed_id,
		.outer_csum = request->outer_csum,
		.outer_version = request->outer_version,
		.size = request->size,
		.csum_start = request->csum_start,
		.csum_offset = request->csum_offset,
		.hdr_len = request->hdr_len,
		.inner_l3_off = request->inner_l3_off,
		.outer_l4_off = request->outer_l4_off,
	};
}

/* The packets of a superpacket were verified one by one; completion leaves its own checksum unfinished (D7). */
static uint8_t csum_state(const struct gro_super *super)
{
	if (super->csum == GRO_CSUM_WRONG)
		return SP_CSUM_WRONG;
	if (super->request.needs_csum)
		return SP_CSUM_PARTIAL;
	return super->csum == GRO_CSUM_VERIFIED ? SP_CSUM_VERIFIED : SP_CSUM_UNKNOWN;
}

static void describe(struct sp_delivery *delivery, struct gro_super *super)
{
	memset(delivery, 0, sizeof *delivery);
	write_request(&delivery->request, &super->request);
	delivery->segs = super->packet_cnt;
	delivery->fragments = super->fragment_cnt;
	delivery->len = super->len;
	delivery->header_len = super->request.type != GSO_NONE ? super->request.hdr_len : 0;
	delivery->csum = csum_state(super);
	delivery->reason = super->reason;
	delivery->handle = super;
}

bool sp_gro_next(struct sp_gro *gro, struct sp_delivery *delivery)
{
	struct gro_super *super = gro_next(&gro->gro);

	if (!super)
		return false;
	describe(delivery, super);
	return true;
}

uint32_t sp_gro_slices(const struct sp_gro *gro, const struct sp_delivery *delivery, struct iovec *iov)
{
	return gro_iovecs(&gro->gro, delivery->handle, iov);
}

uint32_t sp_gro_unmerge(struct sp_gro *gro, struct sp_delivery *delivery, struct iovec *iov, bool *more)
{
	struct gro_super *super = delivery->handle;
	uint32_t cnt = gro_unmerge(&gro->gro, super, iov, more);

	describe(delivery, super);
	delivery->len = 0;
	for (uint32_t i = 0; i < cnt; i++)
		delivery->len += (uint32_t)iov[i].iov_len;
	return cnt;
}

uint32_t sp_gro_release(struct sp_gro *gro, struct sp_delivery *delivery, uint64_t *cookies)
{
	struct gro_super *super = delivery->handle;

	delivery->handle = NULL;
	return gro_release(&gro->gro, super, cookies);
}

/* ---- counters ---- */

const char *sp_gro_reason_name(unsigned int reason)
{
	return reason < GRO_REASON_CNT ? gro_reason_names[reason] : NULL;
}

void sp_gro_counters(const struct sp_gro *gro, struct sp_gro_counters *counters)
{
	*counters = (struct sp_gro_counters){
		.held_packets = gro_owned_packets(&gro->gro),
		.checksum_errors = gro->gro.checksum_errors,
	};
}

uint64_t sp_gro_flushes(const struct sp_gro *gro, unsigned int reason)
{
	return reason < GRO_REASON_CNT ? gro->gro.flushes[reason] : 0;
}

uint64_t sp_gro_singles(const struct sp_gro *gro, unsigned int reason)
{
	return reason < GRO_REASON_CNT ? gro->gro.singles[reason] : 0;
}
