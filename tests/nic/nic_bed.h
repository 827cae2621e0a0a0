/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The environment of tests against the kernel. Every test has a network and a mount namespace of its own, with a veth
 * pair: nic is the interface that a daemon would serve, wire is its peer, on which the tests send and receive raw
 * frames. All of it goes with the test's process.
 *
 * If it cannot be set up, the test fails, or is skipped when a privilege or a kernel feature is missing.
 */
#ifndef TESTS_NIC_BED_H
#define TESTS_NIC_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/tap.h"
#include "nic/netdev.h"
#include "nic/xsk_open.h"

#define RING 256u
#define DEADLINE_MS 20000

/* A shell command that must succeed. */
void run(const char *command);
void enter_namespaces(void);
/* The .init of a suite: the namespaces and the veth pair. */
void set_up(void);
/* Discards messages, for tests that provoke errors. */
void silence(void);
uint64_t now_ms(void);

/* ---- the wire ------------------------------------------------------------------------ */

struct netdev device(const char *name);
/* A raw socket on an interface, for both directions. */
int raw_open(const char *name);
void raw_send(int fd, const uint8_t *frame, size_t len);
/* Whether this frame is received on the interface (not sent) within the limit. */
bool raw_sees(int fd, const uint8_t *frame, size_t len, int limit_ms);
/* Builds a TCP frame to the NIC with so much payload. Returns its length. */
size_t tcp_frame(uint8_t *frame, size_t cap, size_t payload_len);

/* ---- on top of it -------------------------------------------------------------------- */

/* A TAP of one queue with the NIC's address, up; udp: as for tap_open(). */
struct frontend *open_tap(bool udp);
int tap_write(struct frontend *tap, const struct iovec *iov, uint32_t iov_cnt);
int tap_read(struct frontend *tap, struct vnet_header *hdr, void *buffer, uint32_t room);
/* Reads until this frame comes, or the limit is over. */
bool tap_sees(struct frontend *tap, const uint8_t *frame, size_t len, int limit_ms);

extern const struct umem_config umem_config;
extern const struct xsk_config xsk_config; /* queue 0 of the NIC, in copy mode */
/* The plan for a device with (or without) zero copy, and for this way of sending segments. */
struct modes_plan plan_of(bool zerocopy, enum modes_transmit transmit);

void open_xsk(struct xsk *xsk, struct umem *umem, const struct xsk_config *config);
void close_xsk(struct xsk *xsk, struct umem *umem);

#endif
