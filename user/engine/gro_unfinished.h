/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether an unfinished checksum is believed (R8, where gro_config.accept_unfinished is set).
 *
 * A sender finishes all of its checksums or none. Good packets whose checksum happens to equal the pseudo-header sum
 * (1 in 65536) look unfinished once they are damaged: from a sender that finishes, they are wrong. So the engine
 * counts, for each pair of hosts, packets with payload whose checksum was finished and right. Packets without payload
 * do not count: Linux finishes the checksums of its RSTs itself, whatever the interface does.
 *
 * Private to the gro files.
 */
#ifndef SUPERPACKET_GRO_UNFINISHED_H
#define SUPERPACKET_GRO_UNFINISHED_H

#include "gro_checksum.h"

/* Whether unfinished checksums from the sender of this IP header are taken for wrong ones. */
bool gro_unfinished_is_doubted(const struct gro *gro, const uint8_t *ip, unsigned int version);

/* Counts packets of this sender that were accepted, all with payload and with checksums in this state. */
void gro_unfinished_learn(struct gro *gro, const uint8_t *ip, unsigned int version, enum csum_state state,
			  uint32_t packet_cnt);

/* The verdict about a packet whose checksum is in this state, and both of the above. Returns CSUM_WRONG if it is
 * doubted, else the state. */
enum csum_state gro_unfinished_verdict(struct gro *gro, const uint8_t *ip, unsigned int version, uint32_t payload_len,
				       enum csum_state state);

#endif
