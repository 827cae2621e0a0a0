/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a replay has found: one JSON object, shown as it is (-j) or for people: 80 columns, no
 * escape sequence but for a terminal that wants colour. Where stdout carries data, stderr gets it.
 */
#ifndef TOOLS_REPLAY_REPORT_H
#define TOOLS_REPLAY_REPORT_H

#include <jansson.h>

#include "replay/files.h"

/* A report with what is true of every replay. */
json_t *report_new(const struct replay_files *files, uint64_t packets, uint64_t bytes);

/* Adds what the engine has counted: superpackets, reasons, and what it found odd. */
void report_add_engine(json_t *report, const struct engine *engine);

/* Shows and frees it. */
void report_show(const struct replay_options *options, json_t *report);

#endif
