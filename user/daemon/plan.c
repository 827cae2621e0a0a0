// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/plan.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "datapath/transmit.h"
#include "nic/uapi_compat.h"

static uint32_t kernel_version(void)
{
	struct utsname names;
	unsigned int major, minor;

	if (uname(&names) || sscanf(names.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return MODES_KERNEL(major, minor);
}

void plan_make(struct plan *plan, const struct config *config, const struct netdev *dev, bool generic)
{
	const struct netdev_xdp *xdp = &dev->xdp;
	const struct modes_facts facts = {
		.driver = dev->driver,
		.kernel = kernel_version(),
		.generic = generic,
		.told = xdp->told & NETDEV_TOLD_FEATURES,
		.zerocopy = xdp->features & COMPAT_NETDEV_XDP_XSK_ZEROCOPY,
		.zc_max_segs = xdp->zc_max_segs,
		.frame_len = dev->mtu + TRANSMIT_LINK_MAX,
		.chunk_len = UMEM_CHUNK_LEN,
		.rx_headroom = UMEM_RX_HEADROOM,
		.pin = config->pin,
		.transmit = config->transmit,
	};

	modes_decide(&plan->modes, &facts);
	plan->pin = config->pin;
	plan->transmit = config->transmit;
	plan->tx_checksum = (struct tx_checksum_facts){
		.ask = config->tx_checksum,
		.zerocopy = xdp->xsk_features & COMPAT_NETDEV_XSK_TX_CHECKSUM,
		.offload = dev->features.on & 1u << FEATURE_TX_CHECKSUM,
		.by_offset = tx_checksum_by_offset(dev->driver),
	};
}

int plan_check_checksum(const struct plan *plan, const struct netdev *dev, const struct xsk_choice *choice)
{
	if (choice->tx_checksum)
		return 0;
	/* Nothing is proved yet; it will be when a carrier comes (follow.c). */
	if (choice->tx_checksum_unproved && choice->unproved && !dev->carrier)
		return 0;
	if (plan->tx_checksum.ask == TX_CHECKSUM_NIC) {
		log_error("%s: --tx-checksum nic does not work here: %s; use --tx-checksum auto", dev->name,
			  choice->tx_checksum_why);
		return -EOPNOTSUPP;
	}
	if (choice->tx_checksum_unproved)
		log_warning("%s: checksums are computed in software: %s", dev->name, choice->tx_checksum_why);
	return 0;
}

static void say_impossible(const struct plan *plan, const char *interface, const int outcomes[MODES_CNT])
{
	char why[512];

	modes_explain(&plan->modes, outcomes, MODES_CNT, why, sizeof why);
	if (plan->pin == MODES_PIN_NONE && plan->transmit == MODES_TRANSMIT_AUTO)
		log_error("%s: the test frame failed in every bind mode: %s", interface, why);
	else
		log_error("%s: what --xdp-mode and --transmit ask for does not work here: %s; use "
			  "--xdp-mode auto --transmit auto",
			  interface, why);
}

int plan_check(struct plan *plan, const struct config *config, const struct netdev *dev)
{
	int outcomes[MODES_CNT];

	for (int v = 0; v < MODES_CNT; v++)
		outcomes[v] = MODES_UNTRIED;
	plan_make(plan, config, dev, config->xdp_mode == STEER_XDP_GENERIC);
	if (modes_possible(&plan->modes))
		return 0;
	say_impossible(plan, dev->name, outcomes);
	return -EOPNOTSUPP;
}

static bool not_proved(const struct xsk_choice *choice)
{
	for (int v = 0; v < MODES_CNT; v++)
		if (choice->outcomes[v] == MODES_SILENT || choice->outcomes[v] == MODES_INVALID)
			return true;
	return false;
}

void plan_explain_failure(const struct plan *plan, const char *interface, const struct xsk_choice *choice, int err)
{
	const bool refused = err == -EOPNOTSUPP || err == -EINVAL || err == -ENOSYS;

	if (refused && (plan->pin == MODES_PIN_ZEROCOPY || not_proved(choice)))
		say_impossible(plan, interface, choice->outcomes);
}

void plan_say_unproved(const struct plan *plan, const char *interface, uint32_t queue, const struct xsk_choice *choice)
{
	char why[512];

	if (!not_proved(choice))
		return;
	modes_explain(&plan->modes, choice->outcomes, choice->variant, why, sizeof why);
	log_warning("%s queue %u: better bind modes failed the test frame: %s", interface, queue, why);
}
