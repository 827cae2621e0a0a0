// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What follows from what the front end can carry. Not claimed: what was asked for with --merge and needs it
 * is refused. Claimed, but not kept, as a packet has shown: it is not used, and that is said.
 */
#include <errno.h>

#include "daemon/daemon.h"
#include "base/log.h"

static bool claims(const struct frontend *front, uint32_t bit, enum frontend_proved offload)
{
	return front->offloads & bit || front->proofs[offload].in != FRONTEND_UNASKED;
}

static int check_asked(const struct frontend *front, uint32_t merge)
{
	const char *what = NULL;

	if (merge & GRO_MERGE_UDP && !claims(front, FRONTEND_USO, FRONTEND_PROOF_USO4))
		what = "a TAP of this kernel takes no superpackets of UDP (Linux 6.2 has it); leave udp";
	else if (merge & (GRO_MERGE_VXLAN | GRO_MERGE_GENEVE) &&
		 !claims(front, FRONTEND_UDP_TUNNEL_GSO, FRONTEND_PROOF_TUNNEL))
		what = "a TAP of this kernel takes no superpackets of UDP tunnels (Linux 6.17 has it); "
		       "leave vxlan and geneve";
	if (!what)
		return 0;
	log_error("TAP %s: %s out of --merge", front->name, what);
	return -EOPNOTSUPP;
}

static bool refuses(const struct frontend *front, enum frontend_proved offload)
{
	return frontend_is_broken(front->proofs[offload].in);
}

/* What may not be merged, because it would not be carried up as it is. */
static uint32_t unmergeable(const struct frontend *front)
{
	uint32_t merge = 0;

	if (refuses(front, FRONTEND_PROOF_CSUM))
		return GRO_MERGE_ALL;
	/* In tunnels there is TCP of both versions, and those that are not over UDP look like what is inside. */
	if (refuses(front, FRONTEND_PROOF_TSO4) || refuses(front, FRONTEND_PROOF_TSO6))
		merge |= GRO_MERGE_ALL & ~GRO_MERGE_UDP;
	if (refuses(front, FRONTEND_PROOF_USO4) || refuses(front, FRONTEND_PROOF_USO6))
		merge |= GRO_MERGE_UDP;
	if (refuses(front, FRONTEND_PROOF_TUNNEL) || refuses(front, FRONTEND_PROOF_TUNNEL_CSUM))
		merge |= GRO_MERGE_VXLAN | GRO_MERGE_GENEVE;
	return merge;
}

static void say_proofs(const struct frontend *front)
{
	if (front->unproved)
		log_warning("TAP %s: its offloads could not be proved (%s); what the kernel claims is believed",
			    front->name, strerror(-front->unproved));
	for (int i = 0; i < FRONTEND_PROOF_CNT; i++) {
		const struct frontend_proof *proof = &front->proofs[i];

		if (frontend_is_broken(proof->in) || frontend_is_broken(proof->out))
			log_warning("TAP %s: the kernel claims %s and does not keep it (in: %s, out: %s); where it "
				    "does not, it is not used", front->name, frontend_proof_names[i],
				    frontend_verdict_name(proof->in), frontend_verdict_name(proof->out));
	}
}

int offloads_settle(struct daemon *d)
{
	struct gro_config *gro = &d->config.gro;
	int err = check_asked(d->front, gro->merge);

	if (err)
		return err;
	say_proofs(d->front);
	gro->merge &= ~unmergeable(d->front);
	if (refuses(d->front, FRONTEND_PROOF_BIG) && gro->max_bytes > 65535)
		gro->max_bytes = 65535;
	return 0;
}
