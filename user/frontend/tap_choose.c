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

int tap_choose_open(struct tap_choose *choose, struct frontend *tap)
{
	int err, fd;

	*choose = (struct tap_choose){ .object = choose_bpf__open_and_load() };
	if (!choose->object)
		return -errno;
	err = map_state(choose);
	fd = bpf_program__fd(choose->object->progs.choose);
	if (!err && ioctl(tap->ops->queue(tap, 0)->fd, TUNSETSTEERINGEBPF, &fd) < 0)
		err = -errno;
	if (err)
		tap_choose_close(choose);
	return err;
}

void tap_choose_clear(struct frontend *tap)
{
	const int none = -1;

	(void)ioctl(tap->ops->queue(tap, 0)->fd, TUNSETSTEERINGEBPF, &none);
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
