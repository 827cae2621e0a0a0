// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "frontend/frontend.h"

const char *const frontend_proof_names[FRONTEND_PROOF_CNT] = {
	[FRONTEND_PROOF_CSUM] = "tx-checksumming",
	[FRONTEND_PROOF_TSO4] = "tx-tcp-segmentation",
	[FRONTEND_PROOF_TSO6] = "tx-tcp6-segmentation",
	[FRONTEND_PROOF_ECN] = "tx-tcp-ecn-segmentation",
	[FRONTEND_PROOF_USO4] = "tx-udp-segmentation (IPv4)",
	[FRONTEND_PROOF_USO6] = "tx-udp-segmentation (IPv6)",
	[FRONTEND_PROOF_TUNNEL] = "tx-udp_tnl-segmentation",
	[FRONTEND_PROOF_TUNNEL_CSUM] = "tx-udp_tnl-csum-segmentation",
	[FRONTEND_PROOF_BIG] = "big-tcp",
};

const char *frontend_verdict_name(enum frontend_proof_verdict verdict)
{
	static const char *const names[] = {
		[FRONTEND_UNASKED] = "not asked", [FRONTEND_KEPT] = "proved", [FRONTEND_REFUSED] = "refused",
		[FRONTEND_CHANGED] = "changed",   [FRONTEND_LOST] = "lost",   [FRONTEND_BELIEVED] = "believed",
	};

	return names[verdict];
}
