/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Captures. They are read as a stream of packets (pcap and pcapng, either byte order, any time precision, by
 * libpcap), and written as pcapng with nanoseconds and optional comments.
 *
 * A capture is never read as a whole, so one packet's memory is enough for files of any length. Whatever
 * the file contains, the reader returns packets, the end, or an error message with an offset.
 */
#ifndef TOOLS_REPLAY_CAPTURE_H
#define TOOLS_REPLAY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

/* The snap length we write. Neither libpcap nor Wireshark reads longer packets. */
#define CAPTURE_PACKET_MAX 262144u

#define CAPTURE_ERROR_LEN 512

struct capture_packet {
	const uint8_t *data; /* captured_len bytes, until the next packet is read */
	uint32_t captured_len;
	uint32_t len;     /* on the wire; longer than captured_len if a snap length truncated it */
	uint64_t time_ns; /* since 1970; 0 for times before it */
};

enum capture_result { CAPTURE_PACKET, CAPTURE_END, CAPTURE_DAMAGED };

struct capture_reader {
	struct pcap *pcap;
	FILE *file;
	void *buffer;
	bool has_offsets;
	int64_t record_off;            /* where the record that was read last begins; -1: unknown */
	uint64_t cnt;                  /* packets read */
	char error[CAPTURE_ERROR_LEN]; /* the message after a failure, otherwise empty */
};

/* Starts reading. Takes ownership of the file in any case: it is closed here or by capture_close().
 * Returns false if the file is not a capture of Ethernet frames; the error says why, and nothing has to be closed. */
bool capture_open(struct capture_reader *reader, FILE *file);

/* Reads the next packet. After CAPTURE_DAMAGED the error says what is wrong and where; no more packets follow. */
enum capture_result capture_next(struct capture_reader *reader, struct capture_packet *packet);

/* Bytes of the file read so far. */
uint64_t capture_position(const struct capture_reader *reader);

void capture_close(struct capture_reader *reader);

/* Gives a large buffer to a file that has not been read or written yet. The caller frees it after closing the
 * file. Returns NULL if there is no memory; the file then keeps its own buffer. */
void *capture_buffer(FILE *file);

/*
 * The writer. Both functions return false, with errno set, if the file cannot be written; what has been
 * written before remains. A packet has len bytes in cnt slices, and had original_len bytes on the wire; it is
 * truncated to CAPTURE_PACKET_MAX bytes.
 */
bool capture_write_begin(FILE *file);
bool capture_write(FILE *file, uint64_t time_ns, const struct iovec *slices, uint32_t cnt, uint32_t len,
		   uint32_t original_len, const char *comment);

#endif
