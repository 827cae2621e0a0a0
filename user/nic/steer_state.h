/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Part of steer: the state maps of the BPF programs, mapped, so that a heartbeat is one store and no system call. */
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

#endif
