// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "frontend/tap_choose.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "choose.skel.h"

static int map_state(struct tap_choose *choose)
{
	void *page = mmap(NULL, sizeof(struct choose_state), PROT_READ | PROT_WRITE, MAP_SHARED,
			  bpf_map__fd(choose->object->maps.choose_state), 0);

	if (page == MAP_FAILED)
		return -errno;
	choose->state = page;
	return 0;
}

/* A TAP that is taken over has a carrier as soon as it has a queue, so it may have got packets before the program was
 * there. They wait in any queue. */
static void empty_queues(struct tap_choose *choose, struct frontend *tap)
{
	struct vnet_header header;
	uint8_t begin;

	for (uint32_t q = 0; q < tap->queue_cnt; q++) {
		struct frontend_queue *queue = tap->ops->queue(tap, q);

		while (queue->read(queue, &header, &begin, sizeof begin) >= 0)
			__atomic_fetch_add(&choose->state->no_member, 1, __ATOMIC_RELAXED);
	}
}

/* -1 as program: none. */
static int set_programs(struct frontend *tap, int choose_fd, int admit_fd)
{
	const int fd = tap->ops->queue(tap, 0)->fd;
	int err = 0;

	if (ioctl(fd, TUNSETSTEERINGEBPF, &choose_fd) < 0)
		err = -errno;
	if (ioctl(fd, TUNSETFILTEREBPF, &admit_fd) < 0)
		err = -errno;
	return err;
}

int tap_choose_open(struct tap_choose *choose, struct frontend *tap)
{
	int err;

	*choose = (struct tap_choose){ .object = choose_bpf__open_and_load() };
	if (!choose->object)
		return -errno;
	err = map_state(choose);
	if (!err)
		err = set_programs(tap, bpf_program__fd(choose->object->progs.choose),
				   bpf_program__fd(choose->object->progs.admit));
	if (err)
		tap_choose_close(choose);
	else
		empty_queues(choose, tap);
	return err;
}

void tap_choose_clear(struct frontend *tap)
{
	(void)set_programs(tap, -1, -1);
}

void tap_choose_close(struct tap_choose *choose)
{
	if (choose->state)
		munmap(choose->state, sizeof(*choose->state));
	choose_bpf__destroy(choose->object);
	*choose = (struct tap_choose){ 0 };
}

void tap_choose_set(struct tap_choose *choose, const struct choose_set *set)
{
	const uint32_t other = !choose->state->current;

	choose->state->set[other] = *set;
	__atomic_store_n(&choose->state->current, other, __ATOMIC_RELEASE);
}

uint64_t tap_choose_no_member(const struct tap_choose *choose)
{
	return __atomic_load_n(&choose->state->no_member, __ATOMIC_RELAXED);
}
