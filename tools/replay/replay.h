/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * superpacket replay: runs the engine on a capture, to show what it would do with real traffic.
 *
 *      replay.c       the command line
 *      files.h        the files that are read and written, and the progress display
 *      capture.h      reading and writing captures
 *      engine.h       merging, with the timestamps of the capture as the clock
 *      merge.c, cut.c, roundtrip.h    the verbs
 *      order.h        whether each flow stays in order
 *      report.h       the report
 */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

#include "replay/engine.h"
#include "command/say.h"

struct replay_options {
	struct say_style say;
	bool pretty, verbose;
	const char *in, *out, *json; /* files; "-" is stdin or stdout; out and json may be NULL */
	struct engine_config engine;
	uint32_t mss;
};

/* Runs the verb in argv[1], with its options. */
enum exit_code replay_main(int argc, char **argv);

enum exit_code replay_merge(const struct replay_options *options);
enum exit_code replay_cut(const struct replay_options *options);
enum exit_code replay_roundtrip(const struct replay_options *options);

#endif
