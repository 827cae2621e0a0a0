/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Both public headers, in every age of C and (headers.cc) C++: every function is named once. */
#define _POSIX_C_SOURCE 200809L /* posix_memalign() */

#include <superpacket/gso.h>
#include <superpacket/gro.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	struct sp_fragment fragment = { 0, 0, false, false, 0 };
	struct sp_gso_request request = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct sp_gro_config config;
	struct sp_gro_counters counters;
	struct sp_delivery delivery;
	struct sp_gso gso;
	struct iovec iov;
	unsigned char slot[SP_GSO_SLOT_LEN];
	uint64_t cookie = 0;
	uint32_t header_len = 0;
	struct sp_gro *gro;
	void *memory;

	sp_gro_config_defaults(&config, (uint32_t)sizeof config);
	sp_gro_config_init(&config);
	if (posix_memalign(&memory, SP_ALIGNMENT, sp_gro_memory_size(&config)) != 0)
		return 1;
	gro = sp_gro_init(&config, memory);
	if (!gro)
		return 1;
	sp_gro_offer(gro, &fragment, 0, 0);
	sp_gro_burst_end(gro, sp_gro_deadline(gro));
	sp_gro_flush(gro);
	while (sp_gro_next(gro, &delivery)) {
		sp_gro_slices(gro, &delivery, &iov);
		sp_gro_unmerge(gro, &delivery, &iov, 0);
		sp_gro_release(gro, &delivery, &cookie);
	}
	if (sp_gso_open(&gso, &request, slot, 0, 0, 0, SP_GSO_CHECKSUM_FULL) == SP_GSO_CUT)
		return 1;
	sp_gso_add(&gso, slot, 0);
	sp_gso_add_slices(&gso, &iov, 0);
	sp_gso_end(&gso);
	if (sp_gso_ready(&gso) || !sp_gso_done(&gso) || sp_gso_next(&gso, slot, &header_len, &iov, 1) != 0 ||
	    sp_gso_complete(&request, slot, 0) != 0)
		return 1;
	sp_gro_counters(gro, &counters);
	if (sp_gro_flushes(gro, 0) || sp_gro_singles(gro, 0) || !sp_gro_reason_name(0))
		return 1;
	printf("%u held\n", (unsigned int)counters.held_packets);
	free(memory);
	return 0;
}
