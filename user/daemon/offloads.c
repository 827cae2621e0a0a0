// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What follows from what the front end can carry. An offload that it does not claim, but that --merge needs, is an
 * error. An offload that it claims, but that failed its test, is not used, with a warning.
 */
#include <errno.h>

#include "base/log.h"
#include "daemon/front.h"

static bool claims(const struct frontend *frontend, uint32_t bit, enum frontend_proved offload)
{
	return frontend->offloads & bit || frontend->proofs[offload].in != FRONTEND_UNASKED;
}

static int check_asked(const struct frontend *frontend, uint32_t merge)
{
	const char *what = NULL;

	if (merge & GRO_MERGE_UDP && !claims(frontend, FRONTEND_USO, FRONTEND_PROOF_USO4))
		what = "a TAP of this kernel takes no superpackets of UDP (needs 6.2); leave udp";
	else if (merge & (GRO_MERGE_VXLAN | GRO_MERGE_GENEVE) &&
		 !claims(frontend, FRONTEND_UDP_TUNNEL_GSO, FRONTEND_PROOF_TUNNEL))
		what = "a TAP of this kernel takes no superpackets of UDP tunnels (needs 6.17); "
		       "leave vxlan and geneve";
	if (!what)
		return 0;
	log_error("TAP %s: %s out of --merge", frontend->name, what);
	return -EOPNOTSUPP;
}

static bool refuses(const struct frontend *frontend, enum frontend_proved offload)
{
	return frontend_is_broken(frontend->proofs[offload].in);
}

/* What must not be merged, because the front end would not carry it up as it is. */
static uint32_t unmergeable(const struct frontend *frontend)
{
	uint32_t merge = 0;

	if (refuses(frontend, FRONTEND_PROOF_CSUM))
		return GRO_MERGE_ALL;
	/* Tunnels carry TCP over both versions of IP, and those that are not over UDP look like the packet inside. */
	if (refuses(frontend, FRONTEND_PROOF_TSO4) || refuses(frontend, FRONTEND_PROOF_TSO6))
		merge |= GRO_MERGE_ALL & ~GRO_MERGE_UDP;
	if (refuses(frontend, FRONTEND_PROOF_USO4) || refuses(frontend, FRONTEND_PROOF_USO6))
		merge |= GRO_MERGE_UDP;
	if (refuses(frontend, FRONTEND_PROOF_TUNNEL) || refuses(frontend, FRONTEND_PROOF_TUNNEL_CSUM))
		merge |= GRO_MERGE_VXLAN | GRO_MERGE_GENEVE;
	return merge;
}

static void say_proofs(const struct frontend *frontend)
{
	if (frontend->unproved)
		log_warning("TAP %s: its offloads could not be tested (%s); they are used as the kernel claims them",
			    frontend->name, strerror(-frontend->unproved));
	for (int i = 0; i < FRONTEND_PROOF_CNT; i++) {
		const struct frontend_proof *proof = &frontend->proofs[i];

		if (frontend_is_broken(proof->in) || frontend_is_broken(proof->out))
			log_warning("TAP %s: the kernel claims %s, but a test packet failed (in: %s, out: %s); it is "
				    "not used in that direction",
				    frontend->name, frontend_proof_names[i], frontend_verdict_name(proof->in),
				    frontend_verdict_name(proof->out));
	}
}

int offloads_settle(const struct frontend *frontend, struct gro_config *gro)
{
	int err = check_asked(frontend, gro->merge);

	if (err)
		return err;
	say_proofs(frontend);
	gro->merge &= ~unmergeable(frontend);
	if (refuses(frontend, FRONTEND_PROOF_BIG) && gro->max_bytes > 65535)
		gro->max_bytes = 65535;
	return 0;
}
