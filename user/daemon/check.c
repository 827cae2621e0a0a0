// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Conditions that must hold before anything is touched. What cannot work is refused here, with one line each. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/devices.h"
#include "daemon/members.h"
#include "frontend/tap.h"

static int find_netns(uint64_t *netns)
{
	int err;

	*netns = rundir_netns();
	if (*netns)
		return 0;
	err = -errno;
	log_error("/proc/self/ns/net: %s; is /proc mounted?", strerror(-err));
	return err;
}

static int find_interface(struct netdev *dev, const char *name)
{
	int err = netdev_open(dev, name);

	if (err == -EMEDIUMTYPE)
		return devices_check(dev, true);
	if (err == -ENODEV)
		log_error("interface %s: not found; see 'ip link'", name);
	else if (err)
		log_error("interface %s: %s", name, strerror(-err));
	return err;
}

static int check_interface(const struct netdev *dev)
{
	if (!dev->up) {
		log_error("interface %s: is down; 'ip link set %s up' first", dev->name, dev->name);
		return -ENETDOWN;
	}
	if (dev->mtu > TAP_MTU_MAX) {
		log_error("interface %s: MTU %u is more than a TAP can have; the highest that works is %u: "
			  "'ip link set %s mtu %u'",
			  dev->name, dev->mtu, TAP_MTU_MAX, dev->name, TAP_MTU_MAX);
		return -EMSGSIZE;
	}
	return 0;
}

/* Queues that can both receive and send. What arrives on the others is left to the kernel; these are whole flows, as
 * a NIC keeps a flow on its queue. */
static uint32_t usable_queues(const struct netdev *dev)
{
	uint32_t cnt = dev->rx_queues;

	if (dev->tx_queues && dev->tx_queues < cnt) {
		log_warning("%s: %u queues receive, but %u send; only those are served: "
			    "see 'ethtool -l %s'",
			    dev->name, cnt, dev->tx_queues, dev->name);
		cnt = dev->tx_queues;
	}
	return cnt ? cnt : 1;
}

static uint32_t at_most(uint32_t number, uint32_t limit)
{
	return number < limit ? number : limit;
}

uint32_t check_queues(const struct config *config, const struct netdev *dev)
{
	uint32_t have = at_most(usable_queues(dev), TAP_QUEUES_MAX);

	return config->queues ? at_most(config->queues, have) : have;
}

static int choose_queues(const struct config *config, const struct netdev *dev, struct workers *workers)
{
	uint32_t have = usable_queues(dev), room = dev->rx_queues_max;

	if (config->queues > have) {
		log_error("--queues: %s has %u; give a number from 1 to %u, or all", dev->name, have, have);
		return -EINVAL;
	}
	if (!config->queues && have > TAP_QUEUES_MAX)
		log_warning("%s: of %u queues the first %u are served, as many as a TAP can have", dev->name, have,
			    TAP_QUEUES_MAX);
	workers->cnt = check_queues(config, dev);
	if (config->queues || room < workers->cnt)
		room = workers->cnt;
	workers->room = at_most(room, TAP_QUEUES_MAX);
	return 0;
}

/* Inline, the kernel carries the queues that do not fit, but those that were asked for must. */
static int choose_memory(const struct config *config, struct device *device, struct workers *workers)
{
	const bool all = config->mode == CONFIG_PORT || config->queues;
	int err = memory_check(&device->memory, config, device->dev.name, workers->cnt, all);

	if (!err)
		workers->cnt = device->memory.queues;
	return err;
}

static bool is_on(const char *sysctl)
{
	FILE *file = fopen(sysctl, "re");
	int c = file ? fgetc(file) : EOF;

	if (file)
		fclose(file);
	return c != EOF && c != '0' && c != '\n';
}

/* The kernel drops superpackets of GRE and IPIP that are forwarded, because it was not told what they are (vnet.h).
 * So these tunnels may be named only where they end here, which the operator of a router may not know. */
static void warn_router(uint32_t merge, const char *interface)
{
	if (!(merge & (GRO_MERGE_GRE | GRO_MERGE_IPIP)))
		return;
	if (is_on("/proc/sys/net/ipv4/ip_forward") || is_on("/proc/sys/net/ipv6/conf/all/forwarding"))
		log_warning("%s: this host forwards, and tunnels of GRE or IPIP that it forwards would be lost once "
			    "they are merged; leave gre and ipip out of --merge unless all of them end here",
			    interface);
}

/* CAP_BPF and CAP_PERFMON were split from CAP_SYS_ADMIN, which still includes them. The programs need CAP_PERFMON
 * because only with it does the verifier allow more than the simplest arithmetic on packet pointers. */
static int check_capabilities(void)
{
	static const struct {
		const char *name;
		uint64_t any; /* one of these will do */
	} needed[] = {
		{ "CAP_NET_ADMIN", 1ull << CAP_NET_ADMIN },
		{ "CAP_NET_RAW", 1ull << CAP_NET_RAW },
		{ "CAP_BPF", 1ull << CAP_BPF | 1ull << CAP_SYS_ADMIN },
		{ "CAP_PERFMON", 1ull << CAP_PERFMON | 1ull << CAP_SYS_ADMIN },
	};
	const uint64_t have = confine_capabilities();
	char missing[128] = "";

	for (size_t i = 0, len = 0; i < ARRAY_SIZE(needed); i++)
		if (!(have & needed[i].any))
			len += (size_t)snprintf(missing + len, sizeof missing - len, " %s", needed[i].name);
	if (!*missing)
		return 0;
	log_error("no permission: run as root, or with the missing%s", missing);
	return -EPERM;
}

static int check_af_xdp(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (err == -EAFNOSUPPORT)
		log_error("this kernel has no AF_XDP; use one that is built with CONFIG_XDP_SOCKETS");
	else if (err)
		log_error("AF_XDP socket: %s", strerror(-err));
	return err;
}

static int check_cpu_list(const struct cpus *cpus)
{
	cpu_set_t allowed;

	cpus_allowed(&allowed);
	for (uint32_t i = 0; i < cpus->cnt; i++)
		if (!CPU_ISSET(cpus->cpu[i], &allowed)) {
			log_error("--cpus: CPU %u does not exist, or this process may not use it; see "
				  "Cpus_allowed_list in /proc/self/status",
				  cpus->cpu[i]);
			return -EINVAL;
		}
	return 0;
}

static int choose_cpus(const struct config *config, const struct netdev *dev, struct cpus *cpus)
{
	if (config->cpus == CPUS_AUTO) {
		cpus_near(cpus, dev);
		return 0;
	}
	*cpus = config->cpu_list; /* empty with CPUS_NONE */
	cpus->why = "asked for with --cpus";
	return check_cpu_list(cpus);
}

int check_nic(const struct config *config, struct device *device, struct workers *workers)
{
	const struct netdev *dev = &device->dev;
	int err = devices_check(dev, config->mode == CONFIG_INLINE);

	if (!err)
		err = check_interface(dev);
	if (!err && bond_is(dev)) {
		err = choose_cpus(config, dev, &device->cpus);
		return err ? err : members_check(config, dev);
	}
	if (!err)
		err = members_check_alone(config, dev);
	if (!err)
		err = choose_queues(config, dev, workers);
	if (!err)
		err = choose_memory(config, device, workers);
	if (!err)
		err = choose_cpus(config, dev, &device->cpus);
	return err ? err : plan_check(&device->plan, config, dev);
}

int check_host(struct daemon *d)
{
	int err = find_netns(&d->device.netns);

	if (!err)
		err = find_interface(&d->device.dev, d->config.interface);
	if (!err)
		err = check_capabilities();
	if (!err)
		err = check_af_xdp();
	if (!err)
		err = check_nic(&d->config, &d->device, &d->workers);
	if (!err)
		warn_router(d->config.gro.merge, d->device.dev.name);
	return err;
}
