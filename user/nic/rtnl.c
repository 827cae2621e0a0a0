// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/rtnl.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The kernel answers as soon as it has the rtnl lock; a hung driver may keep that for long. */
#define ANSWER_SECONDS 5

/* An interface with virtual functions needs more than libmnl's 8 KiB. */
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

int rtnl_talk(struct nlmsghdr *request, mnl_cb_t parse, void *data)
{
	const struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	struct mnl_socket *socket;
	int err;

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = 1;
	socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	err = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!err && setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit,
			       sizeof(limit)) < 0)
		err = -errno;
	if (!err && mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		err = -errno;
	if (!err)
		err = receive(socket, request->nlmsg_seq, parse, data);
	mnl_socket_close(socket);
	return err;
}
