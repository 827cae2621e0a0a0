/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Captures: read as a stream of packets (pcap and pcapng, either byte order, any precision, through
 * libpcap), written as pcapng with nanoseconds and a comment where there is something to say.
 *
 * Nothing is ever read as a whole: memory is that of one packet, however long the file. Whatever
 * stands in the file, the reader answers with packets, the end, or a sentence and an offset.
 */
#ifndef TOOLS_REPLAY_CAPTURE_H
#define TOOLS_REPLAY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

/* No reader takes longer packets (libpcap and Wireshark alike): our snap length. */
#define CAPTURE_PACKET_MAX 262144u

#define CAPTURE_ERROR_LEN 512

struct capture_packet {
	const uint8_t *data; /* captured_len bytes, until the next packet is read */
	uint32_t captured_len;
	uint32_t len;        /* on the wire: more, where a snap length cut it off */
	uint64_t time_ns;    /* since 1970; 0 for times before it */
};

enum capture_result { CAPTURE_PACKET, CAPTURE_END, CAPTURE_DAMAGED };

struct capture_reader {
	struct pcap *pcap;
	FILE *file;
	void *buffer;
	bool has_offsets;
	int64_t record_off; /* where the record read last begins; -1: not known, for want of memory */
	uint64_t cnt;       /* packets read */
	char error[CAPTURE_ERROR_LEN]; /* the sentence, after a failure; else empty */
};

/* Begins to read. Takes the file in any case: it is closed here, or by capture_close(). False: not a
 * capture, or not one of Ethernet; the error says it, nothing needs closing. */
bool capture_open(struct capture_reader *reader, FILE *file);

/* The next packet. CAPTURE_DAMAGED: the error says what is wrong, and where; no more packets come. */
enum capture_result capture_next(struct capture_reader *reader, struct capture_packet *packet);

/* Bytes of the file read so far. */
uint64_t capture_position(const struct capture_reader *reader);

void capture_close(struct capture_reader *reader);

/* Gives a file, of which nothing was read or written yet, a large buffer; to be freed when the file is
 * closed. NULL: there was no memory, and the file keeps its own. */
void *capture_buffer(FILE *file);

/*
 * The writer. Its functions return false when the file cannot be written, with errno set; what was
 * written before stays. A packet is len bytes in cnt slices, of original_len bytes on the wire; beyond
 * CAPTURE_PACKET_MAX it is cut off.
 */
bool capture_write_begin(FILE *file);
bool capture_write(FILE *file, uint64_t time_ns, const struct iovec *slices, uint32_t cnt,
		   uint32_t len, uint32_t original_len, const char *comment);

#endif
