/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Part of steer: the maps of the BPF programs that are mapped, so that a heartbeat is one store, and looking at what a
 * queue should have got is one load, and neither is a system call. */
#ifndef SUPERPACKET_STEER_STATE_H
#define SUPERPACKET_STEER_STATE_H

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "steer_abi.h"

/* Returns 0 or -errno. */
static inline int steer_map_state(int map_fd, struct steer_state **state)
{
	void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	*state = page;
	return 0;
}

/* Does nothing if *state is NULL, and it is NULL afterwards. */
static inline void steer_unmap_state(struct steer_state **state)
{
	if (*state)
		(void)munmap(*state, (size_t)sysconf(_SC_PAGESIZE));
	*state = NULL;
}

#define STEER_QUEUES_LEN (STEER_QUEUES_MAX * sizeof(struct steer_queue))

/* Returns 0 or -errno. */
static inline int steer_map_queues(int map_fd, const struct steer_queue **queues)
{
	void *pages = mmap(NULL, STEER_QUEUES_LEN, PROT_READ, MAP_SHARED, map_fd, 0);

	if (pages == MAP_FAILED)
		return -errno;
	*queues = pages;
	return 0;
}

static inline void steer_unmap_queues(const struct steer_queue **queues)
{
	if (*queues)
		(void)munmap((void *)*queues, STEER_QUEUES_LEN);
	*queues = NULL;
}

#define STEER_SLOTS_LEN (STEER_SLOT_QUEUES_MAX * sizeof(struct steer_slots))

/* Returns 0 or -errno. */
static inline int steer_map_slots(int map_fd, struct steer_slots **slots)
{
	void *pages = mmap(NULL, STEER_SLOTS_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	if (pages == MAP_FAILED)
		return -errno;
	*slots = pages;
	return 0;
}

static inline void steer_unmap_slots(struct steer_slots **slots)
{
	if (*slots)
		(void)munmap(*slots, STEER_SLOTS_LEN);
	*slots = NULL;
}

#endif
