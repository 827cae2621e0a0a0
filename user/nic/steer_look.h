/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Part of steer: which XDP programs are on an interface, and whose they are. Nothing is changed here. */
#ifndef SUPERPACKET_STEER_LOOK_H
#define SUPERPACKET_STEER_LOOK_H

#include <xdp/libxdp.h>

#include "base/bytes.h"

/* The id of the program on the interface, 0 when there is none, or -errno. Needs no privilege. */
int64_t steer_look_id(uint32_t ifindex, bool *generic);

/* The program or programs, for xdp_multiprog__close(). NULL with errno: ENOENT when there is none, EPERM without
 * CAP_SYS_ADMIN. */
struct xdp_multiprog *steer_look_programs(uint32_t ifindex);

/* Whether they are in libxdp's dispatcher; else it is one program, alone on the interface. */
bool steer_look_is_dispatcher(const struct xdp_multiprog *programs);

/* A descriptor of the program's steer_state map, for close(); -ENOENT when the program is not ours. */
int steer_look_state_map(int prog_fd);

/* Whether one of the programs uses the map. */
bool steer_look_any_uses(const struct xdp_multiprog *programs, uint32_t map_id);

/*
 * Whether a daemon is alive that shows its heartbeat in this state map. The heartbeat of a daemon that was killed a
 * moment ago has not lapsed yet, so it has to change meanwhile. Takes up to STEER_HEARTBEAT_LIMIT_NS.
 */
bool steer_look_is_alive(int state_fd);

/* The id of an XDP program on the interface that a daemon which is alive uses; 0: there is none, or it cannot be found
 * out (that takes CAP_SYS_ADMIN). May take up to STEER_HEARTBEAT_LIMIT_NS. */
uint32_t steer_look_alive_id(uint32_t ifindex);

/* Whether a daemon has loaded the program; else an operator has. */
bool steer_look_is_owned(int state_fd);

#endif
