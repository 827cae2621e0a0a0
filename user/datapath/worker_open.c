// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Memory, engine and socket of a worker: opened, opened again after a fault, closed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "datapath/worker_internal.h"
#include "nic/xsk_open.h"

const char *worker_name(const struct worker *worker, char name[WORKER_NAME_LEN])
{
	char now[IF_NAMESIZE];
	const char *interface = if_indextoname(worker->config.xsk.ifindex, now) ? now : worker->interface;

	snprintf(name, WORKER_NAME_LEN, "%s queue %u", interface, worker->config.queue);
	return name;
}

/* ---- memory and engine ---- */

static int open_memory(struct worker *worker)
{
	const struct umem_config config = worker_umem_config(&worker->config.sizes);

	if (fault_strikes(FAULT_BIND)) /* already here, where another try costs nothing */
		return -ENETDOWN;
	return umem_open(&worker->umem, &config);
}

/* A packet's flow may be anywhere in the engine's memory. With thousands of flows, huge pages make finding it a tenth
 * faster (bench-engine, gro-scale). Only what fills a huge page is on one: the rest of the last one would be wasted. */
#define HUGE_PAGE ((size_t)2 << 20)

static void *huge_alloc(size_t len)
{
	const size_t unit = len < HUGE_PAGE ? UMEM_CHUNK_LEN : HUGE_PAGE;
	void *p = aligned_alloc(unit, (len + unit - 1) & ~(unit - 1));

	if (p && unit == HUGE_PAGE)
		(void)madvise(p, len & ~(HUGE_PAGE - 1), MADV_HUGEPAGE); /* a hint only */
	return p;
}

static int open_engine(struct worker *worker)
{
	struct gro_config config = worker_engine_config(&worker->config.sizes, &worker->config.gro);
	int err;

	if (getrandom(config.secret, sizeof config.secret, 0) != sizeof config.secret)
		return -errno;
	worker->gro_memory = huge_alloc(gro_memory_size(&config));
	if (!worker->gro_memory)
		return -ENOMEM;
	err = gro_init(&worker->gro, &config, worker->gro_memory);
	if (err)
		free(worker->gro_memory);
	return err;
}

/* ---- the socket ---- */

/* What the operator can do about an error of opening, mostly of xsk_open(). */
static const char *advice(int err)
{
	switch (err) {
	case -EBUSY:
		return "busy: another AF_XDP socket owns it; end that program first ('bpftool net' and "
		       "'ss --xdp -p' may name it)";
	case -EPERM:
		return "not permitted; run as root or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF";
	case -EAFNOSUPPORT:
		return "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)";
	case -ENETDOWN:
		return "the interface is down; set it up first ('ip link set dev IF up')";
	case -ENOBUFS:
		return "locked memory is limited; raise the limit ('ulimit -l unlimited') or give CAP_IPC_LOCK";
	case -EOPNOTSUPP:
		return "the device or kernel cannot do what --transmit asks for; use --transmit auto";
	case -ENOSYS:
		return "it binds, but does not send: the test frame failed in every bind mode; the status of the "
		       "link and the kernel's log may say why ('ip -s link', 'dmesg')";
	default:
		return strerror(-err);
	}
}

static int open_socket(struct worker *worker)
{
	int err = xsk_open(&worker->xsk, &worker->config.xsk, &worker->umem);

	if (err)
		return err;
	umem_set_slots(&worker->umem, transmit_slot_len(&worker->xsk), worker->config.sizes.slots);
	receive_init(&worker->receive, &worker->xsk, &worker->umem, &worker->stats);
	return 0;
}

void worker_close_socket(struct worker *worker)
{
	xsk_close(&worker->xsk);
	umem_close(&worker->umem);
	transmit_reset(&worker->transmit);
	worker->closed = true;
}

/*
 * New memory comes with the new socket: the kernel may still read pages that the old one had under way, and
 * nobody else writes to them then. The new socket is bound as the old one was, without another test frame: the
 * test at start has shown that this way of binding sends, and so has all traffic since. On a device that stands
 * still for a while, another test would only fail, and zero copy would be given up for ever. The watchdog watches
 * the next packets.
 */
int worker_reopen_socket(struct worker *worker)
{
	struct xsk_config *config = &worker->config.xsk;
	int err = open_memory(worker);

	if (err)
		return err;
	config->bind_timeout_ms = 0; /* the caller waits, and shows life meanwhile */
	config->prove = false;
	config->again = &worker->chosen;
	err = open_socket(worker);
	if (err)
		goto fail_umem;
	worker_new_socket(worker);
	err = steer_add_socket(worker->config.steer, worker->config.queue, worker->xsk.fd);
	if (err)
		goto fail_socket;
	facts_publish(&worker->facts, &worker->xsk, &worker->umem);
	worker->closed = false;
	return 0;

fail_socket:
	xsk_close(&worker->xsk);
fail_umem:
	umem_close(&worker->umem);
	return err;
}

/* ---- all of it ---- */

static void begin(struct worker *worker, const struct worker_config *config)
{
	*worker = (struct worker){ .config = *config, .wake_fd = -1 };
	snprintf(worker->interface, sizeof worker->interface, "%s", config->interface);
	worker->config.interface = worker->config.xsk.interface = worker->interface;
	worker->config.xsk.queue = config->queue;
	worker->config.xsk.ring_size = config->sizes.ring;
	worker->config.xsk.prove = true;
}

int worker_open(struct worker *worker, const struct worker_config *config)
{
	int err;

	begin(worker, config);
	err = open_memory(worker);
	if (err)
		goto fail;
	err = open_engine(worker);
	if (err)
		goto fail_umem;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake_fd < 0) {
		err = -errno;
		goto fail_engine;
	}
	err = open_socket(worker);
	facts_publish(&worker->facts, &worker->xsk, &worker->umem); /* also of a failure */
	if (err)
		goto fail_eventfd;
	err = transmit_init(&worker->transmit, &worker->xsk, &worker->umem, config->mtu, &worker->stats);
	if (err)
		goto fail_socket;
	worker->transmit.shared_id = config->shared_id;
	worker->chosen = worker->xsk.choice;
	overload_init(&worker->overload, steer_slots(config->steer, config->queue), worker->xsk.ring_size);
	worker_new_socket(worker);
	deliver_init(&worker->deliver, config->front, &worker->umem.frames, &worker->stats, &worker->overload);
	worker->frame_max = xsk_frame_max(&worker->xsk);
	worker->stats.frames_total = worker_rx_frames(&config->sizes);
	worker->stats.slots_total = worker->umem.slots.size;
	worker->stats.buffers_total = worker->umem.buffers.size;
	return 0;

fail_socket:
	xsk_close(&worker->xsk);
fail_eventfd:
	close(worker->wake_fd);
fail_engine:
	free(worker->gro_memory);
fail_umem:
	umem_close(&worker->umem);
fail:
	if (!config->quiet)
		log_error("%s queue %u: %s", config->interface, config->queue, advice(err));
	return err;
}

void worker_close(struct worker *worker)
{
	transmit_fini(&worker->transmit);
	if (!worker->closed) {
		xsk_close(&worker->xsk);
		umem_close(&worker->umem);
	}
	close(worker->wake_fd);
	free(worker->gro_memory);
}
