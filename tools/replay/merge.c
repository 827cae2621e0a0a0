// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * superpacket replay merge: every delivery of the engine becomes a packet of the output capture and a JSON line.
 *
 * A superpacket is delivered with an unfinished checksum, which the virtio header tells the receiver. A capture cannot
 * say so, and its readers would call the checksum wrong. So it is finished here, that of a tunnel included.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/files.h"
#include "replay/report.h"

static const char *const gso_type_names[] = {
	[SP_GSO_NONE] = "none",
	[SP_GSO_TCPV4] = "tcpv4",
	[SP_GSO_TCPV6] = "tcpv6",
	[SP_GSO_UDP] = "udp",
};

struct merge {
	struct replay_files files;
	struct engine engine;
	struct engine_delivery delivery;
	/* A superpacket in one piece. max_bytes does not include the link-layer header, which may have any number of
	 * VLAN tags. */
	uint8_t packet[SP_GRO_BYTES_MAX + 65536];
};

static uint32_t gather(const struct engine_delivery *delivery, uint8_t *packet)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < delivery->iov_cnt; i++) {
		memcpy(packet + len, delivery->iov[i].iov_base, delivery->iov[i].iov_len);
		len += (uint32_t)delivery->iov[i].iov_len;
	}
	return len;
}

static uint64_t write_superpacket(struct merge *merge)
{
	const struct engine_delivery *delivery = &merge->delivery;
	struct sp_gso_request request = delivery->what.request;
	uint32_t len = gather(delivery, merge->packet);
	const struct iovec whole = { merge->packet, len };
	char comment[128];

	request.type = SP_GSO_NONE; /* finish its checksum as one packet */
	sp_gso_complete(&request, merge->packet, len);
	snprintf(comment, sizeof comment, "superpacket: %u packets, gso_size %u, flushed: %s", delivery->what.segs,
		 request.size, sp_gro_reason_name(delivery->what.reason));
	return files_write(&merge->files, delivery->time_ns, &whole, 1, len, len, comment);
}

/* Writes the packet as it was captured, even if it was offered to the engine in part only. */
static uint64_t write_alone(struct merge *merge)
{
	const struct engine_packet *packet = merge->delivery.packets[0];
	const struct iovec whole = { packet->data, packet->captured_len };

	return files_write(&merge->files, merge->delivery.time_ns, &whole, 1, packet->captured_len, packet->len, NULL);
}

static void write_line(FILE *file, uint64_t out, const struct engine_delivery *delivery)
{
	const struct sp_delivery *what = &delivery->what;
	bool merged = what->segs > 1;

	fprintf(file, "{\"out\":%llu,\"in\":[", (unsigned long long)out);
	for (uint32_t i = 0; i < delivery->packet_cnt; i++)
		fprintf(file, i ? ",%llu" : "%llu", (unsigned long long)delivery->packets[i]->index);
	fprintf(file, "],\"gso_type\":\"%s\",\"gso_size\":%u,\"segs\":%u,\"flush\":\"%s\"}\n",
		gso_type_names[merged ? what->request.type : SP_GSO_NONE], merged ? what->request.size : 0, what->segs,
		sp_gro_reason_name(what->reason));
}

static void write_all(struct merge *merge)
{
	while (engine_take(&merge->engine, &merge->delivery)) {
		uint64_t out = merge->delivery.what.segs > 1 ? write_superpacket(merge) : write_alone(merge);

		if (merge->files.json)
			write_line(merge->files.json, out, &merge->delivery);
		engine_give(&merge->engine, &merge->delivery);
	}
}

enum exit_code replay_merge(const struct replay_options *options)
{
	struct merge *merge = calloc(1, sizeof *merge);
	int err = merge ? engine_init(&merge->engine, &options->engine) : -ENOMEM;
	struct capture_packet packet;
	enum exit_code code;
	json_t *report;

	if (err) {
		free(merge);
		return say_error(options->say, err == -EINVAL ? EXIT_USAGE : EXIT_FAILED,
				 "the engine cannot be set up: %s", strerror(-err));
	}
	code = files_open(&merge->files, options);
	if (code == EXIT_OK) {
		while (files_next(&merge->files, &packet)) {
			while (!engine_offer(&merge->engine, &packet))
				write_all(merge);
			write_all(merge);
		}
		while (engine_end(&merge->engine))
			write_all(merge);
		report = report_new(&merge->files, merge->engine.packet_cnt, merge->engine.byte_cnt);
		report_add_engine(report, &merge->engine);
		code = files_close(&merge->files);
		report_show(options, report);
	}
	engine_fini(&merge->engine);
	free(merge);
	return code;
}
