// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/fault.h"

/* The kernel answers as soon as it has its lock, which a driver that hangs may hold for long. */
#define ANSWER_SECONDS 5

/* The answer about an interface with virtual functions is longer than libmnl's 8 KiB. */
#define ANSWER_LEN 32768

static int receive(struct mnl_socket *socket, uint32_t seq, mnl_cb_t parse, void *data)
{
	char answer[ANSWER_LEN];
	ssize_t len;
	int more;

	do {
		len = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		if (len < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		more = mnl_cb_run(answer, len, seq, mnl_socket_get_portid(socket), parse, data);
	} while (more > 0);
	return more < 0 ? -errno : 0;
}

int netlink_talk(int bus, struct nlmsghdr *request, mnl_cb_t parse, void *data)
{
	const struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	struct mnl_socket *socket;
	int err;

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = 1;
	socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	err = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!err && setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		err = -errno;
	fault_rtnl();
	if (!err && mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		err = -errno;
	if (!err)
		err = receive(socket, request->nlmsg_seq, parse, data);
	mnl_socket_close(socket);
	return err;
}

struct nlmsghdr *genl_request(char *buffer, uint16_t family, uint8_t command, uint8_t version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = version;
	return nlh;
}

static int parse_family_attr(const struct nlattr *attr, void *data)
{
	uint16_t *id = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*id = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int parse_family(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct genlmsghdr), parse_family_attr, data);
}

int genl_family(const char *name, uint16_t *id)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = genl_request(request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	int err;

	*id = 0;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	err = netlink_talk(NETLINK_GENERIC, nlh, parse_family, id);
	return err ? err : *id ? 0 : -ENOENT;
}

struct group {
	const char *name, *found; /* found: the name in the entry that is being read */
	uint32_t entry_id, id;
};

static int parse_group(const struct nlattr *attr, void *data)
{
	struct group *group = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
		group->found = mnl_attr_get_str(attr);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
		group->entry_id = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int parse_groups(const struct nlattr *attr, void *data)
{
	struct group *group = data;
	const struct nlattr *entry;

	if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
		return MNL_CB_OK;
	mnl_attr_for_each_nested(entry, attr)
	{
		group->found = NULL;
		if (mnl_attr_parse_nested(entry, parse_group, group) < 0)
			return MNL_CB_ERROR;
		if (group->found && !strcmp(group->found, group->name))
			group->id = group->entry_id;
	}
	return MNL_CB_OK;
}

static int parse_family_groups(const struct nlmsghdr *answer, void *data)
{
	return mnl_attr_parse(answer, sizeof(struct genlmsghdr), parse_groups, data);
}

int genl_group(const char *family, const char *name, uint32_t *id)
{
	char request[NETLINK_REQUEST_LEN];
	struct nlmsghdr *nlh = genl_request(request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	struct group group = { .name = name };
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, family);
	err = netlink_talk(NETLINK_GENERIC, nlh, parse_family_groups, &group);
	*id = group.id;
	return err ? err : group.id ? 0 : -ENOENT;
}
