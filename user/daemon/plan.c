// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What is tried on this device: brings together what the decision (nic/modes.h) needs to know. */
#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "daemon/daemon.h"
#include "base/log.h"
#include "nic/uapi_compat.h"

static uint32_t kernel_version(void)
{
	struct utsname names;
	unsigned int major, minor;

	if (uname(&names) || sscanf(names.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return MODES_KERNEL(major, minor);
}

void plan_make(struct daemon *d, bool generic)
{
	const struct netdev_xdp *xdp = &d->dev.xdp;
	const struct modes_facts facts = {
		.driver = d->dev.driver,
		.kernel = kernel_version(),
		.generic = generic,
		.told = xdp->told & NETDEV_TOLD_FEATURES,
		.zerocopy = xdp->features & COMPAT_NETDEV_XDP_XSK_ZEROCOPY,
		.zc_max_segs = xdp->zc_max_segs,
		.frame_len = d->dev.mtu + TRANSMIT_LINK_MAX,
		.chunk_len = UMEM_CHUNK_LEN,
		.rx_headroom = UMEM_RX_HEADROOM,
		.pin = d->config.pin,
		.transmit = d->config.transmit,
	};

	modes_decide(&d->plan, &facts);
	d->tx_checksum = (struct tx_checksum_facts){
		.ask = d->config.tx_checksum,
		.zerocopy = xdp->xsk_features & COMPAT_NETDEV_XSK_TX_CHECKSUM,
		.offload = d->dev.features.on & 1u << FEATURE_TX_CHECKSUM,
		.by_offset = tx_checksum_by_offset(d->dev.driver),
	};
}

static struct xsk_choice choice_of(const struct daemon *d, uint32_t queue)
{
	return facts_read(&d->workers[queue].facts).choice;
}

int plan_check_checksums(const struct daemon *d)
{
	struct xsk_choice choice = choice_of(d, 0);

	for (uint32_t q = 1; choice.tx_checksum && q < d->queue_cnt; q++)
		choice = choice_of(d, q);
	if (choice.tx_checksum)
		return 0;
	/* Nothing is proved yet; it will be when a carrier comes (follow.c). */
	if (choice.tx_checksum_unproved && choice.unproved && !d->dev.carrier)
		return 0;
	if (d->config.tx_checksum == TX_CHECKSUM_NIC) {
		log_error("%s: --tx-checksum nic cannot be had: %s; use --tx-checksum auto", d->dev.name,
			  choice.tx_checksum_why);
		return -EOPNOTSUPP;
	}
	if (choice.tx_checksum_unproved)
		log_warning("%s: checksums are made in software: %s", d->dev.name, choice.tx_checksum_why);
	return 0;
}

static void say_impossible(const struct daemon *d, const int outcomes[MODES_CNT])
{
	char why[512];

	modes_explain(&d->plan, outcomes, MODES_CNT, why, sizeof why);
	if (d->config.pin == MODES_PIN_NONE && d->config.transmit == MODES_TRANSMIT_AUTO)
		log_error("%s: no way of binding sends: %s", d->dev.name, why);
	else
		log_error("%s: what --xdp-mode and --transmit ask for cannot be had: %s; use --xdp-mode auto "
			  "--transmit auto", d->dev.name, why);
}

int plan_check(struct daemon *d)
{
	int outcomes[MODES_CNT];

	for (int v = 0; v < MODES_CNT; v++)
		outcomes[v] = MODES_UNTRIED;
	plan_make(d, d->config.xdp_mode == STEER_XDP_GENERIC);
	if (modes_possible(&d->plan))
		return 0;
	say_impossible(d, outcomes);
	return -EOPNOTSUPP;
}

static bool not_proved(const struct xsk_choice *choice)
{
	for (int v = 0; v < MODES_CNT; v++)
		if (choice->outcomes[v] == MODES_SILENT || choice->outcomes[v] == MODES_INVALID)
			return true;
	return false;
}

void plan_explain_failure(const struct daemon *d, uint32_t queue, int err)
{
	const struct xsk_choice choice = choice_of(d, queue);
	const bool refused = err == -EOPNOTSUPP || err == -EINVAL || err == -ENOSYS;

	if (refused && (d->config.pin == MODES_PIN_ZEROCOPY || not_proved(&choice)))
		say_impossible(d, choice.outcomes);
}

void plan_say_unproved(const struct daemon *d, uint32_t queue)
{
	const struct xsk_choice choice = choice_of(d, queue);
	char why[512];

	if (!not_proved(&choice))
		return;
	modes_explain(&d->plan, choice.outcomes, choice.variant, why, sizeof why);
	log_warning("%s queue %u: better ways of binding were given up: %s", d->dev.name, queue, why);
}
