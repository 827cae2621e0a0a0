/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Part of steer: looks at what XDP program is on an interface, and whose it is. Changes
 * nothing.
 */
#ifndef SUPERPACKET_STEER_LOOK_H
#define SUPERPACKET_STEER_LOOK_H

#include <xdp/libxdp.h>

#include "base/bytes.h"

/* The id of the program on the interface, 0: none, or -errno. Needs no privilege. */
int64_t steer_look_id(uint32_t ifindex, bool *generic);

/* The program in depth (CAP_SYS_ADMIN), for xdp_multiprog__close(). NULL with errno: ENOENT there
 * is none, EPERM may not be looked at. */
struct xdp_multiprog *steer_look_programs(uint32_t ifindex);

/* Whether it is libxdp's dispatcher; else it is a lone program. */
bool steer_look_is_dispatcher(const struct xdp_multiprog *programs);

/* The steer_state map of a program of ours, to be closed by the caller; -ENOENT: not ours. */
int steer_look_state_map(const struct xdp_program *program);

/* Whether the interface's program, or a member of its dispatcher, uses the map. */
bool steer_look_any_uses(const struct xdp_multiprog *programs, uint32_t map_id);

/*
 * Whether a daemon keeps the heartbeat of this state map going. That of one that was killed a
 * moment ago looks fresh as well, so it has to be seen moving; this takes no longer than it may
 * stand still.
 */
bool steer_look_is_alive(int state_fd);

/* Whether a daemon loaded it itself; else an operator did. */
bool steer_look_is_owned(int state_fd);

#endif
