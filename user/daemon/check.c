// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What must be so before anything is touched: what cannot work is refused here, in one line each. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "frontend/tap.h"
#include "base/log.h"

static int find_netns(struct daemon *d)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st)) {
		int err = -errno;

		log_error("/proc/self/ns/net: %s; is /proc mounted?", strerror(-err));
		return err;
	}
	d->netns = st.st_ino;
	return 0;
}

static int find_interface(struct daemon *d)
{
	const char *name = d->config.interface;
	int err = netdev_open(&d->dev, name);

	if (err == -ENODEV)
		log_error("interface %s: not found; see 'ip link'", name);
	else if (err == -EMEDIUMTYPE)
		log_error("interface %s: is not Ethernet; superpacketd serves Ethernet only", name);
	else if (err)
		log_error("interface %s: %s", name, strerror(-err));
	return err;
}

static int check_interface(const struct netdev *dev)
{
	if (!strncmp(dev->alias, TAP_ALIAS, strlen(TAP_ALIAS))) {
		log_error("interface %s: is the TAP of superpacketd on %s; give a NIC", dev->name,
			  dev->alias + strlen(TAP_ALIAS));
		return -EINVAL;
	}
	if (!dev->up) {
		log_error("interface %s: is down; 'ip link set %s up' first", dev->name, dev->name);
		return -ENETDOWN;
	}
	if (dev->mtu > TAP_MTU_MAX) {
		log_error("interface %s: MTU %u is more than a TAP can have; the highest that works is %u: "
			  "'ip link set %s mtu %u'", dev->name, dev->mtu, TAP_MTU_MAX, dev->name, TAP_MTU_MAX);
		return -EMSGSIZE;
	}
	return 0;
}

/* Queues that can both receive and send. What comes in by one beyond them the kernel serves; as a
 * NIC keeps a flow on its queue, that is whole flows. */
static uint32_t usable_queues(const struct netdev *dev)
{
	uint32_t cnt = dev->rx_queues;

	if (dev->tx_queues && dev->tx_queues < cnt) {
		log_warning("%s: %u queues receive, but %u send; only those are served: "
			    "see 'ethtool -l %s'", dev->name, cnt, dev->tx_queues, dev->name);
		cnt = dev->tx_queues;
	}
	return cnt ? cnt : 1;
}

static uint32_t at_most(uint32_t number, uint32_t limit)
{
	return number < limit ? number : limit;
}

uint32_t check_queues(const struct daemon *d, const struct netdev *dev)
{
	uint32_t have = at_most(usable_queues(dev), TAP_QUEUES_MAX);

	return d->config.queues ? at_most(d->config.queues, have) : have;
}

static int choose_queues(struct daemon *d)
{
	uint32_t have = usable_queues(&d->dev), room = d->dev.rx_queues_max;

	if (d->config.queues > have) {
		log_error("--queues: %s has %u; give a number from 1 to %u, or all", d->dev.name, have,
			  have);
		return -EINVAL;
	}
	if (!d->config.queues && have > TAP_QUEUES_MAX)
		log_warning("%s: of %u queues the first %u are served, as many as a TAP can have",
			    d->dev.name, have, TAP_QUEUES_MAX);
	d->queue_cnt = check_queues(d, &d->dev);
	if (d->config.queues || room < d->queue_cnt)
		room = d->queue_cnt;
	d->queue_room = at_most(room, TAP_QUEUES_MAX);
	return 0;
}

static bool is_on(const char *sysctl)
{
	FILE *file = fopen(sysctl, "re");
	int c = file ? fgetc(file) : EOF;

	if (file)
		fclose(file);
	return c != EOF && c != '0' && c != '\n';
}

/* Superpackets of GRE and IPIP that are forwarded are dropped by the kernel, which was not told what they
 * are (vnet.h): whoever names those tunnels says that they end here. A router's operator may not know. */
static void warn_router(const struct daemon *d)
{
	if (!(d->config.gro.merge & (GRO_MERGE_GRE | GRO_MERGE_IPIP)))
		return;
	if (is_on("/proc/sys/net/ipv4/ip_forward") || is_on("/proc/sys/net/ipv6/conf/all/forwarding"))
		log_warning("%s: this host forwards, and tunnels of GRE or IPIP that it forwards would be lost once "
			    "they are merged; leave gre and ipip out of --merge unless all of them end here",
			    d->dev.name);
}

/* CAP_BPF and CAP_PERFMON came out of CAP_SYS_ADMIN, which still includes them. The programs need
 * the latter because the verifier allows arithmetic on packet pointers beyond the plainest only
 * with it. */
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
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	char missing[128] = "";
	uint64_t have;

	if (syscall(SYS_capget, &header, data))
		return 0; /* cannot tell: the first call that needs one will */
	have = data[0].effective | (uint64_t)data[1].effective << 32;
	for (size_t i = 0, len = 0; i < ARRAY_SIZE(needed); i++)
		if (!(have & needed[i].any))
			len += (size_t)snprintf(missing + len, sizeof missing - len, " %s",
						needed[i].name);
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
		log_error("no AF_XDP in this kernel; it takes one built with CONFIG_XDP_SOCKETS");
	else if (err)
		log_error("AF_XDP socket: %s", strerror(-err));
	return err;
}

static int take_cpu_list(struct daemon *d)
{
	cpu_set_t allowed;

	d->cpus = d->config.cpu_list;
	d->cpus_why = "asked for with --cpus";
	cpus_allowed(&allowed);
	for (uint32_t i = 0; i < d->cpus.cnt; i++)
		if (!CPU_ISSET(d->cpus.cpu[i], &allowed)) {
			log_error("--cpus: there is no CPU %u, or not for us; see Cpus_allowed_list in "
				  "/proc/self/status", d->cpus.cpu[i]);
			return -EINVAL;
		}
	return 0;
}

static int choose_cpus(struct daemon *d)
{
	d->cpus.cnt = 0;
	d->cpus_why = "asked for with --cpus";
	if (d->config.cpus == CPUS_LIST)
		return take_cpu_list(d);
	if (d->config.cpus == CPUS_AUTO)
		cpus_near(&d->cpus, &d->dev, &d->cpus_why);
	return 0;
}

int check_nic(struct daemon *d)
{
	int err = check_interface(&d->dev);

	if (!err)
		err = choose_queues(d);
	if (!err)
		err = choose_cpus(d);
	return err ? err : plan_check(d);
}

int check_host(struct daemon *d)
{
	int err = find_netns(d);

	if (!err)
		err = find_interface(d);
	if (!err)
		err = check_capabilities();
	if (!err)
		err = check_af_xdp();
	if (!err)
		err = check_nic(d);
	if (!err)
		warn_router(d);
	return err;
}

