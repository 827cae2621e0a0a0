/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ethtool's ioctl, which every kernel and driver knows. A command is one of the structs of linux/ethtool.h with its
 * cmd filled in; the answer is written into it.
 */
#ifndef SUPERPACKET_ETHTOOL_H
#define SUPERPACKET_ETHTOOL_H

/* A socket for commands, for close(); or -errno. */
int ethtool_open(void);

/* Carries out a command on an interface. Returns 0 or -errno, -ENODEV for what cannot be the name of one. */
int ethtool_command(int fd, const char *interface, void *command);

#endif
