/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * superpacket replay: the engine on captures, for who asks "what would it do with my traffic?"
 *
 *      replay.c            the command line
 *      replay_files.h      what is read and written, and the progress of it
 *      replay_capture.h    captures
 *      replay_engine.h     reassembly with the capture's time for a clock
 *      replay_merge.c, replay_cut.c, replay_roundtrip.h    the verbs
 *      replay_report.h     what they have found
 */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

#include "replay/engine.h"
#include "command/say.h"

struct replay_options {
	struct say_style say;
	bool pretty, verbose;
	const char *in, *out, *json; /* files; "-" is stdin or stdout; out, json: NULL: none */
	struct engine_config engine;
	uint32_t mss;
};

/* The verb with its options, argv[0] in front of them. */
enum exit_code replay_main(int argc, char **argv);

enum exit_code replay_merge(const struct replay_options *options);
enum exit_code replay_cut(const struct replay_options *options);
enum exit_code replay_roundtrip(const struct replay_options *options);

#endif
