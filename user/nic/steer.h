/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The BPF side of an interface: loads or adopts the XDP program, attaches it and, inline,
 * the tc programs; registers sockets; shows life; detaches.
 *
 * Everything we attach is a BPF link held by a file descriptor, so that the kernel takes it
 * away when the process ends, however it ends. A program that xdp-loader has loaded is the
 * operator's: we only fill its pinned maps, and empty them when we leave.
 *
 * The exception: where libxdp's dispatcher is on the interface already, our program joins it and
 * lives in the dispatcher's pins. After kill -9 it stays there and passes every frame (its socket
 * map is empty then); the next start finds and removes it.
 */
#ifndef SUPERPACKET_STEER_H
#define SUPERPACKET_STEER_H

#include "nic/steer_config.h"

struct steer;

/*
 * Loads (or adopts) programs and maps. The XDP program is attached here already, because only
 * attaching tells whether native mode works, and the sockets have to know; it passes every
 * frame until steer_start(). Logs one line with the way out on failure and returns -errno:
 * -EPERM, -ENOENT (no maps of ours in `pinned`, or no program that uses them on the interface),
 * -EBUSY (another XDP program, or another daemon), -EOPNOTSUPP (no native XDP and mode NATIVE), ...
 */
int steer_open(struct steer **steer, const struct steer_config *config);

/* Registers the AF_XDP socket of a queue, also in place of another one. Returns 0 or -errno. */
int steer_add_socket(struct steer *steer, uint32_t queue, int xsk_fd);

/* Takes it away: the queue's frames are the kernel's until there is another. Both may be called by the
 * queue's worker, once the socket was registered for the first time. */
void steer_remove_socket(struct steer *steer, uint32_t queue);

/*
 * Inline: attaches the tc programs. Then lets traffic in: a first heartbeat and state.serve. The
 * sockets are registered before. Logs and returns -errno as steer_open() does; -EOPNOTSUPP: the
 * kernel has no tcx. Nothing of it is left then, steer_stop() is not needed.
 *
 * Inline in generic mode the TAP must have the NIC's MAC address (see steer_tc.c).
 */
int steer_start(struct steer *steer);

/*
 * Attaches a copy of the program in its place. veth gives the program to the queues that there are
 * then, and to none that comes later (drivers/net/veth.c veth_set_channels(), seen up to 6.18).
 * Returns 0, -EOPNOTSUPP where the program is not attached by us alone, or -errno.
 */
int steer_renew(struct steer *steer);

/* Shows life: call at least every STEER_HEARTBEAT_LIMIT_NS / 4. now_ns is CLOCK_MONOTONIC. */
void steer_heartbeat(struct steer *steer, uint64_t now_ns);

/* Whether the programs have left the traffic to the kernel for want of a heartbeat. Not in port mode,
 * where the kernel has nobody to give it to. Any thread may ask. */
bool steer_lapsed(const struct steer *steer, uint64_t now_ns);

/* Longer frames are the kernel's, unless all are served: no wire has sent them so. At once. */
void steer_set_frame_max(struct steer *steer, uint32_t frame_max);

/* Leaves all traffic to the kernel (false), or takes it again (true); at once, both directions. */
void steer_serve(struct steer *steer, bool serve);

/* Stops steering: state.serve = 0 (at once, both directions), then detaches what we attached, all but
 * the way from the TAP up: the sockets still hold what was steered before, and the caller drains
 * them afterwards. */
void steer_stop(struct steer *steer);

/* Frees everything; steer_stop() first. */
void steer_close(struct steer *steer);

/* Between steer_start() and steer_stop(); by one thread, and not by one that must not wait: the kernel's
 * answer waits for its lock of all interfaces. */
enum steer_presence steer_presence(struct steer *steer);

/* Whether the program in force runs in generic mode. */
bool steer_is_generic(const struct steer *steer);

/* How it is attached, for status: "native", "generic" or "pinned", and the reason in words. */
const char *steer_mode(const struct steer *steer, const char **why);

/* Sums the per-CPU counters of the XDP program. Returns 0 or -errno. */
int steer_read_counters(const struct steer *steer, uint64_t counters[STEER_COUNTER_CNT]);

/* The same of the tc programs; -ENOENT in port mode. In generic mode the way in has none (0). */
int steer_read_inline_counters(const struct steer *steer, uint64_t counters[INLINE_COUNTER_CNT]);

#endif
