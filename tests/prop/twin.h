/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A second engine, which gets the same packets at other addresses and gives each of them the long way
 * (long_way.h). Both must do the same: take as many, deliver the same packets in the same superpackets, in the
 * same order and for the same reasons, with the same bytes. So a short way says yes only where the long way does.
 *
 * Each function follows a call to the first engine, makes the same call to the second, and compares.
 */
#ifndef TESTS_TWIN_H
#define TESTS_TWIN_H

#include "prove.h"

/* The first engine has been initialised, and every packet has its place. */
void twin_prepare(struct run *r);

/* gro_offer() of the same packets took so many. */
void twin_offer(struct run *r, const struct gro_packet *packets, uint32_t cnt, uint32_t taken);

/* gro_burst_end() and gro_flush(). */
void twin_burst_end(struct run *r);
void twin_flush(struct run *r, enum gro_reason reason);

/* gro_next() returned this delivery, or NULL. It will be in this place of the taken ones. */
void twin_next(struct run *r, const struct gro_super *super, uint32_t place);

/* gro_iovecs() or gro_unmerge() has described the delivery in this place. */
void twin_describe(struct run *r, uint32_t place, bool unmerge, const struct iovec *iov, uint32_t iov_cnt);

/* gro_release() has given back the delivery in this place, where the last of the taken ones is put. */
void twin_release(struct run *r, uint32_t place, const uint64_t *cookies, uint32_t cnt);

/* All has been taken and given back. */
void twin_finish(struct run *r);

#endif
