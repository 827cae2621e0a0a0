// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The order ensures that no frame is steered to nobody:
 *
 *   steer_open        XDP program attached; serve = 0, so it passes everything
 *   steer_add_socket  sockets in the map
 *   steer_start       tc programs, then heartbeat, then serve: frames come from here on
 *   steer_stop        serve = 0; NIC's egress and XDP program detached; sockets out of the map
 *   steer_close       TAP's ingress detached: until now, what the sockets held could be delivered
 *
 * serve and heartbeat are one aligned word each in a mapped page, so that each change costs one store. The XDP program
 * and the tc programs have a page each. They are written one right after the other, that of the tc programs last: if
 * the process is stopped in between, its heartbeat is the older one, and steer_lapsed() goes by that.
 */
#include "nic/steer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <xdp/libxdp.h>

#include "base/clock.h"
#include "base/log.h"
#include "nic/steer_clock.h"
#include "nic/steer_state.h"
#include "nic/steer_tc.h"
#include "nic/steer_xdp.h"

struct steer {
	struct steer_config config;
	struct steer_xdp xdp;
	struct steer_tc tc;               /* object is NULL in port mode, and for a bond's member */
	struct steer_state *state;        /* of the XDP program, mapped; NULL: there is none (tc_only) */
	const struct steer_queue *queues; /* the same */
	struct steer_slots *slots;        /* the same */
	bool serving;
	bool leaves_out; /* atomic; see steer_serve_out() */
	bool holds_out;  /* see steer_hold_out() */
	bool awaits_tag; /* see steer_await_tag() */
	uint32_t gaps;   /* heartbeats that came too late; atomic */
	struct {
		bool uncounted;
		uint32_t gaps;
		uint64_t no_heartbeat, redirected;
	} beats;            /* by steer_presence(): at its last look */
	uint32_t queue_end; /* sockets were registered below it; workers read it, so it is atomic */
};

/* The libraries explain at length what we log in one line; with -v both are logged. */
static int libbpf_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, args);
	log_debug("%s", line);
	return 0;
}

static int libxdp_print(enum libxdp_print_level level, const char *fmt, va_list args)
{
	return libbpf_print((enum libbpf_print_level)level, fmt, args);
}

static void unmap(struct steer *steer)
{
	steer_unmap_state(&steer->state);
	steer_unmap_queues(&steer->queues);
	steer_unmap_slots(&steer->slots);
}

static int map(struct steer *steer)
{
	int err = steer_map_state(steer->xdp.state_fd, &steer->state);

	if (!err)
		err = steer_map_queues(steer->xdp.queues_fd, &steer->queues);
	if (!err)
		err = steer_map_slots(steer->xdp.slots_fd, &steer->slots);
	if (err) {
		unmap(steer);
		return err;
	}
	steer->state->ifindex = steer->config.ifindex;
	steer->state->owned = !steer->config.pinned;
	steer_set_frame_max(steer, steer->config.frame_max);
	return 0;
}

int steer_open(struct steer **steerp, const struct steer_config *config)
{
	struct steer *steer = calloc(1, sizeof(*steer));
	int err = 0;

	if (!steer)
		return -ENOMEM;
	libbpf_set_print(libbpf_print);
	libxdp_set_print(libxdp_print);
	steer->config = *config;

	if (config->tc_only)
		steer_xdp_none(&steer->xdp, config);
	else
		err = steer_xdp_open(&steer->xdp, config);
	if (err)
		goto free;
	if (!config->tc_only)
		err = map(steer);
	if (err) {
		log_error("%s: mapping steer_state, steer_queues and steer_slots: %s", config->interface,
			  strerror(-err));
		goto close_xdp;
	}
	if (config->inline_tap)
		err = steer_tc_open(&steer->tc, config);
	if (err)
		goto unmap;
	*steerp = steer;
	return 0;
unmap:
	unmap(steer);
close_xdp:
	steer_xdp_close(&steer->xdp);
free:
	free(steer);
	return err;
}

int steer_add_socket(struct steer *steer, uint32_t queue, int xsk_fd)
{
	const int err = bpf_map_update_elem(steer->xdp.xsks_fd, &queue, &xsk_fd, BPF_ANY);

	/* A worker only replaces a socket; the main thread is the one that registers more queues. */
	if (!err && queue >= __atomic_load_n(&steer->queue_end, __ATOMIC_RELAXED))
		__atomic_store_n(&steer->queue_end, queue + 1, __ATOMIC_RELAXED);
	return err;
}

void steer_remove_socket(struct steer *steer, uint32_t queue)
{
	(void)bpf_map_delete_elem(steer->xdp.xsks_fd, &queue); /* ENOENT: there was none */
}

int steer_start(struct steer *steer)
{
	int err;

	if (steer->tc.object) {
		err = steer_tc_attach(&steer->tc, &steer->config, steer->xdp.generic);
		if (err)
			return err;
	}
	steer_heartbeat(steer, clock_ns());
	/* After the heartbeat: a program that sees serve must also see a heartbeat that has not lapsed. */
	steer_serve(steer, true);
	return 0;
}

int steer_renew(struct steer *steer)
{
	return steer_xdp_renew(&steer->xdp, &steer->config);
}

void steer_heartbeat(struct steer *steer, uint64_t now_ns)
{
	const uint64_t shown_ns = now_ns ? steer_clock_bpf_ns(now_ns) : 0;

	if (steer->state && shown_ns - steer->state->heartbeat_ns > STEER_HEARTBEAT_LIMIT_NS / 2)
		__atomic_fetch_add(&steer->gaps, 1, __ATOMIC_RELEASE);
	if (steer->state)
		__atomic_store_n((uint64_t *)&steer->state->heartbeat_ns, shown_ns, __ATOMIC_RELAXED);
	if (steer->tc.object)
		__atomic_store_n((uint64_t *)&steer->tc.state->heartbeat_ns, shown_ns, __ATOMIC_RELEASE);
}

uint64_t steer_heartbeat_shown(const struct steer *steer)
{
	const struct steer_state *state = steer->tc.object ? steer->tc.state : steer->state;

	return __atomic_load_n((const uint64_t *)&state->heartbeat_ns, __ATOMIC_ACQUIRE);
}

bool steer_lapsed(const struct steer *steer, uint64_t now_ns)
{
	uint64_t last_ns;

	if (steer->config.serve & STEER_SERVE_ALL)
		return false;
	last_ns = steer_heartbeat_shown(steer);
	now_ns = steer_clock_bpf_ns(now_ns);
	/* 0: not started yet, or stopped. Another thread may have shown it after now_ns. */
	return last_ns && last_ns < now_ns && now_ns - last_ns > STEER_HEARTBEAT_LIMIT_NS;
}

void steer_set_frame_max(struct steer *steer, uint32_t frame_max)
{
	if (steer->state)
		__atomic_store_n(&steer->state->frame_max, frame_max, __ATOMIC_RELAXED);
}

static void write_serve(struct steer *steer)
{
	const uint32_t serve = steer->serving ? steer->config.serve : 0;

	if (steer->state)
		__atomic_store_n(&steer->state->serve, serve && steer->awaits_tag ? serve | STEER_AWAIT_TAG : serve,
				 __ATOMIC_RELEASE);
	if (steer->tc.object)
		__atomic_store_n(&steer->tc.state->serve, steer->leaves_out || steer->holds_out ? 0 : serve,
				 __ATOMIC_RELEASE);
}

void steer_serve(struct steer *steer, bool serve)
{
	steer->serving = serve;
	write_serve(steer);
}

void steer_await_tag(struct steer *steer, bool await)
{
	steer->awaits_tag = await;
	write_serve(steer);
}

bool steer_saw_tag(const struct steer *steer)
{
	const uint32_t end = __atomic_load_n(&steer->queue_end, __ATOMIC_RELAXED);

	for (uint32_t queue = 0; queue < end; queue++)
		if (__atomic_load_n(&steer->queues[queue].tagged, __ATOMIC_RELAXED))
			return true;
	return false;
}

void steer_hold_out(struct steer *steer)
{
	steer->holds_out = true;
	write_serve(steer);
}

void steer_serve_out(struct steer *steer, bool serve)
{
	steer->holds_out = false;
	__atomic_store_n(&steer->leaves_out, !serve, __ATOMIC_RELAXED);
	write_serve(steer);
}

bool steer_leaves_out(const struct steer *steer)
{
	return __atomic_load_n(&steer->leaves_out, __ATOMIC_RELAXED);
}

int steer_place_out(struct steer *steer, enum steer_place place)
{
	return steer_tc_place(&steer->tc, place);
}

int steer_keep_last(struct steer *steer)
{
	return steer_tc_keep_last(&steer->tc);
}

void steer_stop(struct steer *steer)
{
	steer_serve(steer, false);
	if (steer->tc.object)
		steer_tc_detach_out(&steer->tc);
	steer_xdp_detach(&steer->xdp);
	/* The maps may belong to the operator and stay. */
	for (uint32_t queue = __atomic_exchange_n(&steer->queue_end, 0, __ATOMIC_RELAXED); queue-- > 0;)
		steer_remove_socket(steer, queue);
	steer_heartbeat(steer, 0);
}

void steer_close(struct steer *steer)
{
	if (steer->tc.object) {
		steer_tc_detach(&steer->tc);
		steer_tc_close(&steer->tc);
	}
	unmap(steer);
	steer_xdp_close(&steer->xdp);
	free(steer);
}

uint64_t steer_redirected(const struct steer *steer, uint32_t queue)
{
	return __atomic_load_n((const uint64_t *)&steer->queues[queue].redirected, __ATOMIC_RELAXED);
}

/* Whether the last heartbeat is no older than one that is in time. */
static bool is_beating(const struct steer *steer)
{
	const uint64_t shown_ns = __atomic_load_n((const uint64_t *)&steer->state->heartbeat_ns, __ATOMIC_RELAXED);

	return (int64_t)(steer_clock_bpf_ns(clock_ns()) - shown_ns) < (int64_t)STEER_HEARTBEAT_LIMIT_NS / 2;
}

/*
 * Heartbeats are shown in time, and the program has counted frames that found none: its clock is not what we take for
 * it, or it reads another map. That is over when it steers something, and counts no more of these.
 */
static bool is_uncounted(struct steer *steer)
{
	const uint32_t gaps = __atomic_load_n(&steer->gaps, __ATOMIC_ACQUIRE);
	uint64_t counters[STEER_COUNTER_CNT], redirected;

	if (steer_read_counters(steer, counters))
		return false;
	redirected = counters[STEER_REDIRECTED] + counters[STEER_REDIRECTED_FRAGMENT];
	if (counters[STEER_PASS_NO_HEARTBEAT] != steer->beats.no_heartbeat)
		steer->beats.uncounted = gaps == steer->beats.gaps && is_beating(steer);
	else if (redirected != steer->beats.redirected)
		steer->beats.uncounted = false;
	steer->beats.no_heartbeat = counters[STEER_PASS_NO_HEARTBEAT];
	steer->beats.redirected = redirected;
	steer->beats.gaps = gaps;
	return steer->beats.uncounted;
}

struct steer_slots *steer_slots(const struct steer *steer, uint32_t queue)
{
	const bool none = steer->config.serve & STEER_SERVE_ALL || steer->xdp.generic;

	return none || queue >= STEER_SLOT_QUEUES_MAX || !steer->slots ? NULL : &steer->slots[queue];
}

/* In an adopted map, a daemon that was killed may have left slots to the kernel. */
void steer_without_slots(struct steer *steer)
{
	for (uint32_t q = 0; steer->slots && q < STEER_SLOT_QUEUES_MAX; q++)
		for (uint32_t i = 0; i < STEER_SLOT_CNT; i++)
			if (steer->slots[q].slot[i].kernel)
				steer->slots[q].slot[i].kernel = 0;
	steer_unmap_slots(&steer->slots);
}

enum steer_presence steer_presence(struct steer *steer)
{
	enum steer_presence xdp = STEER_PRESENT, tc = STEER_PRESENT;

	if (!steer->config.tc_only)
		xdp = steer_xdp_presence(&steer->xdp, &steer->config);
	if (steer->tc.object)
		tc = steer_tc_presence(&steer->tc);
	if (xdp == STEER_PRESENT && tc == STEER_PRESENT && is_uncounted(steer))
		return STEER_UNCOUNTED;
	return tc == STEER_PRESENT || xdp == STEER_XDP_GONE || xdp == STEER_XDP_OTHER ? xdp : tc;
}

bool steer_is_generic(const struct steer *steer)
{
	return steer->xdp.generic;
}

bool steer_is_shared(const struct steer *steer)
{
	return steer->config.pinned || steer->xdp.member;
}

const char *steer_mode(const struct steer *steer, const char **why)
{
	*why = steer->config.tc_only ? "each member has its own" : steer->xdp.why;
	if (steer->config.tc_only)
		return "members";
	if (steer->config.pinned)
		return "pinned";
	return steer->xdp.generic ? "generic" : "native";
}

static int read_counters(int map_fd, uint64_t *counters, uint32_t cnt)
{
	const int cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t key = 0; key < cnt && !err; key++) {
		err = bpf_map_lookup_elem(map_fd, &key, values);
		counters[key] = 0;
		for (int cpu = 0; cpu < cpus && !err; cpu++)
			counters[key] += values[cpu];
	}
	free(values);
	return err;
}

int steer_read_counters(const struct steer *steer, uint64_t counters[STEER_COUNTER_CNT])
{
	if (steer->config.tc_only)
		return -ENOENT;
	return read_counters(steer->xdp.counters_fd, counters, STEER_COUNTER_CNT);
}

int steer_read_inline_counters(const struct steer *steer, uint64_t counters[INLINE_COUNTER_CNT])
{
	const int map_fd = steer_tc_counters(&steer->tc);

	return map_fd < 0 ? map_fd : read_counters(map_fd, counters, INLINE_COUNTER_CNT);
}

bool steer_gives_back(const struct steer *steer)
{
	return !(steer->config.serve & STEER_SERVE_ALL);
}
