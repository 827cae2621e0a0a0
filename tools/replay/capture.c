// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/capture.h"

/* One system call reads hundreds of packets, and the buffer fits the cache. */
#define BUFFER_LEN (256u << 10)

void *capture_buffer(FILE *file)
{
	char *buffer = malloc(BUFFER_LEN);

	if (buffer) /* without a buffer, glibc ignores the size */
		setvbuf(file, buffer, _IOFBF, BUFFER_LEN);
	return buffer;
}

/* --- Reading --- */

/*
 * A pipe cannot tell how much has been read from it, and stdio reads ahead. So stdio gets a stream of ours which
 * counts the bytes and only answers where it is; ftello() then subtracts what is still in the buffer.
 */
struct counted {
	FILE *file;
	off64_t read;
};

static ssize_t counted_read(void *cookie, char *to, size_t len)
{
	struct counted *counted = cookie;
	ssize_t got = read(fileno(counted->file), to, len);

	if (got > 0)
		counted->read += got;
	return got;
}

static int counted_seek(void *cookie, off64_t *offset, int whence)
{
	const struct counted *counted = cookie;

	if (whence != SEEK_CUR || *offset != 0) {
		errno = ESPIPE;
		return -1;
	}
	*offset = counted->read;
	return 0;
}

static int counted_close(void *cookie)
{
	struct counted *counted = cookie;
	int result = fclose(counted->file);

	free(counted);
	return result;
}

/* Wraps a file that has not been read yet. Returns the file itself if there is no memory; offsets are unknown then. */
static FILE *count_bytes_of(FILE *file)
{
	const cookie_io_functions_t functions = {
		.read = counted_read,
		.seek = counted_seek,
		.close = counted_close,
	};
	struct counted *counted = malloc(sizeof *counted);
	FILE *stream;

	if (!counted)
		return file;
	*counted = (struct counted){ .file = file };
	stream = fopencookie(counted, "r", functions);
	if (!stream)
		free(counted);
	return stream ? stream : file;
}

static const char *link_type_name(int type)
{
	const char *name = pcap_datalink_val_to_description(type);

	return name ? name : "unknown";
}

/* Why libpcap cannot open the file, at which offset, and what to do if that is known. */
static void explain_unreadable(struct capture_reader *reader, FILE *file, const char *why)
{
	long long at = reader->has_offsets ? (long long)ftello(file) : -1;
	unsigned char magic[2] = { 0 };
	bool empty = at == 0 && feof(file);
	bool gzip = at > 0 && !fseeko(file, 0, SEEK_SET) && fread(magic, sizeof magic, 1, file) == 1 &&
		    magic[0] == 0x1f && magic[1] == 0x8b;
	char where[32] = "";

	if (at >= 0)
		snprintf(where, sizeof where, ", at byte %lld", at);
	snprintf(reader->error, sizeof reader->error, "no capture (pcap or pcapng) that can be read: %s%s%s",
		 empty ? "it is empty" : why, where,
		 gzip ? "; it is compressed: 'zcat FILE | superpacket replay ... -'" : "");
}

bool capture_open(struct capture_reader *reader, FILE *file)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	int link_type;

	posix_fadvise(fileno(file), 0, 0, POSIX_FADV_SEQUENTIAL);
	/* After a seek stdio knows its offset, so ftello() need not ask the kernel for every packet. */
	if (fseeko(file, 0, SEEK_CUR) != 0)
		file = count_bytes_of(file);
	*reader = (struct capture_reader){ .file = file, .record_off = -1 };
	reader->buffer = capture_buffer(file);
	if (file == stdin) /* it is never closed, so its buffer is never freed */
		reader->buffer = NULL;
	reader->has_offsets = ftello(file) >= 0;
	reader->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!reader->pcap) {
		explain_unreadable(reader, file, why);
		fclose(file);
		free(reader->buffer);
		return false;
	}
	link_type = pcap_datalink(reader->pcap);
	if (link_type != DLT_EN10MB) {
		snprintf(reader->error, sizeof reader->error,
			 "its link type is %d (%s); only captures of Ethernet can be replayed: "
			 "capture on a NIC (tcpdump -i eth0), not on 'any'",
			 link_type, link_type_name(link_type));
		capture_close(reader);
		return false;
	}
	return true;
}

/* Times before 1970 become 0. Times whose nanoseconds do not fit become a far end, to which any hold time can
 * still be added. */
static uint64_t nanoseconds(const struct timeval *ts)
{
	const int64_t far = INT64_MAX / 1000000000 / 2;

	if (ts->tv_sec < 0 || ts->tv_usec < 0)
		return 0;
	if (ts->tv_sec > far)
		return (uint64_t)far * 1000000000;
	return (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_usec;
}

static enum capture_result damaged(struct capture_reader *reader)
{
	const char *why = pcap_geterr(reader->pcap);

	if (reader->record_off >= 0)
		snprintf(reader->error, sizeof reader->error, "damaged at byte %lld, behind %llu packets: %s",
			 (long long)reader->record_off, (unsigned long long)reader->cnt, why);
	else
		snprintf(reader->error, sizeof reader->error, "damaged behind %llu packets: %s",
			 (unsigned long long)reader->cnt, why);
	return CAPTURE_DAMAGED;
}

enum capture_result capture_next(struct capture_reader *reader, struct capture_packet *packet)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int result;

	if (reader->error[0])
		return CAPTURE_DAMAGED;
	if (reader->has_offsets)
		reader->record_off = ftello(reader->file);
	result = pcap_next_ex(reader->pcap, &header, &data);
	if (result == PCAP_ERROR_BREAK)
		return CAPTURE_END;
	if (result != 1)
		return damaged(reader);
	*packet = (struct capture_packet){
		.data = data,
		.captured_len = header->caplen,
		.len = header->len > header->caplen ? header->len : header->caplen,
		.time_ns = nanoseconds(&header->ts),
	};
	if (packet->captured_len > CAPTURE_PACKET_MAX) {
		snprintf(reader->error, sizeof reader->error,
			 "damaged at byte %lld, behind %llu packets: a packet of %u bytes",
			 (long long)reader->record_off, (unsigned long long)reader->cnt, header->caplen);
		return CAPTURE_DAMAGED;
	}
	reader->cnt++;
	return CAPTURE_PACKET;
}

uint64_t capture_position(const struct capture_reader *reader)
{
	return reader->record_off > 0 ? (uint64_t)reader->record_off : 0;
}

void capture_close(struct capture_reader *reader)
{
	pcap_close(reader->pcap); /* closes the file, too */
	reader->pcap = NULL;
	free(reader->buffer);
}

/* --- Writing: pcapng in the byte order of this machine, which the magic number indicates --- */

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u

#define OPTION_END 0u
#define OPTION_COMMENT 1u
#define OPTION_USER_APPLICATION 4u
#define OPTION_TIME_RESOLUTION 9u

#define LINK_TYPE_ETHERNET 1u

struct option_header {
	uint16_t code, len;
};

static uint32_t pad4(uint32_t len)
{
	return (len + 3) & ~3u;
}

/* The length of an option and of the end of options that follows it. */
static uint32_t options_len(uint32_t value_len)
{
	return 4 + pad4(value_len) + 4;
}

static bool put(FILE *file, const void *data, size_t len)
{
	return !len || fwrite_unlocked(data, len, 1, file) == 1;
}

/* Pads data of this length to a multiple of 4 bytes. */
static bool put_padding(FILE *file, uint32_t len)
{
	return put(file, "\0\0\0", pad4(len) - len);
}

/* Writes the only option of a block and the end of options. */
static bool put_option(FILE *file, uint16_t code, const void *value, uint32_t len)
{
	const struct option_header header = { code, (uint16_t)len }, end = { OPTION_END, 0 };

	return put(file, &header, sizeof header) && put(file, value, len) && put_padding(file, len) &&
	       put(file, &end, sizeof end);
}

static bool write_section(FILE *file)
{
	static const char application[] = "superpacket " SUPERPACKET_VERSION;
	const uint32_t value_len = sizeof application - 1, len = 28 + options_len(value_len);
	struct {
		uint32_t type, len, magic;
		uint16_t major, minor;
		int32_t section_len[2]; /* -1: unspecified */
	} section = { BLOCK_SECTION, len, 0x1a2b3c4d, 1, 0, { -1, -1 } };

	return put(file, &section, sizeof section) &&
	       put_option(file, OPTION_USER_APPLICATION, application, value_len) && put(file, &len, sizeof len);
}

static bool write_interface(FILE *file)
{
	static const uint8_t nanoseconds_exponent = 9;
	const uint32_t len = 20 + options_len(1);
	struct {
		uint32_t type, len;
		uint16_t link_type, reserved;
		uint32_t snap_len;
	} interface = { BLOCK_INTERFACE, len, LINK_TYPE_ETHERNET, 0, CAPTURE_PACKET_MAX };

	return put(file, &interface, sizeof interface) &&
	       put_option(file, OPTION_TIME_RESOLUTION, &nanoseconds_exponent, 1) && put(file, &len, sizeof len);
}

bool capture_write_begin(FILE *file)
{
	return write_section(file) && write_interface(file);
}

bool capture_write(FILE *file, uint64_t time_ns, const struct iovec *slices, uint32_t cnt, uint32_t len,
		   uint32_t original_len, const char *comment)
{
	const uint32_t comment_len = comment ? (uint32_t)strlen(comment) : 0;
	const uint32_t captured_len = len < CAPTURE_PACKET_MAX ? len : CAPTURE_PACKET_MAX;
	const uint32_t block_len = 32 + pad4(captured_len) + (comment ? options_len(comment_len) : 0);
	struct {
		uint32_t type, len, interface, time_high, time_low, captured_len, len_on_wire;
	} packet = { BLOCK_PACKET,      block_len,    0,           (uint32_t)(time_ns >> 32),
		     (uint32_t)time_ns, captured_len, original_len };
	size_t left = captured_len;

	if (!put(file, &packet, sizeof packet))
		return false;
	for (uint32_t i = 0; i < cnt; i++) {
		size_t part = slices[i].iov_len < left ? slices[i].iov_len : left;

		if (!put(file, slices[i].iov_base, part))
			return false;
		left -= part;
	}
	return put_padding(file, captured_len) &&
	       (!comment || put_option(file, OPTION_COMMENT, comment, comment_len)) &&
	       put(file, &block_len, sizeof block_len);
}
