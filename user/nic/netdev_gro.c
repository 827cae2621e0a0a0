// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netdev_gro.h"

#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "nic/netlink.h"
#include "nic/uapi_compat.h"

struct answer {
	bool told;
	uint64_t timeout_ns; /* the longest */
};

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct answer *answer = data;
	uint64_t timeout_ns;

	if (mnl_attr_get_type(attr) != COMPAT_NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT)
		return MNL_CB_OK;
	/* The kernel takes 4 bytes where the number fits. */
	timeout_ns = mnl_attr_get_payload_len(attr) == 8 ? mnl_attr_get_u64(attr) : mnl_attr_get_u32(attr);
	answer->told = true;
	if (timeout_ns > answer->timeout_ns)
		answer->timeout_ns = timeout_ns;
	return MNL_CB_OK;
}

static int parse_napi(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), parse_attr, data);
}

static struct answer ask_napis(uint32_t ifindex)
{
	char request[NETLINK_REQUEST_LEN];
	struct answer answer = { 0 };
	struct nlmsghdr *nlh;
	uint16_t family;

	if (genl_family(COMPAT_NETDEV_FAMILY, &family))
		return answer;
	nlh = genl_request(request, family, COMPAT_NETDEV_CMD_NAPI_GET, 1);
	nlh->nlmsg_flags |= NLM_F_DUMP;
	mnl_attr_put_u32(nlh, COMPAT_NETDEV_A_NAPI_IFINDEX, ifindex);
	if (netlink_talk(NETLINK_GENERIC, nlh, parse_napi, &answer))
		answer.told = false;
	return answer;
}

static bool read_number(const char *name, const char *file, unsigned long long *number)
{
	char path[128];
	FILE *stream;
	bool read;

	snprintf(path, sizeof path, "/sys/class/net/%s/%s", name, file);
	stream = fopen(path, "re");
	read = stream && fscanf(stream, "%llu", number) == 1; /* NOLINT(cert-err34-c): the kernel writes a number */
	if (stream)
		fclose(stream);
	return read;
}

/* /sys may show another network namespace, in which that name is another interface. */
static uint64_t ask_sysfs(uint32_t ifindex, const char *name)
{
	unsigned long long there, timeout_ns;

	return read_number(name, "ifindex", &there) && there == ifindex &&
			       read_number(name, "gro_flush_timeout", &timeout_ns) ?
		       timeout_ns :
		       0;
}

uint64_t netdev_gro_held_ns(uint32_t ifindex, const char *name)
{
	const struct answer answer = ask_napis(ifindex);
	const uint64_t timeout_ns = answer.told ? answer.timeout_ns : ask_sysfs(ifindex, name);
	struct timespec jiffy = { 0 };

	if (!timeout_ns)
		return 0;
	(void)clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
	return timeout_ns + (uint64_t)jiffy.tv_nsec;
}
