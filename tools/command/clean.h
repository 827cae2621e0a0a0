/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * superpacket clean: removes what daemons that were killed have left behind, and nothing of a living one.
 */
#ifndef TOOLS_SUPERPACKET_CLEAN_H
#define TOOLS_SUPERPACKET_CLEAN_H

#include "command/say.h"

/* For an interface, or for all (NULL), in every network namespace. pretty: indent JSON. */
enum exit_code clean_main(struct say_style say, bool pretty, const char *interface);

#endif
