// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The pool has a slot of 2 KB for each packet. Captures from hosts with TSO or LRO have longer packets, which get
 * memory of their own, up to LARGE_BYTES_MAX in total. The slot used last is used again first, so that a burst of
 * 64 packets stays in the cache.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "engine/parse.h"
#include "replay/engine.h"

/* 80 ms of full frames at 10 Gbit/s, so that lack of room hardly ever decides. A power of two. */
#define POOL_PACKETS 65536u

#define SLOT_LEN 2048u
#define HEADROOM 64u /* BIG TCP needs 8; a whole cache line keeps packets aligned to cache lines */
#define LARGE_BYTES_MAX (256u << 20)

/* --- The pool --- */

static uint8_t *slot_of(const struct engine *engine, uint32_t idx)
{
	size_t stride = SLOT_LEN * (engine->config.keep_copies ? 2u : 1u);

	return engine->slots + idx * stride;
}

static bool pool_init(struct engine *engine)
{
	engine->slots_len = (size_t)POOL_PACKETS * SLOT_LEN * (engine->config.keep_copies ? 2u : 1u);
	engine->slots = mmap(NULL, engine->slots_len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (engine->slots == MAP_FAILED) {
		engine->slots = NULL;
		return false;
	}
	engine->packets = calloc(POOL_PACKETS, sizeof *engine->packets);
	engine->free_packets = calloc(POOL_PACKETS, sizeof *engine->free_packets);
	if (!engine->packets || !engine->free_packets)
		return false;
	for (uint32_t i = 0; i < POOL_PACKETS; i++)
		engine->free_packets[i] = POOL_PACKETS - 1 - i;
	engine->free_cnt = POOL_PACKETS;
	return true;
}

static void release_packet(struct engine *engine, uint32_t idx)
{
	struct engine_packet *packet = &engine->packets[idx];

	if (packet->large) {
		engine->large_bytes -= packet->large_len;
		free(packet->large);
		packet->large = NULL;
	}
	engine->free_packets[engine->free_cnt++] = idx;
}

/* Memory for a packet and its copy, or NULL if none is left. */
static uint8_t *find_memory(struct engine *engine, uint32_t idx, uint32_t len)
{
	struct engine_packet *packet = &engine->packets[idx];

	if (HEADROOM + len <= SLOT_LEN)
		return slot_of(engine, idx);
	packet->large_len = (HEADROOM + len) * (engine->config.keep_copies ? 2u : 1u);
	if (engine->large_bytes + packet->large_len > LARGE_BYTES_MAX)
		return NULL;
	packet->large = malloc(packet->large_len);
	if (packet->large)
		engine->large_bytes += packet->large_len;
	return packet->large;
}

/* Copies a packet to the pool. Returns NULL if the pool has no room for it. */
static struct engine_packet *copy_to_pool(struct engine *engine, const struct capture_packet *from)
{
	struct engine_packet *packet;
	uint8_t *memory;
	uint32_t idx;

	if (!engine->free_cnt)
		return NULL;
	idx = engine->free_packets[engine->free_cnt - 1];
	packet = &engine->packets[idx];
	memory = find_memory(engine, idx, from->captured_len);
	if (!memory)
		return NULL;
	engine->free_cnt--;
	packet->data = memory + HEADROOM;
	packet->captured_len = from->captured_len;
	packet->len = from->len;
	packet->index = engine->packet_cnt;
	memcpy(packet->data, from->data, from->captured_len);
	packet->copy = NULL;
	if (engine->config.keep_copies) {
		uint8_t *copy = packet->large ? packet->data + from->captured_len : memory + SLOT_LEN;

		memcpy(copy, from->data, from->captured_len);
		packet->copy = copy;
	}
	return packet;
}

uint32_t engine_slot(const struct engine *engine, const struct engine_packet *packet)
{
	return (uint32_t)(packet - engine->packets);
}

uint32_t engine_pool_size(void)
{
	return POOL_PACKETS;
}

/* --- The engine --- */

int engine_init(struct engine *engine, const struct engine_config *config)
{
	struct sp_gro_config *gro = &engine->config.gro;
	size_t size;
	int err;

	*engine = (struct engine){ .config = *config };
	gro->flows = gro->packets = POOL_PACKETS;
	gro->headroom = HEADROOM;
	/* Results do not depend on it, but a malicious capture should not know it. */
	if (getrandom(gro->secret, sizeof gro->secret, GRND_NONBLOCK) < 0)
		gro->secret[0] = (uintptr_t)gro;
	size = sp_gro_memory_size(gro);
	if (!size)
		return -EINVAL;
	err = posix_memalign(&engine->gro_memory, 64, size);
	if (err)
		return -err;
	engine->gro = sp_gro_init(gro, engine->gro_memory);
	if (!engine->gro || !pool_init(engine)) {
		err = engine->gro ? -ENOMEM : -EINVAL;
		engine_fini(engine);
		return err;
	}
	return 0;
}

void engine_fini(struct engine *engine)
{
	for (uint32_t i = 0; engine->packets && i < POOL_PACKETS; i++)
		free(engine->packets[i].large);
	if (engine->slots)
		munmap(engine->slots, engine->slots_len);
	free(engine->packets);
	free(engine->free_packets);
	free(engine->gro_memory);
	*engine = (struct engine){ 0 };
}

/*
 * A packet that a snap length has truncated must not merge, but must keep its place in its flow (D1). If only
 * padding is missing, the engine would accept the packet, so it is offered without the last byte of its IP packet.
 * The engine then sees an impossible IP length, flushes everything held between these hosts (D2) and passes it.
 */
static uint32_t offered_len(const struct engine_packet *packet)
{
	struct packet_view view;
	const uint8_t *ip;
	uint32_t end;

	if (packet->captured_len == packet->len)
		return packet->captured_len;
	parse_packet(packet->data, packet->captured_len, packet->captured_len, &view);
	if (view.class == PARSE_FOREIGN || view.obstacle == PARSE_IP_LENGTH)
		return packet->captured_len;
	ip = packet->data + view.l3_off;
	end = view.l3_off + (view.ip_version == 4 ? load_be16(ip + 2) : IPV6_LEN + load_be16(ip + 4));
	return end - 1;
}

static bool offer_packet(struct engine *engine, struct engine_packet *packet)
{
	const struct sp_fragment fragment = {
		.data = packet->data,
		.len = offered_len(packet),
		.cookie = engine_slot(engine, packet),
	};

	return sp_gro_offer(engine->gro, &fragment, 1, engine->clock_ns) == 1;
}

/* Advances the clock to the next deadline or to now_ns. Returns true if it was a deadline. */
static bool advance_clock(struct engine *engine, uint64_t now_ns)
{
	uint64_t deadline = engine->config.gro.hold_ns ? sp_gro_deadline(engine->gro) : UINT64_MAX;

	if (deadline != UINT64_MAX && deadline <= now_ns) {
		if (deadline > engine->clock_ns)
			engine->clock_ns = deadline;
		sp_gro_burst_end(engine->gro, engine->clock_ns);
		return true;
	}
	if (now_ns > engine->clock_ns)
		engine->clock_ns = now_ns;
	return false;
}

static void count_packet(struct engine *engine, const struct capture_packet *packet, bool back)
{
	if (!engine->packet_cnt)
		engine->first_ns = packet->time_ns;
	engine->packet_cnt++;
	engine->byte_cnt += packet->len;
	engine->stepped_back += back;
	engine->truncated += packet->captured_len < packet->len;
}

bool engine_offer(struct engine *engine, const struct capture_packet *from)
{
	bool back = from->time_ns < engine->clock_ns && engine->packet_cnt;
	struct engine_packet *packet;

	if (advance_clock(engine, from->time_ns))
		return false;
	packet = copy_to_pool(engine, from);
	if (!packet) {
		if (engine->free_cnt == POOL_PACKETS) /* the pool is empty, so the machine has no memory */
			abort();
		engine->pool_flushes++;
		sp_gro_flush(engine->gro);
		return false;
	}
	if (!offer_packet(engine, packet)) {
		release_packet(engine, engine_slot(engine, packet));
		return false;
	}
	engine->last = packet;
	count_packet(engine, from, back);
	if (++engine->in_burst == engine->config.burst) {
		engine->in_burst = 0;
		sp_gro_burst_end(engine->gro, engine->clock_ns);
	}
	return true;
}

/* After the last packet everything held is delivered when the daemon would deliver it: at the end of the burst,
 * or at its deadline. */
bool engine_end(struct engine *engine)
{
	if (sp_gro_deadline(engine->gro) == UINT64_MAX)
		return false;
	if (!engine->config.gro.hold_ns || !advance_clock(engine, UINT64_MAX))
		sp_gro_burst_end(engine->gro, engine->clock_ns);
	return true;
}

bool engine_take(struct engine *engine, struct engine_delivery *delivery)
{
	if (!sp_gro_next(engine->gro, &delivery->what))
		return false;
	delivery->time_ns = engine->clock_ns;
	delivery->iov_cnt = sp_gro_slices(engine->gro, &delivery->what, delivery->iov);
	/* Released at once: the memory is ours, and stays until engine_give(). */
	delivery->packet_cnt = sp_gro_release(engine->gro, &delivery->what, delivery->cookies);
	engine->merged_cnt += delivery->what.segs > 1 ? delivery->packet_cnt : 0;
	for (uint32_t i = 0; i < delivery->packet_cnt; i++)
		delivery->packets[i] = &engine->packets[delivery->cookies[i]];
	return true;
}

void engine_give(struct engine *engine, const struct engine_delivery *delivery)
{
	/* In reverse, so that the slot of the first packet is used again first. */
	for (uint32_t i = delivery->packet_cnt; i-- > 0;)
		release_packet(engine, (uint32_t)delivery->cookies[i]);
}
