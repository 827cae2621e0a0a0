/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The report of a replay is a JSON object. It is printed as it is (-j), or as text of 80 columns, with colours on a
 * terminal only. It goes to stderr if stdout carries data.
 */
#ifndef TOOLS_REPLAY_REPORT_H
#define TOOLS_REPLAY_REPORT_H

#include <jansson.h>

#include "replay/files.h"

/* Makes a report with the fields that every replay has. */
json_t *report_new(const struct replay_files *files, uint64_t packets, uint64_t bytes);

/* Adds the counters of the engine: superpackets, reasons and anomalies. */
void report_add_engine(json_t *report, const struct engine *engine);

/* Prints the report and frees it. */
void report_show(const struct replay_options *options, json_t *report);

#endif
