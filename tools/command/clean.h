/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * superpacket clean: removes what daemons that were killed have left, and nothing of one that lives.
 */
#ifndef TOOLS_SUPERPACKET_CLEAN_H
#define TOOLS_SUPERPACKET_CLEAN_H

#include "command/say.h"

/* Of an interface, NULL: of all, in every network namespace. pretty: with say.json. */
enum exit_code clean_main(struct say_style say, bool pretty, const char *interface);

#endif
