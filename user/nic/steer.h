/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The BPF programs of an interface. steer loads or adopts the XDP program, attaches it and, in inline mode, the tc
 * programs; it registers sockets, shows the heartbeat, and detaches.
 *
 * What it attaches are BPF links held by file descriptors. The kernel detaches them when the process ends, however it
 * ends. A program that xdp-loader has loaded belongs to the operator: steer only fills its pinned maps, and empties
 * them at the end.
 *
 * A bond has no XDP program, since the kernel would run it on the members, whose queues the bond's sockets are not: it
 * has the tc programs alone (tc_only). Each of its members has a steer of its own, with an XDP program alone.
 *
 * There is one exception. When libxdp's dispatcher is on the interface already, our program joins it and is held by
 * the dispatcher's pins. After kill -9 it stays there and passes every frame, since its socket map is empty then. The
 * next start finds and removes it.
 */
#ifndef SUPERPACKET_STEER_H
#define SUPERPACKET_STEER_H

#include "nic/steer_config.h"

struct steer;

/*
 * Loads (or adopts) programs and maps, and attaches the XDP program, which passes every frame until steer_start(). It
 * is attached so early because only attaching tells whether native mode works, and opening the sockets depends on
 * that. On failure, logs one line that says what to do, and returns -errno:
 *
 *   -EPERM        a privilege is missing
 *   -ENOENT       `pinned` does not have our maps, or no program on the interface uses them
 *   -EBUSY        another XDP program, or another daemon, has the interface
 *   -EOPNOTSUPP   no native XDP, with mode NATIVE
 */
int steer_open(struct steer **steer, const struct steer_config *config);

/* Registers the AF_XDP socket of a queue, or replaces it. Returns 0 or -errno. */
int steer_add_socket(struct steer *steer, uint32_t queue, int xsk_fd);

/* Removes the socket of a queue: its frames go to the kernel until there is another one. Once a socket was registered
 * for a queue, its worker may call this, and steer_add_socket(), too. */
void steer_remove_socket(struct steer *steer, uint32_t queue);

/*
 * Attaches the tc programs, in inline mode, and lets traffic in: a first heartbeat, then state.serve. The sockets have
 * been registered before. In inline mode with generic XDP, the TAP must have the NIC's MAC address (see steer_tc.c).
 * On failure, logs and returns -errno as steer_open() does (-EOPNOTSUPP: the kernel has no tcx); steer_stop() is not
 * needed then.
 */
int steer_start(struct steer *steer);

/*
 * Replaces the attached XDP program by a copy. veth runs a program on the queues that existed when it was attached, but
 * not on later ones (drivers/net/veth.c veth_set_channels(), seen up to 6.18). Returns 0 or -errno; -EOPNOTSUPP when
 * the program is adopted or in a dispatcher.
 */
int steer_renew(struct steer *steer);

/* Shows that the daemon is alive; to be called at least every STEER_HEARTBEAT_LIMIT_NS / 4. now_ns: clock_ns(). */
void steer_heartbeat(struct steer *steer, uint64_t now_ns);

/* Whether the heartbeat has lapsed, so that the programs leave the traffic to the kernel. Never in port mode, where the
 * kernel has nobody to give it to. Any thread may ask. */
bool steer_lapsed(const struct steer *steer, uint64_t now_ns);

/* The last heartbeat that was shown, by the programs' clock; 0: none yet, or it has been stopped. It names a lapse: one
 * that is over has another. Any thread may ask. */
uint64_t steer_heartbeat_shown(const struct steer *steer);

/* Sets the longest frame that is steered to the sockets, unless all are served. No wire sends longer ones; the kernel
 * gets them. Takes effect at once. */
void steer_set_frame_max(struct steer *steer, uint32_t frame_max);

/* Leaves all traffic to the kernel (false), or takes it again (true). Takes effect at once, in both directions. */
void steer_serve(struct steer *steer, bool serve);

/* Inline: leaves what the stack sends to the kernel (false), while steer_serve() decides on what arrives; or serves it
 * like that (true), as at the beginning. Takes effect at once. By the same thread as steer_serve(). */
void steer_serve_out(struct steer *steer, bool serve);

/* Inline: leaves what arrives to the kernel (true) until a frame with a VLAN tag in it has come: see steer_saw_tag(). */
void steer_await_tag(struct steer *steer, bool await);

/* Whether a frame with a VLAN tag in its bytes has come since the programs were opened. */
bool steer_saw_tag(const struct steer *steer);

/* Before steer_start(): what the stack sends is left to the kernel until steer_serve_out() says more. Nothing was served
 * yet, so nothing becomes stale by it. */
void steer_hold_out(struct steer *steer);

/* Whether it is left to the kernel: packets that were sent before are stale now. Any thread may ask. */
bool steer_leaves_out(const struct steer *steer);

/* Inline: moves the tc program of the outgoing direction, which steer_start() attaches as the last tcx program. Every
 * packet meets it once meanwhile. Returns 0 or -errno; it is where it was then. By the thread that asks
 * steer_presence(). */
int steer_place_out(struct steer *steer, enum steer_place place);

/* Inline: the tc program of the outgoing direction is made the last of the tcx programs again, if it is not. Returns 1
 * if it had to be moved, 0, or -errno. By the same thread. */
int steer_keep_last(struct steer *steer);

/* Stops steering: state.serve = 0 takes effect at once, in both directions; then detaches what was attached, except the
 * program from the TAP to the stack: the sockets still hold frames, which the caller delivers afterwards. */
void steer_stop(struct steer *steer);

/* Detaches the rest and frees everything; after steer_stop(). */
void steer_close(struct steer *steer);

/* Asks whether what was attached is still there. To be called between steer_start() and steer_stop(), always by the
 * same thread. It may take long: the kernel answers under its lock of all interfaces. */
enum steer_presence steer_presence(struct steer *steer);

/* Frames of this queue that the XDP program has given to its socket, whether they have arrived there or not. In generic
 * mode a few may be missing. Any thread may ask. */
uint64_t steer_redirected(const struct steer *steer, uint32_t queue);

/* Whether the kernel can carry what is not steered. In port mode it has nobody to give it to. Any thread may ask. */
bool steer_gives_back(const struct steer *steer);

/* The slots of a queue (steer_slots.h), which its worker alone writes to. NULL: it has none, because it is one of too
 * many; or in port mode, where the kernel has no use for the traffic; or in generic mode, where several CPUs may handle a
 * queue at a time; or where the kernel's GRO may hold a frame for longer than a slot must be silent to come back
 * (steer_without_slots()). */
struct steer_slots *steer_slots(const struct steer *steer, uint32_t queue);

/* From now on no queue has any; before a worker asks. */
void steer_without_slots(struct steer *steer);

/* Whether the XDP program runs in generic mode. */
bool steer_is_generic(const struct steer *steer);

/* Whether it is in libxdp's dispatcher, or adopted: libxdp looks at such programs with CAP_SYS_ADMIN. */
bool steer_is_shared(const struct steer *steer);

/* How the XDP program is attached, for status: "native", "generic", "pinned" or "members" (tc_only); and why. */
const char *steer_mode(const struct steer *steer, const char **why);

/* Sums the per-CPU counters of the XDP program. Returns 0 or -errno; -ENOENT where there is none (tc_only). */
int steer_read_counters(const struct steer *steer, uint64_t counters[STEER_COUNTER_CNT]);

/* Sums the per-CPU counters of the tc programs. Returns 0 or -errno; -ENOENT in port mode. With generic XDP, packets
 * from the TAP to the stack are not counted (0). */
int steer_read_inline_counters(const struct steer *steer, uint64_t counters[INLINE_COUNTER_CNT]);

#endif
